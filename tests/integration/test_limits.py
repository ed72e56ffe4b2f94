"""What one process takes on at most: whoever asks for more is told the bound, and nothing is lost."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import psycopg
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.api.statuses import DETAILS_KEY
from ledger.cli import run
from tests.integration.test_ledger_service import append, detail_of, killed, refused, report, size_of
from tests.postgres import Database
from tests.served import ServiceProcess, serving
from tests.subscribed import Subscriber

pytestmark = pytest.mark.newest
CLIENTS = 1_000
QUEUED = 40
CALL_SECONDS = 60
SHORT_SECONDS = 1
MAX_ATTEMPTS = 100
SMALL = {
    "LEDGER_MAX_REPORT_BYTES": "2000",
    "LEDGER_MAX_REPORT_CLAIMS": "2",
    "LEDGER_MAX_BATCH_REPORTS": "2",
    "LEDGER_MAX_PAGE_EVENTS": "3",
    "LEDGER_MAX_MESSAGE_BYTES": "70000",
    "LEDGER_MAX_SUBSCRIPTIONS": "3",
    "LEDGER_MAX_CALLS_PER_CONNECTION": "5",
}


@pytest.fixture
def small(database: Database) -> Iterator[ServiceProcess]:
    with serving("--role", "write", environment={"LEDGER_DATABASE_URL": database.service_url, **SMALL}) as running:
        yield running


def test_what_is_too_large_is_refused_with_the_name_of_its_bound(small: ServiceProcess) -> None:
    with small.channel() as channel:
        ledgers = LedgerServiceStub(channel)
        append(ledgers, report("r1", killed(), killed()))
        three = report("r2", killed(), killed(), killed())
        batch = pb.AppendReportsRequest(reports=[pb.AppendReportRequest(report=report(f"b{i}")) for i in range(3)])
        page = pb.ReplayHistoryRequest(batch_size=4)
        for call, names in (
            (lambda: append(ledgers, three), "report.claims LEDGER_MAX_REPORT_CLAIMS"),
            (lambda: append(ledgers, report("r3", summary="x" * 3_000)), "report LEDGER_MAX_REPORT_BYTES"),
            (lambda: list(ledgers.AppendReports(iter([batch]))), "reports LEDGER_MAX_BATCH_REPORTS"),
            (lambda: list(ledgers.ReplayHistory(page)), "batch_size LEDGER_MAX_PAGE_EVENTS"),
        ):
            error = refused(call)
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            (violation,) = detail_of(error, BadRequest).field_violations
            field, setting = names.split()
            assert (violation.field, setting in violation.description) == (field, True), violation
        huge = refused(append, ledgers, report("r4", summary="x" * 80_000))
        assert (huge.code(), "70000" in huge.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)
        pages = list(ledgers.ReplayHistory(pb.ReplayHistoryRequest(), timeout=CALL_SECONDS))
        assert [len(each.events) for each in pages] == [3]
        assert size_of(ledgers) == 3


def test_commands_that_replay_ask_for_no_more_than_a_small_page(
    small: ServiceProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    with small.channel() as channel:
        for number in range(4):
            append(LedgerServiceStub(channel), report(f"r{number}", killed("incident-1"), killed("incident-2")))
    for command, told in {
        "audit replay": "All 12 events fit",
        "replay --raw": "12 events; looked at everything through position 12",
        "replay --explain --incident incident-1": "11 · TroopsKilled: 5 killed",
    }.items():
        assert run(["--address", small.address, *command.split()]) == 0
        assert told in capsys.readouterr().out


def test_one_subscription_too_many_is_told_when_to_come_back(small: ServiceProcess) -> None:
    with small.channel() as channel, small.channel() as another:
        subscribers = [Subscriber(channel).start() for _ in range(int(SMALL["LEDGER_MAX_SUBSCRIPTIONS"]))]
        for each in subscribers:
            each.wait_for("caught_up")
        error = Subscriber(another).start().wait_for_end()
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "LEDGER_MAX_SUBSCRIPTIONS" in error.details()
        assert detail_of(error, RetryInfo).retry_delay.seconds >= 1
        assert append(LedgerServiceStub(another), report("r1")).tree_size == 2
        subscribers[0].call.cancel()
        subscribers[0].wait_for_end()
        Subscriber(another).start().wait_for("caught_up")


def test_calls_beyond_the_bound_of_a_connection_wait_in_the_client_and_another_connection_is_free(
    database: Database,
) -> None:
    environment = {"LEDGER_DATABASE_URL": database.service_url, "LEDGER_MAX_CALLS_PER_CONNECTION": "5"}
    with serving("--role", "write", environment=environment) as service, ExitStack() as stack:
        # Two channels of one process to one address would share a connection.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        channel, another = (stack.enter_context(grpc.insecure_channel(service.address, options)) for _ in range(2))
        subscribers = [Subscriber(channel).start() for _ in range(5)]
        for each in subscribers:
            each.wait_for("caught_up")
        waiting = refused(LedgerServiceStub(channel).GetLedger, pb.GetLedgerRequest(), timeout=SHORT_SECONDS)
        assert waiting.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert size_of(LedgerServiceStub(another)) == 0
        subscribers[0].call.cancel()
        assert size_of(LedgerServiceStub(channel)) == 0


class Clients:
    """Many callers at once, each of whom sends one report until it is recorded, and waits as it is told."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.aio.insecure_channel(address, [("grpc.enable_http_proxy", 0)])
        self.delays: list[float] = []
        self.half_refused = asyncio.Event()
        self.acknowledged: dict[str, int] = {}

    async def send(self, number: int) -> None:
        """One client."""
        stub: Any = LedgerServiceStub(self.channel)
        request = pb.AppendReportRequest(report=report(f"r{number}"))
        for _ in range(MAX_ATTEMPTS):
            try:
                answer = await stub.AppendReport(request, timeout=CALL_SECONDS)
            except grpc.aio.AioRpcError as error:
                delay = told_delay(error)
                self.delays.append(delay)
                if len(self.delays) == CLIENTS // 2:
                    self.half_refused.set()
                await asyncio.sleep(delay)
            else:
                self.acknowledged[answer.receipt.report_id] = answer.receipt.events[-1].position
                return
        raise AssertionError(f"report {number} found no room")


def told_delay(error: Any) -> float:
    """When a call that found the queue full is told to come back, in seconds."""
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, error
    assert "LEDGER_MAX_QUEUED_REPORTS" in error.details()
    packed = dict(error.trailing_metadata())[DETAILS_KEY]
    detail = RetryInfo()
    assert any(each.Unpack(detail) for each in Status.FromString(packed).details)
    return float(detail.retry_delay.ToTimedelta().total_seconds())


async def a_thousand_at_once(address: str, blocking: psycopg.Connection[Any]) -> Clients:
    clients = Clients(address)
    async with clients.channel:
        sending = [asyncio.create_task(clients.send(number)) for number in range(CLIENTS)]
        async with asyncio.timeout(CALL_SECONDS):
            await clients.half_refused.wait()  # until then the queue stays full
        blocking.rollback()
        await asyncio.gather(*sending)
    return clients


def test_a_thousand_clients_at_a_full_queue_are_told_when_to_come_back_and_nothing_is_lost(
    database: Database,
) -> None:
    environment = {"LEDGER_DATABASE_URL": database.service_url, "LEDGER_MAX_QUEUED_REPORTS": str(QUEUED)}
    with (
        serving("--role", "write", environment=environment) as service,
        psycopg.connect(database.owner_url) as blocking,
    ):
        blocking.execute("LOCK TABLE ledger_main.commits IN SHARE MODE")
        clients = asyncio.run(a_thousand_at_once(service.address, blocking))
        query = "SELECT report_id, max(position) FROM ledger_main.events GROUP BY 1"
        recorded: dict[str, int] = dict(blocking.execute(query).fetchall())
    assert len(clients.acknowledged) == CLIENTS
    assert clients.acknowledged == recorded
    assert len(clients.delays) >= CLIENTS // 2
    # They were refused together, and must not come back together.
    assert max(clients.delays) - min(clients.delays) > min(clients.delays) / 2
    print("REFUSALS", len(clients.delays), min(clients.delays), max(clients.delays))
