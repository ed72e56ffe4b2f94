"""Has the allocator keep what the service frees. A replay takes and frees megabytes for each page; given back each
time, they are faulted in again: a third of the work. Where the C library is not glibc, nothing changes."""

import ctypes

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
KEPT_BYTES = 32 * 1024 * 1024
"""Free memory at an end of the heap above which it is given back."""
LARGE_BYTES = 8 * 1024 * 1024
"""What is as large still has a mapping of its own: above any message, so that it is rare."""


def keep_freed() -> None:
    """Sets the two thresholds of this process."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
