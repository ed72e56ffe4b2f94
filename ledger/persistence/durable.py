"""Files that are there whole or not at all, also after a crash, and locks among processes. It knows no content."""

import fcntl
import os
import secrets
import time
from pathlib import Path

DRAFT_BYTES = 6
LOCK_SECONDS = 5.0
LOCK_PAUSE_SECONDS = 0.005


class LockedError(Exception):
    """Another process has held the lock for longer than anybody should."""


def take_lock(file: int) -> None:
    """Take a lock on an open file that another process or thread may hold; LockedError where that lasts, and it may
    be stopped."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise LockedError(f"for {LOCK_SECONDS:g} seconds") from error
            time.sleep(LOCK_PAUSE_SECONDS)


def write_whole(path: Path, text: str, *, only_new: bool = False) -> None:
    """A file that is there whole or not at all, also after a crash, and that nobody else reads. `only_new` leaves
    alone what another process has made meanwhile."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(DRAFT_BYTES)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if only_new:
            os.link(draft, path)
        else:
            draft.replace(path)
    except FileExistsError:
        pass  # another process was faster
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)


def make_folder(path: Path) -> None:
    """A folder for this account alone, with those above it; there after a crash too."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True, mode=0o700)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
