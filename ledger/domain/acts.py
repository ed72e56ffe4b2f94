"""Acts of the record: nothing is edited, so a mistake is mended by an event that names its target and its reason.
Each act can be undone by retracting it; a redaction cannot."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ledger.domain import agreements, hostilities, monitoring, threats
from ledger.domain.casualties import (
    CiviliansInjured,
    CiviliansKilled,
    PersonsCaptured,
    PersonsInjured,
    PersonsKilled,
    PersonsMissing,
    TollClaimed,
    TroopsInjured,
    TroopsKilled,
)
from ledger.domain.claim import INCIDENTS, REPORTS, DomainEvent
from ledger.domain.codes import Credibility, RetractionReason, Verification, ViolationStanding
from ledger.domain.hostilities import EventId
from ledger.domain.values import MAX_ITEMS, SubjectId, Text, Word

AnyClaim = Annotated[
    TroopsKilled
    | TroopsInjured
    | CiviliansKilled
    | CiviliansInjured
    | PersonsKilled
    | PersonsInjured
    | PersonsMissing
    | PersonsCaptured
    | TollClaimed
    | hostilities.AttackReported
    | hostilities.Retaliation
    | hostilities.OffensiveReported
    | hostilities.TerritoryTaken
    | agreements.AgreementSigned
    | agreements.CeasefireProposed
    | agreements.CeasefireDeclared
    | agreements.CeasefireTookEffect
    | agreements.CeasefireViolated
    | agreements.CeasefireSuspended
    | agreements.CeasefireResumed
    | agreements.CeasefireExtended
    | agreements.CeasefireEnded
    | agreements.PartyWithdrew
    | threats.ThreatIssued
    | threats.ThreatCarriedOut
    | threats.ThreatWithdrawn
    | threats.TalksHeld
    | threats.StatementMade
    | monitoring.ObservationPostsEstablished
    | monitoring.MonitoringRestricted,
    Field(discriminator="type"),
]
"""Everything that can be claimed of the world."""


class TargetedAct(DomainEvent):
    """An act on one recorded event; it is recorded in its target's stream, which only the ledger knows."""

    target_event_id: EventId

    @property
    def stream(self) -> str:
        """Not known from the content alone."""
        raise LookupError(f"{self.type} is recorded in the stream of its target")


class ReportRetracted(DomainEvent):
    """None of a report's claims holds from here on."""

    type: Literal["ReportRetracted"]
    subject = REPORTS
    subject_field = "target_report_id"
    target_report_id: SubjectId
    reason: RetractionReason
    note: Text = ""


class ClaimCorrected(TargetedAct):
    """A claim reads otherwise from here on."""

    type: Literal["ClaimCorrected"]
    reason: Annotated[Text, Field(min_length=1)]
    replacement: AnyClaim


class ClaimRetracted(TargetedAct):
    """A claim no longer holds from here on; or, where the target is an act, the act is undone."""

    type: Literal["ClaimRetracted"]
    reason: RetractionReason
    note: Text = ""


class ClaimAssessed(TargetedAct):
    """A claim's verification, from here on."""

    type: Literal["ClaimAssessed"]
    verification: Verification | None = None
    credibility: Credibility | None = None
    standing: ViolationStanding | None = None
    rationale: Text = ""

    @model_validator(mode="after")
    def _assesses(self) -> Self:
        if self.verification is None and self.credibility is None and self.standing is None:
            raise ValueError("assesses nothing; give `verification`, `credibility` or `standing`")
        if self.verification is Verification.RETRACTED:
            raise ValueError("a claim is retracted by ClaimRetracted, not by an assessment")
        return self


class IncidentsMerged(DomainEvent):
    """Several incidents turn out to be one."""

    type: Literal["IncidentsMerged"]
    subject = INCIDENTS
    subject_field = "incident_id"
    incident_id: SubjectId
    merged_incident_ids: Annotated[tuple[SubjectId, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    reason: Annotated[Text, Field(min_length=1)]

    @model_validator(mode="after")
    def _others(self) -> Self:
        if self.incident_id in self.merged_incident_ids:
            raise ValueError("merges an incident into itself; name only the others in `merged_incident_ids`")
        if len(set(self.merged_incident_ids)) != len(self.merged_incident_ids):
            raise ValueError("names an incident twice; name each once")
        return self


class PreferredClaimChosen(DomainEvent):
    """An analyst chose between competing claims about one incident."""

    type: Literal["PreferredClaimChosen"]
    subject = INCIDENTS
    subject_field = "incident_id"
    incident_id: SubjectId
    preferred_event_id: EventId
    reason: Annotated[Text, Field(min_length=1)]


class PayloadRedacted(TargetedAct):
    """A payload is removed for good; envelope, leaf and proofs stay. An act that holds is retracted first and filed
    again without what must go, because what it does would be lost. Its report says who redacts: `recorded_by`."""

    type: Literal["PayloadRedacted"]
    rule: Annotated[Word, Field(min_length=1)]
    reason: Annotated[Text, Field(min_length=1)]
