"""What the casualties read model takes from a claim: who, how many, and by whom. It depends on the claim alone, so
that a rebuild finds the same."""

from typing import Any

from ledger.domain.casualties import CLASS_AND_OUTCOME, CasualtyClaim, TollClaimed
from ledger.domain.reports import CLAIM_TYPES
from projections.casualties.keeping import keep_totals
from projections.casualties.policies import acled_number
from projections.history import ReadModel

ALL_CLASSES = "all"
"""The class of a toll that is of all classes together."""
CASUALTY_TYPES = frozenset((*CLASS_AND_OUTCOME, TollClaimed.__name__))
FORCE_TYPES = frozenset(("AttackReported", "Retaliation", "OffensiveReported", "TerritoryTaken"))
"""Claims of the use of force: they say who took part in an incident, and count nobody."""
ROLES = ("perpetrators", "attackers", "targets", "backers", "taken_by", "taken_from")
"""In which an actor takes part, beside the victims' party."""
ROLES_OF = {each.__name__: tuple(role for role in ROLES if role in each.model_fields) for each in CLAIM_TYPES}
"""Those that a type of claim has: to ask a claim for the others takes a tenth of the fold's time."""

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
    "parties",
)


def casualty_columns(claim: Any) -> tuple[Any, ...]:
    """The values of COLUMNS for an itemised claim, a toll, or a claim of the use of force."""
    parties = sorted({party for role in ROLES_OF[claim.type] for party in getattr(claim, role)} | _victims(claim))
    if not isinstance(claim, CasualtyClaim | TollClaimed):
        return (None, None, None, [], None, None, None, None, None, False, parties)
    is_toll = isinstance(claim, TollClaimed)
    bounds = claim.count.bounds()
    return (
        claim.victim_party,
        *_class_and_outcome(claim),
        sorted(set(claim.perpetrators)),
        bounds.low,
        bounds.best,
        bounds.high,
        acled_number(claim.count),
        claim.count.qualifier.value,
        is_toll,
        parties,
    )


def _victims(claim: Any) -> set[str]:
    party = getattr(claim, "victim_party", None)
    return {party} if party else set()


def _class_and_outcome(claim: Any) -> tuple[str, str]:
    if isinstance(claim, TollClaimed):
        return claim.victim_class.value if claim.victim_class else ALL_CLASSES, claim.outcome.value
    of_the_type, outcome = CLASS_AND_OUTCOME[claim.type]
    return (of_the_type or claim.victim_class).value, outcome.value


CASUALTIES = ReadModel(
    name="casualties",
    version=3,
    package="projections.casualties",
    claim_types=CASUALTY_TYPES | FORCE_TYPES,
    columns=COLUMNS,
    extract=casualty_columns,
    keep=keep_totals,
)
