"""The embedded database: what survives, what stops it, whom it refuses, and what it leaves unchanged."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from ledger.embedded import (
    BinariesMissingError,
    EmbeddedPostgres,
    FolderInUseError,
    FolderUnusableError,
    ServerFailedError,
    binaries,
    guardian,
)
from tests.postgres import system_version

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 20.0
PR_CAPBSET_DROP = 24

# A process that owns a server, as the service does, until it is told to end or is killed.
OWNER = """
import json, os, signal, sys
from pathlib import Path
from ledger.embedded import EmbeddedPostgres, FolderInUseError
# As a terminal has it, also where these tests run in the background of a shell, which has interrupts ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with EmbeddedPostgres(Path(sys.argv[1])) as server:
        print(json.dumps({"server": server.pid, "url": server.url(), "uid": os.geteuid()}), flush=True)
        sys.stdin.read()
except KeyboardInterrupt:
    print("interrupted")
except FolderInUseError as error:
    print(json.dumps({"refused": str(error), "pid": error.pid}))
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to act as several users")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc and prctl")


class Owner:
    """A child process that owns an embedded server."""

    def __init__(self, folder: Path, become: Callable[[], None] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            start_new_session=True,
            preexec_fn=become,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the owner ended before it said anything"
        self.said = json.loads(line)
        self.server: int = self.said.get("server", 0)
        self.url: str = self.said.get("url", "")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def owner_of(folder: Path, become: Callable[[], None] | None = None) -> Iterator[Owner]:
    owner = Owner(folder, become)
    try:
        yield owner
    finally:
        owner.kill()
        for stream in (owner.process.stdin, owner.process.stdout):
            if stream:
                stream.close()
        if owner.server:
            wait_until_gone(owner.server)


def is_running(pid: int) -> bool:
    """Whether a process lives; one that only waits for its parent to take notice does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_running(pid):
        assert time.monotonic() < deadline, f"the process {pid} is still running"
        time.sleep(0.02)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def write(url: str, word: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.execute("INSERT INTO words VALUES (%s)", (word,))


def words(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM words ORDER BY word")]


def setting(url: str, name: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row
    return str(row[0])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that does not exist yet, below folders that only we may enter."""
    tmp_path.chmod(0o700)
    return tmp_path / "data"


class TestTheData:
    @pytest.mark.parametrize("version", ["embedded", "system"])
    def test_survives_a_restart(self, folder: Path, version: str) -> None:
        system = system_version()
        if version == "system" and system.missing:
            pytest.skip(system.missing)
        bin_dir = system.bin_dir if version == "system" else None
        for word in ("first", "second", "third"):
            with EmbeddedPostgres(folder, bin_dir=bin_dir) as server:
                write(server.url(), word)
                seen = words(server.url())
        assert seen == ["first", "second", "third"]

    def test_is_kept_as_the_ledger_needs_it(self, folder: Path) -> None:
        with EmbeddedPostgres(folder) as server:
            expected = {
                "server_encoding": "UTF8",
                "lc_messages": "C",
                "timezone": "UTC",
                "fsync": "on",
                "synchronous_commit": "on",
                "full_page_writes": "on",
                "data_checksums": "on",
            }
            assert {name: setting(server.url(), name) for name in expected} == expected
            query = "SELECT datcollate, datlocprovider::text FROM pg_database WHERE datname = 'template1'"
            with psycopg.connect(server.url()) as connection:
                assert connection.execute(query).fetchone() == ("C", "c")

    def test_is_not_made_safe_where_nobody_will_miss_it(self, folder: Path) -> None:
        with EmbeddedPostgres(folder, durable=False) as server:
            assert setting(server.url(), "fsync") == "off"

    def test_is_served_with_the_settings_given(self, folder: Path) -> None:
        with EmbeddedPostgres(folder, durable=False, settings={"max_connections": "17"}) as server:
            assert setting(server.url(), "max_connections") == "17"

    def test_survives_an_interrupted_first_start(self, folder: Path) -> None:
        with EmbeddedPostgres(folder, durable=False):
            pass
        (folder / "cluster").rename(folder / "cluster.new")
        (folder / "cluster.new" / "global" / "pg_control").unlink()
        with EmbeddedPostgres(folder, durable=False) as server:
            write(server.url(), "whole")
            assert words(server.url()) == ["whole"]


class TestTheOwnersEnd:
    @on_linux
    def test_a_killed_owner_takes_the_server_along(self, folder: Path) -> None:
        with owner_of(folder) as owner:
            write(owner.url, "committed")
            owner.kill()
            wait_until_gone(owner.server)
        assert "fast shutdown" in (folder / "server.log").read_text()
        with EmbeddedPostgres(folder) as server:
            assert words(server.url()) == ["committed"]

    @on_linux
    def test_a_killed_owner_can_be_replaced_at_once(self, folder: Path) -> None:
        for number in range(5):
            with owner_of(folder) as owner:
                write(owner.url, f"round {number}")
                os.kill(owner.process.pid, signal.SIGKILL)
                # Not waiting for the server of the killed owner is the point: the next one does.
                owner.process.wait()
                with EmbeddedPostgres(folder) as server:
                    assert len(words(server.url())) == number + 1

    @on_linux
    def test_all_killed_at_once_leaves_a_folder_that_starts(self, folder: Path) -> None:
        with owner_of(folder) as owner:
            write(owner.url, "committed")
            for pid in (parent_of(owner.server), owner.process.pid, owner.server):
                os.kill(pid, signal.SIGKILL)
            owner.process.wait()
            wait_until_gone(owner.server)
        assert (folder / "cluster" / "postmaster.pid").exists()
        with EmbeddedPostgres(folder) as server:
            assert words(server.url()) == ["committed"]

    @on_linux
    def test_a_killed_guardian_takes_the_server_along(self, folder: Path) -> None:
        with owner_of(folder) as owner:
            os.kill(parent_of(owner.server), signal.SIGKILL)
            wait_until_gone(owner.server)
        assert "fast shutdown" in (folder / "server.log").read_text()

    @on_linux
    def test_a_killed_server_leaves_an_owner_that_can_start_it_again(self, folder: Path) -> None:
        with EmbeddedPostgres(folder) as server:
            write(server.url(), "committed")
            os.kill(server.pid, signal.SIGKILL)
            wait_until_gone(server.pid)
            server.stop()
            server.start()
            assert words(server.url()) == ["committed"]

    def test_a_terminals_interrupt_reaches_the_owner_alone(self, folder: Path) -> None:
        with owner_of(folder) as owner:
            client = psycopg.connect(owner.url)  # a shutdown does not wait for clients
            assert os.getsid(owner.server) != os.getsid(owner.process.pid)
            os.killpg(owner.process.pid, signal.SIGINT)
            answer, _ = owner.process.communicate(timeout=PATIENCE_SECONDS)
            client.close()
            assert answer == "interrupted\n"
            assert not is_running(owner.server)
            assert not (folder / "cluster" / "postmaster.pid").exists()

    def test_a_cluster_that_is_no_longer_wanted_while_it_is_made_is_made_by_nobody(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever was interrupted may remove the folder the next moment. A temporary one is gone by then, so that
        none stays where its owner is killed."""
        waited, guardians = subprocess.Popen.wait, []

        def interrupted(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
            guardians.append(process)
            monkeypatch.setattr(subprocess.Popen, "wait", waited)
            raise KeyboardInterrupt

        monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            EmbeddedPostgres(folder, durable=False, temporary=True).start()
        assert [each.poll() is not None for each in guardians] == [True]
        assert not folder.exists()

    def test_a_temporary_one_takes_its_folder_along_and_keeps_it_for_whoever_asks_why_it_failed(
        self, folder: Path
    ) -> None:
        with EmbeddedPostgres(folder, durable=False, temporary=True) as server:
            write(server.url(), "committed")
            log = (folder / "server.log").open()
        assert not folder.exists()
        with log:  # on a full disk a shutdown that keeps everything would be tried for a minute
            assert "received immediate shutdown request" in log.read()
        faulty = EmbeddedPostgres(folder, durable=False, temporary=True, settings={"no_such_setting": "1"})
        with pytest.raises(ServerFailedError, match="no_such_setting"):
            faulty.start()

    def test_a_clean_stop_can_be_repeated_and_undone(self, folder: Path) -> None:
        server = EmbeddedPostgres(folder, durable=False)
        server.stop()
        for _ in range(2):
            server.start()
            server.start()
            pid = server.pid
            assert is_running(pid)
            server.stop()
            server.stop()
            assert not is_running(pid)
        with pytest.raises(RuntimeError, match="not started"):
            server.url()

    @on_linux
    def test_a_pid_file_that_names_an_unrelated_process_is_no_obstacle(self, folder: Path) -> None:
        with EmbeddedPostgres(folder, durable=False) as server:
            pid_file = folder / "cluster" / "postmaster.pid"
            content = pid_file.read_text().split("\n", 1)[1]
            user = pid_file.stat().st_uid
            write(server.url(), "kept")
        # Of the server's own user: this is the case in which PostgreSQL itself refuses to start.
        unrelated = subprocess.Popen(["sleep", "60"], user=user if os.geteuid() == 0 else None)
        try:
            pid_file.write_text(f"{unrelated.pid}\n{content}")
            with EmbeddedPostgres(folder, durable=False) as server:
                assert words(server.url()) == ["kept"]
            assert unrelated.poll() is None
        finally:
            unrelated.kill()
            unrelated.wait()


class TestWhoIsRefused:
    def test_a_second_owner_in_another_process(self, folder: Path) -> None:
        with owner_of(folder) as owner:
            with pytest.raises(FolderInUseError) as refusal:
                EmbeddedPostgres(folder).start()
            assert refusal.value.pid == owner.process.pid
            assert str(folder) in str(refusal.value)
            assert str(owner.process.pid) in str(refusal.value)
            write(owner.url, "undisturbed")

    def test_a_second_owner_in_the_same_process(self, folder: Path) -> None:
        with EmbeddedPostgres(folder, durable=False) as server:
            with pytest.raises(FolderInUseError) as refusal:
                EmbeddedPostgres(folder, durable=False).start()
            assert refusal.value.pid == os.getpid()
            assert setting(server.url(), "fsync") == "off"

    @pytest.mark.parametrize("password", ["wrong", None])
    def test_a_client_without_the_password(self, folder: Path, password: str | None) -> None:
        with EmbeddedPostgres(folder, durable=False) as server:
            connection = {**conninfo_to_dict(server.url()), "password": password, "passfile": os.devnull}
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(**connection)  # type: ignore[arg-type]

    def test_a_client_from_the_network(self, folder: Path) -> None:
        with EmbeddedPostgres(folder, durable=False) as server:
            assert setting(server.url(), "listen_addresses") == ""

    def test_a_folder_with_something_else_in_it(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        home.mkdir(mode=0o755)
        (home / "letter").write_text("dear")
        before = home.stat()
        with pytest.raises(FolderUnusableError, match=f"{home}.*not empty.*LEDGER_DATA_DIR"):
            EmbeddedPostgres(home).start()
        after = home.stat()
        assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
        assert os.listdir(home) == ["letter"]

    def test_a_place_where_no_folder_can_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(FolderUnusableError, match="LEDGER_DATA_DIR"):
            EmbeddedPostgres(tmp_path / "file" / "data").start()

    def test_a_folder_without_its_password(self, folder: Path) -> None:
        with EmbeddedPostgres(folder, durable=False):
            pass
        (folder / "password").unlink()
        with (
            EmbeddedPostgres(folder, durable=False) as server,
            pytest.raises(FolderUnusableError, match="password"),
        ):
            server.url()

    def test_settings_that_postgres_does_not_know(self, folder: Path) -> None:
        with pytest.raises(ServerFailedError, match="no_such_setting"):
            EmbeddedPostgres(folder, durable=False, settings={"no_such_setting": "1"}).start()
        with EmbeddedPostgres(folder, durable=False) as server:
            assert setting(server.url(), "fsync") == "off"

    def test_a_platform_without_binaries(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(BinariesMissingError, match="LEDGER_DATABASE_URL"):
            EmbeddedPostgres(folder, bin_dir=tmp_path).start()
        monkeypatch.setattr(binaries, "WHEEL", "no_such_wheel")
        with pytest.raises(BinariesMissingError, match="LEDGER_DATABASE_URL"):
            EmbeddedPostgres(folder).start()
        assert not folder.exists()


class TestPermissions:
    def test_the_data_folder_is_closed_and_stays_closed(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        for _ in range(2):
            with EmbeddedPostgres(folder, durable=False):
                assert mode(folder) == 0o700
                assert mode(folder / "cluster") == 0o700
                assert mode(folder / "socket") == 0o700
                for name in ("password", "owner.lock", "server.log"):
                    assert mode(folder / name) == 0o600

    def test_nothing_around_the_data_or_the_binaries_changes(self, folder: Path) -> None:
        programs = binaries.find_binaries()
        watched = [*folder.parents, programs / "postgres", programs, *programs.parents]
        before = {path: (mode(path), path.stat().st_uid, path.stat().st_gid) for path in watched}
        with EmbeddedPostgres(folder, durable=False) as server:
            write(server.url(), "x")
        assert {path: (mode(path), path.stat().st_uid, path.stat().st_gid) for path in watched} == before
        assert os.listdir(folder.parent) == [folder.name]

    def test_a_path_too_long_for_a_socket_gets_one_elsewhere(self, folder: Path) -> None:
        deep = folder / ("long-" * 20) / ("longer-" * 20)
        with EmbeddedPostgres(deep, durable=False) as server:
            place = Path(str(conninfo_to_dict(server.url())["host"]))
            assert mode(place) == 0o700
            assert folder not in place.parents
            write(server.url(), "x")
        assert not place.exists()

    @on_linux
    def test_a_socket_elsewhere_goes_with_a_killed_owner(self, folder: Path) -> None:
        with owner_of(folder / ("long-" * 30)) as owner:
            place = Path(str(conninfo_to_dict(owner.url)["host"]))
            guard = parent_of(owner.server)
            assert place.exists()
            owner.kill()
            wait_until_gone(guard)
            assert not place.exists()

    @pytest.mark.parametrize("name", ["with space", 'comma,quote"dollar$', "ünïcode ☮", "per%cent&"])
    def test_any_folder_name_will_do(self, folder: Path, name: str) -> None:
        with EmbeddedPostgres(folder / name, durable=False) as server:
            write(server.url(), "x")
            assert words(server.url()) == ["x"]

    def test_a_log_is_bounded(self, tmp_path: Path) -> None:
        log = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            os.write(log, b"old" + b"\n" * guardian.LOG_BYTES + b"new")
            guardian.bound_log(log)
            assert os.fstat(log).st_size == guardian.LOG_BYTES_KEPT
            assert (tmp_path / "log").read_bytes().endswith(b"\nnew")
        finally:
            os.close(log)


def other_user() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def become_other() -> None:
    # With the right to enter closed folders, since this interpreter and checkout may be in one.
    guardian.become(other_user().pw_uid, other_user().pw_gid, sees_all=True)


def capabilities(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    raise AssertionError("no capabilities in status")


@pytest.fixture
def folder_of_other() -> Iterator[Path]:
    """A folder of another user, who can make a data folder in it."""
    base = Path(tempfile.mkdtemp(dir="/tmp"))
    os.chown(base, other_user().pw_uid, other_user().pw_gid)
    yield base / "data"
    shutil.rmtree(base)


@as_root
@on_linux
class TestAsRoot:
    def test_the_server_runs_as_somebody_else(self, folder: Path) -> None:
        with EmbeddedPostgres(folder, durable=False) as server:
            user = Path(f"/proc/{server.pid}").stat().st_uid
            assert user != 0
            assert folder.stat().st_uid == user
            assert capabilities(server.pid) == 1 << guardian.CAP_DAC_READ_SEARCH

    def test_the_server_keeps_no_capability_where_it_needs_none(self, folder_of_other: Path) -> None:
        programs = system_version().bin_dir
        if programs is None:
            pytest.skip("needs binaries that every user can reach")
        folder_of_other.parent.chmod(0o755)
        with EmbeddedPostgres(folder_of_other, durable=False, bin_dir=programs) as server:
            assert capabilities(server.pid) == 0

    def test_binaries_in_a_closed_folder_will_do(self, folder: Path) -> None:
        # As in a virtual environment below root's home; with what the wheel's programs link to.
        package = binaries.find_binaries().parents[1]
        for part in (f"{package.name}/{binaries.INSTALLATION}", f"{package.name}.libs"):
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, folder.parent / "closed" / part)
        (folder.parent / "closed").chmod(0o700)
        programs = folder.parent / "closed" / package.name / binaries.INSTALLATION / "bin"
        with EmbeddedPostgres(folder, durable=False, bin_dir=programs) as server:
            assert Path(f"/proc/{server.pid}/exe").readlink() == programs / "postgres"
            write(server.url(), "x")
        assert mode(folder.parent / "closed") == 0o700

    def test_a_container_without_the_usual_capability_will_do(self, folder: Path) -> None:
        def drop() -> None:
            guardian.prctl(PR_CAPBSET_DROP, guardian.CAP_DAC_READ_SEARCH)

        with owner_of(folder, drop) as owner:
            assert owner.said["uid"] == 0
            assert capabilities(owner.server) == 1 << guardian.CAP_DAC_OVERRIDE
            write(owner.url, "x")

    def test_two_users_each_have_their_own_at_once(self, folder: Path, folder_of_other: Path) -> None:
        with owner_of(folder_of_other, become_other) as other, EmbeddedPostgres(folder) as server:
            assert other.said["uid"] == other_user().pw_uid
            write(other.url, "theirs")
            write(server.url(), "ours")
            assert words(other.url) == ["theirs"]
            assert words(server.url()) == ["ours"]
            other.kill()
            wait_until_gone(other.server)
            assert words(server.url()) == ["ours"]

    def test_a_users_folder_stays_the_users(self, folder_of_other: Path) -> None:
        with owner_of(folder_of_other, become_other) as other:
            write(other.url, "theirs")
        with EmbeddedPostgres(folder_of_other) as server:
            assert Path(f"/proc/{server.pid}").stat().st_uid == other_user().pw_uid
            assert words(server.url()) == ["theirs"]
        with owner_of(folder_of_other, become_other) as other:
            assert words(other.url) == ["theirs"]

    def test_another_user_cannot_enter_the_folder(self) -> None:
        base = Path(tempfile.mkdtemp(dir="/tmp"))
        try:
            base.chmod(0o755)
            with EmbeddedPostgres(base / "data", durable=False) as server:
                user = Path(f"/proc/{server.pid}").stat().st_uid
                stranger = next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid not in (0, user))
                listing = subprocess.run(
                    ["ls", base / "data"],
                    user=stranger,
                    group=stranger,
                    extra_groups=[],
                    check=False,
                    capture_output=True,
                    text=True,
                )
            assert listing.returncode != 0
            assert "Permission denied" in listing.stderr
        finally:
            shutil.rmtree(base)

    def test_another_user_is_told_whose_folder_it_is(self, folder: Path) -> None:
        with EmbeddedPostgres(folder, durable=False):
            pass
        code = (
            "import sys; from pathlib import Path; from ledger.embedded import *\n"
            "try: EmbeddedPostgres(Path(sys.argv[1])).start()\n"
            "except FolderUnusableError as error: print(error)"
        )
        os.chown(folder, 12345, 12345)
        answer = subprocess.run(
            [sys.executable, "-c", code, folder],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            preexec_fn=become_other,
        )
        assert str(folder) in answer.stdout
        assert "belongs to the user 12345" in answer.stdout
