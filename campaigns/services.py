"""Service processes that are killed without warning and started again, always on the same ports.
Each is the command itself in a process of its own; nothing of the service is imported here."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

READY_LINE = "serving on"
CLIENT_GONE = "grpc._cython.cygrpc.ExecuteBatchError"
"""What gRPC itself logs, with a traceback, when a client gives up just as its answer is sent."""
_ONE = r"Traceback.*\n(?:[ ].*\n)*(?:.*\n)"
TRACEBACK = re.compile(rf"(?:.*\n){{2}}{_ONE}(?:\n(?:During handling|The above).*\n\n{_ONE})*")
"""With the two lines before it, and those of the errors that followed from the first."""
START_SECONDS = 60.0
POLL_SECONDS = 0.02
LONGEST_DOWN_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 0.2
BOTH_SHARE = 0.25
"""So often both services are killed at the same moment."""


class Service:
    """One service process on a port of its own."""

    def __init__(self, database_url: str, log: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.log = log
        # Services of one ledger share the key that signs its checkpoints.
        own = {"LEDGER_DATABASE_URL": database_url, "LEDGER_DATA_DIR": str(log.parent / "data")}
        self._environment = {**os.environ, **own, "PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process and does not wait for it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ledger", "serve", "--listen", self.address],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def await_serving(self) -> None:
        """Waits until the process says that it serves."""
        deadline = time.monotonic() + START_SECONDS
        while READY_LINE not in self.log.read_text(errors="replace"):
            if self.died() or time.monotonic() > deadline:
                raise RuntimeError(f"the service does not start:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(POLL_SECONDS)

    def died(self) -> bool:
        """Whether the process has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def unforeseen(self) -> list[str]:
        """The tracebacks in its log: a service foresees every error."""
        found = TRACEBACK.findall(self.log.read_text(errors="replace"))
        return [each for each in found if not each.splitlines()[-1].startswith(CLIENT_GONE)]

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and nobody is told."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT: to the process no time has passed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed, no connection is closed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Killer:
    """Kills services at random moments, spread over the whole of the campaign by its progress."""

    def __init__(self, services: Sequence[Service], kills: int, reports: int, seed: int) -> None:
        self._services = services
        self._random = random.Random(f"killer {seed}")
        # Neither before anything is acknowledged nor when nothing more is to come.
        self._thresholds = sorted(self._random.randrange(1, reports * 95 // 100) for _ in range(kills))
        self._restarts: list[tuple[float, Service]] = []
        self.kills = 0
        self.died: list[str] = []

    def run(self, progress: Callable[[], int], running: Callable[[], bool]) -> None:
        """Kills and restarts until the clients are done; all services run afterwards."""
        while running():
            self._restart(time.monotonic())
            self._look_for_dead()
            due = self._thresholds and progress() >= self._thresholds[0]
            if due:
                time.sleep(self._random.uniform(0, LONGEST_DELAY_SECONDS))
                self._strike()
            time.sleep(POLL_SECONDS)
        self._restart(float("inf"))

    def _strike(self) -> None:
        alive = [each for each in self._services if each not in [service for _, service in self._restarts]]
        if not alive:
            return
        both = len(alive) > 1 and self._random.random() < BOTH_SHARE
        for service in alive if both else [self._random.choice(alive)]:
            service.kill()
            self.kills += 1
            down = self._random.uniform(0, LONGEST_DOWN_SECONDS)
            self._restarts.append((time.monotonic() + down, service))
            if self._thresholds:
                del self._thresholds[0]

    def _restart(self, now: float) -> None:
        for when, service in list(self._restarts):
            if when <= now:
                service.start()
                self._restarts.remove((when, service))

    def _look_for_dead(self) -> None:
        for service in self._services:
            if service.died():
                self.died.append(f"{service.address} ended by itself; see {service.log.name}")
                service.kill()
                self._restarts.append((time.monotonic(), service))


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
