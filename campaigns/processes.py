"""Processes of clients or subscribers: orders go in as a line, what they were told comes out as JSON lines.
It runs and reads them; what the lines mean is the business of those who take them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any


class Process:
    """One module of this package, running."""

    def __init__(self, module: str, orders: Any, take: Callable[[bytes], None]) -> None:
        self._module = module
        self._take = take
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.tell(asdict(orders))

    def tell(self, what: object) -> None:
        """One line more."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()

    def dismiss(self) -> None:
        """It will be told nothing more."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    @property
    def running(self) -> bool:
        """Whether something may still be said."""
        return self._reader.is_alive()

    def ended(self, seconds: float) -> list[str]:
        """Waits for its end; what is wrong with it."""
        self._reader.join(seconds)
        if self._reader.is_alive():
            return [f"{self._module} has not ended in {seconds} seconds"]
        code = self._process.wait()
        return [f"{self._module} ended with {code}"] if code else []

    def kill(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(line)
