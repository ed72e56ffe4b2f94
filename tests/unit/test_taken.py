"""Events as they are taken, from any position on: what does not fit is told with its position."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from ledger.audit.checkpoints import sign_checkpoint
from ledger.audit.envelope import decode, encode_envelope
from ledger.audit.merkle import ProofError
from ledger.audit.proofs import verify_proof
from ledger.audit.replayed import Replayed, Taken
from tests.exports import KEY, SALT, Invented

LEDGER = Invented(20, {7: 9, 12: 19})


def taken(through: int = 20, after: int = 5, origin: str = KEY.name) -> Taken:
    """A range, of which nothing was taken yet."""
    return Taken(origin, after, through)


def test_a_range_is_taken_from_its_first_event_on() -> None:
    run = taken(through=15)
    for position in range(6, 16):
        gone = position in LEDGER.redactions
        run.take(LEDGER.entries[position - 1], *(b"", b"") if gone else (SALT, LEDGER.payload(position)))
    run.end()
    assert (run.size, run.through, run.redacted) == (10, 15, 2)
    assert (run.unexplained, run.wanting, run.elsewhere) == (12, {str(UUID(int=12))}, set())
    run.explain(19, str(UUID(int=12)))
    assert (run.unexplained, run.wanting) == (0, set())
    run.explain(20, str(UUID(int=6)))
    assert run.elsewhere == {str(UUID(int=6))}


@pytest.mark.parametrize(
    ("position", "salt", "payload", "why"),
    [
        (7, SALT, b"{}", "position 6: it is missing, and the event of position 7 is in its place"),
        (6, SALT, b"[]", "position 6: its payload is not the one"),
        (6, b"", b"{}", "position 6: a salt has 16 bytes, not 0"),
        (6, SALT, b"", "position 6: its payload is not the one"),
    ],
)
def test_what_does_not_fit_is_told_with_its_position(position: int, salt: bytes, payload: bytes, why: str) -> None:
    run = taken()
    with pytest.raises(ProofError, match=why):
        run.take(LEDGER.entries[position - 1], salt, payload)
    assert run.size == 0
    with pytest.raises(ProofError, match="position 6: the envelope is not UTF-8"):
        run.take(b"\xff", SALT, b"{}")


def test_more_or_fewer_events_than_were_asked_for_are_refused() -> None:
    run = taken(through=6)
    with pytest.raises(ProofError, match="0 events came of 1"):
        run.end()
    run.take(LEDGER.entries[5], SALT, b"{}")
    with pytest.raises(ProofError, match="position 7: it is beyond position 6, the last that was asked for"):
        run.take(LEDGER.entries[6], b"", b"")


def test_a_redaction_that_names_nobody_is_told_with_its_position() -> None:
    ledger = Invented(10, {7: 9}, said=b"{}")
    ledger.removes = {}
    entry = encode_envelope(replace(decode(ledger.entry(6)), type="PayloadRedacted"))
    with pytest.raises(ProofError, match="position 6: it does not say whose payload was removed"):
        taken().take(entry, SALT, b"{}")
    first = Invented(20, {7: 1})
    with pytest.raises(ProofError, match="position 1: it removes the payload of"):
        Replayed(first.checkpoint).take(first.entries[0], SALT, first.payload(1))


def test_the_ledger_is_the_last_part_of_the_origin_and_no_other_end_of_it() -> None:
    entry = encode_envelope(replace(decode(LEDGER.entries[5]), ledger="a/main"))
    with pytest.raises(ProofError, match="position 6: it is of the ledger a/main"):
        taken(origin="ledger.example/a/main").take(entry, SALT, b"{}")
    taken(origin="ledger.example/a/main").take(LEDGER.entries[5], SALT, b"{}")
    proof = LEDGER.proof(6)
    origin = KEY.named("ledger.example/a/main")
    note = sign_checkpoint(replace(LEDGER.checkpoint, origin=origin.name), [KEY])
    with pytest.raises(ProofError, match="an event of the ledger a/main is not one of"):
        verify_proof(replace(proof, entry=entry, checkpoint=note), [origin.verifier()])
