"""The reports of a campaign: mixed claims on shared and own streams, and acts on what was acknowledged before.
Follows from a seed and from the receipts alone. Every item carries a marker by which a checker finds it again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from incident.ledger.v1 import claims_pb2, records_pb2, values_pb2

SHARED_INCIDENTS = 40
SHARED_AGREEMENTS = 8
SHARED_THREATS = 12
MAX_CLAIMS = 5
ACT_SHARE = 0.12
EXPECTING_SHARE = 0.05
FIRST_ACTS = 4
"""So many reports a client files before it begins to act on them."""
MAX_TARGETS = 200
FIRST_DAY = date(2020, 1, 1)
ACTORS = ("government-of-turkey", "government-of-syria", "syrian-opposition-groups", "islamic-state")

Claim = claims_pb2.Claim


@dataclass(frozen=True)
class Planned:
    """One report to file, with the revisions that its client relies on."""

    report: records_pb2.Report
    expected: tuple[records_pb2.ExpectedRevision, ...]
    markers: tuple[str, ...]
    """Each item's marker, in order."""


@dataclass
class _Known:
    """What a client has had acknowledged and has not yet acted on."""

    claims: list[tuple[str, str]] = field(default_factory=list)
    """Event id and incident id of killed-troops claims, the only ones that are acted on."""
    undone: list[str] = field(default_factory=list)
    """Event ids of retractions, which can be undone."""
    reports: list[str] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)


class Traffic:
    """The reports of one client, in order."""

    def __init__(self, seed: int, client: int) -> None:
        self._random = random.Random(f"{seed}/{client}")
        self._name = f"campaign-{seed}-c{client}"
        self._known = _Known()
        self._filed = 0

    def next(self) -> Planned:
        """The next report; `acknowledged` must have been told of the one before."""
        self._filed += 1
        report_id = f"{self._name}-r{self._filed}"
        acts = self._filed > FIRST_ACTS and self._random.random() < ACT_SHARE
        makers = [self._act() if acts else self._claim()]
        makers += [self._claim() for _ in range(self._random.randrange(MAX_CLAIMS))]
        markers = tuple(f"{report_id} item {number}" for number in range(1, len(makers) + 1))
        claims = [make(marker) for make, marker in zip(makers, markers, strict=True)]
        expected = []
        if self._random.random() < EXPECTING_SHARE:
            # A retry of this one meets a stream that exists, because the report itself began it.
            own = f"{report_id}-own"
            claims[-1] = self._killed(own)(markers[-1])
            expected.append(records_pb2.ExpectedRevision(stream=f"incidents/{own}", no_stream=True))
        report = records_pb2.Report(
            report_id=report_id,
            source=values_pb2.Source(name=f"Outlet {self._random.randrange(9)}"),
            reported=self._day().isoformat(),
            title=report_id,
            recorded_by="the campaign",
            claims=claims,
        )
        return Planned(report, tuple(expected), markers)

    def acknowledged(self, planned: Planned, receipt: records_pb2.Receipt) -> None:
        """Learns the event ids of what is recorded."""
        known = self._known
        for claim, placed in zip(planned.report.claims, receipt.events[1:], strict=True):
            match claim.WhichOneof("body"):
                case "troops_killed":
                    known.claims.append((placed.event_id, claim.troops_killed.incident_id))
                case "claim_retracted":
                    known.undone.append(placed.event_id)
                case "attack_reported" if claim.attack_reported.incident_id.startswith(self._name):
                    known.incidents.append(claim.attack_reported.incident_id)
        known.reports.append(planned.report.report_id)
        for each in (known.claims, known.undone, known.reports, known.incidents):
            del each[:-MAX_TARGETS]

    def altered(self, planned: Planned) -> records_pb2.Report:
        """Other content under the same report id, which a ledger must refuse."""
        report = records_pb2.Report()
        report.CopyFrom(planned.report)
        report.summary = "not what was filed"
        return report

    def _act(self) -> Callable[[str], Claim]:
        """An act on something of the client's own; a claim where it has nothing to act on."""
        known, roll = self._known, self._random.random()
        if roll < 0.10 and len(known.incidents) >= 2:
            # Both leave the list: a merged incident cannot be merged again.
            return _merged(known.incidents.pop(0), known.incidents.pop(0))
        if roll < 0.20 and len(known.reports) > FIRST_ACTS:
            return _report_retracted(known.reports.pop(self._random.randrange(len(known.reports))))
        if roll < 0.30 and known.undone:
            return _retracted(known.undone.pop())
        if not known.claims:
            return self._claim()
        target, incident = known.claims[index := self._random.randrange(len(known.claims))]
        if roll < 0.55:
            return _corrected(target, self._killed(incident))
        if roll < 0.75:
            return _assessed(target)
        del known.claims[index]  # nothing can be done to it any more
        return _redacted(target) if roll > 0.93 else _retracted(target)

    def _claim(self) -> Callable[[str], Claim]:
        kinds = (self._killed, self._attack, self._toll, self._violation, self._threat, self._talks)
        kind: Callable[[], Callable[[str], Claim]] = self._random.choices(kinds, weights=(8, 4, 2, 3, 2, 1))[0]
        return kind()

    def _said(self, **body: Any) -> Callable[[str], Claim]:
        day = self._day().isoformat()
        occurred = values_pb2.OccurredInterval(start=day, end=day, precision=values_pb2.DATE_PRECISION_DAY)
        return lambda marker: Claim(occurred=occurred, words=marker, **body)

    def _killed(self, incident: str = "") -> Callable[[str], Claim]:
        victims, perpetrator = self._random.sample(ACTORS, 2)
        body = claims_pb2.TroopsKilled(
            incident_id=incident or self._incident(),
            victim_party=victims,
            perpetrators=[perpetrator],
            count=self._count(),
        )
        return self._said(troops_killed=body)

    def _attack(self) -> Callable[[str], Claim]:
        attacker, target = self._random.sample(ACTORS, 2)
        own = f"{self._name}-i{self._filed}-{self._random.randrange(1 << 30)}"
        incident = own if self._random.random() < 0.5 else self._incident()
        body = claims_pb2.AttackReported(incident_id=incident, attackers=[attacker], targets=[target])
        return self._said(attack_reported=body)

    def _toll(self) -> Callable[[str], Claim]:
        body = claims_pb2.TollClaimed(
            toll_id=f"toll-{self._random.randrange(SHARED_THREATS)}",
            victim_class=values_pb2.VICTIM_CLASS_CIVILIANS,
            outcome=values_pb2.OUTCOME_KILLED,
            count=self._count(),
        )
        return self._said(toll_claimed=body)

    def _violation(self) -> Callable[[str], Claim]:
        agreement = f"shared-agreement-{self._random.randrange(SHARED_AGREEMENTS)}"
        if self._random.random() < 0.3:
            terms = claims_pb2.AgreementTerms(title=agreement, parties=ACTORS[:2])
            return self._said(ceasefire_declared=claims_pb2.CeasefireDeclared(agreement_id=agreement, terms=terms))
        body = claims_pb2.CeasefireViolated(agreement_id=agreement, violators=self._random.sample(ACTORS, 1))
        return self._said(ceasefire_violated=body)

    def _threat(self) -> Callable[[str], Claim]:
        body = claims_pb2.ThreatIssued(
            threat_id=f"shared-threat-{self._random.randrange(SHARED_THREATS)}",
            threat_kind=claims_pb2.THREAT_KIND_CONDITIONAL,
            issued_by=self._random.sample(ACTORS, 1),
            condition="an attack",
            announced_act="an answer",
        )
        return self._said(threat_issued=body)

    def _talks(self) -> Callable[[str], Claim]:
        return self._said(talks_held=claims_pb2.TalksHeld(incident_id=self._incident(), participants=ACTORS[:2]))

    def _incident(self) -> str:
        return f"shared-incident-{self._random.randrange(SHARED_INCIDENTS)}"

    def _count(self) -> values_pb2.Count:
        return values_pb2.Count(qualifier=values_pb2.COUNT_QUALIFIER_EXACT, stated=self._random.randrange(30))

    def _day(self) -> date:
        return FIRST_DAY + timedelta(days=self._random.randrange(366))


def _corrected(target: str, replacement: Callable[[str], Claim]) -> Callable[[str], Claim]:
    return lambda marker: Claim(
        claim_corrected=claims_pb2.ClaimCorrected(
            target_event_id=target, reason=marker, replacement=replacement(marker)
        )
    )


def _retracted(target: str) -> Callable[[str], Claim]:
    reason = claims_pb2.RETRACTION_REASON_ERROR
    return lambda marker: Claim(
        claim_retracted=claims_pb2.ClaimRetracted(target_event_id=target, reason=reason, note=marker)
    )


def _assessed(target: str) -> Callable[[str], Claim]:
    grade = values_pb2.VERIFICATION_FAIR
    return lambda marker: Claim(
        claim_assessed=claims_pb2.ClaimAssessed(target_event_id=target, verification=grade, rationale=marker)
    )


def _redacted(target: str) -> Callable[[str], Claim]:
    return lambda marker: Claim(
        payload_redacted=claims_pb2.PayloadRedacted(target_event_id=target, rule="campaign", reason=marker)
    )


def _report_retracted(report_id: str) -> Callable[[str], Claim]:
    reason = claims_pb2.RETRACTION_REASON_WITHDRAWN_BY_SOURCE
    return lambda marker: Claim(
        report_retracted=claims_pb2.ReportRetracted(target_report_id=report_id, reason=reason, note=marker)
    )


def _merged(survivor: str, other: str) -> Callable[[str], Claim]:
    return lambda marker: Claim(
        incidents_merged=claims_pb2.IncidentsMerged(
            incident_id=survivor, merged_incident_ids=[other], reason=marker
        )
    )
