"""What a question asks a read model for, and what its answer rests on. Plain data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

AsyncConnection = psycopg.AsyncConnection[Any]


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
    stale_because: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A snapshot to read from, its search path set to the generation's schema. `position` is the as-of position;
    `taken` is how far the read model has come; `stale_because` why it lacks newer events, empty where it lacks none
    or only those of a moment."""

    connection: AsyncConnection
    ledger: AsyncConnection
    """Reads the ledger itself, perhaps in another database; then outside of the snapshot, but it never changes."""
    schema: str
    position: int
    taken: int
    recorded_at: datetime | None
    projection: str
    generation: int
    stale_because: str

    def basis(self) -> Basis:
        """What the answer says of itself."""
        return Basis(self.position, self.recorded_at, self.projection, self.generation, self.stale_because)
