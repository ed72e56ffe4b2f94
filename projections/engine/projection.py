"""What a projection is to the engine: a name, a version, tables, a deterministic fold and a digest."""

from __future__ import annotations

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

    def create(self, connection: Connection, schema: str) -> None:
        """Make the tables in a new, empty schema, with the indexes that the fold itself needs."""

    def fold(self, connection: Connection, schema: str, batch: Batch, *, complete: bool) -> None:
        """Take the next batch. Until the generation is complete, what `complete` makes is not kept level."""

    def complete(self, connection: Connection, schema: str, position: int) -> None:
        """Make what only questions need, once, after the bulk was folded: indexes, and what is kept beside the
        tables. How much was folded before makes no difference to the content afterwards."""

    def digest(self, connection: Connection, schema: str) -> bytes:
        """Digest of the content, independent of the order of rows."""
