"""A service with three witnesses, over gRPC and the command: what it gives out is cosigned and verified without it,
a quorum that is not met is told, and a second history under the same name gets nothing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from incident.ledger.v1 import audit_service_pb2, ledger_service_pb2, records_pb2
from ledger.api.messages import report_to_proto
from ledger.audit.checkpoints import open_checkpoint
from ledger.audit.cosignatures import CosignerKey, cosignatures
from ledger.audit.notes import SignerKey
from ledger.audit.proofs import Proof
from ledger.cli import run
from ledger.composition import witnesses_of
from ledger.persistence.signing import Signing
from ledger.settings import Settings, SettingsError
from tests.filing import report
from tests.integration.test_audit_service import SECONDS, WAIT, Client
from tests.panel import Panel, witnesses
from tests.postgres import Cluster, Database
from tests.repository.checkout import read
from tests.repository.documents import blocks
from tests.served import ServiceProcess, serving

pytestmark = pytest.mark.newest
PAGE = "docs/how-to/witness-a-ledger.md"
NAMES = ("one", "two", "three")
KEY = SignerKey("ledger.example", bytes(32))
STRANGER = str(CosignerKey("witness.example/stranger", bytes(32)))
OTHERS = KEY.named("other.example/main").verifier()
VERIFIER = KEY.named("ledger.example/main").verifier()


@dataclass
class Witnessed:
    """A service, its database and its witnesses."""

    service: ServiceProcess
    database: Database
    panel: Panel
    policy: Path

    def seen_by(self, note: str) -> set[str]:
        """Who has cosigned a checkpoint of the ledger."""
        open_checkpoint(note, [VERIFIER])
        found = cosignatures(note, [each.verifier() for each in self.panel.keys.values()])
        return {each.key.name.removeprefix("witness.example/") for each in found}


@pytest.fixture(scope="module")
def witnessed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witnessed]:
    folder = tmp_path_factory.mktemp("witnessed")
    with witnesses(folder, NAMES, [VERIFIER]) as panel, cluster.database() as database:
        policy = folder / "policy"
        policy.write_text(panel.policy(2, f"log {VERIFIER}"))
        with served(database, policy) as service:
            yield Witnessed(service, database, panel, policy)


def served(database: Database, policy: Path, **more: str) -> AbstractContextManager[ServiceProcess]:
    environment = {
        "LEDGER_DATABASE_URL": database.service_url,
        "LEDGER_CHECKPOINT_KEY": KEY.secret(),
        "LEDGER_WITNESS_POLICY": str(policy),
        "LEDGER_ROLE": "write",
        **more,
    }
    return serving(environment=environment)


@pytest.fixture
def client(witnessed: Witnessed) -> Iterator[Client]:
    with witnessed.service.channel() as channel:
        yield Client(channel)


def checkpoint(client: Client) -> audit_service_pb2.GetCheckpointResponse:
    answer: audit_service_pb2.GetCheckpointResponse = client.audit.GetCheckpoint(
        audit_service_pb2.GetCheckpointRequest(), timeout=SECONDS
    )
    return answer


def asked(service: ServiceProcess, *arguments: str | Path) -> int:
    return run(["--address", service.address, "audit", *map(str, arguments)])


def test_whatever_gives_a_checkpoint_gives_it_cosigned(client: Client, witnessed: Witnessed) -> None:
    assert len(witnessed.seen_by(client.append("one", wait=WAIT).checkpoint)) >= 2
    answer = checkpoint(client)
    assert {f"witness.example/{name}" for name in witnessed.seen_by(answer.checkpoint)} == set(answer.cosigned_by)
    assert (len(answer.cosigned_by) >= 2, answer.witness_shortfall) == (True, "")
    sent = [ledger_service_pb2.AppendReportRequest(report=report_to_proto(report("two")), wait=WAIT)]
    batches = iter([ledger_service_pb2.AppendReportsRequest(reports=sent)])
    (of_stream,) = client.ledger.AppendReports(batches, timeout=SECONDS)
    assert len(witnessed.seen_by(of_stream.checkpoint)) >= 2
    replay = ledger_service_pb2.ReplayHistoryRequest(with_checkpoint=True, view=records_pb2.EVENT_VIEW_RAW)
    first = next(iter(client.ledger.ReplayHistory(replay, timeout=SECONDS)))
    assert len(witnessed.seen_by(first.checkpoint)) >= 2
    assert checkpoint(client).checkpoint == first.checkpoint


def test_a_ledger_that_the_policy_does_not_name_is_signed_without_asking(
    client: Client, witnessed: Witnessed
) -> None:
    request = audit_service_pb2.GetCheckpointRequest(ledger="administration")
    answer = client.audit.GetCheckpoint(request, timeout=SECONDS)
    assert open_checkpoint(answer.checkpoint, [KEY.named("ledger.example/administration").verifier()]).size > 0
    assert (list(answer.cosigned_by), answer.witness_shortfall) == ([], "")
    assert not any("does not cosign" in line for line in witnessed.service.lines)


def test_files_are_verified_with_the_policy_and_without_the_service(
    client: Client, witnessed: Witnessed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client.append("one", wait=WAIT)
    note = checkpoint(client).checkpoint
    policy, file, proof, folder = witnessed.policy, tmp_path / "c", tmp_path / "p", tmp_path / "export"
    assert asked(witnessed.service, "checkpoint", "--witness-policy", policy, "--output", file) == 0
    assert asked(witnessed.service, "prove", "1", "--witness-policy", policy, "--output", proof) == 0
    assert asked(witnessed.service, "export", folder, "--witness-policy", policy) == 0
    assert asked(witnessed.service, "replay", "--witness-policy", policy, "--since", file) == 0
    assert "cosigned by witness.example/" in capsys.readouterr().err
    earlier = tmp_path / "kept-before-there-were-witnesses"
    earlier.write_text("\n".join(note.split("\n")[:5]) + "\n")
    for command in ("checkpoint", "replay"):
        assert asked(witnessed.service, command, "--witness-policy", policy, "--since", earlier) == 0
    capsys.readouterr()
    for carried in (
        file.read_text(),
        Proof.parse(proof.read_text()).checkpoint,
        (folder / "checkpoint").read_text(),
    ):
        assert carried == note
    all_three = changed(policy, "group all 2", "group all 4 stranger", tmp_path / "stricter")
    for each in (file, proof, folder):
        assert run(["--json", "audit", "verify", str(each), "--witness-policy", str(policy)]) == 0
        told = json.loads(capsys.readouterr().out)["cosigned_by"]
        assert len(told) >= 2
        assert all(line.startswith("witness.example/") and " at 2" in line for line in told)
        assert run(["audit", "verify", str(each), "--key", str(VERIFIER)]) == 0
        assert run(["audit", "verify", str(each), "--witness-policy", str(all_three)]) == 1
        assert "not cosigned by a quorum: all needs 4 of 4" in capsys.readouterr().err
    for asking, code in ((policy, 0), (all_three, 1)):
        assert run(["audit", "compare", str(file), str(file), "--witness-policy", str(asking)]) == code
    capsys.readouterr()
    for online in (("checkpoint",), ("prove", "1"), ("export", tmp_path / "no"), ("replay",)):
        assert asked(witnessed.service, *online, "--witness-policy", all_three) == 1
        assert "missing: stranger" in capsys.readouterr().err


def changed(policy: Path, what: str, to: str, path: Path) -> Path:
    """A policy that also asks for somebody who was never asked."""
    line = f"witness stranger {STRANGER}\n"
    path.write_text(line + policy.read_text().replace(what, to))
    return path


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        (
            lambda note: note.replace("— witness.example/two ", "— witness.example/nobody "),
            "not cosigned by a quorum",
        ),
        (lambda note: "\n".join(note.split("\n")[:5]) + "\n", "not cosigned by a quorum"),
        (lambda note: note[:-12] + "AAAA" + note[-8:], "does not fit the text"),
    ],
)
def test_a_cosignature_that_is_none_does_not_count(
    client: Client,
    witnessed: Witnessed,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    forged: Callable[[str], str],
    why: str,
) -> None:
    client.append("one")
    every = changed_quorum(witnessed.policy, tmp_path)
    file = tmp_path / "forged"
    note = checkpoint(client).checkpoint
    file.write_text(note)
    whole = len(witnessed.seen_by(note)) == len(NAMES)
    assert run(["audit", "verify", str(file), "--witness-policy", str(every)]) == (0 if whole else 1)
    file.write_text(forged(note))
    assert run(["audit", "verify", str(file), "--witness-policy", str(every)]) == 1
    assert why in capsys.readouterr().err


def changed_quorum(policy: Path, folder: Path) -> Path:
    path = folder / "every"
    path.write_text(policy.read_text().replace("group all 2", "group all 3"))
    return path


def test_a_policy_that_cannot_be_read_is_faulty_input(
    tmp_path: Path, witnessed: Witnessed, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "policy"
    for text, why in (
        ("quorum x\n", "policy: line 1: x is neither"),
        (witnessed.panel.policy(2), "no `log` line; add one"),
        (None, "cannot be read"),
    ):
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        assert run(["audit", "verify", str(file), "--witness-policy", str(file)]) == 2
        assert why in capsys.readouterr().err


def test_a_policy_without_ledgers_goes_with_a_key(
    client: Client, witnessed: Witnessed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client.append("one", wait=WAIT)
    policy, file = tmp_path / "policy", tmp_path / "checkpoint"
    file.write_text(checkpoint(client).checkpoint)
    for needed, code in ((2, 0), (3, len(witnessed.seen_by(file.read_text())) < 3)):
        policy.write_text(witnessed.panel.policy(needed))
        assert run(["audit", "verify", str(file), "--witness-policy", str(policy), "--key", str(VERIFIER)]) == code
    file.write_text("\n".join(file.read_text().split("\n")[:5]) + "\n")
    assert run(["audit", "verify", str(file), "--witness-policy", str(policy), "--key", str(VERIFIER)]) == 1
    assert "missing: one, two, three" in capsys.readouterr().err


def test_without_a_quorum_it_is_unavailable_or_said(
    client: Client, witnessed: Witnessed, capsys: pytest.CaptureFixture[str]
) -> None:
    witnessed.panel.stop("one", "three")
    with pytest.raises(grpc.RpcError) as refused:
        client.append("while-they-are-away", wait=WAIT)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    told = str(refused.value.details())
    assert "all needs 2 of 3 and has 1 (two); missing: one, three" in told
    assert "one cannot be asked" in told
    assert client.append("while-they-are-away").receipt.already_recorded
    more = {"LEDGER_WITNESS_FAIL": "open", "LEDGER_DATA_DIR": str(witnessed.service.folder)}
    with served(witnessed.database, witnessed.policy, **more) as opened, opened.channel() as channel:
        answer = checkpoint(Client(channel))
        assert witnessed.seen_by(answer.checkpoint) == {"two"}
        assert list(answer.cosigned_by) == ["witness.example/two"]
        assert answer.witness_shortfall.startswith("all needs 2 of 3 and has 1 (two); missing: one, three")
        assert asked(opened, "checkpoint") == 0
        assert "not cosigned by the quorum that the server asks for" in capsys.readouterr().err
        assert asked(opened, "checkpoint", "--witness-policy", witnessed.policy) == 1
    witnessed.panel.start("one", "three")
    assert len(witnessed.seen_by(client.append("they-are-back", wait=WAIT).checkpoint)) >= 2


def test_a_second_history_under_the_same_name_is_cosigned_by_nobody(
    client: Client, witnessed: Witnessed, cluster: Cluster
) -> None:
    for number in range(3):  # more than the other one has at first
        client.append(f"ahead-{number}", wait=WAIT)
    size = open_checkpoint(checkpoint(client).checkpoint, [VERIFIER]).size
    with cluster.database() as other, served(other, witnessed.policy) as service, service.channel() as channel:
        forked = Client(channel)
        with pytest.raises(grpc.RpcError, match="was the ledger set back") as smaller:
            forked.append("another", wait=WAIT)
        assert smaller.value.code() is grpc.StatusCode.UNAVAILABLE
        last = forked.append("another").receipt.tree_size
        number = 0
        while last < size + 2:
            last = forked.append(f"another-{(number := number + 1)}").receipt.tree_size
        with pytest.raises(grpc.RpcError, match="does not continue the"):
            checkpoint(forked)
        assert any("ERROR" in line and "does not continue the" in line for line in service.lines)
    kept = list((witnessed.panel.folder / "one" / "forks").iterdir())
    assert [each.name.split("-")[0] for each in kept] == ["unproven"]
    assert len(witnessed.seen_by(client.append("and-on", wait=WAIT).checkpoint)) >= 2


def test_the_page_shows_how_a_ledger_is_witnessed(
    client: Client,
    witnessed: Witnessed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    serve, get, verify = (each.text for each in blocks(read(PAGE))[3:])
    assert [each.partition("=")[0] for each in serve.split() if "=" in each] == ["LEDGER_WITNESS_POLICY"]
    (tmp_path / "witnesses.policy").write_text(witnessed.policy.read_text())
    for number in range(4):
        client.append(f"page-{number}")
    monkeypatch.chdir(tmp_path)
    for commands, address in ((get, witnessed.service.address), (verify, "127.0.0.1:1")):
        monkeypatch.setenv("LEDGER_ADDRESS", address)
        for line in commands.splitlines():
            assert run(shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out.count("witness.example/") >= 4


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("quorum x",), "LEDGER_WITNESS_POLICY: {file}: line 1: x is neither"),
        (("witness w {key}", "quorum w"), "LEDGER_WITNESS_POLICY: {file}: w has no URL; add it behind the key"),
        ((), "LEDGER_WITNESS_POLICY: {file} cannot be read"),
        (("log {log}", "quorum none"), "{file}: none of its `log` lines is of a ledger of this installation"),
    ],
)
def test_a_policy_that_cannot_be_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Sequence[str], why: str
) -> None:
    file = tmp_path / "policy"
    if lines:
        file.write_text("\n".join(lines).replace("{key}", STRANGER).replace("{log}", str(OTHERS)))
    monkeypatch.setenv("LEDGER_WITNESS_POLICY", str(file))
    with pytest.raises(SettingsError) as refused:
        witnesses_of(Settings.read(), Signing(tmp_path, KEY.secret()))
    assert why.replace("{file}", str(file)) in str(refused.value)
