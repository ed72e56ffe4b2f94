"""The application on a real server: what depends on the record's state, and how a repeated report is answered."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import MapperDeserialisationError, StoredEvent

from ledger.api.violations import FILED_TYPES
from ledger.application import LedgerApplication, Submission
from ledger.audit.envelope import EnvelopeError
from ledger.domain.notices import LOW_ABOVE_BEST, UNREGISTERED_ACTOR
from ledger.domain.recorded import Recorded
from ledger.domain.reports import Report, event_from_payload
from ledger.errors import (
    DeadlineError,
    LedgerError,
    NotFoundError,
    NotPossibleError,
    ReportConflictError,
    RevisionConflictError,
)
from ledger.persistence.records import Appended
from tests.filing import SECONDS, act, append, check_record, claim, redaction, report
from tests.golden.examples import COMPLETE, MINIMAL
from tests.postgres import Database


@pytest.fixture
def application(database: Database) -> Iterator[LedgerApplication]:
    opened = LedgerApplication("main", database.service_url)
    try:
        yield opened
    finally:
        opened.close()
    check_record(database.owner_url)


def filed(application: LedgerApplication, report_id: str, *items: dict[str, Any]) -> list[str]:
    """Appends a report; answers the ids of its claims and acts."""
    return [str(placed.event_id) for placed in append(application, report(report_id, *items)).events[1:]]


def retraction(target: str) -> dict[str, Any]:
    return act("ClaimRetracted", target_event_id=target, reason="error")


def correction(target: str, **content: Any) -> dict[str, Any]:
    return act("ClaimCorrected", target_event_id=target, reason="wrong", replacement=claim(**content))


def merge(into: str, *others: str) -> dict[str, Any]:
    return act("IncidentsMerged", incident_id=into, merged_incident_ids=others, reason="one attack")


def incidents(application: LedgerApplication, *names: str) -> None:
    filed(application, f"incidents-{'-'.join(names)}", *[claim(incident_id=name) for name in names])


def notices(application: LedgerApplication, sent: Report) -> list[tuple[str, str]]:
    """Field and reason of each notice of a report that is appended now."""
    appended, submission = application.append_report(sent, {}, "observer", SECONDS)
    return [(notice.field, notice.reason) for notice in application.notices(submission, appended)]


# What is appended


def test_every_type_is_recorded_and_read_back(application: LedgerApplication, database: Database) -> None:
    target = filed(
        application, "target", claim(incident_id="idlib-2020-02-10"), claim(incident_id="taftanaz-shelling")
    )
    violation = filed(application, "v", claim("CeasefireViolated", agreement_id="sochi"))[0]
    items = []
    for name, event in {**MINIMAL, **COMPLETE}.items():
        content = event.model_dump(mode="json", exclude_defaults=True)
        if name not in FILED_TYPES:
            continue
        if name == "ReportRetracted":
            content["target_report_id"] = "target"
        if "target_event_id" in content:
            content["target_event_id"] = violation if name == "ClaimAssessed" else target[0]
        if "preferred_event_id" in content:
            content["preferred_event_id"] = target[0]
        items.append(content)
    # Retracting and redacting come last, because nothing can be done to the target after them.
    items.sort(key=lambda item: ("ClaimRetracted", "PayloadRedacted").count(item["type"]))
    sent = report("everything", *items)
    appended = append(application, sent)
    with psycopg.connect(database.service_url) as connection:
        rows = connection.execute(
            "SELECT type, payload, stream FROM ledger_main.events WHERE report_id = 'everything' ORDER BY position"
        ).fetchall()
    assert [placed.type for placed in appended.events] == ["ReportFiled", *[item["type"] for item in items]]
    assert [event_from_payload(row[0], row[1]) for row in rows[1:]] == list(sent.claims)
    streams = {placed.type: placed.stream for placed in appended.events}
    assert streams["ClaimCorrected"] == "incidents/idlib-2020-02-10", "an act is in the stream of its target"
    assert streams["ClaimAssessed"] == "agreements/sochi"
    assert streams["ReportRetracted"] == "reports/target"
    assert streams["ActorRegistered"] == "actors/government-of-syria"


def test_claims_load_nothing(application: LedgerApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application.ledger_recorder, "select_events", None)
    monkeypatch.setattr(application.ledger_recorder, "pool", None)
    registration = act("ActorRegistered", actor_id="a", name="A", actor_kind=1)
    assert append(application, report("r", claim(), registration)).tree_size == 3
    monkeypatch.undo()


def test_a_recorder_that_would_break_the_envelope_is_refused(application: LedgerApplication) -> None:
    with pytest.raises(EnvelopeError, match="recorder"):
        application.submit(report("r"), {}, "two\nlines", time.monotonic() + SECONDS)
    assert append(application, report("r")).events[0].position == 1


def test_an_event_that_would_break_the_envelope_is_refused_alone(application: LedgerApplication) -> None:
    for stream, topic in (("two\nlines", "T"), ("s", "T\x00"), ("", "T")):
        with pytest.raises(EnvelopeError):
            application.recorder.insert_events([StoredEvent(stream, 1, topic, b"{}")])


# Actors, and what deserves a look


def test_unregistered_actors_are_told_until_they_are_registered(application: LedgerApplication) -> None:
    unknown = [("claims[0].victim_party", UNREGISTERED_ACTOR)]
    assert notices(application, report("a")) == unknown
    assert notices(application, report("b")) == unknown
    registration = act("ActorRegistered", actor_id="turkey", name="Türkiye", actor_kind="external")
    assert notices(application, report("c", claim(), registration)) == [], "registered by the same report"
    assert notices(application, report("d")) == []
    assert notices(application, report("e", claim(perpetrators=["turkey", "nobody"]))) == [
        ("claims[0].perpetrators[1]", UNREGISTERED_ACTOR)
    ]


def test_contradicting_bounds_are_recorded_and_told(application: LedgerApplication) -> None:
    count = {"qualifier": "between", "low": 9, "best": 5, "high": 12}
    assert ("claims[0].count", LOW_ABOVE_BEST) in notices(application, report("r", claim(count=count)))


# Acts


def test_an_act_is_decided_on_what_is_recorded(application: LedgerApplication) -> None:
    [target] = filed(application, "a", claim())
    filed(application, "b", correction(target, count=6))
    filed(application, "c", retraction(target))
    for item in (
        correction(target),
        retraction(target),
        act("ClaimAssessed", target_event_id=target, credibility=1),
    ):
        with pytest.raises(NotPossibleError, match="retracted already"):
            append(application, report("d", item))
    with pytest.raises(NotFoundError, match="event"):
        append(application, report("d", retraction(str(UUID(int=7)))))
    with pytest.raises(NotFoundError, match="report"):
        append(application, report("d", act("ReportRetracted", target_report_id="nowhere", reason="error")))


def test_one_impossible_act_refuses_the_whole_report(application: LedgerApplication, database: Database) -> None:
    [target] = filed(application, "a", claim())
    with pytest.raises(NotPossibleError):
        append(application, report("b", claim(), retraction(target), retraction(target)))
    assert check_record(database.owner_url) == 2


def test_acts_of_one_report_see_each_other(application: LedgerApplication) -> None:
    target, other = filed(application, "a", claim(), claim())
    with pytest.raises(NotPossibleError, match="retracted already"):
        append(application, report("b", retraction(target), correction(target)))
    with pytest.raises(NotPossibleError, match="redacted already"):
        append(application, report("b", redaction(target), redaction(target)))
    filed(application, "b", correction(target), act("ClaimAssessed", target_event_id=target, credibility=2))
    filed(application, "c", retraction(target), redaction(other))


def test_retracting_a_retraction_restores(application: LedgerApplication) -> None:
    [target] = filed(application, "a", claim())
    [first] = filed(application, "b", retraction(target))
    [second] = filed(application, "c", retraction(first))
    stream = application.stream("incidents/idlib")
    assert stream
    assert stream.holds(UUID(target))
    filed(application, "d", correction(target))
    filed(application, "e", retraction(second))
    with pytest.raises(NotPossibleError, match="retracted already"):
        append(application, report("f", correction(target)))


def test_a_standing_is_assessed_of_violations_alone(application: LedgerApplication) -> None:
    violation, signed = filed(
        application,
        "a",
        claim("CeasefireViolated", agreement_id="sochi"),
        claim("AgreementSigned", agreement_id="sochi"),
    )
    filed(application, "b", act("ClaimAssessed", target_event_id=violation, standing="verified"))
    with pytest.raises(NotPossibleError, match="AgreementSigned"):
        append(application, report("c", act("ClaimAssessed", target_event_id=signed, standing="verified")))


def test_a_preferred_claim_is_one_of_its_incident(application: LedgerApplication) -> None:
    here, there = filed(application, "a", claim(), claim(incident_id="homs"))
    chosen = act("PreferredClaimChosen", incident_id="idlib", reason="nearest")
    filed(application, "b", {**chosen, "preferred_event_id": here})
    with pytest.raises(NotPossibleError, match="not of incident idlib"):
        append(application, report("c", {**chosen, "preferred_event_id": there}))


def test_a_report_is_retracted_until_that_is_undone(application: LedgerApplication) -> None:
    filed(application, "a", claim())
    retracting = act("ReportRetracted", target_report_id="a", reason="withdrawn_by_source")
    [first] = filed(application, "b", retracting)
    with pytest.raises(NotPossibleError, match="is retracted already"):
        append(application, report("c", retracting))
    filed(application, "d", retraction(first))
    filed(application, "e", retracting)


# Merges


def test_an_incident_is_merged_into_one_other(application: LedgerApplication) -> None:
    incidents(application, "a", "b", "c")
    [merged] = filed(application, "m1", merge("a", "b"))
    for wrong in (merge("b", "a"), merge("c", "b"), merge("b", "c"), merge("a", "b")):
        with pytest.raises(NotPossibleError, match="incident b is merged into a"):
            append(application, report("m2", wrong))
    filed(application, "m2", merge("c", "a"))
    with pytest.raises(NotPossibleError, match="merged into"):
        append(application, report("m3", merge("b", "c")))
    filed(application, "undo", retraction(merged))
    filed(application, "m3", merge("b", "c"))
    with pytest.raises(NotFoundError, match="incident"):
        append(application, report("m4", merge("b", "nowhere")))


def test_merges_of_one_report_make_no_cycle(application: LedgerApplication) -> None:
    incidents(application, "a", "b", "c")
    for circle in ([merge("a", "b"), merge("b", "a")], [merge("a", "b"), merge("b", "c"), merge("c", "a")]):
        with pytest.raises(NotPossibleError, match="is merged into"):
            append(application, report("circle", *circle))
    filed(application, "line", merge("b", "c"), merge("a", "b"))


def test_a_merge_is_not_restored_into_a_cycle(application: LedgerApplication) -> None:
    incidents(application, "a", "b", "c")
    [first] = filed(application, "m1", merge("a", "b"))
    [undoing] = filed(application, "undo", retraction(first))
    [second] = filed(application, "m2", merge("b", "a"))
    with pytest.raises(NotPossibleError, match="incident a is merged into b"):
        append(application, report("redo", retraction(undoing)))
    filed(application, "undo-2", retraction(second))
    filed(application, "redo", retraction(undoing))
    with pytest.raises(NotPossibleError, match="incident b is merged into a"):
        append(application, report("m3", merge("b", "c")))


def test_concurrent_merges_make_neither_a_cycle_nor_two_of_one(database: Database) -> None:
    names = "abcdef"
    applications = [LedgerApplication("main", database.service_url) for _ in range(2)]
    try:
        incidents(applications[0], *names)
        pairs = [(one, other) for one in names for other in names if one != other]
        random.Random(7).shuffle(pairs)

        def attempt(number: int) -> tuple[str, str] | None:
            one, other = pairs[number]
            try:
                append(applications[number % 2], report(f"m-{number}", merge(one, other)))
            except LedgerError:
                return None
            return one, other

        with ThreadPoolExecutor(6) as pool:
            merged = [each for each in pool.map(attempt, range(len(pairs))) if each]
    finally:
        for each in applications:
            each.close()
    assert merged
    into = [(other, one) for one, other in merged]
    assert not any(on_a_cycle(name, into) for name in names), merged
    assert len({other for other, _ in into}) == len(into), "an incident is merged into one other"
    check_record(database.owner_url)


def on_a_cycle(name: str, into: list[tuple[str, str]]) -> bool:
    reached: set[str] = set()
    following = {name}
    while following := {one for other, one in into if other in following} - reached:
        reached |= following
    return name in reached


# Sent again, and expectations


def test_a_report_of_acts_sent_again_gets_its_first_receipt(application: LedgerApplication) -> None:
    incidents(application, "a", "b")
    [target] = filed(application, "t", claim())
    for sent in (
        report("retracting", retraction(target)),
        report("merging", merge("a", "b")),
        report("redacting", redaction(target)),
    ):
        first = append(application, sent)
        again = append(application, sent)
        assert (again.already_recorded, again.events) == (True, first.events)
        expecting = append(application, sent, idlib=99)
        assert (expecting.already_recorded, expecting.events) == (True, first.events)
    with pytest.raises(ReportConflictError):
        append(application, report("merging", merge("b", "a")))


def test_expectations_of_the_client_hold_for_acts(application: LedgerApplication) -> None:
    [target] = filed(application, "a", claim())
    for expected in (0, 2, 5):
        with pytest.raises(RevisionConflictError) as caught:
            append(application, report("b", correction(target)), idlib=expected)
        [mismatch] = caught.value.mismatches
        assert (mismatch.stream, mismatch.actual) == ("incidents/idlib", 1)
        assert mismatch.expected == (str(expected) if expected else "no stream")
    append(application, report("b", correction(target)), idlib=1)
    append(application, report("c", correction(target)), idlib=-2)


def moving(application: LedgerApplication, monkeypatch: pytest.MonkeyPatch, *others: Report) -> None:
    """Has each of the other reports be recorded between a decision and its turn in the lane."""
    lane_submit, left = application.ledger_recorder.lane.submit, list(others)

    def after_another(request: Any) -> None:
        if left and request.report_id not in {other.report_id for other in others}:
            append(application, left.pop(0))
        lane_submit(request)

    monkeypatch.setattr(application.ledger_recorder.lane, "submit", after_another)


EXPECTATIONS = [{}, {"incidents/idlib": -1}, {"incidents/idlib": -2}]


@pytest.mark.parametrize("expected", EXPECTATIONS, ids=["none", "any", "exists"])
def test_an_act_on_what_another_act_moves_is_decided_anew(
    application: LedgerApplication, monkeypatch: pytest.MonkeyPatch, expected: dict[str, int]
) -> None:
    target, other = filed(application, "a", claim(), claim())
    moving(application, monkeypatch, *[report(f"other-{number}", correction(other)) for number in range(3)])
    appended, _ = application.append_report(report("b", correction(target)), expected, "o", SECONDS)
    assert appended.events[-1].revision == 6, "after two claims, and three corrections that came between"


def test_a_decision_that_another_act_makes_impossible_is_refused(
    application: LedgerApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    [target] = filed(application, "a", claim())
    moving(application, monkeypatch, report("other", retraction(target)))
    with pytest.raises(NotPossibleError, match="retracted already"):
        append(application, report("b", correction(target)))


def test_a_client_that_expects_a_revision_is_told_that_it_moved(
    application: LedgerApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    [target] = filed(application, "a", claim())
    moving(application, monkeypatch, report("other", correction(target)))
    with pytest.raises(RevisionConflictError) as caught:
        append(application, report("b", correction(target)), idlib=1)
    assert {(each.stream, each.actual) for each in caught.value.mismatches} == {("incidents/idlib", 2)}


def test_claims_do_not_hold_up_an_act(application: LedgerApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    [target] = filed(application, "a", claim())
    decisions = []
    decide = application.submit

    def noted(sent: Report, *others: Any) -> tuple[Submission, Future[Appended]]:
        decisions.append(sent.report_id)
        return decide(sent, *others)

    monkeypatch.setattr(application, "submit", noted)
    moving(application, monkeypatch, report("other", claim()))
    assert append(application, report("b", correction(target))).events[-1].revision == 3
    assert decisions == ["b", "other"], "it is decided once"


def test_a_stream_that_never_rests_costs_no_more_than_the_deadline(
    application: LedgerApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = application.submit

    def always_late(*arguments: Any) -> tuple[Submission, Future[Appended]]:
        made, answer = decide(report("never"), {"incidents/idlib": 99}, "o", time.monotonic() + SECONDS)
        return Submission(made.report, made.request, frozenset({"incidents/idlib"})), answer

    monkeypatch.setattr(application, "submit", always_late)
    with pytest.raises(DeadlineError):
        application.append_report(report("b"), {}, "observer", 0.2)


def test_many_acts_on_one_stream_at_once_are_all_recorded(application: LedgerApplication) -> None:
    targets = filed(application, "a", *[claim() for _ in range(6)])

    def retract(number: int) -> Appended:
        return append(application, report(f"r-{number}", retraction(targets[number])))

    with ThreadPoolExecutor(6) as pool:
        appended = list(pool.map(retract, range(6)))
    assert sorted(each.events[-1].revision for each in appended) == list(range(7, 13))


def test_an_answer_that_does_not_come_is_a_missed_deadline(
    application: LedgerApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application.ledger_recorder.lane, "submit", lambda request: None)
    with pytest.raises(DeadlineError):
        application.append_report(report("r"), {}, "observer", -0.9)


# Redactions


def test_a_redaction_leaves_the_tree_as_it_is(application: LedgerApplication, database: Database) -> None:
    appended = append(application, report("a", claim(words="It names a victim."), claim()))
    target = appended.events[1]
    append(application, report("b", redaction(target.event_id)))
    check_record(database.owner_url)
    with psycopg.connect(database.service_url) as connection:
        recorder = application.ledger_recorder
        kept, *others = recorder.log.read(connection, 1, 10, raw=True)
    assert (kept.redacted, kept.state, kept.position) == (True, b"", target.position)
    assert getattr(kept, "leaf") == target.leaf  # noqa: B009 - of a raw record
    assert not any(each.redacted for each in others)
    recorded = application.mapper.to_domain_event(kept)
    assert isinstance(recorded, Recorded)
    assert (recorded.event, recorded.type) == (None, "TroopsKilled")
    for item in (correction(str(target.event_id)), redaction(target.event_id)):
        with pytest.raises(NotPossibleError, match="redacted"):
            append(application, report("c", item))


def test_a_redacted_filing_still_knows_its_report(application: LedgerApplication) -> None:
    sent = report("a", title="It names a victim")
    first = append(application, sent)
    append(application, report("b", redaction(first.events[0].event_id)))
    assert append(application, sent).events == first.events
    with pytest.raises(ReportConflictError) as caught:
        append(application, report("a", title="Another"))
    assert caught.value.values["recorded_digest"] == "redacted"


def test_several_redactions_in_one_report(application: LedgerApplication, database: Database) -> None:
    targets = filed(application, "a", *[claim(words=f"name {n}") for n in range(3)])
    append(application, report("b", *[redaction(target) for target in targets]))
    with psycopg.connect(database.service_url) as connection:
        rows = connection.execute("SELECT target_position, act_position FROM ledger_main.redactions").fetchall()
    assert sorted(rows) == [(2, 6), (3, 7), (4, 8)]


# The library's interface


def test_the_library_reads_what_the_ledger_recorded(application: LedgerApplication) -> None:
    append(application, report("a"))
    [filing, recorded] = application.notification_log.select(1, 10)
    assert (filing.originator_id, filing.topic) == ("reports/a", "ReportFiled")
    assert (recorded.originator_id, recorded.originator_version) == ("incidents/idlib", 1)
    stream = application.stream("incidents/idlib")
    assert stream
    assert stream.version == 1
    assert application.stream("incidents/nowhere") is None


def test_a_payload_that_nobody_can_read_is_named(application: LedgerApplication) -> None:
    application.recorder.insert_events([StoredEvent("incidents/odd", 1, "TroopsVanished", b"{}")])
    with pytest.raises(MapperDeserialisationError, match="TroopsVanished incidents/odd 1"):
        application.stream("incidents/odd")
