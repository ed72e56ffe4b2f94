"""Which claims the ceasefire read model takes, and the columns that it adds to them. It derives nothing."""

from typing import Any

from ledger.domain.claim import AGREEMENTS, Claim
from ledger.domain.codes import AttributionRole
from ledger.domain.hostilities import ActReference
from ledger.domain.reports import CLAIM_TYPES
from projections.history import ReadModel

EVENT_ACT = "event:"
"""Prefix of an act that is one recorded event; others are incidents."""

SPEAKING = ("ThreatIssued", "TalksHeld", "StatementMade", "ObservationPostsEstablished", "MonitoringRestricted")
"""Claims about other things that name agreements."""
ABOUT = tuple(each.__name__ for each in CLAIM_TYPES if each.subject == AGREEMENTS)


def extract(claim: Claim) -> tuple[Any, ...]:
    """The values of the added columns."""
    terms = getattr(claim, "terms", None)
    return (
        getattr(claim, "agreement_id", None),
        list(getattr(claim, "agreement_ids", ())),
        terms.supersedes_agreement_id if terms is not None else None,
        any(each.role is AttributionRole.MONITOR for each in claim.attributions),
        getattr(claim, "standing", None),
        getattr(claim, "violation_kind", None) or None,
        list(getattr(claim, "violators", ())),
        sorted({_act(act) for act in getattr(claim, "acts", ())}),
    )


def _act(act: ActReference) -> str:
    return act.incident_id if act.incident_id is not None else f"{EVENT_ACT}{act.event_id}"


CEASEFIRES = ReadModel(
    name="ceasefires",
    version=2,
    package="projections.ceasefires",
    claim_types=frozenset((*ABOUT, *SPEAKING)),
    columns=(
        *("agreement_id", "speaks_of", "supersedes", "by_monitor"),
        *("standing", "violation_kind", "violators", "acts"),
    ),
    extract=extract,
)
