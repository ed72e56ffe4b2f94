"""By whom and with what an event was recorded: in its envelope, in every view, whatever a client calls itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from incident.ledger.v1 import audit_service_pb2, claims_pb2, records_pb2
from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.api.requests import MAX_CLIENT_CHARACTERS, client_of
from ledger.application import LedgerApplication
from ledger.audit import envelope
from ledger.audit.envelope import EnvelopeError, check_field, decode
from ledger.persistence import batch
from tests import filing
from tests.integration.test_ledger_service import report
from tests.postgres import Database
from tests.served import ServiceProcess

pytestmark = pytest.mark.newest
SECONDS = 20
RAW, FULL = records_pb2.EVENT_VIEW_RAW, records_pb2.EVENT_VIEW_FULL


@pytest.fixture
def ledgers(service: ServiceProcess) -> Iterator[Any]:
    options = [("grpc.primary_user_agent", "monitor-app/7.2"), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(service.address, options=options) as channel:
        yield LedgerServiceStub(channel)


def test_every_way_to_append_records_the_recorder_and_the_client(ledgers: Any) -> None:
    ledgers.AppendReport(pb.AppendReportRequest(report=report("single")), timeout=SECONDS)
    (event, *_) = ledgers.GetReport(pb.GetReportRequest(report_id="single"), timeout=SECONDS).events
    target = ledgers.GetReport(pb.GetReportRequest(report_id="single"), timeout=SECONDS).events[1].event_id
    retraction = claims_pb2.ClaimRetracted(target_event_id=target, reason=claims_pb2.RETRACTION_REASON_DUPLICATE)
    retracting = report("act", claims_pb2.Claim(claim_retracted=retraction))
    ledgers.AppendReport(pb.AppendReportRequest(report=retracting), timeout=SECONDS)
    streamed = pb.AppendReportsRequest(reports=[pb.AppendReportRequest(report=report("streamed"))])
    list(ledgers.AppendReports(iter([streamed]), timeout=SECONDS))
    replayed = [
        (each.recorder, each.client)
        for view in (FULL, RAW)
        for message in ledgers.ReplayHistory(pb.ReplayHistoryRequest(view=view), timeout=SECONDS)
        for each in map(said, message.events)
    ]
    filtered = pb.ReplayHistoryRequest(filter=records_pb2.EventFilter(types=["TroopsKilled"]))
    for message in ledgers.ReplayHistory(filtered, timeout=SECONDS):
        replayed += [(each.recorder, each.client) for each in message.events]
    asked = pb.GetEventRequest(position=3)
    replayed.append((event.recorder, event.client))
    replayed += [(each.recorder, each.client) for each in [ledgers.GetEvent(asked, timeout=SECONDS).event]]
    assert len(replayed) == 6 + 6 + 2 + 2
    assert {recorder for recorder, _ in replayed} == {"anonymous"}
    assert len({client for _, client in replayed}) == 1
    assert replayed[0][1].startswith("monitor-app/7.2 grpc-python/")


def said(event: Any) -> Any:
    """An event, or what its envelope says in a RAW view."""
    assert not (event.envelope and (event.recorder or event.client))
    return decode(event.envelope) if event.envelope else event


class Call:
    """A call as a server sees it."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("curl/8.0", "curl/8.0"),
        ("a\nb\x00c\u2028", "a?b?c?"),
        ("монитор", "???????"),
        ("\ud800", "?"),
        ("x" * 5_000, "x" * MAX_CLIENT_CHARACTERS),
    ],
)
def test_what_the_record_cannot_hold_of_a_clients_name_is_left_out(sent: str, kept: str) -> None:
    assert client_of(Call(("other", "x"), ("user-agent", sent))) == kept
    assert check_field("client", kept) == kept


def test_a_client_may_say_nothing() -> None:
    assert client_of(Call()) == ""


def test_what_was_recorded_before_the_client_was_kept_is_read_beside_it(
    database: Database, service: ServiceProcess, ledgers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = envelope.encode
    with monkeypatch.context() as older:
        older.setattr(batch, "encode", lambda **fields: encode(**{**fields, "client": None}))
        application = LedgerApplication("main", database.service_url)
        filing.append(application, filing.report("older"))
        application.close()
    ledgers.AppendReport(pb.AppendReportRequest(report=report("newer")), timeout=SECONDS)
    replay = pb.ReplayHistoryRequest(view=RAW)
    entries = [e.envelope for m in ledgers.ReplayHistory(replay, timeout=SECONDS) for e in m.events]
    assert {entry.split(b"\n")[0][-2:] for entry in entries} == {b"v1", b"v2"}
    events = [e for m in ledgers.ReplayHistory(pb.ReplayHistoryRequest(), timeout=SECONDS) for e in m.events]
    assert (events[0].recorder, events[0].client) == ("observer", "")
    assert events[-1].client.startswith("monitor-app")
    with service.channel() as channel:
        checked = list(AuditServiceStub(channel).VerifyLedger(audit_service_pb2.VerifyLedgerRequest()))
    assert checked[-1].verified == len(entries)


def test_an_application_refuses_a_client_that_would_pass_for_other_lines(database: Database) -> None:
    application = LedgerApplication("main", database.service_url)
    try:
        with pytest.raises(EnvelopeError, match="client has the forbidden character"):
            application.append_report(filing.report("r"), {}, "observer", SECONDS, "two\nlines")
    finally:
        application.close()
