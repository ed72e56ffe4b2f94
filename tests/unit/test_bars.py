"""Bars: a ratio is taken in each round, of neighbours in time, beside the best of the others."""

from typing import Any

import pytest

from benchmarks.bars import BARS, Bar, Verdict, verdicts
from benchmarks.opponents import Results, Scale
from benchmarks.table import document, print_all

RATIO = Bar("ours to theirs", "ours", "per_second", 2.0, to=("theirs", "others"))


def rounds(**rates: list[float]) -> dict[str, dict[int, dict[str, Any]]]:
    return {name: {at: {"per_second": rate} for at, rate in enumerate(each)} for name, each in rates.items()}


def test_a_ratio_is_the_median_of_the_ratios_of_rounds() -> None:
    # The medians of each side would give 20 to 10; the machine was slow in the second round, for both.
    measured = rounds(ours=[30.0, 4.0, 20.0], theirs=[10.0, 1.0, 20.0])
    assert RATIO.value(measured) == 3.0


def test_a_ratio_is_to_the_best_of_several() -> None:
    assert RATIO.value(rounds(ours=[30.0], theirs=[10.0], others=[15.0])) == 2.0


def test_a_ratio_is_to_the_slowest_of_several_where_it_says_so() -> None:
    slowest = Bar("ours to the slowest", "ours", "per_second", 2.0, to=("theirs", "others"), slowest=True)
    assert slowest.value(rounds(ours=[30.0], theirs=[10.0], others=[15.0])) == 3.0


def test_a_round_without_the_other_side_does_not_count() -> None:
    measured = rounds(ours=[30.0, 100.0], theirs=[10.0])
    assert RATIO.value(measured) == 3.0


@pytest.mark.parametrize("measured", [{}, rounds(ours=[1.0]), rounds(theirs=[1.0])])
def test_a_bar_without_one_of_its_sides_is_not_measured(measured: dict[str, Any]) -> None:
    assert RATIO.value(measured) is None
    assert RATIO.reached(None) is None


@pytest.mark.parametrize(("value", "reached"), [(1.9, False), (2.0, True), (5.0, True), (5.1, False)])
def test_a_bar_is_reached_within_its_bounds(value: float, reached: bool) -> None:
    assert Bar("x", "ours", "p99_ms", least=2.0, most=5.0).reached(value) is reached


def test_only_bars_of_opponents_that_were_asked_for_are_told() -> None:
    assert verdicts({}) == []
    assert [each.bar.line for each in verdicts({"ReplayHistory FULL": {}})] == [
        "ReplayHistory FULL to select and decode"
    ]


def test_every_bar_has_a_bound() -> None:
    assert all((bar.least is None) != (bar.most is None) for bar in BARS)


def test_a_bar_that_is_not_reached_is_told_beside_one_that_suffices(capsys: pytest.CaptureFixture[str]) -> None:
    bars = [Bar(line, "ours", "per_second", 2.0, either=True) for line in ("one way", "another", "a third")]
    told = [Verdict(bar, value, bar.reached(value)) for bar, value in zip(bars, (3.0, 1.0, None), strict=True)]
    results = Results(measured={**rounds(ours=[3.0, 5.0]), "theirs": {}}, skipped={"theirs": "it is not here"})
    print_all({"cores": 2}, results, told)
    printed = capsys.readouterr().out
    for part in ("cores: 2", "skipped: theirs: it is not here", "short of it, the other suffices", "not measured"):
        assert part in printed
    assert document({}, results, told)["medians"] == {"ours": {"per_second": 4.0}}


def test_a_short_run_measures_what_bars_need() -> None:
    assert Scale(1.0, 1, 1, short=True).levels((1, 16, 64), (64,)) == (64,)
    assert Scale(1.0, 1, 1).levels((1, 16, 64), (64,)) == (1, 16, 64)
