"""The ledger that projections are measured on: what a service would have recorded of the same reports."""

from __future__ import annotations

import json

import pytest

from benchmarks import mixed
from benchmarks.clients import filling
from ledger.application import LedgerApplication
from ledger.domain.reports import Report
from ledger.persistence.records import AppendRequest
from tests.filing import SECONDS, check_record
from tests.postgres import Database

pytestmark = pytest.mark.newest

EVENTS = 1_500
BY_THE_LEDGER = ("claim_count", "content_digest", "type")


def report_of(request: AppendRequest) -> Report:
    """The report whose events these are."""
    filing, *items = (json.loads(event.payload) for event in request.events)
    said = {key: value for key, value in filing.items() if key not in BY_THE_LEDGER}
    return Report.model_validate({**said, "claims": items})


def test_a_filled_ledger_is_one_whose_proofs_hold(database: Database) -> None:
    assert check_record(database.owner_url) == 0
    orders = filling.Orders(database.service_url, database.admin_url, EVENTS)
    size = filling.fill(orders)["events"]
    assert EVENTS <= size == check_record(database.owner_url)


@pytest.mark.newest
@pytest.mark.parametrize("share_of_acts", [1, 100])
def test_it_is_what_the_ledger_would_record_of_the_same_reports(
    database: Database, monkeypatch: pytest.MonkeyPatch, share_of_acts: int
) -> None:
    # Whatever the domain refuses, an act on what does not hold above all, is refused here too.
    acts = {name: share * share_of_acts for name, share in mixed.MIX.items() if name in mixed.ACTS}
    monkeypatch.setattr(mixed, "MIX", mixed.MIX | acts)
    monkeypatch.setattr(mixed, "REMEMBERED_EVERY", 10)
    application = LedgerApplication("main", database.service_url)
    try:
        for request in mixed.Mix(EVENTS).requests():
            appended, _ = application.append_report(report_of(request), {}, "", SECONDS)
            placed = [(each.event_id, each.type, each.stream) for each in appended.events]
            assert placed == [(str(each.event_id), each.type, each.stream) for each in request.events]
            assert not appended.already_recorded
    finally:
        application.close()
    check_record(database.owner_url)
