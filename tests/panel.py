"""Witnesses on loopback for tests that are not coroutines: each can be stopped, and started again where it was."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.api.witness_server import WitnessServer
from ledger.audit.cosignatures import CosigningKey
from ledger.audit.notes import VerifierKey
from ledger.audit.witnessing import known_logs
from ledger.persistence.witnessed import Witness

SECONDS = 20


class Panel:
    """Witnesses by name, of some ledgers."""

    def __init__(self, folder: Path, names: Sequence[str], logs: Sequence[VerifierKey]) -> None:
        self.folder = folder
        self.keys = {name: CosigningKey(f"witness.example/{name}", name.encode().ljust(32)) for name in names}
        self.addresses = dict.fromkeys(names, "127.0.0.1:0")
        self._logs = known_logs(logs)
        self._running: dict[str, WitnessServer] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def start(self, *names: str) -> None:
        """Let them answer."""
        for name in names:
            self._running[name] = WitnessServer(Witness(self.folder / name, self.keys[name], self._logs))
            self.addresses[name] = self._done(self._running[name].start(self.addresses[name]))

    def stop(self, *names: str) -> None:
        """Let them be away."""
        for name in names:
            self._done(self._running.pop(name).stop())

    def policy(self, needed: int, *lines: str) -> str:
        """A policy that asks for so many of them, with further lines."""
        witnesses = [
            f"witness {name} {key.verifier()} http://{self.addresses[name]}" for name, key in self.keys.items()
        ]
        return "\n".join([*lines, *witnesses, f"group all {needed} {' '.join(self.keys)}", "quorum all", ""])

    def close(self) -> None:
        """Stop all."""
        self.stop(*self._running)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def _done(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)


@contextmanager
def witnesses(folder: Path, names: Sequence[str], logs: Sequence[VerifierKey]) -> Iterator[Panel]:
    """Witnesses that answer, and are stopped afterwards."""
    panel = Panel(folder, names, logs)
    try:
        panel.start(*names)
        yield panel
    finally:
        panel.close()
