"""Asks the database about incidents: one with its claims and links, or a page of many; and about what happened, in
order of occurrence. A merged incident answers as the one that it turned out to be."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from ledger.domain.claim import INCIDENTS
from ledger.domain.codes import DatePrecision, PlacePrecision
from ledger.errors import NotFoundError
from ledger.persistence.queries import Queries
from projections.history.redacted import Redacted, redacted_of, together

QUERIES = Queries("projections.incidents", "questions.sql")

MATCHING = f"{QUERIES.matching}\n{QUERIES.conditions}\n"
TIMELINE = f"{QUERIES.timeline}\n{QUERIES.conditions}\n{QUERIES.in_order_of_occurrence}"

MOST_FORMS = 5_000
"""Forms of claims that the answer about one incident holds, or a page of incidents with their claims; the oldest
first."""
MOST_LINKS = 1_000
FEW_CLAIMS = 10_000
"""Where a filter finds no more, a page is sought among their incidents; otherwise from the first day on."""

Connection = AsyncConnection[TupleRow]
FormKey = tuple[UUID, int]
"""A form of a claim: the event that made the claim, and the position from which the form held."""


@dataclass(frozen=True)
class IncidentFilter:
    """Which incidents: those with a claim that meets all conditions. Empty asks for nothing."""

    occurred_from: date | None = None
    occurred_to: date | None = None
    places: Sequence[str] = ()
    actor_ids: Sequence[str] = ()
    types: Sequence[str] = ()
    max_date_precision: DatePrecision | None = None
    max_place_precision: PlacePrecision | None = None

    def parameters(self) -> dict[str, Any]:
        """The values of the query's parameters; None where nothing is asked."""
        return {
            "occurred_from": self.occurred_from,
            "occurred_to": self.occurred_to,
            "places": list(self.places) or None,
            "actor_ids": list(self.actor_ids) or None,
            "types": list(self.types) or None,
            "max_date_precision": self.max_date_precision and self.max_date_precision.code,
            "max_place_precision": self.max_place_precision and self.max_place_precision.code,
        }


@dataclass(frozen=True)
class Summary:
    """An incident in short; without days, place and types where no claim holds any more."""

    incident_id: str
    merged_incident_ids: Sequence[str]
    first_day: date | None = None
    last_day: date | None = None
    date_precision: int | None = None
    place: dict[str, Any] | None = None
    claim_types: Sequence[str] = ()
    claims: int = 0
    reports: int = 0


@dataclass(frozen=True)
class Link:
    """A link to another stream, and the event that states it."""

    kind: str
    stream: str
    event_id: UUID
    position: int


@dataclass(frozen=True)
class Incident:
    """One incident: the forms of its claims that hold, those that no longer do, links, and what was redacted."""

    summary: Summary
    forms: Sequence[FormKey]
    former_forms: Sequence[FormKey]
    links: Sequence[Link]
    redacted: Redacted


@dataclass(frozen=True)
class Moment:
    """A claim in the order of occurrence."""

    form: FormKey
    first_day: date
    form_position: int


@dataclass(frozen=True)
class PageKey:
    """Where the next page begins: after this incident."""

    first_day: date
    incident_id: str


async def incident(connection: Connection, incident_id: str, position: int) -> Incident:
    """One incident as of a position; NotFoundError if no claim was ever made about it."""
    asked = {"incident_id": incident_id, "position": position}
    survivors = await _rows(connection, QUERIES.surviving, asked)
    surviving = survivors[0]["incident_id"] if survivors else incident_id
    (summary,) = await _summaries(connection, [surviving], position)
    family = [surviving, *summary.merged_incident_ids]
    within = {"family": family, "position": position}
    forms = await _rows(connection, QUERIES.forms_of_incidents, {**within, "limit": MOST_FORMS})
    by_stream = await redacted_of(connection, position, [f"{INCIDENTS}{each}" for each in family])
    gone = together(by_stream.values())
    if not forms and not gone.claims:
        raise NotFoundError(kind="incident", id=incident_id)
    links = await _rows(connection, QUERIES.links, {**within, "limit": MOST_LINKS})
    return Incident(
        summary=summary,
        forms=[(row["event_id"], row["held_from"]) for row in forms if row["holds"]],
        former_forms=[(row["event_id"], row["held_from"]) for row in forms if not row["holds"]],
        links=[Link(**row) for row in links],
        redacted=gone,
    )


async def page_of_incidents(
    connection: Connection, asked: IncidentFilter, position: int, after: PageKey | None, limit: int
) -> list[Summary]:
    """Incidents by first day and id, after a key."""
    start = {"after_day": after and after.first_day, "after_id": after and after.incident_id}
    values = {**asked.parameters(), **start, "position": position, "limit": limit}
    few = await _few(connection, asked, position)
    if few is not None:
        query, values["incident_ids"] = QUERIES.page + QUERIES.of_these, few
    elif asked == IncidentFilter():
        query = QUERIES.page
    else:
        query = QUERIES.page + QUERIES.of_matching + MATCHING + ")"
    rows = await _rows(connection, query + QUERIES.in_order, values)
    return await _summaries(connection, [row["incident_id"] for row in rows], position)


async def _few(connection: Connection, asked: IncidentFilter, position: int) -> list[str] | None:
    """The incidents that a filter finds, where they are so few that the page is to be sought among them."""
    if asked == IncidentFilter():
        return None
    values = {**asked.parameters(), "position": position, "limit": FEW_CLAIMS + 1}
    rows = await _rows(connection, MATCHING + QUERIES.so_many, values)
    return None if len(rows) > FEW_CLAIMS else sorted({row["incident_id"] for row in rows})


async def timeline(
    connection: Connection, asked: IncidentFilter, position: int, after: tuple[date, int] | None, limit: int
) -> list[Moment]:
    """Claims about anything by first day and position, after a key."""
    after_day, after_position = after or (None, None)
    start = {"after_day": after_day, "after_position": after_position}
    rows = await _rows(connection, TIMELINE, {**asked.parameters(), **start, "position": position, "limit": limit})
    return [Moment((row["event_id"], row["held_from"]), row["first_day"], row["form_position"]) for row in rows]


def with_so_many_claims(summaries: Sequence[Summary]) -> Sequence[Summary]:
    """The first of these, as long as they have no more than MOST_FORMS claims together; one at least."""
    claims = list(accumulate(summary.claims for summary in summaries))
    return summaries[: max(1, bisect_right(claims, MOST_FORMS))]


async def claims_of(
    connection: Connection, summaries: Sequence[Summary], position: int
) -> dict[str, list[FormKey]]:
    """The forms that hold of the claims of each incident, in order of position; MOST_FORMS in all."""
    asked = {"incident_ids": [each.incident_id for each in summaries], "position": position, "limit": MOST_FORMS}
    found: dict[str, list[FormKey]] = {each.incident_id: [] for each in summaries}
    for row in await _rows(connection, QUERIES.claims_of_incidents, asked):
        found[row["incident_id"]].append((row["event_id"], row["held_from"]))
    return found


async def forms(connection: Connection, keys: Sequence[FormKey], position: int) -> dict[FormKey, dict[str, Any]]:
    """The rows of forms, with the source of their reports, as they were known at a position."""
    asked = {"event_ids": [key[0] for key in keys], "held_froms": [key[1] for key in keys], "position": position}
    async with connection.cursor(row_factory=dict_row) as cursor:
        # Unprepared: a statement that is kept must not meet the columns of another read model or version.
        await cursor.execute(QUERIES.forms, asked, prepare=False)
        return {(row["event_id"], row["held_from"]): row for row in await cursor.fetchall()}


async def _summaries(connection: Connection, incident_ids: Sequence[str], position: int) -> list[Summary]:
    """Summaries in the order of the ids."""
    asked = {"incident_ids": list(incident_ids), "position": position}
    merged = {row["incident_id"]: row for row in await _rows(connection, QUERIES.merged, asked)}
    said = {row["incident_id"]: row for row in await _rows(connection, QUERIES.summaries, asked)}
    unmerged: dict[str, Any] = {"merged_incident_ids": []}
    return [
        Summary(**{"incident_id": each, **unmerged, **merged.get(each, {}), **said.get(each, {})})
        for each in incident_ids
    ]


async def _rows(connection: Connection, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a query unprepared, so that the planner sees which conditions are absent."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values, prepare=False)
        return await cursor.fetchall()
