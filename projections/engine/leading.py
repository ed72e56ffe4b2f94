"""Which projections this process leads. One thread renews its leases and takes those that have run out, on a
connection of its own. What it knows is a hint, for whether a batch may be written is decided by the fence, under
the projection's lock. It folds nothing."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import psycopg

from projections.engine.cutting import cut_after
from projections.engine.databases import Databases, cut
from projections.engine.leases import LEASE_SECONDS, Leases, Session, end_session, is_working
from projections.engine.projection import Connection

log = logging.getLogger(__name__)

RENEW_SECONDS = 1.0
"""Three renewals in a row may fail before the lease is lost."""
ANSWER_SECONDS = LEASE_SECONDS / 2
"""After so long without an answer the connection is taken for dead: early enough for a new one to renew in time."""
FIRST_RETRY_SECONDS = 0.1
QUIET_SECONDS = 10.0
"""So long may a fold compute between two statements. When it takes longer, nothing comes through its connection."""
STOP_SECONDS = 2.0
GONE = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)
"""What is raised where a ledger was dropped."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A projection that this process can fold, with the session that it would fold in."""

    ledger: str
    name: str
    session: Session
    busy: Callable[[], float]
    """For how many seconds it has been at one step."""
    cut: Callable[[], None]
    """Ends the session, from this side."""


class Leadership:
    """What this process, the holder, leads."""

    def __init__(self, databases: Databases, holder: UUID) -> None:
        self.holder = holder
        self._databases = databases
        self._changed = threading.Condition()
        self._candidates: dict[tuple[str, str], Candidate] = {}
        self._epochs: dict[tuple[str, str], int] = {}
        self._given_up: set[tuple[str, str]] = set()
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Begin; the database may be away at first."""
        self._thread.start()

    def stop(self) -> None:
        """Give all leases back, where the database can be reached, and end. What led must have ended before."""
        self._stopping.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
            if self._thread.is_alive() and self._connection is not None:
                cut(self._connection)
            self._thread.join()

    def join(self, candidate: Candidate) -> None:
        """Stand for a projection, in place of an earlier candidate of this process."""
        key = (candidate.ledger, candidate.name)
        with self._changed:
            self._candidates[key] = candidate
            self._given_up.discard(key)
            self._epochs.pop(key, None)  # until the lease names the new session
        self._due.set()

    def leave(self, ledger: str, name: str) -> None:
        """Stand for it no longer, and give its lease back."""
        key = (ledger, name)
        with self._changed:
            if self._candidates.pop(key, None) is not None:
                self._epochs.pop(key, None)
                self._given_up.add(key)
                self._due.set()

    def lost(self, ledger: str, name: str) -> None:
        """The fence says that another process leads."""
        with self._changed:
            self._epochs.pop((ledger, name), None)
        self._due.set()

    def epoch(self, ledger: str, name: str) -> int | None:
        """The epoch in which this process leads a projection, as far as it knows; None where it does not."""
        return self._epochs.get((ledger, name))

    def wait(self, ledger: str, name: str, seconds: float) -> None:
        """Wait until this process leads a projection, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: (ledger, name) in self._epochs, seconds)

    def _run(self) -> None:
        trouble, pause = "", FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            try:
                with self._databases.connect("leases", round(LEASE_SECONDS)) as connection:
                    self._connection = connection
                    while not self._stopping.is_set():
                        self._due.clear()
                        self._look(connection)
                        trouble, pause = "", FIRST_RETRY_SECONDS
                        self._due.wait(RENEW_SECONDS)
                    self._give_back(connection, set(self._candidates) | self._given_up)
            except Exception as error:
                if (told := str(error).strip()) != trouble and not self._stopping.is_set():
                    trouble = told
                    log.warning("leases are not renewed: %s", trouble)
                self._stopping.wait(pause)
                pause = min(2 * pause, RENEW_SECONDS)

    def _look(self, connection: Connection) -> None:
        with self._changed:
            given_up, self._given_up = self._given_up, set()
            candidates = list(self._candidates.values())
        self._give_back(connection, given_up)
        for ledger in sorted({each.ledger for each in candidates}):
            mine = {each.name: each for each in candidates if each.ledger == ledger}
            with cut_after(connection, ANSWER_SECONDS):
                try:
                    epochs = self._held(connection, ledger, mine)
                except GONE:
                    epochs = {}
            self._tell(mine, epochs)
            self._cut_quiet(connection, mine)

    def _held(self, connection: Connection, ledger: str, mine: dict[str, Candidate]) -> dict[str, int]:
        leases = Leases(ledger, self.holder)
        held = leases.renew(connection, {name: each.session for name, each in mine.items()})
        if others := {name: each.session for name, each in mine.items() if name not in held}:
            for taken in leases.take(connection, others):
                held[taken.name] = taken.epoch
                log.info("leads %s of %s, epoch %d", taken.name, ledger, taken.epoch)
                if taken.former is not None:
                    # It may be stopped in the middle of a batch, with the projection locked.
                    end_session(connection, taken.former)
        return held

    def _tell(self, mine: dict[str, Candidate], epochs: dict[str, int]) -> None:
        with self._changed:
            for name, each in mine.items():
                key = (each.ledger, name)
                if self._candidates.get(key) is not each:
                    continue
                if name in epochs:
                    self._epochs[key] = epochs[name]
                elif self._epochs.pop(key, None) is not None:
                    log.warning("leads %s of %s no longer", name, each.ledger)
            self._changed.notify_all()

    def _cut_quiet(self, connection: Connection, mine: dict[str, Candidate]) -> None:
        """A session that has nothing to do, while its owner waits for it, has answered in vain."""
        for each in mine.values():
            if each.busy() > QUIET_SECONDS:
                with cut_after(connection, ANSWER_SECONDS):
                    working = is_working(connection, each.session, QUIET_SECONDS)
                if not working and each.busy() > QUIET_SECONDS:
                    log.warning("nothing comes through to %s of %s; it connects again", each.name, each.ledger)
                    each.cut()

    def _give_back(self, connection: Connection, keys: set[tuple[str, str]]) -> None:
        for ledger in sorted({ledger for ledger, _ in keys}):
            names = [name for of, name in keys if of == ledger]
            with cut_after(connection, ANSWER_SECONDS):
                try:
                    Leases(ledger, self.holder).give_back(connection, names)
                except GONE:
                    continue
