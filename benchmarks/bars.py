"""The bars that the project has set itself: each a ratio of two opponents of one run, or a bound on one of them.
A ratio is taken in each round, of neighbours in time, and its median counts. A bar that is not reached is told."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks import following, importing, rebuilding
from benchmarks.appending import MOST
from benchmarks.bulk import CALL_SIZES, RAW_SIZE, UMA_AT_ONCE, raw_name, stream_name, uma_name
from benchmarks.clients.telling import Measured
from benchmarks.totals import FEW_CLAIMS, KEEPING, MANY_CLAIMS, NAMES, NOT_KEEPING, answer_name

FLAT_MIB = 64.0
"""A replay of whatever length may let the server's memory grow by so much."""

REBUILD_MIB = 300.0
"""So much memory a rebuild may take, in its own process and beyond that in the database's, at any size."""

Rounds = Mapping[str, Mapping[int, Measured]]


@dataclass(frozen=True)
class Bar:
    """One figure, and what it must be."""

    line: str
    of: str
    figure: str
    """Which of the figures of `of`."""
    least: float | None = None
    most: float | None = None
    to: tuple[str, ...] = ()
    """The figure is divided by that of the best of these; none: it stands for itself."""
    to_figure: str = ""
    slowest: bool = False
    """Of those, the one with the least figure counts, and not the best."""
    either: bool = False
    """One of the bars of this line is enough."""

    def value(self, measured: Rounds) -> float | None:
        """The median over the rounds in which both sides ran; None where there is none."""
        values = []
        for number, own in measured.get(self.of, {}).items():
            others = [measured[name][number] for name in self.to if number in measured.get(name, {})]
            if self.to and not others:
                continue
            choose = min if self.slowest else max
            beside = choose((other[self.to_figure or self.figure] for other in others), default=1.0)
            values.append(own[self.figure] / beside)
        return statistics.median(values) if values else None

    def reached(self, value: float | None) -> bool | None:
        """Whether the bar is reached; None where it was not measured."""
        if value is None:
            return None
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


@dataclass(frozen=True)
class Verdict:
    """A bar with its value."""

    bar: Bar
    value: float | None
    reached: bool | None


UNARY = f"AppendReport, {MOST} at once"
SLOW = f"AppendReport, slow syncs, {MOST} at once"
PAIR = f"AppendReport, two processes, {MOST} at once"
SINGLE = f"one transaction per call, slow syncs, {MOST} at once"
EVENTS, CALLS = "events_per_second", "per_second"
UMA_SINGLE = tuple(uma_name(1, at_once) for at_once in UMA_AT_ONCE)
RAW, FULL = "ReplayHistory RAW", "ReplayHistory FULL"
PACED = "AppendReport at half of saturation"
ROW = "raw one-row commit"
DELIVERY = "append to delivery, 1,000 a second"


def _of_rebuild(model: str) -> Sequence[Bar]:
    name = rebuilding.rebuild_name(model)
    plain, fold = rebuilding.plain_name(model), rebuilding.runner_name(model)
    return (
        Bar(f"{name} to plain SQL of the same tables", name, EVENTS, 0.25, to=(plain,)),
        Bar(f"{name} to plain SQL of one grouping", name, EVENTS, 0.25, to=(rebuilding.PLAIN_GROUPING,)),
        Bar(f"{name} to ProjectionRunner, same fold", name, EVENTS, 25.0, to=(fold,)),
        Bar(f"{name} to ProjectionRunner, one grouping", name, EVENTS, 25.0, to=(rebuilding.RUNNER_GROUPING,)),
        Bar(f"{name}: peak of memory, MiB", name, "client_mib", most=REBUILD_MIB),
        Bar(f"{name}: growth of the database's memory, MiB", name, "database_growth_mib", most=REBUILD_MIB),
    )


BARS: Sequence[Bar] = (
    Bar("AppendReport to echo", UNARY, CALLS, 0.7, to=(f"echo, {MOST} at once",)),
    Bar("AppendReport: slow syncs to ordinary", SLOW, CALLS, 0.8, to=(UNARY,)),
    Bar("AppendReport, slow syncs, to one transaction per call", SLOW, CALLS, 5.0, to=(SINGLE,)),
    Bar("AppendReport: two processes to one, or", PAIR, CALLS, 1.5, to=(UNARY,), either=True),
    Bar("AppendReport: two processes to two echoes", PAIR, CALLS, 0.9, to=("two echoes, 64 at once",), either=True),
    Bar("AppendReports, events, to raw COPY", stream_name(1), EVENTS, 0.4, to=(raw_name("COPY", 1, RAW_SIZE),)),
    Bar("AppendReports, reports, to UmaDB's best single events", stream_name(1), CALLS, 1.5, to=UMA_SINGLE),
    Bar(
        "AppendReports, events, to eventsourcing at 1,000 a call",
        *(stream_name(1), EVENTS, 1.0),
        to=(f"eventsourcing, {CALL_SIZES[-1]} a call",),
    ),
    Bar(
        "AppendReports of 10 claims, events, to raw COPY",
        *(stream_name(10), EVENTS, 0.5),
        to=(raw_name("COPY", 10, RAW_SIZE),),
    ),
    Bar("ReplayHistory RAW to COPY TO", RAW, EVENTS, 0.6, to=("raw COPY TO",)),
    Bar("ReplayHistory RAW to UmaDB's read", RAW, EVENTS, 0.6, to=("UmaDB, read",)),
    Bar("ReplayHistory RAW: growth of the server's memory, MiB", RAW, "server_growth_mib", most=FLAT_MIB),
    Bar("ReplayHistory FULL to select and decode", FULL, EVENTS, 1.0, to=("eventsourcing, select and decode",)),
    Bar(
        "p99 at half of saturation to p50 of a one-row commit",
        PACED,
        "p99_ms",
        most=5.0,
        to=(ROW,),
        to_figure="p50_ms",
    ),
    Bar(
        "the same, slow syncs",
        *(f"{PACED}, slow syncs", "p99_ms"),
        most=5.0,
        to=(f"{ROW}, slow syncs",),
        to_figure="p50_ms",
    ),
    Bar("append to delivery, p50, ms", DELIVERY, "p50_ms", most=10.0),
    Bar("append to delivery, p99, ms", DELIVERY, "p99_ms", most=50.0),
    Bar(
        "AppendReports: large ledger to small",
        *("AppendReports on the large ledger", CALLS, 0.9),
        to=("AppendReports on the small ledger",),
    ),
    Bar(
        "AppendReport: large ledger to small",
        *("AppendReport on the large ledger", CALLS, 0.9),
        to=("AppendReport on the small ledger",),
    ),
    Bar("import to a stream of the same reports", importing.IMPORT, CALLS, 0.5, to=(importing.STREAM,)),
    *(
        Bar(
            f"casualties by {grouping}, p50: many claims to few",
            *(answer_name(grouping, MANY_CLAIMS), "p50_ms"),
            most=1.5,
            to=(answer_name(grouping, FEW_CLAIMS),),
        )
        for grouping in NAMES
    ),
    Bar("fold of casualties, events, to the same without totals", KEEPING, EVENTS, 0.67, to=(NOT_KEEPING,)),
    *(bar for model in rebuilding.NAMES for bar in _of_rebuild(model)),
    Bar(
        "rebuild of all read models to the slowest alone",
        *(rebuilding.ALL, EVENTS, 0.6),
        to=tuple(map(rebuilding.rebuild_name, rebuilding.NAMES)),
        slowest=True,
    ),
    Bar("rebuild of all read models: peak of memory, MiB", rebuilding.ALL, "client_mib", most=REBUILD_MIB),
    Bar("lag at 5,000 events a second, p99, ms", following.FOLLOWING, "p99_ms", most=100.0),
    *(
        Bar(
            f"{name}, p99: during a rebuild to without",
            f"{name}{following.WHILE_REBUILDING}",
            "p99_ms",
            most=2.0,
            to=(name,),
        )
        for name in (following.APPENDS, following.QUESTIONS)
    ),
)


def verdicts(measured: Rounds) -> list[Verdict]:
    """Every bar of the opponents that were asked for, whether it could be measured or not."""
    valued = [(bar, bar.value(measured)) for bar in BARS if bar.of in measured]
    return [Verdict(bar, value, bar.reached(value)) for bar, value in valued]
