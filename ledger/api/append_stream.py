"""The append stream: reports travel in batches, each is acknowledged by itself and in the order sent. The next
batch is read while the previous one is being committed; a bounded number is under way."""

import asyncio
import time
from collections.abc import AsyncIterator

from incident.ledger.v1 import ledger_service_pb2 as pb
from ledger.api.appending import Appending, Outcome, Sent, read
from ledger.api.requests import DEFAULT_SECONDS
from ledger.api.statuses import status_of
from ledger.errors import InvalidRequestError, Violation
from ledger.persistence.records import AppendRequest

MAX_BATCHES_UNDER_WAY = 4
MAX_REPORTS_IN_BATCH = 1_000


class Batch:
    """The reports of one message and what came of them."""

    def __init__(self, batch: pb.AppendReportsRequest) -> None:
        self._outcomes = [pb.AppendOutcome(report_id=request.report.report_id) for request in batch.reports]
        self._left = len(self._outcomes)
        self._settled = asyncio.Event()
        if not self._left:
            self._settled.set()

    def settle(self, index: int, done: Outcome) -> None:
        """What came of one report."""
        if isinstance(done, Exception):
            status = status_of(done)
            failure = pb.AppendFailure(code=status.code, message=status.message, status=status.SerializeToString())
            self._outcomes[index].failure.CopyFrom(failure)
        elif not isinstance(done, BaseException):
            self._outcomes[index].receipt.CopyFrom(done)
        self._left -= 1
        if not self._left:
            self._settled.set()

    async def answer(self) -> pb.AppendReportsResponse:
        """All outcomes, once each is known."""
        await self._settled.wait()
        return pb.AppendReportsResponse(outcomes=self._outcomes)


class AppendStream:
    """One call of AppendReports."""

    def __init__(self, appending: Appending) -> None:
        self._appending = appending
        self._unsettled = 0
        self._all_settled = asyncio.Event()

    async def outcomes(
        self, batches: AsyncIterator[pb.AppendReportsRequest]
    ) -> AsyncIterator[pb.AppendReportsResponse]:
        """Outcomes, one message for each batch."""
        under_way: asyncio.Queue[Batch | None] = asyncio.Queue(MAX_BATCHES_UNDER_WAY)
        reader = asyncio.create_task(self._take_all(batches, under_way))
        try:
            while (batch := await under_way.get()) is not None:
                yield await batch.answer()
            await reader  # raises what ended the reading, after all that was read before it is answered
        finally:
            reader.cancel()

    async def _take_all(
        self, batches: AsyncIterator[pb.AppendReportsRequest], under_way: asyncio.Queue[Batch | None]
    ) -> None:
        try:
            async for sent in batches:
                if len(sent.reports) > MAX_REPORTS_IN_BATCH:
                    sentence = f"are {len(sent.reports)}, more than {MAX_REPORTS_IN_BATCH}; send smaller batches"
                    raise InvalidRequestError([Violation("reports", sentence)])
                batch = Batch(sent)
                await self._begin(batch, sent)
                await under_way.put(batch)
        finally:
            await under_way.put(None)

    async def _begin(self, batch: Batch, sent: pb.AppendReportsRequest) -> None:
        """Queues the reports of a batch together; what each comes to is told to the batch."""
        requests: list[AppendRequest] = []
        for index, request in enumerate(sent.reports):
            try:
                report = read(request)
                if report.acts:  # acts see what was sent before them
                    await self._appending.queue_when_room(requests)
                    requests = []
                    await self._act(batch, index, report)
                else:
                    requests.append(self._prepared(batch, index, report))
            except Exception as error:
                batch.settle(index, error)
        await self._appending.queue_when_room(requests)

    def _prepared(self, batch: Batch, index: int, sent: Sent) -> AppendRequest:
        def answer(done: Outcome) -> None:
            batch.settle(index, done)
            self._unsettled -= 1
            if not self._unsettled:
                self._all_settled.set()

        request = self._appending.prepared(sent, time.monotonic() + DEFAULT_SECONDS, answer)
        self._unsettled += 1
        return request

    async def _act(self, batch: Batch, index: int, sent: Sent) -> None:
        while self._unsettled:
            self._all_settled.clear()
            await self._all_settled.wait()
        batch.settle(index, await self._appending.append(sent, DEFAULT_SECONDS))
