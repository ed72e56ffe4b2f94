"""The frozen generations of a projection: listed with what they hold, and dropped on request. It refuses to drop
what is live or being built."""

import time
from dataclasses import dataclass
from datetime import datetime

from ledger.errors import NotFoundError, NotPossibleError
from projections.engine.catalogue import Catalogue
from projections.engine.projection import Connection, Projection

TRY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class FrozenGeneration:
    """A generation that ends at a position; the digest is there if asked for."""

    number: int
    version: int
    position: int
    created_at: datetime
    state_digest: str = ""


def frozen_generations(
    connection: Connection, catalogue: Catalogue, projection: Projection, *, with_digests: bool = False
) -> tuple[FrozenGeneration, ...]:
    """All of a projection, by number."""
    found = []
    rows = connection.execute(catalogue.query("frozen"), {"name": projection.name}).fetchall()
    for number, version, position, created_at, schema in rows:
        digest = projection.digest(connection, schema).hex() if with_digests else ""
        found.append(FrozenGeneration(number, version, position, created_at, digest))
    return tuple(found)


def drop_generation(connection: Connection, catalogue: Catalogue, name: str, number: int, seconds: float) -> None:
    """Drop a frozen generation once nobody reads it, or one that was replaced; NotFoundError, NotPossibleError."""
    found = catalogue.generation(connection, name, number) if catalogue.is_made(connection) else None
    if found is None or found.status == "dropped":
        raise NotFoundError(kind=f"generation of {name}", id=number)
    if found.status not in ("frozen", "retired"):
        raise NotPossibleError(why=f"generation {number} of {name} is {found.status}; only frozen ones are dropped")
    end = time.monotonic() + seconds
    while not catalogue.drop(connection, found):
        if time.monotonic() > end:
            raise NotPossibleError(why=f"generation {number} of {name} is being read; try again")
        time.sleep(TRY_SECONDS)
