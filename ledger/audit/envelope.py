"""The exact bytes of a leaf entry, `incident-ledger/event/v2` or v1; documented in docs/reference/envelope.md.

`encode` is on the writer's hot path and trusts values that `check_field` has passed; `decode` trusts nothing
and refuses whatever does not encode to the same bytes again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

FORMAT_1 = "incident-ledger/event/v1"
"""Without the client; written until version 2 came, and read for ever."""
FORMAT_2 = "incident-ledger/event/v2"
LINES = MappingProxyType({FORMAT_1: 11, FORMAT_2: 12})
_BEGIN_2 = f"{FORMAT_2}\n".encode()
SALT_BYTES = 16
MAX_FIELD_BYTES = 1024  # of a text value, in UTF-8: keeps an entry, and with it an offline proof, small
MAX_NUMBER = 2**63 - 1  # positions and revisions are signed 64-bit integers

# What ends a line or moves the cursor in some reader (C0 and C1 controls, delete, line and paragraph
# separator), and lone surrogates, which have no UTF-8.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
_EVENT_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_RECORDED_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_COMMITMENT = re.compile(r"[0-9a-f]{64}")


class EnvelopeError(ValueError):
    """These bytes, or this value, do not belong into an envelope."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a leaf entry says. Everything but the payload, which it binds by its commitment."""

    ledger: str
    position: int
    stream: str
    revision: int
    event_id: UUID
    type: str
    report_id: str
    recorded_at: str
    recorder: str
    commitment: str
    client: str | None = None
    """What the client called itself; None in version 1, which does not say."""


def encode(
    *,
    ledger: str,
    position: int,
    stream: str,
    revision: int,
    event_id: UUID | str,
    type: str,
    report_id: str,
    recorded_at: str,
    recorder: str,
    commitment: str,
    client: str | None = None,
) -> bytes:
    """The leaf entry. `format_recorded_at` gives `recorded_at`, `payload_commitment` gives `commitment`."""
    layout, client_line = (FORMAT_1, "") if client is None else (FORMAT_2, client + "\n")
    text = (
        f"{layout}\n{ledger}\n{position}\n{stream}\n{revision}\n{event_id}\n{type}\n"
        f"{report_id}\n{recorded_at}\n{recorder}\n{client_line}{commitment}\n"
    )
    # The last line of defence: a value with a line break in it would pass for other values.
    if text.count("\n") != LINES[layout]:
        raise EnvelopeError("a value of the envelope has a line break in it")
    return text.encode()


def encode_envelope(envelope: Envelope) -> bytes:
    return encode(
        ledger=envelope.ledger,
        position=envelope.position,
        stream=envelope.stream,
        revision=envelope.revision,
        event_id=envelope.event_id,
        type=envelope.type,
        report_id=envelope.report_id,
        recorded_at=envelope.recorded_at,
        recorder=envelope.recorder,
        commitment=envelope.commitment,
        client=envelope.client,
    )


def decode(entry: bytes) -> Envelope:
    """Read a leaf entry; whatever is not exactly of the format raises `EnvelopeError`."""
    try:
        lines = entry.decode("utf-8", "strict").split("\n")
    except UnicodeDecodeError as error:
        raise EnvelopeError("the envelope is not UTF-8") from error
    wanted = LINES.get(lines[0])
    if wanted is None:
        raise EnvelopeError(f"the envelope does not begin with {FORMAT_2} or {FORMAT_1}")
    if len(lines) != wanted + 1 or lines[-1]:
        raise EnvelopeError(f"the envelope has not {wanted} lines, each ended by a line feed")
    envelope = Envelope(
        ledger=check_field("ledger", lines[1]),
        position=_number("position", lines[2]),
        stream=check_field("stream", lines[3]),
        revision=_number("revision", lines[4]),
        event_id=UUID(_matching("event id", _EVENT_ID, lines[5])),
        type=check_field("type", lines[6]),
        report_id=check_field("report id", lines[7], may_be_empty=True),
        recorded_at=_recorded_at(lines[8]),
        recorder=check_field("recorder", lines[9], may_be_empty=True),
        commitment=_matching("payload commitment", _COMMITMENT, lines[-2]),
        client=check_field("client", lines[10], may_be_empty=True) if lines[0] == FORMAT_2 else None,
    )
    if encode_envelope(envelope) != entry:
        raise EnvelopeError("the envelope does not encode to the same bytes again")
    return envelope


def type_and_report(entry: bytes) -> tuple[bytes, bytes]:
    """Type and report id of a leaf entry, unchecked: for whoever passes over most entries and decodes few."""
    lines = entry.split(b"\n", 8)
    return lines[6], lines[7]


def recorder_and_client(entry: bytes) -> tuple[str, str]:
    """By whom and with what a leaf entry was recorded, hardly checked; no client where version 1 does not say."""
    # From the end, which is near: whoever sends events asks for each.
    later = entry.startswith(_BEGIN_2)
    head, *rest = entry.rsplit(b"\n", 4 if later else 3)
    if head.count(b"\n") < LINES[FORMAT_1] - 3:
        raise EnvelopeError(f"the envelope has not {LINES[FORMAT_1]} lines")
    return _text(rest[0]), _text(rest[1]) if later else ""


@lru_cache(maxsize=256)
def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def check_field(name: str, value: str, *, may_be_empty: bool = False) -> str:
    """The value, if it may stand in an envelope as text; for every layer that lets values in."""
    if not value and not may_be_empty:
        raise EnvelopeError(f"{name} is empty")
    if found := _FORBIDDEN.search(value):
        raise EnvelopeError(f"{name} has the forbidden character U+{ord(found.group()):04X}")
    if len(value.encode()) > MAX_FIELD_BYTES:
        raise EnvelopeError(f"{name} is longer than {MAX_FIELD_BYTES} bytes")
    return value


def payload_commitment(salt: bytes, payload: bytes) -> str:
    """Binds a payload without showing it: the salt keeps a redacted payload from being guessed."""
    if len(salt) != SALT_BYTES:  # a fixed length is what makes salt and payload separable
        raise EnvelopeError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    return sha256(salt + payload).hexdigest()


def format_recorded_at(moment: datetime) -> str:
    """A time with its zone as the envelope writes it: UTC, six decimals, `Z`."""
    if moment.tzinfo is None:
        raise EnvelopeError("a recorded time needs a time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_recorded_at(text: str) -> datetime:
    """The time that `format_recorded_at` wrote; any other way to write a time is refused."""
    _matching("recorded time", _RECORDED_AT, text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise EnvelopeError(f"the recorded time is not a time: {text}") from error
    if format_recorded_at(moment) != text:  # newer Pythons read 24:00 as the next day
        raise EnvelopeError(f"the recorded time is not a time: {text}")
    return moment


def _recorded_at(text: str) -> str:
    parse_recorded_at(text)
    return text


def _number(name: str, text: str) -> int:
    number = int(_matching(name, _NUMBER, text))
    if number > MAX_NUMBER:
        raise EnvelopeError(f"{name} is above {MAX_NUMBER}")
    return number


def _matching(name: str, pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise EnvelopeError(f"{name} is not written as the format asks")
    return text
