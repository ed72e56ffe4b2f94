"""A ledger as files: names and cuts as tlog-tiles says, and nothing in a folder can be changed unseen."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.checkpoints import Checkpoint, sign_checkpoint
from ledger.audit.covered import Coverage, Place, Rooted
from ledger.audit.exported import Payload, bundle, entries_of, manifest, payload_line, payload_of, tile_path
from ledger.audit.merkle import ProofError, leaf_hash
from ledger.audit.notes import SignerKey, VerifierKey
from ledger.audit.tiles import TreeState
from ledger.cli import run, trusting
from ledger.cli.audit_folders import checkpoint_of, verify_folder
from ledger.cli.failures import Refused
from ledger.cli.trusting import opened
from tests.exports import KEY, SALT, TRUSTED, Invented, copied, files

SIZE = 300
REDACTED, ACT = 7, 9


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 999, 256, "tile/0/999"),
        (0, 1_000, 256, "tile/0/x001/000"),
        (0, 1_234_067, 256, "tile/0/x001/x234/067"),
        (2, 5, 8, "tile/2/005.p/8"),
        ("entries", 1_000_000, 1, "tile/entries/x001/x000/000.p/1"),
    ],
)
def test_tiles_are_named_as_their_specification_says(level: int | str, index: int, width: int, path: str) -> None:
    """C2SP tlog-tiles: three digits a part, and an x before all but the last."""
    assert tile_path(level, index, width) == path


@given(st.lists(st.binary(max_size=600), max_size=20))
def test_a_bundle_gives_its_entries_back_and_is_refused_where_it_is_cut(entries: list[bytes]) -> None:
    data = bundle(entries)
    assert list(entries_of(data)) == entries
    if data:
        with pytest.raises(ProofError):
            list(entries_of(data[:-1]))
        with pytest.raises(ProofError):
            list(entries_of(data + b"\0"))


@given(
    st.integers(1, 2**63),
    st.binary(min_size=16, max_size=16),
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=4,
    ),
)
def test_a_line_of_payloads_gives_them_back_byte_for_byte(position: int, salt: bytes, said: object) -> None:
    payload = json.dumps(said, ensure_ascii=False).encode(errors="surrogatepass")
    for each in (Payload(position, salt, payload), Payload(position, b"", b"")):
        assert payload_of(payload_line(each)) == each


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of three hundred events, one of them redacted."""
    return Invented(SIZE, {REDACTED: ACT}).export(tmp_path_factory.mktemp("export") / "whole")


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The third bundle of a thousand events, with a redaction in it, and one beyond it."""
    ledger = Invented(1_000, {520: 530, 540: 900})
    return ledger.export(tmp_path_factory.mktemp("export") / "part", 600, 700)


def refused(folder: Path, trusted: Sequence[VerifierKey] = TRUSTED) -> str:
    """Why a folder is refused; empty where it is not."""
    try:
        verify_folder(folder, trusted)
    except Refused as error:
        return str(error)
    return ""


def test_what_was_exported_is_verified(whole: Path) -> None:
    told: list[tuple[int, int]] = []
    found = verify_folder(whole, TRUSTED, lambda done, total: told.append((done, total)))
    assert (found.covered, found.redacted, found.of_range) == (Coverage.whole(SIZE), 1, False)
    assert told == [(256, SIZE), (SIZE, SIZE)]
    tiles = ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"]
    names = [str(each.relative_to(whole)) for each in files(whole)]
    assert names == ["checkpoint", "keys", "manifest.json", "payloads.jsonl", *tiles]


def test_a_range_comes_with_its_tiles_those_at_the_edge_and_redactions_beyond_it(part: Path) -> None:
    found = verify_folder(part, TRUSTED)
    assert (found.covered.after, found.covered.through, found.redacted, found.of_range) == (512, 768, 2, True)
    tiles = ["tile/0/002", "tile/0/003.p/232", "tile/1/000.p/3", "tile/entries/002"]
    names = [str(each.relative_to(part)) for each in files(part)]
    redactions = ["redactions/900.tlog-proof"]
    assert names == ["checkpoint", "keys", "manifest.json", "payloads.jsonl", *redactions, *tiles]


def test_what_does_not_fit_is_told_with_its_position(whole: Path, tmp_path: Path) -> None:
    changed = copied(whole, tmp_path / "changed")
    payloads, lines = changed / "payloads.jsonl", (whole / "payloads.jsonl").read_bytes().splitlines(keepends=True)
    shown = lines[ACT - 1].replace(b'"position":9', b'"position":7')
    told = {
        "position 5: its payload is not the one": [*lines[:4], lines[4].replace(b"{}", b"[]"), *lines[5:]],
        "position 5: the payload of position 6": [*lines[:4], *lines[5:]],
        "position 5: the payload of position 4": [*lines[:4], lines[3], *lines[4:]],
        "position 5: this is no line of payloads": [*lines[:4], lines[4].replace(b"\n", b"\r\n"), *lines[5:]],
        "position 300: its line of payloads is missing": lines[:-1],
        "a payload of position 301": [*lines, b'{"position":301,"redacted":true}\n'],
        "position 5: its payload is gone": [*lines[:4], b'{"position":5,"redacted":true}\n', *lines[5:]],
        "position 7: its payload is not the one": [*lines[:6], shown, *lines[7:]],
    }
    for why, forged in told.items():
        payloads.write_bytes(b"".join(forged))
        assert why in refused(changed)
    payloads.write_bytes(b"".join(lines))
    entries = changed / "tile/entries/000"
    data = entries.read_bytes()
    entries.write_bytes(data.replace(b"anonymous", b"anonymouz", 100).replace(b"anonymouz", b"anonymous", 99))
    assert refused(changed) == "position 100: its envelope is not the one in the tree"
    entries.write_bytes(b"\xff\xff" + data)
    assert "tile/entries/000: a bundle of entries is cut off" in refused(changed)


def test_a_payload_that_came_although_its_removal_is_recorded_is_told(tmp_path: Path) -> None:
    ledger = Invented(600, {300: 310, 20: 30})
    del ledger.redactions[300], ledger.redactions[20]
    assert "position 20: its payload came" in refused(ledger.export(tmp_path / "whole"))
    assert "position 300: its payload came" in refused(ledger.export(tmp_path / "part", 300, 300))


def test_an_export_that_did_not_end_is_told(whole: Path, tmp_path: Path) -> None:
    begun = copied(whole, tmp_path / "begun")
    (begun / "manifest.json").unlink()
    assert "no manifest.json: it is no export, or one that did not end" in refused(begun)
    assert "no manifest.json" in refused(tmp_path)


def test_a_file_of_keys_that_holds_none_is_named(whole: Path, tmp_path: Path) -> None:
    changed = copied(whole, tmp_path / "changed")
    for garbage in (b"garbage\n", b"\xff", b"", str(KEY.verifier()).encode()):
        (changed / "keys").write_bytes(garbage)
        why = refused(changed)
        assert "keys" in why
        assert "--key" not in why


def test_what_is_no_regular_file_is_not_read(whole: Path, tmp_path: Path) -> None:
    changed = copied(whole, tmp_path / "changed")
    for name in ("checkpoint", "manifest.json", "payloads.jsonl", "tile/0/000"):
        (changed / name).rename(tmp_path / "kept")
        os.mkfifo(changed / name)
        assert "is not a regular file" in refused(changed)
        (changed / name).unlink()
        (tmp_path / "kept").rename(changed / name)
    os.mkfifo(changed / "tile" / "pipe")
    assert "tile/pipe does not belong" in refused(changed)
    (changed / "tile" / "pipe").unlink()
    for name in ("0", "1"):  # of two files, and of one
        (changed / "tile" / name).rename(tmp_path / name)
        (changed / "tile" / name).symlink_to(tmp_path / name)
        assert f"tile/{name} does not belong to the export: it is a link" in refused(changed)
        (changed / "tile" / name).unlink()
        (tmp_path / name).rename(changed / "tile" / name)


def test_a_complete_tile_beside_the_incomplete_one_is_a_stranger(whole: Path, tmp_path: Path) -> None:
    changed = copied(whole, tmp_path / "changed")
    shutil.copy(changed / "tile/0/000", changed / "tile/0/001")
    assert refused(changed) == "tile/0/001 does not belong to the export (1 such files)"


@pytest.mark.parametrize("size", [0, 1, 256, 257])
def test_a_ledger_of_any_size_is_exported_and_verified(size: int, tmp_path: Path) -> None:
    folder = Invented(size).export(tmp_path / "all")
    assert verify_folder(folder, TRUSTED).covered.events == size
    (folder / "tile").mkdir(exist_ok=True)
    (folder / "tile" / "x").write_bytes(b"")
    assert "tile/x does not belong" in refused(folder)


def test_files_are_read_within_bounds(whole: Path, tmp_path: Path) -> None:
    """Each is sparse: a terabyte would not fit into memory."""
    changed = copied(whole, tmp_path / "changed")
    for name in ("checkpoint", "keys", "manifest.json", "tile/0/000", "tile/entries/000"):
        data = (changed / name).read_bytes()
        os.truncate(changed / name, 2**40)
        assert "is larger than" in refused(changed), name
        (changed / name).write_bytes(data)
    os.truncate(changed / "payloads.jsonl", 2**40)
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patched:
        patched.setattr("ledger.audit.exported.MAX_LINE_BYTES", 1_000)
        assert "is longer than 1000 bytes" in refused(changed)


def test_a_size_beyond_all_files_ends_at_the_first_that_is_missing(whole: Path, tmp_path: Path) -> None:
    changed = copied(whole, tmp_path / "changed")
    huge = Checkpoint(KEY.name, 2**62 + 1, b"r" * 32)
    (changed / "checkpoint").write_text(sign_checkpoint(huge, [KEY]))
    (changed / "manifest.json").write_text(manifest(huge))
    assert "cannot be read: No such file" in refused(changed)


def test_an_entry_that_has_no_place_in_a_bundle_is_refused() -> None:
    with pytest.raises(ProofError, match="longer than 65535 bytes"):
        bundle([b"x" * 2**16])


@pytest.mark.parametrize("payload", [b"", b"1}", b'1,"redacted":true', b"{}\n", b"\xff", b"[" * 100_000])
def test_a_payload_that_would_change_its_line_is_refused(payload: bytes) -> None:
    with pytest.raises(ProofError, match="position 3: its payload cannot be a line"):
        payload_line(Payload(3, SALT, payload))
    with pytest.raises(ProofError, match="no line of payloads"):
        payload_of(b'{"position":3,"salt":"%s","payload":%s}\n' % (SALT.hex().encode(), payload))


@pytest.mark.parametrize(
    ("first", "last", "after", "through"),
    [(1, 1, 0, 256), (256, 257, 0, 512), (257, 512, 256, 512), (1, 1_000, 0, 1_000), (1_000, 1_000, 768, 1_000)],
)
def test_a_range_is_widened_to_whole_bundles(first: int, last: int, after: int, through: int) -> None:
    covered = Coverage.around(first, last, 1_000)
    assert (covered.after, covered.through, covered.events) == (after, through, through - after)


@pytest.mark.parametrize(("first", "last"), [(0, 1), (2, 1), (1, 1_001), (1_001, 1_001)])
def test_a_range_that_is_not_there_is_refused(first: int, last: int) -> None:
    with pytest.raises(ProofError, match="there are no positions"):
        Coverage.around(first, last, 1_000)


@given(size=st.integers(0, 2**40), data=st.data())
def test_the_tiles_at_the_edge_make_up_the_tree_and_are_in_every_export(size: int, data: st.DataObject) -> None:
    places = list(Coverage.whole(size).edge())
    assert sum(place.width << 8 * place.level for place in places) == size
    if size:
        first = data.draw(st.integers(max(1, size - 2_000), size))
        names = list(Coverage.around(first, size, size).names())
        assert len(names) == len(set(names))
        assert {place.path for place in places} <= set(names)


@pytest.mark.parametrize("size", [255, 256, 300, 65_536, 70_000])
def test_tiles_of_any_range_fit_the_root_and_are_refused_where_one_is_changed(size: int) -> None:
    ledger = Leaves(size)
    for first, last in ((1, 1), (size, size), (size // 2, size // 2 + 1), (65_000, 66_000), (1, size)):
        if last > size:
            continue
        covered = Coverage.around(first, last, size)
        asked: list[Place] = []
        walk(covered, ledger, seen=asked)
        assert {place.path for place in asked} == {each for each in covered.names() if "entries" not in each}
        assert len(asked) == len(set(asked))
        for false in asked if len(asked) < 9 else (asked[0], asked[-1]):
            with pytest.raises(ProofError, match=r"do not give the root|does not fit the tile above"):
                walk(covered, ledger, false=false)


class Leaves:
    """A tree of leaf hashes alone."""

    def __init__(self, size: int) -> None:
        leaves = [leaf_hash(b"%d" % number) for number in range(size)]
        self.tree, tiles = TreeState().append(leaves)
        self.root = self.tree.root()
        self.tiles = {(each.level, each.index): each.hashes for each in tiles}

    def tile(self, level: int, index: int, width: int) -> Sequence[bytes]:
        data = self.tiles.get((level, index)) or b"".join(self.tree.rows[level])
        return [data[at : at + 32] for at in range(0, 32 * width, 32)]


def walk(covered: Coverage, ledger: Leaves, seen: list[Place] | None = None, false: Place | None = None) -> None:
    """All tiles of the bundles, perhaps with another bit in one hash of one of them; which tiles were asked for."""

    def find(*place: int) -> Sequence[bytes]:
        hashes = list(ledger.tile(*place))
        if seen is not None:
            seen.append(Place(*place))
        if place == false:
            hashes[-1] = hashes[-1][:-1] + bytes([hashes[-1][-1] ^ 1])
        return hashes

    rooted = Rooted(covered, ledger.root, find)
    for number in range(covered.first, covered.end):
        given = rooted.tile(0, number)
        assert list(given) == list(ledger.tile(0, number, covered.width(0, number)))


def test_a_manifest_that_says_another_range_is_refused(part: Path, tmp_path: Path) -> None:
    changed = copied(part, tmp_path / "changed")
    text = (changed / "manifest.json").read_text()
    for other in ('"from": 514', '"from": "513"', '"from": 513.0', '"from": 257', '"from": -1', '"from": true'):
        (changed / "manifest.json").write_text(text.replace('"from": 513', other))
        assert refused(changed), other
    (changed / "manifest.json").write_text(text.replace("export-range", "export"))
    assert "manifest" in refused(changed)


def test_a_proof_of_a_redaction_has_to_be_the_one_that_its_name_says(tmp_path: Path) -> None:
    ledger = Invented(1_000, {540: 900, 10: 910, 20: 700})
    part = ledger.export(tmp_path / "part", 600, 700)
    folder = part / "redactions"
    (true,) = folder.iterdir()
    text = true.read_text()
    hidden = replace(ledger.proof(900), salt=None, payload=None).text()
    for forged, why in (
        (ledger.proof(910).text(), "not the proof of a redaction that its name says"),
        (ledger.proof(901).text(), "not the proof of a redaction that its name says"),
        (hidden, "not the proof of a redaction that its name says"),
        (Invented(1_001, ledger.redactions).proof(900).text(), "not a proof for the checkpoint"),
        (text.replace("index 899", "index 898"), "900.tlog-proof"),
    ):
        true.write_text(forged)
        assert why in refused(part)
    true.write_text(text)
    for position, why in ((910, "explains nothing"), (700, "not beyond the range")):
        other = folder / f"{position}.tlog-proof"
        other.write_text(ledger.proof(position).text())
        assert why in refused(part)
        other.unlink()
    assert refused(part) == ""
    true.unlink()
    assert "position 540: its payload is gone" in refused(part)


def test_a_checkpoint_of_another_ledger_is_not_taken_for_the_one_that_was_asked_for(whole: Path) -> None:
    note = (whole / "checkpoint").read_text()
    assert opened(note, TRUSTED, "main").size == SIZE
    with pytest.raises(click.ClickException, match="not of the ledger other"):
        opened(note, TRUSTED, "other")


def test_a_folder_counts_for_nobody_who_does_not_trust_its_key(whole: Path) -> None:
    assert "no trusted key" in refused(whole, [SignerKey(KEY.name, bytes([1] * 32)).verifier()])


def test_a_folder_to_compute_from_is_opened_as_carefully_as_one_to_verify(whole: Path, tmp_path: Path) -> None:
    """A pipe in it would keep whoever asks waiting for ever."""
    assert checkpoint_of(whole, TRUSTED).size == SIZE
    folder = copied(whole, tmp_path / "copy")
    (folder / "checkpoint").unlink()
    os.mkfifo(folder / "checkpoint")
    for check in (checkpoint_of, verify_folder):
        with pytest.raises(Refused, match="checkpoint is not a regular file"):
            check(folder, TRUSTED)


def test_a_file_that_is_verified_is_read_once_and_within_a_bound(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, pipe = (whole / "checkpoint").read_text(), tmp_path / "pipe"
    os.mkfifo(pipe)
    command = ["audit", "verify", str(pipe), "--key", str(TRUSTED[0])]
    for most, code in ((len(text.encode()), 0), (len(text.encode()) - 1, 2)):
        monkeypatch.setattr(trusting, "MAX_FILE_BYTES", most)
        writer = threading.Thread(target=pipe.write_text, args=[text], daemon=True)
        writer.start()
        assert run(command) == code
        writer.join(10)
        assert not writer.is_alive()
    assert "is larger than" in capsys.readouterr().err
