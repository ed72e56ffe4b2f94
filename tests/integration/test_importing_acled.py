"""`import acled` against a real service: a release becomes reports, the same again records nothing, a later one its
differences, and what was known before can still be asked. All rows are of the project's own making."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ledger.cli import run
from ledger.datasets.differences import Change, change_of
from ledger.datasets.entries import Entry, Release
from ledger.datasets.recorded import SaidOfRow
from tests.acled_rows import CIVILIANS, GUARD, Event, event, moment, write
from tests.postgres import Cluster
from tests.served import ServiceProcess, serving

pytestmark = pytest.mark.newest
AVAILABLE, LATER = "2020-03-01", "2020-06-01"
ARMY_ID, FRONT_ID = "military-forces-of-vastria-2011", "river-front"
AGAINST_CIVILIANS = {"event_type": "Violence against civilians", "sub_event_type": "Attack"}
PROTEST = {"event_type": "Protests", "sub_event_type": "Peaceful protest", "actor1": "Protesters (Vastria)"}


def release() -> list[Event]:
    """A first release: 5, 7 and 10 fatalities in Upper Vale, 1 in Lower Vale, and two events without any."""
    return [
        event("VAS101"),
        event("VAS102", **AGAINST_CIVILIANS, actor2=CIVILIANS, inter2="7", fatalities="7"),
        event("VAS103", sub_event_type="Government regains territory", event_date="2020-02-12", fatalities="10"),
        event("VAS104", **PROTEST, inter1="6", actor2="", inter2="", fatalities="0"),
        event("VAS105", assoc_actor_1=GUARD, fatalities="0", time_precision="2", event_date="2020-02-13"),
        event("VAS109", event_date="2020-02-16", admin1="Lower Vale", fatalities="1"),
    ]


def later() -> list[Event]:
    """A later release: a lower number, a place in another province, a row that is gone, an event that is dated
    better and cost lives, one that did not, and a new row."""
    first, second, _, fourth, fifth, last = release()
    return [
        first | {"fatalities": "3", "timestamp": moment("2020-05-05")},
        second | {"location": "Lower Ford", "admin1": "Lower Vale", "latitude": "11.1"},
        fourth,
        fifth | {"fatalities": "12", "time_precision": "1"},
        event("VAS106", event_date="2020-02-15", fatalities="2"),
        last | {"fatalities": "0"},
    ]


class Ledger:
    """The command at a service."""

    def __init__(self, name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.name = name
        self.folder = folder
        self.capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, and what is printed on both outputs."""
        code = run(list(arguments))
        return code, *self.capsys.readouterr()

    def told(self, *arguments: str, code: int = 0) -> Any:
        """What a command tells a program."""
        ended, out, err = self.run(*arguments, "--json")
        assert ended == code, err
        return json.loads(out)

    def imported(
        self,
        events: list[Event],
        name: str,
        *options: str,
        available: str = AVAILABLE,
        layout: int = 0,
        code: int = 0,
    ) -> Any:
        """What an import of these events tells."""
        path = write(self.folder / f"{name}.csv", events, layout)
        return self.told("import", "acled", str(path), "--available", available, *options, code=code)

    def filed(self, report_id: str) -> Any:
        """What is said of a report as a whole."""
        return self.told("report", report_id)["events"][0]["claim"]["report_filed"]

    @property
    def head(self) -> int:
        """The newest position."""
        return int(
            next(each.get("size", 0) for each in self.told("ledgers")["ledgers"] if each["name"] == self.name)
        )

    def events(self, after: int) -> dict[str, list[Any]]:
        """What is recorded after a position, by the row's report."""
        code, out, err = self.run("replay", "--from", str(after + 1), "--json")
        assert code == 0, err
        found: dict[str, list[Any]] = {}
        for line in out.splitlines():
            event = json.loads(line)
            if event["type"] != "ReportFiled":
                found.setdefault(event["report_id"], []).append(event)
        return found

    def killed(self, *options: str) -> dict[str, int]:
        """The best numbers of persons killed, by first division."""
        asked = ("--group-by", "admin1", "--min-position", str(self.head), "--policy", "acled-2019")
        answer = self.told("casualties", *asked, *options)
        return {each["key"][0]["value"]: int(each["figure"]["best"]) for each in answer.get("figures", [])}


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> Iterator[ServiceProcess]:
    """One service for all of these tests; each has a ledger of its own."""
    with (
        cluster.database() as own,
        serving(environment={"LEDGER_DATABASE_URL": own.service_url}) as running,
    ):
        yield running


@pytest.fixture
def ledger(
    shared: ServiceProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ledger:
    """The command at an empty ledger of a running service."""
    name = f"test_{uuid4().hex[:12]}"
    monkeypatch.setenv("LEDGER_ADDRESS", shared.address)
    monkeypatch.setenv("LEDGER_NAME", name)
    made = Ledger(name, tmp_path, capsys)
    code, _, err = made.run("create-ledger", name)
    assert code == 0, err
    return made


def counts(told: Any) -> dict[str, int]:
    """What is not 0 of what an import tells."""
    numbers = ("rows", "first", "changed", "unchanged", "withdrawn", "new_claims", "corrections", "retractions")
    return {name: told[name] for name in (*numbers, "events_recorded", "not_retracted") if told[name]}


def test_a_release_becomes_a_report_for_each_row(ledger: Ledger) -> None:
    told = ledger.imported(release(), "first")
    assert counts(told) == {"rows": 6, "first": 6, "new_claims": 11, "events_recorded": 23}
    assert (told["dataset"], told["release"], told["available"]) == ("acled", "first", AVAILABLE)
    assert told["actors_registered"] == [ARMY_ID, FRONT_ID, "civilians-vastria"]
    assert (told["refused"], told["remarks"], told["left_alone"]) == ([], [], [])
    types = {name: [each["type"] for each in found] for name, found in ledger.events(0).items()}
    assert types["acled:release:first"] == ["StatementMade"]
    assert types["acled-vas101"] == ["AttackReported", "PersonsKilled"]
    assert types["acled-vas103"] == ["AttackReported", "TerritoryTaken", "PersonsKilled"]
    assert types["acled-vas104"] == ["StatementMade"]
    filed = ledger.filed("acled-vas101")
    assert (filed["source"]["name"], filed["reported"], filed["source_count"]) == (
        "ACLED",
        "2020-02-18T12:00:00Z",
        2,
    )


def test_figures_are_the_numbers_of_the_rows(ledger: Ledger) -> None:
    ledger.imported(release(), "first")
    assert ledger.killed() == {"Upper Vale": 22, "Lower Vale": 1}
    assert ledger.killed("--involving", "civilians-vastria") == {"Upper Vale": 7}
    assert ledger.killed("--perpetrator", ARMY_ID) == {"Upper Vale": 7}
    assert ledger.killed("--source", "ACLED", "--from", "2020-02-12") == {"Upper Vale": 10, "Lower Vale": 1}
    (whole,) = ledger.told("casualties", "--policy", "verbatim-1")["figures"]
    assert whole["figure"] == {"best": "23", "text": "about 23"}
    assert [each.get("value", "") for each in whole["key"]] == ["", "unknown", "killed"]


def test_importing_twice_records_nothing_new(ledger: Ledger) -> None:
    ledger.imported(release(), "first")
    head = ledger.head
    assert counts(ledger.imported(release(), "first")) == {"rows": 6, "unchanged": 6}
    assert ledger.head == head


def test_the_other_layout_of_the_same_events_changes_nothing(ledger: Ledger) -> None:
    ledger.imported(release(), "first")
    head = ledger.head
    told = ledger.imported(release(), "the-same-in-the-old-layout", layout=1, available=LATER)
    assert counts(told) == {"rows": 6, "unchanged": 6, "events_recorded": 2}
    assert set(ledger.events(head)) == {"acled:release:the-same-in-the-old-layout"}


def test_a_later_release_records_only_its_differences(ledger: Ledger) -> None:
    ledger.imported(release(), "first")
    head = ledger.head
    told = ledger.imported(later(), "later", available=LATER)
    assert counts(told) == {
        "rows": 6,
        "first": 1,
        "changed": 4,
        "unchanged": 1,
        "withdrawn": 1,
        "new_claims": 3,
        "corrections": 4,
        "retractions": 4,
        "events_recorded": 19,
    }
    found = ledger.events(head)
    assert {name: [each["type"] for each in events] for name, events in found.items()} == {
        "acled:release:later": ["StatementMade"],
        "acled-vas101:later": ["ClaimCorrected"],
        "acled-vas102:later": ["ClaimCorrected", "ClaimCorrected"],
        "acled-vas105:later": ["ClaimCorrected", "PersonsKilled"],
        "acled-vas106": ["AttackReported", "PersonsKilled"],
        "acled-vas109:later": ["ClaimRetracted"],
        "acled-vas103:later": ["ClaimRetracted"] * 3,
    }
    (corrected,) = found["acled-vas101:later"]
    replacement = corrected["claim"]["claim_corrected"]["replacement"]["persons_killed"]
    assert replacement["count"] == {"qualifier": "COUNT_QUALIFIER_ABOUT", "stated": "3"}
    (retracted,) = found["acled-vas109:later"]
    assert retracted["claim"]["claim_retracted"]["reason"] == "RETRACTION_REASON_WITHDRAWN_BY_SOURCE"
    assert ledger.filed("acled-vas101:later")["reported"] == LATER


def test_what_was_known_before_a_later_release_can_still_be_asked(ledger: Ledger) -> None:
    ledger.imported(release(), "first")
    before = ledger.head
    ledger.imported(later(), "later", available=LATER)
    assert ledger.killed("--as-of", str(before)) == {"Upper Vale": 22, "Lower Vale": 1}
    assert ledger.killed() == {"Upper Vale": 3 + 12 + 2, "Lower Vale": 7}
    head = ledger.head
    assert counts(ledger.imported(later(), "later", available=LATER)) == {"rows": 6, "unchanged": 6}
    assert ledger.head == head


def test_an_ally_is_found_once_a_row_gives_its_type(ledger: Ledger) -> None:
    ledger.imported(release(), "first")
    assert ledger.killed("--involving", "harbour-guard") == {}
    told = ledger.imported(
        [*release(), event("VAS107", actor1=GUARD, inter1="3", fatalities="4")], "later", available=LATER
    )
    assert told["actors_registered"] == ["harbour-guard"]
    assert (told["changed"], told["corrections"]) == (0, 0)
    assert ledger.killed("--involving", "harbour-guard") == {"Upper Vale": 4}


def test_rows_that_cannot_be_taken_are_listed_and_the_rest_goes_on(ledger: Ledger) -> None:
    rows = release()
    rows[1]["fatalities"] = "many"
    rows[2]["event_id_cnty"] = ""
    rows[4]["time_precision"] = "4"
    rows.append(event("vas101"))
    told = ledger.imported(rows, "first", code=1)
    assert told["first"] == 3
    assert [(each["line"], each["key"], each["column"]) for each in told["refused"]] == [
        (4, "", "event_id_cnty"),
        (8, "vas101", ""),
        (3, "vas102", "fatalities"),
        (6, "vas105", "time_precision"),
    ]
    assert ledger.killed() == {"Upper Vale": 5, "Lower Vale": 1}


def test_a_person_reads_lines_and_reasons(ledger: Ledger) -> None:
    rows = release()
    rows[1]["geo_precision"] = "9"
    rows[3]["timestamp"] = "yesterday"
    path = write(ledger.folder / "first.csv", rows)
    code, out, err = ledger.run("import", "acled", str(path), "--available", AVAILABLE)
    assert code == 1
    assert "6 rows: 5 recorded for the first time, 0 changed, 0 as they are on record, 1 refused" in out
    assert "line 3 (event vas102): geo_precision: is 9; the codebook has 1, 2, 3" in err
    assert "warning: line 5 (event vas104): timestamp `yesterday` is no moment between" in err


def test_a_check_sends_nothing(ledger: Ledger) -> None:
    head = ledger.head
    told = ledger.imported(release(), "first", "--check")
    assert counts(told) == {"rows": 6, "first": 6, "new_claims": 11}
    assert told["checked_only"] is True
    assert ledger.head == head
    ledger.imported(release(), "first")
    head = ledger.head
    told = ledger.imported(later(), "later", "--check", available=LATER)
    assert (told["corrections"], told["retractions"], told["withdrawn"]) == (4, 4, 1)
    assert ledger.head == head


def test_an_import_that_was_cut_off_goes_on_where_it_was(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(entry: Entry, said: SaidOfRow | None, release: Release) -> Change | None:
        if entry.key == "vas140":
            raise OSError("cut off")
        return change_of(entry, said, release)

    path = write(ledger.folder / "whole.csv", [event(f"VAS{number}") for number in range(100, 200)])
    command = ("import", "acled", str(path), "--available", AVAILABLE)
    with monkeypatch.context() as patched:
        patched.setattr("ledger.cli.release_changes.change_of", cut_off)
        code, _, err = ledger.run(*command)
        assert (code, "cut off" in err) == (1, True)
    head = ledger.head
    told = ledger.told(*command)
    assert (told["first"], told["unchanged"], told["refused"]) == (60, 40, [])
    assert set(ledger.events(head)) == {f"acled-vas{number}" for number in range(140, 200)}
    assert ledger.killed() == {"Upper Vale": 500}
