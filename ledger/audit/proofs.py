"""One-file proofs (C2SP tlog-proof): an event, the path from its leaf to a root, and the checkpoint of that root.

Whoever has the ledger's verifier key checks one without the ledger. The event travels as the file's extra data,
worth nothing by itself: it counts because its bytes give the leaf, and its payload the commitment.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ledger.audit.checkpoints import Checkpoint, open_checkpoint
from ledger.audit.envelope import Envelope, EnvelopeError, decode, payload_commitment
from ledger.audit.merkle import HASH_BYTES, ProofError, leaf_hash, verify_inclusion
from ledger.audit.notes import NoteError, VerifierKey

HEADER = "c2sp.org/tlog-proof@v1"
HEAD_LINES = 3
MAX_HASHES = 63
_INDEX = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof file holds; nothing of it is verified."""

    entry: bytes
    """The leaf entry: the event's envelope."""
    salt: bytes | None
    payload: bytes | None
    """None where the file does not show it, or where it was redacted."""
    index: int
    """Of the leaf: the position less one."""
    hashes: tuple[bytes, ...]
    checkpoint: str
    """A signed note."""

    def text(self) -> str:
        """The file."""
        shown = {"entry": self.entry.decode()}
        if self.payload is not None and self.salt is not None:
            shown |= {"salt": _encoded(self.salt), "payload": _encoded(self.payload)}
        extra = _encoded(json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode())
        lines = [HEADER, f"extra {extra}", f"index {self.index}", *map(_encoded, self.hashes)]
        return "".join(f"{line}\n" for line in lines) + "\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> Proof:
        """A proof from its file; ProofError says what is not as it must be."""
        head, _, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if lines[0] != HEADER or len(lines) < HEAD_LINES:
            raise ProofError(f"a proof file begins with {HEADER}, the event as extra data, and its index")
        _, extra, index, *hashes = lines
        if not extra.startswith("extra "):
            raise ProofError("the proof file does not have the event as its extra data")
        if not index.startswith("index ") or not _INDEX.fullmatch(index.removeprefix("index ")):
            raise ProofError("the proof file does not state an index")
        if len(hashes) > MAX_HASHES:
            raise ProofError(f"a path has at most {MAX_HASHES} hashes")
        shown = _shown(_decoded(extra.removeprefix("extra "), "the extra data"))
        path = tuple(_decoded(each, "a hash", HASH_BYTES) for each in hashes)
        proof = cls(*shown, int(index.removeprefix("index ")), path, checkpoint)
        if proof.text() != text:
            raise ProofError("the proof file is not written as the format asks")
        return proof


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows."""

    envelope: Envelope
    payload: bytes | None
    """As it was committed to; None where the file does not show it."""
    checkpoint: Checkpoint


def verify_proof(proof: Proof, trusted: Iterable[VerifierKey]) -> Proven:
    """What a proof shows to somebody who trusts these keys of the ledger.

    ProofError, NoteError or EnvelopeError says what does not fit.
    """
    checkpoint = open_checkpoint(proof.checkpoint, trusted)
    envelope = decode(proof.entry)
    if envelope.position != proof.index + 1:
        raise ProofError(f"the event of position {envelope.position} is not that of index {proof.index}")
    if checkpoint.origin.rpartition("/")[2] != envelope.ledger:
        raise ProofError(f"an event of the ledger {envelope.ledger} is not one of {checkpoint.origin}")
    verify_inclusion(leaf_hash(proof.entry), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    if proof.payload is not None and payload_commitment(proof.salt or b"", proof.payload) != envelope.commitment:
        raise ProofError(f"the payload is not the one that was recorded at position {envelope.position}")
    return Proven(envelope, proof.payload, checkpoint)


def _shown(extra: bytes) -> tuple[bytes, bytes | None, bytes | None]:
    try:
        told: Any = json.loads(extra)
        entry = told["entry"].encode()
        hidden = "payload" not in told
        salt, payload = (None, None) if hidden else (_decoded(told[name], name) for name in ("salt", "payload"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, ProofError):
            raise
        raise ProofError("the extra data does not hold an event") from error
    return entry, salt, payload


def _decoded(text: str, what: str, length: int | None = None) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise ProofError(f"{what} is not written in base64") from error
    if _encoded(data) != text or length not in (None, len(data)):
        raise ProofError(f"{what} is not written as the format asks")
    return data


def _encoded(data: bytes) -> str:
    return b64encode(data).decode()


VERIFICATION_ERRORS = (ProofError, NoteError, EnvelopeError)
"""What says that something does not fit."""
