"""What is measured in turns: an opponent has a name and a way to be measured once. Rounds go through all of them,
then through all again. One that this machine cannot have is skipped, with its reason; one that fails is told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

import grpc
import psycopg

from benchmarks import processes
from benchmarks.clients.telling import Measured
from benchmarks.ground import SkippedError
from benchmarks.processes import Serving

Level = TypeVar("Level")

FIRST_RUN = 1_000
"""The numbers of runs begin beyond those of the templates of reports."""


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    seconds: float
    rounds: int
    history: int
    """Events of the ledger that is replayed and appended to."""
    short: bool = False

    def levels(self, every: Sequence[Level], needed: Sequence[Level]) -> Sequence[Level]:
        """All degrees in a full run; those that a bar needs in a short one."""
        return needed if self.short else every


@dataclass
class Turn:
    """One measurement of one opponent."""

    seconds: float
    numbers: Iterator[int]
    latest: Mapping[str, Measured]
    """What the opponents before measured last, unless they failed then."""

    def run(self) -> int:
        """A number for report ids, unlike any other."""
        return next(self.numbers)


Measure = Callable[[Turn], Measured]


@dataclass(frozen=True)
class Opponent:
    """One thing to measure, at one size and one degree of concurrency."""

    name: str
    measure: Measure


@dataclass
class Results:
    """What came of all rounds, by opponent; one entry for each round in which it ran."""

    measured: dict[str, dict[int, Measured]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def watched(server: Serving, client: str, orders: Any) -> Measured:
    """A client against a server, with the server's memory and the time that it kept a processor busy."""
    before, busy = server.forget_peak(), server.busy_seconds()
    measured = processes.run(client, orders)
    busy, peak = server.busy_seconds() - busy, server.peak()
    per_event = busy / measured["events"] * 1_000_000 if measured["events"] else 0.0
    return measured | {"server_mib": peak, "server_growth_mib": peak - before, "server_us": per_event}


def rounds(opponents: Sequence[Opponent], scale: Scale) -> Results:
    """Measures in turns; on standard error, how far it is."""
    results = Results(measured={each.name: {} for each in opponents})
    numbers = count(FIRST_RUN)
    latest: dict[str, Measured] = {}
    for number in range(scale.rounds):
        for each in opponents:
            if each.name in results.skipped:
                continue
            os.sync()  # what the one before left to be written must not slow down the next one's syncs
            print(f"round {number + 1} of {scale.rounds}: {each.name}", file=sys.stderr, flush=True)
            try:
                measured = each.measure(Turn(scale.seconds, numbers, latest))
            except SkippedError as reason:
                results.skipped[each.name] = str(reason)
            except (subprocess.SubprocessError, SystemExit, OSError, grpc.RpcError, psycopg.Error) as error:
                results.failed[each.name] = str(error)  # of this round; the others have cost too much to be lost
                latest.pop(each.name, None)
            else:
                latest[each.name] = results.measured[each.name][number] = measured
    return results
