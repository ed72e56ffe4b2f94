"""Opponents in turns: what one measures can stand on several lines, and what fails is told for all of them."""

from typing import Any

from benchmarks.opponents import Opponent, Scale, Turn, rounds
from benchmarks.rebuilding import part_of

TWO_ROUNDS = Scale(seconds=1.0, rounds=2, history=1)


def told(whole: float, part: float) -> dict[str, Any]:
    return {"per_second": whole, "the part:per_second": part, "the part:p50_ms": 1.0}


def test_a_part_has_a_line_of_its_own() -> None:
    results = rounds([Opponent("whole", lambda turn: told(8.0, 2.0)), part_of("whole", "the part:")], TWO_ROUNDS)
    assert results.measured["the part"] == {number: {"per_second": 2.0, "p50_ms": 1.0} for number in (0, 1)}
    assert not results.failed


def test_a_part_of_what_failed_is_not_told_again() -> None:
    calls: list[Turn] = []

    def fails_once_it_has_run(turn: Turn) -> dict[str, Any]:
        calls.append(turn)
        if len(calls) > 1:
            raise SystemExit("it broke")
        return told(8.0, 2.0)

    results = rounds([Opponent("whole", fails_once_it_has_run), part_of("whole", "the part:")], TWO_ROUNDS)
    assert list(results.measured["the part"]) == [0]
    assert results.failed == {"whole": "it broke", "the part": "whole was not measured"}
