"""Carries answers from the writer lane's thread to the event loop. However many there are, the loop is woken once:
a wake-up for each answer costs more than recording the report. It decides nothing and keeps nothing."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from concurrent.futures import InvalidStateError

from ledger.persistence.records import Appended


class Mailbox:
    """The answers on their way to one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[LoopAnswer] = deque()
        self._rung = False

    def put(self, answer: "LoopAnswer") -> None:
        """From any thread."""
        self._waiting.append(answer)
        if not self._rung and not self._loop.is_closed():
            self._rung = True
            self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        self._rung = False  # before the look: what is put from here on rings again
        while self._waiting:
            self._waiting.popleft().deliver()


class LoopAnswer(ABC):
    """The answer to one request, given on any thread and delivered on the event loop. The first one holds."""

    __slots__ = ("_mailbox", "_outcomes")

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._outcomes: list[Appended | BaseException] = []

    @abstractmethod
    def delivered(self, outcome: Appended | BaseException) -> None:
        """On the event loop, once."""

    def set_result(self, appended: Appended) -> None:
        """The receipt."""
        self._put(appended)

    def set_exception(self, error: BaseException) -> None:
        """Why not."""
        self._put(error)

    def deliver(self) -> None:
        """On the event loop."""
        self.delivered(self._outcomes[0])

    def _put(self, outcome: Appended | BaseException) -> None:
        # The lane and its watch can answer at the same moment: an append to a list is one step, a look is not.
        self._outcomes.append(outcome)
        if self._outcomes[0] is not outcome:
            raise InvalidStateError
        self._mailbox.put(self)
