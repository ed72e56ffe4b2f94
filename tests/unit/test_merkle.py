"""The tree against the published vectors, a naive reading of the RFC, and forged proofs.

The vectors are those of cpp/merkletree/merkle_tree_test.cc in google/certificate-transparency, with the one that
proof/verify_test.go in transparency-dev/merkle adds (6 and 7 leaves), and the example of RFC 9162, section 2.1.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    MerkleError,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from ledger.audit.tiles import (
    TILE_BYTES,
    TILE_WIDTH,
    Tile,
    TileError,
    TreeState,
    load,
    stored_subtrees,
    tail_start,
    tile_count,
)

ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = [  # index, size, proof
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY = [  # old size, size, proof
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]

# Enough leaves for a complete tile of level 1 and something beyond it.
LARGEST = TILE_WIDTH * TILE_WIDTH + 3 * TILE_WIDTH + 7
LEAVES = [leaf_hash(b"%d" % number) for number in range(LARGEST)]


# -- a naive reading of RFC 6962, section 2.1: slow, recursive, sharing nothing with what it checks --


def naive_root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    cut = naive_cut(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:cut]) + naive_root(leaves[cut:])).digest()


def naive_cut(size: int) -> int:
    cut = 1
    while cut * 2 < size:
        cut *= 2
    return cut


def naive_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    cut = naive_cut(len(leaves))
    if index < cut:
        return [*naive_path(index, leaves[:cut]), naive_root(leaves[cut:])]
    return [*naive_path(index - cut, leaves[cut:]), naive_root(leaves[:cut])]


def naive_subproof(old_size: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [naive_root(leaves)]
    cut = naive_cut(len(leaves))
    if old_size <= cut:
        return [*naive_subproof(old_size, leaves[:cut], whole), naive_root(leaves[cut:])]
    return [*naive_subproof(old_size - cut, leaves[cut:], False), naive_root(leaves[:cut])]


def naive_subtree(leaves: Sequence[bytes]) -> Callable[[int, int], bytes]:
    def subtree(level: int, index: int) -> bytes:
        covered = leaves[index << level : (index + 1) << level]
        assert len(covered) == 1 << level, "only full subtrees may be asked for"
        return naive_root(covered)

    return subtree


def unhex(hashes: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in hashes]


def grown_in_steps(cuts: Sequence[int], size: int) -> tuple[TreeState, dict[tuple[int, int], bytes]]:
    """A state that took its leaves in the pieces that `cuts` make, and the tiles it gave off."""
    state, tiles = TreeState(), {}
    for start, end in pairwise([0, *sorted(min(cut, size) for cut in cuts), size]):
        state, completed = state.append(LEAVES[start:end])
        for tile in completed:
            assert (tile.level, tile.index) not in tiles, "a tile is completed once"
            tiles[tile.level, tile.index] = tile.hashes
    return state, tiles


def reader(tiles: dict[tuple[int, int], bytes]) -> Callable[[int, int], bytes]:
    return lambda level, index: tiles[level, index]


# -- published vectors --


def test_hashes_have_their_prefixes() -> None:
    assert leaf_hash(b"entry") == sha256(b"\x00entry").digest()
    assert node_hash(LEAVES[0], LEAVES[1]) == sha256(b"\x01" + LEAVES[0] + LEAVES[1]).digest()


@pytest.mark.parametrize("size", range(9))
def test_roots_of_the_published_vectors(size: int) -> None:
    frontier = Frontier()
    frontier.extend([leaf_hash(entry) for entry in ENTRIES[:size]])
    assert frontier.root().hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_inclusion_proofs_of_the_published_vectors(index: int, size: int, proof: list[str]) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    assert inclusion_proof(index, size, naive_subtree(leaves)) == unhex(proof)
    verify_inclusion(leaves[index], index, size, unhex(proof), bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("old_size", "size", "proof"), CONSISTENCY)
def test_consistency_proofs_of_the_published_vectors(old_size: int, size: int, proof: list[str]) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    assert consistency_proof(old_size, size, naive_subtree(leaves)) == unhex(proof)
    verify_consistency(old_size, size, unhex(proof), bytes.fromhex(ROOTS[old_size]), bytes.fromhex(ROOTS[size]))


def test_proofs_are_those_of_the_example_in_the_rfc() -> None:
    a, b, c, d, e, f, j = leaves = LEAVES[:7]
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, l = node_hash(g, h), node_hash(i, j)  # noqa: E741  # the names are the RFC's
    subtree = naive_subtree(leaves)
    paths = {0: [b, h, l], 3: [c, g, l], 4: [f, j, k], 6: [i, k]}
    assert {index: inclusion_proof(index, 7, subtree) for index in paths} == paths
    proofs = {3: [c, d, g, l], 4: [l], 6: [i, j, k]}
    assert {old_size: consistency_proof(old_size, 7, subtree) for old_size in proofs} == proofs


# -- the frontier --


@given(st.lists(st.integers(0, 70), max_size=8))
def test_frontier_has_the_naive_root_however_it_grew(batches: list[int]) -> None:
    frontier, one_by_one = Frontier(), Frontier()
    for batch in batches:
        frontier.extend(LEAVES[frontier.size : frontier.size + batch])
    for leaf in LEAVES[: sum(batches)]:
        one_by_one.append(leaf)
    assert frontier == one_by_one
    assert frontier.size == sum(batches)
    assert frontier.root() == naive_root(LEAVES[: sum(batches)])


def test_frontier_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == sha256(b"").digest()


@given(st.integers(0, 300), st.integers(1, 300))
def test_a_copy_grows_without_its_original(size: int, more: int) -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:size])
    before = frontier.to_state()
    copy = frontier.copy()
    copy.extend(LEAVES[size : size + more])
    assert frontier.to_state() == before
    assert copy != frontier
    assert Frontier.from_state(*before) == frontier


def test_frontier_refuses_a_state_that_cannot_be() -> None:
    for size, peaks in [(3, LEAVES[:1]), (4, LEAVES[:2]), (-1, []), (1, [b"short"]), (2**63, LEAVES[:1])]:
        with pytest.raises(MerkleError):
            Frontier.from_state(size, peaks)


def test_frontier_refuses_an_entry_in_place_of_its_hash() -> None:
    frontier = Frontier()
    with pytest.raises(MerkleError, match="32 bytes"):
        frontier.extend([LEAVES[0], b"an entry"])
    assert frontier.size == 0


def test_a_tree_is_not_grown_past_its_largest_size() -> None:
    full = Frontier.from_state(2**63 - 1, LEAVES[:63])
    with pytest.raises(MerkleError, match="at most"):
        full.append(LEAVES[0])


# -- proofs --


def test_proofs_of_every_small_tree_are_those_of_the_rfc() -> None:
    for size in range(1, 34):
        leaves, root = LEAVES[:size], naive_root(LEAVES[:size])
        subtree = naive_subtree(leaves)
        for index in range(size):
            proof = inclusion_proof(index, size, subtree)
            assert proof == naive_path(index, leaves)
            verify_inclusion(leaves[index], index, size, proof, root)
        for old_size in range(1, size + 1):
            proof = consistency_proof(old_size, size, subtree)
            assert proof == naive_subproof(old_size, leaves, True)
            verify_consistency(old_size, size, proof, naive_root(leaves[:old_size]), root)


def test_proofs_are_found_in_tiles_for_every_size_up_to_the_current_one() -> None:
    state, tiles = grown_in_steps([], LARGEST)
    assert state.root() == naive_root(LEAVES)
    subtree = stored_subtrees(state, reader(tiles))
    for size in (1, 255, 256, 257, 65535, 65536, 65537, LARGEST):
        root = fold_of(size)
        for index in {0, size // 3, size - 1, tail_start(size - 1)}:
            verify_inclusion(LEAVES[index], index, size, inclusion_proof(index, size, subtree), root)
        for old_size in {1, size // 2 or 1, size - 1 or 1, tail_start(size) or 1, size}:
            proof = consistency_proof(old_size, size, subtree)
            verify_consistency(old_size, size, proof, fold_of(old_size), root)


def fold_of(size: int) -> bytes:
    frontier = Frontier()
    frontier.extend(LEAVES[:size])
    return frontier.root()


@given(st.data())
def test_a_changed_inclusion_proof_is_rejected(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 80))
    index = data.draw(st.integers(0, size - 1))
    leaf, root = LEAVES[index], naive_root(LEAVES[:size])
    proof = naive_path(index, LEAVES[:size])
    verify_inclusion(leaf, index, size, proof, root)
    hashes = [leaf, root, *proof]
    bad_leaf, bad_root, *bad_proof = with_one_bit_changed(data, hashes)
    with pytest.raises(ProofError):
        verify_inclusion(bad_leaf, index, size, bad_proof, bad_root)
    for reshaped in reshapings(data, proof):
        with pytest.raises(ProofError):
            verify_inclusion(leaf, index, size, reshaped, root)
    elsewhere = data.draw(st.integers(-2, size + 2).filter(lambda other: other != index))
    with pytest.raises(ProofError):
        verify_inclusion(leaf, elsewhere, size, proof, root)


@given(st.data())
def test_a_changed_consistency_proof_is_rejected(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 80))
    old_size = data.draw(st.integers(1, size - 1))
    old_root, root = naive_root(LEAVES[:old_size]), naive_root(LEAVES[:size])
    proof = naive_subproof(old_size, LEAVES[:size], True)
    verify_consistency(old_size, size, proof, old_root, root)
    bad_old_root, bad_root, *bad_proof = with_one_bit_changed(data, [old_root, root, *proof])
    with pytest.raises(ProofError):
        verify_consistency(old_size, size, bad_proof, bad_old_root, bad_root)
    for reshaped in reshapings(data, proof):
        with pytest.raises(ProofError):
            verify_consistency(old_size, size, reshaped, old_root, root)
    with pytest.raises(ProofError):
        verify_consistency(size, old_size, proof, root, old_root)


def test_a_history_that_was_rewritten_has_no_consistency_proof() -> None:
    rewritten = [LEAVES[0], leaf_hash(b"another"), *LEAVES[2:21]]
    for old_size in range(2, 21):
        proof = naive_subproof(old_size, rewritten, True)
        with pytest.raises(ProofError):
            verify_consistency(old_size, 21, proof, naive_root(LEAVES[:old_size]), naive_root(rewritten))


def test_an_inner_node_does_not_pass_for_a_leaf() -> None:
    root, path = naive_root(LEAVES[:8]), naive_path(0, LEAVES[:8])
    inner = naive_root(LEAVES[:2])
    verify_inclusion(inner, 0, 4, path[1:], root)  # a root does not bind its size: a checkpoint does
    with pytest.raises(ProofError, match="too short"):
        verify_inclusion(inner, 0, 8, path[1:], root)


def test_a_consistency_proof_does_not_pass_for_a_larger_tree() -> None:
    old_root, root = naive_root(LEAVES[:4]), naive_root(LEAVES[:8])
    proof = naive_subproof(4, LEAVES[:8], True)
    verify_consistency(4, 8, proof, old_root, root)
    with pytest.raises(ProofError, match="too short"):
        verify_consistency(4, 16, proof, old_root, root)


def test_hashes_cut_in_another_place_are_rejected() -> None:
    left, right = LEAVES[:2]
    root = naive_root([left, right])
    with pytest.raises(ProofError, match="32 bytes"):
        verify_inclusion(left[:31], 0, 2, [left[31:] + right], root)
    with pytest.raises(ProofError, match="32 bytes"):
        verify_consistency(1, 2, [left[31:] + right], left[:31], root)


def with_one_bit_changed(data: st.DataObject, hashes: Sequence[bytes]) -> list[bytes]:
    which = data.draw(st.integers(0, len(hashes) - 1))
    byte, bit = data.draw(st.integers(0, 31)), data.draw(st.integers(0, 7))
    changed = bytearray(hashes[which])
    changed[byte] ^= 1 << bit
    return [*hashes[:which], bytes(changed), *hashes[which + 1 :]]


def reshapings(data: st.DataObject, proof: list[bytes]) -> list[list[bytes]]:
    """The same proof with a node too many, too few, in another place, or cut elsewhere."""
    extra = data.draw(st.sampled_from(LEAVES[:100]))
    at = data.draw(st.integers(0, len(proof)))
    made = [[*proof[:at], extra, *proof[at:]]]
    if proof:
        drop = data.draw(st.integers(0, len(proof) - 1))
        made.append(proof[:drop] + proof[drop + 1 :])
    if len(proof) > 1:
        made.append(proof[::-1])
        made.append([proof[0] + proof[1][:1], proof[1][1:], *proof[2:]])
    return made


def test_consistency_with_nothing_and_with_itself_needs_no_nodes() -> None:
    root, other = naive_root(LEAVES[:5]), naive_root(LEAVES[1:6])
    verify_consistency(0, 5, [], EMPTY_ROOT, root)
    verify_consistency(5, 5, [], root, root)
    verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    for old_size, size, proof, old_root, new_root in [
        (0, 5, [], root, root),
        (0, 5, [other], EMPTY_ROOT, root),
        (0, 0, [], EMPTY_ROOT, root),
        (5, 5, [], root, other),
        (5, 5, [other], root, root),
        (3, 5, [], naive_root(LEAVES[:3]), root),
        (-1, 5, [], EMPTY_ROOT, root),
    ]:
        with pytest.raises(ProofError):
            verify_consistency(old_size, size, proof, old_root, new_root)


def test_a_proof_that_cannot_be_is_not_made() -> None:
    subtree = naive_subtree(LEAVES[:8])
    for index, size in [(8, 8), (-1, 8), (0, 0), (0, 2**63)]:
        with pytest.raises(MerkleError):
            inclusion_proof(index, size, subtree)
    for old_size, size in [(9, 8), (-1, 8), (1, 2**63)]:
        with pytest.raises(MerkleError):
            consistency_proof(old_size, size, subtree)
    assert consistency_proof(0, 8, subtree) == consistency_proof(8, 8, subtree) == []


# -- tiles --

sizes = st.one_of(
    st.integers(0, 3 * TILE_WIDTH),
    st.integers(TILE_WIDTH * TILE_WIDTH - 2, TILE_WIDTH * TILE_WIDTH + 2),
    st.integers(0, LARGEST),
)


@settings(max_examples=40, deadline=None)
@given(sizes, st.lists(st.integers(0, LARGEST), max_size=6))
def test_a_state_is_the_same_in_one_step_in_many_and_after_loading(size: int, cuts: list[int]) -> None:
    state, tiles = grown_in_steps(cuts, size)
    whole, whole_tiles = grown_in_steps([], size)
    assert state == whole
    assert tiles == whole_tiles
    assert state.root() == fold_of(size)
    assert load(size, reader(tiles), LEAVES[tail_start(size) : size]) == state
    assert [len(row) for row in state.rows] == [
        (size >> 8 * level) % TILE_WIDTH for level in range(len(state.rows))
    ]


def test_one_leaf_at_a_time_over_several_tiles() -> None:
    state = TreeState()
    tiles: dict[tuple[int, int], bytes] = {}
    for number in range(600):
        assert load(number, reader(tiles), LEAVES[tail_start(number) : number]) == state
        state, completed = state.append([LEAVES[number]])
        tiles.update({(tile.level, tile.index): tile.hashes for tile in completed})
        assert (len(completed) == 1) == ((number + 1) % TILE_WIDTH == 0)
    assert state.root() == naive_root(LEAVES[:600])


def test_tiles_have_the_published_geometry() -> None:
    _, tiles = grown_in_steps([100, 1000, 40_000], LARGEST)
    assert set(tiles) == {(0, index) for index in range(259)} | {(1, 0)}
    assert len(tiles) == tile_count(LARGEST, 0) + tile_count(LARGEST, 1) + tile_count(LARGEST, 2)
    for index in range(259):
        assert tiles[0, index] == b"".join(LEAVES[index * 256 : (index + 1) * 256])
    subtree = naive_subtree(LEAVES)
    assert tiles[1, 0] == b"".join(subtree(8, index) for index in range(256))


def test_a_discarded_append_leaves_the_state_as_it_was() -> None:
    state, _ = TreeState().append(LEAVES[:255])
    root = state.root()
    first, tiles = state.append(LEAVES[255:300])
    again, tiles_again = state.append(LEAVES[255:300])
    assert (state.size, state.root()) == (255, root)
    assert (first, tiles) == (again, tiles_again)
    assert tiles == [Tile(0, 0, b"".join(LEAVES[:256]))]
    assert first.frontier().root() == first.root() == naive_root(LEAVES[:300])


def test_an_empty_append_changes_nothing() -> None:
    state, _ = TreeState().append(LEAVES[:300])
    assert state.append([]) == (state, [])
    assert load(0, reader({}), []) == TreeState()


def test_what_cannot_be_loaded_is_refused() -> None:
    _, tiles = grown_in_steps([], 520)
    with pytest.raises(MerkleError, match="follow the last tile"):
        load(520, reader(tiles), LEAVES[512:519])
    with pytest.raises(MerkleError, match="cannot have"):
        load(-1, reader(tiles), [])
    with pytest.raises(MerkleError, match="32 bytes"):
        load(513, reader(tiles), [b"an entry"])
    with pytest.raises(TileError, match="tile 1 of level 0"):
        load(520, reader({**tiles, (0, 1): tiles[0, 1][:-32]}), LEAVES[512:520])


def test_a_changed_tile_changes_the_root() -> None:
    state, tiles = grown_in_steps([], 520)
    forged = bytearray(tiles[0, 1])
    forged[TILE_BYTES - 1] ^= 1
    loaded = load(520, reader({**tiles, (0, 1): bytes(forged)}), LEAVES[512:520])
    assert loaded.root() != state.root()


def test_only_full_subtrees_of_the_tree_are_served() -> None:
    state, tiles = grown_in_steps([], 520)
    subtree = stored_subtrees(state, reader(tiles))
    for level in range(10):
        for index in range(520 >> level):
            assert subtree(level, index) == naive_subtree(LEAVES)(level, index)
        with pytest.raises(MerkleError):
            subtree(level, 520 >> level)
    with pytest.raises(MerkleError):
        subtree(-1, 0)
    with pytest.raises(MerkleError):
        subtree(0, -1)
    with pytest.raises(TileError):
        stored_subtrees(state, lambda level, index: b"")(0, 0)
