"""The engine with all read models, in a process of its own. Prints a line `ready` when they are level with the
ledger, and follows until it is told to end (SIGTERM)."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.clients import telling
from benchmarks.placed import LEDGER
from projections.engine import Engine
from projections.engine.databases import Databases
from projections.service import READ_MODELS

LEVEL_SECONDS = 600.0
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    seconds: float
    """No longer than this."""


def follow(orders: Orders) -> dict[str, Any]:
    """Follows; tells nothing but its memory."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    engine = Engine(Databases.one(orders.url), READ_MODELS)
    engine.start()
    try:
        end = time.monotonic() + LEVEL_SECONDS
        while any(each.position < each.head or not each.generation for each in engine.states(LEDGER)):
            if time.monotonic() > end:
                raise SystemExit("the read models do not get level")
            over.wait(LOOK_SECONDS)
        print("ready", flush=True)
        over.wait(orders.seconds)
    finally:
        engine.stop()
    return {}


if __name__ == "__main__":
    telling.tell(follow(telling.orders(Orders)))
