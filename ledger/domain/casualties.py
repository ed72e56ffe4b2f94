"""Claims of casualties: itemised ones of one incident, and tolls, which are totals and never added to them."""

from typing import Literal, Self

from pydantic import model_validator

from ledger.domain.claim import INCIDENTS, TOLLS, Claim, IncidentClaim
from ledger.domain.codes import Outcome, VictimClass
from ledger.domain.values import ActorId, ActorIds, Count, SubjectId


class CasualtyClaim(IncidentClaim):
    """How many of whom, in one incident."""

    incident_id: SubjectId
    victim_party: ActorId | None = None
    perpetrators: ActorIds = ()
    count: Count


class TroopsKilled(CasualtyClaim):
    """Troops of a party killed in one incident."""

    type: Literal["TroopsKilled"]
    victim_party: ActorId


class TroopsInjured(CasualtyClaim):
    """Troops of a party injured in one incident."""

    type: Literal["TroopsInjured"]
    victim_party: ActorId


class CiviliansKilled(CasualtyClaim):
    """Civilians killed in one incident."""

    type: Literal["CiviliansKilled"]


class CiviliansInjured(CasualtyClaim):
    """Civilians injured in one incident."""

    type: Literal["CiviliansInjured"]


class PersonsKilled(CasualtyClaim):
    """Persons of another or unknown class killed in one incident."""

    type: Literal["PersonsKilled"]
    victim_class: Literal[VictimClass.CONTRACTORS, VictimClass.UNKNOWN]


class PersonsInjured(CasualtyClaim):
    """Persons of another or unknown class injured in one incident."""

    type: Literal["PersonsInjured"]
    victim_class: Literal[VictimClass.CONTRACTORS, VictimClass.UNKNOWN]


class PersonsOfAnyClass(CasualtyClaim):
    """Persons of a class that the claim states."""

    victim_class: VictimClass

    @model_validator(mode="after")
    def _troops_are_of_a_party(self) -> Self:
        if self.victim_class is VictimClass.TROOPS and self.victim_party is None:
            raise ValueError(
                "troops are of a party; give `victim_party`, or the class `unknown` if nobody says whose"
            )
        return self


class PersonsMissing(PersonsOfAnyClass):
    """Persons missing after one incident; what became of them is another claim."""

    type: Literal["PersonsMissing"]


class PersonsCaptured(PersonsOfAnyClass):
    """Persons captured, detained or abducted in one incident."""

    type: Literal["PersonsCaptured"]


class TollClaimed(Claim):
    """A claimed total over the occurred interval and the place, or over one incident."""

    type: Literal["TollClaimed"]
    subject = TOLLS
    subject_field = "toll_id"
    toll_id: SubjectId | None = None
    incident_id: SubjectId | None = None
    victim_party: ActorId | None = None
    victim_class: VictimClass | None = None
    """None: of all classes together."""
    outcome: Outcome
    perpetrators: ActorIds = ()
    count: Count

    @model_validator(mode="after")
    def _of_one_thing(self) -> Self:
        if (self.toll_id is None) == (self.incident_id is None):
            raise ValueError("a toll is of one incident or of a period and area; give `incident_id` or `toll_id`")
        return self

    @property
    def stream(self) -> str:
        """The incident's stream, or the toll's own."""
        return f"{INCIDENTS}{self.incident_id}" if self.incident_id else f"{TOLLS}{self.toll_id}"


CLASS_AND_OUTCOME: dict[str, tuple[VictimClass | None, Outcome]] = {
    "TroopsKilled": (VictimClass.TROOPS, Outcome.KILLED),
    "TroopsInjured": (VictimClass.TROOPS, Outcome.INJURED),
    "CiviliansKilled": (VictimClass.CIVILIANS, Outcome.KILLED),
    "CiviliansInjured": (VictimClass.CIVILIANS, Outcome.INJURED),
    "PersonsKilled": (None, Outcome.KILLED),
    "PersonsInjured": (None, Outcome.INJURED),
    "PersonsMissing": (None, Outcome.MISSING),
    "PersonsCaptured": (None, Outcome.CAPTURED),
}
"""What a casualty claim's type says of class and outcome; the class of persons is stated in the claim."""
