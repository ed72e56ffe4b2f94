"""One thread that keeps one projection of one ledger level, while this process leads it. It survives a database
that goes away. At an event that the fold cannot take this projection alone halts, until a retry, a rebuild or
another leader, unless its rule is to park such events."""

import logging
import threading
import time

from psycopg import sql

from ledger.errors import LedgerError, NotPossibleError
from ledger.persistence.notices import channel_of
from projections.engine.catalogue import Generation
from projections.engine.databases import Databases, cut, source_of
from projections.engine.folding import AWAY, Folding, UnfoldableError
from projections.engine.leading import Candidate, Leadership
from projections.engine.leases import Leases, is_standby, session_of
from projections.engine.projection import Connection, Projection
from projections.engine.renewing import Renewing
from projections.engine.resuming import Resuming

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""How late an event is taken at most when its notice is lost."""
GATHER_SECONDS = 0.02
"""Between two small batches: under load events are taken in groups, which costs the appends beside it far less."""
MUCH = 50
GATHER_MUCH_SECONDS = 0.05
"""The same where so many events come in that time: more is left to the read model that has most to do."""
FIRST_RETRY_SECONDS = 0.1
MAX_RETRY_SECONDS = 5.0
SWEEP_SECONDS = 30.0
"""How often replaced generations are looked for, to be dropped."""
PROMOTION_SECONDS = 1.0
"""How often a standby is asked whether it still is one."""
STATEMENT_SECONDS = 60
STUCK_SECONDS = 2 * STATEMENT_SECONDS
"""The server ends statements before; when it has not, nothing comes through."""
STOP_SECONDS = 2.0
"""How long a stop waits for a running batch before it cuts the connection."""
SET_BACK = "the ledger was set back"
"""How a halt begins that more events do not end: what comes next does not follow what was taken before. A rebuild
ends it, or a retry."""
LISTEN = sql.SQL("LISTEN {}")


class Following:
    """Follows; `trouble` tells why it cannot reach the database, empty while it can."""

    def __init__(self, databases: Databases, ledger: str, projection: Projection, leadership: Leadership) -> None:
        self.name = projection.name
        self.trouble = ""
        self._databases = databases
        self._leadership = leadership
        self._leases = Leases(ledger, leadership.holder)
        self._stands = False
        self._is_told = False
        self._folding = Folding(ledger, projection)
        self._catalogue = self._folding.catalogue
        self._stopping = threading.Event()
        self._resuming = Resuming(databases, ledger, projection, self._stopping)
        self._renewing = Renewing(databases, projection, self._leases, self._catalogue, self._stopping)
        self._connection: Connection | None = None
        self._busy_since: float | None = None
        self._halted_at: tuple[int, int] | None = None
        self._swept = 0.0
        self._thread = threading.Thread(target=self._run, name=f"follow-{ledger}-{projection.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def tell_to_stop(self) -> None:
        """Ask for the end, without waiting for it."""
        self._stopping.set()

    def stop(self) -> None:
        """End; what was not committed is taken again by the next start."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            self._cut()
        self._thread.join()
        self._resign()
        self._resuming.stop()

    def cut_if_stuck(self) -> None:
        """Cut a connection that answers nothing, not even that it is dead; the thread makes a new one."""
        if self._busy() > STUCK_SECONDS:
            log.warning("%s waits for the database in vain and connects again", self.name)
            self._cut()

    def _busy(self) -> float:
        """For how many seconds it has been at one step; a rebuild has a connection and bounds of its own."""
        since = self._busy_since
        return 0.0 if since is None or self._renewing.is_building else time.monotonic() - since

    def _cut(self) -> None:
        connection = self._connection
        if connection is not None:
            cut(connection)
        self._renewing.cut()

    def _run(self) -> None:
        pause = FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            try:
                with self._databases.connect(f"follower {self.name}", STATEMENT_SECONDS) as connection:
                    self._connection = connection
                    self._await_promotion(connection)
                    self._prepare(connection)
                    self.trouble, pause = "", FIRST_RETRY_SECONDS
                    self._follow(connection)
            except Exception as error:
                if self._stopping.is_set():
                    return
                self._tell_trouble(error)
                # A batch that was too much for the database is tried again in smaller pieces.
                self._folding.take_less()
                if pause > FIRST_RETRY_SECONDS:
                    self._resign()  # others may reach the database
                self._stopping.wait(pause)
                pause = min(2 * pause, MAX_RETRY_SECONDS)
            finally:
                self._connection = self._busy_since = None

    def _tell_trouble(self, error: Exception) -> None:
        expected = isinstance(error, (*AWAY, LedgerError))
        trouble = str(error).strip() or type(error).__name__
        if trouble != self.trouble:
            log.warning("%s does not follow: %s", self.name, trouble, exc_info=None if expected else error)
        self.trouble = trouble

    def _await_promotion(self, connection: Connection) -> None:
        """On a standby there is nothing to do: its read models come with the rest of the database."""
        while not self._stopping.is_set() and is_standby(connection):
            self.trouble = ""
            self._resign()
            self._stopping.wait(PROMOTION_SECONDS)

    def _prepare(self, connection: Connection) -> None:
        self._catalogue.ensure(connection, self._folding.projection)
        self._leases.enter(connection, self.name)
        self._stands = False  # its lease names another session
        source = source_of(connection)
        self._is_told = not is_standby(source)  # which refuses to listen; ledgers may be read from one
        if self._is_told:
            source.execute(LISTEN.format(sql.Identifier(channel_of(self._catalogue.ledger))))

    def _follow(self, connection: Connection) -> None:
        while not self._stopping.is_set():
            self._busy_since = began = time.monotonic()
            self._resuming.look(connection)
            took = self._step(connection)
            self._sweep(connection)
            self._busy_since = None
            if took:
                gather = GATHER_SECONDS if took < MUCH else GATHER_MUCH_SECONDS
                self._stopping.wait(max(0.0, began + gather - time.monotonic()))
            else:
                self._wait(connection)

    def _step(self, connection: Connection) -> int:
        """Take a batch; answers how many events there were to do, 0 where there is nothing to do now."""
        seen = self._catalogue.live(connection, self.name)
        if seen is None:
            raise NotPossibleError(why=f"{self._catalogue.schema} has no {self.name} any more")
        mine = self._folding.projection.version
        if seen.version != mine:
            # Whoever can fold what is live leads it. Who builds a newer version does not wait for that lease: the
            # older program keeps it for as long as it runs.
            self._resign()
            newer = seen.version < mine and not self._catalogue.is_withdrawn(connection, self.name, mine)
            return int(newer and self._renewing.renew(connection, seen))
        if not self._stands:
            self._stand(connection)
        epoch = self._leadership.epoch(self._catalogue.ledger, self.name)
        if epoch is None or self._is_halted(seen) or seen.halted_because.startswith(SET_BACK):
            return 0
        head = self._folding.log.head(source_of(connection)).size
        if head < seen.position:
            if self._is_told:  # a standby may only be late
                said = f"{SET_BACK} to {head} events, and this read model holds {seen.position}; rebuild it"
                self._halt_at(connection, epoch, UnfoldableError(said, seen.position))
            return 0
        if head == seen.position:
            if seen.halted_because:
                self._lift(connection, epoch, seen)
            return 0
        try:
            return self._take(connection, epoch)
        except UnfoldableError as error:
            self._halt_at(connection, epoch, error)
            return 0

    def _is_halted(self, seen: Generation) -> bool:
        """Whether it was tried here already, and nobody has lifted the halt since."""
        return self._halted_at == (seen.number, seen.position) and seen.halted_because != ""

    def _stand(self, connection: Connection) -> None:
        ledger, session = self._catalogue.ledger, session_of(connection)
        self._leadership.join(Candidate(ledger, self.name, session, self._busy, self._cut))
        self._stands = True

    def _resign(self) -> None:
        self._stands = False
        self._leadership.leave(self._catalogue.ledger, self.name)

    def _take(self, connection: Connection, epoch: int) -> int:
        with connection.transaction():
            # Rows and position are lost together or not at all, and can be made again from the ledger.
            connection.execute("SET LOCAL synchronous_commit TO off")
            live = self._lock(connection, epoch)
            if live is None:
                return 0
            reached = self._folding.take(connection, live)
        self._halted_at = None
        return reached - live.position

    def _lock(self, connection: Connection, epoch: int) -> Generation | None:
        """The live generation, locked, if this process leads it and can fold it; a rebuild may be comparing."""
        live = self._catalogue.lock(connection, self.name, wait=False)
        if live is None or live.version != self._folding.projection.version:
            return None
        if not self._leases.leads(connection, self.name, epoch):
            self._leadership.lost(self._catalogue.ledger, self.name)
            return None
        return live

    def _halt_at(self, connection: Connection, epoch: int, error: UnfoldableError) -> None:
        with connection.transaction():
            live = self._lock(connection, epoch)
            if live is not None and live.position == error.after:
                digest = f", fault {error.fault.digest}" if error.fault is not None else ""
                log.error("%s of %s is halted: %s%s", self.name, self._catalogue.ledger, error.because, digest)
                self._catalogue.halt(connection, live, error.because)
                self._halted_at = (live.number, live.position)

    def _lift(self, connection: Connection, epoch: int, seen: Generation) -> None:
        """End a halt at no event: a newer program told one, while nobody followed."""
        with connection.transaction():
            if self._lock(connection, epoch) == seen:
                self._folding.parked.lift(connection, seen)

    def _sweep(self, connection: Connection) -> None:
        now = time.monotonic()
        if now >= self._swept + SWEEP_SECONDS:
            self._swept = now
            while self._catalogue.drop_retired(connection, self.name):
                pass

    def _wait(self, connection: Connection) -> None:
        ledger = self._catalogue.ledger
        leads = self._leadership.epoch(ledger, self.name) is not None
        if leads and self._halted_at is None and self._is_told:
            for _ in source_of(connection).notifies(timeout=POLL_SECONDS, stop_after=1):
                pass
            return
        if leads:
            self._stopping.wait(POLL_SECONDS)
        else:
            self._leadership.wait(ledger, self.name, POLL_SECONDS)
        for _ in source_of(connection).notifies(timeout=0):
            pass  # nothing is done with them, and they must not pile up
