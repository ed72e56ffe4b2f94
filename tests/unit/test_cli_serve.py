"""Facts about how `serve` begins: what it seeds, and what it refuses to be asked for. The server is canned."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from incident.ledger.v1 import ledger_service_pb2 as ledger
from ledger import errors
from ledger.cli import run
from ledger.cli.append import seed_files
from ledger.cli.report_files import read_report_files
from ledger.cli.serve import _begin
from ledger.settings import Role
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


@pytest.mark.parametrize(("role", "option"), [("read", "--seed"), ("write", "--show")])
@pytest.mark.parametrize("by_environment", [False, True])
def test_what_a_role_cannot_do_is_refused_before_anything_starts(
    role: str,
    option: str,
    by_environment: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def started(settings: Any) -> Any:
        raise AssertionError("the database was started")

    monkeypatch.setattr("ledger.composition.database", started)
    monkeypatch.setenv("LEDGER_ROLE", role if by_environment else "all")
    assert run(["serve", option, *(() if by_environment else ("--role", role))]) == 2
    assert f"error: {option} " in capsys.readouterr().err


def test_a_reader_shows_its_views_without_asking_for_the_record(server: CannedServer) -> None:
    _begin(server.address, seed=False, show=True, role=Role.READ)
    assert [method for method, _ in server.asked] == ["GetCasualties"]


def test_what_a_server_does_not_serve_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    bare = grpc.server(ThreadPoolExecutor(max_workers=1))
    address = f"127.0.0.1:{bare.add_insecure_port('127.0.0.1:0')}"
    bare.start()
    try:
        assert run(["ledgers", "--address", address]) == 1
    finally:
        bare.stop(None).wait()
    assert capsys.readouterr().err.startswith(f"error: the server at {address} does not serve this\n")
