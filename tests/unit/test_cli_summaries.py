"""One line for each claim about an agreement, as lists and timelines show it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from incident.ledger.v1 import claims_pb2
from ledger.cli.summaries import claim_summary

END = {"start": "2020-03-01", "end": "2020-03-31", "precision": "DATE_PRECISION_MONTH"}


@pytest.mark.parametrize(
    ("body", "content", "expected"),
    [
        (
            "agreement_signed",
            {"signatories": ["a", "b"], "terms": {"title": "Protocol"}},
            "“Protocol” signed by a, b",
        ),
        ("agreement_signed", {}, "signed"),
        ("ceasefire_declared", {"declared_by": ["a"]}, "declared by a"),
        ("ceasefire_proposed", {"proposed_by": list("abcdef")}, "proposed by a, b, c, d, 2 more"),
        ("ceasefire_took_effect", {}, "took effect for all"),
        ("ceasefire_suspended", {"parties": ["a"]}, "suspended for a"),
        ("ceasefire_resumed", {"parties": ["a", "b"]}, "resumed for a, b"),
        ("ceasefire_extended", {"ends": END}, "extended to 2020-03-01 to 2020-03-31 (month)"),
        ("ceasefire_extended", {"added_hours": 72}, "extended by 72 hours"),
        ("ceasefire_extended", {}, "extended without end"),
        (
            "ceasefire_ended",
            {"ending": "CEASEFIRE_ENDING_TERMINATED", "ended_by": ["a"]},
            "ended: terminated, by a",
        ),
        (
            "ceasefire_ended",
            {"ending": "CEASEFIRE_ENDING_SUPERSEDED", "superseded_by_agreement_id": "later"},
            "ended: superseded by later",
        ),
        ("party_withdrew", {"party": "a"}, "a withdrew"),
        (
            "retaliation",
            {"attackers": ["a"], "answers": [{"incident_id": "x"}]},
            "retaliation, by a, in answer to x",
        ),
    ],
)
def test_what_an_agreement_s_claim_says(body: str, content: dict[str, Any], expected: str) -> None:
    assert claim_summary(ParseDict({body: content}, claims_pb2.Claim())) == expected


REBUILT = {"projection": "threats", "generation": 2, "operation": "PROJECTION_OPERATION_REBUILD", "position": 2_032}


@pytest.mark.parametrize(
    ("body", "content", "expected"),
    [
        ("ledger_created", {"ledger": "main"}, "created"),
        ("ledger_created", {"ledger": "main", "size": 2_032}, "there, with 2,032 events"),
        ("projection_operated", {"operation": "PROJECTION_OPERATION_CANCEL", "projection": "x"}, "cancel x"),
        (
            "projection_operated",
            {"operation": "PROJECTION_OPERATION_FREEZE", "projection": "x", "generation": 2, "at_position": 7},
            "freeze x, generation 2, ending at 7",
        ),
        (
            "rebuild_ended",
            {**REBUILT, "result": "REBUILD_RESULT_DONE"},
            "rebuild threats, generation 2: done at 2,032",
        ),
        (
            "rebuild_ended",
            {**REBUILT, "result": "REBUILD_RESULT_FAILED", "error": "no room"},
            "rebuild threats, generation 2: failed at 2,032, no room",
        ),
        ("payload_erased", {"target_position": 7, "act_position": 12}, "payload of 7, as 12 says"),
        (
            "rollback_accepted",
            {"issued_size": 2_032, "size": 2_000},
            "goes on with 2,000 events, after a checkpoint of 2,032",
        ),
        ("signing_keys_changed", {"verifier_keys": ["a+1", "b+2"]}, "signed by a+1, b+2"),
    ],
)
def test_what_an_administrative_event_says(body: str, content: dict[str, Any], expected: str) -> None:
    assert claim_summary(ParseDict({body: content}, claims_pb2.Claim())) == expected
