"""A read model: which claims it takes and what is extracted from them. Tables and fold are those of the history;
a read model adds columns, and never reads the ledger by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import psycopg
from psycopg import sql

from ledger.domain.reports import CLAIM_TYPES, EVENT_TYPES, event_from_payload
from ledger.persistence.queries import Queries
from ledger.persistence.records import StoredRecord
from projections.engine.batches import Batch
from projections.engine.digest import digest_of_schema
from projections.engine.projection import Connection
from projections.history.changed import Changed
from projections.history.extracting import Extraction
from projections.history.fold import Fold
from projections.history.new_types import NewTypes
from projections.history.statements import COMMON

ALL_CLAIM_TYPES = frozenset(each.__name__ for each in CLAIM_TYPES)
SCHEMA = Queries("projections.history", "schema.sql")


class Keeping(Protocol):
    """Tables of a read model that are made of the common ones."""

    def renew(self, connection: Connection, changed: Changed) -> None:
        """Bring them level after a batch. What they hold then follows from what the common tables hold."""

    def fill(self, connection: Connection, position: int) -> None:
        """Make all of their content, once, from common tables that are level with a position."""


@dataclass(frozen=True)
class ReadModel:
    """A projection over the common tables.

    `package` holds a `schema.sql`. Its `create_tables` adds to the common tables (typically `ALTER TABLE claims ADD
    COLUMN …`), `extract` gives the values of the added columns, in their order, as SQL expressions over the payload
    `body` of a claim of one of `claim_types`, with `names` for its placeholders, and `create_indexes` makes what
    only questions need. None adds nothing. `keeping` keeps further tables level; `new_types` is the rule for events
    that this program does not know; `reads` are earlier versions whose tables the questions can be asked of.
    """

    name: str
    version: int
    package: str | None
    claim_types: frozenset[str]
    names: Mapping[str, sql.Composable] = field(default_factory=dict)
    keeping: Keeping | None = None
    new_types: NewTypes = NewTypes.HALT
    reads: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        unknown = self.claim_types - ALL_CLAIM_TYPES
        if unknown:
            raise ValueError(f"{self.name} takes {sorted(unknown)}, which are no claims")

    def create(self, connection: Connection, schema: str) -> None:
        """Make the tables of a new generation in its empty schema."""
        connection.execute(COMMON.use_schema, {"schema": schema})
        connection.execute(SCHEMA.create_tables)
        if self._own is not None:
            connection.execute(self._own.create_tables)
        self._extraction.check(connection)

    def fold(self, connection: Connection, schema: str, batch: Batch, *, complete: bool) -> None:
        """Take a batch of records; how they are cut into batches makes no difference."""
        connection.execute(COMMON.begin_fold, {"schema": schema})
        # Batches that fail are halved until an event is alone; then the event itself tells what is wrong with it.
        alone = batch.records(connection) if batch.first == batch.last else ()
        try:
            self._take(connection, batch, complete=complete)
        except (psycopg.DataError, psycopg.IntegrityError):
            _refuse_unfit(alone)
            raise

    def _take(self, connection: Connection, batch: Batch, *, complete: bool) -> None:
        keeping = self.keeping if complete else None
        changed = Fold(connection, self.claim_types, self._extraction, telling=keeping is not None).take(
            batch, self.new_types
        )
        if keeping is not None:
            keeping.renew(connection, changed)

    def complete(self, connection: Connection, schema: str, position: int) -> None:
        """Make what only questions need: indexes, and the tables that are kept."""
        connection.execute(COMMON.use_schema, {"schema": schema})
        connection.execute(SCHEMA.create_indexes)
        if self._own is not None and hasattr(self._own, "create_indexes"):
            connection.execute(self._own.create_indexes)
        if self.keeping is not None:
            self.keeping.fill(connection, position)

    def digest(self, connection: Connection, schema: str) -> bytes:
        """Digest of all rows, independent of their order."""
        return digest_of_schema(connection, schema)

    @cached_property
    def _own(self) -> Queries | None:
        return Queries(self.package, "schema.sql") if self.package is not None else None

    @cached_property
    def _extraction(self) -> Extraction:
        return Extraction(getattr(self._own, "extract", ""), self.names)


def _refuse_unfit(records: Sequence[StoredRecord]) -> None:
    """Read in full what the database could not take: the fields that do not fit say more than a column does."""
    for record in records:
        if record.topic in EVENT_TYPES and not record.redacted:
            event_from_payload(record.topic, record.state)
