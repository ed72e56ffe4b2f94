"""Decides which operating-system user the server runs as when its owner is root, since postgres refuses root.

Gives away the data folder only; never loosens the permissions of any folder above it or of the programs.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ledger.embedded.errors import FolderUnusableError

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The user that the server runs as; `sees_all` when it must pass folders that only root may enter."""

    uid: int
    gid: int
    sees_all: bool

    def own(self, path: Path) -> None:
        """Hand one path inside the data folder over to the account."""
        os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(folder: Path, needed: Iterable[Path]) -> Account | None:
    """Answer the account for a server on `folder` that needs to reach `needed`; None: simply ourselves."""
    if os.geteuid() != 0:
        return None
    entry = _entry(folder)
    reachable = all(_reachable(path, entry.pw_uid, entry.pw_gid) for path in needed)
    return Account(entry.pw_uid, entry.pw_gid, sees_all=not reachable)


def _entry(folder: Path) -> pwd.struct_passwd:
    # A folder that somebody already uses without root stays theirs, so that they can use it again.
    if folder.exists() and (owner := folder.stat().st_uid) != 0:
        try:
            return pwd.getpwuid(owner)
        except KeyError:
            raise FolderUnusableError(folder, f"its owner {owner} is not a user of this system") from None
    for name in CANDIDATES:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise FolderUnusableError(folder, f"PostgreSQL does not run as root, and there is no user {CANDIDATES}")


def _reachable(path: Path, uid: int, gid: int) -> bool:
    """Whether the mode bits let the user enter every folder above `path` and, if it is there, execute it."""
    return all(_may_execute(step, uid, gid) for step in (path, *path.parents) if step.exists())


def _may_execute(path: Path, uid: int, gid: int) -> bool:
    status = path.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
