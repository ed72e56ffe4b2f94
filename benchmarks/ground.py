"""What the opponents stand on: database servers with full durability, ledger services, echoes, UmaDB. Each is
started when it is first asked for, and all end with the run. What cannot be had is skipped, with its reason."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import cache, cached_property
from pathlib import Path
from tempfile import mkdtemp

import psycopg
from psycopg import sql

from benchmarks import stored
from benchmarks.clients import message_db
from benchmarks.processes import Serving, serving
from benchmarks.servers import single
from ledger.embedded import EmbeddedPostgres
from ledger.persistence.install import install
from ledger.persistence.provision import provision

HERE = Path(__file__).parent
SETTINGS = {"max_connections": "200"}
PASSWORD = "benchmark"
COMPILE_SECONDS = 60.0
INSTALL_SECONDS = 120.0
MESSAGE_DB = HERE / "node_modules" / "@eventide" / "message-db"
MESSAGE_DB_PARTS = (
    *("schema/message-store", "tables/messages", "types/message"),
    *(
        f"functions/{name}"
        for name in ("message-store-version", "hash-64", "acquire-lock", "category", "is-category")
    ),
    *(f"functions/{name}" for name in ("id", "cardinal-id", "stream-version", "write-message")),
    *(f"indexes/messages-{name}" for name in ("id", "stream", "category")),
)
"""What its installation runs, in its order, but for roles and views, and for pgcrypto: what it took from there,
gen_random_uuid(), has long been PostgreSQL's own."""
READABLE = 0o755


class SkippedError(Exception):
    """An opponent that this machine cannot have; the message says what is missing."""


class Ground:
    """Everything that runs during one run of measurements."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self.database: Callable[..., str] = cache(self._database)
        self.ledger: Callable[..., Serving] = cache(self._ledger)
        self.echo: Callable[[str], Serving] = cache(self._echo)
        self.rows: Callable[[int], stored.Told] = cache(self._rows)

    @cached_property
    def postgres(self) -> EmbeddedPostgres:
        """The database server of all opponents."""
        return self._stack.enter_context(EmbeddedPostgres(self.folder / "postgres", settings=SETTINGS))

    @cached_property
    def slow_postgres(self) -> EmbeddedPostgres:
        """A database server whose every sync lasts a millisecond longer."""
        with ExitStack() as trial:
            with preloaded(self.slow_sync):
                server = trial.enter_context(EmbeddedPostgres(self.folder / "slow", settings=SETTINGS))
            if self.slow_sync.name not in Path(f"/proc/{server.pid}/maps").read_text():
                raise SkippedError("slowed syncs could not be preloaded into the database server")
            self._stack.enter_context(trial.pop_all())
        return server

    @cached_property
    def slow_sync(self) -> Path:
        """The library that makes syncs slow."""
        if sys.platform != "linux" or not shutil.which("cc"):
            raise SkippedError("slowed syncs need Linux and a C compiler (`cc`)")
        folder = self.folder / "slow_sync"
        folder.mkdir(mode=READABLE, exist_ok=True)
        library = folder / "slow_sync.so"
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(HERE / "slow_sync.c"), "-ldl"]
        try:
            subprocess.run(command, check=True, timeout=COMPILE_SECONDS)
        except subprocess.SubprocessError as error:
            raise SkippedError(f"slowed syncs could not be compiled: {error}") from error
        library.chmod(READABLE)
        return library

    def server(self, *, slow: bool) -> EmbeddedPostgres:
        """One of the two database servers."""
        return self.slow_postgres if slow else self.postgres

    def _database(self, name: str, *, slow: bool = False) -> str:
        """A database that ledgers can be made in; the service's URL."""
        urls = provision(self.server(slow=slow).url(), f"bench_{name}", service_password=PASSWORD)
        install(urls.owner_url)
        return urls.service_url

    def _ledger(self, name: str, database: str = "ledger", *, role: str = "write", slow: bool = False) -> Serving:
        """A process of the service; several of one database share its ledgers."""
        url = self.database(database, slow=slow)
        command = [sys.executable, "-m", "ledger", "serve", "--listen", "127.0.0.1:0", "--role", role]
        log = self.folder / f"ledger-{name}.log"
        running = self._stack.enter_context(
            serving(command, log, LEDGER_DATABASE_URL=url, LEDGER_DATA_DIR=str(log.with_suffix(".data")))
        )
        stored.register_actors(running.address)
        return running

    def _echo(self, name: str) -> Serving:
        """A bare echo."""
        command = [sys.executable, "-m", "benchmarks.servers.echo"]
        return self._stack.enter_context(serving(command, self.folder / f"echo-{name}.log"))

    @cached_property
    def single(self) -> Serving:
        """One transaction for each call, on the slow database."""
        orders = single.Orders(self.database("single", slow=True), "single", 1, self.rows(1))
        command = [sys.executable, "-m", "benchmarks.servers.single", json.dumps(asdict(orders))]
        return self._stack.enter_context(serving(command, self.folder / "single.log"))

    def _rows(self, claims: int) -> stored.Told:
        """What the ledger stores of a report with so many claims."""
        return stored.told_by(self.ledger("write").address, claims)

    @cached_property
    def library(self) -> str:
        """A database for the library's tables; its administrator's URL."""
        self.database("library")
        return self.postgres.url("bench_library")

    @cached_property
    def umadb(self) -> Serving:
        """UmaDB with a history."""
        return self._stack.enter_context(self.fresh_umadb())

    @contextmanager
    def fresh_umadb(self, *, slow: bool = False) -> Iterator[Serving]:
        """UmaDB on a file of its own, empty."""
        environment = {"LD_PRELOAD": str(self.slow_sync)} if slow else {}
        if importlib.util.find_spec("umadb") is None:
            raise SkippedError("UmaDB is not installed (`make bench` installs it where it has a build)")
        folder = Path(mkdtemp(prefix="uma-", dir=self.folder))
        with socket.socket() as taken:  # it does not tell which port it took, so it is given one that is free
            taken.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{taken.getsockname()[1]}"
        program = "from umadb.umadb_server_cli import main; main()"
        command = [sys.executable, "-c", program, "--listen", address, "--db-path", str(folder / "db")]
        with serving(command, folder / "log", **environment) as running:
            yield running
        shutil.rmtree(folder)

    @cached_property
    def message_db(self) -> str:
        """A database with message-db in it; its URL."""
        if not MESSAGE_DB.exists():
            install_message_db()
        name = "bench_message_db"
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(message_db.QUERIES.create_database).format(database=sql.Identifier(name)))
        with psycopg.connect(self.postgres.url(name), autocommit=True) as connection:
            connection.execute(message_db.QUERIES.use_schema)
            for part in MESSAGE_DB_PARTS:
                connection.execute((MESSAGE_DB / "database" / f"{part}.sql").read_bytes())
        return self.postgres.url(name)


@contextmanager
def preloaded(library: Path) -> Iterator[None]:
    """What is started within loads a library first."""
    before = os.environ.get("LD_PRELOAD")
    os.environ["LD_PRELOAD"] = str(library)
    try:
        yield
    finally:
        if before is None:
            del os.environ["LD_PRELOAD"]
        else:
            os.environ["LD_PRELOAD"] = before


def install_message_db() -> None:
    """Its package, beside this module; without a lock file, because one holds addresses."""
    if not shutil.which("npm"):
        raise SkippedError("message-db needs npm, which brings its SQL")
    command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run([*command, "--fetch-retries=1"], cwd=HERE, check=True, timeout=INSTALL_SECONDS)
    except subprocess.SubprocessError as error:
        raise SkippedError(f"message-db could not be installed: {error}") from error
