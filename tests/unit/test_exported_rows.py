"""Facts about incidents as rows: what claims state together, UCDP's layout and what it cannot hold, the register
read the other way round, features of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.datasets import casualty_table, incident_table, ucdp_layout
from ledger.datasets.columns import Kind, row_of
from ledger.datasets.geojson import feature
from ledger.datasets.incidents import ByClass, ByParty, Figure, Figures, HeldClaim, Incident
from ledger.datasets.named_actors import NamedActor, Recorded, named_actors
from ledger.datasets.ucdp_layout import LeftOut, Note
from ledger.datasets.ucdp_rows import Killed, NotInLayoutError, UcdpRow, columns, may_state_none, ucdp_row
from ledger.domain.actors import ActorRegistered
from ledger.domain.acts import ClaimRetracted
from ledger.domain.codes import DatePrecision

DAY = {"start": "2020-02-10", "end": "2020-02-10", "precision": "day"}
PLACE = {"name": "Riverton", "precision": "near", "latitude": 10.5, "longitude": -20.0}
SYRIA = NamedActor("Government of Syria", {"ucdp": "118", "gw": "652"})
REBELS = NamedActor("Rebels", {"ucdp": "4456"})
ACTORS = {"syria": SYRIA, "rebels": REBELS}
RELEASED = {"ucdp-ged-release": "25.1", "ucdp-conflict": "299", "ucdp-dyad": "11973"}
SEVEN = Figure(7, 7, 7)


def claim(kind: str = "AttackReported", position: int = 1, **content: Any) -> HeldClaim:
    """A claim that holds."""
    said = {"type": kind, "occurred": DAY, "place": PLACE, "kind_of_violence": "state_based", **content}
    return HeldClaim({name: value for name, value in said.items() if value is not None}, position, "r")


def attack(*attackers: str, targets: Sequence[str] = ("rebels",), **content: Any) -> HeldClaim:
    """Some attackers, who are the government unless named."""
    return claim(attackers=list(attackers) or ["syria"], targets=list(targets), **content)


def incident(*claims: HeldClaim, **said: Any) -> Incident:
    """An incident of these claims, of one report."""
    held = claims or (attack(),)
    days = [each.content["occurred"] for each in held]
    return Incident(
        **{
            "incident_id": "riverton",
            "claims": held,
            "first_day": date.fromisoformat(min(day["start"] for day in days)),
            "last_day": date.fromisoformat(max(day["end"] for day in days)),
            "date_precision": DatePrecision(days[-1]["precision"]),
            "place": PLACE,
            "claim_count": len(held),
            "report_count": 1,
            **said,
        }
    )


def killed(whole: Figure | None = SEVEN, **parts: Figure) -> Killed:
    """Figures of the killed, by party and class: `rebels_troops`."""
    keys = {name: name.rpartition("_") for name in parts or {"rebels_troops": SEVEN}}
    figures = parts or {"rebels_troops": SEVEN}
    return Killed(whole, {ByParty(keys[name][0], keys[name][2]): figure for name, figure in figures.items()})


def cells(of: Incident, figures: Killed, actors: Any = ACTORS) -> dict[str, str]:
    """The cells of a row by their columns."""
    return dict(zip(ucdp_layout.COLUMNS, ucdp_row(of, figures, actors).cells, strict=True))


def interval(start: str, end: str, precision: str = "day") -> dict[str, str]:
    """When something occurred."""
    return {"start": start, "end": end, "precision": precision}


# What claims state together


def test_an_interval_on_which_claims_agree_is_as_precise_as_they_state_it() -> None:
    week = interval("2020-02-03", "2020-02-09", "month")
    found = incident(attack(occurred=week), attack(occurred=week)).occurred
    assert found == (date(2020, 2, 3), date(2020, 2, 9), DatePrecision.MONTH)


@pytest.mark.parametrize(
    ("last", "precision"),
    [
        ("2020-02-15", DatePrecision.DAYS),
        ("2020-02-16", DatePrecision.WEEK),
        ("2020-03-11", DatePrecision.MONTH),
        ("2020-03-12", DatePrecision.YEAR),
        ("2021-02-10", DatePrecision.YEARS),
    ],
)
def test_where_dates_differ_the_interval_is_no_more_precise_than_it_is_long(
    last: str, precision: DatePrecision
) -> None:
    of = incident(attack(), attack(occurred=interval(last, last)))
    assert of.occurred == (date(2020, 2, 10), date.fromisoformat(last), precision)
    assert "DATES_DIFFER" in list(of.remarks)


def test_a_precision_that_is_stated_coarser_than_the_interval_is_long_is_kept() -> None:
    of = incident(attack(), attack(occurred=interval("2020-02-11", "2020-02-11", "year")))
    assert of.occurred.precision is DatePrecision.YEAR


@given(
    days=st.lists(
        st.tuples(
            st.dates(date(2019, 1, 1), date(2021, 1, 1)), st.integers(0, 900), st.sampled_from(DatePrecision)
        ),
        min_size=1,
        max_size=4,
    )
)
def test_no_interval_is_told_to_be_a_day_that_is_not_one(days: list[tuple[date, int, DatePrecision]]) -> None:
    claims = []
    for first, length, precision in days:
        last = date.fromordinal(first.toordinal() + length)
        claims.append(attack(occurred=interval(first.isoformat(), last.isoformat(), precision.value)))
    of = incident(*claims)
    start, end, precision = of.occurred
    assert (start, end) == (of.first_day, of.last_day)
    if len({(each.content["occurred"]["start"], each.content["occurred"]["end"]) for each in claims}) > 1:
        assert (precision is DatePrecision.DAY) <= (start == end)


@pytest.mark.parametrize(
    ("claims", "sides"),
    [
        ([attack()], ("syria", "rebels", False)),
        ([attack("a", "b", targets=("a", "b"))], ("a", "b", True)),
        ([attack("rebels", targets=("syria",)), attack()], ("rebels", "syria", False)),
        ([attack(), claim("TroopsKilled", victim_party="others")], ("syria", "rebels", False)),
        ([attack("a", "b")], None),
        ([attack("a", "b", targets=("b", "c"))], None),
        ([attack("a", targets=("a",))], None),
        ([attack(), attack("others")], None),
        ([attack(), attack("a", "b")], None),
        ([claim("TroopsKilled", victim_party="rebels")], None),
    ],
)
def test_there_are_two_sides_where_all_claims_of_force_name_the_same_two(
    claims: list[HeldClaim], sides: tuple[str, str, bool] | None
) -> None:
    assert incident(*claims).sides == sides


def test_what_was_found_not_to_hold_says_nothing_of_an_incident_unless_all_was() -> None:
    wrong = attack("others", verification="discounted", kind_of_violence="non_state", clarity="aggregate")
    of = incident(attack(), wrong)
    assert (of.sides, of.kinds_of_violence, of.clarity, list(of.remarks)) == (
        ("syria", "rebels", False),
        ["state_based"],
        "single",
        [],
    )
    assert incident(wrong).parties == ["others", "rebels"]


def test_an_incident_says_in_what_its_claims_differ() -> None:
    other = claim(
        "CiviliansKilled", place={**PLACE, "name": "Elsewhere"}, kind_of_violence="non_state", clarity="aggregate"
    )
    of = incident(attack(), other, claim_count=3)
    assert list(of.remarks) == ["PLACES_DIFFER", "KINDS_DIFFER", "CLAIMS_CUT"]
    assert of.clarity == "mixed"
    assert list(incident(attack(), claim("CiviliansKilled", place=None)).remarks) == []


# The register


def registered(event_id: str, actor_id: str, name: str, **said: Any) -> Recorded:
    """A registration."""
    return Recorded(event_id, ActorRegistered.of(actor_id=actor_id, name=name, actor_kind="rebel_group", **said))


def retracted(event_id: str, target: str) -> Recorded:
    """An undoing."""
    return Recorded(event_id, ClaimRetracted.of(target_event_id=target, reason="error"))


def uuid(number: int) -> str:
    """An event's id."""
    return f"00000000-0000-0000-0000-{number:012}"


def test_the_latest_registration_that_stands_names_an_actor() -> None:
    first, second = registered(uuid(1), "a", "One"), registered(uuid(2), "a", "Two")
    undone, restored = retracted(uuid(3), uuid(2)), retracted(uuid(4), uuid(3))
    assert named_actors([first])["a"].name == "One"
    assert named_actors([first, second])["a"].name == "Two"
    assert named_actors([first, second, undone])["a"].name == "One"
    assert named_actors([first, second, undone, restored])["a"].name == "Two"
    assert named_actors([first, retracted(uuid(5), uuid(1))]) == {}


def test_an_actor_has_its_first_id_of_each_register_and_states_are_known() -> None:
    ids = [{"scheme": "ucdp", "id": "1"}, {"scheme": "gw", "id": "2"}, {"scheme": "ucdp", "id": "3"}]
    actor = named_actors([registered(uuid(1), "a", "A", external_ids=ids)])["a"]
    assert (actor.ids, actor.is_state) == ({"ucdp": "1", "gw": "2"}, True)
    assert not named_actors([registered(uuid(1), "a", "A")])["a"].is_state


# UCDP's layout


def test_the_layout_has_41_columns_and_a_row_a_cell_for_each() -> None:
    assert len(ucdp_layout.COLUMNS) == len(set(ucdp_layout.COLUMNS)) == 41
    assert set(ucdp_layout.COLUMNS) > ucdp_layout.NOT_KEPT
    row = UcdpRow([str(number) for number in range(41)], [])
    assert row_of(columns(), row) == row.cells
    assert {*LeftOut, *Note} == ucdp_layout.DESCRIPTIONS.keys()


def test_in_state_based_violence_the_government_is_side_a() -> None:
    by_rebels = attack("rebels", targets=("syria",))
    row = cells(incident(by_rebels), killed(syria_troops=SEVEN))
    assert (row["side_a"], row["side_a_new_id"], row["side_b"]) == ("Government of Syria", "118", "Rebels")
    assert (row["deaths_a"], row["deaths_b"]) == ("7", "0")
    non_state = attack("rebels", targets=("syria",), kind_of_violence="non_state")
    assert cells(incident(non_state), killed())["side_a"] == "Rebels"
    both = attack("rebels", "syria", targets=("rebels", "syria"))
    assert cells(incident(both), killed())["side_a"] == "Rebels"
    two_states = {**ACTORS, "rebels": replace(REBELS, ids={"gw": "640"})}
    assert cells(incident(by_rebels), killed(), two_states)["side_a"] == "Rebels"


def test_deaths_are_in_the_column_of_their_class_and_side() -> None:
    one, two, four, eight = (Figure(number, number, number) for number in (1, 2, 4, 8))
    whole = Figure(31, 31, 31)
    parts = {
        "syria_troops": one,
        "rebels_troops": two,
        "_civilians": four,
        "_unknown": eight,
        "_all": Figure(16, 16, 16),
    }
    row = cells(incident(), Killed(whole, killed(whole, **parts).parts))
    assert [row[name] for name in ("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown")] == [
        "1",
        "2",
        "4",
        "24",
    ]
    assert (row["low"], row["best"], row["high"]) == ("31", "31", "31")


@pytest.mark.parametrize(
    ("of", "figures", "note"),
    [
        (incident(), killed(others_troops=SEVEN), Note.PARTY_NOT_A_SIDE),
        (incident(), killed(_contractors=SEVEN), Note.CONTRACTORS),
        (incident(), killed(Figure(None, 7, 7)), Note.BOUND_NOT_STATED),
        (incident(), killed(Figure(7, 7, None)), Note.BOUND_NOT_STATED),
        (incident(), killed(Figure(7, 7, 7, (), {"SUPERSEDED": 1})), Note.SUPERSEDED),
        (incident(attack(kind_of_violence=None)), killed(), Note.KIND_NOT_STATED),
        (incident(attack(occurred=interval("2018-01-01", "2020-01-01", "years"))), killed(), Note.DATE_PRECISION),
        (incident(attack(), attack(occurred=interval("2020-02-11", "2020-02-11"))), killed(), Note.CLAIMS_DIFFER),
        (incident(attack(), attack(clarity="aggregate")), killed(), Note.CLAIMS_DIFFER),
        (incident(claim_count=9), killed(), Note.CLAIMS_DIFFER),
    ],
)
def test_what_is_to_be_known_of_a_row_is_noted(of: Incident, figures: Killed, note: Note) -> None:
    assert ucdp_row(of, figures, ACTORS).notes == [note]
    assert ucdp_row(incident(), killed(), ACTORS).notes == []


def test_a_bound_that_is_open_is_an_empty_cell() -> None:
    row = cells(incident(), killed(Figure(None, 7, None)))
    assert (row["low"], row["best"], row["high"]) == ("", "7", "")


def test_without_two_sides_their_cells_are_empty_and_troops_are_unknown() -> None:
    made = ucdp_row(incident(claim("TroopsKilled", victim_party="rebels")), killed(), ACTORS)
    row = dict(zip(ucdp_layout.COLUMNS, made.cells, strict=True))
    assert [row[name] for name in ("side_a", "side_a_new_id", "side_b", "side_b_new_id")] == [""] * 4
    assert (row["deaths_b"], row["deaths_unknown"]) == ("0", "7")
    assert made.notes == [Note.PARTY_NOT_A_SIDE, Note.SIDES_NOT_STATED]


def test_a_date_of_more_than_a_year_is_exported_as_a_year() -> None:
    row = cells(incident(attack(occurred=interval("2018-01-01", "2020-01-01", "years"))), killed())
    assert (row["date_prec"], row["year"], row["date_start"], row["date_end"]) == (
        "5",
        "2018",
        "2018-01-01",
        "2020-01-01",
    )


@pytest.mark.parametrize(
    ("of", "figures", "reason"),
    [
        (incident(), Killed(None), LeftOut.NO_DEATHS),
        (incident(), killed(rebels_troops=Figure(1, 1, 1, (), {"UNRESOLVED_WORDS": 1})), LeftOut.UNRESOLVED_WORDS),
        (incident(), killed(rebels_troops=Figure(1, None, 9)), LeftOut.NO_BEST),
        (incident(), killed(rebels_troops=Figure(1, 1, 9, (), {"NO_BEST": 1})), LeftOut.NO_BEST),
        (incident(place=None), killed(), LeftOut.NO_POINT),
        (incident(place={"name": "Riverton", "precision": "admin1"}), killed(), LeftOut.NO_POINT),
    ],
)
def test_what_the_layout_cannot_hold_is_left_out_with_the_reason(
    of: Incident, figures: Killed, reason: LeftOut
) -> None:
    with pytest.raises(NotInLayoutError) as caught:
        ucdp_row(of, figures, ACTORS)
    assert caught.value.reason is reason


def test_unknown_is_not_zero_unless_the_row_said_so() -> None:
    none = cells(incident(), Killed(None, none=True))
    assert {none[name] for name in ("deaths_a", "deaths_unknown", "low", "best", "high")} == {"0"}


RELEASE_CLAIM = replace(attack(), source_ids=RELEASED, report_id="ucdp-ged-1")


@pytest.mark.parametrize(
    ("of", "report_id"),
    [
        (incident(RELEASE_CLAIM), "ucdp-ged-1"),
        (incident(attack()), None),
        (incident(replace(RELEASE_CLAIM, corrected=True)), None),
        (incident(RELEASE_CLAIM, RELEASE_CLAIM), None),
        (incident(RELEASE_CLAIM, claim_count=2), None),
        (incident(RELEASE_CLAIM, merged_incident_ids=["x"]), None),
        (incident(replace(RELEASE_CLAIM, content={**RELEASE_CLAIM.content, "type": "TalksHeld"})), None),
    ],
)
def test_only_a_row_of_a_release_that_nobody_changed_can_have_stated_no_deaths(
    of: Incident, report_id: str | None
) -> None:
    assert may_state_none(of) == report_id


def whole(**said: Any) -> HeldClaim:
    """The toll of an incident of all classes."""
    count = {"qualifier": "between", "low": 1, "best": 9, "high": 12}
    toll = claim("TollClaimed", outcome="killed", count=count, incident_id="riverton")
    return replace(toll, **{"source_ids": RELEASED, **said})


@pytest.mark.parametrize(
    ("toll", "bounds"),
    [
        (whole(), ("1", "9", "12")),
        (whole(corrected=True), ("7", "7", "7")),
        (whole(source_ids={}), ("7", "7", "7")),
        (whole(content={**whole().content, "victim_class": "troops"}), ("7", "7", "7")),
        (whole(content={**whole().content, "outcome": "injured"}), ("7", "7", "7")),
        (whole(content={**whole().content, "verification": "discounted"}), ("7", "7", "7")),
    ],
)
def test_a_row_s_own_bounds_hold_until_somebody_says_otherwise(toll: HeldClaim, bounds: tuple[str, ...]) -> None:
    row = cells(incident(RELEASE_CLAIM, toll), killed())
    assert (row["low"], row["best"], row["high"]) == bounds
    of_two = cells(incident(RELEASE_CLAIM, whole(), report_count=2), killed())
    assert of_two["best"] == "7"


def test_a_whole_beside_no_part_is_not_allotted_to_a_class() -> None:
    row = cells(incident(RELEASE_CLAIM, whole()), Killed(None))
    assert (row["deaths_unknown"], row["best"]) == ("0", "9")
    row = cells(incident(RELEASE_CLAIM, whole()), killed(_all=SEVEN))
    assert (row["deaths_unknown"], row["best"]) == ("0", "9")


def test_the_source_s_ids_and_numbers_are_those_of_the_latest_release() -> None:
    later = replace(RELEASE_CLAIM, source_ids={**RELEASED, "ucdp-conflict": "300"}, source_count=4)
    row = cells(incident(replace(RELEASE_CLAIM, source_count=3), later, report_count=2), killed())
    assert (row["conflict_new_id"], row["dyad_new_id"], row["number_of_sources"]) == ("300", "11973", "4")
    mixed = cells(incident(later, replace(attack(), source_count=2), report_count=2), killed())
    assert (mixed["conflict_new_id"], mixed["number_of_sources"]) == ("300", "-1")
    outlet = cells(incident(replace(attack(), source_count=2)), killed())
    assert (outlet["conflict_new_id"], outlet["number_of_sources"]) == ("", "2")
    assert cells(incident(), killed())["number_of_sources"] == "-1"


def test_only_ids_of_ucdp_s_incidents_become_numbers() -> None:
    assert cells(incident(incident_id="ucdp-214797"), killed())["id"] == "214797"
    assert cells(incident(incident_id="riverton"), killed())["id"] == "riverton"


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        (35.688342, 36.449962, ("35.688342", "36.449962", "POINT (36.449962 35.688342)")),
        (35.0, -38.0, ("35.0", "-38.0", "POINT (-38 35)")),
        (0.0, 0.00001, ("0.0", "0.00001", "POINT (0.00001 0)")),
        (-0.000000123, 180.0, ("-0.000000123", "180.0", "POINT (180 -0.000000123)")),
    ],
)
def test_a_point_is_written_in_decimals(latitude: float, longitude: float, expected: tuple[str, ...]) -> None:
    row = cells(incident(place={**PLACE, "latitude": latitude, "longitude": longitude}), killed())
    assert (row["latitude"], row["longitude"], row["geom_wkt"]) == expected


@given(value=st.floats(-180, 180, allow_nan=False))
def test_every_degree_is_read_back_as_it_was(value: float) -> None:
    row = cells(incident(place={**PLACE, "latitude": value / 2, "longitude": value}), killed())
    assert (float(row["latitude"]), float(row["longitude"])) == (value / 2, value)
    assert "e" not in row["latitude"] + row["longitude"]


def test_an_aggregate_is_told_by_its_figure_where_claims_differ() -> None:
    mixed = incident(attack(), claim("TollClaimed", clarity="aggregate", outcome="killed", count={}))
    assert cells(mixed, killed(Figure(7, 7, 7, ("AGGREGATE",))))["event_clarity"] == "2"
    assert cells(mixed, killed())["event_clarity"] == "1"
    assert cells(incident(attack(clarity="aggregate")), killed())["event_clarity"] == "2"


# The table, the map, the figures


def described(of: Incident, figures: Figures | None = None, actors: Any = ACTORS) -> dict[str, Any]:
    """The row of an incident by its columns."""
    row = row_of(incident_table.COLUMNS, incident_table.Described(of, figures or Figures(), actors))
    return dict(zip((column.name for column in incident_table.COLUMNS), row, strict=True))


def test_what_is_not_stated_is_absent_and_never_zero() -> None:
    row = described(incident(claim("TalksHeld", place=None, kind_of_violence=None), place=None))
    stated = {"incident_id", "date_start", "date_end", "date_precision", "clarity", "claims", "reports"}
    lists = {
        "kinds_of_violence",
        "parties",
        "claim_types",
        "sources",
        "merged_incident_ids",
        "remarks",
        "positions",
    }
    assert {name for name, value in row.items() if value is None} == row.keys() - stated - lists
    assert row["claim_types"] == ["TalksHeld"]


def test_a_place_at_zero_degrees_has_a_point() -> None:
    row = described(incident(place={**PLACE, "latitude": 0.0, "longitude": 0.0}))
    assert (row["latitude"], row["longitude"]) == (0.0, 0.0)


def test_numbers_of_each_outcome_and_class_are_in_columns_of_their_own() -> None:
    figures = Figures(
        by_outcome={
            "killed": Figure(1, 2, None, ("AGGREGATE",), {"UNRESOLVED_WORDS": 2}),
            "captured": Figure(4, 5, 6),
        },
        by_class={
            ByClass("killed", "all"): Figure(7, 8, 9),
            ByClass("injured", "civilians"): Figure(None, None, 3),
        },
    )
    row = described(incident(), figures)
    assert (row["killed_low"], row["killed_best"], row["killed_high"], row["killed_undivided"]) == (1, 2, None, 8)
    assert (row["captured_best"], row["injured_civilians"], row["killed_civilians"]) == (5, None, None)
    assert row["remarks"] == ["killed:AGGREGATE", "killed:UNRESOLVED_WORDS"]


def test_a_side_that_is_not_registered_is_named_by_its_id() -> None:
    row = described(incident(attack("others")), actors={"rebels": REBELS})
    assert (row["side_a"], row["side_a_name"], row["side_b"], row["side_b_name"]) == (
        "others",
        "others",
        "rebels",
        "Rebels",
    )
    assert described(incident(attack("a", "b", "c")))["side_a_name"] is None


def test_every_value_is_of_its_column_s_kind() -> None:
    kinds: dict[Kind, Any] = {Kind.TEXT: str, Kind.DAY: date, Kind.INTEGER: int, Kind.NUMBER: float}
    figure = Figure(1, 2, 3)
    figures = Figures(
        by_outcome=dict.fromkeys(("killed", "injured", "missing", "captured"), figure),
        by_class={
            ByClass(outcome, each): figure
            for outcome in ("killed", "injured", "missing", "captured")
            for each in incident_table.CLASSES
        },
    )
    of = incident(replace(attack(), source="x"), place={**PLACE, "admin1": "A", "admin2": "B", "country": "C"})
    row = described(replace(of, merged_incident_ids=["y"], claim_count=2), figures)
    for column in incident_table.COLUMNS:
        value = row[column.name]
        if column.kind in (Kind.TEXTS, Kind.INTEGERS):
            item = int if column.kind is Kind.INTEGERS else str
            assert value, column.name
            assert {type(each) for each in value} == {item}, column.name
        else:
            assert type(value) is kinds[column.kind], column.name


def test_a_feature_carries_the_codes_of_precision_and_no_point_that_is_not_stated() -> None:
    table = incident_table.COLUMNS + incident_table.WORDS
    coarse = incident(place={"name": "A province", "precision": "admin1"})
    row = row_of(table, incident_table.Described(coarse, Figures(), {}))
    made = feature(table, row, "riverton", 42)
    assert (made["type"], made["id"], made["geometry"]) == ("Feature", "riverton", None)
    said = made["properties"]
    assert (said["place_precision"], said["place_precision_word"], said["as_of_position"]) == (4, "admin1", 42)
    assert (said["date_precision"], said["date_precision_word"], said["date_start"]) == (1, "day", "2020-02-10")
    assert "latitude" not in said
    exact = feature(table, row_of(table, incident_table.Described(incident(), Figures(), {})), "x", 1)
    assert exact["geometry"] == {"type": "Point", "coordinates": [-20.0, 10.5]}


def test_a_table_of_figures_has_the_columns_of_its_grouping() -> None:
    table = casualty_table.columns(["day", "admin1"], ["killed"])
    group = casualty_table.Group(
        {"day": "2020-02-10", "admin1": ""}, Figure(1, 2, None, ("AGGREGATE",), {"REDACTED": 3})
    )
    row = dict(zip((column.name for column in table), row_of(table, group), strict=True))
    assert (row["day"], row["admin1"], row["high"]) == (date(2020, 2, 10), None, None)
    assert (row["flags"], row["left_out"]) == (["AGGREGATE"], ["REDACTED=3"])
    tags = {column.name: column.tag for column in table}
    assert (tags["best"], tags["admin1"], tags["low"]) == ("#affected+killed", "#adm1+name", "")
    for outcomes in ([], ["injured"], ["killed", "injured"]):
        assert {column.tag for column in casualty_table.columns(["day"], outcomes)} == {"", "#affected"}
