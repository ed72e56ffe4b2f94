"""Fills a new generation of one projection beside the live one: begins it or goes on with one that was interrupted,
folds, tells how far it is, and ends in order. What becomes of the full generation is its subclasses' to say."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from ledger.errors import NotPossibleError
from projections.engine.catalogue import Generation
from projections.engine.clearing import clear_leftovers
from projections.engine.databases import Databases, cut, is_lost
from projections.engine.digest import tables_of
from projections.engine.folding import BATCH, Folding
from projections.engine.pacing import Pace
from projections.engine.pending import pending
from projections.engine.projection import Connection, Projection
from projections.engine.rebuilds import (
    CANCELLED,
    CATCHING_UP,
    DONE,
    FAILED,
    INTERRUPTED,
    REPLAYING,
    VERIFY,
    RebuildProgress,
    Rebuilds,
)

log = logging.getLogger(__name__)

STATEMENT_SECONDS = 3_600
"""A digest of a large generation takes minutes."""
TELL_SECONDS = 0.5
RETRY_SECONDS = 0.1

Report = Callable[[RebuildProgress], None]


class Build:
    """One build. `begin` refuses where another one runs, in whatever process; `run` does the work."""

    purpose = ""
    given_up = "failed"
    """What becomes of a generation that is not finished: it is dropped, unless it was there before."""
    resumable = True
    """Whether another process goes on with it when its own has died."""
    batch = BATCH
    """Events in one transaction, at most."""
    tolerance = 0
    """Events that may still be missing when the generation counts as full."""

    def __init__(
        self,
        databases: Databases,
        ledger: str,
        projection: Projection,
        stopping: threading.Event,
        at_position: int = 0,
    ) -> None:
        self.name = projection.name
        self._databases = databases
        self._folding = Folding(ledger, projection)
        self._catalogue = self._folding.catalogue
        self._rebuilds = Rebuilds(self._catalogue)
        self._projection = projection
        self._stopping = stopping
        self._report: Report = _nobody
        self._told = 0.0
        self._began = 0.0
        self._pace: Pace | None = None
        self.progress = RebuildProgress(self.name, datetime.now(UTC), self.purpose, at_position)

    def begin(self) -> None:
        """Become the one build of the projection, with a generation: an empty one, or one that was interrupted."""
        connection = self._databases.connect(f"rebuild {self.name}", STATEMENT_SECONDS)
        try:
            self._catalogue.ensure(connection, self._projection)
            if not self._rebuilds.lock(connection, self.name):
                raise NotPossibleError(why=f"{self.name} is being rebuilt already")
            self._check(connection)
            interrupted = self._interrupted(connection)
            clear_leftovers(connection, self._catalogue, self.name, but=interrupted)
            with connection.transaction():
                self._new = interrupted or self._added(connection)
                total = self._target(connection)
                self.progress = replace(
                    self.progress, generation=self._new.number, done=self._new.position, total=total
                )
                self._rebuilds.tell(connection, self.progress)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def refuse(self, error: Exception) -> None:
        """Tell why it was not begun; it then does nothing when it runs."""
        self.progress = replace(self.progress, phase=FAILED, error=str(error))

    def keep(self, pace: Pace) -> None:
        """Read the log together with others; once it has begun, and before it runs."""
        self._pace = pace
        pace.join(self.name, self._new.position)

    def run(self, report: Report | None = None) -> RebuildProgress:
        """Do it; answers the last progress. A failure is told there and leaves the live generation alone."""
        self._report = report or _nobody
        self._began = time.monotonic()
        if self.progress.phase == FAILED:
            return self.progress
        with self._connection as connection:
            try:
                self._work(connection)
            except _CancelledError:
                self._abandon(connection, CANCELLED, "somebody asked for it")
            except Exception as error:
                self._end(connection, error)
            finally:
                self._leave()
                self._rebuilds.unlock(connection, self.name)
        return self.progress

    def cut(self) -> None:
        """End a statement that runs for long, from another thread: the service stops."""
        cut(self._connection)

    def _check(self, connection: Connection) -> None:
        """Refuse what cannot be; NotPossibleError."""

    def _refuse_waiting(self, connection: Connection) -> None:
        """Refuse to take the place of another build that waits to be gone on with."""
        waiting = pending(connection, self._catalogue, self.name)
        if waiting is not None and waiting[0].purpose != VERIFY and not self._is_this(waiting[0]):
            told = f"a build of {self.name} (generation {waiting[1].number}, {waiting[0].purpose})"
            raise NotPossibleError(why=f"{told} waits to be gone on with; cancel it first")

    def _is_this(self, told: RebuildProgress) -> bool:
        return (told.purpose, told.at_position) == (self.purpose, self.progress.at_position)

    def _target(self, connection: Connection) -> int:
        """The position that the generation is to reach, as known now."""
        raise NotImplementedError

    def _work(self, connection: Connection) -> None:
        """Fill the generation and make of it what it is for."""
        raise NotImplementedError

    def _interrupted(self, connection: Connection) -> Generation | None:
        """The generation of a build like this one whose process is gone, to go on with."""
        waiting = pending(connection, self._catalogue, self.name) if self.resumable else None
        if waiting is None or not self._is_this(waiting[0]) or waiting[1].version != self._projection.version:
            return None
        told, found = waiting
        phase = CATCHING_UP if found.complete else REPLAYING
        self.progress = replace(self.progress, phase=phase, started_at=told.started_at, resumed_from=found.position)
        return found

    def _added(self, connection: Connection) -> Generation:
        return self._catalogue.add_generation(connection, self._projection, "building")

    def _fill(self, connection: Connection) -> None:
        """Fold until little is missing."""
        first = self.progress.phase == REPLAYING
        while (target := self._target(connection)) - self._new.position > (0 if first else self.tolerance):
            self._wait_for_others(connection)
            self._take(connection, target)
            first = first and self._new.position < self.progress.total
            phase = REPLAYING if first else CATCHING_UP
            self._tell(connection, phase=phase, total=target, quickly=True)

    def _wait_for_others(self, connection: Connection) -> None:
        """Those that are ahead wait for those that lag behind, so that all read one stretch of the log."""
        self._go_on(connection)
        while self._pace is not None and self._pace.is_ahead(self.name, self._new.position):
            self._go_on(connection)

    def _leave(self) -> None:
        """From here on nobody waits for this one."""
        if self._pace is not None:
            self._pace.leave(self.name)
            self._pace = None

    def _take(self, connection: Connection, through: int) -> None:
        """Take a batch. UnfoldableError names the event that cannot be taken."""
        with connection.transaction():
            connection.execute("SET LOCAL synchronous_commit TO off")
            reached = self._folding.take(connection, self._new, self.batch, through)
        self._new = replace(self._new, position=reached)

    def _complete(self, connection: Connection) -> None:
        """Make what only questions need; from then on it is kept level, event by event."""
        self._leave()
        if self._new.complete:
            return
        self._go_on(connection)
        with connection.transaction():
            self._projection.complete(connection, self._new.schema, self._new.position)
            self._catalogue.complete(connection, self._new)
        self._new = replace(self._new, complete=True)
        # The planner must know the new tables before questions come.
        for table in tables_of(connection, self._new.schema):
            self._go_on(connection)
            connection.execute(self._catalogue.query("analyse", table=sql.Identifier(self._new.schema, table)))

    def _end(self, connection: Connection, error: Exception) -> None:
        """End after an error. What was interrupted stays as it is, for whoever goes on with it."""
        if self._stopping.is_set() or connection.closed or is_lost(error):
            why = "the service was stopping" if self._stopping.is_set() else str(error).strip()
            self._interrupt(why)
            return
        try:
            asked = self._rebuilds.cancel_asked(connection, self.progress)
        except psycopg.Error as lost:
            self._interrupt(str(lost).strip())
            return
        if asked:
            self._abandon(connection, CANCELLED, "somebody asked for it")
        else:
            log.warning("rebuilding %s failed", self.name, exc_info=error)
            self._abandon(connection, FAILED, str(error).strip() or type(error).__name__)

    def _interrupt(self, why: str) -> None:
        self.progress = replace(self.progress, phase=INTERRUPTED, error=why)
        self._report(self.progress)

    def _abandon(self, connection: Connection, phase: str, why: str) -> None:
        self.progress = replace(
            self.progress, phase=phase, done=self._new.position, error=why, remaining_seconds=0.0
        )
        try:
            with connection.transaction():
                mine = self._catalogue.give_up(connection, self._new, self.given_up)
                if mine:
                    self._rebuilds.tell(connection, self.progress)
            if not mine:  # it was done before it could be told
                self.progress = replace(self.progress, phase=DONE, error="")
            elif self.given_up == "failed":
                self._catalogue.drop(connection, self._new)
        except Exception as error:
            # Whoever follows drops what is left.
            log.warning("generation %d of %s is left behind: %s", self._new.number, self.name, error)
        self._report(self.progress)

    def _tell(self, connection: Connection, quickly: bool = False, **changed: Any) -> None:
        now = time.monotonic()
        if quickly and now < self._told + TELL_SECONDS:
            return
        self._told = now
        done = self._new.position
        rate = (done - self.progress.resumed_from) / max(now - self._began, 0.001)
        progress = replace(self.progress, done=done, events_per_second=rate, **changed)
        left = max(progress.total - done, 0)
        self.progress = replace(progress, remaining_seconds=left / rate if rate else 0.0)
        self._rebuilds.tell(connection, self.progress)
        self._report(self.progress)

    def _go_on(self, connection: Connection) -> None:
        if self._stopping.is_set():
            raise _StoppedError
        if self._rebuilds.cancel_asked(connection, self.progress):
            raise _CancelledError

    def _pause(self, connection: Connection) -> None:
        self._stopping.wait(RETRY_SECONDS)
        self._go_on(connection)


class _StoppedError(Exception):
    """The service is stopping."""


class _CancelledError(Exception):
    """Somebody asked for the end."""


def _nobody(progress: RebuildProgress) -> None:
    """Tells nobody."""
