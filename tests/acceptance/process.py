"""A server process for acceptance tests: started as an operator would, found by its announced address,
stopped by a signal. It is the real command with a real database; nothing of it runs in the tests' own process."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 90.0
STOP_SECONDS = 30.0
ANNOUNCED = re.compile(r"^serving on (\S+);")


@dataclass
class ServerProcess:
    """A running `serve`: where it listens, and what it has printed so far."""

    address: str
    process: subprocess.Popen[str]
    printed: list[str] = field(default_factory=list)

    def stop(self, by: signal.Signals) -> int:
        """Ask the process to stop; answers its exit code."""
        self.process.send_signal(by)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def serving(folder: Path, options: Sequence[str] = (), settings: Mapping[str, str] = {}) -> Iterator[ServerProcess]:
    """Run `serve` on a free port, in a folder of its own, until the end of the block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    command = [sys.executable, "-m", "ledger", "serve", "--listen", "127.0.0.1:0", *options]
    with (folder / "serve.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**environment, **settings}, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield _announced(process, folder / "serve.log")
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _announced(process: subprocess.Popen[str], log: Path) -> ServerProcess:
    """Wait for the line that tells the address."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    server = ServerProcess("", process)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            line = None
        if line is None:
            told = log.read_text(encoding="utf-8")
            raise AssertionError(
                f"the server announced no address; it printed {server.printed} and logged:\n{told}"
            )
        server.printed.append(line.rstrip("\n"))
        if found := ANNOUNCED.match(line):
            server.address = found.group(1)
            return server


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    """Hand on what the process prints; None at its end."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.put(line)
    except ValueError:  # closed under our hands, at the end of the test
        pass
    lines.put(None)
