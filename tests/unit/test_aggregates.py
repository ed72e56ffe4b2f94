"""What a stream's events add up to: which acts of the record are possible, and what undoing undoes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.aggregates import Agreement, Incident, ReportRecord, Stream, Threat, aggregate_of
from ledger.domain.claim import DomainEvent
from ledger.domain.recorded import Recorded
from ledger.domain.reports import EVENT_TYPES
from ledger.errors import NotFoundError, NotPossibleError
from tests.golden.examples import MINIMAL, REPLACEMENT

LONG_CHAIN = 5_000


class Told:
    """A stream, told event by event; an event's id is its number."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def record(self, event: DomainEvent | None, type_name: str = "") -> int:
        """Applies the next event; None is one whose payload is redacted."""
        number = self.stream.version + 1
        self.stream.apply(
            Recorded(self.stream.id, number, UUID(int=number), event.type if event else type_name, event)
        )
        return number

    def claim(self, name: str = "TroopsKilled") -> int:
        return self.record(MINIMAL[name])

    def retract(self, target: int) -> int:
        act = told("ClaimRetracted", target)
        self.stream.retract(act)
        return self.record(act)

    def correct(self, target: int, **replacement: Any) -> int:
        act = told("ClaimCorrected", target, reason="wrong", replacement=replacement or REPLACEMENT)
        self.stream.correct(act)
        return self.record(act)

    def assess(self, target: int, **said: Any) -> int:
        act = told("ClaimAssessed", target, **said)
        self.stream.assess(act)
        return self.record(act)

    def redact(self, target: int) -> int:
        act = told("PayloadRedacted", target, rule="privacy", reason="a name")
        self.stream.redact(act)
        return self.record(act)

    def choose(self, target: int) -> int:
        act: Any = MINIMAL["PreferredClaimChosen"].model_copy(update={"preferred_event_id": str(UUID(int=target))})
        assert isinstance(self.stream, Incident)
        self.stream.choose(act)
        return self.record(act)

    def retract_report(self) -> int:
        act: Any = MINIMAL["ReportRetracted"]
        assert isinstance(self.stream, ReportRecord)
        self.stream.retract_report(act)
        return self.record(act)

    def holds(self, number: int) -> bool:
        return self.stream.holds(UUID(int=number))


def told(name: str, target: int, **content: Any) -> Any:
    """An act on an event by its number."""
    if name == "ClaimRetracted":
        content.setdefault("reason", "error")
    return EVENT_TYPES[name].of(target_event_id=str(UUID(int=target)), **content)


@pytest.fixture
def incident() -> Told:
    return Told(Incident("incidents/idlib-2020-02-10"))


@pytest.fixture
def agreement() -> Told:
    return Told(Agreement("agreements/sochi-memorandum-2018"))


@pytest.fixture
def report() -> Told:
    record = Told(ReportRecord("reports/outlet-2020-02-12-idlib"))
    record.record(MINIMAL["ReportFiled"])
    return record


def test_a_claim_holds_until_it_is_retracted(incident: Told) -> None:
    claim = incident.claim()
    assert incident.holds(claim)
    incident.retract(claim)
    assert not incident.holds(claim)
    with pytest.raises(NotPossibleError, match="retracted already"):
        incident.retract(claim)


def test_undoing_the_undoing_restores(incident: Told) -> None:
    claim = incident.claim()
    first = incident.retract(claim)
    second = incident.retract(first)
    assert incident.holds(claim)
    third = incident.retract(second)
    assert not incident.holds(claim)
    incident.retract(third)
    assert incident.holds(claim)
    with pytest.raises(NotPossibleError, match="retracted already"):
        incident.retract(first)


def test_of_two_retractions_that_hold_undoing_one_is_not_enough(incident: Told) -> None:
    claim = incident.claim()
    first = incident.retract(claim)
    undoing = incident.retract(first)
    second = incident.retract(claim)
    incident.retract(undoing)  # the first retraction holds again, beside the second
    incident.retract(second)
    assert not incident.holds(claim)


def test_a_correction_needs_a_claim_that_holds(incident: Told) -> None:
    claim = incident.claim()
    correction = incident.correct(claim)
    incident.retract(claim)
    with pytest.raises(NotPossibleError, match="retracted already"):
        incident.correct(claim)
    with pytest.raises(NotPossibleError, match="name the claim itself"):
        incident.correct(correction)


def test_a_correction_may_change_the_type_but_not_the_subject(incident: Told, agreement: Told) -> None:
    claim = incident.claim()
    injured = {**REPLACEMENT, "type": "TroopsInjured"}
    incident.correct(claim, **injured)
    other = {"type": "PartyWithdrew", "occurred": "2020-02-10", "agreement_id": "sochi", "party": "turkey"}
    with pytest.raises(NotPossibleError, match="TroopsInjured cannot become a PartyWithdrew"):
        incident.correct(claim, **other)
    agreement.correct(agreement.claim("CeasefireTookEffect"), **other)


def test_a_standing_is_of_violations(incident: Told, agreement: Told) -> None:
    violation, end = agreement.claim("CeasefireViolated"), agreement.claim("CeasefireEnded")
    agreement.assess(violation, standing="verified", verification="fair")
    agreement.assess(end, verification="fair")
    with pytest.raises(NotPossibleError, match="`standing` is of violations, and the target is a CeasefireEnded"):
        agreement.assess(end, standing="verified")
    with pytest.raises(NotPossibleError, match="TroopsKilled"):
        incident.assess(incident.claim(), standing="disputed")


def test_what_is_assessed_is_the_claim_as_corrected(agreement: Told) -> None:
    claim = agreement.claim("CeasefireEnded")
    violated = {"type": "CeasefireViolated", "occurred": "2020-02-10", "agreement_id": "sochi"}
    correction = agreement.correct(claim, **violated)
    agreement.assess(claim, standing="verified")
    agreement.retract(correction)
    with pytest.raises(NotPossibleError, match="CeasefireEnded"):
        agreement.assess(claim, standing="verified")


@pytest.mark.parametrize("act", ["correct", "assess", "choose"])
def test_an_act_is_on_a_claim_and_not_on_an_act(incident: Told, act: str) -> None:
    assessment = incident.assess(incident.claim(), credibility=3)
    said = {"credibility": 3} if act == "assess" else {}
    with pytest.raises(NotPossibleError, match="the target is a ClaimAssessed, not a claim"):
        getattr(incident, act)(assessment, **said)


@pytest.mark.parametrize("act", ["correct", "assess", "choose", "retract", "redact"])
def test_an_act_on_what_is_not_in_the_stream_finds_nothing(incident: Told, act: str) -> None:
    incident.claim()
    with pytest.raises(NotFoundError, match="no event"):
        getattr(incident, act)(99, **({"credibility": 3} if act == "assess" else {}))


def test_a_payload_is_redacted_once_and_for_good(incident: Told) -> None:
    claim = incident.claim()
    redaction = incident.redact(claim)
    with pytest.raises(NotPossibleError, match="redacted already"):
        incident.redact(claim)
    with pytest.raises(NotPossibleError, match="cannot itself be redacted"):
        incident.redact(redaction)
    with pytest.raises(NotPossibleError, match="a PayloadRedacted cannot be retracted"):
        incident.retract(redaction)


@pytest.mark.parametrize("act", ["correct", "assess", "choose", "redact"])
def test_a_redacted_claim_can_only_be_retracted(incident: Told, act: str) -> None:
    claim = incident.record(None, "TroopsKilled")
    with pytest.raises(NotPossibleError, match="redacted"):
        getattr(incident, act)(claim, **({"credibility": 3} if act == "assess" else {}))
    incident.retract(claim)


def test_a_retraction_without_its_payload_undoes_nothing(incident: Told) -> None:
    claim = incident.claim()
    incident.record(None, "ClaimRetracted")
    assert incident.holds(claim), "what it named is gone for good, so nobody can tell what it retracted"


def test_an_act_that_holds_is_not_redacted_because_what_it_does_would_be_lost(incident: Told) -> None:
    claim = incident.claim()
    correction, assessment = incident.correct(claim), incident.assess(claim, credibility=3)
    retraction = incident.retract(claim)
    for act in (correction, assessment, retraction):
        with pytest.raises(NotPossibleError, match="file it again without what must go"):
            incident.redact(act)
    undoing = incident.retract(retraction)
    again = incident.retract(claim)
    incident.redact(retraction)
    assert not incident.holds(claim), "it is retracted by the one that was filed again"
    with pytest.raises(NotPossibleError, match="nothing can be restored"):
        incident.retract(undoing)
    incident.redact(undoing)
    with pytest.raises(NotPossibleError, match="holds, and what it does would be lost"):
        incident.redact(again)


def test_an_act_on_a_redacted_claim_does_nothing_and_can_be_redacted(incident: Told) -> None:
    claim = incident.claim()
    correction, retraction = incident.correct(claim), incident.retract(claim)
    incident.redact(claim)
    incident.redact(correction)
    incident.redact(retraction)


def test_after_its_payload_is_gone_an_undoing_is_known_by_its_target(incident: Told) -> None:
    claim = incident.claim()
    gone = incident.record(None, "ClaimCorrected")
    undoing = incident.record(told("ClaimRetracted", gone))
    with pytest.raises(NotPossibleError, match="nothing can be restored"):
        incident.retract(undoing)
    incident.redact(undoing)
    assert incident.holds(claim)


def test_a_filing_is_redacted_while_its_report_holds_and_its_retraction_is_not(report: Told) -> None:
    report.redact(1)
    retraction = report.retract_report()
    with pytest.raises(NotPossibleError, match="holds, and what it does would be lost"):
        report.redact(retraction)
    report.retract(retraction)
    report.redact(retraction)


def test_a_merge_is_redacted_only_where_it_does_not_hold(incident: Told) -> None:
    merged = incident.record(merge("idlib-2020-02-10", "b"))
    with pytest.raises(NotPossibleError, match=r"IncidentsMerged .* holds"):
        incident.redact(merged)
    incident.retract(merged)
    incident.redact(merged)


def test_a_report_is_retracted_once_until_that_is_undone(report: Told) -> None:
    retraction = report.retract_report()
    with pytest.raises(NotPossibleError, match="is retracted already"):
        report.retract_report()
    report.retract(retraction)
    report.retract_report()


def test_a_filing_is_not_retracted_by_itself(report: Told) -> None:
    with pytest.raises(NotPossibleError, match="by ReportRetracted"):
        report.retract(1)
    report.redact(1)


def merge(into: str, *others: str) -> DomainEvent:
    """A merge of incidents."""
    return EVENT_TYPES["IncidentsMerged"].of(incident_id=into, merged_incident_ids=others, reason="one attack")


def test_a_merge_holds_until_it_is_undone(incident: Told) -> None:
    assert isinstance(incident.stream, Incident)
    incident.claim()
    merged = incident.record(merge("idlib-2020-02-10", "b", "c"))
    assert [each.merged_incident_ids for each in incident.stream.merges()] == [("b", "c")]
    undone = incident.retract(merged)
    assert incident.stream.merges() == []
    restoring = told("ClaimRetracted", undone)
    assert [each.merged_incident_ids for each in incident.stream.restored_merges(restoring)] == [("b", "c")]
    incident.retract(undone)
    assert incident.stream.restored_merges(told("ClaimRetracted", merged)) == []
    assert len(incident.stream.merges()) == 1


@pytest.mark.parametrize(
    ("stream", "aggregate"),
    [
        ("incidents/a", Incident),
        ("agreements/a", Agreement),
        ("threats/a", Threat),
        ("reports/a", ReportRecord),
        ("tolls/a", Stream),
        ("actors/a", Stream),
    ],
)
def test_every_stream_has_an_aggregate(stream: str, aggregate: type[Stream]) -> None:
    assert aggregate_of(stream) is aggregate


def test_the_library_projects_a_stream_from_its_events() -> None:
    events = [Recorded("incidents/a", 7, UUID(int=7), "TroopsKilled", MINIMAL["TroopsKilled"])]
    stream = Incident.project(None, events)
    assert isinstance(stream, Incident)
    assert (stream.id, stream.version) == ("incidents/a", 7)
    assert Incident.project(None, []) is None


def test_a_long_chain_of_undoing_is_no_recursion(incident: Told) -> None:
    claim = last = incident.claim()
    for _ in range(LONG_CHAIN):
        last = incident.record(told("ClaimRetracted", last))
    assert incident.holds(claim) is (LONG_CHAIN % 2 == 0)


def by_definition(number: int, targets: Sequence[int]) -> bool:
    """An event holds unless something names it that itself holds; event n > 0 undoes targets[n - 1]."""
    return not any(target == number and by_definition(act, targets) for act, target in enumerate(targets, 1))


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), max_size=12))
def test_what_holds_is_what_the_definition_says(drawn: list[int]) -> None:
    targets = [number % act for act, number in enumerate(drawn, 1)]
    stream = Told(Incident("incidents/a"))
    stream.claim()
    for target in targets:
        stream.record(told("ClaimRetracted", target + 1))
    for number in range(len(targets) + 1):
        assert stream.holds(number + 1) == by_definition(number, targets)
