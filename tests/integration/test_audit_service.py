"""AuditService over real gRPC: checkpoints that continue each other, proofs at any size, and a check of everything
stored that finds what a database's superuser has done."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest

from incident.ledger.v1 import audit_service_pb2, ledger_service_pb2, records_pb2
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.api.messages import report_to_proto
from ledger.audit.checkpoints import Checkpoint, open_checkpoint
from ledger.audit.envelope import EnvelopeError
from ledger.audit.merkle import EMPTY_ROOT, Frontier, ProofError, leaf_hash, verify_consistency, verify_inclusion
from ledger.audit.notes import SignerKey, VerifierKey
from ledger.audit.replayed import Replayed
from tests.filing import append, claim, redaction, report
from tests.postgres import Database
from tests.served import ServiceProcess, serving
from tests.tampered import recording

pb = audit_service_pb2
SECONDS = 20
WAIT = records_pb2.APPEND_WAIT_CHECKPOINTED


class Client:
    """Both services of one process."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.ledger = LedgerServiceStub(channel)
        self.audit = AuditServiceStub(channel)

    def append(
        self, report_id: str, *contents: dict[str, Any], **more: Any
    ) -> ledger_service_pb2.AppendReportResponse:
        sent = report(report_id, *contents)
        request = ledger_service_pb2.AppendReportRequest(report=report_to_proto(sent), **more)
        answer: ledger_service_pb2.AppendReportResponse = self.ledger.AppendReport(request, timeout=SECONDS)
        return answer

    def checkpoint(self) -> tuple[Checkpoint, list[VerifierKey], str]:
        """Verified with the keys that come with it."""
        answer = self.audit.GetCheckpoint(pb.GetCheckpointRequest(), timeout=SECONDS)
        keys = list(map(VerifierKey.parse, answer.verifier_keys))
        return open_checkpoint(answer.checkpoint, keys), keys, answer.checkpoint

    def verify(self) -> list[Any]:
        return list(self.audit.VerifyLedger(pb.VerifyLedgerRequest(), timeout=SECONDS))

    def refused(self) -> str:
        """What the check says of what does not fit."""
        with pytest.raises(grpc.RpcError) as refused:
            self.verify()
        assert refused.value.code() is grpc.StatusCode.DATA_LOSS
        return str(refused.value.details())


@pytest.fixture
def client(service: ServiceProcess) -> Iterator[Client]:
    with service.channel() as channel:
        yield Client(channel)


def tampered(database: Database, statement: str) -> None:
    """What a superuser can do, whatever triggers say."""
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("SET search_path TO ledger_main")
        for table in ("events", "commits", "tiles", "redactions"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        connection.execute(statement)


@pytest.mark.newest
def test_a_checkpoint_covers_all_that_is_recorded_and_is_signed_by_the_key_that_it_names(client: Client) -> None:
    empty, keys, _ = client.checkpoint()
    assert (empty.size, empty.root) == (0, EMPTY_ROOT)
    assert empty.origin.endswith("/main")
    answer = client.append("one", claim(), claim(count=7))
    later, later_keys, _ = client.checkpoint()
    assert (later.size, later.root) == (answer.receipt.tree_size, answer.receipt.root_hash)
    assert (later.origin, later_keys) == (empty.origin, keys)


@pytest.mark.newest
def test_an_append_can_wait_for_a_checkpoint_that_covers_it(client: Client) -> None:
    _, keys, _ = client.checkpoint()
    assert client.append("unasked").checkpoint == ""
    for number in range(3):
        answer = client.append(f"asked-{number}", wait=WAIT)
        checkpoint = open_checkpoint(answer.checkpoint, keys)
        assert checkpoint.size >= answer.receipt.tree_size
        place = answer.receipt.events[-1]
        asked = pb.GetInclusionProofRequest(position=place.position, tree_size=checkpoint.size)
        proof = client.audit.GetInclusionProof(asked, timeout=SECONDS)
        assert proof.leaf_hash == place.leaf_hash
        verify_inclusion(place.leaf_hash, place.position - 1, checkpoint.size, proof.hashes, checkpoint.root)
    again = client.append("asked-0", wait=WAIT)
    assert again.receipt.already_recorded
    assert open_checkpoint(again.checkpoint, keys).size >= again.receipt.tree_size


@pytest.mark.newest
def test_a_stream_waits_for_one_checkpoint_of_each_batch(client: Client) -> None:
    _, keys, _ = client.checkpoint()
    one = [
        ledger_service_pb2.AppendReportRequest(report=report_to_proto(report(f"r-{n}")), wait=WAIT)
        for n in range(5)
    ]
    two = [ledger_service_pb2.AppendReportRequest(report=report_to_proto(report("r-5")))]
    batches = [ledger_service_pb2.AppendReportsRequest(reports=each) for each in (one, two)]
    first, second = client.ledger.AppendReports(iter(batches), timeout=SECONDS)
    size = max(each.receipt.tree_size for each in first.outcomes)
    assert open_checkpoint(first.checkpoint, keys).size >= size > 0
    assert second.checkpoint == ""


@pytest.mark.newest
def test_every_position_and_every_pair_of_sizes_has_a_proof(client: Client) -> None:
    batch = [ledger_service_pb2.AppendReportRequest(report=report_to_proto(report(f"r-{n}"))) for n in range(150)]
    list(
        client.ledger.AppendReports(iter([ledger_service_pb2.AppendReportsRequest(reports=batch)]), timeout=SECONDS)
    )
    asked = ledger_service_pb2.ReplayHistoryRequest(view=records_pb2.EVENT_VIEW_RAW)
    pages = client.ledger.ReplayHistory(asked, timeout=SECONDS)
    leaves = [leaf_hash(event.envelope) for page in pages for event in page.events]
    roots, frontier = [EMPTY_ROOT], Frontier()
    for leaf in leaves:
        frontier.append(leaf)
        roots.append(frontier.root())
    assert len(leaves) == 300
    for position, size in ((1, 1), (1, 2), (256, 256), (256, 300), (257, 300), (300, 300), (3, 299), (100, 257)):
        request = pb.GetInclusionProofRequest(position=position, tree_size=size)
        proof = client.audit.GetInclusionProof(request, timeout=SECONDS)
        assert (proof.leaf_hash, proof.root_hash) == (leaves[position - 1], roots[size])
        verify_inclusion(proof.leaf_hash, position - 1, size, proof.hashes, roots[size])
    for first, second in ((0, 0), (0, 300), (1, 300), (255, 256), (256, 257), (256, 300), (299, 0), (300, 300)):
        pair = pb.GetConsistencyProofRequest(first_size=first, second_size=second)
        found = client.audit.GetConsistencyProof(pair, timeout=SECONDS)
        assert found.second_size == (second or 300)
        assert (found.first_root_hash, found.second_root_hash) == (roots[first], roots[found.second_size])
        verify_consistency(first, found.second_size, found.hashes, roots[first], roots[found.second_size])


@pytest.mark.newest
@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        (pb.GetInclusionProofRequest(), grpc.StatusCode.INVALID_ARGUMENT, "position"),
        (pb.GetInclusionProofRequest(position=-1), grpc.StatusCode.INVALID_ARGUMENT, "position"),
        (pb.GetInclusionProofRequest(position=9), grpc.StatusCode.NOT_FOUND, "position 9"),
        (pb.GetInclusionProofRequest(position=2, tree_size=1), grpc.StatusCode.NOT_FOUND, "position 2"),
        (pb.GetInclusionProofRequest(position=1, tree_size=9), grpc.StatusCode.NOT_FOUND, "size 9"),
        (
            pb.GetConsistencyProofRequest(first_size=2, second_size=1),
            grpc.StatusCode.INVALID_ARGUMENT,
            "second_size",
        ),
        (pb.GetConsistencyProofRequest(first_size=9), grpc.StatusCode.NOT_FOUND, "size 9"),
        (pb.GetCheckpointRequest(ledger="other"), grpc.StatusCode.NOT_FOUND, "other"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_what_there_is_no_proof_of_is_told_by_name(
    client: Client, request_: Any, code: grpc.StatusCode, field: str
) -> None:
    client.append("one")
    call = getattr(client.audit, type(request_).__name__.removesuffix("Request"))
    with pytest.raises(grpc.RpcError) as refused:
        call(request_, timeout=SECONDS)
    assert refused.value.code() is code
    assert field in str(refused.value.details())


def test_a_ledger_that_was_not_touched_is_verified_also_after_a_redaction(client: Client) -> None:
    assert [(each.verified, each.total) for each in client.verify()] == [(0, 0)]
    target = client.append("one").receipt.events[-1].event_id
    client.append("two", redaction(target))
    last = client.verify()[-1]
    checkpoint, _, _ = client.checkpoint()
    assert (last.verified, last.total, last.root_hash) == (checkpoint.size, checkpoint.size, checkpoint.root)


TAMPERED = {
    "payload changed": (
        "UPDATE events SET payload = payload || ' ' WHERE position = 2",
        "position 2: its payload is not",
    ),
    "payload removed": (
        "UPDATE events SET payload = NULL, salt = NULL WHERE position = 2",
        "no redaction is recorded",
    ),
    "salt changed": ("UPDATE events SET salt = sha256(salt) WHERE position = 2", "position 2: its payload is not"),
    "envelope changed": (
        "UPDATE events SET envelope = replace(encode(envelope, 'escape'), 'anonymous', 'somebody')::bytea"
        " WHERE position = 2",
        "position 2: its leaf is not",
    ),
    "envelope unreadable": (
        "UPDATE events SET envelope = 'x' WHERE position = 2",
        "position 2: its envelope cannot",
    ),
    "column changed": ("UPDATE events SET type = 'TroopsInjured' WHERE position = 2", "position 2: its columns"),
    "time changed": ("UPDATE events SET recorded_at = now() WHERE position = 2", "position 2: its columns"),
    "event removed": ("DELETE FROM events WHERE position = 2", "2"),
    "last removed": ("DELETE FROM events WHERE position = 4", "4"),
    "all removed": ("TRUNCATE events CASCADE", "1"),
    "events swapped": (
        "UPDATE events SET position = CASE position WHEN 2 THEN 4 ELSE 2 END + 10 WHERE position IN (2, 4);"
        " UPDATE events SET position = position - 10 WHERE position > 10",
        "position 2: its columns",
    ),
    "event slipped in after the last": (
        "INSERT INTO events SELECT 5, stream, revision + 9, gen_random_uuid(), type, report_id, recorded_at,"
        " envelope, leaf, salt, payload FROM events WHERE position = 4",
        "position 5: no commit covers it",
    ),
    "leaf and envelope of another": (
        "UPDATE events SET envelope = other.envelope, leaf = other.leaf FROM events other"
        " WHERE events.position = 2 AND other.position = 4",
        "position 2: its columns",
    ),
    "commit changed": (
        "UPDATE commits SET root = sha256(root) WHERE size_after = 2",
        "position 2: the events up to it",
    ),
    "commit at another time": (
        "UPDATE commits SET committed_at = '2001-01-01' WHERE size_after = 2",
        "position 1: its commit has another time",
    ),
    "commit over another": (
        "UPDATE commits SET size_before = 1 WHERE size_before = 2",
        "position 3: no commit covers it, or more than one",
    ),
    "time without end": ("UPDATE events SET recorded_at = 'infinity' WHERE position = 2", "cannot be read"),
    "tile that nothing gives": (
        "INSERT INTO tiles SELECT 0, 0, string_agg(leaf, '') FROM events, generate_series(1, 64)",
        "tiles of level 0 are not those of 4 events",
    ),
    "redaction that nobody recorded": ("INSERT INTO redactions VALUES (2, 4)", "the table of redactions"),
    "event slipped in before the first": (
        "ALTER TABLE events DROP CONSTRAINT events_position_check;"
        " INSERT INTO events SELECT 0, stream, revision + 9, gen_random_uuid(), type, report_id, recorded_at,"
        " envelope, leaf, salt, payload FROM events WHERE position = 4",
        "position 0: positions begin at 1",
    ),
    "commit removed": ("DELETE FROM commits WHERE size_after = 2", "position 1: no commit covers it"),
}


@pytest.mark.newest
@pytest.mark.parametrize(("statement", "told"), TAMPERED.values(), ids=TAMPERED.keys())
def test_what_a_superuser_changed_is_found(client: Client, database: Database, statement: str, told: str) -> None:
    for name in ("one", "two"):
        client.append(name)
    assert client.verify()[-1].verified == 4
    tampered(database, statement)
    assert told in client.refused()


def test_a_payload_that_was_put_back_after_its_redaction_is_found(client: Client, database: Database) -> None:
    place = client.append("one").receipt.events[-1]
    with psycopg.connect(database.admin_url) as connection:
        query = "SELECT salt, payload FROM ledger_main.events WHERE position = %s"
        row = connection.execute(query, [place.position]).fetchone()
    assert row is not None
    salt, payload = row[0].hex(), row[1].hex()
    client.append("two", redaction(place.event_id))
    assert client.verify()[-1].verified == 4
    put_back = f"UPDATE events SET salt = '\\x{salt}', payload = '\\x{payload}' WHERE position = {place.position}"
    tampered(database, f"{put_back}; DELETE FROM redactions")
    assert f"position {place.position}: its payload is there although" in client.refused()
    request = ledger_service_pb2.ReplayHistoryRequest(view=records_pb2.EVENT_VIEW_RAW, with_checkpoint=True)
    begun, *pages = client.ledger.ReplayHistory(request, timeout=SECONDS)
    with pytest.raises(ProofError, match="came all the same"):
        taken(Replayed(open_checkpoint(begun.checkpoint, client.checkpoint()[1])), pages)


def test_what_says_whose_payload_is_gone_must_be_readable(client: Client, database: Database) -> None:
    client.append("two", redaction(client.append("one").receipt.events[-1].event_id))
    tampered(database, "UPDATE events SET payload = '\\xff' WHERE type = 'PayloadRedacted'")
    assert "position 4" in client.refused()


def test_a_tile_that_was_changed_is_found(client: Client, database: Database) -> None:
    batch = [ledger_service_pb2.AppendReportRequest(report=report_to_proto(report(f"r-{n}"))) for n in range(130)]
    list(
        client.ledger.AppendReports(iter([ledger_service_pb2.AppendReportsRequest(reports=batch)]), timeout=SECONDS)
    )
    assert client.verify()[-1].verified == 260
    tampered(database, "UPDATE tiles SET hashes = overlay(hashes PLACING '\\x00'::bytea FROM 9 FOR 1)")
    assert "tile 0 of level 0" in client.refused()
    tampered(database, "DELETE FROM tiles")
    assert "tile 0 of level 0 is missing" in client.refused()


@pytest.mark.newest
def test_a_replay_begins_with_a_checkpoint_where_asked_and_ends_with_it(client: Client) -> None:
    first = client.append("one").receipt
    client.append("two")
    _, keys, _ = client.checkpoint()

    def replay(**asked: Any) -> list[Any]:
        request = ledger_service_pb2.ReplayHistoryRequest(view=records_pb2.EVENT_VIEW_RAW, **asked)
        return list(client.ledger.ReplayHistory(request, timeout=SECONDS))

    assert [each.checkpoint for each in replay()] == [""]
    begun, *pages = replay(with_checkpoint=True, known_size=first.tree_size)
    checkpoint = open_checkpoint(begun.checkpoint, keys)
    assert (checkpoint.size, begun.head_position, len(begun.events)) == (4, 4, 0)
    hashes = begun.consistency_hashes
    verify_consistency(first.tree_size, checkpoint.size, hashes, first.root_hash, checkpoint.root)
    taken(Replayed(checkpoint), pages)
    part = replay(with_checkpoint=True, from_position=2, to_position=3)[1:]
    assert [each.position for page in part for each in page.events] == [2, 3]
    with pytest.raises(grpc.RpcError, match="size 9"):
        replay(with_checkpoint=True, known_size=9)


@pytest.mark.newest
@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE events SET payload = payload || ' ' WHERE position = 2", "position 2: its payload"),
        (
            "UPDATE events SET envelope = replace(encode(envelope, 'escape'), 'anonymous', 'somebody')::bytea"
            " WHERE position = 2",
            "do not give the root",
        ),
        (
            "UPDATE events SET envelope = other.envelope FROM events other"
            " WHERE events.position = 2 AND other.position = 3",
            "position 2: it is missing",
        ),
    ],
)
def test_whoever_receives_a_replay_finds_what_a_superuser_changed(
    client: Client, database: Database, statement: str, why: str
) -> None:
    client.append("one")
    client.append("two")
    tampered(database, statement)
    request = ledger_service_pb2.ReplayHistoryRequest(view=records_pb2.EVENT_VIEW_RAW, with_checkpoint=True)
    begun, *pages = client.ledger.ReplayHistory(request, timeout=SECONDS)
    replayed = Replayed(open_checkpoint(begun.checkpoint, client.checkpoint()[1]))

    with pytest.raises((ProofError, EnvelopeError), match=why):
        taken(replayed, pages)


@pytest.mark.newest
def test_whoever_receives_a_replay_finds_redactions_on_the_record(client: Client) -> None:
    client.append("two", redaction(client.append("one").receipt.events[-1].event_id))
    request = ledger_service_pb2.ReplayHistoryRequest(view=records_pb2.EVENT_VIEW_RAW, with_checkpoint=True)
    begun, *pages = client.ledger.ReplayHistory(request, timeout=SECONDS)
    replayed = Replayed(open_checkpoint(begun.checkpoint, client.checkpoint()[1]))
    taken(replayed, pages)
    assert (replayed.size, replayed.redacted) == (4, 1)


def taken(replayed: Replayed, pages: list[Any]) -> None:
    """All events of a replay, to its end."""
    for event in (event for page in pages for event in page.events):
        replayed.take(event.envelope, event.salt, event.payload)
    replayed.end()


@pytest.mark.newest
@pytest.mark.parametrize("kind", ["set back", "another history"])
def test_what_does_not_continue_the_last_checkpoint_is_never_signed(
    database: Database, tmp_path: Path, kind: str
) -> None:
    environment = {"LEDGER_DATABASE_URL": database.service_url, "LEDGER_DATA_DIR": str(tmp_path)}
    with serving(environment=environment) as service, service.channel() as channel:
        client = Client(channel)
        for name in ("one", "two"):
            client.append(name)
        assert client.checkpoint()[0].size == 4
    tampered(database, "DELETE FROM events WHERE position > 2; DELETE FROM commits WHERE size_after > 2")
    if kind == "another history":
        with recording(database) as unguarded:
            append(unguarded, report("three", claim(count=9), claim(count=10)))
    with serving(environment=environment) as service, service.channel() as channel:
        client = Client(channel)
        for refusing in (
            client.checkpoint,
            lambda: client.append("four"),
            lambda: client.append("five", wait=WAIT),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                refusing()
            assert refused.value.code() is grpc.StatusCode.DATA_LOSS
            assert "does not continue its checkpoint of 4 events" in str(refused.value.details())


@pytest.mark.newest
def test_the_key_is_made_once_for_its_account_alone_and_can_be_rotated(database: Database, tmp_path: Path) -> None:
    environment = {
        "LEDGER_DATABASE_URL": database.service_url,
        "LEDGER_DATA_DIR": str(tmp_path),
        "LEDGER_ORIGIN": "ledger.example.org",
    }
    file = tmp_path / "checkpoint.key"
    with serving(environment=environment) as service, service.channel() as channel:
        first, (key,), _ = Client(channel).checkpoint()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert first.origin == "ledger.example.org/main"
        old = SignerKey.parse(file.read_text())
        assert old.named(first.origin).verifier() == key
        file.write_text(f"{SignerKey.generate(old.name).secret()}\n{old.secret()}\n")
        _, both, note = Client(channel).checkpoint()
        assert len(both) == 2
        assert open_checkpoint(note, [key]) == open_checkpoint(note, both[:1]) == first
        file.chmod(0o644)
        with pytest.raises(grpc.RpcError, match="others can read"):
            Client(channel).checkpoint()
    given = SignerKey.generate("elsewhere.example.org")
    with serving(environment=environment | {"LEDGER_CHECKPOINT_KEY": given.secret()}) as service:
        with service.channel() as channel:
            assert Client(channel).checkpoint()[1] == [given.named("elsewhere.example.org/main").verifier()]
        assert given.secret()[-20:] not in service.output
