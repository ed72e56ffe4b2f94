"""Signed notes and checkpoints, against published examples and against whatever is not exactly right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.checkpoints import Checkpoint, CheckpointError, open_checkpoint, origin_of, sign_checkpoint
from ledger.audit.merkle import EMPTY_ROOT
from ledger.audit.notes import NoteError, SignerKey, VerifierKey, open_note, sign

PETER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
QUOTE = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
QUOTE_NOTE = f"{QUOTE}\n\u2014 PeterNeumann {SIGNATURE}\n"
"""Keys, text and note of the examples of golang.org/x/mod/sumdb/note."""

ONE, OTHER = SignerKey("ledger.example/main", bytes(32)), SignerKey("ledger.example/main", bytes([1] * 32))
NAMES = st.text(st.characters(categories=["L", "N", "P"], exclude_characters="+"), min_size=1, max_size=30)
LINES = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40), min_size=1, max_size=6)
TEXTS = LINES.map(lambda lines: "".join(f"{each}\n" for each in lines))


def test_a_published_note_is_opened_and_made_again() -> None:
    key = SignerKey.parse(PETER)
    assert key.secret() == PETER
    assert str(key.verifier()) == PETER_PUBLIC
    assert sign(QUOTE, [key]) == QUOTE_NOTE
    opened = open_note(QUOTE_NOTE, [VerifierKey.parse(PETER_PUBLIC)])
    assert (opened.text, opened.signers) == (QUOTE, (key.verifier(),))


@given(
    text=TEXTS, names=st.lists(NAMES, min_size=1, max_size=3, unique=True), seed=st.binary(min_size=32, max_size=32)
)
def test_what_is_signed_is_opened_by_each_signer_and_nobody_else(text: str, names: list[str], seed: bytes) -> None:
    keys = [SignerKey(name, seed) for name in names]
    note = sign(text, keys)
    assert open_note(note, [each.verifier() for each in keys]).text == text
    for each in keys:
        assert VerifierKey.parse(str(each.verifier())) == each.verifier()
        assert SignerKey.parse(each.secret()) == each
        assert open_note(note, [each.verifier()]).signers == (each.verifier(),)
        with pytest.raises(NoteError, match="no trusted key"):
            open_note(note, [each.named(f"{each.name}x").verifier()])


@given(data=st.data())
def test_a_note_that_is_changed_anywhere_is_refused(data: st.DataObject) -> None:
    note = sign("ledger.example/main\n7\nsome text\n", [ONE])
    at = data.draw(st.integers(0, len(note) - 1))
    kind = data.draw(st.sampled_from(("cut", "drop", "double", "other")))
    other = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda each: each != note[at]))
    changed = {
        "cut": note[:at],
        "drop": note[:at] + note[at + 1 :],
        "double": note[:at] + note[at] + note[at:],
        "other": note[:at] + other + note[at + 1 :],
    }[kind]
    if changed != note:
        with pytest.raises(NoteError):
            open_note(changed, [ONE.verifier()])


def test_a_note_of_two_keys_is_refused_where_one_is_known_and_has_not_signed() -> None:
    note = sign("a text\n", [ONE, OTHER])
    assert open_note(note, [ONE.verifier()]).signers == (ONE.verifier(),)
    forged = note.replace(OTHER.signature("a text\n"), OTHER.signature("another\n"))
    assert open_note(forged, [ONE.verifier()]).text == "a text\n"
    with pytest.raises(NoteError, match="does not fit the text"):
        open_note(forged, [ONE.verifier(), OTHER.verifier()])


@pytest.mark.parametrize(
    "text", ["", "name", "name+00000000+AQ==", PETER_PUBLIC.replace("c7", "c8"), PETER_PUBLIC[:-4]]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        VerifierKey.parse(text)
    with pytest.raises(NoteError):
        SignerKey.parse(f"PRIVATE+KEY+{text}")


def test_a_secret_is_not_shown() -> None:
    assert PETER[-20:] not in repr(SignerKey.parse(PETER)) + str(SignerKey.parse(PETER))
    with pytest.raises(NoteError) as refused:
        SignerKey.parse(PETER.replace("c74f", "c74e"))
    assert PETER[-20:] not in str(refused.value)


@given(size=st.integers(0, 2**63 - 1), root=st.binary(min_size=32, max_size=32))
def test_a_checkpoint_comes_back_as_it_was_signed(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin_of("ledger.example", "main"), size, root if size else EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(checkpoint, [ONE]), [ONE.verifier()]) == checkpoint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ledger.example/main\n1\n", "lines"),
        ("ledger.example/main\n01\nAAAA\n", "size of a tree"),
        ("ledger.example/main\n-1\nAAAA\n", "size of a tree"),
        (f"ledger.example/main\n{2**63}\nAAAA\n", "size of a tree"),
        ("ledger.example/main\n1\nAAAA\n", "root hash"),
        (f"ledger.example/main\n0\n{'A' * 43}=\n", "empty tree"),
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str, why: str) -> None:
    with pytest.raises(CheckpointError, match=re.escape(why)):
        open_checkpoint(sign(text, [ONE]), [ONE.verifier()])


def test_a_checkpoint_counts_only_under_its_own_origin() -> None:
    checkpoint = Checkpoint("ledger.example/other", 0, EMPTY_ROOT)
    note = sign(checkpoint.text(), [ONE])
    with pytest.raises(CheckpointError, match=r"ledger\.example/other is signed by ledger\.example/main alone"):
        open_checkpoint(note, [ONE.verifier()])


def test_both_keys_of_a_rotation_are_taken() -> None:
    checkpoint = Checkpoint(ONE.name, 0, EMPTY_ROOT)
    note = sign_checkpoint(checkpoint, [ONE, OTHER])
    assert {open_checkpoint(note, [key.verifier()]) for key in (ONE, OTHER)} == {checkpoint}


def test_keys_are_those_of_rfc_8032() -> None:
    """Test 1 of RFC 8032, section 7.1."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert SignerKey("a", seed).verifier().public.hex() == public
    assert Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex() == public


def test_the_documented_checkpoint_is_verified_with_the_documented_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "audit.md").read_text(encoding="utf-8")
    (note,) = re.findall(r"^```text\n(ledger\.example\.org/main\n\d+\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (key,) = re.findall(r"This one is verified with `(\S+)`\.", page)
    assert open_checkpoint(note, [VerifierKey.parse(key)]).size == 20_852_163
