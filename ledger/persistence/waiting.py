"""What waits to be recorded: single calls in one line, streams in another, taken in turns, so that neither stands
behind all of the other. Bounded in number and bytes. It knows no threads; the lane guards it."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain

from ledger.persistence.records import AppendRequest
from ledger.settings import Limits

EVENTS_BESIDE_SINGLE_CALLS = 256
"""Recorded together at most where single calls come too: they wait for a whole commit of a stream's."""
STREAMS_SHARE = 4
"""Streams fill a quarter of the queue, and then wait; single calls, which would be refused, find room."""


class _Line:
    """Requests in order."""

    def __init__(self) -> None:
        self.requests: deque[AppendRequest] = deque()
        self.size = 0

    def __len__(self) -> int:
        return len(self.requests)

    def put(self, request: AppendRequest) -> None:
        self.requests.append(request)
        self.size += request.size

    def pop(self) -> AppendRequest:
        request = self.requests.popleft()
        self.size -= request.size
        return request


class _Load:
    """What is taken together, within bounds of events and bytes; the first is taken however large it is."""

    def __init__(self, events: int, size: int) -> None:
        self.requests: list[AppendRequest] = []
        self._events = events
        self._size = size

    def take_from(self, line: _Line) -> bool:
        """Takes the next of a line, if it fits."""
        events, size = len(line.requests[0].events), line.requests[0].size
        if self.requests and (events > self._events or size > self._size):
            return False
        self.requests.append(line.pop())
        self._events -= events
        self._size -= size
        return True


class Waiting:
    """The requests that wait for one lane."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._single, self._streamed = _Line(), _Line()
        self._lines = deque((self._single, self._streamed))
        """The same two, in the order of their turns."""
        self._back = _Line()
        """Taken once and put back; before all others, or those of one stream would change places."""
        self._most = limits.max_commit_events
        """Events that are taken together; grows again with each time."""

    def __len__(self) -> int:
        return len(self._back) + len(self._single) + len(self._streamed)

    def __iter__(self) -> Iterator[AppendRequest]:
        return chain(self._back.requests, self._single.requests, self._streamed.requests)

    def has_room(self) -> bool:
        """Whether another request of a single call, however small, would find room."""
        return len(self) < self._limits.max_queued_reports and self._size < self._limits.max_queued_bytes

    def put(self, requests: Sequence[AppendRequest], *, streamed: bool = False) -> int:
        """Takes requests in order, as far as there is room, and tells how many it took."""
        line = self._streamed if streamed else self._single
        for taken, request in enumerate(requests):
            if not self._fits(request) or (streamed and self._streams_are_full()):
                return taken
            line.put(request)
        return len(requests)

    def put_back(self, requests: Sequence[AppendRequest], events: int) -> None:
        """Has requests wait again, first of all, to be taken in batches of so many events."""
        self._most = events
        self._back.requests.extendleft(reversed(requests))
        self._back.size += sum(request.size for request in requests)

    def take(self) -> list[AppendRequest]:
        """The next requests, within the bounds of a batch, however large the first is."""
        if self._single and self._streamed:
            self._most = min(self._most, EVENTS_BESIDE_SINGLE_CALLS)
        load = _Load(self._most, self._limits.max_commit_bytes)
        while self._back and load.take_from(self._back):
            pass
        if not self._back:
            self._take_in_turns(load)
        self._most = min(self._most * 2, self._limits.max_commit_events)
        return load.requests

    def _take_in_turns(self, load: _Load) -> None:
        """A line whose next does not fit comes first the next time; the other fills what is left."""
        lines, left = deque(filter(len, self._lines)), []
        while lines:
            line = lines.popleft()
            if not load.take_from(line):
                left.append(line)
            elif line:
                lines.append(line)
        if left and left[0] is not self._lines[0]:
            self._lines.reverse()

    @property
    def _size(self) -> int:
        return self._back.size + self._single.size + self._streamed.size

    def _fits(self, request: AppendRequest) -> bool:
        """One that is larger than the queue is taken when nothing waits."""
        return not self or (self.has_room() and self._size + request.size <= self._limits.max_queued_bytes)

    def _streams_are_full(self) -> bool:
        reports, size = len(self._streamed) * STREAMS_SHARE, self._streamed.size * STREAMS_SHARE
        return reports >= self._limits.max_queued_reports or size >= self._limits.max_queued_bytes
