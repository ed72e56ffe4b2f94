"""What a projection is to the engine: a name, a version, tables, a deterministic fold and a digest; and the rule
for events that the fold cannot take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import psycopg

if TYPE_CHECKING:
    from projections.engine.batches import Batch

Connection = psycopg.Connection[Any]


class Projection(Protocol):
    """A fold over the ledger. It uses no clock, nothing random and no network, and it commits nothing."""

    @property
    def name(self) -> str:
        """Lowercase letters, digits and underscores; at most 20 characters."""

    @property
    def version(self) -> int:
        """Raised with every change of tables or fold that gives other rows."""

    @property
    def reads(self) -> frozenset[int]:
        """Earlier versions whose tables this one's questions can be asked of too: they answer until the new
        generation is built."""

    def create(self, connection: Connection, schema: str) -> None:
        """Make the tables in a new, empty schema, with the indexes that the fold itself needs."""

    def fold(self, connection: Connection, schema: str, batch: Batch, *, complete: bool) -> None:
        """Take the next batch. Until the generation is complete, what `complete` makes is not kept level."""

    def complete(self, connection: Connection, schema: str, position: int) -> None:
        """Make what only questions need, once, after the bulk was folded: indexes, and what is kept beside the
        tables. How much was folded before makes no difference to the content afterwards."""

    def digest(self, connection: Connection, schema: str) -> bytes:
        """Digest of the content, independent of the order of rows."""


@dataclass(frozen=True)
class Parking:
    """A projection that puts events aside which its fold cannot take, and goes on. Any other one halts there. The
    rule travels with the projection, so that whatever folds it keeps to the same one."""

    projection: Projection

    @property
    def name(self) -> str:
        """That of the projection."""
        return self.projection.name

    @property
    def version(self) -> int:
        """That of the projection."""
        return self.projection.version

    @property
    def reads(self) -> frozenset[int]:
        """Those of the projection."""
        return self.projection.reads

    def create(self, connection: Connection, schema: str) -> None:
        """As the projection does."""
        self.projection.create(connection, schema)

    def fold(self, connection: Connection, schema: str, batch: Batch, *, complete: bool) -> None:
        """As the projection does."""
        self.projection.fold(connection, schema, batch, complete=complete)

    def complete(self, connection: Connection, schema: str, position: int) -> None:
        """As the projection does."""
        self.projection.complete(connection, schema, position)

    def digest(self, connection: Connection, schema: str) -> bytes:
        """As the projection does."""
        return self.projection.digest(connection, schema)
