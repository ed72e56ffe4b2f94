"""Casualty figures as a table: one row for each group. Tolls are not in it; they are never added to figures, and in
one table somebody would."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from ledger.datasets.columns import Column, Kind
from ledger.datasets.incidents import Figure
from ledger.domain.codes import Outcome

OUTCOME = "outcome"
DAYS = frozenset(("day", "week"))
"""Groupings whose value is a day."""
TAGS: Mapping[str, str] = MappingProxyType(
    {
        "admin1": "#adm1+name",
        "admin2": "#adm2+name",
        "country": "#country+name",
        "year": "#date+year",
        "source": "#meta+source",
    }
)
AFFECTED, KILLED = "#affected", "#affected+killed"


@dataclass(frozen=True)
class Group:
    """The figure of one group; a value of its key is empty where the claims do not state it."""

    key: Mapping[str, str]
    figure: Figure
    text: str = ""
    incidents: int = 0
    claims: int = 0
    positions: Sequence[int] = field(default_factory=list)


def columns(group_by: Sequence[str], outcomes: Sequence[str]) -> tuple[Column[Group], ...]:
    """The table of a question that groups so, and asks for these outcomes alone; empty means all of them."""
    best = KILLED if list(outcomes) == [Outcome.KILLED] else AFFECTED
    return (
        *(_key_column(grouping) for grouping in group_by),
        Column("low", Kind.INTEGER, lambda of: of.figure.low),
        Column("best", Kind.INTEGER, lambda of: of.figure.best, best),
        Column("high", Kind.INTEGER, lambda of: of.figure.high),
        Column("text", Kind.TEXT, lambda of: of.text or None),
        Column("incidents", Kind.INTEGER, lambda of: of.incidents),
        Column("claims", Kind.INTEGER, lambda of: of.claims),
        Column("flags", Kind.TEXTS, lambda of: list(of.figure.flags)),
        Column("left_out", Kind.TEXTS, _left_out),
        Column("positions", Kind.INTEGERS, lambda of: list(of.positions)),
    )


def _key_column(grouping: str) -> Column[Group]:
    kind = Kind.DAY if grouping in DAYS else Kind.TEXT
    return Column(grouping, kind, _value_of(grouping), TAGS.get(grouping, ""))


def _value_of(grouping: str) -> Callable[[Group], Any]:
    if grouping in DAYS:
        return lambda of: date.fromisoformat(of.key[grouping]) if of.key[grouping] else None
    return lambda of: of.key[grouping] or None


def _left_out(group: Group) -> list[str]:
    return [f"{reason}={claims}" for reason, claims in sorted(group.figure.left_out.items())]
