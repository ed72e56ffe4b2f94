"""A slice of the UCDP Georeferenced Event Dataset as a report file, made as an import makes it.
Pure functions of rows; `python -m seeds.ucdp` writes the report file anew. It judges no row."""

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import yaml

from ledger.datasets.entries import Cells, Document, Release
from ledger.datasets.register import Register
from ledger.datasets.ucdp import DATASET
from ledger.domain.actors import ActorRegistered

FOLDER = Path(__file__).parent
ACTORS = FOLDER / "01-actors.yaml"
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

RELEASE = Release(
    dataset=DATASET.name,
    name="Syria 2016-2019",
    sha256="2ad1d0f4042852eba88492ac3f3197f0cdbbcf970822a7d7bafe6750a2b6eb5b",
    available=date(2020, 1, 1),
)
"""The release that the slice is of. Its day of publication is not known here; its last events are of 2019."""


def slice_of(release: Iterable[Cells]) -> Iterator[dict[str, str]]:
    """The rows of the slice, in the release's order, with the factual columns alone."""
    for row in release:
        if row["adm_1"] == GOVERNORATE and row["year"] == YEAR:
            yield {column: row[column] for column in COLUMNS}


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a comma-separated file with a header."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def actor_ids() -> dict[str, str]:
    """UCDP's actor ids, and the actors that the seeds register for them."""
    register = Register(DATASET.scheme)
    for claim in yaml.safe_load(ACTORS.read_text(encoding="utf-8"))["claims"]:
        register.take(ActorRegistered.model_validate(claim))
    return register.actor_ids


def report_of(row: Cells, actors: dict[str, str]) -> Document:
    """The report that a row is."""
    return DATASET.entry_of(row, actors, RELEASE).document


def report_lines(rows: Iterable[Cells]) -> str:
    """The report file: JSON lines, one report in each."""
    actors = actor_ids()
    return "".join(f"{json.dumps(report_of(row, actors), ensure_ascii=False)}\n" for row in rows)


if __name__ == "__main__":
    REPORTS.write_text(report_lines(rows_of(SLICE)), encoding="utf-8")
