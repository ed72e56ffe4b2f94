"""The report: what one source published or one observer filed, the unit of append, and the event that files it.
Also the catalogue of all event types by name."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from ledger.domain.actors import ActorRegistered
from ledger.domain.acts import (
    AnyClaim,
    ClaimAssessed,
    ClaimCorrected,
    ClaimRetracted,
    IncidentsMerged,
    PayloadRedacted,
    PreferredClaimChosen,
    ReportRetracted,
)
from ledger.domain.administration import ADMINISTRATIVE_TYPES
from ledger.domain.claim import REPORTS, DomainEvent
from ledger.domain.values import Evidence, Published, Sha256, Source, SubjectId, Text, Value, Word

MAX_CLAIMS = 1_000
"""Claims in one report; a larger source is filed as several reports."""
MAX_SOURCES = 100_000

AnyAct = (
    ActorRegistered
    | ReportRetracted
    | ClaimCorrected
    | ClaimRetracted
    | ClaimAssessed
    | IncidentsMerged
    | PreferredClaimChosen
    | PayloadRedacted
)
ReportItem = Annotated[AnyClaim | AnyAct, Field(discriminator="type")]
"""What a report can hold."""


_CLAIMS = {"claims"}


class Filing(Value):
    """What is said of a report as a whole."""

    report_id: SubjectId
    source: Source
    reported: Published
    title: Word = ""
    summary: Text = ""
    language: Word = ""
    recorded_by: Word = ""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=50)] = ()
    source_count: Annotated[int, Field(ge=1, le=MAX_SOURCES)] | None = None
    """On how many sources it rests, where its publisher says so."""


class Report(Filing):
    """A report as its client files it."""

    claims: Annotated[tuple[ReportItem, ...], Field(min_length=1, max_length=MAX_CLAIMS)]

    @model_validator(mode="after")
    def _says_who_redacts(self) -> Self:
        """What is removed for good is removed by somebody; nobody can be asked later what it was."""
        if not self.recorded_by and "PayloadRedacted" in [item.type for item in self.claims]:
            raise ValueError("redacts, and does not say who does; give `recorded_by`")
        return self

    @property
    def acts(self) -> bool:
        """Whether it holds acts of the record, which depend on what is recorded."""
        return not DECIDED_TYPES.isdisjoint([item.type for item in self.claims])

    def filing_payload(self) -> bytes:
        """What the content digest covers beside the claims: compact JSON, without fields at their defaults."""
        return self.__pydantic_serializer__.to_json(self, exclude=_CLAIMS, exclude_defaults=True)

    def filed_payload(self, filing: bytes, content_digest: str) -> bytes:
        """The payload of its ReportFiled, made from the filing's JSON, which is there already."""
        end = f',"claim_count":{len(self.claims)},"content_digest":"{content_digest}"}}'
        return b'{"type":"ReportFiled",' + filing[1:-1] + end.encode()


class ReportFiled(Filing, DomainEvent):
    """A report was filed; its claims follow it in the ledger."""

    type: Literal["ReportFiled"]
    subject = REPORTS
    subject_field = "report_id"
    claim_count: Annotated[int, Field(ge=1, le=MAX_CLAIMS)]
    content_digest: Sha256 | None = None

    @property
    def reported_day(self) -> str:
        """The day of publication, ISO 8601."""
        return (self.reported.date() if isinstance(self.reported, datetime) else self.reported).isoformat()


CLAIM_TYPES: tuple[type[DomainEvent], ...] = get_args(get_args(AnyClaim)[0])
ACT_TYPES: tuple[type[DomainEvent], ...] = get_args(AnyAct)
EVENT_TYPES: Mapping[str, type[DomainEvent]] = MappingProxyType(
    {each.__name__: each for each in CLAIM_TYPES + ACT_TYPES} | {"ReportFiled": ReportFiled}
)
"""Every type of domain event that comes of reports, by name."""
ALL_TYPES: Mapping[str, type[DomainEvent]] = MappingProxyType({**EVENT_TYPES, **ADMINISTRATIVE_TYPES})
"""These, and what the service records of itself."""
DECIDED_TYPES = frozenset(each.__name__ for each in ACT_TYPES if each is not ActorRegistered)
"""Acts that are decided on their stream as it is, and on which the next ones depend."""


def event_from_payload(type_name: str, payload: bytes) -> DomainEvent:
    """Decodes stored bytes; raises KeyError for an unknown type, ValidationError for bytes that do not fit."""
    return ALL_TYPES[type_name].model_validate_json(payload)
