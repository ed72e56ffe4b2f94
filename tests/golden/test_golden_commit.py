"""A golden commit: one report from its content to the root of the tree, byte for byte, with salts and time fixed.
Recomputed here with SHA-256 alone as well, so that the file is right and not only the same as last time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger.audit.envelope import SALT_BYTES, decode, encode_envelope
from ledger.audit.tiles import TreeState
from ledger.domain.recorded import drafts_of
from ledger.domain.reports import Report
from ledger.persistence.batch import decide
from ledger.persistence.records import AppendRequest, NewEvent, Tip
from tests.filing import filed_event

FILES = {version: Path(__file__).parent / f"commit.v{version}.json" for version in (1, 2)}
"""By version of the envelope; what is written now is the last."""
LEDGER = "main"
RECORDER = "observer@monitors.example"
CLIENT = "incident-ledger/0.1.0 grpc-python/1.75.1"
RECORDED_AT = datetime(2020, 2, 12, 10, 0, 0, 1, tzinfo=UTC)


def counting_salts() -> Callable[[int], bytes]:
    """Salts that can be foretold: sixteen times 1, sixteen times 2, …"""
    numbers = count(1)

    def drawn(size: int) -> bytes:
        return b"".join([bytes([next(numbers)]) * SALT_BYTES for _ in range(0, size, SALT_BYTES)])

    return drawn


def commit_of(content: dict[str, Any]) -> dict[str, Any]:
    """What the ledger makes of a report that is its first."""
    report = Report.model_validate(content)
    [draft] = drafts_of(LEDGER, [report])
    digest = draft.digest
    events = tuple(
        NewEvent(event.stream, event.type, event_id, payload)
        for event, event_id, payload in zip(
            [filed_event(report, digest), *report.claims], draft.ids, draft.payloads, strict=True
        )
    )
    request = AppendRequest(report.report_id, events, 0.0, recorder=RECORDER, client=CLIENT, content_digest=digest)
    batch = decide(LEDGER, Tip(0, None, TreeState()), {}, [request], RECORDED_AT, counting_salts())
    rows = batch.rows
    return {
        "report": content,
        "content_digest": digest,
        "events": [
            {
                "event_id": str(event_id),
                "payload": payload.decode(),
                "salt": salt.hex(),
                "envelope": envelope.decode(),
                "leaf": leaf.hex(),
            }
            for event_id, payload, salt, envelope, leaf in zip(
                rows.event_ids, rows.payloads, rows.salts, rows.envelopes, rows.leaves, strict=True
            )
        ],
        "root": batch.root.hex(),
    }


def golden(version: int = 2) -> dict[str, Any]:
    """The file of a version."""
    content: dict[str, Any] = json.loads(FILES[version].read_text(encoding="utf-8"))
    return content


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """The tree's root as RFC 6962 defines it."""
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + naive_root(leaves[:left]) + naive_root(leaves[left:])).digest()


def test_the_report_gives_the_golden_commit() -> None:
    assert commit_of(golden()["report"]) == golden()


@pytest.mark.parametrize("version", FILES)
def test_a_golden_commit_follows_from_its_definition(version: int) -> None:
    commit = golden(version)
    filing, *claims = (event["payload"] for event in commit["events"])
    # The digest covers what the client said; the filing's own type, digest and count are the ledger's words.
    said: dict[str, Any] = json.loads(filing)
    for name in ("type", "claim_count", "content_digest"):
        del said[name]
    parts = [json.dumps(said, ensure_ascii=False, separators=(",", ":")), *claims]
    covered = b"incident-ledger/report/v1\n" + b"".join(f"{len(part.encode())}\n{part}".encode() for part in parts)
    assert commit["content_digest"] == sha256(covered).hexdigest()
    for index, event in enumerate(commit["events"]):
        salt, payload = bytes.fromhex(event["salt"]), event["payload"].encode()
        assert len(salt) == SALT_BYTES
        assert event["envelope"].endswith(f"\n{sha256(salt + payload).hexdigest()}\n")
        assert event["leaf"] == sha256(b"\x00" + event["envelope"].encode()).hexdigest()
        assert event["event_id"] == naive_event_id(commit, index)
        assert event["envelope"].split("\n")[2] == str(index + 1)
        assert event["envelope"].split("\n")[5] == event["event_id"]
        assert event["envelope"].split("\n")[10:-2] == ([CLIENT] if version > 1 else [])
        assert encode_envelope(decode(event["envelope"].encode())).decode() == event["envelope"]
    assert commit["root"] == naive_root([bytes.fromhex(each["leaf"]) for each in commit["events"]]).hex()


def naive_event_id(commit: dict[str, Any], index: int) -> str:
    """SHA-256 over ledger, report, digest and index, cut to a UUID of version 8."""
    lines = [
        "incident-ledger/event-id/v1",
        LEDGER,
        commit["report"]["report_id"],
        commit["content_digest"],
        str(index),
    ]
    digits = list(sha256(("\n".join(lines) + "\n").encode()).digest()[:16].hex())
    digits[12] = "8"
    digits[16] = "89ab"[int(digits[16], 16) & 3]
    return str(UUID("".join(digits)))


def test_another_content_gives_another_commit() -> None:
    report = golden()["report"]
    for changed in (
        {**report, "title": "Another title"},
        {**report, "claims": report["claims"][::-1]},
        {**report, "claims": report["claims"][:-1]},
        {**report, "reported": "2020-02-13"},
    ):
        commit = commit_of(changed)
        assert commit["content_digest"] != golden()["content_digest"]
        assert commit["events"][0]["event_id"] != golden()["events"][0]["event_id"]
        assert commit["root"] != golden()["root"]
