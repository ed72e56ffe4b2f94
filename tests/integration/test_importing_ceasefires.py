"""`import eth-prio` against a real service: rows of parties become one ceasefire with a status, the same again
records nothing, and a later release its differences. All rows are of the project's own making."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from ledger.datasets.eth_prio_rows import COLUMNS
from tests.eth_prio_rows import FRONT, Row, row, write
from tests.integration.test_importing_acled import Ledger, counts, ledger, shared

__all__ = ["ledger", "shared"]
pytestmark = pytest.mark.newest
BROKE_DOWN, TRUCE, OPEN = "eth-prio-vas-20190304", "eth-prio-vas-20200101", "eth-prio-vas-20200301"
FIRST, LATER = "2022-10-01", "2023-10-01"
UNILATERAL = {"side": "1", "ceasefire_class": "1", "written": "0", "implement": "0"}


def dated(which: str, year: str, month: str = "-1", day: str = "-1") -> Row:
    return {f"{which}_yr": year, f"{which}_month": month, f"{which}_day": day}


def release() -> list[Row]:
    """A ceasefire of two that broke down some day of August 2019; a truce of one for a week; one that goes on and
    that the other party joined three weeks later."""
    truce = {"cf_id": "VAS-20200101", **UNILATERAL, "fixed": "1", "fixed_time": "7 days", "ended": "1"}
    began = {**dated("cf_dec", "2020", "1", "1"), **dated("cf_effect", "2020", "1", "1")}
    going_on = {"cf_id": "VAS-20200301", "ended": "0", **dated("end", "0", "0", "0")}
    joined = {**dated("cf_dec", "2020", "3", "22"), **dated("cf_effect", "2020", "3", "22")}
    first = {**dated("cf_dec", "2020", "3", "1"), **dated("cf_effect", "2020", "3", "1")}
    return [
        row(),
        row(**FRONT),
        row(**truce, **began, **dated("end", "2020", "1", "8"), **FRONT),
        row(**going_on, **first),
        row(**going_on, **joined, **FRONT),
    ]


def imported(
    ledger: Ledger, rows: list[Row], name: str, *options: str, code: int = 0, available: str = FIRST
) -> Any:
    path = write(ledger.folder / f"{name}.csv", rows)
    return ledger.told("import", "eth-prio", str(path), "--available", available, *options, code=code)


def filed(ledger: Ledger, *claims: dict[str, Any]) -> None:
    """Another source's report."""
    report = {"report_id": "r", "source": {"name": "An outlet"}, "reported": "2019-05-02", "claims": claims}
    path = ledger.folder / "report.json"
    path.write_text(json.dumps(report))
    assert ledger.run("append", str(path))[0] == 0


def status(ledger: Ledger, agreement: str, at: str, *options: str) -> Any:
    asked = ("--at", at, "--min-position", str(ledger.head), *options)
    return ledger.told("ceasefires", agreement, *asked)["ceasefire"]


def formal(ledger: Ledger, agreement: str, *days: str) -> list[str]:
    return [
        status(ledger, agreement, day).get("formal", "unspecified").removeprefix("FORMAL_STATUS_").lower()
        for day in days
    ]


def test_rows_of_parties_become_ceasefires_with_a_status(ledger: Ledger) -> None:
    told = imported(ledger, release(), "first")
    assert counts(told) == {"rows": 5, "first": 5, "new_claims": 8, "events_recorded": 18}
    assert told["actors_registered"] == ["government-of-vastria", "river-front"]
    assert formal(ledger, BROKE_DOWN, "2019-03-05", "2019-03-06", "2019-08-30", "2019-09-01") == [
        *("declared", "in_force"),
        *("in_force", "terminated"),
    ]
    found = status(ledger, BROKE_DOWN, "2019-04-01")
    assert [each["party"] for each in found["parties"]] == ["government-of-vastria", "river-front"]
    assert found["terms"]["external_ids"] == [{"scheme": "eth-prio", "id": "VAS-20190304"}]
    assert formal(ledger, TRUCE, "2020-01-01", "2020-01-09") == ["in_force", "expired"]
    assert formal(ledger, OPEN, "2020-03-01", "2020-03-21", "2020-03-22", "2021-03-01") == [
        *("declared", "declared"),
        *("in_force", "in_force"),
    ]


def test_again_records_nothing_and_a_later_release_its_differences(ledger: Ledger) -> None:
    imported(ledger, release(), "first")
    before = ledger.head
    assert counts(imported(ledger, release(), "first")) == {"rows": 5, "unchanged": 5}
    assert ledger.head == before
    first, second, _, fourth, fifth = release()
    ended = {"ended": "2", **dated("end", "2021", "-1", "-1")}
    changed = [{**first, "end_day": "20"}, {**second, "end_day": "20"}, {**fourth, **ended}, {**fifth, **ended}]
    told = imported(ledger, changed, "later", available=LATER)
    assert counts(told) == {
        "rows": 4,
        "changed": 4,
        "withdrawn": 1,
        "new_claims": 2,
        "corrections": 2,
        "retractions": 2,
        "events_recorded": 2 + 4 * 2 + 3,
    }
    assert formal(ledger, BROKE_DOWN, "2019-08-20", "2019-08-21") == ["terminated", "terminated"]
    assert formal(ledger, OPEN, "2020-12-31", "2021-06-01", "2022-01-01") == ["in_force", "in_force", "terminated"]
    asked = ("--as-of", str(before))
    then = [status(ledger, each, "2022-01-01", *asked)["formal"] for each in (BROKE_DOWN, TRUCE, OPEN)]
    assert then == ["FORMAL_STATUS_TERMINATED", "FORMAL_STATUS_EXPIRED", "FORMAL_STATUS_IN_FORCE"]
    assert ledger.run("ceasefires", TRUCE, "--min-position", str(ledger.head))[0] != 0


def test_ends_that_rows_of_one_ceasefire_date_differently_stand_beside_each_other(ledger: Ledger) -> None:
    first, second, *_ = release()
    imported(ledger, [first, {**second, "end_month": "9", "end_day": "15"}], "first")
    (conflict,) = status(ledger, BROKE_DOWN, "2020-01-01")["conflicting_dates"]
    assert conflict["what"] == "ended"
    assert [each["start"] for each in conflict["dates"]] == ["2019-08-01", "2019-09-15"]
    assert formal(ledger, BROKE_DOWN, "2019-09-14", "2019-09-15") == ["in_force", "terminated"]


def test_what_is_not_dated_better_is_no_difference_and_what_is_gone_is_withdrawn(ledger: Ledger) -> None:
    undated = {"cf_id": "VAS-20190701", "ended": "2", **dated("end", "-1"), "mediator_nego": "River Front"}
    began = {**dated("cf_dec", "2019", "7", "1"), **dated("cf_effect", "2019", "7")}
    rows = [*release(), row(**undated, **began)]
    imported(ledger, rows, "first")
    assert counts(imported(ledger, rows, "first")) == {"rows": 6, "unchanged": 6}
    assert counts(imported(ledger, rows, "later", available=LATER)) == {
        "rows": 6,
        "unchanged": 6,
        "events_recorded": 2,
    }
    # It was declared on the first, and took effect some day of that month: not before.
    assert formal(ledger, "eth-prio-vas-20190701", "2019-06-30", "2019-07-01") == ["unspecified", "in_force"]
    (back,) = [each for each in exported(ledger, "--at", "2019-07-02") if each["cf_id"] == "VAS-20190701"]
    assert [back[name] for name in ("cf_dec_day", "cf_effect_month", "cf_effect_day")] == ["1", "7", "-1"]
    told = imported(ledger, rows[:-1], "last", available="2024-10-01")
    assert counts(told) == {"rows": 5, "unchanged": 5, "withdrawn": 1, "retractions": 2, "events_recorded": 5}


def test_a_term_that_ran_out_ended_with_its_last_day(ledger: Ledger) -> None:
    began = {**dated("cf_dec", "2020", "1", "1"), **dated("cf_effect", "2020", "1", "1")}
    nobody_says = {"ended": "0", **dated("end", "0", "0", "0")}
    imported(ledger, [row(cf_id="VAS-2", **UNILATERAL, fixed_time="72 hours", **began, **nobody_says)], "first")
    for at, expected in (("2020-01-04", ["0", "0", "0", "0"]), ("2020-01-05", ["1", "2020", "1", "4"])):
        (back,) = exported(ledger, "--at", at)
        assert [back[name] for name in ("ended", "end_yr", "end_month", "end_day")] == expected, at


def test_a_ceasefire_ended_when_it_first_did(ledger: Ledger) -> None:
    late = row(**FRONT, cf_id="VAS-1", **dated("end", "2019", "8", "3"))
    imported(ledger, [late, row(cf_id="VAS-1", **dated("end", "2019", "8", "3"))], "first")
    gone = {
        "type": "PartyWithdrew",
        "agreement_id": "eth-prio-vas-1",
        "occurred": "2019-05-01",
        "party": "river-front",
    }
    filed(ledger, gone)
    ends = {
        tuple(each[f"end_{part}"] for part in ("yr", "month", "day"))
        for each in exported(ledger, "--at", "2020-01-01")
    }
    assert ends == {("2019", "5", "1")}


def test_a_row_that_cannot_be_taken_is_told_and_the_rest_goes_on(ledger: Ledger) -> None:
    faulty = row(cf_id="VAS-20190909", side="7")
    told = imported(ledger, [faulty, *release()], "first", code=1)
    assert [(each["line"], each["column"]) for each in told["refused"]] == [(2, "side")]
    assert counts(told)["first"] == 5


def exported(ledger: Ledger, *options: str) -> list[Row]:
    path = ledger.folder / "back.csv"
    asked = ("--format", "eth-prio", "--min-position", str(ledger.head), "--output", str(path), *options)
    assert ledger.run("export", "ceasefires", *asked)[0] == 0
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_what_was_imported_is_exported_in_every_column_that_the_ledger_keeps(ledger: Ledger) -> None:
    mediated = {"mediator_nego": "Norway, African Union", "pax_id": "77", "pax_stage": "Cea", "pax_ce": "2"}
    rows = [{**each, **mediated} if each["cf_id"] == "VAS-20200301" else each for each in release()]
    imported(ledger, rows, "first")
    found = {(each["cf_id"], each["actor_name"]): each for each in exported(ledger, "--at", "2022-01-01")}
    assert len(found) == len(rows)
    for each in rows:
        back = found[each["cf_id"], each["actor_name"]]
        expected = {name: each[name] for name in COLUMNS if name not in ("pax_id", "pax_stage", "pax_ce", "fixed")}
        own = "pax_id", "mediator_nego", "fixed_time"
        assert {name: back[name] for name in expected if name not in own} == {
            name: value for name, value in expected.items() if name not in own
        }
    joined = found["VAS-20200301", "River Front"]
    assert [joined[name] for name in ("pax_id", "pax_stage", "pax_ce")] == ["77", "Cea", "2"]
    assert joined["mediator_nego"] == "norway; african-union"
    assert found["VAS-20200101", "River Front"]["fixed_time"] == "7 days"


def test_an_export_is_as_of_a_day_in_the_world_and_says_what_it_leaves_out(ledger: Ledger) -> None:
    imported(ledger, release(), "first")
    proposal = {
        "type": "CeasefireProposed",
        "agreement_id": "idea",
        "occurred": "2019-01-01",
        "proposed_by": ["un"],
    }
    claims = [{**proposal, "terms": {"parties": ["river-front"]}}]
    filed(ledger, *claims)
    of_then = exported(ledger, "--at", "2019-07-01")
    assert [(each["cf_id"], each["ended"], each["end_yr"]) for each in of_then] == [("VAS-20190304", "0", "0")] * 2
    said = json.loads((ledger.folder / "back.csv.metadata.json").read_text())
    assert (said["at"], said["rows"], said["export"]) == ("2019-07-01", 2, "ceasefires")
    left = {each["reason"]: each["agreement_ids"] for each in said["left_out"]}
    assert left["NOT_A_CEASEFIRE_YET"] == sorted(["idea", TRUCE, OPEN])
    by_one = exported(ledger, "--party", "government-of-vastria", "--at", "2022-01-01")
    assert {each["cf_id"] for each in by_one} == {"VAS-20190304", "VAS-20200301"}
