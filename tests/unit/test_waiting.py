"""The lines of what waits for a lane: nothing lost or doubled, order kept in each, turns between them, bounds."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.persistence.records import AppendRequest, NewEvent
from ledger.persistence.waiting import EVENTS_BESIDE_SINGLE_CALLS, STREAMS_SHARE, Waiting
from ledger.settings import DEFAULT_LIMITS, Limits

EVENT = NewEvent("s/1", "T", UUID(int=0), b"x" * 10)
FEW = Limits(max_queued_reports=20, max_queued_bytes=1024, max_commit_events=8, max_commit_bytes=1024)


def request(name: str, events: int = 1) -> AppendRequest:
    """A request of so many events, each of ten bytes."""
    return AppendRequest(name, (EVENT,) * events, deadline=0.0)


def requests(name: str, count: int, events: int = 1) -> list[AppendRequest]:
    """Several."""
    return [request(f"{name}{number}", events) for number in range(count)]


def names(taken: list[AppendRequest]) -> str:
    """The first letters of what was taken."""
    return "".join(each.report_id[0] for each in taken)


class Lines(RuleBasedStateMachine):
    """Against two plain lists: what was put in must come out of each in its order, also where it was put back."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = Waiting(FEW)
        self.due: dict[bool, list[AppendRequest]] = {True: [], False: []}
        self.taken: list[AppendRequest] = []

    @rule(streamed=st.booleans(), sizes=st.lists(st.sampled_from([1, 1, 1, 2, 12]), max_size=6))
    def put(self, streamed: bool, sizes: list[int]) -> None:
        """As far as there is room."""
        new = [request("s" if streamed else "c", size) for size in sizes]
        taken = self.waiting.put(new, streamed=streamed)
        self.due[streamed] += new[:taken]
        if taken < len(new):
            share = STREAMS_SHARE if streamed else 1
            waiting = list(self.waiting)
            size = sum(each.size for each in waiting)
            mine = self.due[True] if streamed else waiting
            assert (
                len(waiting) >= FEW.max_queued_reports
                or size + new[taken].size > FEW.max_queued_bytes
                or len(mine) * share >= FEW.max_queued_reports
                or sum(each.size for each in mine) * share >= FEW.max_queued_bytes
            ), "there was room"

    @precondition(lambda self: bool(self.waiting))
    @rule()
    def take(self) -> None:
        """What was taken before is recorded by then."""
        self.taken = self.waiting.take()
        assert len(self.taken) == 1 or sum(len(each.events) for each in self.taken) <= FEW.max_commit_events
        for line in self.due.values():
            mine = [each for each in self.taken if each in line]
            assert line[: len(mine)] == mine
            del line[: len(mine)]

    @precondition(lambda self: bool(self.taken))
    @rule(events=st.integers(1, 8), recorded=st.integers(0, 1))
    def put_back(self, events: int, recorded: int) -> None:
        """Those that are not recorded."""
        left, self.taken = self.taken[recorded:], []
        self.waiting.put_back(left, events)
        for streamed, line in self.due.items():
            line[:0] = [each for each in left if (each.report_id == "s") == streamed]

    @invariant()
    def holds_what_is_due(self) -> None:
        """No more and no less."""
        assert {id(each) for each in self.waiting} == {id(each) for line in self.due.values() for each in line}
        assert len(self.waiting) == sum(map(len, self.due.values()))


TestLines = Lines.TestCase
TestLines.settings = settings(max_examples=150, stateful_step_count=40)


def test_lines_are_taken_in_turns() -> None:
    waiting = Waiting(DEFAULT_LIMITS)
    waiting.put(requests("s", 6), streamed=True)
    waiting.put(requests("c", 2))
    assert names(waiting.take()) == "cscsssss"


def test_a_commit_is_small_while_single_calls_come_and_grows_again() -> None:
    waiting = Waiting(DEFAULT_LIMITS)
    sizes = []
    waiting.put(requests("c", 1))
    for _ in range(4):
        waiting.put(requests("s", DEFAULT_LIMITS.max_queued_reports, events=2), streamed=True)
        sizes.append(sum(len(each.events) for each in waiting.take()))
    quarter = DEFAULT_LIMITS.max_queued_reports // STREAMS_SHARE * 2
    assert sizes[0] in (EVENTS_BESIDE_SINGLE_CALLS, EVENTS_BESIDE_SINGLE_CALLS - 1)
    assert sizes[1:] == [2 * EVENTS_BESIDE_SINGLE_CALLS, 4 * EVENTS_BESIDE_SINGLE_CALLS, quarter]


@pytest.mark.parametrize(("single", "streamed"), [(2, 301), (301, 2), (130, 130), (2, 2), (1_000, 1_000)])
def test_neither_line_stands_still_whatever_the_sizes(single: int, streamed: int) -> None:
    waiting = Waiting(DEFAULT_LIMITS)
    taken = ""
    for _ in range(40):
        waiting.put(requests("c", 16, single))
        waiting.put(requests("s", 100, streamed), streamed=True)
        taken += names(waiting.take())
    assert taken.count("c") >= 20
    assert taken.count("s") >= 20


def test_streams_leave_room_for_single_calls() -> None:
    waiting = Waiting(FEW)
    assert waiting.put(requests("s", 20), streamed=True) == FEW.max_queued_reports // STREAMS_SHARE
    assert waiting.put(requests("c", 20)) == FEW.max_queued_reports - FEW.max_queued_reports // STREAMS_SHARE
    assert not waiting.has_room()
    assert waiting.put(requests("s", 1), streamed=True) == 0


def test_streams_leave_bytes_for_single_calls() -> None:
    waiting = Waiting(FEW)
    assert waiting.put(requests("s", 4, events=26), streamed=True) == 1, "260 bytes of 1,024"
    assert waiting.put(requests("c", 4, events=25)) == 3


def test_what_is_put_back_comes_first_and_in_small_batches() -> None:
    waiting = Waiting(DEFAULT_LIMITS)
    waiting.put(requests("a", 8))
    taken = waiting.take()
    waiting.put(requests("b", 8))
    waiting.put_back(taken, 4)
    assert [names(waiting.take()) for _ in range(3)] == ["aaaa", "aaaabbbb", "bbbb"]


def test_one_that_is_larger_than_all_bounds_is_taken_alone() -> None:
    waiting = Waiting(FEW)
    assert waiting.put([request("large", 200)]) == 1
    assert waiting.put([request("next")]) == 0
    assert names(waiting.take()) == "l"
    assert waiting.has_room()
