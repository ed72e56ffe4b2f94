"""Subscriptions: what is recorded after a position, and then what follows. They never go quiet, and none ends here
without telling where to resume. A page at a time is sent: a slow client costs one of memory, and is not dropped."""

import asyncio
from collections.abc import AsyncGenerator

from incident.ledger.v1 import ledger_service_pb2 as pb
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.api.messages import record_to_proto
from ledger.api.pages import FreshPage
from ledger.api.statuses import DATABASE_AWAY, known_error
from ledger.errors import NotPossibleError, PositionGapError, UnavailableError
from ledger.persistence.history import History, HistoryFilter
from ledger.persistence.log import Connection

HEARTBEAT_SECONDS = 5.0
CHECKPOINT_SECONDS = 1.0
"""How late a live subscription tells that it has looked at events which its filter leaves out."""
FELL_BEHIND_EVENTS = 10_000
"""A live subscription that is so far behind the head is catching up again."""
AWAY_SECONDS = 15.0
"""So long a subscription outlasts a database that is away: a restart, or the promotion of a standby."""
RETRY_SECONDS = 0.5
LOOK_SECONDS = 1.0
"""How often somebody who waits for a page looks whether the service stops or the database is away."""


class Following:
    """One subscription to one ledger."""

    def __init__(
        self, ledgers: Ledgers, ledger: OpenLedger, chosen: HistoryFilter, view: int, batch_size: int, after: int
    ) -> None:
        self._ledgers = ledgers
        self._ledger = ledger
        self._heads = ledger.heads
        self._asked = (chosen, view, batch_size)
        self._history = History(ledger.log, chosen)
        self._after = after
        """Everything up to here is sent, or left out by the filter."""
        self._told = after
        """What the client knows of that."""
        self._told_at = self._now()
        self._first_head = 0
        self._live = False
        self._reading: asyncio.Task[FreshPage] | None = None
        self._failing_since: float | None = None

    async def messages(self) -> AsyncGenerator[pb.SubscribeResponse, None]:
        """Messages without end. An error, also one that nobody foresaw, tells where to resume."""
        with self._heads.followed():
            try:
                self._first_head = await self._ledgers.run(self._ledger.read_head)
                self._refuse_another_record()
                while True:
                    for message in await self._next():
                        yield message
                        self._told_at = self._now()
            except NotPossibleError:
                raise
            except Exception as error:
                known = known_error(error)
                known.values["resume_after"] = self._after
                raise known from error

    async def _next(self) -> list[pb.SubscribeResponse]:
        """What is to be said next; nothing, now and then, so that the caller asks again."""
        self._end_if_due()
        if self._head > self._after:
            page = await self._page()
            return self._said_of(page) if page else self._said_meanwhile()
        if not self._live:
            self._live = True
            return [pb.SubscribeResponse(caught_up=pb.SubscribeResponse.CaughtUp(position=self._after))]
        silence = HEARTBEAT_SECONDS if self._told == self._after else CHECKPOINT_SECONDS
        await self._heads.wait_beyond(self._after, self._told_at + silence - self._now())
        return self._said_meanwhile()

    def _said_of(self, page: FreshPage) -> list[pb.SubscribeResponse]:
        said = []
        if self._live and self._head - page.through > FELL_BEHIND_EVENTS:
            self._live = False
            said.append(pb.SubscribeResponse(fell_behind=pb.SubscribeResponse.FellBehind(position=self._after)))
        self._after = page.through
        if page.message is not None:
            self._told = page.last
            said.append(page.message)
        if self._told < self._after and not self._live:
            said.append(self._checkpoint())
        return said or self._said_meanwhile()

    def _said_meanwhile(self) -> list[pb.SubscribeResponse]:
        silence = self._now() - self._told_at
        if self._told < self._after and silence >= CHECKPOINT_SECONDS:
            return [self._checkpoint()]
        if silence >= HEARTBEAT_SECONDS:
            return [pb.SubscribeResponse(heartbeat=pb.SubscribeResponse.Heartbeat(head=self._head))]
        return []

    def _checkpoint(self) -> pb.SubscribeResponse:
        self._told = self._after
        return pb.SubscribeResponse(checkpoint=pb.SubscribeResponse.Checkpoint(position=self._after))

    async def _page(self) -> FreshPage | None:
        """The next page; None while it is not there yet."""
        if self._reading is None:
            self._reading = self._ledger.pages.get((*self._asked, self._after), self._read)
        if not self._reading.done():
            await asyncio.wait([self._reading], timeout=LOOK_SECONDS)
        if not self._reading.done():
            return None
        reading, self._reading = self._reading, None
        try:
            page = reading.result()
        except (*DATABASE_AWAY, UnavailableError):
            self._failing_since = self._failing_since or self._now()
            await asyncio.sleep(RETRY_SECONDS)
            return None
        self._failing_since = None
        return page

    async def _read(self) -> FreshPage:
        return await self._ledgers.run(self._read_page, self._after, self._head)

    def _read_page(self, after: int, head: int) -> FreshPage:
        chosen, view, batch_size = self._asked
        with self._ledger.reading() as connection:
            try:
                page = self._history.page_of_window(connection, after, head, batch_size)
            except PositionGapError:
                self._require(connection, head)
                raise
            if not (page.records and chosen.passes_all):  # what is not there cannot be told from what is left out
                self._require(connection, page.through)
        if not page.records:
            return FreshPage(None, after, page.through)
        events = [record_to_proto(record, view) for record in page.records]
        message = pb.SubscribeResponse(batch=pb.SubscribeResponse.Batch(events=events))
        return FreshPage(message, page.records[-1].position, page.through)

    def _require(self, connection: Connection, size: int) -> None:
        """A database may have been set back behind what it told: then nothing must be taken for looked at."""
        if self._ledger.log.head(connection).size < size:
            raise UnavailableError(why="the database does not have what it has told")

    def _end_if_due(self) -> None:
        resume = f"subscribe again after position {self._after}"
        if self._heads.closed:
            raise UnavailableError(why=f"it is stopping; {resume}")
        failing = self._now() - self._failing_since if self._failing_since is not None else 0.0
        if max(failing, self._heads.away_seconds) > AWAY_SECONDS:
            raise UnavailableError(why=f"the database is away; {resume}")

    def _refuse_another_record(self) -> None:
        if self._after > self._first_head:
            heads = f"after_position is {self._after} and the ledger's head {self._first_head}"
            raise NotPossibleError(why=f"{heads}; it is another record")

    @property
    def _head(self) -> int:
        return max(self._first_head, self._heads.size)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
