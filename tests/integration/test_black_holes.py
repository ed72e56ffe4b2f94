"""A network that swallows everything: no connection ends, and nothing arrives. Every call ends by its deadline all
the same, and holds nothing back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest

from campaigns.proxy import Proxy
from incident.ledger.v1 import casualty_service_pb2, claims_pb2, projection_service_pb2, records_pb2
from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from tests.integration.test_ledger_service import append, report, size_of
from tests.served import ServiceProcess, serving

pytestmark = pytest.mark.newest
SECONDS = 1.0
PATIENCE = 40.0
MORE_THAN_THERE_ARE_THREADS = 12


@pytest.fixture
def service(proxy: Proxy) -> Iterator[ServiceProcess]:
    with serving(environment={"LEDGER_DATABASE_URL": proxy.url}) as running:
        yield running


def retraction(event_id: str) -> records_pb2.Report:
    """An act, which is decided in a thread on what is read."""
    act = claims_pb2.ClaimRetracted(
        target_event_id=event_id, reason=claims_pb2.RETRACTION_REASON_ERROR, note="It was another village."
    )
    given = report("retracting")
    del given.claims[:]
    given.claims.add(claim_retracted=act)
    return given


def calls_of(channel: grpc.Channel, event_id: str) -> dict[str, Callable[[float], Any]]:
    """One call of every kind, by name; each takes its deadline in seconds."""
    ledger: Any = LedgerServiceStub(channel)
    casualties: Any = CasualtyServiceStub(channel)
    projections: Any = ProjectionServiceStub(channel)
    append_one = pb.AppendReportRequest(report=report("swallowed"))
    act = pb.AppendReportRequest(report=retraction(event_id))
    streamed = pb.AppendReportsRequest(reports=[pb.AppendReportRequest(report=report("streamed"))])
    return {
        "AppendReport": lambda seconds: ledger.AppendReport(append_one, timeout=seconds),
        "AppendReport of an act": lambda seconds: ledger.AppendReport(act, timeout=seconds),
        "AppendReports": lambda seconds: list(ledger.AppendReports(iter([streamed]), timeout=seconds)),
        "GetLedger": lambda seconds: ledger.GetLedger(pb.GetLedgerRequest(), timeout=seconds),
        "GetReport": lambda seconds: ledger.GetReport(pb.GetReportRequest(report_id="first"), timeout=seconds),
        "GetEvent": lambda seconds: ledger.GetEvent(pb.GetEventRequest(position=1), timeout=seconds),
        "ListLedgers": lambda seconds: ledger.ListLedgers(pb.ListLedgersRequest(), timeout=seconds),
        "ReplayHistory": lambda seconds: list(ledger.ReplayHistory(pb.ReplayHistoryRequest(), timeout=seconds)),
        "GetCasualties": lambda seconds: casualties.GetCasualties(
            casualty_service_pb2.GetCasualtiesRequest(), timeout=seconds
        ),
        "ListProjections": lambda seconds: projections.ListProjections(
            projection_service_pb2.ListProjectionsRequest(), timeout=seconds
        ),
    }


def test_every_call_ends_by_its_deadline_in_a_black_hole_and_works_after_it(
    service: ServiceProcess, proxy: Proxy
) -> None:
    with service.channel() as channel:
        ledger = LedgerServiceStub(channel)
        first = append(ledger, report("first"))
        calls = calls_of(channel, first.events[-1].event_id)
        proxy.stalled.set()
        for name, call in calls.items():
            with pytest.raises(grpc.RpcError) as ended:
                call(SECONDS)
            assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED, name
        proxy.stalled.clear()
        for call in calls.values():
            call(PATIENCE)
        assert size_of(ledger) == 8


def test_the_service_itself_says_that_an_append_is_not_done_in_time(service: ServiceProcess, proxy: Proxy) -> None:
    with service.channel() as channel:
        ledger: Any = LedgerServiceStub(channel)
        append(ledger, report("first"))
        proxy.stalled.set()
        with pytest.raises(grpc.RpcError) as ended:
            ledger.AppendReport(pb.AppendReportRequest(report=report("swallowed")), timeout=2.0)
        proxy.stalled.clear()
    assert "the same report id makes it safe to send again" in str(ended.value.details())


def test_calls_that_forgotten_connections_swallowed_hold_back_neither_later_ones_nor_a_stop(
    service: ServiceProcess, proxy: Proxy
) -> None:
    with service.channel() as channel:
        first = append(LedgerServiceStub(channel), report("first"))
        given = calls_of(channel, first.events[-1].event_id)
        calls = [
            given[name] for name in ("AppendReport of an act", "GetLedger", "GetCasualties", "ListProjections")
        ]
        for call in calls:
            call(PATIENCE)
        proxy.deafen()  # new connections work
        for call in calls:
            for _ in range(MORE_THAN_THERE_ARE_THREADS):
                with suppress(grpc.RpcError):
                    call(0.1)
        for call in calls:
            call(PATIENCE)
        proxy.deafen()
        for call in calls:
            with suppress(grpc.RpcError):
                call(0.1)
    assert service.stop() == 0
