"""Violations of all agreements as a list and as a series, with what precision leaves out. It lists what is
recorded: whether a violation counts against its agreement is told with the status of that agreement."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import Enum
from typing import Any

from ledger.domain.codes import DatePrecision
from projections.ceasefires.reading import QUERIES, CeasefireReader, Row

FIRST = (date.min, 0)
Key = tuple[date, int]


class SeriesStep(Enum):
    """The step of a series: its name in SQL, and the coarsest date that it takes."""

    DAY = ("day", DatePrecision.DAYS)
    WEEK = ("week", DatePrecision.WEEK)


@dataclass(frozen=True)
class ViolationQuestion:
    """Which violations; None asks for any. Kinds and places are compared in lowercase."""

    agreement_ids: Sequence[str] | None = None
    violators: Sequence[str] | None = None
    standings: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    places: Sequence[str] | None = None
    occurred_from: date | None = None
    occurred_to: date | None = None
    max_date_precision: int | None = None
    max_place_precision: int | None = None


@dataclass(frozen=True)
class Series:
    """Violations by first day of the step, and claims that are left out, by reason."""

    points: Mapping[date, int]
    left_out: Mapping[str, int]


async def list_violations(
    reader: CeasefireReader, question: ViolationQuestion, after: Key, limit: int
) -> list[Row]:
    """Rows of claims by first day and position, after a key."""
    return await reader.rows(
        QUERIES.list_violations, **asdict(question), after_day=after[0], after_position=after[1], limit=limit
    )


async def series_of_violations(
    reader: CeasefireReader, question: ViolationQuestion, step: SeriesStep | None
) -> Series:
    """All violations that are asked for, step by step; without a step, only what is left out."""
    asked: dict[str, Any] = {"step": "", "step_precision": None}
    if step is not None:
        asked = {"step": step.value[0], "step_precision": step.value[1].code}
    points: Counter[date] = Counter()
    left_out: Counter[str] = Counter()
    for row in await reader.rows(QUERIES.series_of_violations, **asdict(question), **asked):
        if row["reason"] is not None:
            left_out[row["reason"]] += row["claims"]
        elif step is not None:
            points[row["step"]] += row["claims"]
    return Series(points, left_out)


def key_of(row: Row) -> Key:
    """Where the next page goes on."""
    return row["occurred_start"], row["position"]
