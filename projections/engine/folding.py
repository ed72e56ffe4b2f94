"""One step of folding: read what follows, take it, move on, in one transaction. It tells an event that a fold
cannot take from a database that is away, and hides neither."""

import psycopg

from ledger.errors import LedgerError, PositionGapError
from ledger.persistence.log import EventLog
from ledger.persistence.records import StoredRecord
from projections.engine.catalogue import Catalogue, Generation
from projections.engine.projection import Connection, Projection

BATCH = 2_000
"""Events in one transaction: enough to amortise it, few enough to lock little and to stop quickly."""
MAX_REASON = 300
AWAY = (psycopg.OperationalError, psycopg.InterfaceError)
"""What the database raises when it is away, stopping, full or overloaded: worth another try."""


class UnfoldableError(LedgerError):
    """A fold cannot take an event: {because}."""

    def __init__(self, because: str, after: int, batch: int) -> None:
        self.because = because
        self.after = after
        self.batch = batch
        super().__init__(because=because)


class Folding:
    """Folds a ledger into generations of one projection."""

    def __init__(self, ledger: str, projection: Projection) -> None:
        self.log = EventLog(ledger)
        self.catalogue = Catalogue(ledger)
        self.projection = projection

    def take(
        self, connection: Connection, generation: Generation, limit: int = BATCH, through: int | None = None
    ) -> int:
        """Take the next events, in the caller's transaction; answers the position reached."""
        try:
            records = self.log.read(connection, generation.position, limit, through)
        except PositionGapError as error:
            raise UnfoldableError(f"{generation.position + 1}: {error}", generation.position, limit) from error
        if not records:
            return generation.position
        try:
            self.projection.fold(connection, generation.schema, records)
        except AWAY:
            raise
        except Exception as error:
            raise UnfoldableError(_reason(records[0], error), generation.position, len(records)) from error
        self.catalogue.move(connection, generation, records[-1].position)
        return records[-1].position


def _reason(record: StoredRecord, error: Exception) -> str:
    return f"{record.position} {record.topic}: {_told(error)}"[:MAX_REASON]


def _told(error: Exception) -> str:
    """An error in a line, without the values that it was made of: they can be personal data."""
    kind = type(error).__name__
    if isinstance(error, psycopg.Error):
        return f"{kind}: {error.diag.message_primary or 'no message'}"
    faults = getattr(error, "errors", None)
    if callable(faults):
        return f"{kind}: " + "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in faults())
    return f"{kind}: {error}".splitlines()[0]
