"""Facts about how `serve` begins: what it seeds, and what it refuses to be asked for. The server is canned."""

from collections.abc import Iterator
from typing import Any

import pytest

from incident.ledger.v1 import ledger_service_pb2 as ledger
from ledger import errors
from ledger.cli.append import seed_files
from ledger.cli.report_files import read_report_files
from ledger.cli.serve import _begin
from tests.canned_server import CannedServer, canned_server

SEEDS = [report.report_id for file in read_report_files(seed_files()) for report in file.reports]


@pytest.fixture
def server() -> Iterator[CannedServer]:
    """A server with canned answers."""
    with canned_server() as canned:
        yield canned


@pytest.mark.parametrize(
    ("size", "recorded", "seeds"),
    [
        (0, [], True),
        (7, SEEDS[:1], True),
        (900, SEEDS, False),
        (900, ["of-mine"], False),
        (900, SEEDS[-1:], False),
    ],
    ids=["empty", "interrupted", "seeded", "other reports", "without the first seed"],
)
def test_seeds_go_into_an_empty_ledger_or_complete_an_interrupted_seeding(
    server: CannedServer, size: int, recorded: list[str], seeds: bool
) -> None:
    def report(request: Any) -> Any:
        found = request.report_id in recorded
        return ledger.GetReportResponse() if found else errors.NotFoundError(kind="report", id=request.report_id)

    server.answers["GetLedger"] = ledger.GetLedgerResponse(ledger=ledger.Ledger(name="main", size=size))
    server.answers["GetReport"] = report
    server.answers["AppendReports"] = ledger.AppendReportsResponse()
    _begin(server.address, seed=True, show=False)
    sent = [each.report.report_id for batch in server.requests("AppendReports") for each in batch.reports]
    assert sent == (SEEDS if seeds else [])
