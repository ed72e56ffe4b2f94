"""What the casualties read model takes from a claim: who, how many, and by whom. It depends on the claim alone, so
that a rebuild finds the same."""

from typing import Any

from ledger.domain.casualties import CLASS_AND_OUTCOME, TollClaimed
from projections.casualties.policies import acled_number
from projections.history import ReadModel

COLUMNS = (
    "victim_party",
    "victim_class",
    "outcome",
    "perpetrators",
    "low",
    "best",
    "high",
    "acled_number",
    "qualifier",
    "is_toll",
)


def casualty_columns(claim: Any) -> tuple[Any, ...]:
    """The values of COLUMNS for an itemised claim or a toll."""
    is_toll = isinstance(claim, TollClaimed)
    if is_toll:
        victim_class, outcome = claim.victim_class, claim.outcome
    else:
        of_the_type, outcome = CLASS_AND_OUTCOME[claim.type]
        victim_class = of_the_type or claim.victim_class
    bounds = claim.count.bounds()
    return (
        claim.victim_party,
        victim_class.value,
        outcome.value,
        sorted(set(claim.perpetrators)),
        bounds.low,
        bounds.best,
        bounds.high,
        acled_number(claim.count),
        claim.count.qualifier.value,
        is_toll,
    )


CASUALTIES = ReadModel(
    name="casualties",
    version=1,
    package="projections.casualties",
    claim_types=frozenset((*CLASS_AND_OUTCOME, TollClaimed.__name__)),
    columns=COLUMNS,
    extract=casualty_columns,
)
