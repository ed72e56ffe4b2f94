"""Facts about rows of UCDP GED as reports: what each column becomes, what is unknown, what is refused.
The rows are made up; only their layout is UCDP's."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.datasets.entries import Entry, Release, RowError
from ledger.datasets.ucdp import DATASET
from ledger.domain.reports import Report

RELEASE = Release("ucdp-ged", "Test 1", "0" * 64, date(2020, 1, 20))


def columns(text: str) -> list[str]:
    """The names in a text."""
    return text.split()


ACTORS = {"118": "government-a", "4456": "group-b", "1": "civilians"}
COLUMNS_41 = columns(
    """
    id year active_year type_of_violence conflict_new_id conflict_name dyad_new_id dyad_name
    side_a_new_id side_a side_b_new_id gwnob side_b number_of_sources source_article source_office
    source_date source_headline source_original where_prec where_coordinates adm_1 adm_2 latitude
    longitude geom_wkt priogrid_gid country country_id region event_clarity date_prec date_start
    date_end deaths_a deaths_b deaths_civilians deaths_unknown low best high
    """
)
COLUMNS_49 = columns(
    """
    id relid year active_year code_status type_of_violence conflict_dset_id conflict_new_id
    conflict_name dyad_dset_id dyad_new_id dyad_name side_a_dset_id side_a_new_id side_a
    side_b_dset_id side_b_new_id side_b number_of_sources source_article source_office source_date
    source_headline source_original where_prec where_coordinates where_description adm_1 adm_2
    latitude longitude geom_wkt priogrid_gid country country_id region event_clarity date_prec
    date_start date_end deaths_a deaths_b deaths_civilians deaths_unknown best high low gwnoa gwnob
    """
)
ROW = {
    "id": "101",
    "type_of_violence": "1",
    "conflict_new_id": "299",
    "dyad_new_id": "11973",
    "dyad_name": "Government of A - Group B",
    "side_a_new_id": "118",
    "side_a": "Government of A",
    "side_b_new_id": "4456",
    "side_b": "Group B",
    "number_of_sources": "2",
    "source_date": "2016-03-01;2016-03-04",
    "where_prec": "2",
    "where_coordinates": "Town",
    "adm_1": "Province",
    "adm_2": "",
    "latitude": "34.5",
    "longitude": "36.25",
    "country": "A",
    "event_clarity": "1",
    "date_prec": "2",
    "date_start": "2016-03-01",
    "date_end": "2016-03-02",
    "deaths_a": "0",
    "deaths_b": "0",
    "deaths_civilians": "0",
    "deaths_unknown": "0",
    "low": "0",
    "best": "0",
    "high": "0",
}
CLASSES = ("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown")


def entry(layout: list[str] = COLUMNS_41, /, **values: Any) -> Entry:
    """The entry of a row with these values."""
    stated = {**ROW, **{name: str(value) for name, value in values.items()}}
    return DATASET.entry_of({name: stated.get(name, "") for name in layout}, ACTORS, RELEASE)


def deaths(*by_class: int, low: int | None = None, high: int | None = None, **more: Any) -> Entry:
    """The entry of a row with these deaths; bounds equal the best estimate unless they are stated."""
    best = sum(by_class)
    bounds = {"low": best if low is None else low, "best": best, "high": best if high is None else high}
    return entry(**dict(zip(CLASSES, by_class, strict=True)), **bounds, **more)


def report(made: Entry) -> Report:
    """The entry's report, as the domain takes it."""
    return Report.model_validate(made.document)


def said(made: Entry) -> list[tuple[Any, ...]]:
    """Type, party, class, and count of each claim but the use of force."""
    found = []
    for claim in made.document["claims"][1:]:
        found.append((claim["type"], claim.get("victim_party"), claim.get("victim_class"), claim["count"]))
    return found


def between(low: int, best: int, high: int) -> dict[str, Any]:
    return {"qualifier": "between", "low": low, "best": best, "high": high}


def about(number: int) -> dict[str, Any]:
    return {"qualifier": "about", "stated": number}


def test_both_layouts_have_the_columns_that_are_needed() -> None:
    assert (len(COLUMNS_41), len(COLUMNS_49)) == (41, 49)
    needed = DATASET.columns | DATASET.optional
    assert needed - set(COLUMNS_41) == needed - set(COLUMNS_49) == set()


def test_a_row_says_the_same_in_both_layouts() -> None:
    assert entry(COLUMNS_49, deaths_a=3, low=3, best=3, high=3).document == deaths(3, 0, 0, 0).document


def test_a_row_is_a_report_with_ids_of_its_own() -> None:
    made = report(entry())
    assert made.report_id == "ucdp-ged-101"
    assert {getattr(claim, "incident_id", None) for claim in made.claims} == {"ucdp-101"}
    assert (made.title, made.source.name) == ("Government of A - Group B, Town", "UCDP GED")
    assert [(each.scheme, each.id) for each in made.source.external_ids] == [
        ("ucdp-ged-release", "Test 1"),
        ("ucdp-conflict", "299"),
        ("ucdp-dyad", "11973"),
    ]


def test_a_row_without_deaths_says_that_force_was_used_and_no_more() -> None:
    (force,) = entry().document["claims"]
    assert (force["type"], force["attackers"], force["targets"]) == (
        "AttackReported",
        ["government-a", "group-b"],
        ["government-a", "group-b"],
    )
    assert force["occurred"] == {"start": "2016-03-01", "end": "2016-03-02", "precision": "days"}
    assert force["place"] == {
        "name": "Town",
        "precision": "near",
        "country": "A",
        "admin1": "Province",
        "latitude": 34.5,
        "longitude": 36.25,
    }
    assert (force["clarity"], force["kind_of_violence"]) == ("single", "state_based")


def test_numbers_on_which_the_estimates_agree_are_exact() -> None:
    assert said(deaths(1, 2, 3, 4)) == [
        ("TroopsKilled", "government-a", None, 1),
        ("TroopsKilled", "group-b", None, 2),
        ("CiviliansKilled", None, None, 3),
        ("PersonsKilled", None, "unknown", 4),
    ]


def test_the_only_class_has_the_bounds_of_the_row() -> None:
    assert said(deaths(0, 0, 5, 0, low=2, high=9)) == [("CiviliansKilled", None, None, between(2, 5, 9))]


def test_of_several_classes_the_bounds_are_those_of_the_whole() -> None:
    assert said(deaths(0, 1, 5, 0, low=2, high=9)) == [
        ("TroopsKilled", "group-b", None, about(1)),
        ("CiviliansKilled", None, None, about(5)),
        ("TollClaimed", None, None, between(2, 6, 9)),
    ]


def test_possible_deaths_of_nobody_known_are_of_unknown_class() -> None:
    assert said(deaths(0, 0, 0, 0, high=3)) == [("PersonsKilled", None, "unknown", between(0, 0, 3))]


def test_an_aggregate_is_tolls_of_its_incident() -> None:
    made = deaths(1, 0, 5, 0, high=9, event_clarity=2)
    assert said(made) == [
        ("TollClaimed", "government-a", "troops", about(1)),
        ("TollClaimed", None, "civilians", about(5)),
        ("TollClaimed", None, None, between(6, 6, 9)),
    ]
    assert {claim["clarity"] for claim in made.document["claims"]} == {"aggregate"}


def test_who_killed_is_said_where_violence_is_one_sided() -> None:
    made = deaths(0, 0, 5, 1, high=9, type_of_violence=3, side_b_new_id=1, side_b="Civilians")
    force, *casualties = made.document["claims"]
    assert (force["attackers"], force["targets"]) == (["government-a"], ["civilians"])
    assert [claim["perpetrators"] for claim in casualties] == [["government-a"]] * 3
    assert "perpetrators" not in str(deaths(0, 0, 5, 1).document)


@pytest.mark.parametrize(("low", "high"), [(9, 12), (1, 3)])
def test_estimates_out_of_order_are_taken_and_flagged(low: int, high: int) -> None:
    made = deaths(0, 0, 5, 0, low=low, high=high)
    assert said(made) == [("CiviliansKilled", None, None, between(low, 5, high))]
    assert [(each.column, each.value) for each in made.remarks] == [("best", "5")]


def test_classes_that_do_not_add_up_are_taken_as_they_are_and_flagged() -> None:
    made = entry(deaths_a=1, deaths_civilians=2, low=4, best=4, high=4)
    assert said(made) == [
        ("TroopsKilled", "government-a", None, 1),
        ("CiviliansKilled", None, None, 2),
        ("TollClaimed", None, None, between(4, 4, 4)),
    ]
    assert ["add up to 3" in each.why for each in made.remarks] == [True]


def test_a_class_that_has_not_all_deaths_does_not_have_the_bounds_of_the_row() -> None:
    assert said(entry(deaths_a=1, low=2, best=4, high=9)) == [
        ("TroopsKilled", "government-a", None, about(1)),
        ("TollClaimed", None, None, between(2, 4, 9)),
    ]


@pytest.mark.parametrize(("number", "count"), [("2", 2), ("-1", None), ("", None), ("0", None)])
def test_an_unknown_number_of_sources_is_not_stated(number: str, count: int | None) -> None:
    assert report(entry(number_of_sources=number)).source_count == count


@pytest.mark.parametrize(
    ("dates", "reported", "remarks"),
    [
        ("2016-03-01;2016-03-04", date(2016, 3, 4), 0),
        ("2016-03-01", date(2016, 3, 2), 0),
        ("2016-02-28", date(2016, 3, 2), 0),
        ("2015-03-01", date(2020, 1, 20), 1),
        ("1753-01-01;2016-03-04", date(2016, 3, 4), 1),
        ("2103-03-04", date(2020, 1, 20), 1),
        ("2020-01-20", date(2020, 1, 20), 0),
        ("yesterday", date(2020, 1, 20), 1),
        ("2016-13-45", date(2020, 1, 20), 1),
        ("", date(2020, 1, 20), 0),
        ("2016-03-04 00:00:00.000", date(2016, 3, 4), 0),
    ],
)
def test_a_source_date_outside_of_any_reason_is_unknown(dates: str, reported: date, remarks: int) -> None:
    made = entry(source_date=dates)
    assert (report(made).reported, len(made.remarks)) == (reported, remarks)


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("id", "", "is empty"),
        ("id", "12a", "which is no whole number"),
        ("deaths_a", "-1", "cannot be less than 0"),
        ("best", "1.5", "no whole number"),
        ("date_prec", "9", "the codebook has 1, 2, 3, 4, 5"),
        ("where_prec", "0", "the codebook has 1, 2"),
        ("event_clarity", "3", "the codebook has 1, 2"),
        ("type_of_violence", "4", "the codebook has 1, 2, 3"),
        ("date_start", "01/03/2016", "no day; YYYY-MM-DD is"),
        ("latitude", "north", "no number of degrees"),
        ("country", " ", "is empty"),
        ("where_coordinates", "", "is empty"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_with_the_reason(column: str, value: str, why: str) -> None:
    with pytest.raises(RowError, match=why) as refused:
        entry(**{column: value})
    assert refused.value.column == column


def test_troops_are_never_made_of_civilians() -> None:
    with pytest.raises(RowError, match="are civilians, not troops"):
        deaths(0, 2, 0, 0, type_of_violence=3)


def test_days_with_a_time_of_day_are_days() -> None:
    made = entry(date_start="2016-03-01 00:00:00.000", date_end="2016-03-02T00:00:00")
    assert made.document["claims"][0]["occurred"]["end"] == "2016-03-02"


@pytest.mark.parametrize(
    ("name", "external_id", "kind"),
    [
        ("Government of A", "118", "state_forces"),
        ("Government of Elsewhere", "640", "external"),
        ("Civilians", "1", "civilians"),
        ("Group B", "4456", "rebel_group"),
    ],
)
def test_kinds_of_actors_follow_from_their_names(name: str, external_id: str, kind: str) -> None:
    seen, _ = DATASET.actors_of({**ROW, "side_a": name, "side_a_new_id": external_id})
    assert (seen.external_id, seen.name, seen.kind) == (external_id, name, kind)


numbers = st.integers(0, 2_000)


@given(st.tuples(numbers, numbers, numbers, numbers), numbers, numbers, st.sampled_from([1, 2]))
def test_every_row_that_adds_up_keeps_its_numbers(
    by_class: tuple[int, int, int, int], low: int, high: int, clarity: int
) -> None:
    made = report(deaths(*by_class, low=low, high=high, event_clarity=clarity))
    counts: list[Any] = [claim for claim in made.claims if hasattr(claim, "count")]
    whole = [each for each in counts if each.type == "TollClaimed" and each.victim_class is None]
    parts = [each for each in counts if each not in whole]
    best = sum(by_class)
    assert sum(each.count.bounds().best or 0 for each in parts) == best
    # The row's bounds stand once: in its whole, in its only class, or in the bare numbers that all agree.
    bounds = [each.count.bounds() for each in whole or parts]
    if len(parts) == 1 or whole:
        assert [(each.low, each.best, each.high) for each in bounds] == [(low, best, high)]
    else:
        assert low == best == high
