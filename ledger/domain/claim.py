"""What every domain event is: frozen, versioned, with a stream that follows from its content.
A claim speaks of the world and carries when, where and according to whom; an act speaks of the record itself."""

from functools import cache
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ledger.domain.codes import Credibility, EventClarity, KindOfViolence, Verification
from ledger.domain.values import (
    ActorReference,
    Attribution,
    Evidence,
    OccurredInterval,
    Place,
    Text,
    Word,
)

INCIDENTS = "incidents/"
AGREEMENTS = "agreements/"
THREATS = "threats/"
TOLLS = "tolls/"
REPORTS = "reports/"
ACTORS = "actors/"


class DomainEvent(BaseModel):
    """A domain event's content. Where and when it is recorded is told by its envelope, not by the event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    """Version of the type's layout; older ones are upcast when read, never rewritten."""

    type: str
    subject: ClassVar[str]
    """Prefix of the streams that the type belongs to."""
    subject_field: ClassVar[str]
    """The field that names the stream's thing."""

    @classmethod
    def of(cls, **content: Any) -> Self:
        """Validates content into an event of this type."""
        return cls.model_validate({"type": cls.__name__, **content})

    @property
    def stream(self) -> str:
        """The stream that the event belongs to, for example `incidents/idlib-2020-02-10`."""
        return f"{self.subject}{getattr(self, self.subject_field)}"

    def to_payload(self) -> bytes:
        """The exact bytes to store: compact UTF-8 JSON, without fields at their defaults."""
        return self.__pydantic_serializer__.to_json(self, exclude_defaults=True)

    def actor_ids(self) -> list[tuple[str, str]]:
        """Path and id of each actor that the event names."""
        found: list[tuple[str, str]] = []
        _find_actors(self, "", found)
        return found


def _as_filed(verification: Verification) -> Verification:
    if verification is Verification.RETRACTED:
        raise ValueError("a claim is retracted by ClaimRetracted or ReportRetracted, never filed as retracted")
    return verification


class Claim(DomainEvent):
    """What a report says of the world."""

    occurred: OccurredInterval
    place: Place | None = None
    attributions: Annotated[tuple[Attribution, ...], Field(max_length=50)] = ()
    verification: Annotated[Verification, AfterValidator(_as_filed)] = Verification.REPORTED
    credibility: Credibility | None = None
    clarity: EventClarity = EventClarity.SINGLE
    kind_of_violence: KindOfViolence | None = None
    cameo_code: Word = ""
    words: Text = ""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=50)] = ()


class IncidentClaim(Claim):
    """A claim about an incident."""

    subject = INCIDENTS
    subject_field = "incident_id"


class AgreementClaim(Claim):
    """A claim about an agreement."""

    subject = AGREEMENTS
    subject_field = "agreement_id"


class ThreatClaim(Claim):
    """A claim about a threat."""

    subject = THREATS
    subject_field = "threat_id"


def _find_actors(model: BaseModel, path: str, found: list[tuple[str, str]]) -> None:
    for name, is_actor in _reference_fields(type(model)):
        value = getattr(model, name)
        if not value:
            continue
        if is_actor and type(value) is str:
            found.append((path + name, value))
        elif type(value) is tuple:
            for index, item in enumerate(value):
                if is_actor:
                    found.append((f"{path}{name}[{index}]", item))
                else:
                    _find_actors(item, f"{path}{name}[{index}].", found)
        else:
            _find_actors(value, f"{path}{name}.", found)


def actor_paths(model: type[BaseModel]) -> set[str]:
    """Where in an event of this type actors are named: names of fields, through parts by dots, lists left out."""
    paths = set()
    for name, is_actor in _reference_fields(model):
        if is_actor:
            paths.add(name)
        else:
            parts = _models_in(model.model_fields[name].annotation)
            paths |= {f"{name}.{path}" for part in parts for path in actor_paths(part)}
    return paths


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in getattr(annotation, "__args__", ()) for model in _models_in(each)]


@cache
def _reference_fields(model: type[BaseModel]) -> tuple[tuple[str, bool], ...]:
    """The fields that can hold an actor reference: name, and whether the field itself is one."""
    found = []
    for name, field in model.model_fields.items():
        if _mentions(field.annotation, tuple(field.metadata), ActorReference):
            found.append((name, True))
        elif _holds_references(field.annotation):
            found.append((name, False))
    return tuple(found)


def _mentions(annotation: Any, metadata: tuple[Any, ...], marker: type) -> bool:
    if any(isinstance(item, marker) for item in metadata):
        return True
    inner = getattr(annotation, "__args__", ())
    return any(_mentions(each, getattr(each, "__metadata__", ()), marker) for each in inner)


def _holds_references(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return bool(_reference_fields(annotation))
    return any(_holds_references(each) for each in getattr(annotation, "__args__", ()))
