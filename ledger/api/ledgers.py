"""The ledgers that this process has open: one application each, opened when first asked for, closed together.
Blocking work on them runs in threads of its own, bounded in number."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar

import psycopg

from ledger.administration import Administration, By
from ledger.api.heads import Heads
from ledger.api.mailbox import Mailbox
from ledger.api.pages import SharedPages
from ledger.application import LedgerApplication
from ledger.errors import (
    CorruptionError,
    LedgerError,
    NotContinuedError,
    NotFoundError,
    NotPossibleError,
    OverloadedError,
    UnavailableError,
)
from ledger.persistence import install
from ledger.persistence.connecting import connect, cut
from ledger.persistence.guarding import Guard
from ledger.persistence.issued import IssuedCheckpoints
from ledger.persistence.log import Connection, EventLog
from ledger.persistence.notices import sizes
from ledger.persistence.tree import Consistency, Inclusion, Proofs
from ledger.settings import DEFAULT_LIMITS, Limits

log = logging.getLogger(__name__)

READ_THREADS = 8
PAGE = 1_000
CONNECTION_SECONDS = 5.0
"""How long a read waits for a connection: a database that is away is told, not waited for."""
LOOK_SECONDS = 30.0
"""How long a look at all ledgers takes at most; the next one begins anew."""
RETRY_AFTER_SECONDS = 5
"""When somebody who finds no room for a subscription is to come back."""
Result = TypeVar("Result")


class OpenLedger:
    """An application with the hub that tells of its new events."""

    def __init__(self, application: LedgerApplication, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.application = application
        self.recorder = application.ledger_recorder
        self.guard = self.recorder.guard
        self.log = self.recorder.log
        self._proofs = Proofs(self.log)
        self.pages = SharedPages()
        self.mailbox = Mailbox(loop)
        self.heads = Heads(lambda: sizes(self.log, url), lambda: asyncio.to_thread(self.read_head), loop)
        self.recorder.notices.on_announce(self.heads.announce)

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection to read with."""
        return self.recorder.pool.connection(CONNECTION_SECONDS)

    def inclusion(self, position: int, size: int = 0) -> Inclusion:
        """That an event is in the tree of a size, 0 for all that is recorded."""
        with self.reading() as connection:
            return self._proofs.inclusion(connection, position, size)

    def consistency(self, first: int, second: int = 0) -> Consistency:
        """That the tree of one size begins with that of another, 0 for all that is recorded."""
        with self.reading() as connection:
            return self._proofs.consistency(connection, first, second)

    def read_head(self) -> int:
        """The size as the database has it."""
        with self.reading() as connection:
            return self.log.head(connection).size


class Ledgers:
    """The open ledgers by name."""

    def __init__(self, url: str, limits: Limits = DEFAULT_LIMITS, issued: IssuedCheckpoints | None = None) -> None:
        """What was issued of a ledger its record has to continue, else it is refused."""
        self._url = url
        self._issued = issued
        self._gone: dict[str, LedgerError] = {}
        """Ledgers that are not in the database although checkpoints of them were issued."""
        self.limits = limits
        self.administration = Administration(url, limits, issued)
        self._accepted: dict[str, int] = {}
        """Up to where the administrative record has been told what was accepted of ledgers."""
        self._subscriptions = 0
        self._open: dict[str, OpenLedger] = {}
        self._guards: dict[str, Guard] = {}
        """Of the open ledgers, and of those of which a checkpoint was issued."""
        self._opening = asyncio.Lock()
        self._threads = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="ledger-reads")
        self._stopping = False

    async def get(self, name: str) -> OpenLedger:
        """An open ledger; NotFoundError where the database has none of that name, NotContinuedError where it does
        not continue what was issued and seen of it."""
        found = await self.examined(name)
        found.guard.admit()
        return found

    async def examined(self, name: str) -> OpenLedger:
        """The same, also where it is refused: for those who have to find out what is there."""
        found = self._open.get(name)
        if found is not None:
            return found
        async with self._opening:
            if self._stopping:
                raise UnavailableError(why="it is stopping")
            if name not in self._open:
                self._open[name] = await self.run(self._opened, name, asyncio.get_running_loop())
        return self._open[name]

    async def create(self, name: str, by: By) -> None:
        """Creates a ledger; LedgerExistsError where there is one of that name."""
        await self.run(self._created, name, False)
        await self.run(self.administration.created, name, 0, by)

    def provide(self, name: str) -> None:
        """Creates a ledger where there is none, and never was one. Blocks."""
        with suppress(NotContinuedError):  # which is told to whoever asks for it
            self._created(name, True)

    async def look(self) -> None:
        """Compares all ledgers that are open, or of which a checkpoint was issued, with what is known of them."""
        with suppress(psycopg.Error):  # the database is away, or soon told to whoever asks
            await asyncio.to_thread(self._look)
        await asyncio.to_thread(self._record_accepted)

    def served(self) -> dict[str, bool]:
        """Whether each was served when it was looked at last, under the name by which health is asked."""
        served = {name: each.refused is None for name, each in dict(self._guards).items()}
        return {f"ledger/{name}": each for name, each in (served | dict.fromkeys(self._gone, False)).items()}

    def admit(self, name: str) -> None:
        """NotContinuedError where a ledger is refused, as far as it was looked at."""
        if name in self._gone:
            raise NotContinuedError(**self._gone[name].values)
        if name in self._guards:
            self._guards[name].admit()

    def sizes(self) -> dict[str, int]:
        """How many events each ledger of the database has, also of those that are not open. Blocks."""
        with connect(self._url, "sizes of ledgers") as connection:
            found: dict[str, int] = {}
            while names := install.ledgers(connection, max(found, default=""), PAGE):
                found |= {name: EventLog(name).head(connection).size for name in names}
        return found

    def opened(self) -> list[OpenLedger]:
        """Those that are open."""
        return list(self._open.values())

    async def names(self, after: str, limit: int) -> list[str]:
        """Names of the ledgers, in order."""
        return await self.run(self._names, after, limit)

    async def run(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Runs blocking work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    @contextmanager
    def subscription(self) -> Iterator[None]:
        """Room for one subscription, to whatever ledger."""
        most = self.limits.max_subscriptions
        if self._subscriptions >= most:
            what = f"room for subscriptions (LEDGER_MAX_SUBSCRIPTIONS: {most})"
            raise OverloadedError(what=what, retry_seconds=RETRY_AFTER_SECONDS)
        self._subscriptions += 1
        try:
            yield
        finally:
            self._subscriptions -= 1

    def end_streams(self) -> None:
        """Lets subscriptions end, each with where to resume; calls that begin now are refused."""
        self._stopping = True
        for ledger in self._open.values():
            ledger.heads.close()

    async def close(self) -> None:
        """Records what waits in every lane, and closes all."""
        self.end_streams()
        async with self._opening:
            # Not in the threads that read: all of them may wait for a database that does not answer.
            await asyncio.gather(*(asyncio.to_thread(each.application.close) for each in self._open.values()))
            self._open.clear()
        self._threads.shutdown(wait=True)

    def _opened(self, name: str, loop: asyncio.AbstractEventLoop) -> OpenLedger:
        try:
            with connect(self._url, "open ledger") as connection:
                if not install.exists(connection, name):
                    self._refuse_gone(name)
                    raise NotFoundError(kind="ledger", id=name)
                guard = self._compared(connection, name)
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away; it is tried again") from error
        return OpenLedger(LedgerApplication(name, self._url, self.limits, guard), self._url, loop)

    def _compared(self, connection: Connection, name: str) -> Guard:
        """The guard of a ledger, which has just compared what is recorded with what it knows."""
        guard = self._guards.get(name) or Guard(EventLog(name), self._issued)
        with suppress(CorruptionError, NotPossibleError):
            guard.tip(connection)
        return self._guards.setdefault(name, guard)

    def _look(self) -> None:
        """On one connection, however many ledgers there are: an open ledger holds some, and many threads."""
        with connect(self._url, "guard", int(CONNECTION_SECONDS)) as connection:
            overdue = threading.Timer(LOOK_SECONDS, cut, (connection,))
            overdue.start()
            try:
                for name in sorted({*self._issued_ledgers(), *self._guards}):
                    with suppress(psycopg.Error):  # of this one alone, unless the connection is lost
                        if not connection.closed and self._is_there(connection, name):
                            self._compared(connection, name)
            finally:
                overdue.cancel()

    def _is_there(self, connection: Connection, name: str) -> bool:
        """Whether a ledger is to be looked at; one that is gone and was never opened is refused by its name."""
        try:
            if name not in self._guards and not install.exists(connection, name):
                self._refuse_gone(name)
                self._gone.pop(name, None)  # that it is gone was accepted
                return False
        except NotContinuedError as error:
            if name not in self._gone:
                log.error("ledger %s is refused: %s", name, error)
            self._gone[name] = error
            return False
        except NotPossibleError as error:  # what was issued of it cannot be read
            log.debug("ledger %s is not looked at: %s", name, error)
            return False
        self._gone.pop(name, None)
        return True

    def _record_accepted(self) -> None:
        for name in self._issued_ledgers():
            now = self._issued.accepted(name) if self._issued is not None else 0
            if now != self._accepted.get(name, 0) and self.administration.rollbacks_accepted(name):
                self._accepted[name] = now

    def _issued_ledgers(self) -> list[str]:
        try:
            return self._issued.ledgers() if self._issued is not None else []
        except NotPossibleError as error:
            log.debug("%s", error)  # which is said of each ledger
            return []

    def _created(self, name: str, may_exist: bool) -> None:
        with connect(self._url, "find ledger") as connection:
            exists = install.exists(connection, name)
        if not exists:
            self._refuse_gone(name)
        if not (exists and may_exist):
            install.create_ledger(self._url, name, may_exist=may_exist)

    def _refuse_gone(self, name: str) -> None:
        if self._issued is not None:
            self._issued.refuse_gone(name)

    def _names(self, after: str, limit: int) -> list[str]:
        with connect(self._url, "list ledgers") as connection:
            return install.ledgers(connection, after, limit)
