"""The command `witness` as somebody runs it, the page about it, and a witness that is killed between what it writes
and what it answers."""

from __future__ import annotations

import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.audit.checkpoints import Checkpoint, sign_checkpoint
from ledger.audit.cosignatures import CosignerKey, CosigningKey, cosignatures
from ledger.audit.notes import SignerKey
from ledger.audit.policies import parse
from ledger.audit.witnessing import Request
from ledger.cli import run as run_command
from tests.forged import Grown
from tests.integration.test_how_to import run
from tests.repository.checkout import ROOT, read
from tests.repository.documents import blocks

PAGE = "docs/how-to/witness-a-ledger.md"
LOG = SignerKey("ledger.example/main", bytes(32))
TREE = Grown([b"%d" % number for number in range(20)])
OTHER = Grown([b"other %d" % number for number in range(20)])
SECONDS = 60
KILLED = """
import os, signal
from ledger.audit.cosignatures import CosigningKey
from ledger.cli import main
CosigningKey.cosignature = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


class WitnessProcess:
    """A witness as a process, and where it answers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.key, self.url = "", ""
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("verifier key: "):
                self.key = line.removeprefix("verifier key: ").strip()
            if line.startswith("witnessing on "):
                self.url = line.removeprefix("witnessing on ").partition(";")[0]
                return

    def ask(self, old: int, size: int, tree: Grown = TREE) -> tuple[int, str]:
        """A status and what comes with it."""
        note = sign_checkpoint(Checkpoint(LOG.name, size, tree.roots[size]), [LOG])
        body = Request(old, tree.consistency(old, size).proof, note).text().encode()
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(f"{self.url}/add-checkpoint", body, timeout=SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@contextmanager
def witnessing(folder: Path, *arguments: str, cwd: Path = ROOT) -> Iterator[WitnessProcess]:
    """A witness, by these arguments of Python."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "LEDGER_WITNESS_LISTEN": "127.0.0.1:0", "LEDGER_WITNESS_FOLDER": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield WitnessProcess(process)
    finally:
        process.kill()
        process.communicate()


def test_a_witness_that_is_killed_before_it_answers_has_not_forgotten(tmp_path: Path) -> None:
    arguments = ("witness", "--name", "witness.example", "--log", str(LOG.verifier()))
    with witnessing(tmp_path / "w", "-c", KILLED, *arguments) as killed:
        with pytest.raises(OSError, match=r"closed|reset"):
            killed.ask(0, 10)
        assert killed.process.wait(SECONDS) == -signal.SIGKILL
        key = killed.key
    assert stat.S_IMODE((tmp_path / "w" / "witness.key").stat().st_mode) == 0o600
    with witnessing(tmp_path / "w", "-m", "ledger", "witness", "--log", str(LOG.verifier())) as again:
        assert again.key == key
        assert again.ask(0, 10, OTHER) == (409, "10\n")
        assert again.ask(10, 12, OTHER)[0] == 422
        status, lines = again.ask(10, 12)
        assert status == 200
        note = sign_checkpoint(Checkpoint(LOG.name, 12, TREE.roots[12]), [LOG]) + lines
        assert [each.key for each in cosignatures(note, [CosignerKey.parse(key)])] == [CosignerKey.parse(key)]
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(SECONDS) == 0
        assert again.process.stdout is not None
        told = again.process.stdout.read()
    for line in ("refused (409) ledger.example/main at 10", "refused (422)", "cosigned ledger.example/main at 12"):
        assert line in told


def test_the_page_shows_how_a_ledger_is_watched(tmp_path: Path) -> None:
    listed, started = (each.text for each in blocks(read(PAGE))[:2])
    run(listed, tmp_path, LEDGER_VERIFIER_KEYS=str(LOG.verifier()))
    with witnessing(tmp_path / "unused", "-m", "ledger", *shlex.split(started)[1:], cwd=tmp_path) as witness:
        assert CosignerKey.parse(witness.key).name == "witness.example.org"
        assert witness.ask(0, 3)[0] == 200
    assert (tmp_path / "witness" / "witness.key").exists()


def test_the_policy_of_the_page_is_one() -> None:
    (shown,) = (each.text for each in blocks(read(PAGE)) if each.text.startswith("log "))
    names = iter(range(1, 9))

    def real(match: re.Match[str]) -> str:
        name, number = match["name"], next(names)
        if name.startswith("ledger"):
            return str(SignerKey(name, bytes([number] * 32)).verifier())
        return str(CosigningKey(name, bytes([number] * 32)).verifier())

    policy = parse(re.sub(r"(?P<name>[\w./]+)\+[0-9a-f]{8}\+\S+…", real, shown))
    assert [each.name for each in policy.witnesses] == ["north", "south", "coast"]
    assert not policy.shortfall(policy.witness_keys[1:])
    assert policy.shortfall(policy.witness_keys[2:])


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ((), 2, "name a ledger to watch"),
        (("--log", "x"), 2, "not an Ed25519 key"),
        (("--logs", "{folder}/ledgers"), 2, "ledgers:3"),
        (("--logs", "{folder}/none"), 2, "cannot be read"),
        (("--log", "{log}", "--listen", "here"), 2, "is not HOST:PORT"),
        (("--log", "{log}", "--listen", "127.0.0.1:65536"), 2, "is not HOST:PORT"),
        (("--log", "{log}", "--listen", "192.0.2.1:1"), 1, "choose another address"),
        (("--log", "{log}", "--folder", "{folder}/readable"), 1, "chmod 600"),
        (("--log", "{log}", "--folder", "{folder}/wrong"), 1, "holds no key of a witness: this is a key for sig"),
        (("--log", "{log}", "--folder", "{folder}/named", "--name", "other"), 1, "is of me, not of other"),
        (("--log", "{log}", "--folder", "{folder}/file"), 2, "is a file"),
        (("--log", "{log}", "--folder", "{folder}/file/below"), 1, "name another"),
        (("--log", "{log}", "--folder", "{folder}/new", "--name", "a b"), 1, "cannot be a key's name"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, why: str
) -> None:
    witness = CosigningKey("me", bytes(32)).secret()
    for name, secret, mode in (
        ("readable", witness, 0o644),
        ("wrong", LOG.secret(), 0o600),
        ("named", witness, 0o600),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "witness.key").write_text(secret)
        (tmp_path / name / "witness.key").chmod(mode)
    (tmp_path / "file").write_text("")
    (tmp_path / "ledgers").write_text(f"# known ones\n{LOG.verifier()}\nnone\n")
    given = [each.format(folder=tmp_path, log=LOG.verifier()) for each in arguments]
    folder = [] if "--folder" in given else ["--folder", str(tmp_path / "default")]
    assert run_command(["witness", *given, *folder]) == code
    assert why in capsys.readouterr().err


def test_a_key_for_a_witness_can_be_made_beforehand(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["audit", "new-key", "--witness", "witness.example"]) == 0
    assert CosigningKey.parse(capsys.readouterr().out).name == "witness.example"
