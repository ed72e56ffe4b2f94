"""What waits to be recorded: single calls in one line, streams in another, taken in turns, so that neither stands
behind all of the other. Bounded in number and bytes. It knows no threads; the lane guards it."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, cycle

from ledger.persistence.records import AppendRequest
from ledger.settings import Limits

EVENTS_BESIDE_SINGLE_CALLS = 256
"""Recorded together at most where single calls come too: they wait for a whole commit of a stream's."""
STREAMS_SHARE = 4
"""Streams fill a quarter of the queue, and then wait; single calls, which would be refused, find room."""


class Waiting:
    """The requests that wait for one lane."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._single: deque[AppendRequest] = deque()
        self._streamed: deque[AppendRequest] = deque()
        self._back: deque[AppendRequest] = deque()
        """Taken once and put back; before all others, or those of one stream would change places."""
        self._bytes = 0
        self._most = limits.max_commit_events
        """Events that are taken together; grows again with each time."""

    def __len__(self) -> int:
        return len(self._back) + len(self._single) + len(self._streamed)

    def __iter__(self) -> Iterator[AppendRequest]:
        return chain(self._back, self._single, self._streamed)

    def has_room(self) -> bool:
        """Whether another request of a single call, however small, would find room."""
        return len(self) < self._limits.max_queued_reports and self._bytes < self._limits.max_queued_bytes

    def put(self, requests: Sequence[AppendRequest], *, streamed: bool = False) -> int:
        """Takes requests in order, as far as there is room, and tells how many it took."""
        line = self._streamed if streamed else self._single
        for taken, request in enumerate(requests):
            if not self._fits(request) or (streamed and self._streams_are_full()):
                return taken
            line.append(request)
            self._bytes += request.size
        return len(requests)

    def put_back(self, requests: Sequence[AppendRequest], events: int) -> None:
        """Has requests wait again, first of all, to be taken in batches of so many events."""
        self._most = events
        self._back.extendleft(reversed(requests))
        self._bytes += sum(request.size for request in requests)

    def take(self) -> list[AppendRequest]:
        """The next requests, within the bounds of a batch, however large the first is."""
        if self._single and self._streamed:
            self._most = min(self._most, EVENTS_BESIDE_SINGLE_CALLS)
        taken: list[AppendRequest] = []
        events = size = 0
        for line in self._turns():
            events += len(line[0].events)
            size += line[0].size
            if taken and (events > self._most or size > self._limits.max_commit_bytes):
                break
            taken.append(line.popleft())
            self._bytes -= taken[-1].size
        self._most = min(self._most * 2, self._limits.max_commit_events)
        return taken

    def _turns(self) -> Iterator[deque[AppendRequest]]:
        """The line from which to take next, until all are empty."""
        while self._back:
            yield self._back
        for line in cycle((self._single, self._streamed)):
            if line:
                yield line
            elif not self:
                return

    def _fits(self, request: AppendRequest) -> bool:
        """One that is larger than the queue is taken when nothing waits."""
        return not self or (self.has_room() and self._bytes + request.size <= self._limits.max_queued_bytes)

    def _streams_are_full(self) -> bool:
        return len(self._streamed) * STREAMS_SHARE >= max(self._limits.max_queued_reports, STREAMS_SHARE)
