"""The checkers of the campaigns against a small record that keeps every promise, and against each way to break one.
Every violation is made by hand here: a checker that has never found anything proves nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from campaigns import answers, deliveries, record, takeover
from campaigns.answers import Answers
from campaigns.deadlines import MARGIN_SECONDS, Deadline, Witness
from campaigns.deliveries import Deliveries
from campaigns.record import Commit, Event, Record, Tree
from campaigns.schedule import DATABASE_WEIGHTS, LONG_SECONDS, SERVICE_WEIGHTS, schedule
from campaigns.services import CLIENT_GONE, Service
from incident.ledger.v1 import projection_service_pb2 as projections_pb2
from tests.canned_server import canned_server

BEGAN = datetime(2020, 2, 12, 10, tzinfo=UTC)
REPORTS = 4
SALT = bytes(16)


def event(report: int, place: int) -> Event:
    """The filing of a report, or the claim that follows it on a stream that all reports share."""
    position, report_id = 2 * report + place + 1, f"r{report}"
    stream, type_name, revision = (
        ("incidents/shared", "TroopsKilled", report + 1) if place else (f"reports/{report_id}", "ReportFiled", 1)
    )
    content = {"marker": report_id} if place else {"claim_count": 1, "content_digest": f"digest-{report}"}
    payload, moment = json.dumps(content).encode(), BEGAN + timedelta(seconds=report)
    lines = (
        record.FORMAT,
        "main",
        str(position),
        stream,
        str(revision),
        str(UUID(int=position)),
        type_name,
        report_id,
        f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z",
        "observer",
        "a-client/1.0",
        sha256(SALT + payload).hexdigest(),
        "",
    )
    envelope = "\n".join(lines).encode()
    leaf = sha256(b"\x00" + envelope).digest()
    ids = (position, stream, revision, UUID(int=position), type_name, report_id)
    return Event(*ids, moment, envelope, leaf, SALT, payload)


def whole() -> Record:
    """Some reports of two events each, a commit for each report."""
    events = [event(report, place) for report in range(REPORTS) for place in (0, 1)]
    tree, commits = Tree(), []
    for report in range(REPORTS):
        for each in events[2 * report : 2 * report + 2]:
            tree.add(each.envelope)
        commits.append(Commit(2 * report, 2 * report + 2, tree.root(), BEGAN + timedelta(seconds=report)))
    return Record("main", commits, events, {})


def acknowledgement(held: Record, report: int) -> dict[str, Any]:
    """What a client writes down of a report that was recorded as the record says."""
    commit = held.commits[report]
    return {
        "kind": "acknowledged",
        "delivery": "first",
        "report_id": f"r{report}",
        "receipt_id": f"r{report}",
        "already_recorded": False,
        "events": [
            [str(each.event_id), each.type, each.stream, each.revision, each.position, each.leaf.hex()]
            for each in held.events[2 * report : 2 * report + 2]
        ],
        "recorded_at": f"{commit.committed_at:%Y-%m-%dT%H:%M:%SZ}",
        "tree_size": commit.size_after,
        "root": commit.root.hex(),
        "content_digest": f"digest-{report}",
        "markers": [f"r{report}"],
        "retried": {},
    }


def told(*lines: dict[str, Any]) -> Answers:
    """Answers from what clients wrote down."""
    taken = Answers()
    for line in lines:
        taken.take(json.dumps(line).encode())
    return taken


def all_told(held: Record) -> list[dict[str, Any]]:
    return [acknowledgement(held, report) for report in range(REPORTS)]


SENT = {f"r{report}" for report in range(REPORTS)}
HELD = whole()


# The record


def with_event(at: int, **changes: Any) -> Record:
    events = list(HELD.events)
    events[at - 1] = replace(events[at - 1], **changes)
    return replace(HELD, events=events)


def without(position: int) -> Record:
    return replace(HELD, events=[each for each in HELD.events if each.position != position])


def closed_up(held: Record) -> Record:
    """Positions without a gap again, as if what is missing had never been."""
    return replace(held, events=[replace(each, position=at) for at, each in enumerate(held.events, 1)])


BROKEN_RECORDS: dict[str, tuple[Record, str]] = {
    "an event is lost": (without(4), "order"),
    "an event is lost and its position used by the next": (closed_up(without(4)), "roots"),
    "the last event is lost": (without(8), "chain"),
    "an event is there twice": (
        closed_up(replace(HELD, events=[*HELD.events[:4], HELD.events[3], *HELD.events[4:]])),
        "identities",
    ),
    "a position is used twice": (with_event(5, position=4), "order"),
    "a revision is skipped": (with_event(4, revision=3), "streams"),
    "a revision is used twice": (with_event(4, revision=1), "streams"),
    "stored bytes are others": (with_event(4, envelope=HELD.events[5].envelope), "roots"),
    "a payload is another": (with_event(4, payload=b"{}"), "envelopes"),
    "a root is another": (
        replace(HELD, commits=[replace(HELD.commits[0], root=bytes(32)), *HELD.commits[1:]]),
        "roots",
    ),
    "two commits begin at one size": (
        replace(HELD, commits=[*HELD.commits[:2], replace(HELD.commits[2], size_before=2), HELD.commits[3]]),
        "chain",
    ),
    "a report is torn": (with_event(4, report_id="r9"), "wholeness"),
    "a tile is there that nothing fills": (replace(HELD, tiles={(0, 0): bytes(32)}), "tiles"),
}


def test_a_record_that_keeps_every_promise_passes() -> None:
    assert record.faults(HELD) == []


@pytest.mark.parametrize("violation", BROKEN_RECORDS)
def test_a_broken_record_is_found(violation: str) -> None:
    held, check = BROKEN_RECORDS[violation]
    found = record.faults(held)
    assert any(fault.startswith(f"{check}: ") for fault in found), found


# What clients were told


def changed(report: int, **changes: Any) -> list[dict[str, Any]]:
    """All acknowledgements, one of them changed."""
    lines = all_told(HELD)
    lines[report] |= changes
    return lines


def test_answers_that_the_record_keeps_pass() -> None:
    assert list(answers.faults(told(*all_told(HELD)), HELD, SENT)) == []


BROKEN_ANSWERS: dict[str, tuple[list[dict[str, Any]], Record, str]] = {
    "an acknowledged report is lost": (
        all_told(HELD),
        replace(HELD, events=HELD.events[:6]),
        "r3: the receipt says",
    ),
    "an acknowledged event is lost": (all_told(HELD), without(8), "r3: the receipt says"),
    "it is recorded elsewhere": (all_told(HELD), with_event(8, position=9), "r3: the receipt says"),
    "its bytes are others": (all_told(HELD), with_event(8, leaf=bytes(32)), "r3: the receipt says"),
    "it is recorded twice": (
        all_told(HELD),
        replace(HELD, events=[*HELD.events, *(replace(each, position=9) for each in HELD.events[6:])]),
        "r3: the receipt says",
    ),
    "a receipt is of another report": (changed(1, receipt_id="r2"), HELD, "the receipt is of r2"),
    "a receipt names another root": (changed(1, root="00"), HELD, "is not that of the receipt"),
    "a receipt names another size": (changed(1, tree_size=6), HELD, "no commit of size 6 holds it"),
    "a receipt names another time": (changed(1, recorded_at="2020-01-01T00:00:00Z"), HELD, "the receipt says 2020"),
    "a receipt names another digest": (changed(1, content_digest="x"), HELD, "another digest"),
    "a payload is of another report": (changed(1, markers=["r3"]), HELD, "is not of this report"),
    "a report is acknowledged as new twice": (
        [*all_told(HELD), all_told(HELD)[1]],
        HELD,
        "2 times acknowledged as new",
    ),
    "a report sent again is taken for new": (changed(1, delivery="again"), HELD, "taken for new"),
    "a report is never acknowledged": (all_told(HELD)[:3], HELD, "r3 was never acknowledged"),
}


@pytest.mark.parametrize("violation", BROKEN_ANSWERS)
def test_a_broken_answer_is_found(violation: str) -> None:
    lines, held, fault = BROKEN_ANSWERS[violation]
    found = list(answers.faults(told(*lines), held, SENT))
    assert any(fault in each for each in found), found


def test_a_report_that_nobody_sent_is_found() -> None:
    assert "r3 is recorded and was never sent" in list(answers.faults(told(), HELD, SENT - {"r3"}))


@pytest.mark.parametrize("code", sorted(answers.CONFLICTS))
def test_a_false_conflict_is_found(code: str) -> None:
    refused = {"kind": "refused", "report_id": "r1", "code": code, "details": "no", "retried": {"UNAVAILABLE": 2}}
    assert told(refused).faults == [f"r1: a false conflict: {code}: no, after {{'UNAVAILABLE': 2}}"]


def test_any_other_refusal_is_found() -> None:
    refused = {"kind": "refused", "report_id": "r1", "code": "INTERNAL", "details": "no"}
    assert told(refused).faults == ["r1: INTERNAL: no"]


def test_a_late_call_is_found_and_one_within_the_margin_is_not() -> None:
    line = {"kind": "late", "call": "AppendReport of r1", "seconds": 1.0, "late": 0.7}
    ended = told({**line, "overrun": MARGIN_SECONDS + 0.1}, {**line, "overrun": MARGIN_SECONDS - 0.1}).ended_late
    assert list(answers.late(ended)) == ["AppendReport of r1 ended 0.70 s after its deadline of 1.00 s"]


def test_a_late_subscription_is_found() -> None:
    line = {"kind": "late", "call": "Subscribe of 0", "seconds": 3.0, "late": 2.0, "overrun": 2.0}
    taken = Deliveries()
    taken.take(json.dumps(line).encode())
    assert len(list(answers.late(taken.ended_late))) == 1


class Hands:
    """A clock whose hands are moved by hand, and a witness that ends when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ended = asyncio.Event()

    def clock(self) -> float:
        return self.now

    async def wait(self, seconds: float) -> None:
        await self.ended.wait()

    async def end(self) -> None:
        """The witness ends, and everybody has had a turn."""
        self.ended.set()
        for _ in range(5):
            await asyncio.sleep(0)


async def test_a_call_that_ends_in_time_is_not_late() -> None:
    hands = Hands()
    deadline = Deadline(1.0, hands.clock, hands.wait)
    hands.now += 0.75
    assert (deadline.late(), deadline.overrun()) == (0.0, 0.0)


async def test_a_call_that_ends_after_its_witness_is_measured() -> None:
    hands = Hands()
    deadline = Deadline(0.0, hands.clock, hands.wait)
    hands.now += 1.0
    await hands.end()
    hands.now += 0.5
    assert (deadline.late(), deadline.overrun()) == (1.5, 0.5)


async def test_what_is_late_for_the_witness_as_well_is_not_the_services() -> None:
    hands = Hands()
    deadline = Deadline(0.0, hands.clock, hands.wait)
    hands.now += 4.0
    assert (deadline.late(), deadline.overrun()) == (4.0, 0.0)


async def test_a_witness_ends_at_its_deadline_though_nobody_answers() -> None:
    witness = Witness()
    deadline = Deadline(0.05, time.monotonic, witness.wait)
    await deadline._witness
    assert deadline.late() > 0
    assert deadline.overrun() > 0
    await witness.close()


# What subscribers saw


def seen(*positions: int) -> list[deliveries.Seen]:
    """Events as a subscriber writes them down."""
    events = [HELD.events[at - 1] for at in positions]
    return [[each.position, each.leaf.hex(), deliveries.bound(each)] for each in events]


def delivered(*batches: Sequence[deliveries.Seen], ends: Sequence[str] = ()) -> Deliveries:
    """What one subscriber wrote down: batches, with an end after each where ends are given."""
    taken = Deliveries()
    for batch in batches:
        taken.take(json.dumps({"kind": "batch", "subscriber": 0, "events": batch}).encode())
    for code in ends:
        taken.take(json.dumps({"kind": "end", "subscriber": 0, "code": code, "details": "why"}).encode())
    return taken


def test_a_subscriber_that_saw_everything_once_and_in_order_passes() -> None:
    resumed = delivered(seen(1, 2, 3), seen(4), seen(5, 6, 7, 8), ends=("UNAVAILABLE", "SILENT"))
    assert list(deliveries.faults(resumed, HELD, 1)) == []
    assert (resumed.count, resumed.ends["SILENT"]) == (8, 1)


def fourth(leaf: str | None = None, payload: str | None = None) -> list[deliveries.Seen]:
    """All events, the fourth with another's bytes."""
    [[at, own_leaf, own_payload]] = seen(4)
    return [
        *seen(1, 2, 3),
        [at, own_leaf if leaf is None else leaf, own_payload if payload is None else payload],
        *seen(5, 6, 7, 8),
    ]


def test_a_payload_that_was_redacted_by_then_is_not_missed() -> None:
    assert list(deliveries.faults(delivered(fourth(payload="")), HELD, 1)) == []


BROKEN_DELIVERIES: dict[str, tuple[Sequence[Sequence[deliveries.Seen]], str]] = {
    "a gap": ([seen(1, 2, 3), seen(5, 6, 7, 8)], "saw position 5 where 4 was due: a gap"),
    "a lost beginning": ([seen(2, 3, 4, 5, 6, 7, 8)], "saw position 2 where 1 was due: a gap"),
    "an event twice after a resume": ([seen(1, 2, 3), seen(3, 4, 5, 6, 7, 8)], "saw position 3 again, or late"),
    "everything again": (
        [seen(*range(1, 9)), seen(*range(1, 9))],
        "saw position 1 again, or late, where 9 was due",
    ),
    "two events in another order": ([seen(1, 2, 4, 3, 5, 6, 7, 8)], "saw position 4 where 3 was due"),
    "another event": ([fourth(leaf="00")], "saw another event at position 4"),
    "another payload": ([fourth(payload="00")], "saw another payload at position 4"),
    "an event that is not recorded": (
        [seen(*range(1, 9)), [[9, "00", ""]]],
        "which the ledger does not hold",
    ),
    "an end before the end": ([seen(1, 2, 3)], "saw 3 of 8 events"),
    "nothing at all": ([], "saw 0 of 8 events"),
}


@pytest.mark.parametrize("violation", BROKEN_DELIVERIES)
def test_a_broken_delivery_is_found(violation: str) -> None:
    batches, fault = BROKEN_DELIVERIES[violation]
    found = list(deliveries.faults(delivered(*batches), HELD, 1))
    assert len(found) == 1
    assert fault in found[0]


def test_each_subscriber_is_looked_at() -> None:
    assert list(deliveries.faults(delivered(seen(*range(1, 9))), HELD, 2)) == ["subscriber 1 saw 0 of 8 events"]


def test_a_subscription_that_ends_for_no_good_reason_is_found() -> None:
    ended = delivered(seen(*range(1, 9)), ends=("FAILED_PRECONDITION",))
    expected = ["subscriber 0 was ended with FAILED_PRECONDITION: why"]
    assert list(deliveries.faults(ended, HELD, 1)) == expected


# The services' own words


def test_a_traceback_in_a_services_log_is_found(tmp_path: Path) -> None:
    service = Service("postgresql://nowhere/", tmp_path / "log")
    service.log.write_text("INFO a\nINFO b\n")
    assert service.unforeseen() == []
    with service.log.open("a") as log:
        log.write("ERROR c\nTraceback (most recent call last):\n  File x\nValueError: no\n")
        log.write("ERROR d\nINFO e\nTraceback (most recent call last):\n  File y\n" + CLIENT_GONE + ": Failed\n")
        # An error that is foreseen, and could not be told any more.
        log.write("ERROR f\nINFO g\nTraceback (most recent call last):\n  File z\nDeadlineError: late\n\n")
        log.write("During handling of the above exception, another exception occurred:\n\n")
        log.write("Traceback (most recent call last):\n  File y\n" + CLIENT_GONE + ": Failed\n")
    assert ["no" in each for each in service.unforeseen()] == [True]


# The schedule


def test_a_schedule_follows_from_its_seed() -> None:
    assert schedule(7, 200) == schedule(7, 200)
    assert schedule(7, 200) != schedule(8, 200)


def test_a_schedule_holds_so_many_faults_of_every_kind() -> None:
    for seed in range(20):
        given = schedule(seed, 50)
        faults = [fault for each in (*given.services, given.database) for fault in each]
        assert len(faults) == 50
        assert {fault.kind for fault in faults} == {*SERVICE_WEIGHTS, *DATABASE_WEIGHTS}


def test_no_fault_lasts_longer_than_the_longest() -> None:
    for limit in (1.5, LONG_SECONDS):
        lasting = [fault.seconds for each in schedule(7, 200, limit).services for fault in each]
        assert max(lasting) == limit


class Stopped:
    """A service that notes when it is stopped and continued."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def go_on(self) -> None:
        self.told.append("go on")


def test_a_lead_that_nobody_takes_over_is_found() -> None:
    with canned_server() as first, canned_server() as second:
        services = [Stopped(each.address) for each in (first, second)]
        answer = projections_pb2.ListProjectionsResponse
        both = [projections_pb2.Projection(name=name, leads_here=True) for name in ("casualties", "threats")]
        first.answers["ListProjections"] = second.answers["ListProjections"] = answer(projections=both)
        assert takeover.faults(services, 0.0) == []
        second.answers["ListProjections"] = answer(
            projections=[both[0], projections_pb2.Projection(name="threats")]
        )
        stopped = services[0].address
        assert takeover.faults(services, 0.0) == [
            f"nobody took the lead of threats over from {stopped}, which was stopped"
        ]
        assert services[0].told == services[1].told == ["pause", "go on"] * 2
