"""The newest known size of one ledger, for those who follow it: commits of this process at once, those of others
from one connection for all followers, which exists while anybody follows. It holds no events."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress

import psycopg

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.004
"""Between two wakings: under load commits are delivered in groups, which costs the appends beside them far less."""
GATHER_SECONDS_EACH = 0.0004
"""The same for each follower: about twice what a message costs, so that many followers leave half of the loop."""
MAX_GATHER_SECONDS = 0.1
RETRY_SECONDS = 0.25
"""Between two attempts to hear again."""

Hear = Callable[[], AsyncGenerator[int, None]]
Look = Callable[[], Awaitable[int]]


class Heads:
    """The size, on the event loop. `closed` once the service stops."""

    def __init__(self, hear: Hear, look: Look, loop: asyncio.AbstractEventLoop) -> None:
        self._hear = hear
        self._look = look
        self._loop = loop
        self._grown = asyncio.Event()
        self._followers = 0
        self._listening: asyncio.Task[None] | None = None
        self._waking: asyncio.TimerHandle | None = None
        self._woken_at = 0.0
        self._away_since: float | None = None
        self._newest = 0
        self.size = 0
        """As it was when followers were woken last, the same for all of them."""
        self.closed = False

    @property
    def away_seconds(self) -> float:
        """For how long the database has not answered; 0 while it does."""
        return 0.0 if self._away_since is None else self._loop.time() - self._away_since

    @contextmanager
    def followed(self) -> Iterator[None]:
        """While somebody follows, other processes are listened to."""
        self._followers += 1
        if self._listening is None:
            self._listening = self._loop.create_task(self._listen())
        try:
            yield
        finally:
            self._followers -= 1
            if self._followers == 0:
                self._stop_listening()

    def announce(self, size: int) -> None:
        """From any thread: this process has committed up to size."""
        if self._followers and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.take, size)

    def take(self, size: int) -> None:
        """On the loop: the ledger has this size at least."""
        if size > self._newest:
            self._newest = size
            if self._waking is None:
                gather = min(GATHER_SECONDS + self._followers * GATHER_SECONDS_EACH, MAX_GATHER_SECONDS)
                self._waking = self._loop.call_at(self._woken_at + gather, self._wake)

    async def wait_beyond(self, size: int, seconds: float) -> None:
        """Waits until the ledger is larger than size or the service stops, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.size <= size and not self.closed:
                    await self._grown.wait()

    def close(self) -> None:
        """Wakes everybody for the last time."""
        self.closed = True
        self._stop_listening()
        self._grown.set()

    def _wake(self) -> None:
        self._waking, self._woken_at, self.size = None, self._loop.time(), self._newest
        self._grown.set()
        if not self.closed:
            self._grown = asyncio.Event()

    async def _listen(self) -> None:
        """A connection that is lost is replaced. The first size of each is read once it listens, so that what was
        committed meanwhile is known; until then the head is looked at."""
        while True:
            try:
                async with aclosing(self._hear()) as sizes:
                    async for size in sizes:
                        self._heard(size)
            except Exception as error:
                if self._away_since is None:
                    log.warning("other processes are not heard: %s", str(error).strip())
                    self._away_since = self._loop.time()
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(psycopg.Error):
                self._heard(await self._look())

    def _heard(self, size: int) -> None:
        self._away_since = None
        self.take(size)

    def _stop_listening(self) -> None:
        listening, self._listening, self._away_since = self._listening, None, None
        if listening is not None:
            listening.cancel()
