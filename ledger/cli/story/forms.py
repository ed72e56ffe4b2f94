"""The form in which a claim holds after some of its record, and how two forms of it differ, field by field.
A field is named as in report files; its value is the contract's JSON, beside the words for people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from incident.ledger.v1 import claims_pb2, values_pb2
from ledger.api.messages import BODY_NAMES
from ledger.cli.events import WORDED, worded
from ledger.domain.reports import CLAIM_TYPES

CLAIMS = frozenset(BODY_NAMES[each.__name__] for each in CLAIM_TYPES)
"""Bodies that claim something of the world."""
_THINGS = {
    "incident_id": "incidents/",
    "toll_id": "tolls/",
    "agreement_id": "agreements/",
    "threat_id": "threats/",
}
"""Fields that name what a claim is about, with the beginning of its stream."""


class Stated(NamedTuple):
    """A field as it is stated: as JSON, in words, and the part of the claim that it is, where it is one."""

    value: Any
    words: str
    part: Message | None = None


class Difference(NamedTuple):
    """A field that reads otherwise; None where it is not stated."""

    field: str
    before: Stated | None
    after: Stated | None


@dataclass(frozen=True)
class Form:
    """What a claim says after corrections, assessments, merges and choices, and whether it holds."""

    claim: Any
    about: str
    """The stream of what it is about: of the incident that its incident is merged into."""
    position: int
    """Of the event that says so: the claim's own, or that of a correction."""
    preferred_at: int
    """Where it was chosen, or 0."""
    holds: bool

    def fields(self) -> Mapping[str, Stated]:
        """All that it says, with what the record adds."""
        body = self.claim.WhichOneof("body")
        found = dict(_stated(self.claim, MessageToDict(self.claim, preserving_proto_field_name=True), ""))
        found = {path.removeprefix(f"{body}."): each for path, each in found.items()}
        found["type"] = _plain(type_of(self.claim))
        found["about"] = _plain(self.about)
        found["holds"] = Stated(self.holds, "yes" if self.holds else "no")
        if self.preferred_at:
            found["preferred_at"] = _plain(self.preferred_at)
        return found


def type_of(claim: Any) -> str:
    """The type of event that a claim's body is."""
    return str(getattr(claim, claim.WhichOneof("body")).DESCRIPTOR.name)


def stated_about(claim: Any) -> str:
    """The stream of the thing that a claim names; empty where it names none."""
    body = getattr(claim, claim.WhichOneof("body"))
    named = {name: getattr(body, name) for name in _THINGS if name in body.DESCRIPTOR.fields_by_name}
    return next((_THINGS[name] + thing for name, thing in named.items() if thing), "")


def assessed(claim: Any, said: Mapping[str, int]) -> Any:
    """A claim with what assessments say of it; the grades at which claims are filed stay unstated."""
    made = claims_pb2.Claim()
    made.CopyFrom(claim)
    body: Any = getattr(made, str(made.WhichOneof("body")))
    for name, value in said.items():
        if name == "standing":
            if name in body.DESCRIPTOR.fields_by_name:
                _set(body, name, value, claims_pb2.VIOLATION_STANDING_ALLEGED)
        else:
            _set(made, name, value, values_pb2.VERIFICATION_REPORTED if name == "verification" else 0)
    return made


def differences(before: Form | None, after: Form | None) -> list[Difference]:
    """What reads otherwise: in the order of the fields, what is no longer stated last."""
    old = before.fields() if before else {}
    new = after.fields() if after else {}
    found: list[Difference] = []
    for field in [*new, *(each for each in old if each not in new)]:
        was, now = old.get(field), new.get(field)
        if (was.value if was else None) != (now.value if now else None):
            found.append(Difference(field, was, now))
    return found


def in_parts(difference: Difference) -> list[Difference]:
    """A difference that its words do not show, part by part."""
    field, was, now = difference
    if not (was and now and was.part and now.part and was.words == now.words):
        return [difference]
    old, new = ({path: Stated(None, words) for path, words in _parts(each.part, field)} for each in (was, now))
    paths = [*new, *(each for each in old if each not in new)]
    return [Difference(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)]


def _set(message: Any, name: str, value: int, unstated: int) -> None:
    if value == unstated:
        message.ClearField(name)
    else:
        setattr(message, name, value)


def _plain(value: Any) -> Stated:
    return Stated(value, str(value))


def _stated(message: Message, document: Mapping[str, Any], path: str) -> Iterator[tuple[str, Stated]]:
    for field, value in message.ListFields():
        inner, shown = f"{path}{field.name}", document[field.name]
        if field.message_type is None or field.message_type.full_name in WORDED:
            yield inner, Stated(shown, worded(field, value), value if field.message_type else None)
        elif field.is_repeated:
            for index, item in enumerate(value):
                yield from _stated(item, shown[index], f"{inner}[{index}].")
        elif shown:
            yield from _stated(value, shown, f"{inner}.")
        else:
            yield inner, Stated({}, "")


def _parts(message: Any, path: str) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        if field.message_type is None:
            yield f"{path}.{field.name}", worded(field, value)
        else:
            for index, item in enumerate(value if field.is_repeated else [value]):
                yield from _parts(item, f"{path}.{field.name}" + (f"[{index}]" if field.is_repeated else ""))
