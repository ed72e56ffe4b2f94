"""Asks the database a question about casualties and puts the answer together: figures by group, tolls beside them.
Sums are made in SQL; a toll is compared with claims and never added to any. The claims behind a figure are listed
elsewhere."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from ledger.domain.codes import Outcome, VictimClass
from ledger.errors import InvalidRequestError, Violation
from ledger.persistence.queries import Queries
from projections.casualties.claims import ALL_CLASSES, CASUALTY_TYPES
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
from projections.casualties.question import (
    INTERVAL,
    KEY_ORDER,
    MOST_GROUPS,
    MOST_POSITIONS,
    MOST_TOLLS,
    PERIODS,
    CountPolicy,
    Grouping,
    Question,
)

QUERIES = Queries("projections.casualties", "questions.sql")

Row = Mapping[str, Any]
Connection = AsyncConnection[TupleRow]
FormKey = tuple[UUID, int]
"""A form of a claim: the event that made the claim, and the position from which the form held."""


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


async def casualties(connection: Connection, question: Question, position: int) -> Casualties:
    """Answer a question as of a position, on a connection that sees the read model's tables."""
    question = await of_surviving_incidents(connection, question, position)
    figures, left_out = await _figures(connection, question, position)
    tolls, tolls_left_out = await _tolls(connection, question, position)
    total = Counter({each.reason: each.claims for each in left_out}) + Counter(tolls_left_out)
    (redacted,) = await rows_of(connection, QUERIES.redacted, question, position, types=list(CASUALTY_TYPES))
    # Of the whole answer: nothing tells their group.
    total += Counter({REDACTED: redacted["claims"], REDACTED_ACT: redacted["acts"]})
    return Casualties(figures, tolls, [LeftOut(reason, claims) for reason, claims in total.items()])


async def forms(connection: Connection, keys: Sequence[FormKey], position: int) -> dict[FormKey, dict[str, Any]]:
    """The rows of forms, with the source of their reports, as they were known at a position."""
    asked = {"event_ids": [key[0] for key in keys], "held_froms": [key[1] for key in keys], "position": position}
    async with connection.cursor(row_factory=dict_row) as cursor:
        # Unprepared: a statement that is kept must not meet the columns of another read model or version.
        await cursor.execute(QUERIES.forms, asked, prepare=False)
        return {(row["event_id"], row["held_from"]): row for row in await cursor.fetchall()}


async def of_surviving_incidents(connection: Connection, question: Question, position: int) -> Question:
    """A merged incident's claims are those of the incident that it turned out to be."""
    if not question.filter.incident_ids:
        return question
    asked = {"incident_ids": list(question.filter.incident_ids), "position": position}
    rows = await connection.execute(QUERIES.surviving_incidents, asked)
    surviving = tuple([incident_id async for (incident_id,) in rows])
    return replace(question, filter=replace(question.filter, incident_ids=surviving))


async def rows_of(
    connection: Connection, query: str, question: Question, position: int, **values: Any
) -> list[dict[str, Any]]:
    """Run a query of a question; unprepared, so that the planner sees which conditions are absent."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, {**question.parameters(position), **values}, prepare=False)
        return await cursor.fetchall()


def chain_of(question: Question) -> str:
    """The beginning of a query that ends with what counts, in its bounds."""
    itemised = QUERIES.itemised_and_aggregates if question.count_aggregates else QUERIES.itemised
    dates = QUERIES.dates_spread if question.spread else QUERIES.dates_as_stated
    by_wholes = question.count_policy is CountPolicy.UCDP_RANGE
    bounds = QUERIES.bounds_of_wholes if by_wholes else QUERIES.bounds_as_stated
    return QUERIES.candidates + itemised + dates + QUERIES.resolution + bounds


async def _figures(
    connection: Connection, question: Question, position: int
) -> tuple[list[GroupFigure], list[LeftOut]]:
    query = chain_of(question) + QUERIES.figures
    bounds = {"most_positions": MOST_POSITIONS, "most_groups": MOST_GROUPS}
    whole, *groups = await rows_of(connection, query, question, position, **bounds)
    if len(groups) > MOST_GROUPS:
        what = f"gives more than {MOST_GROUPS:,} groups; narrow the filter or group by less"
        raise InvalidRequestError([Violation("group_by", what)])
    return [_group_figure(row, question) for row in groups], left_out_of(whole)


def _group_figure(row: Row, question: Question) -> GroupFigure:
    values = dict(zip(KEY_ORDER, row["group_key"], strict=True))
    return GroupFigure(
        key=[(grouping, values[grouping]) for grouping in question.group_by],
        figure=figure_of(row),
        incidents=row["incidents"],
        claims=row["claims"],
        left_out=left_out_of(row),
        flags=flags_of({**row, "imprecise_date": _of_an_interval(values)}),
        positions=row["positions"] or [],
    )


def _of_an_interval(values: Mapping[Grouping, str | None]) -> bool:
    return any(INTERVAL in (values[grouping] or "") for grouping in PERIODS)


async def _tolls(
    connection: Connection, question: Question, position: int
) -> tuple[list[TollBeside], dict[str, int]]:
    some_count = question.count_aggregates or question.count_policy is CountPolicy.UCDP_RANGE
    query = (
        chain_of(question) + QUERIES.tolls_that_count if some_count else QUERIES.candidates + QUERIES.no_toll_counts
    )
    rows = await rows_of(connection, query + QUERIES.tolls, question, position, most_tolls=MOST_TOLLS)
    counted = await rows_of(connection, QUERIES.candidates + QUERIES.tolls_left_out, question, position)
    left_out = {row["reason"]: row["claims"] for row in counted}
    shown = rows[:MOST_TOLLS]
    if len(rows) > MOST_TOLLS:
        left_out["TOO_MANY_TOLLS"] = rows[MOST_TOLLS]["in_all"] - MOST_TOLLS
    inside = await _inside(connection, question, position, shown) if shown else {}
    return [_beside(row, inside.get(row["event_id"])) for row in shown], left_out


async def _inside(
    connection: Connection, question: Question, position: int, tolls: Sequence[Row]
) -> dict[UUID, dict[str, Any]]:
    stated = {row["victim_class"] for row in tolls}
    classes = [] if ALL_CLASSES in stated else sorted(map(VictimClass, stated))
    outcomes = sorted({Outcome(row["outcome"]) for row in tolls})
    incidents = {row["incident_id"] for row in tolls}
    of_incidents = sorted(incidents) if None not in incidents else []
    evidence = question.filter.beside_tolls(classes, outcomes, of_incidents)
    every = replace(question, filter=evidence, group_by=(), count_aggregates=False)
    query = chain_of(every) + QUERIES.inside_tolls
    asked = [row["event_id"] for row in tolls]
    return {row["toll"]: row for row in await rows_of(connection, query, every, position, tolls=asked)}


def _beside(toll: Row, inside: Row | None) -> TollBeside:
    return TollBeside(
        form=(toll["event_id"], toll["held_from"]),
        claimed=figure_of(toll),
        itemised=figure_of(inside) if inside else NO_CLAIMS,
        itemised_claims=inside["claims"] if inside else 0,
    )
