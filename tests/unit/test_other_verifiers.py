"""Exports, checkpoints and proof files, true and changed, judged alike by three verifiers that share no line: ours,
the script for Python alone, and a reader in Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from runpy import run_path
from typing import Any

import pytest

from ledger.audit.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.audit.merkle import EMPTY_ROOT
from ledger.audit.notes import SignerKey, VerifierKey, sign
from ledger.audit.proofs import VERIFICATION_ERRORS, Proof, verify_proof
from ledger.cli.audit_folders import verify_folder
from ledger.cli.failures import Refused
from tests.exports import KEY, TRUSTED, Invented, changes, files
from tests.readers import BARE, NODE, SCRIPT, Reader, node, script

OTHER = SignerKey(KEY.name, bytes([1] * 32))
WITHOUT_NODE = pytest.mark.skipif(NODE is None, reason="node is not on the PATH")
READERS = [pytest.param(script, id="script"), pytest.param(node, id="node", marks=WITHOUT_NODE)]
Opened = Callable[[], AbstractContextManager[Reader]]


@pytest.fixture(scope="module", params=READERS)
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    opened: Opened = request.param
    with opened() as running:
        yield running


@pytest.fixture(scope="module")
def in_node() -> Iterator[Reader]:
    with node() as running:
        yield running


def refused(folder: Path, trusted: Sequence[VerifierKey] = TRUSTED) -> str:
    """Why we refuse a folder; empty where we do not."""
    try:
        verify_folder(folder, trusted)
    except Refused as error:
        return str(error)
    return ""


WHOLE, PART = (Invented(300, {7: 9}), 0, 0), (Invented(1_000, {520: 530, 540: 900}), 600, 700)


@pytest.mark.parametrize(("ledger", "first", "last"), [WHOLE, PART], ids=["whole", "part"])
def test_a_folder_that_is_changed_in_any_way_is_refused_by_all(
    ledger: Invented, first: int, last: int, reader: Reader, tmp_path: Path
) -> None:
    folder = ledger.export(tmp_path / "export", first, last)
    assert (refused(folder), reader.folder(folder, TRUSTED)) == ("", "")
    done = 0
    for change in changes(folder):
        done += 1
        assert refused(folder), change
        assert reader.folder(folder, TRUSTED), change
    assert done > 150
    assert (refused(folder), reader.folder(folder, TRUSTED)) == ("", "")
    stranger = [OTHER.verifier()]
    assert refused(folder, stranger)
    assert reader.folder(folder, stranger)


@cache
def invented(size: int) -> Invented:
    """A large one takes a second."""
    return Invented(size)


@pytest.mark.parametrize("size", [0, 1, 256, 257, 513, 66_000])
def test_ledgers_of_any_size_and_ranges_of_them_are_accepted_by_all(
    size: int, reader: Reader, tmp_path: Path
) -> None:
    ledger = invented(size)
    exports = [ledger.export(tmp_path / "all")] if size < 1_000 else []
    for number, (first, last) in enumerate(((1, 1), (size, size), (size // 2, size // 2 + 1), (1, size))):
        if 1 <= first <= last <= size < 1_000 or (first == size > 1_000):
            exports.append(ledger.export(tmp_path / str(number), first, last))
    for folder in exports:
        assert (refused(folder), reader.folder(folder, TRUSTED)) == ("", "")


def signed_otherwise(ledger: Invented, folder: Path, **changed: Any) -> None:
    """The same export under another checkpoint, which is signed: only what else is in the folder gives it away."""
    checkpoint = replace(ledger.checkpoint, **changed)
    (folder / "checkpoint").write_text(sign_checkpoint(checkpoint, [KEY.named(checkpoint.origin)]))
    manifest = folder / "manifest.json"
    text = manifest.read_text()
    text = text.replace(f'"size": {ledger.size}', f'"size": {checkpoint.size}')
    manifest.write_text(text.replace(ledger.checkpoint.root.hex(), checkpoint.root.hex()))


@pytest.mark.parametrize(
    "changed", [{"root": bytes(32)}, {"size": 301}, {"size": 299}, {"size": 256}, {"size": 556}, {"size": 2**62}]
)
def test_another_root_or_size_that_is_signed_is_refused_by_all(
    changed: dict[str, Any], reader: Reader, tmp_path: Path
) -> None:
    ledger = WHOLE[0]
    folder = ledger.export(tmp_path / "export")
    signed_otherwise(ledger, folder, **changed)
    assert refused(folder)
    assert reader.folder(folder, TRUSTED)


class Misplaced(Invented):
    """Its envelopes are those of the next position."""

    def entry(self, position: int) -> bytes:
        return super().entry(position + 1)


class OfAnother(Invented):
    """Its envelopes are of another ledger."""

    def entry(self, position: int) -> bytes:
        return super().entry(position).replace(b"\nmain\n", b"\nother\n")


class Unreadable(Invented):
    """Its envelopes have a line too many."""

    def entry(self, position: int) -> bytes:
        return super().entry(position) + b"\n"


@pytest.mark.parametrize("kind", [Misplaced, OfAnother, Unreadable])
def test_envelopes_that_say_something_else_are_refused_by_all_though_they_are_in_the_tree(
    kind: type[Invented], reader: Reader, tmp_path: Path
) -> None:
    folder = kind(3).export(tmp_path / "export")
    assert refused(folder).startswith("position 1: ")
    assert "osition 1: " in reader.folder(folder, TRUSTED) or kind is Unreadable


class RedactedElsewhere(Invented):
    """The envelope of its redaction is of another ledger."""

    def entry(self, position: int) -> bytes:
        entry = super().entry(position)
        return entry.replace(b"\nmain\n", b"\nother\n") if position == 900 else entry


def test_a_redaction_of_another_ledger_explains_nothing_though_it_is_in_the_tree(
    reader: Reader, tmp_path: Path
) -> None:
    folder = RedactedElsewhere(1_000, {540: 900}).export(tmp_path / "part", 600, 700)
    assert "an event of the ledger other is not one of" in refused(folder)
    assert reader.folder(folder, TRUSTED)


def test_a_redaction_before_the_event_explains_nothing_to_anybody(reader: Reader, tmp_path: Path) -> None:
    ledger = Invented(1_000, {540: 100})
    folder = ledger.export(tmp_path / "part", 600, 700)
    (folder / "redactions").mkdir()
    (folder / "redactions" / "100.tlog-proof").write_text(ledger.proof(100).text())
    assert "not beyond the range" in refused(folder)
    assert reader.folder(folder, TRUSTED)


@pytest.mark.parametrize(("first", "edge"), [(300, "tile/0/002.p/88"), (600, "tile/1/000.p/2")])
def test_a_forgery_that_is_consistent_up_to_any_height_is_refused_by_all(
    first: int, edge: str, reader: Reader, tmp_path: Path
) -> None:
    """Of a complete bundle and of the last one, from the payloads up; only the signature is the true one."""
    true = Invented(600).export(tmp_path / "forged", first, first)
    other = Invented(600, said=b'{"x":1}').export(tmp_path / "other", first, first)
    assert (refused(other), reader.folder(other, TRUSTED)) == ("", "")
    own = ["payloads.jsonl", *(str(each.relative_to(true)) for each in files(true / "tile" / "entries"))]
    tiles = [str(each.relative_to(true)) for each in files(true / "tile") if "entries" not in each.parts]
    for name in [*own, *(each for each in tiles if each != edge), edge, "manifest.json"]:
        shutil.copy(other / name, true / name)
        assert refused(true), name
        assert reader.folder(true, TRUSTED), name


def test_what_the_record_says_was_removed_and_came_is_refused_by_all(reader: Reader, tmp_path: Path) -> None:
    ledger = Invented(600, {300: 310, 20: 30})
    ledger.redactions.clear()
    for folder in (ledger.export(tmp_path / "whole"), ledger.export(tmp_path / "part", 300, 300)):
        assert "its payload came" in refused(folder)
        assert "its payload came" in reader.folder(folder, TRUSTED)


def test_a_redaction_of_an_event_that_is_not_there_is_refused_by_all_of_a_whole_ledger(
    reader: Reader, tmp_path: Path
) -> None:
    ledger = Invented(600, {10_000: 310})
    whole, all_of_it = ledger.export(tmp_path / "whole"), ledger.export(tmp_path / "all", 1, 600)
    part = ledger.export(tmp_path / "part", 300, 300)
    for folder in (whole, all_of_it):
        assert "no such event is in the ledger" in refused(folder)
        assert reader.folder(folder, TRUSTED)
    assert (refused(part), reader.folder(part, TRUSTED)) == ("", "")


def test_proofs_of_redactions_are_judged_alike(reader: Reader, tmp_path: Path) -> None:
    ledger = Invented(1_000, {540: 900, 10: 910, 20: 700})
    folder = ledger.export(tmp_path / "part", 600, 700)
    file = folder / "redactions" / "900.tlog-proof"
    text = file.read_text()
    others = [ledger.proof(position) for position in (901, 910, 700, 530)]
    others.append(replace(ledger.proof(900), salt=None, payload=None))
    others.append(Invented(1_001, ledger.redactions).proof(900))
    # Sound in itself, and not in the tree; and the true one, by a path that leads elsewhere.
    others.append(replace(Invented(1_000, {540: 950}).proof(950), checkpoint=ledger.note))
    true = ledger.proof(900)
    others.append(replace(ledger.proof(910), payload=true.payload))
    others += [replace(true, hashes=hashes) for hashes in (true.hashes[:-1], true.hashes[::-1], true.hashes * 2)]
    for forged in others:
        file.write_text(forged.text())
        assert refused(folder)
        assert reader.folder(folder, TRUSTED)
        file.rename(beside := file.with_name(f"{forged.index + 1}.tlog-proof"))
        assert refused(folder)
        assert reader.folder(folder, TRUSTED)
        beside.rename(file)
    file.write_text(text)
    assert (refused(folder), reader.folder(folder, TRUSTED)) == ("", "")


def test_the_script_alone_tells_what_fits_and_the_first_position_that_does_not(tmp_path: Path) -> None:
    folder = PART[0].export(tmp_path / "part", 600, 700)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [*BARE, str(SCRIPT), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)

    done = run(folder, KEY.verifier())
    assert (done.returncode, done.stderr) == (0, "")
    assert "positions 513 to 768" in done.stdout
    assert "2 are redacted" in done.stdout
    payloads = folder / "payloads.jsonl"
    payloads.write_bytes(payloads.read_bytes().replace(b'"position":523,"salt":"00', b'"position":523,"salt":"01'))
    done = run(folder, OTHER.verifier(), KEY.verifier())
    assert (done.returncode, done.stdout) == (1, "")
    assert "position 523: its payload is not the one that was recorded" in done.stderr
    assert run(folder).returncode == 2
    assert run(folder, "x+y+z").returncode == 1


def with_changes(text: str, rng: Random, most: int) -> Iterator[str]:
    """A text, and the same with a character changed, left out, or slipped in, and cut short."""
    yield text
    for at in rng.sample(range(len(text)), min(most, len(text))):
        yield text[:at] + text[at + 1 :]
        yield text[:at] + rng.choice("\n +0Az—\r\u00e9=") + text[at:]
        yield text[:at] + rng.choice("\n +0Az—\r\u00e9=") + text[at + 1 :]
        yield text[:at]


def judged(function: Callable[[], object]) -> bool:
    """Whether we accept."""
    try:
        function()
    except VERIFICATION_ERRORS:
        return False
    return True


@WITHOUT_NODE
def test_checkpoints_are_judged_alike_in_node(in_node: Reader) -> None:
    checkpoint = Checkpoint(KEY.name, 7, bytes(range(32)))
    notes = [sign_checkpoint(checkpoint, [KEY, OTHER]), sign_checkpoint(checkpoint, [OTHER])]
    notes.append(sign_checkpoint(replace(checkpoint, origin="ledger.example/other"), [KEY]))
    notes.append(sign_checkpoint(replace(checkpoint, size=0), [KEY]))
    notes.append(sign_checkpoint(replace(checkpoint, size=0, root=EMPTY_ROOT), [KEY]))
    notes += [sign(text, [KEY]) for text in (checkpoint.text() + "more\n", checkpoint.text() + "\nmore\n")]
    notes += [sign(f"{KEY.name}\n{size}\n{'A' * 43}=\n", [KEY]) for size in ("01", "-1", "1 ", "9" * 19, "1" * 19)]
    notes += [sign(f"{KEY.name}\n1\n{root}\n", [KEY]) for root in ("A" * 43, "A" * 42 + "B=", "A" * 44, "")]
    seen = []
    for text in (each for note in notes for each in with_changes(note, Random(1), 25)):
        ours = judged(lambda text=text: open_checkpoint(text, TRUSTED))  # type: ignore[misc]
        theirs = in_node.ask(kind="checkpoint", text=text, keys=list(map(str, TRUSTED)))
        assert ours == (theirs == ""), (text, theirs)
        seen.append(ours)
    assert seen.count(True) >= 3
    assert seen.count(False) > 500


@WITHOUT_NODE
def test_proof_files_are_judged_alike_in_node(in_node: Reader) -> None:
    ledger = Invented(300, {7: 9})
    proofs = [ledger.proof(position) for position in (1, 2, 9, 256, 257, 300)]
    hidden = replace(proofs[0], salt=None, payload=None)
    forged = [replace(proofs[0], index=1), replace(proofs[0], hashes=()), replace(proofs[0], payload=b"[]")]
    seen = []
    for text in (each.text() for each in (*proofs, hidden, *forged)):
        for changed in with_changes(text, Random(2), 15):
            ours = judged(lambda text=changed: verify_proof(Proof.parse(text), TRUSTED))  # type: ignore[misc]
            theirs = in_node.ask(kind="proof", text=changed, keys=list(map(str, TRUSTED)))
            assert ours == (theirs == ""), (changed, theirs)
            seen.append(ours)
    assert seen.count(True) >= 7
    assert seen.count(False) > 500


RFC_8032 = json.loads((Path(__file__).parents[1] / "golden" / "published" / "ed25519.json").read_text())
"""Section 7.1: the key, the message and the signature of each test."""
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(scope="module")
def has_signed() -> Callable[[bytes, bytes, bytes], bool]:
    """The script's own verification of a signature."""
    found: Callable[[bytes, bytes, bytes], bool] = run_path(str(SCRIPT))["has_signed"]
    return found


@pytest.mark.parametrize("vector", RFC_8032["vectors"], ids=lambda vector: vector["name"])
def test_the_scripts_signatures_are_those_of_rfc_8032(
    vector: dict[str, str], has_signed: Callable[[bytes, bytes, bytes], bool]
) -> None:
    public, message, signature = (bytes.fromhex(vector[name]) for name in ("public", "message", "signature"))
    assert has_signed(public, message, signature)
    assert not has_signed(public, message + b"x", signature)
    large = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    assert not has_signed(public, message, signature[:32] + large.to_bytes(32, "little"))
    assert not has_signed(public, message, signature[:-1])


def test_the_script_judges_signatures_as_the_library_does(
    has_signed: Callable[[bytes, bytes, bytes], bool],
) -> None:
    rng, text = Random(3), "a text\n"
    accepted = 0
    for number in range(15):
        key = SignerKey("a", rng.randbytes(32))
        public = key.verifier().public
        signature = b64decode(key.signature(text).rpartition(" ")[2])[4:]
        at, bit = rng.randrange(64), 1 << rng.randrange(8)
        for changed in (signature, signature[:at] + bytes([signature[at] ^ bit]) + signature[at + 1 :]):
            ours = VerifierKey("a", public).has_signed(text, changed)
            assert has_signed(public, text.encode(), changed) == ours
            accepted += ours
        assert accepted == number + 1


@pytest.mark.parametrize(
    "public",
    [b"\xff" * 32, (2**255 - 19).to_bytes(32, "little"), b"\x02" + bytes(31), b"\x01" + bytes(30) + b"\x80"],
)
def test_the_script_refuses_what_is_no_point_or_is_written_otherwise(
    public: bytes, has_signed: Callable[[bytes, bytes, bytes], bool]
) -> None:
    assert not has_signed(public, b"", bytes(64))
