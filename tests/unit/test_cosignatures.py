"""Cosignatures of witnesses, against a published checkpoint and against whatever is not exactly right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.audit.cosignatures import MAX_TIME, Cosignature, CosignerKey, CosigningKey, cosignatures, cosigned
from ledger.audit.notes import NoteError, SignerKey, VerifierKey, parts

PUBLISHED_NAME = "arche2025h1.staging.ct.transparency.dev"
PUBLISHED = f"""\
{PUBLISHED_NAME}
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— {PUBLISHED_NAME} zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbl\
lzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— {PUBLISHED_NAME} ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75Mdh\
L1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbq\
mNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0D\
rAWfBw==
"""
"""A checkpoint of a public log of certificates: signed by it in two ways, and cosigned by two witnesses."""
PUBLISHED_LOG = f"{PUBLISHED_NAME}+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
PUBLISHED_WITNESS = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
PUBLISHED_AT = 0x6A122120

LOG = SignerKey("ledger.example/main", bytes(32))
ONE, TWO = (CosigningKey(f"witness.example/{n}", bytes([n] * 32)) for n in (1, 2))
CHECKPOINT = Checkpoint(LOG.name, 7, bytes(32))
NOTE = sign_checkpoint(CHECKPOINT, [LOG])


def test_a_published_cosignature_is_verified() -> None:
    witness = CosignerKey.parse(PUBLISHED_WITNESS)
    assert str(witness) == PUBLISHED_WITNESS
    assert cosignatures(PUBLISHED, [witness]) == [Cosignature(witness, PUBLISHED_AT)]
    assert open_checkpoint(PUBLISHED, [VerifierKey.parse(PUBLISHED_LOG)]).size == 1432088532
    with pytest.raises(NoteError, match=r"remora.* does not fit"):
        cosignatures(PUBLISHED.replace("1432088532", "1432088533"), [witness])


@given(seed=st.binary(min_size=32, max_size=32), at=st.integers(0, MAX_TIME))
def test_what_is_cosigned_is_verified_with_its_time_and_by_nobody_else(seed: bytes, at: int) -> None:
    key = CosigningKey("witness.example/w", seed)
    note = cosigned(NOTE, [key.cosignature(CHECKPOINT.text(), at)])
    assert cosignatures(note, [key.verifier(), TWO.verifier()]) == [Cosignature(key.verifier(), at)]
    assert cosignatures(note, [TWO.verifier()]) == []
    assert open_checkpoint(note, [LOG.verifier()]) == CHECKPOINT
    assert CosigningKey.parse(key.secret()) == key
    assert CosignerKey.parse(str(key.verifier())) == key.verifier()


@given(data=st.data())
def test_a_cosignature_that_is_changed_anywhere_does_not_count(data: st.DataObject) -> None:
    line = ONE.cosignature(CHECKPOINT.text(), 1_679_315_147)
    signature = bytearray(parts(cosigned(NOTE, [line]))[1][1].signature)
    at = data.draw(st.integers(0, len(signature) - 1))
    signature[at] ^= 1 << data.draw(st.integers(0, 7))
    assert ONE.verifier().time_of(CHECKPOINT.text(), bytes(signature)) is None


def test_the_time_and_every_line_of_the_text_are_cosigned() -> None:
    (*_, whole) = parts(cosigned(NOTE, [ONE.cosignature(CHECKPOINT.text(), 5)]))[1]
    key = ONE.verifier()
    assert key.time_of(CHECKPOINT.text(), whole.signature) == 5
    assert key.time_of(CHECKPOINT.text() + "an extension\n", whole.signature) is None
    assert key.time_of(CHECKPOINT.text(), whole.signature[:-1]) is None
    assert key.time_of(CHECKPOINT.text(), whole.signature[8:]) is None
    extended = CHECKPOINT.text() + "an extension\n"
    line = parts(cosigned(NOTE, [ONE.cosignature(extended, 5)]))[1][1]
    assert key.time_of(extended, line.signature) == 5


@pytest.mark.parametrize("at", [-1, MAX_TIME + 1])
def test_there_are_times_that_cannot_be(at: int) -> None:
    with pytest.raises(NoteError, match="no time"):
        ONE.cosignature(CHECKPOINT.text(), at)
    late = (MAX_TIME + 1).to_bytes(8, "big") + ONE.made(f"cosignature/v1\ntime {MAX_TIME + 1}\n{CHECKPOINT.text()}")
    assert ONE.verifier().time_of(CHECKPOINT.text(), late) is None


def test_a_witness_that_cosigned_twice_counts_once_with_its_latest_time() -> None:
    lines = [ONE.cosignature(CHECKPOINT.text(), at) for at in (5, 9, 7)]
    note = cosigned(cosigned(NOTE, lines), [*lines, TWO.cosignature(CHECKPOINT.text(), 6)])
    assert note.count("witness.example/1 ") == 3
    found = cosignatures(note, [TWO.verifier(), ONE.verifier()])
    assert found == [Cosignature(ONE.verifier(), 9), Cosignature(TWO.verifier(), 6)]


def test_keys_of_one_kind_are_not_taken_for_the_other() -> None:
    """A key that signs checkpoints must not cosign them, and the other way round: the error says which it is."""
    with pytest.raises(NoteError, match="a key for cosignatures of witnesses, and what is wanted"):
        VerifierKey.parse(PUBLISHED_WITNESS)
    with pytest.raises(NoteError, match="a key for signatures of notes"):
        CosignerKey.parse(PUBLISHED_LOG)
    with pytest.raises(NoteError, match="a key for cosignatures"):
        SignerKey.parse(ONE.secret())
    with pytest.raises(NoteError, match="a key for signatures of notes"):
        CosigningKey.parse(LOG.secret())
    assert ONE.verifier().id != VerifierKey(ONE.name, ONE.verifier().public).id


def test_a_cosignature_is_no_signature_of_the_log() -> None:
    """Not even of a witness that has the ledger's name and key."""
    same = CosigningKey(LOG.name, LOG.seed)
    note = f"{CHECKPOINT.text()}\n{same.cosignature(CHECKPOINT.text(), 5)}\n"
    with pytest.raises(NoteError, match="no trusted key"):
        open_checkpoint(note, [LOG.verifier()])
    assert ONE.secret()[-20:] not in repr(ONE) + str(ONE)
