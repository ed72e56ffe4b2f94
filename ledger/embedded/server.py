"""EmbeddedPostgres: initialises, starts and stops a PostgreSQL server that belongs to one data folder.

Reached through a unix socket that only the server's own user (and root) can open, with a password on top.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote

from ledger.embedded import guardian
from ledger.embedded.account import Account, account_for
from ledger.embedded.binaries import find_binaries
from ledger.embedded.errors import ServerFailedError
from ledger.embedded.folder import PORT, DataFolder

SUPERUSER = "postgres"
INITDB_SECONDS = 120.0
# A server that was killed replays its log first, which can take minutes.
START_SECONDS = 600.0
STOP_SECONDS = guardian.STOP_SECONDS + 5.0
POLL_SECONDS = 0.01
READY_LINE = 7
READY = ("ready", "standby")
"""It takes connections; a copy that follows another server takes those that only read."""

SETTINGS: Mapping[str, str] = MappingProxyType({"timezone": "UTC", "log_timezone": "UTC"})
# For clusters that nobody will miss: a crash of the machine may lose or damage them.
THROW_AWAY: Mapping[str, str] = MappingProxyType(
    {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
)


class EmbeddedPostgres:
    """A PostgreSQL server on `data_dir`, from `start()` until `stop()` or the end of this process."""

    def __init__(
        self,
        data_dir: Path,
        durable: bool = True,
        settings: Mapping[str, str] = MappingProxyType({}),
        *,
        bin_dir: Path | None = None,
        temporary: bool = False,
    ) -> None:
        """A temporary one takes its folder along when it ends, also where its owner was killed."""
        self._folder = DataFolder(data_dir)
        self._durable = durable
        self._settings = {**SETTINGS, **({} if durable else THROW_AWAY), **settings}
        self._bin_dir = bin_dir
        self._temporary = temporary
        self._lock: int | None = None
        self._guardian: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None
        self._pid = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._pid

    def url(self, dbname: str = SUPERUSER) -> str:
        """Answer the superuser's connection URL of a database."""
        if self._socket_folder is None:
            raise RuntimeError("the embedded database is not started")
        password = quote(self._folder.password(), safe="")
        host = quote(str(self._socket_folder), safe="")
        return f"postgresql://{SUPERUSER}:{password}@/{quote(dbname, safe='')}?host={host}&port={PORT}"

    def start(self) -> None:
        """Start the server, after making its cluster if there is none; return when it takes connections."""
        if self._guardian is not None:
            return
        binaries = find_binaries(self._bin_dir)
        account = account_for(self._folder.path, (binaries / "postgres", *self._folder.outside()))
        self._folder.prepare(account)
        self._lock = self._folder.lock(account, STOP_SECONDS)
        try:
            if not self._folder.cluster.exists():
                self._initialise(binaries, account)
            self._folder.remove_stale_pid_file()
            self._run_server(binaries, account)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and let go of the folder; do nothing when it is not running."""
        try:
            if self._guardian is not None:
                _release(self._guardian, STOP_SECONDS)
                self._guardian = None
        finally:
            if self._socket_folder is not None:
                shutil.rmtree(self._socket_folder, ignore_errors=True)
                self._socket_folder = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None
            self._pid = 0

    def _initialise(self, binaries: Path, account: Account | None) -> None:
        folder = self._folder
        folder.remove_unfinished()
        folder.new_password(account)
        command = [
            str(binaries / "initdb"),
            f"--pgdata={folder.unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={folder.password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=libc",
            "--no-locale",
            "--data-checksums",
            *([] if self._durable else ["--no-sync"]),
        ]
        offset, process = self._spawn(command, account, self._own_folder())
        try:
            process.wait(INITDB_SECONDS)
        finally:  # whoever interrupts this may remove the folder next
            _release(process, STOP_SECONDS)
        if process.returncode != 0:
            raise ServerFailedError("initdb failed", folder.path, folder.log_since(offset))
        folder.adopt_cluster()

    def _run_server(self, binaries: Path, account: Account | None) -> None:
        self._socket_folder = self._folder.make_socket_folder(account)
        fixed = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self._socket_folder),
            "unix_socket_permissions": "0700",
        }
        settings = [f"--{name}={value}" for name, value in {**self._settings, **fixed}.items()]
        command = [str(binaries / "postgres"), "-D", str(self._folder.cluster), *settings]
        remove = [self._socket_folder, *self._own_folder()]
        offset, self._guardian = self._spawn(command, account, remove)
        assert self._guardian.stdout is not None
        self._pid = int(self._guardian.stdout.readline() or 0)
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._guardian.poll() is not None or time.monotonic() > deadline:
                log = self._folder.log_since(offset)
                raise ServerFailedError("PostgreSQL did not start", self._folder.path, log)
            time.sleep(POLL_SECONDS)

    def _own_folder(self) -> list[Path]:
        """What goes with a temporary one."""
        return [self._folder.path] if self._temporary else []

    def _ready(self) -> bool:
        try:
            lines = (self._folder.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > READY_LINE and lines[0] == str(self._pid) and lines[READY_LINE].strip() in READY

    def _spawn(
        self, command: list[str], account: Account | None, remove: Sequence[Path] = ()
    ) -> tuple[int, subprocess.Popen[bytes]]:
        """Run a program under a guardian, who removes folders afterwards; answer where its log begins, and the
        guardian."""
        assert self._lock is not None
        order = guardian.Order(
            command=command,
            user=(account.uid, account.gid) if account else None,
            sees_all=account is not None and account.sees_all,
            remove=list(map(str, remove)),
            # A temporary one has nothing to keep, and on a full disk would try for a minute to keep it.
            gently=not self._temporary,
        )
        log = self._folder.open_log(account)
        try:
            offset = os.fstat(log).st_size
            process = subprocess.Popen(
                # Isolated: the script needs no package, and starts in half the time without them.
                [sys.executable, "-I", "-S", guardian.__file__, json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(self._lock,),
                cwd="/",
                env=_environment(),
                # Its own session, so that a terminal's Ctrl-C and hang-up reach the owner alone.
                start_new_session=True,
            )
        finally:
            os.close(log)
        return offset, process


def _release(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Close the owner's end of the pipe, which stops the program, and wait for the guardian's end."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    process.wait(seconds)


def _environment() -> dict[str, str]:
    # PGDATA, PGPORT and their like, or a locale that is not installed, must not change the server.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}
