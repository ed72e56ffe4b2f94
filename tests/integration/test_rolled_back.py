"""A service that finds another record than the one that it signed: it refuses that ledger, lets people find out
what is there, and goes on with it once an operator has accepted it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from incident.ledger.v1 import audit_service_pb2, casualty_service_pb2, ledger_service_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from ledger.cli import run
from ledger.cli.failures import FAULTY_INPUT, OK, REFUSED
from ledger.composition import LOOK_SECONDS
from ledger.persistence.signing import Signing
from tests.filing import append, report
from tests.integration.test_audit_defences import BACK_TO_TWO, environment, until
from tests.integration.test_audit_service import SECONDS, Client, tampered
from tests.postgres import Database
from tests.repository.checkout import read
from tests.repository.documents import blocks
from tests.served import ServiceProcess, serving
from tests.tampered import issue, recording

pytestmark = pytest.mark.newest
PAGE = "docs/how-to/when-something-is-found.md"
PART = "ledger/main"


def recorded(database: Database, folder: Path) -> None:
    """Four events, and a checkpoint of them."""
    with recording(database) as application:
        for name in ("one", "two"):
            append(application, report(name))
    issue(Signing(folder), database)


def accept(service: ServiceProcess, *options: str) -> int:
    """The command, on this service's data folder."""
    return run(["--address", service.address, "accept-rollback", "main", *options])


def page_commands() -> list[list[str]]:
    """The arguments of the page's commands, in order."""
    lines = [line for block in blocks(read(PAGE)) for line in block.text.splitlines()]
    return [shlex.split(line)[1:] for line in lines]


def health(channel: grpc.Channel, name: str) -> str:
    stub: Any = HealthStub(channel)  # its types come without the methods
    answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=SECONDS)
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def waited(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def signed_size(folder: Path) -> str:
    """What the last checkpoint covers; empty where none is signed."""
    file = folder / "checkpoints" / "main"
    return file.read_text().split("\n")[1] if file.exists() else ""


def test_a_ledger_that_was_set_back_is_refused_until_an_operator_accepts_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEDGER_DATA_DIR", str(tmp_path))
    recorded(database, tmp_path)
    signed = (tmp_path / "checkpoints" / "main").read_text()
    tampered(database, BACK_TO_TWO)
    with serving(environment=environment(database, tmp_path)) as service, service.channel() as channel:
        client, ledger = Client(channel), ledger_service_pb2
        for refused in (
            lambda: client.append("three"),
            lambda: client.ledger.GetEvent(ledger.GetEventRequest(position=1), timeout=SECONDS),
            lambda: next(client.ledger.Subscribe(ledger.SubscribeRequest(), timeout=SECONDS)),
            lambda: CasualtyServiceStub(channel).GetCasualties(
                casualty_service_pb2.GetCasualtiesRequest(), timeout=SECONDS
            ),
        ):
            with pytest.raises(grpc.RpcError) as told:
                refused()
            assert told.value.code() is grpc.StatusCode.DATA_LOSS
            assert "accept-rollback main --size 2" in str(told.value.details())
        examined: list[Any] = [
            client.ledger.GetLedger(ledger.GetLedgerRequest(), timeout=SECONDS).ledger.size,
            client.ledger.ListLedgers(ledger.ListLedgersRequest(), timeout=SECONDS).ledgers[-1].size,
            sum(len(page.events) for page in client.ledger.ReplayHistory(ledger.ReplayHistoryRequest())),
            client.verify()[-1].verified,
        ]
        assert examined == [2, 2, 2, 2]
        assert (health(channel, PART), health(channel, "")) == ("NOT_SERVING", "SERVING")
        time.sleep(LOOK_SECONDS)
        assert service.output.count("ERROR") == service.output.count("is refused") == 1

        # The page for this moment, as an operator follows it.
        health_, state, ledgers, check, compare, show, accepting, rebuild = page_commands()
        monkeypatch.setenv("LEDGER_ADDRESS", service.address)
        monkeypatch.setenv("LEDGER_VERIFIER_KEYS", str(Signing(tmp_path).verifiers("main")[0]))
        monkeypatch.chdir(tmp_path)
        for name in ("mine.checkpoint", "yours.checkpoint"):
            Path(name).write_text(signed)
        assert [run(each) for each in (health_, state, ledgers, check, compare)] == [OK] * 5
        assert f"{PART}: not serving" in capsys.readouterr().out
        assert run(show) == FAULTY_INPUT
        assert "was: 4 events" in (shown := capsys.readouterr()).out
        assert ("now: 2 events" in shown.out, "--size 2" in shown.err) == (True, True)
        assert run(accepting) == FAULTY_INPUT  # another size than that of this ledger
        own = ["2" if each == "1204" else each for each in accepting]
        assert run([*own, "--data-dir", str(tmp_path / "elsewhere")]) == FAULTY_INPUT
        assert (tmp_path / "checkpoints" / "main").read_text() == signed
        assert run(own) == OK
        until(lambda: client.append("three"))
        assert client.checkpoint()[0].size == 4
        assert run(rebuild) == OK
        assert accept(service, "--size", "4") == REFUSED
        assert "is not refused" in capsys.readouterr().err
        [evidence] = (tmp_path / "checkpoints").glob("main.refused-*")
        assert evidence.read_text() == signed
        assert "was 4" in (tmp_path / "checkpoints" / "main.accepted").read_text()
        assert health(channel, PART) == "SERVING"
        end = time.monotonic() + SECONDS
        while not (recorded_since := accepted(client)):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert recorded_since == [(4, 2)]


def accepted(client: Client) -> list[tuple[int, int]]:
    """The rollbacks in the administrative record: how many events were signed, and how many were accepted."""
    request = ledger_service_pb2.ReplayHistoryRequest(ledger="administration")
    events = [each for page in client.ledger.ReplayHistory(request, timeout=SECONDS) for each in page.events]
    found = [each.claim.rollback_accepted for each in events if each.type == "RollbackAccepted"]
    return [(each.issued_size, each.size) for each in found]


def test_a_ledger_that_is_gone_is_not_made_anew_unless_that_is_accepted(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATA_DIR", str(tmp_path))
    recorded(database, tmp_path)
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA ledger_main CASCADE")
    with serving(environment=environment(database, tmp_path)) as service, service.channel() as channel:
        client, ledger = Client(channel), ledger_service_pb2
        create = ledger.CreateLedgerRequest(ledger="main")
        for refused in (
            lambda: client.append("three"),
            lambda: client.ledger.CreateLedger(create, timeout=SECONDS),
        ):
            with pytest.raises(grpc.RpcError, match="no ledger of this name any more"):
                refused()
        assert health(channel, PART) == "NOT_SERVING"
        client.ledger.CreateLedger(ledger.CreateLedgerRequest(ledger="other"), timeout=SECONDS)
        assert accept(service, "--size", "0") == OK
        until(lambda: client.append("three"))
        assert client.checkpoint()[0].size == 2


def test_checkpoints_are_signed_unasked_and_what_a_check_finds_is_told(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with recording(database) as application:
        append(application, report("one"))
    tampered(database, "UPDATE events SET payload = payload || ' ' WHERE position = 2")
    often = environment(database, tmp_path) | {"LEDGER_CHECKPOINT_SECONDS": "0.2"}
    with serving(environment=often) as service, service.channel() as channel:
        client, audit = Client(channel), ["--address", service.address]
        waited(lambda: signed_size(tmp_path) == "2")
        client.append("two")
        waited(lambda: signed_size(tmp_path) == "4")
        name = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"].full_name
        waited(lambda: health(channel, name) == "NOT_SERVING")
        state = client.audit.GetCheckState(audit_service_pb2.GetCheckStateRequest(), timeout=SECONDS)
        assert (state.enabled, state.finding_position) == (True, 2)
        assert "its payload is not the one" in state.finding
        assert run([*audit, "audit", "check", "--state"]) == REFUSED
        assert "its payload is not the one" in capsys.readouterr().out
        assert run([*audit, "health"]) == OK
        assert f"{name}: not serving" in capsys.readouterr().out
        assert service.output.count("has found") == 1
