"""Replays as streams of messages. A page at a time is read and sent, so a slow client costs one page of memory;
every message tells how far it has looked."""

from collections.abc import AsyncIterator
from typing import Any

from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1 import records_pb2
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.api.messages import record_to_proto
from ledger.persistence.history import History, HistoryFilter


class Replaying:
    """Reads one ledger on behalf of one call."""

    def __init__(
        self, ledgers: Ledgers, ledger: OpenLedger, chosen: HistoryFilter, view: int, batch_size: int
    ) -> None:
        self._ledgers = ledgers
        self._ledger = ledger
        self._view = view
        self._batch_size = batch_size
        self._history = History(ledger.log, chosen, raw=view == records_pb2.EVENT_VIEW_RAW)

    async def replay(self, first: int, last: int) -> AsyncIterator[pb.ReplayHistoryResponse]:
        """The history from first to last, ending at the head as it was found; 0 stands for first and head."""
        head = await self._ledgers.run(self._ledger.read_head)
        last = min(last, head) if last else head
        after, through = await self._ledgers.run(self._bounds, max(first, 1) - 1, last)
        told = 0
        while after < through:
            events, looked = await self._ledgers.run(self._page, after, through)
            told = after = max(looked, after)
            yield pb.ReplayHistoryResponse(events=events, through_position=after, head_position=head)
        if told < last or last == 0:
            # Also where nothing fits, and beyond what a window of time has cut off.
            yield pb.ReplayHistoryResponse(through_position=last, head_position=head)

    def _bounds(self, after: int, through: int) -> tuple[int, int]:
        with self._ledger.recorder.pool.connection() as connection:
            return self._history.bounds(connection, after, through)

    def _page(self, after: int, through: int) -> tuple[list[Any], int]:
        with self._ledger.recorder.pool.connection() as connection:
            page = self._history.page(connection, after, through, self._batch_size)
        return [record_to_proto(record, self._view) for record in page.records], page.through
