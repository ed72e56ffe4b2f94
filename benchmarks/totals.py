"""Current totals of casualties: an answer by each grouping that is kept ready, where there are many claims and
where there are few; and what keeping them costs the fold. Tables are filled by the fold itself, with no ledger."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from benchmarks import processes
from benchmarks.clients import asking, folding
from benchmarks.clients.telling import Measured
from benchmarks.ground import Ground
from benchmarks.opponents import Opponent, Scale, Turn
from projections.casualties.keeping import KEPT
from projections.casualties.question import CountPolicy

DATABASE = "totals"
FEW = 10_000
FOLDED_SHARE = 20
"""A twentieth of the claims is enough to see how quickly they are folded."""
ASKED_SHARE = 5
"""There are many groupings, and an answer takes milliseconds."""
FILL_SECONDS = 7_200.0
NAMES = {" and ".join(kept) or "nothing": kept for kept in KEPT}
"""The groupings in words."""
SHORT_NAMES = ("nothing", "month")
MANY_CLAIMS, FEW_CLAIMS = "many claims", "few claims"
KEEPING, NOT_KEEPING = "fold of casualties", "fold of casualties without totals"


def answer_name(grouping: str, claims: str) -> str:
    """An opponent that answers."""
    return f"casualties by {grouping}, {claims}"


def opponents(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """Answers, and folds."""
    sizes = {MANY_CLAIMS: scale.history, FEW_CLAIMS: min(FEW, scale.history)}

    @cache
    def filled(claims: int) -> int:
        """The position of the last of so many claims."""
        orders = folding.Orders(ground.database(DATABASE), f"claims_{claims}", claims, stay=True)
        return int(processes.run("folding", orders, FILL_SECONDS)["events"])

    def asked(turn: Turn, grouping: str, claims: int, kept: bool, policy: CountPolicy) -> Measured:
        position = filled(claims)
        orders = asking.Orders(
            *(ground.database(DATABASE), f"claims_{claims}", position, NAMES[grouping], policy.value),
            turn.seconds / ASKED_SHARE,
            kept,
        )
        return processes.run("asking", orders)

    def folded(turn: Turn, totals: bool) -> Measured:
        claims = max(FEW, scale.history) // FOLDED_SHARE
        orders = folding.Orders(ground.database(DATABASE), f"fold_{turn.run()}", claims, totals)
        return processes.run("folding", orders, FILL_SECONDS)

    def answering(name: str, grouping: str, size: str, kept: bool, policy: CountPolicy) -> Opponent:
        return Opponent(name, lambda turn: asked(turn, grouping, sizes[size], kept, policy))

    yield Opponent(NOT_KEEPING, lambda turn: folded(turn, False))
    yield Opponent(KEEPING, lambda turn: folded(turn, True))
    stated = CountPolicy.VERBATIM_1
    for grouping in scale.levels(list(NAMES), SHORT_NAMES):
        for size in (FEW_CLAIMS, MANY_CLAIMS):
            yield answering(answer_name(grouping, size), grouping, size, True, stated)
    if scale.short:
        return
    for policy in (CountPolicy.ACLED_2019, CountPolicy.UCDP_RANGE):
        for size in (FEW_CLAIMS, MANY_CLAIMS):
            yield answering(f"casualties by admin1, {policy.value}, {size}", "admin1", size, True, policy)
    for size in (FEW_CLAIMS, MANY_CLAIMS):
        yield answering(f"casualties by admin1, {size}, summed", "admin1", size, False, stated)
