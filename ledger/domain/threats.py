"""Claims about threats, talks and statements. A conditional threat is a threat, not a hypothetical attack."""

from typing import Literal

from ledger.domain.claim import IncidentClaim, ThreatClaim
from ledger.domain.codes import ThreatKind
from ledger.domain.hostilities import ActReferences
from ledger.domain.values import ActorIds, OccurredInterval, SubjectId, SubjectIds, Text, Word


class ThreatIssued(ThreatClaim):
    """A conditional or dated announcement of force, or a warning."""

    type: Literal["ThreatIssued"]
    threat_id: SubjectId
    threat_kind: ThreatKind
    issued_by: ActorIds = ()
    against: ActorIds = ()
    addressees: ActorIds = ()
    condition: Text = ""
    announced_act: Text = ""
    deadline: OccurredInterval | None = None
    agreement_ids: SubjectIds = ()


class ThreatCarriedOut(ThreatClaim):
    """A threat was carried out."""

    type: Literal["ThreatCarriedOut"]
    threat_id: SubjectId
    acts: ActReferences = ()


class ThreatWithdrawn(ThreatClaim):
    """A threat was withdrawn."""

    type: Literal["ThreatWithdrawn"]
    threat_id: SubjectId
    withdrawn_by: ActorIds = ()


class TalksHeld(IncidentClaim):
    """Talks were held."""

    type: Literal["TalksHeld"]
    incident_id: SubjectId
    participants: ActorIds = ()
    mode: Word = ""
    subject_matter: Text = ""
    agreement_ids: SubjectIds = ()


class StatementMade(IncidentClaim):
    """A statement that is neither a threat nor talks, or context that a report gives."""

    type: Literal["StatementMade"]
    incident_id: SubjectId
    speakers: ActorIds = ()
    addressees: ActorIds = ()
    subject_matter: Text = ""
    agreement_ids: SubjectIds = ()
