"""Redaction, over gRPC against a server process: what was removed is in no answer as of any position and in no
table any more; what is left says so, and every proof stays. No act is lost silently."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import grpc
import psycopg
import pytest
from psycopg import sql

from incident.ledger.v1 import casualty_service_pb2 as pb
from incident.ledger.v1 import ledger_service_pb2, records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit.merkle import Frontier
from tests.acceptance.client import ANSWER_SECONDS, Client, by_key, rebuilt, report_message
from tests.acceptance.questions import answers, differing, every, in_bytes, without
from tests.postgres import Database

pytestmark = pytest.mark.newest
NAME = "Jane Roe"
"""What must go; a victim's name that a report held in every field that takes words."""
PLACE = {"name": f"House of {NAME}", "precision": "exact", "country": "Syria", "admin1": "Idlib"}
READ_MODELS = ("casualties", "incidents", "ceasefires", "threats")
TROOPS = ("turkey", "troops", "killed")


def troops(count: Any, incident: str = "a", **more: Any) -> dict[str, Any]:
    claim = {"type": "TroopsKilled", "incident_id": incident, "victim_party": "turkey", "count": count}
    return {**claim, "occurred": "2020-02-10", **more}


def named(count: int, **more: Any) -> dict[str, Any]:
    """A claim that holds the name wherever it can."""
    evidence = [{"url": "https://news.example/Jane%20Roe", "collected_by": NAME}]
    said: dict[str, Any] = {
        "words": f"{NAME} was killed.",
        "attributions": [{"name": NAME}],
        "evidence": evidence,
        "place": PLACE,
    }
    return troops({"qualifier": "exact", "stated": count, "words": f"five, {NAME} among them"}, **said, **more)


def redacting(*targets: str) -> list[dict[str, Any]]:
    return [
        {"type": "PayloadRedacted", "target_event_id": each, "rule": "privacy-1", "reason": "It named a victim."}
        for each in targets
    ]


def retracting(target: str, note: str = "") -> dict[str, Any]:
    return {"type": "ClaimRetracted", "target_event_id": target, "reason": "error", "note": note}


class Record:
    """A ledger of its own, reports filed in it, and its answers as of all positions."""

    def __init__(self, channel: grpc.Channel, ledger: str) -> None:
        self.client = Client(channel).create_ledger(ledger)

    def file(self, report_id: str, *items: dict[str, Any], **said: Any) -> list[str]:
        """Record a report; answers the event ids of its items."""
        content = {"source": {"name": "An outlet", "reliability": "b"}, "reported": "2020-02-12", **said}
        content = {"recorded_by": "a guardian", **content}
        (receipt,) = self.client.append(report_message(report_id=report_id, claims=list(items), **content))
        return [event.event_id for event in receipt.events[1:]]

    def at(self, position: int) -> dict[str, Any]:
        """All answers as of a position."""
        return answers(self.client, every(), records_pb2.AsOf(position=position))

    def figures(self, position: int, **asked: Any) -> pb.GetCasualtiesResponse:
        return self.client.casualties(as_of=records_pb2.AsOf(position=position), **asked)

    def killed(self, position: int) -> int:
        """How many troops, as of a position."""
        figures = by_key(self.figures(position).figures)
        return figures[TROOPS].figure.best if TROOPS in figures else 0

    def left_out(self, position: int) -> dict[str, int]:
        return {each.reason: each.claims for each in self.figures(position).left_out}


@pytest.fixture
def record(channel: grpc.Channel, request: pytest.FixtureRequest) -> Record:
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    return Record(channel, f"r{name}")


def stored_with(database: Database, ledger: str, words: Sequence[str]) -> list[str]:
    """The tables of a ledger and of its read models, in all generations, that hold any of these words."""
    found = []
    with psycopg.connect(database.admin_url) as connection:
        tables = connection.execute(
            """SELECT schemaname, tablename FROM pg_tables WHERE starts_with(schemaname, %s) ORDER BY 1, 2""",
            (f"ledger_{ledger}",),
        ).fetchall()
        assert len({schema for schema, _ in tables}) >= 2 + len(READ_MODELS)
        for schema, table in tables:
            # Bytes are shown as hexadecimal digits, in which a word is looked for as well.
            query = sql.SQL("SELECT content::text FROM {} AS content").format(sql.Identifier(schema, table))
            for (row,) in connection.execute(query):
                spelled = [*words, *(word.encode().hex() for word in words)]
                found += [f"{schema}.{table}" for word in spelled if word in row]
    return sorted(set(found))


def caught_up(client: Client) -> None:
    """Wait until every read model has taken everything."""
    client.casualties()
    client.incidents()
    client.ceasefires()
    client.threats()


def test_what_was_redacted_is_in_no_table_and_in_no_answer(record: Record, server_database: Database) -> None:
    claim, other = record.file("r", named(5), troops(3, "b"))
    toll = {"type": "TollClaimed", "toll_id": "t", "outcome": "killed", "count": 9, "words": NAME}
    threat = {"type": "ThreatIssued", "threat_id": "w", "threat_kind": "warning", "condition": NAME}
    declared = {"type": "CeasefireDeclared", "agreement_id": "g", "terms": {"title": NAME}}
    held = record.file("s", *({**each, "occurred": "2020-02-10"} for each in (toll, threat, declared)))
    (correction,) = record.file(
        "c", {"type": "ClaimCorrected", "target_event_id": claim, "reason": NAME, "replacement": named(6)}
    )
    record.file("n", troops(1, "c"), title=NAME, summary=NAME, source={"name": NAME}, recorded_by=NAME)
    filing = next(event.event_id for event in record.client.replay() if event.report_id == "n")
    caught_up(record.client)
    words = (NAME, "Jane%20Roe")
    before = stored_with(server_database, record.client.ledger, words)
    assert len(before) >= 1 + len(READ_MODELS), "the check finds what is there"
    record.file("x", *redacting(claim, *held, correction, filing))
    caught_up(record.client)
    assert stored_with(server_database, record.client.ledger, words) == []
    for position in range(record.client.position + 1):
        for name, answer in record.at(position).items():
            assert b"Roe" not in in_bytes(answer), (name, position)
    assert not [event for event in record.client.replay() if b"Roe" in in_bytes(event)]
    assert other in [each.event.event_id for each in record.client.claims()]


def test_a_redacted_claim_leaves_every_figure_and_is_told_as_of_all_its_positions(record: Record) -> None:
    claim, _ = record.file("r", named(5), troops(3, "b"))  # at 2 and 3
    record.file(
        "c", {"type": "ClaimCorrected", "target_event_id": claim, "reason": "a slip", "replacement": named(6)}
    )
    before = [record.killed(position) for position in range(6)]
    assert before == [0, 0, 5, 8, 8, 9]
    record.file("x", *redacting(claim))
    after = [record.killed(position) for position in range(8)]
    assert after == [0, 0, 0, 3, 3, 3, 3, 3]
    told = [record.left_out(position).get("REDACTED", 0) for position in range(8)]
    assert told == [0, 0, 1, 1, 1, 1, 1, 1]
    assert "cannot be told any more" in record.figures(7).left_out[0].description
    incident = record.client.incident("a")
    assert (incident.incident.claims, len(incident.former_claims)) == (0, 0)
    assert [(each.reason, each.claims) for each in incident.left_out] == [("REDACTED", 1)]
    assert [each.incident_id for each in record.client.incidents().incidents] == ["b"]
    assert [each.event.claim.troops_killed.incident_id for each in record.client.claims(with_left_out=True)] == [
        "b"
    ]


def test_a_correction_of_a_redacted_claim_can_be_redacted_as_it_stands(record: Record) -> None:
    (claim,) = record.file("r", named(5))
    correction = {"type": "ClaimCorrected", "target_event_id": claim, "reason": NAME, "replacement": named(6)}
    (corrected,) = record.file("c", correction)  # at 4
    code, _ = refusal(lambda: record.file("too-early", *redacting(corrected)))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    record.file("x", *redacting(claim, corrected))  # at 6 and 7
    told = [record.left_out(position) for position in range(8)]
    assert [each.get("REDACTED", 0) for each in told] == [0, 0, 1, 1, 1, 1, 1, 1]
    assert [each.get("REDACTED_ACT", 0) for each in told] == [0, 0, 0, 0, 1, 1, 1, 0]


def test_answers_that_knew_nothing_of_the_claim_stay_as_they_were(record: Record) -> None:
    record.file("r", troops(3, "b"), troops(4, "c"))
    (claim,) = record.file("s", named(5))
    known = range(record.client.position)
    before = {position: record.at(position) for position in known}
    record.file("x", *redacting(claim))
    for position in known:
        assert differing(record.at(position), before[position]) == [], position


def test_the_number_stays_where_the_claim_is_filed_again_without_the_name(record: Record) -> None:
    (claim,) = record.file("r", named(5), reported="2020-02-12")
    record.file("r-again", troops(5), *redacting(claim), reported="2020-02-12")
    assert record.killed(record.client.position) == 5
    (listed,) = record.client.claims()
    assert (listed.source.name, listed.reported, listed.event.report_id) == ("An outlet", "2020-02-12", "r-again")
    assert record.left_out(record.client.position) == {"REDACTED": 1}


def test_leaf_and_root_stay_and_what_is_left_is_the_envelope(record: Record) -> None:
    (claim,) = record.file("r", named(5))
    stub, ledger = LedgerServiceStub(record.client.channel), record.client.ledger

    def raw() -> list[records_pb2.RecordedEvent]:
        request = ledger_service_pb2.ReplayHistoryRequest(ledger=ledger, view=records_pb2.EVENT_VIEW_RAW)
        batches = stub.ReplayHistory(request, timeout=ANSWER_SECONDS)
        return [event for batch in batches for event in batch.events]

    def root() -> bytes:
        request = ledger_service_pb2.GetLedgerRequest(ledger=ledger)
        return stub.GetLedger(request, timeout=ANSWER_SECONDS).ledger.root_hash

    before, root_before = raw(), root()
    record.file("x", *redacting(claim))
    after = raw()
    assert [event.envelope for event in after[: len(before)]] == [event.envelope for event in before]
    assert (after[1].redacted, after[1].payload, after[1].salt) == (True, b"", b"")
    assert before[1].payload
    tree = Frontier()
    for size, event in enumerate(after, 1):
        tree.extend([hashlib.sha256(b"\0" + event.envelope).digest()])
        if size == len(before):
            assert tree.root() == root_before
    assert tree.root() == root()
    request = ledger_service_pb2.GetEventRequest(ledger=ledger, event_id=claim)
    event = stub.GetEvent(request, timeout=ANSWER_SECONDS).event
    assert (event.redacted, event.HasField("claim"), event.type) == (True, False, "TroopsKilled")
    assert (event.stream, event.report_id, event.position) == ("incidents/a", "r", 2)


def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    """Code and sentence of a refusal."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details() or ""


def test_an_act_that_holds_is_not_redacted_and_one_report_files_it_again_without_the_name(record: Record) -> None:
    (claim,) = record.file("r", troops(5))
    (retraction,) = record.file("x", retracting(claim, note=f"{NAME} is alive."))  # at 4
    assert record.killed(record.client.position) == 0
    code, sentence = refusal(lambda: record.file("y", *redacting(retraction)))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "retract it, file it again without what must go, and redact it then" in sentence
    before = {position: record.killed(position) for position in range(5)}
    record.file("z", retracting(retraction), retracting(claim), *redacting(retraction))  # at 6, 7 and 8
    assert [record.killed(position) for position in range(9)] == [0, 0, 5, 5, 5, 5, 5, 0, 0]
    assert before == {0: 0, 1: 0, 2: 5, 3: 5, 4: 0}
    told = [record.left_out(position) for position in range(9)]
    assert told[4] == told[5] == {"REDACTED_ACT": 1}
    assert [each for each in (*told[:4], told[6]) if each] == []
    assert told[7] == told[8] == {"RETRACTED": 1}
    as_of = records_pb2.AsOf(position=5)
    request = pb.GetIncidentRequest(ledger=record.client.ledger, incident_id="a", as_of=as_of)
    incident = answers(record.client, {"": ("GetIncident", request)}, as_of)[""]
    assert [(each.reason, each.claims) for each in incident.left_out] == [("REDACTED_ACT", 1)]


def test_of_a_redacted_filing_the_claims_stay_without_their_source(record: Record) -> None:
    record.file("r", troops(5), source={"name": NAME, "reliability": "a"}, reported="2020-02-20")
    record.file("s", troops(8), reported="2020-02-12")
    assert record.killed(record.client.position) == 5
    filing = record.client.replay()[0].event_id
    record.file("x", *redacting(filing))
    for position in (4, record.client.position):
        assert record.killed(position) == 8
        sources = by_key(record.figures(position, group_by=[pb.CASUALTY_GROUPING_SOURCE]).figures)
        assert [(key, each.figure.best) for key, each in sources.items()] == [(("An outlet",), 8)]
    assert record.killed(2) == 5
    first, second = record.client.claims()
    assert (first.HasField("source"), first.reported, first.left_out) == (False, "", "SUPERSEDED")
    assert (second.source.name, second.left_out) == ("An outlet", "")


def test_a_rebuilt_generation_knows_no_more_and_no_less(record: Record) -> None:
    claim, _ = record.file("r", named(5), troops(3, "b"))
    (retraction,) = record.file("x", retracting(claim, note=NAME))
    record.file("z", retracting(retraction), retracting(claim), *redacting(retraction, claim))
    caught_up(record.client)
    before = [record.at(position) for position in range(record.client.position + 1)]
    for name in READ_MODELS:
        progress = rebuilt(record.client, name)
        assert progress.state_digest == progress.replaced_digest != "", name
    for position, answer in enumerate(before):
        again = record.at(position)
        assert differing(without(again, "generation"), without(answer, "generation")) == [], position
