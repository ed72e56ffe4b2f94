"""Cosignatures (C2SP tlog-cosignature, Ed25519, `cosignature/v1`): that a witness has seen a ledger grow to a
checkpoint and no other way. It makes and verifies them; whether to make one is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from ledger.audit.notes import (
    COSIGNATURE,
    SIGNATURE_BYTES,
    NoteError,
    PrivateKey,
    PublicKey,
    Signature,
    parts,
    signature_line,
)

HEADER = "cosignature/v1"
TIME_BYTES = 8
MAX_TIME = 2**63 - 1


@dataclass(frozen=True, slots=True)
class CosignerKey(PublicKey):
    """A witness's public key."""

    KIND: ClassVar[bytes] = COSIGNATURE
    CALLED: ClassVar[str] = "witness's key"

    def time_of(self, text: str, signature: bytes) -> int | None:
        """When this key has cosigned a checkpoint's text, in seconds since 1970; None where it has not."""
        if len(signature) != TIME_BYTES + SIGNATURE_BYTES:
            return None
        at = int.from_bytes(signature[:TIME_BYTES], "big")
        return at if at <= MAX_TIME and self.has_signed(_message(text, at), signature[TIME_BYTES:]) else None


@dataclass(frozen=True, slots=True)
class CosigningKey(PrivateKey):
    """A witness's private key. A key for cosignatures is one for nothing else: its kind is part of its text."""

    KIND: ClassVar[bytes] = COSIGNATURE
    CALLED: ClassVar[str] = "witness's signing key"

    def verifier(self) -> CosignerKey:
        """The public key."""
        return CosignerKey(self.name, self.public_bytes())

    def cosignature(self, text: str, at: int) -> str:
        """The line, without its end, that cosigns a checkpoint's text at a time, in seconds since 1970."""
        if not 0 <= at <= MAX_TIME:
            raise NoteError(f"{at} is no time of a cosignature")
        return signature_line(self.verifier(), at.to_bytes(TIME_BYTES, "big") + self.made(_message(text, at)))


class Cosignature(NamedTuple):
    """That a witness has cosigned."""

    key: CosignerKey
    at: int
    """Seconds since 1970, by the witness's clock."""


def cosignatures(note: str, known: Iterable[CosignerKey]) -> list[Cosignature]:
    """Who of the known witnesses has cosigned a note: each once, with its latest time, in the order of the note.

    Others are passed over. NoteError where a line says that it is of a known witness and is not.
    """
    text, lines = parts(note)
    keys = {(each.name, each.id): each for each in known}
    found: dict[CosignerKey, int] = {}
    for line in lines:
        key = keys.get((line.name, line.key_id))
        if key is not None:
            found[key] = max(_time(key, text, line), found.get(key, 0))
    return [Cosignature(*each) for each in found.items()]


def cosigned(note: str, lines: Iterable[str]) -> str:
    """The note with further lines below it, those that it has not yet."""
    there = note.rpartition("\n\n")[2].split("\n")
    return note + "".join(f"{line}\n" for line in dict.fromkeys(lines) if line not in there)


def _time(key: CosignerKey, text: str, line: Signature) -> int:
    at = key.time_of(text, line.signature)
    if at is None:
        raise NoteError(f"the cosignature of {key.name} does not fit the text")
    return at


def _message(text: str, at: int) -> str:
    return f"{HEADER}\ntime {at}\n{text}"
