"""Casualty figures on a real database, through the fold of the history: what is counted, what is left out, and that
a toll is never added to anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.domain.codes import (
    DatePrecision,
    KindOfViolence,
    Outcome,
    PlacePrecision,
    Verification,
    VictimClass,
)
from ledger.errors import InvalidRequestError, NotFoundError
from projections.casualties import CASUALTIES, answering
from projections.casualties.answering import Casualties, GroupFigure, casualties
from projections.casualties.figures import NO_CLAIMS, Figure
from projections.casualties.listing import page_of_claims
from projections.casualties.question import (
    Box,
    Circle,
    ClaimFilter,
    CountPolicy,
    Grouping,
    Question,
    ResolutionRule,
)
from projections.history.redacted import Redacted
from projections.incidents import INCIDENTS_READ_MODEL
from projections.incidents.answering import incident
from tests.folded import RecordedReports, folded
from tests.postgres import Database

IDLIB = {"name": "Idlib", "precision": "admin1", "country": "Syria", "admin1": "Idlib"}
SYRIA = {"name": "Syria", "precision": "country", "country": "Syria"}
ALL = Question(group_by=())


class Asking:
    """A read model that is folded anew for each history, and asked questions."""

    def __init__(self, own: psycopg.Connection[Any], connection: psycopg.AsyncConnection[Any]) -> None:
        self.own = own
        self.connection = connection

    def fold(self, reports: RecordedReports, batch: int = 1_000) -> None:
        self.schema = folded(self.own, CASUALTIES, reports.records, batch)
        self.position = reports.position

    async def ask(self, question: Question | None = None, position: int | None = None) -> Casualties:
        await self._see()
        return await casualties(self.connection, question or Question(), position or self.position)

    async def page(
        self, question: Question, *group: tuple[Grouping, str], after: int = 0, limit: int = 100
    ) -> list[UUID]:
        await self._see()
        page = await page_of_claims(self.connection, question, self.position, dict(group), after, limit)
        return [part.form[0] for part in page]

    async def _see(self) -> None:
        await self.connection.execute("SELECT set_config('search_path', %s, false)", [self.schema])


@pytest_asyncio.fixture
async def asking(database: Database) -> AsyncIterator[Asking]:
    url = database.owner_url
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        with psycopg.connect(url) as own:
            yield Asking(own, connection)


@pytest.fixture
def reports() -> RecordedReports:
    return RecordedReports()


def troops(incident: str, count: Any, party: str = "turkey", **more: Any) -> dict[str, Any]:
    content = {"occurred": "2020-02-10", "place": IDLIB, "victim_party": party, **more}
    return {"type": "TroopsKilled", "incident_id": incident, "count": count, **content}


def civilians(incident: str, count: Any, **more: Any) -> dict[str, Any]:
    content = {"occurred": "2020-02-10", "place": IDLIB, **more}
    return {"type": "CiviliansKilled", "incident_id": incident, "count": count, **content}


def toll(count: Any, **more: Any) -> dict[str, Any]:
    period = {"start": "2018-09-17", "end": "2020-02-12", "precision": "years"}
    content = {"occurred": period, "place": IDLIB, "victim_class": "civilians", "outcome": "killed", **more}
    of = {} if "incident_id" in more else {"toll_id": "a-toll"}
    return {"type": "TollClaimed", "count": count, **of, **content}


def by_key(answer: Casualties) -> dict[tuple[str, ...], GroupFigure]:
    return {tuple(value for _, value in figure.key): figure for figure in answer.figures}


def bounds(figure: Figure) -> tuple[int | None, int | None, int | None]:
    return figure.low, figure.best, figure.high


def left_out(answer: Casualties | GroupFigure) -> dict[str, int]:
    return {each.reason: each.claims for each in answer.left_out}


def founding_case(reports: RecordedReports) -> None:
    """The casualty claims of the founding case."""
    week = {"start": "2020-02-03", "end": "2020-02-09", "precision": "week"}
    since = {"start": "2020-02-03", "end": "2020-02-12", "precision": "month"}
    by_syria: dict[str, Any] = {"perpetrators": ["government-of-syria"]}
    reports.file(
        "founding",
        troops("attack-2", 5, **by_syria),
        {**troops("attack-2", 5, **by_syria), "type": "TroopsInjured"},
        troops("attack-1", 7, occurred=week, **by_syria),
        {
            **troops("attack-1", 1, occurred=week, **by_syria),
            "type": "PersonsKilled",
            "victim_class": "contractors",
        },
        troops(
            "retaliation",
            {"qualifier": "about", "stated": 200, "words": "some 200"},
            "government-of-syria",
            occurred=since,
            clarity="aggregate",
            perpetrators=["turkey"],
            attributions=[{"actor_id": "turkey", "role": "party"}],
        ),
        toll(
            {"qualifier": "more_than", "stated": 1800, "words": "more than 1,800"},
            perpetrators=["government-of-syria", "russia"],
        ),
    )


async def test_the_founding_case(asking: Asking, reports: RecordedReports) -> None:
    founding_case(reports)
    asking.fold(reports)
    answer = await asking.ask()
    figures = by_key(answer)
    assert {key: figure.figure.text for key, figure in figures.items()} == {
        ("government-of-syria", "troops", "killed"): "about 200",
        ("turkey", "contractors", "killed"): "1",
        ("turkey", "troops", "injured"): "5",
        ("turkey", "troops", "killed"): "12",
    }
    turkey = figures["turkey", "troops", "killed"]
    assert (bounds(turkey.figure), turkey.incidents, turkey.claims) == ((12, 12, 12), 2, 2)
    assert turkey.positions == [2, 4]
    syria = figures["government-of-syria", "troops", "killed"]
    assert bounds(syria.figure) == (None, 200, None)
    assert {"PARTY_CLAIM", "SINGLE_SOURCE", "AGGREGATE"} <= set(syria.flags)
    (beside,) = answer.tolls
    assert beside.claimed.text == beside.residual.text == "more than 1,800"
    assert bounds(beside.claimed) == bounds(beside.residual) == (1801, 1801, None)
    assert (beside.itemised, beside.itemised_claims, beside.conflict) == (NO_CLAIMS, 0, False)
    assert answer.left_out == []


async def test_an_empty_ledger_has_no_figures(asking: Asking, reports: RecordedReports) -> None:
    asking.fold(reports)
    assert await asking.ask() == Casualties([], [], [])


async def total(asking: Asking, asked: ClaimFilter | None = None, **more: Any) -> tuple[int | None, ...]:
    """Low, best and high of all groups together."""
    figures = (await asking.ask(Question(asked or ClaimFilter(), [], **more))).figures
    return bounds(figures[0].figure) if figures else (0, 0, 0)


async def test_sums_leave_open_what_one_claim_leaves_open(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("a", 5), troops("b", {"qualifier": "about", "stated": 20}))
    asking.fold(reports)
    assert await total(asking) == (5, 25, None)
    reports.file("s", troops("c", {"qualifier": "between", "low": 1, "high": 3}))
    asking.fold(reports)
    answer = await asking.ask(ALL)
    assert bounds(answer.figures[0].figure) == (6, 25, None)
    assert left_out(answer.figures[0]) == left_out(answer) == {"NO_BEST": 1}
    assert answer.figures[0].claims == 3


async def test_words_without_a_number_open_the_sum_and_are_told(asking: Asking, reports: RecordedReports) -> None:
    scores = {"qualifier": "vague", "words": "scores"}
    reports.file("r", troops("a", 5), troops("b", scores), civilians("b", {"qualifier": "unknown"}))
    asking.fold(reports)
    figures = by_key(await asking.ask())
    turkish = figures["turkey", "troops", "killed"]
    assert (bounds(turkish.figure), turkish.figure.text) == ((5, 5, None), "at least 5")
    assert (turkish.claims, turkish.incidents, left_out(turkish)) == (1, 1, {"UNRESOLVED_WORDS": 1})
    unknown = figures["", "civilians", "killed"]
    assert (unknown.figure.text, unknown.claims, unknown.positions) == ("unknown", 0, [])
    assert left_out(unknown) == {"UNRESOLVED_WORDS": 1}


async def test_words_are_no_better_than_a_number_for_the_same_thing(
    asking: Asking, reports: RecordedReports
) -> None:
    reports.file("r", troops("a", 5))
    reports.file("s", troops("a", {"qualifier": "vague", "words": "scores"}), reported="2020-02-20")
    asking.fold(reports)
    figure = (await asking.ask(ALL)).figures[0]
    assert bounds(figure.figure) == (5, 5, 5)
    assert left_out(figure) == {"UNRESOLVED_WORDS": 1}


async def test_zero_is_not_unknown(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("a", 0))
    asking.fold(reports)
    figure = (await asking.ask()).figures[0]
    assert (bounds(figure.figure), figure.figure.text, figure.claims) == ((0, 0, 0), "0", 1)


def competing(reports: RecordedReports) -> None:
    """Four claims about one number, none of which is the best by all rules."""
    reports.file("r1", troops("a", 5), reported="2020-02-11", source={"name": "One", "reliability": "a"})
    chosen = reports.file("r2", troops("a", 8), reported="2020-02-12", source={"name": "Two", "reliability": "f"})
    reports.file("r3", troops("a", 6), reported="2020-02-14", source={"name": "Three", "reliability": "c"})
    reports.file("r4", troops("a", 7), reported="2020-02-13", source={"name": "Four"})
    choice = {"incident_id": "a", "preferred_event_id": str(chosen[0]), "reason": "it saw the lists"}
    reports.file("choice", {"type": "PreferredClaimChosen", **choice})


@pytest.mark.parametrize(
    ("rule", "expected", "claims", "positions"),
    [
        (ResolutionRule.LATEST, (6, 6, 6), 1, [6]),
        (ResolutionRule.MOST_RELIABLE, (5, 5, 5), 1, [2]),
        (ResolutionRule.ENVELOPE, (5, 6, 8), 4, [2, 4, 6, 8]),
        (ResolutionRule.ANALYST, (8, 8, 8), 1, [4]),
    ],
)
async def test_one_number_comes_out_of_several_claims_by_rule(
    asking: Asking,
    reports: RecordedReports,
    rule: ResolutionRule,
    expected: tuple[int, int, int],
    claims: int,
    positions: list[int],
) -> None:
    competing(reports)
    asking.fold(reports)
    answer = await asking.ask(Question(resolution_rule=rule))
    figure = answer.figures[0]
    assert (bounds(figure.figure), figure.claims, figure.positions) == (expected, claims, positions)
    assert left_out(figure) == left_out(answer) == ({"SUPERSEDED": 4 - claims} if claims < 4 else {})
    assert ("SINGLE_SOURCE" in figure.flags) == (claims == 1)


async def test_without_a_choice_the_analyst_takes_the_latest(asking: Asking, reports: RecordedReports) -> None:
    competing(reports)
    asking.fold(reports)
    before = await asking.ask(Question(resolution_rule=ResolutionRule.ANALYST), position=8)
    assert before.figures[0].positions == [6]


async def test_of_two_reports_of_one_day_the_later_recorded_counts(
    asking: Asking, reports: RecordedReports
) -> None:
    reports.file("r1", troops("a", 5))
    reports.file("r2", troops("a", 6))
    asking.fold(reports)
    assert await total(asking) == (6, 6, 6)


async def test_an_envelope_with_an_open_claim_is_open(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r1", troops("a", {"qualifier": "at_least", "stated": 9}))
    reports.file("r2", troops("a", 6))
    asking.fold(reports)
    assert await total(asking, resolution_rule=ResolutionRule.ENVELOPE) == (6, 6, None)


async def test_superseded_claims_count_to_the_group_of_the_one_taken(
    asking: Asking, reports: RecordedReports
) -> None:
    competing(reports)
    asking.fold(reports)
    for rule in ResolutionRule:
        answer = await asking.ask(Question(group_by=[Grouping.SOURCE], resolution_rule=rule))
        (figure,) = answer.figures
        assert figure.claims + left_out(figure).get("SUPERSEDED", 0) == 4


def persons(kind: str, incident: str, count: Any, victim_class: str, **more: Any) -> dict[str, Any]:
    content = {"occurred": "2020-02-10", "place": IDLIB, "victim_class": victim_class, **more}
    return {"type": kind, "incident_id": incident, "count": count, **content}


async def test_missing_and_captured_are_figures_of_their_own(asking: Asking, reports: RecordedReports) -> None:
    reports.file(
        "r",
        troops("a", 1),
        persons("PersonsMissing", "a", 2, "troops", victim_party="turkey"),
        persons("PersonsCaptured", "a", {"qualifier": "at_least", "stated": 4}, "troops", victim_party="turkey"),
        persons("PersonsMissing", "a", 8, "civilians"),
        persons("PersonsCaptured", "b", 16, "contractors"),
        persons("PersonsMissing", "b", 32, "unknown"),
        toll(100, outcome="missing", victim_class="civilians"),
    )
    asking.fold(reports)
    answer = await asking.ask()
    assert {key: figure.figure.text for key, figure in by_key(answer).items()} == {
        ("", "civilians", "missing"): "8",
        ("", "contractors", "captured"): "16",
        ("", "unknown", "missing"): "32",
        ("turkey", "troops", "captured"): "at least 4",
        ("turkey", "troops", "killed"): "1",
        ("turkey", "troops", "missing"): "2",
    }
    assert [(bounds(each.claimed), bounds(each.residual)) for each in answer.tolls] == [((100,) * 3, (92,) * 3)]
    assert await total(asking, ClaimFilter(outcomes=[Outcome.MISSING])) == (42, 42, 42)
    assert await total(asking, ClaimFilter(outcomes=[Outcome.CAPTURED])) == (20, 20, None)


async def test_contractors_are_no_troops(asking: Asking, reports: RecordedReports) -> None:
    founding_case(reports)
    asking.fold(reports)
    asked = ClaimFilter(victim_parties=["turkey"], outcomes=[Outcome.KILLED])
    by_class = by_key(await asking.ask(Question(asked, [Grouping.CLASS])))
    assert {key: figure.figure.best for key, figure in by_class.items()} == {("contractors",): 1, ("troops",): 12}


POLICIES = [
    (CountPolicy.VERBATIM_1, (1806, 2006, None), {"UNRESOLVED_WORDS": 1}),
    (CountPolicy.UCDP_RANGE, (1806, 2006, None), {"UNRESOLVED_WORDS": 1}),
    (CountPolicy.ACLED_2019, (2018, 2018, 2018), {}),
]


@pytest.mark.parametrize(("policy", "expected", "unresolved"), POLICIES)
async def test_words_become_numbers_by_policy(
    asking: Asking,
    reports: RecordedReports,
    policy: CountPolicy,
    expected: tuple[int | None, ...],
    unresolved: dict[str, int],
) -> None:
    more = {"qualifier": "more_than", "stated": 1800}
    about = {"qualifier": "about", "stated": 200}
    dozens = {"qualifier": "vague", "words": "dozens"}
    reports.file("r", troops("a", 5), troops("b", more), troops("c", about), troops("d", dozens))
    asking.fold(reports)
    answer = await asking.ask(Question(group_by=[], count_policy=policy))
    assert bounds(answer.figures[0].figure) == expected
    assert left_out(answer) == unresolved


WEEK = {"start": "2020-02-03", "end": "2020-02-09", "precision": "week"}
ATMEH = {
    "name": "Atmeh",
    "precision": "exact",
    "country": "Syria",
    "admin1": "Idlib",
    "admin2": "Harim",
    "latitude": 36.3,
    "longitude": 36.7,
}


FAR: dict[str, Any] = {"occurred": "2019-01-01", "place": SYRIA}
"""When and where the use of force is said to be makes no difference to the casualties of its incident."""


def filtered_history(reports: RecordedReports) -> None:
    """Claims of 1, 2, 4, … so that a sum tells which of them were taken."""
    reports.file(
        "one",
        troops("a", 1, perpetrators=["russia", "government-of-syria"], kind_of_violence=1),
        civilians("b", 2, occurred=WEEK, verification="confirmed", kind_of_violence="one_sided"),
        {**troops("c", 4, place=ATMEH), "type": "TroopsInjured"},
        source={"name": "One"},
    )
    reports.file(
        "two",
        troops("d", 8, "russia", place=SYRIA, verification="weak", clarity="aggregate"),
        civilians("e", 16, occurred="2020-01-31", verification="discounted", place={**ATMEH, "longitude": 179.5}),
        civilians("f", 32, verification="contested", place={**IDLIB, "country": "Elsewhere"}),
        {"type": "PersonsKilled", "incident_id": "g", "victim_class": "unknown", "count": 64, "occurred": WEEK},
        troops(
            "h", 128, "turkey", attributions=[{"name": "a spokesman"}, {"actor_id": "turkey"}], perpetrators=["x"]
        ),
        {"type": "OffensiveReported", "incident_id": "f", "attackers": ["russia"], "backers": ["an-ally"], **FAR},
        source={"name": "Two"},
    )


FILTERS = [
    (ClaimFilter(), 255 - 16),
    (ClaimFilter(victim_parties=["turkey"]), 1 + 4 + 128),
    (ClaimFilter(victim_parties=["turkey", "russia"]), 1 + 4 + 8 + 128),
    (ClaimFilter(victim_classes=[VictimClass.CIVILIANS]), 2 + 32),
    (ClaimFilter(victim_classes=[VictimClass.UNKNOWN, VictimClass.CIVILIANS]), 2 + 32 + 64),
    (ClaimFilter(outcomes=[Outcome.INJURED]), 4),
    (ClaimFilter(perpetrators=["russia"]), 1),
    (ClaimFilter(perpetrators=["russia", "x"]), 1 + 128),
    (ClaimFilter(countries=["Elsewhere"]), 32),
    (ClaimFilter(admin1=["Idlib"]), 1 + 2 + 4 + 32 + 128),
    (ClaimFilter(admin2=["Harim"]), 4),
    (ClaimFilter(places=["Atmeh"]), 4),
    (ClaimFilter(places=["Harim", "Elsewhere"]), 4 + 32),
    (ClaimFilter(places=["Syria"]), 1 + 2 + 4 + 8 + 128),
    (ClaimFilter(places=["ATMEH", "elsewhere"]), 4 + 32),
    (ClaimFilter(countries=["syria"], admin1=["IDLIB"], admin2=["harim"]), 4),
    (ClaimFilter(places=['{"a', "Harim"]), 4),
    (ClaimFilter(box=Box(36, 36, 37, 37)), 4),
    (ClaimFilter(box=Box(36, 170, 37, 37), min_verification=Verification.DISCOUNTED), 4 + 16),
    (ClaimFilter(box=Box(36, 37, 37, 170)), 0),
    (ClaimFilter(circle=Circle(36.2, 36.7, 12)), 4),
    (ClaimFilter(circle=Circle(36.2, 36.7, 11)), 0),
    (ClaimFilter(circle=Circle(36.3, -179.5, 100), min_verification=Verification.DISCOUNTED), 16),
    (ClaimFilter(occurred_from=date(2020, 2, 10)), 1 + 4 + 8 + 32 + 128),
    (ClaimFilter(occurred_from=date(2020, 2, 3)), 239),
    (ClaimFilter(occurred_from=date(2020, 2, 4)), 239 - 2 - 64),
    (ClaimFilter(occurred_to=date(2020, 2, 9)), 2 + 64),
    (ClaimFilter(occurred_to=date(2020, 2, 8)), 0),
    (ClaimFilter(incident_ids=["a", "f", "unheard-of"]), 1 + 32),
    (ClaimFilter(sources=["One"]), 1 + 2 + 4),
    (ClaimFilter(attributed_to=["a spokesman"]), 128),
    (ClaimFilter(attributed_to=["turkey"]), 128),
    (ClaimFilter(min_verification=Verification.DISCOUNTED), 255),
    (ClaimFilter(min_verification=Verification.CONTESTED), 239),
    (ClaimFilter(min_verification=Verification.REPORTED), 239 - 32),
    (ClaimFilter(min_verification=Verification.WEAK), 2 + 8),
    (ClaimFilter(min_verification=Verification.FAIR), 2),
    (ClaimFilter(min_verification=Verification.CONFIRMED), 2),
    (ClaimFilter(involving=["russia"]), 1 + 8 + 32),
    (ClaimFilter(involving=["an-ally", "nobody"]), 32),
    (ClaimFilter(involving=["nobody"]), 0),
    (ClaimFilter(kinds_of_violence=[KindOfViolence.STATE_BASED]), 1),
    (ClaimFilter(kinds_of_violence=[KindOfViolence.STATE_BASED, KindOfViolence.ONE_SIDED]), 3),
    (ClaimFilter(max_date_precision=DatePrecision.DAYS), 239 - 2 - 64),
    (ClaimFilter(max_date_precision=DatePrecision.WEEK), 239),
    (ClaimFilter(max_place_precision=PlacePrecision.NEAR), 4),
    (ClaimFilter(max_place_precision=PlacePrecision.ADMIN1), 239 - 8 - 64),
    (ClaimFilter(exclude_aggregates=True), 239 - 8),
    (ClaimFilter(victim_parties=["turkey"], outcomes=[Outcome.KILLED], sources=["Two"]), 128),
    (ClaimFilter(places=["'; DROP TABLE claims"]), 0),
]


@pytest.fixture
def filtered(asking: Asking, reports: RecordedReports) -> Asking:
    filtered_history(reports)
    asking.fold(reports)
    return asking


async def test_every_condition_takes_what_it_says(filtered: Asking) -> None:
    taken = [(asked, (await total(filtered, asked))[1]) for asked, _ in FILTERS]
    assert taken == FILTERS


async def test_the_table_of_filters_forgets_no_condition() -> None:
    asked_somewhere = {
        name for asked, _ in FILTERS for name, value in vars(asked).items() if value != getattr(ClaimFilter(), name)
    }
    assert asked_somewhere == set(vars(ClaimFilter()))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (ClaimFilter(), {"VERIFICATION": 1}),
        (ClaimFilter(min_verification=Verification.DISCOUNTED), {}),
        (ClaimFilter(min_verification=Verification.FAIR), {"VERIFICATION": 7}),
        (ClaimFilter(max_date_precision=DatePrecision.DAY), {"VERIFICATION": 1, "DATE_PRECISION": 2}),
        (ClaimFilter(max_place_precision=PlacePrecision.ADMIN1), {"VERIFICATION": 1, "PLACE_PRECISION": 2}),
        (ClaimFilter(exclude_aggregates=True), {"VERIFICATION": 1, "AGGREGATE": 1}),
        (ClaimFilter(occurred_from=date(2020, 2, 5)), {"PARTLY_IN_PERIOD": 2}),
        (ClaimFilter(occurred_to=date(2020, 1, 30)), {}),
    ],
)
async def test_what_the_evidence_does_not_carry_is_told(
    filtered: Asking, asked: ClaimFilter, expected: dict[str, int]
) -> None:
    assert left_out(await filtered.ask(Question(asked))) == expected


async def test_a_group_tells_what_is_left_out_of_it(filtered: Asking) -> None:
    asked = ClaimFilter(max_date_precision=DatePrecision.DAY)
    figures = by_key(await filtered.ask(Question(asked, [Grouping.CLASS])))
    assert left_out(figures[("civilians",)]) == {"VERIFICATION": 1, "DATE_PRECISION": 1}
    assert left_out(figures[("troops",)]) == {}


GROUPS = [
    (Grouping.PARTY, {"": 98, "russia": 8, "turkey": 133}),
    (Grouping.CLASS, {"civilians": 34, "troops": 141, "unknown": 64}),
    (Grouping.OUTCOME, {"injured": 4, "killed": 235}),
    (Grouping.PERPETRATOR, {"": 110, "government-of-syria + russia": 1, "x": 128}),
    (Grouping.ADMIN1, {"": 72, "Idlib": 167}),
    (Grouping.ADMIN2, {"": 235, "Harim": 4}),
    (Grouping.COUNTRY, {"": 64, "Elsewhere": 32, "Syria": 143}),
    (Grouping.DAY, {"2020-02-10": 173}),
    (Grouping.WEEK, {"2020-02-03": 66, "2020-02-10": 173}),
    (Grouping.MONTH, {"2020-02": 239}),
    (Grouping.YEAR, {"2020": 239}),
    (Grouping.INCIDENT, {"a": 1, "b": 2, "c": 4, "d": 8, "f": 32, "g": 64, "h": 128}),
    (Grouping.SOURCE, {"One": 7, "Two": 232}),
    (Grouping.VERIFICATION, {"confirmed": 2, "contested": 32, "reported": 197, "weak": 8}),
]


async def test_every_grouping_parts_the_claims(filtered: Asking) -> None:
    assert {grouping for grouping, _ in GROUPS} == set(Grouping)
    for grouping, expected in GROUPS:
        figures = (await filtered.ask(Question(group_by=[grouping]))).figures
        assert {figure.key[0][1]: figure.figure.best for figure in figures} == expected
        assert [figure.key[0][1] for figure in figures] == sorted(expected)


async def test_what_is_left_out_counts_to_the_group_that_it_would_have_been_in(
    asking: Asking, reports: RecordedReports
) -> None:
    for number, source in enumerate(["One", "Two"]):
        of_source = {"source": {"name": source}}
        reports.file(
            f"r-{number}", troops("a", 5, verification="discounted"), troops(source.lower(), 1), **of_source
        )
    asking.fold(reports)
    figures = (await asking.ask(Question(group_by=[Grouping.SOURCE]))).figures
    assert [left_out(figure) for figure in figures] == [{"VERIFICATION": 1}, {"VERIFICATION": 1}]


BESIDE_A_GOOD_ONE: dict[str, dict[str, Any]] = {
    "VERIFICATION": {"verification": "weak"},
    "DATE_PRECISION": {"occurred": {"start": "2020-02-10", "end": "2020-02-16", "precision": "month"}},
    "PLACE_PRECISION": {"place": SYRIA},
    "AGGREGATE": {"clarity": "aggregate"},
    "PARTLY_IN_PERIOD": {"occurred": {"start": "2020-02-08", "end": "2020-02-11", "precision": "days"}},
    "UNRESOLVED_WORDS": {"count": {"qualifier": "vague", "words": "scores"}},
    "SUPERSEDED": {"incident_id": "good-superseded"},
    "RETRACTED": {},
}
"""What is wrong with a claim, by the reason for which a strict question leaves it out."""
STRICT = ClaimFilter(
    occurred_from=date(2020, 2, 10),
    min_verification=Verification.FAIR,
    max_date_precision=DatePrecision.WEEK,
    max_place_precision=PlacePrecision.ADMIN1,
    exclude_aggregates=True,
)


async def test_each_reason_is_told_in_the_group_of_the_claim_that_it_concerns(
    asking: Asking, reports: RecordedReports
) -> None:
    for reason, wrong in BESIDE_A_GOOD_ONE.items():
        party, fair = reason.lower(), {"verification": "fair"}
        left_out_claim = {**troops(f"left-out-{party}", 1, party, **fair), **wrong}
        ids = reports.file(f"r-{party}", left_out_claim, troops(f"good-{party}", 2, party, **fair))
        if reason == "RETRACTED":
            retraction = {"type": "ClaimRetracted", "target_event_id": str(ids[0]), "reason": "error"}
            reports.file("x", retraction)
    asking.fold(reports)
    answer = await asking.ask(Question(STRICT, [Grouping.PARTY]))
    assert {figure.key[0][1]: (figure.figure.best, left_out(figure)) for figure in answer.figures} == {
        reason.lower(): (2, {reason: 1}) for reason in BESIDE_A_GOOD_ONE
    }
    assert left_out(answer) == dict.fromkeys(BESIDE_A_GOOD_ONE, 1)
    for reason in BESIDE_A_GOOD_ONE:
        parts = await page_of_claims(
            asking.connection, Question(STRICT), asking.position, {Grouping.PARTY: reason.lower()}, 0, 9, True
        )
        assert [part.left_out for part in parts] == [reason, ""]


async def test_an_incident_counts_once_in_a_group(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("a", 5), civilians("a", 2), troops("b", 1))
    asking.fold(reports)
    (figure,) = (await asking.ask(Question(group_by=[Grouping.OUTCOME]))).figures
    assert (figure.incidents, figure.claims, figure.figure.best) == (2, 3, 8)


async def test_keys_come_in_the_order_asked(filtered: Asking) -> None:
    answer = await filtered.ask(Question(group_by=[Grouping.OUTCOME, Grouping.PARTY]))
    assert answer.figures[0].key == [(Grouping.OUTCOME, "killed"), (Grouping.PARTY, "")]


@pytest.mark.parametrize(
    ("grouping", "occurred", "expected"),
    [
        (Grouping.DAY, ("2020-02-29", "2020-02-29", "day"), "2020-02-29"),
        (Grouping.DAY, ("2020-02-29", "2020-03-02", "days"), "2020-02-29"),
        (Grouping.DAY, ("2020-02-24", "2020-03-01", "week"), None),
        (Grouping.WEEK, ("2020-02-24", "2020-03-01", "week"), "2020-02-24"),
        (Grouping.WEEK, ("2019-12-30", "2020-01-05", "week"), "2019-12-30"),
        (Grouping.WEEK, ("2020-03-01", "2020-03-02", "days"), None),
        (Grouping.WEEK, ("2020-03-02", "2020-03-03", "month"), None),
        (Grouping.MONTH, ("2020-02-01", "2020-02-29", "month"), "2020-02"),
        (Grouping.MONTH, ("2020-02-29", "2020-03-01", "days"), None),
        (Grouping.MONTH, ("2020-02-01", "2020-02-29", "year"), None),
        (Grouping.YEAR, ("2020-01-01", "2020-12-31", "year"), "2020"),
        (Grouping.YEAR, ("2019-12-31", "2020-01-01", "days"), None),
        (Grouping.YEAR, ("2019-01-01", "2020-12-31", "years"), None),
    ],
)
async def test_a_period_takes_only_dates_that_are_precise_enough(
    asking: Asking,
    reports: RecordedReports,
    grouping: Grouping,
    occurred: tuple[str, str, str],
    expected: str | None,
) -> None:
    interval = dict(zip(("start", "end", "precision"), occurred, strict=True))
    reports.file("r", troops("a", 3, occurred=interval))
    asking.fold(reports)
    answer = await asking.ask(Question(group_by=[grouping]))
    assert [figure.key[0][1] for figure in answer.figures] == ([expected] if expected else [])
    assert left_out(answer) == ({} if expected else {"DATE_PRECISION": 1})


async def test_too_many_groups_are_refused(filtered: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "MOST_GROUPS", 7)
    assert len((await filtered.ask(Question(group_by=[Grouping.INCIDENT]))).figures) == 7
    monkeypatch.setattr(answering, "MOST_GROUPS", 6)
    with pytest.raises(InvalidRequestError, match="more than 6 groups"):
        await filtered.ask(Question(group_by=[Grouping.INCIDENT]))


async def test_flags_say_what_a_figure_rests_on(asking: Asking, reports: RecordedReports) -> None:
    party: dict[str, Any] = {"attributions": [{"name": "a ministry", "role": "party"}]}
    upside_down = {"qualifier": "between", "low": 9, "best": 5, "high": 3}
    registered = {"type": "ActorRegistered", "name": "Turkey", "actor_kind": "external"}
    reports.file("r", {**registered, "actor_id": "turkey"}, troops("a", 1, **party), troops("b", 2, **party))
    reports.file("s", troops("c", upside_down, "someone"), source={"name": "Another"})
    asking.fold(reports)
    figures = by_key(await asking.ask())
    assert figures["turkey", "troops", "killed"].flags == ["PARTY_CLAIM", "SINGLE_SOURCE"]
    assert figures["someone", "troops", "killed"].flags == [
        "SINGLE_SOURCE",
        "LOW_ABOVE_BEST",
        "BEST_ABOVE_HIGH",
        "UNREGISTERED_ACTOR",
    ]
    assert (await asking.ask(ALL)).figures[0].flags == ["LOW_ABOVE_BEST", "BEST_ABOVE_HIGH", "UNREGISTERED_ACTOR"]
    early = by_key(await asking.ask(position=3))
    assert "UNREGISTERED_ACTOR" not in early["turkey", "troops", "killed"].flags


async def test_positions_are_bounded_and_the_rest_can_be_paged(asking: Asking, reports: RecordedReports) -> None:
    ids = reports.file("r", *(troops(f"i-{number}", 1) for number in range(150)))
    asking.fold(reports)
    (figure,) = (await asking.ask()).figures
    assert (figure.claims, figure.positions) == (150, list(range(2, 102)))
    group = (Grouping.PARTY, "turkey"), (Grouping.OUTCOME, "killed")
    assert await asking.page(ALL, *group, limit=100) + await asking.page(ALL, *group, after=101) == ids
    assert await asking.page(ALL, (Grouping.PARTY, "russia")) == []


async def test_a_toll_is_never_added_to_the_itemised_claims(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", civilians("a", 10), civilians("b", 5))
    asking.fold(reports)
    alone = await asking.ask(Question(group_by=[Grouping.CLASS]))
    reports.file("s", toll(100), toll(40, incident_id="a"))
    asking.fold(reports)
    beside = await asking.ask(Question(group_by=[Grouping.CLASS]))
    assert beside.figures == alone.figures
    assert bounds(beside.figures[0].figure) == (15, 15, 15)
    assert [(bounds(each.claimed), bounds(each.itemised), each.itemised_claims) for each in beside.tolls] == [
        ((100, 100, 100), (15, 15, 15), 2),
        ((40, 40, 40), (10, 10, 10), 1),
    ]
    assert [bounds(each.residual) for each in beside.tolls] == [(85, 85, 85), (30, 30, 30)]


async def test_more_itemised_than_the_toll_is_shown_as_a_conflict(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", civilians("a", 10), toll(8))
    asking.fold(reports)
    (beside,) = (await asking.ask()).tolls
    assert (bounds(beside.residual), beside.residual.text, beside.conflict) == ((-2, -2, -2), "-2", True)


def place(precision: str, name: str = "", **more: str) -> dict[str, str]:
    return {"name": name, "precision": precision, **more}


SARAQIB = place("exact", "Saraqib", country="Syria", admin1="Idlib", admin2="Ariha")
NAMED_ONLY = place("exact", "Saraqib")
NAMESAKE = place("exact", "Saraqib", country="Syria", admin1="Aleppo", admin2="Elsewhere")
ARIHA = place("admin2", "Ariha", country="Syria", admin1="Idlib")
OTHER_IDLIB = place("admin1", "Idlib", country="Elsewhere", admin1="Idlib")
INSIDE = [
    (None, [SARAQIB, ARIHA, IDLIB, SYRIA, None]),
    (SYRIA, [SARAQIB, ARIHA, IDLIB, SYRIA, NAMESAKE]),
    (place("country", "Syria"), [SARAQIB, ARIHA, IDLIB, SYRIA, NAMESAKE]),
    (IDLIB, [SARAQIB, ARIHA, IDLIB]),
    (place("admin1", "Idlib"), [SARAQIB, ARIHA, IDLIB, OTHER_IDLIB]),
    (ARIHA, [SARAQIB, ARIHA]),
    (place("admin2", "Ariha"), [SARAQIB, ARIHA]),
    (SARAQIB, [SARAQIB, NAMED_ONLY]),
    (NAMED_ONLY, [SARAQIB, NAMED_ONLY, NAMESAKE]),
    (place("region", "Saraqib"), [SARAQIB, NAMED_ONLY, NAMESAKE]),
]
PLACES = [SARAQIB, NAMED_ONLY, NAMESAKE, ARIHA, IDLIB, OTHER_IDLIB, SYRIA, None]


@pytest.mark.parametrize(("area", "inside"), INSIDE)
async def test_a_toll_compares_with_the_claims_in_its_area(
    asking: Asking, reports: RecordedReports, area: Any, inside: list[Any]
) -> None:
    numbered = [civilians(f"i-{number}", 2**number, place=where) for number, where in enumerate(PLACES)]
    reports.file("r", *numbered, toll(1000, place=area))
    asking.fold(reports)
    (beside,) = (await asking.ask()).tolls
    taken = [where for number, where in enumerate(PLACES) if (beside.itemised.best or 0) >> number & 1]
    expected = PLACES if area is None else [where for where in PLACES if where in inside]
    assert taken == expected


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, 1 + 2 + 64),
        ({"perpetrators": ["russia", "someone"]}, 2),
        ({"victim_party": "syria"}, 1),
        ({"victim_class": "unknown"}, 1 + 2 + 8 + 64),
        ({"victim_class": "troops"}, 8),
        ({"outcome": "injured"}, 16),
        ({"outcome": "missing"}, 0),
        ({"occurred": {"start": "2020-02-10", "end": "2020-02-10", "precision": "day"}}, 1 + 2),
        ({"incident_id": "e", "occurred": "2020-02-11", "place": SARAQIB}, 64),
        ({"incident_id": "unheard-of"}, 0),
    ],
)
async def test_a_toll_compares_with_claims_of_its_own_kind(
    asking: Asking, reports: RecordedReports, more: dict[str, Any], taken: int
) -> None:
    reports.file(
        "r",
        civilians("a", 1, victim_party="syria"),
        civilians("b", 2, perpetrators=["government-of-syria", "russia"]),
        civilians("c", 4, occurred={"start": "2020-02-10", "end": "2020-02-13", "precision": "days"}),
        troops("d", 8),
        {**civilians("d", 16), "type": "CiviliansInjured"},
        civilians("e", 32),
        toll(1000, **more),
    )
    reports.file("s", civilians("e", 64, occurred=WEEK), reported="2020-02-13")
    asking.fold(reports)
    (beside,) = (await asking.ask()).tolls
    assert (beside.itemised.best, beside.itemised_claims) == (taken, taken.bit_count())


async def test_tolls_of_several_classes_each_take_their_own(asking: Asking, reports: RecordedReports) -> None:
    injured = {**civilians("c", 4), "type": "CiviliansInjured"}
    reports.file("r", troops("a", 1), civilians("b", 2), injured)
    reports.file("s", *(toll(100, victim_class=each) for each in ("troops", "civilians", "unknown")))
    reports.file("t", toll(100, outcome="injured"), toll(100, incident_id="b"), toll(100, incident_id="a"))
    asking.fold(reports)
    assert [each.itemised.best for each in (await asking.ask()).tolls] == [1, 2, 3, 4, 2, 0]


async def test_a_filter_chooses_tolls_and_the_evidence_but_not_the_area_of_a_toll(
    asking: Asking, reports: RecordedReports
) -> None:
    reports.file("r", civilians("a", 1, place=SARAQIB), civilians("b", 2, perpetrators=["x"]), toll(100))
    reports.file("s", civilians("c", 4), source={"name": "Another"})
    asking.fold(reports)

    async def inside(**asked: Any) -> list[int | None]:
        return [each.itemised.best for each in (await asking.ask(Question(ClaimFilter(**asked)))).tolls]

    assert await inside() == [7]
    assert await inside(admin1=["Idlib"]) == [7]
    assert await inside(places=["Saraqib"]) == []
    assert await inside(victim_classes=[VictimClass.TROOPS]) == []
    assert await inside(perpetrators=["x"]) == []
    assert await inside(sources=["An outlet"]) == [3]
    assert await inside(max_date_precision=DatePrecision.YEARS) == [7]
    assert await inside(max_place_precision=PlacePrecision.ADMIN1) == [7]


async def test_a_toll_that_a_question_leaves_out_is_told(
    asking: Asking, reports: RecordedReports, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports.file("r", toll(100), toll(200, place=SYRIA))
    asking.fold(reports)
    for asked, expected in [
        (ClaimFilter(max_date_precision=DatePrecision.YEAR), {"DATE_PRECISION": 2}),
        (ClaimFilter(occurred_from=date(2020, 1, 1)), {"PARTLY_IN_PERIOD": 2}),
        (ClaimFilter(max_place_precision=PlacePrecision.ADMIN1), {"PLACE_PRECISION": 1}),
    ]:
        assert left_out(await asking.ask(Question(asked))) == expected
    assert len((await asking.ask(Question(group_by=[Grouping.DAY]))).tolls) == 2
    monkeypatch.setattr(answering, "MOST_TOLLS", 1)
    answer = await asking.ask()
    assert (len(answer.tolls), left_out(answer)) == (1, {"TOO_MANY_TOLLS": 1})


async def test_tolls_of_different_sources_stand_side_by_side(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", toll(100))
    reports.file("s", toll({"qualifier": "at_least", "stated": 90}), source={"name": "Another"})
    asking.fold(reports)
    answer = await asking.ask()
    assert [each.claimed.text for each in answer.tolls] == ["100", "at least 90"]
    assert answer.figures == []


async def best_at_each_position(asking: Asking) -> list[int | None]:
    """The sum of all itemised claims as of every position."""
    answers = [await asking.ask(ALL, position) for position in range(1, asking.position + 1)]
    return [answer.figures[0].figure.best if answer.figures else 0 for answer in answers]


async def test_each_act_of_the_record_works_from_its_position_on(asking: Asking, reports: RecordedReports) -> None:
    five, seven = reports.file("r", troops("a", 5), troops("b", 7))
    asking.fold(reports)
    assert await best_at_each_position(asking) == [0, 5, 12]
    correction = {"target_event_id": str(five), "reason": "a slip", "replacement": troops("a", 6)}
    (corrected,) = reports.file("c", {"type": "ClaimCorrected", **correction})
    (retracted,) = reports.file("d", {"type": "ClaimRetracted", "target_event_id": str(seven), "reason": "error"})
    for undone in (retracted, corrected):
        reports.file(
            f"undo-{undone.int}", {"type": "ClaimRetracted", "target_event_id": str(undone), "reason": "error"}
        )
    reports.file("e", {"type": "ReportRetracted", "target_report_id": "r", "reason": "withdrawn_by_source"})
    asking.fold(reports)
    assert await best_at_each_position(asking) == [0, 5, 12, 12, 13, 13, 6, 6, 13, 13, 12, 12, 0]


async def test_what_was_retracted_is_told_from_then_on(asking: Asking, reports: RecordedReports) -> None:
    five, _ = reports.file("r", troops("a", 5), troops("b", 7))
    (act,) = reports.file("d", {"type": "ClaimRetracted", "target_event_id": str(five), "reason": "duplicate"})
    reports.file("e", {"type": "ClaimRetracted", "target_event_id": str(act), "reason": "error"})
    reports.file("f", {"type": "ReportRetracted", "target_report_id": "r", "reason": "error"})
    asking.fold(reports)
    retracted = [
        left_out(await asking.ask(position=position)).get("RETRACTED", 0)
        for position in range(1, reports.position + 1)
    ]
    assert retracted == [0, 0, 0, 0, 1, 1, 0, 0, 2]
    assert left_out((await asking.ask(position=5)).figures[0]) == {"RETRACTED": 1}
    only_a = Question(ClaimFilter(incident_ids=["a"]))
    assert (await asking.ask(only_a, position=5)).figures == []
    assert left_out(await asking.ask(only_a, position=5)) == {"RETRACTED": 1}


async def test_what_was_redacted_is_told(asking: Asking, reports: RecordedReports) -> None:
    five, _ = reports.file("r", troops("a", 5), troops("b", 7))
    correction = {"target_event_id": str(five), "reason": "a slip", "replacement": troops("a", 6)}
    reports.file("c", {"type": "ClaimCorrected", **correction})
    corrected = reports.position
    redaction = {"type": "PayloadRedacted", "rule": "privacy", "reason": "a name"}
    reports.file("d", {**redaction, "target_event_id": str(five)})
    (great,) = reports.file("e", toll(9))
    (attack,) = reports.file("f", {"type": "AttackReported", "incident_id": "a", "occurred": "2020-02-10"})
    reports.file("g", *({**redaction, "target_event_id": str(each)} for each in (great, attack)))
    for batch in (1, 1_000):
        asking.fold(reports, batch)
        answer = await asking.ask(ALL)
        assert [(bounds(each.figure), left_out(each)) for each in answer.figures] == [((7, 7, 7), {})]
        assert (answer.tolls, left_out(answer)) == ([], {"REDACTED": 2})
        assert all(each.description for each in answer.left_out)
        # The correction held what was removed, so it is hidden with the claim; as of earlier positions too.
        before = await asking.ask(ALL, position=corrected)
        assert bounds(before.figures[0].figure) == (7, 7, 7)
        assert left_out(before) == {"REDACTED": 1}
        assert left_out(await asking.ask(ALL, position=1)) == {}


async def test_an_act_that_was_redacted_is_told_as_of_when_it_stood(
    asking: Asking, reports: RecordedReports
) -> None:
    (five,) = reports.file("r", troops("a", 5))
    retracting = {"type": "ClaimRetracted", "target_event_id": str(five), "reason": "error"}
    (retraction,) = reports.file("x", {**retracting, "note": "It names a victim."})  # at 4
    undoing = {"type": "ClaimRetracted", "target_event_id": str(retraction), "reason": "error"}
    redaction = {"type": "PayloadRedacted", "rule": "privacy", "reason": "a name"}
    reports.file("y", undoing, retracting, {**redaction, "target_event_id": str(retraction)})  # at 6, 7, 8
    for batch in (1, 1_000):
        asking.fold(reports, batch)
        told = [left_out(await asking.ask(position=position)) for position in range(1, 9)]
        stood, retracted = {"REDACTED_ACT": 1}, {"RETRACTED": 1}
        assert told == [{}, {}, {}, stood, stood, {}, retracted, retracted]
        assert await best_at_each_position(asking) == [0, 5, 5, 5, 5, 5, 0, 0]


async def test_an_incident_whose_claims_were_all_redacted_is_found_empty(
    asking: Asking, reports: RecordedReports
) -> None:
    (five,) = reports.file("r", troops("a", 5))
    redaction = {"type": "PayloadRedacted", "rule": "privacy", "reason": "a name"}
    reports.file("d", {**redaction, "target_event_id": str(five)})
    schema = folded(asking.own, INCIDENTS_READ_MODEL, reports.records)
    await asking.connection.execute("SELECT set_config('search_path', %s, false)", [schema])
    found = await incident(asking.connection, "a", reports.position)
    assert (found.summary.incident_id, found.summary.claims, found.forms, found.former_forms) == ("a", 0, [], [])
    assert found.redacted == Redacted(claims=1, acts=0)
    for unknown, position in (("a", 1), ("b", reports.position)):
        with pytest.raises(NotFoundError):
            await incident(asking.connection, unknown, position)


async def test_a_correction_is_where_the_number_comes_from(asking: Asking, reports: RecordedReports) -> None:
    (five,) = reports.file("r", troops("a", 5))
    reports.file("s", troops("a", 8), reported="2020-02-20")
    correction = {"target_event_id": str(five), "reason": "a slip", "replacement": troops("b", 6)}
    reports.file("c", {"type": "ClaimCorrected", **correction}, reported="2020-03-01")
    asking.fold(reports)
    (figure,) = (await asking.ask()).figures
    assert (bounds(figure.figure), figure.positions, figure.incidents) == ((14, 14, 14), [4, 6], 2)


async def test_a_correction_makes_an_old_report_no_newer(asking: Asking, reports: RecordedReports) -> None:
    (five,) = reports.file("r", troops("a", 5))
    reports.file("s", troops("a", 8), reported="2020-02-20")
    correction = {"target_event_id": str(five), "reason": "a slip", "replacement": troops("a", 6)}
    reports.file("c", {"type": "ClaimCorrected", **correction}, reported="2020-03-01")
    asking.fold(reports)
    assert await total(asking) == (8, 8, 8)


async def test_claims_of_merged_incidents_compete(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("a", 5), troops("b", 7))
    merge = {"type": "IncidentsMerged", "incident_id": "a", "merged_incident_ids": ["b"], "reason": "one attack"}
    (act,) = reports.file("m", merge)
    reports.file("u", {"type": "ClaimRetracted", "target_event_id": str(act), "reason": "error"})
    asking.fold(reports)
    of_b = Question(ClaimFilter(incident_ids=["b"]))
    before, merged, undone = [await asking.ask(position=position) for position in (3, 5, 7)]
    assert [each.figures[0].figure.best for each in (before, merged, undone)] == [12, 7, 12]
    assert [each.figures[0].incidents for each in (before, merged, undone)] == [2, 1, 2]
    assert left_out(merged) == {"SUPERSEDED": 1}
    assert (await asking.ask(of_b, 5)).figures[0].positions == [3]
    assert (await asking.ask(Question(ClaimFilter(incident_ids=["a"])), 7)).figures[0].positions == [2]
    assert (await asking.ask(of_b, 7)).figures[0].positions == [3]


async def test_an_assessment_moves_a_claim_between_grades(asking: Asking, reports: RecordedReports) -> None:
    five, _ = reports.file("r", troops("a", 5), troops("a", 7))
    reports.file("x", {"type": "ClaimAssessed", "target_event_id": str(five), "verification": "fair"})
    (seven,) = reports.file("s", troops("a", 9))
    reports.file("y", {"type": "ClaimAssessed", "target_event_id": str(seven), "verification": "discounted"})
    asking.fold(reports)
    fair = ClaimFilter(min_verification=Verification.FAIR)
    assert [(await asking.ask(Question(fair), at)).figures == [] for at in (3, 5)] == [True, False]
    assert await total(asking, fair) == (5, 5, 5)
    # What was found not to hold supersedes nothing.
    assert await best_at_each_position(asking) == [0, 5, 7, 7, 7, 7, 9, 9, 7]


async def test_pages_hold_claims_and_tolls_in_order_and_nothing_that_is_left_out(
    asking: Asking, reports: RecordedReports
) -> None:
    first, second, total_claim = reports.file("r", troops("a", 5), civilians("b", 7), toll(100))
    (third,) = reports.file("s", troops("a", 6, verification="discounted"))
    correction = {"target_event_id": str(first), "reason": "a slip", "replacement": troops("a", 6)}
    reports.file("c", {"type": "ClaimCorrected", **correction})
    asking.fold(reports)
    assert await asking.page(ALL) == [second, total_claim, first]
    assert await asking.page(ALL, limit=2) == [second, total_claim]
    assert await asking.page(ALL, after=4) == [first]
    assert await asking.page(ALL, (Grouping.CLASS, "civilians")) == [second]
    assert await asking.page(Question(ClaimFilter(sources=["Nobody"]))) == []
    assert third in await asking.page(Question(ClaimFilter(min_verification=Verification.DISCOUNTED)))


async def test_pages_take_the_claims_of_a_period(asking: Asking, reports: RecordedReports) -> None:
    day, _ = reports.file("r", troops("a", 5), troops("b", 5, occurred=WEEK))
    asking.fold(reports)
    assert await asking.page(ALL, (Grouping.DAY, "2020-02-10")) == [day]
    assert await asking.page(ALL, (Grouping.DAY, "2020-02-03")) == []


COUNTS = st.one_of(
    st.integers(0, 50),
    st.fixed_dictionaries(
        {"qualifier": st.sampled_from(["about", "at_least", "more_than"]), "stated": st.integers(1, 9)}
    ),
    st.just({"qualifier": "vague", "words": "scores"}),
)
EXACT = st.integers(0, 50)


@st.composite
def claims(draw: st.DrawFn, counts: st.SearchStrategy[Any] = COUNTS) -> dict[str, Any]:
    """A claim about one of few incidents, so that many compete."""
    incident, count = draw(st.sampled_from("abc")), draw(counts)
    more = {
        "occurred": draw(st.sampled_from(["2020-02-10", "2020-02-11", "2020-01-31"])),
        "place": draw(st.sampled_from([IDLIB, SYRIA, ATMEH, None])),
        "perpetrators": draw(st.lists(st.sampled_from(["x", "y"]), unique=True)),
        "verification": draw(st.sampled_from(["reported", "fair", "discounted"])),
    }
    if draw(st.booleans()):
        return civilians(incident, count, **more)
    return troops(incident, count, draw(st.sampled_from(["turkey", "russia"])), **more)


def filings(counts: st.SearchStrategy[Any] = COUNTS) -> st.SearchStrategy[list[tuple[int, dict[str, Any]]]]:
    """Claims, each published on a day of its own."""
    return st.lists(claims(counts), min_size=1, max_size=12).map(lambda each: list(enumerate(each)))


def filed(filings: list[tuple[int, dict[str, Any]]]) -> RecordedReports:
    reports = RecordedReports()
    for day, claim in filings:
        source = {"name": f"Outlet {day % 3}", "reliability": "abcdef"[day % 6]}
        reports.file(f"r-{day}", claim, reported=f"2020-03-{day + 1:02}", source=source)
    return reports


EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def without_positions(answer: Casualties) -> list[GroupFigure]:
    return [replace(figure, positions=[]) for figure in answer.figures]


@given(filings=filings(), rule=st.sampled_from(ResolutionRule), data=st.data())
@EXAMPLES
async def test_the_order_of_arrival_makes_no_difference(
    asking: Asking, filings: list[tuple[int, dict[str, Any]]], rule: ResolutionRule, data: st.DataObject
) -> None:
    question = Question(group_by=[Grouping.PARTY, Grouping.ADMIN1, Grouping.SOURCE], resolution_rule=rule)
    asking.fold(filed(filings))
    in_order = await asking.ask(question)
    asking.fold(filed(data.draw(st.permutations(filings))), batch=data.draw(st.integers(1, 7)))
    shuffled = await asking.ask(question)
    assert without_positions(shuffled) == without_positions(in_order)
    assert left_out(shuffled) == left_out(in_order)


@given(filings=filings(EXACT), rule=st.sampled_from(ResolutionRule), groupings=st.sets(st.sampled_from(Grouping)))
@EXAMPLES
async def test_groups_add_up_to_the_whole_where_bounds_are_closed(
    asking: Asking, filings: list[tuple[int, dict[str, Any]]], rule: ResolutionRule, groupings: set[Grouping]
) -> None:
    asking.fold(filed(filings))
    wholes = (await asking.ask(Question(group_by=[], resolution_rule=rule))).figures
    parts = (await asking.ask(Question(group_by=sorted(groupings), resolution_rule=rule))).figures
    sums = [sum(getattr(part.figure, bound) for part in parts) for bound in ("low", "best", "high")]
    assert tuple(sums) == (bounds(wholes[0].figure) if wholes else (0, 0, 0))
    assert sum(part.claims for part in parts) == sum(whole.claims for whole in wholes)
    positions = sorted(position for part in parts for position in part.positions)
    assert positions == [position for whole in wholes for position in whole.positions]


@given(filings=filings(), count=COUNTS, of_incident=st.booleans(), where=st.sampled_from([IDLIB, SYRIA, None]))
@EXAMPLES
async def test_a_toll_changes_no_figure(
    asking: Asking, filings: list[tuple[int, dict[str, Any]]], count: Any, of_incident: bool, where: Any
) -> None:
    reports = filed(filings)
    asking.fold(reports)
    before = await asking.ask()
    reports.file("toll", toll(count, place=where, **({"incident_id": "a"} if of_incident else {})))
    asking.fold(reports)
    after = await asking.ask()
    assert after.figures == before.figures
    assert len(after.tolls) == len(before.tolls) + 1 == 1


@given(filings=filings())
@EXAMPLES
async def test_the_latest_claim_is_the_one_that_counts(
    asking: Asking, filings: list[tuple[int, dict[str, Any]]]
) -> None:
    """The same figures, worked out one claim after the other."""
    asking.fold(filed(filings))
    latest: dict[tuple[str, ...], int] = {}
    for _, claim in filings:
        count = claim["count"]
        best = count if isinstance(count, int) else count.get("stated", 0) + (count["qualifier"] == "more_than")
        if claim["verification"] != "discounted" and not (isinstance(count, dict) and "words" in count):
            latest[claim["incident_id"], claim.get("victim_party", ""), claim["type"]] = best
    expected: dict[str, int] = {}
    for (_, party, _), best in latest.items():
        expected[party] = expected.get(party, 0) + best
    figures = (await asking.ask(Question(group_by=[Grouping.PARTY]))).figures
    found = {figure.key[0][1]: figure.figure.best for figure in figures if figure.figure.best is not None}
    assert found == expected
