"""Tells those who follow a ledger that it has grown: commits of this process at once, those of others by one poll
for all followers, so that many subscriptions cost one query. It holds no events."""

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1


class Heads:
    """The newest known size of one ledger, on the event loop."""

    def __init__(self, read_head: Callable[[], int], loop: asyncio.AbstractEventLoop) -> None:
        self._read_head = read_head
        self._loop = loop
        self._size = 0
        self._grown = asyncio.Event()
        self._followers = 0
        self._poll: asyncio.Task[None] | None = None
        self.closed = False

    def announce(self, size: int) -> None:
        """From any thread: this process has committed up to size."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, size)

    async def wait_beyond(self, size: int, seconds: float) -> int:
        """Waits until the ledger is larger than size, at most so long; gives the newest known size."""
        self._followers += 1
        if self._poll is None:
            self._poll = self._loop.create_task(self._poll_others())
        try:
            async with asyncio.timeout(seconds):
                while self._size <= size and not self.closed:
                    await self._grown.wait()
        except TimeoutError:
            pass
        finally:
            self._followers -= 1
        return self._size

    def close(self) -> None:
        """Wakes everybody for the last time."""
        self.closed = True
        if self._poll is not None:
            self._poll.cancel()
        self._grown.set()

    def _take(self, size: int) -> None:
        if size > self._size:
            self._size = size
            self._grown.set()
            if not self.closed:
                self._grown = asyncio.Event()

    async def _poll_others(self) -> None:
        while not self.closed:
            await asyncio.sleep(POLL_SECONDS)
            if self._followers == 0:
                continue
            try:
                self._take(await asyncio.to_thread(self._read_head))
            except Exception as error:  # a poll that fails is tried again; the followers' reads tell of the fault
                log.warning("the head of a ledger could not be read: %s", error)
