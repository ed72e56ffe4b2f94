"""However a history is cut into batches, the casualties read model holds the same, its current totals included: a
history with a toll of an area, claims that compete inside it, and each act of the record done and undone."""

from __future__ import annotations

from typing import Any

import psycopg

from projections.casualties import CASUALTIES
from tests.folded import RecordedReports, folded
from tests.integration.test_casualties import civilians, toll, troops
from tests.postgres import Database


def history() -> RecordedReports:
    """Three sources, a toll of the area in the second report, and acts."""
    reports = RecordedReports()
    _, first = reports.file("one", troops("a", 5), civilians("b", 7), source={"name": "One"})
    second, *_ = reports.file(
        "two",
        civilians("d", 2),
        toll(100, occurred={"start": "2020-01-01", "end": "2020-03-01", "precision": "month"}),
    )
    reports.file(
        "three", troops("a", {"qualifier": "vague", "words": "dozens"}), civilians("b", 4), source={"name": "Three"}
    )
    acts: list[dict[str, Any]] = [
        {
            "type": "ClaimCorrected",
            "target_event_id": str(first),
            "reason": "a misprint",
            "replacement": civilians("b", 10, occurred="2020-02-12"),
        },
        {"type": "ClaimRetracted", "target_event_id": str(second), "reason": "error"},
        {"type": "ReportRetracted", "target_report_id": "three", "reason": "error"},
        {"type": "IncidentsMerged", "incident_id": "b", "merged_incident_ids": ["d"], "reason": "one attack"},
        {"type": "ClaimAssessed", "target_event_id": str(second), "verification": "discounted"},
        {"type": "PreferredClaimChosen", "incident_id": "b", "preferred_event_id": str(first), "reason": "lists"},
    ]
    for number, act in enumerate(acts):
        (done,) = reports.file(f"act-{number}", act)
        reports.file(
            f"undone-{number}", {"type": "ClaimRetracted", "target_event_id": str(done), "reason": "error"}
        )
    return reports


def test_totals_do_not_depend_on_how_records_are_cut_into_batches(database: Database) -> None:
    records = history().records
    with psycopg.connect(database.owner_url) as connection:
        digests = [
            (end, CASUALTIES.digest(connection, folded(connection, CASUALTIES, records[:end], batch)))
            for end in range(5, len(records) + 1, 3)
            for batch in (1, 2, len(records))
        ]
    assert len(digests) > 20
    assert len(set(digests)) == len({end for end, _ in digests})
