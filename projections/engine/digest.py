"""Digest of everything in a generation, independent of the order of rows and of the session's settings, and what
differs where two digests do. It proves two generations equal; it is no defence against somebody who forges rows on
purpose."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from ledger.persistence.queries import Queries
from projections.engine.projection import Connection

QUERIES = Queries("projections.engine", "digest.sql")
MOST_ROWS = 20
"""Rows of one table that are told to differ; of more, how many there are."""
ROW_WIDTH = 200

CHANGED = "changed"
ADDED = "added"
MISSING = "missing"
KINDS = {(True, True): CHANGED, (True, False): ADDED, (False, True): MISSING}
"""By whether the live generation has such a row, and whether the replayed one has."""


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row that is not what the ledger says, by its key; by its text, shortened, where its table has no key."""

    row: str
    kind: str


@dataclass(frozen=True, slots=True)
class TableDifference:
    """A table that is not what the ledger says: how many of its rows, and some of them."""

    table: str
    rows: int
    shown: tuple[RowDifference, ...]


def digest_of_schema(connection: Connection, schema: str) -> bytes:
    """SHA-256 over the tables by name, each with its number of rows and the sum of its rows' hashes."""
    whole = hashlib.sha256()
    for table, (rows, total) in contents_of(connection, schema).items():
        whole.update(f"{table}\0{rows}\0{total}\n".encode())
    return whole.digest()


def contents_of(connection: Connection, schema: str) -> Mapping[str, tuple[int, int]]:
    """Of each table, by name, the number of its rows and the sum of their hashes."""
    connection.execute(QUERIES.fix_settings)
    found = {}
    for table in tables_of(connection, schema):
        query = sql.SQL(QUERIES.content).format(table=sql.Identifier(schema, table))
        row = connection.execute(query).fetchone()
        found[table] = (int(row[0]), int(row[1])) if row else (0, 0)
    return found


def differences(connection: Connection, live: str, replayed: str) -> list[TableDifference]:
    """What differs between two schemas, by table."""
    ones, others = contents_of(connection, live), contents_of(connection, replayed)
    found = []
    for table in sorted(ones.keys() | others.keys()):
        if table not in ones or table not in others:
            found.append(
                TableDifference(table, 0, (RowDifference("the table", MISSING if table in others else ADDED),))
            )
        elif ones[table] != others[table]:
            found.append(_difference(connection, live, replayed, table))
    return found


def _difference(connection: Connection, live: str, replayed: str, table: str) -> TableDifference:
    key = connection.execute(QUERIES.key, {"schema": live, "table": table}).fetchone()
    query = sql.SQL(QUERIES.differences).format(
        told=sql.SQL(QUERIES.told), live=sql.Identifier(live, table), replayed=sql.Identifier(replayed, table)
    )
    bounds = {"key": key[0] if key else [], "width": ROW_WIDTH, "most": MOST_ROWS}
    rows = connection.execute(query, bounds).fetchall()
    shown = tuple(RowDifference(told, KINDS[here, there]) for told, here, there, _ in rows)
    return TableDifference(table, rows[0][3] if rows else 0, shown)


def tables_of(connection: Connection, schema: str) -> list[str]:
    """The tables of a schema, by name."""
    return [name for (name,) in connection.execute(QUERIES.tables, {"schema": schema})]
