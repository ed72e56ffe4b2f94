"""Claims about an agreement become steps of its state machine, each with its day and its evidence.
It reads what claims say and judges none of them: which of several dates holds is chosen elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ledger.domain.agreements import (
    AgreementSigned,
    AgreementTerms,
    CeasefireDeclared,
    CeasefireEnded,
    CeasefireExtended,
    CeasefireProposed,
    CeasefireResumed,
    CeasefireSuspended,
    CeasefireTookEffect,
    PartyWithdrew,
)
from ledger.domain.claim import AgreementClaim
from ledger.domain.codes import CeasefireEnding, Verification
from ledger.domain.values import OccurredInterval
from projections.ceasefires.lifecycle import ORDER_IN_A_DAY, StepKind

CLOSING = frozenset(
    (StepKind.RESUME, StepKind.WITHDRAW, StepKind.FAIL, StepKind.TERMINATE, StepKind.END, StepKind.EXPIRE)
)
"""Steps that close a state: of an imprecise date they take the last day; all others take the first."""

ENDING_STEPS = {
    CeasefireEnding.UNKNOWN: StepKind.END,
    CeasefireEnding.EXPIRED: StepKind.EXPIRE,
    CeasefireEnding.TERMINATED: StepKind.TERMINATE,
    CeasefireEnding.NEVER_TOOK_EFFECT: StepKind.FAIL,
    CeasefireEnding.SUPERSEDED: StepKind.SUPERSEDE,
}


@dataclass(frozen=True)
class HeldClaim:
    """A claim about an agreement in the form in which it holds; `reported` is its report's day of publication."""

    position: int
    form_position: int
    reported: date
    event: AgreementClaim

    @property
    def positions(self) -> tuple[int, ...]:
        """The events that it rests on: the claim, and what corrected it."""
        return tuple(sorted({self.position, self.form_position}))

    @property
    def recency(self) -> tuple[date, int]:
        """The rule `latest`: what was reported last, then what was recorded last."""
        return self.reported, self.position

    @property
    def discounted(self) -> bool:
        """It was assessed and found not to hold."""
        return self.event.verification is Verification.DISCOUNTED


@dataclass(frozen=True)
class Step:
    """One step, as one claim dates it. No parties means for all; `named` are those who took it themselves."""

    kind: StepKind
    occurred: OccurredInterval
    claim: HeldClaim
    parties: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    taken_as: str = ""
    """Why the date is what it is, where the claim does not state it."""
    by: str = ""
    """The agreement that supersedes this one."""
    not_before: date = date.min
    """What it follows from: it is not taken before that, if it can be later."""

    @property
    def day(self) -> date:
        """The day on which the state machine takes it."""
        said_to_end = self.kind is StepKind.SUPERSEDE and isinstance(self.claim.event, CeasefireEnded)
        if self.kind in CLOSING or said_to_end:
            return self.occurred.end
        return (
            max(self.occurred.start, self.not_before)
            if self.occurred.end >= self.not_before
            else self.occurred.start
        )

    @property
    def order(self) -> tuple[date, int, int]:
        """By day; within a day by kind; then by position."""
        return self.day, ORDER_IN_A_DAY[self.kind], self.claim.position

    @property
    def implied(self) -> bool:
        """Nobody states its date."""
        return bool(self.taken_as)


def steps_of(claim: HeldClaim, agreement_id: str) -> Iterator[Step]:
    """The steps that a claim says were taken. A claim of another agreement counts where it supersedes this one."""
    event = claim.event
    if getattr(event, "agreement_id", agreement_id) != agreement_id:
        yield from _superseded(claim, agreement_id)
        return
    match event:
        case CeasefireProposed():
            yield Step(StepKind.PROPOSE, event.occurred, claim, event.terms.parties, event.proposed_by)
        case CeasefireDeclared():
            yield from _entry(StepKind.DECLARE, claim, event.terms, event.declared_by, "declaration")
        case AgreementSigned():
            yield from _entry(StepKind.SIGN, claim, event.terms, event.signatories, "signature")
        case CeasefireTookEffect():
            yield Step(StepKind.TAKE_EFFECT, event.occurred, claim, event.parties, event.parties)
        case CeasefireSuspended():
            yield Step(StepKind.SUSPEND, event.occurred, claim, event.parties, event.parties)
        case CeasefireResumed():
            yield Step(StepKind.RESUME, event.occurred, claim, event.parties, event.parties)
        case CeasefireExtended():
            yield Step(StepKind.EXTEND, event.occurred, claim)
        case PartyWithdrew():
            yield Step(StepKind.WITHDRAW, event.occurred, claim, (event.party,), (event.party,))
        case CeasefireEnded():
            kind = ENDING_STEPS[event.ending]
            yield Step(kind, event.occurred, claim, by=event.superseded_by_agreement_id or "")


def _entry(
    kind: StepKind, claim: HeldClaim, terms: AgreementTerms, named: tuple[str, ...], act: str
) -> Iterator[Step]:
    bound = tuple(dict.fromkeys((*named, *terms.parties)))
    occurred = claim.event.occurred
    yield Step(kind, occurred, claim, bound, named)
    if terms.effective is not None:
        yield Step(StepKind.TAKE_EFFECT, terms.effective, claim, bound, named, not_before=occurred.start)
    else:
        why = f"no effective date is stated: taken as the day of {act}"
        yield Step(StepKind.TAKE_EFFECT, occurred, claim, bound, named, taken_as=why)


def _superseded(claim: HeldClaim, agreement_id: str) -> Iterator[Step]:
    event = claim.event
    if isinstance(event, AgreementSigned | CeasefireDeclared) and (
        event.terms.supersedes_agreement_id == agreement_id
    ):
        occurred = event.terms.effective or event.occurred
        yield Step(StepKind.SUPERSEDE, occurred, claim, by=event.agreement_id)
