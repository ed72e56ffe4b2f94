"""Appends as calls see them: reports in, receipts or statuses out. Claims go straight to the writer lane; a report
with acts is decided in a thread, because that reads the record. Nothing is acknowledged before it is durable."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from incident.ledger.v1 import ledger_service_pb2, records_pb2
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.api.mailbox import LoopAnswer, Mailbox
from ledger.api.messages import reports_from_proto, timestamp_parts
from ledger.api.requests import expected_revisions
from ledger.application import Sending, Submission
from ledger.domain.acts import PayloadRedacted
from ledger.domain.reports import Report
from ledger.errors import InvalidRequestError, LedgerError, UnavailableError, Violation
from ledger.persistence.answers import refuse
from ledger.persistence.lane import full_queue
from ledger.persistence.records import Appended, AppendRequest
from ledger.settings import Limits

Item = TypeVar("Item")
Made = TypeVar("Made")

ROOM_PAUSE_SECONDS = 0.01
"""How long a stream waits for room in a full queue before it looks again."""


class Sent(NamedTuple):
    """A report as a client sent it, read and validated."""

    report: Report
    expected: Mapping[str, int]


class Letter(NamedTuple):
    """A report without acts, and where its receipt goes."""

    sent: Sent
    deadline: float
    receipt: records_pb2.Receipt
    settled: Callable[[BaseException | None], None]
    """Told when the receipt is written, or why there is none."""
    client: str
    """What the client calls itself."""


def read(requests: Sequence[ledger_service_pb2.AppendReportRequest], limits: Limits) -> list[Sent | Exception]:
    """Validates requests; those that do not hold give an error with every violation by its path."""
    expected = [_expected(request, limits) for request in requests]
    whole = [
        request.report
        for request, each in zip(requests, expected, strict=True)
        if not isinstance(each, LedgerError)
    ]
    reports = iter(_together(reports_from_proto, whole))
    return [each if isinstance(each, LedgerError) else _sent(next(reports), each) for each in expected]


def _sent(report: Report | Exception, expected: Mapping[str, int]) -> Sent | Exception:
    return report if isinstance(report, Exception) else Sent(report, expected)


def _together(
    work: Callable[[Sequence[Item]], Sequence[Made]], items: Sequence[Item]
) -> Sequence[Made | Exception]:
    """Does something for all items in one go; where that raises, one by one, so that only the guilty one fails."""
    try:
        return work(items)
    except Exception as error:
        if len(items) == 1:
            return [error]
        return [made for item in items for made in _together(work, [item])]


def _expected(request: ledger_service_pb2.AppendReportRequest, limits: Limits) -> Mapping[str, int] | LedgerError:
    """The revisions that a request relies on; an error where it does not hold, whatever its report says."""
    if not request.HasField("report"):
        return InvalidRequestError([Violation("report", "is missing; send the report to append")])
    size, claims = request.report.ByteSize(), len(request.report.claims)
    if size > limits.max_report_bytes:
        return too_large("report", size, "bytes", "LEDGER_MAX_REPORT_BYTES", limits.max_report_bytes)
    if claims > limits.max_report_claims:
        return too_large("report.claims", claims, "claims", "LEDGER_MAX_REPORT_CLAIMS", limits.max_report_claims)
    try:
        return expected_revisions(request.expected) if request.expected else {}
    except InvalidRequestError as error:
        return error


def too_large(field: str, size: int, of: str, setting: str, most: int) -> InvalidRequestError:
    """What is said of something beyond a bound."""
    return InvalidRequestError(
        [Violation(field, f"{size:,} {of} exceed {setting}, {most:,}; split it into several")]
    )


class _Slip(LoopAnswer):
    """Writes the receipt of one report when the answer comes."""

    __slots__ = ("_letter", "_write", "submission")

    def __init__(
        self,
        mailbox: Mailbox,
        write: Callable[[records_pb2.Receipt, Submission, Appended], None],
        letter: Letter,
    ) -> None:
        super().__init__(mailbox)
        self._write = write
        self._letter = letter
        self.submission: Submission | None = None

    def delivered(self, outcome: Appended | BaseException) -> None:
        """Says what came of the report."""
        # Its request holds this in turn: without letting go, only the collector of cycles would free them.
        submission, self.submission = self.submission, None
        if isinstance(outcome, BaseException):
            self._letter.settled(outcome)
        elif submission is not None:
            self._write(self._letter.receipt, submission, outcome)
            self._letter.settled(None)


class Appending:
    """Appends to one open ledger on behalf of one recorder (the principal who calls)."""

    def __init__(self, ledgers: Ledgers, ledger: OpenLedger, recorder: str) -> None:
        self.limits = ledgers.limits
        self._ledgers = ledgers
        self._application = ledger.application
        self._lane = ledger.recorder.lane
        self._mailbox = ledger.mailbox
        self._pages = ledger.pages
        self._recorder = recorder

    async def append(self, sent: Sent, seconds: float, receipt: records_pb2.Receipt, client: str) -> None:
        """Appends one report, also one with acts, and writes its receipt."""
        appended, submission = await self._ledgers.run(
            self._application.append_report, sent.report, sent.expected, self._recorder, seconds, client
        )
        if any(isinstance(item, PayloadRedacted) for item in sent.report.claims):
            # What is not recorded of it now is recorded by the next redaction, or at the next start.
            await self._ledgers.run(self._ledgers.administration.erased, self._application.ledger)
        self._write(receipt, submission, appended)

    def prepared(self, letters: Sequence[Letter]) -> list[AppendRequest]:
        """Reports as requests for the lane. Once one is durable its receipt is written, on the event loop. One that
        cannot be prepared is settled at once."""
        slips = [_Slip(self._mailbox, self._write, letter) for letter in letters]
        sendings = [
            Sending(*letter.sent, letter.deadline, slip, letter.client)
            for letter, slip in zip(letters, slips, strict=True)
        ]
        requests = []
        for slip, submission in zip(slips, _together(self._prepare, sendings), strict=True):
            if isinstance(submission, Exception):
                slip.delivered(submission)
            else:
                slip.submission = submission
                requests.append(submission.request)
        return requests

    def _prepare(self, sendings: Sequence[Sending]) -> Sequence[Submission]:
        return self._application.prepare(sendings, self._recorder)

    def has_room(self) -> bool:
        """Whether the queue takes anything at all: what is refused anyway need not be read first."""
        return self._lane.has_room()

    def queue(self, requests: Sequence[AppendRequest]) -> None:
        """Queues requests; those for which there is no room are refused."""
        refuse(self._queued(requests), full_queue())

    async def queue_when_room(self, requests: Sequence[AppendRequest]) -> None:
        """Queues requests of a stream: a full queue slows the stream down instead of refusing them."""
        while left := self._queued(requests, streamed=True):
            if time.monotonic() > left[0].deadline:
                return refuse(left, full_queue())
            await asyncio.sleep(ROOM_PAUSE_SECONDS)
            requests = left

    def _queued(self, requests: Sequence[AppendRequest], *, streamed: bool = False) -> Sequence[AppendRequest]:
        """Those that are left, where there is no room for all."""
        try:
            return requests[self._lane.submit_all(requests, streamed=streamed) :]
        except UnavailableError as error:
            refuse(requests, error)
            return ()

    def _write(self, receipt: records_pb2.Receipt, submission: Submission, appended: Appended) -> None:
        """Fills a receipt in place: a message that is put into another is copied."""
        if submission.request.decided and any(each.redacts is not None for each in submission.request.events):
            self._pages.forget()
        receipt.ledger = self._application.ledger
        receipt.report_id = submission.request.report_id
        receipt.already_recorded = appended.already_recorded
        receipt.tree_size = appended.tree_size
        receipt.content_digest = submission.request.content_digest
        receipt.root_hash = appended.root
        receipt.recorded_at.seconds, receipt.recorded_at.nanos = timestamp_parts(appended.recorded_at)
        for placed in appended.events:
            receipt.events.add(
                event_id=placed.event_id,
                type=placed.type,
                stream=placed.stream,
                revision=placed.revision,
                position=placed.position,
                leaf_hash=placed.leaf,
            )
        for notice in self._application.notices(submission, appended):
            receipt.notices.add(field=notice.field, reason=notice.reason, description=notice.description)
