"""What others have published: test vectors of the specifications and of their best known implementations, and what
public logs have signed and proven. Each file names its source, and says so where a specification has none."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.checkpoints import Checkpoint, CheckpointError, open_checkpoint
from ledger.audit.covered import Coverage
from ledger.audit.exported import tile_path
from ledger.audit.merkle import (
    Frontier,
    ProofError,
    consistency_proof,
    fold,
    grow,
    inclusion_proof,
    leaf_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from ledger.audit.notes import NoteError, SignerKey, VerifierKey, open_note, sign
from ledger.audit.proofs import HEADER, Proof
from ledger.audit.tiles import TreeState, tile_count


def published(name: str) -> Any:
    """A file of vectors."""
    return json.loads((Path(__file__).parent / "published" / f"{name}.json").read_text(encoding="utf-8"))


NOTES, CHECKPOINTS, PROOFS = published("signed-notes"), published("checkpoints"), published("tlog-proofs")
MERKLE, ARGON, TILES = published("merkle"), published("argon2020"), published("tlog-tiles")
LEAVES = [leaf_hash(bytes.fromhex(each)) for each in MERKLE["entries"]]


def subtree(leaves: list[bytes]) -> Any:
    """Roots of complete subtrees over leaves."""
    return lambda level, index: fold(grow(0, (), leaves[index << level : index + 1 << level])[0])


@pytest.mark.parametrize("name", ["ed25519", "signed-notes", "checkpoints", "tlog-proofs", "merkle", "argon2020"])
def test_every_file_names_its_source(name: str) -> None:
    assert len(published(name)["source"]) > 20


@pytest.mark.parametrize("vector", published("ed25519")["vectors"], ids=lambda vector: vector["name"])
def test_signatures_are_those_of_rfc_8032(vector: dict[str, str]) -> None:
    public, message, signature = (bytes.fromhex(vector[name]) for name in ("public", "message", "signature"))
    key = VerifierKey("a", public)
    assert key.has_signed(Bytes(message), signature)
    assert not key.has_signed(Bytes(message + b"x"), signature)


class Bytes(str):
    """A text whose UTF-8 is any bytes: the vectors sign what is no text."""

    data: bytes

    def __new__(cls, data: bytes) -> Bytes:
        made = super().__new__(cls)
        made.data = data
        return made

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.data


def test_notes_are_signed_as_published() -> None:
    signer = SignerKey.parse(NOTES["secret"])
    assert str(signer.verifier()) == NOTES["peter"]
    assert sign(NOTES["text"], [signer]) == NOTES["text"] + "\n" + NOTES["signature_of_peter"]


def test_notes_are_opened_as_published() -> None:
    peter, enoch = VerifierKey.parse(NOTES["peter"]), VerifierKey.parse(NOTES["enoch"])
    one, two = NOTES["signature_of_peter"], NOTES["signature_of_enoch"]
    note = NOTES["text"] + "\n" + one + two
    assert open_note(note, [peter]).signers == (peter,)
    assert open_note(note, [peter, enoch]).signers == (peter, enoch)
    assert open_note(NOTES["text"] + "\n" + one + one + two + two, [peter, enoch]).signers == (peter, enoch)
    with pytest.raises(NoteError, match="no trusted key"):
        open_note(note, [])
    with pytest.raises(NoteError, match="more than"):
        open_note(NOTES["text"] + "\n" + one * 101, [peter])
    with pytest.raises(NoteError, match="no trusted key"):
        open_note(NOTES["text"] + "\n" + one.replace("PeterNeumann", "CarmenSandiego"), [peter])


@pytest.mark.parametrize("note", NOTES["no_notes"])
def test_what_is_published_as_no_note_is_refused(note: str) -> None:
    with pytest.raises(NoteError):
        open_note(note, [VerifierKey.parse(NOTES["peter"])])


def test_no_part_of_a_key_is_a_key_and_none_with_another_character() -> None:
    """As the published test does it."""
    for text, parse in ((NOTES["peter"], VerifierKey.parse), (NOTES["secret"], SignerKey.parse)):
        parts = [text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1) if j - i < len(text)]
        others = [text[:i] + chr(ord(text[i]) + 1) + text[i + 1 :] for i in range(len(text))]
        for each in (*parts[::7], *others, *NOTES["no_keys"]):
            with pytest.raises(NoteError):
                parse(each)


def test_the_example_of_the_specification_is_a_note() -> None:
    with pytest.raises(NoteError, match=r"no trusted key.*signed by quasimodo\.example/salvatore"):
        open_note(NOTES["example"], [])


@pytest.mark.parametrize("signed", CHECKPOINTS["signed"], ids=lambda signed: str(signed["size"]))
def test_checkpoints_of_a_public_log_are_opened(signed: dict[str, Any]) -> None:
    key = VerifierKey.parse(CHECKPOINTS["key"])
    found = Checkpoint.parse(open_note(signed["note"], [key]).text)
    assert found == Checkpoint("go.sum database tree", signed["size"], b64decode(signed["root"]))
    with pytest.raises(NoteError):
        open_note(signed["note"].replace(str(signed["size"]), str(signed["size"] + 1)), [key])
    # That log signs under another name than its origin, which is older than the rule; we ask for the origin.
    with pytest.raises(CheckpointError, match=r"is signed by sum\.golang\.org alone"):
        open_checkpoint(signed["note"], [key])


def test_the_text_of_a_checkpoint_is_as_published() -> None:
    told = CHECKPOINTS["text"]
    checkpoint = Checkpoint(told["origin"], told["size"], leaf_hash(told["record"].encode()))
    assert checkpoint.text() == told["is"]
    assert Checkpoint.parse(told["is"]) == Checkpoint.parse(told["is"] + "JOE\n" * 1_000) == checkpoint


@pytest.mark.parametrize("text", CHECKPOINTS["no_checkpoints"])
def test_what_is_published_as_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint.parse(text)


def test_a_proof_file_is_laid_out_as_published() -> None:
    told = PROOFS["marshalled"]
    hashes = tuple(sha256(each.encode()).digest() for each in told["hashed"])
    ours = Proof(b"an entry", None, None, told["index"], hashes, told["checkpoint"]).text()
    # The extra data is each application's own.
    extra = b64encode(b'{"entry":"an entry"}').decode()
    assert ours.replace(extra, b64encode(told["extra"].encode()).decode()) == told["text"]
    assert ours.startswith(f"{HEADER}\n")


@pytest.mark.parametrize("text", PROOFS["no_proofs"])
def test_what_is_published_as_no_proof_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        Proof.parse(text)


def test_tiles_are_those_that_the_specification_tells_of() -> None:
    assert tile_path(0, TILES["index"]["number"]) == f"tile/0/{TILES['index']['path']}"
    for tree in TILES["trees"]:
        complete = [tile_count(tree["size"], level) for level in range(len(tree["complete"]))]
        assert complete == tree["complete"]
        assert tile_count(tree["size"], len(complete)) == 0
        widths = {place.level: place.width for place in Coverage.whole(tree["size"]).edge()}
        assert [widths.get(level, 0) for level in range(len(tree["widths"]))] == tree["widths"]
        state, _ = TreeState().append([bytes(32)] * tree["size"])
        assert list(map(len, state.rows)) == tree["widths"]


def test_roots_and_nodes_are_as_published() -> None:
    frontier = Frontier()
    assert frontier.root().hex() == MERKLE["roots"][0]
    for leaf, root in zip(LEAVES, MERKLE["roots"][1:], strict=True):
        frontier.append(leaf)
        assert frontier.root().hex() == root
    _, grown = grow(0, (), LEAVES)
    assert [[each.hex() for each in row] for row in grown] == MERKLE["nodes"]


def test_proofs_are_verified_against_the_published_roots() -> None:
    roots = list(map(bytes.fromhex, MERKLE["roots"]))
    for size in range(1, len(LEAVES) + 1):
        for index in range(size):
            path = inclusion_proof(index, size, subtree(LEAVES))
            verify_inclusion(LEAVES[index], index, size, path, roots[size])
        for first in range(size + 1):
            nodes = consistency_proof(first, size, subtree(LEAVES))
            verify_consistency(first, size, nodes, roots[first], roots[size])


def test_all_subtrees_and_all_inclusion_proofs_in_them_are_as_published() -> None:
    """Some 5,000 hashes and 180,000 proofs, as one hash each."""
    leaves = [leaf_hash(bytes([number])) for number in range(MERKLE["largest"])]
    hashes, proofs = sha256(), sha256()
    for end in range(1, MERKLE["largest"] + 1):
        for start in range(end):
            width = end - start
            if start % (1 << (width - 1).bit_length()):
                continue  # where a tree would not cut
            found = subtree(leaves[start:end])
            hashes.update(f"[{start}, {end}) {tree_root(width, found).hex()}\n".encode())
            for index in range(width):
                path = "".join(f" {each.hex()}" for each in inclusion_proof(index, width, found))
                proofs.update(f"{start + index} [{start}, {end}){path}\n".encode())
    assert (hashes.hexdigest(), proofs.hexdigest()) == (MERKLE["all_subtrees"], MERKLE["all_inclusions"])


def test_proofs_of_a_public_log_are_verified() -> None:
    leaf, root = leaf_hash(b64decode(ARGON["leaf_input"])), b64decode(ARGON["root"])
    path = list(map(b64decode, ARGON["audit_path"]))
    verify_inclusion(leaf, ARGON["index"], ARGON["size"], path, root)
    nodes, first = list(map(b64decode, ARGON["consistency"])), b64decode(ARGON["first_root"])
    verify_consistency(ARGON["first_size"], ARGON["size"], nodes, first, root)
    with pytest.raises(ProofError):
        verify_inclusion(leaf, ARGON["index"] + 1, ARGON["size"], path, root)
    with pytest.raises(ProofError):
        verify_consistency(ARGON["first_size"] + 1, ARGON["size"], nodes, first, root)
