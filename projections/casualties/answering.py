"""Puts the answer to a question about casualties together: figures by group, tolls beside them. Sums are made in
SQL, or kept ready there; a toll is compared with claims and never added to any. Claims are listed elsewhere."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import InvalidRequestError, Violation
from projections.casualties import current, summing
from projections.casualties.claims import CASUALTY_TYPES
from projections.casualties.figures import (
    NO_CLAIMS,
    REDACTED,
    REDACTED_ACT,
    Figure,
    LeftOut,
    figure_of,
    flags_of,
    in_conflict,
    left_out_of,
    residual,
)
from projections.casualties.question import INTERVAL, MOST_GROUPS, MOST_TOLLS, PERIODS, Grouping, Question
from projections.casualties.summing import Connection, FormKey, Row, forms
from projections.history.redacted import redacted

__all__ = ["Casualties", "FormKey", "GroupFigure", "TollBeside", "casualties", "forms"]


@dataclass(frozen=True)
class GroupFigure:
    """The figure of one group of itemised claims."""

    key: Sequence[tuple[Grouping, str]]
    figure: Figure
    incidents: int
    claims: int
    left_out: Sequence[LeftOut]
    flags: Sequence[str]
    positions: Sequence[int]


@dataclass(frozen=True)
class TollBeside:
    """A toll with the itemised claims that fall inside it."""

    form: FormKey
    claimed: Figure
    itemised: Figure
    itemised_claims: int

    @property
    def residual(self) -> Figure:
        """What of the toll is not itemised."""
        return residual(self.claimed, self.itemised)

    @property
    def conflict(self) -> bool:
        """The itemised claims exceed the toll."""
        return in_conflict(self.residual)


@dataclass(frozen=True)
class Casualties:
    """The answer to a question."""

    figures: Sequence[GroupFigure]
    tolls: Sequence[TollBeside]
    left_out: Sequence[LeftOut]


async def casualties(
    connection: Connection, question: Question, position: int, taken: int | None = None
) -> Casualties:
    """Answer a question as of a position, on a connection that sees the read model's tables. `taken` is how far the
    read model has come: what is asked as of there may be kept ready, and gives the same answer sooner."""
    number = current.number_of(question) if position == taken else None
    if number is not None:
        figures = await current.figures(connection, question, number, MOST_GROUPS)
        tolls, left_out = await current.tolls(connection, question, number, MOST_TOLLS)
        inside = await current.inside(connection, question, position, tolls[:MOST_TOLLS])
    else:
        question = await summing.of_surviving_incidents(connection, question, position)
        figures = await summing.figures(connection, question, position, MOST_GROUPS)
        tolls, left_out = await summing.tolls(connection, question, position, MOST_TOLLS)
        inside = await summing.inside(connection, question, position, tolls[:MOST_TOLLS])
    whole, *groups = figures
    if len(groups) > MOST_GROUPS:
        what = f"gives more than {MOST_GROUPS:,} groups; narrow the filter or group by less"
        raise InvalidRequestError([Violation("group_by", what)])
    if len(tolls) > MOST_TOLLS:
        left_out["TOO_MANY_TOLLS"] = tolls[MOST_TOLLS]["in_all"] - MOST_TOLLS
    total = Counter({each.reason: each.claims for each in left_out_of(whole)}) + Counter(left_out)
    # Of the whole answer: nothing tells their group.
    gone = await redacted(connection, position, types=CASUALTY_TYPES)
    total += Counter({REDACTED: gone.claims, REDACTED_ACT: gone.acts})
    return Casualties(
        [_group_figure(row, question) for row in groups],
        [_beside(row, inside.get(row["event_id"])) for row in tolls[:MOST_TOLLS]],
        [LeftOut(reason, claims) for reason, claims in total.items()],
    )


def _group_figure(row: Row, question: Question) -> GroupFigure:
    return GroupFigure(
        key=[(grouping, row["group"][grouping]) for grouping in question.group_by],
        figure=figure_of(row),
        incidents=row["incidents"],
        claims=row["claims"],
        left_out=left_out_of(row),
        flags=flags_of({**row, "imprecise_date": _of_an_interval(row["group"])}),
        positions=row["positions"] or [],
    )


def _of_an_interval(values: Mapping[Grouping, str | None]) -> bool:
    return any(INTERVAL in (values.get(grouping) or "") for grouping in PERIODS)


def _beside(toll: Row, inside: Row | None) -> TollBeside:
    return TollBeside(
        form=(toll["event_id"], toll["held_from"]),
        claimed=figure_of(toll),
        itemised=figure_of(inside) if inside else NO_CLAIMS,
        itemised_claims=inside["claims"] if inside else 0,
    )
