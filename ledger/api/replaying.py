"""Replays as streams of messages that are bytes already: the database encodes the RAW view, a thread all else.
The next pages are read while one is sent, so a slow client costs three pages of memory, and no connection."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass

from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1 import records_pb2
from ledger.api.fields import Plain
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.api.messages import event_fields, record_fields
from ledger.persistence.history import History, HistoryFilter
from ledger.persistence.log import RUN, Connection, Run

PAGE = 2_048
"""Events that are read at once where the database encodes them; each is small."""
AHEAD = 2
"""Pages under way where it is known in advance where each begins: the database need not wait for the service."""
MESSAGE_BYTES = 1024 * 1024
"""A message that is as large ends, whatever the number of its events."""


@dataclass(frozen=True)
class Page:
    """Messages that are ready to be sent, and the position that they reach."""

    messages: list[bytes]
    through: int


class Replaying:
    """Replays one ledger on behalf of one call."""

    def __init__(
        self, ledgers: Ledgers, ledger: OpenLedger, chosen: HistoryFilter, view: int, batch_size: int
    ) -> None:
        self._ledgers = ledgers
        self._ledger = ledger
        self._view = view
        self._batch_size = batch_size
        raw = view == records_pb2.EVENT_VIEW_RAW
        self._encoded_by_database = raw and chosen.passes_all
        self._plain = not raw and chosen.passes_all
        self._history = History(ledger.log, chosen)
        self._head = 0

    async def replay(self, first: int, last: int) -> AsyncGenerator[bytes]:
        """The history from first to last, ending at the head as it was found; 0 stands for first and head."""
        self._head = await self._ledgers.run(self._ledger.read_head)
        last = min(last, self._head) if last else self._head
        told = 0
        async with aclosing(self._pages(max(first, 1) - 1, last)) as pages:
            async for page in pages:
                for message in page.messages:
                    yield message
                told = page.through
        if told < last or last == 0:
            # Also where nothing fits, and beyond what a window of time has cut off.
            yield self._end_of_message(last)

    async def _pages(self, after: int, through: int) -> AsyncGenerator[Page]:
        after, through = await self._ledgers.run(self._bounds, after, through)
        ahead = deque[asyncio.Task[Page]]()
        try:
            while after < through:
                page = await (ahead.popleft() if ahead else self._coming(after, through))
                whole = page.through == after + PAGE and self._encoded_by_database
                after = page.through
                if not whole:
                    _cancel(ahead)  # they begin where a whole page would have ended
                starts = range(after + PAGE * len(ahead), through, PAGE)
                wanted = (AHEAD if whole else 1) - len(ahead)
                ahead.extend(self._coming(start, through) for start in starts[:wanted])
                yield page
        finally:
            _cancel(ahead)

    def _coming(self, after: int, through: int) -> asyncio.Task[Page]:
        return asyncio.create_task(self._ledgers.run(self._page, after, through))

    def _bounds(self, after: int, through: int) -> tuple[int, int]:
        with self._ledger.reading() as connection:
            return self._history.bounds(connection, after, through)

    def _page(self, after: int, through: int) -> Page:
        with self._ledger.reading() as connection:
            page = self._encoded(connection, after, through) if self._encoded_by_database else None
            if page is not None:
                return page
            if self._plain:
                rows = self._ledger.log.plain(connection, after, through, self._batch_size)
            else:
                found = self._history.page(connection, after, through, self._batch_size)
        if self._plain:
            return self._made((event_fields(*row) for row in rows), rows[-1][0])
        return self._made((record_fields(record, self._view) for record in found.records), found.through)

    def _made(self, events: Iterable[Plain], through: int) -> Page:
        message = pb.ReplayHistoryResponse(through_position=through, head_position=self._head)
        for fields in events:
            # One after the other: thousands of dicts at once would take more memory than the message.
            message.events.add(**fields)
        return Page([message.SerializeToString()], through)

    def _encoded(self, connection: Connection, after: int, through: int) -> Page | None:
        """A page that the database encodes; none where the next events have to be read."""
        size = min(RUN, self._batch_size)
        runs = self._ledger.log.encoded(connection, after, min(through, after + PAGE), size)
        if not runs:
            return None
        messages = []
        gathered: list[Run] = []
        for run in runs:
            gathered.append(run)
            if (
                run.last + size - gathered[0].first >= self._batch_size
                or sum(len(each.encoded) for each in gathered) >= MESSAGE_BYTES
            ):
                messages.append(self._message(gathered))
                gathered = []
        if gathered:
            messages.append(self._message(gathered))
        return Page(messages, runs[-1].last)

    def _message(self, runs: list[Run]) -> bytes:
        """Parts of a message that follow each other are a message."""
        return b"".join((*(run.encoded for run in runs), self._end_of_message(runs[-1].last)))

    def _end_of_message(self, through: int) -> bytes:
        return pb.ReplayHistoryResponse(through_position=through, head_position=self._head).SerializeToString()


def _cancel(pages: deque[asyncio.Task[Page]]) -> None:
    while pages:
        pages.pop().cancel()
