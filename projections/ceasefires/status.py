"""The status of one agreement on a day of the world, derived from the claims that hold: a pure function of both.
It counts no violations; they have no part in the formal axis."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ledger.domain.agreements import AgreementTerms, CeasefireTookEffect
from ledger.domain.values import OccurredInterval
from projections.ceasefires.choosing import Chosen, ConflictingDate, choose, conflict_of, latest
from projections.ceasefires.lifecycle import Formal, StepKind
from projections.ceasefires.machine import WHOLE, Machine, Period, Taken, Transition
from projections.ceasefires.steps import HeldClaim, Step, steps_of
from projections.ceasefires.terms import Merged, lapses, merge_terms

STATED_ENDS = frozenset((StepKind.EXPIRE, StepKind.TERMINATE, StepKind.FAIL, StepKind.END, StepKind.SUPERSEDE))
OF_THE_WHOLE = STATED_ENDS | {StepKind.EXTEND}
NOT_BY_PROPOSING = StepKind.PROPOSE
"""Who proposes, for example a mediator, is no party by that."""
DISPUTED = "sources give different dates; the rule `latest` chose this one"


@dataclass(frozen=True)
class PartyStanding:
    """A party and its formal status."""

    party: str
    formal: Formal


@dataclass(frozen=True)
class Status:
    """The formal axis on a day, with everything that it rests on."""

    agreement_id: str
    at: date
    formal: Formal
    parties: tuple[PartyStanding, ...]
    terms: AgreementTerms
    transitions: tuple[Transition, ...]
    upcoming: tuple[Taken, ...]
    """Steps after the day asked for."""
    began: OccurredInterval | None
    periods: tuple[Period, ...]
    conflicts: tuple[ConflictingDate, ...]
    needed: int
    discounted: int
    """Claims that were assessed and found not to hold; they have no part."""


def derive_status(agreement_id: str, claims: Iterable[HeldClaim], at: date) -> Status:
    """The status as of a day. `claims` are those of the agreement, and those of others that supersede it."""
    held = sorted(claims, key=lambda claim: claim.position)
    usable = [claim for claim in held if not claim.discounted]
    own = [claim for claim in usable if getattr(claim.event, "agreement_id", "") == agreement_id]
    steps = [step for claim in usable for step in steps_of(claim, agreement_id)]
    parties = _parties(steps)
    subjects = parties or (WHOLE,)
    merged = merge_terms(own, parties)
    ending, ended_conflicts = _stated_end(steps)
    taken, conflicts = _party_steps(_that_took_effect(steps, ending), subjects)
    effective = _first_in_force(subjects, merged, taken, at)
    taken += _whole_steps(steps, ending, merged, effective)
    machine = Machine(subjects, merged.terms.side)
    machine.take(taken, at)
    return Status(
        agreement_id=agreement_id,
        at=at,
        formal=machine.formal,
        parties=tuple(PartyStanding(party, machine.of_party(party)) for party in parties),
        terms=merged.terms,
        transitions=tuple(machine.transitions),
        upcoming=tuple(sorted((step for step in taken if step.day > at), key=lambda step: step.order)),
        began=machine.began,
        periods=machine.in_force_until(at),
        conflicts=_distinct((*conflicts, *ended_conflicts, *merged.conflicts)),
        needed=machine.needed,
        discounted=len(held) - len(usable),
    )


def _parties(steps: Sequence[Step]) -> tuple[str, ...]:
    bound = {party for step in steps if step.kind not in OF_THE_WHOLE for party in step.parties}
    return tuple(sorted(bound))


def _stated_end(steps: Sequence[Step]) -> tuple[Chosen | None, list[ConflictingDate]]:
    """What sources say of the end of this agreement; the latest of them holds."""
    candidates = [step for step in steps if step.kind in STATED_ENDS and not _by_another(step)]
    if not candidates:
        return None, []
    ending = latest(candidates)
    facts = [step for step in steps if isinstance(step.claim.event, CeasefireTookEffect)]
    if ending.step.kind is StepKind.FAIL and any(fact.claim.recency > ending.step.claim.recency for fact in facts):
        return None, conflict_of("ended", candidates)  # reported later: it did take effect
    return ending, conflict_of("ended", candidates)


def _by_another(step: Step) -> bool:
    """Superseded through the terms of another agreement."""
    return bool(step.by) and getattr(step.claim.event, "agreement_id", "") == step.by


def _that_took_effect(steps: Sequence[Step], ending: Chosen | None) -> list[Step]:
    """A ceasefire that is said never to have taken effect did not do so as planned."""
    if ending is None or ending.step.kind is not StepKind.FAIL:
        return list(steps)
    return [step for step in steps if step.kind is not StepKind.TAKE_EFFECT]


def _party_steps(steps: Sequence[Step], subjects: tuple[str, ...]) -> tuple[list[Taken], list[ConflictingDate]]:
    """The steps that parties take, those together that several take by one claim."""
    conflicts: list[ConflictingDate] = []
    together: dict[tuple[StepKind, int, OccurredInterval], list[Chosen]] = {}
    for party in subjects:
        concerning = [
            step for step in steps if step.kind not in OF_THE_WHOLE and (not step.parties or party in step.parties)
        ]
        choice = choose(concerning, party)
        conflicts.extend(choice.conflicts)
        for chosen in choice.steps:
            key = (chosen.step.kind, chosen.step.claim.position, chosen.step.occurred)
            together.setdefault(key, []).append(chosen)
    return [_taken(group, subjects) for group in together.values()], conflicts


def _taken(group: Sequence[Chosen], subjects: tuple[str, ...]) -> Taken:
    step = group[0].step
    parties = tuple(sorted(chosen.party for chosen in group))
    positions = {position for chosen in group for position in chosen.positions}
    note = "; ".join(filter(None, (step.taken_as, DISPUTED if any(chosen.disputed for chosen in group) else "")))
    return Taken(
        step.day,
        step.kind,
        () if parties == subjects else parties,
        step.occurred,
        tuple(sorted(positions)),
        note,
    )


def _first_in_force(
    subjects: tuple[str, ...], merged: Merged, taken: Sequence[Taken], at: date
) -> OccurredInterval | None:
    """When it first took effect, which is from when a term in hours is counted."""
    machine = Machine(subjects, merged.terms.side)
    machine.take(taken, date.max)
    return machine.began


def _whole_steps(
    steps: Sequence[Step], ending: Chosen | None, merged: Merged, effective: OccurredInterval | None
) -> list[Taken]:
    """Ends and extensions, which concern all."""
    extensions = [step for step in steps if step.kind is StepKind.EXTEND]
    taken = [_of_whole(latest([step])) for step in extensions]
    if ending is not None:
        taken.append(_of_whole(ending))
    for other in sorted({step.by for step in steps if _by_another(step)}):
        taken.append(_of_whole(latest([step for step in steps if _by_another(step) and step.by == other])))
    for lapse in lapses(merged, effective, extensions):
        if lapse.last < date.max:
            after = lapse.last + timedelta(days=1)
            note = f"its fixed term ran out with {lapse.last}"
            taken.append(Taken(after, StepKind.EXPIRE, (), None, lapse.positions, note))
    return taken


def _of_whole(chosen: Chosen) -> Taken:
    step = chosen.step
    notes = (f"by {step.by}" if step.by else "", DISPUTED if chosen.disputed else "")
    return Taken(step.day, step.kind, (), step.occurred, chosen.positions, "; ".join(filter(None, notes)))


def _distinct(conflicts: Iterable[ConflictingDate]) -> tuple[ConflictingDate, ...]:
    return tuple(dict.fromkeys(conflicts))
