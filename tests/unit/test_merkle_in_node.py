"""Our verdicts on proofs, true and forged, up to the largest tree, against a reader in another language.

tests/oracle/verify.mjs is written from RFC 9162 alone; one process of it answers all questions.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from ledger.audit.merkle import MAX_TREE_SIZE, consistency_proof, inclusion_proof
from tests.forged import Consistency, Grown, Inclusion, forged_consistencies, forged_inclusions, grown

NODE = shutil.which("node")
READER = Path(__file__).parents[1] / "oracle" / "verify.mjs"
EXACT_IN_JSON = 2**53 - 1  # a larger number is rounded by most readers of JSON, and goes as a string

Claim = Inclusion | Consistency

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not on the PATH")


def answers(questions: Sequence[object]) -> list[str]:
    assert NODE is not None
    asked = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([NODE, str(READER)], input=asked, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def question(claim: Claim) -> dict[str, object]:
    proof = [each.hex() for each in claim.proof]
    if isinstance(claim, Inclusion):
        return {
            "kind": "inclusion",
            "leaf": claim.leaf.hex(),
            "index": number(claim.index),
            "size": number(claim.size),
            "proof": proof,
            "root": claim.root.hex(),
        }
    return {
        "kind": "consistency",
        "first": number(claim.first),
        "second": number(claim.second),
        "proof": proof,
        "first_root": claim.first_root.hex(),
        "second_root": claim.second_root.hex(),
    }


def number(value: int) -> int | str:
    return value if value <= EXACT_IN_JSON else str(value)


def compare(cases: list[tuple[str, Claim]]) -> Counter[tuple[str, bool]]:
    """How often each kind of claim was accepted and refused, when the two verifiers agree on all."""
    ours = [claim.accepted() for _, claim in cases]
    theirs = answers([question(claim) for _, claim in cases])
    assert len(theirs) == len(cases)
    assert [
        (case, verdict, other)
        for case, verdict, other in zip(cases, ours, theirs, strict=True)
        if other != str(verdict).lower()
    ] == []
    return Counter((what, verdict) for (what, _), verdict in zip(cases, ours, strict=True))


def with_forgeries(rng: Random, claim: Claim) -> Iterator[tuple[str, Claim]]:
    yield "true", claim
    if isinstance(claim, Inclusion):
        yield from forged_inclusions(rng, claim, rng.randbytes(32))
    else:
        yield from forged_consistencies(rng, claim, rng.randbytes(32))


class Sparse:
    """A tree of up to 2**63 - 1 leaves, all alike but a few, with its hashes straight from the definition."""

    def __init__(self, special: dict[int, bytes]) -> None:
        self.special = special
        self.places = sorted(special)
        self.known: dict[tuple[int, int], bytes] = {}

    def leaf(self, index: int) -> bytes:
        return self.special.get(index, sha256(b"\x00").digest())

    def root(self, start: int, end: int) -> bytes:
        """MTH over leaves `start` to `end`."""
        if bisect_left(self.places, start) == bisect_left(self.places, end):
            return alike(end - start)
        if end - start == 1:
            return self.leaf(start)
        if (start, end) not in self.known:
            cut = start + largest_power_below(end - start)
            parts = self.root(start, cut) + self.root(cut, end)
            self.known[start, end] = sha256(b"\x01" + parts).digest()
        return self.known[start, end]

    def subtree(self, level: int, index: int) -> bytes:
        return self.root(index << level, index + 1 << level)

    def inclusion(self, index: int, size: int) -> Inclusion:
        proof = inclusion_proof(index, size, self.subtree)
        return Inclusion(self.leaf(index), index, size, tuple(proof), self.root(0, size))

    def consistency(self, first: int, second: int) -> Consistency:
        proof = consistency_proof(first, second, self.subtree)
        return Consistency(first, second, tuple(proof), self.root(0, first), self.root(0, second))


@cache
def alike(width: int) -> bytes:
    """MTH over leaves that are all the empty entry."""
    if width < 2:
        return sha256(b"\x00" * width).digest()
    cut = largest_power_below(width)
    return sha256(b"\x01" + alike(cut) + alike(width - cut)).digest()


def largest_power_below(width: int) -> int:
    power = 1
    while power * 2 < width:
        power *= 2
    return power


def test_roots_are_those_of_the_definition() -> None:
    ours = grown(Random(11), 300)
    sizes = [*range(130), 255, 256, 257, 300]
    asked = [{"kind": "root", "entries": [entry.hex() for entry in ours.entries[:size]]} for size in sizes]
    assert answers(asked) == [ours.roots[size].hex() for size in sizes]


def test_true_proofs_are_accepted_and_forged_ones_refused_by_both() -> None:
    rng = Random(12)
    ours = grown(rng, 700)
    cases: list[tuple[str, Claim]] = []
    for size in [*range(1, 24), *(rng.randrange(24, 701) for _ in range(130))]:
        for _ in range(3):
            cases.extend(with_forgeries(rng, ours.inclusion(rng.randrange(size), size)))
            # Not from 0 on: every tree begins with the empty one, whatever its root.
            cases.extend(with_forgeries(rng, ours.consistency(rng.randrange(1, size + 1), size)))
    seen = compare(cases)
    assert seen.total() > 12_000
    # That other sizes are accepted where they lead along the same turns is told beside the other oracle.
    assert {what for what, accepted in seen if accepted} == {"true", "size"}
    assert seen["true", False] == 0
    assert min(count for (what, accepted), count in seen.items() if not accepted) > 100, seen


def test_trees_up_to_the_largest_are_judged_alike() -> None:
    rng = Random(13)
    cases: list[tuple[str, Claim]] = []
    for _ in range(40):
        bits = rng.randrange(2, 64)
        edge = min((1 << bits) + rng.randrange(-2, 3), MAX_TREE_SIZE)
        for size in {max(edge, 1), rng.randrange(1, 1 << bits), MAX_TREE_SIZE}:
            places = {0, size - 1, *(rng.randrange(size) for _ in range(6))}
            ours = Sparse({place: rng.randbytes(32) for place in places})
            for place in rng.sample(sorted(places), min(3, len(places))):
                cases.extend(with_forgeries(rng, ours.inclusion(place, size)))
                cases.extend(with_forgeries(rng, ours.consistency(place, size)))
            cases.extend(with_forgeries(rng, ours.consistency(1 << rng.randrange(size.bit_length()), size)))
    seen = compare(cases)
    assert seen.total() > 12_000
    assert seen["true", False] == 0
    assert min(seen["bit", False], seen["dropped", False], seen["size", False]) > 500, seen


def test_trees_with_entries_that_are_alike_are_judged_alike() -> None:
    rng = Random(14)
    cases: list[tuple[str, Claim]] = []
    for _ in range(100):
        ours = Grown([rng.choice([b"", b"a"]) for _ in range(rng.randrange(1, 70))])
        size = len(ours.leaves)
        cases.extend(with_forgeries(rng, ours.inclusion(rng.randrange(size), size)))
        cases.extend(with_forgeries(rng, ours.consistency(rng.randrange(size + 1), size)))
    seen = compare(cases)
    assert seen["true", False] == 0
    assert seen["swapped", True] + seen["turned round", True] + seen["index", True] > 0


def test_claims_about_nothing_and_about_what_cannot_be_are_judged_alike() -> None:
    ours = grown(Random(15), 9)
    cases: list[tuple[str, Claim]] = []
    proofs: list[tuple[bytes, ...]] = [(), (ours.roots[0],), (ours.leaves[0], ours.leaves[1])]
    for first in range(-1, 10):
        for second in range(-1, 10):
            for one, two in [(first, second), (second, first), (0, second), (first, first)]:
                for proof in proofs:
                    cases.append(("", Consistency(first, second, proof, ours.roots[one], ours.roots[two])))
                    cases.append(("", Inclusion(ours.leaves[one % 9], first, second, proof, ours.roots[two])))
    seen = compare(cases)
    assert min(seen.values()) > 30, seen
