"""The tree and its proofs against pymerkle, which shares no line with ours.

Its leaves count from one. Its proofs begin with the leaf's own hash and say beside each hash on which side it
goes (`rule`). Its consistency proofs go down to a single leaf, so that one hash of the RFC can be several there.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import (
    ConsistencyProof,
    InclusionProof,
    InmemoryTree,
    InvalidProof,
    verify_consistency,
    verify_inclusion,
)

from tests.forged import Consistency, Grown, Inclusion, forged_consistencies, forged_inclusions, grown

SMALL = 33  # every proof of every tree below this many leaves
LARGE = 1100  # four complete tiles and a part of the next
SAMPLES = 1000


def theirs(entries: list[bytes]) -> Any:
    return InmemoryTree.init_from_entries(entries)


def their_siblings(tree: Any, index: int, size: int) -> tuple[bytes, ...]:
    """Their inclusion proof as the RFC lists it: without the leaf's own hash in front."""
    leaf, *siblings = tree.prove_inclusion(index + 1, size).path
    assert leaf == tree.get_leaf(index + 1)
    return tuple(siblings)


def their_nodes(tree: Any, first: int, second: int) -> tuple[bytes, ...]:
    """Their consistency proof as the RFC lists it.

    Theirs goes down to the first leaf after the old tree; the RFC stops at the last full subtree of the old
    tree, whose sibling is what theirs has below it, hashed together. The subset marks parts of the old tree.
    """
    proof = tree.prove_consistency(first, second)
    below = proof.subset.index(1)
    if below == 0:  # equal sizes: their path is the root alone
        return ()
    old, sibling = proof.path[below], together(tree, proof.path[:below])
    known = sum(proof.subset) == 1  # the old tree is one full subtree: its root, which the verifier has
    return (*(() if known else (old,)), sibling, *proof.path[below + 1 :])


def together(tree: Any, pieces: list[bytes]) -> bytes:
    """The root over pieces that stand side by side, from their leftmost leaf on."""
    root = pieces[0]
    for piece in pieces[1:]:
        root = tree.hash_pair(root, piece)
    return root


def accepts_inclusion(tree: Any, claim: Inclusion) -> bool | None:
    """Their verdict; none where they would need a longer tree to say how such a proof is built."""
    rule: list[int] = []
    if 0 <= claim.index < claim.size:  # otherwise they refuse it before they look at the rule
        if claim.size > tree.get_size():
            return None
        rule = tree.prove_inclusion(claim.index + 1, claim.size).rule
    proof = InclusionProof("sha256", True, claim.size, claim.index + 1, rule, [claim.leaf, *claim.proof])
    try:
        verify_inclusion(claim.leaf, claim.root, proof, index=claim.index + 1, size=claim.size)
    except InvalidProof:
        return False
    return True


def accepts_consistency(tree: Any, claim: Consistency) -> bool | None:
    """Their verdict; none where the claim cannot be said in their form.

    That is so for the empty tree, which they prove nothing about, and where one hash of the claim stands for
    several of theirs and is not the tree's own: a hash cannot be taken apart. The reader in Node judges those.
    """
    if not 0 < claim.first <= claim.second <= tree.get_size():
        return None if 0 <= claim.first <= claim.second else False
    model = tree.prove_consistency(claim.first, claim.second)
    nodes = list(claim.proof)
    if sum(model.subset) == 1:
        nodes.insert(0, claim.first_root)
    below = model.subset.index(1)
    if below and len(nodes) > 1:
        pieces = model.path[:below] if below > 1 else [nodes[1]]
        if together(tree, pieces) != nodes[1]:
            return None
        nodes = [*pieces, nodes[0], *nodes[2:]]
    proof = ConsistencyProof("sha256", True, claim.second, claim.first, model.rule, model.subset, nodes)
    try:
        verify_consistency(
            claim.first_root, claim.second_root, proof, prior_size=claim.first, later_size=claim.second
        )
    except InvalidProof:
        return False
    return True


def places(rng: Random, tree: Grown) -> list[tuple[int, int]]:
    """Pairs (fewer, size) with 0 < fewer <= size: all of the small trees, and some of the larger ones."""
    pairs = list(combinations_with_replacement(range(1, SMALL), 2))
    for _ in range(SAMPLES):
        size = rng.randrange(SMALL, len(tree.leaves) + 1)
        pairs.append((rng.randrange(1, size + 1), size))
    return pairs


def test_roots_are_theirs_at_every_size() -> None:
    ours = grown(Random(1), LARGE)
    tree = theirs([])
    for size, entry in enumerate(ours.entries):
        assert tree.get_root() == ours.roots[size]
        tree.append_entry(entry)
    assert [tree.get_root(size) for size in range(LARGE + 1)] == ours.roots


def test_inclusion_proofs_are_theirs_and_hold_there() -> None:
    rng = Random(2)
    ours = grown(rng, LARGE)
    tree = theirs(list(ours.entries))
    for number, size in places(rng, ours):
        claim = ours.inclusion(number - 1, size)
        assert claim.proof == their_siblings(tree, number - 1, size)
        assert claim.accepted()
        assert accepts_inclusion(tree, claim)


def test_consistency_proofs_are_theirs_and_hold_there() -> None:
    rng = Random(3)
    ours = grown(rng, LARGE)
    tree = theirs(list(ours.entries))
    for first, second in places(rng, ours):
        claim = ours.consistency(first, second)
        assert claim.proof == their_nodes(tree, first, second)
        assert claim.accepted()
        assert accepts_consistency(tree, claim)


def test_an_inclusion_proof_that_is_changed_in_any_way_is_refused_by_both() -> None:
    rng = Random(4)
    ours = grown(rng, LARGE)
    tree = theirs(list(ours.entries))
    seen: Counter[str] = Counter()
    for number, size in places(rng, ours):
        claim = ours.inclusion(number - 1, size)
        for what, forged in forged_inclusions(rng, claim, rng.randbytes(32)):
            verdict = accepts_inclusion(tree, forged)
            # Another size is another matter: see below.
            if what != "size":
                assert not forged.accepted(), (what, forged)
                assert verdict is False, (what, forged)
                seen[what] += 1
    assert min(seen.values()) > SAMPLES // 4, seen


def test_another_size_is_refused_by_both_unless_the_leaf_is_reached_by_the_same_turns() -> None:
    # An inclusion proof says how to turn at each node, and some sizes give a leaf the same turns: only who
    # has size and root from one signed checkpoint knows the size.
    rng = Random(5)
    ours = grown(rng, LARGE)
    tree = theirs(list(ours.entries))
    seen: Counter[bool] = Counter()
    for number, size in places(rng, ours):
        claim = ours.inclusion(number - 1, size)
        turns = tree.prove_inclusion(number, size).rule
        for what, forged in forged_inclusions(rng, claim, rng.randbytes(32)):
            verdict = accepts_inclusion(tree, forged)
            if what != "size" or verdict is None:
                continue
            same = number <= forged.size and tree.prove_inclusion(number, forged.size).rule == turns
            assert forged.accepted() == verdict == same, forged
            seen[same] += 1
    assert min(seen.values()) > 100, seen


def test_a_consistency_proof_that_is_changed_in_any_way_is_refused_by_both() -> None:
    rng = Random(6)
    ours = grown(rng, LARGE)
    tree = theirs(list(ours.entries))
    judged: Counter[str] = Counter()
    for first, second in places(rng, ours):
        claim = ours.consistency(first, second)
        for what, forged in forged_consistencies(rng, claim, rng.randbytes(32)):
            verdict = accepts_consistency(tree, forged)
            if what == "size":  # as for inclusion, a size is not bound by the hashes alone
                assert verdict in (None, forged.accepted()), forged
            else:
                assert not forged.accepted(), (what, forged)
                assert not verdict, (what, forged)
            judged[what] += verdict is not None
    assert min(judged.values()) > SAMPLES // 5, judged


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=2), min_size=1, max_size=90), st.randoms(use_true_random=False))
def test_both_agree_on_trees_with_entries_that_are_alike(entries: list[bytes], rng: Random) -> None:
    # Here a changed proof can be a true one: what counts is that both say the same.
    ours, tree = Grown(entries), theirs(entries)
    assert tree.get_root() == ours.roots[-1]
    size = len(entries)
    index, first = rng.randrange(size), rng.randrange(1, size + 1)
    inclusion, consistency = ours.inclusion(index, size), ours.consistency(first, size)
    assert inclusion.proof == their_siblings(tree, index, size)
    assert consistency.proof == their_nodes(tree, first, size)
    other = rng.choice(ours.leaves)
    for _, included in [("", inclusion), *forged_inclusions(rng, inclusion, other)]:
        assert accepts_inclusion(tree, included) in (None, included.accepted())
    for _, consistent in [("", consistency), *forged_consistencies(rng, consistency, other)]:
        assert accepts_consistency(tree, consistent) in (None, consistent.accepted())
