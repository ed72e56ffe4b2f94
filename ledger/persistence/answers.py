"""How the writer lane answers: a receipt, the first receipt again, or why not. A request is answered once."""

from collections.abc import Sequence
from concurrent.futures import InvalidStateError
from contextlib import suppress

from ledger.domain.reports import ReportFiled, event_from_payload
from ledger.errors import ReportConflictError
from ledger.persistence.records import Appended, AppendRequest, Placed, RawRecord


def resolve(request: AppendRequest, appended: Appended) -> None:
    """Answers a request; one whose caller has gone is not told."""
    try:  # noqa: SIM105 - a context manager would cost as much as the answer
        request.answer.set_result(appended)
    except InvalidStateError:
        pass


def refuse(requests: Sequence[AppendRequest], error: BaseException) -> None:
    """Answers requests with an error."""
    for request in requests:
        with suppress(InvalidStateError):
            request.answer.set_exception(error)


def already_recorded(records: Sequence[RawRecord], size: int, root: bytes, missing: frozenset[str]) -> Appended:
    """The first receipt again."""
    placed = tuple(
        Placed(str(each.event_id), each.topic, each.stream, each.originator_version, each.position, each.leaf)
        for each in records
    )
    return Appended(placed, records[0].recorded_at, size, root, missing, already_recorded=True)


def conflict(request: AppendRequest, filed: RawRecord) -> ReportConflictError:
    """The report id is taken by other content: both digests, as far as the recorded one is not redacted."""
    event = None if filed.redacted else event_from_payload(filed.topic, filed.state)
    recorded = event.content_digest if isinstance(event, ReportFiled) else None
    return ReportConflictError(
        report_id=request.report_id,
        recorded_digest=recorded or "redacted",
        sent_digest=request.content_digest,
    )
