"""Appends as calls see them: reports in, receipts or statuses out. Claims go straight to the writer lane; a report
with acts is decided in a thread, because that reads the record. Nothing is acknowledged before it is durable."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from incident.ledger.v1 import ledger_service_pb2, records_pb2
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.api.messages import report_from_proto, timestamp_to_proto
from ledger.api.requests import expected_revisions
from ledger.application import Submission
from ledger.domain.actors import ActorRegistered
from ledger.domain.claim import Claim
from ledger.domain.reports import Report
from ledger.errors import DeadlineError, InvalidRequestError, OverloadedError, UnimplementedError, Violation
from ledger.persistence.records import Appended

MAX_REPORT_BYTES = 1024 * 1024
ROOM_PAUSE_SECONDS = 0.01
"""How long a stream waits for room in a full queue before it looks again."""
GRACE_SECONDS = 0.5
"""The lane answers at the deadline itself; this is for the answer to arrive."""


@dataclass(frozen=True)
class Sent:
    """A report as a client sent it, read and validated."""

    report: Report
    expected: Mapping[str, int]

    @property
    def acts(self) -> bool:
        """Whether it holds acts of the record, which depend on what is recorded."""
        return not all(isinstance(item, Claim | ActorRegistered) for item in self.report.claims)


def read(request: ledger_service_pb2.AppendReportRequest) -> Sent:
    """Validates a request; raises with every violation by its path."""
    if not request.HasField("report"):
        raise InvalidRequestError([Violation("report", "is missing; send the report to append")])
    size = request.report.ByteSize()
    if size > MAX_REPORT_BYTES:
        sentence = f"is {size:,} bytes, more than {MAX_REPORT_BYTES:,}; split it into several reports"
        raise InvalidRequestError([Violation("report", sentence)])
    if request.wait == records_pb2.APPEND_WAIT_CHECKPOINTED:
        raise UnimplementedError(what="waiting for a signed checkpoint")
    expected = expected_revisions(request.expected)
    return Sent(report_from_proto(request.report), expected)


class Appending:
    """Appends to one open ledger on behalf of one recorder (the principal who calls)."""

    def __init__(self, ledgers: Ledgers, ledger: OpenLedger, recorder: str) -> None:
        self._ledgers = ledgers
        self._application = ledger.application
        self._recorder = recorder

    async def append(self, sent: Sent, seconds: float) -> records_pb2.Receipt:
        """Appends one report and answers with its receipt."""
        if sent.acts:
            return await self._append_in_thread(sent, seconds)
        submission = self._submit(sent, time.monotonic() + seconds)
        return await self.receipt(submission, seconds)

    async def submit_when_room(self, sent: Sent, deadline: float) -> Submission:
        """Queues a report of a stream: a full queue slows the stream down instead of refusing it."""
        while True:
            try:
                return self._submit(sent, deadline)
            except OverloadedError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(ROOM_PAUSE_SECONDS)

    async def receipt(self, submission: Submission, seconds: float) -> records_pb2.Receipt:
        """Waits for a submission to be durable."""
        try:
            async with asyncio.timeout(seconds + GRACE_SECONDS):
                appended = await asyncio.wrap_future(submission.request.answer)
        except TimeoutError:
            raise DeadlineError from None
        return self._receipt(submission, appended)

    def _submit(self, sent: Sent, deadline: float) -> Submission:
        return self._application.submit(sent.report, sent.expected, self._recorder, deadline)

    async def _append_in_thread(self, sent: Sent, seconds: float) -> records_pb2.Receipt:
        appended, submission = await self._ledgers.run(
            self._application.append_report, sent.report, sent.expected, self._recorder, seconds
        )
        return self._receipt(submission, appended)

    def _receipt(self, submission: Submission, appended: Appended) -> records_pb2.Receipt:
        events: list[Any] = [
            {
                "event_id": str(placed.event_id),
                "type": placed.type,
                "stream": placed.stream,
                "revision": placed.revision,
                "position": placed.position,
                "leaf_hash": placed.leaf,
            }
            for placed in appended.events
        ]
        notices: list[Any] = [
            {"field": notice.field, "reason": notice.reason, "description": notice.description}
            for notice in self._application.notices(submission, appended)
        ]
        return records_pb2.Receipt(
            ledger=self._application.ledger,
            report_id=submission.request.report_id,
            already_recorded=appended.already_recorded,
            events=events,
            recorded_at=timestamp_to_proto(appended.recorded_at),
            tree_size=appended.tree_size,
            content_digest=submission.request.content_digest,
            root_hash=appended.root,
            notices=notices,
        )
