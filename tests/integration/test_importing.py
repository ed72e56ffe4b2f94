"""The command `import` against a real service: a release and again, a later one and its differences, faults in rows
and files, and an import that is killed in the middle. The rows are made up, in UCDP's layout."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from incident.ledger.v1 import casualty_service_pb2 as pb
from incident.ledger.v1 import records_pb2
from tests.acceptance.client import Client, report_message
from tests.postgres import Cluster
from tests.served import ServiceProcess, serving
from tests.unit.test_datasets import csv_of

pytestmark = pytest.mark.newest
SECONDS = 60
TURKEY = {"country": "A", "where_prec": 6, "where_coordinates": "A", "latitude": 39.0, "longitude": 35.0}
ATMEH = {"country": "B", "where_prec": 1, "where_coordinates": "Camp", "latitude": 36.3, "longitude": 36.7}


def killed(row: int, deaths: int, **more: Any) -> dict[str, Any]:
    """A row of deaths of side a."""
    return {"id": row, "deaths_a": deaths, "low": deaths, "best": deaths, "high": deaths, **more}


@dataclass
class Importing:
    """A service with an empty ledger, and the command."""

    client: Client
    address: str
    folder: Path

    def file(self, *rows: dict[str, Any], name: str = "release.csv") -> Path:
        path = self.folder / name
        path.write_text(csv_of(*rows), encoding="utf-8")
        return path

    def command(self, path: Path, *options: str) -> list[str]:
        address = ("--address", self.address, "--ledger", self.client.ledger)
        return [sys.executable, "-m", "ledger", *address, "import", "ucdp-ged", str(path), *options]

    def run(self, path: Path, *options: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, what is told to a program, and what is said on standard error."""
        ran = subprocess.run(
            [*self.command(path, *options), "--json"], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        self.client.position = self.client.head()
        return ran.returncode, json.loads(ran.stdout) if ran.stdout else {}, ran.stderr

    def deaths(self, position: int | None = None, **asked: Any) -> dict[str, int]:
        """Best numbers by country, as of a position."""
        as_of = records_pb2.AsOf(position=position) if position else None
        by_country = [pb.CASUALTY_GROUPING_COUNTRY]
        answer = self.client.casualties(group_by=by_country, as_of=as_of, count_aggregates=True, **asked)
        return {each.key[0].value: each.figure.best for each in answer.figures}


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[ServiceProcess]:
    """A service for all of these tests, each of which has a ledger of its own."""
    with (
        cluster.database() as database,
        serving(environment={"LEDGER_DATABASE_URL": database.service_url}) as running,
    ):
        yield running


@pytest.fixture
def importing(server: ServiceProcess, tmp_path: Path) -> Iterator[Importing]:
    with grpc.insecure_channel(server.address) as channel:
        ledger = Client(channel).create_ledger(f"import_{uuid4().hex[:12]}")
        yield Importing(ledger, server.address, tmp_path)


def counted(told: dict[str, Any], *names: str) -> list[int]:
    return [told[name] for name in names]


ROWS = ("first", "changed", "unchanged", "withdrawn")
CLAIMS = ("new_claims", "corrections", "retractions")


def test_a_release_is_recorded_once(importing: Importing) -> None:
    path = importing.file(killed(101, 3), killed(102, 4), killed(103, 50, event_clarity=2))
    code, told, errors = importing.run(path, "--release", "One", "--available", "2020-01-20")
    assert (code, errors, counted(told, *ROWS, *CLAIMS)) == (0, "", [3, 0, 0, 0, 6, 0, 0])
    assert (told["release"], told["available"], told["rows"], told["remarks"]) == ("One", "2020-01-20", 3, [])
    assert told["actors_registered"] == ["government-of-a", "group-b"]
    assert importing.deaths() == {"A": 57}
    head = importing.client.head()
    # Two filings and a statement and two registrations, then three reports of two claims each.
    assert head == told["events_recorded"] == 2 + 1 + 2 + 3 * 3
    code, told, _ = importing.run(path, "--release", "One")
    assert (code, counted(told, *ROWS, "events_recorded"), told["available"]) == (0, [0, 0, 3, 0, 0], "2020-01-20")
    assert importing.client.head() == head


def test_a_gzipped_file_under_its_own_name(importing: Importing) -> None:
    path = importing.folder / "GEDEvent_v25_1.csv.gz"
    path.write_bytes(gzip.compress(csv_of(killed(101, 3)).encode()))
    assert importing.run(path)[1]["release"] == "GEDEvent_v25_1"
    plain = importing.file(killed(101, 3), name="GEDEvent_v25_1.csv")
    code, told, _ = importing.run(plain)
    assert (code, told["events_recorded"]) == (0, 0)


def test_a_later_release_records_only_what_it_says_otherwise(importing: Importing) -> None:
    one = importing.file(*(killed(number, 10) for number in range(101, 120)), killed(150, 7, **TURKEY))
    assert importing.run(one, "--release", "One", "--available", "2020-01-20")[0] == 0
    first = importing.client.head()
    two = importing.file(
        *(killed(number, 10) for number in range(101, 118)),
        killed(118, 12),
        killed(150, 7, **ATMEH),
        killed(200, 1),
        name="later.csv",
    )
    code, told, errors = importing.run(two, "--release", "Two", "--available", "2021-01-20")
    assert (code, errors) == (0, "")
    # One number, one place (of two claims); one row gone, one new.
    assert counted(told, *ROWS, *CLAIMS) == [1, 2, 17, 1, 2, 3, 2]
    # 118 and 119 stood at 10 each; 119 is gone.
    assert importing.deaths(first) == {"A": 190 + 7}
    assert importing.deaths() == {"A": 170 + 12 + 1, "B": 7}
    again = importing.run(two, "--release", "Two")[1]
    assert counted(again, *ROWS, "events_recorded") == [0, 0, 20, 0, 0]


def test_the_history_of_an_event_that_moved_shows_both_places(importing: Importing) -> None:
    assert importing.run(importing.file(killed(150, 7, **TURKEY)), "--release", "One")[0] == 0
    assert importing.run(importing.file(killed(150, 7, **ATMEH)), "--release", "Two")[0] == 0
    incident = importing.client.incident("ucdp-150")
    now = {(each.event.claim.place.name, each.event.claim.place.precision) for each in incident.claims}
    before = {(each.event.claim.place.name, each.event.claim.place.precision) for each in incident.former_claims}
    assert (now, before) == ({("Camp", 1)}, {("A", 6)})


def test_an_older_release_is_not_imported_over_a_newer_one(importing: Importing) -> None:
    one, two = importing.file(killed(101, 3)), importing.file(killed(101, 5), name="two.csv")
    assert importing.run(one, "--release", "One")[0] == importing.run(two, "--release", "Two")[0] == 0
    head = importing.client.head()
    code, told, errors = importing.run(one, "--release", "One")
    assert (code, told, importing.client.head()) == (1, {}, head)
    assert "release One is on record, and a later one is (two); importing it again would undo" in errors


def test_two_files_cannot_be_one_release(importing: Importing) -> None:
    assert importing.run(importing.file(killed(101, 3)), "--release", "One")[0] == 0
    head = importing.client.head()
    code, _, errors = importing.run(importing.file(killed(101, 4), name="other.csv"), "--release", "One")
    assert (code, importing.client.head()) == (1, head)
    assert "release One is on record at position 1, of a file with another SHA-256" in errors
    code, _, errors = importing.run(
        importing.folder / "release.csv", "--release", "One", "--available", "2020-01-01"
    )
    assert (code, "leave --available out" in errors) == (1, True)


def test_many_rows_that_are_missing_are_not_retracted_without_a_word(importing: Importing) -> None:
    whole = importing.file(*(killed(number, 1) for number in range(101, 121)))
    assert importing.run(whole, "--release", "One")[0] == 0
    few = importing.file(*(killed(number, 1) for number in range(101, 105)), name="few.csv")
    code, _, errors = importing.run(few, "--release", "Two")
    assert (code, importing.deaths()) == (1, {"A": 20})
    assert "16 of 20 rows on record of the release's countries and days are missing" in errors
    assert "--retract-missing" in errors
    code, told, _ = importing.run(few, "--release", "Two", "--retract-missing")
    assert (code, told["withdrawn"], importing.deaths()) == (0, 16, {"A": 4})


def test_rows_of_other_countries_do_not_hide_how_much_is_missing(importing: Importing) -> None:
    many = [killed(number, 1) for number in range(1_000, 1_200)]
    few = [killed(number, 1, country="B") for number in range(101, 116)]
    assert importing.run(importing.file(*many, *few), "--release", "One")[0] == 0
    code, _, errors = importing.run(importing.file(few[0], name="two.csv"), "--release", "Two")
    assert (code, "14 of 15 rows on record" in errors, importing.deaths()) == (1, True, {"A": 200, "B": 15})


def test_rows_that_cannot_be_taken_are_told_and_the_rest_goes_on(importing: Importing) -> None:
    path = importing.file(
        killed(101, 3), killed(102, 4, date_prec=9), killed(103, -5), killed(101, 9), killed(104, 1, latitude=95)
    )
    code, told, _ = importing.run(path)
    assert (code, told["first"], importing.deaths()) == (1, 1, {"A": 3})
    assert [(each["line"], each["column"], each["why"][:40]) for each in told["refused"]] == [
        (5, "", "the row is there a second time; the firs"),
        (3, "date_prec", "is 9; the codebook has 1, 2, 3, 4, 5, 6"),
        (4, "deaths_a", "is -5; it cannot be less than 0"),
        (6, "claims[0].place.latitude", "is 95.0; give at most 90"),
    ]
    people = subprocess.run(importing.command(path), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert people.returncode == 1
    assert "error: line 3 (event 102): date_prec: is 9" in people.stderr


def test_what_was_taken_and_deserves_a_look_is_told_when_it_is_recorded(importing: Importing) -> None:
    path = importing.file(killed(101, 3, low=9, source_date="1753-01-01"))
    code, told, _ = importing.run(path)
    assert (code, [(each["line"], each["column"]) for each in told["remarks"]]) == (
        0,
        [(2, "best"), (2, "source_date")],
    )
    assert importing.run(path)[1]["remarks"] == []


def test_a_check_sends_nothing(importing: Importing) -> None:
    code, told, _ = importing.run(importing.file(killed(101, 3)), "--check")
    assert (code, told["first"], told["checked_only"], importing.client.head()) == (0, 1, True, 0)


def test_a_file_that_is_none_of_the_dataset_is_faulty_input(importing: Importing) -> None:
    path = importing.folder / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    code, told, errors = importing.run(path)
    assert (code, told, importing.client.head()) == (2, {}, 0)
    assert "error: other.csv is no file of UCDP GED: it has no column best, country" in errors


def test_a_server_that_is_not_there_is_told(importing: Importing) -> None:
    importing.address = "127.0.0.1:9"
    ran = subprocess.run(
        importing.command(importing.file(killed(101, 3))),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (ran.returncode, "no server answers at 127.0.0.1:9" in ran.stderr) == (3, True)


def test_what_an_analyst_corrected_stands_until_the_dataset_says_otherwise(importing: Importing) -> None:
    path = importing.file(killed(101, 3))
    importing.run(path, "--release", "One")
    (claim,) = importing.client.claims()
    correction = {
        "type": "ClaimCorrected",
        "target_event_id": claim.event.event_id,
        "reason": "the hospital's list",
        "replacement": {
            "type": "TroopsKilled",
            "incident_id": "ucdp-101",
            "occurred": "2016-03-01",
            "victim_party": "government-of-a",
            "count": 8,
            "place": {"name": "Town", "precision": "near", "country": "A"},
        },
    }
    said = {"source": {"name": "An analyst"}, "reported": "2020-02-01"}
    importing.client.append(report_message(report_id="analysis", claims=[correction], **said))
    assert importing.deaths() == {"A": 8}
    assert importing.run(path, "--release", "One")[1]["events_recorded"] == 0
    assert importing.deaths() == {"A": 8}
    importing.run(importing.file(killed(101, 4), name="two.csv"), "--release", "Two")
    assert importing.deaths() == {"A": 4}


def test_a_row_of_which_a_part_is_redacted_is_left_alone(importing: Importing) -> None:
    importing.run(importing.file(killed(101, 3)), "--release", "One")
    (claim,) = importing.client.claims()
    redaction = {
        "type": "PayloadRedacted",
        "target_event_id": claim.event.event_id,
        "rule": "r",
        "reason": "a name",
    }
    said = {"source": {"name": "A guardian"}, "reported": "2020-02-01", "recorded_by": "a guardian"}
    importing.client.append(report_message(report_id="redaction", claims=[redaction], **said))
    code, told, _ = importing.run(importing.file(killed(101, 4), name="two.csv"), "--release", "Two")
    assert (code, [each["key"] for each in told["left_alone"]], told["changed"]) == (0, ["101"], 0)


def test_an_import_that_is_killed_goes_on_where_it_was(importing: Importing) -> None:
    rows = [killed(number, 1) for number in range(1_000, 7_000)]
    path = importing.file(*rows)
    running = subprocess.Popen(importing.command(path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + SECONDS
    while importing.client.head() < 2_000 and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait(SECONDS)
    done = importing.client.head()
    assert 2_000 <= done < 3 * len(rows), "killed too late to say anything"
    code, told, _ = importing.run(path)
    assert (code, told["first"] + told["unchanged"], told["refused"]) == (0, len(rows), [])
    assert told["unchanged"] > 0
    filed = [event.report_id for event in importing.client.replay() if event.type == "ReportFiled"]
    assert len(filed) == len(set(filed)) == len(rows) + 2
    assert importing.deaths() == {"A": len(rows)}
