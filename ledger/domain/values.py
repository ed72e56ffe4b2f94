"""The common parts of claims: when, where, how many, according to whom, on what evidence.
Frozen, validated once; what a source stated is kept as stated, and bounds are derived from it, never stored."""

import re
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ledger.domain.codes import (
    AttributionRole,
    CountQualifier,
    DatePrecision,
    PlacePrecision,
    Reliability,
)

MAX_WORD = 200
MAX_ADDRESS = 2_048
"""An archive's address holds the address of what it archived."""
MAX_TEXT = 20_000
MAX_ITEMS = 200
MAX_COUNT = 10_000_000_000
"""More than all people who ever lived in one war; keeps sums far inside 64 bits."""

ID_PATTERN = r"^[a-z0-9][a-z0-9._:\-]{0,127}$"


class ActorReference:
    """Marks a field that names an actor, so that unregistered ones can be told."""


Word = Annotated[str, StringConstraints(max_length=MAX_WORD, pattern=r"^[^\x00-\x1f\x7f]*$")]
Address = Annotated[str, StringConstraints(max_length=MAX_ADDRESS, pattern=r"^[^\x00-\x20\x7f]*$")]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]
SubjectId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
ActorId = Annotated[str, StringConstraints(pattern=ID_PATTERN), ActorReference()]
ActorIds = Annotated[tuple[ActorId, ...], Field(max_length=MAX_ITEMS)]
SubjectIds = Annotated[tuple[SubjectId, ...], Field(max_length=MAX_ITEMS)]
Words = Annotated[tuple[Text, ...], Field(max_length=MAX_ITEMS)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _no_truth(given: Any) -> Any:
    """Yes is not 1."""
    if isinstance(given, bool):
        raise ValueError(f"{given} is not a number; write the number as digits")
    return given


Number = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=MAX_COUNT)]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    _DAY.pattern + r"[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


def _read_day(given: Any) -> Any:
    """Refuses what only passes for a date: digits alone, quoted or not, would be read as seconds since 1970."""
    if isinstance(given, date) or (isinstance(given, str) and _DAY.fullmatch(given)):
        return given
    raise PydanticCustomError("date_form", "{given} is not a date; write it as YYYY-MM-DD", {"given": str(given)})


def _read_published(given: Any) -> Any:
    """A date, or a moment with its zone. Told apart by how they are written: midnight is a moment, not a day."""
    if isinstance(given, str) and _MOMENT.fullmatch(given):
        with suppress(ValueError):  # a day that does not exist is told by the validation that follows
            given = datetime.fromisoformat(given)
    if not isinstance(given, datetime):
        return _read_day(given)
    if given.tzinfo is None:
        raise ValueError(f"{given.isoformat()} has no time zone; write for example {given.isoformat()}Z")
    return given


Day = Annotated[date, BeforeValidator(_read_day)]
Published = Annotated[date | AwareDatetime, BeforeValidator(_read_published)]


class Value(BaseModel):
    """A frozen part of an event; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OccurredInterval(Value):
    """An interval in the world; both days are part of it."""

    start: Day
    end: Day
    precision: DatePrecision

    @model_validator(mode="before")
    @classmethod
    def _one_day(cls, given: Any) -> Any:
        """A bare date, or a start alone, is that one day."""
        if isinstance(given, dict):
            return given if given.get("end") or not given.get("start") else {**given, "end": given["start"]}
        if isinstance(given, date | str):
            return {"start": given, "end": given, "precision": DatePrecision.DAY}
        return given

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"ends on {self.end}, before it starts on {self.start}; exchange start and end")
        return self

    def within(self, first: date, last: date) -> bool:
        """Whether the whole interval lies in the days from first to last."""
        return first <= self.start and self.end <= last


class ExternalId(Value):
    """An identifier in somebody else's register."""

    scheme: Word
    id: Word


ExternalIds = Annotated[tuple[ExternalId, ...], Field(max_length=MAX_ITEMS)]


class Place(Value):
    """A place and how precisely it is known (UCDP `where_prec`); the code travels with the point."""

    name: Word
    precision: PlacePrecision
    country: Word = ""
    admin1: Word = ""
    admin2: Word = ""
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    external_ids: ExternalIds = ()

    @model_validator(mode="after")
    def _whole_point(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude belong together; give both or neither")
        return self


class Bounds(Value):
    """Low, best and high of a count; None is open or unstated, never zero."""

    low: int | None
    best: int | None
    high: int | None


class Count(Value):
    """A count as a source stated it: a number with a qualifier, explicit bounds, or words alone."""

    qualifier: CountQualifier
    stated: Number | None = None
    low: Number | None = None
    best: Number | None = None
    high: Number | None = None
    words: Word = ""

    @model_validator(mode="before")
    @classmethod
    def _bare_number(cls, given: Any) -> Any:
        """A bare number is exact."""
        if isinstance(given, int) and not isinstance(given, bool):
            return {"qualifier": CountQualifier.EXACT, "stated": given}
        return given

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.qualifier is CountQualifier.EXACT and self.stated is not None:
            return self
        numbers = (self.stated, self.low, self.best, self.high)
        if self.qualifier is CountQualifier.UNKNOWN:
            if any(number is not None for number in numbers):
                raise ValueError("an unknown count has no number; choose another qualifier or drop the number")
        elif self.qualifier is CountQualifier.VAGUE:
            if not self.words:
                raise ValueError("a vague count needs the words as written; give `words`")
        elif all(number is None for number in numbers):
            raise ValueError(f"`{self.qualifier}` needs a number; give `stated`, or `low`, `best`, `high`")
        if self.qualifier is CountQualifier.LESS_THAN and self.stated == 0:
            raise ValueError("fewer than 0 is no count; give the number as the source states it")
        if self.qualifier is CountQualifier.BETWEEN and (self.low is None or self.high is None):
            raise ValueError("`between` needs `low` and `high`")
        return self

    def bounds(self) -> Bounds:
        """The bounds that follow from the words of the source without any guess."""
        low, best, high = _stated_bounds(self.qualifier, self.stated)
        return Bounds.model_construct(
            low=low if self.low is None else self.low,
            best=best if self.best is None else self.best,
            high=high if self.high is None else self.high,
        )


def _stated_bounds(qualifier: CountQualifier, stated: int | None) -> tuple[int | None, int | None, int | None]:
    if stated is None:
        return None, None, None
    match qualifier:
        case CountQualifier.EXACT:
            return stated, stated, stated
        case CountQualifier.AT_LEAST:
            return stated, stated, None
        case CountQualifier.MORE_THAN:
            return stated + 1, stated + 1, None
        case CountQualifier.AT_MOST:
            return 0, None, stated
        case CountQualifier.LESS_THAN:
            return 0, None, stated - 1
        case _:
            return None, stated, None


class Attribution(Value):
    """Who is said to say so; distinct from the outlet and from the recorder."""

    actor_id: ActorId | None = None
    name: Word = ""
    role: AttributionRole | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.actor_id is None and not self.name:
            raise ValueError("names nobody; give `actor_id` or `name`")
        return self


class Evidence(Value):
    """One item of source material (Berkeley Protocol: where, when, by whom, and the hash of what)."""

    url: Address = ""
    archive_url: Address = ""
    sha256: Sha256 | None = None
    media_type: Word = ""
    retrieved_at: Published | None = None
    collected_by: Word = ""


class Source(Value):
    """Who published the report."""

    name: Annotated[Word, Field(min_length=1)]
    reliability: Reliability | None = None
    dateline: Word = ""
    external_ids: ExternalIds = ()
