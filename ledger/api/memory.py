"""How the process handles its memory: when it looks for cycles of garbage, and what it gives back to the system."""

import asyncio
import ctypes
import gc

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
KEPT_BYTES = 32 * 1024 * 1024
"""Free memory at an end of the heap above which it is given back."""
LARGE_BYTES = 8 * 1024 * 1024
"""What is as large still has a mapping of its own: above any message, so that it is rare."""
LOOK_SECONDS = 0.5
COLLECT_AFTER_SECONDS = 5.0
COLLECT_AFTER_OBJECTS = 200_000
"""Some tens of megabytes: more than the reports under way take at most times, so that much of it is garbage."""


async def collect_seldom() -> None:
    """Looks for cycles by the clock, for ever. The interpreter would look whenever so many objects are made; with
    thousands of reports under way, all of them alive, that took a third of the time of an append. What is loaded by
    now stays, and is not looked at again."""
    gc.disable()
    gc.collect()
    gc.freeze()
    loop = asyncio.get_running_loop()
    collected = loop.time()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if gc.get_count()[0] > COLLECT_AFTER_OBJECTS or loop.time() - collected > COLLECT_AFTER_SECONDS:
            gc.collect()
            collected = loop.time()


def keep_freed() -> None:
    """Has the allocator keep what is freed. A replay takes and frees megabytes for each page; given back each time,
    they are faulted in again: a third of the work. Where the C library is not glibc, nothing changes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
