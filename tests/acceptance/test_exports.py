"""Exports of a real service, compared with what was put in: rows in UCDP's layout come back as they were, GeoJSON
keeps its standard's rules, and Parquet is read by two other programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import grpc
import pytest
from pyarrow import parquet

from ledger.cli import run
from ledger.datasets.entries import Cells, Document, Release, slug
from ledger.datasets.ucdp import DATASET
from ledger.datasets.ucdp_layout import COLUMNS, NOT_KEPT
from seeds import ucdp
from tests.acceptance.client import Client, report_message
from tests.acceptance.conftest import FoundingCase
from tests.served import ServiceProcess
from tests.ucdp_rows import Row, rows_of_every_kind

pytestmark = pytest.mark.newest
SLICE = ucdp.rows_of(ucdp.SLICE)
EVERY_KIND = list(rows_of_every_kind())
NUMBERS = count()
RELEASE = Release(DATASET.name, "One", "0" * 64, date(2020, 1, 20))
TOTALS = {"low": 2_557, "best": 2_689, "high": 2_886}
"""Of the slice, as its page states them."""


@dataclass
class Exporting:
    """Exports of one ledger into a folder."""

    server: ServiceProcess
    client: Client
    folder: Path

    def __call__(self, *arguments: str, name: str = "export") -> Path:
        path = self.folder / name
        where = ["--address", self.server.address, "--ledger", self.client.ledger]
        wait = ["--min-position", str(self.client.position), "--output", str(path)]
        assert run(["export", *arguments, *where, *wait]) == 0
        return path


def selected(query: str) -> list[tuple[Any, ...]]:
    """What DuckDB answers."""
    found = duckdb.sql(query)
    assert found is not None
    return found.fetchall()


def read_parquet(path: Path) -> Any:
    """A file as pyarrow reads it."""
    read: Any = parquet.read_table
    return read(path)


def cells(path: Path) -> list[dict[str, str]]:
    """The rows of a comma-separated file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, strict=True))


def announcements(incident_ids: Iterable[str]) -> int:
    """How many of these announced a release."""
    return sum(each.startswith(DATASET.releases) for each in incident_ids)


def beside(path: Path) -> Any:
    """What is told beside a file."""
    return json.loads(path.with_name(path.name + ".metadata.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ledgers(server: ServiceProcess, channel: grpc.Channel, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes a ledger, and exports of it into a folder of their own."""

    def made(name: str) -> Exporting:
        return Exporting(server, Client(channel).create_ledger(name), tmp_path_factory.mktemp(name))

    return made


def filed(exporting: Exporting, rows: list[dict[str, str]]) -> Exporting:
    """Imports rows of UCDP's layout."""
    client, path = exporting.client, exporting.folder / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    where = ["--address", exporting.server.address, "--ledger", client.ledger]
    assert run(["import", "ucdp-ged", str(path), "--release", f"{RELEASE.name} {next(NUMBERS)}", *where]) == 0
    client.position = client.head()
    return exporting


@pytest.fixture(scope="module")
def of_slice(ledgers: Callable[[str], Exporting]) -> Exporting:
    """The slice that is shipped with the project."""
    return filed(ledgers("slice"), SLICE)


@pytest.fixture(scope="module")
def of_every_kind(ledgers: Callable[[str], Exporting]) -> Exporting:
    """Rows that say whatever such rows can say."""
    return filed(ledgers("every_kind"), EVERY_KIND)


@pytest.fixture
def fresh(ledgers: Callable[[str], Exporting]) -> Exporting:
    """An empty ledger."""
    return ledgers(f"fresh_{next(NUMBERS)}")


# UCDP's layout


def assert_same(exported: list[dict[str, str]], rows: Sequence[Row]) -> None:
    """Equal in every column that the ledger keeps, on every row; empty in the others."""
    found = {row["id"]: row for row in exported}
    assert len(exported) == len(found) == len(rows)
    for row in rows:
        kept = {name: row[name] for name in COLUMNS if name in row and name not in NOT_KEPT}
        assert {name: found[row["id"]][name] for name in kept} == kept
        assert {name for name in NOT_KEPT if found[row["id"]][name]} == set()


def test_the_slice_comes_back_as_it_was(of_slice: Exporting) -> None:
    path = of_slice("--format", "ucdp", name="slice.csv")
    assert path.read_text(encoding="utf-8").partition("\n")[0] == ",".join(COLUMNS)
    exported = cells(path)
    assert_same(exported, SLICE)
    for name, total in TOTALS.items():
        assert sum(int(row[name]) for row in exported) == total
    said = beside(path)
    assert (said["rows"], said["claims_left_out"]) == (len(SLICE), [])
    # What announced the release is a statement, and no row of the layout.
    assert [each["incidents"] for each in said["left_out"]] == [1]
    assert announcements(said["left_out"][0]["incident_ids"]) == 1
    assert (said["count_policy"], said["count_aggregates"]) == ("ucdp-range", True)


def test_rows_of_every_kind_come_back_as_they_were(of_every_kind: Exporting) -> None:
    exported = cells(of_every_kind("--format", "ucdp"))
    assert len(EVERY_KIND) > 300
    assert_same(exported, EVERY_KIND)


def report_of(row: Cells) -> Document:
    """The report that an import makes of a row."""
    actors = {seen.external_id: slug(seen.name) for seen in DATASET.actors_of(row)}
    return DATASET.entry_of(row, actors, RELEASE).document


def test_what_is_exported_says_what_was_imported(of_every_kind: Exporting) -> None:
    exported = {row["id"]: row for row in cells(of_every_kind("--format", "ucdp"))}
    for row in EVERY_KIND:
        assert report_of(exported[row["id"]]) == report_of(row)


def test_a_row_whose_casualties_were_retracted_does_not_become_a_row_of_zeros(fresh: Exporting) -> None:
    none, some = (dict(row) for row in (EVERY_KIND[0], next(row for row in EVERY_KIND if row["best"] == "3")))
    assert (none["low"], none["best"], none["high"]) == ("0", "0", "0")
    filed(fresh, [none, some])
    assert_same(cells(fresh("--format", "ucdp")), [none, some])
    (killed,) = fresh.client.claims()
    retraction = {"type": "ClaimRetracted", "target_event_id": killed.event.event_id, "reason": "error"}
    fresh.client.append(
        report_message(report_id="x", source={"name": "x"}, reported="2020-01-01", claims=[retraction])
    )
    path = fresh("--format", "ucdp")
    assert_same(cells(path), [none])
    (left,) = beside(path)["left_out"]
    assert (left["reason"], left["incidents"], announcements(left["incident_ids"])) == ("NO_DEATHS", 2, 1)
    assert f"ucdp-{some['id']}" in left["incident_ids"]


def test_a_corrected_count_is_exported_with_what_follows_from_it(fresh: Exporting) -> None:
    row = next(row for row in EVERY_KIND if (row["deaths_a"], row["deaths_b"], row["low"]) == ("3", "4", "6"))
    filed(fresh, [row])
    first, _, toll = fresh.client.claims()
    assert (first.event.claim.troops_killed.victim_party, toll.event.type) == (
        slug(row["side_a"]),
        "TollClaimed",
    )
    changed = next(each for each in report_of(row)["claims"] if each.get("victim_party") == slug(row["side_a"]))
    correction = {"type": "ClaimCorrected", "target_event_id": first.event.event_id, "reason": "a slip"}
    claim = {**correction, "replacement": {**changed, "count": {"qualifier": "about", "stated": 5}}}
    fresh.client.append(report_message(report_id="c", source={"name": "x"}, reported="2020-01-01", claims=[claim]))
    path = fresh("--format", "ucdp")
    (found,) = cells(path)
    # The whole's bounds no longer are those of its parts, and nobody states others.
    assert (found["deaths_a"], found["deaths_b"], found["best"]) == ("5", "4", "9")
    assert (found["low"], found["high"]) == ("", "")
    assert [each["reason"] for each in beside(path)["notes"]] == ["BOUND_NOT_STATED"]


# The project's own table


def test_an_incident_s_figures_are_those_of_the_question_that_the_metadata_names(of_slice: Exporting) -> None:
    path = of_slice("incidents", "--format", "csv", "--policy", "ucdp-range", name="incidents.csv")
    rows = {row["incident_id"]: row for row in cells(path)}
    assert len(rows) - announcements(rows) == len(SLICE)
    for row in SLICE:
        found = rows[f"ucdp-{row['id']}"]
        assert [found[f"killed_{name}"] for name in TOTALS] == [row[name] for name in TOTALS]
        assert (found["date_start"], found["date_precision"]) == (row["date_start"], row["date_prec"])
        assert (found["place"], found["place_precision"]) == (row["where_coordinates"], row["where_prec"])
        assert (found["side_a_name"], found["side_b_name"]) == (row["side_a"], row["side_b"])
        assert found["clarity"] == ("aggregate" if row["event_clarity"] == "2" else "single")
        civilians = row["deaths_civilians"]
        assert found["killed_civilians"] == ("" if civilians == "0" else civilians)
        assert len(found["positions"].split(";")) == int(found["claims"])
    said = beside(path)
    assert (said["count_policy"], said["resolution_rule"], said["as_of_position"]) == (
        "ucdp-range",
        "latest",
        of_slice.client.position,
    )
    assert len(said["root_hash"]) == 64


def test_filters_choose_incidents_and_figures_stay_whole(of_slice: Exporting) -> None:
    asked = ("--format", "csv", "--from", "2019-05-01", "--to", "2019-05-31", "--max-place-precision", "near")
    path = of_slice(*asked)
    expected = {
        f"ucdp-{row['id']}"
        for row in SLICE
        if row["date_end"] >= "2019-05-01" and row["date_start"] <= "2019-05-31" and int(row["where_prec"]) <= 2
    }
    assert {row["incident_id"] for row in cells(path)} == expected
    assert beside(path)["filter"] == {
        "occurred_from": "2019-05-01",
        "occurred_to": "2019-05-31",
        "max_place_precision": "PLACE_PRECISION_NEAR",
    }


def test_names_are_written_as_they_are_recorded(of_every_kind: Exporting) -> None:
    path = of_every_kind("--format", "csv", name="awkward.csv")
    expected = ["", *sorted(row["where_coordinates"] for row in EVERY_KIND)]  # the release's own row has no place
    assert sorted(row["place"] for row in cells(path)) == expected
    read = duckdb.read_csv(str(path), header=True, all_varchar=True, quotechar='"', escapechar='"')
    assert sorted(place or "" for (place,) in read.project("place").fetchall()) == expected


def test_a_rule_takes_one_of_several_claims_and_is_named(fresh: Exporting) -> None:
    place = {"name": "Riverton", "precision": "near", "latitude": 10.5, "longitude": 20.25}
    attack = {"type": "AttackReported", "attackers": ["south"], "targets": ["north"]}
    common = {"incident_id": "riverton", "occurred": "2020-02-13", "place": place, "kind_of_violence": "non_state"}
    for report_id, reported, number in (("one", "2020-02-14", 3), ("two", "2020-02-15", 7)):
        killed = {"type": "TroopsKilled", "victim_party": "north", "count": number}
        claims = [{**common, **attack}, {**common, **killed}]
        fresh.client.append(
            report_message(report_id=report_id, source={"name": report_id}, reported=reported, claims=claims)
        )
    for rule, expected in (("latest", ["7", "7", "7"]), ("envelope", ["3", "7", "7"])):
        path = fresh("--format", "csv", "--rule", rule)
        (row,) = cells(path)
        assert [row[f"killed_{name}"] for name in TOTALS] == expected
        assert (row["claims"], row["reports"], row["sources"]) == ("4", "2", "one;two")
        assert beside(path)["resolution_rule"] == rule
    assert [each["reason"] for each in beside(fresh("--format", "csv"))["claims_left_out"]] == ["SUPERSEDED"]
    path = fresh("--format", "ucdp")
    (row,) = cells(path)
    assert (row["id"], row["deaths_b"], row["best"], row["number_of_sources"]) == ("riverton", "7", "7", "-1")
    assert [each["reason"] for each in beside(path)["notes"]] == ["SUPERSEDED"]


def test_an_export_as_of_then_is_the_export_of_then(fresh: Exporting) -> None:
    filed(fresh, EVERY_KIND[:5])
    then = fresh.client.position
    before = fresh("--format", "csv", name="before.csv").read_bytes()
    filed(fresh, EVERY_KIND[5:9])
    again = fresh("--format", "csv", "--as-of", str(then), name="again.csv")
    assert again.read_bytes() == before
    said = beside(again)
    assert (said["as_of_position"], said["rows"]) == (then, 5 + 1)
    assert "root_hash" not in said  # the tree has grown since


def test_an_empty_ledger_gives_a_file_without_rows(fresh: Exporting) -> None:
    for file_format in ("csv", "ucdp", "hxl"):
        path = fresh("--format", file_format)
        assert cells(path) == ([] if file_format != "hxl" else cells(path)[:1])
        assert (beside(path)["rows"], beside(path)["as_of_position"]) == (0, 0)
    assert json.loads(fresh("--format", "geojson").read_text())["features"] == []
    assert read_parquet(fresh("--format", "parquet")).num_rows == 0


# HXL


def test_hashtags_are_those_of_hdx_s_files_of_ucdp(of_slice: Exporting) -> None:
    plain, tagged = of_slice("--format", "csv", name="a"), of_slice("--format", "hxl", name="b")
    header, tags, *rows = tagged.read_text(encoding="utf-8").splitlines()
    assert [header, *rows] == plain.read_text(encoding="utf-8").splitlines()
    found = dict(zip(header.split(","), tags.split(","), strict=True))
    assert {name: tag for name, tag in found.items() if tag} == {
        "date_start": "#date+start",
        "date_end": "#date+end",
        "place": "#loc+name",
        "admin1": "#adm1+name",
        "admin2": "#adm2+name",
        "country": "#country+name",
        "latitude": "#geo+lat",
        "longitude": "#geo+lon",
        "side_a_name": "#group+name+first",
        "side_b_name": "#group+name+second",
        "killed_best": "#affected+killed",
        "sources": "#meta+source",
    }


# GeoJSON


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are unique."""
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def faults(document: Any) -> Iterator[str]:
    """What of a FeatureCollection of points breaks RFC 7946."""
    if document.get("type") != "FeatureCollection" or not isinstance(document.get("features"), list):
        yield "no FeatureCollection (3.3)"
    if {"crs", "geometry", "properties", "coordinates", "geometries"} & document.keys():
        yield "members of other types (7.1), or a coordinate reference system (4)"
    for each in document["features"]:
        if each["type"] != "Feature" or not isinstance(each["properties"], dict) or "features" in each:
            yield "no Feature (3.2)"
        if not isinstance(each["id"], str | int):
            yield "an id that is neither text nor a number (3.2)"
        geometry = each["geometry"]
        if geometry is not None:
            longitude, latitude = geometry["coordinates"]
            if geometry["type"] != "Point" or not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
                yield "no Point with longitude and latitude (3.1.1, 3.1.2)"


def test_geojson_keeps_the_standard_s_rules_and_the_codes_of_precision(of_slice: Exporting) -> None:
    text = of_slice("--format", "geojson").read_text(encoding="utf-8")
    document = json.loads(text, object_pairs_hook=unique)
    assert list(faults(document)) == []
    found = {each["id"]: each for each in document["features"]}
    assert len(found) - announcements(found) == len(SLICE)
    for row in SLICE:
        each = found[f"ucdp-{row['id']}"]
        assert each["geometry"]["coordinates"] == [float(row["longitude"]), float(row["latitude"])]
        said = each["properties"]
        assert (said["place_precision"], said["date_precision"]) == (int(row["where_prec"]), int(row["date_prec"]))
        assert (said["date_start"], said["date_end"]) == (row["date_start"], row["date_end"])
        assert said["as_of_position"] == document["metadata"]["as_of_position"] == of_slice.client.position
    words = {1: "exact", 2: "near", 3: "admin2", 4: "admin1", 5: "region"}
    placed = [each["properties"] for each in document["features"] if each["geometry"]]
    assert len(placed) == len(SLICE)
    assert all(each["place_precision_word"] == words[each["place_precision"]] for each in placed)
    assert document["metadata"]["rows"] == len(found)


def test_an_incident_without_a_point_has_no_geometry(
    case: FoundingCase, server: ServiceProcess, tmp_path: Path
) -> None:
    exporting = Exporting(server, case.client, tmp_path)
    document = json.loads(exporting("--format", "geojson").read_text(encoding="utf-8"))
    assert list(faults(document)) == []
    assert {each["geometry"] for each in document["features"]} == {None}
    attack = next(each for each in document["features"] if each["id"] == "idlib-2020-02-10")["properties"]
    assert (attack["place"], attack["place_precision_word"], attack["killed_troops"]) == ("Idlib", "admin1", 5)
    retaliation = next(each for each in document["features"] if each["id"] == "idlib-2020-02-retaliation")
    said = retaliation["properties"]
    assert (said["killed_low"], said["killed_best"], said["killed_high"]) == (None, 200, None)
    assert "killed:AGGREGATE" in said["remarks"]


# Parquet


def test_parquet_is_read_by_two_programs_and_says_the_same_as_csv(of_slice: Exporting) -> None:
    asked = ("--policy", "ucdp-range")
    path = of_slice("--format", "parquet", *asked, name="slice.parquet")
    table = read_parquet(path)
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["date_start"], types["killed_best"], types["latitude"]) == ("date32[day]", "int64", "double")
    assert (types["incident_id"], types["positions"]) == ("string", "list<element: int64>")
    assert types["parties"] == "list<element: string>"
    ((said,),) = selected(f"SELECT value FROM parquet_kv_metadata('{path}') WHERE key = 'incident_ledger'")
    metadata = json.loads(said)
    of_file: Any = parquet.read_metadata
    assert json.loads(of_file(path).metadata[b"incident_ledger"]) == metadata
    assert (metadata["rows"], metadata["count_policy"]) == (len(SLICE) + 1, "ucdp-range")
    written = cells(of_slice("--format", "csv", *asked))
    assert [row["incident_id"] for row in written] == table.column("incident_id").to_pylist()
    for row, typed in zip(written, table.to_pylist(), strict=True):
        assert {name: text(value) for name, value in typed.items()} == row
    sums = ", ".join(f"sum(killed_{name})" for name in TOTALS)
    query = f"SELECT count(*), {sums}, min(date_start), sum(len(positions)) FROM '{path}'"
    (answer,) = selected(query)
    claims = 1 + sum(len(report_of(row)["claims"]) for row in SLICE)
    assert answer == (len(SLICE) + 1, *TOTALS.values(), date(2019, 1, 1), claims)


def text(value: Any) -> str:
    """A value as a cell has it."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ";".join(f'"{item}"' if ";" in str(item) else str(item) for item in value)
    return value.isoformat() if isinstance(value, date) else str(value)


# Casualty figures


def test_casualty_figures_are_those_of_the_question_and_tolls_stand_beside(
    case: FoundingCase, server: ServiceProcess, tmp_path: Path
) -> None:
    exporting = Exporting(server, case.client, tmp_path)
    path = exporting("casualties", "--format", "csv", "--group-by", "class", "--outcome", "killed")
    rows = {row["class"]: row for row in cells(path)}
    assert set(rows) == {"troops", "contractors"}
    troops = rows["troops"]
    assert (troops["low"], troops["best"], troops["high"]) == ("12", "212", "")  # the upper bound is open
    assert troops["flags"] == "SINGLE_SOURCE;AGGREGATE"
    positions = [int(each) for each in troops["positions"].split(";")]
    assert (
        sorted(positions)
        == positions
        == sorted(
            case.positions("TroopsKilled", "idlib-2020-02-10")
            + case.positions("TroopsKilled", "idlib-week-of-2020-02-03")
            + case.positions("TroopsKilled", "idlib-2020-02-retaliation")
        )
    )
    (toll,) = beside(path)["tolls"]
    assert (toll["victim_class"], toll["claimed"]["low"], toll["claimed"]["high"]) == ("civilians", 1_801, None)
    assert toll["residual"]["text"] == "more than 1,800"


def test_casualty_figures_with_hashtags_and_as_parquet(of_slice: Exporting) -> None:
    asked = ("--group-by", "admin1", "--group-by", "month", "--outcome", "killed", "--policy", "ucdp-range")
    tagged = of_slice("casualties", "--format", "hxl", *asked)
    header, tags, *rows = tagged.read_text(encoding="utf-8").splitlines()
    assert dict(zip(header.split(","), tags.split(","), strict=True))["best"] == "#affected+killed"
    assert tags.startswith("#adm1+name,")
    path = of_slice("casualties", "--format", "parquet", *asked, name="figures.parquet")
    assert len(rows) == read_parquet(path).num_rows == 11
    (best,) = selected(f"SELECT sum(best) FROM '{path}'")
    single = [row for row in SLICE if row["event_clarity"] == "1" and row["date_start"][:7] == row["date_end"][:7]]
    assert best == (sum(int(row["best"]) for row in single),)
    by_day = of_slice("casualties", "--format", "parquet", "--group-by", "day")
    assert str(read_parquet(by_day).schema.field("day").type) == "date32[day]"
