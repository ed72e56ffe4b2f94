"""A batch of records as a fold takes it: a query, for what the database does by itself, and records, for what only
Python can read. It folds nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from ledger.errors import PositionGapError
from ledger.persistence.log import EventLog, record_of
from ledger.persistence.queries import Queries
from ledger.persistence.records import StoredRecord
from projections.engine.databases import source_of
from projections.engine.projection import Connection

QUERIES = Queries("projections.engine", "batches.sql")
SENT = ("positions", "streams", "revisions", "event_ids", "types", "report_ids", "times", "payloads")


@dataclass(frozen=True)
class Batch:
    """Records of contiguous positions, from `first` to `last`, both in it.

    `relation` is a query. Its columns are position, stream, revision, event_id, type, report_id, recorded_at and
    payload, which is NULL where it was redacted. It holds for the transaction. `values` are its parameters; its
    text is the same for all batches, so that the database need not plan each anew. `late` says that the records
    were put aside before, and that later ones have been taken already.
    """

    relation: sql.Composable
    first: int
    last: int
    late: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    def records(self, connection: Connection, leaving_out: Collection[str] = ()) -> list[StoredRecord]:
        """The records but for those of some types, in order."""
        query = sql.SQL(QUERIES.records).format(relation=self.relation)
        rows = connection.execute(query, {**self.values, "leaving_out": list(leaving_out)}, binary=True)
        return [record_of(row) for row in rows]


def next_batch(
    log: EventLog, connection: Connection, after: int, limit: int, through: int | None = None
) -> Batch | None:
    """The records that follow a position, at most so many; None where there are none. PositionGapError."""
    if source_of(connection) is not connection:
        return _fetched(log, source_of(connection), after, limit, through)
    last = log.reach(connection, after, limit, through)
    if last == after:
        return None
    return Batch(log.relation(), after + 1, last, values={"batch_after": after, "batch_through": last})


def batch_of(log: EventLog, connection: Connection, position: int) -> Batch:
    """The one record at a position; PositionGapError where it is not there."""
    found = next_batch(log, connection, position - 1, 1, position)
    if found is None:
        raise PositionGapError(expected=position, found="nothing")
    return found


def _fetched(log: EventLog, source: Connection, after: int, limit: int, through: int | None) -> Batch | None:
    """Records from another database, no more than memory takes at a time."""
    last = log.head(source).size if through is None else through
    return sent(log.page(source, after, last, limit)) if last > after else None


def sent(records: Sequence[StoredRecord]) -> Batch:
    """Records that are not in the database: they are sent along with each statement that takes them."""
    rows = [
        (
            *(each.position, each.stream, each.originator_version, each.event_id, each.topic, each.report_id),
            *(each.recorded_at, None if each.redacted else each.state),
        )
        for each in records
    ]
    columns = map(list, zip(*rows, strict=True))
    values = dict(zip(SENT, columns, strict=True))
    return Batch(sql.SQL(QUERIES.sent), records[0].position, records[-1].position, values=values)
