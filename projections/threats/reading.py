"""Reads the threat tables as of a position: threats in order of issue, each with its state and the rows behind it.
Connections come in, with the search path on the generation's schema; nothing is written."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from ledger.persistence.queries import Queries
from projections.threats.status import Fate, ThreatClaim, ThreatState, derive_threat

QUERIES = Queries("projections.threats", "questions.sql")
BATCH = 500
"""Threats that are read at once."""
FIRST = (date.min, "")

Row = dict[str, Any]
Key = tuple[date, str]


@dataclass(frozen=True)
class Question:
    """Which threats; None asks for any."""

    at: date
    fates: Sequence[Fate] | None = None
    kinds: Sequence[str] | None = None
    issued_by: Sequence[str] | None = None
    against: Sequence[str] | None = None


@dataclass(frozen=True)
class Found:
    """A threat with its state, the row of its issue, and the rows of what followed."""

    key: Key
    state: ThreatState
    issued: Row | None
    followed_by: tuple[Row, ...]


class ThreatReader:
    """Questions to one snapshot, all as of one position."""

    def __init__(self, connection: AsyncConnection[Any], position: int) -> None:
        self._connection = connection
        self._position = position

    async def latest_day(self) -> date | None:
        """The latest day on which a report had been published; None before the first report."""
        rows = await self._rows(QUERIES.latest_day)
        return rows[0]["reported"] if rows else None

    async def threats(self, question: Question, after: Key, limit: int) -> list[Found]:
        """Up to so many threats after a key. Their status is not in the tables, so it is asked batch by batch."""
        found: list[Found] = []
        while len(found) < limit:
            keys = await self._keys(question, after)
            batch = await self._states(keys, question.at)
            found.extend(each for each in batch if question.fates is None or each.state.fate in question.fates)
            if len(keys) < BATCH:
                break
            after = keys[-1]
        return found[:limit]

    async def _keys(self, question: Question, after: Key) -> list[Key]:
        rows = await self._rows(
            QUERIES.threats_after,
            after_day=after[0],
            after_id=after[1],
            at=question.at,
            kinds=question.kinds,
            issued_by=question.issued_by,
            against=question.against,
            limit=BATCH,
        )
        return [(row["day"], row["threat_id"]) for row in rows]

    async def _states(self, keys: Sequence[Key], at: date) -> list[Found]:
        of_threat: dict[str, dict[int, Row]] = defaultdict(dict)
        for row in await self._rows(QUERIES.claims_of_threats, threat_ids=[key[1] for key in keys]):
            of_threat[row["threat_id"]][row["position"]] = row
        found = []
        for key in keys:
            rows = of_threat[key[1]]
            state = derive_threat([_claim(row) for row in rows.values()], at)
            if state is not None:
                issued = rows[state.issued.position] if state.issued else None
                followed = tuple(rows[claim.position] for claim in state.followed_by)
                found.append(Found(key, state, issued, followed))
        return found

    async def _rows(self, query: LiteralString, **values: Any) -> list[Row]:
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, {"position": self._position, **values})
            return await cursor.fetchall()


def _claim(row: Row) -> ThreatClaim:
    return ThreatClaim(
        type=row["type"],
        position=row["position"],
        reported=row["reported"],
        start=row["occurred_start"],
        end=row["occurred_end"],
        deadline=row["deadline"],
        discounted=row["verification"] == "discounted",
    )
