"""Measures how long after its deadline a call ended, as its client saw it. A timer of the same event loop is set
for the same moment, so that the lateness of the client's own loop is not taken for the service's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

MARGIN_SECONDS = 0.5
"""So long after the timer a call may end: two threads of gRPC and the loop have to take turns on a busy machine."""


class Timer(Protocol):
    """What a loop gives to who sets one."""

    def cancel(self) -> None: ...


class Loop(Protocol):
    """What is needed of an event loop."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer: ...


class Deadline:
    """The deadline of a call that begins now."""

    def __init__(self, seconds: float, loop: Loop) -> None:
        self._loop = loop
        self._began = loop.time()
        self._rang: float | None = None
        self._timer = loop.call_later(seconds, self._ring)

    def elapsed(self) -> float:
        """Seconds since it began."""
        return self._loop.time() - self._began

    def overrun(self) -> float:
        """The call has ended: how long after the timer rang; 0 where it has not rung yet."""
        self._timer.cancel()
        return 0.0 if self._rang is None else self._loop.time() - self._rang

    def _ring(self) -> None:
        self._rang = self._loop.time()
