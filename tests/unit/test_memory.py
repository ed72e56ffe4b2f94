"""What the service frees stays with it, and cycles of garbage are looked for by the clock."""

import asyncio
import ctypes
import gc
import subprocess
import sys
import weakref

import pytest

from ledger.api import memory

SIZE = 2 * 1024 * 1024
TIMES = 50
PAGES = SIZE // 4096
PROGRAM = f"""
import resource, sys
from ledger.api.memory import keep_freed
if sys.argv[1] == "keep":
    keep_freed()
b"x" * {SIZE}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for number in range({TIMES}):
    [b"x" * ({SIZE} + number), b"y" * ({SIZE} + 2 * number)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Pages that a process of its own faulted in while it took and freed memory."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, check=True, timeout=60)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no mallopt")
def test_memory_that_was_freed_is_not_faulted_in_again() -> None:
    assert faults("keep") < 4 * PAGES
    assert faults("give back") > TIMES * PAGES


class Cycle:
    """Only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize("after", ["seconds", "objects"])
async def test_cycles_are_collected_by_the_clock_or_when_they_are_many(
    after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(memory, "COLLECT_AFTER_SECONDS", 0.05 if after == "seconds" else 3_600.0)
    monkeypatch.setattr(memory, "COLLECT_AFTER_OBJECTS", 10_000)
    collecting = asyncio.create_task(memory.collect_seldom())
    try:
        await asyncio.sleep(0)
        assert not gc.isenabled()
        lost = weakref.ref(Cycle())
        many = [[number] for number in range(20_000 if after == "objects" else 0)]
        for _ in range(200):
            if lost() is None:
                break
            await asyncio.sleep(0.01)
        assert lost() is None, len(many)
    finally:
        collecting.cancel()
        gc.unfreeze()
        gc.enable()
