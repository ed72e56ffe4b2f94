"""Which faults happen, in which order, to whom and for how long: all of it follows from a seed.
It injects nothing; when exactly a fault strikes depends on how long the ones before it took."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

SERVICES = 2
LONG_SHARE = 0.12
"""So many black holes and stopped processes last long: longer than a lane waits before it cuts its connection."""
LONG_SECONDS = 12.0
PAUSE_SECONDS = (0.1, 1.5)
DATABASE_PAUSE_SECONDS = (0.5, 3.5)


class Kind(StrEnum):
    """What is done."""

    KILL = "service killed"
    STOP = "service stopped and continued"
    CUT = "connections cut"
    PARTITION = "network away"
    DELAY = "network slow"
    HOLE = "network black-holed"
    FORGOTTEN = "connections forgotten"
    UNSENT_INSERT = "cut before an insert arrived"
    UNANSWERED_INSERT = "reply to an insert dropped"
    UNANSWERED_COMMIT = "reply to a COMMIT dropped"
    TERMINATE = "backends terminated"
    CRASH = "database stopped at once and started"
    SNAPSHOT = "snapshot held open"
    MAINTENANCE = "maintenance beside the writers"


SERVICE_WEIGHTS: Mapping[Kind, int] = {
    Kind.KILL: 3,
    Kind.STOP: 3,
    Kind.CUT: 3,
    Kind.PARTITION: 3,
    Kind.DELAY: 2,
    Kind.HOLE: 4,
    Kind.FORGOTTEN: 3,
    Kind.UNSENT_INSERT: 3,
    Kind.UNANSWERED_INSERT: 5,
    Kind.UNANSWERED_COMMIT: 3,
}
DATABASE_WEIGHTS: Mapping[Kind, int] = {Kind.TERMINATE: 4, Kind.CRASH: 2, Kind.SNAPSHOT: 3, Kind.MAINTENANCE: 3}
DATABASE_SHARE = 0.3
LONGABLE = frozenset((Kind.STOP, Kind.HOLE, Kind.FORGOTTEN))
SECONDS: Mapping[Kind, tuple[float, float]] = {
    Kind.KILL: (0.0, 1.0),
    Kind.STOP: (0.3, 3.0),
    Kind.CUT: (0.0, 0.1),
    Kind.PARTITION: (0.2, 2.0),
    Kind.DELAY: (0.5, 2.0),
    Kind.HOLE: (0.3, 3.0),
    Kind.FORGOTTEN: (0.3, 3.0),
    Kind.UNSENT_INSERT: (0.0, 0.0),
    Kind.UNANSWERED_INSERT: (0.0, 2.0),
    Kind.UNANSWERED_COMMIT: (0.0, 2.0),
    Kind.TERMINATE: (0.0, 0.0),
    Kind.CRASH: (0.0, 1.0),
    Kind.SNAPSHOT: (2.0, 6.0),
    Kind.MAINTENANCE: (0.0, 0.0),
}


@dataclass(frozen=True)
class Fault:
    """One fault."""

    kind: Kind
    pause: float
    """Seconds after the one before it."""
    seconds: float
    """How long it lasts."""
    roll: float
    """From 0 to 1: chooses between variants of a kind."""


@dataclass(frozen=True)
class Schedule:
    """Who suffers what. What is listed together happens one after the other, all lists at the same time."""

    services: tuple[Sequence[Fault], ...]
    database: Sequence[Fault]


def schedule(seed: int, faults: int, longest: float = LONG_SECONDS) -> Schedule:
    """The faults of a campaign, none longer than the longest. Every kind happens where there are enough of them."""
    source = random.Random(f"faults {seed}")
    of_database = round(faults * DATABASE_SHARE)
    database = [
        _fault(source, kind, DATABASE_PAUSE_SECONDS, longest)
        for kind in _mixed(source, DATABASE_WEIGHTS, of_database)
    ]
    services = [
        _fault(source, kind, PAUSE_SECONDS, longest)
        for kind in _mixed(source, SERVICE_WEIGHTS, faults - of_database)
    ]
    return Schedule(tuple(services[first::SERVICES] for first in range(SERVICES)), database)


def _mixed(source: random.Random, weights: Mapping[Kind, int], count: int) -> list[Kind]:
    kinds = [*weights, *source.choices(list(weights), weights=list(weights.values()), k=count)][:count]
    source.shuffle(kinds)
    return kinds


def _fault(source: random.Random, kind: Kind, pause: tuple[float, float], longest: float) -> Fault:
    seconds = source.uniform(*SECONDS[kind])
    if kind in LONGABLE and source.random() < LONG_SHARE:
        seconds = LONG_SECONDS
    return Fault(kind, source.uniform(*pause), min(seconds, longest), source.random())
