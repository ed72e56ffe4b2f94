"""A slice of the UCDP Georeferenced Event Dataset as report documents: one report for each row, nothing added.
Pure functions of rows; `python -m seeds.ucdp` writes the report file anew. It judges no row."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ledger.domain.codes import Code, DatePrecision, EventClarity, KindOfViolence, PlacePrecision

FOLDER = Path(__file__).parent
SLICE = FOLDER / "data" / "ucdp-ged-idlib-2019.csv"
REPORTS = FOLDER / "03-ucdp-ged-idlib-2019.jsonl"

GOVERNORATE, YEAR = "Idlib Governorate", "2019"
COLUMNS = (
    *("id", "year", "type_of_violence", "dyad_new_id", "dyad_name"),
    *("side_a_new_id", "side_a", "side_b_new_id", "side_b", "number_of_sources", "source_date"),
    *("where_prec", "where_coordinates", "adm_1", "adm_2", "latitude", "longitude", "country"),
    *("event_clarity", "date_prec", "date_start", "date_end"),
    *("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown", "low", "best", "high"),
)
"""The factual columns of the release. What sources wrote (headlines, articles) stays behind."""

ACTORS = {
    "1": "civilians",
    "115": "government-of-turkey",
    "118": "government-of-syria",
    "234": "islamic-state",
    "4456": "syrian-opposition-groups",
    "6037": "liwa-al-aqsa",
    "6288": "syrian-democratic-forces",
    "6815": "hayat-tahrir-al-sham",
    "7128": "national-front-for-liberation",
    "7514": "syrian-national-army",
}
"""UCDP's actor ids, and the actors that the seeds register for them."""

SOURCE = "UCDP GED"
SEPARATOR = ";"
"""Between the dates of several sources."""

Row = Mapping[str, str]
Document = dict[str, Any]


def slice_of(release: Iterable[Row]) -> Iterator[dict[str, str]]:
    """The rows of the slice, in the release's order, with the factual columns alone."""
    for row in release:
        if row["adm_1"] == GOVERNORATE and row["year"] == YEAR:
            yield {column: row[column] for column in COLUMNS}


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a comma-separated file with a header."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


CLASSES = ("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown")


def report_of(row: Row) -> Document:
    """The report that a row is: the use of force, one claim for each class of deaths, and the toll where the
    estimates differ."""
    return {
        "report_id": f"ucdp-ged-syria-{row['id']}",
        "source": {"name": SOURCE},
        "reported": _reported(row).isoformat(),
        "title": f"{row['dyad_name']}, {row['where_coordinates']}",
        "language": "en",
        "claims": [_force(row), *_deaths(row), *_toll(row)],
    }


def report_lines(rows: Iterable[Row]) -> str:
    """The report file: JSON lines, one report in each."""
    return "".join(f"{json.dumps(report_of(row), ensure_ascii=False)}\n" for row in rows)


def _reported(row: Row) -> date:
    """The latest date of the row's sources, for the row rests on all of them. A date before the event's last day is
    no date of a report on it: without any other, that last day is taken."""
    ended = date.fromisoformat(row["date_end"])
    stated = (date.fromisoformat(each) for each in row["source_date"].split(SEPARATOR))
    return max((each for each in stated if each >= ended), default=ended)


def _claim(row: Row, kind: str, **content: Any) -> Document:
    """A claim of the row's incident, with the parts that all claims of the row share."""
    place = {
        "name": row["where_coordinates"],
        "precision": _word(PlacePrecision, row["where_prec"]),
        "country": row["country"],
        "admin1": row["adm_1"],
        "admin2": row["adm_2"],
        "latitude": float(row["latitude"]),
        "longitude": float(row["longitude"]),
    }
    return {
        "type": kind,
        "occurred": {
            "start": row["date_start"],
            "end": row["date_end"],
            "precision": _word(DatePrecision, row["date_prec"]),
        },
        "place": {name: value for name, value in place.items() if value != ""},
        "clarity": _word(EventClarity, row["event_clarity"]),
        "kind_of_violence": _word(KindOfViolence, row["type_of_violence"]),
        "incident_id": f"ucdp-{row['id']}",
        **content,
    }


def _word(codes: type[Code], number: str) -> str:
    """The word of reports for a codebook's number."""
    return {each.code: each.value for each in codes}[int(number)]


def _is_one_sided(row: Row) -> bool:
    return int(row["type_of_violence"]) == KindOfViolence.ONE_SIDED.code


def _sides(row: Row) -> tuple[str, str]:
    return ACTORS[row["side_a_new_id"]], ACTORS[row["side_b_new_id"]]


def _force(row: Row) -> Document:
    """Who used force against whom. UCDP does not code who attacked in a fight: both sides are named as both."""
    side_a, side_b = _sides(row)
    if _is_one_sided(row):
        return _claim(row, "AttackReported", attackers=[side_a], targets=[side_b])
    return _claim(row, "AttackReported", attackers=[side_a, side_b], targets=[side_a, side_b])


def _deaths(row: Row) -> Iterator[Document]:
    """One claim for each class with deaths. UCDP says who died, and who killed only where violence is one-sided."""
    side_a, side_b = _sides(row)
    killers: Document = {"perpetrators": [side_a]} if _is_one_sided(row) else {}
    claims: tuple[tuple[str, str, Document], ...] = (
        ("deaths_a", "TroopsKilled", {"victim_party": side_a}),
        ("deaths_b", "TroopsKilled", {"victim_party": side_b}),
        ("deaths_civilians", "CiviliansKilled", killers),
        ("deaths_unknown", "PersonsKilled", {"victim_class": "unknown", **killers}),
    )
    if _is_one_sided(row) and int(row["deaths_b"]):
        raise ValueError(f"row {row['id']}: deaths of side b in one-sided violence are civilians, not troops")
    for column, kind, content in claims:
        if int(row[column]):
            yield _claim(row, kind, **content, count=_count(row, int(row[column])))


def _count(row: Row, deaths: int) -> int | Document:
    """Exact where the row's three estimates agree. Where they differ, its bounds are those of its only class; of
    several classes UCDP gives the best estimates alone."""
    if not _estimates_differ(row):
        return deaths
    if deaths == int(row["best"]):
        return {"qualifier": "between", **_bounds(row)}
    return {"qualifier": "about", "stated": deaths}


def _bounds(row: Row) -> dict[str, int]:
    return {name: int(row[name]) for name in ("low", "best", "high")}


def _estimates_differ(row: Row) -> bool:
    return len({int(row["low"]), int(row["best"]), int(row["high"])}) > 1


def _toll(row: Row) -> Iterator[Document]:
    """The row's total with its bounds, where no claim of one class can carry them."""
    one_class = any(int(row[column]) == int(row["best"]) for column in CLASSES) and int(row["best"])
    if _estimates_differ(row) and not one_class:
        count = {"qualifier": "between", **_bounds(row)}
        yield _claim(row, "TollClaimed", victim_class="unknown", outcome="killed", count=count)


if __name__ == "__main__":
    REPORTS.write_text(report_lines(rows_of(SLICE)), encoding="utf-8")
