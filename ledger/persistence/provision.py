"""Makes the database and its two roles: the owner of the record, and the service, who owns its read models alone.

Safe to repeat, at once too. Needs a superuser, or a role with CREATEDB and CREATEROLE. Never drops anything
and never takes a right away from a role; refuses a service role that has more rights than it should.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from ledger.errors import LedgerError
from ledger.persistence.queries import Queries

DATABASE = "incident_ledger"
OWNER = "ledger_owner"
SERVICE = "ledger_service"
MINIMUM_VERSION = 150_000
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60

QUERIES = Queries("ledger.persistence", "provision.sql")


class ProvisioningError(LedgerError):
    """The database {database} cannot be provisioned: {why}."""


@dataclass(frozen=True)
class ProvisionedUrls:
    """How the owner and the service connect to the database. Both hold a password: not for logs."""

    owner_url: str
    service_url: str

    def __repr__(self) -> str:
        return "ProvisionedUrls(…)"


def provision(
    admin_url: str,
    database: str = DATABASE,
    *,
    service_password: str,
    owner_password: str | None = None,
) -> ProvisionedUrls:
    """Make what is missing of the database and its roles, and set the passwords.

    Without `owner_password` the owner cannot log in: the owner's URL is the administrator's, acting as owner.
    """
    try:
        admin = conninfo_to_dict(admin_url)
        with _connect(admin) as connection:
            _refuse_old(connection)
            _make_roles(connection, service_password, owner_password)
            _make_database(connection, database)
            admit_service(connection, database)
    except psycopg.Error as error:
        raise ProvisioningError(database=database, why=str(error).strip()) from error
    service = {"user": SERVICE, "password": service_password}
    owner: dict[str, Any] = {"user": OWNER, "password": owner_password}
    if owner_password is None:
        options = f"{admin.get('options') or ''} -c role={OWNER}".strip()
        owner = {"user": admin.get("user"), "password": admin.get("password"), "options": options}
    return ProvisionedUrls(
        owner_url=_url({**admin, **owner, "dbname": database}),
        service_url=_url({**admin, **service, "dbname": database}),
    )


def admit_service(connection: psycopg.Connection[TupleRow], database: str) -> None:
    """Let the service, the owner and the administrator into a database of the owner's, and nobody else."""
    names = {"database": database, "owner": OWNER, "service": SERVICE}
    for step in ("become_owner", "close_database", "open_database", "open_schemas", "use_utc", "leave_owner"):
        _run(connection, step, names)


def _connect(admin: Mapping[str, Any]) -> psycopg.Connection[TupleRow]:
    # CREATE DATABASE refuses to run inside a transaction.
    options = f"{admin.get('options') or ''} -c statement_timeout={STATEMENT_SECONDS}s".strip()
    bounded: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, **admin, "options": options}
    return psycopg.connect(autocommit=True, **bounded)


def _refuse_old(connection: psycopg.Connection[TupleRow]) -> None:
    if connection.info.server_version < MINIMUM_VERSION:
        found = connection.info.parameter_status("server_version")
        raise ProvisioningError(f"PostgreSQL {found} is too old: {MINIMUM_VERSION // 10_000} or later is needed")


def _make_roles(
    connection: psycopg.Connection[TupleRow], service_password: str, owner_password: str | None
) -> None:
    _run(connection, "take_turns", {})
    for role in (OWNER, SERVICE):
        found = _run(connection, "role", {}, role=role, owner=OWNER)
        if found is None:
            _run(connection, "create_role", {"role": role})
        elif role == SERVICE and found[0]:
            raise ProvisioningError(f"the role {SERVICE} exists and has more rights than a service should")
    _let_log_in(connection, SERVICE, service_password)
    if owner_password is not None:
        _let_log_in(connection, OWNER, owner_password)
    acts_as_owner = _run(connection, "acts_as_owner", {}, owner=OWNER)
    if acts_as_owner is None or not acts_as_owner[0]:
        _run(connection, "join_owner", {"owner": OWNER})


def _let_log_in(connection: psycopg.Connection[TupleRow], role: str, password: str) -> None:
    # Hashed here, so that the password appears in no statement, and so in no server's log.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    _run(connection, "let_log_in", {"role": role}, verifier=verifier.decode())


def _make_database(connection: psycopg.Connection[TupleRow], database: str) -> None:
    names = {"database": database, "owner": OWNER}
    found = _run(connection, "database", {}, database=database)
    if found is None:
        _run(connection, "create_database", names)
        return
    owner, encoding = found
    if encoding != "UTF8":
        raise ProvisioningError(f"the database {database} has the encoding {encoding}: UTF8 is needed")
    if owner != OWNER:
        _run(connection, "give_database", names)


def _run(
    connection: psycopg.Connection[TupleRow], name: str, names: Mapping[str, str], **values: str
) -> TupleRow | None:
    """Run a named query; answer its first row, if it has rows."""
    # A definition takes no parameters: the server's own quoting makes the value a literal instead.
    literal = {"verifier": sql.Literal(values.pop("verifier"))} if "verifier" in values else {}
    identifiers = {key: sql.Identifier(value) for key, value in names.items()}
    cursor = connection.execute(sql.SQL(getattr(QUERIES, name)).format(**identifiers, **literal), values or None)
    return cursor.fetchone() if cursor.description else None


def _url(parameters: Mapping[str, Any]) -> str:
    """Write connection parameters as a URL, a network host where readers expect it."""
    rest = {key: str(value) for key, value in parameters.items() if value is not None}
    user, password, database = (quote(rest.pop(key, ""), safe="") for key in ("user", "password", "dbname"))
    host = rest.get("host", "")
    place = ""
    # Sockets' paths, lists of hosts and IPv6 addresses stay parameters, which need no rules of their own.
    if re.fullmatch(r"[\w.-]+", host) and re.fullmatch(r"\d*", rest.get("port", "")):
        port = rest.pop("port", "")
        place = rest.pop("host") + (f":{port}" if port else "")
    account = f"{user}:{password}@" if password else f"{user}@" if user else ""
    query = f"?{urlencode(rest, quote_via=quote)}" if rest else ""
    return f"postgresql://{account}{place}/{database}{query}"
