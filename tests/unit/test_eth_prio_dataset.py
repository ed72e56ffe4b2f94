"""Facts about rows of the ETH/PRIO ceasefire dataset: what each code becomes, what is unknown and stays so, and
which rows are not taken. All rows are of the project's own making."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.datasets.differences import change_of
from ledger.datasets.entries import MAX_NAME, Entry, Release, RowError, Seen
from ledger.datasets.eth_prio import DATASET, OPTIONAL, REQUIRED, agreement_of
from ledger.datasets.recorded import Recorded, SaidOfRow
from ledger.datasets.register import Register
from ledger.datasets.survey import NAMES, surveyed
from ledger.datasets.table import Table, TableError
from ledger.domain.actors import ActorRegistered
from ledger.domain.claim import Claim
from ledger.domain.codes import CeasefireClass, CeasefireEnding, CeasefireSide
from ledger.domain.reports import Report
from tests.eth_prio_rows import FRONT, USUAL, row, write

RELEASE = Release("eth-prio", "2022-10", "1" * 64, date(2022, 10, 1))
NO_DATE = {"end_yr": "-1", "end_month": "-1", "end_day": "-1"}
NO_DECLARATION = {"cf_dec_yr": "-1", "cf_dec_month": "-1", "cf_dec_day": "-1"}
NO_EFFECT = {"cf_effect_yr": "0", "cf_effect_month": "0", "cf_effect_day": "0"}


def entry(**cells: str) -> Entry:
    """The row's entry; its actors are registered as an import would."""
    register, made = Register(DATASET.scheme), row(**cells)
    register.newcomers(DATASET.actors_of(made))
    return DATASET.entry_of(made, register.actor_ids, RELEASE)


def claims(**cells: str) -> dict[str, dict[str, Any]]:
    """The row's claims by type, as the domain takes them."""
    document = entry(**cells).document
    report = Report.model_validate(document)
    assert len(report.claims) == len(document["claims"])
    return {each["type"]: each for each in document["claims"]}


def terms(**cells: str) -> dict[str, Any]:
    made: dict[str, Any] = claims(**cells)["CeasefireDeclared"]["terms"]
    return made


def remarks(**cells: str) -> list[str]:
    return [each.column for each in entry(**cells).remarks]


def day(text: str) -> dict[str, str]:
    return {"start": text, "end": text, "precision": "day"}


def test_a_row_is_what_one_party_declared_and_how_it_ended() -> None:
    document = entry().document
    assert {name: value for name, value in document.items() if name != "claims"} == {
        "report_id": "eth-prio-vas-20190304.901",
        "source": {
            "name": "ETH/PRIO Civil Conflict Ceasefire Dataset",
            "external_ids": [
                {"scheme": "eth-prio-release", "id": "2022-10"},
                {"scheme": "ucdp-conflict", "id": "99001"},
                {"scheme": "ucdp-dyad", "id": "99002"},
            ],
        },
        "reported": "2022-10-01",
        "title": "VAS-20190304: Government of Vastria",
        "language": "en",
    }
    common = {
        "agreement_id": "eth-prio-vas-20190304",
        "place": {"name": "Vastria", "precision": "country", "country": "Vastria"},
    }
    assert claims() == {
        "CeasefireDeclared": {
            **common,
            "type": "CeasefireDeclared",
            "occurred": day("2019-03-04"),
            "declared_by": ["government-of-vastria"],
            "terms": {
                "side": "bilateral",
                "ceasefire_class": "preliminary",
                "partial": False,
                "written": True,
                "zone": {"name": "Vastria", "precision": "country", "country": "Vastria"},
                "effective": day("2019-03-06"),
                "purposes": ["peace process"],
                "monitoring_mechanism": "agreed",
                "external_ids": [{"scheme": "eth-prio", "id": "VAS-20190304"}],
            },
        },
        "CeasefireEnded": {
            **common,
            "type": "CeasefireEnded",
            "occurred": {"start": "2019-08-01", "end": "2019-08-31", "precision": "month"},
            "ending": "terminated",
        },
    }
    assert entry().remarks == []


def test_the_rows_of_one_ceasefire_are_reports_about_one_agreement() -> None:
    first, second = entry(), entry(**FRONT)
    assert first.key != second.key
    assert agreement_of(first.key) == agreement_of(second.key) == "eth-prio-vas-20190304"
    assert DATASET.stream_of(second.key) == "agreements/eth-prio-vas-20190304"
    assert claims(**FRONT)["CeasefireDeclared"]["declared_by"] == ["river-front"]
    assert DATASET.key_in(second.document["report_id"] + ":later") == second.key
    assert DATASET.key_in("ucdp-ged-1") is None


@pytest.mark.parametrize("unknown", ["-1", "0"])
def test_what_is_unknown_or_does_not_apply_is_left_out(unknown: str) -> None:
    none = dict.fromkeys(("side", "ceasefire_class", "pax_id", "fixed_time"), unknown)
    unclear = dict.fromkeys(("partial", "written", "implement", "p_peaceprocess", "enforcement", "ddr"), "-1")
    stated = terms(**none, **unclear)
    assert set(stated) == {"zone", "effective", "external_ids"}
    assert [each["scheme"] for each in stated["external_ids"]] == ["eth-prio"]


@pytest.mark.parametrize(("code", "expected"), [("0", False), ("1", True), ("2", True)])
def test_every_code_above_none_is_yes(code: str, expected: bool) -> None:
    assert terms(written=code)["written"] is expected


@pytest.mark.parametrize("column", sorted(OPTIONAL))
def test_a_column_that_may_be_missing_may_be_empty(column: str) -> None:
    assert claims(**{column: ""})["CeasefireDeclared"]["declared_by"]


@pytest.mark.parametrize(
    ("column", "name", "codes"),
    [("side", "side", CeasefireSide), ("ceasefire_class", "ceasefire_class", CeasefireClass)],
)
def test_codes_are_those_of_the_codebook(column: str, name: str, codes: Any) -> None:
    found = [terms(**{column: str(number)})[name] for number in (1, 2, 3)]
    assert found == [codes(number).value for number in (1, 2, 3)]
    with pytest.raises(RowError, match="is 4; the codebook has 1, 2, 3, -1 and 0") as error:
        entry(**{column: "4"})
    assert error.value.column == column


@pytest.mark.parametrize("ending", CeasefireEnding)
def test_each_ending_is_the_codebook_s(ending: CeasefireEnding) -> None:
    assert claims(ended=str(ending.code))["CeasefireEnded"]["ending"] == ending.value


def test_what_goes_on_has_no_end() -> None:
    assert set(claims(ended="0", **NO_DATE)) == {"CeasefireDeclared"}
    assert set(claims(ended="-1", **NO_DATE)) == {"CeasefireDeclared"}
    assert (set(claims(ended="0")), remarks(ended="0")) == ({"CeasefireDeclared"}, ["ended"])
    with pytest.raises(RowError, match="is 5; the codebook has -1 to 4"):
        entry(ended="5")


def test_an_end_before_the_beginning_is_taken_and_told() -> None:
    early = {"end_yr": "2018", "end_month": "1", "end_day": "2"}
    assert claims(**early)["CeasefireEnded"]["occurred"] == day("2018-01-02")
    assert remarks(**early) == ["end_yr"]
    assert remarks(end_yr="2019", end_month="3", end_day="4") == []  # the day on which it was declared


def test_an_end_without_a_year_lies_between_the_beginning_and_the_release() -> None:
    assert claims(**NO_DATE)["CeasefireEnded"]["occurred"] == {
        "start": "2019-03-04",
        "end": "2022-10-01",
        "precision": "years",
    }


@pytest.mark.parametrize(
    ("month", "of_month", "expected"),
    [
        ("2", "29", ("2020-02-29", "2020-02-29", "day")),
        ("2", "-1", ("2020-02-01", "2020-02-29", "month")),
        ("2", "0", ("2020-02-01", "2020-02-29", "month")),
        ("-1", "-1", ("2020-01-01", "2020-12-31", "year")),
        ("-1", "7", ("2020-01-01", "2020-12-31", "year")),
        ("2", "30", ("2020-02-01", "2020-02-29", "month")),
    ],
)
def test_a_date_is_as_precise_as_it_is_known(month: str, of_month: str, expected: tuple[str, str, str]) -> None:
    cells = {"cf_effect_yr": "2020", "cf_effect_month": month, "cf_effect_day": of_month}
    assert tuple(terms(**cells)["effective"].values()) == expected
    assert remarks(**cells) == (["cf_effect_day"] if of_month == "30" else [])


def test_either_of_two_dates_is_enough_and_none_is_too_little() -> None:
    assert claims(**NO_DECLARATION)["CeasefireDeclared"]["occurred"] == day("2019-03-06")
    assert "effective" not in terms(**NO_EFFECT)
    with pytest.raises(RowError, match="neither declaration nor taking effect has a year") as error:
        entry(**NO_DECLARATION, **NO_EFFECT)
    assert error.value.column == "cf_dec_yr"


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("cf_dec_month", "13", "is 13, which is no month"),
        ("cf_dec_yr", "19", "is 19, which is no year of a ceasefire"),
        ("end_yr", "soon", "is `soon`, which is no whole number"),
        ("cf_id", "", "is empty"),
        ("actor_name", " ", "is empty"),
        ("location", "", "is empty"),
        ("side", "-2", "cannot be less than -1"),
    ],
)
def test_what_cannot_be_taken_names_its_column(column: str, value: str, why: str) -> None:
    with pytest.raises(RowError, match=why) as error:
        entry(**{column: value})
    assert error.value.column == column


@pytest.mark.parametrize(
    ("text", "hours"),
    [("72 hours", 72), ("1 hour", 1), ("3 days", 72), ("10", 240), ("10.0", 240), ("2 Weeks", 336), ("7-day", 168)],
)
def test_a_fixed_term_is_in_hours(text: str, hours: int) -> None:
    assert terms(fixed="1", fixed_time=text)["fixed_term_hours"] == hours


@pytest.mark.parametrize("text", ["1 month", "until Eid", "0 days", "a while"])
def test_a_term_that_is_no_number_of_hours_is_unknown_and_told(text: str) -> None:
    assert "fixed_term_hours" not in terms(fixed_time=text)
    assert remarks(fixed_time=text) == ["fixed_time"]


def test_mediators_are_named_and_a_code_names_nobody() -> None:
    assert terms(mediator_nego="Norway; African Union; Norway")["mediators"] == ["norway", "african-union"]
    assert terms(mediator_nego="Norway, African Union")["mediators"] == ["norway", "african-union"]
    assert terms(mediator_nego="Norway, Kingdom of; UN")["mediators"] == ["norway-kingdom-of", "un"]
    assert len(terms(mediator_nego="Организация, AU")["mediators"]) == 2
    for code in ("1", "0", "-1", "1.0", ""):
        assert "mediators" not in terms(mediator_nego=code)


def test_ids_are_of_one_ceasefire_and_one_party_each() -> None:
    texts = ("VAS-2019.1", "VAS-2019_1", "停火-1", "1", "--", "A" * 60 + "1", "A" * 60 + "2")
    assert len({entry(cf_id=each).key for each in texts}) == len(texts)
    unknown = [
        entry(actor_name=each, ucdp_actor_id="-1").key for each in ("Фронт А", "Армия Б", "B" * 70, "B" * 71)
    ]
    assert len(set(unknown)) == len(unknown)
    longest = (
        f"{DATASET.report_id(entry(cf_id='C' * 300, actor_name='D' * 99, ucdp_actor_id='').key)}:{'r' * MAX_NAME}"
    )
    assert len(longest) <= 128  # as long as an id can be


def test_a_mediator_that_is_a_party_elsewhere_is_the_same_actor_however_often_it_is_imported() -> None:
    rows = [
        row(mediator_nego="River Front"),
        row(cf_id="2", **FRONT),
        row(cf_id="3", **(FRONT | {"ucdp_actor_id": "-1"})),
    ]
    seen = {each.external_id: each for of in rows for each in DATASET.actors_of(of)}
    first, again = Register(DATASET.scheme), Register(DATASET.scheme)
    for registration in first.newcomers(seen.values()):
        again.take(ActorRegistered.model_validate(registration))
    assert again.newcomers(seen.values()) == []
    assert first.actor_ids == again.actor_ids
    assert {first.actor_ids[each] for each in ("mediator:River Front", "9021")} == {"river-front"}


def test_an_end_without_a_year_is_no_change_of_a_later_release() -> None:
    later = Release("eth-prio", "2023-10", "2" * 64, date(2023, 10, 1))
    said = SaidOfRow()
    for number, claim in enumerate(Report.model_validate(entry(**NO_DATE).document).claims):
        stated = {**claim.model_dump(mode="json", exclude_defaults=True), "type": claim.type}
        Recorded(DATASET)._say(said, str(UUID(int=number)), stated, claim.to_payload())
    assert said.days == ("2019-03-04", "2019-03-04")
    register, made = Register(DATASET.scheme), row(**NO_DATE)
    register.newcomers(DATASET.actors_of(made))
    assert change_of(DATASET.entry_of(made, register.actor_ids, later), said, later) is None
    dated = change_of(DATASET.entry_of(row(), register.actor_ids, later), said, later)
    assert dated is not None
    assert (dated.corrected, dated.new, dated.retracted) == (1, 0, 0)


def test_ids_elsewhere_go_along() -> None:
    stated = terms(pax_id="2169.0", pax_stage="Cea", pax_ce="0")["external_ids"][1:]
    assert [(each["scheme"], each["id"]) for each in stated] == [
        ("pa-x", "2169"),
        ("pa-x-stage", "Cea"),
        ("pa-x-ce", "0"),
    ]


@pytest.mark.parametrize("none", ["-1", "0", ""])
def test_a_party_without_an_id_is_named_and_not_registered(none: str) -> None:
    made = row(actor_name="Some militia", ucdp_actor_id=none)
    assert DATASET.actors_of(made) == [Seen("name:Some militia", "Some militia", "")]
    assert claims(actor_name="Some militia", ucdp_actor_id="-1")["CeasefireDeclared"]["declared_by"] == [
        "some-militia"
    ]
    kinds = [DATASET.actors_of(row(**party))[0].kind for party in ({}, FRONT)]
    assert kinds == ["state_forces", "rebel_group"]


parts = st.sampled_from(["-1", "0", "", "1", "2", "12", "13", "28", "31", "x"])
years = st.sampled_from(["-1", "0", "", "2018", "2019", "2020.0", "19"])


@given(
    dates=st.fixed_dictionaries(
        {f"{which}_yr": years for which in ("cf_dec", "cf_effect", "end")}
        | {f"{which}_{part}": parts for which in ("cf_dec", "cf_effect", "end") for part in ("month", "day")}
    ),
    codes=st.fixed_dictionaries(
        {
            name: st.sampled_from(["-1", "0", "1", "2", "3", "4"])
            for name in ("side", "ceasefire_class", "ended", "written")
        }
    ),
    text=st.text(max_size=12),
)
def test_a_row_is_taken_whole_or_refused_by_a_column(
    dates: dict[str, str], codes: dict[str, str], text: str
) -> None:
    cells = {**dates, **codes, "fixed_time": text, "mediator_nego": text}
    refused, made = "", None
    try:
        made = entry(**cells)
        country, first, last = DATASET.place_and_time(row(**cells))
    except RowError as error:
        refused = error.column
    if refused or made is None:
        assert refused in REQUIRED | OPTIONAL
        return
    report = Report.model_validate(made.document)
    assert country == "Vastria"
    assert first <= last
    stated = [each for each in report.claims if isinstance(each, Claim)]
    assert min(each.occurred.start for each in stated) >= first
    assert max(each.occurred.end for each in stated) <= max(last, RELEASE.available)
    assert {"CeasefireDeclared"} <= {each.type for each in stated}


def test_an_actor_whom_no_register_takes_refuses_its_row_and_no_other(tmp_path: Path) -> None:
    rows = [row(actor_name="x" * 201), row(actor_name="two\nlines", cf_id="2"), row(cf_id="3")]
    survey = surveyed(DATASET, Table(write(tmp_path / "a.csv", rows)))
    assert [each.why.partition(": ")[2] for each in survey.refused.values()] == [NAMES, NAMES]
    assert list(survey.actors) == ["901"]


def test_a_file_needs_its_columns_and_only_these(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [row(), row(**FRONT), row()])
    survey = surveyed(DATASET, Table(path))
    assert (survey.rows, survey.keys) == (3, {"vas-20190304.901", "vas-20190304.9021"})
    assert [each.why for each in survey.refused.values()] == [
        "the row is there a second time; the first one is taken"
    ]
    assert survey.scope.last - survey.scope.first > timedelta(days=100)
    lacking = tmp_path / "b.csv"
    lacking.write_text(",".join(sorted(set(USUAL) - {"ended", "side"})) + "\n")
    with pytest.raises(TableError, match="it has no column ended, side"):
        surveyed(DATASET, Table(lacking))
    assert set(USUAL) >= REQUIRED
