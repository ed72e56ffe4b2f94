"""The named queries of the history, and its tables as targets of bulk inserts."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from psycopg import sql

from ledger.persistence.queries import Queries
from projections.engine.projection import Connection

COMMON = Queries("projections.history", "queries.sql")

_REPORT = (
    *("report_id", "event_id", "position", "source", "reliability", "reported", "reported_at", "title"),
    *("source_ids", "source_count"),
)
_ACT = ("event_id", "position", "type", "target_event_id", "target_report_id", "report_id", "recorded_at")


class Table(Enum):
    """A table with the order in which columns are given."""

    CLAIMS = ("claims",)
    OTHER_CLAIMS = ("other_claims", "event_id", "position", "stream", "report_id", "recorded_at")
    REDACTED_CLAIMS = ("redacted_claims", "event_id", "position", "type", "stream")
    REDACTED_ACTS = ("redacted_acts", "event_id", "position", "type", "stream")
    REPORTS = ("reports", *_REPORT, "recorded_at", "held_from", "held_to")
    ACTS = ("acts", *_ACT, "held_from", "held_to", "body")
    MERGES = ("merges", "merged_incident_id", "incident_id", "held_from", "held_to")
    ACTORS = ("actors", "actor_id", "event_id", "name", "kind", "aliases", "held_from", "held_to")

    def copy(
        self, connection: Connection, rows: Iterable[Sequence[Any]], columns: Sequence[str] | None = None
    ) -> None:
        """Insert rows in bulk; nothing is asked of the database if there are none."""
        given = list(rows)
        if not given:
            return
        name, *own = self.value
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns or own))
        )
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in given:
                copy.write_row(row)
