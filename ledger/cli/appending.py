"""Sends checked reports and tells what was recorded. Files with faults are told and nothing is sent at all.
Sending the same files again is safe: what is recorded already is answered with its first receipt."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.rpc.status_pb2 import Status

from incident.ledger.v1 import ledger_service_pb2 as messages
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.api.messages import report_to_proto
from ledger.cli import failures, wording
from ledger.cli.report_files import ReportFile, read_report_files
from ledger.cli.session import Session
from ledger.cli.tables import print_json, print_table, table
from ledger.domain.reports import Report

MAX_BATCH_REPORTS = 64
MAX_BATCH_BYTES = 1024 * 1024
MAX_FAULTS_SHOWN = 50
MAX_ROWS_SHOWN = 40
MAX_NOTICES_SHOWN = 20


@dataclass
class Outcome:
    """What became of the reports that were sent."""

    receipts: list[Any] = field(default_factory=list)
    failed: list[Any] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when all are recorded."""
        codes = {failures.exit_code_of(_code_of(each.failure.code)) for each in self.failed}
        return min(codes, default=failures.OK)


def append_files(session: Session, names: Iterable[str], check_only: bool = False, rows: bool = True) -> int:
    """Checks all files first, then sends their reports; the exit code."""
    files = list(read_report_files(names))
    if _tell_faults(session, files):
        return failures.FAULTY_INPUT
    reports = [report for file in files for report in file.reports]
    if check_only:
        session.err.print(
            f"{_many(len(reports), 'report')} in {_many(len(files), 'file')}: no fault. Nothing sent."
        )
        return failures.OK
    outcome = Outcome()
    try:
        for each in sent(session, reports):
            (outcome.failed if each.HasField("failure") else outcome.receipts).append(each)
            if session.as_json:
                print_json(session.out, each, indent=None)
    finally:
        _tell(session, outcome, rows)
    return outcome.exit_code


def _tell_faults(session: Session, files: list[ReportFile]) -> bool:
    faults = [fault for file in files for fault in file.faults]
    for fault in faults[:MAX_FAULTS_SHOWN]:
        session.err.print(wording.visible(str(fault)), soft_wrap=True)
    if len(faults) > MAX_FAULTS_SHOWN:
        session.err.print(f"… and {len(faults) - MAX_FAULTS_SHOWN} more")
    if faults:
        faulty = sum(bool(file.faults) for file in files)
        failures.tell(f"{_many(len(faults), 'fault')} in {_many(faulty, 'file')}; nothing was sent")
    return bool(faults)


def sent(session: Session, reports: Iterable[Report]) -> Iterator[Any]:
    """The outcome of each report, in order, as the server answers."""
    ask = session.stub(LedgerServiceStub).AppendReports
    for answer in ask(batches(session.ledger, reports), timeout=session.timeout):
        yield from answer.outcomes


def batches(ledger: str, reports: Iterable[Report]) -> Iterator[messages.AppendReportsRequest]:
    """Batches that no server refuses for their size, unless a single report is too large."""
    batch = messages.AppendReportsRequest(ledger=ledger)
    size = 0
    for report in reports:
        request = messages.AppendReportRequest(ledger=ledger, report=report_to_proto(report))
        if batch.reports and (
            size + request.ByteSize() > MAX_BATCH_BYTES or len(batch.reports) == MAX_BATCH_REPORTS
        ):
            yield batch
            batch, size = messages.AppendReportsRequest(ledger=ledger), 0
        batch.reports.append(request)
        size += request.ByteSize()
    if batch.reports:
        yield batch


def _tell(session: Session, outcome: Outcome, rows: bool) -> None:
    if not session.as_json and outcome.receipts:
        if rows:
            _print_receipts(session, [each.receipt for each in outcome.receipts])
        session.out.print(_total([each.receipt for each in outcome.receipts]))
    _tell_notices(session, outcome)
    for each in outcome.failed:
        status = Status.FromString(each.failure.status)
        lines = failures.detail_lines(status)
        failures.tell(f"report {each.report_id}: {failures.headline(status) or each.failure.message}", *lines)


def _print_receipts(session: Session, receipts: list[Any]) -> None:
    made = table("report", "events", "positions", "recorded", "", numbers=("events", "positions"))
    for receipt in receipts[:MAX_ROWS_SHOWN]:
        positions = [each.position for each in receipt.events]
        made.add_row(
            receipt.report_id,
            str(len(positions)),
            _span(positions),
            wording.moment(receipt.recorded_at),
            "already recorded" if receipt.already_recorded else "",
        )
    print_table(session.out, made, "No report was recorded.")
    if len(receipts) > MAX_ROWS_SHOWN:
        session.out.print(f"… and {_many(len(receipts) - MAX_ROWS_SHOWN, 'more report')}")


def _span(positions: list[int]) -> str:
    if not positions:
        return ""
    return str(positions[0]) if len(positions) == 1 else f"{positions[0]}–{positions[-1]}"


def _total(receipts: list[Any]) -> str:
    new = [receipt for receipt in receipts if not receipt.already_recorded]
    known = len(receipts) - len(new)
    events = sum(len(receipt.events) for receipt in new)
    said = f"Recorded {_many(len(new), 'report')} with {_many(events, 'event')}"
    return f"{said}; {_many(known, 'report')} already recorded." if known else f"{said}."


def _tell_notices(session: Session, outcome: Outcome) -> None:
    """What was accepted and deserves a look; the same remark about one thing is made once."""
    notices: dict[str, str] = {}
    for each in outcome.receipts:
        for notice in each.receipt.notices:
            notices.setdefault(notice.description, f"report {each.report_id}: {notice.field}")
    for description, where in list(notices.items())[:MAX_NOTICES_SHOWN]:
        session.err.print(wording.visible(f"warning: {where}: {description}"), soft_wrap=True)
    if len(notices) > MAX_NOTICES_SHOWN:
        session.err.print(f"warning: and {_many(len(notices) - MAX_NOTICES_SHOWN, 'more notice')}")


def _many(count: int, noun: str) -> str:
    return f"{wording.number(count)} {noun}{'' if count == 1 else 's'}"


def _code_of(number: int) -> grpc.StatusCode:
    return next((code for code in grpc.StatusCode if code.value[0] == number), grpc.StatusCode.UNKNOWN)
