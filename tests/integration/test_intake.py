"""Single appends that arrive together are taken as one group, and each is recorded or refused alone."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from incident.ledger.v1 import ledger_service_pb2, records_pb2
from ledger.api.appending import Appending
from ledger.api.intake import ENOUGH, Intake
from ledger.api.ledgers import Ledgers
from ledger.api.messages import report_to_proto
from ledger.domain.claim import DomainEvent
from ledger.domain.reports import Report
from ledger.errors import DeadlineError, InvalidRequestError, NotFoundError, OverloadedError, UnavailableError
from ledger.persistence.records import AppendRequest
from tests.filing import SECONDS, act, check_record, claim, report
from tests.postgres import Database

MANY = 60


@pytest.fixture
async def appending(database: Database) -> AsyncIterator[Appending]:
    ledgers = Ledgers(database.service_url)
    yield Appending(ledgers, await ledgers.get("main"), "observer")
    await ledgers.close()


def sent(each: Report) -> ledger_service_pb2.AppendReportRequest:
    return ledger_service_pb2.AppendReportRequest(report=report_to_proto(each))


@contextmanager
def nothing_committed(database: Database) -> Iterator[None]:
    """Commits wait until the end of the block."""
    with psycopg.connect(database.owner_url) as blocking:
        blocking.execute("LOCK TABLE ledger_main.commits IN SHARE MODE")
        yield


def left() -> float:
    return SECONDS


async def outcomes(intake: Intake, requests: list[ledger_service_pb2.AppendReportRequest]) -> list[Any]:
    return await asyncio.gather(*(intake.append(each, left) for each in requests), return_exceptions=True)


def receipt_of(outcome: Any) -> records_pb2.Receipt:
    assert isinstance(outcome, ledger_service_pb2.AppendReportResponse), outcome
    return outcome.receipt


async def test_what_arrives_together_is_recorded_in_few_commits(appending: Appending, database: Database) -> None:
    answered = await outcomes(Intake(appending), [sent(report(f"r-{number}")) for number in range(MANY)])
    receipts = [receipt_of(each) for each in answered]
    assert [each.report_id for each in receipts] == [f"r-{number}" for number in range(MANY)]
    assert len({each.tree_size for each in receipts}) < MANY / 10
    assert check_record(database.owner_url, [f"r-{number}" for number in range(MANY)]) == 2 * MANY


async def test_each_of_a_group_is_refused_alone(appending: Appending, database: Database) -> None:
    wrong = sent(report("wrong"))
    wrong.report.claims[0].occurred.end = "2020-01-01"
    unfounded = sent(report("unfounded", act("ClaimRetracted", target_event_id=str(UNHEARD), reason="error")))
    first, no, act_on_nothing, empty, last = await outcomes(
        Intake(appending),
        [sent(report("a")), wrong, unfounded, ledger_service_pb2.AppendReportRequest(), sent(report("b"))],
    )
    assert isinstance(no, InvalidRequestError)
    assert "exchange start and end" in str(no)
    assert isinstance(act_on_nothing, NotFoundError)
    assert isinstance(empty, InvalidRequestError)
    assert [receipt_of(each).report_id for each in (first, last)] == ["a", "b"]
    assert check_record(database.owner_url, ["a", "b"]) == 4


UNHEARD = "0fd04336-28bb-848c-8dbd-ff6eb98e4a4c"


async def test_what_nobody_foresaw_hits_the_guilty_one_alone(
    appending: Appending, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_payload = DomainEvent.to_payload

    def cursed(event: DomainEvent) -> bytes:
        if getattr(event, "words", "") == "cursed":
            raise RuntimeError("unforeseen")
        return to_payload(event)

    monkeypatch.setattr(DomainEvent, "to_payload", cursed)
    requests = [sent(report(f"r-{number}", claim(words="cursed" if number == 3 else ""))) for number in range(8)]
    answered = await outcomes(Intake(appending), requests)
    assert [number for number, each in enumerate(answered) if isinstance(each, RuntimeError)] == [3]
    assert check_record(database.owner_url, [f"r-{number}" for number in range(8) if number != 3]) == 14


async def test_groups_follow_each_other_while_calls_keep_coming(appending: Appending, database: Database) -> None:
    intake = Intake(appending)

    async def caller(name: int) -> None:
        for number in range(20):
            await intake.append(sent(report(f"r-{name}-{number}")), left)

    await asyncio.gather(*(caller(name) for name in range(10)))
    assert check_record(database.owner_url) == 400


async def test_what_is_answered_is_freed_without_the_collector(appending: Appending) -> None:
    gc.collect()
    gc.disable()  # as the service has it: between its looks, whatever is left in cycles is kept
    try:
        await outcomes(Intake(appending), [sent(report(f"r-{number}")) for number in range(MANY)])
        end = time.monotonic() + SECONDS  # the lane and its watch let go when they next look
        while kept := [each for each in gc.get_objects() if isinstance(each, AppendRequest)]:
            assert time.monotonic() < end, f"{len(kept)} are kept"
            kept.clear()
            await asyncio.sleep(0.05)
    finally:
        gc.enable()


async def test_enough_calls_do_not_wait_for_the_group_before(
    appending: Appending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.api.intake.LONGEST_GATHER_SECONDS", SECONDS)
    intake, given = Intake(appending), list[Sequence[AppendRequest]]()
    monkeypatch.setattr(appending, "queue", given.append)  # the first group stays under way
    waiting = [intake.append(sent(report("first")), left)]
    await asyncio.sleep(0.01)
    waiting += [intake.append(sent(report(f"r-{number}")), left) for number in range(ENOUGH)]
    await asyncio.sleep(0.1)
    assert [len(each) for each in given] == [1, ENOUGH]
    for each in waiting:
        each.cancel()


async def test_a_call_that_has_gone_is_not_read(appending: Appending, database: Database) -> None:
    intake = Intake(appending)
    gone = intake.append(sent(report("gone")), left)
    gone.cancel()
    await intake.append(sent(report("stayed")), left)
    assert check_record(database.owner_url, ["stayed"]) == 2


async def test_a_call_that_goes_while_its_report_is_recorded_holds_up_nobody(
    appending: Appending, database: Database
) -> None:
    intake = Intake(appending)
    with nothing_committed(database):
        gone = intake.append(sent(report("gone")), left)
        await asyncio.sleep(0.2)
        gone.cancel()
    await intake.append(sent(report("stayed")), left)
    assert check_record(database.owner_url, ["gone", "stayed"]) == 4


async def test_a_group_for_which_there_is_no_room_is_refused_and_the_next_is_taken(
    appending: Appending, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, lane = Intake(appending), appending._lane
    take = lane.submit_all

    def three(requests: list[AppendRequest], *, streamed: bool) -> int:
        return take(requests[:3], streamed=streamed)

    monkeypatch.setattr(lane, "submit_all", three)
    answered = await outcomes(intake, [sent(report(f"r-{number}")) for number in range(5)])
    assert [isinstance(each, OverloadedError) for each in answered] == [False, False, False, True, True]
    monkeypatch.undo()
    answered = await outcomes(intake, [sent(report(f"r-{number}")) for number in range(5)])
    assert [receipt_of(each).already_recorded for each in answered] == [True, True, True, False, False]
    lane.stop()
    [refused] = await outcomes(intake, [sent(report("late"))])
    assert isinstance(refused, UnavailableError)
    assert check_record(database.owner_url) == 10


async def test_large_reports_leave_room_for_others_between_them(
    appending: Appending, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, loop = Intake(appending), asyncio.get_running_loop()
    large = [sent(report(f"large-{number}", *(claim(words="x" * 900) for _ in range(400)))) for number in range(10)]
    turns, taken, queue = 0, list[tuple[int, int]](), appending.queue

    def turn() -> None:
        nonlocal turns
        turns += 1
        loop.call_soon(turn)

    def noted(requests: Sequence[AppendRequest]) -> None:
        taken.append((turns, len(requests)))
        queue(requests)

    monkeypatch.setattr(appending, "queue", noted)
    answers = [intake.append(each, left) for each in large]
    turn()
    receipts = [receipt_of(each) for each in await asyncio.gather(*answers)]
    assert [count for _, count in taken] == [1] * len(large)
    assert len({turn for turn, _ in taken}) == len(large), "the loop has its turn between one and the next"
    assert [len(each.events) for each in receipts] == [401] * len(large)
    assert check_record(database.owner_url) == 4_010


async def test_what_finds_a_full_queue_is_refused_unread(
    appending: Appending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending._lane, "has_room", lambda: False)
    wrong = ledger_service_pb2.AppendReportRequest()
    assert [type(each) for each in await outcomes(Intake(appending), [wrong])] == [OverloadedError]


async def test_a_call_keeps_its_deadline_while_an_earlier_group_hangs(
    appending: Appending, database: Database
) -> None:
    intake = Intake(appending)
    with nothing_committed(database):
        first = intake.append(sent(report("first")), left)
        await asyncio.sleep(0.2)
        hasty = intake.append(sent(report("hasty")), lambda: 0.3)
        with pytest.raises(DeadlineError):
            await asyncio.wait_for(asyncio.shield(hasty), SECONDS / 2)
        assert not first.done()
    assert receipt_of(await first).report_id == "first"
