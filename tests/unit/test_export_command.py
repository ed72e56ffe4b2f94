"""Facts about `export`: what it asks, what its files are, and that a file which is there is whole. The server gives
canned answers."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from rich.console import Console

from incident.ledger.v1 import casualty_service_pb2 as casualty
from incident.ledger.v1 import ledger_service_pb2 as ledger
from incident.ledger.v1 import records_pb2
from ledger import errors
from ledger.cli import run
from ledger.cli.exports import account, command
from ledger.cli.exports import parquet as parquet_writer
from ledger.cli.exports.destination import destination
from ledger.cli.exports.writers import CsvWriter, cell_text
from ledger.cli.session import Session
from ledger.datasets.columns import Column, Kind
from tests.canned_server import NOT_SERVED, CannedServer, canned_server

BASIS = {"as_of_position": 42, "as_of_recorded_at": "2020-02-13T10:00:00Z", "projection": "incidents"}
DAY = {"start": "2020-02-10", "end": "2020-02-10", "precision": "DATE_PRECISION_DAY"}
PLACE = {"name": "Riverton", "precision": "PLACE_PRECISION_NEAR", "latitude": 10.5, "longitude": -20.25}
FORMATS = ("csv", "ucdp", "hxl", "geojson", "parquet")
SECONDS = 20
REFRESH_SECONDS = 0.3
"""Several turns of what is shown."""

Export = Callable[..., int]


def says(kind: Any, **content: Any) -> Any:
    """A message from plain data."""
    return ParseDict(content, kind())


def incident(name: str, position: int, **said: Any) -> dict[str, Any]:
    """An incident with its one claim, as a list gives it."""
    claim = {
        "occurred": DAY,
        "place": PLACE,
        "kind_of_violence": "KIND_OF_VIOLENCE_NON_STATE",
        "attack_reported": {"incident_id": name, "attackers": ["south"], "targets": ["north"]},
    }
    event = {
        "position": position,
        "type": "AttackReported",
        "event_id": str(position),
        "report_id": "r",
        "claim": claim,
    }
    summary = {"incident_id": name, "occurred": DAY, "place": PLACE, "claims": 1, "reports": 1}
    return {**summary, "claim_records": [{"event": event, "source": {"name": "An outlet"}}], **said}


def figure(name: str, **key: str) -> dict[str, Any]:
    """Seven killed in an incident."""
    parts = [{"grouping": "CASUALTY_GROUPING_INCIDENT", "value": name}]
    parts += [{"grouping": f"CASUALTY_GROUPING_{part.upper()}", "value": value} for part, value in key.items()]
    return {"key": parts, "figure": {"low": 7, "best": 7, "high": 7, "text": "7"}, "claims": 1, "incidents": 1}


def figures(request: Any) -> Any:
    """Figures of the incidents that are asked for, grouped as asked."""
    words = [casualty.CasualtyGrouping.Name(number).rpartition("_")[2].lower() for number in request.group_by]
    values = {"outcome": "killed", "class": "troops", "party": "north"}
    key = {word: values[word] for word in words if word != "incident"}
    of = [name for name in request.filter.incident_ids if name != "-"]
    return says(
        casualty.GetCasualtiesResponse,
        basis=BASIS,
        count_policy="verbatim-1" if request.count_policy != casualty.COUNT_POLICY_UCDP_RANGE else "ucdp-range",
        resolution_rule="latest",
        count_aggregates=request.count_aggregates,
        figures=[figure(name, **key) for name in of],
        left_out=[
            {"reason": "SUPERSEDED", "claims": len(of), "description": "Another was taken."},
            {"reason": "REDACTED", "claims": 5, "description": "Removed."},
        ],
    )


def page(*names: str, more: str = "", **said: Any) -> Any:
    """A page of incidents."""
    listed = [incident(name, number + 1, **said) for number, name in enumerate(names)]
    return says(casualty.ListIncidentsResponse, basis=BASIS, incidents=listed, next_page_token=more)


def pages(request: Any) -> Any:
    """Two pages of two incidents."""
    return page("c", "d") if request.page_token == "second" else page("a", "b", more="second")


def registered(actor_id: str, name: str, number: int) -> dict[str, Any]:
    """A registration as a replay gives it."""
    ids = [{"scheme": "ucdp", "id": str(number)}]
    said = {"actor_id": actor_id, "name": name, "actor_kind": "ACTOR_KIND_REBEL_GROUP", "external_ids": ids}
    return {
        "position": number,
        "type": "ActorRegistered",
        "event_id": str(number),
        "claim": {"actor_registered": said},
    }


@pytest.fixture
def server() -> Iterator[CannedServer]:
    """A server with two pages of incidents."""
    with canned_server() as canned:
        events = [registered("south", "The South", 1), registered("north", "The North", 2)]
        events.append({"position": 3, "type": "ActorRegistered", "event_id": "3", "redacted": True})
        canned.answers = {
            "ListIncidents": pages,
            "GetCasualties": figures,
            "GetLedger": says(ledger.GetLedgerResponse, ledger={"size": 42, "root_hash": "AAEC"}),
            "ReplayHistory": [says(ledger.ReplayHistoryResponse, events=events)],
        }
        yield canned


@pytest.fixture
def export(server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> Export:
    """Runs the command against the server; its exit code."""
    monkeypatch.setenv("LEDGER_ADDRESS", server.address)
    return lambda *arguments: run(["export", *map(str, arguments)])


def rows(text: str) -> list[dict[str, str]]:
    """The rows of comma-separated text."""
    return list(csv.DictReader(io.StringIO(text), strict=True))


def beside(path: Path) -> Any:
    """What is told beside a file."""
    return json.loads(path.with_name(path.name + ".metadata.json").read_text(encoding="utf-8"))


def incident_ids(path: Path, file_format: str) -> list[str]:
    """The incidents in a file."""
    if file_format == "geojson":
        return [each["id"] for each in json.loads(path.read_text())["features"]]
    if file_format == "parquet":
        read: Any = parquet.read_table
        return [str(each) for each in read(path).column("incident_id").to_pylist()]
    found = [row["id" if file_format == "ucdp" else "incident_id"] for row in rows(path.read_text())]
    return found[1:] if file_format == "hxl" else found


# What it asks


def test_all_pages_are_as_of_the_position_of_the_first(
    export: Export, server: CannedServer, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    options = ("--place", "Riverton", "--actor", "north", "--from", "2020-01-01", "--max-date-precision", "week")
    more = ("--as-of", 50, "--min-position", 40, "--ledger", "other")
    assert export("incidents", "--format", "csv", "--output", path, *options, *more) == 0
    first, second = server.requests("ListIncidents")
    expected = says(
        casualty.ListIncidentsRequest,
        ledger="other",
        places=["Riverton"],
        actor_ids=["north"],
        occurred_from="2020-01-01",
        max_date_precision="DATE_PRECISION_WEEK",
        as_of={"position": 50},
        min_position=40,
        with_claims=True,
        page_size=200,
    )
    assert first == expected
    expected.page_token = "second"
    assert second == expected
    asked = server.requests("GetCasualties")
    assert {each.as_of.position for each in asked} == {42}
    assert {each.ledger for each in asked} == {"other"}
    assert all(each.count_aggregates for each in asked)
    assert sorted(tuple(each.filter.incident_ids) for each in asked) == [("a", "b")] * 2 + [("c", "d")] * 2
    (replay,) = server.requests("ReplayHistory")
    assert (replay.to_position, list(replay.filter.streams)) == (42, ["actors/"])
    assert [row["incident_id"] for row in rows(path.read_text())] == ["a", "b", "c", "d"]
    assert beside(path)["filter"] == {
        "occurred_from": "2020-01-01",
        "places": ["Riverton"],
        "actor_ids": ["north"],
        "max_date_precision": "DATE_PRECISION_WEEK",
    }


def test_policy_and_rule_are_asked_for_and_those_of_ucdp_s_layout_are_its_own(
    export: Export, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export("--format", "csv", "--policy", "acled-2019", "--rule", "envelope") == 0
    assert {(each.count_policy, each.resolution_rule) for each in server.requests("GetCasualties")} == {
        (casualty.COUNT_POLICY_ACLED_2019, casualty.RESOLUTION_RULE_ENVELOPE)
    }
    server.asked.clear()
    assert export("--format", "ucdp", "--rule", "most_reliable") == 0
    asked = server.requests("GetCasualties")
    assert {(each.count_policy, each.resolution_rule) for each in asked} == {
        (casualty.COUNT_POLICY_UCDP_RANGE, casualty.RESOLUTION_RULE_MOST_RELIABLE)
    }
    assert {tuple(each.filter.outcomes) for each in asked} == {(1,)}
    assert export("--format", "ucdp", "--policy", "verbatim-1") == 2
    assert "its policy is ucdp-range, not verbatim-1" in capsys.readouterr().err


def test_options_alone_export_incidents(export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    assert export("--format", "csv") == 0
    alone = capsys.readouterr()
    assert export("incidents", "--format=csv") == 0
    assert capsys.readouterr() == alone
    assert export("incidents") == 2
    assert "Missing option '--format'" in capsys.readouterr().err


@pytest.mark.parametrize("file_format", ["ucdp", "geojson", "xml"])
def test_figures_have_no_format_of_incidents(
    export: Export, file_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export("casualties", "--format", file_format) == 2
    assert f"'{file_format}' is not one of 'csv', 'hxl', 'parquet'" in capsys.readouterr().err


# What it writes


def test_data_alone_is_on_standard_output_and_what_it_rests_on_on_standard_error(
    export: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export("--format", "csv") == 0
    out, err = capsys.readouterr()
    assert [row["incident_id"] for row in rows(out)] == ["a", "b", "c", "d"]
    assert rows(out)[0]["side_a_name"] == "The South"
    first, *left_out = err.splitlines()
    assert first.startswith("4 rows. As of position 42 (recorded 2020-02-13 10:00:00Z)")
    assert "policy verbatim-1 · rule latest · aggregates counted · root 000102" in first
    assert left_out == [
        "Left out of the figures: 5 claims (REDACTED): Removed.",
        "Left out of the figures: 4 claims (SUPERSEDED): Another was taken.",
    ]
    assert export("--format", "csv", "--json") == 0
    document = json.loads(capsys.readouterr().err)
    assert (document["as_of_position"], document["rows"], document["root_hash"]) == (42, 4, "000102")


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_is_there_with_all_rows_and_nothing_else_is_left(
    export: Export, file_format: str, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    assert export("--format", file_format, "--output", path) == 0
    assert incident_ids(path, file_format) == ["a", "b", "c", "d"]
    sides = {"out.metadata.json"} if file_format in ("csv", "ucdp", "hxl") else set()
    assert {each.name for each in tmp_path.iterdir()} == {"out"} | sides
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_row_of_ucdp_s_layout_has_names_and_ids_of_the_register(
    export: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export("--format", "ucdp") == 0
    row = rows(capsys.readouterr().out)[0]
    assert (row["side_a"], row["side_a_new_id"], row["side_b_new_id"]) == ("The South", "1", "2")
    assert (row["deaths_b"], row["best"], row["type_of_violence"]) == ("7", "7", "2")


def test_incidents_without_a_row_are_counted_and_the_first_of_them_listed(
    export: Export, server: CannedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "MOST_LISTED", 1)
    nowhere = says(casualty.ListIncidentsResponse, basis=BASIS, incidents=[incident("a", 1), incident("b", 2)])
    for each in nowhere.incidents:
        each.ClearField("place")
    server.answers["ListIncidents"] = nowhere
    path = tmp_path / "out.csv"
    assert export("--format", "ucdp", "--output", path) == 0
    assert rows(path.read_text()) == []
    said = beside(path)
    assert said["rows"] == 0
    assert said["left_out"] == [
        {
            "reason": "NO_POINT",
            "incidents": 2,
            "description": "No claim states a point, which the layout needs.",
            "incident_ids": ["a"],
            "incident_ids_listed": 1,
        }
    ]


def test_claims_that_were_cut_are_told(
    export: Export, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["ListIncidents"] = page("a", claims=9_000)
    assert export("--format", "csv", "--json") == 0
    out, err = capsys.readouterr()
    assert (rows(out)[0]["claims"], rows(out)[0]["remarks"]) == ("9000", "CLAIMS_CUT")
    (note,) = json.loads(err)["notes"]
    assert (note["reason"], note["incidents"], note["incident_ids"]) == ("CLAIMS_CUT", 1, ["a"])


def test_a_server_without_the_record_names_sides_by_their_ids_and_has_no_layout_of_ucdp(
    export: Export, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers |= {"ReplayHistory": NOT_SERVED, "GetLedger": NOT_SERVED}
    assert export("--format", "csv", "--json") == 0
    out, err = capsys.readouterr()
    assert rows(out)[0]["side_a_name"] == "south"
    said = json.loads(err)
    assert "sides are named by their ids" in said["register"]
    assert "root_hash" not in said
    assert export("--format", "ucdp") == 1
    assert "does not serve this" in capsys.readouterr().err


def test_figures_are_rows_and_tolls_are_told(
    export: Export, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    toll = {"position": 9, "type": "TollClaimed", "claim": {"toll_claimed": {"toll_id": "t", "outcome": 1}}}
    key = [{"grouping": "CASUALTY_GROUPING_MONTH", "value": "2020-02"}]
    server.answers["GetCasualties"] = says(
        casualty.GetCasualtiesResponse,
        basis=BASIS,
        count_policy="verbatim-1",
        resolution_rule="envelope",
        figures=[
            {"key": key, "figure": {"low": 5, "best": 5, "text": "at least 5"}, "positions": [3, 4], "flags": ["X"]}
        ],
        tolls=[{"event": toll, "claimed": {"low": 1801, "text": "more than 1,800"}, "conflict": True}],
    )
    asked = ("--group-by", "month", "--outcome", "killed", "--rule", "envelope", "--with-aggregates", "--as-of", 42)
    assert export("casualties", "--format", "csv", "--json", *asked) == 0
    (request,) = server.requests("GetCasualties")
    assert (list(request.group_by), request.count_aggregates, request.as_of.position) == ([10], True, 42)
    out, err = capsys.readouterr()
    (row,) = rows(out)
    assert (row["month"], row["low"], row["high"], row["text"], row["positions"]) == (
        "2020-02",
        "5",
        "",
        "at least 5",
        "3;4",
    )
    said = json.loads(err)
    assert (said["group_by"], said["rows"], said["filter"]) == (["month"], 1, {"outcomes": ["OUTCOME_KILLED"]})
    (told,) = said["tolls"]
    assert (told["position"], told["claimed"]["low"], told["claimed"]["high"], told["conflict"]) == (
        9,
        1801,
        None,
        True,
    )
    assert export("casualties", "--format", "csv", *asked) == 0
    assert "Tolls, in no row: 1; " in capsys.readouterr().err


def test_what_a_server_refuses_is_told_and_leaves_no_file(
    export: Export, server: CannedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "gives more than 5,000 groups; narrow the filter or group by less"
    server.answers["GetCasualties"] = errors.InvalidRequestError([errors.Violation("group_by", why)])
    assert export("casualties", "--format", "parquet", "--output", tmp_path / "out") == 2
    assert f"group_by: {why}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# What is there is whole


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_connection_that_is_cut_leaves_no_file(
    export: Export, server: CannedServer, file_format: str, tmp_path: Path, capfdbinary: Any
) -> None:
    def cut(request: Any) -> Any:
        return (
            errors.UnavailableError(why="it is stopping") if request.page_token else page("a", "b", more="second")
        )

    server.answers["ListIncidents"] = cut
    path = tmp_path / "out"
    path.write_text("what was there")
    assert export("--format", file_format, "--output", path) == 3
    assert path.read_text() == "what was there"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
    capfdbinary.readouterr()
    # Standard output cannot be taken back; what is there ends where it was cut.
    assert export("--format", file_format, "--output", "-") == 3
    out, err = capfdbinary.readouterr()
    assert b"error:" in err
    if file_format == "geojson":
        with pytest.raises(json.JSONDecodeError):
            json.loads(out)
    elif file_format == "parquet":
        assert not out.endswith(b"PAR1") or len(out) == 4


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_process_that_is_killed_leaves_no_file_of_that_name(
    server: CannedServer, file_format: str, tmp_path: Path
) -> None:
    asked, let_go = threading.Event(), threading.Event()

    def stuck(request: Any) -> Any:
        if request.page_token:
            asked.set()
            let_go.wait(SECONDS)
        return pages(request)

    server.answers["ListIncidents"] = stuck
    path = tmp_path / "out"
    command = [sys.executable, "-m", "ledger", "--address", server.address, "export", "--format", file_format]
    process = subprocess.Popen([*command, "--output", str(path)], stderr=subprocess.DEVNULL)
    in_the_middle = asked.wait(SECONDS)
    process.kill()
    let_go.set()
    assert (in_the_middle, process.wait(SECONDS)) == (True, -signal.SIGKILL)
    assert {each.name for each in tmp_path.iterdir()} == {f".out.{process.pid}.unfinished"}


def test_an_interrupted_export_removes_what_it_began(tmp_path: Path) -> None:
    def interrupted() -> None:
        with destination(str(tmp_path / "out")) as made:
            made.stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_after_the_end_nothing_is_written(tmp_path: Path) -> None:
    with destination(str(tmp_path / "out")) as made:
        made.stream.write(b"whole")
        made.complete()
    assert made.stream.write(b", and more") == len(b", and more")
    assert (tmp_path / "out").read_bytes() == b"whole"


@pytest.mark.parametrize(("watched", "shown"), [(True, True), (False, False)])
def test_progress_is_shown_where_somebody_watches(watched: bool, shown: bool) -> None:
    told = io.StringIO()
    console = Console(file=told, force_terminal=watched, width=80)
    session = Session(err=console)
    with command._progress(session, to_file=True) as tell:
        tell(1_234)
        time.sleep(REFRESH_SECONDS)
    assert ("1,234 rows" in told.getvalue()) == shown


def test_a_link_leads_to_the_file_that_is_replaced(export: Export, tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    assert export("--format", "csv", "--output", tmp_path / "link.csv") == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert incident_ids(tmp_path / "real.csv", "csv") == ["a", "b", "c", "d"]
    assert (tmp_path / "real.csv.metadata.json").exists()


@pytest.mark.parametrize("output", ["no-such-folder/out.csv", "pipe", "."])
def test_what_cannot_be_a_file_is_told_before_anything_is_asked(
    export: Export, server: CannedServer, output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert export("--format", "csv", "--output", tmp_path / output) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert server.asked == []


def test_without_pyarrow_the_extra_is_named(
    export: Export, server: CannedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    assert export("--format", "parquet", "--output", tmp_path / "out") == 2
    assert "pip install 'incident-ledger[parquet]'" in capsys.readouterr().err
    assert (server.asked, list(tmp_path.iterdir())) == ([], [])
    assert export("--format", "csv", "--output", tmp_path / "out") == 0


# Cells and row groups


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(cells=st.lists(TEXTS, min_size=2, max_size=5))
def test_every_text_comes_back_from_a_cell(cells: list[str]) -> None:
    stream = io.BytesIO()
    table = [Column(str(number), Kind.TEXT, str) for number in range(len(cells))]
    CsvWriter(table, stream).write([cells, cells])
    read = list(csv.reader(io.StringIO(stream.getvalue().decode(), newline=""), strict=True))
    assert read == [cells, cells]


@given(items=st.lists(TEXTS.filter(bool), min_size=1, max_size=4))
def test_every_list_comes_back_from_a_cell(items: list[str]) -> None:
    (read,) = csv.reader(io.StringIO(cell_text(items), newline=""), delimiter=";", strict=True)
    assert read == items


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "'=1"])
def test_a_cell_that_looks_like_a_formula_is_written_as_it_is(text: str) -> None:
    stream = io.BytesIO()
    CsvWriter([Column("a", Kind.TEXT, str), Column("b", Kind.TEXT, str)], stream).write([[text, "x"]])
    assert stream.getvalue() == f"{text},x\n".encode()


def test_rows_are_written_in_groups_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_writer, "GROUP_ROWS", 3)
    path = tmp_path / "out.parquet"
    table = [Column("a", Kind.INTEGER, int), Column("b", Kind.TEXTS, list)]
    told = account.Account("main", "incidents", "parquet", casualty.ListIncidentsRequest())
    told.basis = says(records_pb2.AnswerBasis, as_of_position=1)
    with path.open("wb") as stream:
        writer = parquet_writer.ParquetWriter(table, stream)
        writer.begin(told)
        for number in range(7):
            writer.write([[number, [str(number)] * number]])
        writer.end(told)
    read: Any = parquet.ParquetFile
    assert [read(path).metadata.row_group(group).num_rows for group in range(3)] == [3, 3, 1]
    found = duckdb.sql(f"SELECT a, len(b) FROM '{path}'")
    assert found is not None
    assert found.fetchall() == [(number, number) for number in range(7)]
