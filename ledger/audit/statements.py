"""The statement of a figure: what was asked of a record, what came out, and what both rest on: a signed note.

It is whoever signs that states it; that the figure follows from the record shows only who computes it again.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from ledger.audit.checkpoints import Checkpoint, open_checkpoint
from ledger.audit.envelope import check_field
from ledger.audit.notes import MAX_NOTE_BYTES, NoteError, SignerKey, VerifierKey, open_note, sign

FORMAT = "incident-ledger/figure/v1"
MAX_TEXT_BYTES = MAX_NOTE_BYTES - 64 * 1024
"""Of a statement, answer included: what is left of a note is for its signatures."""
NAMES = (
    *("origin", "size", "root", "figure", "projection", "version", "state", "redacted"),
    *("question", "answer", "compared", "program", "made-at", "checkpoint"),
)
"""What the lines after the first begin with, in order."""
MADE_AT = "%Y-%m-%dT%H:%M:%SZ"
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
ABSENT = object()
"""In a difference, what is not there; JSON has a null of its own."""
MAX_SHOWN = 120
"""Characters of a value, where two differ."""


class StatementError(NoteError):
    """This is no statement of a figure, or it contradicts itself."""


class Compared(StrEnum):
    """What was found to be the same as a server's own."""

    NOTHING = "nothing"
    ANSWER = "answer"
    STATE = "answer and state"


@dataclass(frozen=True, slots=True)
class Statement:
    """A figure and what it rests on; nothing of it is verified."""

    checkpoint: Checkpoint
    """Of the record that was replayed."""
    note: str
    """The checkpoint as the ledger signed it."""
    figure: str
    """Which kind of question: `casualties`, `ceasefire`, `ceasefires`."""
    projection: str
    version: int
    state: str
    """Digest of everything in the read model at the checkpoint's size, hexadecimal."""
    redacted: int
    """How many of the events had no payload any more."""
    question: Any
    """As JSON, with everything said that has a default."""
    answer: Any
    """As JSON."""
    compared: Compared
    program: str
    """What computed it, with its version."""
    made_at: datetime
    """When, whole seconds in UTC, by the clock of whoever made it."""

    def text(self) -> str:
        """The text that is signed; StatementError where it would be too long."""
        values = (
            *(self.checkpoint.origin, self.checkpoint.size, _encoded(self.checkpoint.root)),
            *(self.figure, self.projection, self.version, self.state, self.redacted),
            *(canonical(self.question), canonical(self.answer), self.compared.value, self.program),
            *(self.made_at.strftime(MADE_AT), _encoded(self.note.encode())),
        )
        lines = (f"{name} {value}\n" for name, value in zip(NAMES, values, strict=True))
        text = "".join((FORMAT + "\n", *lines))
        if len(text.encode()) > MAX_TEXT_BYTES:
            bytes_ = f"{len(text.encode()):,} bytes, more than {MAX_TEXT_BYTES:,}"
            raise StatementError(f"the statement would have {bytes_}; ask for fewer groups, or filter more")
        return text

    @classmethod
    def parse(cls, text: str) -> Statement:
        """A statement from its text; StatementError says what is not as it must be."""
        head, *lines = text.split("\n")
        names = tuple(line.partition(" ")[0] for line in lines)
        if head != FORMAT or names != (*NAMES, ""):
            raise StatementError(f"a statement begins with {FORMAT} and has the lines {', '.join(NAMES)}")
        values = {name: line.partition(" ")[2] for name, line in zip(NAMES, lines, strict=False)}
        try:
            note = b64decode(values["checkpoint"], validate=True).decode()
            statement = cls._of(values, note, Checkpoint.parse(note.rpartition("\n\n")[0] + "\n"))
            written = statement.text()
        except (ValueError, RecursionError) as error:  # among them those of notes, envelopes, JSON and base 64
            raise StatementError(f"the statement cannot be read: {error}") from error
        if written != text:
            raise StatementError("the statement is not written as the format asks, or not of its own checkpoint")
        return statement

    @classmethod
    def _of(cls, values: dict[str, str], note: str, checkpoint: Checkpoint) -> Statement:
        return cls(
            checkpoint=checkpoint,
            note=note,
            figure=_matching("figure", _WORD, values),
            projection=_matching("projection", _WORD, values),
            version=int(_matching("version", _NUMBER, values)),
            state=_matching("state", _DIGEST, values),
            redacted=int(_matching("redacted", _NUMBER, values)),
            question=_json(values["question"]),
            answer=_json(values["answer"]),
            compared=Compared(values["compared"]),
            program=check_field("program", values["program"]),
            made_at=datetime.strptime(values["made-at"], MADE_AT).replace(tzinfo=UTC),
        )


@dataclass(frozen=True, slots=True)
class OpenedStatement:
    """A statement that somebody who is trusted has signed, of a checkpoint that the ledger has signed."""

    statement: Statement
    signers: tuple[VerifierKey, ...]


def sign_statement(statement: Statement, keys: Sequence[SignerKey]) -> str:
    """The statement as a note; StatementError where nobody could read it."""
    return sign(Statement.parse(statement.text()).text(), keys)


def open_statement(note: str, trusted: Iterable[VerifierKey]) -> OpenedStatement:
    """The statement that one of the keys has signed, of a checkpoint that one of them has signed under its own
    origin; NoteError says what does not hold."""
    keys = tuple(trusted)
    opened = open_note(note, keys)
    statement = Statement.parse(opened.text)
    try:
        open_checkpoint(statement.note, keys)
    except NoteError as error:
        raise StatementError(f"of its checkpoint: {error}") from error
    return OpenedStatement(statement, opened.signers)


def canonical(value: Any) -> str:
    """JSON in the one way to write it: names in order, nothing between, characters as they are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two answers part first; ABSENT stands for what is not there."""

    path: str
    ours: Any
    theirs: Any

    def told(self, we: str, they: str) -> str:
        """As a sentence, of what each of the two says."""
        return f"{self.path}: {we} {_shown(self.ours)}, {they} {_shown(self.theirs)}"


def first_difference(ours: Any, theirs: Any, path: str = "") -> Difference | None:
    """The first place, in order of ours, where two documents of JSON are not the same."""
    pairs: Iterable[tuple[str, Any, Any]]
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = (*ours, *(name for name in theirs if name not in ours))
        before = f"{path}." if path else ""
        pairs = ((f"{before}{name}", ours.get(name, ABSENT), theirs.get(name, ABSENT)) for name in names)
    elif isinstance(ours, list) and isinstance(theirs, list):
        both = zip_longest(ours, theirs, fillvalue=ABSENT)
        pairs = ((f"{path}[{index}]", *pair) for index, pair in enumerate(both))
    else:
        same = ABSENT not in (ours, theirs) and canonical(ours) == canonical(theirs)
        return None if same else Difference(path, ours, theirs)
    return next((found for where, one, two in pairs if (found := first_difference(one, two, where))), None)


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    text = canonical(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _json(text: str) -> Any:
    def refused(name: str) -> Any:
        raise StatementError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refused)


def _matching(name: str, pattern: re.Pattern[str], values: dict[str, str]) -> str:
    if not pattern.fullmatch(values[name]):
        raise StatementError(f"{name} is not written as the format asks: {values[name][:60]!r}")
    return values[name]


def _encoded(data: bytes) -> str:
    return b64encode(data).decode()
