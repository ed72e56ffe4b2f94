"""The service's settings, read from the environment (LEDGER_…) and overridden by the command line.
A value that cannot be is told with the variable's name; nothing here is looked up later."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ledger.errors import LedgerError

DEFAULT_ADDRESS = "127.0.0.1:50551"
MAX_PORT = 65_535
DEFAULT_DATA_DIR = Path(".incident-ledger")
KIB, MIB = 1024, 1024 * 1024


class Role(StrEnum):
    """What a process serves."""

    ALL = "all"
    WRITE = "write"
    READ = "read"


class SettingsError(LedgerError):
    """A setting does not hold what it must."""


class Limits(BaseModel):
    """What one process takes on at most. Whoever asks for more is told the bound by the name of its setting."""

    model_config = ConfigDict(frozen=True)

    max_message_bytes: Annotated[int, Field(ge=64 * KIB, le=64 * MIB)] = 8 * MIB
    """Of a request; more than a report may have, so that a report over its own bound is told by name."""
    max_report_bytes: Annotated[int, Field(ge=KIB, le=16 * MIB)] = MIB
    max_report_claims: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    """The record itself holds no larger report."""
    max_batch_reports: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    """In one message of an append stream."""
    max_queued_reports: Annotated[int, Field(ge=1, le=1_000_000)] = 4_096
    """That wait to be recorded, of one ledger."""
    max_queued_bytes: Annotated[int, Field(ge=KIB, le=4_096 * MIB)] = 64 * MIB
    max_commit_events: Annotated[int, Field(ge=1, le=20_000)] = 4_096
    """That are recorded together."""
    max_commit_bytes: Annotated[int, Field(ge=KIB, le=64 * MIB)] = 8 * MIB
    max_page_events: Annotated[int, Field(ge=1, le=50_000)] = 5_000
    """In one message of a replay or subscription."""
    max_subscriptions: Annotated[int, Field(ge=1, le=100_000)] = 500
    max_calls_per_connection: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """At once; further ones wait in the client, and are told nothing."""

    @field_validator("max_report_bytes")
    @classmethod
    def _fits_in_a_message(cls, given: int, info: ValidationInfo) -> int:
        most = info.data.get("max_message_bytes", given + 1)
        if given >= most:
            raise ValueError(f"is {given}, not less than LEDGER_MAX_MESSAGE_BYTES, which is {most}")
        return given


DEFAULT_LIMITS = Limits()


class Settings(Limits, BaseSettings):
    """How one process serves."""

    model_config = SettingsConfigDict(env_prefix="LEDGER_", extra="ignore", frozen=False)

    database_url: str | None = None
    """PostgreSQL 15 or later, as the service's role; none means the embedded one."""
    projections_database_url: str | None = None
    """Where read models live, as the service's role there; none means beside the ledgers."""
    owner_database_url: str | None = None
    """As an administrator; used by `provision` alone."""
    listen: str = DEFAULT_ADDRESS
    """Address and port; port 0 takes a free one."""
    share_port: bool = False
    """Let several processes of one ledger listen on one port; else a port that is taken is refused."""
    data_dir: Path = DEFAULT_DATA_DIR
    """Where the embedded database keeps its data."""
    origin: str | None = None
    """Of this installation among all there are, best an address of its operator, such as `ledger.example.org`.
    Checkpoints are signed under it. It goes into the key that the first start makes; none means a random one."""
    checkpoint_key: SecretStr | None = None
    """Keys that sign checkpoints, instead of those of the file `checkpoint.key`; with spaces between."""
    witness_policy: Path | None = None
    """A policy file (C2SP tlog-policy) whose witnesses, each with its URL, are asked to cosign checkpoints."""
    witness_fail: Literal["closed", "open"] = "closed"
    """What is done without the policy's quorum: `closed` gives no checkpoint, `open` gives it and says so."""
    checkpoint_seconds: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """Between two checkpoints that are signed unasked, where something was recorded; 0 means none."""
    check_events_per_second: Annotated[int, Field(ge=0, le=1_000_000)] = 1_000
    """At most, that are read again and checked in the background; 0 means none."""
    role: Role = Role.ALL
    """`write` records only, `read` answers only."""
    park: Annotated[tuple[str, ...] | None, NoDecode] = None
    """Projections that put aside an event which they cannot take, with commas between; the others halt at it."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("database_url", "projections_database_url", "owner_database_url")
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

    @field_validator("origin")
    @classmethod
    def _is_an_origin(cls, given: str | None) -> str | None:
        if given and not re.fullmatch(r"[^\s+]+", given):
            raise ValueError(f"is {given!r}; an origin has no spaces and no plus signs")
        return given or None

    @field_validator("park", mode="before")
    @classmethod
    def _are_names(cls, given: object) -> object:
        return tuple(filter(None, map(str.strip, given.split(",")))) if isinstance(given, str) else given

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
