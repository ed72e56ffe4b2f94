"""Lists the claims behind figures, page by page: each with what it adds to its figure, or why it adds nothing.
So every figure can be taken apart. It adds nothing up itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from projections.casualties.figures import Figure, figure_of
from projections.casualties.question import KEY_ORDER, SHARED, CountPolicy, Grouping, Question
from projections.casualties.summing import (
    CANDIDATES,
    QUERIES,
    Connection,
    FormKey,
    chain_of,
    of_surviving_incidents,
    rows_of,
)

TOLL = "TOLL"
"""In place of a reason: it stands beside the figures and is never a part of one."""


@dataclass(frozen=True)
class Part:
    """A claim as a part of a figure."""

    form: FormKey
    left_out: str
    """Why the figure leaves it out; empty where it counts."""
    adds: Figure | None
    """None where the resolution rule took another claim about the same number."""


async def page_of_claims(
    connection: Connection,
    question: Question,
    position: int,
    group: Mapping[Grouping, str],
    after: int,
    limit: int,
    with_left_out: bool = False,
) -> list[Part]:
    """The claims of a question after a position, in order of position; of one group where one is given.
    Competing claims are all among them; tolls too, where no group is given."""
    question = await of_surviving_incidents(connection, question, position)
    question = replace(question, group_by=tuple(group))
    key = [group.get(grouping) for grouping in KEY_ORDER] if group else None
    page = {"after": after, "limit": limit, "group_key": key, "with_left_out": with_left_out}
    beginning, end = CANDIDATES, QUERIES.page
    if group and not _by_candidates_alone(question):
        beginning, end = chain_of(question), QUERIES.page_of_group
    rows = await rows_of(connection, beginning + end, question, position, **page)
    return await _parts(connection, question, position, rows)


def _by_candidates_alone(question: Question) -> bool:
    """Whether a claim's group follows from the claim: then a page needs no look at the others of its group."""
    by_wholes = question.count_policy is CountPolicy.UCDP_RANGE
    return SHARED.issuperset(question.group_by) and not question.count_aggregates and not by_wholes


async def _parts(
    connection: Connection, question: Question, position: int, rows: Sequence[Mapping[str, Any]]
) -> list[Part]:
    """What these claims are in their figures. Only claims of one incident can be about one number, so no others are
    looked at."""
    incidents = {row["incident_id"] for row in rows if row["incident_id"] is not None}
    asked = {"incident_ids": sorted(incidents), "events": [row["event_id"] for row in rows]}
    query = chain_of(question) + QUERIES.parts
    found = await rows_of(connection, query, question, position, **asked) if incidents else []
    parts = {row["event_id"]: row for row in found}
    return [_part(row, parts.get(row["event_id"])) for row in rows]


def _part(row: Mapping[str, Any], part: Mapping[str, Any] | None) -> Part:
    form = (row["event_id"], row["held_from"])
    if part is None:
        return Part(form, row["reason"] or TOLL, None)
    return Part(form, part["left_out"] or "", figure_of(part) if part["taken"] else None)
