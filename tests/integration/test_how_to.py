"""The how-to pages on databases and on exports do what they say: their commands are run, on real servers and
service processes, and what is restored is the same record, byte for byte."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from psycopg import sql

from ledger.datasets import eth_prio_rows, incident_table, ucdp_layout
from ledger.embedded.binaries import find_binaries
from tests.postgres import Cluster
from tests.repository.checkout import ROOT, read
from tests.repository.documents import blocks, code, rows, section
from tests.served import ServiceProcess, serving

BACK_UP = "docs/how-to/back-up.md"
EXPORT = "docs/how-to/export.md"
OWN_SERVER = "docs/how-to/run-on-your-own-postgresql.md"
SEEDS = ("01-actors.yaml", "02-founding-case.yaml")
SLICE = "03-ucdp-ged-idlib-2019.jsonl"
SLICE_ROWS = 60
INCIDENTS = 7 + SLICE_ROWS
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


def the_ledger(address: str, folder: Path) -> Any:
    """What a service says of the ledger of reports."""
    listed = json.loads(run("incident-ledger --json ledgers", folder, LEDGER_ADDRESS=address))["ledgers"]
    (main,) = [each for each in listed if each["name"] == "main"]
    return main


def told(address: str, folder: Path) -> Any:
    """What a service says of its ledger and figures."""
    main = the_ledger(address, folder)
    ask = f"incident-ledger --json casualties --min-position {main['size']}"
    figures = json.loads(run(ask, folder, LEDGER_ADDRESS=address))
    return main, figures["figures"], figures["tolls"]


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


@pytest.mark.newest
def test_incidents_and_figures_are_exported_as_the_page_says(service: ServiceProcess, tmp_path: Path) -> None:
    append_seeds(service.address, tmp_path)
    some = f"head -n {SLICE_ROWS} {ROOT / 'seeds' / SLICE} | incident-ledger append -"
    run(some, tmp_path, LEDGER_ADDRESS=service.address)
    position = int(the_ledger(service.address, tmp_path)["size"])
    wait = f"incident-ledger incidents --limit 1 --min-position {position}"
    run(wait, tmp_path, LEDGER_ADDRESS=service.address)
    told = ""
    for each in blocks(read(EXPORT)):
        if each.language == "sh":
            told += run(each.text, tmp_path, LEDGER_ADDRESS=service.address)
    exports = re.findall("^incident-ledger export", read(EXPORT), re.MULTILINE)
    assert told.count(f"As of position {position} ") == len(exports)
    idlib = json.loads((tmp_path / "idlib.csv.metadata.json").read_text())
    assert (idlib["filter"]["places"], idlib["rows"]) == (["Idlib"], 4)
    with (tmp_path / "ged.csv").open(newline="") as stream:
        in_layout = len(list(csv.DictReader(stream)))
    ged = json.loads((tmp_path / "ged.csv.metadata.json").read_text())
    assert in_layout == ged["rows"] > 50
    assert in_layout + sum(each["incidents"] for each in ged["left_out"]) == INCIDENTS
    assert (tmp_path / "figures.csv").read_text().startswith("admin1,class,low,best,high,")
    assert (tmp_path / "incidents-hxl.csv").read_text().splitlines()[1].startswith(",#date+start,#date+end,")
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".json", ".geojson", ".parquet"}
    (program,) = [each.text for each in blocks(read(EXPORT)) if each.language == "python"]
    (tmp_path / "read.py").write_text(program)
    said = run("python read.py", tmp_path)
    assert said == f"{INCIDENTS} incidents as of position {position} by ucdp-range\n"


def test_the_page_on_exports_names_every_column_reason_and_hashtag() -> None:
    page = read(EXPORT)
    named = {word for text in code(page) for word in text.split(", ")}
    columns = incident_table.COLUMNS + incident_table.WORDS
    others = tuple(f"{outcome}_" for outcome in ("injured", "missing", "captured"))
    assert {each.name for each in columns if not each.name.startswith(others)} - named == set()
    assert {f"{outcome}…" for outcome in others} - named == set()
    assert {each.tag for each in columns if each.tag} - named == set()
    assert set(ucdp_layout.COLUMNS) - {"side_a", "side_a_new_id", "side_b", "side_b_new_id"} - named <= {
        *("deaths_a", "deaths_b"),
    }
    empty = page.partition("The others are empty: ")[2].partition(". Rows")[0]
    assert set(code(empty)) == ucdp_layout.NOT_KEPT
    reasons = [cells[0].strip("`") for cells in rows(section(page, "UCDP's layout"))]
    assert reasons == [*ucdp_layout.LeftOut, *ucdp_layout.Note]
    assert {*eth_prio_rows.COLUMNS, *eth_prio_rows.Left} - named == set()


@pytest.mark.parametrize("page", [BACK_UP, OWN_SERVER])
def test_a_block_that_is_not_there_is_noticed(page: str) -> None:
    with pytest.raises(AssertionError, match="has 0 blocks"):
        block(page, "rm ")
