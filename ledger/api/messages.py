"""Reports, claims and records as protobuf messages and back, field for field by name.
What is not stated stays unset on both sides: an absent number is never zero. Validation is the domain's."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import ValidationError
from pydantic_core import from_json

from incident.ledger.v1 import claims_pb2, records_pb2, values_pb2
from ledger.api.fields import Converters, Plain, enum_numbers, message_of, snake_case
from ledger.api.violations import violations_of
from ledger.audit.envelope import recorder_and_client
from ledger.domain.codes import Code
from ledger.domain.reports import ALL_TYPES, CLAIM_TYPES, Report
from ledger.errors import CorruptionError, InvalidRequestError, Violation
from ledger.persistence.records import RawRecord, StoredRecord

CodeType = TypeVar("CodeType", bound=Code)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS_PER_DAY = 86_400
NANOS_PER_MICRO = 1_000
TIMES_REMEMBERED = 256
"""All events of one commit have one time."""

_CLAIM = claims_pb2.Claim.DESCRIPTOR
_BODIES = MappingProxyType({field.name: field for field in _CLAIM.oneofs_by_name["body"].fields})
BODY_NAMES = MappingProxyType({type_name: snake_case(type_name) for type_name in ALL_TYPES})
"""The field of `Claim` that holds the body of each type of event."""
_COMMON = tuple(field for field in _CLAIM.fields if field.name not in _BODIES)
_OF_THE_WORLD = frozenset(each.__name__ for each in CLAIM_TYPES)
_NOT_ON_THE_WIRE = frozenset(("type", "schema_version"))


def _read_claim(claim: Message) -> Plain:
    content: Plain = {}
    for field, value in claim.ListFields():
        number = field.number
        if number in _COMMON_READS:
            name, convert = _COMMON_READS[number]
            content[name] = value if convert is None else convert(value)
        else:
            type_name, read = _BODY_READS[number]
            content["type"] = type_name
            content.update(read(value))
    return content


def _write_claim(content: Plain) -> Plain:
    type_name = content["type"]
    writes = _COMMON_WRITES if type_name in _OF_THE_WORLD else {}
    claim: Plain = {}
    body: Plain = {}
    for name, value in content.items():
        if name in writes:
            convert = writes[name]
            claim[name] = value if convert is None else convert(value)
        elif name not in _NOT_ON_THE_WIRE:
            body[name] = value
    body_name, write = _BODY_WRITES[type_name]
    claim[body_name] = body if write is None else write(body)
    return claim


_CONVERTERS = Converters({_CLAIM.full_name: (_read_claim, _write_claim)})
_COMMON_READS = {field.number: (field.name, _CONVERTERS.read_field(field)) for field in _COMMON}
_COMMON_WRITES = {field.name: _CONVERTERS.write_field(field) for field in _COMMON}
_BODY_READS = {
    _BODIES[body].number: (type_name, _CONVERTERS.reader(message_of(_BODIES[body])))
    for type_name, body in BODY_NAMES.items()
}
_BODY_WRITES = {
    type_name: (body, _CONVERTERS.writer(message_of(_BODIES[body]))) for type_name, body in BODY_NAMES.items()
}
_VALIDATE: Callable[[Plain], Report] = Report.__pydantic_validator__.validate_python
"""`model_validate` without its options."""
_READ_REPORT = _CONVERTERS.reader(records_pb2.Report.DESCRIPTOR)
_WRITE_REPORT = _CONVERTERS.writer(records_pb2.Report.DESCRIPTOR)


def reports_from_proto(messages: Sequence[records_pb2.Report]) -> list[Report | InvalidRequestError]:
    """The reports that clients sent, in steps over all of them; an error with every violation where one does not
    hold."""
    unknown = [_has_unknown_fields(message) for message in messages]
    contents = [_READ_REPORT(message) for message in messages]
    return [_validated(*each) for each in zip(contents, unknown, strict=True)]


def _validated(content: Plain, unknown: bool) -> Report | InvalidRequestError:
    if unknown:
        what = "has fields that this server does not know; use the server's version of the contract"
        return InvalidRequestError([Violation("report", what)])
    try:
        return _VALIDATE(content)
    except ValidationError as error:
        return InvalidRequestError(violations_of(error, "report", wire=True))


def report_to_proto(report: Report) -> records_pb2.Report:
    """The report as a client sends it."""
    content = report.model_dump(mode="json", exclude_defaults=True)
    return records_pb2.Report(**(_WRITE_REPORT(content) if _WRITE_REPORT else content))


def claim_from_proto(message: claims_pb2.Claim) -> Plain:
    """A claim as plain data, not validated; with `type` where it has a body."""
    return _read_claim(message)


def claim_to_proto(payload: Plain) -> claims_pb2.Claim:
    """A claim from its stored payload, decoded from JSON, without validating it again."""
    return claims_pb2.Claim(**_write_claim(payload))


def record_to_proto(record: StoredRecord, view: int) -> records_pb2.RecordedEvent:
    """A stored event. The FULL view has the typed claim; the RAW view the exact bytes of a RawRecord."""
    return records_pb2.RecordedEvent(**record_fields(record, view))


def record_fields(record: StoredRecord, view: int) -> Plain:
    """The fields of a stored event's message. A message of many takes them as they are, and is spared a copy."""
    if view != records_pb2.EVENT_VIEW_RAW:
        return event_fields(
            record.position,
            record.stream,
            record.originator_version,
            str(record.event_id),
            record.topic,
            record.report_id,
            record.recorded_at,
            None if record.redacted else record.state,
            record.envelope if isinstance(record, RawRecord) else None,
        )
    if not isinstance(record, RawRecord):
        raise TypeError("a RAW view needs a RawRecord")
    bound = {"envelope": record.envelope, "salt": record.salt, "payload": record.state}
    return {"position": record.position, "redacted": record.redacted, **bound}


def event_fields(
    position: int,
    stream: str,
    revision: int,
    event_id: str,
    type_name: str,
    report_id: str,
    recorded_at: datetime,
    payload: bytes | None,
    envelope: bytes | None,
) -> Plain:
    """The fields of an event's message in the FULL view, of a row as it is stored."""
    fields: Plain = {
        "position": position,
        "stream": stream,
        "revision": revision,
        "event_id": event_id,
        "type": type_name,
        "report_id": report_id,
        "recorded_at": timestamp_fields(recorded_at),
    }
    if envelope is not None:
        fields["recorder"], fields["client"] = recorder_and_client(envelope)
    if payload is None:
        fields["redacted"] = True
        return fields
    try:
        fields["claim"] = _write_claim(from_json(payload))
    except (KeyError, ValueError) as error:
        what = f"the payload of type {type_name} does not fit the contract"
        raise CorruptionError(position=position, what=what) from error
    return fields


@lru_cache(maxsize=TIMES_REMEMBERED)
def timestamp_parts(moment: datetime) -> tuple[int, int]:
    """Seconds and nanoseconds of a protobuf timestamp."""
    since = moment - EPOCH
    return since.days * SECONDS_PER_DAY + since.seconds, since.microseconds * NANOS_PER_MICRO


def timestamp_fields(moment: datetime) -> Plain:
    """The fields of a protobuf timestamp."""
    seconds, nanos = timestamp_parts(moment)
    return {"seconds": seconds, "nanos": nanos}


def timestamp_to_proto(moment: datetime) -> Timestamp:
    """A moment as a protobuf timestamp."""
    return Timestamp(**timestamp_fields(moment))


def _has_unknown_fields(message: records_pb2.Report) -> bool:
    """What this version does not know would be left out of the record without a word."""
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return message.ByteSize() != size


def _code_numbers() -> dict[str, dict[str, int]]:
    files = (values_pb2.DESCRIPTOR, claims_pb2.DESCRIPTOR)
    enums = (enum for file in files for enum in file.enum_types_by_name.values())
    return {enum.name: enum_numbers(enum) for enum in enums}


_NUMBERS = _code_numbers()
_WORDS = {name: {number: word for word, number in numbers.items()} for name, numbers in _NUMBERS.items()}


def code_to_proto(code: Code) -> Any:
    """The number of a code in the contract's enumeration of the same name."""
    return _NUMBERS[type(code).__name__][code.value]


def code_from_proto(code_type: type[CodeType], number: int, path: str) -> CodeType | None:
    """The code of a number; None where it is unspecified."""
    if number == 0:
        return None
    word = _WORDS[code_type.__name__].get(number)
    if word is None:
        words = ", ".join(_NUMBERS[code_type.__name__])
        raise InvalidRequestError([Violation(path, f"is `{number}`; give one of {words}")])
    return code_type(word)
