"""One step of folding: read what follows, take it, move on, in one transaction. Batches are halved until an event
that a fold cannot take is alone; the projection's rule says whether it is parked or told. It tells such an event
from a database that is away, and hides neither."""

import psycopg

from ledger.errors import LedgerError, PositionGapError
from ledger.persistence.log import EventLog
from projections.engine.batches import Batch, next_batch
from projections.engine.catalogue import Catalogue, Generation
from projections.engine.faults import Fault, fault_of
from projections.engine.parked import ParkedEvents
from projections.engine.projection import Connection, Parking, Projection

BATCH = 2_000
"""Events in one transaction: enough to amortise it, few enough to lock little and to stop quickly."""
MAX_REASON = 300
AWAY = (psycopg.OperationalError, psycopg.InterfaceError)
"""What the database raises when it is away, stopping, full or overloaded: worth another try."""
TOO_LARGE = "54"
"""The class of SQLSTATE for what fits in at no try, such as a value in an index. The driver counts it as AWAY."""


class UnfoldableError(LedgerError):
    """A fold cannot take an event: {because}."""

    def __init__(self, because: str, after: int, fault: Fault | None = None) -> None:
        self.because = because
        self.after = after
        self.fault = fault
        """None where an event is missing."""
        super().__init__(because=because)


class Folding:
    """Folds a ledger into generations of one projection."""

    def __init__(self, ledger: str, projection: Projection) -> None:
        self.log = EventLog(ledger)
        self.catalogue = Catalogue(ledger)
        self.projection = projection
        self.parked = ParkedEvents(self.catalogue)
        self._most = BATCH

    def take(
        self, connection: Connection, generation: Generation, limit: int = BATCH, through: int | None = None
    ) -> int:
        """Take the next events, in the caller's transaction; answers the position reached. UnfoldableError names
        the one event that cannot be taken, unless that was parked; those before it are taken first."""
        while True:
            try:
                batch = next_batch(self.log, connection, generation.position, min(limit, self._most), through)
            except PositionGapError as error:
                if self._fewer():
                    continue
                because = f"{generation.position + 1}: {error}"[:MAX_REASON]
                raise UnfoldableError(because, generation.position) from error
            if batch is None:
                return generation.position
            fault = self.fold(connection, generation, batch)
            if fault is not None and batch.last > batch.first:
                self._most = (batch.last - batch.first + 1) // 2
                continue
            if fault is not None:
                self._park(connection, generation, batch, fault)
            self._most = min(2 * self._most, BATCH)
            self.catalogue.move(connection, generation, batch.last)
            return batch.last

    def fold(self, connection: Connection, generation: Generation, batch: Batch) -> Fault | None:
        """Fold a batch as it is; the fault if it cannot be taken, and then nothing of it is there."""
        try:
            with connection.transaction():
                self.projection.fold(connection, generation.schema, batch, complete=generation.complete)
        except Exception as error:
            if connection.closed or not _is_the_events(error):
                raise
            return fault_of(error)
        return None

    def take_less(self) -> None:
        """Take smaller batches for a while: the last one was too much for the database."""
        self._fewer()

    def _fewer(self) -> bool:
        self._most, before = max(1, self._most // 2), self._most
        return self._most < before

    def _park(self, connection: Connection, generation: Generation, batch: Batch, fault: Fault) -> None:
        kind = batch.records(connection)[0].topic
        if not isinstance(self.projection, Parking):
            because = f"{batch.first} {kind}: {fault.told}"[:MAX_REASON]
            raise UnfoldableError(because, generation.position, fault)
        self.parked.add(connection, generation, batch.first, kind, fault)


def _is_the_events(error: Exception) -> bool:
    """Whether an error is an event's fault, so that it would come again."""
    if isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(TOO_LARGE):
        return True
    return not isinstance(error, (*AWAY, MemoryError))
