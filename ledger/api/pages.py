"""Pages that several subscriptions read at once: whoever stands at the same place and asks for the same gets the
page that was read for the first. It keeps few, and for a moment: what is redacted must not live on here."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from incident.ledger.v1 import ledger_service_pb2 as pb

KEEP_SECONDS = 1.0
MAX_PAGES = 16


@dataclass(frozen=True)
class FreshPage:
    """A batch to send, or none, and the position up to which everything has been looked at."""

    message: pb.SubscribeResponse | None
    last: int
    """The position of the batch's last event."""
    through: int


class SharedPages:
    """The pages of one ledger that are being read or were just read, on the event loop."""

    def __init__(self) -> None:
        self._pages: dict[Hashable, asyncio.Task[FreshPage]] = {}

    def get(self, key: Hashable, read: Callable[[], Awaitable[FreshPage]]) -> asyncio.Task[FreshPage]:
        """The page of a key, read now unless somebody has just read it. It is to be waited for, not cancelled."""
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = asyncio.ensure_future(read())
            page.add_done_callback(lambda done: self._keep(key, done))
            if len(self._pages) > MAX_PAGES:
                del self._pages[next(iter(self._pages))]
        return page

    def forget(self) -> None:
        """Whoever asks from now on gets a page that is read from now on: something was redacted."""
        self._pages.clear()

    def _keep(self, key: Hashable, page: asyncio.Task[FreshPage]) -> None:
        if page.cancelled() or page.exception() is not None:
            self._drop(key, page)
        else:
            page.get_loop().call_later(KEEP_SECONDS, self._drop, key, page)

    def _drop(self, key: Hashable, page: asyncio.Task[FreshPage]) -> None:
        if self._pages.get(key) is page:
            del self._pages[key]
