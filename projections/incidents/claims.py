"""What the incidents read model takes: all claims, about incidents, threats and agreements alike, for what happened
is told in one order. References to acts are columns of the claim's form: a link holds as long as what states it."""

from typing import Any
from uuid import UUID

from ledger.domain.agreements import CeasefireViolated
from ledger.domain.claim import Claim
from ledger.domain.hostilities import Retaliation
from ledger.domain.reports import CLAIM_TYPES
from ledger.domain.threats import ThreatCarriedOut
from projections.history import ReadModel

ANSWERS = "ANSWERS"
CARRIES_OUT = "CARRIES_OUT"
VIOLATES = "VIOLATES"

COLUMNS = ("link_kind", "act_incident_ids", "act_event_ids", "zone")


def added_columns(claim: Claim) -> tuple[Any, ...]:
    """The values of COLUMNS: what link a claim states, to which incidents and events; and the names of the zone
    that an agreement is for, which is where it belongs, wherever it was signed."""
    zone = getattr(getattr(claim, "terms", None), "zone", None)
    names = [zone.name, zone.admin2, zone.admin1, zone.country] if zone is not None else []
    return *_link(claim), [name for name in names if name]


def _link(claim: Claim) -> tuple[str | None, list[str], list[UUID]]:
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


INCIDENTS_READ_MODEL = ReadModel(
    name="incidents",
    version=3,
    package="projections.incidents",
    claim_types=frozenset(each.__name__ for each in CLAIM_TYPES),
    columns=COLUMNS,
    extract=added_columns,
)
