"""What validation says of a report, as sentences that a person can act on, each with the path of its field.
Shared by the service and by the loader of report files; it repairs nothing and guesses nothing."""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ledger.api.fields import snake_case
from ledger.domain.administration import ADMINISTRATIVE_TYPES
from ledger.domain.hostilities import EventId
from ledger.domain.reports import ACT_TYPES, CLAIM_TYPES
from ledger.domain.values import ID_PATTERN, Address, Sha256, Text, Word
from ledger.errors import Violation

SHOWN_INPUT = 60
"""So many characters of a faulty value are repeated to its sender."""

FILED_TYPES = tuple(each.__name__ for each in (*CLAIM_TYPES, *ACT_TYPES))
_NO_FIELDS = frozenset((*FILED_TYPES, "date", "datetime"))
"""Parts of pydantic's locations that name a branch of a union, not a field."""

Fault = Mapping[str, Any]
Location = tuple[int | str, ...]


def violations_of(error: ValidationError, path: str = "", wire: bool = False) -> list[Violation]:
    """Every violation once, by path; on the wire a claim's type is its body and not a field `type`."""
    faults: dict[Location, Fault] = {}
    for fault in error.errors(include_url=False):
        faults.setdefault(_location(fault), fault)
    return [
        Violation(field_path(path, location), _sentence(fault, wire))
        for location, fault in faults.items()
        if not _follows_from_another(location, fault, faults)
    ]


def field_path(path: str, location: Location) -> str:
    """`claims`, 3, `count` below `report` is `report.claims[3].count`."""
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}" if path else part
    return path


def _location(fault: Fault) -> Location:
    return tuple(part for part in fault["loc"] if part not in _NO_FIELDS)


def _follows_from_another(location: Location, fault: Fault, faults: Mapping[Location, Fault]) -> bool:
    """A list is called too short when its items do not hold; an end that was not given is a faulty start again."""
    if fault["type"] == "too_short":
        return any(len(other) > len(location) and other[: len(location)] == location for other in faults)
    if location[-1:] == ("end",):
        start = faults.get((*location[:-1], "start"))
        return start is not None and start["type"] == fault["type"] and start["input"] == fault["input"]
    return False


def _sentence(fault: Fault, wire: bool) -> str:
    kind: str = fault["type"]
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _type_sentence(fault, wire)
    if kind in _SENTENCES:
        return _SENTENCES[kind](fault)
    if kind.startswith(("date", "timezone", "time")):
        return _date_sentence(fault)
    return f"is {_shown(fault)}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"


def _type_sentence(fault: Fault, wire: bool) -> str:
    types = ", ".join(snake_case(each) if wire else each for each in FILED_TYPES)
    tag = fault.get("ctx", {}).get("tag")
    if tag == "ReportFiled":
        return "says that the report was filed; the ledger records that itself, leave it out"
    if tag in ADMINISTRATIVE_TYPES:
        return f"is {tag}, which the service records of itself; leave it out"
    if tag is not None:
        meant = get_close_matches(str(tag), FILED_TYPES, n=1)
        return f"is of the unknown type `{tag}`; {f'is {meant[0]} meant?' if meant else f'give one of {types}'}"
    return f"says nothing: {'set' if wire else 'give `type`,'} one of {types}"


def _shown(fault: Fault) -> str:
    given = fault["input"]
    if given is None:
        return "empty"
    if isinstance(given, dict | list | tuple):
        return "a mapping" if isinstance(given, dict) else "a list"
    text = str(given)
    return f"`{text[:SHOWN_INPUT]}…`" if len(text) > SHOWN_INPUT else f"`{text}`"


def _minimum(fault: Fault) -> str:
    least = fault["ctx"]["ge"]
    if least == 0:
        return f"is {fault['input']}; a count cannot be negative"
    return f"is {fault['input']}; give at least {least}"


def _expected(fault: Fault) -> str:
    return f"is {_shown(fault)}; give one of {', '.join(_words(fault['ctx']['expected']))}"


def _words(expected: str) -> Iterator[str]:
    """The quoted words in pydantic's list of what it expects."""
    yield from expected.split("'")[1::2]


def _pattern(fault: Fault) -> str:
    return f"is {_shown(fault)}; {_PATTERNS.get(fault['ctx']['pattern'], 'it does not have the form required')}"


def _date_sentence(fault: Fault) -> str:
    """What is faulty of a date, in the same words whichever way of writing it was tried first."""
    why = fault.get("ctx", {}).get("error", "")
    outside = f" ({why})" if "outside" in why else ""
    return f"is {_shown(fault)}, which is not a date{outside}; write it as YYYY-MM-DD"


def _form(annotated: Any) -> str:
    """The pattern that an annotated string has to match."""
    return str(TypeAdapter(annotated).json_schema()["pattern"])


_PATTERNS = {
    ID_PATTERN: "an id has 1 to 128 characters of a-z 0-9 . _ : - and begins with a letter or digit",
    _form(Sha256): "write a SHA-256 as 64 lowercase hexadecimal digits",
    _form(Word): "it holds a line break or another control character; keep it on one line",
    _form(Text): "it holds a NUL character; remove it",
    _form(Address): "it holds a space or a control character; write the address as a browser shows it",
    _form(EventId): "an event id is a lowercase UUID, as the receipt of its report gives it",
}

_SENTENCES: dict[str, Callable[[Fault], str]] = {
    "missing": lambda fault: "is required and missing",
    "extra_forbidden": lambda fault: "is not a field here; correct its name or leave it out",
    "value_error": lambda fault: str(fault["ctx"]["error"]),
    "enum": _expected,
    "literal_error": _expected,
    "greater_than_equal": _minimum,
    "less_than_equal": lambda fault: f"is {fault['input']}; give at most {fault['ctx']['le']:g}",
    "string_pattern_mismatch": _pattern,
    "string_too_long": lambda fault: f"is too long; give at most {fault['ctx']['max_length']} characters",
    "string_too_short": lambda fault: "is empty; say something",
    "string_type": lambda fault: f"is {_shown(fault)}; give a text (in quotes where it looks like a number)",
    "too_long": lambda fault: f"holds too many items; give at most {fault['ctx']['max_length']}",
    "too_short": lambda fault: f"holds nothing; give at least {fault['ctx']['min_length']}",
    "tuple_type": lambda fault: f"is {_shown(fault)}; give a list",
    "int_type": lambda fault: f"is {_shown(fault)}; give a whole number",
    "int_parsing": lambda fault: f"is {_shown(fault)}; give a whole number",
    "int_from_float": lambda fault: f"is {_shown(fault)}; give a whole number",
    "float_type": lambda fault: f"is {_shown(fault)}; give a number",
    "float_parsing": lambda fault: f"is {_shown(fault)}; give a number",
    "finite_number": lambda fault: f"is {_shown(fault)}; give a finite number",
    "bool_type": lambda fault: f"is {_shown(fault)}; give true or false",
    "bool_parsing": lambda fault: f"is {_shown(fault)}; give true or false",
    "model_type": lambda fault: f"is {_shown(fault)}; give the fields of {fault['ctx']['class_name']}",
    "model_attributes_type": lambda fault: f"is {_shown(fault)}; give its fields",
}
