"""Wholes and aggregates: the bounds of an incident as a whole, and tolls that count where a question asks for them.
A source can give low and high for an incident and best numbers for its parts; nothing is made up for the parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.codes import VictimClass
from projections.casualties.listing import page_of_claims
from projections.casualties.question import ClaimFilter, CountPolicy, Grouping, Question
from tests.folded import RecordedReports
from tests.integration.test_casualties import (
    Asking,
    asking,
    bounds,
    by_key,
    civilians,
    left_out,
    reports,
    toll,
    troops,
)

__all__ = ["asking", "reports"]

RANGE = Question(group_by=(), count_policy=CountPolicy.UCDP_RANGE)
WITH_AGGREGATES = replace(RANGE, count_aggregates=True)
ABOUT_4 = {"qualifier": "about", "stated": 4}
ABOUT_6 = {"qualifier": "about", "stated": 6}


def whole(incident: str, low: int, best: int, high: int, **more: Any) -> dict[str, Any]:
    """The toll of all classes of one incident."""
    count = {"qualifier": "between", "low": low, "best": best, "high": high}
    made = toll(count, incident_id=incident, occurred="2020-02-10", **more)
    del made["victim_class"]
    return made


def part(incident: str, victim_class: str, number: Any, **more: Any) -> dict[str, Any]:
    """A toll of one class of one incident that is an aggregate."""
    more = {"victim_class": victim_class, "occurred": "2020-02-10", "clarity": "aggregate", **more}
    return toll(number, incident_id=incident, **more)


async def figure(asking: Asking, question: Question) -> tuple[int | None, int | None, int | None]:
    """The only figure of an answer."""
    (only,) = (await asking.ask(question)).figures
    return bounds(only.figure)


def two_parts(reports: RecordedReports) -> list[Any]:
    """An incident of ten, 7 to 15, of which six are civilians; and another of one."""
    return reports.file(
        "r", troops("a", ABOUT_4), civilians("a", ABOUT_6), whole("a", 7, 10, 15), civilians("b", 1)
    )


async def test_an_incident_that_counts_whole_has_the_bounds_of_its_whole(
    asking: Asking, reports: RecordedReports
) -> None:
    two_parts(reports)
    asking.fold(reports)
    assert await figure(asking, RANGE) == (8, 11, 16)
    assert (await asking.ask(RANGE)).tolls == []


async def test_without_the_policy_the_whole_stands_beside(asking: Asking, reports: RecordedReports) -> None:
    two_parts(reports)
    asking.fold(reports)
    answer = await asking.ask(Question(group_by=()))
    assert bounds(answer.figures[0].figure) == (1, 11, None)
    assert [(bounds(each.claimed), bounds(each.itemised)) for each in answer.tolls] == [
        ((7, 10, 15), (None, 10, None))
    ]


async def test_a_part_alone_keeps_what_is_stated_of_it(asking: Asking, reports: RecordedReports) -> None:
    two_parts(reports)
    asking.fold(reports)
    by_class = by_key(await asking.ask(replace(RANGE, group_by=(Grouping.CLASS,))))
    assert {key: bounds(each.figure) for key, each in by_class.items()} == {
        ("civilians",): (1, 7, None),
        ("troops",): (None, 4, None),
    }
    only_troops = replace(RANGE, filter=ClaimFilter(victim_classes=[VictimClass.TROOPS]))
    assert await figure(asking, only_troops) == (None, 4, None)


async def test_the_bounds_of_a_class_are_the_same_by_filter_and_by_group(
    asking: Asking, reports: RecordedReports
) -> None:
    reports.file("r", troops("a", ABOUT_4), troops("a", ABOUT_6, "russia"), whole("a", 7, 10, 15))
    asking.fold(reports)
    by_class = by_key(await asking.ask(replace(RANGE, group_by=(Grouping.CLASS,))))
    assert bounds(by_class[("troops",)].figure) == (7, 10, 15)
    only_troops = replace(RANGE, filter=ClaimFilter(victim_classes=[VictimClass.TROOPS]))
    assert await figure(asking, only_troops) == (7, 10, 15)
    of_russia = replace(RANGE, filter=ClaimFilter(victim_parties=["russia"]))
    assert await figure(asking, of_russia) == (None, 6, None)


async def test_a_whole_is_no_toll_of_a_class_that_is_asked_for(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", whole("a", 7, 10, 15), whole("b", 7, 10, 15, verification="discounted"))
    asking.fold(reports)
    only_troops = ClaimFilter(victim_classes=[VictimClass.TROOPS])
    answer = await asking.ask(replace(RANGE, filter=only_troops, count_aggregates=True))
    assert (answer.figures, answer.tolls, answer.left_out) == ([], [], [])
    assert await asking.page(replace(RANGE, filter=only_troops)) == []


async def test_the_whole_counts_in_the_group_of_all_its_parts(asking: Asking, reports: RecordedReports) -> None:
    two_parts(reports)
    asking.fold(reports)
    by_incident = by_key(await asking.ask(replace(RANGE, group_by=(Grouping.INCIDENT,))))
    assert {key: bounds(each.figure) for key, each in by_incident.items()} == {
        ("a",): (7, 10, 15),
        ("b",): (1, 1, 1),
    }


async def test_a_part_that_was_corrected_alone_gives_up_the_whole(asking: Asking, reports: RecordedReports) -> None:
    troops_of_a, *_ = two_parts(reports)
    corrected = troops("a", 5)
    reports.file(
        "s",
        {"type": "ClaimCorrected", "target_event_id": str(troops_of_a), "reason": "a", "replacement": corrected},
    )
    asking.fold(reports)
    answer = await asking.ask(RANGE)
    assert bounds(answer.figures[0].figure) == (5 + 1, 5 + 6 + 1, None)
    assert [each.conflict for each in answer.tolls] == [True]


async def test_of_two_wholes_of_one_source_the_one_recorded_last_gives_the_bounds(
    asking: Asking, reports: RecordedReports
) -> None:
    two_parts(reports)
    reports.file("s", whole("a", 9, 10, 12), reported="2020-01-01")
    asking.fold(reports)
    assert await figure(asking, RANGE) == (10, 11, 13)


async def test_a_toll_of_an_area_involves_whom_it_names(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", toll(1800, perpetrators=["russia"]), troops("a", 5, perpetrators=["syria"]))
    asking.fold(reports)
    for actor, tolls, claims in (("russia", 1, 0), ("syria", 0, 1), ("iran", 0, 0)):
        answer = await asking.ask(replace(RANGE, filter=ClaimFilter(involving=[actor])))
        assert (len(answer.tolls), sum(each.claims for each in answer.figures)) == (tolls, claims), actor


async def test_another_source_beside_a_whole_is_added(asking: Asking, reports: RecordedReports) -> None:
    two_parts(reports)
    contractors = {**civilians("a", 2), "type": "PersonsKilled", "victim_class": "contractors"}
    reports.file("other", contractors, source={"name": "Another"})
    asking.fold(reports)
    assert await figure(asking, RANGE) == (10, 13, 18)


async def test_another_source_in_place_of_a_part_gives_up_the_whole(
    asking: Asking, reports: RecordedReports
) -> None:
    two_parts(reports)
    reports.file("other", civilians("a", 9), source={"name": "Another"}, reported="2020-02-13")
    asking.fold(reports)
    assert await figure(asking, RANGE) == (9 + 1, 4 + 9 + 1, None)


async def test_a_toll_has_the_bounds_of_a_whole_only_where_all_of_it_is_inside(
    asking: Asking, reports: RecordedReports
) -> None:
    two_parts(reports)
    reports.file("s", toll(40), toll(50, victim_class="troops"), toll(60, victim_class="unknown"))
    asking.fold(reports)
    answer = await asking.ask(RANGE)
    assert [(each.claimed.best, bounds(each.itemised)) for each in answer.tolls] == [
        (40, (1, 7, None)),  # of civilians: six of the incident's ten, and the one of another
        (50, (None, 4, None)),
        (60, (8, 11, 16)),
    ]
    reports.file("t", civilians("c", 3), whole("c", 2, 3, 5))
    reports.file("u", {"type": "ReportRetracted", "target_report_id": "r", "reason": "error"})
    asking.fold(reports)
    answer = await asking.ask(RANGE)
    assert [bounds(each.itemised) for each in answer.tolls] == [(2, 3, 5), (0, 0, 0), (2, 3, 5)]


@pytest.mark.parametrize(("low", "high", "flags"), [(12, 15, ["LOW_ABOVE_BEST"]), (7, 9, ["BEST_ABOVE_HIGH"])])
async def test_a_whole_out_of_order_is_flagged(
    asking: Asking, reports: RecordedReports, low: int, high: int, flags: list[str]
) -> None:
    reports.file("r", troops("a", ABOUT_4), civilians("a", ABOUT_6), whole("a", low, 10, high))
    reports.file("s", civilians("b", {"qualifier": "between", "low": 0, "best": 50, "high": 100}))
    asking.fold(reports)
    (only,) = (await asking.ask(RANGE)).figures
    assert [each for each in only.flags if "ABOVE" in each] == flags


def aggregates(reports: RecordedReports) -> None:
    """One incident of ten in two parts, and one of 100 that is a toll in two parts."""
    two_parts(reports)
    reports.file(
        "s",
        part("c", "troops", {"qualifier": "about", "stated": 70}, victim_party="turkey"),
        part("c", "unknown", {"qualifier": "about", "stated": 30}),
        whole("c", 80, 100, 150, clarity="aggregate"),
    )


async def test_aggregates_count_only_where_they_are_asked_for(asking: Asking, reports: RecordedReports) -> None:
    aggregates(reports)
    asking.fold(reports)
    assert await figure(asking, RANGE) == (8, 11, 16)
    assert len((await asking.ask(RANGE)).tolls) == 3
    assert await figure(asking, WITH_AGGREGATES) == (88, 111, 166)
    assert (await asking.ask(WITH_AGGREGATES)).tolls == []


async def test_the_parts_of_an_aggregate_count_by_class(asking: Asking, reports: RecordedReports) -> None:
    aggregates(reports)
    asking.fold(reports)
    answer = by_key(await asking.ask(replace(WITH_AGGREGATES, group_by=(Grouping.CLASS,))))
    assert {key: each.figure.best for key, each in answer.items()} == {
        ("civilians",): 7,
        ("troops",): 74,
        ("unknown",): 30,
    }
    assert [key for key, each in answer.items() if "AGGREGATE" in each.flags] == [("troops",), ("unknown",)]


async def test_an_aggregate_of_all_classes_alone_counts(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", whole("a", 7, 10, 15, clarity="aggregate"), whole("b", 1, 2, 3))
    asking.fold(reports)
    assert await figure(asking, WITH_AGGREGATES) == (7, 10, 15)
    assert len((await asking.ask(WITH_AGGREGATES)).tolls) == 1


async def test_an_aggregate_of_all_classes_is_no_whole_of_itself_or_of_another(
    asking: Asking, reports: RecordedReports
) -> None:
    taken = whole("a", 7, 10, 15, clarity="aggregate")
    (event_id,) = reports.file("r", taken)
    asking.fold(reports)
    (figure_of_a,) = (await asking.ask(WITH_AGGREGATES)).figures
    assert "BOUNDS_OF_WHOLES" not in figure_of_a.flags
    (listed,) = await page_of_claims(asking.connection, WITH_AGGREGATES, asking.position, {}, 0, 9)
    assert (listed.form[0], listed.left_out, listed.adds and bounds(listed.adds)) == (event_id, "", (7, 10, 15))


async def test_of_two_aggregates_of_all_classes_one_counts_in_its_own_bounds(
    asking: Asking, reports: RecordedReports
) -> None:
    reports.file("r", whole("a", 7, 10, 15, clarity="aggregate"), reported="2020-03-02")
    reports.file("s", whole("a", 9, 10, 11, clarity="aggregate"), reported="2020-03-01")
    asking.fold(reports)
    assert await figure(asking, WITH_AGGREGATES) == (7, 10, 15)


async def test_an_aggregate_of_an_incident_with_an_itemised_claim_stands_beside(
    asking: Asking, reports: RecordedReports
) -> None:
    reports.file("r", part("a", "unknown", 30))
    reports.file("s", civilians("a", 5), source={"name": "Another"})
    asking.fold(reports)
    answer = await asking.ask(WITH_AGGREGATES)
    assert bounds(answer.figures[0].figure) == (5, 5, 5)
    assert [each.residual.best for each in answer.tolls] == [25]


async def test_a_toll_of_an_area_never_counts(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", toll(1800, clarity="aggregate"), civilians("a", 5))
    asking.fold(reports)
    answer = await asking.ask(WITH_AGGREGATES)
    assert bounds(answer.figures[0].figure) == (5, 5, 5)
    assert len(answer.tolls) == 1


async def test_an_aggregate_of_imprecise_dates_is_left_out_of_a_series(
    asking: Asking, reports: RecordedReports
) -> None:
    weeks = {"start": "2020-01-20", "end": "2020-02-20", "precision": "month"}
    reports.file("r", part("a", "unknown", 30), {**part("b", "unknown", 500), "occurred": weeks})
    asking.fold(reports)
    answer = await asking.ask(replace(WITH_AGGREGATES, group_by=(Grouping.MONTH,)))
    assert [(each.key[0][1], each.figure.best) for each in answer.figures] == [("2020-02", 30)]
    assert left_out(answer) == {"DATE_PRECISION": 1}
    assert answer.tolls == []


async def test_a_retracted_aggregate_does_not_count(asking: Asking, reports: RecordedReports) -> None:
    (event_id,) = reports.file("r", part("a", "unknown", 30))
    reports.file("s", civilians("b", 5))
    reports.file("t", {"type": "ClaimRetracted", "target_event_id": str(event_id), "reason": "error"})
    asking.fold(reports)
    answer = await asking.ask(WITH_AGGREGATES)
    assert bounds(answer.figures[0].figure) == (5, 5, 5)
    assert left_out(answer) == {"RETRACTED": 1}


async def test_the_evidence_of_a_group_has_its_aggregates(asking: Asking, reports: RecordedReports) -> None:
    aggregates(reports)
    asking.fold(reports)
    group = (Grouping.CLASS, "unknown")
    assert await asking.page(RANGE, group) == []
    assert len(await asking.page(WITH_AGGREGATES, group)) == 1
