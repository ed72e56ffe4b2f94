"""The how-to pages on databases do what they say: their commands are run, on real servers and service processes,
and what is restored is the same record, byte for byte."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from psycopg import sql

from ledger.embedded.binaries import find_binaries
from tests.postgres import Cluster
from tests.repository.checkout import ROOT, read
from tests.repository.documents import blocks
from tests.served import serving

BACK_UP = "docs/how-to/back-up.md"
OWN_SERVER = "docs/how-to/run-on-your-own-postgresql.md"
SEEDS = ("01-actors.yaml", "02-founding-case.yaml")
SECONDS = 60


def block(page: str, beginning: str) -> str:
    """The one block of a page that begins so."""
    found = [each.text for each in blocks(read(page)) if each.text.startswith(beginning)]
    assert len(found) == 1, f"{page} has {len(found)} blocks that begin with {beginning!r}"
    return found[0]


def run(command: str, folder: Path, **environment: str) -> str:
    """Runs a block as a reader does; what it prints."""
    path = (
        f"{Path(sys.executable).parent}{os.pathsep}{environment.pop('TOOLS', '')}{os.pathsep}{os.environ['PATH']}"
    )
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env={**os.environ, **environment, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def told(address: str, folder: Path) -> Any:
    """What a service says of its ledgers and figures."""
    ledgers = json.loads(run("incident-ledger --json ledgers", folder, LEDGER_ADDRESS=address))
    head = str(ledgers["ledgers"][0]["size"])
    ask = f"incident-ledger --json casualties --min-position {head}"
    figures = json.loads(run(ask, folder, LEDGER_ADDRESS=address))
    return ledgers, figures["figures"], figures["tolls"]


def append_seeds(address: str, folder: Path) -> None:
    """Gives a ledger something to keep."""
    files = " ".join(str(ROOT / "seeds" / name) for name in SEEDS)
    run(f"incident-ledger append {files}", folder, LEDGER_ADDRESS=address)


@contextmanager
def database(cluster: Cluster, name: str) -> Iterator[Mapping[str, str]]:
    """The variables of the pages for a database of this name, which is made by the pages' commands."""
    address = urlsplit(cluster.server.url())
    try:
        yield {
            "LEDGER_OWNER_DATABASE_URL": cluster.server.url(),
            # The password of the fixtures: the roles belong to the whole cluster.
            "LEDGER_DATABASE_URL": f"postgresql://ledger_service:service@/{name}?{address.query}",
            "ADMIN_URL": cluster.server.url(name),
            "TOOLS": str(find_binaries(cluster.bin_dir)),
        }
    finally:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        cluster.admin.execute(drop)


def test_a_provisioned_database_is_dumped_and_restored(cluster: Cluster, tmp_path: Path) -> None:
    with database(cluster, "kept") as kept, database(cluster, "restored") as restored:
        run(block(OWN_SERVER, "incident-ledger provision"), tmp_path, **kept)
        service = {"LEDGER_DATABASE_URL": kept["LEDGER_DATABASE_URL"]}
        with serving(environment=service) as running:
            append_seeds(running.address, tmp_path)
            before = told(running.address, tmp_path)
            run(block(BACK_UP, "pg_dump"), tmp_path, **kept)
        run(block(BACK_UP, "incident-ledger provision\npg_restore"), tmp_path, **restored)
        with serving(environment={"LEDGER_DATABASE_URL": restored["LEDGER_DATABASE_URL"]}) as running:
            assert told(running.address, tmp_path) == before
            # Still a ledger, with its fence and its rights: it takes reports, and knows those that it has.
            append_seeds(running.address, tmp_path)
            assert told(running.address, tmp_path) == before


def test_the_folder_of_the_embedded_database_is_copied_and_put_back(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    with serving("--embedded", "--data-dir", str(first / ".incident-ledger")) as running:
        append_seeds(running.address, first)
        before = told(running.address, first)
    run(block(BACK_UP, "tar"), first)
    run(f"tar -xzf {first / 'ledger-backup.tar.gz'}", second)
    with serving("--embedded", "--data-dir", str(second / ".incident-ledger")) as running:
        assert told(running.address, second) == before


@pytest.mark.parametrize("page", [BACK_UP, OWN_SERVER])
def test_a_block_that_is_not_there_is_noticed(page: str) -> None:
    with pytest.raises(AssertionError, match="has 0 blocks"):
        block(page, "rm ")
