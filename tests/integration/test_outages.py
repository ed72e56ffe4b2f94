"""The database away at start, gone while serving, back again; the service stopped by signal, and killed."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.embedded import EmbeddedPostgres
from ledger.persistence.install import install
from ledger.persistence.provision import provision
from tests.integration.test_ledger_service import append, report, size_of
from tests.served import ServiceProcess

pytestmark = pytest.mark.newest
RECOVERY_SECONDS = 30
NOT_NOW = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@pytest.fixture
def url(server: EmbeddedPostgres) -> str:
    urls = provision(server.url(), service_password="service")
    install(urls.owner_url)
    return urls.service_url


def eventually(check: Callable[[], bool], seconds: float = RECOVERY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it has not come true in time"
        time.sleep(0.1)


def is_serving(channel: grpc.Channel) -> bool:
    stub: Any = HealthStub(channel)
    answer = stub.Check(HealthCheckRequest(), timeout=5)
    return bool(answer.status == HealthCheckResponse.SERVING)


def listening_address(service: ServiceProcess) -> str:
    """Where it listens, though it does not serve yet."""
    eventually(lambda: "listening on " in service.output)
    return service.output.partition("listening on ")[2].split()[0]


def test_a_database_that_is_away_at_start_is_waited_for(server: EmbeddedPostgres, url: str) -> None:
    server.stop()
    service = ServiceProcess(environment={"LEDGER_DATABASE_URL": url}, wait=False)
    try:
        with grpc.insecure_channel(listening_address(service)) as channel:
            assert not is_serving(channel)
            with pytest.raises(grpc.RpcError) as refused:
                append(LedgerServiceStub(channel), report("r1"))
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            server.start()
            service.wait_until_serving()
            assert is_serving(channel)
            assert append(LedgerServiceStub(channel), report("r1")).tree_size == 2
    finally:
        service.stop()


def test_a_database_that_goes_away_is_survived_and_nothing_is_lost(server: EmbeddedPostgres, url: str) -> None:
    service = ServiceProcess(environment={"LEDGER_DATABASE_URL": url})
    try:
        with service.channel() as channel:
            ledgers = LedgerServiceStub(channel)
            append(ledgers, report("r1"))
            server.stop()
            with pytest.raises(grpc.RpcError) as refused:
                ledgers.AppendReport(pb.AppendReportRequest(report=report("r2")), timeout=2)
            assert refused.value.code() in NOT_NOW
            eventually(lambda: not is_serving(channel))
            server.start()
            eventually(lambda: is_serving(channel))
            assert append(ledgers, report("r2")).events[-1].position == 4
            assert append(ledgers, report("r1")).already_recorded
            assert size_of(ledgers) == 4
    finally:
        service.stop()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_stops_service_and_database_and_a_second_start_serves_the_same(
    tmp_path: Path, by: signal.Signals
) -> None:
    options = ("--embedded", "--data-dir", str(tmp_path / "data"))
    first = ServiceProcess(*options)
    with first.channel() as channel:
        receipt = append(LedgerServiceStub(channel), report("r1"))
    assert first.stop(by) == 0, first.output
    assert not list((tmp_path / "data").rglob("postmaster.pid"))
    second = ServiceProcess(*options)
    try:
        with second.channel() as channel:
            again = append(LedgerServiceStub(channel), report("r1"))
        assert again.already_recorded
        assert again.events == receipt.events
    finally:
        assert second.stop() == 0


def test_what_a_killed_service_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    options = ("--embedded", "--data-dir", str(tmp_path / "data"))
    first = ServiceProcess(*options)
    receipts: list[Any] = []
    with first.channel() as channel:
        ledgers = LedgerServiceStub(channel)
        receipts = [append(ledgers, report(f"r{number}")) for number in range(20)]
        first.kill()
    second = ServiceProcess(*options)
    try:
        with second.channel() as channel:
            ledgers = LedgerServiceStub(channel)
            for number, receipt in enumerate(receipts):
                again = append(ledgers, report(f"r{number}"))
                assert again.already_recorded
                assert again.events == receipt.events
            assert size_of(ledgers) == 40
    finally:
        second.stop()


def test_a_port_that_is_taken_is_told_in_one_sentence(server: EmbeddedPostgres, url: str) -> None:
    first = ServiceProcess(environment={"LEDGER_DATABASE_URL": url})
    try:
        second = ServiceProcess("--listen", first.address, environment={"LEDGER_DATABASE_URL": url}, wait=False)
        assert second.process.wait(RECOVERY_SECONDS) != 0
    finally:
        first.stop()
    assert f"cannot listen on {first.address}" in second.output
    assert "Traceback" not in second.output


def test_processes_that_are_told_to_share_a_port_do(server: EmbeddedPostgres, url: str) -> None:
    environment = {"LEDGER_DATABASE_URL": url, "LEDGER_SHARE_PORT": "true"}
    first = ServiceProcess(environment=environment)
    second = ServiceProcess("--listen", first.address, environment=environment)
    try:
        assert second.address == first.address
    finally:
        assert (first.stop(), second.stop()) == (0, 0)
