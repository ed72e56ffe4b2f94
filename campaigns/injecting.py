"""Works through a list of faults in a thread of its own, one after the other, and counts those that struck.
What a fault is and how it is mended is told by others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

import psycopg

from campaigns.schedule import Fault
from ledger.errors import LedgerError

TRIES = 5
"""A fault that met nobody, for example because the database was just away, is tried again so often."""


class Injector:
    """One list of faults on its way."""

    def __init__(self, faults: Sequence[Fault], inflict: Callable[[Fault], bool]) -> None:
        self.struck: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.failures: list[str] = []
        self._faults = faults
        self._inflict = inflict
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Waits for the end of the list; when the time is over the rest of it is left out."""
        self._thread.join(max(0.0, seconds))
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        for fault in self._faults:
            struck = any(self._struck(fault) for _ in range(TRIES) if not self._ended.wait(fault.pause))
            (self.struck if struck else self.missed)[fault.kind.value] += 1

    def _struck(self, fault: Fault) -> bool:
        try:
            return self._inflict(fault)
        except psycopg.Error:
            return False  # another fault was in the way of this one
        except (LedgerError, OSError) as error:
            self.failures.append(f"{fault.kind} could not be injected: {error}")
            return False
