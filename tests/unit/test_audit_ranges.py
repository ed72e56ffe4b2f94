"""Tiles of a range from a server's inclusion proofs: those of the tree where it tells the truth, and nothing that
fits the root where it lies."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ledger.audit.covered import Coverage
from ledger.audit.merkle import ProofError, inclusion_proof, leaf_hash
from ledger.audit.replayed import Taken
from ledger.audit.tiles import TreeState, stored_subtrees
from ledger.cli.audit_ranges import Tiles, redactions_beyond
from ledger.cli.audit_writing import Proving
from ledger.cli.session import Session
from tests.exports import KEY, SALT, TRUSTED, Invented

Lie = Callable[[int, list[bytes]], list[bytes]]


class Server:
    """Answers as the service does, unless it lies; a session of its own."""

    ledger = "main"
    answer_within = 1.0

    def __init__(self, size: int) -> None:
        self.size = size
        self.leaves = [leaf_hash(b"%d" % number) for number in range(size)]
        self.tree, tiles = TreeState().append(self.leaves)
        kept = {(each.level, each.index): each.hashes for each in tiles}
        self.subtree = stored_subtrees(self.tree, lambda level, index: kept[level, index])
        self.lie: Lie = lambda position, hashes: hashes
        self.asked = 0
        self.GetInclusionProof = SimpleNamespace(future=self.proven)

    def stub(self, kind: object) -> Server:
        """Of whatever service."""
        return self

    def proven(self, request: Any, timeout: float) -> Any:
        """A call under way."""
        assert request.tree_size == self.size
        self.asked += 1
        path = self.lie(request.position, inclusion_proof(request.position - 1, self.size, self.subtree))
        answer = SimpleNamespace(leaf_hash=self.leaves[request.position - 1], hashes=path)
        return SimpleNamespace(result=lambda: answer)


def written(server: Server, first: int, last: int) -> set[str]:
    """The paths of the tiles of a range, each of which fits."""
    covered = Coverage.around(first, last, server.size)
    tiles = Proving(covered, server.tree.root(), Tiles(cast(Session, server), server.size))
    names = []
    for number in range(covered.first, covered.end):
        start = number * 256
        names += [name for name, _ in tiles(number, server.leaves[start : min(start + 256, server.size)])]
    names += [name for name, _ in tiles.edge()]
    assert len(names) == len(set(names))
    assert set(names) == {each for each in covered.names() if not each.startswith("tile/entries")}
    return set(names)


@pytest.fixture(scope="module")
def large() -> Server:
    return Server(66_100)


def truth(position: int, hashes: list[bytes]) -> list[bytes]:
    return hashes


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 513])
def test_a_server_that_tells_the_truth_is_asked_for_all_tiles_of_any_range(size: int) -> None:
    server = Server(size)
    for first, last in ((1, 1), (size, size), (1, size)):
        assert written(server, first, last)


@pytest.mark.parametrize(
    ("first", "last", "tiles"),
    [(1, 1, 5), (65_000, 65_600, 8), (66_100, 66_100, 3)],
)
def test_few_questions_are_asked_of_a_larger_tree(large: Server, first: int, last: int, tiles: int) -> None:
    large.lie, large.asked = truth, 0
    assert len(written(large, first, last)) == tiles
    assert large.asked <= 3 * 128


LIES: dict[str, Lie] = {
    "no hashes": lambda position, hashes: [],
    "too few": lambda position, hashes: hashes[:-9],
    "another sibling": lambda position, hashes: [bytes(32), *hashes[1:]],
    "another hash of a tile": lambda position, hashes: [*hashes[:8], bytes(32), *hashes[9:]],
    "hashes of another length": lambda position, hashes: [each[:31] for each in hashes],
    "the path of another": lambda position, hashes: hashes[::-1],
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_nothing_fits_where_the_server_lies(large: Server, lie: Lie) -> None:
    large.lie = lie
    with pytest.raises(ProofError):
        written(large, 1, 300)


def test_a_bundle_that_is_not_the_trees_is_refused_before_it_is_written(large: Server) -> None:
    large.lie = truth
    covered = Coverage.around(1, 300, large.size)
    tiles = Proving(covered, large.tree.root(), Tiles(cast(Session, large), large.size))
    tiles(0, large.leaves[:256])
    for other in ([bytes(32), *large.leaves[257:512]], large.leaves[256:511], large.leaves[257:513]):
        with pytest.raises(ProofError, match="positions 257 to 51"):
            tiles(1, other)
    assert tiles(1, large.leaves[256:512])


class Searched:
    """A server that is asked for redactions: it sends these events, with their payloads."""

    ledger = "main"
    answer_within = 1.0
    timeout = None

    def __init__(self, record: Invented, *events: tuple[int, bytes]) -> None:
        self.record = record
        self.events = events

    def stub(self, kind: object) -> Searched:
        """Of whatever service."""
        return self

    def ReplayHistory(self, request: Any, timeout: object) -> Any:
        """One batch for each event."""
        assert (list(request.filter.types), request.to_position) == (["PayloadRedacted"], self.record.size)
        for position, payload in self.events:
            entry = self.record.entries[position - 1]
            event = SimpleNamespace(position=position, envelope=entry, salt=SALT, payload=payload)
            yield SimpleNamespace(events=[event])

    def GetInclusionProof(self, request: Any, timeout: float) -> Any:
        """The path."""
        return SimpleNamespace(hashes=self.record.proof(request.position).hashes)


def found(record: Invented, *events: tuple[int, bytes]) -> list[str]:
    """The files of redactions that explain what is gone at position 300."""
    covered = Coverage.around(300, 300, record.size)
    taken = Taken(KEY.name, 299, 300)
    taken.take(record.entries[299], b"", b"")
    server = cast(Session, Searched(record, *events))
    return [name for name, _ in redactions_beyond(server, record.note, covered, TRUSTED, taken)]


def test_a_redaction_that_the_server_finds_has_to_be_one_that_is_in_the_tree() -> None:
    record = Invented(700, {300: 600, 310: 610})
    true, other = record.payload(600), record.payload(610)
    assert found(record, (610, other), (600, true), (650, b"never asked for")) == ["redactions/600.tlog-proof"]
    assert found(record) == found(record, (610, other)) == []
    with pytest.raises(ProofError, match="payload is not the one that was recorded at position 610"):
        found(record, (610, true))
    with pytest.raises(ProofError, match="does not say whose payload"):
        found(record, (600, b""))
    said = Invented(700, {300: 600}, said=true)
    with pytest.raises(ProofError, match="position 650: it is no redaction"):
        found(said, (650, true))
