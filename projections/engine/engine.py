"""All projections of all ledgers of a database: finds the ledgers, lets projections follow, tells how far they are.
It serves nobody by itself."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from uuid import UUID, uuid4

import psycopg

from ledger.domain.administration import ADMINISTRATION
from ledger.errors import DeadlineError, UnavailableError
from ledger.persistence import install
from projections.engine.administering import Record, record_ended
from projections.engine.catalogue import Catalogue
from projections.engine.cutting import cut_after
from projections.engine.databases import Databases, cut, source_of
from projections.engine.following import Following
from projections.engine.leading import GONE, Leadership
from projections.engine.leases import Leases
from projections.engine.operations import Operations, refuse_unknown
from projections.engine.parked import ParkedEvent
from projections.engine.projection import Connection, Projection
from projections.engine.retrying import Retried, Retrying
from projections.engine.states import ProjectionState, state_of

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often new ledgers, whoever created them, are looked for."""
PAGE = 1_000
STATE_SECONDS = 30
STOP_SECONDS = 2.0
LAST_SECONDS = 1.0


class Follower:
    """The projections of one ledger, each with a thread of its own."""

    def __init__(
        self, databases: Databases, ledger: str, projections: Sequence[Projection], leadership: Leadership
    ) -> None:
        self.ledger = ledger
        self._threads = [Following(databases, ledger, projection, leadership) for projection in projections]

    @property
    def troubles(self) -> dict[str, str]:
        """Why projections cannot reach the database, by name; empty while they can."""
        return {each.name: each.trouble for each in self._threads if each.trouble}

    def cut_if_stuck(self) -> None:
        """Cut connections that answer nothing."""
        for each in self._threads:
            each.cut_if_stuck()

    def start(self) -> None:
        """Begin to follow."""
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        """End all threads, and wait for them."""
        for each in self._threads:
            each.tell_to_stop()
        for each in self._threads:
            each.stop()


class Engine:
    """Follows every ledger of a database."""

    def __init__(
        self,
        databases: Databases,
        projections: Sequence[Projection],
        holder: UUID | None = None,
        record: Record | None = None,
    ) -> None:
        """Builds that are over are given to `record`, if there is one."""
        self.projections = {each.name: each for each in projections}
        self._databases = databases
        self._record = record
        self._followers: dict[str, Follower] = {}
        self._halts: dict[str, str] = {}
        self._leadership = Leadership(databases, holder or uuid4())
        self._stopping = threading.Event()
        self.operations = Operations(databases, self.projections, self._stopping)
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._look, name="ledgers", daemon=True)

    @property
    def troubles(self) -> dict[str, str]:
        """Why projections cannot reach the database, by ledger and name."""
        followers = list(self._followers.values())
        return {f"{each.ledger}/{name}": why for each in followers for name, why in each.troubles.items()}

    @property
    def holder(self) -> UUID:
        """The id of this process, where it leads a projection."""
        return self._leadership.holder

    @property
    def halts(self) -> dict[str, str]:
        """Why projections are halted, by ledger and name, whoever leads them; empty where they are not."""
        return self._halts

    def start(self) -> None:
        """Begin to follow; the database may be away at first."""
        self._leadership.start()
        self._thread.start()

    def stop(self) -> None:
        """End everything, rebuilds included, and wait for it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
            if self._thread.is_alive() and self._connection is not None:
                cut(self._connection)
            self._thread.join()
        stops = [threading.Thread(target=each.stop) for each in self._followers.values()]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        self._leadership.stop()
        self.operations.stop()
        self._followers.clear()

    def states(self, ledger: str, timeout: float = STATE_SECONDS) -> list[ProjectionState]:
        """All projections of a ledger, by name."""
        with self._snapshot(ledger, timeout) as connection:
            leases, found = Leases(ledger, self.holder), sorted(self.projections.items())
            return [state_of(connection, ledger, each, leases) for _, each in found]

    def state(
        self, ledger: str, name: str, timeout: float = STATE_SECONDS, *, with_frozen: bool = False
    ) -> ProjectionState:
        """One projection, with the digest of its content; if asked for, with those of frozen generations too."""
        projection = self.operations.named(name)
        with self._snapshot(ledger, timeout) as connection:
            leases = Leases(ledger, self.holder)
            return state_of(connection, ledger, projection, leases, with_digest=True, with_frozen=with_frozen)

    def parked(
        self, ledger: str, name: str, after: int, limit: int, timeout: float = STATE_SECONDS
    ) -> list[ParkedEvent]:
        """Events after a position that the live generation of a projection has put aside, in order."""
        return Retrying(self._databases, ledger, self.operations.named(name), timeout).page(after, limit)

    def retry(self, ledger: str, name: str, timeout: float = STATE_SECONDS) -> Retried:
        """Take again what a projection has put aside, and what it is halted at."""
        return Retrying(self._databases, ledger, self.operations.named(name), timeout).retry()

    @contextmanager
    def _snapshot(self, ledger: str, timeout: float) -> Iterator[Connection]:
        try:
            with self._databases.connect("projection states", max(1, round(timeout))) as connection:
                with cut_after(connection, timeout + LAST_SECONDS):
                    refuse_unknown(connection, ledger)
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                with cut_after(connection, timeout + LAST_SECONDS), connection.transaction():
                    yield connection
        except psycopg.errors.QueryCanceled as error:
            raise DeadlineError() from error
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away") from error

    def _look(self) -> None:
        known_trouble = ""
        while not self._stopping.is_set():
            try:
                with self._databases.connect("ledgers") as connection:
                    self._connection = connection
                    while not self._stopping.is_set():
                        with cut_after(connection, STATE_SECONDS):
                            ledgers = _ledgers(source_of(connection))
                        self._follow(ledgers)
                        with cut_after(connection, STATE_SECONDS):
                            self._halts = dict(_halts(connection, ledgers))
                        self._record_ended(connection, ledgers)
                        known_trouble = ""
                        self._cut_stuck()
                        self._stopping.wait(LOOK_SECONDS)
            except Exception as error:
                trouble = str(error).strip()
                if trouble != known_trouble:
                    log.warning("ledgers cannot be looked for: %s", trouble)
                known_trouble = trouble
                self._cut_stuck()
                self._stopping.wait(LOOK_SECONDS)

    def _record_ended(self, connection: Connection, ledgers: set[str]) -> None:
        if self._record is not None:
            for ledger in sorted(ledgers):
                with cut_after(connection, STATE_SECONDS):
                    record_ended(connection, ledger, self._record)

    def _cut_stuck(self) -> None:
        for follower in self._followers.values():
            follower.cut_if_stuck()

    def _follow(self, ledgers: set[str]) -> None:
        for gone in self._followers.keys() - ledgers:
            self._followers.pop(gone).stop()
        for new in sorted(ledgers - self._followers.keys()):
            follower = Follower(self._databases, new, list(self.projections.values()), self._leadership)
            follower.start()
            self._followers = {**self._followers, new: follower}


def _ledgers(connection: Connection) -> set[str]:
    found: list[str] = []
    while True:
        page = install.ledgers(connection, found[-1] if found else "", PAGE)
        found += page
        if len(page) < PAGE:
            return set(found) - {ADMINISTRATION}  # it says nothing of the world


def _halts(connection: Connection, ledgers: set[str]) -> Iterator[tuple[str, str]]:
    for ledger in sorted(ledgers):
        with suppress(*GONE):  # dropped meanwhile, or its projections are not made yet
            for name, because in Catalogue(ledger).halts(connection).items():
                yield f"{ledger}/{name}", because
