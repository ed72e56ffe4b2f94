"""The service's settings, read from the environment (LEDGER_…) and overridden by the command line.
A value that cannot be is told with the variable's name; nothing here is looked up later."""

from enum import StrEnum
from pathlib import Path
from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.errors import LedgerError

DEFAULT_ADDRESS = "127.0.0.1:50551"
MAX_PORT = 65_535
DEFAULT_DATA_DIR = Path(".incident-ledger")


class Role(StrEnum):
    """What a process serves."""

    ALL = "all"
    WRITE = "write"
    READ = "read"


class SettingsError(LedgerError):
    """A setting does not hold what it must."""


class Settings(BaseSettings):
    """How one process serves."""

    model_config = SettingsConfigDict(env_prefix="LEDGER_", extra="ignore")

    database_url: str | None = None
    """PostgreSQL 15 or later, as the service's role; none means the embedded one."""
    owner_database_url: str | None = None
    """As an administrator; used by `provision` alone."""
    listen: str = DEFAULT_ADDRESS
    """Address and port; port 0 takes a free one."""
    share_port: bool = False
    """Let several processes of one ledger listen on one port; else a port that is taken is refused."""
    data_dir: Path = DEFAULT_DATA_DIR
    """Where the embedded database keeps its data."""
    role: Role = Role.ALL
    """`write` records only, `read` answers only."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("database_url", "owner_database_url")
    @classmethod
    def _is_a_database(cls, given: str | None) -> str | None:
        try:
            conninfo_to_dict(given or "")
        except psycopg.ProgrammingError:
            # Without the value: it may hold a password.
            raise ValueError(
                "is not the address of a PostgreSQL; write postgresql://USER:PASSWORD@HOST:PORT/DB"
            ) from None
        return given or None

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, given: str) -> str:
        host, _, port = given.rpartition(":")
        if not host or not port.isdecimal() or int(port) > MAX_PORT:
            raise ValueError(f"is {given!r}, not HOST:PORT with a port of 0 to {MAX_PORT}")
        return given

    @classmethod
    def read(cls, **given: object) -> "Settings":
        """The environment's settings, with what is given instead where it is not None."""
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        except ValidationError as error:
            faults = "; ".join(
                f"LEDGER_{str(each['loc'][0]).upper()}: {each['msg'].removeprefix('Value error, ')}"
                for each in error.errors()
            )
            raise SettingsError(f"settings that cannot be: {faults}") from None
