"""The statements of the raw limits: the tables of a ledger, with all their indexes and the row in commits, written
without anything that makes them a ledger: no validation, no tree, no fence to lose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from benchmarks.stored import REVISION, Row
from ledger.persistence.queries import Queries

QUERIES = Queries("benchmarks", "raw.sql")
ROOT = bytes(32)
COLUMN_TYPES = (
    *("int8", "text", "int8", "uuid", "text", "text", "timestamptz"),
    *("bytea", "bytea", "bytea", "bytea"),
)

Connection = psycopg.Connection[TupleRow]


def query(name: str, ledger: str, **values: int) -> sql.Composed:
    """A named query for one ledger's schema."""
    literals = {key: sql.Literal(value) for key, value in values.items()}
    return sql.SQL(getattr(QUERIES, name)).format(schema=sql.Identifier(f"ledger_{ledger}"), **literals)


def create(url: str, ledger: str) -> None:
    """Makes the tables, where they are not there."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(QUERIES.schema, {"ledger": ledger})


def number(connection: Connection, name: str, ledger: str) -> int:
    """The answer of a query of one number."""
    row = connection.execute(query(name, ledger)).fetchone()
    return int(row[0]) if row else 0


def copy(connection: Connection, ledger: str, before: int, rows: Sequence[Row], now: datetime) -> None:
    """One transaction: the commit, and its events by binary COPY."""
    with connection.transaction():
        commit = {"before": before, "after": before + len(rows), "root": ROOT, "at": now}
        connection.execute(query("commit", ledger), commit)
        with connection.cursor() as cursor, cursor.copy(query("copy_in", ledger)) as copying:
            copying.set_types(COLUMN_TYPES)
            for position, row in enumerate(rows, before + 1):
                place = (position, row.stream, REVISION, row.event_id, row.type, row.report_id, now)
                copying.write_row((*place, row.envelope, row.leaf, row.salt, row.payload))


def unnest_values(before: int, rows: Sequence[Row], now: datetime) -> dict[str, Any]:
    """The parameters of `unnest`: one commit and its events."""
    return {
        "before": before,
        "after": before + len(rows),
        "root": ROOT,
        "at": now,
        "streams": [row.stream for row in rows],
        "event_ids": [row.event_id for row in rows],
        "types": [row.type for row in rows],
        "report_ids": [row.report_id for row in rows],
        "envelopes": [row.envelope for row in rows],
        "leaves": [row.leaf for row in rows],
        "salts": [row.salt for row in rows],
        "payloads": [row.payload for row in rows],
    }


def row_values(position: int, row: Row, now: datetime) -> dict[str, Any]:
    """The parameters of `row`: one event."""
    return {
        "position": position,
        "stream": row.stream,
        "event_id": row.event_id,
        "type": row.type,
        "report_id": row.report_id,
        "at": now,
        "envelope": row.envelope,
        "leaf": row.leaf,
        "salt": row.salt,
        "payload": row.payload,
    }
