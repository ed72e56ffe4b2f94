"""The append stream: reports travel in batches, each is acknowledged by itself and in the order sent. The next
batch is read while the previous one is being committed; a bounded number is under way."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1.records_pb2 import APPEND_WAIT_CHECKPOINTED
from ledger.api.appending import Appending, Letter, Sent, read, too_large
from ledger.api.requests import DEFAULT_SECONDS
from ledger.api.statuses import status_of
from ledger.errors import LedgerError
from ledger.persistence.signing import Issued

MAX_BATCHES_UNDER_WAY = 32
MAX_BYTES_UNDER_WAY = 2 * 1024 * 1024
"""Read and not answered, of one stream: enough for the reading and the committing never to wait for each other."""

Covering = Callable[[int], Awaitable[Issued]]
"""A checkpoint of so many events."""


class Batch:
    """The reports of one message, and what comes of them."""

    def __init__(self, sent: pb.AppendReportsRequest) -> None:
        self._answer = pb.AppendReportsResponse()
        self.size = sent.ByteSize()
        self._checkpointed = any(each.wait == APPEND_WAIT_CHECKPOINTED for each in sent.reports)
        self.outcomes = [self._answer.outcomes.add(report_id=each.report.report_id) for each in sent.reports]
        self._left = len(self.outcomes)
        self._settled = asyncio.Event()
        if not self._left:
            self._settled.set()

    def settle(self, index: int, error: BaseException | None) -> None:
        """A report is recorded, its receipt in its outcome, or it is not."""
        if isinstance(error, Exception):
            status = status_of(error)
            failure = self.outcomes[index].failure
            failure.code, failure.message, failure.status = status.code, status.message, status.SerializeToString()
        self._left -= 1
        if not self._left:
            self._settled.set()

    async def answer(self) -> pb.AppendReportsResponse:
        """All outcomes, once each is known."""
        await self._settled.wait()
        return self._answer

    async def sign(self, covering: Covering) -> None:
        """Add a checkpoint of what is recorded, where one was asked for."""
        if self._checkpointed and (size := max(each.receipt.tree_size for each in self.outcomes)):
            self._answer.checkpoint = (await covering(size)).note


class AppendStream:
    """One call of AppendReports."""

    def __init__(self, appending: Appending, covering: Covering, client: str = "") -> None:
        self._appending = appending
        self._covering = covering
        self._client = client
        self._unsettled = 0
        self._all_settled = asyncio.Event()
        self._bytes_under_way = 0
        self._room = asyncio.Event()

    async def outcomes(
        self, batches: AsyncIterator[pb.AppendReportsRequest]
    ) -> AsyncIterator[pb.AppendReportsResponse]:
        """Outcomes, one message for each batch."""
        under_way: asyncio.Queue[Batch | None] = asyncio.Queue(MAX_BATCHES_UNDER_WAY)
        reader = asyncio.create_task(self._take_all(batches, under_way))
        try:
            while (batch := await under_way.get()) is not None:
                answer = await batch.answer()
                try:
                    await batch.sign(self._covering)
                except LedgerError:
                    yield answer  # what is recorded is told in any case
                    raise
                yield answer
                self._bytes_under_way -= batch.size
                self._room.set()
            await reader  # raises what ended the reading, after all that was read before it is answered
        finally:
            reader.cancel()
            while not under_way.empty():  # with room for its last word, it ends
                under_way.get_nowait()

    async def _take_all(
        self, batches: AsyncIterator[pb.AppendReportsRequest], under_way: asyncio.Queue[Batch | None]
    ) -> None:
        try:
            async for sent in batches:
                most, size = self._appending.limits.max_batch_reports, len(sent.reports)
                if size > most:
                    raise too_large("reports", size, "reports", "LEDGER_MAX_BATCH_REPORTS", most)
                batch = Batch(sent)
                await self._begin(batch, sent.reports)
                await under_way.put(batch)
                self._bytes_under_way += batch.size
                while self._bytes_under_way > MAX_BYTES_UNDER_WAY:
                    self._room.clear()
                    await self._room.wait()
        finally:
            await under_way.put(None)

    async def _begin(self, batch: Batch, reports: Sequence[pb.AppendReportRequest]) -> None:
        """Queues the reports of a batch together; what each comes to is told to the batch."""
        letters: list[Letter] = []
        deadline = time.monotonic() + DEFAULT_SECONDS
        for index, sent in enumerate(read(reports, self._appending.limits)):
            if isinstance(sent, Exception):
                batch.settle(index, sent)
            elif sent.report.acts:  # acts see what was sent before them
                await self._queue(letters)
                letters = []
                await self._act(batch, index, sent)
            else:
                settled = partial(self._settled, batch, index)
                letters.append(Letter(sent, deadline, batch.outcomes[index].receipt, settled, self._client))
        await self._queue(letters)

    async def _queue(self, letters: Sequence[Letter]) -> None:
        self._unsettled += len(letters)
        await self._appending.queue_when_room(self._appending.prepared(letters))

    def _settled(self, batch: Batch, index: int, error: BaseException | None) -> None:
        batch.settle(index, error)
        self._unsettled -= 1
        if not self._unsettled:
            self._all_settled.set()

    async def _act(self, batch: Batch, index: int, sent: Sent) -> None:
        while self._unsettled:
            self._all_settled.clear()
            await self._all_settled.wait()
        try:
            await self._appending.append(sent, DEFAULT_SECONDS, batch.outcomes[index].receipt, self._client)
        except Exception as error:
            batch.settle(index, error)
        else:
            batch.settle(index, None)
