"""Rows of the claims table as messages: a claim in the form in which it held, with the source of its report.
A row is a mapping of column names. It adds nothing that the row does not hold."""

from collections.abc import Iterable, Mapping
from typing import Any

from incident.ledger.v1 import casualty_service_pb2, records_pb2, values_pb2
from ledger.api.messages import claim_to_proto, code_to_proto, timestamp_to_proto
from ledger.domain.codes import Reliability, Verification

Row = Mapping[str, Any]

AGGREGATE = "AGGREGATE"
PARTY_CLAIM = "PARTY_CLAIM"


def claim_record(row: Row, flags: Iterable[str] = ()) -> casualty_service_pb2.ClaimRecord:
    """A claim as the read model holds it. Needs the columns of `claims`, and of its report (which may be null)
    `source`, `reliability`, `reported_at`, `source_ids` and `source_count`; `flags` are added to those that the row
    itself gives."""
    corrected = row["form_event_id"] != row["event_id"]
    return casualty_service_pb2.ClaimRecord(
        event=recorded_event(row),
        original_event_id=str(row["event_id"]) if corrected else "",
        source=source_of(row),
        reported=row["reported_at"] or "",
        verification=code_to_proto(Verification(row["verification"])),
        incident_id=row["incident_id"] or "",
        held_from=row["held_from"],
        held_to=row["held_to"] or 0,
        flags=sorted({*flags, *_flags(row)}),
        source_count=row["source_count"],
    )


def recorded_event(row: Row) -> records_pb2.RecordedEvent:
    """The event that made the claim or gave it this form. Uses, where the row has them: `revision`, and of the
    correction `form_revision`, `form_report_id` and `form_recorded_at`."""
    return records_pb2.RecordedEvent(
        position=row["form_position"],
        stream=row["stream"],
        revision=row.get("form_revision") or row.get("revision") or 0,
        event_id=str(row["form_event_id"]),
        type=row["type"],
        report_id=row.get("form_report_id") or row["report_id"],
        recorded_at=timestamp_to_proto(row.get("form_recorded_at") or row["recorded_at"]),
        claim=claim_to_proto(row["body"]),
    )


def source_of(row: Row) -> values_pb2.Source | None:
    """Who published the claim's report; None where the report was redacted."""
    if row["source"] is None:
        return None
    source = values_pb2.Source(name=row["source"])
    if row["reliability"]:
        source.reliability = code_to_proto(Reliability(row["reliability"]))
    for each in row["source_ids"] or ():
        source.external_ids.add(**each)
    return source


def _flags(row: Row) -> Iterable[str]:
    if row["aggregate"]:
        yield AGGREGATE
    if row["party_claim"]:
        yield PARTY_CLAIM
