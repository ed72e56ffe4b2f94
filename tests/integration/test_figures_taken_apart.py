"""Every figure can be taken apart: the claims listed for its group add up to it, those left out are those that it
counts as left out, and whoever applies the rule to what is listed finds the figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.domain.codes import DatePrecision, PlacePrecision, Verification
from projections.casualties import answering
from projections.casualties.answering import GroupFigure
from projections.casualties.figures import Figure
from projections.casualties.listing import TOLL, Part, page_of_claims
from projections.casualties.question import (
    PERIODS,
    SHARED,
    ClaimFilter,
    CountPolicy,
    Grouping,
    Question,
    ResolutionRule,
)
from tests.folded import RecordedReports
from tests.integration.test_casualties import (
    ATMEH,
    IDLIB,
    SYRIA,
    Asking,
    asking,
    bounds,
    by_key,
    civilians,
    left_out,
    reports,
    toll,
    troops,
)

__all__ = ["asking", "reports"]

EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
COUNTED_THOUGH_TOLD = "NO_BEST"
"""Of another kind than the other reasons: such a claim counts."""
PAGE_SIZE = 5
DATES = (
    "2020-02-10",
    "2020-01-31",
    {"start": "2020-02-10", "end": "2020-02-12", "precision": "days"},
    {"start": "2020-02-03", "end": "2020-02-09", "precision": "week"},
    {"start": "2020-02-05", "end": "2020-02-20", "precision": "month"},
    {"start": "2019-12-01", "end": "2020-02-29", "precision": "year"},
)
COUNTS: st.SearchStrategy[Any] = st.one_of(
    st.integers(0, 9),
    st.sampled_from(
        (
            {"qualifier": "about", "stated": 4},
            {"qualifier": "at_least", "stated": 3},
            {"qualifier": "between", "low": 2, "high": 5},
            {"qualifier": "between", "low": 2, "best": 3, "high": 5},
            {"qualifier": "vague", "words": "dozens"},
        )
    ),
)


@st.composite
def claims(draw: st.DrawFn) -> dict[str, Any]:
    """An itemised claim, an aggregate or a whole, of one of few incidents."""
    incident, count = draw(st.sampled_from("abc")), draw(COUNTS)
    more: dict[str, Any] = {
        "occurred": draw(st.sampled_from(DATES)),
        "place": draw(st.sampled_from([IDLIB, SYRIA, ATMEH, None])),
        "perpetrators": draw(st.lists(st.sampled_from(["x", "y"]), unique=True)),
        "verification": draw(st.sampled_from(["reported", "fair", "discounted"])),
        "clarity": draw(st.sampled_from(["single", "aggregate"])),
    }
    match draw(st.sampled_from(["troops", "civilians", "civilians", "whole", "aggregate", "area"])):
        case "troops":
            return troops(incident, count, draw(st.sampled_from(["turkey", "russia"])), **more)
        case "civilians":
            return civilians(incident, count, **more)
        case "area":
            return toll(count, **more)
        case kind:
            made = toll(count, incident_id=incident, **more)
            if kind == "whole":
                del made["victim_class"]
            return made


@st.composite
def ledgers(draw: st.DrawFn) -> RecordedReports:
    """Claims of several sources and days, with acts on some of them."""
    reports = RecordedReports()
    filed: list[Any] = []
    for number in range(draw(st.integers(2, 9))):
        act = _act(draw, filed) if filed else None
        source = {"name": f"Outlet {draw(st.integers(0, 2))}", "reliability": draw(st.sampled_from("abf"))}
        said = {"reported": f"2020-03-{draw(st.integers(1, 3)):02}", "source": source}
        items = [act] if act else draw(st.lists(claims(), min_size=1, max_size=3))
        ids = reports.file(f"r-{number}", *items, **said)
        filed += [] if act else ids
    return reports


def _act(draw: st.DrawFn, filed: list[Any]) -> dict[str, Any] | None:
    target = {"target_event_id": str(draw(st.sampled_from(filed)))}
    match draw(st.sampled_from([None, None, None, "correct", "retract", "assess", "choose", "merge"])):
        case "correct":
            return {"type": "ClaimCorrected", **target, "reason": "a slip", "replacement": draw(claims())}
        case "retract":
            return {"type": "ClaimRetracted", **target, "reason": "error"}
        case "assess":
            return {
                "type": "ClaimAssessed",
                **target,
                "verification": draw(st.sampled_from(["fair", "discounted"])),
            }
        case "choose":
            chosen = {"preferred_event_id": target["target_event_id"], "incident_id": "a", "reason": "it saw"}
            return {"type": "PreferredClaimChosen", **chosen}
        case "merge":
            into, *others = draw(st.permutations("abc").map(lambda each: each[:2]))
            merge = {"incident_id": into, "merged_incident_ids": others, "reason": "one attack"}
            return {"type": "IncidentsMerged", **merge}
    return None


FILTERS = (
    ClaimFilter(),
    ClaimFilter(min_verification=Verification.FAIR),
    ClaimFilter(min_verification=Verification.DISCOUNTED, exclude_aggregates=True),
    ClaimFilter(max_date_precision=DatePrecision.WEEK, max_place_precision=PlacePrecision.ADMIN1),
    ClaimFilter(victim_parties=["turkey"]),
    ClaimFilter(sources=["Outlet 0", "Outlet 1"]),
    ClaimFilter(incident_ids=["a", "b"]),
)
GROUPINGS = st.one_of(
    [
        st.lists(st.sampled_from(among), min_size=1, max_size=3, unique=True).map(tuple)
        for among in (sorted(SHARED), tuple(Grouping))
    ]
)
QUESTIONS = st.builds(
    Question,
    filter=st.sampled_from(FILTERS),
    group_by=GROUPINGS,
    count_policy=st.sampled_from(CountPolicy),
    resolution_rule=st.sampled_from(ResolutionRule),
    count_aggregates=st.booleans(),
    spread=st.booleans(),
)


async def parts_of(
    asking: Asking,
    question: Question,
    figure: GroupFigure | None = None,
    with_left_out: bool = False,
    size: int = 3,
) -> list[tuple[Part, Mapping[str, Any]]]:
    """All claims of a figure, page by page, as they are listed and as they read."""
    key = dict(figure.key) if figure else {}
    found: list[tuple[Part, Mapping[str, Any]]] = []
    after = 0
    while True:
        page = await page_of_claims(
            asking.connection, question, asking.position, key, after, PAGE_SIZE, with_left_out
        )
        rows = await answering.forms(asking.connection, [part.form for part in page], asking.position)
        found += [(part, rows[part.form]) for part in page]
        if len(page) < PAGE_SIZE:
            return found
        after = rows[page[-1].form]["form_position"]


def added(figures: list[Figure]) -> tuple[int | None, int | None, int | None]:
    """What figures add up to: a bound that none has is absent, a high that one lacks is open."""

    def known(values: list[int | None]) -> int | None:
        present = [value for value in values if value is not None]
        return sum(present) if present else None

    highs = [each.high for each in figures]
    return (
        known([each.low for each in figures]),
        known([each.best for each in figures]),
        None if None in highs or not highs else known(highs),
    )


@given(ledger=ledgers(), question=QUESTIONS)
@EXAMPLES
async def test_what_is_listed_for_a_group_adds_up_to_its_figure(
    asking: Asking, ledger: RecordedReports, question: Question
) -> None:
    asking.fold(ledger)
    answer = await asking.ask(question)
    for figure in answer.figures:
        listed = await parts_of(asking, question, figure)
        assert added([part.adds for part, _ in listed if part.adds is not None]) == bounds(figure.figure)
        counted = [row for part, row in listed if not part.left_out]
        assert [row["form_position"] for row in counted] == figure.positions
        assert len(counted) == figure.claims
        assert len({row["incident_id"] for row in counted}) == figure.incidents


@given(ledger=ledgers(), question=QUESTIONS)
@EXAMPLES
async def test_what_a_figure_leaves_out_is_listed_with_the_same_reasons(
    asking: Asking, ledger: RecordedReports, question: Question
) -> None:
    asking.fold(ledger)
    answer = await asking.ask(question)
    in_figures: Counter[str] = Counter()
    for figure in answer.figures:
        listed = await parts_of(asking, question, figure, with_left_out=True)
        reasons = Counter(part.left_out for part, _ in listed if part.left_out not in ("", "WHOLE"))
        told = left_out(figure)
        told.pop(COUNTED_THOUGH_TOLD, 0)
        assert reasons == told
        in_figures += reasons
    everything = await parts_of(asking, replace(question, group_by=()), with_left_out=True)
    of_the_whole = await asking.ask(replace(question, group_by=()))
    reasons = Counter(part.left_out for part, _ in everything if part.left_out not in ("", TOLL, "WHOLE"))
    told = left_out(of_the_whole)
    told.pop(COUNTED_THOUGH_TOLD, 0)
    assert reasons == told


@given(ledger=ledgers(), question=QUESTIONS)
@EXAMPLES
async def test_no_claim_is_behind_two_figures_and_none_is_lost(
    asking: Asking, ledger: RecordedReports, question: Question
) -> None:
    asking.fold(ledger)
    answer = await asking.ask(question)
    listed: list[Any] = []
    for figure in answer.figures:
        found = await parts_of(asking, question, figure)
        listed += [part.form for part, _ in found if part.left_out != "WHOLE"]
    assert len(set(listed)) == len(listed)
    counted = [part.form for part, _ in await parts_of(asking, replace(question, group_by=())) if part.adds]
    dated = set(question.group_by).isdisjoint(PERIODS) or question.spread
    if dated:
        assert set(counted) <= set(listed)


@given(ledger=ledgers(), group_by=GROUPINGS)
@EXAMPLES
async def test_whoever_applies_the_rule_to_what_is_listed_finds_the_figure(
    asking: Asking, ledger: RecordedReports, group_by: tuple[Grouping, ...]
) -> None:
    """The rule `latest` under verbatim-1, worked out from what the claims say and nothing else."""
    asking.fold(ledger)
    question = Question(group_by=group_by)
    for figure in (await asking.ask(question)).figures:
        latest: dict[tuple[Any, ...], tuple[tuple[Any, ...], Mapping[str, Any]]] = {}
        for _, row in await parts_of(asking, question, figure):
            number = (row["incident_id"], row["victim_party"], row["victim_class"], row["outcome"])
            stated = any(row[bound] is not None for bound in ("low", "best", "high"))
            order = (stated, row["reported_at"], row["position"])
            if number not in latest or order > latest[number][0]:
                latest[number] = (order, row)
        taken = [row for _, row in latest.values()]
        assert added([Figure(row["low"], row["best"], row["high"]) for row in taken]) == bounds(figure.figure)
        assert (
            sorted(row["form_position"] for (numbered, *_), row in latest.values() if numbered) == figure.positions
        )


async def test_the_claims_that_another_source_supersedes_are_listed_with_it(
    asking: Asking, reports: RecordedReports
) -> None:
    (older,) = reports.file("r1", troops("a", 5), source={"name": "One"})
    (newer,) = reports.file("r2", troops("a", 6), source={"name": "Two"}, reported="2020-02-14")
    asking.fold(reports)
    by_source = Question(group_by=[Grouping.SOURCE])
    (figure,) = (await asking.ask(by_source)).figures
    assert (figure.key, bounds(figure.figure)) == ([(Grouping.SOURCE, "Two")], (6, 6, 6))
    listed = await parts_of(asking, by_source, figure)
    assert [(part.form[0], part.left_out, part.adds and part.adds.best) for part, _ in listed] == [
        (older, "SUPERSEDED", None),
        (newer, "", 6),
    ]
    assert await page_of_claims(asking.connection, by_source, 4, {Grouping.SOURCE: "One"}, 0, 9) == []


async def test_all_claims_of_an_envelope_are_listed_and_one_carries_its_bounds(
    asking: Asking, reports: RecordedReports
) -> None:
    reports.file("r1", troops("a", 5), source={"name": "One"})
    reports.file("r2", troops("a", 9), source={"name": "Two"}, reported="2020-02-14")
    asking.fold(reports)
    question = Question(group_by=[Grouping.SOURCE], resolution_rule=ResolutionRule.ENVELOPE)
    (figure,) = (await asking.ask(question)).figures
    listed = await parts_of(asking, question, figure)
    assert [(part.left_out, part.adds and bounds(part.adds)) for part, _ in listed] == [("", None), ("", (5, 9, 9))]


async def test_words_add_nothing_and_open_the_sum(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("a", 5), troops("b", {"qualifier": "vague", "words": "dozens"}))
    asking.fold(reports)
    for policy, adds in (
        (CountPolicy.VERBATIM_1, [(5, 5, 5), (None,) * 3]),
        (CountPolicy.ACLED_2019, [(5,) * 3, (12,) * 3]),
    ):
        question = Question(count_policy=policy)
        (figure,) = (await asking.ask(question)).figures
        listed = await parts_of(asking, question, figure)
        assert [bounds(part.adds) for part, _ in listed if part.adds] == adds


async def test_the_whole_that_gives_the_bounds_is_listed_with_its_parts(
    asking: Asking, reports: RecordedReports
) -> None:
    about = {"qualifier": "about", "stated": 4}
    whole = {"qualifier": "between", "low": 3, "best": 8, "high": 12}
    of_all = toll(whole, incident_id="a", occurred="2020-02-10")
    del of_all["victim_class"]
    reports.file("r", troops("a", about), civilians("a", about), of_all, toll(1800))
    asking.fold(reports)
    question = Question(group_by=[Grouping.OUTCOME], count_policy=CountPolicy.UCDP_RANGE)
    (figure,) = (await asking.ask(question)).figures
    listed = await parts_of(asking, question, figure)
    assert [(part.left_out, part.adds and bounds(part.adds)) for part, _ in listed] == [
        ("", (3, 4, 12)),
        ("", (0, 4, 0)),
        ("WHOLE", None),
    ]
    everything = await parts_of(asking, replace(question, group_by=()))
    assert [part.left_out for part, _ in everything] == ["", "", "WHOLE", TOLL]


async def test_a_group_that_the_claims_do_not_state_is_listed_too(asking: Asking, reports: RecordedReports) -> None:
    ids = reports.file("r", civilians("a", 5, place=None), civilians("b", 2))
    asking.fold(reports)
    question = Question(group_by=[Grouping.COUNTRY, Grouping.PARTY, Grouping.PERPETRATOR])
    figures = by_key(await asking.ask(question))
    assert list(figures) == [("", "", ""), ("Syria", "", "")]
    listed = [await parts_of(asking, question, figure) for figure in figures.values()]
    assert [[part.form[0] for part, _ in each] for each in listed] == [[ids[0]], [ids[1]]]
