"""Who signs checkpoints: several threads and processes with the same files never sign two records that contradict
each other, and a file is there whole or not at all."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.audit.checkpoints import open_checkpoint
from ledger.audit.merkle import EMPTY_ROOT, HASH_BYTES
from ledger.audit.notes import SignerKey
from ledger.errors import NotContinuedError, NotFoundError, NotPossibleError
from ledger.persistence.signing import Signing
from ledger.persistence.tree import Consistency

LEDGER = "main"


def root_of(size: int) -> bytes:
    """A root of its own for each size."""
    return size.to_bytes(HASH_BYTES, "big") if size else EMPTY_ROOT


class Record:
    """A record that grows, and answers as the stored tree does."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self._growing = threading.Lock()

    def continued(self, first: int) -> Consistency:
        with self._growing:
            self.size += 1
            size = self.size
        if first > size:
            raise NotFoundError(kind="tree of size", id=first)
        return Consistency([], root_of(first), size, root_of(size))


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
    assert all(each.root == root_of(each.size) for each in checkpoints)
    kept = (tmp_path / "checkpoints" / LEDGER).read_text()
    assert open_checkpoint(kept, signing.verifiers(LEDGER)).size == 100


def test_nothing_is_signed_after_a_record_that_was_set_back_or_exchanged(tmp_path: Path) -> None:
    signing = Signing(tmp_path)
    signing.issue(LEDGER, Record(9).continued)
    with pytest.raises(NotContinuedError, match="of 10 events: it is smaller now") as smaller:
        signing.issue(LEDGER, Record(4).continued)
    assert str(tmp_path / "checkpoints" / LEDGER) in str(smaller.value)

    def exchanged(first: int) -> Consistency:
        return Consistency([], root_of(first + 1), 20, root_of(20))

    with pytest.raises(NotContinuedError, match="another root at that size"):
        signing.issue(LEDGER, exchanged)
    assert signing.issue(LEDGER, Record(10).continued).size == 11
    assert signing.issue("other", Record(2).continued).size == 3


def test_a_checkpoint_of_the_same_size_is_the_same_note(tmp_path: Path) -> None:
    signing = Signing(tmp_path)
    first, again = (signing.issue(LEDGER, Record(4).continued) for _ in range(2))
    assert first == again


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
    (tmp_path / "checkpoints" / LEDGER).write_text("torn")
    with pytest.raises(NotPossibleError, match="does not hold the last checkpoint"):
        signing.issue(LEDGER, Record(5).continued)
