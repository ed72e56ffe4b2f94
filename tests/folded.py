"""A ledger in memory and read models on a real database: reports become records as the ledger would number them,
and a read model folds them in a schema of its own. It appends nothing to any ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from ledger.domain.acts import TargetedAct
from ledger.domain.reports import Report
from ledger.persistence.records import StoredRecord
from projections.engine.batches import sent
from projections.history import ReadModel
from tests.filing import filed_event

EPOCH = datetime(2020, 2, 12, tzinfo=UTC)


class RecordedReports:
    """Numbers the events of reports: positions and revisions without gaps, ids that follow from positions."""

    def __init__(self) -> None:
        self.records: list[StoredRecord] = []
        self._revisions: dict[str, int] = {}

    @property
    def position(self) -> int:
        """The last position."""
        return len(self.records)

    def file(self, report_id: str, *claims: dict[str, Any], **said: Any) -> list[UUID]:
        """Record a report; answers the ids of its claims."""
        content = {"source": {"name": "An outlet"}, "reported": "2020-02-12", "recorded_by": "an observer", **said}
        report = Report.model_validate({"report_id": report_id, "claims": list(claims), **content})
        filed = filed_event(report)
        self._record(report_id, filed.stream, "ReportFiled", filed.to_payload())
        return [
            self._record(report_id, self._stream(claim), claim.type, claim.to_payload()) for claim in report.claims
        ]

    def _stream(self, event: Any) -> str:
        if isinstance(event, TargetedAct):
            return next(r.stream for r in self.records if str(r.event_id) == event.target_event_id)
        return str(event.stream)

    def _record(self, report_id: str, stream: str, kind: str, payload: bytes) -> UUID:
        revision = self._revisions[stream] = self._revisions.get(stream, 0) + 1
        position = self.position + 1
        event_id, recorded_at = UUID(int=position), EPOCH + timedelta(seconds=position)
        self.records.append(
            StoredRecord(
                stream, revision, kind, payload, position, event_id, report_id, recorded_at, redacted=False
            )
        )
        return event_id


def folded(
    connection: psycopg.Connection[Any], model: ReadModel, records: Sequence[StoredRecord], batch: int = 1_000
) -> str:
    """Fold records into a schema in which there is nothing else, batch by batch; answers the schema, which the
    connection then sees."""
    schema = f"ledger_main_{model.name}_g1"
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
    if tables:  # to empty small tables takes a tenth of the time of making them
        connection.execute("".join(f"DELETE FROM {schema}.{table};" for (table,) in tables))
    else:
        connection.execute(f"CREATE SCHEMA {schema}")
        model.create(connection, schema)
        model.complete(connection, schema, 0)
    for start in range(0, len(records), batch):
        model.fold(connection, schema, sent(records[start : start + batch]), complete=True)
    connection.commit()
    return schema
