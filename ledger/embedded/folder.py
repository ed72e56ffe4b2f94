"""The data folder of the embedded database: its layout, its permissions, its lock and its password.

Refuses a folder that holds anything else, and a folder that another process owns.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from ledger.embedded.account import Account
from ledger.embedded.errors import FolderInUseError, FolderUnusableError

# Linux keeps 108 bytes for a socket's path, macOS 104, both with the closing zero.
SOCKET_PATH_BYTES = 103
PORT = 5432
PASSWORD_BYTES = 24
LOG_TAIL_BYTES = 4_000
LOCK_RETRY_SECONDS = 0.05
LOCK_FILE = "owner.lock"
TEMPORARY_PREFIX = "ledger-"


class DataFolder:
    """Paths inside the data folder, and what is done to them before a server may run there."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.cluster = self.path / "cluster"
        self.unfinished = self.path / "cluster.new"
        self.password_file = self.path / "password"
        self.lock_file = self.path / LOCK_FILE
        self.log_file = self.path / "server.log"
        self._socket_folder = self.path / "socket"

    def prepare(self, account: Account | None) -> None:
        """Make the folder, or check that it is ours, and close it to everyone else."""
        us = os.geteuid()
        try:
            if us != 0 and self.path.exists() and (owner := self.path.stat().st_uid) != us:
                raise FolderUnusableError(self.path, f"it belongs to the user {owner}, and this is the user {us}")
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Closing or giving away a home directory that was named by mistake would do harm.
            if os.listdir(self.path) and not self.lock_file.exists():
                raise FolderUnusableError(self.path, "it is not empty and holds no embedded database")
            self.path.chmod(0o700)
            if account:
                account.own(self.path)
        except OSError as error:
            raise FolderUnusableError(self.path, error.strerror or str(error)) from error

    def lock(self, account: Account | None, wait_seconds: float) -> int:
        """Take the owner's lock and write our pid into it; answer the descriptor that holds the lock.

        The server inherits the descriptor: after an owner's death the lock stays taken until the last
        process of the old server is gone, so holding it proves that nobody works on the files.
        """
        descriptor = self._open(self.lock_file, os.O_RDWR | os.O_CREAT, account)
        try:
            self._wait_for_lock(descriptor, wait_seconds)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _wait_for_lock(self, descriptor: int, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise FolderUnusableError(self.path, f"it cannot be locked: {error.strerror}") from error
            # The server of an owner that was killed is still stopping: worth the wait.
            owner = _pid_in(os.pread(descriptor, 32, 0))
            if (owner and _alive(owner)) or time.monotonic() > deadline:
                raise FolderInUseError(self.path, owner)
            time.sleep(LOCK_RETRY_SECONDS)

    def open_log(self, account: Account | None) -> int:
        """Answer a descriptor that appends to the server's log."""
        return self._open(self.log_file, os.O_RDWR | os.O_CREAT | os.O_APPEND, account)

    def log_since(self, offset: int) -> str:
        """Answer the end of what was logged after `offset`."""
        with self.log_file.open("rb") as log:
            size = os.fstat(log.fileno()).st_size
            log.seek(max(min(offset, size), size - LOG_TAIL_BYTES))
            return log.read(LOG_TAIL_BYTES).decode(errors="replace")

    def new_password(self, account: Account | None) -> None:
        """Make the password of a new cluster, on disk before the cluster exists."""
        self.password_file.unlink(missing_ok=True)
        descriptor = self._open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, account)
        try:
            os.write(descriptor, secrets.token_urlsafe(PASSWORD_BYTES).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def password(self) -> str:
        """Read the password of the cluster's superuser."""
        try:
            return self.password_file.read_text().strip()
        except OSError as error:
            reason = f"its file {self.password_file.name} cannot be read: {error.strerror}"
            raise FolderUnusableError(self.path, reason) from error

    def remove_unfinished(self) -> None:
        """Remove what an interrupted initdb left."""
        if self.unfinished.exists():
            shutil.rmtree(self.unfinished)

    def adopt_cluster(self) -> None:
        """Give the finished cluster its name; before this, a crash leaves no cluster at all."""
        self.unfinished.rename(self.cluster)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove_stale_pid_file(self) -> None:
        """Remove the pid file of a killed server; its pid may by now be that of an unrelated process.

        Only for the holder of the lock. A server that somebody started by hand is not stale.
        """
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = _pid_in(pid_file.read_bytes())
        if pid and _alive(pid) and _works_in(pid, self.cluster):
            raise FolderInUseError(self.path, pid)
        pid_file.unlink()

    def outside(self) -> tuple[Path, ...]:
        """Answer the folders around ours that the server has to enter."""
        return (self.path.parent,) if _fits(self._socket_folder) else (self.path.parent, _short_base())

    def make_socket_folder(self, account: Account | None) -> Path:
        """Make an empty folder that only the server's user may enter; elsewhere if our path is too long."""
        folder = self._socket_folder
        if _fits(folder):
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
        else:
            folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=_short_base()))
        if account:
            account.own(folder)
        return folder

    def _open(self, path: Path, flags: int, account: Account | None) -> int:
        try:
            # As root, in a folder of a lesser user: never follow a link that this user may have put there.
            descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderUnusableError(self.path, f"{path.name}: {error.strerror}") from error
        if account:
            os.fchown(descriptor, account.uid, account.gid)
        return descriptor


def _fits(folder: Path) -> bool:
    # The setting takes a list: a comma or a quote in a path would be read as syntax.
    plain = not set(',"') & set(str(folder))
    return plain and len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES


def _short_base() -> Path:
    base = Path(tempfile.gettempdir()).resolve()
    return base if _fits(base / f"{TEMPORARY_PREFIX}12345678") else Path("/tmp")


def _pid_in(content: bytes) -> int | None:
    first = content.split(b"\n", 1)[0].strip()
    return int(first) if first.isdigit() else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _works_in(pid: int, folder: Path) -> bool:
    """Whether the process has its working directory there, as a postgres has; where unknown, assume so."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == folder.resolve()
    except PermissionError:
        return False  # another user's process, which cannot be a server on our files
    except OSError:
        return not Path("/proc/self").exists()
