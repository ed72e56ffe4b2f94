"""What is printed and written: the machine, every opponent's medians, every bar. It judges nothing itself."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.bars import Rounds, Verdict
from benchmarks.clients.telling import Measured
from benchmarks.opponents import Results

COLUMNS = {
    "calls/s": ("per_second", "{:,.0f}"),
    "events/s": ("events_per_second", "{:,.0f}"),
    "p50 ms": ("p50_ms", "{:.2f}"),
    "p99 ms": ("p99_ms", "{:.2f}"),
    "server µs/event": ("server_us", "{:.0f}"),
    "server MiB": ("server_mib", "{:.0f}"),
    "client MiB": ("client_mib", "{:.0f}"),
}
ABSENT = "–"
REACHED = {True: "met", False: "short of it", None: "not measured"}


def medians(measured: Rounds) -> dict[str, Measured]:
    """Of each figure of each opponent that ran."""
    return {
        name: {key: statistics.median(each[key] for each in rounds.values()) for key in next(iter(rounds.values()))}
        for name, rounds in measured.items()
        if rounds
    }


def print_all(about: Mapping[str, Any], results: Results, verdicts: Sequence[Verdict]) -> None:
    """For people."""
    for key, value in about.items():
        print(f"{key}: {value}")
    print()
    rows = [
        [name, *(_shown(figures.get(key), form) for key, form in COLUMNS.values())]
        for name, figures in medians(results.measured).items()
    ]
    _print_table(["opponent (medians)", *COLUMNS], rows)
    for title, told in (("skipped", results.skipped), ("FAILED", results.failed)):
        for name, reason in told.items():
            print(f"{title}: {name}: {reason}")
    if verdicts:
        print()
        _print_table(["line", "figure", "bar", "reached"], [_verdict_row(each, verdicts) for each in verdicts])


def document(about: Mapping[str, Any], results: Results, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """For programs: all of it, every round."""
    return {
        "machine": dict(about),
        "medians": medians(results.measured),
        "bars": [{**asdict(each.bar), "value": each.value, "reached": each.reached} for each in verdicts],
        "skipped": results.skipped,
        "failed": results.failed,
        "rounds": {name: list(rounds.values()) for name, rounds in results.measured.items()},
    }


def _verdict_row(verdict: Verdict, verdicts: Sequence[Verdict]) -> list[str]:
    bar = verdict.bar
    asked = f"≥ {bar.least:g}" if bar.least is not None else f"≤ {bar.most:g}"
    reached = REACHED[verdict.reached]
    if bar.either and verdict.reached is False and any(each.bar.either and each.reached for each in verdicts):
        reached += ", the other suffices"
    return [bar.line, _shown(verdict.value, "{:.2f}"), asked, reached]


def _shown(value: float | None, form: str) -> str:
    return ABSENT if value is None else form.format(value)


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *others]).rstrip())
