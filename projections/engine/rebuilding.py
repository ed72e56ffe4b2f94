"""Builds a projection anew beside the live generation, compares the two, and swaps them in one transaction.
What the ledger says is the truth: a difference is told, and the new generation still goes live."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from ledger.errors import NotPossibleError
from ledger.persistence.connecting import connect, cut
from projections.engine.catalogue import Generation, RebuildProgress
from projections.engine.digest import tables_of
from projections.engine.folding import BATCH, Folding
from projections.engine.projection import Connection, Projection

log = logging.getLogger(__name__)

STATEMENT_SECONDS = 3_600
"""A digest of a large generation takes minutes."""
TELL_SECONDS = 0.5
RETRY_SECONDS = 0.1
SWAP_BACKLOG = BATCH
"""Events that may still be missing when the live generation is locked for the swap."""

REPLAYING = "replaying"
CATCHING_UP = "catching up"
COMPARING = "comparing"
DONE = "done"
CANCELLED = "cancelled"
FAILED = "failed"

Report = Callable[[RebuildProgress], None]


class Rebuild:
    """One rebuild. `begin` refuses where another one runs, in whatever process; `run` does the work."""

    def __init__(self, url: str, ledger: str, projection: Projection, stopping: threading.Event) -> None:
        self._url = url
        self._folding = Folding(ledger, projection)
        self._catalogue = self._folding.catalogue
        self._projection = projection
        self._stopping = stopping
        self._report: Report = _nobody
        self._told = 0.0
        self._began = 0.0
        self.progress = RebuildProgress(0, REPLAYING, 0, 0, 0.0, 0.0, "", "", "", datetime.now(UTC))

    def begin(self) -> None:
        """Become the one rebuild of the projection, and make its empty generation."""
        name = self._projection.name
        connection = connect(self._url, f"rebuild {name}", STATEMENT_SECONDS)
        try:
            self._catalogue.ensure(connection, self._projection)
            if not self._catalogue.lock_rebuilding(connection, name):
                raise NotPossibleError(why=f"{name} is being rebuilt already")
            self._catalogue.drop_leftovers(connection, name)
            with connection.transaction():
                self._new = self._catalogue.add_generation(connection, self._projection, "building")
            self.progress = replace(self.progress, generation=self._new.number, total=self._target(connection))
            self._catalogue.tell_rebuild(connection, name, self.progress)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def run(self, report: Report | None = None) -> RebuildProgress:
        """Fill, compare, swap; answers the last progress. A failure is told there and leaves the live one alone."""
        self._report = report or _nobody
        self._began = time.monotonic()
        with self._connection as connection:
            try:
                self._fill(connection)
                self._complete(connection)
                while not self._swap(connection):
                    self._pause()
                    self._fill(connection)
                self._tell(connection, phase=DONE, remaining_seconds=0.0)
            except _StoppedError:
                self._abandon(connection, CANCELLED, "the service was stopping")
            except Exception as error:
                if self._stopping.is_set():
                    self._abandon(connection, CANCELLED, "the service was stopping")
                else:
                    log.warning("rebuilding %s failed", self._projection.name, exc_info=error)
                    self._abandon(connection, FAILED, str(error).strip() or type(error).__name__)
        return self.progress

    def cut(self) -> None:
        """End a statement that runs for long, from another thread: the service stops."""
        cut(self._connection)

    def _fill(self, connection: Connection) -> None:
        """Fold until little is missing."""
        first = self.progress.phase == REPLAYING
        while (target := self._target(connection)) - self._new.position > (0 if first else SWAP_BACKLOG):
            self._go_on()
            self._fold(connection, target)
            first = first and self._new.position < self.progress.total
            phase = REPLAYING if first else CATCHING_UP
            self._tell(connection, phase=phase, total=target, quickly=True)

    def _complete(self, connection: Connection) -> None:
        """Make what only questions need; from then on it is kept level, event by event."""
        with connection.transaction():
            self._projection.complete(connection, self._new.schema, self._new.position)
            self._catalogue.complete(connection, self._new)
        self._new = replace(self._new, complete=True)
        self._analyse(connection)

    def _fold(self, connection: Connection, through: int) -> None:
        with connection.transaction():
            connection.execute("SET LOCAL synchronous_commit TO off")
            reached = self._folding.take(connection, self._new, BATCH, through)
        self._new = replace(self._new, position=reached)

    def _target(self, connection: Connection) -> int:
        """Where the live generation is, to be compared there; the ledger's head if there is nothing to compare."""
        live = self._live(connection)
        return live.position if self._comparable(live) else self._folding.log.head(connection).size

    def _live(self, connection: Connection) -> Generation:
        live = self._catalogue.live(connection, self._projection.name)
        if live is None:
            raise NotPossibleError(why=f"{self._projection.name} has no live generation")
        return live

    def _comparable(self, live: Generation) -> bool:
        return live.version == self._projection.version and not live.halted_because

    def _swap(self, connection: Connection) -> bool:
        """Compare and swap, with the live generation locked; false where it is too early."""
        self._tell(connection, phase=COMPARING)
        name = self._projection.name
        with connection.transaction():
            live = self._catalogue.lock(connection, name, wait=True)
            if live is None:
                raise NotPossibleError(why=f"{name} has no live generation")
            target = self._target(connection)
            if target - self._new.position > SWAP_BACKLOG:
                return False
            while self._new.position < target:
                self._fold(connection, target)
            comparable = self._comparable(live)
            if comparable and self._catalogue.redacted_after(connection, live.position):
                return False
            new_digest = self._projection.digest(connection, self._new.schema).hex()
            old_digest = self._projection.digest(connection, live.schema).hex() if comparable else ""
            self._go_on()
            connection.execute("SET LOCAL synchronous_commit TO on")  # whatever the last fold has set
            self._catalogue.swap(connection, live, self._new)
        if comparable and new_digest != old_digest:
            log.error("%s: generation %d differs from its rebuild", name, live.number)
        self.progress = replace(self.progress, state_digest=new_digest, replaced_digest=old_digest, total=target)
        return True

    def _analyse(self, connection: Connection) -> None:
        """The planner must know the new tables before questions come."""
        for table in tables_of(connection, self._new.schema):
            connection.execute(self._catalogue.query("analyse", table=sql.Identifier(self._new.schema, table)))

    def _abandon(self, connection: Connection, phase: str, why: str) -> None:
        self.progress = replace(self.progress, phase=phase, error=why)
        try:
            with connection.transaction():
                self._catalogue.set_status(connection, self._new, "failed")
            self._catalogue.drop(connection, self._new)
            self._tell(connection, phase=phase)
        except Exception as error:
            # The next rebuild drops what is left.
            log.warning("generation %d of %s is left behind: %s", self._new.number, self._new.name, error)
            self._report(self.progress)

    def _tell(self, connection: Connection, quickly: bool = False, **changed: Any) -> None:
        now = time.monotonic()
        if quickly and now < self._told + TELL_SECONDS:
            return
        self._told = now
        done = self._new.position
        rate = done / max(now - self._began, 0.001)
        progress = replace(self.progress, done=done, events_per_second=rate, **changed)
        left = max(progress.total - done, 0)
        progress = replace(progress, remaining_seconds=left / rate if rate else 0.0)
        self.progress = progress
        self._catalogue.tell_rebuild(connection, self._projection.name, progress)
        self._report(progress)

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise _StoppedError

    def _pause(self) -> None:
        self._stopping.wait(RETRY_SECONDS)
        self._go_on()


class _StoppedError(Exception):
    """The service is stopping."""


def _nobody(progress: RebuildProgress) -> None:
    """Tells nobody."""
