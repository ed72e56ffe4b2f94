"""Takes events again that were put aside, in order, each in a transaction of its own, and tries to end a halt. The
projection's lock keeps whoever leads away, so any process may do it. What still cannot be taken stays parked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg

from ledger.errors import DeadlineError, NotFoundError, NotPossibleError, UnavailableError
from ledger.persistence import install
from projections.engine.batches import batch_of
from projections.engine.catalogue import Generation
from projections.engine.cutting import cut_after
from projections.engine.databases import Databases, source_of
from projections.engine.folding import Folding, UnfoldableError
from projections.engine.leases import is_standby
from projections.engine.parked import ParkedEvent
from projections.engine.projection import Connection, Projection
from projections.engine.rebuilds import Rebuilds

PAGE = 1_000
LAST_SECONDS = 1.0
"""What is left to end in good order when the time is over."""


@dataclass(frozen=True, slots=True)
class Retried:
    """How a retry ended."""

    taken: int
    parked: int
    """How many are still put aside."""
    halted_because: str
    """Why the projection is still halted; empty where it follows."""


class Retrying:
    """What was put aside of one projection, for as long as the time given, in seconds."""

    def __init__(self, databases: Databases, ledger: str, projection: Projection, seconds: float) -> None:
        self._databases = databases
        self._ledger = ledger
        self._folding = Folding(ledger, projection)
        self._catalogue = self._folding.catalogue
        self._parked = self._folding.parked
        self._projection = projection
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def page(self, after: int, limit: int) -> list[ParkedEvent]:
        """Those after a position, in order, at most so many."""
        with self._connected() as connection:
            live = self._catalogue.live(connection, self._projection.name)
            return self._parked.page(connection, live, after, limit) if live is not None else []

    def retry(self) -> Retried:
        """Try all of them once, and then what the projection is halted at."""
        with self._connected() as connection:
            if is_standby(connection):
                raise NotPossibleError(why="this database is a standby; ask a process on its primary")
            live = self._live(connection)
            if live.version != self._projection.version:
                return self._lift(connection, live)
            taken = self._retry_all(connection, live) + self._end_halt(connection)
            live = self._live(connection)
            return Retried(taken, self._parked.count(connection, live), live.halted_because)

    def _retry_all(self, connection: Connection, generation: Generation) -> int:
        taken = after = 0
        while page := self._parked.page(connection, generation, after, PAGE):
            for each in page:
                if time.monotonic() >= self._end:
                    raise DeadlineError(f"Not all tried within the deadline, {taken} taken; ask again to go on.")
                taken += self._retry_one(connection, generation, each)
                after = each.position
        return taken

    def _retry_one(self, connection: Connection, generation: Generation, event: ParkedEvent) -> bool:
        with connection.transaction():
            live = self._lock(connection, generation)
            batch = batch_of(self._folding.log, connection, event.position)
            fault = self._folding.fold(connection, live, replace(batch, late=True))
            if fault is None:
                self._parked.remove(connection, live, event.position)
            else:
                self._parked.add(connection, live, event.position, event.type, fault)
        return fault is None

    def _end_halt(self, connection: Connection) -> bool:
        """Take the event that it is halted at; whoever leads goes on behind it."""
        live = self._live(connection)
        if not live.halted_because:
            return False
        try:
            with connection.transaction():
                live = self._lock(connection, live)
                before = self._parked.count(connection, live)
                reached = self._folding.take(connection, live, 1)
                return reached > live.position and self._parked.count(connection, live) == before
        except UnfoldableError as error:
            self._catalogue.halt(connection, live, error.because)
            return False

    def _lift(self, connection: Connection, live: Generation) -> Retried:
        """This program cannot fold the live generation, but it may have failed to build its own: whoever has given
        that up, in whatever process, tries again."""
        mine = self._projection.version
        with connection.transaction():
            forgotten = live.version < mine and Rebuilds(self._catalogue).forget(connection, live.name)
            if live.version > mine or not (forgotten or live.halted_because):
                raise NotPossibleError(why=f"{live.name} has version {live.version}, and this program {mine}")
            self._parked.lift(connection, live)
        return Retried(0, self._parked.count(connection, live), "")

    def _live(self, connection: Connection) -> Generation:
        live = self._catalogue.live(connection, self._projection.name)
        if live is None:
            raise NotPossibleError(why=f"{self._projection.name} is not built yet")
        return live

    def _lock(self, connection: Connection, generation: Generation) -> Generation:
        live = self._catalogue.lock(connection, generation.name, wait=True)
        if live is None or live.number != generation.number:
            raise NotPossibleError(why=f"{generation.name} was built anew meanwhile; ask again")
        return live

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with (
                self._databases.connect("parked events", max(1, round(self._seconds))) as connection,
                cut_after(connection, self._seconds + LAST_SECONDS),
            ):
                if not install.exists(source_of(connection), self._ledger):
                    raise NotFoundError(kind="ledger", id=self._ledger)
                if not self._catalogue.is_made(connection):
                    raise NotPossibleError(why=f"the projections of {self._ledger} are not built yet")
                yield connection
        except psycopg.errors.QueryCanceled as error:
            raise DeadlineError() from error
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away") from error
