"""Runs one PostgreSQL program for an owner, and stops it when the owner's end of our standard input closes.

Started as a script by server.py, imports the standard library only. Never outlives the program; its standard
output carries the program's pid and nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from typing import TypedDict

# Why a process between owner and server: the kernel closes the pipe however the owner ends, SIGKILL included.
# The obvious alternative alone, PR_SET_PDEATHSIG in the server, fires when the owner's *thread* that started it
# ends, is forgotten when the server's user changes, and knows no second, stronger signal. It is used for what it
# is good at: should this single-threaded process itself be killed.

# Fast shutdown first (clients are disconnected, a checkpoint is written), then without the checkpoint.
STOP_STEPS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
STOP_SECONDS = sum(seconds for _, seconds in STOP_STEPS)
POLL_SECONDS = 0.01
LOG_CHECK_SECONDS = 60.0
LOG_BYTES = 8 * 1024 * 1024
LOG_BYTES_KEPT = LOG_BYTES // 2

# From linux/prctl.h, linux/securebits.h and linux/capability.h.
PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


class Order(TypedDict):
    """What to run, as whom, which folders to remove afterwards, and whether what it has written counts."""

    command: list[str]
    user: tuple[int, int] | None
    sees_all: bool
    remove: list[str]
    gently: bool


def main() -> int:
    """Run the order of the first argument; answer the program's exit code."""
    order: Order = json.loads(sys.argv[1])
    # A Ctrl-C or a service manager's SIGTERM is the owner's to answer: it still needs its database then.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    guardian = os.getpid()
    child = os.fork()
    if child == 0:
        run(order, guardian)
    with contextlib.suppress(BrokenPipeError):  # an owner that is gone already: what follows sees that
        os.write(1, b"%d\n" % child)
    os.close(1)
    status = watch(child, woken, STOP_STEPS if order["gently"] else STOP_STEPS[1:])
    # An owner that is still there may want to read why the program has ended, and removes them itself.
    if select.select([0], [], [], 0)[0]:
        for folder in order["remove"]:
            shutil.rmtree(folder, ignore_errors=True)
    return os.waitstatus_to_exitcode(status)


def watch(child: int, woken: int, steps: Sequence[tuple[int, float]]) -> int:
    """Wait until the program ends, or end it when the owner is gone, by these steps; answer its wait status."""
    while True:
        ready, _, _ = select.select([0, woken], [], [], LOG_CHECK_SECONDS)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if 0 in ready:
            return stop(child, steps)
        if woken in ready:
            os.read(woken, 1024)
        bound_log(2)


def stop(child: int, steps: Sequence[tuple[int, float]]) -> int:
    """End the program, by one step after the other; answer its wait status."""
    for step, seconds in steps:
        os.kill(child, step)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status
            time.sleep(POLL_SECONDS)
    return signal.SIGKILL  # unkillable, in the kernel: nothing is left to try


def bound_log(log: int) -> None:
    """Keep the later part of a log that grew too long; the descriptor reads, and appends."""
    size = os.fstat(log).st_size
    if size > LOG_BYTES:
        kept = os.pread(log, LOG_BYTES_KEPT, size - LOG_BYTES_KEPT)
        os.ftruncate(log, 0)
        os.write(log, kept)


def run(order: Order, guardian: int) -> None:
    """In the child: become the program. Never returns."""
    try:
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(ignored, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(2, 1)
        os.umask(0o077)
        if order["user"]:
            become(*order["user"], sees_all=order["sees_all"])
        if sys.platform == "linux":
            # Last, because a change of user clears it.
            prctl(PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != guardian:
                os._exit(1)
        os.execv(order["command"][0], order["command"])
    except OSError as error:
        os.write(2, f"cannot run {order['command'][0]}: {error}\n".encode())
    finally:
        os._exit(126)


def become(uid: int, gid: int, *, sees_all: bool) -> None:
    """Give up root for an ordinary user, keeping at most the right to pass folders closed to others."""
    if sees_all:
        # Keep capabilities through the change of user, and let access(2), which PostgreSQL asks, use them.
        prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if sees_all:
        try:
            keep_only(CAP_DAC_READ_SEARCH)
        except PermissionError:
            keep_only(CAP_DAC_OVERRIDE)  # containers often grant root this one instead


def keep_only(capability: int) -> None:
    """Drop every capability but one, and let the program inherit that one."""
    bit = 1 << capability
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # Twice effective, permitted, inheritable: for capabilities 0 to 31, then for the others.
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, sets) != 0:
        raise _last_error(f"may not keep capability {capability}")
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def prctl(*arguments: int) -> None:
    """Call prctl(2), all of whose arguments are of the size of a long."""
    padded = (*arguments, 0, 0, 0, 0)[:5]
    if ctypes.CDLL(None, use_errno=True).prctl(*map(ctypes.c_ulong, padded)) != 0:
        raise _last_error(f"prctl {arguments} refused")


def _last_error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{os.strerror(number)} ({what})")


if __name__ == "__main__":
    sys.exit(main())
