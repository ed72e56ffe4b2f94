"""Ceasefires and threats on a real database, through the fold of the history: the founding case, what counts as a
violation, as of any position, and the same counts as a plain reference."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.ceasefires import CEASEFIRES
from projections.ceasefires.lifecycle import Formal
from projections.ceasefires.machine import WHOLE
from projections.ceasefires.observance import Observance, Violations, Window, window_of
from projections.ceasefires.reading import Answer, CeasefireReader
from projections.ceasefires.status import Status
from projections.ceasefires.violations import (
    FIRST,
    SeriesStep,
    ViolationQuestion,
    key_of,
    list_violations,
    series_of_violations,
)
from projections.threats import THREATS
from projections.threats import reading as threat_reading
from projections.threats.status import Fate
from tests.folded import RecordedReports, folded
from tests.postgres import Database

AT = date(2020, 2, 12)
IDLIB = {"name": "Idlib", "precision": "admin1", "country": "Syria", "admin1": "Idlib"}
SINCE = {"start": "2018-09-17", "end": "2020-02-12", "precision": "years"}


def signed(agreement: str = "sochi", on: Any = "2018-09-17", *by: str, **terms: Any) -> dict[str, Any]:
    return {
        "type": "AgreementSigned",
        "agreement_id": agreement,
        "occurred": on,
        "signatories": list(by or ("russia", "turkey")),
        "terms": terms,
    }


def declared(agreement: str, on: Any, **terms: Any) -> dict[str, Any]:
    return {"type": "CeasefireDeclared", "agreement_id": agreement, "occurred": on, "terms": terms}


def violated(agreement: str = "sochi", on: Any = "2020-02-01", *by: str, **more: Any) -> dict[str, Any]:
    claim = {"type": "CeasefireViolated", "agreement_id": agreement, "occurred": on, **more}
    return {**claim, "violators": list(by)}


def threat(threat_id: str, kind: str, **more: Any) -> dict[str, Any]:
    claim = {"type": "ThreatIssued", "threat_id": threat_id, "occurred": "2020-02-12", "threat_kind": kind}
    return {**claim, "issued_by": ["turkey"], **more}


FOUNDING = (
    threat("strike-anywhere", "conditional", against=["government-of-syria"], condition="a soldier is hurt"),
    threat("push-back", "ultimatum", against=["government-of-syria"], deadline="2020-02-29"),
    threat("no-excuse", "warning", addressees=["opposition-groups"]),
    signed(title="Sochi memorandum", zone=IDLIB),
    declared("january-2020", "2020-01-12", effective="2020-01-12", parties=["russia", "turkey"]),
    violated("sochi", SINCE, "government-of-syria", "russia", place=IDLIB),
    violated("january-2020", SINCE, "government-of-syria", "russia", place=IDLIB),
)


class Asking:
    """The two read models, folded anew for each history, and asked questions."""

    def __init__(self, own: psycopg.Connection[Any], connection: psycopg.AsyncConnection[Any]) -> None:
        self.own = own
        self.connection = connection

    def fold(self, reports: RecordedReports, batch: int = 1_000) -> None:
        self.position = reports.position
        self.ceasefires = folded(self.own, CEASEFIRES, reports.records, batch)
        self.threats = folded(self.own, THREATS, reports.records, batch)

    async def reader(self, position: int | None = None) -> CeasefireReader:
        await self._see(self.ceasefires)
        return CeasefireReader(self.connection, self.position if position is None else position)

    async def answer(
        self, agreement: str = "sochi", at: date = AT, days: int = 0, position: int | None = None
    ) -> Answer:
        reader = await self.reader(position)
        (status,) = await reader.statuses([agreement], at)
        return await reader.answer(status, days)

    async def fates(self, at: date = AT, position: int | None = None, **asked: Any) -> dict[str, Fate]:
        await self._see(self.threats)
        reader = threat_reading.ThreatReader(self.connection, self.position if position is None else position)
        found = await reader.threats(threat_reading.Question(at, **asked), threat_reading.FIRST, 100)
        return {each.key[1]: each.state.fate for each in found}

    async def _see(self, schema: str) -> None:
        await self.connection.execute("SELECT set_config('search_path', %s, false)", [schema])


@pytest_asyncio.fixture
async def asking(database: Database) -> AsyncIterator[Asking]:
    url = database.owner_url
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        with psycopg.connect(url) as own:
            yield Asking(own, connection)


@pytest.fixture
def reports() -> RecordedReports:
    return RecordedReports()


# ------------------------------------------------------------ the founding case


@pytest.mark.parametrize("agreement", ["sochi", "january-2020"])
async def test_founding_case(asking: Asking, reports: RecordedReports, agreement: str) -> None:
    reports.file("founding", *FOUNDING)
    asking.fold(reports)
    answer = await asking.answer(agreement)
    assert answer.status.formal is Formal.IN_FORCE
    assert answer.observance is Observance.VIOLATED
    assert answer.violations == Violations({"alleged": 1}, {"russia": 1}, {}, AT)


async def test_founding_case_threats(asking: Asking, reports: RecordedReports) -> None:
    reports.file("founding", *FOUNDING)
    asking.fold(reports)
    assert await asking.fates() == {
        "strike-anywhere": Fate.OPEN,
        "push-back": Fate.OPEN,
        "no-excuse": Fate.OPEN,
    }
    assert (await asking.fates(date(2020, 3, 1)))["push-back"] is Fate.EXPIRED
    assert await asking.fates(kinds=["ultimatum"]) == {"push-back": Fate.OPEN}
    assert await asking.fates(against=["opposition-groups"]) == {}
    assert await asking.fates(date(2020, 3, 1), fates=[Fate.EXPIRED]) == {"push-back": Fate.EXPIRED}
    assert await asking.fates(date(2020, 2, 11)) == {}


async def test_two_sources_on_the_january_ceasefire(asking: Asking, reports: RecordedReports) -> None:
    reports.file("founding", *FOUNDING)
    both = ["russia", "turkey"]
    dated = declared("january-2020", "2020-01-12", effective="2020-01-09", parties=both)
    reports.file("dataset", dated, reported="2020-03-01")
    asking.fold(reports)
    before, after = [(await asking.answer("january-2020", position=at)).status for at in (8, asking.position)]
    assert before.conflicts == ()
    (conflict,) = after.conflicts
    assert (conflict.what, conflict.rule, conflict.chosen) == ("effective", "latest", 1)
    assert [str(each.start) for each in conflict.dates] == ["2020-01-12", "2020-01-09"]
    assert (str(before.began and before.began.start), str(after.began and after.began.start)) == (
        "2020-01-12",
        "2020-01-09",
    )


# ------------------------------------------------------------ which day, which state


async def test_the_day_is_the_latest_day_of_publication(asking: Asking, reports: RecordedReports) -> None:
    reports.file("one", signed(), reported="2020-02-10")
    reports.file("two", violated(), reported="2020-02-12")
    reports.file("late", violated(), reported="2020-01-05")
    asking.fold(reports)
    days = [await (await asking.reader(position)).latest_day() for position in range(7)]
    first, second = date(2020, 2, 10), date(2020, 2, 12)
    assert days == [None, first, first, second, second, second, second]


async def test_a_wrongly_dated_report_that_is_retracted_moves_no_day(
    asking: Asking, reports: RecordedReports
) -> None:
    reports.file("one", signed(), reported="2020-02-10")
    reports.file("wrong", violated(), reported="9999-12-31")
    (act,) = reports.file(
        "gone", {"type": "ReportRetracted", "target_report_id": "wrong", "reason": "error"}, reported="2020-02-11"
    )
    undoing = {"type": "ClaimRetracted", "target_event_id": str(act), "reason": "error"}
    reports.file("undone", undoing, reported="2020-02-11")
    asking.fold(reports)
    days = [await (await asking.reader(position)).latest_day() for position in range(1, 9)]
    first, second, wrong = date(2020, 2, 10), date(2020, 2, 11), date.max
    assert days == [first, first, wrong, wrong, wrong, second, second, wrong]


async def test_corrected_and_retracted_claims_count_as_they_held(asking: Asking, reports: RecordedReports) -> None:
    reports.file("one", signed())
    (violation,) = reports.file("two", violated())
    reports.file("three", {"type": "ClaimAssessed", "target_event_id": str(violation), "standing": "verified"})
    reports.file(
        "four",
        {
            "type": "ClaimCorrected",
            "target_event_id": str(violation),
            "reason": "It was another agreement.",
            "replacement": violated("other"),
        },
    )
    asking.fold(reports)
    seen = [(await asking.answer(position=at)).violations.by_standing for at in (2, 4, 6, 8)]
    assert seen == [{}, {"alleged": 1}, {"verified": 1}, {}]


async def test_an_unknown_agreement_has_no_status(asking: Asking, reports: RecordedReports) -> None:
    reports.file("one", signed())
    asking.fold(reports)
    assert await (await asking.reader()).statuses(["nowhere"], AT) == []
    assert await (await asking.reader(1)).statuses(["sochi"], AT) == []


async def test_an_agreement_known_from_a_violation_alone_has_no_formal_status(
    asking: Asking, reports: RecordedReports
) -> None:
    reports.file("one", violated())
    asking.fold(reports)
    answer = await asking.answer()
    assert (answer.status.formal, answer.observance) == (Formal.UNKNOWN, Observance.NOT_IN_FORCE)
    assert answer.violations.left_out == {"OUTSIDE_PERIOD": 1}


async def test_a_successor_ends_its_predecessor(asking: Asking, reports: RecordedReports) -> None:
    reports.file("one", signed())
    reports.file("two", signed("later", "2020-02-01", supersedes_agreement_id="sochi"))
    asking.fold(reports)
    assert (await asking.answer()).status.formal is Formal.SUPERSEDED
    assert (await asking.answer("later")).status.formal is Formal.IN_FORCE
    assert (await asking.answer(position=2)).status.formal is Formal.IN_FORCE
    assert await (await asking.reader()).agreements_after("") == ["later", "sochi"]
    assert await (await asking.reader()).agreements_after("later") == ["sochi"]


# ------------------------------------------------------------ what counts

ELSEWHERE = {"name": "Aleppo", "precision": "admin1", "country": "Syria", "admin1": "Aleppo"}
ABROAD = {"name": "Hatay", "precision": "admin1", "country": "Turkey", "admin1": "Hatay"}
AROUND = {"name": "Northern Syria", "precision": "region", "country": "Syria", "admin1": "Aleppo"}

REASONS = [
    (violated(), None),
    (violated("sochi", "2020-02-01", "russia"), None),
    (violated("sochi", "2020-02-01", "russia", "government-of-syria"), None),
    (violated("sochi", "2020-02-01", "government-of-syria"), "NOT_A_PARTY"),
    (violated("sochi", "2020-02-01", "turkey", place=ELSEWHERE), "OUTSIDE_ZONE"),
    (violated("sochi", "2020-02-01", "turkey", place=ABROAD), "OUTSIDE_ZONE"),
    (violated("sochi", "2020-02-01", "turkey", place=AROUND), None),
    (violated("sochi", "2020-02-01", "turkey", place={"name": "M5", "precision": "region"}), None),
    (violated("sochi", "2018-09-16"), "OUTSIDE_PERIOD"),
    (violated("sochi", {"start": "2018-09-10", "end": "2018-09-17", "precision": "week"}), None),
    (violated("sochi", "2020-02-13"), "AFTER_DATE"),
]


@pytest.mark.parametrize(("violation", "reason"), REASONS)
async def test_what_counts_against_an_agreement_and_why_not(
    asking: Asking, reports: RecordedReports, violation: dict[str, Any], reason: str | None
) -> None:
    reports.file("one", signed(zone=IDLIB), violation)
    asking.fold(reports)
    found = (await asking.answer()).violations
    assert (found.total, found.left_out) == ((1, {}) if reason is None else (0, {reason: 1}))


async def test_a_party_that_withdrew_violates_nothing_afterwards(asking: Asking, reports: RecordedReports) -> None:
    withdrawal = {
        "type": "PartyWithdrew",
        "agreement_id": "sochi",
        "occurred": "2020-01-01",
        "party": "iran",
    }
    reports.file("one", signed("sochi", "2018-09-17", "iran", "russia", "turkey"), withdrawal)
    reports.file("two", violated("sochi", "2020-02-01", "iran"), violated("sochi", "2019-02-01", "iran"))
    asking.fold(reports)
    found = (await asking.answer()).violations
    assert (found.by_party, found.left_out) == ({"iran": 1}, {"OUTSIDE_PERIOD": 1})


async def test_the_window_leaves_earlier_violations_out(asking: Asking, reports: RecordedReports) -> None:
    reports.file("one", signed(), violated("sochi", "2020-02-01"), violated("sochi", "2020-02-10"))
    asking.fold(reports)
    found = (await asking.answer(days=7)).violations
    assert (found.total, found.left_out, found.last) == (1, {"OUTSIDE_WINDOW": 1}, date(2020, 2, 10))


async def test_claims_about_the_same_acts_are_one_violation(asking: Asking, reports: RecordedReports) -> None:
    acts = [{"incident_id": "saraqib"}]
    reports.file("one", signed(), violated("sochi", "2020-02-01", "russia", acts=acts))
    again = violated("sochi", "2020-02-01", "turkey", acts=acts, standing="disputed")
    reports.file("two", again, reported="2020-02-13")
    other = violated("sochi", "2020-02-01", "russia", acts=[{"incident_id": "saraqib-2"}])
    reports.file("three", other)
    merge = {"type": "IncidentsMerged", "incident_id": "saraqib", "reason": "The same attack."}
    reports.file("four", {**merge, "merged_incident_ids": ["saraqib-2"]})
    asking.fold(reports)
    before, after = [(await asking.answer(position=at)).violations for at in (7, asking.position)]
    assert (before.by_standing, before.left_out) == ({"alleged": 1, "disputed": 1}, {"SAME_ACTS": 1})
    assert (after.by_standing, after.left_out) == ({"disputed": 1}, {"SAME_ACTS": 2})
    assert after.by_party == {"russia": 1, "turkey": 1}


async def test_unfounded_violations_are_observation_and_not_violation(
    asking: Asking, reports: RecordedReports
) -> None:
    _, one, other = reports.file("one", signed(), violated("sochi", "2020-02-01", "russia"), violated())
    reports.file("two", {"type": "ClaimAssessed", "target_event_id": str(one), "standing": "unfounded"})
    reports.file("three", {"type": "ClaimAssessed", "target_event_id": str(other), "verification": "discounted"})
    asking.fold(reports)
    answer = await asking.answer()
    assert answer.violations == Violations({"unfounded": 2}, {}, {}, None)
    assert answer.observance is Observance.HOLDING


# ------------------------------------------------------------ who watches


def posts(on: Any, *agreements: str) -> dict[str, Any]:
    claim = {"type": "ObservationPostsEstablished", "incident_id": "posts", "occurred": on}
    return {**claim, "agreement_ids": list(agreements)}


def statement(on: str, role: str) -> dict[str, Any]:
    by = [{"name": "Somebody", "role": role}]
    claim = {"type": "StatementMade", "incident_id": "statement", "occurred": on, "attributions": by}
    return {**claim, "agreement_ids": ["sochi"]}


def restricted(on: str) -> dict[str, Any]:
    claim = {"type": "MonitoringRestricted", "incident_id": "road", "occurred": on}
    return {**claim, "agreement_ids": ["sochi"]}


WATCHED = [
    ([posts("2018-10-01", "sochi")], 0, 1, 0),
    ([posts("2018-10-01", "sochi")], 7, 1, 0),
    ([posts("2018-10-01", "other")], 0, 0, 0),
    ([posts("2020-02-13", "sochi")], 0, 0, 0),
    ([statement("2020-02-10", "monitor")], 7, 1, 0),
    ([statement("2020-02-01", "monitor")], 7, 0, 0),
    ([statement("2020-02-10", "party")], 7, 0, 0),
    ([restricted("2020-02-10")], 7, 0, 1),
    ([{"type": "CeasefireExtended", "agreement_id": "sochi", "occurred": "2020-02-10"}], 7, 1, 0),
]


@pytest.mark.parametrize(("claims", "days", "observations", "restrictions"), WATCHED)
async def test_holding_takes_somebody_who_watches(
    asking: Asking,
    reports: RecordedReports,
    claims: list[dict[str, Any]],
    days: int,
    observations: int,
    restrictions: int,
) -> None:
    reports.file("one", signed(), *claims)
    asking.fold(reports)
    answer = await asking.answer(days=days)
    assert (answer.monitoring.observations, answer.monitoring.restrictions) == (observations, restrictions)
    assert answer.observance is (Observance.HOLDING if observations else Observance.UNOBSERVED)
    assert answer.monitoring.positions == ((3,) if observations or restrictions else ())


# ------------------------------------------------------------ the list of violations


async def listed(asking: Asking, position: int | None = None, **asked: Any) -> list[UUID]:
    reader = await asking.reader(position)
    rows = await list_violations(reader, ViolationQuestion(**asked), FIRST, 100)
    return [row["event_id"] for row in rows]


@pytest.fixture
def violations(asking: Asking, reports: RecordedReports) -> list[UUID]:
    week = {"start": "2020-02-03", "end": "2020-02-09", "precision": "week"}
    acts = {"violation_kind": "Shelling", "place": IDLIB}
    found = reports.file(
        "one",
        violated("sochi", "2020-02-10", "russia", **acts),
        violated("sochi", week, "turkey", standing="verified"),
        violated("january-2020", "2020-02-10", "russia", place=ABROAD),
        violated("sochi", "2020-01-01", verification="discounted"),
    )
    asking.fold(reports)
    return found


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [3, 1, 0, 2]),
    ({"agreement_ids": ["january-2020"]}, [2]),
    ({"violators": ["turkey", "iran"]}, [1]),
    ({"standings": ["verified"]}, [1]),
    ({"standings": ["unfounded"]}, [3]),
    ({"kinds": ["shelling"]}, [0]),
    ({"places": ["syria"]}, [0]),
    ({"occurred_from": date(2020, 2, 9)}, [1, 0, 2]),
    ({"occurred_to": date(2020, 2, 3)}, [3, 1]),
    ({"max_date_precision": 2}, [3, 0, 2]),
    ({"max_place_precision": 4}, [0, 2]),
]


@pytest.mark.parametrize(("asked", "expected"), FILTERS)
async def test_filters(asking: Asking, violations: list[UUID], asked: dict[str, Any], expected: list[int]) -> None:
    assert await listed(asking, **asked) == [violations[index] for index in expected]
    left_out = (await series_of_violations(await asking.reader(), ViolationQuestion(**asked), None)).left_out
    precision = asked.keys() & {"max_date_precision", "max_place_precision"}
    assert sum(left_out.values()) == (4 - len(expected) if precision else 0)


async def test_pages_join_without_gap_or_overlap(asking: Asking, reports: RecordedReports) -> None:
    found = reports.file("one", *[violated("sochi", f"2020-02-0{1 + number % 3}") for number in range(10)])
    asking.fold(reports)
    reader, after, pages = await asking.reader(), FIRST, []
    while rows := await list_violations(reader, ViolationQuestion(), after, 3):
        after = key_of(rows[-1])
        pages.append([row["event_id"] for row in rows])
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert [each for page in pages for each in page] == sorted(
        found, key=lambda each: (found.index(each) % 3, found.index(each))
    )


async def test_series(asking: Asking, violations: list[UUID]) -> None:
    reader, question = await asking.reader(), ViolationQuestion(occurred_from=date(2020, 2, 1))
    by_day = await series_of_violations(reader, question, SeriesStep.DAY)
    assert by_day.points == {date(2020, 2, 10): 2}
    assert by_day.left_out == {"SERIES_DATE_PRECISION": 1}
    by_week = await series_of_violations(reader, question, SeriesStep.WEEK)
    assert by_week.points == {date(2020, 2, 3): 1, date(2020, 2, 10): 2}
    assert by_week.left_out == {}


async def test_a_threat_is_as_of_a_position(asking: Asking, reports: RecordedReports) -> None:
    reports.file("one", threat("push-back", "ultimatum", deadline="2020-02-29"))
    carried_out = {"type": "ThreatCarriedOut", "threat_id": "push-back", "occurred": "2020-02-27"}
    reports.file("two", {**carried_out, "acts": [{"incident_id": "spring"}]}, reported="2020-02-28")
    asking.fold(reports)
    assert await asking.fates(date(2020, 3, 1), position=1) == {}
    assert await asking.fates(date(2020, 3, 1), position=2) == {"push-back": Fate.EXPIRED}
    assert await asking.fates(date(2020, 3, 1)) == {"push-back": Fate.CARRIED_OUT}
    assert await asking.fates(date(2020, 2, 26)) == {"push-back": Fate.OPEN}


async def test_more_threats_than_are_read_at_once(
    asking: Asking, reports: RecordedReports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threat_reading, "BATCH", 2)
    names = [f"threat-{number}" for number in range(5)]
    reports.file("one", *[threat(name, "ultimatum", deadline=f"2020-02-1{name[-1]}") for name in names])
    asking.fold(reports)
    expired = await asking.fates(date(2020, 2, 13), fates=[Fate.EXPIRED])
    assert list(expired) == names[:3]


# ------------------------------------------------------------ against a reference

DAYS = st.integers(0, 30).map(lambda number: date(2020, 1, 1) + timedelta(days=number))
NAMES = st.lists(st.sampled_from(["east", "west", "south", "nobody"]), max_size=2, unique=True)
PLACES = st.sampled_from([None, IDLIB, ELSEWHERE, ABROAD, AROUND])


@st.composite
def intervals(draw: st.DrawFn) -> dict[str, str]:
    start = draw(DAYS)
    end = start + timedelta(days=draw(st.sampled_from([0, 0, 5])))
    return {"start": str(start), "end": str(end), "precision": "day" if start == end else "days"}


VIOLATIONS = st.fixed_dictionaries(
    {
        "occurred": intervals(),
        "violators": NAMES,
        "place": PLACES,
        "standing": st.sampled_from(["alleged", "verified", "unfounded"]),
        "act": st.sampled_from([None, None, "first", "second"]),
    }
)
LIFECYCLES = st.lists(
    st.tuples(st.sampled_from(["CeasefireSuspended", "CeasefireResumed", "PartyWithdrew"]), DAYS), max_size=3
)


def plain_reason(violation: dict[str, Any], status: Status, window: Window | None) -> str | None:
    """The rules of the documentation, one after another."""
    start, end = (date.fromisoformat(violation["occurred"][name]) for name in ("start", "end"))
    parties = {standing.party for standing in status.parties}
    violators, place = set(violation["violators"]), violation["place"]
    if start > status.at:
        return "AFTER_DATE"
    if violators and parties and not violators & parties:
        return "NOT_A_PARTY"
    if place in (ELSEWHERE, ABROAD):
        return "OUTSIDE_ZONE"
    bound = violators if violators and parties else {WHOLE}
    if not any(each.party in bound and start <= each.last and end >= each.first for each in status.periods):
        return "OUTSIDE_PERIOD"
    if window and (start > window.last or end < window.first):
        return "OUTSIDE_WINDOW"
    return None


def plain_counts(
    violations: list[dict[str, Any]], status: Status, window: Window | None
) -> tuple[dict[str, int], dict[str, int]]:
    left_out: dict[str, int] = {}
    standing_of: dict[str, str] = {}
    for index, violation in enumerate(violations):
        reason = plain_reason(violation, status, window)
        act = violation["act"] or f"none-{index}"
        if reason is None and act in standing_of:
            left_out["SAME_ACTS"] = left_out.get("SAME_ACTS", 0) + 1
        if reason is None:
            standing_of[act] = violation["standing"]
        else:
            left_out[reason] = left_out.get(reason, 0) + 1
    standings = list(standing_of.values())
    return {name: standings.count(name) for name in set(standings)}, left_out


def claim_of(violation: dict[str, Any]) -> dict[str, Any]:
    acts = [{"incident_id": violation["act"]}] if violation["act"] else []
    content = {name: violation[name] for name in ("occurred", "violators", "standing")}
    place = {"place": violation["place"]} if violation["place"] else {}
    return {"type": "CeasefireViolated", "agreement_id": "north", "acts": acts, **place, **content}


@given(
    violations=st.lists(VIOLATIONS, min_size=1, max_size=6),
    lifecycle=LIFECYCLES,
    at=DAYS,
    days=st.sampled_from([0, 7]),
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_counts_in_sql_are_those_of_a_plain_reference(
    asking: Asking,
    violations: list[dict[str, Any]],
    lifecycle: list[tuple[str, date]],
    at: date,
    days: int,
) -> None:
    reports = RecordedReports()
    north = signed("north", "2020-01-05", "east", "west", "south", zone=IDLIB, ends="2020-01-25")
    steps = [
        {"type": kind, "agreement_id": "north", "occurred": str(on)}
        | ({"party": "south"} if kind == "PartyWithdrew" else {})
        for kind, on in lifecycle
    ]
    reports.file("one", north, *steps, *map(claim_of, violations))
    asking.fold(reports)
    answer = await asking.answer("north", at, days)
    window = window_of(answer.status, days)
    found = answer.violations
    assert (found.by_standing, found.left_out) == plain_counts(violations, answer.status, window)
