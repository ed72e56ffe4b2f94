"""YAML and JSON text as plain values that know their line and column, so that a fault can be shown where it is.
Stricter than YAML 1.1: no key twice, no tags, no octal or base-60 numbers, only `true` and `false` are booleans."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

import yaml

MAX_DEPTH = 40
MAX_VALUES = 1_000_000
"""Values in one text; an alias counts each time that it is used."""
MAX_DIGITS = 1_000
"""Of one number; far more than any count, and few enough to be read."""

_INTEGER = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$")
_NUMBER = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$")
_DAY = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
_MOMENT = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+ ?(?:[Zz]|[-+][0-9]{2}:?[0-9]{2})?$")
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_PLAIN_TAGS = frozenset(("!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))))
_JSON_TEXT = {ord(each): f"\\u{ord(each):04x}" for each in "\u0085\u2028\u2029"}
"""What a JSON string may hold as it is, and YAML takes for the end of a line."""
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


@dataclass(frozen=True)
class Spot:
    """A place in a text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Flaw:
    """What is wrong at a spot of a text; the path is empty where the text cannot be read at all."""

    spot: Spot
    path: str
    description: str


@dataclass
class Document:
    """One document of a text: its value, where its parts stand, and what is wrong with it as a text."""

    value: Any = None
    values: dict[str, Spot] = field(default_factory=dict)
    keys: dict[str, Spot] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)

    def spot_of(self, path: str) -> Spot:
        """Where the value at a path stands, or the nearest thing around it that is there."""
        while path and path not in self.values:
            path = _around(path)
        return self.values.get(path, Spot(1, 1))

    def spot_of_key(self, path: str) -> Spot:
        """Where the name of a field stands."""
        return self.keys.get(path) or self.spot_of(path)


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """Composes nodes only: without resolvers each plain scalar is text, and what it means is decided here."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


def documents_in(text: str) -> list[Document]:
    """Every document of a text. A top-level list holds one document in each item; JSON lines, in each line."""
    if _are_json_lines(text):
        lines = enumerate(_lines(text))
        return [document for index, line in lines if line.strip() for document in _parsed(line, index)]
    return _parsed(text, 0)


def _are_json_lines(text: str) -> bool:
    lines = [line.strip() for line in _lines(text) if line.strip()]
    return len(lines) > 1 and all(line.startswith("{") and line.endswith("}") for line in lines)


def _lines(text: str) -> list[str]:
    """Lines as JSON lines have them: U+2028 and its like may stand in a JSON string as they are."""
    return [line.rstrip("\r") for line in text.split("\n")]


def _parsed(text: str, lines_before: int) -> list[Document]:
    """The documents of one YAML stream; a text that cannot be read is one document with a flaw."""
    reading = _Reading(lines_before)
    found: list[Document] = []
    try:
        for root in yaml.compose_all(_with_whole_characters(text), Loader=_Loader):
            if isinstance(root, yaml.SequenceNode):
                found += [reading.document(item) for item in root.value]
            elif not (isinstance(root, yaml.ScalarNode) and root.value == ""):
                found.append(reading.document(root))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot = reading.spot(mark) if mark else Spot(lines_before + 1, 1)
        found.append(Document(flaws=[Flaw(spot, "", f"is not YAML or JSON: {error.problem or error.context}")]))
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        found.append(Document(flaws=[Flaw(Spot(lines_before + 1, 1), "", f"is not YAML or JSON: {reason}")]))
    return found


def _with_whole_characters(text: str) -> str:
    """JSON writes characters beyond 16 bits as two escapes, which YAML does not join; its lines end elsewhere."""

    def joined(match: re.Match[str]) -> str:
        high, low = int(match[2], 16), int(match[3], 16)
        return f"{match[1]}{chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))}"

    if any(chr(each) in text for each in _JSON_TEXT) and _is_json(text):
        text = text.translate(_JSON_TEXT)
    return _SURROGATES.sub(joined, text) if "\\u" in text else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


class _Reading:
    """Turns the nodes of one text into values."""

    def __init__(self, lines_before: int) -> None:
        self._lines_before = lines_before
        self._seen = 0

    def spot(self, mark: Any) -> Spot:
        """Where a mark of the parser is."""
        return Spot(self._lines_before + mark.line + 1, mark.column + 1)

    def document(self, root: yaml.Node) -> Document:
        """One document from its root node."""
        document = Document()
        document.value = self._value(root, "", document, 0)
        return document

    def _value(self, node: yaml.Node, path: str, document: Document, depth: int) -> Any:
        self._seen += 1
        spot = self.spot(node.start_mark)
        document.values.setdefault(path, spot)
        if depth > MAX_DEPTH or self._seen > MAX_VALUES:
            raise yaml.MarkedYAMLError(problem="nested too deeply or too large", problem_mark=node.start_mark)
        if node.tag not in _PLAIN_TAGS:
            document.flaws.append(Flaw(spot, path, f"has the tag {node.tag}; write the value without it"))
        if isinstance(node, yaml.MappingNode):
            return dict(self._fields(node, path, document, depth))
        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return [self._value(item, f"{path}[{index}]", document, depth + 1) for index, item in items]
        if _is_too_long(node):
            document.flaws.append(Flaw(spot, path, f"is a number of more than {MAX_DIGITS} digits"))
            return None
        return _scalar(node)

    def _fields(self, node: Any, path: str, document: Document, depth: int) -> Iterator[tuple[str, Any]]:
        names = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            inner = f"{path}.{name}" if path else name
            spot = self.spot(key.start_mark)
            if name in names:
                document.flaws.append(Flaw(spot, inner, "is given twice; keep one"))
            names.add(name)
            document.keys.setdefault(inner, spot)
            yield name, self._value(value, inner, document, depth + 1)


def _is_too_long(node: Any) -> bool:
    return len(node.value) > MAX_DIGITS and not node.style and bool(_NUMBER.match(node.value))


def _scalar(node: Any) -> Any:
    """What a scalar means: text where it is quoted, else what it looks like."""
    text: str = node.value
    if node.style:  # quoted, or a block
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.match(text):
        return int(text)
    if _NUMBER.match(text):
        return float(text)
    return _moment(text)


def _moment(text: str) -> str | date | datetime:
    """A day or a moment where the text is one that exists; validation refuses the others."""
    try:
        if _DAY.match(text):
            return date.fromisoformat(text)
        if _MOMENT.match(text):
            return datetime.fromisoformat(text.replace(" ", "T", 1).replace(" ", "").upper())
    except ValueError:
        pass
    return text


def _around(path: str) -> str:
    """The path of what holds the value at a path."""
    return re.sub(r"(\.?[^.\[\]]*|\[\d+\])$", "", path, count=1) if path else ""
