"""One step of folding: read what follows, take it, move on, in one transaction. It tells an event that a fold
cannot take from a database that is away, and hides neither."""

import psycopg

from ledger.errors import LedgerError, PositionGapError
from ledger.persistence.log import EventLog
from projections.engine.batches import next_batch
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
            batch = next_batch(self.log, connection, generation.position, limit, through)
        except PositionGapError as error:
            raise UnfoldableError(f"{generation.position + 1}: {error}", generation.position, limit) from error
        if batch is None:
            return generation.position
        events = batch.last - batch.first + 1
        # Batches are halved until the event that cannot be taken is alone, which is then told by its type.
        which = f"{batch.first} to {batch.last}"
        if events == 1:
            which = f"{batch.first} {batch.records(connection)[0].topic}"
        try:
            self.projection.fold(connection, generation.schema, batch, complete=generation.complete)
        except AWAY:
            raise
        except Exception as error:
            because = f"{which}: {_told(error)}"[:MAX_REASON]
            raise UnfoldableError(because, generation.position, events) from error
        self.catalogue.move(connection, generation, batch.last)
        return batch.last


def _told(error: Exception) -> str:
    """An error in a line, without the values that it was made of: they can be personal data."""
    kind = type(error).__name__
    if isinstance(error, psycopg.Error):
        return f"{kind}: {error.diag.message_primary or 'no message'}"
    faults = getattr(error, "errors", None)
    if callable(faults):
        return f"{kind}: " + "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in faults())
    return f"{kind}: {error}".splitlines()[0]
