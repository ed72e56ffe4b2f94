"""Builds the generation that a newer program needs beside the live one, which an older program may follow
meanwhile. A build that failed or was cancelled is not begun again by itself, in any process, before a retry, a
restart or another live generation. It never touches what somebody else follows."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ledger.errors import NotPossibleError
from projections.engine.catalogue import Catalogue, Generation
from projections.engine.databases import Databases
from projections.engine.leases import LEASE_SECONDS, Leases
from projections.engine.projection import Connection, Projection
from projections.engine.rebuilding import Rebuild
from projections.engine.rebuilds import CANCELLED, DONE, FAILED, Newest, RebuildProgress, Rebuilds

log = logging.getLogger(__name__)

RENEWAL_SECONDS = 1.0
"""How often it is tried while another process builds it."""
GIVEN_UP = (CANCELLED, FAILED)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A build that is not tried again, as long as this generation is live."""

    live: int
    why: str


class Unasked(Rebuild):
    """One that nobody asked for: it refuses what another process has tried by the time that it could begin."""

    is_settled: Callable[[Connection], bool]

    def _check(self, connection: Connection) -> None:
        super()._check(connection)
        if self.is_settled(connection):
            raise NotPossibleError(why=f"another process has built {self.name}, or could not")


class Renewing:
    """What one projection's thread does where its program is newer than what is live."""

    def __init__(
        self,
        databases: Databases,
        projection: Projection,
        leases: Leases,
        catalogue: Catalogue,
        stopping: threading.Event,
    ) -> None:
        self._databases = databases
        self._projection = projection
        self._leases = leases
        self._catalogue = catalogue
        self._rebuilds = Rebuilds(catalogue)
        self._stopping = stopping
        self._running: Rebuild | None = None
        self._failed_before: int | None = None
        self._given_up: GivenUp | None = None
        self._alone_since: float | None = None

    @property
    def is_building(self) -> bool:
        """Whether a build runs; it has a connection and bounds of its own."""
        return self._running is not None

    def cut(self) -> None:
        """End the statement of a build, from another thread."""
        if (running := self._running) is not None:
            running.cut()

    def renew(self, connection: Connection, seen: Generation) -> bool:
        """Build it, unless that was given up; the old one answers until then. True where the new one is live."""
        given_up = self._look(connection, seen)
        if given_up is None:
            self._alone_since = None
            return self._build(seen)
        self._tell(connection, seen, given_up.why)
        return False

    def _look(self, connection: Connection, seen: Generation) -> GivenUp | None:
        """What was given up, here or by another process of this version; a retry leaves nothing to be seen."""
        newest = self._rebuilds.newest(connection, seen.name)
        if newest is None:
            self._failed_before, self._given_up = 0, None
            return None
        failed = newest.progress.generation if self._has_failed(connection, newest) else 0
        if self._failed_before is None:
            self._failed_before = failed  # before this process began: it tries once
        if self._given_up is not None and self._given_up.live != seen.number:
            self._given_up = None
        if self._given_up is None and failed not in (0, self._failed_before):
            self._give_up(seen, newest.progress)
        return self._given_up

    def _give_up(self, seen: Generation, told: RebuildProgress) -> None:
        why = told.error if told.phase == FAILED else CANCELLED
        self._given_up = GivenUp(seen.number, f"version {self._projection.version}: {why}")
        log.error("%s of %s is not built as %s", seen.name, self._catalogue.ledger, self._given_up.why)

    def _has_failed(self, connection: Connection, newest: Newest) -> bool:
        """Whether it would have made this version live, and has not, or is not to."""
        told = newest.progress
        asked_to_end = newest.cancel_asked and not newest.ended
        if told.purpose != Rebuild.purpose or not (asked_to_end or told.phase in GIVEN_UP):
            return False
        made = self._catalogue.generation(connection, told.name, told.generation)
        return made is not None and made.version == self._projection.version

    def _tell(self, connection: Connection, seen: Generation, why: str) -> None:
        """Halt the live generation once nobody has followed it for longer than a change of leaders takes, so that
        questions say why. Whoever follows it again ends that."""
        if seen.halted_because or self._is_followed(connection, seen):
            self._alone_since = None
            return
        now = time.monotonic()
        if self._alone_since is None:
            self._alone_since = now
        if now < self._alone_since + LEASE_SECONDS:
            return
        with connection.transaction():
            live = self._catalogue.lock(connection, seen.name, wait=True)
            if live is not None and live.number == seen.number and not self._is_followed(connection, live):
                self._catalogue.halt(connection, live, why)

    def _is_followed(self, connection: Connection, live: Generation) -> bool:
        return self._leases.leader(connection, live.name) is not None

    def _is_settled(self, connection: Connection, seen: Generation) -> bool:
        """Whether another process has built it since, or could not."""
        live = self._catalogue.live(connection, seen.name)
        return live is None or live.number != seen.number or self._look(connection, seen) is not None

    def _build(self, seen: Generation) -> bool:
        rebuild = Unasked(self._databases, self._catalogue.ledger, self._projection, self._stopping)
        rebuild.is_settled = lambda connection: self._is_settled(connection, seen)
        try:
            rebuild.begin()
        except NotPossibleError:
            self._stopping.wait(RENEWAL_SECONDS)  # another process builds it, or has tried
            return False
        self._running = rebuild
        try:
            last = rebuild.run()
        finally:
            self._running = None
        if last.phase in GIVEN_UP:
            self._give_up(seen, last)
        return last.phase == DONE
