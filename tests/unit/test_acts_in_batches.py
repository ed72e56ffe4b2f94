"""An act in a batch: only another act on its stream, after the revision that its decision saw, makes it void."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from ledger.audit.tiles import TreeState
from ledger.errors import RevisionConflictError
from ledger.persistence.batch import Batch, decide, decisions_of
from ledger.persistence.records import AppendRequest, NewEvent, Tip

STREAM = "incidents/a"
NOW = datetime(2020, 2, 12, tzinfo=UTC)
HEADS = {STREAM: 9}
SEEN = 5


def request(number: int, type_name: str, decided: dict[str, int] | None = None) -> AppendRequest:
    """A report of one item on the stream."""
    report_id = f"r{number}"
    filed = NewEvent(f"reports/{report_id}", "ReportFiled", UUID(int=number * 2), b"{}")
    item = NewEvent(STREAM, type_name, UUID(int=number * 2 + 1), b"{}")
    return AppendRequest(report_id, (filed, item), 0.0, decided=decided or {})


def act(number: int) -> AppendRequest:
    return request(number, "ClaimRetracted", {STREAM: SEEN})


def claim(number: int) -> AppendRequest:
    return request(number, "TroopsKilled")


def batch_of(*requests: AppendRequest, acts: dict[str, int] | None = None) -> Batch:
    return decide("main", Tip(0, None, TreeState()), HEADS, requests, NOW, bytes, acts or {})


def accepted(batch: Batch) -> list[str]:
    return [each.report_id for each, _ in batch.accepted]


def test_claims_that_came_meanwhile_do_not_stand_in_its_way() -> None:
    assert accepted(batch_of(claim(1), act(2), claim(3))) == ["r1", "r2", "r3"]


def test_it_takes_the_next_revision_whatever_was_seen() -> None:
    batch = batch_of(claim(1), act(2))
    assert [placed.revision for _, events in batch.accepted for placed in events if placed.stream == STREAM] == [
        10,
        11,
    ]


def test_an_act_that_came_meanwhile_makes_it_void() -> None:
    batch = batch_of(claim(1), act(2), acts={STREAM: SEEN + 1})
    assert accepted(batch) == ["r1"]
    [(refused, error)] = batch.refused
    assert refused.report_id == "r2"
    assert isinstance(error, RevisionConflictError)
    assert [(each.stream, each.expected, each.actual) for each in error.mismatches] == [(STREAM, "5", 6)]


def test_an_act_that_it_saw_does_not() -> None:
    assert accepted(batch_of(act(1), acts={STREAM: SEEN})) == ["r1"]


def test_of_two_acts_in_one_batch_the_first_is_recorded() -> None:
    batch = batch_of(act(1), act(2))
    assert accepted(batch) == ["r1"]
    assert [refused.report_id for refused, _ in batch.refused] == ["r2"]


def test_the_oldest_revision_that_was_seen_is_asked_for() -> None:
    later = request(2, "ClaimRetracted", {STREAM: SEEN + 2, "incidents/b": 1})
    assert decisions_of([act(1), later, claim(3)]) == {STREAM: SEEN, "incidents/b": 1}
