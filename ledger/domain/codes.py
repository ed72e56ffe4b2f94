"""The codes of the field's codebooks (UCDP GED, ACLED, ETH/PRIO, Airwars, the Admiralty system) as enumerations.
A member's value is the word used in reports; `code` is the codebook's number. Nothing here converts or guesses."""

from enum import StrEnum
from typing import Self


class Code(StrEnum):
    """A word with, where a codebook numbers it, the number; either is accepted as input."""

    code: int | None

    def __new__(cls, word: str, code: int | None = None) -> Self:
        """Makes the member equal to its word."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.code = code
        return member

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        for member in cls:
            if value == member.code and not isinstance(value, bool) and value is not None:
                return member
        return None


class DatePrecision(Code):
    """UCDP `date_prec`; 6 (longer than a year) is our own."""

    DAY = "day", 1
    DAYS = "days", 2
    WEEK = "week", 3
    MONTH = "month", 4
    YEAR = "year", 5
    YEARS = "years", 6


class PlacePrecision(Code):
    """UCDP `where_prec`."""

    EXACT = "exact", 1
    NEAR = "near", 2
    ADMIN2 = "admin2", 3
    ADMIN1 = "admin1", 4
    REGION = "region", 5
    COUNTRY = "country", 6
    INTERNATIONAL = "international", 7


class CountQualifier(Code):
    """How a count was stated."""

    EXACT = "exact"
    AT_LEAST = "at_least"
    MORE_THAN = "more_than"
    AT_MOST = "at_most"
    LESS_THAN = "less_than"
    ABOUT = "about"
    BETWEEN = "between"
    VAGUE = "vague"
    UNKNOWN = "unknown"


class VictimClass(Code):
    """The class of the victims."""

    TROOPS = "troops"
    CIVILIANS = "civilians"
    CONTRACTORS = "contractors"
    UNKNOWN = "unknown"


class Outcome(Code):
    """What happened to the victims."""

    KILLED = "killed"
    INJURED = "injured"
    MISSING = "missing"
    CAPTURED = "captured"


class Verification(Code):
    """Airwars' grades, plus `reported` (not yet assessed) and `retracted` (set by the record alone)."""

    REPORTED = "reported"
    CONFIRMED = "confirmed"
    FAIR = "fair"
    WEAK = "weak"
    CONTESTED = "contested"
    DISCOUNTED = "discounted"
    RETRACTED = "retracted"


class Credibility(Code):
    """The Admiralty system's 1-6: credibility of the information."""

    CONFIRMED = "confirmed", 1
    PROBABLY_TRUE = "probably_true", 2
    POSSIBLY_TRUE = "possibly_true", 3
    DOUBTFUL = "doubtful", 4
    IMPROBABLE = "improbable", 5
    CANNOT_BE_JUDGED = "cannot_be_judged", 6


class Reliability(Code):
    """The Admiralty system's A-F: reliability of the source."""

    A = "a"
    B = "b"
    C = "c"
    D = "d"
    E = "e"
    F = "f"


class EventClarity(Code):
    """UCDP `event_clarity`."""

    SINGLE = "single", 1
    AGGREGATE = "aggregate", 2


class KindOfViolence(Code):
    """UCDP `type_of_violence`."""

    STATE_BASED = "state_based", 1
    NON_STATE = "non_state", 2
    ONE_SIDED = "one_sided", 3


class ActorKind(Code):
    """ACLED `inter`; a state's army abroad is 8."""

    STATE_FORCES = "state_forces", 1
    REBEL_GROUP = "rebel_group", 2
    POLITICAL_MILITIA = "political_militia", 3
    IDENTITY_MILITIA = "identity_militia", 4
    RIOTERS = "rioters", 5
    PROTESTERS = "protesters", 6
    CIVILIANS = "civilians", 7
    EXTERNAL = "external", 8


class AttributionRole(Code):
    """In what capacity somebody is said to say so."""

    PARTY = "party"
    OFFICIAL = "official"
    MONITOR = "monitor"
    EYEWITNESS = "eyewitness"
    RESPONDER = "responder"
    MEDIA = "media"
    UNNAMED = "unnamed"


class CeasefireSide(Code):
    """ETH/PRIO `side`."""

    UNILATERAL = "unilateral", 1
    BILATERAL = "bilateral", 2
    MULTILATERAL = "multilateral", 3


class CeasefireClass(Code):
    """ETH/PRIO `class`."""

    CESSATION = "cessation", 1
    PRELIMINARY = "preliminary", 2
    DEFINITIVE = "definitive", 3


class CeasefireEnding(Code):
    """ETH/PRIO `ended`; its 0 (ongoing) is not an ending."""

    UNKNOWN = "unknown", -1
    EXPIRED = "expired", 1
    TERMINATED = "terminated", 2
    NEVER_TOOK_EFFECT = "never_took_effect", 3
    SUPERSEDED = "superseded", 4


class ViolationStanding(Code):
    """How far an alleged violation is established."""

    ALLEGED = "alleged"
    VERIFIED = "verified"
    ATTRIBUTED = "attributed"
    DISPUTED = "disputed"
    UNFOUNDED = "unfounded"


class ThreatKind(Code):
    """What kind of threat."""

    CONDITIONAL = "conditional"
    ULTIMATUM = "ultimatum"
    WARNING = "warning"


class RetractionReason(Code):
    """Why something recorded no longer holds."""

    OUT_OF_SCOPE = "out_of_scope"
    DUPLICATE = "duplicate"
    ERROR = "error"
    WITHDRAWN_BY_SOURCE = "withdrawn_by_source"


class ProjectionOperation(Code):
    """What an operator asks for of a read model."""

    REBUILD = "rebuild"
    FREEZE = "freeze"
    VERIFY = "verify"
    ROLL_BACK = "roll_back"
    CANCEL = "cancel"
    DROP_GENERATION = "drop_generation"
    RETRY_PARKED = "retry_parked"


class RebuildResult(Code):
    """How a build of a read model ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
