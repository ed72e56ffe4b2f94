"""Digest of everything in a generation, independent of the order of rows and of the session's settings.
It proves two generations equal; it is no defence against somebody who forges rows on purpose."""

import hashlib

from psycopg import sql

from ledger.persistence.queries import Queries
from projections.engine.projection import Connection

QUERIES = Queries("projections.engine", "digest.sql")


def digest_of_schema(connection: Connection, schema: str) -> bytes:
    """SHA-256 over the tables by name, each with its number of rows and the sum of its rows' hashes."""
    connection.execute(QUERIES.fix_settings)
    whole = hashlib.sha256()
    for table in tables_of(connection, schema):
        query = sql.SQL(QUERIES.content).format(table=sql.Identifier(schema, table))
        row = connection.execute(query).fetchone()
        rows, total = row if row else (0, 0)
        whole.update(f"{table}\0{rows}\0{total}\n".encode())
    return whole.digest()


def tables_of(connection: Connection, schema: str) -> list[str]:
    """The tables of a schema, by name."""
    return [name for (name,) in connection.execute(QUERIES.tables, {"schema": schema})]
