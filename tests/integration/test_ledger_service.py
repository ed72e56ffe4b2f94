"""LedgerService over real gRPC, against a real process and a real database: what works, and what bad input gets."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

from incident.ledger.v1 import claims_pb2, ledger_service_pb2, records_pb2, values_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit.envelope import decode, payload_commitment
from ledger.audit.merkle import leaf_hash
from tests.served import ServiceProcess

pytestmark = pytest.mark.newest
pb = ledger_service_pb2
SECONDS = 20
FIVE_MEGABYTES = 5 * 1024 * 1024


@pytest.fixture
def ledgers(service: ServiceProcess) -> Iterator[Any]:
    with service.channel() as channel:
        yield LedgerServiceStub(channel)


def killed(incident: str = "an-incident", stated: int = 5, **occurred: str) -> claims_pb2.Claim:
    """A claim of troops killed."""
    when = {"start": "2020-02-10", "end": "2020-02-10", **occurred}
    return claims_pb2.Claim(
        occurred=values_pb2.OccurredInterval(**when, precision=values_pb2.DATE_PRECISION_DAY),
        troops_killed=claims_pb2.TroopsKilled(
            incident_id=incident,
            victim_party="a-party",
            count=values_pb2.Count(qualifier=values_pb2.COUNT_QUALIFIER_EXACT, stated=stated),
        ),
    )


def report(report_id: str, *claims: claims_pb2.Claim, **said: Any) -> records_pb2.Report:
    """A report of these claims, or of one."""
    source = values_pb2.Source(name="A source")
    return records_pb2.Report(
        report_id=report_id, source=source, reported="2020-02-12", claims=claims or [killed()], **said
    )


def append(ledgers: Any, sent: records_pb2.Report, **more: Any) -> records_pb2.Receipt:
    answer = ledgers.AppendReport(pb.AppendReportRequest(report=sent, **more), timeout=SECONDS)
    receipt: records_pb2.Receipt = answer.receipt
    return receipt


def size_of(ledgers: Any) -> int:
    return int(ledgers.GetLedger(pb.GetLedgerRequest(), timeout=SECONDS).ledger.size)


def detail_of(error: Any, kind: Any) -> Any:
    """The typed detail of a refused call."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    detail = kind()
    assert any(each.Unpack(detail) for each in status.details), status
    return detail


def refused(call: Any, *arguments: Any, **more: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **more)
    return caught.value


def test_a_report_is_recorded_and_read_back(ledgers: Any) -> None:
    receipt = append(ledgers, report("r1", killed("x"), killed("y"), title="A title"))
    assert [event.position for event in receipt.events] == [1, 2, 3]
    assert [event.stream for event in receipt.events] == ["reports/r1", "incidents/x", "incidents/y"]
    assert receipt.tree_size == 3
    assert not receipt.already_recorded
    events = ledgers.GetReport(pb.GetReportRequest(report_id="r1"), timeout=SECONDS).events
    assert events[0].claim.report_filed.title == "A title"
    assert events[0].claim.report_filed.content_digest == receipt.content_digest
    assert events[2].claim == killed("y")


def test_the_same_report_again_gets_the_first_receipt(ledgers: Any) -> None:
    first = append(ledgers, report("r1"))
    append(ledgers, report("r2"))
    again = append(ledgers, report("r1"))
    assert again.already_recorded
    assert again.events == first.events
    assert (again.tree_size, again.root_hash) == (first.tree_size, first.root_hash)
    assert size_of(ledgers) == 4


def test_the_same_id_with_other_content_is_refused_with_both_digests(ledgers: Any) -> None:
    first = append(ledgers, report("r1"))
    error = refused(append, ledgers, report("r1", killed(stated=6)))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    conflict = detail_of(error, records_pb2.ReportConflict)
    assert conflict.recorded_digest == first.content_digest
    assert conflict.sent_digest not in ("", first.content_digest)
    assert size_of(ledgers) == 2


def test_an_unregistered_actor_is_accepted_and_flagged_until_it_is_registered(ledgers: Any) -> None:
    notices = append(ledgers, report("r1")).notices
    assert [(each.field, each.reason) for each in notices] == [("claims[0].victim_party", "UNREGISTERED_ACTOR")]
    actor = claims_pb2.ActorRegistered(
        actor_id="a-party", name="A party", actor_kind=values_pb2.ACTOR_KIND_STATE_FORCES
    )
    append(ledgers, report("actors", claims_pb2.Claim(actor_registered=actor)))
    assert not append(ledgers, report("r2")).notices


@pytest.mark.parametrize(
    ("claim", "field"),
    [
        (killed(stated=-5), "report.claims[0].count.stated"),
        (killed(start="2020-02-10", end="2020-02-01"), "report.claims[0].occurred"),
        (killed(start="10 February"), "report.claims[0].occurred.start"),
        (killed(incident="Not An Id"), "report.claims[0].incident_id"),
        (claims_pb2.Claim(), "report.claims[0]"),
    ],
    ids=["negative count", "ends before it starts", "no date", "no id", "says nothing"],
)
def test_bad_input_names_the_field_and_records_nothing(ledgers: Any, claim: claims_pb2.Claim, field: str) -> None:
    error = refused(append, ledgers, report("r1", claim, killed()))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    violations = detail_of(error, BadRequest).field_violations
    assert [each.field for each in violations] == [field]
    assert size_of(ledgers) == 0


def test_an_unknown_enum_number_is_refused(ledgers: Any) -> None:
    claim = killed()
    claim.occurred.precision = 99  # type: ignore[assignment]
    error = refused(append, ledgers, report("r1", claim))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert detail_of(error, BadRequest).field_violations[0].field == "report.claims[0].occurred.precision"


def test_a_report_of_five_megabytes_is_refused_by_name(ledgers: Any) -> None:
    error = refused(append, ledgers, report("r1", summary="x" * FIVE_MEGABYTES))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    violation = detail_of(error, BadRequest).field_violations[0]
    assert violation.field == "report"
    assert "split" in violation.description
    assert size_of(ledgers) == 0


def test_expected_revisions_hold_or_the_whole_report_is_refused(ledgers: Any) -> None:
    append(ledgers, report("r1", killed("x")))
    fits = [records_pb2.ExpectedRevision(stream="incidents/x", revision=1)]
    append(ledgers, report("r2", killed("x")), expected=fits)
    error = refused(append, ledgers, report("r3", killed("x"), killed("y")), expected=fits)
    assert error.code() is grpc.StatusCode.ABORTED
    mismatch = detail_of(error, records_pb2.RevisionConflict).mismatches[0]
    assert (mismatch.stream, mismatch.expected, mismatch.actual) == ("incidents/x", "1", 2)
    absent = [records_pb2.ExpectedRevision(stream="incidents/new", stream_exists=True)]
    assert refused(append, ledgers, report("r4"), expected=absent).code() is grpc.StatusCode.ABORTED
    none = [records_pb2.ExpectedRevision(stream="incidents/x", no_stream=True)]
    assert refused(append, ledgers, report("r5"), expected=none).code() is grpc.StatusCode.ABORTED
    assert size_of(ledgers) == 4
    assert append(ledgers, report("r2", killed("x")), expected=fits).already_recorded


def test_acts_are_decided_on_what_is_recorded(ledgers: Any) -> None:
    claim = append(ledgers, report("r1")).events[1]
    retracted = claims_pb2.ClaimRetracted(target_event_id=claim.event_id, reason=claims_pb2.RETRACTION_REASON_ERROR)
    receipt = append(ledgers, report("c1", claims_pb2.Claim(claim_retracted=retracted)))
    assert receipt.events[1].stream == claim.stream
    error = refused(append, ledgers, report("c2", claims_pb2.Claim(claim_retracted=retracted)))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    unknown = claims_pb2.ClaimRetracted(
        target_event_id="00000000-0000-8000-8000-000000000000", reason=claims_pb2.RETRACTION_REASON_ERROR
    )
    assert refused(append, ledgers, report("c3", claims_pb2.Claim(claim_retracted=unknown))).code() is (
        grpc.StatusCode.NOT_FOUND
    )


def test_a_stream_acknowledges_each_report_by_itself_and_in_order(ledgers: Any) -> None:
    good = [report(f"s{number}") for number in range(300)]
    sent = [*good[:100], report("bad", killed(stated=-1)), *good[100:], good[0]]
    batches = [
        pb.AppendReportsRequest(reports=[pb.AppendReportRequest(report=each) for each in sent[start : start + 40]])
        for start in range(0, len(sent), 40)
    ]
    outcomes = [
        outcome for answer in ledgers.AppendReports(iter(batches), timeout=SECONDS) for outcome in answer.outcomes
    ]
    assert [outcome.report_id for outcome in outcomes] == [each.report_id for each in sent]
    assert [each.report_id for each in outcomes if each.HasField("failure")] == ["bad"]
    assert outcomes[-1].receipt.already_recorded
    assert size_of(ledgers) == 600


def test_a_replay_ends_at_the_head_and_raw_bytes_verify(ledgers: Any) -> None:
    receipts = [append(ledgers, report(f"r{number}")) for number in range(5)]
    request = pb.ReplayHistoryRequest(view=records_pb2.EVENT_VIEW_RAW, batch_size=3)
    answers = list(ledgers.ReplayHistory(request, timeout=SECONDS))
    events = [event for answer in answers for event in answer.events]
    assert [event.position for event in events] == list(range(1, 11))
    assert answers[-1].through_position == answers[-1].head_position == 10
    leaves = [event.leaf_hash for receipt in receipts for event in receipt.events]
    assert [leaf_hash(event.envelope) for event in events] == leaves
    for event in events:
        assert decode(event.envelope).commitment == payload_commitment(event.salt, event.payload)


def test_a_replay_can_be_filtered_and_tells_how_far_it_looked(ledgers: Any) -> None:
    for number in range(6):
        append(ledgers, report(f"r{number}", killed(f"i{number % 2}")))
    chosen = records_pb2.EventFilter(types=["TroopsKilled"], streams=["incidents/i1"])
    answers = list(ledgers.ReplayHistory(pb.ReplayHistoryRequest(filter=chosen), timeout=SECONDS))
    assert [event.position for answer in answers for event in answer.events] == [4, 8, 12]
    assert answers[-1].through_position == 12
    actor = records_pb2.EventFilter(actor_ids=["a-party"], report_ids=["r2", "r3"])
    found = list(ledgers.ReplayHistory(pb.ReplayHistoryRequest(filter=actor), timeout=SECONDS))
    assert [event.report_id for answer in found for event in answer.events] == ["r2", "r3"]
    nobody = records_pb2.EventFilter(actor_ids=["somebody-else"])
    empty = list(ledgers.ReplayHistory(pb.ReplayHistoryRequest(filter=nobody), timeout=SECONDS))
    assert [len(answer.events) for answer in empty] == [0]
    assert empty[-1].through_position == 12
    unknown = records_pb2.EventFilter(types=["Nonsense"])
    call = ledgers.ReplayHistory(pb.ReplayHistoryRequest(filter=unknown), timeout=SECONDS)
    assert refused(list, call).code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_replay_of_a_time_to_come_still_tells_the_head(ledgers: Any) -> None:
    append(ledgers, report("r1"))
    chosen = records_pb2.EventFilter()
    chosen.recorded_from.FromJsonString("2999-01-01T00:00:00Z")
    answers = list(ledgers.ReplayHistory(pb.ReplayHistoryRequest(filter=chosen), timeout=SECONDS))
    assert [(len(each.events), each.through_position, each.head_position) for each in answers] == [(0, 2, 2)]


def test_a_claim_of_a_merged_incident_can_be_preferred_and_no_other(ledgers: Any) -> None:
    append(ledgers, report("r1", killed("ia")))
    rival = append(ledgers, report("r2", killed("ib", stated=7))).events[1].event_id
    chosen = claims_pb2.PreferredClaimChosen(incident_id="ia", preferred_event_id=rival, reason="better placed")
    choice = claims_pb2.Claim(preferred_claim_chosen=chosen)
    assert refused(append, ledgers, report("c1", choice)).code() is grpc.StatusCode.FAILED_PRECONDITION
    merged = claims_pb2.IncidentsMerged(incident_id="ia", merged_incident_ids=["ib"], reason="one attack")
    append(ledgers, report("m1", claims_pb2.Claim(incidents_merged=merged)))
    assert append(ledgers, report("c2", choice)).events[1].stream == "incidents/ia"


def test_a_replay_of_an_empty_ledger_says_so(ledgers: Any) -> None:
    answers = list(ledgers.ReplayHistory(pb.ReplayHistoryRequest(), timeout=SECONDS))
    assert [(len(each.events), each.through_position, each.head_position) for each in answers] == [(0, 0, 0)]


def test_a_subscription_catches_up_goes_live_and_ends_with_where_to_resume(
    service: ServiceProcess, ledgers: Any
) -> None:
    append(ledgers, report("r1"))
    call = ledgers.Subscribe(pb.SubscribeRequest(), timeout=SECONDS)
    kinds = [next(call).WhichOneof("message") for _ in range(2)]
    assert kinds == ["batch", "caught_up"]
    append(ledgers, report("r2"))
    live = next(call)
    assert [event.position for event in live.batch.events] == [3, 4]
    service.stop()
    error = refused(lambda: [message for message in call if message.WhichOneof("message") != "heartbeat"])
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert detail_of(error, ErrorInfo).metadata["resume_after"] == "4"


def test_a_subscription_from_beyond_the_head_is_refused(ledgers: Any) -> None:
    call = ledgers.Subscribe(pb.SubscribeRequest(after_position=7), timeout=SECONDS)
    assert refused(next, call).code() is grpc.StatusCode.FAILED_PRECONDITION


def test_ledgers_are_apart(ledgers: Any) -> None:
    ledgers.CreateLedger(pb.CreateLedgerRequest(ledger="mission_b"), timeout=SECONDS)
    append(ledgers, report("r1"))
    receipt = append(ledgers, report("r1", killed(stated=9)), ledger="mission_b")
    assert receipt.events[0].position == 1
    named = ledgers.ListLedgers(pb.ListLedgersRequest(), timeout=SECONDS).ledgers
    assert [each.name for each in named] == ["administration", "main", "mission_b"]
    assert [each.size for each in named[1:]] == [2, 2]
    exists = refused(ledgers.CreateLedger, pb.CreateLedgerRequest(ledger="mission_b"), timeout=SECONDS)
    assert exists.code() is grpc.StatusCode.ALREADY_EXISTS
    nowhere = refused(append, ledgers, report("r1"), ledger="nowhere")
    assert nowhere.code() is grpc.StatusCode.NOT_FOUND
    for no_name in ("No Name", "main_casualties_g1", "main_projections"):
        error = refused(ledgers.CreateLedger, pb.CreateLedgerRequest(ledger=no_name), timeout=SECONDS)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "asked",
    [{"event_id": "nonsense"}, {}, {"position": -1}],
    ids=["no uuid", "nothing", "negative"],
)
def test_a_question_for_no_event_is_refused(ledgers: Any, asked: dict[str, Any]) -> None:
    error = refused(ledgers.GetEvent, pb.GetEventRequest(**asked), timeout=SECONDS)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_what_is_not_there_is_not_found(ledgers: Any) -> None:
    for call, request in (
        (ledgers.GetEvent, pb.GetEventRequest(position=1)),
        (ledgers.GetEvent, pb.GetEventRequest(event_id="00000000-0000-8000-8000-000000000000")),
        (ledgers.GetReport, pb.GetReportRequest(report_id="unknown")),
    ):
        assert refused(call, request, timeout=SECONDS).code() is grpc.StatusCode.NOT_FOUND


def test_garbage_on_the_port_harms_nobody(service: ServiceProcess, ledgers: Any) -> None:
    host, _, port = service.address.rpartition(":")
    for garbage in (b"\x00" * 10_000, b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 100):
        with socket.create_connection((host, int(port)), timeout=5) as line:
            line.sendall(garbage)
            line.settimeout(2)
            try:
                while line.recv(4096):
                    pass
            except OSError:
                pass
    started = time.monotonic()
    assert append(ledgers, report("r1")).tree_size == 2
    assert time.monotonic() - started < SECONDS
