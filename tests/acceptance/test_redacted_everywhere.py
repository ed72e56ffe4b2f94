"""What was redacted is nowhere any more: in no table of the database, in no answer, file or log; and after the
command of the page on redacting in no statistics and no file of the database either. And everything verifies."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from psycopg import sql

from incident.ledger.v1 import ledger_service_pb2, projection_service_pb2, records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from ledger.cli import run
from ledger.embedded.binaries import find_binaries
from tests.acceptance.client import ANSWER_SECONDS, Client
from tests.acceptance.test_redaction import Record, caught_up, redacting
from tests.integration.test_how_to import block
from tests.integration.test_how_to import run as run_block
from tests.postgres import Cluster, Database
from tests.served import ServiceProcess

pytestmark = pytest.mark.newest
PAGE = "docs/how-to/redact.md"
WORD = "Qzwanda Xyroe"
"""What must go. It stands in every field that takes words, and is no word of anything else."""
DAY = "2020-02-10"
LARGE = secrets.token_hex(4_000)
"""Stored outside of its row, and not compressible enough to hide the word."""


def claims(word: str = WORD) -> list[dict[str, Any]]:
    """Claims of several types that hold a word wherever they can."""
    said: dict[str, Any] = {
        "occurred": DAY,
        "words": f"“{word} was there.”",
        "attributions": [{"name": word}],
        "evidence": [{"url": f"https://news.example/{word.replace(' ', '+')}", "collected_by": word}],
        "place": {"name": f"House of {word}", "precision": "exact", "country": word, "admin1": word},
        "cameo_code": word,
    }
    counted = {"qualifier": "exact", "stated": 5, "words": f"five, {word} among them"}
    terms = {"title": word, "purposes": [word], "provisions": [word], "monitoring_mechanism": word}
    return [
        {"type": "TroopsKilled", "incident_id": "a", "victim_party": "turkey", "count": counted, **said},
        {"type": "AttackReported", "incident_id": "a", "means": word, **said, "words": LARGE + word + LARGE},
        {"type": "TalksHeld", "incident_id": "b", "mode": word, "subject_matter": word, **said},
        {"type": "TollClaimed", "toll_id": "t", "outcome": "killed", "count": counted, **said},
        {"type": "CeasefireDeclared", "agreement_id": "g", "terms": terms, **said},
        {"type": "CeasefireViolated", "agreement_id": "g", "violation_kind": word, **said},
        {"type": "ThreatIssued", "threat_id": "w", "threat_kind": "warning", "condition": word, **said},
        {"type": "MonitoringRestricted", "incident_id": "c", "restriction": word, **said},
    ]


def filed(word: str = WORD) -> dict[str, Any]:
    """A filing that does."""
    return {
        "title": word,
        "summary": word,
        "language": word,
        "source": {"name": word, "dateline": word, "external_ids": [{"scheme": word, "id": word}]},
        "recorded_by": word,
        "evidence": [{"collected_by": word}],
    }


def spellings() -> list[str]:
    """The word as a text, and as bytes are shown."""
    return [WORD, WORD.replace(" ", "+"), WORD.encode().hex()]


def tables_with_it(connection: psycopg.Connection[Any]) -> set[str]:
    """All tables of the database, the system's own too, that hold it in any column."""
    query = (
        "SELECT oid::regclass::text, relnamespace::regnamespace::text, relname FROM pg_class WHERE relkind = 'r'"
    )
    found = set()
    for shown, schema, name in connection.execute(query).fetchall():
        looked = sql.SQL("SELECT count(*) FROM {} AS row WHERE row::text ~ %s").format(sql.Identifier(schema, name))
        pattern = "|".join(each.replace("+", "\\+") for each in spellings())
        if connection.execute(looked, [pattern]).fetchone() != (0,):
            found.add(shown)
    return found


def files_with_it(connection: psycopg.Connection[Any]) -> set[str]:
    """Relations in whose files its bytes stand: tables, indexes, and what is stored outside of rows."""
    connection.execute("CHECKPOINT")
    query = """SELECT oid::regclass::text FROM pg_class
                WHERE pg_relation_filepath(oid) IS NOT NULL
                  AND position(%s::bytea IN pg_read_binary_file(pg_relation_filepath(oid))) > 0"""
    return {name for (name,) in connection.execute(query, [WORD.encode()])}


Audit = Any


@pytest.fixture
def audit(server: ServiceProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Audit:
    """Runs a command that succeeds; what it prints."""
    monkeypatch.setenv("LEDGER_ADDRESS", server.address)

    def ask(*arguments: object) -> str:
        code = run([str(each) for each in arguments])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return ask


def raw_answers(client: Client) -> str:
    """What the record itself is answered with, in both views, event by event, report by report and followed."""
    stub, ledger = LedgerServiceStub(client.channel), client.ledger
    said: list[Any] = []
    for view in (records_pb2.EVENT_VIEW_RAW, records_pb2.EVENT_VIEW_FULL):
        replay = ledger_service_pb2.ReplayHistoryRequest(ledger=ledger, view=view)
        said += stub.ReplayHistory(replay, timeout=ANSWER_SECONDS)
        follow = stub.Subscribe(
            ledger_service_pb2.SubscribeRequest(ledger=ledger, view=view), timeout=ANSWER_SECONDS
        )
        for message in follow:
            said.append(message)
            if message.HasField("caught_up"):
                follow.cancel()
                break
        for position in range(1, client.position + 1):
            event = ledger_service_pb2.GetEventRequest(ledger=ledger, position=position, view=view)
            said.append(stub.GetEvent(event, timeout=ANSWER_SECONDS))
    for report in ("r", "c", "s"):
        asked = ledger_service_pb2.GetReportRequest(ledger=ledger, report_id=report)
        said.append(stub.GetReport(asked, timeout=ANSWER_SECONDS))
    return b"".join(each.SerializeToString() for each in said).decode("latin-1")


def projections_say(client: Client) -> str:
    """What is told of the read models themselves: states, what is put aside, and a comparison with a replay."""
    stub = ProjectionServiceStub(client.channel)
    states = projection_service_pb2.ListProjectionsRequest(ledger=client.ledger)
    said = [stub.ListProjections(states, timeout=ANSWER_SECONDS).SerializeToString()]
    verify = projection_service_pb2.VerifyProjectionRequest(ledger=client.ledger, name="casualties")
    *_, last = stub.VerifyProjection(verify, timeout=ANSWER_SECONDS)
    return b"".join([*said, last.SerializeToString()]).decode("latin-1")


def test_a_redacted_word_is_nowhere_and_everything_verifies(
    channel: grpc.Channel,
    server: ServiceProcess,
    server_database: Database,
    cluster: Cluster,
    audit: Audit,
    tmp_path: Path,
) -> None:
    record = Record(channel, "gone")
    first, *others = record.file("r", *claims(), **filed())
    correction = {"type": "ClaimCorrected", "target_event_id": first, "reason": WORD, "replacement": claims()[0]}
    (corrected,) = record.file("c", correction)
    filing = record.client.replay()[0].event_id
    # What stays: of a table that has become empty the server keeps its samples.
    record.file("s", *claims("somebody"), *claims("nobody"), **filed("somebody"))
    caught_up(record.client)
    proof, asked = tmp_path / "2.tlog-proof", ("--ledger", "gone", "audit")
    key = json.loads(audit("--json", *asked, "checkpoint", "--output", tmp_path / "before"))["verifier_keys"][0]
    audit(*asked, "prove", 2, "--without-payload", "--key", key, "--output", proof)
    with psycopg.connect(server_database.admin_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
        before = tables_with_it(connection)
        assert {"ledger_gone.events", "ledger_gone_incidents_g1.claims", "pg_statistic"} <= before
        assert {"ledger_gone.events", "pg_statistic"} <= files_with_it(connection)
        sampled = "SELECT attname FROM pg_stats WHERE (schemaname, tablename) = ('ledger_gone', 'events')"
        assert {"payload", "salt"}.isdisjoint(name for (name,) in connection.execute(sampled))
        assert WORD in raw_answers(record.client)
        record.file("x", *redacting(first, *others, corrected, filing))
        caught_up(record.client)
        assert tables_with_it(connection) <= {"pg_statistic"}, "of the planner's samples step 4 is told"
        assert WORD not in raw_answers(record.client)
        assert WORD not in projections_say(record.client)
        assert WORD not in server.output
        told = audit("--ledger", "gone", "replay", "--explain", "--incident", "a", "--report", "r")
        assert WORD not in told
        assert "what it said is no longer shown, because it was redacted at" in told
        exported = tmp_path / "export"
        audit("--ledger", "gone", "export", "incidents", "--format", "csv", "--output", tmp_path / "a.csv")
        audit(*asked, "export", exported, "--key", key)
        written = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert len(written) > 6
        assert [path for path in written if WORD.encode() in path.read_bytes()] == []
        audit("audit", "verify", exported, "--key", key)
        audit("audit", "verify", proof, "--key", key)
        assert "events fit" in audit(*asked, "check")
        assert "redacted" in audit(*asked, "replay", "--key", key, "--since", tmp_path / "before")
        operator = {"ADMIN_URL": server_database.admin_url, "TOOLS": str(find_binaries(cluster.bin_dir))}
        run_block(block(PAGE, 'psql "$ADMIN_URL" --command="VACUUM'), tmp_path, **operator)
        emptied = run_block(block(PAGE, 'psql "$ADMIN_URL" --command="SELECT'), tmp_path, **operator)
        assert "claims" not in emptied
        assert tables_with_it(connection) == set()
        assert files_with_it(connection) == set()
        assert "events fit" in audit(*asked, "check")
