"""The frozen generations of a projection: listed with what they hold, and dropped on request. It refuses to drop
what is live or being built."""

import time
from dataclasses import dataclass
from datetime import datetime

import psycopg

from ledger.errors import NotFoundError, NotPossibleError
from projections.engine.catalogue import Catalogue, Generation
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
    for number, version, position, created_at in rows:
        generation = catalogue.generation(connection, projection.name, number) if with_digests else None
        digest = _digest(connection, catalogue, projection, generation) if generation is not None else ""
        found.append(FrozenGeneration(number, version, position, created_at, digest))
    return tuple(found)


def _digest(connection: Connection, catalogue: Catalogue, projection: Projection, generation: Generation) -> str:
    """The digest, with the generation held; empty where it has just been dropped."""
    try:
        with connection.transaction():
            catalogue.hold(connection, generation)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return ""
    return projection.digest(connection, generation.schema).hex()


def drop_generation(connection: Connection, catalogue: Catalogue, name: str, number: int, seconds: float) -> None:
    """Drop a frozen generation once nobody reads it, or one that was replaced; NotFoundError, NotPossibleError."""
    end = time.monotonic() + seconds
    while not _dropped(connection, catalogue, name, number):
        if time.monotonic() > end:
            raise NotPossibleError(why=f"generation {number} of {name} is being read; try again")
        time.sleep(TRY_SECONDS)


def _dropped(connection: Connection, catalogue: Catalogue, name: str, number: int) -> bool:
    """One try, with what it is for locked: a replaced one can be gone back to while it waits for its readers."""
    found = catalogue.generation(connection, name, number) if catalogue.is_made(connection) else None
    if found is None:
        raise NotFoundError(kind=f"generation of {name}", id=number)
    with connection.transaction():
        status = catalogue.lock_generation(connection, found)
        if status == "dropped":
            raise NotFoundError(kind=f"generation of {name}", id=number)
        if status not in ("frozen", "retired"):
            raise NotPossibleError(why=f"generation {number} of {name} is {status}; only frozen ones are dropped")
        return catalogue.drop(connection, found)
