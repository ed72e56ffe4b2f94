"""Which claims the ceasefire read model takes; its columns are in schema.sql. It derives nothing."""

from psycopg import sql

from ledger.domain.agreements import CeasefireViolated
from ledger.domain.claim import AGREEMENTS
from ledger.domain.codes import ViolationStanding
from ledger.domain.reports import CLAIM_TYPES
from projections.history import ReadModel

EVENT_ACT = "event:"
"""Prefix of an act that is one recorded event; others are incidents."""

SPEAKING = ("ThreatIssued", "TalksHeld", "StatementMade", "ObservationPostsEstablished", "MonitoringRestricted")
"""Claims about other things that name agreements."""
ABOUT = tuple(each.__name__ for each in CLAIM_TYPES if each.subject == AGREEMENTS)


CEASEFIRES = ReadModel(
    name="ceasefires",
    version=2,
    package="projections.ceasefires",
    claim_types=frozenset((*ABOUT, *SPEAKING)),
    names={
        "CeasefireViolated": sql.Literal(CeasefireViolated.__name__),
        "alleged": sql.Literal(ViolationStanding.ALLEGED.value),
        "event": sql.Literal(EVENT_ACT),
    },
)
