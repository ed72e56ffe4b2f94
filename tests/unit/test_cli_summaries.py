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
