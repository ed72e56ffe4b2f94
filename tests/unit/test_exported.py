"""A ledger as files: names and cuts as tlog-tiles says, and nothing in a folder can be changed unseen."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import UUID

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.checkpoints import Checkpoint, sign_checkpoint
from ledger.audit.envelope import encode, payload_commitment
from ledger.audit.exported import Payload, bundle, entries_of, payload_line, payload_of, tile_path
from ledger.audit.merkle import Frontier, ProofError, leaf_hash
from ledger.audit.notes import SignerKey
from ledger.cli.audit_folders import Folder, verify_folder
from ledger.cli.trusting import opened

KEY = SignerKey("ledger.example/main", bytes(32))
TRUSTED = [KEY.verifier()]
SALT = bytes(range(16))
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
    st.binary().map(lambda data: data.replace(b"\n", b"")),
)
def test_a_line_of_payloads_gives_them_back_byte_for_byte(position: int, salt: bytes, payload: bytes) -> None:
    for each in (Payload(position, salt, payload), Payload(position, b"", b"")):
        assert payload_of(payload_line(each)) == each


def payload_at(position: int) -> bytes:
    """What the event of a position says; one removes the payload of another."""
    target = UUID(int=REDACTED)
    return b'{"type":"PayloadRedacted","target_event_id":"%s"}' % str(target).encode() if position == ACT else b"{}"


def entry_at(position: int) -> bytes:
    """Its envelope."""
    return encode(
        ledger="main",
        position=position,
        stream=f"s/{position}",
        revision=1,
        event_id=UUID(int=position),
        type="PayloadRedacted" if position == ACT else "TroopsKilled",
        report_id="r",
        recorded_at="2020-02-12T10:00:00.000000Z",
        recorder="anonymous",
        commitment=payload_commitment(SALT, payload_at(position)),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of three hundred events, one of them redacted."""
    path, frontier = tmp_path_factory.mktemp("export") / "whole", Frontier()
    frontier.extend([leaf_hash(entry_at(each)) for each in range(1, SIZE + 1)])
    checkpoint = Checkpoint(KEY.name, SIZE, frontier.root())
    folder = Folder(path)
    folder.begin(sign_checkpoint(checkpoint, [KEY]), [str(KEY.verifier())])
    for position in range(1, SIZE + 1):
        gone = position == REDACTED
        folder.add(entry_at(position), b"" if gone else SALT, b"" if gone else payload_at(position))
    folder.end(checkpoint)
    return path


def test_what_was_exported_is_verified(whole: Path) -> None:
    replayed = verify_folder(whole, TRUSTED)
    assert (replayed.size, replayed.redacted) == (SIZE, 1)
    names = sorted(str(each.relative_to(whole)) for each in whole.rglob("*") if each.is_file())
    tiles = ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"]
    assert names == ["checkpoint", "keys", "manifest.json", "payloads.jsonl", *tiles]


def test_a_folder_that_is_changed_in_any_file_at_any_of_many_places_is_refused(whole: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(whole, changed)
    for file in [each for each in changed.rglob("*") if each.is_file()]:
        data = file.read_bytes()
        places = sorted({0, len(data) // 3, len(data) // 2, len(data) - 1})
        forged = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in places]
        for other in (*forged, data[:-1], data[: len(data) // 2], data + b"x", b"", None):
            if other is None:
                file.unlink()
            else:
                file.write_bytes(other)
            with pytest.raises(click.ClickException):
                verify_folder(changed, TRUSTED)
            file.write_bytes(data)
    assert verify_folder(changed, TRUSTED).size == SIZE


def test_what_does_not_fit_is_told_with_its_position(whole: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(whole, changed)
    payloads, lines = changed / "payloads.jsonl", (whole / "payloads.jsonl").read_bytes().splitlines(keepends=True)
    told = {
        "position 5: its payload is not the one": [*lines[:4], lines[4].replace(b"{}", b"[]"), *lines[5:]],
        "position 5: the payload of position 6": [*lines[:4], *lines[5:]],
        "position 300: its line of payloads is missing": lines[:-1],
        "a payload of position 301": [*lines, b'{"position":301,"redacted":true}\n'],
        "position 5: its payload is gone": [*lines[:4], b'{"position":5,"redacted":true}\n', *lines[5:]],
    }
    for why, forged in told.items():
        payloads.write_bytes(b"".join(forged))
        with pytest.raises(click.ClickException, match=why):
            verify_folder(changed, TRUSTED)
    payloads.write_bytes(b"".join(lines))
    (changed / "tile" / "stranger").write_text("")
    with pytest.raises(click.ClickException, match="tile/stranger does not belong"):
        verify_folder(changed, TRUSTED)


def test_a_checkpoint_of_another_ledger_is_not_taken_for_the_one_that_was_asked_for(whole: Path) -> None:
    note = (whole / "checkpoint").read_text()
    assert opened(note, TRUSTED, "main").size == SIZE
    with pytest.raises(click.ClickException, match="not of the ledger other"):
        opened(note, TRUSTED, "other")


def test_a_folder_counts_for_nobody_who_does_not_trust_its_key(whole: Path) -> None:
    with pytest.raises(click.ClickException, match="no trusted key"):
        verify_folder(whole, [SignerKey(KEY.name, bytes([1] * 32)).verifier()])
