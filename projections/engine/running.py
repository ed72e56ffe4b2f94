"""A build in a thread of its own, which goes on when nobody watches. Where its process loses the database, it tells
what becomes of the build elsewhere, for another thread or process goes on with it."""

import logging
import threading

from projections.engine.building import Build
from projections.engine.catalogue import Catalogue
from projections.engine.databases import Databases
from projections.engine.rebuilds import INTERRUPTED, RebuildProgress, Rebuilds

log = logging.getLogger(__name__)

STOP_SECONDS = 2.0
LOOK_SECONDS = 0.5


class RunningBuild:
    """A build that has begun."""

    def __init__(self, databases: Databases, ledger: str, build: Build, stopping: threading.Event) -> None:
        self.name = build.name
        self._databases = databases
        self._catalogue = Catalogue(ledger)
        self.build = build
        self._stopping = stopping
        self._elsewhere: RebuildProgress | None = None
        self._working = True
        self._thread = threading.Thread(target=self._run, name=f"rebuild-{ledger}-{build.name}", daemon=True)
        self._thread.start()

    @property
    def progress(self) -> RebuildProgress:
        """How far it is."""
        return self._elsewhere or self.build.progress

    @property
    def running(self) -> bool:
        """Whether it is not over yet, be it that another process has gone on with it."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def stop(self) -> None:
        """End soon, with what is done kept; whoever stops has set the event."""
        self._thread.join(STOP_SECONDS)
        if self._working:
            self.build.cut()
        self._thread.join()

    def _run(self) -> None:
        last = self.build.run()
        self._working = False
        if last.phase == INTERRUPTED:
            self._watch()

    def _watch(self) -> None:
        """Tell what the catalogue says, until it is over or another build has begun."""
        rebuilds = Rebuilds(self._catalogue)
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                with self._databases.connect(f"watch {self.name}") as connection:
                    newest = rebuilds.newest(connection, self.name)
            except Exception as error:
                log.debug("%s cannot be watched: %s", self.name, error)
                continue
            if newest is None or newest.progress.generation != self.build.progress.generation:
                return
            if newest.running or newest.ended:
                self._elsewhere = newest.progress
            if newest.ended:
                return
