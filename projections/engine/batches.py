"""A batch of records as a fold takes it: a query, for what the database does by itself, and records, for what only
Python can read. It folds nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from ledger.persistence.log import EventLog, record_of
from ledger.persistence.queries import Queries
from ledger.persistence.records import StoredRecord
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
    last = log.reach(connection, after, limit, through)
    return batch_of(log, after + 1, last) if last > after else None


def batch_of(log: EventLog, first: int, last: int | None = None) -> Batch:
    """The records from one position to another, or one alone, which are known to be there."""
    through = first if last is None else last
    return Batch(log.relation(), first, through, values={"batch_after": first - 1, "batch_through": through})


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
