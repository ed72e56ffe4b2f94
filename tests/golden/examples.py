"""Two instances of every type of event: one with every field set, one with as few as it takes.
Only for the golden files and what is made from them; the content is invented after the founding case."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ledger.domain.claim import DomainEvent
from ledger.domain.reports import ALL_TYPES, CLAIM_TYPES

INCIDENT = "idlib-2020-02-10"
AGREEMENT = "sochi-memorandum-2018"
THREAT = "idlib-ultimatum-2020-02"
REPORT = "outlet-2020-02-12-idlib"
EVENT = "3f0c5b0e-6a52-4b0e-9c57-0d1f2a9b8c7d"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
TURKEY, SYRIA, RUSSIA = "turkey", "government-of-syria", "russia"

DAY = "2020-02-10"
WEEK = {"start": "2020-02-03", "end": "2020-02-09", "precision": "week"}
IDS = [{"scheme": "geonames", "id": "169389"}]
PLACE = {
    "name": "Taftanaz",
    "precision": "near",
    "country": "Syria",
    "admin1": "Idlib",
    "admin2": "Idlib District",
    "latitude": 35.9983,
    "longitude": 36.7858,
    "external_ids": IDS,
}
EVIDENCE = {
    "url": "https://news.example/2020/02/12/idlib",
    "archive_url": "https://archive.example/20200212/idlib",
    "sha256": SHA256,
    "media_type": "text/html",
    "retrieved_at": "2020-02-13T00:00:00Z",
    "collected_by": "observer@monitors.example",
}
SOURCE = {
    "name": "Example News",
    "reliability": "b",
    "dateline": "Ankara",
    "external_ids": [{"scheme": "issn", "id": "0000-0000"}],
}
COUNT = {"qualifier": "between", "stated": 5, "low": 4, "best": 5, "high": 6, "words": "four to six, probably five"}
OF_A_CLAIM = {
    "occurred": WEEK,
    "place": PLACE,
    "attributions": [{"actor_id": TURKEY, "name": "a spokesman", "role": "party"}],
    "verification": "fair",
    "credibility": 2,
    "clarity": "aggregate",
    "kind_of_violence": "state_based",
    "cameo_code": "190",
    "words": "«Taftanaz» was shelled;\nfive soldiers were killed.",
    "evidence": [EVIDENCE],
}
TERMS = {
    "title": "Memorandum on stabilization of the situation in the Idlib de-escalation area",
    "parties": [TURKEY, RUSSIA],
    "zone": {"name": "Idlib de-escalation area", "precision": "region"},
    "side": "bilateral",
    "ceasefire_class": "preliminary",
    "partial": False,
    "written": True,
    "effective": {"start": "2018-09-17", "end": "2018-10-15", "precision": "month"},
    "fixed_term_hours": 4320,
    "ends": "2019-03-17",
    "purposes": ["humanitarian"],
    "provisions": ["heavy weapons are withdrawn", "acts of aggression are prohibited"],
    "mediators": ["iran"],
    "monitoring_mechanism": "coordinated patrols and observation posts",
    "supersedes_agreement_id": "astana-memorandum-2017",
    "external_ids": [{"scheme": "pa-x", "id": "2169"}],
}
ACTS = [{"incident_id": INCIDENT}, {"event_id": EVENT}]
CASUALTIES = {"incident_id": INCIDENT, "victim_party": TURKEY, "perpetrators": [SYRIA, RUSSIA], "count": COUNT}
FORCE = {"incident_id": INCIDENT, "attackers": [SYRIA], "targets": [TURKEY]}
CIVILIANS = {"incident_id": INCIDENT, "count": 1}
CONTRACTORS = {**CIVILIANS, "victim_class": "contractors"}
TOLL = {"victim_class": "civilians", "outcome": "killed", "count": {"qualifier": "more_than", "stated": 1800}}
REPLACEMENT = {"type": "TroopsKilled", "occurred": DAY, "incident_id": INCIDENT, "victim_party": TURKEY, "count": 6}

Content = dict[str, Any]

_EXAMPLES: dict[str, tuple[Content, Content]] = {
    "TroopsKilled": (CASUALTIES, {**CIVILIANS, "victim_party": TURKEY}),
    "TroopsInjured": (CASUALTIES, {**CIVILIANS, "victim_party": TURKEY}),
    "CiviliansKilled": (CASUALTIES, CIVILIANS),
    "CiviliansInjured": (CASUALTIES, CIVILIANS),
    "PersonsKilled": ({**CASUALTIES, "victim_class": "unknown"}, CONTRACTORS),
    "PersonsInjured": ({**CASUALTIES, "victim_class": "unknown"}, CONTRACTORS),
    "PersonsMissing": ({**CASUALTIES, "victim_class": "troops"}, {**CIVILIANS, "victim_class": "civilians"}),
    "PersonsCaptured": ({**CASUALTIES, "victim_class": "troops"}, {**CIVILIANS, "victim_class": "unknown"}),
    "TollClaimed": (
        {**TOLL, "toll_id": "idlib-civilians-2018-2020", "victim_party": SYRIA, "perpetrators": [SYRIA, RUSSIA]},
        {**TOLL, "incident_id": INCIDENT},
    ),
    "AttackReported": ({**FORCE, "means": "artillery", "targets_struck": COUNT}, {"incident_id": INCIDENT}),
    "Retaliation": (
        {**FORCE, "answers": ACTS, "means": "air", "targets_struck": {"qualifier": "vague", "words": "scores"}},
        {"incident_id": INCIDENT},
    ),
    "OffensiveReported": (
        {**FORCE, "backers": [RUSSIA, "iran"], "course": "They advanced along the highway."},
        {"incident_id": INCIDENT},
    ),
    "TerritoryTaken": (
        {"incident_id": INCIDENT, "taken_by": [SYRIA], "taken_from": ["syrian-opposition"]},
        {"incident_id": INCIDENT},
    ),
    "AgreementSigned": (
        {"agreement_id": AGREEMENT, "signatories": [TURKEY, RUSSIA], "terms": TERMS},
        {"agreement_id": AGREEMENT},
    ),
    "CeasefireProposed": (
        {"agreement_id": AGREEMENT, "proposed_by": [RUSSIA], "terms": TERMS},
        {"agreement_id": AGREEMENT},
    ),
    "CeasefireDeclared": (
        {"agreement_id": AGREEMENT, "declared_by": [TURKEY], "terms": TERMS},
        {"agreement_id": AGREEMENT},
    ),
    "CeasefireTookEffect": ({"agreement_id": AGREEMENT, "parties": [TURKEY]}, {"agreement_id": AGREEMENT}),
    "CeasefireViolated": (
        {
            "agreement_id": AGREEMENT,
            "acts": ACTS,
            "violators": [SYRIA],
            "standing": "verified",
            "violation_kind": "shelling",
        },
        {"agreement_id": AGREEMENT},
    ),
    "CeasefireSuspended": ({"agreement_id": AGREEMENT, "parties": [TURKEY]}, {"agreement_id": AGREEMENT}),
    "CeasefireResumed": ({"agreement_id": AGREEMENT, "parties": [TURKEY]}, {"agreement_id": AGREEMENT}),
    "CeasefireExtended": (
        {"agreement_id": AGREEMENT, "ends": "2020-03-31", "added_hours": 72},
        {"agreement_id": AGREEMENT},
    ),
    "CeasefireEnded": (
        {
            "agreement_id": AGREEMENT,
            "ending": 4,
            "ended_by": [RUSSIA],
            "superseded_by_agreement_id": "moscow-2020-03-05",
        },
        {"agreement_id": AGREEMENT, "ending": "unknown"},
    ),
    "PartyWithdrew": (
        {"agreement_id": AGREEMENT, "party": TURKEY},
        {"agreement_id": AGREEMENT, "party": TURKEY},
    ),
    "ThreatIssued": (
        {
            "threat_id": THREAT,
            "threat_kind": "ultimatum",
            "issued_by": [TURKEY],
            "against": [SYRIA],
            "addressees": [RUSSIA],
            "condition": "unless the forces withdraw beyond the posts",
            "announced_act": "they will be pushed back",
            "deadline": "2020-02-29",
            "agreement_ids": [AGREEMENT],
        },
        {"threat_id": THREAT, "threat_kind": "warning"},
    ),
    "ThreatCarriedOut": ({"threat_id": THREAT, "acts": ACTS}, {"threat_id": THREAT}),
    "ThreatWithdrawn": ({"threat_id": THREAT, "withdrawn_by": [TURKEY]}, {"threat_id": THREAT}),
    "TalksHeld": (
        {
            "incident_id": "phone-call-2020-02-12",
            "participants": [RUSSIA, TURKEY],
            "mode": "phone",
            "subject_matter": "Idlib; more consultations were agreed",
            "agreement_ids": [AGREEMENT],
        },
        {"incident_id": "phone-call-2020-02-12"},
    ),
    "StatementMade": (
        {
            "incident_id": "statement-2020-02-12",
            "speakers": [RUSSIA],
            "addressees": [TURKEY],
            "subject_matter": "the agreements are to be implemented in full",
            "agreement_ids": [AGREEMENT],
        },
        {"incident_id": "statement-2020-02-12"},
    ),
    "ObservationPostsEstablished": (
        {
            "incident_id": "posts-2018",
            "established_by": [TURKEY],
            "count": 12,
            "agreement_ids": [AGREEMENT],
            "process": "Astana",
        },
        {"incident_id": "posts-2018"},
    ),
    "MonitoringRestricted": (
        {
            "incident_id": "patrol-2020-02-11",
            "restricted_by": [SYRIA],
            "mission": "joint-patrols",
            "agreement_ids": [AGREEMENT],
            "restriction": "turned back at a checkpoint",
        },
        {"incident_id": "patrol-2020-02-11"},
    ),
    "ActorRegistered": (
        {
            "actor_id": SYRIA,
            "name": "Government of Syria",
            "actor_kind": "state_forces",
            "aliases": ["Syrian government forces", "the regime"],
            "external_ids": [{"scheme": "gw", "id": "652"}],
        },
        {"actor_id": SYRIA, "name": "Government of Syria", "actor_kind": 1},
    ),
    "ReportRetracted": (
        {"target_report_id": REPORT, "reason": "withdrawn_by_source", "note": "The outlet took it down."},
        {"target_report_id": REPORT, "reason": "error"},
    ),
    "ClaimCorrected": (
        {
            "target_event_id": EVENT,
            "reason": "The outlet corrected the number.",
            "replacement": {"type": "TroopsKilled", **OF_A_CLAIM, **CASUALTIES},
        },
        {"target_event_id": EVENT, "reason": "a sixth soldier died", "replacement": REPLACEMENT},
    ),
    "ClaimRetracted": (
        {"target_event_id": EVENT, "reason": "duplicate", "note": "The same five soldiers as in the first claim."},
        {"target_event_id": EVENT, "reason": "out_of_scope"},
    ),
    "ClaimAssessed": (
        {
            "target_event_id": EVENT,
            "verification": "confirmed",
            "credibility": "confirmed",
            "standing": "attributed",
            "rationale": "The ministry accepted responsibility.",
        },
        {"target_event_id": EVENT, "credibility": 6},
    ),
    "IncidentsMerged": (
        {"incident_id": INCIDENT, "merged_incident_ids": ["taftanaz-shelling"], "reason": "one attack"},
        {"incident_id": INCIDENT, "merged_incident_ids": ["taftanaz-shelling"], "reason": "one attack"},
    ),
    "PreferredClaimChosen": (
        {"incident_id": INCIDENT, "preferred_event_id": EVENT, "reason": "nearest to the scene"},
        {"incident_id": INCIDENT, "preferred_event_id": EVENT, "reason": "nearest to the scene"},
    ),
    "PayloadRedacted": (
        {"target_event_id": EVENT, "rule": "privacy-1", "reason": "It named a victim."},
        {"target_event_id": EVENT, "rule": "privacy-1", "reason": "It named a victim."},
    ),
    "ReportFiled": (
        {
            "report_id": REPORT,
            "source": SOURCE,
            "reported": "2020-02-12T00:00:00+03:00",
            "title": "Shelling in Idlib",
            "summary": "Five soldiers were killed.\nTwo governments spoke.",
            "language": "en",
            "recorded_by": "analyst@monitors.example",
            "evidence": [EVIDENCE],
            "claim_count": 14,
            "content_digest": SHA256,
        },
        {"report_id": REPORT, "source": {"name": "Example News"}, "reported": "2020-02-12", "claim_count": 1},
    ),
    "LedgerCreated": ({"ledger": "main", "size": 2032}, {"ledger": "main"}),
    "ProjectionOperated": (
        {
            "ledger": "main",
            "projection": "casualties",
            "operation": "freeze",
            "generation": 4,
            "at_position": 2000,
        },
        {"ledger": "main", "projection": "casualties", "operation": "cancel"},
    ),
    "RebuildEnded": (
        {
            "ledger": "main",
            "projection": "casualties",
            "operation": "rebuild",
            "generation": 3,
            "result": "failed",
            "position": 2032,
            "state_digest": SHA256,
            "replaced_digest": SHA256,
            "error": "The disk is full.",
            "ended_at": "2026-11-27T12:00:00.000001Z",
        },
        {
            "ledger": "main",
            "projection": "casualties",
            "operation": "verify",
            "generation": 3,
            "result": "done",
            "ended_at": "2026-11-27T12:00:00Z",
        },
    ),
    "PayloadErased": (
        {"ledger": "main", "target_position": 7, "target_event_id": EVENT, "act_position": 12},
        {"ledger": "main", "target_position": 7, "target_event_id": EVENT, "act_position": 12},
    ),
    "RollbackAccepted": (
        {
            "ledger": "main",
            "issued_size": 2032,
            "issued_root": SHA256,
            "size": 2000,
            "accepted_at": "2026-11-27T12:00:00Z",
        },
        {"ledger": "main", "size": 2000, "accepted_at": "2026-11-27T12:00:00Z"},
    ),
    "SigningKeysChanged": (
        {"installation": "ledger.example.org", "verifier_keys": ["ledger.example.org+0a5f5f4c+AQ=="]},
        {"installation": "ledger.example.org", "verifier_keys": ["ledger.example.org+0a5f5f4c+AQ=="]},
    ),
}


def _events(index: int, of_a_claim: Content) -> MappingProxyType[str, DomainEvent]:
    claims = {each.__name__ for each in CLAIM_TYPES}
    return MappingProxyType(
        {
            name: ALL_TYPES[name].of(**(of_a_claim if name in claims else {}), **pair[index])
            for name, pair in _EXAMPLES.items()
        }
    )


COMPLETE = _events(0, OF_A_CLAIM)
MINIMAL = _events(1, {"occurred": DAY})
LATER: dict[str | None, Mapping[str, DomainEvent]] = {
    "compiled": {"ReportFiled": ALL_TYPES["ReportFiled"].of(**_EXAMPLES["ReportFiled"][1], source_count=3)},
    "all-classes": {
        "TollClaimed": ALL_TYPES["TollClaimed"].of(
            incident_id=INCIDENT, outcome="killed", count={**COUNT, "words": ""}, occurred=DAY
        )
    },
}
"""What was added to a type after its golden files were written, without a new version: by the kind of its file."""
