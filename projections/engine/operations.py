"""What an operator asks for in one process: rebuilding a projection, and ending that. It starts and refuses; the
builds do the work, and go on when nobody watches."""

import threading
from collections.abc import Mapping

import psycopg

from ledger.errors import NotFoundError, UnavailableError
from ledger.persistence import install
from ledger.persistence.connecting import connect
from projections.engine.building import Build
from projections.engine.cancelling import cancel
from projections.engine.projection import Connection, Projection
from projections.engine.rebuilding import Rebuild
from projections.engine.running import RunningBuild
from projections.engine.verifying import Verification


class Operations:
    """Builds on request, of any ledger of a database."""

    def __init__(self, url: str, projections: Mapping[str, Projection], stopping: threading.Event) -> None:
        self._url = url
        self._projections = projections
        self._stopping = stopping
        self._builds: list[RunningBuild] = []

    def stop(self) -> None:
        """End all builds, to be resumed later; whoever stops has set the event."""
        for build in self._builds:
            build.stop()

    def named(self, name: str) -> Projection:
        """A projection of this program; NotFoundError."""
        if name not in self._projections:
            raise NotFoundError(kind="projection", id=name)
        return self._projections[name]

    def rebuild(self, ledger: str, name: str) -> RunningBuild:
        """Begin to build a projection anew; NotPossibleError where that is being done."""
        projection = self.named(name)
        self._refuse_unknown(ledger)
        return self._begun(ledger, Rebuild(self._url, ledger, projection, self._stopping))

    def verify(self, ledger: str, name: str) -> RunningBuild:
        """Begin to compare a live generation with a replay; NotPossibleError where it is being rebuilt."""
        projection = self.named(name)
        self._refuse_unknown(ledger)
        return self._begun(ledger, Verification(self._url, ledger, projection, self._stopping))

    def cancel_rebuild(self, ledger: str, name: str, seconds: float) -> None:
        """End the rebuild of a projection, in whatever process; NotPossibleError where none runs."""
        self.named(name)
        self._refuse_unknown(ledger)
        try:
            cancel(self._url, ledger, name, seconds)
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away") from error

    def _begun(self, ledger: str, build: Build) -> RunningBuild:
        if self._stopping.is_set():
            raise UnavailableError(why="it is stopping")
        try:
            build.begin()
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away") from error
        running = RunningBuild(self._url, ledger, build, self._stopping)
        self._builds = [each for each in self._builds if each.running] + [running]
        return running

    def _refuse_unknown(self, ledger: str) -> None:
        try:
            with connect(self._url, "operations") as connection:
                refuse_unknown(connection, ledger)
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away") from error


def refuse_unknown(connection: Connection, ledger: str) -> None:
    """Refuse a ledger that is not there; NotFoundError."""
    if not install.exists(connection, ledger):
        raise NotFoundError(kind="ledger", id=ledger)
