"""Which claims the threat read model takes, and the columns that it adds to them. It derives nothing."""

from typing import Any

from ledger.domain.claim import THREATS as THREAT_STREAMS
from ledger.domain.claim import Claim
from ledger.domain.reports import CLAIM_TYPES
from projections.history import ReadModel


def extract(claim: Claim) -> tuple[Any, ...]:
    """The values of the added columns."""
    deadline = getattr(claim, "deadline", None)
    return (
        getattr(claim, "threat_id", None),
        getattr(claim, "threat_kind", None),
        deadline.end if deadline is not None else None,
        list(getattr(claim, "issued_by", ())),
        list(getattr(claim, "against", ())),
    )


THREATS = ReadModel(
    name="threats",
    version=2,
    package="projections.threats",
    claim_types=frozenset(each.__name__ for each in CLAIM_TYPES if each.subject == THREAT_STREAMS),
    columns=("threat_id", "threat_kind", "deadline", "issued_by", "against"),
    extract=extract,
)
