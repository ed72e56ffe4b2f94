"""Figures in numbers and in words: what a sum of claims says, what is left of a toll, which flags it carries, and
why claims were left out. Pure functions; they add nothing up that the database has not."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ledger.domain.codes import CountQualifier

RANGE = "–"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Figure:
    """Low, best and high; None is open or unstated, never zero."""

    low: int | None
    best: int | None
    high: int | None
    qualifier: CountQualifier | None = None
    """That of the claim, where the figure comes from one alone."""

    @property
    def text(self) -> str:
        """In words: `12`, `about 200`, `more than 1,800`, `10–20`, `at least 5`."""
        low, best, high = self.low, self.best, self.high
        if low is None and best is None and high is None:
            return UNKNOWN
        if low is not None and low == best == high:
            return words(low)
        return _one_sided(self) or _several_bounds(low, best, high)


NO_CLAIMS = Figure(0, 0, 0)
"""The sum of no claims at all."""


def words(number: int) -> str:
    """A number as people write it: 1,800."""
    return f"{number:,}"


def _one_sided(figure: Figure) -> str | None:
    """The words for an open side, as the source's own qualifier has them."""
    low, best, high = figure.low, figure.best, figure.high
    if low is not None and high is None and best in (low, None):
        more_than = figure.qualifier is CountQualifier.MORE_THAN and low > 0
        return f"more than {words(low - 1)}" if more_than else f"at least {words(low)}"
    if high is not None and best is None and low in (0, None):
        fewer = figure.qualifier is CountQualifier.LESS_THAN
        return f"fewer than {words(high + 1)}" if fewer else f"at most {words(high)}"
    return None


def _several_bounds(low: int | None, best: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        between = f"{words(low)}{RANGE}{words(high)}" if low != high else words(low)
        return between if best is None else f"about {words(best)} ({between})"
    bounds = [f"at least {words(low)}"] if low is not None else []
    bounds += [f"at most {words(high)}"] if high is not None else []
    about = [f"about {words(best)}"] if best is not None else []
    return ", ".join(about + bounds)


def residual(claimed: Figure, itemised: Figure) -> Figure:
    """Toll minus itemised, bound by bound; a bound that is open in either stays open."""

    def less(toll: int | None, claims: int | None) -> int | None:
        return None if toll is None or claims is None else toll - claims

    nothing_itemised = itemised == NO_CLAIMS
    return Figure(
        less(claimed.low, itemised.low),
        less(claimed.best, itemised.best),
        less(claimed.high, itemised.high),
        claimed.qualifier if nothing_itemised else None,
    )


def in_conflict(remaining: Figure) -> bool:
    """The itemised claims exceed the toll."""
    return any(bound is not None and bound < 0 for bound in (remaining.low, remaining.best, remaining.high))


def figure_of(row: Mapping[str, Any]) -> Figure:
    """The figure of a row of the queries."""
    qualifier = row["qualifier"]
    return Figure(row["low"], row["best"], row["high"], CountQualifier(qualifier) if qualifier else None)


FLAGS = MappingProxyType(
    {
        "party_claim": "PARTY_CLAIM",
        "single_source": "SINGLE_SOURCE",
        "aggregate": "AGGREGATE",
        "low_above_best": "LOW_ABOVE_BEST",
        "best_above_high": "BEST_ABOVE_HIGH",
        "unregistered_actor": "UNREGISTERED_ACTOR",
        "imprecise_date": "IMPRECISE_DATE",
        "imprecise_place": "IMPRECISE_PLACE",
        "bounds_of_wholes": "BOUNDS_OF_WHOLES",
    }
)
"""The columns of a figure's row that are flags, and their fixed words."""


def flags_of(row: Mapping[str, Any]) -> list[str]:
    """The flags that a figure carries; a sum can contradict itself where none of its claims does."""
    raised = {word for column, word in FLAGS.items() if row.get(column)}
    low, best, high = row["low"], row["best"], row["high"]
    if low is not None and best is not None and low > best:
        raised.add("LOW_ABOVE_BEST")
    if best is not None and high is not None and best > high:
        raised.add("BEST_ABOVE_HIGH")
    return [word for word in FLAGS.values() if word in raised]


@dataclass(frozen=True)
class LeftOut:
    """Claims that an answer leaves out, and why."""

    reason: str
    claims: int

    @property
    def description(self) -> str:
        """A sentence for a person."""
        return DESCRIPTIONS[self.reason]


REASONS = MappingProxyType(
    {
        "retracted": "RETRACTED",
        "partly_in_period": "PARTLY_IN_PERIOD",
        "aggregates": "AGGREGATE",
        "verification": "VERIFICATION",
        "date_precision": "DATE_PRECISION",
        "place_precision": "PLACE_PRECISION",
        "unresolved_words": "UNRESOLVED_WORDS",
        "no_best": "NO_BEST",
        "superseded": "SUPERSEDED",
    }
)
"""The columns of a figure's row that count what is left out, and their fixed words."""

REDACTED = "REDACTED"
"""Why claims are left out that cannot be read any more; counted for the whole answer alone."""
REDACTED_ACT = "REDACTED_ACT"
"""Why an earlier answer is not what it was: acts stood then that cannot be read any more."""

DESCRIPTIONS = MappingProxyType(
    {
        "RETRACTED": "The claim, or its report, was retracted.",
        REDACTED: "The claim's payload was removed; whether the question is about it cannot be told any more.",
        REDACTED_ACT: "An act stood then whose payload was removed later: the answer is as if it had not been.",
        "PARTLY_IN_PERIOD": "The claim's interval begins before or ends after the period asked for.",
        "AGGREGATE": "The claim is an aggregate that cannot be taken apart; the question leaves those out.",
        "VERIFICATION": "The claim's verification is below the grade asked for; without one, discounted claims.",
        "DATE_PRECISION": "The date is not known precisely enough for the question or for its periods.",
        "PLACE_PRECISION": "The place is not known precisely enough for the question.",
        "UNRESOLVED_WORDS": "The claim states no number and the count policy gives its words none.",
        "NO_BEST": "The claim states bounds without a best number: it counts in low and high, and not in best.",
        "SUPERSEDED": "Another claim about the same number was taken by the resolution rule.",
        "TOO_MANY_TOLLS": "The answer holds only so many tolls; narrow the filter to see the others.",
    }
)


def left_out_of(row: Mapping[str, Any]) -> list[LeftOut]:
    """What a figure leaves out."""
    return [LeftOut(reason, row[column]) for column, reason in REASONS.items() if row[column]]
