"""What a running service does when its database is set back, exchanged or busy under it: nothing is signed that
contradicts what was signed, nobody is kept waiting, and nothing sound is called forged."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest

from incident.ledger.v1 import audit_service_pb2 as pb
from incident.ledger.v1 import ledger_service_pb2, records_pb2
from ledger.api.messages import report_to_proto
from ledger.audit.checkpoints import open_checkpoint
from ledger.audit.merkle import verify_consistency
from ledger.audit.replayed import Replayed
from ledger.cli import run
from ledger.persistence.checking import Check
from ledger.persistence.log import EventLog
from tests.filing import append, claim, redaction, report
from tests.integration.test_audit_service import WAIT, Client, tampered
from tests.postgres import Database
from tests.served import ServiceProcess, serving
from tests.tampered import recording

pytestmark = pytest.mark.newest
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
BACK_TO_TWO = "DELETE FROM events WHERE position > 2; DELETE FROM commits WHERE size_after > 2"
SECONDS = 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The service's own."""
    return tmp_path


@pytest.fixture
def service(database: Database, folder: Path) -> Iterator[ServiceProcess]:
    with serving(environment=environment(database, folder)) as running:
        yield running


@pytest.fixture
def client(service: ServiceProcess) -> Iterator[Client]:
    with service.channel() as channel:
        yield Client(channel)


def environment(database: Database, folder: Path) -> dict[str, str]:
    return {"LEDGER_DATABASE_URL": database.service_url, "LEDGER_DATA_DIR": str(folder)}


def append_others(database: Database, most: int) -> None:
    """Other reports, by somebody who has no guard."""
    with recording(database) as application:
        for number in range(most):
            append(application, report(f"other-{number}", claim(count=9)))


def test_another_history_is_not_signed_by_what_is_remembered_of_the_first(
    client: Client, database: Database
) -> None:
    for name in ("one", "two"):
        client.append(name)
    old, _, _ = client.checkpoint()
    client.append("three")
    client.audit.GetConsistencyProof(pb.GetConsistencyProofRequest(first_size=4), timeout=SECONDS)
    tampered(database, BACK_TO_TWO)
    with pytest.raises(grpc.RpcError, match="does not continue"):
        client.checkpoint()
    append_others(database, 8)
    with pytest.raises(grpc.RpcError, match="does not continue"):
        client.checkpoint()
    found = client.audit.GetConsistencyProof(pb.GetConsistencyProofRequest(first_size=4), timeout=SECONDS)
    assert found.first_root_hash != old.root
    verify_consistency(4, found.second_size, found.hashes, found.first_root_hash, found.second_root_hash)


def test_nothing_is_added_to_a_record_that_was_set_back_under_the_service(
    client: Client, database: Database, service: ServiceProcess
) -> None:
    client.append("one")
    client.append("two")  # no checkpoint covers it: the service has seen it
    tampered(database, BACK_TO_TWO)
    for number in range(4):
        with pytest.raises(grpc.RpcError, match="the 4 events that this process has seen"):
            client.append(f"other-{number}", wait=WAIT if number % 2 else records_pb2.APPEND_WAIT_UNSPECIFIED)
    assert client.ledger.GetLedger(ledger_service_pb2.GetLedgerRequest(), timeout=SECONDS).ledger.size == 2
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute(CUT)  # as when the server was stopped for it
    with pytest.raises(grpc.RpcError, match="the 4 events that this process has seen"):
        client.append("another", wait=WAIT)
    append_others(database, 3)
    with pytest.raises(grpc.RpcError, match="does not continue"):
        client.append("yet-another")
    assert client.ledger.GetLedger(ledger_service_pb2.GetLedgerRequest(), timeout=SECONDS).ledger.size == 8
    assert "Traceback" not in service.output


def test_an_append_whose_record_is_set_back_while_it_waits_ends(
    client: Client, database: Database, folder: Path
) -> None:
    client.append("one")
    client.checkpoint()
    with (folder / "checkpoints" / "main.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        request = ledger_service_pb2.AppendReportRequest(report=report_to_proto(report("two")), wait=WAIT)
        waiting = client.ledger.AppendReport.future(request, timeout=SECONDS)
        end = time.monotonic() + SECONDS
        while client.ledger.GetLedger(ledger_service_pb2.GetLedgerRequest(), timeout=SECONDS).ledger.size < 4:
            assert time.monotonic() < end
        tampered(database, BACK_TO_TWO)
    with pytest.raises(grpc.RpcError) as ended:
        waiting.result()
    assert ended.value.code() is grpc.StatusCode.DATA_LOSS
    assert "The report 'two' was recorded, and got no checkpoint" in str(ended.value.details())
    assert "has 2" in str(ended.value.details())


def test_a_signature_that_does_not_come_keeps_neither_reads_nor_a_stop_waiting(
    client: Client, service: ServiceProcess, folder: Path
) -> None:
    client.append("one")
    client.checkpoint()
    with (folder / "checkpoints" / "main.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        asked = [client.audit.GetCheckpoint.future(pb.GetCheckpointRequest(), timeout=1) for _ in range(16)]
        for each in asked:
            assert each.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        client.ledger.GetEvent(ledger_service_pb2.GetEventRequest(position=1), timeout=SECONDS)
        assert service.stop() == 0


def test_once_an_operator_has_accepted_it_another_history_is_signed_without_a_restart(
    client: Client, service: ServiceProcess, database: Database, folder: Path
) -> None:
    for name in ("one", "two"):
        client.append(name)
    client.checkpoint()
    tampered(database, BACK_TO_TWO)
    append_others(database, 3)
    with pytest.raises(grpc.RpcError, match="does not continue"):
        client.checkpoint()
    accept = ("--address", service.address, "accept-rollback", "main", "--size", "8", "--data-dir", str(folder))
    assert run(accept) == 0
    assert until(client.checkpoint)[0].size == 8
    assert until(lambda: client.append("three")).receipt.tree_size == 10
    assert client.checkpoint()[0].size == 10


def until(work: Callable[[], Any]) -> Any:
    """What it gives once it is no longer refused."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            return work()
        except grpc.RpcError:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_report_is_not_recorded_where_no_checkpoint_can_be_promised(client: Client, folder: Path) -> None:
    (folder / "checkpoint.key").chmod(0o644)
    with pytest.raises(grpc.RpcError, match="others can read"):
        client.append("one", wait=WAIT)
    assert client.ledger.GetLedger(ledger_service_pb2.GetLedgerRequest(), timeout=SECONDS).ledger.size == 0
    requests = [ledger_service_pb2.AppendReportRequest(report=report_to_proto(report("two")), wait=WAIT)]
    answers = client.ledger.AppendReports(
        iter([ledger_service_pb2.AppendReportsRequest(reports=requests)]), timeout=SECONDS
    )
    assert next(answers).outcomes[0].receipt.tree_size == 2  # what is recorded is told
    with pytest.raises(grpc.RpcError, match="others can read"):
        next(answers)


def test_a_redaction_while_everything_is_checked_is_no_fault(client: Client, database: Database) -> None:
    target = client.append("one").receipt.events[-1].event_id
    client.append("two")
    with psycopg.connect(database.service_url, autocommit=True) as connection:
        log = EventLog("main")
        check = Check(log, log.head(connection))
        page = log.page

        def slow(*arguments: Any, **more: Any) -> Any:
            found = page(*arguments, **more)
            client.append("three", redaction(target))
            return found

        log.page = slow  # type: ignore[method-assign]
        assert check.further(connection).verified == 4
        check = Check(EventLog("main"), log.head(connection))
        assert check.further(connection).verified == 6
        # One that is recorded before its target is read, and after the check began.
        late = client.append("four").receipt.events[-1].event_id
        check = Check(EventLog("main"), EventLog("main").head(connection))
        client.append("five", redaction(late))
        assert check.further(connection).verified == 8


def test_a_redaction_while_everything_is_replayed_is_no_fault(client: Client) -> None:
    target = client.append("one").receipt.events[-1].event_id
    signed, keys, _ = client.checkpoint()
    client.append("two", redaction(target))
    replayed = Replayed(signed)

    def replay(first: int) -> Any:
        request = ledger_service_pb2.ReplayHistoryRequest(
            view=records_pb2.EVENT_VIEW_RAW, with_checkpoint=True, from_position=first
        )
        begun, *pages = client.ledger.ReplayHistory(request, timeout=SECONDS)
        events = [event for page in pages for event in page.events]
        return open_checkpoint(begun.checkpoint, keys), events

    _, events = replay(1)
    for event in events[: signed.size]:
        replayed.take(event.envelope, event.salt, event.payload)
    replayed.end()
    assert replayed.unexplained == 2
    later, events = replay(signed.size + 1)
    replayed.go_on(later)
    for event in events:
        replayed.take(event.envelope, event.salt, event.payload)
    replayed.end()
    assert (replayed.unexplained, replayed.redacted) == (0, 1)


def test_a_checkpoint_of_another_ledger_is_not_taken_for_an_earlier_one(
    client: Client, service: ServiceProcess, tmp_path: Path
) -> None:
    client.ledger.CreateLedger(ledger_service_pb2.CreateLedgerRequest(ledger="other"), timeout=SECONDS)
    client.append("one")

    def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ledger", "--address", service.address, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    earlier = tmp_path / "other.checkpoint"
    assert audit("--ledger", "other", "audit", "checkpoint", "--output", str(earlier)).returncode == 0
    names = ("main", "other")
    named = [client.audit.GetCheckpoint(pb.GetCheckpointRequest(ledger=name), timeout=SECONDS) for name in names]
    keys = [part for each in named for part in ("--key", each.verifier_keys[0])]
    for command in ("replay", "checkpoint"):
        found = audit("audit", command, "--since", str(earlier), *keys)
        assert (found.returncode, "the earlier checkpoint is of" in found.stderr) == (1, True)
    earlier.write_bytes(b"\xff\xfe")
    for reading in (["replay", "--since"], ["checkpoint", "--since"], ["verify"]):
        faulty = audit("audit", *reading, str(earlier), *keys)
        assert (faulty.returncode, "is not UTF-8" in faulty.stderr) == (2, True)
    unwritable = audit("audit", "checkpoint", "--output", str(tmp_path / "missing" / "file"))
    assert (unwritable.returncode, "cannot be written" in unwritable.stderr) == (2, True)
