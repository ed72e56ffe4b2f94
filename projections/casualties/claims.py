"""What the casualties read model takes from a claim: who, how many, and by whom. It depends on the claim alone, so
that a rebuild finds the same."""

import json

from psycopg import sql

from ledger.domain.casualties import CLASS_AND_OUTCOME, TollClaimed
from projections.casualties.keeping import Totals
from projections.history import ReadModel
from projections.history.extracting import array_of

ALL_CLASSES = "all"
"""The class of a toll that is of all classes together."""
CASUALTY_TYPES = frozenset((*CLASS_AND_OUTCOME, TollClaimed.__name__))
FORCE_TYPES = frozenset(("AttackReported", "Retaliation", "OffensiveReported", "TerritoryTaken"))
"""Claims of the use of force: they say who took part in an incident, and count nobody."""
ROLES = ("perpetrators", "attackers", "targets", "backers", "taken_by", "taken_from")
"""In which an actor takes part, beside the victims' party."""
CLASSES = {name: its_class.value for name, (its_class, _) in CLASS_AND_OUTCOME.items() if its_class is not None}
OUTCOMES = {name: outcome.value for name, (_, outcome) in CLASS_AND_OUTCOME.items()}
"""What the type of a claim says, where the claim itself does not."""

CASUALTIES = ReadModel(
    name="casualties",
    version=5,
    package="projections.casualties",
    claim_types=CASUALTY_TYPES | FORCE_TYPES,
    names={
        "classes": sql.Literal(json.dumps({**CLASSES, TollClaimed.__name__: ALL_CLASSES})),
        "outcomes": sql.Literal(json.dumps(OUTCOMES)),
        "TollClaimed": sql.Literal(TollClaimed.__name__),
        "parties": array_of((*ROLES, "victim_party")),
    },
    keeping=Totals(),
    # The same tables. 3 read words beside letters that are not ASCII otherwise, 4 added claims twice to its totals
    # that had once been of no incident.
    reads=frozenset({3, 4}),
)
