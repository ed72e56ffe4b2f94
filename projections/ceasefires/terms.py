"""The terms of an agreement as merged from what is recorded, and the days on which a fixed term runs out.
Days follow from what sources state and from nothing else: there is no clock here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ledger.domain.agreements import (
    AgreementSigned,
    AgreementTerms,
    CeasefireDeclared,
    CeasefireExtended,
    CeasefireProposed,
)
from ledger.domain.values import OccurredInterval
from projections.ceasefires.choosing import ConflictingDate, conflict_of
from projections.ceasefires.lifecycle import StepKind
from projections.ceasefires.steps import HeldClaim, Step

HOURS_PER_DAY = 24
WITH_TERMS = AgreementSigned | CeasefireDeclared | CeasefireProposed


@dataclass(frozen=True)
class Merged:
    """The terms; the latest statement of each one holds, and what was agreed beats what was proposed."""

    terms: AgreementTerms
    conflicts: tuple[ConflictingDate, ...]
    ends_positions: tuple[int, ...]
    """The events that state the fixed term, or the fixed last day, that holds."""


def merge_terms(claims: Iterable[HeldClaim], parties: Sequence[str]) -> Merged:
    """The terms of one agreement, with all its parties."""
    stating = sorted(
        (claim for claim in claims if isinstance(claim.event, WITH_TERMS)),
        key=lambda claim: (not isinstance(claim.event, CeasefireProposed), claim.recency),
    )
    merged: dict[str, object] = {}
    term_at: dict[str, tuple[int, ...]] = {}
    for claim in stating:
        for name, value in _stated(claim):
            merged[name] = value
            term_at[name] = claim.positions
    positions = term_at.get("ends") or term_at.get("fixed_term_hours") or ()
    terms = AgreementTerms.model_validate({**merged, "parties": tuple(parties)})
    return Merged(terms, tuple(_conflicting_ends(stating)), positions)


def _stated(claim: HeldClaim) -> list[tuple[str, object]]:
    assert isinstance(claim.event, WITH_TERMS)
    terms = claim.event.terms
    values = ((name, getattr(terms, name)) for name in type(terms).model_fields)
    return [(name, value) for name, value in values if value not in (None, "", ())]


def _conflicting_ends(stating: Sequence[HeldClaim]) -> list[ConflictingDate]:
    agreed = [claim for claim in stating if not isinstance(claim.event, CeasefireProposed)] or stating
    fixed = [
        Step(StepKind.EXPIRE, claim.event.terms.ends, claim)
        for claim in agreed
        if isinstance(claim.event, WITH_TERMS) and claim.event.terms.ends is not None
    ]
    return conflict_of("ends", fixed)


@dataclass(frozen=True)
class Lapse:
    """A fixed term runs out: `last` is its last day. It lapses on the next, unless extended by then."""

    last: date
    positions: tuple[int, ...]


def lapses(merged: Merged, effective: OccurredInterval | None, extensions: Sequence[Step]) -> list[Lapse]:
    """The lapses in order: one for each time that no extension came before the term had run out."""
    last = _fixed_end(merged.terms, effective)
    positions = merged.ends_positions
    found: list[Lapse] = []
    for step in _once_each(extensions):
        if last is not None and step.day > last + timedelta(days=1):
            found.append(Lapse(last, positions))
        last = _extended(last, step)
        positions = tuple(sorted({*positions, *step.claim.positions}))
    if last is not None:
        found.append(Lapse(last, positions))
    return found


def _fixed_end(terms: AgreementTerms, effective: OccurredInterval | None) -> date | None:
    """A stated last day beats a term in hours. The hour of taking effect is not known: the day that the last hour
    may fall on is still part of the term."""
    if terms.ends is not None:
        return terms.ends.end
    if terms.fixed_term_hours is not None and effective is not None:
        return effective.end + _days(terms.fixed_term_hours)
    return None


def _extended(last: date | None, step: Step) -> date | None:
    event = step.claim.event
    assert isinstance(event, CeasefireExtended)
    if event.ends is not None:
        return event.ends.end
    if event.added_hours is None or last is None:
        return None
    return last + _days(event.added_hours)


def _days(hours: int) -> timedelta:
    return timedelta(days=-(-hours // HOURS_PER_DAY))


def _once_each(extensions: Sequence[Step]) -> list[Step]:
    """Two sources on one extension are one extension: the same content at a time that can be the same."""
    kept: list[Step] = []
    for step in sorted(extensions, key=lambda each: each.order):
        if not any(_same_extension(step, other) for other in kept):
            kept.append(step)
    return kept


def _same_extension(one: Step, other: Step) -> bool:
    first, second = one.claim.event, other.claim.event
    assert isinstance(first, CeasefireExtended)
    assert isinstance(second, CeasefireExtended)
    overlapping = one.occurred.start <= other.occurred.end and other.occurred.start <= one.occurred.end
    return overlapping and (first.ends, first.added_hours) == (second.ends, second.added_hours)
