"""Reads the ceasefire tables as of a position and puts a status together: claims from rows, counts from SQL.
Connections come in, with the search path on the generation's schema; nothing is written."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from ledger.domain.codes import PlacePrecision
from ledger.domain.reports import EVENT_TYPES
from ledger.domain.values import Place
from ledger.persistence.queries import Queries
from projections.ceasefires.observance import (
    Monitoring,
    Observance,
    Violations,
    Window,
    observe,
    window_of,
)
from projections.ceasefires.status import Status, derive_status
from projections.ceasefires.steps import HeldClaim

QUERIES = Queries("projections.ceasefires", "questions.sql")
MOST_POSITIONS = 100
"""Positions of observations that an answer names."""
BATCH = 200
"""Agreements whose claims are read at once."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """Both axes of one agreement."""

    status: Status
    window: Window | None
    observance: Observance
    violations: Violations
    monitoring: Monitoring


class CeasefireReader:
    """Questions to one snapshot, all as of one position."""

    def __init__(self, connection: AsyncConnection[Any], position: int) -> None:
        self._connection = connection
        self._position = position

    async def latest_day(self) -> date | None:
        """The latest day on which a report had been published; None before the first report."""
        rows = await self.rows(QUERIES.latest_day)
        return rows[0]["reported"] if rows else None

    async def agreements_after(self, after: str, limit: int = BATCH) -> list[str]:
        """Ids of agreements, in order."""
        rows = await self.rows(QUERIES.agreements_after, after=after, limit=limit)
        return [row["agreement_id"] for row in rows]

    async def statuses(self, agreement_ids: Sequence[str], at: date) -> list[Status]:
        """The formal axis of agreements; of those that nothing is recorded about, none."""
        claims: dict[str, list[HeldClaim]] = defaultdict(list)
        known = {row["agreement_id"] for row in await self._of(QUERIES.violated_agreements, agreement_ids)}
        for row in await self._of(QUERIES.held_claims, agreement_ids):
            claim = HeldClaim(
                position=row["position"],
                form_position=row["form_position"],
                reported=row["reported"],
                event=EVENT_TYPES[row["type"]].model_validate(row["body"]),  # type: ignore[arg-type]
            )
            known.add(row["agreement_id"])
            claims[row["agreement_id"]].append(claim)
            if row["supersedes"] not in (None, row["agreement_id"]):
                claims[row["supersedes"]].append(claim)
        return [derive_status(each, claims[each], at) for each in agreement_ids if each in known]

    async def answer(self, status: Status, window_days: int) -> Answer:
        """Both axes: the formal one with observance over a window."""
        window = window_of(status, window_days)
        violations = await self._violations(status, window)
        monitoring = await self._monitoring(status, window)
        observance = observe(status, window, violations, monitoring)
        return Answer(status, window, observance, violations, monitoring)

    async def rows(self, query: LiteralString, **values: Any) -> list[Row]:
        """The rows of a query as of the position."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, {"position": self._position, **values})
            return await cursor.fetchall()

    async def _of(self, query: LiteralString, agreement_ids: Sequence[str]) -> list[Row]:
        return await self.rows(query, agreement_ids=list(agreement_ids))

    async def _violations(self, status: Status, window: Window | None) -> Violations:
        counted = window or Window(status.at, status.at)  # never in force: all are outside the period
        rows = await self.rows(
            QUERIES.count_violations,
            agreement_id=status.agreement_id,
            at=status.at,
            window_first=counted.first,
            window_last=counted.last,
            parties=[standing.party for standing in status.parties],
            period_parties=[period.party for period in status.periods],
            period_firsts=[period.first for period in status.periods],
            period_lasts=[period.last for period in status.periods],
            **_zone(status.terms.zone),
        )
        groups: dict[str, dict[str, int]] = defaultdict(dict)
        for row in rows:
            if row["claims"]:
                groups[row["what"]][row["name"]] = row["claims"]
        last = [row["last"] for row in rows if row["what"] == "standing" and row["name"] != "unfounded"]
        return Violations(groups["standing"], groups["party"], groups["left out"], max(last, default=None))

    async def _monitoring(self, status: Status, window: Window | None) -> Monitoring:
        if window is None:
            return Monitoring()
        rows = await self.rows(
            QUERIES.monitoring,
            agreement_id=status.agreement_id,
            window_first=window.first,
            window_last=window.last,
            most_positions=MOST_POSITIONS,
        )
        return Monitoring(**{**rows[0], "positions": tuple(rows[0]["positions"])})


def _zone(zone: Place | None) -> dict[str, str | None]:
    """The names that a violation's place is compared with; None where the zone does not say, or is too fuzzy."""
    coarse = (PlacePrecision.REGION, PlacePrecision.COUNTRY, PlacePrecision.INTERNATIONAL)
    fuzzy = zone is None or zone.precision in coarse
    exact = zone is not None and zone.precision is PlacePrecision.ADMIN2
    return {
        "zone_country": zone.country.lower() or None if zone else None,
        "zone_admin1": zone.admin1.lower() or None if zone and not fuzzy else None,
        "zone_admin2": zone.admin2.lower() or None if zone and exact else None,
    }
