"""A domain event as recorded: the content with its place in a stream, and the identity that a report gives it.
Event ids follow from the content, so that the same report is the same events wherever it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from ledger.domain.claim import DomainEvent

DIGEST_FORMAT = b"incident-ledger/report/v1\n"


@dataclass(frozen=True)
class Recorded:
    """In the library's words: the stream is `originator_id`, the revision `originator_version`."""

    originator_id: str
    originator_version: int
    event_id: UUID
    type: str
    event: DomainEvent | None
    """None where the payload is redacted."""


def content_digest(payloads: Sequence[bytes]) -> str:
    """SHA-256, lowercase hexadecimal, of a report's payloads: each preceded by its length, the filing first and
    without a digest in it."""
    digest = sha256(DIGEST_FORMAT)
    for payload in payloads:
        digest.update(f"{len(payload)}\n".encode())
        digest.update(payload)
    return digest.hexdigest()


def event_id_of(ledger: str, report_id: str, digest: str, index: int) -> UUID:
    """The id of a report's event; index 0 is the filing. A UUID of version 8 (RFC 9562: by its maker's rule)."""
    name = f"incident-ledger/event-id/v1\n{ledger}\n{report_id}\n{digest}\n{index}\n"
    bits = int.from_bytes(sha256(name.encode()).digest()[:16], "big")
    bits = bits & ~(0xF << 76) | (8 << 76)
    bits = bits & ~(0x3 << 62) | (2 << 62)
    return UUID(int=bits)
