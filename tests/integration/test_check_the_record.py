"""The page on checking the record does what it says: its commands are run, with a service and without one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from incident.ledger.v1 import ledger_service_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.api.messages import report_to_proto
from ledger.audit.checkpoints import Checkpoint, open_checkpoint
from ledger.audit.notes import SignerKey, VerifierKey, sign
from ledger.cli import run as command
from tests.filing import report
from tests.integration.test_how_to import run
from tests.repository.checkout import read
from tests.repository.documents import blocks
from tests.served import ServiceProcess, serving

PAGE = "docs/how-to/check-the-record.md"
NOWHERE = "127.0.0.1:1"
SECONDS = 60


@pytest.fixture(scope="module")
def seeded() -> Iterator[ServiceProcess]:
    with serving("--seed") as running:
        yield running


@pytest.fixture(scope="module")
def key(seeded: ServiceProcess, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The verifier key, found as an operator finds it."""
    told = run(commands()[0], tmp_path_factory.mktemp("operator"), LEDGER_ADDRESS=seeded.address)
    document = told[told.index("{") : told.rindex("}") + 1]
    return str(json.loads(document)["verifier_keys"][0])


def commands() -> list[str]:
    """The blocks of the page, in order."""
    return [each.text for each in blocks(read(PAGE)) if each.text.startswith("incident-ledger")]


def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One command, whatever comes of it."""
    return subprocess.run(
        [sys.executable, "-m", "ledger", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_every_command_of_the_page_works(seeded: ServiceProcess, key: str, tmp_path: Path) -> None:
    _, keep, again, prove, export, verify, everything, check = commands()
    known = {"LEDGER_VERIFIER_KEYS": key}
    online = known | {"LEDGER_ADDRESS": seeded.address}
    run(keep, tmp_path, **online)
    assert "continues the checkpoint" in run(again, tmp_path, **online)
    assert "proven" in run(prove, tmp_path, **online)
    assert "each verified" in run(export, tmp_path, **online)
    offline = run(verify, tmp_path, **known, LEDGER_ADDRESS=NOWHERE)
    assert "ActorRegistered" in offline
    assert "checkpoint" in offline
    assert "give the root that was signed" in run(everything, tmp_path, **online)
    assert "events fit" in run(check, tmp_path, LEDGER_ADDRESS=seeded.address)
    kept = open_checkpoint((tmp_path / "monday.checkpoint").read_text(), [VerifierKey.parse(key)])
    assert kept.size > 2_000
    assert kept.root.hex() in offline


def test_a_proof_can_leave_out_what_an_event_says(seeded: ServiceProcess, key: str, tmp_path: Path) -> None:
    file = tmp_path / "7.tlog-proof"
    options = ("--address", seeded.address, "audit", "prove", "7", "--without-payload", "--key", key)
    assert asked(*options, "--output", str(file)).returncode == 0
    shown = asked("--json", "audit", "verify", str(file), "--key", key)
    assert json.loads(shown.stdout)["payload"] == "not shown"


def test_what_does_not_hold_is_exit_code_1_with_its_reason(
    seeded: ServiceProcess, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "7.tlog-proof"
    online = ("--address", seeded.address, "audit")
    asked(*online, "prove", "7", "--key", key, "--output", str(file))
    file.write_text(file.read_text().replace("index 6", "index 5"))
    changed = asked("audit", "verify", str(file), "--key", key)
    assert (changed.returncode, "does not hold" in changed.stderr) == (1, True)
    without = asked("audit", "verify", str(file))
    assert (without.returncode, "LEDGER_VERIFIER_KEYS" in without.stderr) == (2, True)
    faulty = asked("audit", "verify", str(file), "--key", "x")
    assert (faulty.returncode, "--key" in faulty.stderr) == (2, True)
    other = VerifierKey.parse(key)
    stranger = str(VerifierKey(other.name, bytes(31) + b"\x01"))
    untrusted = asked(*online, "checkpoint", "--key", stranger)
    assert (untrusted.returncode, "no trusted key" in untrusted.stderr) == (1, True)


def test_a_ledger_that_does_not_continue_a_checkpoint_is_told(
    seeded: ServiceProcess, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another ledger under the same name and key: what two visitors are shown."""
    with serving("--seed", environment={"LEDGER_CHECKPOINT_KEY": secret(seeded)}) as other:
        for service, name in ((seeded, "one"), (other, "two")):
            made = asked(
                *("--address", service.address, "audit", "checkpoint", "--key", key),
                *("--output", str(tmp_path / name)),
            )
            assert made.returncode == 0, made.stderr
        compare = ("audit", "compare", str(tmp_path / "one"), str(tmp_path / "two"))
        assert command(["--address", NOWHERE, *compare, "--key", key]) == 1
        assert "two histories of" in capsys.readouterr().err
        remember = ("audit", "checkpoint", "--key", key, "--remember", str(tmp_path / "one"))
        kept = (tmp_path / "one").read_text()
        assert command(["--address", other.address, *remember]) == 1
        assert "does not continue" in capsys.readouterr().err
        assert (tmp_path / "one").read_text() == kept
        since = ("audit", "checkpoint", "--key", key, "--since", str(tmp_path / "one"))
        found = asked("--address", other.address, *since)
        assert (found.returncode, "does not continue" in found.stderr) == (1, True)
        since = ("audit", "replay", "--key", key, "--since", str(tmp_path / "one"))
        found = asked("--address", other.address, *since)
        assert (found.returncode, "does not continue" in found.stderr) == (1, True)


def test_a_remembered_checkpoint_is_replaced_by_what_continues_it_and_can_be_compared(
    seeded: ServiceProcess, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last, first = str(tmp_path / "last"), str(tmp_path / "first")
    online, trusting = ["--address", seeded.address, "audit"], ["--key", key]
    assert command([*online, "checkpoint", "--remember", last, "--output", first, *trusting]) == 0
    with seeded.channel() as channel:
        sent = ledger_service_pb2.AppendReportRequest(report=report_to_proto(report("later")))
        LedgerServiceStub(channel).AppendReport(sent, timeout=SECONDS)
    capsys.readouterr()
    assert command([*online, "checkpoint", "--remember", last, *trusting]) == 0
    assert "It continues the checkpoint" in capsys.readouterr().err
    sizes = [int(Path(each).read_text().split("\n")[1]) for each in (last, first)]
    assert sizes[0] == sizes[1] + 2
    assert command([*online, "compare", last, first, *trusting, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["sizes"]) == ("continued", sizes)
    nowhere = ["--address", NOWHERE, "audit"]
    assert command([*nowhere, "compare", last, last, *trusting]) == 0
    assert "Both say the same" in capsys.readouterr().out
    assert command([*nowhere, "compare", last, first, *trusting]) == 3
    assert command([*online, "compare", last, first]) == 2
    stranger = SignerKey.generate("elsewhere.example.org").named("elsewhere.example.org/main")
    Path(first).write_text(sign(Checkpoint(stranger.name, 10**6, bytes(32)).text(), [stranger]))
    assert command([*online, "compare", last, first, *trusting, "--key", str(stranger.verifier())]) == 2
    capsys.readouterr()
    assert command([*online, "checkpoint", "--since", first, *trusting, "--key", str(stranger.verifier())]) == 1
    assert "the earlier checkpoint is of elsewhere" in capsys.readouterr().err  # whatever its size
    own = SignerKey.parse(secret(seeded)).named(VerifierKey.parse(key).name)
    Path(first).write_text(sign(Checkpoint(own.name, 10**6, bytes(32)).text(), [own]))
    assert command([*online, "compare", last, first, *trusting]) == 1
    assert "was set back, or serves another history" in capsys.readouterr().err


def secret(service: ServiceProcess) -> str:
    """The key that a service signs with."""
    return (service.folder / "checkpoint.key").read_text().strip()
