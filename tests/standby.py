"""A database server with a hot standby: both are throw-away servers of the test, and the standby streams."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ledger.embedded import EmbeddedPostgres
from ledger.embedded.binaries import find_binaries
from ledger.persistence.install import create_ledger, install
from ledger.persistence.provision import ProvisionedUrls, provision

NAME = "replicated"
PATIENCE = 30.0


@dataclass(frozen=True)
class Replicated:
    """A database and its copy on the standby."""

    primary: ProvisionedUrls
    standby_url: str
    """As the service's role."""
    standby_admin_url: str
    hosts: tuple[str, str]
    """How the primary and the standby are named in URLs."""

    def level(self) -> None:
        """Wait until the standby has replayed what the primary has committed so far."""
        with psycopg.connect(self.primary.owner_url, autocommit=True) as connection:
            row = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        assert row
        end = time.monotonic() + PATIENCE
        with psycopg.connect(self.standby_url, autocommit=True) as connection:
            while not connection.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", row).fetchone()[0]:  # type: ignore[index]
                assert time.monotonic() < end, "the standby does not follow"
                time.sleep(0.02)


@contextmanager
def replicated(folder: Path) -> Iterator[Replicated]:
    """A provisioned database with the ledger `main`, and a standby that follows it."""
    with EmbeddedPostgres(folder / "primary", durable=False) as primary:
        urls = provision(primary.url(), NAME, service_password="service", owner_password="owner")
        install(urls.owner_url)
        create_ledger(urls.owner_url, "main")
        _copy(primary, folder)
        with EmbeddedPostgres(folder / "standby", durable=False) as standby:
            there, here = (_host(server) for server in (primary, standby))
            yield Replicated(urls, urls.service_url.replace(there, here), standby.url(), (there, here))


def _host(server: EmbeddedPostgres) -> str:
    return server.url().partition("host=")[2].partition("&")[0]


def _copy(primary: EmbeddedPostgres, folder: Path) -> None:
    """Copy the primary's files while it runs, as a standby of it."""
    copy = folder / "standby"
    copy.mkdir()
    command = [
        str(find_binaries(None) / "pg_basebackup"),
        "--write-recovery-conf",
        "--checkpoint=fast",
        "--no-sync",
    ]
    subprocess.run([*command, f"--dbname={primary.url()}", f"--pgdata={copy / 'cluster'}"], check=True)
    for name in ("password", "owner.lock"):
        if (folder / "primary" / name).exists():
            shutil.copy(folder / "primary" / name, copy / name)
    owner = (folder / "primary" / "cluster").stat()
    for path in (copy, *copy.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
