"""Which claims the threat read model takes; its columns are in schema.sql. It derives nothing."""

from ledger.domain.claim import THREATS as THREAT_STREAMS
from ledger.domain.reports import CLAIM_TYPES
from projections.history import ReadModel

THREATS = ReadModel(
    name="threats",
    version=2,
    package="projections.threats",
    claim_types=frozenset(each.__name__ for each in CLAIM_TYPES if each.subject == THREAT_STREAMS),
)
