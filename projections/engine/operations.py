"""What an operator asks for: rebuilding projections, ending that, proving them equal, dropping what is kept.
It starts and refuses; the builds do the work, and go on when nobody watches."""

import threading
from collections.abc import Mapping

import psycopg

from ledger.errors import NotFoundError, NotPossibleError, UnavailableError
from ledger.persistence import install
from projections.engine.administering import refuse_administration
from projections.engine.building import Build
from projections.engine.cancelling import cancel
from projections.engine.catalogue import Catalogue
from projections.engine.databases import Databases, source_of
from projections.engine.freezing import Freeze
from projections.engine.frozen import drop_generation
from projections.engine.leases import is_standby
from projections.engine.pacing import Pace
from projections.engine.projection import Connection, Projection
from projections.engine.rebuilding import Rebuild
from projections.engine.rolling_back import RollBack
from projections.engine.running import RunningBuild
from projections.engine.verifying import Verification


class Operations:
    """Builds on request, of any ledger of a database."""

    def __init__(
        self, databases: Databases, projections: Mapping[str, Projection], stopping: threading.Event
    ) -> None:
        self._databases = databases
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

    def rebuild(self, ledger: str, name: str, at_position: int = 0) -> RunningBuild:
        """Begin to build a projection anew, or one that ends at a position; NotPossibleError where that is done."""
        projection = self.named(name)
        self._refuse_unknown(ledger)
        return self._begun(ledger, self._build(ledger, projection, at_position))

    def rebuild_all(self, ledger: str, at_position: int = 0) -> list[RunningBuild]:
        """Begin to build all projections in one pass over the ledger. One that cannot be is told as failed, and the
        others go on."""
        self._refuse_unknown(ledger)
        pace, builds = Pace(), []
        for _, projection in sorted(self._projections.items()):
            build = self._build(ledger, projection, at_position)
            try:
                self._begin(build)
                build.keep(pace)
            except (NotPossibleError, UnavailableError) as error:
                build.refuse(error)
            builds.append(build)
        return [self._started(ledger, build) for build in builds]

    def roll_back(self, ledger: str, name: str) -> RunningBuild:
        """Begin to go back to this program's version; NotPossibleError where it serves, or none of it is kept."""
        projection = self.named(name)
        self._refuse_unknown(ledger)
        return self._begun(ledger, RollBack(self._databases, ledger, projection, self._stopping))

    def drop_generation(self, ledger: str, name: str, number: int, seconds: float) -> None:
        """Drop a generation that is not needed any more; NotPossibleError where it is."""
        self.named(name)
        self._refuse_unknown(ledger)
        try:
            with self._databases.connect(f"drop {name}") as connection:
                drop_generation(connection, Catalogue(ledger), name, number, seconds)
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away") from error

    def verify(self, ledger: str, name: str) -> RunningBuild:
        """Begin to compare a live generation with a replay; NotPossibleError where it is being rebuilt."""
        projection = self.named(name)
        self._refuse_unknown(ledger)
        return self._begun(ledger, Verification(self._databases, ledger, projection, self._stopping))

    def cancel_rebuild(self, ledger: str, name: str, seconds: float) -> None:
        """End the rebuild of a projection, in whatever process; NotPossibleError where none runs."""
        self.named(name)
        self._refuse_unknown(ledger)
        try:
            cancel(self._databases, ledger, name, seconds)
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away") from error

    def _build(self, ledger: str, projection: Projection, at_position: int) -> Build:
        kind = Freeze if at_position else Rebuild
        return kind(self._databases, ledger, projection, self._stopping, at_position)

    def _begun(self, ledger: str, build: Build) -> RunningBuild:
        self._begin(build)
        return self._started(ledger, build)

    def _begin(self, build: Build) -> None:
        if self._stopping.is_set():
            raise UnavailableError(why="it is stopping")
        try:
            build.begin()
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away") from error

    def _started(self, ledger: str, build: Build) -> RunningBuild:
        running = RunningBuild(self._databases, ledger, build, self._stopping)
        self._builds = [each for each in self._builds if each.running] + [running]
        return running

    def _refuse_unknown(self, ledger: str) -> None:
        try:
            with self._databases.connect("operations") as connection:
                refuse_unknown(connection, ledger)
                refuse_standby(connection)
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away") from error


def refuse_standby(connection: Connection) -> None:
    """Refuse to write where nothing can be written; NotPossibleError."""
    if is_standby(connection):
        raise NotPossibleError(why="this database is a standby; ask a process on its primary")


def refuse_unknown(connection: Connection, ledger: str) -> None:
    """Refuse a ledger that is not there, or has no read models; NotFoundError, NotPossibleError."""
    refuse_administration(ledger)
    if not install.exists(source_of(connection), ledger):
        raise NotFoundError(kind="ledger", id=ledger)
