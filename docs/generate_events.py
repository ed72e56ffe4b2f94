"""Writes docs/reference/events.md: every type of event, from the models and from the comments of the contract.
`python docs/generate_events.py` writes it, `--check` fails where it has drifted. It decides nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from inspect import getdoc
from pathlib import Path
from types import ModuleType, NoneType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from ledger.domain import (
    actors,
    acts,
    administration,
    agreements,
    casualties,
    codes,
    hostilities,
    monitoring,
    reports,
    threats,
    values,
)
from ledger.domain.claim import Claim, DomainEvent
from ledger.domain.codes import Code, CountQualifier
from ledger.domain.reports import ALL_TYPES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "events.md"
CONTRACT = ROOT / "proto" / "incident" / "ledger" / "v1"
GOLDEN = ROOT / "tests" / "golden" / "events"
EXAMPLE_COUNT = 200

GROUPS: tuple[tuple[str, ModuleType], ...] = (
    ("Casualties", casualties),
    ("Hostilities", hostilities),
    ("Agreements and ceasefires", agreements),
    ("Threats, talks and statements", threats),
    ("Monitoring", monitoring),
    ("Actors", actors),
    ("Reports", reports),
    ("Acts of the record", acts),
    ("Administration", administration),
)
PARTS: tuple[type[BaseModel], ...] = (
    values.OccurredInterval,
    values.Place,
    values.Count,
    values.Attribution,
    values.Evidence,
    values.Source,
    values.ExternalId,
    hostilities.ActReference,
    agreements.AgreementTerms,
)
# How the page calls an annotation: by the first that it equals or narrows.
KINDS: tuple[tuple[Any, str, str], ...] = (
    (values.ActorId, "actor id", "an id by which an actor is, or will be, registered"),
    (values.SubjectId, "id", "1 to 128 characters of `a-z 0-9 . _ : -`, beginning with a letter or digit"),
    (
        hostilities.EventId,
        "event id",
        "the lowercase UUID that the receipt of a report gives for each of its events",
    ),
    (administration.LedgerName, "ledger", "1 to 40 characters of `a-z 0-9 _`, beginning with a letter"),
    (values.Address, "address", f"text without spaces, at most {values.MAX_ADDRESS:,} characters"),
    (values.Word, "line", f"text without line breaks or control characters, at most {values.MAX_WORD} characters"),
    (values.Text, "text", f"text, at most {values.MAX_TEXT:,} characters"),
    (values.Day, "day", "`YYYY-MM-DD`, and nothing else"),
    (values.Published, "day or moment", "`YYYY-MM-DD`, or ISO 8601 with a time zone: `2020-02-12T10:00:00Z`"),
    (values.Number, "number", f"a whole number from 0 to {values.MAX_COUNT:,}"),
    (values.Sha256, "SHA-256", "64 lowercase hexadecimal digits"),
    (agreements.Hours, "hours", f"a whole number of hours from 1 to {agreements.MAX_TERM_HOURS:,}"),
    (acts.AnyClaim, "claim", "any type of event that is a claim, with its `type`"),
)

_COMMENT = re.compile(r"\s*// ?(.*)")
_BLOCK = re.compile(r"\s*(?:message|enum) (\w+) \{")
_FIELD = re.compile(r"\s*(?:repeated |optional )?(?:[\w.]+ )?(\w+) = -?\d+;")


def contract_comments() -> dict[tuple[str, str], str]:
    """What the contract says of each field and each enum's value, by the name of its message or enum."""
    said: dict[tuple[str, str], str] = {}
    for path in sorted(CONTRACT.glob("*.proto")):
        block, comment = "", []
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := _COMMENT.fullmatch(line):
                comment.append(found[1])
                continue
            if found := _BLOCK.fullmatch(line):
                block = found[1]
            elif found := _FIELD.fullmatch(line):
                said[block, found[1]] = " ".join(comment)
            comment = []
    return said


def anchor(heading: str) -> str:
    """The fragment by which a heading is linked."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(name: str) -> str:
    """A link to a heading of the page."""
    return f"[{name}](#{anchor(name)})"


def kind(annotation: Any) -> str:
    """What a field holds, in the page's words."""
    origin, inside = get_origin(annotation), get_args(annotation)
    for known, word, _ in KINDS:
        # Further bounds may follow those of the kind; the only one in use is that a text is not empty.
        if inside[: len(get_args(known))] == get_args(known) and origin == get_origin(known):
            return link(word) + ("" if annotation == known else ", not empty")
    if origin is Annotated:
        return kind(inside[0])
    if origin is tuple:
        return f"list of {kind(inside[0])}"
    if origin is Literal:
        return " or ".join(f"`{each.value if isinstance(each, Enum) else each}`" for each in inside)
    if origin is not None and NoneType in inside:
        return kind(Union[tuple(each for each in inside if each is not NoneType)])  # noqa: UP007 - built, not written
    if isinstance(annotation, type) and issubclass(annotation, BaseModel | Code):
        return link(annotation.__name__)
    plain = {bool: "true or false", int: "whole number", float: "degrees", str: "text", AwareDatetime: "moment"}
    return plain[annotation]


def default(field: FieldInfo) -> str:
    """Whether a field is required, and what it means to leave it out."""
    if field.is_required():
        return "required"
    return f"`{field.default.value}`" if isinstance(field.default, Code) else ""


def field_table(model: type[BaseModel], names: Sequence[str], said: dict[tuple[str, str], str]) -> Iterator[str]:
    """A table of fields. KeyError where the contract says nothing of one: such a field may not be."""
    hints = get_type_hints(model, include_extras=True)
    yield from ("| field | holds | left out | |", "|---|---|---|---|")
    for name in names:
        owner = "Claim" if name in Claim.model_fields and (model.__name__, name) not in said else model.__name__
        about = model.model_fields[name]
        yield f"| `{name}` | {kind(hints[name])} | {default(about)} | {said[owner, name]} |"


def own_fields(event: type[DomainEvent]) -> list[str]:
    """The fields that a type does not share with others."""
    common = Claim.model_fields if issubclass(event, Claim) else DomainEvent.model_fields
    return [name for name in event.model_fields if name not in common]


def stream_of(event: type[DomainEvent]) -> str:
    """The stream that a type belongs to."""
    if issubclass(event, acts.TargetedAct):
        return "the stream of its target"
    if event is casualties.TollClaimed:
        return "`incidents/{incident_id}`, or `tolls/{toll_id}` where it is of no one incident"
    return f"`{event.subject}{{{event.subject_field}}}`"


def type_section(event: type[DomainEvent], said: dict[tuple[str, str], str]) -> Iterator[str]:
    """All about one type."""
    name, version = event.__name__, event.model_fields["schema_version"].default
    shared = f", with the {link('fields of every claim')}" if issubclass(event, Claim) else ""
    yield from (
        f"### {name}",
        "",
        getdoc(event) or "",
        "",
        f"Stream: {stream_of(event)}. Version {version}{shared}.",
    )
    yield ""
    yield from field_table(event, own_fields(event), said)
    example = (GOLDEN / f"{name}.v{version}.minimal.json").read_text(encoding="utf-8")
    yield from ("", "The shortest there is:", "", "```json", example, "```", "")


def events_of(module: ModuleType) -> list[type[DomainEvent]]:
    """The types of event that a module defines, in its order."""
    return [each for each in vars(module).values() if each in ALL_TYPES.values() and is_of(each, module)]


def is_of(defined: Any, module: ModuleType) -> bool:
    """Whether a class is defined in a module, not imported into it."""
    return bool(defined.__module__ == module.__name__)


def bounds_table() -> Iterator[str]:
    """What follows from a stated number by each qualifier, computed by the model."""
    yield f"What follows from `stated` {EXAMPLE_COUNT} where no bound is given beside it (a given one wins):"
    yield from ("", "| qualifier | low | best | high |", "|---|---|---|---|")
    for qualifier in CountQualifier:
        if qualifier in (CountQualifier.BETWEEN, CountQualifier.VAGUE, CountQualifier.UNKNOWN):
            continue
        bounds = values.Count(qualifier=qualifier, stated=EXAMPLE_COUNT).bounds()
        cells = ("open" if each is None else str(each) for each in (bounds.low, bounds.best, bounds.high))
        yield f"| `{qualifier.value}` | {' | '.join(cells)} |"
    yield ""


def code_section(code: type[Code], said: dict[tuple[str, str], str]) -> Iterator[str]:
    """A code with the numbers of its codebook."""
    numbered = any(member.code is not None for member in code)
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", code.__name__).upper()
    yield from (f"### {code.__name__}", "", getdoc(code) or "", "")
    yield from ("| word | code | |", "|---|---|---|") if numbered else ("| word | |", "|---|---|")
    for member in code:
        meaning = re.sub(r"^-?[0-9A-F]: ", "", said[code.__name__, f"{prefix}_{member.name}"])
        meaning = meaning[0].upper() + meaning[1:]
        number = f" {member.code} |" if numbered else ""
        yield f"| `{member.value}` |{number} {meaning} |"
    yield ""


INTRODUCTION = """# Events

<!-- Generated by docs/generate_events.py from the models; change those, then run it. -->

Every type of event that a ledger records. A **claim** says something of the world; an **act of the record**
mends the record itself; **administrative** events say what was done to ledgers, read models and keys, in a
ledger of their own. An event is recorded as its payload: compact JSON in UTF-8, fields in the order of this
page, the common ones first, and without any field that is at its default. Unknown fields are refused. Where and
when an event is recorded is told by [its envelope](envelope.md), never by the payload.

What is absent is not stated. It is never zero, and never guessed.

A code can be given by its word or by its codebook's number; its word is what is recorded.

The exact bytes of one complete and one minimal event of each type are kept in `tests/golden/events`.
"""

OF_EVERY_EVENT = """## Fields of every event

| field | holds | left out | |
|---|---|---|---|
| `type` | the type's name | required | What kind of event it is. |
| `schema_version` | whole number | `1` | Version of the layout. Older ones are read for ever, never rewritten. |
"""


def contents() -> Iterator[str]:
    """The list of types at the head of the page."""
    for title, module in GROUPS:
        yield f"- {link(title)}: {', '.join(link(event.__name__) for event in events_of(module))}"
    yield f"- {link('Parts')}: {', '.join(link(part.__name__) for part in PARTS)}"
    yield f"- {link('Codes')}: {', '.join(link(code.__name__) for code in Code.__subclasses__())}"
    yield f"- {link('Kinds of values')}"


def page() -> str:
    """The whole page."""
    said = contract_comments()
    claim = [name for name in Claim.model_fields if name not in DomainEvent.model_fields]
    lines = [INTRODUCTION, *contents(), "", OF_EVERY_EVENT, "## Fields of every claim", ""]
    lines += [*field_table(Claim, claim, said), ""]
    for title, module in GROUPS:
        lines += [f"## {title}", "", getdoc(module) or "", ""]
        for event in events_of(module):
            lines += type_section(event, said)
    lines += ["## Parts", "", getdoc(values) or "", ""]
    for part in PARTS:
        lines += [f"### {part.__name__}", "", getdoc(part) or "", ""]
        lines += [*field_table(part, list(part.model_fields), said), ""]
        lines += bounds_table() if part is values.Count else ()
    lines += ["## Codes", "", getdoc(codes) or "", ""]
    for code in Code.__subclasses__():
        lines += code_section(code, said)
    lines += ["## Kinds of values", ""]
    for _, word, meaning in KINDS:
        lines += [f"### {word}", "", f"{meaning[0].upper()}{meaning[1:]}.", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def main(arguments: Sequence[str]) -> int:
    """Writes the page, or with `--check` says whether it is what would be written."""
    if list(arguments) == ["--check"]:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        if not same:
            print("docs/reference/events.md has drifted; run `python docs/generate_events.py`", file=sys.stderr)
        return 0 if same else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
