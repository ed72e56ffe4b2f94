"""The pure parts of the history: which acts stand, what merged incidents are called."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.history.merging import Merge, Merges, merges_of
from projections.history.rows import act_of
from projections.history.standing import Act, Standing, trees_of
from tests.histories import INCIDENTS, event_id, expected_groups, record

LONG_CHAIN = 2_000


def act(position: int, kind: str, **content: Any) -> Act:
    return act_of(record(position, kind, "r1", **content))


def undoing(position: int, target: int) -> Act:
    return act(position, "ClaimRetracted", target_event_id=str(event_id(target)), reason="error")


def merge(position: int, name: str, *merged: str) -> Act:
    return act(position, "IncidentsMerged", incident_id=name, merged_incident_ids=list(merged), reason="the same")


def test_an_undone_act_stands_again_when_the_undoing_is_undone() -> None:
    acts = [merge(1, "idlib", "homs"), undoing(3, 1), undoing(6, 3)]
    standing = Standing()
    for each in acts:
        standing.take(each)
    assert [standing.stands(each) for each in acts] == [True, False, True]
    assert standing.spans(acts[0]) == [(1, 3), (6, None)]
    assert standing.spans(acts[1]) == [(3, 6)]


def test_a_long_chain_of_undoings_exhausts_nothing() -> None:
    standing = Standing()
    acts = [merge(1, "idlib", "homs"), *(undoing(position, position - 1) for position in range(2, LONG_CHAIN))]
    for each in acts:
        standing.take(each)
    assert standing.stands(acts[-1])
    assert all(standing.stands(one) != standing.stands(other) for one, other in pairwise(acts))


def test_a_redaction_cannot_be_undone() -> None:
    redaction = act(2, "PayloadRedacted", target_event_id=str(event_id(1)), rule="privacy", reason="a name")
    standing = Standing()
    standing.take(redaction)
    standing.take(undoing(3, 2))
    assert standing.stands(redaction)


def test_acts_on_acts_belong_to_what_these_are_about() -> None:
    retraction = act(3, "ReportRetracted", target_report_id="r1", reason="error")
    acts = [undoing(2, 1), retraction, undoing(4, 3), undoing(5, 2)]
    trees = trees_of(acts)
    assert [each.position for each in trees.of_event[event_id(1)]] == [2, 5]
    assert [each.position for each in trees.of_report["r1"]] == [3, 4]


def test_merges_are_followed_to_the_end_of_the_chain() -> None:
    merges = merges_of([merge(1, "idlib", "homs"), merge(4, "daraa", "idlib")])
    assert set(merges) == {
        Merge("homs", "idlib", 1, 4),
        Merge("homs", "daraa", 4, None),
        Merge("idlib", "daraa", 4, None),
    }
    asked = Merges(merges)
    assert [asked.at(position, "homs") for position in (0, 1, 3, 4)] == ["homs", "idlib", "idlib", "daraa"]


def test_a_circle_of_merges_has_one_name() -> None:
    merges = Merges(merges_of([merge(1, "idlib", "homs"), merge(2, "homs", "idlib")]))
    assert {merges.at(2, "idlib"), merges.at(2, "homs")} == {"idlib"}


pairs = st.lists(st.sampled_from(INCIDENTS), min_size=2, max_size=3, unique=True)


@given(st.lists(st.one_of(pairs, st.integers(1, 20)), max_size=20))
def test_merges_agree_with_their_definition_at_every_position(steps: list[list[str] | int]) -> None:
    acts: list[Act] = []
    for position, step in enumerate(steps, 1):
        if isinstance(step, list):
            acts.append(merge(position, *step))
        elif step < position:
            acts.append(undoing(position, step))
    merges = Merges(merges_of(acts))
    for position in range(len(steps) + 1):
        taken = [each for each in acts if each.position <= position]
        standing = Standing()
        for each in taken:
            standing.take(each)
        stood = [each.event for each in taken if each.type == "IncidentsMerged" and standing.stands(each)]
        expected = expected_groups(stood)
        assert {each: merges.at(position, each) for each in INCIDENTS} == expected, position
