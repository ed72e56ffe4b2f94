"""Facts about rows of ACLED: what each code becomes, what both layouts say alike, and which rows are not taken.
All rows are of the project's own making."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.datasets import acled_codebook as codebook
from ledger.datasets.acled import DATASET, OPTIONAL, REQUIRED
from ledger.datasets.acled_codebook import SUB_EVENTS, interval_of
from ledger.datasets.differences import change_of
from ledger.datasets.entries import Entry, Release, RowError, Seen, tag
from ledger.datasets.publication import ACTORS_A_REPORT, actors_reports
from ledger.datasets.register import Register
from ledger.datasets.survey import surveyed
from ledger.datasets.table import Table, TableError
from ledger.domain.actors import ActorRegistered
from ledger.domain.codes import DatePrecision
from ledger.domain.reports import Report
from tests.acled_rows import (
    ARMY,
    CIVILIANS,
    CURRENT,
    EARLIER,
    FRONT,
    GUARD,
    LAYOUTS,
    NEIGHBOUR,
    POLICE,
    PROTESTERS,
    RIOTERS,
    Event,
    current,
    earlier,
    event,
    moment,
    write,
)

RELEASE = Release("acled", "Vastria 2020-03", "1" * 64, date(2020, 3, 1))
ARMY_ID, FRONT_ID = "military-forces-of-vastria-2011", "river-front"
CIVILIANS_ID, RIOTERS_ID, PROTESTERS_ID = "civilians-vastria", "rioters-vastria", "protesters-vastria"
AGAINST_CIVILIANS = {"event_type": "Violence against civilians", "sub_event_type": "Attack"}
REMOTE = {"event_type": "Explosions/Remote violence", "sub_event_type": "Air/drone strike"}
ALONE = {"actor2": "", "inter2": ""}


def entry(row: Event) -> Entry:
    """The row's entry; its actors are registered as an import would."""
    register = Register(DATASET.scheme)
    register.newcomers(DATASET.actors_of(row))
    return DATASET.entry_of(row, register.actor_ids, RELEASE)


def claims(**cells: str) -> dict[str, dict[str, Any]]:
    """The claims of an event, by type; both layouts make the same."""
    of_each = [entry(laid_out(event(**cells))).document["claims"] for _, laid_out in LAYOUTS]
    assert of_each[0] == of_each[1]
    assert len({claim["type"] for claim in of_each[0]}) == len(of_each[0])
    return {claim["type"]: claim for claim in of_each[0]}


def attack(**cells: str) -> tuple[list[str], list[str]]:
    """Attackers and targets."""
    claim = claims(**cells)["AttackReported"]
    return claim["attackers"], claim["targets"]


def remarks(row: Event) -> list[tuple[str, str]]:
    """Columns and values that deserve a look."""
    return [(each.column, each.value) for each in entry(row).remarks]


def refusal(row: Event) -> str:
    """Why a row is not taken."""
    with pytest.raises(RowError) as caught:
        _read(row)
    return str(caught.value)


def _read(row: Event) -> None:
    """As an import reads it: a first look, and its entry."""
    DATASET.key_of(row)
    DATASET.place_and_time(row)
    entry(row)


# The layouts


def test_both_layouts_have_31_columns_and_all_that_are_read() -> None:
    assert (len(CURRENT), len(EARLIER)) == (31, 31)
    assert set(CURRENT) & set(EARLIER) >= REQUIRED | OPTIONAL


def test_a_file_without_a_column_that_is_read_is_no_file_of_acled(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text(",".join(name for name in CURRENT if name != "geo_precision") + "\n")
    with pytest.raises(TableError, match=r"is no file of ACLED: it has no column geo_precision"):
        surveyed(DATASET, Table(path))


@pytest.mark.parametrize("column", sorted(set(CURRENT) - REQUIRED - OPTIONAL))
def test_a_column_that_is_not_read_makes_no_difference(column: str) -> None:
    whole, other = current(event()), current(event()) | {column: "something else"}
    without = {name: value for name, value in whole.items() if name != column}
    assert entry(whole) == entry(other) == entry(without)


def test_the_whole_report_of_a_row() -> None:
    common = {
        "occurred": {"start": "2020-02-10", "end": "2020-02-10", "precision": "day"},
        "place": {
            "name": "Alderbridge",
            "precision": "exact",
            "country": "Vastria",
            "admin1": "Upper Vale",
            "admin2": "Alder",
            "latitude": 12.3456,
            "longitude": -4.5678,
        },
        "incident_id": "acled-vas101",
    }
    both = [ARMY_ID, FRONT_ID]
    for _, laid_out in LAYOUTS:
        found = entry(laid_out(event()))
        assert (found.key, list(found.remarks)) == ("vas101", [])
        assert found.document == {
            "report_id": "acled-vas101",
            "source": {
                "name": "ACLED",
                "external_ids": [
                    {"scheme": "acled-release", "id": "Vastria 2020-03"},
                    {"scheme": "acled-event", "id": "VAS101"},
                ],
            },
            "reported": "2020-02-18T12:00:00+00:00",
            "title": "Battles, Armed clash: Alderbridge",
            "language": "en",
            "source_count": 2,
            "claims": [
                {**common, "type": "AttackReported", "attackers": both, "targets": both},
                {
                    **common,
                    "type": "PersonsKilled",
                    "victim_class": "unknown",
                    "count": {"qualifier": "about", "stated": 5},
                },
            ],
        }
        Report.model_validate(found.document)


def test_a_file_from_before_sub_events_says_as_much_as_its_types_do(tmp_path: Path) -> None:
    old = earlier(event(event_type="Battle-Non-state actor overtakes territory")) | {"event_date": "10-Feb-20"}
    del old["sub_event_type"]
    today = current(event(sub_event_type="Non-state actor overtakes territory"))
    assert entry(old) == entry(today)
    path = tmp_path / "file.csv"
    path.write_text("\n".join(",".join(f'"{cell}"' for cell in cells) for cells in (old, old.values())))
    survey = surveyed(DATASET, Table(path))
    assert (survey.keys, survey.refused) == ({"vas101"}, {})


def test_no_text_and_no_outlet_of_a_row_is_taken() -> None:
    row = current(event(notes="A sentence.", source="Vale Courier", tags="crowd size=no report"))
    told = str(entry(row).document)
    assert not [word for word in ("sentence", "Courier", "crowd") if word in told]


@pytest.mark.parametrize(
    ("source", "count"),
    [("Vale Courier", 1), ("Vale Courier; Radio Alder;Radio Alder; ", 2), ("", None), (" ; ", None)],
)
def test_outlets_are_counted_once_each(source: str, count: int | None) -> None:
    assert entry(current(event(source=source))).document.get("source_count") == count


@pytest.mark.parametrize(("_", "laid_out"), LAYOUTS, ids=["current", "earlier"])
def test_blanks_around_what_a_cell_says_make_no_difference(_: Any, laid_out: Callable[[Event], Event]) -> None:
    row = laid_out(event(assoc_actor_1=GUARD))
    wide = {name: f"  {value} " for name, value in row.items()}
    assert entry(wide) == entry(row)
    assert DATASET.key_of(wide) == DATASET.key_of(row)
    assert DATASET.place_and_time(wide) == DATASET.place_and_time(row)


# The row's id


def test_ids_are_those_of_acled_in_lower_case() -> None:
    found = entry(current(event("VaS7.b_c-9")))
    assert found.key == "vas7.b_c-9"
    assert found.document["report_id"] == "acled-vas7.b_c-9"
    assert found.document["source"]["external_ids"][1]["id"] == "VaS7.b_c-9"


@pytest.mark.parametrize("key", ["VAS:1", "VAS 1", "VÄS1", "-1", "V" * 41])
def test_an_id_that_ids_cannot_hold_is_refused(key: str) -> None:
    assert (
        refusal(current(event(key))) == f"event_id_cnty: is `{key}`; an id is of letters and digits, like ETH9766"
    )


def test_a_row_without_id_is_refused_with_what_to_do() -> None:
    told = "event_id_cnty: is empty; a row is found again by its id: export the rows with theirs"
    assert refusal(current(event("  "))) == told


# When


@pytest.mark.parametrize(
    ("day", "precision", "start", "end", "word"),
    [
        ("2020-02-10", "1", "2020-02-10", "2020-02-10", "day"),
        ("2020-02-12", "2", "2020-02-10", "2020-02-16", "week"),  # a Wednesday stands for its week
        ("2020-02-13", "2", "2020-02-10", "2020-02-16", "week"),  # and so does a Thursday
        ("2020-02-15", "2", "2020-02-12", "2020-02-18", "week"),  # a Saturday: a weekend is within
        ("2020-02-10", "2", "2020-02-07", "2020-02-13", "week"),  # a Monday
        ("2020-01-01", "2", "2019-12-30", "2020-01-05", "week"),
        ("2020-02-15", "3", "2020-02-01", "2020-02-29", "month"),
        ("2020-02-29", "3", "2020-02-01", "2020-02-29", "month"),
        ("2020-12-01", "3", "2020-12-01", "2020-12-31", "month"),
    ],
)
def test_a_day_and_its_precision_become_an_interval(
    day: str, precision: str, start: str, end: str, word: str
) -> None:
    told = claims(event_date=day, time_precision=precision)["AttackReported"]["occurred"]
    assert told == {"start": start, "end": end, "precision": word}


@given(st.dates(date(1997, 1, 1), date(2096, 12, 31)))
def test_a_week_has_seven_days_and_a_month_its_own_and_both_hold_the_day(day: date) -> None:
    first, last = interval_of(day, DatePrecision.WEEK)
    assert (last - first).days == 6
    assert first <= day <= last
    first, last = interval_of(day, DatePrecision.MONTH)
    assert first.day == 1
    assert first <= day <= last
    assert (last.month, last.toordinal() + 1) == (day.month, date.fromordinal(last.toordinal() + 1).toordinal())
    assert date.fromordinal(last.toordinal() + 1).day == 1


@pytest.mark.parametrize(
    "text", ["2020-02-10", "10 February 2020", "10 FEB 2020", "10-Feb-2020", "10-Feb-20", "2020-02-10 00:00:00"]
)
def test_a_day_is_read_as_exports_write_it(text: str) -> None:
    row = current(event()) | {"event_date": text}
    assert DATASET.place_and_time(row) == ("Vastria", date(2020, 2, 10), date(2020, 2, 10))


@pytest.mark.parametrize(
    "text",
    [
        "30 February 2020",
        "10 Febru 2020",
        "10 Month 2020",
        "10/02/2020",
        "2020-02-30",
        "soon",
        "0001-01-02",
        "1996-12-31",
        "10 February 020",
    ],
)
def test_what_is_no_day_is_refused(text: str) -> None:
    told = f"event_date: is `{text}`, which is no day since 1997; 2020-02-10 or 10 February 2020 is"
    assert refusal(current(event()) | {"event_date": text}) == told


@pytest.mark.parametrize(
    ("text", "year"), [("1-Jan-97", 1997), ("1-Jan-99", 1999), ("1-Jan-00", 2000), ("1-Jan-96", 2096)]
)
def test_a_year_of_two_digits_is_one_since_1997(text: str, year: int) -> None:
    assert DATASET.place_and_time(current(event()) | {"event_date": text})[1] == date(year, 1, 1)


def test_a_release_speaks_of_the_days_that_its_rows_give_not_of_their_weeks() -> None:
    row = current(event(event_date="2020-02-12", time_precision="3"))
    assert DATASET.place_and_time(row)[1:] == (date(2020, 2, 12), date(2020, 2, 12))


def test_a_year_that_is_not_that_of_the_day_is_told() -> None:
    row = current(event())
    assert remarks(row | {"year": "2019"}) == [("year", "2019")]
    assert remarks(row | {"year": "2020.0"}) == remarks(row | {"year": ""}) == []


# When it was published


@pytest.mark.parametrize(
    ("timestamp", "reported", "told"),
    [
        (moment("2020-02-10"), "2020-02-10T12:00:00+00:00", False),
        (moment("2020-02-18") + ".0", "2020-02-18T12:00:00+00:00", False),
        (moment("2020-03-01"), "2020-03-01T12:00:00+00:00", False),
        (moment("2020-03-02"), "2020-03-01", True),
        (moment("2020-02-09"), "2020-03-01", True),
        ("1.58E+09", "2020-03-01", True),
        ("2020-02-18", "2020-03-01", True),
        ("", "2020-03-01", False),
    ],
)
def test_a_row_was_published_at_its_timestamp_unless_that_cannot_be(
    timestamp: str, reported: str, told: bool
) -> None:
    row = current(event(timestamp=timestamp))
    assert entry(row).document["reported"] == reported
    assert remarks(row) == ([("timestamp", timestamp)] if told else [])


def test_a_row_of_a_month_may_be_published_before_the_middle_of_it() -> None:
    row = current(event(event_date="2020-02-15", time_precision="3", timestamp=moment("2020-02-11")))
    assert entry(row).document["reported"] == "2020-02-11T12:00:00+00:00"


# Where


@pytest.mark.parametrize(
    ("geo_precision", "word", "admin2"), [("1", "exact", "Alder"), ("2", "near", "Alder"), ("3", "region", None)]
)
def test_a_place_is_as_precise_as_its_code_and_a_region_has_no_second_division(
    geo_precision: str, word: str, admin2: str | None
) -> None:
    place = claims(geo_precision=geo_precision)["PersonsKilled"]["place"]
    assert (place["precision"], place.get("admin2"), place["admin1"]) == (word, admin2, "Upper Vale")
    assert (place["name"], place["latitude"]) == ("Alderbridge", 12.3456)


def test_what_is_not_known_of_a_place_is_left_out() -> None:
    place = claims(admin1="", admin2=" ", latitude="", longitude="")["AttackReported"]["place"]
    assert place == {"name": "Alderbridge", "precision": "exact", "country": "Vastria"}


# Which event


@pytest.mark.parametrize(
    ("event_type", "sub_event_type", "types"),
    [
        ("Battles", "Armed clash", {"AttackReported"}),
        ("Battles", "Government regains territory", {"AttackReported", "TerritoryTaken"}),
        ("Battles", "Non-state actor overtakes territory", {"AttackReported", "TerritoryTaken"}),
        *(("Explosions/Remote violence", each, {"AttackReported"}) for each in SUB_EVENTS[codebook.Event.REMOTE]),
        *(
            ("Violence against civilians", each, {"AttackReported"})
            for each in SUB_EVENTS[codebook.Event.AGAINST_CIVILIANS]
        ),
        ("Protests", "Excessive force against protesters", {"AttackReported"}),
        ("Protests", "Protest with intervention", {"StatementMade"}),
        ("Protests", "Peaceful protest", {"StatementMade"}),
        ("Riots", "Violent demonstration", {"AttackReported"}),
        ("Riots", "Mob violence", {"AttackReported"}),
        *(("Strategic developments", each, {"StatementMade"}) for each in ("Agreement", "Arrests", "Other")),
        *(
            ("Strategic developments", each, {"StatementMade"})
            for each in ("Disrupted weapons use", "Change to group/activity")
        ),
        *(
            ("Strategic developments", each, {"StatementMade"})
            for each in ("Headquarters or base established", "Looting/property destruction")
        ),
        ("Strategic developments", "Non-violent transfer of territory", {"StatementMade", "TerritoryTaken"}),
        ("battles", "ARMED CLASH", {"AttackReported"}),
        ("Battle-No change of territory", "", {"AttackReported"}),
        ("Battle-Government regains territory", "", {"AttackReported", "TerritoryTaken"}),
        ("Battle-Non-state actor overtakes territory", "", {"AttackReported", "TerritoryTaken"}),
        ("Remote violence", "", {"AttackReported"}),
        ("Strategic development", "", {"StatementMade"}),
        ("Non-violent activity by a conflict actor", "", {"StatementMade"}),
        ("Headquarters or base established", "", {"StatementMade"}),
        ("Non-violent transfer of territory", "", {"StatementMade", "TerritoryTaken"}),
        ("Riots/Protests", "Mob violence", {"AttackReported"}),
        ("Riots/Protests", "Peaceful protest", {"StatementMade"}),
        ("Riots/Protests", "", {"StatementMade"}),
    ],
)
def test_an_event_becomes_what_its_type_says(event_type: str, sub_event_type: str, types: set[str]) -> None:
    told = claims(event_type=event_type, sub_event_type=sub_event_type)
    assert set(told) - {"PersonsKilled"} == types


def test_every_sub_event_of_the_codebook_is_of_one_type() -> None:
    everything = [each for names in SUB_EVENTS.values() for each in names]
    assert len(everything) == len(set(everything)) == 25


def test_riots_are_told_from_protests_by_who_was_there_where_nothing_else_tells() -> None:
    old = {"event_type": "Riots/Protests", "sub_event_type": "", "actor2": POLICE, "inter2": "1"}
    assert "AttackReported" in claims(**old, actor1=RIOTERS, inter1="5")
    assert "StatementMade" in claims(**old, actor1=PROTESTERS, inter1="6")


@pytest.mark.parametrize(
    ("sub_event_type", "means"),
    [
        ("Chemical weapon", "chemical weapon"),
        ("Air/drone strike", "air/drone strike"),
        ("Suicide bomb", "suicide bomb"),
        ("Shelling/artillery/missile attack", "shelling/artillery/missile attack"),
        ("Remote explosive/landmine/IED", "remote explosive/landmine/IED"),
        ("Grenade", "grenade"),
    ],
)
def test_the_means_are_those_of_the_sub_event(sub_event_type: str, means: str) -> None:
    assert claims(**REMOTE | {"sub_event_type": sub_event_type})["AttackReported"]["means"] == means


@pytest.mark.parametrize(
    ("sub_event_type", "means"),
    [
        ("Attack", None),
        ("Sexual violence", "sexual violence"),
        ("Abduction/forced disappearance", "abduction/forced disappearance"),
    ],
)
def test_violence_against_civilians_says_what_kind_it_was(sub_event_type: str, means: str | None) -> None:
    told = claims(**AGAINST_CIVILIANS | {"sub_event_type": sub_event_type})["AttackReported"]
    assert told.get("means") == means


def test_a_sub_event_that_the_codebook_does_not_have_there_is_left_out_and_told() -> None:
    row = current(event(sub_event_type="Grenade"))
    assert remarks(row) == [("sub_event_type", "Grenade")]
    assert entry(row).document["title"] == "Battles: Alderbridge"
    assert "means" not in entry(row).document["claims"][0]


def test_an_unknown_type_of_event_is_refused_with_the_known_ones() -> None:
    told = refusal(current(event(event_type="Skirmishes")))
    assert told.startswith("event_type: is `Skirmishes`; the codebook has Battles, Explosions/Remote violence, ")


def test_what_is_told_without_force_is_told_in_codes() -> None:
    told = claims(
        event_type="Protests",
        sub_event_type="Protest with intervention",
        actor1=PROTESTERS,
        inter1="6",
        assoc_actor_1="Labour Group (Vastria); Women (Vastria)",
        actor2=POLICE,
        inter2="1",
        fatalities="0",
    )
    assert told["StatementMade"]["subject_matter"] == (
        "ACLED codes Protests, Protest with intervention. Actor 1: Protesters (Vastria), with Labour Group "
        "(Vastria), Women (Vastria). Actor 2: Police Forces of Vastria (2011-)."
    )
    assert list(told) == ["StatementMade"]


# Who did what to whom


@pytest.mark.parametrize("swapped", [False, True])
def test_the_sides_of_a_battle_are_both_named_as_both(swapped: bool) -> None:
    army, front = {"actor1": ARMY, "inter1": "1"}, {"actor2": FRONT, "inter2": "2"}
    if swapped:
        army, front = {"actor1": FRONT, "inter1": "2"}, {"actor2": ARMY, "inter2": "1"}
    both = [FRONT_ID, ARMY_ID] if swapped else [ARMY_ID, FRONT_ID]
    told = claims(**army, **front)
    assert (told["AttackReported"]["attackers"], told["AttackReported"]["targets"]) == (both, both)
    assert "perpetrators" not in told["PersonsKilled"]


@pytest.mark.parametrize("inter", ["1", "2", "3", "4", "8"])
def test_in_violence_against_civilians_the_first_actor_attacked_and_killed(inter: str) -> None:
    told = claims(**AGAINST_CIVILIANS, actor1="One", inter1=inter, actor2=CIVILIANS, inter2="7")
    assert (told["AttackReported"]["attackers"], told["AttackReported"]["targets"]) == (["one"], [CIVILIANS_ID])
    assert told["PersonsKilled"]["perpetrators"] == ["one"]
    assert "victim_party" not in told["PersonsKilled"]


def test_in_violence_against_civilians_the_second_actor_is_the_target_whatever_its_type() -> None:
    assert attack(**AGAINST_CIVILIANS) == ([ARMY_ID], [FRONT_ID])


def test_civilians_never_attacked_though_a_row_has_them_first() -> None:
    cells = AGAINST_CIVILIANS | {"actor1": CIVILIANS, "inter1": "7"}
    assert attack(**cells) == ([FRONT_ID], [CIVILIANS_ID])
    assert remarks(current(event(**cells))) == [("actor1", CIVILIANS)]
    assert attack(**cells | ALONE) == ([], [CIVILIANS_ID])
    assert remarks(current(event(**cells | ALONE))) == [("actor2", "")]
    assert remarks(current(event(**REMOTE | {"actor1": CIVILIANS, "inter1": "7"}))) == []


def test_violence_against_civilians_without_civilians_is_told_and_nobody_is_told_to_have_killed() -> None:
    told = claims(**AGAINST_CIVILIANS, **ALONE)
    assert (told["AttackReported"]["attackers"], told["AttackReported"]["targets"]) == ([ARMY_ID], [])
    assert "perpetrators" not in told["PersonsKilled"]
    assert remarks(current(event(**AGAINST_CIVILIANS, **ALONE))) == [("actor2", "")]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("name", "inter"), [(CIVILIANS, "7"), (PROTESTERS, "6")])
def test_in_remote_violence_whoever_is_unarmed_is_the_target_in_either_order(
    first: bool, name: str, inter: str
) -> None:
    unarmed = {"actor1": name, "inter1": inter, "actor2": ARMY, "inter2": "1"}
    if not first:
        unarmed = {"actor1": ARMY, "inter1": "1", "actor2": name, "inter2": inter}
    told = claims(**REMOTE, **unarmed)
    (target,) = told["AttackReported"]["targets"]
    assert target in (CIVILIANS_ID, PROTESTERS_ID)
    assert told["AttackReported"]["attackers"] == [ARMY_ID]
    assert told["PersonsKilled"]["perpetrators"] == [ARMY_ID]


def test_of_two_armed_sides_of_remote_violence_nobody_is_told_to_have_attacked() -> None:
    both = [ARMY_ID, FRONT_ID]
    told = claims(**REMOTE, assoc_actor_1=NEIGHBOUR, assoc_actor_2=CIVILIANS)
    assert (told["AttackReported"]["attackers"], told["AttackReported"]["targets"]) == (both, both)
    assert "perpetrators" not in told["PersonsKilled"]


def test_whoever_used_remote_violence_alone_attacked_and_nobody_is_told_to_have_killed() -> None:
    told = claims(**REMOTE, **ALONE)
    assert (told["AttackReported"]["attackers"], told["AttackReported"]["targets"]) == ([ARMY_ID], [])
    assert "perpetrators" not in told["PersonsKilled"]


def test_two_unarmed_sides_are_both_targets() -> None:
    cells = {"actor1": CIVILIANS, "inter1": "7", "actor2": PROTESTERS, "inter2": "6"}
    assert attack(**REMOTE, **cells) == ([], [CIVILIANS_ID, PROTESTERS_ID])


def test_protesters_are_the_targets_of_excessive_force() -> None:
    cells = {"event_type": "Protests", "sub_event_type": "Excessive force against protesters"}
    told = claims(**cells, actor1=PROTESTERS, inter1="6", actor2=POLICE, inter2="1")
    assert told["AttackReported"]["targets"] == [PROTESTERS_ID]
    assert told["PersonsKilled"]["perpetrators"] == ["police-forces-of-vastria-2011"]


def test_rioters_attack_the_unarmed_and_fight_the_armed() -> None:
    cells = {"event_type": "Riots", "sub_event_type": "Mob violence", "actor1": RIOTERS, "inter1": "5"}
    both = [RIOTERS_ID, "police-forces-of-vastria-2011"]
    assert attack(**cells, actor2=CIVILIANS, inter2="7") == ([RIOTERS_ID], [CIVILIANS_ID])
    assert attack(**cells, actor2=POLICE, inter2="1") == (both, both)
    assert attack(**cells, **ALONE) == ([RIOTERS_ID], [])


def test_a_violent_demonstration_of_one_side_is_no_attack() -> None:
    cells = {"event_type": "Riots", "sub_event_type": "Violent demonstration", "actor1": RIOTERS, "inter1": "5"}
    assert "AttackReported" not in claims(**cells, **ALONE)


def test_a_battle_of_one_side_is_told() -> None:
    assert attack(**ALONE) == ([ARMY_ID], [ARMY_ID])
    assert remarks(current(event(**ALONE))) == [("actor2", "")]


def test_allies_are_named_in_battles_on_both_sides() -> None:
    everybody = [ARMY_ID, "military-forces-of-ostria-1990", FRONT_ID, "harbour-guard"]
    assert attack(assoc_actor_1=f"{NEIGHBOUR}; {NEIGHBOUR};", assoc_actor_2=GUARD) == (everybody, everybody)


def test_an_ally_of_both_sides_is_named_once() -> None:
    everybody = [ARMY_ID, "harbour-guard", FRONT_ID]
    assert attack(assoc_actor_1=GUARD, assoc_actor_2=GUARD) == (everybody, everybody)


def test_whoever_is_associated_with_the_attackers_of_civilians_attacked_too() -> None:
    told = claims(
        **AGAINST_CIVILIANS, assoc_actor_1=GUARD, actor2=CIVILIANS, inter2="7", assoc_actor_2="Women (Vastria)"
    )
    assert told["AttackReported"]["attackers"] == [ARMY_ID, "harbour-guard"]
    assert told["AttackReported"]["targets"] == [CIVILIANS_ID]
    assert told["PersonsKilled"]["perpetrators"] == [ARMY_ID, "harbour-guard"]


@pytest.mark.parametrize("inter", ["5", "6", "7"])
def test_whoever_only_describes_a_loose_side_is_not_named(inter: str) -> None:
    attackers, targets = attack(actor1="Some", inter1=inter, assoc_actor_1="Labour Group (Vastria)")
    assert "labour-group-vastria" not in attackers + targets


def test_civilians_beside_an_armed_side_are_no_party_to_a_battle() -> None:
    attackers, targets = attack(assoc_actor_2=f"{CIVILIANS}; {PROTESTERS}")
    assert attackers == targets == [ARMY_ID, FRONT_ID]


# Territory


STATE, REBELS = {"actor1": ARMY, "inter1": "1"}, {"actor2": FRONT, "inter2": "2"}


@pytest.mark.parametrize(
    ("sub_event_type", "taken_by", "taken_from"),
    [
        ("Government regains territory", [ARMY_ID], [FRONT_ID]),
        ("Non-state actor overtakes territory", [FRONT_ID], [ARMY_ID]),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_state_forces_regain_and_rebels_overtake_in_either_order(
    sub_event_type: str, taken_by: list[str], taken_from: list[str], swapped: bool
) -> None:
    sides = {**STATE, **REBELS}
    if swapped:
        sides = {"actor1": FRONT, "inter1": "2", "actor2": ARMY, "inter2": "1"}
    told = claims(sub_event_type=sub_event_type, **sides)["TerritoryTaken"]
    assert (told["taken_by"], told["taken_from"]) == (taken_by, taken_from)


@pytest.mark.parametrize(
    "inters", [("1", "1"), ("1", "3"), ("2", "2"), ("3", "2"), ("8", "1"), ("8", "2"), ("1", "4")]
)
@pytest.mark.parametrize("sub_event_type", ["Government regains territory", "Non-state actor overtakes territory"])
def test_between_others_it_is_not_told_who_took_it(inters: tuple[str, str], sub_event_type: str) -> None:
    told = claims(sub_event_type=sub_event_type, inter1=inters[0], inter2=inters[1])["TerritoryTaken"]
    assert (told["taken_by"], told["taken_from"]) == ([], [])


def test_territory_without_a_fight_is_taken_by_whoever_is_alone() -> None:
    cells = {"event_type": "Strategic developments", "sub_event_type": "Non-violent transfer of territory"}
    alone, two = claims(**cells, **ALONE)["TerritoryTaken"], claims(**cells)["TerritoryTaken"]
    assert (alone["taken_by"], alone["taken_from"]) == ([ARMY_ID], [])
    assert (two["taken_by"], two["taken_from"]) == ([], [])


# Fatalities


@pytest.mark.parametrize("fatalities", ["1", "3", "10", "12", "100", "7.0"])
def test_fatalities_are_about_that_many_of_unknown_class(fatalities: str) -> None:
    killed = claims(fatalities=fatalities)["PersonsKilled"]
    assert killed["count"] == {"qualifier": "about", "stated": int(float(fatalities))}
    assert killed["victim_class"] == "unknown"


def test_no_fatalities_are_no_count() -> None:
    assert list(claims(fatalities="0")) == ["AttackReported"]


def test_fatalities_are_claimed_where_no_force_is() -> None:
    told = claims(event_type="Strategic developments", sub_event_type="Other")
    assert set(told) == {"StatementMade", "PersonsKilled"}
    assert "perpetrators" not in told["PersonsKilled"]


# Actors


@pytest.mark.parametrize(
    ("number", "word", "kind"),
    [
        ("1", "State forces", "state_forces"),
        ("2", "Rebel group", "rebel_group"),
        ("3", "Political militia", "political_militia"),
        ("4", "Identity militia", "identity_militia"),
        ("5", "Rioters", "rioters"),
        ("6", "Protesters", "protesters"),
        ("7", "Civilians", "civilians"),
        ("8", "External/Other forces", "external"),
    ],
)
def test_types_of_actors_are_read_as_numbers_and_words(number: str, word: str, kind: str) -> None:
    plural = word if word.endswith("s") else f"{word}s"
    for written in (number, f"{number}.0", word, word.upper(), plural.title()):
        seen = DATASET.actors_of(current(event()) | {"inter1": written})
        assert {each.name: each.kind for each in seen}[ARMY] == kind, written


def test_an_actor_is_known_by_its_name_with_single_spaces() -> None:
    first, second = DATASET.actors_of(current(event(actor1=" Military  Forces\nof Vastria ")))
    assert (first.external_id, first.name) == ("Military Forces of Vastria", "Military Forces of Vastria")
    assert (second.external_id, second.kind) == (FRONT, "rebel_group")


def test_an_event_without_force_names_no_actor_to_register() -> None:
    assert DATASET.actors_of(current(event(event_type="Protests", sub_event_type="Peaceful protest"))) == []


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"actor1": ""}, "actor1: is empty; every event has a first actor"),
        ({"inter1": "0"}, f"inter1: says that there is nobody, but actor1 is `{ARMY}`"),
        ({"inter2": ""}, f"inter2: says that there is nobody, but actor2 is `{FRONT}`"),
        ({"inter1": "9"}, "inter1: is `9`; the codebook has 0 to 8, or words such as `State forces`"),
        ({"inter2": "Navy"}, "inter2: is `Navy`; the codebook has 0 to 8, or words such as `State forces`"),
        ({"actor1": "x" * 201}, f"actor1: is `{'x' * 60}…`, which is no name of at most 200 characters"),
        ({"actor2": "a\x00b"}, "actor2: is `a\x00b…`, which is no name of at most 200 characters"),
        ({"assoc_actor_1": "a;" * 99}, "assoc_actor_1: names 100 actors; at most 99 are taken"),
    ],
)
def test_actors_that_cannot_be_are_refused(cells: Event, told: str) -> None:
    assert refusal(current(event()) | cells) == told


def test_the_longest_name_is_taken() -> None:
    Report.model_validate(entry(current(event(actor1="x" * 200))).document)


def test_most_allies_of_both_sides_are_taken() -> None:
    allies = [";".join(f"{side} {number}" for number in range(99)) for side in ("Army", "Front")]
    row = current(event(assoc_actor_1=allies[0], assoc_actor_2=allies[1]))
    report = Report.model_validate(entry(row).document)
    assert len(report.claims[0].actor_ids()) == 400


@pytest.mark.parametrize(
    "interaction", ["12", "12.0", "State forces-Rebel group", "Rebel Groups \u2013 State Forces", ""]
)
def test_an_interaction_that_fits_the_types_is_no_remark(interaction: str) -> None:
    assert remarks(current(event()) | {"interaction": interaction}) == []


@pytest.mark.parametrize(
    "interaction", ["13", "21", "10", "1", "State forces-Civilians", "State forces only", "Rebel group", "anything"]
)
def test_an_interaction_that_contradicts_the_types_is_told(interaction: str) -> None:
    assert remarks(current(event()) | {"interaction": interaction}) == [("interaction", interaction)]


@pytest.mark.parametrize(
    ("interaction", "fits"),
    [("10", True), ("State forces only", True), ("State Forces Only", True), ("12", False), ("1", False)],
)
def test_an_interaction_of_one_actor_is_that_of_one(interaction: str, fits: bool) -> None:
    row = current(event(**REMOTE, **ALONE)) | {"interaction": interaction}
    assert (remarks(row) == []) is fits


def test_the_type_of_somebody_who_is_not_named_is_told() -> None:
    row = current(event(**REMOTE, actor2="")) | {"interaction": "State forces only"}
    assert remarks(row) == [("inter2", "Rebel group")]


def test_what_deserves_a_look_is_told_in_whole_sentences() -> None:
    row = current(event(**AGAINST_CIVILIANS | {"actor1": CIVILIANS, "inter1": "7", "sub_event_type": "Battle"}))
    row |= {"year": "2019", "interaction": "13", "timestamp": "0"}
    assert {each.column: each.why for each in entry(row).remarks} == {
        "sub_event_type": "is none of the codebook's sub-events of Violence against civilians: left out",
        "interaction": "is not that of the types of the actors (civilians, rebel_group)",
        "actor1": "is unarmed by definition and taken for a target, which the codebook has as actor2",
        "timestamp": "is no moment between the event and the release: unknown, the day of the release is taken",
        "year": "is not that of event_date, which is taken",
    }
    row = current(event(actor2=""))
    assert {each.column: each.why for each in entry(row).remarks} == {
        "interaction": "is not that of the types of the actors (state_forces)",
        "actor2": "is empty, but Battles have two actors",
        "inter2": "is the type of an actor who is not named",
    }


# Rows that are not taken


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"fatalities": "many"}, "fatalities: is `many`, which is no whole number"),
        ({"fatalities": ""}, "fatalities: is empty"),
        ({"fatalities": "-1"}, "fatalities: is -1; it cannot be less than 0"),
        ({"time_precision": "4"}, "time_precision: is 4; the codebook has 1, 2, 3"),
        ({"time_precision": ""}, "time_precision: is empty"),
        ({"geo_precision": "0"}, "geo_precision: is 0; the codebook has 1, 2, 3"),
        ({"latitude": "north"}, "latitude: is `north`, which is no number of degrees"),
        ({"location": ""}, "location: is empty"),
        ({"country": ""}, "country: is empty"),
        ({"event_type": ""}, "event_type: is empty"),
    ],
)
def test_a_row_that_cannot_be_taken_is_refused_with_column_and_reason(cells: Event, told: str) -> None:
    assert refusal(current(event()) | cells) == told
    assert refusal(earlier(event()) | cells) == told


CODES = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from([*SUB_EVENTS, "Riots/Protests", "Remote violence"]),
        "sub_event_type": st.sampled_from([each for names in SUB_EVENTS.values() for each in names]) | st.just(""),
        "inter1": st.sampled_from("12345678"),
        "inter2": st.sampled_from(["", *"12345678"]),
        "assoc_actor_1": st.sampled_from(["", GUARD, f"{NEIGHBOUR}; {CIVILIANS}"]),
        "time_precision": st.sampled_from("123"),
        "geo_precision": st.sampled_from("123"),
        "fatalities": st.integers(0, 10**10).map(str),
        "event_date": st.dates(date(1997, 1, 1), date(2020, 2, 1)).map(date.isoformat),
    }
)


@given(CODES)
def test_every_row_of_the_codebooks_codes_is_a_report_and_the_same_in_both_layouts(cells: Event) -> None:
    made = event(**cells, actor2=FRONT if cells["inter2"] else "")
    both = [entry(laid_out(made)) for _, laid_out in LAYOUTS]
    assert both[0].document == both[1].document
    change = change_of(both[0], None, RELEASE)
    assert change is not None
    killed = [claim for claim in change.report.claims if claim.type == "PersonsKilled"]
    assert [claim.count.bounds().best for claim in killed] == [int(cells["fatalities"])][: int(cells["fatalities"])]
    assert all(claim.stream == "incidents/acled-vas101" for claim in change.report.claims)


# The file as a whole, and the register


def test_an_actor_has_the_type_that_a_row_gives_it_wherever_it_is_named_first(tmp_path: Path) -> None:
    ally = event("VAS1", assoc_actor_1=GUARD)
    itself = event("VAS2", actor1=GUARD, inter1="3")
    for events in ([ally, itself], [itself, ally]):
        survey = surveyed(DATASET, Table(write(tmp_path / "file.csv", events)))
        assert {name: seen.kind for name, seen in survey.actors.items()} == {
            ARMY: "state_forces",
            GUARD: "political_militia",
            FRONT: "rebel_group",
        }


def test_of_several_types_of_one_actor_the_first_holds(tmp_path: Path) -> None:
    events = [event("VAS1", actor1=GUARD, inter1="3"), event("VAS2", actor1=GUARD, inter1="8")]
    survey = surveyed(DATASET, Table(write(tmp_path / "file.csv", events)))
    assert survey.actors[GUARD].kind == "political_militia"


def test_an_ally_whose_type_no_row_gives_is_named_and_not_registered() -> None:
    row = current(event(assoc_actor_1=f"{GUARD}; {NEIGHBOUR}"))
    register = Register(DATASET.scheme)
    registered = register.newcomers(DATASET.actors_of(row))
    assert [(each["actor_id"], each["actor_kind"]) for each in registered] == [
        (ARMY_ID, "state_forces"),
        ("military-forces-of-ostria-1990", "state_forces"),
        (FRONT_ID, "rebel_group"),
    ]
    named = DATASET.entry_of(row, register.actor_ids, RELEASE).document["claims"][0]["attackers"]
    assert named == [ARMY_ID, "harbour-guard", "military-forces-of-ostria-1990", FRONT_ID]


LONG = "Police Forces of Vastria (2011-) Task Force of the Southern Harbour District"


@pytest.mark.parametrize(
    "names",
    [
        ("River Front", "River-Front", "River (Front)", "river front"),
        (f"{LONG} A", f"{LONG} B", f"{LONG} C"),
        ("\u0646\u0647\u0631", "\u062c\u0628\u0644", "\u0633\u0647\u0644"),
    ],
)
@pytest.mark.parametrize("kind", ["rebel_group", ""])
def test_names_that_make_the_same_id_stay_different_actors(names: tuple[str, ...], kind: str) -> None:
    register = Register(DATASET.scheme)
    register.newcomers(Seen(name, name, kind) for name in names)
    ids = [register.actor_ids[name] for name in names]
    assert len(set(ids)) == len(names)
    attacked = {"type": "AttackReported", "incident_id": "i", "occurred": "2020-02-10", "attackers": ids}
    head = {"report_id": "r", "source": {"name": "ACLED"}, "reported": "2020-02-10"}
    Report.model_validate({**head, "claims": [attacked]})


def test_an_id_of_somebody_unregistered_does_not_depend_on_who_is_registered_already() -> None:
    seen = [Seen("River-Front", "River-Front", ""), Seen("River Front", "River Front", "rebel_group")]
    first, again = Register(DATASET.scheme), Register(DATASET.scheme)
    for registration in first.newcomers(seen):
        again.take(ActorRegistered.model_validate(registration))
    assert again.newcomers(seen) == []
    assert again.actor_ids == first.actor_ids


def test_actors_are_registered_under_ids_that_any_name_makes() -> None:
    names = [f"{LONG} No. {number}" for number in range(2 * ACTORS_A_REPORT + 1)]
    register = Register(DATASET.scheme)
    registered = register.newcomers(Seen(name, name, "state_forces") for name in names)
    reports = list(actors_reports(DATASET, RELEASE, registered))
    assert len({report.report_id for report in reports}) == 3
    assert sum(len(report.claims) for report in reports) == len(names)


@pytest.mark.parametrize("text", ["116", "abc9"])
def test_a_short_plain_id_is_its_own_part_of_an_id(text: str) -> None:
    assert tag(text) == text


@given(st.text(max_size=30), st.text(max_size=30))
def test_another_text_is_another_part_of_an_id(one: str, other: str) -> None:
    assert (tag(one) == tag(other)) is (one == other)
    assert 0 < len(tag(one)) <= 16
