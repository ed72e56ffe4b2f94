"""The Merkle tree of RFC 6962: hashes, the growing right edge, proofs and their verification.

Works on leaf hashes and on a function that finds a subtree's root; it stores nothing and reads nothing.
Verification never trusts a proof's shape: whatever is not exactly right raises `ProofError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

HASH_BYTES = 32
LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"
EMPTY_ROOT = sha256(b"").digest()
MAX_TREE_SIZE = 2**63 - 1  # positions are signed 64-bit integers

Subtree = Callable[[int, int], bytes]
"""`subtree(level, index)`: the root of full subtree `index` (from 0) among those of 2**level leaves."""


class MerkleError(ValueError):
    """The tree was asked for something that it cannot have."""


class ProofError(MerkleError):
    """The proof does not show what it claims to show."""


def leaf_hash(entry: bytes) -> bytes:
    return sha256(LEAF_PREFIX + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(NODE_PREFIX + left + right).digest()


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root over full subtrees that stand side by side, the largest first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for left in peaks[-2::-1]:
        root = node_hash(left, root)
    return root


def grow(size: int, peaks: Sequence[bytes], leaves: Sequence[bytes]) -> tuple[list[bytes], list[Sequence[bytes]]]:
    """Append leaf hashes to a tree of `size` leaves.

    Answers the new peaks and, for each level from the leaves upward, the full subtrees that this completed.
    Works level by level rather than leaf by leaf: one hash for each new node, and nearly nothing else.
    """
    check_hashes(leaves)
    if size + len(leaves) > MAX_TREE_SIZE:
        raise MerkleError(f"a tree holds at most {MAX_TREE_SIZE} leaves")
    kept = list(peaks)
    fresh: list[bytes] = []
    grown: list[Sequence[bytes]] = []
    row = leaves
    while row:
        grown.append(row)
        # A set bit says that the lowest peak is of this level: it is the left sibling of the first new node.
        line = [kept.pop(), *row] if size & 1 else row
        if len(line) & 1:
            fresh.append(line[-1])
        pairs = zip(line[::2], line[1::2], strict=False)  # an odd last one waits for its sibling
        row = [sha256(NODE_PREFIX + left + right).digest() for left, right in pairs]
        size >>= 1
    kept.extend(reversed(fresh))
    return kept, grown


def check_hashes(hashes: Sequence[bytes]) -> None:
    # An entry passed where its hash belongs would give a well-formed but wrong tree.
    if not set(map(len, hashes)) <= {HASH_BYTES}:
        raise MerkleError(f"a hash has {HASH_BYTES} bytes")


class Frontier:
    """The right edge of a tree: its size and the roots of its full subtrees, the largest first."""

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._peaks: list[bytes] = []

    @classmethod
    def from_state(cls, size: int, peaks: Sequence[bytes]) -> Frontier:
        if not 0 <= size <= MAX_TREE_SIZE or len(peaks) != size.bit_count():
            raise MerkleError(f"{len(peaks)} peaks do not make the edge of a tree of {size} leaves")
        check_hashes(peaks)
        frontier = cls()
        frontier._size, frontier._peaks = size, list(peaks)
        return frontier

    def to_state(self) -> tuple[int, tuple[bytes, ...]]:
        return self._size, tuple(self._peaks)

    @property
    def size(self) -> int:
        return self._size

    def append(self, leaf: bytes) -> None:
        self.extend((leaf,))

    def extend(self, leaves: Sequence[bytes]) -> None:
        self._peaks, _ = grow(self._size, self._peaks, leaves)
        self._size += len(leaves)

    def root(self) -> bytes:
        return fold(self._peaks)

    def copy(self) -> Frontier:
        return Frontier.from_state(self._size, self._peaks)

    def __eq__(self, other: object) -> bool:
        return self.to_state() == other.to_state() if isinstance(other, Frontier) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Frontier(size={self._size}, root={self.root().hex()})"


def tree_root(size: int, subtree: Subtree) -> bytes:
    """The root over the first `size` leaves."""
    if not 0 <= size <= MAX_TREE_SIZE:
        raise MerkleError(f"a tree cannot have {size} leaves")
    return _range_root(0, size, subtree)


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The siblings, from the leaf upward, that lead from leaf `index` to the root over `size` leaves."""
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise MerkleError(f"a tree of {size} leaves has no leaf {index}")
    start, end = 0, size
    path = []
    while end - start > 1:
        middle = start + _left_width(end - start)
        if index < middle:
            path.append(_range_root(middle, end, subtree))
            end = middle
        else:
            path.append(_range_root(start, middle, subtree))
            start = middle
    return path[::-1]


def consistency_proof(old_size: int, size: int, subtree: Subtree) -> list[bytes]:
    """The nodes that show that the tree of `size` leaves begins with the tree of `old_size` leaves."""
    if not 0 <= old_size <= size <= MAX_TREE_SIZE:
        raise MerkleError(f"a tree of {size} leaves cannot begin with one of {old_size}")
    if old_size in (0, size):
        return []
    start, end = 0, size
    path = []
    while end != old_size:
        middle = start + _left_width(end - start)
        if old_size <= middle:
            path.append(_range_root(middle, end, subtree))
            end = middle
        else:
            path.append(_range_root(start, middle, subtree))
            start = middle
    if start > 0:  # otherwise the old tree is itself a full subtree, and the verifier knows its root
        path.append(_range_root(start, end, subtree))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return only if this leaf hash stands at `index` in the tree with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise ProofError(f"a tree of {size} leaves has no leaf {index}")
    _check_proof([leaf, root, *proof])
    position, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            position, last = _skip_missing_siblings(position, last)
        else:
            computed = node_hash(computed, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("the inclusion proof is too short")
    if computed != root:
        raise ProofError(f"leaf {index} does not lead to the root of the tree of {size} leaves")


def verify_consistency(old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> None:
    """Return only if the tree with `root` begins with the tree with `old_root` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old_size <= size <= MAX_TREE_SIZE:
        raise ProofError(f"a tree of {size} leaves cannot begin with one of {old_size}")
    _check_proof([old_root, root, *proof])
    if old_size in (0, size):
        _verify_without_nodes(old_size, size, proof, old_root, root)
        return
    path = [old_root, *proof] if old_size.bit_count() == 1 else list(proof)
    if not path:
        raise ProofError("the consistency proof is empty")
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_computed = computed = path[0]
    for node in path[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if position & 1 or position == last:
            old_computed, computed = node_hash(node, old_computed), node_hash(node, computed)
            position, last = _skip_missing_siblings(position, last)
        else:
            computed = node_hash(computed, node)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("the consistency proof is too short")
    if old_computed != old_root:
        raise ProofError(f"the proof does not lead to the root of the tree of {old_size} leaves")
    if computed != root:
        raise ProofError(f"the proof does not lead to the root of the tree of {size} leaves")


def _verify_without_nodes(old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> None:
    """Equal sizes, or nothing before: the roots alone must say it."""
    if proof:
        raise ProofError("the consistency proof is too long")
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise ProofError("the old root is not the root of an empty tree")
    if old_size == size and old_root != root:
        raise ProofError(f"there are two roots for a tree of {size} leaves")


def _skip_missing_siblings(position: int, last: int) -> tuple[int, int]:
    # On the right edge a node can be without a sibling for some levels; it rises unchanged.
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _check_proof(hashes: Sequence[bytes]) -> None:
    # Hashes of other lengths would let the same bytes be cut into other nodes.
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofError(f"a hash in the proof has not {HASH_BYTES} bytes")


def _left_width(width: int) -> int:
    """The largest power of two below `width`: how many leaves the left subtree takes."""
    return 1 << (width - 1).bit_length() - 1


def _range_root(start: int, end: int, subtree: Subtree) -> bytes:
    """The root over leaves `start` to `end`, where `start` is where the tree itself would cut."""
    peaks = []
    while start < end:
        level = (end - start).bit_length() - 1
        peaks.append(subtree(level, start >> level))
        start += 1 << level
    return fold(peaks)
