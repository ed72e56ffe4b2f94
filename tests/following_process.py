"""A process that follows a ledger with a `Tally`, to be stopped, killed and continued from outside. It says what it
has folded before the transaction ends, and waits there for as long as it is told."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from projections.engine import Connection, Engine
from projections.engine.batches import Batch
from projections.engine.databases import Databases
from tests.followed import Tally

PATIENCE = 30.0


class Lingering(Tally):
    """Stays in the middle of the transaction that takes a certain position."""

    linger_at = 0
    linger_seconds = 0.0

    def fold(self, connection: Connection, schema: str, batch: Batch, *, complete: bool) -> None:
        super().fold(connection, schema, batch, complete=complete)
        print("folded", batch.last, flush=True)
        if batch.first <= self.linger_at <= batch.last:
            time.sleep(self.linger_seconds)


class FollowingProcess:
    """Such a process, and what it has folded so far."""

    def __init__(self, url: str, linger_at: int, linger_seconds: float) -> None:
        command = [sys.executable, "-m", "tests.following_process", url, str(linger_at), str(linger_seconds)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        self.folded: list[int] = []
        self.holder = ""
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, position: int) -> None:
        """Wait until it has folded a position, committed or not."""
        end = time.monotonic() + PATIENCE
        while position not in self.folded:
            assert time.monotonic() < end, self.folded
            time.sleep(0.01)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word, value = line.split()
            if word == "folded":
                self.folded.append(int(value))
            else:
                self.holder = value


@contextmanager
def following(url: str, linger_at: int = 0, linger_seconds: float = 0.0) -> Iterator[FollowingProcess]:
    """A process that is killed afterwards, whatever happens."""
    process = FollowingProcess(url, linger_at, linger_seconds)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait()


def main() -> None:
    """Follow until killed."""
    url, linger_at, linger_seconds = sys.argv[1:]
    tally = Lingering()
    tally.linger_at, tally.linger_seconds = int(linger_at), float(linger_seconds)
    engine = Engine(Databases.one(url), [tally])
    print("holder", engine.holder, flush=True)
    engine.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
