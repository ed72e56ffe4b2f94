"""What a witness answers (C2SP tlog-witness, `add-checkpoint`): a request's text, and the rules by which a
checkpoint is cosigned or refused, each with its HTTP status. It keeps nothing; its caller does."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ledger.audit.checkpoints import Checkpoint, open_checkpoint
from ledger.audit.merkle import EMPTY_ROOT, HASH_BYTES, MAX_TREE_SIZE, ProofError, verify_consistency
from ledger.audit.notes import NoteError, VerifierKey, parts

MAX_HASHES = 63
MAX_REQUEST_BYTES = 256 * 1024
"""Enough for a note with as many signatures as are looked at, also of kinds that are longer than ours."""
ADD_CHECKPOINT = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
OK, MALFORMED, FORBIDDEN, UNKNOWN, CONFLICT, UNPROVEN = 200, 400, 403, 404, 409, 422
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")

Logs = Mapping[str, Sequence[VerifierKey]]
"""The keys of the ledgers that a witness knows, by origin."""


class Shows(StrEnum):
    """What a refused checkpoint shows of the ledger that signed it, beside the one that was cosigned."""

    FORK = "fork"
    """Two roots of one size, both signed: nothing can explain that."""
    UNPROVEN = "unproven"
    """A larger tree, signed, and not shown to continue the one before; the ledger may still show it."""


class RefusedError(Exception):
    """The checkpoint is not cosigned."""

    def __init__(self, status: int, why: str, size: int | None = None, shows: Shows | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.size = size
        """Of the last checkpoint that was cosigned, where that is to be told."""
        self.shows = shows


class Seen(NamedTuple):
    """The last checkpoint of a ledger that was cosigned."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    note: str = ""
    """As the ledger has signed it; empty where there was none."""


NOTHING = Seen()


@dataclass(frozen=True, slots=True)
class Request:
    """That a checkpoint be cosigned, with the proof that it continues that of an old size."""

    old_size: int
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """The body."""
        lines = [f"old {self.old_size}", *(b64encode(each).decode() for each in self.hashes)]
        return "".join(f"{line}\n" for line in lines) + "\n" + self.note

    @classmethod
    def parse(cls, body: bytes) -> Request:
        """A request from its body; RefusedError 400."""
        if len(body) > MAX_REQUEST_BYTES:
            raise RefusedError(MALFORMED, f"the request is longer than {MAX_REQUEST_BYTES} bytes")
        try:
            head, blank, note = body.decode().partition("\n\n")
        except UnicodeDecodeError as error:
            raise RefusedError(MALFORMED, "the request is not UTF-8") from error
        old, *hashes = head.split("\n")
        size = old.removeprefix("old ")
        if not blank or not old.startswith("old ") or not _SIZE.fullmatch(size) or int(size) > MAX_TREE_SIZE:
            raise RefusedError(
                MALFORMED,
                "the request does not begin with `old SIZE`, hashes and an empty line before the checkpoint",
            )
        if len(hashes) > MAX_HASHES:
            raise RefusedError(MALFORMED, f"there are more than {MAX_HASHES} hashes")
        return cls(int(size), tuple(map(_hash, hashes)), note)


def known_logs(keys: Iterable[VerifierKey]) -> Logs:
    """The keys by their ledgers' origins, which are their names."""
    logs: dict[str, list[VerifierKey]] = {}
    for key in keys:
        logs.setdefault(key.name, []).append(key)
    return logs


def signed_checkpoint(request: Request, logs: Logs) -> Checkpoint:
    """The checkpoint that a known ledger has signed; RefusedError 400, 403 or 404."""
    try:
        checkpoint = Checkpoint.parse(parts(request.note)[0])
    except NoteError as error:
        raise RefusedError(MALFORMED, str(error)) from error
    keys = logs.get(checkpoint.origin)
    if keys is None:
        raise RefusedError(UNKNOWN, f"{checkpoint.origin} is not known here")
    try:
        open_checkpoint(request.note, keys)
    except NoteError as error:
        raise RefusedError(FORBIDDEN, str(error)) from error
    if request.old_size > checkpoint.size:
        raise RefusedError(MALFORMED, f"the old size {request.old_size} is larger than {checkpoint.size}")
    return checkpoint


def check_continues(request: Request, checkpoint: Checkpoint, seen: Seen) -> None:
    """Return only if the checkpoint may be cosigned after what was seen; RefusedError 409 or 422."""
    if checkpoint.size == seen.size and checkpoint.root != seen.root:
        why = f"another root was cosigned for {seen.size} events"
        raise RefusedError(CONFLICT, why, seen.size, Shows.FORK)
    if request.old_size != seen.size:
        raise RefusedError(CONFLICT, f"the last one that was cosigned has {seen.size} events", seen.size)
    try:
        verify_consistency(seen.size, checkpoint.size, request.hashes, seen.root, checkpoint.root)
    except ProofError as error:
        # The same tree with a proof too many shows nothing of the ledger, nor does a first one.
        shows = Shows.UNPROVEN if 0 < seen.size < checkpoint.size else None
        raise RefusedError(UNPROVEN, str(error), shows=shows) from error


def _hash(line: str) -> bytes:
    try:
        found = b64decode(line, validate=True)
    except (Base64Error, ValueError):
        found = b""
    if len(found) != HASH_BYTES or b64encode(found).decode() != line:
        raise RefusedError(MALFORMED, f"{line[:60]!r} is not a hash")
    return found
