"""How much cannot be read any more, as of a position: claims and acts whose payloads were removed. It knows what
they were about by their streams alone."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from ledger.persistence.queries import Queries

QUERIES = Queries("projections.history", "redacted.sql")


@dataclass(frozen=True)
class Redacted:
    """Claims that are gone, and acts that stood."""

    claims: int
    acts: int


NOTHING = Redacted(0, 0)


def together(several: Iterable[Redacted]) -> Redacted:
    """The sum."""
    counts = list(several)
    return Redacted(sum(each.claims for each in counts), sum(each.acts for each in counts))


async def redacted(
    connection: AsyncConnection[Any], position: int, *, prefix: str = "", types: Collection[str] | None = None
) -> Redacted:
    """What was redacted of all streams whose names begin so; of claims, those of these types."""
    return (await _counted(connection, position, prefix, None, types)).get("", NOTHING)


async def redacted_of(
    connection: AsyncConnection[Any], position: int, streams: Collection[str]
) -> Mapping[str, Redacted]:
    """What was redacted of each of these streams; those of which nothing was are not there."""
    return await _counted(connection, position, "", streams, None)


async def _counted(
    connection: AsyncConnection[Any],
    position: int,
    prefix: str,
    streams: Collection[str] | None,
    types: Collection[str] | None,
) -> dict[str, Redacted]:
    of: dict[str, Any] = {"prefix": prefix, "position": position}
    of |= {"streams": None if streams is None else list(streams), "types": None if types is None else list(types)}
    # Unprepared: a statement that is kept must not meet the tables of another read model.
    found = await connection.execute(QUERIES.redacted, of, prepare=False)
    return {stream: Redacted(claims, acts) for stream, claims, acts in await found.fetchall()}
