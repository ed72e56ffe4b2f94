"""One-file proofs: what holds is verified with the ledger's key alone, and whatever is changed is refused."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.checkpoints import Checkpoint, sign_checkpoint
from ledger.audit.envelope import encode, payload_commitment
from ledger.audit.merkle import Frontier, ProofError, inclusion_proof, leaf_hash
from ledger.audit.notes import SignerKey
from ledger.audit.proofs import HEADER, VERIFICATION_ERRORS, Proof, verify_proof
from ledger.audit.tiles import TreeState, stored_subtrees

KEY = SignerKey("ledger.example/main", bytes(32))
TRUSTED = [KEY.verifier()]
SALT = bytes(range(16))


def entry(position: int, payload: bytes, ledger: str = "main") -> bytes:
    """The envelope of an event."""
    return encode(
        ledger=ledger,
        position=position,
        stream=f"incidents/{position}",
        revision=1,
        event_id=UUID(int=position),
        type="TroopsKilled",
        report_id="a report",
        recorded_at="2020-02-12T10:00:00.000000Z",
        recorder="anonymous",
        commitment=payload_commitment(SALT, payload),
    )


def made(size: int, position: int, ledger: str = "main") -> Proof:
    """A proof that holds, of an event of a ledger of so many."""
    payload = b'{"type":"TroopsKilled"}'
    entries = [entry(each, payload, ledger) for each in range(1, size + 1)]
    leaves = list(map(leaf_hash, entries))
    tree, _ = TreeState().append(leaves)
    hashes = inclusion_proof(position - 1, size, stored_subtrees(tree, lambda level, index: b""))
    note = sign_checkpoint(Checkpoint(KEY.name, size, tree.root()), [KEY])
    return Proof(entries[position - 1], SALT, payload, position - 1, tuple(hashes), note)


@given(size=st.integers(1, 40), data=st.data())
def test_what_holds_is_verified_from_its_file(size: int, data: st.DataObject) -> None:
    proof = made(size, data.draw(st.integers(1, size)))
    if data.draw(st.booleans()):
        proof = replace(proof, salt=None, payload=None)
    assert Proof.parse(proof.text()) == proof
    proven = verify_proof(Proof.parse(proof.text()), TRUSTED)
    assert proven.envelope.position == proof.index + 1
    assert (proven.payload, proven.checkpoint.size) == (proof.payload, size)


@given(size=st.integers(1, 20), data=st.data())
def test_a_file_that_is_changed_anywhere_is_refused(size: int, data: st.DataObject) -> None:
    text = made(size, data.draw(st.integers(1, size))).text()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda each: each != text[at]))
    changed = data.draw(
        st.sampled_from((text[:at], text[:at] + text[at + 1 :], text[:at] + other + text[at + 1 :]))
    )
    if changed != text:
        with pytest.raises(VERIFICATION_ERRORS):
            verify_proof(Proof.parse(changed), TRUSTED)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"payload": b"another"}, "payload is not the one"),
        ({"salt": bytes(16)}, "payload is not the one"),
        ({"index": 3}, "position 3 is not that of index 3"),
        ({"entry": entry(3, b"another")}, "does not lead to the root"),
        ({"hashes": ()}, "too short"),
        ({"checkpoint": made(6, 3).checkpoint}, "does not lead to the root"),
        ({"checkpoint": "no note"}, "a note is"),
    ],
    ids=["payload", "salt", "index", "entry", "hashes", "another checkpoint", "no checkpoint"],
)
def test_what_does_not_fit_is_told(changes: dict[str, object], why: str) -> None:
    with pytest.raises(VERIFICATION_ERRORS, match=why):
        verify_proof(replace(made(5, 3), **changes), TRUSTED)  # type: ignore[arg-type]


def test_an_event_of_another_ledger_is_refused() -> None:
    with pytest.raises(ProofError, match=r"the ledger other is not one of ledger\.example/main"):
        verify_proof(made(5, 3, ledger="other"), TRUSTED)


def test_a_proof_counts_for_nobody_who_does_not_trust_its_key() -> None:
    with pytest.raises(VERIFICATION_ERRORS, match="no trusted key"):
        verify_proof(made(5, 3), [SignerKey(KEY.name, bytes([1] * 32)).verifier()])


@pytest.mark.parametrize(
    "extra", ["[]", "{}", '{"entry":1}', '{"entry":"a","payload":"b"}', "nonsense", "[" * 9_999]
)
def test_extra_data_that_holds_no_event_is_refused(extra: str) -> None:
    lines = made(5, 3).text().split("\n")
    lines[1] = f"extra {b64encode(extra.encode()).decode()}"
    with pytest.raises(ProofError):
        Proof.parse("\n".join(lines))


def test_the_file_is_as_its_specification_says() -> None:
    """C2SP tlog-proof: header, extra, index, path, an empty line, the checkpoint as it was issued."""
    proof = made(5, 3)
    head, checkpoint = proof.text().split("\n\n", 1)
    header, extra, index, *path = head.split("\n")
    assert (header, index) == (HEADER, "index 2")
    assert [b64decode(each) for each in path] == list(proof.hashes)
    assert checkpoint == proof.checkpoint
    shown = json.loads(b64decode(extra.removeprefix("extra ")))
    assert shown["entry"].encode() == proof.entry
    frontier = Frontier()
    frontier.extend([leaf_hash(entry(each, b'{"type":"TroopsKilled"}')) for each in range(1, 6)])
    assert b64encode(frontier.root()).decode() in checkpoint.split("\n")
