"""Database servers for the tests: which PostgreSQL versions there are, a template database, a copy per test.

Every server is a throw-away embedded cluster of this test session; no running server of the machine is used.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow

from ledger.embedded import EmbeddedPostgres
from ledger.persistence.install import install
from ledger.persistence.provision import OWNER, ProvisionedUrls, admit_service, provision

EMBEDDED_MAJOR = 18
OLDEST_MAJOR = 15
SELECTION = "LEDGER_TEST_POSTGRES"
TEMPLATE = "ledger_template"
MAX_CONNECTIONS = 200
MEMORY = Path("/dev/shm")
ENOUGH_MEMORY = 8 * 1024**3
"""Bytes that must be free: several workers have a server of each version, and one holds less than a gigabyte."""
INSTALLATIONS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")


def prepare_template(owner_url: str) -> None:
    """Fill the template database, of which every test gets a copy: the ledger `main`, empty."""
    install(owner_url)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("SELECT ledger_admin.create_ledger('main')")


@dataclass(frozen=True)
class Version:
    """A PostgreSQL that the tests can run on; `missing` says why it cannot be, where it is not there."""

    name: str
    bin_dir: Path | None
    missing: str = ""


@dataclass(frozen=True)
class Database:
    """One test's own database."""

    name: str
    owner_url: str
    service_url: str
    admin_url: str
    version: int


class Cluster:
    """A running server with a template database, from which tests copy their own."""

    def __init__(self, server: EmbeddedPostgres, admin: psycopg.Connection[TupleRow], bin_dir: Path | None) -> None:
        self.server = server
        self.bin_dir = bin_dir
        self.admin = admin
        self.version = admin.info.server_version // 10_000
        self._numbers = itertools.count(1)
        self._urls: ProvisionedUrls | None = None

    @contextmanager
    def database(self, of: str = TEMPLATE) -> Iterator[Database]:
        """Copy the template, or another database that nobody is connected to, and drop the copy afterwards."""
        name = f"test_{next(self._numbers)}"
        urls = self._template()
        names = {
            "name": sql.Identifier(name),
            "template": sql.Identifier(of),
            "owner": sql.Identifier(OWNER),
        }
        # Copying files takes a fifth of the time of the default, which writes every page to the log.
        copy = "CREATE DATABASE {name} TEMPLATE {template} OWNER {owner} STRATEGY file_copy"
        self.admin.execute(sql.SQL(copy).format(**names))
        admit_service(self.admin, name)  # a copy does not inherit who may connect
        try:
            yield Database(
                name=name,
                owner_url=urls.owner_url.replace(f"/{TEMPLATE}?", f"/{name}?"),
                service_url=urls.service_url.replace(f"/{TEMPLATE}?", f"/{name}?"),
                admin_url=self.server.url(name),
                version=self.version,
            )
        finally:
            self.admin.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**names))

    def _template(self) -> ProvisionedUrls:
        if self._urls is None:
            # The owner logs in by itself: as an administrator in disguise it could do too much unnoticed.
            self._urls = provision(self.server.url(), TEMPLATE, service_password="service", owner_password="owner")
            prepare_template(self._urls.owner_url)
        return self._urls


@contextmanager
def folder_in_memory() -> Iterator[Path | None]:
    """A folder in memory, where there is plenty: copying a database there takes a twentieth of the time. Nothing of
    these servers has to outlast them. A folder that a killed run left behind goes with the next one."""
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ENOUGH_MEMORY:
        yield None
        return
    for left in MEMORY.glob("ledger-tests-*"):
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"ledger-tests-{os.getpid()}-", dir=MEMORY) as folder:
        yield Path(folder)


@contextmanager
def running_cluster(folder: Path, bin_dir: Path | None) -> Iterator[Cluster]:
    """Run a throw-away server in an empty folder."""
    settings = {"max_connections": str(MAX_CONNECTIONS)}
    with (
        EmbeddedPostgres(folder, durable=False, settings=settings, bin_dir=bin_dir) as server,
        psycopg.connect(server.url(), autocommit=True) as admin,
    ):
        yield Cluster(server, admin, bin_dir)


def selected_versions() -> list[Version]:
    """Answer what LEDGER_TEST_POSTGRES selects; by default the embedded version and the system's."""
    versions = [Version(f"pg{EMBEDDED_MAJOR}", None), system_version()]
    selection = os.environ.get(SELECTION, "all")
    if selection == "all":
        return versions
    chosen = [version for version in versions if version.name == selection]
    if not chosen or chosen[0].missing:
        known = ", ".join(version.name for version in versions if not version.missing)
        raise pytest.UsageError(f"{SELECTION}={selection}: this system has {known}; or all")
    return chosen


def system_version() -> Version:
    """Answer the oldest PostgreSQL of the system that the ledger supports, if there is one."""
    found = {major: folder for folder in _system_folders() if (major := _major(folder)) >= OLDEST_MAJOR}
    if not found:
        return Version(f"pg{OLDEST_MAJOR}", None, f"no PostgreSQL {OLDEST_MAJOR} or later on this system")
    major = min(found)
    name = f"pg{major}" if major != EMBEDDED_MAJOR else f"pg{major}-system"
    return Version(name, found[major])


def _system_folders() -> list[Path]:
    on_path = shutil.which("postgres")
    folders = [folder for pattern in INSTALLATIONS for folder in Path("/").glob(pattern)]
    return [Path(on_path).resolve().parent, *folders] if on_path else folders


def _major(folder: Path) -> int:
    if not (folder / "initdb").exists() or not (folder / "postgres").exists():
        return 0
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    number = re.search(r"\d+", answer.stdout)
    return int(number.group()) if number else 0
