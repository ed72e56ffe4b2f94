"""How much cannot be read any more, as of a position: claims and acts whose payloads were removed. It knows what
they were about by their streams alone."""

from collections.abc import Sequence
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


async def redacted(
    connection: AsyncConnection[Any],
    position: int,
    *,
    prefix: str = "",
    streams: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
) -> Redacted:
    """What was redacted of these streams, or of all whose names begin so; of claims, those of these types."""
    of = {"prefix": prefix, "streams": streams and list(streams), "types": types and list(types)}
    # Unprepared: a statement that is kept must not meet the tables of another read model.
    found = await connection.execute(QUERIES.redacted, {**of, "position": position}, prepare=False)
    row = await found.fetchone()
    return Redacted(*row) if row else Redacted(0, 0)
