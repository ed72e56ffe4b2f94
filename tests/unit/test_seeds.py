"""Facts about the seed reports: they are valid, say what their sources say, and hold no text of theirs."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest

from ledger.cli.report_files import read_report_files, report_files_in
from ledger.datasets.entries import Cells, RowError
from ledger.datasets.table import Table
from ledger.domain.casualties import CasualtyClaim, TollClaimed
from ledger.domain.claim import Claim
from ledger.domain.notices import BEST_ABOVE_HIGH, notices_of
from ledger.domain.reports import Report
from seeds import ucdp
from tests.released import PATH, needs_release

DEATHS = ("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown")
README = (ucdp.FOLDER / "README.md").read_text(encoding="utf-8")


def reports_of(*names: str) -> list[Report]:
    """The reports of seed files, as the command reads them."""
    files = list(read_report_files(names))
    assert [str(fault) for file in files for fault in file.faults] == []
    return [report for file in files for report in file.reports]


FILES = report_files_in(ucdp.FOLDER)
ACTORS = ucdp.actor_ids()
ROWS = ucdp.rows_of(ucdp.SLICE)


@pytest.fixture(scope="module")
def seeds() -> list[Report]:
    """All seed reports, in order."""
    return reports_of(*FILES)


@pytest.fixture(scope="module")
def founding() -> Report:
    """The founding case."""
    (report,) = reports_of(str(ucdp.FOLDER / "02-founding-case.yaml"))
    return report


@pytest.fixture(scope="module")
def slice_reports() -> dict[str, Report]:
    """The reports of the slice by the ids of their rows."""
    return {report.report_id.rpartition("-")[2]: report for report in reports_of(str(ucdp.REPORTS))}


def row_with(**values: str) -> dict[str, str]:
    """The first row of the slice, with other values."""
    return {**ROWS[0], **values}


def total(column: str, rows: Iterable[Cells] = ROWS) -> int:
    """The sum of a column."""
    return sum(int(row[column]) for row in rows)


def casualties_of(report: Report) -> list[CasualtyClaim | TollClaimed]:
    """The claims of one class of victims in a report, itemised or as an aggregate."""
    return [
        item
        for item in report.claims
        if isinstance(item, CasualtyClaim) or (isinstance(item, TollClaimed) and item.victim_class)
    ]


def class_of(claim: CasualtyClaim | TollClaimed) -> str:
    """Whose deaths a claim is of."""
    by_type = {"TroopsKilled": "troops", "CiviliansKilled": "civilians"}
    return by_type.get(claim.type) or str(getattr(claim, "victim_class", ""))


def best_of(claims: Iterable[CasualtyClaim | TollClaimed]) -> int:
    """The sum of the best numbers of claims."""
    return sum(claim.count.bounds().best or 0 for claim in claims)


def test_the_actors_come_before_the_reports_that_name_them() -> None:
    names = [Path(name).name for name in FILES]
    assert names == ["01-actors.yaml", "02-founding-case.yaml", "03-ucdp-ged-idlib-2019.jsonl"]


def test_every_report_has_an_id_of_its_own(seeds: list[Report]) -> None:
    ids = Counter(report.report_id for report in seeds)
    assert [each for each, times in ids.items() if times > 1] == []


def test_every_actor_is_registered_once_and_before_it_is_named(seeds: list[Report]) -> None:
    registered = [item.actor_id for item in seeds[0].claims if item.type == "ActorRegistered"]
    assert len(set(registered)) == len(registered) == len(seeds[0].claims)
    named = {actor for report in seeds[1:] for item in report.claims for _, actor in item.actor_ids()}
    assert named - set(registered) == set()


def test_the_register_knows_the_sides_of_every_row() -> None:
    sides = {row[side] for row in ROWS for side in ("side_a_new_id", "side_b_new_id")}
    assert sides - ACTORS.keys() == set()
    assert ACTORS["115"] == "government-of-turkey"


def test_only_the_rows_whose_best_is_above_high_are_flagged(seeds: list[Report]) -> None:
    flagged = [notice.reason for report in seeds for notice in notices_of(report, set())]
    assert flagged == [BEST_ABOVE_HIGH] * sum(int(row["best"]) > int(row["high"]) for row in ROWS)
    assert len(flagged) == 6


def test_the_founding_case_says_what_the_report_says(founding: Report) -> None:
    day, week, month, year, years = 1, 3, 4, 5, 6
    said = [
        (each.type, each.occurred.start, each.occurred.end, each.occurred.precision.code)
        for each in founding.claims
        if isinstance(each, Claim)
    ]
    reported = date(2020, 2, 12)
    monday, sunday, attack = date(2020, 2, 3), date(2020, 2, 9), date(2020, 2, 10)
    sochi, january = date(2018, 9, 17), date(2020, 1, 12)
    assert said == [
        ("ThreatIssued", reported, reported, day),
        ("ThreatIssued", reported, reported, day),
        ("ThreatIssued", reported, reported, day),
        ("TalksHeld", reported, reported, day),
        ("AttackReported", attack, attack, day),
        ("TroopsKilled", attack, attack, day),
        ("TroopsInjured", attack, attack, day),
        ("AttackReported", monday, sunday, week),
        ("TroopsKilled", monday, sunday, week),
        ("PersonsKilled", monday, sunday, week),
        ("Retaliation", monday, reported, month),
        ("TroopsKilled", monday, reported, month),
        ("AgreementSigned", sochi, sochi, day),
        ("ObservationPostsEstablished", date(2018, 1, 1), date(2018, 12, 31), year),
        ("TollClaimed", sochi, reported, years),
        ("CeasefireDeclared", january, january, day),
        ("CeasefireViolated", sochi, reported, years),
        ("CeasefireViolated", january, reported, year),
        ("OffensiveReported", date(2020, 1, 22), reported, month),
        ("StatementMade", reported, reported, day),
    ]
    assert (founding.reported, founding.source.dateline) == (reported, "Ankara")
    assert (monday.isoweekday(), sunday.isoweekday(), attack.isoweekday(), reported.isoweekday()) == (1, 7, 1, 3)


def test_the_founding_case_is_assessed_by_nobody(founding: Report) -> None:
    assert {each.verification for each in founding.claims if isinstance(each, Claim)} == {"reported"}


def test_only_the_retaliation_is_an_aggregate_and_a_partys_claim(founding: Report) -> None:
    casualties = casualties_of(founding)
    aggregates = [each for each in casualties if each.clarity == "aggregate"]
    by_party = [each for each in casualties if any(by.role == "party" for by in each.attributions)]
    assert aggregates == by_party
    assert [best_of([each]) for each in aggregates] == [200]


def test_the_report_file_is_what_the_converter_makes_of_the_slice() -> None:
    assert ucdp.REPORTS.read_text(encoding="utf-8") == ucdp.report_lines(ROWS)


def test_each_row_is_one_report(slice_reports: dict[str, Report]) -> None:
    assert [row["id"] for row in ROWS] == list(slice_reports)


@pytest.mark.parametrize(("column", "victims"), [("deaths_civilians", "civilians"), ("deaths_unknown", "unknown")])
def test_deaths_by_class_are_those_of_the_slice(
    column: str, victims: str, slice_reports: dict[str, Report]
) -> None:
    claims = [each for report in slice_reports.values() for each in casualties_of(report)]
    assert best_of(each for each in claims if class_of(each) == victims) == total(column) > 0


@pytest.mark.parametrize(("number", "actor"), ACTORS.items())
def test_deaths_of_troops_are_those_of_the_sides(number: str, actor: str, slice_reports: dict[str, Report]) -> None:
    claims = [each for report in slice_reports.values() for each in casualties_of(report)]
    troops = [each for each in claims if class_of(each) == "troops" and each.victim_party == actor]
    of_a = total("deaths_a", (row for row in ROWS if row["side_a_new_id"] == number))
    of_b = total("deaths_b", (row for row in ROWS if row["side_b_new_id"] == number))
    assert best_of(troops) == of_a + of_b


def test_every_row_keeps_its_estimates(slice_reports: dict[str, Report]) -> None:
    for row in ROWS:
        stated = tuple(int(row[name]) for name in ("low", "best", "high"))
        report = slice_reports[row["id"]]
        bounds = [item.count.bounds() for item in report.claims if isinstance(item, TollClaimed | CasualtyClaim)]
        whole = [each for each in bounds if (each.low, each.best, each.high) == stated]
        # Once, and in full: by the claim of the row's only class, or else by a toll.
        assert len(whole) == (1 if len(set(stated)) > 1 or len(bounds) == 1 else 0)
        assert best_of(casualties_of(report)) == stated[1] == sum(int(row[name]) for name in DEATHS)


def test_every_claim_of_a_row_keeps_its_codes(slice_reports: dict[str, Report]) -> None:
    for row in ROWS:
        for claim in slice_reports[row["id"]].claims:
            assert isinstance(claim, Claim)
            assert claim.place is not None
            assert claim.kind_of_violence is not None
            codes = (claim.occurred.precision, claim.place.precision, claim.clarity, claim.kind_of_violence)
            columns = ("date_prec", "where_prec", "event_clarity", "type_of_violence")
            assert [str(each.code) for each in codes] == [row[column] for column in columns]
            assert (claim.place.latitude, claim.place.longitude) == (
                float(row["latitude"]),
                float(row["longitude"]),
            )


@pytest.mark.parametrize(
    ("source_dates", "first", "last", "reported"),
    [
        ("2019-05-01", "2019-05-01", "2019-05-01", "2019-05-01"),
        ("2019-05-01;2019-06-02;2019-05-03", "2019-05-01", "2019-05-01", "2019-06-02"),
        ("2019-04-30", "2019-05-01", "2019-05-01", "2019-05-01"),
        ("2019-05-02;2019-05-01", "2019-05-01", "2019-05-03", "2019-05-03"),
    ],
)
def test_the_day_of_report_is_the_latest_date_not_before_the_end(
    source_dates: str, first: str, last: str, reported: str
) -> None:
    row = row_with(source_date=source_dates, date_start=first, date_end=last)
    assert ucdp.report_of(row, ACTORS)["reported"] == reported


def test_troops_are_never_made_of_civilians() -> None:
    one_sided = row_with(type_of_violence="3", side_b_new_id="1", deaths_b="2")
    with pytest.raises(RowError, match="are civilians, not troops"):
        ucdp.report_of(one_sided, ACTORS)


def test_an_actor_that_nobody_registered_stops_the_converter() -> None:
    with pytest.raises(KeyError, match="99999"):
        ucdp.report_of(row_with(side_a_new_id="99999"), ACTORS)


def test_only_factual_columns_are_shipped() -> None:
    assert set(ROWS[0]) == set(ucdp.COLUMNS)
    text = {"source_article", "source_office", "source_headline", "source_original"}
    assert text & set(ROWS[0]) == set()
    # No cell is long enough for a sentence of somebody else's.
    assert max(len(value) for row in ROWS for value in row.values()) < 100


def test_the_slice_is_one_governorate_in_one_year() -> None:
    assert {(row["adm_1"], row["year"]) for row in ROWS} == {("Idlib Governorate", "2019")}


def test_the_readme_cites_the_data_and_names_their_licence() -> None:
    for part in ("Sundberg", "Melander", "523–532", "Högbladh", "codebook version 19.1", "CC BY 4.0"):
        assert part.lower() in README.lower()


def test_the_readme_tells_the_totals(seeds: list[Report]) -> None:
    estimates = " / ".join(f"{total(name):,}" for name in ("low", "best", "high"))
    deaths = " / ".join(f"{total(name):,}" for name in DEATHS)
    violence = Counter(row["type_of_violence"] for row in ROWS)
    aggregates = sum(row["event_clarity"] == "2" for row in ROWS)
    told = [
        f"| rows | {len(ROWS)} |",
        f"| low / best / high | {estimates} |",
        f"| {deaths} (",
        f"| type of violence 1 / 2 / 3 | {violence['1']} / {violence['2']} / {violence['3']} rows |",
        f"| aggregates (event clarity 2) | {aggregates} rows |",
    ]
    assert [each for each in told if each not in README] == []
    files = re.findall(r"^\| `(\d\d-\S+)` \| .* \| ([\d,]+) \| ([\d,]+) \|$", README, re.MULTILINE)
    for name, reports, claims in files:
        found = reports_of(str(ucdp.FOLDER / name))
        assert (f"{len(found):,}", f"{sum(len(each.claims) for each in found):,}") == (reports, claims)
    assert len(files) == len(FILES)


def test_the_report_file_is_json_lines() -> None:
    lines = ucdp.REPORTS.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["report_id"] for line in lines] == [f"ucdp-ged-{row['id']}" for row in ROWS]


@needs_release
def test_the_slice_is_part_of_the_release() -> None:
    assert list(ucdp.slice_of(row.cells for row in Table(PATH).rows())) == ROWS


@needs_release
def test_the_seeds_name_the_release_by_its_digest() -> None:
    assert Table(PATH).digest() == ucdp.RELEASE.sha256
