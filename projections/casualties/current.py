"""Reads current totals that are kept ready: the same rows that summing the claims would give, at a cost that does
not depend on how many there are. It knows what is kept, and asks for nothing else."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from ledger.persistence.queries import Queries
from projections.casualties import summing
from projections.casualties.keeping import BOUNDS, KEPT, SEPARATOR
from projections.casualties.question import (
    ClaimFilter,
    CountPolicy,
    Question,
    ResolutionRule,
)
from projections.casualties.summing import Connection, Row

QUERIES = Queries("projections.casualties", "current.sql")

NUMBERS = {frozenset(groupings): number for number, groupings in enumerate(KEPT, 1)}
INSIDE_TOLLS = 0
"""In place of a grouping: the sums inside tolls."""
POLICIES = {CountPolicy.VERBATIM_1: [1, 3], CountPolicy.UCDP_RANGE: [1, 3], CountPolicy.ACLED_2019: [2, 3]}


def number_of(question: Question) -> int | None:
    """The number of the kept grouping that a question asks for; None where its answer is not kept."""
    if question.filter != ClaimFilter() or question.count_aggregates or question.spread:
        return None
    if question.resolution_rule is not ResolutionRule.LATEST:
        return None
    return NUMBERS.get(frozenset(question.group_by))


async def figures(connection: Connection, question: Question, number: int, most: int) -> list[dict[str, Any]]:
    """A row for the whole, then one for each group with its values; of these one more than `most` if there are."""
    rows = await _rows(connection, QUERIES.counted + QUERIES.figures, question, number, most_groups=most)
    return [{**row, "group": _values(row["key"], number)} for row in rows]


async def tolls(
    connection: Connection, question: Question, number: int, most: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The tolls beside the figures, one more than `most` if there are; and how many are left out, by reason."""
    rows = await _rows(connection, QUERIES.tolls, question, number, most_tolls=most)
    counted = await _rows(connection, QUERIES.tolls_left_out, question, number)
    return rows, {row["reason"]: row["claims"] for row in counted}


async def inside(
    connection: Connection, question: Question, position: int, tolls: Sequence[Row]
) -> dict[UUID, dict[str, Any]]:
    """The sums of the claims inside tolls, by toll. Those of areas are kept; an incident's claims are few."""
    of_incidents = [row for row in tolls if row["incident_id"] is not None]
    sums = await summing.inside(connection, question, position, of_incidents)
    if len(of_incidents) < len(tolls):
        rows = await _rows(connection, QUERIES.counted + QUERIES.sums_of_tolls, question, INSIDE_TOLLS)
        kept = {row["form_position"]: row for row in rows}
        of_areas = [row for row in tolls if row["incident_id"] is None]
        sums |= {row["event_id"]: kept[row["form_position"]] for row in of_areas if row["form_position"] in kept}
    return sums


def _values(key: str | None, number: int) -> dict[Any, str]:
    """The values of a group, by grouping; none for the whole."""
    groupings = KEPT[number - 1]
    return dict(zip(groupings, key.split(SEPARATOR), strict=True)) if key is not None and groupings else {}


async def _rows(
    connection: Connection, query: str, question: Question, number: int, **values: Any
) -> list[dict[str, Any]]:
    asked = {"grouping": number, "policy": question.count_policy.value, "policies": POLICIES[question.count_policy]}
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, {**BOUNDS, **asked, **values}, prepare=False)
        return await cursor.fetchall()
