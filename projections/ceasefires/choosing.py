"""Where sources date one step differently, all dates are kept and one is chosen by a named rule: `latest`.
Nothing is averaged, and no date is dropped from the answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ledger.domain.values import OccurredInterval
from projections.ceasefires.lifecycle import StepKind
from projections.ceasefires.steps import Step

RULE = "latest"

DATED = {
    StepKind.PROPOSE: "proposed",
    StepKind.DECLARE: "declared",
    StepKind.SIGN: "signed",
    StepKind.TAKE_EFFECT: "effective",
    StepKind.SUSPEND: "suspended",
    StepKind.RESUME: "resumed",
    StepKind.WITHDRAW: "withdrawn",
}
ONCE = (StepKind.PROPOSE, StepKind.DECLARE, StepKind.SIGN, StepKind.TAKE_EFFECT, StepKind.WITHDRAW)
"""Steps that a party takes once, unless it withdraws and comes back."""
AGAIN = (StepKind.SUSPEND, StepKind.RESUME)
"""Steps that a party can take again and again, in turn."""
COMING_BACK = frozenset((StepKind.DECLARE, StepKind.SIGN))


@dataclass(frozen=True)
class ConflictingDate:
    """Dates of one thing, side by side, with the index of the one that the rule chose."""

    what: str
    dates: tuple[OccurredInterval, ...]
    positions: tuple[int, ...]
    chosen: int
    rule: str = RULE


@dataclass(frozen=True)
class Chosen:
    """One step as it is taken, with all claims that speak of it."""

    step: Step
    positions: tuple[int, ...]
    disputed: bool = False
    party: str = ""


@dataclass(frozen=True)
class Choice:
    """The steps that are taken, and where sources differ."""

    steps: tuple[Chosen, ...]
    conflicts: tuple[ConflictingDate, ...]


def choose(steps: Iterable[Step], party: str) -> Choice:
    """The steps of one party, each taken once for each time that it happened."""
    taken: list[Chosen] = []
    conflicts: list[ConflictingDate] = []
    for episode in _episodes(sorted(steps, key=lambda step: step.order)):
        for candidates in _same(episode, party):
            what = DATED[candidates[0].kind]
            taken.append(replace(latest(candidates), party=party))
            conflicts.extend(conflict_of(what, candidates))
    return Choice(tuple(taken), tuple(conflicts))


def latest(candidates: Sequence[Step]) -> Chosen:
    """The candidate that was reported last, resting on all that give the same date."""
    step = max(candidates, key=lambda candidate: candidate.claim.recency)
    agreeing = {at for each in candidates if each.occurred == step.occurred for at in each.claim.positions}
    return Chosen(step, tuple(sorted(agreeing)), len({each.occurred for each in candidates}) > 1)


def conflict_of(what: str, candidates: Sequence[Step]) -> list[ConflictingDate]:
    """The candidates side by side, where they do not all give the same date."""
    if len({step.occurred for step in candidates}) < 2:
        return []
    chosen = max(candidates, key=lambda candidate: candidate.claim.recency)
    in_order = sorted(candidates, key=lambda step: (step.claim.position, step.order))
    return [
        ConflictingDate(
            what,
            tuple(step.occurred for step in in_order),
            tuple(step.claim.form_position for step in in_order),
            in_order.index(chosen),
        )
    ]


def _episodes(steps: Sequence[Step]) -> list[list[Step]]:
    """A party that withdrew and declares or signs anew begins anew."""
    episodes: list[list[Step]] = [[]]
    for step in steps:
        gone = any(earlier.kind is StepKind.WITHDRAW for earlier in episodes[-1])
        if gone and step.kind in COMING_BACK:
            episodes.append([])
        episodes[-1].append(step)
    return [episode for episode in episodes if episode]


def _same(episode: Sequence[Step], party: str) -> list[list[Step]]:
    """The steps of an episode, those together that speak of one and the same step."""
    groups = [_own([step for step in episode if step.kind is kind], party) for kind in ONCE]
    running: list[list[Step]] = []
    for step in (step for step in episode if step.kind in AGAIN):
        if running and running[-1][0].kind is step.kind:
            running[-1].append(step)
        else:
            running.append([step])
    return [group for group in (*groups, *running) if group]


def _own(candidates: list[Step], party: str) -> list[Step]:
    """A stated date beats one that is only implied; what a party did itself beats what binds it through others."""
    stated = [step for step in candidates if not step.implied] or candidates
    return [step for step in stated if not step.named or party in step.named] or stated
