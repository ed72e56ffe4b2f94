"""A report that acts on the record, sent again after it was recorded: what it did must not stand in its way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ledger.application import LedgerApplication
from ledger.domain.reports import Report
from ledger.errors import NotPossibleError, ReportConflictError
from ledger.persistence.records import Appended
from tests.postgres import Database

SECONDS = 10.0


@pytest.fixture
def application(database: Database) -> Iterator[LedgerApplication]:
    """The ledger `main` of the test's database, with two incidents on record."""
    opened = LedgerApplication("main", database.service_url)
    for incident in ("one", "two"):
        append(opened, incident, killed(incident))
    yield opened
    opened.close()


def killed(incident: str) -> dict[str, Any]:
    return {
        "type": "TroopsKilled",
        "occurred": "2020-02-10",
        "incident_id": incident,
        "victim_party": "a",
        "count": 5,
    }


def append(
    application: LedgerApplication, report_id: str, item: dict[str, Any], expected: dict[str, int] | None = None
) -> Appended:
    """Sends a report of one item."""
    content = {"report_id": report_id, "source": {"name": "An outlet"}, "reported": "2020-02-12", "claims": [item]}
    content["recorded_by"] = "a tester"
    return application.append_report(Report.model_validate(content), expected or {}, "tester", SECONDS)[0]


def act(application: LedgerApplication, name: str) -> dict[str, Any]:
    """An act that is possible once and not twice."""
    target = str(append(application, "one", killed("one")).events[1].event_id)
    acts: dict[str, dict[str, Any]] = {
        "retraction": {"type": "ClaimRetracted", "target_event_id": target, "reason": "error"},
        "redaction": {"type": "PayloadRedacted", "target_event_id": target, "rule": "privacy", "reason": "a name"},
        "report retraction": {"type": "ReportRetracted", "target_report_id": "one", "reason": "duplicate"},
        "merge": {
            "type": "IncidentsMerged",
            "incident_id": "one",
            "merged_incident_ids": ["two"],
            "reason": "the same",
        },
    }
    return acts[name]


ACTS = ("retraction", "redaction", "report retraction", "merge")


@pytest.mark.parametrize("name", ACTS)
def test_an_act_sent_again_is_answered_with_the_first_receipt(application: LedgerApplication, name: str) -> None:
    item = act(application, name)
    first = append(application, "act", item)
    again = append(application, "act", item)
    assert not first.already_recorded
    assert again.already_recorded
    assert again.events == first.events
    assert (again.recorded_at, again.tree_size, again.root) == (first.recorded_at, first.tree_size, first.root)


@pytest.mark.parametrize("name", ACTS)
def test_the_same_act_under_another_report_id_is_refused(application: LedgerApplication, name: str) -> None:
    item = act(application, name)
    append(application, "act", item)
    with pytest.raises(NotPossibleError):
        append(application, "another", item)


def test_other_content_under_the_id_of_a_recorded_act_is_a_conflict(application: LedgerApplication) -> None:
    append(application, "act", act(application, "retraction"))
    with pytest.raises(ReportConflictError):
        append(application, "act", {**act(application, "retraction"), "note": "otherwise"})


def test_the_first_receipt_is_given_although_the_expected_revision_has_passed(
    application: LedgerApplication,
) -> None:
    item = act(application, "retraction")
    first = append(application, "act", item, {"incidents/one": 1})
    again = append(application, "act", item, {"incidents/one": 1})
    assert again.events == first.events
