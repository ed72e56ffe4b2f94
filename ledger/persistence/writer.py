"""The statements of the writer lane: the stream heads, the insert, the look-up of an unknown outcome.
One instance on one connection; it neither queues nor retries."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import psycopg
from psycopg import errors, sql
from psycopg.rows import TupleRow

from ledger.domain.reports import DECIDED_TYPES
from ledger.errors import CorruptionError
from ledger.persistence.batch import Batch
from ledger.persistence.log import EventLog
from ledger.persistence.queries import Queries
from ledger.persistence.records import MERGES, RawRecord

QUERIES = Queries("ledger.persistence", "writing.sql")


class FenceLostError(Exception):
    """Another writer has committed at this size: the batch must be decided anew on the new tip."""


class Writer:
    """Writes one ledger on one connection."""

    def __init__(self, ledger: str, connection: psycopg.Connection[TupleRow]) -> None:
        self._log = EventLog(ledger)
        self.connection = connection
        self._schema = sql.Identifier(self._log.schema)
        self._composed: dict[str, bytes] = {}
        """Queries as they are sent: composing one takes as long as recording a report."""

    def make_durable(self) -> None:
        """Has every commit wait until it would survive a crash of the database."""
        self._execute("durable")

    def heads(self, streams: Sequence[str]) -> tuple[dict[str, int], int]:
        """The newest revision of each of the streams that exist, and the size of the ledger at which it is so."""
        found: dict[str | None, int] = dict(self._execute("heads", streams=list(streams)).fetchall())
        size = found.pop(None, 0)
        return cast(dict[str, int], found), size

    def acts(self, decided: Mapping[str, int]) -> dict[str, int]:
        """The newest act on each of the streams, where there is one after the revision seen."""
        if not decided:
            return {}
        asked = {"streams": list(decided), "seen": list(decided.values()), "types": list(DECIDED_TYPES)}
        newest = dict(self._execute("acts", **asked).fetchall())
        if MERGES in decided:
            row = self._execute("newest_merge").fetchone()
            newest[MERGES] = row[0] or 0 if row else 0
        return newest

    def insert(self, batch: Batch) -> None:
        """Commits a batch. FenceLostError: another writer was there first, and nothing is recorded. Sent again
        after an unknown outcome, it finds its own commit by the root and is done."""
        try:
            if batch.redactions:
                with self.connection.transaction():
                    self._insert(batch)
                    for target, act in batch.redactions:
                        self._execute("redact", target=target, act=act)
            else:
                self._insert(batch)
        except errors.UniqueViolation as error:
            row = self._execute("commit_at", size_before=batch.size_before).fetchone()
            if row is None or row[0] != batch.size_after or bytes(row[1]) != batch.root:
                raise FenceLostError from error

    def report(self, report_id: str) -> list[RawRecord]:
        """The events of a report, its filing first; empty where it is not recorded."""
        records = self._log.report(self.connection, report_id, raw=True)
        return [record for record in records if isinstance(record, RawRecord)]

    def commit_covering(self, position: int) -> tuple[int, bytes]:
        """Size and root of the commit that recorded a position."""
        row = self.connection.execute(self._log.query("commit_covering"), {"position": position}).fetchone()
        if row is None:
            raise CorruptionError(position=position, what="no commit covers it")
        return row[0], bytes(row[1])

    def _insert(self, batch: Batch) -> None:
        rows = batch.rows
        self._execute(
            "insert",
            size_before=batch.size_before,
            size_after=batch.size_after,
            root=batch.root,
            recorded_at=batch.recorded_at,
            tile_levels=[tile.level for tile in batch.tiles],
            tile_indexes=[tile.index for tile in batch.tiles],
            tile_hashes=[tile.hashes for tile in batch.tiles],
            streams=rows.streams,
            revisions=rows.revisions,
            event_ids=rows.event_ids,
            types=rows.types,
            report_ids=rows.report_ids,
            envelopes=rows.envelopes,
            leaves=rows.leaves,
            salts=rows.salts,
            payloads=rows.payloads,
        )

    def _execute(self, query: str, **values: Any) -> psycopg.Cursor[TupleRow]:
        if query not in self._composed:
            composed = sql.SQL(getattr(QUERIES, query)).format(schema=self._schema)
            self._composed[query] = composed.as_bytes(self.connection)
        return self.connection.execute(self._composed[query], values or None, prepare=True)
