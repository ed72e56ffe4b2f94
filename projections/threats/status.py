"""What has become of a threat by a day of the world: a pure function of the claims that hold and of that day.
What is said of a threat goes before what follows from its deadline, which passes by no clock but `at`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

ISSUED = "ThreatIssued"
CARRIED_OUT = "ThreatCarriedOut"
WITHDRAWN = "ThreatWithdrawn"


class Fate(StrEnum):
    """The status of a threat."""

    OPEN = "open"
    CARRIED_OUT = "carried_out"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True)
class ThreatClaim:
    """A claim about a threat as it holds; `reported` is its report's day of publication."""

    type: str
    position: int
    reported: date
    start: date
    end: date
    deadline: date | None = None
    discounted: bool = False
    """It was assessed and found not to hold."""


@dataclass(frozen=True)
class ThreatState:
    """A threat on a day, with the claims that it rests on."""

    fate: Fate
    issued: ThreatClaim | None
    followed_by: tuple[ThreatClaim, ...]
    explanation: str


def derive_threat(claims: Sequence[ThreatClaim], at: date) -> ThreatState | None:
    """The state on a day; None where it was not issued by then. Of several claims that issue it, the one reported
    last holds; where none does, the threat begins with what followed from it."""
    begun = [claim for claim in claims if claim.start <= at and not claim.discounted]
    issuing = [claim for claim in claims if claim.type == ISSUED and not claim.discounted]
    issued = max(issuing, key=lambda claim: (claim.reported, claim.position), default=None)
    followed = sorted(
        (claim for claim in begun if claim.type != ISSUED), key=lambda claim: (claim.start, claim.position)
    )
    if issued is None and not followed:
        return None
    if issued is not None and issued.start > at:
        return None
    fate, explanation = _fate(issued, followed, at)
    return ThreatState(fate, issued, tuple(followed), explanation)


def _fate(issued: ThreatClaim | None, followed: Sequence[ThreatClaim], at: date) -> tuple[Fate, str]:
    deadline = issued.deadline if issued else None
    for kind, fate, words in (
        (CARRIED_OUT, Fate.CARRIED_OUT, "Carried out"),
        (WITHDRAWN, Fate.WITHDRAWN, "Withdrawn"),
    ):
        claims = [claim for claim in followed if claim.type == kind]
        if claims:
            late = deadline is not None and claims[0].start > deadline
            after = f", after its deadline of {deadline}" if late else ""
            positions = ", ".join(str(claim.position) for claim in claims)
            return fate, f"{words} {_when(claims[0])}{after} (position {positions})."
    if deadline is None:
        return Fate.OPEN, f"Open on {at}: no deadline, and nothing says that it was carried out or withdrawn."
    if deadline < at:
        return (
            Fate.EXPIRED,
            f"Expired: its deadline {deadline} had passed by {at}, and nothing says that it was carried out.",
        )
    return Fate.OPEN, f"Open on {at}: its deadline is {deadline}."


def _when(claim: ThreatClaim) -> str:
    return f"on {claim.start}" if claim.start == claim.end else f"between {claim.start} and {claim.end}"
