"""The append stream: reports travel in batches, each is acknowledged by itself and in the order sent. The next
batch is read while the previous one is being committed; a bounded number is under way."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable

from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1 import records_pb2
from ledger.api.appending import Appending, read
from ledger.api.requests import DEFAULT_SECONDS
from ledger.api.statuses import status_of
from ledger.errors import InvalidRequestError, Violation

MAX_BATCHES_UNDER_WAY = 4
MAX_REPORTS_IN_BATCH = 1_000

Batch = list[Awaitable[pb.AppendOutcome]]


class AppendStream:
    """One call of AppendReports."""

    def __init__(self, appending: Appending) -> None:
        self._appending = appending
        self._queued: list[asyncio.Task[records_pb2.Receipt]] = []

    async def outcomes(
        self, batches: AsyncIterator[pb.AppendReportsRequest]
    ) -> AsyncIterator[pb.AppendReportsResponse]:
        """Outcomes, one message for each batch."""
        under_way: asyncio.Queue[Batch | None] = asyncio.Queue(MAX_BATCHES_UNDER_WAY)
        reader = asyncio.create_task(self._take_all(batches, under_way))
        try:
            while (batch := await under_way.get()) is not None:
                yield pb.AppendReportsResponse(outcomes=[await outcome for outcome in batch])
            await reader  # raises what ended the reading, after all that was read before it is answered
        finally:
            reader.cancel()

    async def _take_all(
        self, batches: AsyncIterator[pb.AppendReportsRequest], under_way: asyncio.Queue[Batch | None]
    ) -> None:
        try:
            async for batch in batches:
                if len(batch.reports) > MAX_REPORTS_IN_BATCH:
                    sentence = f"are {len(batch.reports)}, more than {MAX_REPORTS_IN_BATCH}; send smaller batches"
                    raise InvalidRequestError([Violation("reports", sentence)])
                await under_way.put([await self._begun(request) for request in batch.reports])
        finally:
            await under_way.put(None)

    async def _begun(self, request: pb.AppendReportRequest) -> asyncio.Task[pb.AppendOutcome]:
        """Queues one report; what it comes to is told by the task."""
        try:
            sent = read(request)
            if sent.acts:  # acts see what was sent before them
                await asyncio.gather(*self._queued, return_exceptions=True)
                receipt = asyncio.ensure_future(self._appending.append(sent, DEFAULT_SECONDS))
                await asyncio.wait([receipt])
            else:
                deadline = time.monotonic() + DEFAULT_SECONDS
                submission = await self._appending.submit_when_room(sent, deadline)
                receipt = asyncio.ensure_future(self._appending.receipt(submission, DEFAULT_SECONDS))
        except Exception as error:
            return asyncio.ensure_future(_failed(request.report.report_id, error))
        self._queued = [task for task in self._queued if not task.done()] + [receipt]
        return asyncio.ensure_future(_outcome(request.report.report_id, receipt))


async def _outcome(report_id: str, receipt: Awaitable[records_pb2.Receipt]) -> pb.AppendOutcome:
    try:
        return pb.AppendOutcome(report_id=report_id, receipt=await receipt)
    except Exception as error:
        return await _failed(report_id, error)


async def _failed(report_id: str, error: Exception) -> pb.AppendOutcome:
    status = status_of(error)
    failure = pb.AppendFailure(code=status.code, message=status.message, status=status.SerializeToString())
    return pb.AppendOutcome(report_id=report_id, failure=failure)
