"""The bytes of an envelope: one way to write it, nothing else read, and the documented example true."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.envelope import (
    MAX_FIELD_BYTES,
    MAX_NUMBER,
    Envelope,
    EnvelopeError,
    check_field,
    decode,
    encode_envelope,
    format_recorded_at,
    parse_recorded_at,
    payload_commitment,
    recorder_and_client,
    type_and_report,
)
from ledger.audit.merkle import leaf_hash

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "envelope.md"

EXAMPLE = Envelope(
    ledger="main",
    position=7,
    stream="incidents/2020-02-10-idlib-attack",
    revision=1,
    event_id=UUID("3f0c5b0e-6a52-4b0e-9c57-0d1f2a9b8c7d"),
    type="TroopsKilled",
    report_id="report-2020-02-12-idlib",
    recorded_at="2020-02-12T10:00:00.000000Z",
    recorder="observer@example.org",
    commitment=payload_commitment(bytes(range(16)), b'{"best":5,"qualifier":"exact"}'),
    client="incident-ledger/0.1.0 grpc-python/1.75.1",
)
OLDER = replace(EXAMPLE, client=None)

FORBIDDEN = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xD800, 0xDFFF)]

texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)
numbers = st.integers(1, MAX_NUMBER)
envelopes = st.builds(
    Envelope,
    ledger=texts.filter(bool),
    position=numbers,
    stream=texts.filter(bool),
    revision=numbers,
    event_id=st.uuids(),
    type=texts.filter(bool),
    report_id=texts,
    recorded_at=st.datetimes(timezones=st.just(UTC)).map(format_recorded_at),
    recorder=texts,
    commitment=st.binary(max_size=8).map(lambda payload: sha256(payload).hexdigest()),
    client=st.none() | texts,
)


def with_line(number: int, value: str, of: Envelope = EXAMPLE) -> bytes:
    """An example with the value of one line replaced."""
    lines = encode_envelope(of).decode().split("\n")
    lines[number - 1] = value
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def documented(block: str) -> str:
    found = re.findall(rf"^```{block}\n(.*?)\n```$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def test_the_documented_example_is_true() -> None:
    entry = (documented("envelope") + "\n").encode()
    salt, payload = bytes.fromhex(documented("salt")), documented("payload").encode()
    assert entry == encode_envelope(EXAMPLE)
    assert decode(entry) == EXAMPLE
    assert decode(entry).commitment == sha256(salt + payload).hexdigest()
    assert leaf_hash(entry).hex() == documented("leaf")
    older = (documented("older-envelope") + "\n").encode()
    assert decode(older) == replace(OLDER, commitment=EXAMPLE.commitment)


@given(envelopes)
def test_what_is_encoded_decodes_to_the_same(envelope: Envelope) -> None:
    entry = encode_envelope(envelope)
    assert entry.count(b"\n") == (11 if envelope.client is None else 12)
    assert decode(entry) == envelope
    assert recorder_and_client(entry) == (envelope.recorder, envelope.client or "")
    assert type_and_report(entry) == (envelope.type.encode(), envelope.report_id.encode())


@given(st.data())
def test_no_two_entries_decode_to_the_same_envelope(data: st.DataObject) -> None:
    entry = encode_envelope(EXAMPLE)
    at = data.draw(st.integers(0, len(entry)))
    until = data.draw(st.integers(at, min(len(entry), at + 2)))
    inserted = data.draw(st.binary(max_size=2).filter(lambda new: new != entry[at:until]))
    try:
        changed = decode(entry[:at] + inserted + entry[until:])
    except EnvelopeError:
        return
    assert changed != EXAMPLE


@given(st.binary(max_size=400))
def test_bytes_that_are_no_envelope_are_refused(garbage: bytes) -> None:
    with pytest.raises(EnvelopeError):
        decode(garbage)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (1, "incident-ledger/event/v1"),
        (1, "incident-ledger/event/v3"),
        (1, "\ufeffincident-ledger/event/v2"),
        (2, ""),
        (2, "x" * (MAX_FIELD_BYTES + 1)),
        (2, "é" * (MAX_FIELD_BYTES // 2 + 1)),
        (3, "0"),
        (3, "07"),
        (3, "+7"),
        (3, "-7"),
        (3, " 7"),
        (3, "7_0"),
        (3, "\u0667"),
        (3, "9223372036854775808"),
        (3, "7\r"),
        (4, ""),
        (4, "incidents/a\x00"),
        (5, "0"),
        (5, ""),
        (6, "3F0C5B0E-6A52-4B0E-9C57-0D1F2A9B8C7D"),
        (6, "3f0c5b0e6a524b0e9c570d1f2a9b8c7d"),
        (6, "{3f0c5b0e-6a52-4b0e-9c57-0d1f2a9b8c7d}"),
        (7, ""),
        (7, "\ud800"),
        (8, "two\nlines"),
        (9, "2020-02-12T10:00:00Z"),
        (9, "2020-02-12T10:00:00.000000+00:00"),
        (9, "2020-02-12 10:00:00.000000Z"),
        (9, "2020-02-30T10:00:00.000000Z"),
        (9, "2020-02-12T24:00:00.000000Z"),
        (9, "0000-02-12T10:00:00.000000Z"),
        (9, "\u0662\u0660\u0662\u0660-02-12T10:00:00.000000Z"),
        (10, "a\u2028b"),
        (11, "a\x85b"),
        (12, EXAMPLE.commitment.upper()),
        (12, EXAMPLE.commitment[:-1]),
        (12, ""),
    ],
)
def test_a_second_way_to_write_a_value_is_refused(line: int, value: str) -> None:
    with pytest.raises(EnvelopeError):
        decode(with_line(line, value))


@pytest.mark.parametrize(
    ("line", "value"),
    [(1, "incident-ledger/event/v2"), (10, "a\u2028b"), (11, OLDER.commitment.upper()), (11, "")],
)
def test_the_older_version_is_read_as_strictly(line: int, value: str) -> None:
    assert decode(encode_envelope(OLDER)) == OLDER
    with pytest.raises(EnvelopeError):
        decode(with_line(line, value, OLDER))


def test_lines_missing_added_or_ended_otherwise_are_refused() -> None:
    entry = encode_envelope(EXAMPLE)
    for changed in [
        b"",
        entry[:-1],
        entry + b"\n",
        entry + b"more\n",
        b"\n" + entry,
        entry.replace(b"\n", b"\r\n"),
        entry.replace(b"main\n", b""),
        entry + b"\xff",
    ]:
        with pytest.raises(EnvelopeError):
            decode(changed)


def test_a_refusal_says_what_is_wrong() -> None:
    entry = encode_envelope(EXAMPLE)
    for changed, why in [
        (entry[:-1] + b"x", "12 lines"),
        (entry + b"x", "12 lines"),
        (with_line(1, "incident-ledger/event/v1"), "11 lines"),
        (with_line(1, "incident-ledger/event/v3"), "does not begin with incident-ledger/event/v2 or"),
        (with_line(3, "07"), "position is not written"),
        (with_line(5, str(MAX_NUMBER + 1)), f"revision is above {MAX_NUMBER}"),
        (with_line(9, "2020-02-30T10:00:00.000000Z"), "not a time: 2020-02-30"),
        (entry[:-3] + b"\xff\xff\n", "not UTF-8"),
    ]:
        with pytest.raises(EnvelopeError, match=why):
            decode(changed)


@pytest.mark.parametrize(
    "field", ["ledger", "stream", "type", "report_id", "recorder", "recorded_at", "commitment", "client"]
)
def test_no_value_can_pass_for_another_line(field: str) -> None:
    with pytest.raises(EnvelopeError, match="line break"):
        encode_envelope(replace(EXAMPLE, **{field: "a\nb"}))  # type: ignore[arg-type]


@pytest.mark.parametrize("character", FORBIDDEN)
def test_check_field_refuses_control_characters(character: str) -> None:
    with pytest.raises(EnvelopeError, match=f"report id has the forbidden character U\\+{ord(character):04X}"):
        check_field("report id", f"a{character}b")
    with pytest.raises(EnvelopeError):
        decode(with_line(8, f"a{character}b"))


def test_check_field_knows_what_may_be_empty_and_how_long_it_may_be() -> None:
    with pytest.raises(EnvelopeError, match="stream is empty"):
        check_field("stream", "")
    assert check_field("recorder", "", may_be_empty=True) == ""
    longest = "é" * (MAX_FIELD_BYTES // 2)
    assert check_field("stream", longest) == longest
    with pytest.raises(EnvelopeError, match="stream is longer than 1024 bytes"):
        check_field("stream", longest + "e")
    assert decode(with_line(4, longest)).stream == longest


def test_what_check_field_passes_decode_reads() -> None:
    value = "Идлиб «إدلب» \u200d \U0001f54a"
    assert decode(with_line(8, check_field("report id", value))).report_id == value


def test_commitment_is_the_hash_of_salt_and_payload() -> None:
    salt = bytes(16)
    assert payload_commitment(salt, b"payload") == sha256(salt + b"payload").hexdigest()
    assert payload_commitment(b"\x01" * 16, b"payload") != payload_commitment(salt, b"payload")
    for wrong in (b"", bytes(15), bytes(17)):
        with pytest.raises(EnvelopeError, match="16 bytes"):
            payload_commitment(wrong, b"payload")


def test_recorded_times_are_written_in_utc_with_microseconds() -> None:
    ankara = timezone(timedelta(hours=3))
    assert format_recorded_at(datetime(2020, 2, 12, 13, tzinfo=ankara)) == "2020-02-12T10:00:00.000000Z"
    assert parse_recorded_at("2020-02-12T10:00:00.000001Z") == datetime(2020, 2, 12, 10, 0, 0, 1, tzinfo=UTC)
    with pytest.raises(EnvelopeError, match="time zone"):
        format_recorded_at(datetime(2020, 2, 12))
