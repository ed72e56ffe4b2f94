"""Servers and clients as processes of their own: started, asked, measured for memory, stopped. It ends only what it
started."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.clients.telling import Measured, memory

READY = re.compile(r"^(?:serving|UmaDB is listening) on (\S+:\d+)", re.MULTILINE)
START_SECONDS = 60.0
STOP_SECONDS = 30.0
CLIENT_SECONDS = 600.0
"""No client takes longer, also where millions of events are read."""
TOGETHER_SECONDS = 1.0
"""How long several clients take to start, before they begin at one moment."""
USER_AND_SYSTEM = slice(11, 13)
"""Where proc(5) has these times, counted behind the name."""
RESET_PEAK = "5"
"""What proc(5) takes to forget the peak of memory."""


Client = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Serving:
    """A server that runs."""

    address: str
    pid: int

    def forget_peak(self) -> float:
        """Begins to look for a new peak of memory; gives what is in use now, in MiB."""
        with suppress(OSError):  # the peak is then that of its whole life, which is no less
            Path(f"/proc/{self.pid}/clear_refs").write_text(RESET_PEAK)
        return memory("VmRSS", str(self.pid))

    def peak(self) -> float:
        """The most that was in use since then, in MiB."""
        return memory("VmHWM", str(self.pid))

    def busy_seconds(self) -> float:
        """How long it has kept processors busy in its life."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return sum(map(int, fields[USER_AND_SYSTEM])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(command: Sequence[str], log: Path, **environment: str) -> Iterator[Serving]:
    """A server process, from when it says where it listens until the end of the block. Of the environment it sees
    no settings of the ledger but those that are given."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**plain, **environment})
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (found := READY.search(log.read_text(errors="replace"))):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[:4]} does not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield Serving(found[1], process.pid)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def start(client: str, orders: Any) -> Client:
    """A client with its orders."""
    command = [sys.executable, "-m", f"benchmarks.clients.{client}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(orders)).encode())
    process.stdin.close()
    process.stdin = None
    return process


def finish(process: Client, seconds: float = CLIENT_SECONDS) -> Measured:
    """What a client tells at its end."""
    try:
        told, _ = process.communicate(timeout=seconds)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    measured: Measured = json.loads(told.splitlines()[-1])
    return measured


def run(client: str, orders: Any, seconds: float = CLIENT_SECONDS) -> Measured:
    """One client from start to end, bounded in time."""
    return finish(start(client, orders), seconds)


def first_line(stream: IO[bytes] | None) -> bytes:
    """The first line that a client prints; it goes on."""
    return stream.readline() if stream is not None else b""


def merged(parts: Sequence[Measured]) -> Measured:
    """Several clients that ran together as one: rates and counts add up, the worse percentile counts."""
    sums = ("calls", "events", "per_second", "events_per_second", "client_mib")
    return {key: (sum if key in sums else max)(part[key] for part in parts) for key in parts[0]}
