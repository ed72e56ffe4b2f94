"""Reads a ledger: in order of position, by stream, by id. Contiguity is asserted on every read of the whole log,
because a skipped event is the silent bug of this field. It never writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from ledger.audit.merkle import EMPTY_ROOT
from ledger.domain.claim import REPORTS
from ledger.domain.reports import MAX_CLAIMS
from ledger.errors import PositionGapError
from ledger.persistence.queries import Queries
from ledger.persistence.records import Head, RawRecord, StoredRecord

QUERIES = Queries("ledger.persistence", "log.sql")
LAST = 2**63 - 1
RUN = 64
"""Events that the database encodes at a time."""
PAGE_BYTES = 2 * 1024 * 1024
"""Of a page, unless one event alone is larger: clients of gRPC take messages of 4 MiB."""
LARGE_BYTES = 4_096
"""A payload above it is not worth encoding there: its bytes cost more than its fields."""

Connection = psycopg.Connection[TupleRow]
AsyncConnection = psycopg.AsyncConnection[TupleRow]


class Run(NamedTuple):
    """Events that follow each other, as fields of ReplayHistoryResponse."""

    first: int
    last: int
    encoded: bytes


def schema_of(ledger: str) -> str:
    """The database schema that a ledger is."""
    return f"ledger_{ledger}"


def record_of(row: Sequence[Any]) -> StoredRecord:
    """A row of one of the reading queries as a record."""
    position, stream, revision, event_id, type_name, report_id, recorded_at, payload, *raw = row
    common = (
        stream,
        revision,
        type_name,
        payload or b"",
        position,
        event_id,
        report_id,
        recorded_at,
        payload is None,
    )
    if raw:
        return RawRecord(*common, envelope=raw[0], leaf=raw[1], salt=raw[2] or b"")
    return StoredRecord(*common)


def head_of(row: Sequence[Any] | None) -> Head:
    """A row of commits as a head; none is that of an empty ledger."""
    return Head(*row) if row else Head(0, EMPTY_ROOT, None)


def contiguous(rows: Sequence[TupleRow], after: int) -> Sequence[TupleRow]:
    """The rows, if each follows the one before it; PositionGapError otherwise."""
    for expected, row in enumerate(rows, after + 1):
        if row[0] != expected:
            raise PositionGapError(expected=expected, found=row[0])
    return rows


class EventLog:
    """The queries of one ledger, on connections that the caller brings."""

    def __init__(self, ledger: str) -> None:
        self.ledger = ledger
        self.schema = schema_of(ledger)
        self._composed: dict[tuple[str, str], bytes] = {}
        """Queries as they are sent: composing one takes as long as executing it."""

    def query(self, name: str, *, raw: bool = False) -> bytes:
        """A named query, for this ledger's schema; raw ones also read the bytes that the tree binds."""
        return self._query(name, "raw_columns" if raw else "columns")

    def _query(self, name: str, columns: str) -> bytes:
        if (name, columns) not in self._composed:
            parts = {"schema": sql.Identifier(self.schema), "columns": sql.SQL(getattr(QUERIES, columns))}
            self._composed[name, columns] = sql.SQL(getattr(QUERIES, name)).format(**parts).as_bytes()
        return self._composed[name, columns]

    def head(self, connection: Connection) -> Head:
        """The newest commit."""
        return head_of(connection.execute(self.query("head")).fetchone())

    def read(
        self, connection: Connection, after: int, limit: int, through: int | None = None, *, raw: bool = False
    ) -> list[StoredRecord]:
        """Records in order of position, contiguous from after + 1; at most limit of them."""
        bounds = {"after": after, "through": LAST if through is None else through, "limit": limit}
        rows = connection.execute(self.query("read", raw=raw), bounds, binary=True).fetchall()
        return list(map(record_of, contiguous(rows, after)))

    def reach(self, connection: Connection, after: int, limit: int, through: int | None = None) -> int:
        """The last of the next positions, at most so many; the same position where none follows. Contiguous, or
        PositionGapError."""
        bounds = {"after": after, "through": LAST if through is None else through, "limit": limit}
        row = connection.execute(self.query("reach"), bounds).fetchone()
        count, last = row if row else (0, None)
        if count and last != after + count:
            self.read(connection, after, limit, through)  # which tells where the gap is
        return int(last) if count else after

    def relation(self) -> sql.Composed:
        """A query for the records after `batch_after`, up to `batch_through`, in no order."""
        parts = {"schema": sql.Identifier(self.schema), "columns": sql.SQL(QUERIES.columns)}
        return sql.SQL(QUERIES.relation).format(**parts)

    def page(
        self, connection: Connection, after: int, through: int, limit: int, *, raw: bool = False
    ) -> list[StoredRecord]:
        """Records from after + 1 on, contiguous and as many as fit into a page: at least the first of them."""
        query = self.query("read_fitting", raw=raw)
        return list(map(record_of, self._page_rows(connection, query, after, through, limit)))

    def plain(self, connection: Connection, after: int, through: int, limit: int) -> Sequence[TupleRow]:
        """The same as rows, with the id as text: a record costs as much as all its fields."""
        return self._page_rows(connection, self._query("read_fitting", "plain_columns"), after, through, limit)

    def _page_rows(
        self, connection: Connection, query: bytes, after: int, through: int, limit: int
    ) -> Sequence[TupleRow]:
        bounds = {"after": after, "through": through, "limit": limit, "most": PAGE_BYTES}
        rows = connection.execute(query, bounds, binary=True).fetchall()
        if not rows:
            raise PositionGapError(expected=after + 1, found="nothing")
        return contiguous(rows, after)

    def encoded(self, connection: Connection, after: int, through: int, size: int = RUN) -> list[Run]:
        """The events after a position in their RAW view, encoded by the database in contiguous runs of some size.
        Ends early, and perhaps empty, before a run that has to be read: with a large event, or not whole."""
        starts = list(range(after + 1, through + 1, size))
        bounds = {"starts": starts, "through": through, "size": size, "large": LARGE_BYTES}
        runs = []
        for first, last, count, encoded in connection.execute(
            self.query("encoded"), bounds, binary=True, prepare=True
        ):
            due = after + 1
            after = min(due + size - 1, through)
            if (first, last, count) != (due, after, after - due + 1):
                break
            runs.append(Run(first, last, encoded))
        return runs

    def fitting(self, connection: Connection, after: int, through: int, limit: int) -> int:
        """The position up to which events fit into a page; at least that of one."""
        asked = {"after": after, "through": through, "limit": limit, "most": PAGE_BYTES}
        row = connection.execute(self.query("fitting"), asked).fetchone()
        return row[0] if row and row[0] else min(after + 1, through)

    def read_stream(
        self,
        connection: Connection,
        stream: str,
        after: int = -1,
        through: int = LAST,
        limit: int = LAST,
        *,
        backwards: bool = False,
    ) -> list[StoredRecord]:
        """The records of one stream, by revision."""
        query = self.query("read_stream_backwards" if backwards else "read_stream")
        bounds = {"stream": stream, "after": after, "through": through, "limit": limit}
        return [record_of(row) for row in connection.execute(query, bounds, binary=True)]

    def read_of_types(
        self, connection: Connection, types: Sequence[str], after: int, through: int, limit: int
    ) -> list[StoredRecord]:
        """Records of some types, by position; not contiguous."""
        bounds = {"types": list(types), "after": after, "through": through, "limit": limit}
        return [record_of(row) for row in connection.execute(self.query("read_of_types"), bounds, binary=True)]

    def report(self, connection: Connection, report_id: str, *, raw: bool = False) -> list[StoredRecord]:
        """The events of a report, its filing first; empty where it is not recorded."""
        asked = {"report_id": report_id, "stream": REPORTS + report_id, "most": MAX_CLAIMS}
        return [record_of(row) for row in connection.execute(self.query("report", raw=raw), asked, binary=True)]

    def by_ids(self, connection: Connection, event_ids: Sequence[UUID]) -> dict[UUID, StoredRecord]:
        """The records with these ids, as far as they exist."""
        rows = connection.execute(self.query("by_ids"), {"event_ids": list(event_ids)}, binary=True)
        return {record.event_id: record for record in map(record_of, rows)}

    def merges(self, connection: Connection) -> list[StoredRecord]:
        """All merges of incidents, by position."""
        return [record_of(row) for row in connection.execute(self.query("merges"), binary=True)]

    def erased(self, connection: Connection, after: int, limit: int = LAST) -> list[tuple[int, UUID, int]]:
        """Events whose payloads were erased by acts after a position, in order of these: position and id of each,
        and position of its act."""
        asked = {"after": after, "limit": limit}
        return list(connection.execute(self.query("erased"), asked).fetchall())

    def existing_streams(self, connection: Connection, streams: Sequence[str]) -> set[str]:
        """Those of the streams that have events."""
        return {name for (name,) in connection.execute(self.query("existing_streams"), {"streams": list(streams)})}

    def position_at(self, connection: Connection, moment: datetime) -> int:
        """The last position recorded at or before a moment; 0 where there is none."""
        row = connection.execute(self.query("position_at"), {"moment": moment}).fetchone()
        return row[0] if row else 0
