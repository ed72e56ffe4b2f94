"""A read model: which claims it takes and what it extracts from them. Tables and fold are those of the history;
a read model adds columns, and never reads the ledger by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ledger.domain.reports import CLAIM_TYPES
from ledger.persistence.queries import Queries
from projections.engine.batches import Batch
from projections.engine.digest import digest_of_schema
from projections.engine.projection import Connection
from projections.history.changed import Changed
from projections.history.fold import Fold
from projections.history.rows import RowBuilder
from projections.history.statements import COMMON

ALL_CLAIM_TYPES = frozenset(each.__name__ for each in CLAIM_TYPES)


def nothing_more(claim: Any) -> tuple[()]:
    """Extracts no columns beyond the common ones."""
    return ()


def nothing_kept(connection: Connection, changed: Changed) -> None:
    """Keeps nothing beyond the common tables."""


@dataclass(frozen=True)
class ReadModel:
    """A projection over the common tables.

    `package` holds a `schema.sql` whose query `create_tables` runs after the common tables (typically
    `ALTER TABLE claims ADD COLUMN …`); None adds nothing. `extract` answers the values of `columns` for a
    claim of one of `claim_types`, in any of its forms; it depends on nothing but the claim. `keep` brings tables of
    the read model's own level with the common ones, after the fold of each batch and in its transaction; what it
    writes depends on what the tables hold then, and not on how the records were cut into batches.
    """

    name: str
    version: int
    package: str | None
    claim_types: frozenset[str]
    columns: tuple[str, ...] = ()
    extract: Callable[[Any], tuple[Any, ...]] = nothing_more
    keep: Callable[[Connection, Changed], None] = nothing_kept

    def __post_init__(self) -> None:
        unknown = self.claim_types - ALL_CLAIM_TYPES
        if unknown:
            raise ValueError(f"{self.name} takes {sorted(unknown)}, which are no claims")

    def create(self, connection: Connection, schema: str) -> None:
        """Make the tables of a new generation in its empty schema."""
        connection.execute(COMMON.use_schema, {"schema": schema})
        connection.execute(Queries("projections.history", "schema.sql").create_tables)
        if self.package is not None:
            connection.execute(Queries(self.package, "schema.sql").create_tables)

    def fold(self, connection: Connection, schema: str, batch: Batch, *, complete: bool) -> None:
        """Take a batch of records; how they are cut into batches makes no difference."""
        connection.execute(COMMON.use_schema, {"schema": schema})
        records = batch.records(connection)
        changed = Fold(connection, self.claim_types, RowBuilder(self.columns, self.extract)).take(records)
        self.keep(connection, changed)

    def complete(self, connection: Connection, schema: str, position: int) -> None:
        """Make what only questions need."""

    def digest(self, connection: Connection, schema: str) -> bytes:
        """Digest of all rows, independent of their order."""
        return digest_of_schema(connection, schema)
