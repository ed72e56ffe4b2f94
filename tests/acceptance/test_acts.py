"""The record's own events, over gRPC against a server process: each act has its effect from its position on, and
none on any earlier answer; undone, it leaves the answers as they were; and a rebuilt read model gives the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from incident.ledger.v1 import casualty_service_pb2 as pb
from incident.ledger.v1 import records_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from incident.ledger.v1.ledger_service_pb2 import GetEventRequest, GetReportRequest
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.cli.story.selecting import Asked
from ledger.cli.story.selecting import Story as TellingStory
from tests.acceptance.client import ANSWER_SECONDS, Client, bounds, by_key, rebuilt, report_message
from tests.acceptance.questions import Answer, answered, answers, asked, differing, every, few, in_bytes, without

pytestmark = [pytest.mark.newest, pytest.mark.timeout(300)]
"""The story asks some thousand questions."""
LEDGER = "acts"
IDLIB = {"name": "Idlib", "precision": "admin1", "country": "Syria", "admin1": "Idlib"}
ATMEH = {
    "name": "Atmeh",
    "precision": "exact",
    "country": "Syria",
    "admin1": "Idlib",
    "admin2": "Harim",
    "latitude": 36.3,
    "longitude": 36.7,
}
SYRIA = {"name": "Syria", "precision": "country", "country": "Syria"}
HARIM = {"name": "Harim", "precision": "admin2", "country": "Syria", "admin1": "Idlib", "admin2": "Harim"}
WEEK = {"start": "2020-02-03", "end": "2020-02-09", "precision": "week"}
PERIOD = {"start": "2019-12-01", "end": "2020-02-12", "precision": "year"}


def claim(kind: str, incident: str, count: Any, occurred: Any = "2020-02-10", **more: Any) -> dict[str, Any]:
    """A claim of one incident."""
    return {"type": kind, "incident_id": incident, "count": count, "occurred": occurred, "place": IDLIB, **more}


def troops(count: Any, **more: Any) -> dict[str, Any]:
    return claim("TroopsKilled", "a", count, victim_party="turkey", **more)


def civilians(incident: str, count: Any, **more: Any) -> dict[str, Any]:
    return claim("CiviliansKilled", incident, count, "2020-02-11", **{"place": ATMEH, **more})


REPORTS = {
    "one": ("a", "2020-02-11"),
    "two": ("f", "2020-02-12"),
    "three": ("c", "2020-02-13"),
}
"""Three sources: the most reliable says first, the last published is in between."""
CONTENT: dict[str, list[dict[str, Any]]] = {
    "one": [
        {"type": "ActorRegistered", "actor_id": "turkey", "name": "Turkey", "actor_kind": "external"},
        troops(5, perpetrators=["syria"]),
        civilians("b", 7),
    ],
    "two": [
        troops(8),
        claim("PersonsMissing", "c", 3, WEEK, victim_class="civilians"),
        civilians("d", 2),
        {
            **claim("TollClaimed", "", 100, PERIOD, victim_class="civilians", outcome="killed", toll_id="t"),
            "incident_id": None,
        },
    ],
    "three": [
        troops({"qualifier": "vague", "words": "dozens"}),
        civilians("b", 4, place=SYRIA),
        {"type": "AttackReported", "incident_id": "a", "attackers": ["syria"], "occurred": "2020-02-10"},
    ],
}


@dataclass
class Step:
    """A moment of the story: the last position, its time, the event that was its act, and all answers of then."""

    position: int
    recorded_at: Timestamp
    act: str
    answers: dict[str, Answer]


@dataclass
class Story:
    """A ledger in which each act in turn is recorded and undone."""

    client: Client
    steps: dict[str, Step] = field(default_factory=dict)
    ids: dict[str, list[str]] = field(default_factory=dict)
    """Event ids of the reports' claims."""
    known: dict[int, dict[str, Answer]] = field(default_factory=dict)
    """A few answers as of each position, of when it was new."""
    changed: list[str] = field(default_factory=list)
    """Earlier answers that an act changed."""
    history: dict[str, bytes] = field(default_factory=dict)
    """What the ledger gave, before there were any acts, for each event, each report and the replay."""

    def take(self, name: str, *items: dict[str, Any], **said: Any) -> str:
        """File a report, compare answers as of each earlier step with those of then, and remember all of now."""
        reliability, reported = said.get("source", ("c", "2020-03-01"))
        source = {"name": name.capitalize(), "reliability": reliability}
        content = {"report_id": name, "source": source, "reported": reported, "claims": list(items)}
        (receipt,) = self.client.append(report_message(**content))
        self.ids[name] = [event.event_id for event in receipt.events[1:]]
        self._compare(name)
        position = self.client.position
        for new in range(len(self.known), position + 1):
            self.known[new] = answers(self.client, few(), records_pb2.AsOf(position=new))
        now = answers(self.client, every())
        self.steps[name] = Step(position, receipt.recorded_at, self.ids[name][-1], now)
        return self.ids[name][-1]

    def _compare(self, name: str) -> None:
        self.compare(name, [step.position for step in self.steps.values()])

    def compare(self, name: str, positions: Iterable[int]) -> None:
        """Ask again as of these positions, and keep what is not answered as it was then."""
        calls = {at: asked(self.client, few(), records_pb2.AsOf(position=at)) for at in positions}
        for at, now in calls.items():
            self.changed += [f"{each} as of {at}, by {name}" for each in differing(self.known[at], answered(now))]

    def undo(self, name: str) -> str:
        """Undo the act of a step."""
        act = self.steps[name].act
        return self.take(f"{name}-undone", {"type": "ClaimRetracted", "target_event_id": act, "reason": "error"})

    def figures(self, step: str, rule: str, policy: str = "verbatim-1", grouping: str = "persons") -> Figures:
        """Best numbers by key, of the answer of then."""
        answer = self.steps[step].answers[f"figures {grouping} {rule} {policy}"]
        return {key: each.figure.best for key, each in by_key(answer.figures).items()}

    def answer(self, step: str, name: str) -> Any:
        """An answer of then."""
        return self.steps[step].answers[name]


Figures = dict[tuple[str, ...], int]


def told(client: Client) -> dict[str, bytes]:
    """What the ledger itself says of each event and each report, and in its replay."""
    stub = LedgerServiceStub(client.channel)
    said = {}
    for position in range(1, client.position + 1):
        of_event = GetEventRequest(ledger=client.ledger, position=position)
        said[f"event {position}"] = in_bytes(stub.GetEvent(of_event, timeout=ANSWER_SECONDS))
    for report_id in REPORTS:
        of_report = GetReportRequest(ledger=client.ledger, report_id=report_id)
        said[f"report {report_id}"] = in_bytes(stub.GetReport(of_report, timeout=ANSWER_SECONDS))
    return said | {f"replayed {event.position}": in_bytes(event) for event in client.replay()}


@pytest.fixture(scope="module")
def story(channel: grpc.Channel) -> Story:
    """Every act once, each undone, and one of them done again."""
    told_story = Story(Client(channel).create_ledger(LEDGER))
    for name, source in REPORTS.items():
        told_story.take(name, *CONTENT[name], source=source)
    told_story.history = told(told_story.client)
    (_, first_troops, first_civilians), (second_troops, *_) = told_story.ids["one"], told_story.ids["two"]
    corrected = civilians("b", 10, place=HARIM) | {"occurred": "2020-02-12"}
    correction = {"type": "ClaimCorrected", "target_event_id": first_civilians, "reason": "a misprint"}
    merge = {"type": "IncidentsMerged", "incident_id": "b", "merged_incident_ids": ["d"], "reason": "one attack"}
    choice = {"type": "PreferredClaimChosen", "incident_id": "a", "preferred_event_id": first_troops}
    acts: dict[str, dict[str, Any]] = {
        "corrected": {**correction, "replacement": corrected},
        "retracted": {"type": "ClaimRetracted", "target_event_id": second_troops, "reason": "error"},
        "report-retracted": {"type": "ReportRetracted", "target_report_id": "three", "reason": "error"},
        "merged": merge,
        "discounted": {"type": "ClaimAssessed", "target_event_id": second_troops, "verification": "discounted"},
        "confirmed": {"type": "ClaimAssessed", "target_event_id": first_troops, "verification": "confirmed"},
        "chosen": {**choice, "reason": "it saw the lists"},
    }
    assert sorted(acts) == sorted(ACTS)
    for name, act in acts.items():
        told_story.take(name, act)
        told_story.undo(name)
    told_story.undo("corrected-undone")
    return told_story


BASE = "three"
"""The step before any act; after each undoing the answers are these again."""
ACTS = ("corrected", "retracted", "report-retracted", "merged", "discounted", "confirmed", "chosen")
TROOPS, CIVILIANS, MISSING = (
    ("turkey", "troops", "killed"),
    ("", "civilians", "killed"),
    ("", "civilians", "missing"),
)


# No act changes an earlier answer


def test_no_act_changes_an_answer_as_of_any_earlier_position(story: Story) -> None:
    story.compare("all together", story.known)
    assert len(story.known) == story.client.position + 1
    assert story.changed == []


def test_all_answers_as_of_each_step_are_those_of_then_by_position_and_by_time(story: Story) -> None:
    for name, step in story.steps.items():
        by_position = answers(story.client, every(), records_pb2.AsOf(position=step.position))
        assert differing(by_position, step.answers) == [], name
        by_time = answers(story.client, few(), records_pb2.AsOf(recorded_at=step.recorded_at))
        assert differing(by_time, {each: step.answers[each] for each in few()}) == [], name


def test_the_time_before_a_commit_is_the_step_before_it(story: Story) -> None:
    for before, step in itertools.pairwise(story.steps.values()):
        just_before = Timestamp()
        just_before.FromMicroseconds(step.recorded_at.ToMicroseconds() - 1)
        found = answers(story.client, few(), records_pb2.AsOf(recorded_at=just_before))
        assert differing(found, {each: before.answers[each] for each in few()}) == []


def test_what_is_recorded_stays_as_it_was_and_is_followed_by_the_acts(story: Story) -> None:
    now = told(story.client)
    assert {name: now[name] for name in story.history} == story.history
    acts = [event.type for event in story.client.replay() if event.position > story.steps[BASE].position]
    assert [each for each in acts if each != "ReportFiled"] == [
        *("ClaimCorrected", "ClaimRetracted", "ClaimRetracted", "ClaimRetracted"),
        *("ReportRetracted", "ClaimRetracted", "IncidentsMerged", "ClaimRetracted"),
        *("ClaimAssessed", "ClaimRetracted", "ClaimAssessed", "ClaimRetracted"),
        *("PreferredClaimChosen", "ClaimRetracted", "ClaimRetracted"),
    ]


@pytest.mark.parametrize("incident", ["a", "b", "c"])
def test_the_story_of_an_incident_ends_in_what_the_read_model_answers_after_each_step(
    story: Story, incident: str
) -> None:
    events = story.client.replay()
    told_of = Asked(frozenset({f"incidents/{incident}"}))
    for name, step in story.steps.items():
        found = TellingStory(told_of, events[: step.position]).holding
        as_of = records_pb2.AsOf(position=step.position)
        request = pb.GetIncidentRequest(ledger=story.client.ledger, incident_id=incident, as_of=as_of)
        answer: list[Any] = []
        with suppress(grpc.RpcError):  # not found, before its first claim
            found_by_model = CasualtyServiceStub(story.client.channel).GetIncident(request, timeout=ANSWER_SECONDS)
            answer = list(found_by_model.claims)
        told_claims = {each.form.position: each.form.claim for each in found}
        assert told_claims == {each.event.position: each.event.claim for each in answer}, name


# Undone, it is as it was


@pytest.mark.parametrize("act", ACTS)
def test_an_undone_act_leaves_every_figure_as_it_was(story: Story, act: str) -> None:
    before, after = story.steps[BASE].answers, story.steps[f"{act}-undone"].answers
    figures = [name for name in before if name.startswith("figures")]
    assert (
        differing(
            without({name: before[name] for name in figures}, "basis"),
            without({name: after[name] for name in figures}, "basis"),
        )
        == []
    )


@pytest.mark.parametrize("act", ACTS)
def test_an_undone_act_leaves_claims_and_incidents_as_they_were_but_for_since_when(story: Story, act: str) -> None:
    # A form that came back holds since it came back, and what was undone is kept among the former claims.
    parts = ("basis", "held_from", "former_claims")
    before, after = (without(story.steps[step].answers, *parts) for step in (BASE, f"{act}-undone"))
    assert differing(before, after) == []


@pytest.mark.parametrize("act", ACTS)
def test_each_act_changes_some_answers(story: Story, act: str) -> None:
    assert differing(*(without(story.steps[step].answers, "basis") for step in (BASE, act))) != []


def test_an_undoing_that_is_undone_does_the_act_again(story: Story) -> None:
    first, again = story.steps["corrected"].answers, story.steps["corrected-undone-undone"].answers
    figures = [name for name in first if name.startswith("figures")]
    assert (
        differing(
            without({name: first[name] for name in figures}, "basis"),
            without({name: again[name] for name in figures}, "basis"),
        )
        == []
    )
    parts = ("basis", "held_from", "former_claims")
    assert differing(without(first, *parts), without(again, *parts)) == []


# What each act does, by every rule

BY_RULE: dict[str, dict[str, tuple[int, int, int, int]]] = {
    # Troops and civilians killed under verbatim-1; then the same under acled-2019, for which dozens are 12.
    BASE: {
        "latest": (8, 6, 12, 6),
        "most_reliable": (5, 9, 5, 9),
        "envelope": (8, 6, 12, 6),
        "analyst": (8, 6, 12, 6),
    },
    "corrected": {"most_reliable": (5, 12, 5, 12)},
    "retracted": {"latest": (5, 6, 12, 6), "envelope": (5, 6, 12, 6), "analyst": (5, 6, 12, 6)},
    "report-retracted": {
        "latest": (8, 9, 8, 9),
        "envelope": (8, 9, 8, 9),
        "analyst": (8, 9, 8, 9),
    },
    "merged": {
        "latest": (8, 4, 12, 4),
        "most_reliable": (5, 7, 5, 7),
        "envelope": (8, 4, 12, 4),
        "analyst": (8, 4, 12, 4),
    },
    "discounted": {"latest": (5, 6, 12, 6), "envelope": (5, 6, 12, 6), "analyst": (5, 6, 12, 6)},
    "confirmed": {},
    "chosen": {"analyst": (5, 6, 5, 6)},
}
"""Where a rule is not named, it gives what it gave before the act."""


@pytest.mark.parametrize("rule", BY_RULE[BASE])
@pytest.mark.parametrize("step", BY_RULE)
def test_figures_after_each_act_by_each_rule_and_policy(story: Story, step: str, rule: str) -> None:
    expected = BY_RULE[step].get(rule, BY_RULE[BASE][rule])
    found = [
        story.figures(step, rule, policy)[key]
        for policy in ("verbatim-1", "acled-2019")
        for key in (TROOPS, CIVILIANS)
    ]
    assert tuple(found) == expected
    assert story.figures(step, rule, "ucdp-range") == story.figures(step, rule)
    assert story.figures(step, rule)[MISSING] == 3


ENVELOPES = {
    BASE: ((5, 8, 8), (6, 6, 9)),
    "corrected": ((5, 8, 8), (6, 6, 12)),
    "retracted": ((5, 5, 5), (6, 6, 9)),
    "report-retracted": ((5, 8, 8), (9, 9, 9)),
    "merged": ((5, 8, 8), (2, 4, 7)),
    "discounted": ((5, 5, 5), (6, 6, 9)),
}


@pytest.mark.parametrize("step", ENVELOPES)
def test_envelopes_after_each_act(story: Story, step: str) -> None:
    figures = by_key(story.answer(step, "figures persons envelope verbatim-1").figures)
    assert (bounds(figures[TROOPS].figure), bounds(figures[CIVILIANS].figure)) == ENVELOPES[step]


LEFT_OUT = {
    BASE: {"SUPERSEDED": 2, "UNRESOLVED_WORDS": 1},
    "corrected": {"SUPERSEDED": 2, "UNRESOLVED_WORDS": 1},
    "retracted": {"SUPERSEDED": 1, "UNRESOLVED_WORDS": 1, "RETRACTED": 1},
    "report-retracted": {"SUPERSEDED": 1, "RETRACTED": 2},
    "merged": {"SUPERSEDED": 3, "UNRESOLVED_WORDS": 1},
    "discounted": {"SUPERSEDED": 1, "UNRESOLVED_WORDS": 1, "VERIFICATION": 1},
    "confirmed": {"SUPERSEDED": 2, "UNRESOLVED_WORDS": 1},
    "chosen": {"SUPERSEDED": 2, "UNRESOLVED_WORDS": 1},
}


@pytest.mark.parametrize("step", LEFT_OUT)
def test_what_is_left_out_after_each_act(story: Story, step: str) -> None:
    answer = story.answer(step, "figures persons latest verbatim-1")
    assert {each.reason: each.claims for each in answer.left_out} == LEFT_OUT[step]
    listed = story.answer(step, "claims left out too").claims
    reasons = [each.left_out for each in listed if each.left_out not in ("", "TOLL")]
    assert {each: reasons.count(each) for each in reasons} == LEFT_OUT[step]


def listed(story: Story, step: str, name: str = "claims") -> dict[str, tuple[str, int | None]]:
    """Of each claim that is listed, by the id of its first event, why it is left out and what it adds."""
    found = story.answer(step, name).claims
    return {
        each.original_event_id or each.event.event_id: (
            each.left_out,
            each.adds.best if each.HasField("adds") else None,
        )
        for each in found
    }


def changes(story: Story, step: str, name: str = "claims") -> dict[str, Any]:
    """What a step changed of what is listed: before and after, None where it is not listed."""
    before, after = listed(story, BASE, name), listed(story, step, name)
    keys = before.keys() | after.keys()
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


def summaries(story: Story, step: str) -> dict[str, pb.IncidentSummary]:
    """The incidents that were listed after a step."""
    return {each.incident_id: each for each in story.answer(step, "incidents").incidents}


# What each act does, where only it does so


def test_a_correction_gives_the_claim_another_form_everywhere(story: Story) -> None:
    corrected = story.ids["one"][2]
    (now,) = (each for each in story.answer("corrected", "claims").claims if each.original_event_id == corrected)
    assert (now.event.event_id, now.event.position) == (
        story.steps["corrected"].act,
        story.steps["corrected"].position,
    )
    assert (now.event.claim.civilians_killed.count.stated, now.held_from) == (10, now.event.position)
    assert (now.source.name, now.reported) == ("One", "2020-02-11")
    incident = story.answer("corrected", "incident b")
    assert [each.event.claim.civilians_killed.count.stated for each in incident.claims] == [4, 10]
    (former,) = incident.former_claims
    assert (former.event.event_id, former.held_to) == (corrected, story.steps["corrected"].position)
    assert (incident.incident.occurred.start, incident.incident.occurred.end) == ("2020-02-11", "2020-02-12")
    assert incident.incident.place.name == "Harim"
    assert summaries(story, "corrected")["b"] == incident.incident
    places = [story.figures(step, "most_reliable", grouping="place") for step in (BASE, "corrected")]
    assert [each["Syria", "Idlib", "Harim", ""] for each in places] == [7 + 2, 10 + 2]
    days = [story.figures(step, "most_reliable", grouping="time") for step in (BASE, "corrected")]
    february = [{key[-1]: best for key, best in each.items()} for each in days]
    assert february == [
        {"2020-02-10": 5, "2020-02-11": 7 + 2},
        {"2020-02-10": 5, "2020-02-11": 2, "2020-02-12": 10},
    ]
    (was,), (became,) = (
        story.answer(step, "figures persons most_reliable verbatim-1").tolls for step in (BASE, "corrected")
    )
    assert (was.itemised.best, was.residual.best) == (9, 91)
    assert (became.itemised.best, became.residual.best) == (12, 88)


def test_a_correction_that_is_undone_stays_in_sight_as_a_former_claim(story: Story) -> None:
    incident = story.answer("corrected-undone", "incident b")
    assert [each.event.claim.civilians_killed.count.stated for each in incident.claims] == [7, 4]
    (former,) = incident.former_claims
    undone = story.steps["corrected-undone"].position
    assert (former.event.event_id, former.held_to) == (story.steps["corrected"].act, undone)


def test_a_retracted_claim_is_no_evidence_any_more(story: Story) -> None:
    retracted, first = story.ids["two"][0], story.ids["one"][1]
    assert changes(story, "retracted") == {
        retracted: (("", 8), None),
        first: (("SUPERSEDED", None), ("", 5)),
    }
    assert listed(story, "retracted", "claims left out too")[retracted] == ("RETRACTED", None)
    incident = story.answer("retracted", "incident a")
    assert [each.event.event_id for each in incident.former_claims] == [retracted]
    assert incident.incident.claims == story.answer(BASE, "incident a").incident.claims - 1 == 3
    assert summaries(story, "retracted")["a"] == incident.incident


def test_a_retracted_report_takes_all_its_claims_along(story: Story) -> None:
    dozens, civilians_of_three, attack = story.ids["three"]
    assert changes(story, "report-retracted") == {
        dozens: (("UNRESOLVED_WORDS", None), None),
        civilians_of_three: (("", 4), None),
        story.ids["one"][2]: (("SUPERSEDED", None), ("", 7)),
    }
    former = {
        each.event.event_id
        for incident in "ab"
        for each in story.answer("report-retracted", f"incident {incident}").former_claims
    }
    # Beside them, what a correction once said that was undone before.
    assert former == {dozens, attack, civilians_of_three, story.steps["corrected"].act}
    assert list(summaries(story, "report-retracted")["a"].claim_types) == ["TroopsKilled"]
    assert [each.reports for each in summaries(story, "report-retracted").values()] == [1, 2, 1, 1]
    of_three = story.answer("report-retracted", "claims of Three").claims
    assert {each.left_out for each in of_three} == {"RETRACTED"}


def test_merged_incidents_are_one_in_every_answer(story: Story) -> None:
    (of_d,) = (each for each in story.answer("merged", "claims").claims if each.event.stream.endswith("/d"))
    assert (of_d.event.event_id, of_d.event.stream, of_d.incident_id) == (story.ids["two"][2], "incidents/d", "b")
    assert (of_d.left_out, of_d.HasField("adds")) == ("SUPERSEDED", False)
    whole = story.answer("merged", "incident b")
    asked_as_d = story.answer("merged", "incident d")
    assert in_bytes(whole) == in_bytes(asked_as_d)
    assert (list(whole.incident.merged_incident_ids), whole.incident.claims) == (["d"], 3)
    assert sorted(summaries(story, BASE)) == ["a", "b", "c", "d"]
    assert sorted(summaries(story, "merged")) == ["a", "b", "c"]
    assert story.figures(BASE, "latest", grouping="incident") == {("a",): 8, ("b",): 4, ("c",): 3, ("d",): 2}
    assert story.figures("merged", "latest", grouping="incident") == {("a",): 8, ("b",): 4, ("c",): 3}
    filtered = [story.answer(step, "figures incident b").figures[0].claims for step in (BASE, "merged")]
    left_out = [story.answer(step, "figures incident b").left_out[0].claims for step in (BASE, "merged")]
    assert (filtered, left_out) == ([1, 1], [1, 2])


def test_an_assessment_moves_a_claim_between_grades(story: Story) -> None:
    second = story.ids["two"][0]
    assert listed(story, "discounted", "claims left out too")[second] == ("VERIFICATION", None)
    with_discounted = story.answer("discounted", "figures discounted").figures
    assert by_key(with_discounted)[TROOPS].figure.best == 8
    graded = story.figures("confirmed", "most_reliable", grouping="persons")
    assert graded[TROOPS] == 5
    assert [len(story.answer(step, "figures fair").figures) for step in (BASE, "confirmed")] == [0, 1]
    assert story.answer("confirmed", "figures fair").figures[0].figure.best == 5
    assert ("One", "confirmed") in story.figures("confirmed", "most_reliable", grouping="evidence")
    assert ("One", "confirmed") not in story.figures(BASE, "most_reliable", grouping="evidence")
    grades = {
        step: [each.verification for each in story.answer(step, "incident a").claims]
        for step in (BASE, "confirmed")
    }
    assert grades == {BASE: [1, 1, 1, 1], "confirmed": [2, 1, 1, 1]}


def test_a_choice_counts_for_the_analyst_alone(story: Story) -> None:
    by_rule = {rule: story.figures("chosen", rule, grouping="evidence") for rule in ("latest", "analyst")}
    assert by_rule == {
        "latest": {("Three", "reported"): 4, ("Two", "reported"): 8 + 3 + 2},
        "analyst": {("One", "reported"): 5, ("Three", "reported"): 4, ("Two", "reported"): 3 + 2},
    }


# A rebuilt read model


def test_a_rebuilt_generation_gives_every_answer_again(story: Story) -> None:
    # The last test of this file: the generation is part of every answer.
    for name in ("casualties", "incidents"):
        progress = rebuilt(story.client, name)
        assert progress.state_digest == progress.replaced_digest != ""
    for name, step in story.steps.items():
        again = answers(story.client, every(), records_pb2.AsOf(position=step.position))
        assert differing(without(again, "generation"), without(step.answers, "generation")) == [], name
    generations = {answer.basis.generation for answer in again.values()}
    assert generations == {2}
