"""Fills an empty ledger with the exact bytes of another one, event by event as a replay brings them.

It takes only what envelopes say; whoever calls has verified them. What it holds in the end must give a known root.
"""

from datetime import datetime

import psycopg
from psycopg import sql

from ledger.audit.merkle import Frontier, ProofError, leaf_hash
from ledger.errors import CorruptionError
from ledger.persistence.log import Connection, schema_of
from ledger.persistence.queries import Queries

QUERIES = Queries("ledger.persistence", "copying.sql")
MAX_ROWS = 10_000
MAX_BYTES = 16 * 1024 * 1024
"""What waits at most to be copied; one event more than that, where it is large."""

Row = tuple[int, str, str, str, str, str, str, bytes, bytes, bytes | None, bytes | None]


class Copying:
    """Copies into one ledger, as its owner."""

    def __init__(self, connection: Connection, ledger: str) -> None:
        self._connection = connection
        self._schema = sql.Identifier(schema_of(ledger))
        self._frontier = Frontier()
        self._rows: list[Row] = []
        self._bytes = 0

    @property
    def size(self) -> int:
        """How many events it was given."""
        return self._frontier.size + len(self._rows)

    def add(self, entry: bytes, salt: bytes, payload: bytes) -> None:
        """The next event, by a leaf entry that `decode` takes; salt and payload are empty where it was redacted.
        ProofError where it is not the next one."""
        _, _, position, stream, revision, event_id, kind, report_id, recorded_at, *_ = entry.decode().split("\n")
        place = self.size + 1
        if int(position) != place:
            raise ProofError(f"position {place} is missing: the event of position {position} follows")
        shown = (salt, payload) if salt else (None, None)
        leaf = leaf_hash(entry)
        self._rows.append((place, stream, revision, event_id, kind, report_id, recorded_at, entry, leaf, *shown))
        self._bytes += len(entry) + len(payload)
        if len(self._rows) >= MAX_ROWS or self._bytes >= MAX_BYTES:
            self._flush()

    def end(self, root: bytes) -> None:
        """Make a ledger of it; ProofError where the events do not give this root."""
        self._flush()
        if self._frontier.root() != root:
            raise ProofError(f"the first {self._frontier.size} events do not give the root that was signed")
        self._run("analyse")
        self._run("redact")
        self._run("commit", root=root, size=self.size)

    def redacted(self) -> int:
        """How many of the events have no payload."""
        return self._number("redacted")

    def recorded_redactions(self) -> int:
        """How many of the events have no payload because of what is recorded in this very record; of more than
        these, where more were redacted later."""
        return self._number("recorded_redactions")

    def position_at(self, moment: datetime) -> int:
        """The last position that was recorded at or before a moment; 0 where there is none."""
        return self._number("position_at", moment=moment)

    def _flush(self) -> None:
        first = self._frontier.size + 1
        try:
            with self._connection.cursor() as cursor, cursor.copy(self._query("copy_in")) as copy:
                for row in self._rows:
                    copy.write_row(row)
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            raise CorruptionError(position=f"{first} to {self.size}", what=_first_line(error)) from error
        self._frontier.extend([row[8] for row in self._rows])
        self._rows, self._bytes = [], 0

    def _number(self, query: str, **values: object) -> int:
        row = self._connection.execute(self._query(query), values).fetchone()
        return int(row[0]) if row else 0

    def _run(self, query: str, **values: object) -> None:
        try:
            self._connection.execute(self._query(query), values)
        except (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.InsufficientPrivilege) as error:
            # The last where a redaction names its event otherwise than the ledger writes ids.
            raise CorruptionError(position=self.size, what=_first_line(error)) from error

    def _query(self, name: str) -> sql.Composed:
        return sql.SQL(getattr(QUERIES, name)).format(schema=self._schema)


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]
