"""Why a status is what it is, in sentences that name dates, rules and positions. It only words what was derived."""

from collections.abc import Iterator, Sequence

from ledger.domain.values import OccurredInterval
from projections.ceasefires.choosing import ConflictingDate
from projections.ceasefires.lifecycle import Formal, StepKind
from projections.ceasefires.machine import Taken, Transition
from projections.ceasefires.observance import RULE, Monitoring, Observance, Violations, Window
from projections.ceasefires.status import Status

WORDS = {
    StepKind.PROPOSE: "Proposed",
    StepKind.DECLARE: "Declared",
    StepKind.SIGN: "Signed",
    StepKind.TAKE_EFFECT: "Took effect",
    StepKind.EXTEND: "Extended",
    StepKind.SUSPEND: "Suspended",
    StepKind.RESUME: "Resumed",
    StepKind.WITHDRAW: "Withdrawn from",
    StepKind.SUPERSEDE: "Superseded",
    StepKind.FAIL: "Said never to have taken effect",
    StepKind.TERMINATE: "Terminated",
    StepKind.END: "Ended; nobody says how",
    StepKind.EXPIRE: "Expired",
}

LEFT_OUT = {
    "AFTER_DATE": "occurred after the date asked for",
    "NOT_A_PARTY": "committed by somebody who is not a party",
    "OUTSIDE_ZONE": "outside the zone",
    "OUTSIDE_PERIOD": "at a time when the agreement was not in force for the violator",
    "OUTSIDE_WINDOW": "outside the window of observance",
    "SAME_ACTS": "about acts that another claim already counts",
    "DISCOUNTED": "found not to hold, so that the formal status does not rest on it",
}
"""Why a claim does not count, by the fixed word."""

MAX_UPCOMING = 3
STANDINGS = ("alleged", "verified", "attributed", "disputed", "unfounded")


def explain(
    status: Status,
    window: Window | None,
    observance: Observance,
    violations: Violations,
    monitoring: Monitoring,
) -> list[str]:
    """Both axes, the formal one first."""
    return [
        *_formal(status),
        *(_conflict(each) for each in status.conflicts),
        *_observance(status, window, observance, violations, monitoring),
    ]


def explain_transition(transition: Transition) -> str:
    """One step, with its date, its parties and why that date."""
    sentence = f"{WORDS[transition.step.kind]}{_when(transition.step)}"
    if transition.parties:
        sentence += f" by or for {', '.join(transition.parties)}"
    if transition.step.note:
        sentence += f"; {transition.step.note}"
    if transition.parties and transition.formal is not transition.status:
        sentence += f"; the agreement as a whole is then {_status(transition.formal)}"
    return f"{sentence}."


def interval_text(interval: OccurredInterval) -> str:
    """`2020-01-12`, or `between 2020-01-01 and 2020-01-31`."""
    if interval.start == interval.end:
        return str(interval.start)
    return f"between {interval.start} and {interval.end}"


def _when(step: Taken) -> str:
    if step.occurred is None:
        return f" on {step.day}"
    if step.occurred.start == step.occurred.end:
        return f" on {step.occurred.start}"
    return f" {interval_text(step.occurred)}, taken as {step.day}"


def _formal(status: Status) -> Iterator[str]:
    yield f"Formal status on {status.at}: {_status(status.formal)}."
    for transition in status.transitions:
        yield f"{explain_transition(transition)}{_positions(transition.step.positions)}"
        interval = transition.step.occurred
        if interval and interval.start <= status.at < interval.end:
            yield (
                f"That date is not known to the day, and {status.at} lies inside it: the status may be another one."
            )
    alone = [standing.party for standing in status.parties if standing.formal is Formal.IN_FORCE]
    if alone and status.formal in (Formal.DECLARED, Formal.SIGNED):
        yield f"In force for {', '.join(alone)} alone; it takes {status.needed} parties for the whole."
    for step in status.upcoming[:MAX_UPCOMING]:
        yield f"{WORDS[step.kind]}{_when(step)}: after {status.at}, so not yet.{_positions(step.positions)}"
    if status.discounted:
        yield f"{_claims(status.discounted)} assessed as discounted, and left out."


def _conflict(conflict: ConflictingDate) -> str:
    dates = "; ".join(
        f"{interval_text(interval)} (position {position})"
        for interval, position in zip(conflict.dates, conflict.positions, strict=True)
    )
    chosen = interval_text(conflict.dates[conflict.chosen])
    return f"Sources date `{conflict.what}` differently: {dates}. By the rule `{conflict.rule}`, {chosen} is taken."


def _observance(
    status: Status,
    window: Window | None,
    observance: Observance,
    violations: Violations,
    monitoring: Monitoring,
) -> Iterator[str]:
    over = f" from {window.first} to {window.last}" if window else ""
    yield f"Observance{over}, by the rule `{RULE}`: {observance.value}."
    if violations.total:
        counts = ", ".join(
            f"{violations.by_standing[name]} {name}" for name in STANDINGS if violations.by_standing.get(name)
        )
        ends = " A violation does not end a ceasefire by itself." if status.formal is Formal.IN_FORCE else ""
        yield f"{_number(violations.total, 'violation counts', 'violations count')}: {counts}.{ends}"
    if observance is Observance.UNOBSERVED:
        yield "Nobody is known to have watched or reported in the window: silence is not peace."
    if observance is Observance.HOLDING:
        watched = _number(monitoring.observations, "claim of observation", "claims of observation")
        yield f"{watched}, {_number(violations.unfounded, 'unfounded report', 'unfounded reports')}, no violation."
    if monitoring.restrictions:
        yield f"Monitoring was restricted ({_claims(monitoring.restrictions)}): violations may have gone unseen."
    for reason, claims in sorted(violations.left_out.items()):
        yield f"{_claims(claims)} of violations not counted: {LEFT_OUT[reason]}."


def _status(formal: Formal) -> str:
    return "not known" if formal is Formal.UNKNOWN else formal.value


def _claims(number: int) -> str:
    return _number(number, "claim", "claims")


def _number(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _positions(positions: Sequence[int]) -> str:
    if not positions:
        return ""
    return f" (position{'s' if len(positions) > 1 else ''} {', '.join(map(str, positions))})"
