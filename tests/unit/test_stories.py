"""The story of a thing, told from replayed events: what it tells adds up to what holds by definition, at every
position; and the parts of the history that it asks for hold everything that the whole history would tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from incident.ledger.v1 import records_pb2
from ledger.api.messages import claim_to_proto, record_to_proto
from ledger.cli.failures import Refused
from ledger.cli.story import gathering
from ledger.cli.story.explaining import ending, lines
from ledger.cli.story.forms import Form, stated_about
from ledger.cli.story.gathering import Gathering, Part
from ledger.cli.story.selecting import Asked, Story
from ledger.cli.story.sentences import Sentences, ranges
from ledger.domain.reports import event_from_payload
from ledger.persistence.records import StoredRecord
from tests.histories import (
    CLAIMS,
    INCIDENTS,
    Expected,
    casualty_contents,
    claim_contents,
    expected_claims,
    histories,
    record,
    redacted,
)

CONTENTS = st.one_of(claim_contents(), casualty_contents())
LONG = histories(redactions=True, most=40, contents=CONTENTS)
FULL = records_pb2.EVENT_VIEW_FULL
THINGS = (*(f"incidents/{each}" for each in INCIDENTS), "agreements/sochi", "tolls/since")


def placed(records: Sequence[StoredRecord]) -> list[StoredRecord]:
    """The records in the streams that the ledger would place them in; a choice names the incident of its claim."""
    streams: dict[str, str] = {}
    found = []
    for each in records:
        event: Any = event_from_payload(each.topic, each.state)
        if each.topic == "PreferredClaimChosen":
            if not streams[event.preferred_event_id].startswith("incidents/"):
                reject()  # the ledger takes no such choice
            incident = streams[event.preferred_event_id].removeprefix("incidents/")
            event = event.model_copy(update={"incident_id": incident})
        try:
            stream = event.stream
        except LookupError:
            stream = streams[event.target_event_id]
        streams[str(each.event_id)] = stream
        found.append(replace(each, originator_id=stream, state=event.to_payload()))
    return found


def events_of(records: Sequence[StoredRecord]) -> list[Any]:
    """The records as a replay gives them today."""
    return [record_to_proto(each, FULL) for each in redacted(records)]


def values(form: Form) -> dict[str, Any]:
    return {path: each.value for path, each in form.fields().items()}


def by_definition(expected: Expected, position: int) -> dict[str, Any]:
    """What a claim reads, as the story would tell it."""
    claim = claim_to_proto(from_json(expected.content.to_payload()))
    about = f"incidents/{expected.incident_id}" if expected.incident_id else stated_about(claim)
    return values(Form(claim, about, position, expected.preferred_position or 0, True))


def applied(steps: Sequence[dict[str, Any]], through: int) -> dict[int, dict[str, Any]]:
    """Every claim as it reads after the told differences up to a position."""
    claims: dict[int, dict[str, Any]] = {}
    for step in steps:
        if step["position"] > through:
            break
        for change in step["changes"]:
            fields = claims.setdefault(change["claim"], {})
            assert fields.get(change["field"]) == change["before"]
            fields[change["field"]] = change["after"]
            if change["after"] is None:
                del fields[change["field"]]
    return claims


def held_of(thing: str, claims: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Of some claims, those that hold and are of a thing."""
    return {key: each for key, each in claims.items() if each["holds"] and each["about"] == thing}


@given(LONG, st.lists(st.integers(1, 40), min_size=3, max_size=3))
@settings(max_examples=30)
def test_what_is_told_adds_up_to_what_holds_at_every_position(records: list[StoredRecord], cuts: list[int]) -> None:
    read, events = redacted(records), events_of(records)
    told = {}
    for thing in THINGS:
        *told[thing], last = lines(Story(Asked(frozenset({thing})), events), len(records))
        end = {each["claim"] for each in last["holding"]}
        if not last["merged_into"]:
            assert end == set(held_of(thing, applied(told[thing], len(records))))
    for cut in (*cuts, len(records)):
        expected = {
            key.int: by_definition(each, key.int) for key, each in expected_claims(read[:cut], CLAIMS).items()
        }
        for thing in THINGS:
            assert held_of(thing, applied(told[thing], cut)) == held_of(thing, expected)


def replaying(events: Sequence[Any]) -> Any:
    """A server's replays of these events, with its filter."""

    def replay(part: Part) -> Iterator[Any]:
        for each in events[part.first - 1 : part.last]:
            prefixes = tuple(stream for stream in part.streams if stream.endswith("/"))
            if (
                (not part.types or each.type in part.types)
                and (not part.streams or each.stream in part.streams or each.stream.startswith(prefixes))
                and (not part.reports or each.report_id in part.reports)
            ):
                yield each

    return replay


@given(LONG, st.data())
@settings(max_examples=45)
def test_the_parts_that_are_asked_for_hold_all_that_the_whole_history_tells(
    records: list[StoredRecord], data: st.DataObject
) -> None:
    events = events_of(placed(records))
    incidents = [f"incidents/{each}" for each in INCIDENTS]
    streams = data.draw(st.lists(st.sampled_from([*incidents, "agreements/sochi", "actors/turkey"]), max_size=2))
    reports = data.draw(st.lists(st.sampled_from([each.report_id for each in events]), max_size=2))
    asked = Asked(frozenset(streams), frozenset(reports))
    if not asked:
        return
    whole, gathered = Story(asked, events), Story(asked, Gathering(asked, replaying(events)).events)
    assert list(lines(gathered, len(events))) == list(lines(whole, len(events)))
    sentences = Sentences(gathered)
    said = [sentences.step(step) for step in gathered.steps]
    assert said == [Sentences(whole).step(step) for step in whole.steps]
    for step, sentence in zip(gathered.steps, said, strict=True):
        assert sentence.startswith(f"{step.taken.event.position} · ")
    assert list(ending(gathered, sentences, len(events))) == list(ending(whole, Sentences(whole), len(events)))


def story_of(*records: StoredRecord, **asked: Any) -> list[str]:
    """The sentences of a story, without when and by which report."""
    events = events_of(placed(records))
    story = Story(Asked(**{name: frozenset(each) for name, each in asked.items()}), events)
    sentences = Sentences(story)
    return [sentences.step(step).split(" · ")[-1] for step in story.steps]


REPORT = {"source": {"name": "An outlet"}, "reported": "2020-02-12", "claim_count": 1}


def filed(position: int, report_id: str, **more: Any) -> StoredRecord:
    return record(position, "ReportFiled", report_id, report_id=report_id, **{**REPORT, **more})


def killed(count: Any, **more: Any) -> dict[str, Any]:
    claim = {"incident_id": "idlib", "victim_party": "turkey", "count": count, "occurred": "2020-02-10"}
    return {**claim, **more}


def target(position: int) -> str:
    return f"00000000-0000-0000-0000-{position:012x}"


def corrected(position: int, of: int, reason: str, **claim: Any) -> StoredRecord:
    replacement = {"type": "TroopsKilled", **claim}
    return record(
        position, "ClaimCorrected", "s", target_event_id=target(of), reason=reason, replacement=replacement
    )


def test_a_correction_is_told_as_a_difference_to_the_form_before_it() -> None:
    told = story_of(
        filed(1, "r", recorded_by="observer 7"),
        record(2, "TroopsKilled", "r", **killed(33)),
        filed(3, "s"),
        corrected(4, 2, "a recount", **killed(34, perpetrators=["russia"])),
        corrected(5, 2, "named", **killed(34, perpetrators=["russia", "syria"], words="x\ny")),
        record(6, "ClaimRetracted", "s", target_event_id=target(4), reason="error", note="a slip"),
        record(7, "ClaimRetracted", "s", target_event_id=target(5), reason="error"),
        record(8, "ClaimAssessed", "s", target_event_id=target(2), verification="fair", rationale="two agree"),
        streams={"incidents/idlib"},
    )
    by, then = "report r of An outlet (recorded by observer 7)", "report s of An outlet"
    assert told == [
        f"{by} says: TroopsKilled: 33 killed: troops of turkey; 2020-02-10",
        f"{then} corrects 2: perpetrators stated: russia; count 33 → 34; why: a recount",
        f"{then} corrects 2: words stated: x\ny; perpetrators: added syria; why: named",
        f"{then} undoes 4, the ClaimCorrected of {then}: nothing reads otherwise by it; why: error, a slip",
        f"{then} undoes 5, the ClaimCorrected of {then} (2: count 34 → 33; "
        "words no longer stated, was x\ny; perpetrators no longer stated, was russia, syria); why: error",
        f"{then} assesses 2: verification stated: fair; why: two agree",
    ]


def test_every_act_is_told_with_who_recorded_it_and_with_what() -> None:
    events = events_of(
        placed([filed(1, "r", recorded_by="somebody else"), record(2, "TroopsKilled", "r", **killed(3))])
    )
    story = Story(Asked(frozenset({"incidents/idlib"})), events)
    said = {}
    for recorder, client in (("", ""), ("anonymous", ""), ("", "app/1"), ("curator", "app/1 \x1b[2K")):
        events[1].recorder, events[1].client = recorder, client
        said[recorder, client] = Sentences(story).step(story.steps[0]).split(" · ")[2:-1]
    assert said == {
        ("", ""): [],
        ("anonymous", ""): ["anonymous"],
        ("", "app/1"): ["with app/1"],
        ("curator", "app/1 \x1b[2K"): ["curator with app/1 \x1b[2K"],
    }
    told = next(iter(lines(story, 2)))
    assert (told["recorder"], told["client"], told["recorded_by"]) == ("curator", "app/1 \x1b[2K", "somebody else")


def test_a_difference_that_the_words_hide_is_told_part_by_part() -> None:
    near = {"name": "Saraqib", "precision": "exact", "latitude": 35.5, "longitude": 36.5}
    told = story_of(
        filed(1, "r"),
        record(2, "TroopsKilled", "r", **killed(33, place={**near, "latitude": 35.0})),
        corrected(3, 2, "moved", **killed(33, place={**near, "country": "Syria"})),
        streams={"incidents/idlib"},
    )
    assert told[-1].endswith("corrects 2: place.country stated: Syria; place.latitude 35.0 → 35.5; why: moved")


def test_merges_choices_and_retractions_tell_which_claims_they_change() -> None:
    told = story_of(
        filed(1, "r"),
        record(2, "TroopsKilled", "r", **killed(3)),
        record(3, "TroopsKilled", "r", **killed(4, incident_id="homs")),
        record(4, "TroopsKilled", "r", **killed(5, incident_id="homs")),
        filed(5, "s"),
        record(6, "IncidentsMerged", "s", incident_id="idlib", merged_incident_ids=["homs"], reason="one"),
        record(7, "PreferredClaimChosen", "s", incident_id="idlib", preferred_event_id=target(2), reason="best"),
        record(8, "ClaimRetracted", "s", target_event_id=target(4), reason="duplicate"),
        record(9, "ReportRetracted", "s", target_report_id="r", reason="withdrawn_by_source"),
        record(10, "ClaimRetracted", "s", target_event_id=target(9), reason="error"),
        record(11, "ClaimRetracted", "s", target_event_id=target(6), reason="error"),
        streams={"incidents/idlib"},
    )
    moved = "of incidents/idlib from here on, before of incidents/homs"
    back = "of incidents/homs from here on, before of incidents/idlib"
    by = "report s of An outlet"
    assert [each.removeprefix(f"{by} ") for each in told[3:]] == [
        f"merges homs into idlib (3–4: {moved}); why: one",
        "prefers 2 among the claims of idlib; why: best",
        "retracts 4; why: duplicate",
        "retracts report r of An outlet (2–3: no longer holding); why: withdrawn by source",
        f"undoes 9, the ReportRetracted of {by} (2–3: holding again); why: error",
        f"undoes 6, the IncidentsMerged of {by} (3–4: {back}); why: error",
    ]


def test_the_later_of_two_choices_is_told_to_win() -> None:
    chosen = {"incident_id": "idlib", "preferred_event_id": target(2), "reason": "best"}
    told = story_of(
        filed(1, "r"),
        record(2, "TroopsKilled", "r", **killed(3)),
        record(3, "PreferredClaimChosen", "r", **chosen),
        record(4, "PreferredClaimChosen", "r", **chosen),
        record(5, "ClaimRetracted", "r", target_event_id=target(4), reason="error"),
        streams={"incidents/idlib"},
    )
    choice = "prefers 2 among the claims of idlib"
    by = "report r of An outlet"
    assert [each.removeprefix(f"{by} ") for each in told[1:]] == [
        f"{choice}; why: best",
        f"{choice}: preferred anew; why: best",
        f"undoes 4, the PreferredClaimChosen of {by} (2: preferred anew); why: error",
    ]


def test_a_merge_that_changes_no_claim_yet_is_told_of_both_incidents_and_so_is_its_undoing() -> None:
    records = (
        filed(1, "r"),
        record(2, "IncidentsMerged", "r", incident_id="aleppo", merged_incident_ids=["homs"], reason="one"),
        record(3, "TroopsKilled", "r", **killed(3, incident_id="homs")),
        record(4, "ClaimRetracted", "r", target_event_id=target(3), reason="error"),
        record(5, "ClaimRetracted", "r", target_event_id=target(2), reason="error"),
    )
    for incident in ("homs", "aleppo"):
        told = story_of(*records, streams={f"incidents/{incident}"})
        assert [each.split()[5] for each in told] == ["merges", "says:", "retracts", "undoes"]
        assert "its incident goes by the name of aleppo" in told[1]


def test_what_was_moved_here_is_told_with_all_that_concerns_it() -> None:
    """Also what stands in the streams and reports of others, and what nobody can read any more."""
    chosen = {"incident_id": "daraa", "preferred_event_id": target(2), "reason": "best"}
    gone = {"rule": "privacy-1", "reason": "a name"}
    records = placed(
        (
            filed(1, "r"),
            record(2, "TroopsKilled", "r", **killed(3, incident_id="homs")),
            filed(3, "s"),
            corrected(4, 2, "moved", **killed(3)),
            corrected(5, 2, "a name", **killed(4)),
            record(6, "PreferredClaimChosen", "s", **chosen),
            record(7, "ReportRetracted", "s", target_report_id="r", reason="error"),
            filed(8, "t"),
            record(9, "ClaimRetracted", "t", target_event_id=target(6), reason="error"),
            record(10, "ClaimRetracted", "t", target_event_id=target(7), reason="error"),
            record(11, "PayloadRedacted", "t", target_event_id=target(5), **gone),
            record(12, "PayloadRedacted", "t", target_event_id=target(1), **gone),
        )
    )
    # Of an incident that the claim was moved to by what was redacted since.
    there = [
        replace(each, originator_id="incidents/daraa") if each.position in (6, 9) else each for each in records
    ]
    events = events_of(there)
    for asked, positions in (
        (Asked(frozenset({"incidents/idlib"})), [2, 4, 5, 6, 7, 9, 10, 11, 12]),
        (Asked(frozenset({"incidents/homs"})), [2, 4, 5, 6, 7, 9, 10, 11, 12]),
        (Asked(reports=frozenset("r")), [1, 2, 4, 5, 6, 7, 9, 10, 11, 12]),
        (Asked(reports=frozenset("t")), [8, 9, 10, 11, 12]),
    ):
        gathered = Story(asked, Gathering(asked, replaying(events)).events)
        assert [step.taken.event.position for step in gathered.steps] == positions
        assert list(lines(gathered, 12)) == list(lines(Story(asked, events), 12))
    (retraction,) = [step for step in gathered.steps if step.taken.event.position == 10]
    assert Sentences(gathered).step(retraction).endswith("(2: holding again); why: error")


def test_of_a_report_that_retracts_another_the_claims_of_that_one_are_told() -> None:
    records = (
        filed(1, "r"),
        record(2, "TroopsKilled", "r", **killed(3)),
        filed(3, "s"),
        record(4, "ReportRetracted", "s", target_report_id="r", reason="error"),
    )
    asked = Asked(reports=frozenset("s"))
    story = Story(asked, Gathering(asked, replaying(events_of(placed(records)))).events)
    assert Sentences(story).step(story.steps[-1]).endswith("(2: no longer holding); why: error")


def test_of_a_report_also_what_changes_nothing_is_told() -> None:
    told = story_of(
        filed(1, "r"),
        record(2, "TroopsKilled", "r", **killed(33)),
        filed(3, "s"),
        corrected(4, 2, "a recount", **killed(34)),
        corrected(5, 2, "another", **killed(35)),
        record(6, "ClaimRetracted", "s", target_event_id=target(4), reason="error"),
        reports={"r"},
    )
    assert [each.split()[5] for each in told] == ["is", "says:", "corrects", "corrects", "undoes"]
    assert told[-1].endswith("nothing reads otherwise by it; why: error")


def test_what_was_redacted_is_told_by_whom_under_which_rule_and_is_shown_no_longer() -> None:
    records = (
        filed(1, "r", source={"name": "Jane Roe"}),
        record(2, "TroopsKilled", "r", **killed(3, words="Jane Roe")),
        corrected(3, 2, "Jane Roe", **killed(4)),
        filed(4, "s", recorded_by="a curator"),
        *(
            record(5 + i, "PayloadRedacted", "s", target_event_id=target(1 + i), rule="privacy-1", reason="a name")
            for i in range(3)
        ),
    )
    told = story_of(*records, streams={"incidents/idlib"})
    curator = "report s of An outlet (recorded by a curator)"
    gone = "what it said is no longer shown, because it was redacted at"
    lost = "report r of a source that was redacted"
    assert told == [
        f"{lost} recorded a TroopsKilled in incidents/idlib; {gone} 6 by {curator}, under the rule privacy-1",
        f"{curator} recorded a ClaimCorrected in incidents/idlib; {gone} 7 by {curator}, under the rule privacy-1",
        *(
            f"{curator} redacts {what}, under the rule privacy-1; it is gone and no longer shown; why: a name"
            for what in (
                f"1, the ReportFiled of {lost}",
                f"2, the TroopsKilled of {lost}",
                f"3, the ClaimCorrected of {curator}",
            )
        ),
    ]
    early = story_of(*records[:3], streams={"incidents/idlib"})
    assert "Jane Roe" in early[0]
    story = Story(Asked(frozenset({"incidents/idlib"})), events_of(placed(records))[:5])
    assert "redacted later than this story goes" in Sentences(story).step(story.steps[0])


def test_positions_that_follow_each_other_are_a_range() -> None:
    assert ranges([2, 5, 6, 7, 9]) == "2, 5–7, 9"
    assert ranges([]) == ""


def test_a_story_of_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_EVENTS", 2)
    events = events_of(placed([filed(1, "r"), *(record(n, "TroopsKilled", "r", **killed(n)) for n in (2, 3))]))
    with pytest.raises(Refused, match="name less at a time"):
        Gathering(Asked(frozenset({"incidents/idlib"})), replaying(events))
