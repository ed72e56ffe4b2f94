"""Exports of a running service: of a range without replaying the rest, verified by others, and refused where the
server or the disk does not hold what it says. The page on verifying them does what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from incident.ledger.v1 import ledger_service_pb2
from ledger.api.messages import report_to_proto
from ledger.cli import run as command
from tests.filing import claim, redaction, report
from tests.integration.test_audit_service import SECONDS, Client, tampered
from tests.integration.test_how_to import run
from tests.postgres import Cluster, Database
from tests.readers import PARTS, ROOT, script
from tests.repository.checkout import read
from tests.repository.documents import blocks
from tests.served import serving

pytestmark = pytest.mark.newest
PAGE = "docs/how-to/verify-an-export-yourself.md"
REPORTS, CLAIMS = 9, 99
GONE, SOON_GONE = 400, 420
"""Positions whose payloads are redacted: by the last event, and by one that is recorded soon after."""


class Told(NamedTuple):
    """What a command said, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


class Exported(NamedTuple):
    """A service with some nine hundred events, and what to ask it with."""

    database: Database
    address: str
    key: str
    size: int

    def ask(self, *arguments: object) -> Told:
        """`audit …` of the command, whatever comes of it."""
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = command(["--address", self.address, "audit", *map(str, arguments)])
        return Told(code, out.getvalue(), err.getvalue())

    def export(self, folder: Path, *options: object) -> Told:
        """To a folder, with the key."""
        return self.ask("export", folder, "--key", self.key, *options)


@pytest.fixture(scope="module")
def recorded(cluster: Cluster) -> Iterator[Exported]:
    with cluster.database() as database, serving(environment={"LEDGER_DATABASE_URL": database.service_url}) as own:
        with own.channel() as channel:
            client = Client(channel)
            ids = [each for number in range(REPORTS) for each in filed(client, f"r-{number}")]
            filed(client, "soon", redaction(ids[SOON_GONE - 1]))
            filed(client, "between", *[claim() for _ in range(CLAIMS)])
            size = client.append("last", redaction(ids[GONE - 1])).receipt.tree_size
            _, (key,), _ = client.checkpoint()
        yield Exported(database, own.address, str(key), size)


def filed(client: Client, name: str, *contents: dict[str, object]) -> list[str]:
    """The ids of the events of a report."""
    sent = report_to_proto(report(name, *(contents or [claim(incident_id=f"i-{n}") for n in range(CLAIMS)])))
    answer = client.ledger.AppendReport(ledger_service_pb2.AppendReportRequest(report=sent), timeout=SECONDS)
    return [each.event_id for each in answer.receipt.events]


def test_every_command_of_the_page_works(recorded: Exported, tmp_path: Path) -> None:
    for part in PARTS:
        shutil.copy(part, tmp_path)
    export, verify = (each.text for each in blocks(read(PAGE)) if each.language == "sh")
    online = {"LEDGER_VERIFIER_KEYS": recorded.key, "LEDGER_ADDRESS": recorded.address}
    assert "positions 257 to 512" in run(export, tmp_path, **online)
    told = run(verify, tmp_path, LEDGER_VERIFIER_KEYS=recorded.key)
    assert f"verified: positions 1 to {recorded.size}" in told
    assert "verified: positions 257 to 512" in told


def test_the_page_names_every_part_of_the_script() -> None:
    page, parts = read(PAGE), "".join(part.read_text(encoding="utf-8") for part in PARTS)
    defined = {
        line.split("def ")[1].split("(")[0] for line in parts.splitlines() if line.lstrip().startswith("def ")
    }
    aids = {"need", "regular", "read", "from64", "sha", "text", "place", "bundles", "verify", "main"}
    assert {name for name in defined - aids if name not in page} == set()


def test_a_range_is_exported_with_the_redactions_beyond_it(recorded: Exported, tmp_path: Path) -> None:
    folder = tmp_path / "part"
    # A key that is given twice is kept once.
    made = recorded.export(folder, "--key", f"{recorded.key} {recorded.key}", "--from", 390, "--to", 410, "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert (told["from"], told["to"], told["size"], told["redacted"]) == (257, 512, recorded.size, 2)
    proofs = sorted(each.name for each in (folder / "redactions").iterdir())
    assert len(proofs) == 2
    assert f"{recorded.size}.tlog-proof" in proofs
    tiles = {str(each.relative_to(folder / "tile")) for each in (folder / "tile").rglob("*") if each.is_file()}
    rest = recorded.size % 256
    assert tiles == {"0/001", f"0/003.p/{rest}", "1/000.p/3", "entries/001"}
    verified = recorded.ask("verify", folder, "--key", recorded.key, "--json")
    assert json.loads(verified.stdout)["from_position"] == "257"
    with script() as reader:
        assert reader.folder(folder, [recorded.key]) == ""
    proof = folder / "redactions" / proofs[0]
    assert "proven" in recorded.ask("verify", proof, "--key", recorded.key).stdout
    proof.unlink()
    refused = recorded.ask("verify", folder, "--key", recorded.key)
    assert (refused.returncode, "its payload is gone" in refused.stderr) == (1, True)


def test_a_range_at_the_end_is_like_the_rest(recorded: Exported, tmp_path: Path) -> None:
    made = recorded.export(tmp_path / "end", "--from", recorded.size)
    assert f"positions 769 to {recorded.size}" in made.stdout
    assert recorded.ask("verify", tmp_path / "end", "--key", recorded.key).returncode == 0


def test_what_cannot_be_exported_is_told(recorded: Exported, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    beyond = recorded.export(tmp_path / "a", "--to", recorded.size + 1)
    assert (beyond.returncode, f"there is no position {recorded.size + 1}" in beyond.stderr) == (2, True)
    assert recorded.export(tmp_path / "b", "--from", 5, "--to", 4).returncode == 2
    full = recorded.export(tmp_path / "full")
    assert (full.returncode, "is not empty; name a new folder" in full.stderr) == (2, True)
    assert not (tmp_path / "a").exists()


def test_an_export_that_the_disk_has_no_room_for_is_told_and_is_none(recorded: Exported, tmp_path: Path) -> None:
    """A limit on the size of a file: the system refuses to write, as it does on a full disk."""
    folder = tmp_path / "large"
    arguments = ["--address", recorded.address, "audit", "export", str(folder), "--key", recorded.key]
    made = subprocess.run(
        ["bash", "-c", 'ulimit -f 30; exec "$@"', "limited", sys.executable, "-m", "ledger", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (made.returncode, "cannot be written: File too large" in made.stderr) == (2, True)
    assert "Traceback" not in made.stderr
    verified = recorded.ask("verify", folder, "--key", recorded.key)
    assert (verified.returncode, "one that did not end" in verified.stderr) == (1, True)


def test_a_server_that_holds_something_else_is_found_out_and_leaves_no_export(
    recorded: Exported, tmp_path: Path
) -> None:
    tampered(recorded.database, "CREATE TABLE kept AS SELECT * FROM events WHERE position = 300")
    back = "envelope = kept.envelope, payload = kept.payload, salt = kept.salt"
    other = "envelope = replace(encode(envelope, 'escape'), 'anonymous', 'somebody')::bytea"
    changes = {
        "payload = payload || ' '": "position 300: its payload is not the one",
        "payload = NULL, salt = NULL": "position 300: its payload is gone",
        other: "positions 257 to 512: they do not give the hash that the tree has",
    }
    for number, (what, why) in enumerate(changes.items()):
        tampered(recorded.database, f"UPDATE events SET {what} WHERE position = 300")
        folder = tmp_path / str(number)
        refused = recorded.export(folder, "--from", 300, "--to", 300)
        assert (refused.returncode, why in refused.stderr) == (1, True), refused.stderr
        assert not (folder / "manifest.json").exists()
        tampered(recorded.database, f"UPDATE events SET {back} FROM kept WHERE events.position = 300")
    assert recorded.export(tmp_path / "again", "--from", 300, "--to", 300).returncode == 0
