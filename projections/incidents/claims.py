"""What the incidents read model takes: all claims about incidents, and those of threats and agreements that refer
to one. The references are columns of the claim's form, so that a link holds as long as the form that states it."""

from typing import Any
from uuid import UUID

from ledger.domain.agreements import CeasefireViolated
from ledger.domain.casualties import TollClaimed
from ledger.domain.claim import INCIDENTS, Claim
from ledger.domain.hostilities import Retaliation
from ledger.domain.reports import CLAIM_TYPES
from ledger.domain.threats import ThreatCarriedOut
from projections.history import ReadModel

ANSWERS = "ANSWERS"
CARRIES_OUT = "CARRIES_OUT"
VIOLATES = "VIOLATES"

COLUMNS = ("link_kind", "act_incident_ids", "act_event_ids")


def link_columns(claim: Claim) -> tuple[Any, ...]:
    """The values of COLUMNS: what link a claim states, and to which incidents and events."""
    match claim:
        case Retaliation():
            kind, acts = ANSWERS, claim.answers
        case ThreatCarriedOut():
            kind, acts = CARRIES_OUT, claim.acts
        case CeasefireViolated():
            kind, acts = VIOLATES, claim.acts
        case _:
            return None, [], []
    incidents = [act.incident_id for act in acts if act.incident_id is not None]
    events = [UUID(act.event_id) for act in acts if act.event_id is not None]
    return kind, incidents, events


def _of_incidents() -> frozenset[str]:
    about = {each.__name__ for each in CLAIM_TYPES if each.subject == INCIDENTS}
    return frozenset(about | {each.__name__ for each in (TollClaimed, ThreatCarriedOut, CeasefireViolated)})


INCIDENTS_READ_MODEL = ReadModel(
    name="incidents",
    version=2,
    package="projections.incidents",
    claim_types=_of_incidents(),
    columns=COLUMNS,
    extract=link_columns,
)
