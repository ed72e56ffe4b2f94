"""What a projection is to the engine: a name, a version, tables, a deterministic fold and a digest."""

from collections.abc import Sequence
from typing import Any, Protocol

import psycopg

from ledger.persistence.records import StoredRecord

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
        """Make the tables in a new, empty schema."""

    def fold(self, connection: Connection, schema: str, records: Sequence[StoredRecord]) -> None:
        """Take a batch of contiguous records, in order."""

    def digest(self, connection: Connection, schema: str) -> bytes:
        """Digest of the content, independent of the order of rows."""
