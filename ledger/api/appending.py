"""Appends as calls see them: reports in, receipts or statuses out. Claims go straight to the writer lane; a report
with acts is decided in a thread, because that reads the record. Nothing is acknowledged before it is durable."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from incident.ledger.v1 import ledger_service_pb2, records_pb2
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.api.mailbox import LoopAnswer
from ledger.api.messages import report_from_proto
from ledger.api.requests import expected_revisions
from ledger.application import Submission
from ledger.domain.reports import DECIDED_TYPES, Report
from ledger.errors import InvalidRequestError, UnavailableError, UnimplementedError, Violation
from ledger.persistence.answers import refuse
from ledger.persistence.lane import full_queue
from ledger.persistence.records import Appended, AppendRequest

MAX_REPORT_BYTES = 1024 * 1024
ROOM_PAUSE_SECONDS = 0.01
"""How long a stream waits for room in a full queue before it looks again."""

Settled = Callable[[BaseException | None], None]
"""Told of a report that is recorded, or why it is not."""


class Sent(NamedTuple):
    """A report as a client sent it, read and validated."""

    report: Report
    expected: Mapping[str, int]

    @property
    def acts(self) -> bool:
        """Whether it holds acts of the record, which depend on what is recorded."""
        return not DECIDED_TYPES.isdisjoint([item.type for item in self.report.claims])


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
    expected = expected_revisions(request.expected) if request.expected else {}
    return Sent(report_from_proto(request.report), expected)


class Appending:
    """Appends to one open ledger on behalf of one recorder (the principal who calls)."""

    def __init__(self, ledgers: Ledgers, ledger: OpenLedger, recorder: str) -> None:
        self._ledgers = ledgers
        self._application = ledger.application
        self._lane = ledger.recorder.lane
        self._mailbox = ledger.mailbox
        self._recorder = recorder

    async def append(self, sent: Sent, seconds: float, receipt: records_pb2.Receipt) -> None:
        """Appends one report, also one with acts, and writes its receipt."""
        appended, submission = await self._ledgers.run(
            self._application.append_report, sent.report, sent.expected, self._recorder, seconds
        )
        self._write(receipt, submission, appended)

    def prepared(
        self, sent: Sent, deadline: float, receipt: records_pb2.Receipt, settled: Settled
    ) -> AppendRequest:
        """A report without acts as a request for the lane. Once it is durable its receipt is written, on the event
        loop; then, or when it is refused, `settled` is called."""

        def deliver(done: Appended | BaseException) -> None:
            if isinstance(done, BaseException):
                settled(done)
            else:
                self._write(receipt, submission, done)
                settled(None)

        answer = LoopAnswer(self._mailbox, deliver)
        submission = self._application.prepare(sent.report, sent.expected, self._recorder, deadline, answer)
        return submission.request

    def queue(self, requests: Sequence[AppendRequest]) -> None:
        """Queues requests; those for which there is no room are refused."""
        refuse(self._queued(requests), full_queue())

    async def queue_when_room(self, requests: Sequence[AppendRequest]) -> None:
        """Queues requests of a stream: a full queue slows the stream down instead of refusing them."""
        while left := self._queued(requests):
            if time.monotonic() > left[0].deadline:
                return refuse(left, full_queue())
            await asyncio.sleep(ROOM_PAUSE_SECONDS)
            requests = left

    def _queued(self, requests: Sequence[AppendRequest]) -> Sequence[AppendRequest]:
        """Those that are left, where there is no room for all."""
        try:
            return requests[self._lane.submit_all(requests) :]
        except UnavailableError as error:
            refuse(requests, error)
            return ()

    def _write(self, receipt: records_pb2.Receipt, submission: Submission, appended: Appended) -> None:
        """Fills a receipt in place: a message that is put into another is copied."""
        receipt.ledger = self._application.ledger
        receipt.report_id = submission.request.report_id
        receipt.already_recorded = appended.already_recorded
        receipt.tree_size = appended.tree_size
        receipt.content_digest = submission.request.content_digest
        receipt.root_hash = appended.root
        receipt.recorded_at.FromDatetime(appended.recorded_at)
        for placed in appended.events:
            receipt.events.add(
                event_id=str(placed.event_id),
                type=placed.type,
                stream=placed.stream,
                revision=placed.revision,
                position=placed.position,
                leaf_hash=placed.leaf,
            )
        for notice in self._application.notices(submission, appended):
            receipt.notices.add(field=notice.field, reason=notice.reason, description=notice.description)
