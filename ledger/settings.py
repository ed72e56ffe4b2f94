"""The service's settings, read from the environment (LEDGER_…) and overridden by the command line.
A value that cannot be is told with the variable's name; nothing here is looked up later."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.errors import LedgerError

DEFAULT_ADDRESS = "127.0.0.1:50551"
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
    listen: Annotated[str, Field(pattern=r"^.+:\d{1,5}$")] = DEFAULT_ADDRESS
    """Address and port; port 0 takes a free one."""
    data_dir: Path = DEFAULT_DATA_DIR
    """Where the embedded database keeps its data."""
    role: Role = Role.ALL
    """`write` records only, `read` answers only."""
    log_level: str = "INFO"

    @classmethod
    def read(cls, **given: object) -> "Settings":
        """The environment's settings, with what is given instead where it is not None."""
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        except ValidationError as error:
            faults = "; ".join(f"LEDGER_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
            raise SettingsError(f"settings that cannot be: {faults}") from None
