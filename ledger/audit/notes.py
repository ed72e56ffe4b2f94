"""Signed notes (C2SP signed-note): a text, signed by keys that have names. Ed25519 and nothing else.

Keys are written as Go's `sumdb/note` writes them, so that other tools can take them. It knows no files.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519, COSIGNATURE = b"\x01", b"\x04"
KINDS = MappingProxyType({ED25519: "signatures of notes", COSIGNATURE: "cosignatures of witnesses"})
"""What a key signs, by the byte that its text begins with."""
KEY_BYTES = 32
SIGNATURE_BYTES = 64
ID_BYTES = 4
PRIVATE = "PRIVATE+KEY+"
MARK = "\u2014 "
"""What a line with a signature begins with: an em dash and a space."""
MAX_SIGNATURES = 64
MAX_NOTE_BYTES = 1024 * 1024
_NAME = re.compile(r"[^\s+]+")
_FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
"""Control characters but line feeds, and what has no UTF-8."""
_ID = re.compile(r"[0-9a-f]{8}")


class NoteError(ValueError):
    """These bytes, or this text, are no note or no key, or nobody who is trusted has signed them."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public Ed25519 key with its name. What it signs of a text, its kind says."""

    KIND: ClassVar[bytes]
    """The byte by which the id and the text of a key say what its signatures are (C2SP signed-note)."""
    CALLED: ClassVar[str]

    name: str
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != KEY_BYTES:
            raise NoteError(f"an Ed25519 key has {KEY_BYTES} bytes, not {len(self.public)}")

    @property
    def id(self) -> bytes:
        """Four bytes by which a signature says which key of the name made it."""
        return sha256(self.name.encode() + b"\n" + self.KIND + self.public).digest()[:ID_BYTES]

    @classmethod
    def parse(cls, text: str) -> Self:
        """A key from `NAME+ID+KEY`, as `str` writes it; NoteError, also where the key is of another kind."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        key = cls(name, _key_bytes(encoded, cls.KIND, cls.CALLED))
        if not _ID.fullmatch(key_id) or key.id.hex() != key_id:
            raise NoteError(f"the id of the key of {name} is {key.id.hex()}, not {key_id}")
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_encoded(self.KIND + self.public)}"

    def has_signed(self, text: str, signature: bytes) -> bool:
        """Whether this Ed25519 signature of the text is the key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class VerifierKey(PublicKey):
    """A public key that signs notes; with its name it says whose signature to take."""

    KIND: ClassVar[bytes] = ED25519
    CALLED: ClassVar[str] = "verifier key"


@dataclass(frozen=True, slots=True)
class PrivateKey(ABC):
    """A private Ed25519 key with its name. Its text is a secret; neither `str` nor `repr` shows it."""

    KIND: ClassVar[bytes]
    CALLED: ClassVar[str]

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> Self:
        """A new key."""
        return cls(check_name(name), Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, secret: str) -> Self:
        """A key from its secret text; NoteError, which does not repeat it."""
        text = secret.strip()
        if not text.startswith(PRIVATE):
            raise NoteError(f"a {cls.CALLED} begins with {PRIVATE}")
        name, _, rest = text.removeprefix(PRIVATE).partition("+")
        key_id, _, encoded = rest.partition("+")
        key = cls(check_name(name), _key_bytes(encoded, cls.KIND, cls.CALLED))
        if key.verifier().id.hex() != key_id:
            raise NoteError(f"the {cls.CALLED} of {name} does not have the id that it states")
        return key

    def secret(self) -> str:
        """The text to keep where nobody else reads it: `PRIVATE+KEY+NAME+ID+KEY`."""
        return f"{PRIVATE}{self.name}+{self.verifier().id.hex()}+{_encoded(self.KIND + self.seed)}"

    @abstractmethod
    def verifier(self) -> PublicKey:
        """The public key."""

    def public_bytes(self) -> bytes:
        """The public key without its name."""
        return self._private().public_key().public_bytes_raw()

    def made(self, message: str) -> bytes:
        """The Ed25519 signature of a message."""
        return self._private().sign(message.encode())

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, slots=True)
class SignerKey(PrivateKey):
    """A private key that signs notes."""

    KIND: ClassVar[bytes] = ED25519
    CALLED: ClassVar[str] = "signing key"

    def named(self, name: str) -> SignerKey:
        """The same key under another name; its id is another one too."""
        return SignerKey(check_name(name), self.seed)

    def verifier(self) -> VerifierKey:
        """The public key."""
        return VerifierKey(self.name, self.public_bytes())

    def signature(self, text: str) -> str:
        """The line, without its end, that signs a text."""
        return signature_line(self.verifier(), self.made(text))


@dataclass(frozen=True, slots=True)
class Signature:
    """A line with a signature; nothing of it is verified."""

    name: str
    key_id: bytes
    signature: bytes
    """What the kind of the key says that it is."""


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A text that a trusted key has signed."""

    text: str
    signers: tuple[VerifierKey, ...]
    """In the order of their signatures, each once."""


def sign(text: str, keys: Sequence[SignerKey]) -> str:
    """A note of a text, which ends with a line feed."""
    if not keys:
        raise NoteError("nobody signs the note")
    if not text.endswith("\n") or _FORBIDDEN.search(text):
        raise NoteError("a note's text ends with a line feed and has no other control characters")
    return text + "\n" + "".join(f"{each.signature(text)}\n" for each in keys)


def open_note(note: str, trusted: Iterable[VerifierKey]) -> OpenedNote:
    """The text of a note that at least one trusted key has signed; NoteError.

    Signatures of unknown keys are passed over. One that says it is of a trusted key and is not refuses the note.
    """
    text, signatures = parts(note)
    known = {(each.name, each.id): each for each in trusted}
    signers: dict[VerifierKey, None] = {}
    for each in signatures:
        key = known.get((each.name, each.key_id))
        if key is None:
            continue
        if len(each.signature) != SIGNATURE_BYTES or not key.has_signed(text, each.signature):
            raise NoteError(f"the signature of {each.name} does not fit the text")
        signers[key] = None
    if not signers:
        names = ", ".join(sorted({each.name for each in signatures}))
        raise NoteError(f"no trusted key has signed the note; it is signed by {names}, or says so")
    return OpenedNote(text, tuple(signers))


def check_name(name: str) -> str:
    """A key's name: not empty, without spaces and plus signs; NoteError."""
    if not _NAME.fullmatch(name) or _FORBIDDEN.search(name):
        raise NoteError(
            f"{name!r} cannot be a key's name: it has to have characters, none of them a space or a plus"
        )
    return name


def parts(note: str) -> tuple[str, list[Signature]]:
    """The text of a note and its signatures, nothing of them verified; NoteError where it is no note."""
    if len(note.encode("utf-8", "surrogatepass")) > MAX_NOTE_BYTES:
        raise NoteError(f"a note is longer than {MAX_NOTE_BYTES} bytes")
    text, blank, rest = note.rpartition("\n\n")
    if not blank or not rest.endswith("\n"):
        raise NoteError("a note is a text, an empty line, and lines with signatures, each ended by a line feed")
    if _FORBIDDEN.search(note):
        raise NoteError("a note has no control characters but line feeds")
    return text + "\n", signatures(rest)


def signatures(lines: str) -> list[Signature]:
    """What stands below a note's text: lines with signatures, each ended by a line feed; NoteError."""
    split = lines.removesuffix("\n").split("\n")
    if len(split) > MAX_SIGNATURES:
        raise NoteError(f"a note with more than {MAX_SIGNATURES} signatures is not looked at")
    return list(map(_signature, split))


def signature_line(key: PublicKey, signature: bytes) -> str:
    """The line, without its end, in which a key's signature stands."""
    return f"{MARK}{key.name} {_encoded(key.id + signature)}"


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(MARK).partition(" ")
    decoded = _decoded(encoded)
    if not line.startswith(MARK) or not _NAME.fullmatch(name) or decoded is None or len(decoded) <= ID_BYTES:
        raise NoteError(f"this line is no signature: {line[:80]!r}")
    return Signature(name, decoded[:ID_BYTES], decoded[ID_BYTES:])


def _key_bytes(encoded: str, kind: bytes, called: str) -> bytes:
    decoded = _decoded(encoded)
    if decoded is None or decoded[:1] not in KINDS or len(decoded) != 1 + KEY_BYTES:
        raise NoteError(f"this {called} is not an Ed25519 key")
    if decoded[:1] != kind:
        raise NoteError(f"this is a key for {KINDS[decoded[:1]]}, and what is wanted is one for {KINDS[kind]}")
    return decoded[1:]


def _encoded(data: bytes) -> str:
    return b64encode(data).decode()


def _decoded(text: str) -> bytes | None:
    """What was encoded, if it is exactly what encoding it gives."""
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return None
    return data if _encoded(data) == text else None
