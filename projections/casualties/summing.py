"""Asks the database a question about casualties, as of any position: the chain of chain.sql and an ending of
questions.sql, with the parameters that the question gives. It gives rows, and puts no answer together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from ledger.domain.codes import Outcome, VictimClass
from ledger.persistence.queries import Queries
from projections.casualties.claims import ALL_CLASSES
from projections.casualties.question import KEY_ORDER, MOST_POSITIONS, CountPolicy, Question

CHAIN = Queries("projections.casualties", "chain.sql")
QUERIES = Queries("projections.casualties", "questions.sql")

CANDIDATES = CHAIN.held + CHAIN.asked + CHAIN.candidates
GROUPED_BY_TOLLS = (
    QUERIES.grouped_by_tolls_of_incidents
    + QUERIES.of_its_kind
    + QUERIES.grouped_by_tolls_of_areas
    + QUERIES.in_its_area
    + QUERIES.of_its_kind
    + QUERIES.grouped_by_tolls
)

Row = Mapping[str, Any]
Connection = AsyncConnection[TupleRow]
FormKey = tuple[UUID, int]
"""A form of a claim: the event that made the claim, and the position from which the form held."""


async def figures(connection: Connection, question: Question, position: int, most: int) -> list[dict[str, Any]]:
    """A row for the whole, then one for each group with its values; of these one more than `most` if there are."""
    bounds = {"most_positions": MOST_POSITIONS, "most_groups": most}
    rows = await rows_of(connection, figures_query(question), question, position, **bounds)
    return [{**row, "group": dict(zip(KEY_ORDER, row["group_key"] or (), strict=not row["whole"]))} for row in rows]


async def tolls(
    connection: Connection, question: Question, position: int, most: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The tolls beside the figures, one more than `most` if there are; and how many are left out, by reason."""
    rows = await rows_of(connection, tolls_query(question), question, position, most_tolls=most)
    counted = await rows_of(connection, CANDIDATES + QUERIES.tolls_left_out, question, position)
    return rows, {row["reason"]: row["claims"] for row in counted}


async def inside(
    connection: Connection, question: Question, position: int, tolls: Sequence[Row]
) -> dict[UUID, dict[str, Any]]:
    """The sums of the claims inside tolls, by toll; none of a toll that nothing is inside."""
    if not tolls:
        return {}
    stated = {row["victim_class"] for row in tolls}
    # The bounds of an incident are those of a toll of all classes, so that none may be missing.
    every_class = ALL_CLASSES in stated or question.count_policy is CountPolicy.UCDP_RANGE
    classes = [] if every_class else sorted(map(VictimClass, stated))
    outcomes = sorted({Outcome(row["outcome"]) for row in tolls})
    incidents = {row["incident_id"] for row in tolls}
    of_incidents = sorted(incidents) if None not in incidents else []
    evidence = question.filter.beside_tolls(classes, outcomes, of_incidents)
    every = replace(question, filter=evidence, group_by=(), count_aggregates=False)
    query = chain_of(every, GROUPED_BY_TOLLS) + QUERIES.sums_of_tolls
    asked = [row["event_id"] for row in tolls]
    return {row["toll"]: row for row in await rows_of(connection, query, every, position, tolls=asked)}


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


def figures_query(question: Question) -> str:
    """The query for figures."""
    return chain_of(question) + QUERIES.figures


def tolls_query(question: Question) -> str:
    """The query for the tolls beside them; which of them count has to be known where some do."""
    some_count = question.count_aggregates or question.count_policy is CountPolicy.UCDP_RANGE
    chain = chain_of(question) + QUERIES.tolls_that_count if some_count else CANDIDATES + QUERIES.no_toll_counts
    return chain + QUERIES.tolls


def chain_of(question: Question, grouped: str = QUERIES.grouped_as_asked) -> str:
    """The beginning of a query that ends with what counts, in its bounds."""
    itemised = CHAIN.itemised_and_aggregates if question.count_aggregates else CHAIN.itemised
    dates = CHAIN.dates_spread if question.spread else CHAIN.dates_as_stated
    by_wholes = question.count_policy is CountPolicy.UCDP_RANGE
    bounds = QUERIES.bounds_of_wholes if by_wholes else QUERIES.bounds_as_stated
    return CANDIDATES + itemised + dates + CHAIN.resolution + grouped + bounds
