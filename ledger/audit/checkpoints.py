"""Checkpoints (C2SP tlog-checkpoint): the size and root of a ledger's tree, signed under the ledger's name.

It signs what it is given; whoever calls must not sign two trees that do not continue each other.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.audit.merkle import EMPTY_ROOT, HASH_BYTES, MAX_TREE_SIZE
from ledger.audit.notes import NoteError, SignerKey, VerifierKey, check_name, open_note, sign

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
LINES = 3


class CheckpointError(NoteError):
    """This note is no checkpoint of that ledger."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a ledger holds at a size: all of it follows from the root."""

    origin: str
    """The ledger's name among all ledgers."""
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """A checkpoint from its text; lines after the third are passed over. CheckpointError."""
        lines = text.removesuffix("\n").split("\n")
        if not text.endswith("\n") or len(lines) < LINES or not all(lines):
            raise CheckpointError(f"a checkpoint has {LINES} lines: the origin, the size, the root")
        origin, size, root = lines[:LINES]
        if not _SIZE.fullmatch(size) or int(size) > MAX_TREE_SIZE:
            raise CheckpointError(f"{size[:40]!r} is not the size of a tree")
        return cls(origin, int(size), _root(root, int(size)))


def sign_checkpoint(checkpoint: Checkpoint, keys: Sequence[SignerKey]) -> str:
    """The checkpoint as a note, signed under its origin by each of the keys."""
    return sign(checkpoint.text(), [each.named(checkpoint.origin) for each in keys])


def open_checkpoint(note: str, trusted: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint that one of the trusted keys has signed under its origin; NoteError."""
    opened = open_note(note, trusted)
    checkpoint = Checkpoint.parse(opened.text)
    if all(each.name != checkpoint.origin for each in opened.signers):
        names = ", ".join(each.name for each in opened.signers)
        raise CheckpointError(f"a checkpoint of {checkpoint.origin} is signed by {names} alone")
    return checkpoint


def origin_of(name: str, ledger: str) -> str:
    """The origin of a ledger of an installation that has this name."""
    return check_name(f"{name}/{ledger}")


def _root(encoded: str, size: int) -> bytes:
    try:
        root = b64decode(encoded, validate=True)
    except (Base64Error, ValueError):
        root = b""
    if len(root) != HASH_BYTES or b64encode(root).decode() != encoded:
        raise CheckpointError(f"{encoded[:60]!r} is not a root hash")
    if size == 0 and root != EMPTY_ROOT:
        raise CheckpointError("the root is not that of an empty tree")
    return root
