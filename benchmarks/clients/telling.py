"""How a client is told what to do and tells what it measured: JSON in, JSON out. Rates count what was acknowledged;
percentiles are of all calls, none left out."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

KIBIBYTES_A_MEBIBYTE = 1024
PERCENTILES = (50, 99)

Orders = TypeVar("Orders")
Measured = dict[str, Any]


def orders(kind: type[Orders]) -> Orders:
    """What this process is to do."""
    return kind(**json.load(sys.stdin))


def tell(measured: Mapping[str, Any]) -> None:
    """Prints what was measured, and this process's peak of memory."""
    print(json.dumps({**measured, "client_mib": memory("VmHWM")}), flush=True)


def memory(name: str, process: str = "self") -> float:
    """A process's memory in use (`VmRSS`) or its peak (`VmHWM`), in MiB; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    return int(found[1]) / KIBIBYTES_A_MEBIBYTE if found else 0.0


def rates(calls: int, events: int, seconds: float, latencies: Sequence[float] = ()) -> Measured:
    """Calls and events a second; latencies in seconds, where they were taken."""
    told = {
        "calls": calls,
        "events": events,
        "seconds": seconds,
        "per_second": calls / seconds if seconds else 0.0,
        "events_per_second": events / seconds if seconds else 0.0,
    }
    return told | percentiles(latencies)


def percentiles(latencies: Sequence[float], name: str = "") -> Measured:
    """The median and the 99th of a hundred, in milliseconds."""
    ordered = sorted(latencies)
    return {
        f"{name}p{each}_ms": ordered[min(len(ordered) - 1, len(ordered) * each // 100)] * 1000
        for each in PERCENTILES
        if ordered
    }


def wait_until(moment: float) -> None:
    """Waits for a moment of the machine's monotonic clock, so that several clients begin together; 0 is now."""
    time.sleep(max(0.0, moment - time.monotonic()))
