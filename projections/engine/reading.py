"""Answers of read models, each from one snapshot of one generation, as of one position. Every wait is bounded by
the question's deadline. It reads only; what is asked of the tables is the read models' own."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import psycopg
from psycopg_pool import AsyncConnectionPool

from ledger.errors import DeadlineError, UnavailableError
from ledger.persistence.connecting import cut, parameters
from ledger.persistence.guarding import Admit
from projections.engine.administering import refuse_administration
from projections.engine.answers import Answer, AsOf, AsyncConnection
from projections.engine.opening import Opening, refuse_invalid
from projections.engine.projection import Projection

DEFAULT_SECONDS = 30.0
"""For a question without a deadline."""
MOST_SECONDS = 300.0
FIRST_POLL_SECONDS = 0.01
MAX_POLL_SECONDS = 0.2
LAST_SECONDS = 1.0
"""What is left to end in good order when a deadline has passed."""
CHECK_SECONDS = 2.0
POOL_SIZE = 16

AsyncPool = AsyncConnectionPool[AsyncConnection]


def read_pool(url: str, size: int = POOL_SIZE) -> AsyncPool:
    """A pool for a read side, not yet open; a connection is checked before it is lent."""
    kwargs = parameters(url, "answers")
    return AsyncConnectionPool(url, kwargs=kwargs, min_size=1, max_size=size, open=False, check=check_connection)


async def check_connection(connection: AsyncConnection) -> None:
    """Refuse a connection that does not answer, and soon."""
    with _cut_after(connection, CHECK_SECONDS):
        await AsyncConnectionPool.check_connection(connection)


class ReadSide:
    """Read models as they answer; given the projections, it refuses generations of versions that these cannot read.
    The ledgers are in the same database, or in that of `ledgers`."""

    def __init__(
        self,
        pool: AsyncPool,
        projections: Iterable[Projection] = (),
        ledgers: AsyncPool | None = None,
        admit: Admit = lambda ledger: None,
    ) -> None:
        """`admit` raises for a ledger that is refused, and of which nothing is answered."""
        self._admit = admit
        self._pool = pool
        self._ledgers = ledgers
        self._versions = {each.name: {each.version, *each.reads} for each in projections}

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
        refuse_administration(ledger)
        self._admit(ledger)
        moment = as_of or AsOf()
        refuse_invalid(moment, min_position)
        patience = _Patience(DEFAULT_SECONDS if timeout is None else timeout)
        opening = Opening(ledger, projection, self._versions.get(projection), moment, min_position)
        try:
            async with asyncio.timeout(patience.left() + 2 * LAST_SECONDS):
                while True:
                    async with self._pool.connection(patience.left()) as connection:
                        with _cut_after(connection, patience.left() + LAST_SECONDS):
                            async with self._source(connection, patience) as source, connection.transaction():
                                answer = await opening.open(connection, source, patience.left())
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

    @asynccontextmanager
    async def _source(self, connection: AsyncConnection, patience: "_Patience") -> AsyncIterator[AsyncConnection]:
        """A connection that reads the ledgers."""
        if self._ledgers is None:
            yield connection
            return
        async with self._ledgers.connection(patience.left()) as source:
            with _cut_after(source, patience.left() + LAST_SECONDS):
                async with source.transaction():
                    yield source


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

    async def pause(self, opening: "Opening") -> None:
        """Wait a little longer each time; at the end, tell what was waited for."""
        if self._end - time.monotonic() <= 0:
            raise opening.not_reached()
        await asyncio.sleep(min(self._next, self.left()))
        self._next = min(2 * self._next, MAX_POLL_SECONDS)


@contextmanager
def _cut_after(connection: AsyncConnection, seconds: float) -> Iterator[None]:
    """Cut a connection that takes longer: where nothing comes through, cancelling would be waited for in vain."""
    overdue = asyncio.get_running_loop().call_later(seconds, cut, cast(Any, connection))
    try:
        yield
    finally:
        overdue.cancel()
