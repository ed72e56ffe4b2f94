"""Policy files (C2SP tlog-policy): which witnesses there are, and how many of them have to have cosigned.
It reads a policy and decides; it knows no files and asks nobody. A policy that cannot be met is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ledger.audit.cosignatures import CosignerKey
from ledger.audit.notes import NoteError, PublicKey, VerifierKey

NONE = "none"
MAX_BYTES = 256 * 1024
MAX_OF_EACH = 48
"""Logs, witnesses and groups; with their signatures a checkpoint is still a note that is looked at."""
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_URL = re.compile(r"https?://[^\s/?#]+[^\s?#]*")
MANY = 10_000


class _Form(NamedTuple):
    """How a line is written, and how many words that takes at least and at most."""

    text: str
    least: int
    most: int


_FORMS = {
    "log": _Form("log KEY [URL]", 2, 3),
    "witness": _Form("witness NAME KEY [URL]", 3, 4),
    "group": _Form("group NAME all|any|NUMBER MEMBER…", 4, MANY),
    "quorum": _Form("quorum NAME", 2, 2),
}

Key = TypeVar("Key", bound=PublicKey)


class PolicyError(ValueError):
    """This text is no policy; it says at which line, and what to do."""


class Log(NamedTuple):
    """A ledger whose checkpoints are meant."""

    key: VerifierKey
    url: str


class Witness(NamedTuple):
    """Who may cosign them."""

    name: str
    """In this policy alone."""
    key: CosignerKey
    url: str
    """What its addresses begin with (C2SP tlog-witness: the submission prefix); empty where it is not told."""


class Group(NamedTuple):
    """Witnesses and groups, of which so many are enough."""

    name: str
    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom to trust, and how many of them it takes."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: Mapping[str, Group]
    quorum: str

    @property
    def log_keys(self) -> list[VerifierKey]:
        """The keys of its ledgers."""
        return [each.key for each in self.logs]

    @property
    def witness_keys(self) -> list[CosignerKey]:
        """The keys of its witnesses."""
        return [each.key for each in self.witnesses]

    def concerns(self, origin: str) -> bool:
        """Whether the ledger of this origin is meant: any is, where the policy names none."""
        return not self.logs or origin in {each.key.name for each in self.logs}

    def shortfall(self, cosigners: Collection[CosignerKey]) -> str:
        """Why the quorum is not met where these have cosigned; empty where it is."""
        names = {each.name for each in self.witnesses if each.key in cosigners}
        return "" if self.quorum == NONE else _lacking(self, self.quorum, names)


def parse(text: str) -> Policy:
    """A policy from its text; PolicyError."""
    if len(text.encode("utf-8", "surrogateescape")) > MAX_BYTES:
        raise PolicyError(f"the policy is longer than {MAX_BYTES} bytes")
    reading = _Reading()
    for number, words in _lines(text):
        try:
            reading.take(words)
        except (PolicyError, NoteError) as error:
            raise PolicyError(f"line {number}: {error}") from error
    if reading.quorum is None:
        raise PolicyError(f"there is no quorum; end with a line `{_FORMS['quorum'].text}`, or `quorum {NONE}`")
    return Policy(tuple(reading.logs), tuple(reading.witnesses.values()), reading.groups, reading.quorum)


def shown(text: str) -> str:
    """A text with names of a policy, which are any bytes, as one that can be sent and printed."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class _Reading:
    """What is read so far. A name counts only below the line that defines it: no group is a part of itself."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._member_of: dict[str, str] = {}

    def take(self, words: Sequence[str]) -> None:
        """Take a line."""
        takers: dict[str, Callable[..., None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        form = _FORMS.get(words[0])
        if form is None:
            raise PolicyError(f"a line begins with {', '.join(_FORMS)}, not with {words[0][:40]!r}")
        if not form.least <= len(words) <= form.most:
            raise PolicyError(f"write `{form.text}`")
        takers[words[0]](*words[1:])

    def _log(self, key: str, url: str = "") -> None:
        known = [each.key for each in self.logs]
        self.logs.append(Log(_new_key(VerifierKey.parse(key), known, "log"), _checked_url(url)))

    def _witness(self, name: str, key: str, url: str = "") -> None:
        self._check_new(name)
        known = [each.key for each in self.witnesses.values()]
        witness = Witness(name, _new_key(CosignerKey.parse(key), known, "witness"), _checked_url(url))
        self.witnesses[name] = witness

    def _group(self, name: str, needed: str, first: str, *rest: str) -> None:
        self._check_new(name)
        members = (first, *rest)
        for each in members:
            self._check_known(each)
            if each in self._member_of:
                where = self._member_of[each]
                raise PolicyError(f"{each} is a member of {where} already; a witness counts in one place only")
            self._member_of[each] = name
        self.groups[name] = Group(name, _threshold(needed, len(members)), members)
        _check_bound(self.groups, "groups")

    def _quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise PolicyError("there is a quorum already; leave one of them out")
        if name != NONE:
            self._check_known(name)
        self.quorum = name

    def _check_new(self, name: str) -> None:
        if name == NONE:
            raise PolicyError(f"{NONE} is not a name to give; choose another")
        if name in self.witnesses or name in self.groups:
            raise PolicyError(f"{name} is defined already; choose another name")

    def _check_known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyError(f"{name} is neither a witness nor a group of a line above; define it there")


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _FORBIDDEN.search(line):
            raise PolicyError(
                f"line {number}: it has the control character U+{ord(found.group()):04X};"
                " only tabs and line feeds may be there"
            )
        words = re.split("[ \t]+", line.strip(" \t"))  # and no other spaces: names are any bytes
        if words[0] and not words[0].startswith("#"):
            yield number, words


def _new_key(key: Key, known: Sequence[Key], what: str) -> Key:
    _check_bound(known, f"{what} lines", room=1)
    if key.public in {each.public for each in known}:
        raise PolicyError(f"the key of {key.name} is that of another {what} line; leave one of them out")
    return key


def _check_bound(found: Collection[object], what: str, room: int = 0) -> None:
    if len(found) + room > MAX_OF_EACH:
        raise PolicyError(f"there are more than {MAX_OF_EACH} {what}")


def _checked_url(url: str) -> str:
    if url and not _URL.fullmatch(url):
        raise PolicyError(f"{url[:80]!r} is not the beginning of an address; write https://HOST/PATH")
    return url.rstrip("/")


def _threshold(needed: str, members: int) -> int:
    match needed:
        case "all":
            return members
        case "any":
            return 1
        case _ if _NUMBER.fullmatch(needed) and int(needed) <= members:
            return int(needed)
    raise PolicyError(f"{needed[:40]!r} of {members} cannot be; write all, any or a number from 1 to {members}")


def _lacking(policy: Policy, name: str, cosigners: Collection[str]) -> str:
    """Why a witness or a group does not count; empty where it does."""
    group = policy.groups.get(name)
    if group is None:
        return "" if name in cosigners else f"{name} has not cosigned"
    lacking = {each: _lacking(policy, each, cosigners) for each in group.members}
    there = [each for each, why in lacking.items() if not why]
    if len(there) >= group.needed:
        return ""
    missing = [why if each in policy.groups else each for each, why in lacking.items() if why]
    have = f"has {len(there)} ({', '.join(there)})" if there else "has none"
    return f"{name} needs {group.needed} of {len(group.members)} and {have}; missing: {', '.join(missing)}"
