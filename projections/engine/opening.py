"""Opens an answer: looks a generation up and finds out whether it holds what is asked for, in one snapshot. It
waits for nothing; what is worth waiting for it tells by answering nothing."""

from collections.abc import Container
from typing import Any

import psycopg
from psycopg import sql

from ledger.errors import (
    InvalidRequestError,
    NotFoundError,
    NotPossibleError,
    PositionNotReachedError,
    ProjectionHaltedError,
    UnavailableError,
    Violation,
)
from ledger.persistence.log import schema_of
from ledger.persistence.queries import Queries
from projections.engine.answers import Answer, AsOf, AsyncConnection
from projections.engine.catalogue import Catalogue, Generation

QUERIES = Queries("projections.engine", "reading.sql")
STALE_SECONDS = 10.0
"""An answer that lacks an event for longer says that it is stale. Another leader has taken over by then."""
LARGEST_POSITION = 2**63 - 1


class Opening:
    """Looks a generation up and finds out whether it holds what is asked for."""

    def __init__(
        self, ledger: str, projection: str, versions: Container[int] | None, moment: AsOf, min_position: int
    ) -> None:
        self._catalogue = Catalogue(ledger)
        self._ledger = ledger
        self._names: dict[str, sql.Composable] = {
            "ledger": sql.Identifier(schema_of(ledger)),
            "catalogue": sql.Identifier(self._catalogue.schema),
        }
        self._projection = projection
        self._versions = versions
        self._moment = moment
        self._min_position = min_position
        self._needed = max(min_position, moment.position or 0)
        self._reached: int | None = None
        self._other_version: int | None = None

    def not_reached(self) -> Exception:
        """What kept the answer back until the deadline."""
        if self._other_version is not None:
            return UnavailableError(why=f"{self._projection} is being built for a new version")
        if self._reached is None:
            return UnavailableError(why=f"{self._projection} of {self._ledger} is not built yet")
        return PositionNotReachedError(reached=self._reached, min_position=self._needed)

    async def open(self, connection: AsyncConnection, ledger: AsyncConnection, seconds: float) -> Answer | None:
        """The answer's snapshot, or None where it is worth waiting; NotFoundError where there is no such ledger. No
        statement takes longer than so many seconds. `ledger` reads the ledger itself."""
        await connection.execute(QUERIES.snapshot)
        bound = {"milliseconds": max(1, int(seconds * 1000))}
        for each in {connection, ledger}:
            await each.execute(QUERIES.bound, bound)
        generation = await self._asked(connection, ledger)
        if generation is None or not self._can_read(generation):
            return None
        position = await self._as_of(ledger, generation)
        self._needed = max(self._needed, position)
        if self._needed > generation.position:
            self._refuse_halted(generation)
            self._refuse_beyond(generation)
            return None
        await self._hold(connection, generation)
        await connection.execute(QUERIES.use_schema, {"schema": generation.schema})
        recorded_at, waited = await self._row(ledger, "moments", position=position, taken=generation.position)
        return Answer(
            connection=connection,
            ledger=ledger,
            schema=generation.schema,
            position=position,
            taken=generation.position,
            recorded_at=recorded_at,
            projection=self._projection,
            generation=generation.number,
            stale_because=await self._stale_because(connection, generation, waited),
        )

    def _can_read(self, generation: Generation) -> bool:
        """Whether this program can ask the generation's tables; the live one is worth waiting for."""
        self._reached = generation.position
        self._other_version = None
        if self._versions is None or generation.version in self._versions:
            return True
        if generation.status == "frozen":
            which = f"generation {generation.number} is of version {generation.version}"
            raise NotPossibleError(why=f"{which}, which this program cannot read")
        self._other_version = generation.version
        return False

    def _refuse_halted(self, generation: Generation) -> None:
        """Waiting would be in vain."""
        if generation.halted_because:
            raise ProjectionHaltedError(
                projection=self._projection,
                reached=generation.position,
                min_position=self._needed,
                because=generation.halted_because,
            )

    async def _asked(self, connection: AsyncConnection, ledger: AsyncConnection) -> Generation | None:
        if not (await self._row(ledger, "there", schema=schema_of(self._ledger)))[0]:
            raise NotFoundError(kind="ledger", id=self._ledger)
        if not (await self._row(connection, "made", schema=self._catalogue.schema))[0]:
            return None
        number = self._moment.generation
        query = self._catalogue.query("generation" if number else "live")
        found = await connection.execute(query, {"name": self._projection, "number": number})
        asked = await found.fetchone()
        if number and (asked is None or Generation(*asked).status not in ("frozen", "live")):
            raise NotFoundError(kind=f"frozen generation of {self._projection}", id=number)
        return Generation(*asked) if asked else None

    def _refuse_beyond(self, generation: Generation) -> None:
        """Waiting for a frozen generation is in vain."""
        if generation.status == "frozen":
            field = "as_of" if self._needed > self._min_position else "min_position"
            why = f"is at {self._needed}; generation {generation.number} is frozen at {generation.position}"
            raise InvalidRequestError([Violation(field, why)])

    async def _as_of(self, ledger: AsyncConnection, generation: Generation) -> int:
        if self._moment.position is not None:
            return self._moment.position
        if self._moment.recorded_at is None:
            return generation.position
        found = await self._row(ledger, "position_at", moment=self._moment.recorded_at)
        return int(found[0] or 0)

    async def _stale_because(
        self, connection: AsyncConnection, generation: Generation, waited: float | None
    ) -> str:
        """Why the answer lacks what has waited so many seconds to be taken; empty where that is but a moment, and
        where nobody expects it, of a frozen generation."""
        if generation.status == "frozen":
            return ""
        if generation.halted_because:
            return f"it is halted: {generation.halted_because}"
        if waited is None or waited <= STALE_SECONDS:
            return ""
        behind = f"it is {waited:.0f} s behind"
        followed = (await self._row(connection, "followed", name=self._projection))[0]
        return behind if followed else f"{behind}, and no process follows"

    async def _row(self, connection: AsyncConnection, query: str, **values: Any) -> tuple[Any, ...]:
        composed = sql.SQL(getattr(QUERIES, query)).format(**self._names)
        return await (await connection.execute(composed, values)).fetchone() or (None,)

    async def _hold(self, connection: AsyncConnection, generation: Generation) -> None:
        """Keep the generation from being dropped while it is read, unless it has just been."""
        try:
            hold = self._catalogue.query("hold", schema=sql.Identifier(generation.schema))
            await connection.execute(hold)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            raise psycopg.Rollback() from None  # look again, in a new snapshot


def refuse_invalid(moment: AsOf, min_position: int) -> None:
    faults = []
    for field, position in (("as_of.position", moment.position), ("min_position", min_position)):
        if position is not None and not 0 <= position <= LARGEST_POSITION:
            faults.append(Violation(field, f"is {position}; a position is 0 or more"))
    if moment.position is not None and moment.recorded_at is not None:
        faults.append(Violation("as_of", "names a position and a time; give one of the two"))
    if faults:
        raise InvalidRequestError(faults)
