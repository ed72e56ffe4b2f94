"""The administrative record: who created, rebuilt, redacted and rotated what; once each, whatever crashes, and
written by the service alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import psycopg
import pytest

from incident.ledger.v1 import audit_service_pb2, records_pb2
from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1 import projection_service_pb2 as projections_pb2
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from incident.ledger.v1.casualty_service_pb2 import GetCasualtiesRequest
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from ledger.administration import SERVICE, Administration, By, erased_up_to
from ledger.application import LedgerApplication
from ledger.audit.notes import SignerKey
from ledger.domain.administration import (
    ADMINISTRATION,
    PayloadErased,
    ProjectionOperated,
    RebuildEnded,
    RollbackAccepted,
)
from ledger.domain.reports import event_from_payload
from ledger.persistence import install
from ledger.persistence.signing import KEY_FILE
from tests import filing
from tests.integration.test_ledger_service import report
from tests.postgres import Database
from tests.served import ServiceProcess, serving

pytestmark = pytest.mark.newest
SECONDS = 20
PATIENCE = 20.0
KEY = SignerKey.generate("ledger.example.org")
SOMEBODY = By("anonymous", "a-test/1")


class Client:
    """A client of one service."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.ledger: Any = LedgerServiceStub(channel)
        self.projections: Any = ProjectionServiceStub(channel)
        self.casualties: Any = CasualtyServiceStub(channel)
        self.audit: Any = AuditServiceStub(channel)

    def administration(self) -> list[Any]:
        """What is in the administrative record."""
        listed = self.ledger.ListLedgers(pb.ListLedgersRequest(), timeout=SECONDS).ledgers
        if ADMINISTRATION not in [each.name for each in listed]:
            return []  # it has just begun
        request = pb.ReplayHistoryRequest(ledger=ADMINISTRATION)
        return [e for m in self.ledger.ReplayHistory(request, timeout=SECONDS) for e in m.events]

    def told(self, stream: str) -> list[tuple[str, str, str]]:
        """Type, recorder and what it is about, of each event of a stream."""
        return [
            (each.type, each.recorder, about(each.claim)) for each in self.administration() if each.stream == stream
        ]

    def append(self, request: records_pb2.Report) -> Any:
        return self.ledger.AppendReport(pb.AppendReportRequest(report=request), timeout=SECONDS).receipt


def about(claim: Any) -> str:
    body = getattr(claim, claim.WhichOneof("body"))
    names = ("projection", "operation", "generation", "result", "target_position", "act_position", "size")
    return " ".join(str(getattr(body, name)) for name in names if hasattr(body, name) and getattr(body, name))


@pytest.fixture
def running(database: Database) -> Iterator[ServiceProcess]:
    environment = {"LEDGER_DATABASE_URL": database.service_url, "LEDGER_CHECKPOINT_KEY": KEY.secret()}
    with serving(environment=environment) as service:
        yield service


@pytest.fixture
def client(running: ServiceProcess) -> Iterator[Client]:
    options = [("grpc.primary_user_agent", "operator/2"), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(running.address, options=options) as channel:
        opened = Client(channel)
        once(opened, f"installations/{KEY.name}", 1)  # what a start records is there
        yield opened


def once(client: Client, stream: str, count: int) -> list[tuple[str, str, str]]:
    """What a stream holds, when it holds so much."""
    end = time.monotonic() + PATIENCE
    while len(told := client.told(stream)) < count:
        assert time.monotonic() < end, told
        time.sleep(0.05)
    return told


def redacting(target_event_id: str) -> records_pb2.Report:
    sent = report("redaction", recorded_by="a guardian")
    sent.claims[0].Clear()
    redacted = sent.claims[0].payload_redacted
    redacted.target_event_id, redacted.rule, redacted.reason = target_event_id, "privacy", "a name"
    return sent


def test_what_is_done_is_recorded_with_who_did_it(client: Client) -> None:
    client.ledger.CreateLedger(pb.CreateLedgerRequest(ledger="mission_b"), timeout=SECONDS)
    target = client.append(report("r1")).events[1]
    client.append(redacting(target.event_id))
    rebuild = projections_pb2.RebuildProjectionRequest(name="threats")
    list(client.projections.RebuildProjection(rebuild, timeout=SECONDS))
    verify = projections_pb2.VerifyProjectionRequest(name="threats")
    list(client.projections.VerifyProjection(verify, timeout=SECONDS))
    dropped = projections_pb2.DropGenerationRequest(name="threats", generation=1)
    client.projections.DropGeneration(dropped, timeout=SECONDS)
    retry = projections_pb2.RetryParkedEventsRequest(name="threats")
    client.projections.RetryParkedEvents(retry, timeout=SECONDS)
    main = once(client, "ledgers/main", 8)
    assert set(main) == {
        ("LedgerCreated", "service", ""),
        ("PayloadErased", "service", "2 4"),
        ("ProjectionOperated", "anonymous", "threats 1 2"),
        ("RebuildEnded", "service", "threats 1 2 1"),
        ("ProjectionOperated", "anonymous", "threats 3 3"),
        ("RebuildEnded", "service", "threats 3 3 1"),
        ("ProjectionOperated", "anonymous", "threats 6 1"),
        ("ProjectionOperated", "anonymous", "threats 7"),
    }
    assert len(main) == 8
    assert client.told("ledgers/mission_b") == [("LedgerCreated", "anonymous", "")]
    asked = [each.client for each in client.administration() if each.recorder == "anonymous"]
    assert {each.split()[0] for each in asked} == {"operator/2"}
    checked = client.audit.VerifyLedger(audit_service_pb2.VerifyLedgerRequest(ledger=ADMINISTRATION))
    assert list(checked)[-1].total == len(client.administration())


def test_no_client_writes_or_creates_it(client: Client) -> None:
    before = len(client.administration())
    asked = pb.AppendReportRequest(report=report("r1"), ledger=ADMINISTRATION)
    batch = pb.AppendReportsRequest(ledger=ADMINISTRATION, reports=[asked])
    calls = (
        lambda: client.ledger.AppendReport(asked, timeout=SECONDS),
        lambda: list(client.ledger.AppendReports(iter([batch]), timeout=SECONDS)),
        lambda: client.ledger.CreateLedger(pb.CreateLedgerRequest(ledger=ADMINISTRATION), timeout=SECONDS),
    )
    for call in calls:
        with pytest.raises(grpc.RpcError, match="the service alone writes it") as refused:
            call()
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert len(client.administration()) == before


def test_it_has_no_read_models(client: Client, database: Database) -> None:
    client.ledger.CreateLedger(pb.CreateLedgerRequest(ledger="later"), timeout=SECONDS)
    with psycopg.connect(database.service_url, autocommit=True) as connection:
        query = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ledger\\_%\\_projections'"
        end = time.monotonic() + PATIENCE
        while "ledger_later_projections" not in (made := {name for (name,) in connection.execute(query)}):
            assert time.monotonic() < end
            time.sleep(0.1)
    assert made == {"ledger_main_projections", "ledger_later_projections"}  # those of all that are followed by then
    calls = (
        lambda: client.casualties.GetCasualties(GetCasualtiesRequest(ledger=ADMINISTRATION), timeout=SECONDS),
        lambda: client.projections.ListProjections(projections_pb2.ListProjectionsRequest(ledger=ADMINISTRATION)),
        lambda: list(
            client.projections.RebuildProjection(
                projections_pb2.RebuildProjectionRequest(ledger=ADMINISTRATION, name="threats")
            )
        ),
    )
    for call in calls:
        with pytest.raises(grpc.RpcError, match="which has no read models; replay it") as refused:
            call()
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_keys_that_are_changed_under_a_running_service_are_recorded_before_they_sign(database: Database) -> None:
    environment = {"LEDGER_DATABASE_URL": database.service_url}
    with serving(environment=environment) as service, service.channel() as channel:
        client = Client(channel)
        file = service.folder / KEY_FILE
        old = SignerKey.parse(file.read_text(encoding="utf-8"))
        newer = SignerKey.generate(old.name)
        file.write_text(f"{newer.secret()}\n{old.secret()}\n", encoding="utf-8")
        client.audit.GetCheckpoint(audit_service_pb2.GetCheckpointRequest(), timeout=SECONDS)
        changed = [e.claim.signing_keys_changed.verifier_keys for e in client.administration()][-1]
        assert list(changed) == [str(newer.verifier()), str(old.verifier())]


@pytest.fixture
def administration(database: Database) -> Administration:
    return Administration(database.service_url)


def events_of(database: Database, stream: str) -> list[Any]:
    with psycopg.connect(database.service_url) as connection:
        rows = connection.execute(
            "SELECT type, payload FROM ledger_administration.events WHERE stream = %s ORDER BY revision", (stream,)
        ).fetchall()
    return [event_from_payload(*row) for row in rows]


def test_other_keys_are_recorded_when_they_come_and_not_again(
    database: Database, administration: Administration
) -> None:
    for keys, count in (("a",), 1), (("b", "a"), 2), (("b", "a"), 2), (("b",), 3), (("a",), 4):
        assert administration.keys_are("ledger.example.org", keys)
        told = events_of(database, "installations/ledger.example.org")
        assert (len(told), told[-1].verifier_keys) == (count, keys)


def test_what_happened_while_nobody_recorded_it_is_recorded_once(
    database: Database, administration: Administration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.administration.PAGE", 2)
    application = LedgerApplication("main", database.service_url)
    filed = filing.append(application, filing.report("r1", *[filing.claim()] * 4))
    for place, event in enumerate(filed.events[1:]):
        filing.append(application, filing.report(f"redaction-{place}", filing.redaction(event.event_id)))
    application.close()
    install.create_ledger(database.service_url, "new")
    for _ in range(2):
        assert administration.begin()
    created, *erased = events_of(database, "ledgers/main")
    assert (created.type, created.size) == ("LedgerCreated", 13)
    assert [(each.target_position, each.act_position) for each in erased] == [(2, 7), (3, 9), (4, 11), (5, 13)]
    assert [each.type for each in events_of(database, "ledgers/new")] == ["LedgerCreated"]


def test_redactions_after_an_accepted_rollback_are_recorded_too() -> None:
    def erased(act: int) -> PayloadErased:
        event_id = "00000000-0000-0000-0000-000000000000"
        return PayloadErased.of(ledger="main", target_position=1, target_event_id=event_id, act_position=act)

    accepted = RollbackAccepted.of(ledger="main", size=3, accepted_at="2026-11-27T12:00:00Z")
    assert erased_up_to(iter([])) == 0
    assert erased_up_to(iter([erased(9), accepted, erased(7)])) == 9
    assert erased_up_to(iter([accepted, erased(9)])) == 3
    assert erased_up_to(iter([accepted, erased(2)])) == 2


def test_many_who_record_at_once_record_everything_once(database: Database, administration: Administration) -> None:
    others = [Administration(database.service_url) for _ in range(3)]
    ended = [
        RebuildEnded.of(
            ledger="main",
            projection="threats",
            operation="rebuild",
            generation=number,
            result="done",
            ended_at="2026-11-27T12:00:00Z",
        )
        for number in range(5)
    ]

    def record(each: Administration) -> None:
        assert each.created("main")
        assert each.rebuilds_ended("main", ended)
        operated = ProjectionOperated.of(ledger="main", projection="threats", operation="cancel")
        assert each.tell(operated, SOMEBODY)

    threads = [threading.Thread(target=record, args=(each,)) for each in (administration, *others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = events_of(database, "ledgers/main")
    assert [each for each in told if isinstance(each, RebuildEnded)] == ended
    assert told[0].type == "LedgerCreated"
    assert sum(each.type == "ProjectionOperated" for each in told) == 4
    assert len(told) == 1 + 5 + 4


def test_what_cannot_be_recorded_is_told_in_the_log_and_no_error(
    database: Database, administration: Administration, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ALTER SCHEMA ledger_admin RENAME TO elsewhere")
        for _ in range(3):
            assert not administration.created("main")
        owner.execute("ALTER SCHEMA elsewhere RENAME TO ledger_admin")
    (record,) = caplog.records
    assert "ledgers/main: not in the administrative record: The ledger cannot answer" in record.getMessage()
    assert administration.created("main")
    assert administration.created("main", 7, SERVICE)
    (event,) = events_of(database, "ledgers/main")
    assert (event.type, event.size) == ("LedgerCreated", 0)
