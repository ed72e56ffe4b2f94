"""Subscriptions as streams of messages. A page at a time is read and sent, so a slow client costs one
page of memory; a subscription tells how far it has looked, and ends with where to resume."""

from collections.abc import AsyncIterator
from typing import Any

from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1 import records_pb2
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.api.messages import record_to_proto
from ledger.errors import NotPossibleError, UnavailableError
from ledger.persistence.history import History, HistoryFilter, Page
from ledger.persistence.log import LAST

HEARTBEAT_SECONDS = 5.0
FELL_BEHIND_EVENTS = 10_000
"""A live subscription that is so far behind the head is catching up again."""


class Following:
    """Reads one ledger on behalf of one call."""

    def __init__(
        self, ledgers: Ledgers, ledger: OpenLedger, chosen: HistoryFilter, view: int, batch_size: int
    ) -> None:
        self._ledgers = ledgers
        self._ledger = ledger
        self._view = view
        self._batch_size = batch_size
        self._history = History(ledger.log, chosen, raw=view == records_pb2.EVENT_VIEW_RAW)

    async def subscribe(self, after: int) -> AsyncIterator[pb.SubscribeResponse]:
        """Everything after a position, without end; UnavailableError tells where to resume."""
        head = await self._ledgers.run(self._ledger.read_head)
        if after > head:
            raise NotPossibleError(
                why=f"after_position is {after} and the ledger's head {head}; it is another record"
            )
        live, told = False, after
        while not self._ledger.heads.closed:
            events, looked = await self._ledgers.run(self._page, after, LAST)
            if looked > after:
                if live and await self._behind(looked):
                    live = False
                    yield pb.SubscribeResponse(fell_behind=pb.SubscribeResponse.FellBehind(position=after))
                after = looked
                if events:
                    yield pb.SubscribeResponse(batch=pb.SubscribeResponse.Batch(events=events))
                yield pb.SubscribeResponse(checkpoint=pb.SubscribeResponse.Checkpoint(position=after))
                continue
            if not live:
                live = True
                yield pb.SubscribeResponse(caught_up=pb.SubscribeResponse.CaughtUp(position=after))
            told = await self._ledger.heads.wait_beyond(after, HEARTBEAT_SECONDS)
            if told <= after and not self._ledger.heads.closed:
                yield pb.SubscribeResponse(heartbeat=pb.SubscribeResponse.Heartbeat(head=after))
        raise UnavailableError(why=f"it is stopping; subscribe again after position {after}", resume_after=after)

    async def _behind(self, position: int) -> bool:
        return await self._ledgers.run(self._ledger.read_head) - position > FELL_BEHIND_EVENTS

    def _page(self, after: int, through: int) -> tuple[list[Any], int]:
        with self._ledger.recorder.pool.connection() as connection:
            if through == LAST:
                through = self._ledger.log.head(connection).size
                lowest, through = self._history.bounds(connection, after, through)
                after = max(after, min(lowest, through))
            if through <= after:
                return [], after
            page: Page = self._history.page(connection, after, through, self._batch_size)
        return [record_to_proto(record, self._view) for record in page.records], page.through
