"""Current totals are kept ready: whatever the history, and however it was cut into batches, they say what summing
the claims says, answer for answer, and a rebuild finds the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from ledger.domain.codes import Verification
from ledger.errors import InvalidRequestError
from ledger.persistence.records import StoredRecord
from projections.casualties import CASUALTIES, answering, current, keeping, summing
from projections.casualties.answering import Casualties, casualties
from projections.casualties.keeping import KEPT
from projections.casualties.question import (
    ClaimFilter,
    CountPolicy,
    Grouping,
    Question,
    ResolutionRule,
)
from projections.engine.batches import sent
from tests.folded import RecordedReports
from tests.histories import (
    CLAIMS,
    INCIDENTS,
    casualty_contents,
    event_id,
    histories,
    record,
    redacted,
)
from tests.postgres import Database

EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCHEMA = "ledger_main_casualties_g1"
KEPT_TABLES = (
    *("current_numbers", "current_tolls", "tolls_beside", "kept_tolls", "totals"),
    *("totals_by_wholes", "totals_positions", "totals_stretches", "totals_unregistered", "totals_of_tolls"),
)
QUESTIONS = [Question(group_by=kept, count_policy=policy) for kept in KEPT for policy in CountPolicy]
SOME_QUESTIONS = st.lists(st.sampled_from(QUESTIONS), min_size=3, max_size=3, unique_by=repr)

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.owner_url) as own:
        yield own


@pytest_asyncio.fixture
async def asking(database: Database) -> AsyncIterator[AsyncConnection[Any]]:
    async with await AsyncConnection.connect(database.owner_url, autocommit=True) as own:
        await own.execute("SELECT set_config('search_path', %s, false)", [SCHEMA])
        yield own


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds so narrow that short histories reach them."""
    for name, bound in {"most_positions": 2, "stretch": 3, "most_tolls": 2}.items():
        monkeypatch.setitem(keeping.BOUNDS, name, bound)
    monkeypatch.setattr(summing, "MOST_POSITIONS", 2)
    monkeypatch.setattr(answering, "MOST_TOLLS", 2)


def fold(connection: Connection, records: Sequence[StoredRecord], size: int = 1_000) -> None:
    for start in range(0, len(records), size):
        CASUALTIES.fold(connection, SCHEMA, sent(records[start : start + size]), complete=True)
        connection.commit()


def generation(connection: Connection, records: Sequence[StoredRecord], size: int = 1_000) -> None:
    """A generation in a schema of its own, in place of the one before."""
    connection.rollback()
    connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    CASUALTIES.create(connection, SCHEMA)
    CASUALTIES.complete(connection, SCHEMA, 0)
    fold(connection, records, size)


@given(
    records=histories(redactions=True, contents=casualty_contents(), most=40),
    size=st.integers(1, 8),
    questions=SOME_QUESTIONS,
)
@EXAMPLES
@pytest.mark.usefixtures("narrow")
async def test_current_totals_say_what_summing_the_claims_says(
    connection: Connection,
    asking: AsyncConnection[Any],
    records: list[StoredRecord],
    size: int,
    questions: list[Question],
) -> None:
    generation(connection, records, size)
    position = len(records)
    for question in questions:
        summed = await casualties(asking, question, position)
        assert await casualties(asking, question, position, taken=position) == summed, question


@given(records=histories(redactions=True, contents=casualty_contents(), most=40), size=st.integers(1, 8))
@EXAMPLES
@pytest.mark.usefixtures("narrow")
def test_a_rebuild_finds_the_totals_that_were_kept(
    connection: Connection, records: list[StoredRecord], size: int
) -> None:
    generation(connection, records, size)
    live = CASUALTIES.digest(connection, SCHEMA)
    generation(connection, redacted(records))
    assert CASUALTIES.digest(connection, SCHEMA) == live


@st.composite
def done_and_undone(draw: st.DrawFn) -> tuple[list[StoredRecord], list[StoredRecord]]:
    """A history; and an act with its undoing."""
    before = draw(histories(contents=casualty_contents(), most=30))
    at = len(before) + 1
    claims = [str(each.event_id) for each in before if each.topic in CLAIMS]
    of_claims = ("ClaimCorrected", "ClaimRetracted", "ClaimAssessed") if claims else ()
    kind = draw(st.sampled_from(("IncidentsMerged", "ReportRetracted", "ActorRegistered", *of_claims)))
    content: dict[str, Any] = {"reason": "error"}
    if kind in of_claims:
        content["target_event_id"] = draw(st.sampled_from(claims))
    if kind == "ClaimCorrected":
        named, claim = draw(casualty_contents())
        content["replacement"] = {"type": named, **claim}
    if kind == "ClaimAssessed":
        content = {**content, "verification": draw(st.sampled_from(("fair", "discounted")))}
        del content["reason"]
    if kind == "IncidentsMerged":
        one, other = draw(st.lists(st.sampled_from(INCIDENTS), min_size=2, max_size=2, unique=True))
        content |= {"incident_id": one, "merged_incident_ids": [other]}
    if kind == "ReportRetracted":
        content["target_report_id"] = before[0].report_id
    if kind == "ActorRegistered":
        content = {"actor_id": draw(st.sampled_from(("turkey", "russia"))), "name": "One", "actor_kind": 1}
    undoing = record(at + 1, "ClaimRetracted", "r", target_event_id=str(event_id(at)), reason="error")
    return before, [record(at, kind, "r", **content), undoing]


def kept(connection: Connection) -> dict[str, Counter[str]]:
    """All that is kept beside the claims, but for the positions from which forms of tolls hold."""
    query = "SELECT (to_jsonb(t) - 'held_from')::text FROM {} AS t"
    return {
        table: Counter(row for (row,) in connection.execute(query.format(f"{SCHEMA}.{table}")))
        for table in KEPT_TABLES
    }


@given(history=done_and_undone(), one_by_one=st.booleans())
@EXAMPLES
@pytest.mark.usefixtures("narrow")
async def test_undoing_gives_the_figures_back(
    connection: Connection,
    asking: AsyncConnection[Any],
    history: tuple[list[StoredRecord], list[StoredRecord]],
    one_by_one: bool,
) -> None:
    before, done = history
    everything = [
        Question(group_by=[Grouping.INCIDENT, Grouping.DAY], resolution_rule=rule) for rule in ResolutionRule
    ]
    generation(connection, before)
    was = kept(connection)
    answered = [without_forms(await casualties(asking, each, len(before))) for each in everything]
    fold(connection, done, 1 if one_by_one else 2)
    assert kept(connection) == was
    after = [without_forms(await casualties(asking, each, len(before) + 2)) for each in everything]
    assert after == answered


def without_forms(answer: Casualties) -> Casualties:
    """An answer with tolls named by their events alone: a form that comes back holds from another position."""
    return replace(answer, tolls=[replace(toll, form=(toll.form[0], 0)) for toll in answer.tolls])


@dataclass
class Arrivals:
    """Reports of one claim each, and acts on these claims, in two orders of arrival."""

    sorted: list[StoredRecord]
    shuffled: list[StoredRecord]


@st.composite
def arrivals(draw: st.DrawFn) -> Arrivals:
    """The same claims and acts in any order in which they could arrive. What is published on one day keeps its
    order, because of these the one recorded later counts; so do tolls: a source's later one gives bounds."""
    filings = draw(st.lists(st.tuples(st.integers(11, 13), casualty_contents()), min_size=1, max_size=10))
    acts: list[tuple[int, dict[str, Any]]] = []
    for target in draw(st.lists(st.integers(0, len(filings) - 1), max_size=4)):
        acts.append((target, draw(acts_on(filings[target][1]))))
    items: list[int] = draw(st.permutations(range(len(filings))))
    for bucket in {bucket_of(each) for each in filings}:
        places = [at for at, each in enumerate(items) if bucket_of(filings[each]) == bucket]
        for at, each in zip(places, sorted(items[at] for at in places), strict=True):
            items[at] = each
    order: list[int] = [*items]
    for number, (target, _) in enumerate(acts):
        others = [order.index(-1 - each) for each in range(number) if acts[each][0] == target]
        first = max([order.index(target), *others]) + 1
        order.insert(draw(st.integers(first, len(order))), -1 - number)
    in_order = [*range(len(filings)), *(-1 - number for number in range(len(acts)))]
    return Arrivals(recorded(filings, acts, in_order), recorded(filings, acts, order))


Filing = tuple[int, tuple[str, dict[str, Any]]]


def bucket_of(filing: Filing) -> int:
    day, (kind, _) = filing
    return 0 if kind == "TollClaimed" else day


@st.composite
def acts_on(draw: st.DrawFn, claim: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """An act on a claim; a correction leaves a toll a toll."""
    kind = draw(st.sampled_from(("ClaimCorrected", "ClaimCorrected", "ClaimRetracted", "ClaimAssessed")))
    if kind == "ClaimAssessed":
        return {"type": kind, "verification": draw(st.sampled_from(("fair", "discounted")))}
    if kind == "ClaimRetracted":
        return {"type": kind, "reason": "error"}
    is_toll = claim[0] == "TollClaimed"
    named, content = draw(casualty_contents().filter(lambda each: (each[0] == "TollClaimed") == is_toll))
    return {"type": kind, "reason": "a slip", "replacement": {"type": named, **content}}


def recorded(
    filings: Sequence[Filing], acts: Sequence[tuple[int, dict[str, Any]]], order: Sequence[int]
) -> list[StoredRecord]:
    reports, ids = RecordedReports(), {}
    for each in order:
        if each >= 0:
            day, (kind, content) = filings[each]
            source = {"name": f"Outlet {each % 2}"}
            said = {"reported": f"2020-03-{day}", "source": source}
            (ids[each],) = reports.file(f"claim-{each}", {"type": kind, **content}, **said)
        else:
            target, act = acts[-1 - each]
            reports.file(f"act-{each}", {"target_event_id": str(ids[target]), **act})
    return reports.records


@given(history=arrivals(), size=st.integers(1, 7), questions=SOME_QUESTIONS)
@EXAMPLES
async def test_the_order_of_arrival_makes_no_difference(
    connection: Connection,
    asking: AsyncConnection[Any],
    history: Arrivals,
    size: int,
    questions: list[Question],
) -> None:
    position = len(history.sorted)
    generation(connection, history.sorted)
    expected = [without_positions(await casualties(asking, each, position, position)) for each in questions]
    generation(connection, history.shuffled, size)
    found = [without_positions(await casualties(asking, each, position, position)) for each in questions]
    assert found == expected


def without_positions(answer: Casualties) -> tuple[Any, ...]:
    """What an answer says, but for where that is recorded."""
    figures = [replace(figure, positions=[]) for figure in answer.figures]
    tolls = Counter((toll.claimed, toll.itemised, toll.itemised_claims) for toll in answer.tolls)
    return figures, tolls, answer.left_out


def total(figures: Sequence[Any], bound: str) -> int | None:
    """The sum of a bound: a high is open if one is; of the others those that are stated are summed."""
    stated = [value for each in figures if (value := getattr(each.figure, bound)) is not None]
    open_high = bound == "high" and len(stated) < len(figures)
    return None if open_high or not stated else sum(stated)


@given(
    records=histories(contents=casualty_contents(), most=40),
    grouping=st.sampled_from(KEPT[1:]),
    policy=st.sampled_from(CountPolicy),
)
@EXAMPLES
async def test_groups_add_up_to_the_whole_or_the_answer_says_what_they_lack(
    connection: Connection,
    asking: AsyncConnection[Any],
    records: list[StoredRecord],
    grouping: Sequence[Grouping],
    policy: CountPolicy,
) -> None:
    generation(connection, records)
    position = len(records)
    whole = await casualties(asking, Question(group_by=(), count_policy=policy), position, position)
    parts = await casualties(asking, Question(group_by=grouping, count_policy=policy), position, position)
    if "DATE_PRECISION" in {each.reason for each in parts.left_out}:
        assert grouping in ((Grouping.MONTH,), (Grouping.YEAR,))
        return
    assert parts.left_out == whole.left_out
    assert sum(each.claims for each in parts.figures) == sum(each.claims for each in whole.figures)
    assert sum(each.incidents for each in parts.figures) >= sum(each.incidents for each in whole.figures)
    flags = {flag for each in (*parts.figures, *whole.figures) for flag in each.flags}
    for bound in ("best",) if "BOUNDS_OF_WHOLES" in flags else ("low", "best", "high"):
        assert total(parts.figures, bound) == total(whole.figures, bound)
    if "BOUNDS_OF_WHOLES" not in flags:
        assert [toll.form for toll in parts.tolls] == [toll.form for toll in whole.tolls]


def claim(incident: str, count: Any, **more: Any) -> dict[str, Any]:
    content = {"occurred": "2020-02-10", "victim_party": "turkey", "count": count, **more}
    return {"type": "TroopsKilled", "incident_id": incident, **content}


EVERYTHING = Question(group_by=())


async def test_a_kept_answer_looks_at_no_claim(connection: Connection, asking: AsyncConnection[Any]) -> None:
    reports = RecordedReports()
    reports.file("r", claim("a", 5), claim("b", 7))
    reports.file("s", claim("a", 6))
    generation(connection, reports.records)
    connection.execute(f"DELETE FROM {SCHEMA}.claims")
    connection.commit()
    (figure,) = (await casualties(asking, EVERYTHING, 5, taken=5)).figures
    assert (figure.figure.best, figure.positions) == (13, [3, 5])
    assert (await casualties(asking, EVERYTHING, 4, taken=5)).figures == []


@pytest.mark.parametrize(
    "question",
    [
        Question(group_by=[Grouping.DAY]),
        Question(group_by=[Grouping.INCIDENT]),
        Question(group_by=[Grouping.PARTY, Grouping.CLASS]),
        Question(ClaimFilter(places=["Idlib"])),
        Question(ClaimFilter(exclude_aggregates=True)),
        Question(ClaimFilter(min_verification=Verification.DISCOUNTED)),
        Question(count_aggregates=True),
        *(Question(resolution_rule=rule) for rule in ResolutionRule if rule is not ResolutionRule.LATEST),
    ],
)
def test_what_is_not_kept_is_not_answered_from_totals(question: Question) -> None:
    assert current.number_of(question) is None


def test_every_order_of_a_kept_grouping_is_kept() -> None:
    for number, groupings in enumerate(KEPT, 1):
        assert current.number_of(Question(group_by=list(reversed(groupings)))) == number


async def test_keys_of_a_kept_answer_come_in_the_order_asked(
    connection: Connection, asking: AsyncConnection[Any]
) -> None:
    reports = RecordedReports()
    reports.file("r", claim("a", 5))
    generation(connection, reports.records)
    groupings = (Grouping.OUTCOME, Grouping.PARTY, Grouping.CLASS)
    (figure,) = (await casualties(asking, Question(group_by=groupings), 2, taken=2)).figures
    assert figure.key == [(Grouping.OUTCOME, "killed"), (Grouping.PARTY, "turkey"), (Grouping.CLASS, "troops")]


async def test_too_many_kept_groups_are_refused_alike(
    connection: Connection, asking: AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = RecordedReports()
    reports.file("r", *(claim(each, 1, victim_party=each) for each in "abc"))
    generation(connection, reports.records)
    question = Question(group_by=[Grouping.PARTY])
    monkeypatch.setattr(answering, "MOST_GROUPS", 2)
    for taken in (None, reports.position):
        with pytest.raises(InvalidRequestError, match="more than 2 groups"):
            await casualties(asking, question, reports.position, taken)
    monkeypatch.setattr(answering, "MOST_GROUPS", 3)
    assert len((await casualties(asking, question, reports.position, reports.position)).figures) == 3


async def test_a_whole_of_a_redacted_report_gives_no_bounds(
    connection: Connection, asking: AsyncConnection[Any]
) -> None:
    reports = RecordedReports()
    count = {"qualifier": "between", "low": 1, "best": 5, "high": 9}
    whole = {
        "type": "TollClaimed",
        "incident_id": "a",
        "occurred": "2020-02-10",
        "outcome": "killed",
        "count": count,
    }
    reports.file("r", claim("a", {"qualifier": "about", "stated": 5}), whole)
    redaction = {"type": "PayloadRedacted", "rule": "privacy", "reason": "a name"}
    question = replace(EVERYTHING, count_policy=CountPolicy.UCDP_RANGE)
    generation(connection, reports.records)
    (figure,) = (await casualties(asking, question, 3, taken=3)).figures
    assert (figure.figure.low, figure.figure.high, figure.flags) == (
        *(1, 9),
        ["SINGLE_SOURCE", "UNREGISTERED_ACTOR", "BOUNDS_OF_WHOLES"],
    )
    reports.file("x", {**redaction, "target_event_id": str(event_id(1))})  # the filing itself, and so its source
    fold(connection, reports.records[3:])
    summed = await casualties(asking, question, reports.position)
    assert (summed.figures[0].figure.low, summed.figures[0].figure.high, len(summed.tolls)) == (None, None, 1)
    assert await casualties(asking, question, reports.position, reports.position) == summed


async def test_groups_by_month_say_what_they_lack(connection: Connection, asking: AsyncConnection[Any]) -> None:
    reports = RecordedReports()
    year = {"start": "2020-01-01", "end": "2020-12-31", "precision": "year"}
    reports.file("r", claim("a", 5), claim("b", 7))
    reports.file("s", claim("a", 6, occurred=year), reported="2020-02-20")
    generation(connection, reports.records)
    whole = await casualties(asking, EVERYTHING, 5, taken=5)
    by_month = await casualties(asking, Question(group_by=[Grouping.MONTH]), 5, taken=5)
    assert [each.figure.best for each in (*whole.figures, *by_month.figures)] == [13, 12]
    assert [{each.reason: each.claims for each in answer.left_out} for answer in (whole, by_month)] == [
        {"SUPERSEDED": 1},
        {"DATE_PRECISION": 1},
    ]
