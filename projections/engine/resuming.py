"""Finds builds whose process is gone, and goes on with them in the background; clears what nobody can go on with.
It looks from time to time while a projection follows, and never holds that up."""

import logging
import threading
import time

import psycopg

from ledger.errors import LedgerError
from projections.engine.building import Build
from projections.engine.catalogue import Catalogue, Generation
from projections.engine.clearing import clear
from projections.engine.databases import Databases
from projections.engine.freezing import Freeze
from projections.engine.projection import Connection, Projection
from projections.engine.rebuilding import Rebuild
from projections.engine.rebuilds import Newest, Rebuilds
from projections.engine.rolling_back import RollBack
from projections.engine.running import RunningBuild

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
RESUMABLE: dict[str, type[Build]] = {Rebuild.purpose: Rebuild, Freeze.purpose: Freeze, RollBack.purpose: RollBack}


class Resuming:
    """What one projection's thread does about builds that were interrupted."""

    def __init__(
        self, databases: Databases, ledger: str, projection: Projection, stopping: threading.Event
    ) -> None:
        self._databases = databases
        self._catalogue = Catalogue(ledger)
        self._rebuilds = Rebuilds(self._catalogue)
        self._projection = projection
        self._stopping = stopping
        self._looked = time.monotonic()
        self._resumed: RunningBuild | None = None

    def look(self, connection: Connection) -> None:
        """Look, where it is time to; go on with what is found, or clear it."""
        now = time.monotonic()
        if now < self._looked + LOOK_SECONDS:
            return
        self._looked = now
        name = self._projection.name
        left = self._catalogue.leftovers(connection, name)
        if not left or self._rebuilds.running(connection, name):
            return
        newest = self._rebuilds.newest(connection, name)
        try:
            if newest is None or not _resumable(newest, left):
                self._clear()
            elif any(each.version == self._projection.version for each in left):
                self._resume(newest)
        except (LedgerError, psycopg.Error) as error:
            # Another process was faster, or the database is away.
            log.info("%s: what a rebuild left behind stays for now: %s", name, error)

    def stop(self) -> None:
        """End what was resumed; it is left to be resumed again."""
        if self._resumed is not None:
            self._resumed.stop()

    def _resume(self, newest: Newest) -> None:
        told = newest.progress
        kind = RESUMABLE[told.purpose]
        build = kind(self._databases, self._catalogue.ledger, self._projection, self._stopping, told.at_position)
        build.begin()
        log.info("%s: the rebuild goes on from position %d", build.name, build.progress.resumed_from)
        self._resumed = RunningBuild(self._databases, self._catalogue.ledger, build, self._stopping)

    def _clear(self) -> None:
        name = self._projection.name
        with self._databases.connect(f"clear {name}") as connection:
            if self._rebuilds.lock(connection, name):
                clear(connection, self._catalogue, name)


def _resumable(newest: Newest, left: list[Generation]) -> bool:
    """Whether some program, though perhaps of another version, can go on with what is left."""
    wanted = not (newest.ended or newest.cancel_asked) and newest.progress.purpose in RESUMABLE
    numbers = {each.number for each in left if each.status == "building"}
    return wanted and newest.progress.generation in numbers
