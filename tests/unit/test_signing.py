"""Who signs checkpoints: several threads and processes with the same files never sign two records that contradict
each other, and a file is there whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.audit.checkpoints import open_checkpoint
from ledger.audit.merkle import consistency_proof, leaf_hash
from ledger.audit.notes import SignerKey
from ledger.audit.tiles import TreeState, stored_subtrees
from ledger.errors import NotContinuedError, NotFoundError, NotPossibleError, UnavailableError
from ledger.persistence import durable
from ledger.persistence.signing import Signing
from ledger.persistence.tree import Consistency

LEDGER = "main"


class Record:
    """A record that grows by an event whenever it is asked, and answers as the stored tree does."""

    def __init__(self, size: int = 0, history: str = "one") -> None:
        self.leaves = [leaf_hash(f"{history} {number}".encode()) for number in range(size + 200)]
        self.size = size
        self._growing = threading.Lock()

    def root(self, size: int) -> bytes:
        return TreeState().append(self.leaves[:size])[0].root()

    def continued(self, first: int) -> Consistency:
        with self._growing:
            self.size += 1
            size = self.size
        if first > size:
            raise NotFoundError(kind="tree of size", id=first)
        tree, tiles = TreeState().append(self.leaves[:size])
        stored = {(tile.level, tile.index): tile.hashes for tile in tiles}
        hashes = consistency_proof(first, size, stored_subtrees(tree, lambda *place: stored[place]))
        return Consistency(hashes, self.root(first), size, tree.root())


def key_of(folder: Path) -> str:
    """The key that one process finds, which makes it where there is none."""
    return Signing(folder).keys()[0].secret()


def test_processes_that_start_together_find_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(key_of, [tmp_path] * 8))) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint.key"]


def test_threads_that_sign_together_sign_what_grows(tmp_path: Path) -> None:
    record, signing = Record(), Signing(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        issued = list(threads.map(lambda _: signing.issue(LEDGER, record.continued), range(100)))
    checkpoints = {open_checkpoint(each.note, signing.verifiers(LEDGER)) for each in issued}
    assert {each.size for each in checkpoints} == set(range(1, 101))
    assert all(each.root == record.root(each.size) for each in checkpoints)
    kept = (tmp_path / "checkpoints" / LEDGER).read_text()
    assert open_checkpoint(kept, signing.verifiers(LEDGER)).size == 100


def test_nothing_is_signed_after_a_record_that_was_set_back_or_exchanged(tmp_path: Path) -> None:
    signing = Signing(tmp_path)
    signing.issue(LEDGER, Record(9).continued)
    with pytest.raises(NotContinuedError, match="of 10 events: it is smaller now") as smaller:
        signing.issue(LEDGER, Record(4).continued)
    assert f"incident-ledger accept-rollback {LEDGER} --size" in str(smaller.value)

    with pytest.raises(NotContinuedError, match="does not begin with it"):
        signing.issue(LEDGER, Record(20, "another").continued)
    # Whatever is stored of the old size: only the proof ties it to the root that would be signed.
    honest, forged = Record(20), Record(20, "another")
    told = honest.continued(10), forged.continued(10)
    with pytest.raises(NotContinuedError, match="does not begin with it"):
        signing.issue(LEDGER, lambda first: told[1]._replace(first_root=told[0].first_root))
    assert signing.issue(LEDGER, Record(10).continued).size == 11
    assert signing.issue("other", Record(2).continued).size == 3


def test_a_checkpoint_of_the_same_size_is_the_same_note(tmp_path: Path) -> None:
    signing = Signing(tmp_path)
    first, again = (signing.issue(LEDGER, Record(4).continued) for _ in range(2))
    assert first == again


def test_a_lock_that_another_process_keeps_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "LOCK_SECONDS", 0.1)
    signing = Signing(tmp_path)
    signing.issue(LEDGER, Record(4).continued)
    with (tmp_path / "checkpoints" / f"{LEDGER}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError, match="another process"):
            signing.issue(LEDGER, Record(5).continued)
    assert signing.issue(LEDGER, Record(5).continued).size == 6


def test_no_secret_is_left_where_a_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotPossibleError, match="No space left"):
        Signing(tmp_path).keys()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is none"),
        ("nonsense", "begins with PRIVATE"),
        (f"{SignerKey('a', bytes(32)).secret()}\n{SignerKey('b', bytes(32)).secret()}", "different names"),
    ],
)
def test_a_file_without_proper_keys_is_told_by_its_path(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "checkpoint.key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(NotPossibleError, match=f"{file}.*{why}"):
        Signing(tmp_path).keys()
    with pytest.raises(NotPossibleError, match=f"LEDGER_CHECKPOINT_KEY.*{why}"):
        Signing(tmp_path, given=text).keys()


def test_a_folder_that_cannot_be_written_is_told_with_the_remedy(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file where the folder should be")
    with pytest.raises(NotPossibleError, match="LEDGER_CHECKPOINT_KEY or LEDGER_DATA_DIR"):
        Signing(taken).keys()
    signing = Signing(taken, given=SignerKey("a", bytes(32)).secret())
    with pytest.raises(NotPossibleError, match="LEDGER_DATA_DIR"):
        signing.issue(LEDGER, Record().continued)


def test_a_last_checkpoint_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    signing = Signing(tmp_path)
    signing.issue(LEDGER, Record(4).continued)
    for torn in (b"torn", b"\xff\xfe"):
        (tmp_path / "checkpoints" / LEDGER).write_bytes(torn)
        with pytest.raises(NotPossibleError, match="does not hold the last checkpoint"):
            signing.issue(LEDGER, Record(5).continued)


def test_a_key_file_that_is_no_text_is_told_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.key"
    file.write_bytes(b"\xff\xfe")
    file.chmod(0o600)
    with pytest.raises(NotPossibleError, match=str(file)):
        Signing(tmp_path).keys()
