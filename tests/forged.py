"""What a proof claims, trees that make true claims, and what a forger would make of each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from ledger.audit.merkle import (
    MAX_TREE_SIZE,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from ledger.audit.tiles import TreeState, stored_subtrees

Hashes = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That this leaf hash stands at `index` in the tree of `size` leaves with this root."""

    leaf: bytes
    index: int
    size: int
    proof: Hashes
    root: bytes

    def accepted(self) -> bool:
        """What our verifier says."""
        try:
            verify_inclusion(self.leaf, self.index, self.size, self.proof, self.root)
        except ProofError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the tree of `second` leaves begins with the tree of `first` leaves."""

    first: int
    second: int
    proof: Hashes
    first_root: bytes
    second_root: bytes

    def accepted(self) -> bool:
        """What our verifier says."""
        try:
            verify_consistency(self.first, self.second, self.proof, self.first_root, self.second_root)
        except ProofError:
            return False
        return True


class Grown:
    """A tree of ours that took one entry after another, with its root at each size on the way."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.entries = entries
        self.leaves = [leaf_hash(entry) for entry in entries]
        tiles: dict[tuple[int, int], bytes] = {}
        state = TreeState()
        self.roots = [state.root()]
        for leaf in self.leaves:
            state, completed = state.append([leaf])
            tiles.update({(tile.level, tile.index): tile.hashes for tile in completed})
            self.roots.append(state.root())
        self.subtree = stored_subtrees(state, lambda level, index: tiles[level, index])

    def inclusion(self, index: int, size: int) -> Inclusion:
        proof = inclusion_proof(index, size, self.subtree)
        return Inclusion(self.leaves[index], index, size, tuple(proof), self.roots[size])

    def consistency(self, first: int, second: int) -> Consistency:
        proof = consistency_proof(first, second, self.subtree)
        return Consistency(first, second, tuple(proof), self.roots[first], self.roots[second])


def grown(rng: Random, size: int) -> Grown:
    """A tree whose entries are all different, so that a true proof is true at one place only."""
    return Grown([b"%d %s" % (number, rng.randbytes(rng.randrange(40))) for number in range(size)])


def forged_inclusions(rng: Random, claim: Inclusion, other: bytes) -> Iterator[tuple[str, Inclusion]]:
    """Each way to change a true claim once; `other` is a hash from elsewhere. What it changed comes first."""
    for what, proof in _reshaped(rng, claim.proof, other):
        yield what, replace(claim, proof=proof)
    for leaf, proof in _cut_elsewhere(claim.leaf, claim.proof):
        yield "cut elsewhere", replace(claim, leaf=leaf, proof=proof)
    yield "leaf", replace(claim, leaf=_flipped(rng, claim.leaf))
    yield "root", replace(claim, root=_flipped(rng, claim.root))
    yield "root", replace(claim, root=other)
    for index in (claim.index - 1, claim.index + 1, claim.index ^ 2, rng.randrange(claim.size + 2)):
        if index != claim.index:
            yield "index", replace(claim, index=index)
    for size in _other_sizes(rng, claim.size):
        yield "size", replace(claim, size=size)
    left = _left_leaves(claim.size)
    if claim.index >= left:  # as if the right subtree were the tree: the proof leads to the root, a step too far
        yield "lower tree", replace(claim, index=claim.index - left, size=claim.size - left)


def forged_consistencies(rng: Random, claim: Consistency, other: bytes) -> Iterator[tuple[str, Consistency]]:
    """The same for claims about two trees."""
    for what, proof in _reshaped(rng, claim.proof, other):
        yield what, replace(claim, proof=proof)
    for root, proof in _cut_elsewhere(claim.first_root, claim.proof):
        yield "cut elsewhere", replace(claim, first_root=root, proof=proof)
    yield "root", replace(claim, first_root=_flipped(rng, claim.first_root))
    yield "root", replace(claim, second_root=_flipped(rng, claim.second_root))
    yield "root", replace(claim, first_root=other)
    if claim.first_root != claim.second_root:
        yield "root", replace(claim, first_root=claim.second_root, second_root=claim.first_root)
    for first in _other_sizes(rng, claim.first):
        yield "size", replace(claim, first=first)
    for second in _other_sizes(rng, claim.second):
        yield "size", replace(claim, second=second)
    left = _left_leaves(claim.second)
    if left < claim.first < claim.second:
        yield "lower tree", replace(claim, first=claim.first - left, second=claim.second - left)


def _reshaped(rng: Random, proof: Hashes, other: bytes) -> Iterator[tuple[str, Hashes]]:
    at = rng.randrange(len(proof) + 1)
    yield "added", (*proof[:at], other, *proof[at:])
    if not proof:
        return
    at = rng.randrange(len(proof))
    yield "bit", (*proof[:at], _flipped(rng, proof[at]), *proof[at + 1 :])
    yield "dropped", proof[:at] + proof[at + 1 :]
    yield "doubled", proof[: at + 1] + proof[at:]
    yield "first dropped", proof[1:]
    yield "last dropped", proof[:-1]
    yield "shortened", (*proof[:at], proof[at][:-1], *proof[at + 1 :])
    if len(proof) > 1:
        one, two = sorted(rng.sample(range(len(proof)), 2))
        swapped = list(proof)
        swapped[one], swapped[two] = proof[two], proof[one]
        yield "swapped", tuple(swapped)
        yield "turned round", proof[::-1]


def _cut_elsewhere(start: bytes, proof: Hashes) -> Iterator[tuple[bytes, Hashes]]:
    """The same bytes with another border between the first two hashes, whichever stands on the left."""
    if proof:
        yield start + proof[0][:1], (proof[0][1:], *proof[1:])
        yield proof[0][-1:] + start, (proof[0][:-1], *proof[1:])


def _flipped(rng: Random, value: bytes) -> bytes:
    changed = bytearray(value)
    changed[rng.randrange(len(value))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _left_leaves(size: int) -> int:
    """How many leaves the left half of a tree has; one, where there are no halves, so that no leaf is beyond."""
    left = 1
    while left * 2 < size:
        left *= 2
    return left


def _other_sizes(rng: Random, size: int) -> set[int]:
    near = {size - 1, size + 1, size // 2, size * 2, size ^ 1 << rng.randrange(size.bit_length() + 1)}
    return {other for other in near if other != size and other <= MAX_TREE_SIZE}
