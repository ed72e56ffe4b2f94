"""Series by day, week, month and year: what is not dated precisely enough is left out and told; or, where it is
asked for, it stands in the group of its interval. No count is ever divided, and none is in two groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.codes import DatePrecision
from projections.casualties.question import PERIODS, ClaimFilter, Grouping, Question, ResolutionRule
from tests.folded import RecordedReports
from tests.integration.test_casualties import EXAMPLES, Asking, asking, bounds, by_key, left_out, reports, troops

__all__ = ["asking", "reports"]

DAY, WEEK, MONTH, YEAR = PERIODS


def spread(*groupings: Grouping, **more: Any) -> Question:
    """A series that keeps what is not dated precisely enough."""
    return Question(group_by=groupings, spread=True, **more)


@pytest.mark.parametrize(
    ("grouping", "occurred", "expected"),
    [
        (DAY, ("2020-02-29", "2020-02-29", "day"), "2020-02-29"),
        (DAY, ("2020-02-29", "2020-03-02", "days"), "2020-02-29"),
        (DAY, ("2020-02-24", "2020-03-01", "week"), "2020-02-24/2020-03-01"),
        (DAY, ("2020-02-24", "2020-02-24", "week"), "2020-02-24/2020-02-24"),
        (WEEK, ("2020-02-24", "2020-03-01", "week"), "2020-02-24"),
        (WEEK, ("2020-03-01", "2020-03-02", "days"), "2020-02-24/2020-03-02"),
        (WEEK, ("2020-03-02", "2020-03-03", "month"), "2020-03-02/2020-03-02"),
        (WEEK, ("2019-12-28", "2020-01-05", "month"), "2019-12-23/2019-12-30"),
        (MONTH, ("2020-02-01", "2020-02-29", "month"), "2020-02"),
        (MONTH, ("2020-02-29", "2020-03-01", "days"), "2020-02/2020-03"),
        (MONTH, ("2020-02-01", "2020-02-29", "year"), "2020-02/2020-02"),
        (YEAR, ("2020-01-01", "2020-12-31", "year"), "2020"),
        (YEAR, ("2019-12-31", "2020-01-01", "days"), "2019/2020"),
        (YEAR, ("2018-09-17", "2020-02-12", "years"), "2018/2020"),
    ],
)
async def test_what_is_too_imprecise_for_a_period_stands_in_its_interval(
    asking: Asking, reports: RecordedReports, grouping: Grouping, occurred: tuple[str, str, str], expected: str
) -> None:
    interval = dict(zip(("start", "end", "precision"), occurred, strict=True))
    reports.file("r", troops("a", 3, occurred=interval))
    asking.fold(reports)
    answer = await asking.ask(spread(grouping))
    (figure,) = answer.figures
    assert figure.key == [(grouping, expected)]
    assert (bounds(figure.figure), left_out(answer)) == ((3, 3, 3), {})
    assert ("IMPRECISE_DATE" in figure.flags) == ("/" in expected)
    plain = await asking.ask(Question(group_by=[grouping]))
    assert bool(plain.figures) == ("/" not in expected)
    assert left_out(plain) == ({"DATE_PRECISION": 1} if "/" in expected else {})


def week(*days: int) -> dict[str, str]:
    """An interval in February 2020, known to the week."""
    first, last = days
    return {"start": f"2020-02-{first:02}", "end": f"2020-02-{last:02}", "precision": "week"}


async def test_the_groups_of_the_periods_stay_as_they_are(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("a", 1), troops("b", 2), troops("c", 4, occurred=week(3, 9)))
    reports.file("s", troops("d", 8, occurred="2020-02-05"), troops("e", 16, occurred=week(3, 9)))
    asking.fold(reports)
    plain = by_key(await asking.ask(Question(group_by=[DAY])))
    both = by_key(await asking.ask(spread(DAY)))
    assert {key: figure.figure.best for key, figure in both.items()} == {
        ("2020-02-03/2020-02-09",): 4 + 16,
        ("2020-02-05",): 8,
        ("2020-02-10",): 1 + 2,
    }
    assert {key: both[key] for key in plain} == plain


async def test_a_claim_that_moves_to_an_interval_leaves_its_day(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("a", 5))
    reports.file("s", troops("a", 7, occurred=week(3, 12)), reported="2020-02-20")
    asking.fold(reports)
    plain, told = await asking.ask(Question(group_by=[DAY])), await asking.ask(spread(DAY))
    assert {key: figure.figure.best for key, figure in by_key(plain).items()} == {("2020-02-10",): 5}
    assert {key: figure.figure.best for key, figure in by_key(told).items()} == {("2020-02-03/2020-02-12",): 7}
    assert (left_out(plain), left_out(told)) == ({"DATE_PRECISION": 1}, {"SUPERSEDED": 1})


async def test_each_period_of_several_has_its_own_interval(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("a", 5, occurred=week(3, 9)))
    asking.fold(reports)
    (figure,) = (await asking.ask(spread(MONTH, Grouping.PARTY, DAY, WEEK))).figures
    assert figure.key == [
        (MONTH, "2020-02"),
        (Grouping.PARTY, "turkey"),
        (DAY, "2020-02-03/2020-02-09"),
        (WEEK, "2020-02-03"),
    ]


async def test_a_filter_of_precision_still_leaves_out(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("a", 5, occurred=week(3, 9)))
    asking.fold(reports)
    answer = await asking.ask(spread(DAY, filter=ClaimFilter(max_date_precision=DatePrecision.DAYS)))
    assert (answer.figures, left_out(answer)) == ([], {"DATE_PRECISION": 1})


INTERVALS = st.sampled_from(
    (
        "2020-02-10",
        week(3, 9),
        {"start": "2020-02-10", "end": "2020-02-12", "precision": "days"},
        {"start": "2020-01-20", "end": "2020-02-20", "precision": "month"},
        {"start": "2018-09-17", "end": "2020-02-12", "precision": "years"},
    )
)
NUMBERS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9), INTERVALS), min_size=1, max_size=8)
SERIES = st.lists(st.sampled_from((*PERIODS, Grouping.SOURCE)), min_size=1, max_size=3, unique=True)


@given(numbers=NUMBERS, groupings=SERIES, rule=st.sampled_from(ResolutionRule))
@EXAMPLES
async def test_a_series_that_leaves_no_date_out_adds_up_to_the_whole(
    asking: Asking, numbers: Sequence[tuple[str, int, Any]], groupings: list[Grouping], rule: ResolutionRule
) -> None:
    filed = RecordedReports()
    for number, (incident, count, occurred) in enumerate(numbers):
        source = {"name": f"Outlet {number % 2}"}
        filed.file(f"r-{number}", troops(incident, count, occurred=occurred), source=source)
    asking.fold(filed)
    (whole,) = (await asking.ask(Question(group_by=[], resolution_rule=rule))).figures
    answer = await asking.ask(spread(*groupings, resolution_rule=rule))
    sums = [sum(getattr(part.figure, bound) for part in answer.figures) for bound in ("low", "best", "high")]
    assert tuple(sums) == bounds(whole.figure)
    positions = [position for part in answer.figures for position in part.positions]
    assert sorted(positions) == whole.positions
    assert "DATE_PRECISION" not in left_out(answer)
