"""Installs into a database what creates ledgers, and creates them. Safe to repeat; changes no ledger there is."""

from psycopg import errors, sql

from ledger.errors import LedgerExistsError, UnavailableError
from ledger.persistence import log
from ledger.persistence.connecting import connect
from ledger.persistence.queries import Queries

QUERIES = Queries("ledger.persistence", "schema.sql")


def install(owner_url: str) -> None:
    """Makes the function that creates ledgers, owned by whom the URL names."""
    with connect(owner_url, "install") as connection:
        connection.execute(QUERIES.install)


def create_ledger(url: str, ledger: str, *, may_exist: bool = False) -> bool:
    """Creates a ledger; false where it exists. UnavailableError tells what to do where nothing is installed."""
    with connect(url, "create ledger") as connection:
        try:
            row = connection.execute(log.QUERIES.create_ledger, {"ledger": ledger}).fetchone()
        except (errors.UndefinedFunction, errors.InvalidSchemaName) as error:
            raise UnavailableError(
                why="the database is not provisioned; run `incident-ledger provision`"
            ) from error
    created = bool(row and row[0])
    if not created and not may_exist:
        raise LedgerExistsError(ledger=ledger)
    return created


def exists(connection: log.Connection, ledger: str) -> bool:
    """Whether the database has a ledger of this name."""
    row = connection.execute(QUERIES.exists, {"schema": log.schema_of(ledger)}).fetchone()
    return bool(row and row[0])


def is_standby(connection: log.Connection) -> bool:
    """Whether nothing can be recorded in this database, until it is promoted."""
    row = connection.execute(QUERIES.is_standby).fetchone()
    return bool(row and row[0])


def ledgers(connection: log.Connection, after: str, limit: int) -> list[str]:
    """Names of the ledgers in this database, in order."""
    query = sql.SQL(log.QUERIES.ledgers)
    return [name for (name,) in connection.execute(query, {"after": after, "limit": limit})]
