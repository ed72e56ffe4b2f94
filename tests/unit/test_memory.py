"""What the service frees stays with it: taken again, it is not faulted in again."""

import ctypes
import subprocess
import sys

import pytest

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
