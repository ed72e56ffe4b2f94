"""What the incidents read model takes: all claims, about incidents, threats and agreements alike, for what happened
is told in one order. References to acts are columns of the claim's form: a link holds as long as what states it."""

import json

from psycopg import sql

from ledger.domain.agreements import CeasefireViolated
from ledger.domain.hostilities import Retaliation
from ledger.domain.reports import CLAIM_TYPES
from ledger.domain.threats import ThreatCarriedOut
from projections.history import ReadModel

ANSWERS = "ANSWERS"
CARRIES_OUT = "CARRIES_OUT"
VIOLATES = "VIOLATES"

LINKS = {Retaliation: ANSWERS, ThreatCarriedOut: CARRIES_OUT, CeasefireViolated: VIOLATES}
"""What link a claim of a type states, to the acts that it refers to."""

INCIDENTS_READ_MODEL = ReadModel(
    name="incidents",
    version=3,
    package="projections.incidents",
    claim_types=frozenset(each.__name__ for each in CLAIM_TYPES),
    names={
        "link_kinds": sql.Literal(json.dumps({each.__name__: kind for each, kind in LINKS.items()})),
        "acts": sql.SQL("coalesce(body -> 'answers', body -> 'acts')"),
    },
)
