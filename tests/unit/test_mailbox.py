"""Answers reach the event loop once each, whoever gives them and however many there are."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import InvalidStateError
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import pytest

from ledger.api.mailbox import LoopAnswer, Mailbox
from ledger.errors import DeadlineError
from ledger.persistence.records import Appended

THREADS = 4
EACH = 500


def appended(size: int) -> Appended:
    return Appended((), datetime.now(UTC), size, b"")


class Told(LoopAnswer):
    """Tells a function."""

    def __init__(self, mailbox: Mailbox, tell: Callable[[Appended | BaseException], None]) -> None:
        super().__init__(mailbox)
        self._tell = tell

    def delivered(self, outcome: Appended | BaseException) -> None:
        self._tell(outcome)


async def test_every_answer_from_many_threads_is_delivered_once_on_the_loop() -> None:
    loop = asyncio.get_running_loop()
    mailbox = Mailbox(loop)
    home, delivered, done = threading.get_ident(), list[int](), asyncio.Event()

    def deliver(outcome: Appended | BaseException) -> None:
        assert threading.get_ident() == home
        assert isinstance(outcome, Appended)
        delivered.append(outcome.tree_size)
        if len(delivered) == THREADS * EACH:
            done.set()

    def give(first: int) -> None:
        for number in range(first, first + EACH):
            Told(mailbox, deliver).set_result(appended(number))

    threads = [threading.Thread(target=give, args=(each * EACH,)) for each in range(THREADS)]
    for thread in threads:
        thread.start()
    await asyncio.wait_for(done.wait(), 20)
    for thread in threads:
        thread.join()
    assert sorted(delivered) == list(range(THREADS * EACH))


async def test_many_answers_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    mailbox, woken = Mailbox(loop), list[object]()
    wake = loop.call_soon_threadsafe

    def counted(callback: Callable[[], None]) -> asyncio.Handle:
        woken.append(callback)
        return wake(callback)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    delivered: list[object] = []
    for number in range(100):
        Told(mailbox, delivered.append).set_result(appended(number))
    await asyncio.sleep(0)
    assert len(delivered) == 100
    assert len(woken) == 1
    Told(mailbox, delivered.append).set_result(appended(100))
    await asyncio.sleep(0)
    assert len(delivered) == 101, "it rings again after it was emptied"


@pytest.mark.parametrize("first", ["result", "error"])
async def test_the_first_answer_holds(first: str) -> None:
    delivered: list[object] = []
    answer = Told(Mailbox(asyncio.get_running_loop()), delivered.append)
    given, error = appended(1), DeadlineError()
    calls = [partial(answer.set_result, given), partial(answer.set_exception, error)]
    if first == "error":
        calls.reverse()
    calls[0]()
    with pytest.raises(InvalidStateError):
        calls[1]()
    await asyncio.sleep(0)
    assert delivered == [given if first == "result" else error]


async def test_of_answers_that_race_one_is_delivered() -> None:
    mailbox, delivered = Mailbox(asyncio.get_running_loop()), list[object]()
    answers = [Told(mailbox, delivered.append) for _ in range(EACH)]

    def give(number: int) -> None:
        for answer in answers:
            with suppress(InvalidStateError):
                answer.set_result(appended(number))

    threads = [threading.Thread(target=give, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    await asyncio.sleep(0.01)
    assert len(delivered) == EACH
