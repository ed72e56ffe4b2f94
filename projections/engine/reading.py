"""Answers of read models, each from one snapshot of one generation, as of one position. Every wait is bounded by
the question's deadline. It reads only; what is asked of the tables is the read models' own."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from ledger.errors import (
    DeadlineError,
    InvalidRequestError,
    NotFoundError,
    NotPossibleError,
    PositionNotReachedError,
    UnavailableError,
    Violation,
)
from ledger.persistence.connecting import cut, parameters
from ledger.persistence.log import schema_of
from ledger.persistence.queries import Queries
from projections.engine.catalogue import Catalogue, Generation
from projections.engine.projection import Projection

QUERIES = Queries("projections.engine", "reading.sql")
DEFAULT_SECONDS = 30.0
"""For a question without a deadline."""
MOST_SECONDS = 300.0
FIRST_POLL_SECONDS = 0.01
MAX_POLL_SECONDS = 0.2
LAST_SECONDS = 1.0
"""What is left to end in good order when a deadline has passed."""
CHECK_SECONDS = 2.0
POOL_SIZE = 16
LARGEST_POSITION = 2**63 - 1

AsyncConnection = psycopg.AsyncConnection[Any]
AsyncPool = AsyncConnectionPool[AsyncConnection]


@dataclass(frozen=True, slots=True)
class AsOf:
    """A moment of the record: after a position, or after the last commit at or before a time; not both. A frozen
    generation is asked by its number; 0 is the live one."""

    position: int | None = None
    recorded_at: datetime | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer says of itself."""

    position: int
    recorded_at: datetime | None
    projection: str
    generation: int
    stale: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A snapshot to read from, its search path set to the generation's schema. `position` is the as-of position;
    `taken` is how far the read model has come."""

    connection: AsyncConnection
    schema: str
    position: int
    taken: int
    recorded_at: datetime | None
    projection: str
    generation: int
    stale: bool

    def basis(self) -> Basis:
        """What the answer says of itself."""
        return Basis(self.position, self.recorded_at, self.projection, self.generation, self.stale)


def read_pool(url: str, size: int = POOL_SIZE) -> AsyncPool:
    """A pool for a read side, not yet open; a connection is checked before it is lent."""
    kwargs = parameters(url, "answers")
    return AsyncConnectionPool(url, kwargs=kwargs, min_size=1, max_size=size, open=False, check=check_connection)


async def check_connection(connection: AsyncConnection) -> None:
    """Refuse a connection that does not answer, and soon."""
    with _cut_after(connection, CHECK_SECONDS):
        await AsyncConnectionPool.check_connection(connection)


class ReadSide:
    """Read models as they answer; given the projections, it refuses generations of another version."""

    def __init__(self, pool: AsyncPool, projections: Iterable[Projection] = ()) -> None:
        self._pool = pool
        self._versions = {each.name: each.version for each in projections}

    @asynccontextmanager
    async def answering(
        self,
        ledger: str,
        projection: str,
        as_of: AsOf | None = None,
        min_position: int = 0,
        timeout: float | None = None,  # noqa: ASYNC109 - the snapshot must end in good order first
    ) -> AsyncIterator[Answer]:
        """A snapshot that holds what is asked for; waits for it within the timeout, seconds."""
        moment = as_of or AsOf()
        _refuse_invalid(moment, min_position)
        patience = _Patience(DEFAULT_SECONDS if timeout is None else timeout)
        opening = _Opening(ledger, projection, self._versions.get(projection), moment, min_position)
        try:
            async with asyncio.timeout(patience.left() + 2 * LAST_SECONDS):
                while True:
                    async with self._pool.connection(patience.left()) as connection:
                        with _cut_after(connection, patience.left() + LAST_SECONDS):
                            async with connection.transaction():
                                answer = await opening.open(connection, patience)
                                if answer is not None:
                                    yield answer
                                    return
                    await patience.pause(opening)
        except (TimeoutError, psycopg.errors.QueryCanceled) as error:
            raise DeadlineError("Not answered within the deadline; ask for less, or give more time.") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if patience.over:
                raise DeadlineError("Not answered within the deadline; the database is slow or away.") from error
            raise UnavailableError(why="the database is away") from error


class _Patience:
    """The time that a question has."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + min(seconds, MOST_SECONDS)
        self._next = FIRST_POLL_SECONDS

    def left(self) -> float:
        """Seconds left, never none at all: a bound of zero would mean no bound."""
        return max(self._end - time.monotonic(), 0.001)

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return time.monotonic() >= self._end

    async def pause(self, opening: "_Opening") -> None:
        """Wait a little longer each time; at the end, tell what was waited for."""
        if self._end - time.monotonic() <= 0:
            raise opening.not_reached()
        await asyncio.sleep(min(self._next, self.left()))
        self._next = min(2 * self._next, MAX_POLL_SECONDS)


class _Opening:
    """Looks a generation up and finds out whether it holds what is asked for."""

    def __init__(self, ledger: str, projection: str, version: int | None, moment: AsOf, min_position: int) -> None:
        self._catalogue = Catalogue(ledger)
        self._ledger = ledger
        self._projection = projection
        self._version = version
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

    async def open(self, connection: AsyncConnection, patience: _Patience) -> Answer | None:
        """The answer's snapshot, or None where it is worth waiting; NotFoundError where there is no such ledger."""
        await connection.execute(QUERIES.snapshot)
        await connection.execute(QUERIES.bound, {"milliseconds": max(1, int(patience.left() * 1000))})
        generation = await self._asked(connection)
        if generation is None:
            return None
        self._reached = generation.position
        self._other_version = None
        if self._version is not None and generation.version != self._version:
            if generation.status == "frozen":
                which = f"generation {generation.number} is of version {generation.version}"
                why = f"{which}, which this program cannot read"
                raise NotPossibleError(why=why)
            self._other_version = generation.version
            return None
        position = await self._as_of(connection, generation)
        self._needed = max(self._needed, position)
        if self._needed > generation.position:
            self._refuse_beyond(generation)
            return None
        await self._hold(connection, generation)
        await connection.execute(QUERIES.use_schema, {"schema": generation.schema})
        return Answer(
            connection=connection,
            schema=generation.schema,
            position=position,
            taken=generation.position,
            recorded_at=await self._recorded_at(connection, position),
            projection=self._projection,
            generation=generation.number,
            stale=bool(generation.halted_because),
        )

    async def _asked(self, connection: AsyncConnection) -> Generation | None:
        schemas = {"ledger": schema_of(self._ledger), "catalogue": self._catalogue.schema}
        row = await (await connection.execute(QUERIES.there, schemas)).fetchone()
        there, made = row if row else (False, False)
        if not there:
            raise NotFoundError(kind="ledger", id=self._ledger)
        if not made:
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

    async def _as_of(self, connection: AsyncConnection, generation: Generation) -> int:
        if self._moment.position is not None:
            return self._moment.position
        if self._moment.recorded_at is None:
            return generation.position
        return int(await self._value(connection, "position_at", moment=self._moment.recorded_at) or 0)

    async def _recorded_at(self, connection: AsyncConnection, position: int) -> datetime | None:
        found: datetime | None = await self._value(connection, "recorded_at", position=position)
        return found

    async def _value(self, connection: AsyncConnection, name: str, **values: Any) -> Any:
        query = sql.SQL(getattr(QUERIES, name)).format(ledger=sql.Identifier(schema_of(self._ledger)))
        row = await (await connection.execute(query, values)).fetchone()
        return row[0] if row else None

    async def _hold(self, connection: AsyncConnection, generation: Generation) -> None:
        """Keep the generation from being dropped while it is read, unless it has just been."""
        try:
            hold = self._catalogue.query("hold", schema=sql.Identifier(generation.schema))
            await connection.execute(hold)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            raise psycopg.Rollback() from None  # look again, in a new snapshot


@contextmanager
def _cut_after(connection: AsyncConnection, seconds: float) -> Iterator[None]:
    """Cut a connection that takes longer: where nothing comes through, cancelling would be waited for in vain."""
    overdue = asyncio.get_running_loop().call_later(seconds, cut, cast(Any, connection))
    try:
        yield
    finally:
        overdue.cancel()


def _refuse_invalid(moment: AsOf, min_position: int) -> None:
    faults = []
    for field, position in (("as_of.position", moment.position), ("min_position", min_position)):
        if position is not None and not 0 <= position <= LARGEST_POSITION:
            faults.append(Violation(field, f"is {position}; a position is 0 or more"))
    if moment.position is not None and moment.recorded_at is not None:
        faults.append(Violation("as_of", "names a position and a time; give one of the two"))
    if faults:
        raise InvalidRequestError(faults)
