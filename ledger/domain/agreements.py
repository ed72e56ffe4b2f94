"""Claims about agreements and ceasefires (ETH/PRIO, PA-X). A violation never ends one by itself, and no end is
derived here: status follows in the read model from all that is recorded."""

from typing import Annotated, Literal

from pydantic import Field

from ledger.domain.claim import AgreementClaim
from ledger.domain.codes import CeasefireClass, CeasefireEnding, CeasefireSide, ViolationStanding
from ledger.domain.hostilities import ActReferences
from ledger.domain.values import (
    ActorId,
    ActorIds,
    ExternalIds,
    OccurredInterval,
    Place,
    SubjectId,
    Text,
    Value,
    Word,
    Words,
)

MAX_TERM_HOURS = 24 * 366 * 100
Hours = Annotated[int, Field(ge=1, le=MAX_TERM_HOURS)]


class AgreementTerms(Value):
    """The terms, as far as a source gives them; durations in hours from taking effect."""

    title: Word = ""
    parties: ActorIds = ()
    zone: Place | None = None
    side: CeasefireSide | None = None
    ceasefire_class: CeasefireClass | None = None
    partial: bool | None = None
    written: bool | None = None
    effective: OccurredInterval | None = None
    fixed_term_hours: Hours | None = None
    ends: OccurredInterval | None = None
    purposes: Words = ()
    provisions: Words = ()
    mediators: ActorIds = ()
    monitoring_mechanism: Text = ""
    supersedes_agreement_id: SubjectId | None = None
    external_ids: ExternalIds = ()


class AgreementSigned(AgreementClaim):
    """An agreement was signed on the day it occurred."""

    type: Literal["AgreementSigned"]
    agreement_id: SubjectId
    signatories: ActorIds = ()
    terms: AgreementTerms = AgreementTerms()


class CeasefireProposed(AgreementClaim):
    """A ceasefire was proposed and not yet accepted."""

    type: Literal["CeasefireProposed"]
    agreement_id: SubjectId
    proposed_by: ActorIds = ()
    terms: AgreementTerms = AgreementTerms()


class CeasefireDeclared(AgreementClaim):
    """A ceasefire was declared by some; others may follow."""

    type: Literal["CeasefireDeclared"]
    agreement_id: SubjectId
    declared_by: ActorIds = ()
    terms: AgreementTerms = AgreementTerms()


class CeasefireTookEffect(AgreementClaim):
    """A ceasefire took effect, for the parties named or for all."""

    type: Literal["CeasefireTookEffect"]
    agreement_id: SubjectId
    parties: ActorIds = ()


class CeasefireViolated(AgreementClaim):
    """A ceasefire was violated. One claim for each agreement that one incident violates."""

    type: Literal["CeasefireViolated"]
    agreement_id: SubjectId
    acts: ActReferences = ()
    violators: ActorIds = ()
    standing: ViolationStanding = ViolationStanding.ALLEGED
    violation_kind: Word = ""


class CeasefireSuspended(AgreementClaim):
    """A ceasefire was suspended, by the parties named or by all."""

    type: Literal["CeasefireSuspended"]
    agreement_id: SubjectId
    parties: ActorIds = ()


class CeasefireResumed(AgreementClaim):
    """A suspended ceasefire was resumed, by the parties named or by all."""

    type: Literal["CeasefireResumed"]
    agreement_id: SubjectId
    parties: ActorIds = ()


class CeasefireExtended(AgreementClaim):
    """A ceasefire was extended: to a last day, by hours, or without end."""

    type: Literal["CeasefireExtended"]
    agreement_id: SubjectId
    ends: OccurredInterval | None = None
    added_hours: Hours | None = None


class CeasefireEnded(AgreementClaim):
    """A ceasefire ended."""

    type: Literal["CeasefireEnded"]
    agreement_id: SubjectId
    ending: CeasefireEnding
    ended_by: ActorIds = ()
    superseded_by_agreement_id: SubjectId | None = None


class PartyWithdrew(AgreementClaim):
    """A party withdrew."""

    type: Literal["PartyWithdrew"]
    agreement_id: SubjectId
    party: ActorId
