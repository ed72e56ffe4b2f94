"""The ledgers that this process has open: one application each, opened when first asked for, closed together.
Blocking work on them runs in threads of its own, bounded in number."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import psycopg

from ledger.administration import Administration, By
from ledger.api.heads import Heads
from ledger.api.mailbox import Mailbox
from ledger.api.pages import SharedPages
from ledger.application import LedgerApplication
from ledger.errors import NotFoundError, OverloadedError, UnavailableError
from ledger.persistence import install
from ledger.persistence.connecting import connect
from ledger.persistence.log import Connection
from ledger.persistence.notices import sizes
from ledger.persistence.tree import Consistency, Inclusion, Proofs
from ledger.settings import DEFAULT_LIMITS, Limits

READ_THREADS = 8
CONNECTION_SECONDS = 5.0
"""How long a read waits for a connection: a database that is away is told, not waited for."""
RETRY_AFTER_SECONDS = 5
"""When somebody who finds no room for a subscription is to come back."""
Result = TypeVar("Result")


class OpenLedger:
    """An application with the hub that tells of its new events."""

    def __init__(self, application: LedgerApplication, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.application = application
        self.recorder = application.ledger_recorder
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

    def __init__(self, url: str, limits: Limits = DEFAULT_LIMITS) -> None:
        self._url = url
        self.limits = limits
        self.administration = Administration(url, limits)
        self._subscriptions = 0
        self._open: dict[str, OpenLedger] = {}
        self._opening = asyncio.Lock()
        self._threads = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="ledger-reads")
        self._stopping = False

    async def get(self, name: str) -> OpenLedger:
        """An open ledger; NotFoundError where the database has none of that name."""
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
        await self.run(install.create_ledger, self._url, name)
        await self.run(self.administration.created, name, 0, by)

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
        await asyncio.to_thread(self.administration.close)
        self._threads.shutdown(wait=True)

    def _opened(self, name: str, loop: asyncio.AbstractEventLoop) -> OpenLedger:
        try:
            with connect(self._url, "open ledger") as connection:
                if not install.exists(connection, name):
                    raise NotFoundError(kind="ledger", id=name)
        except psycopg.OperationalError as error:
            raise UnavailableError(why="the database is away; it is tried again") from error
        application = LedgerApplication(name, self._url, self.limits)
        return OpenLedger(application, self._url, loop)

    def _names(self, after: str, limit: int) -> list[str]:
        with connect(self._url, "list ledgers") as connection:
            return install.ledgers(connection, after, limit)
