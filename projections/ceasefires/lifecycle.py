"""The formal axis as a state machine: which states there are, which steps, and the two tables of transitions.
What the tables do not name changes nothing. No violation is a step: it never ends a ceasefire by itself."""

from enum import StrEnum
from types import MappingProxyType


class Formal(StrEnum):
    """The state of one party, or of an agreement as a whole."""

    UNKNOWN = "unknown"
    PROPOSED = "proposed"
    DECLARED = "declared"
    SIGNED = "signed"
    IN_FORCE = "in force"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    TERMINATED = "terminated"
    NEVER_TOOK_EFFECT = "never took effect"
    SUPERSEDED = "superseded"
    ENDED = "ended"


class StepKind(StrEnum):
    """What can happen to an agreement; in the order in which steps of one day are taken."""

    PROPOSE = "propose"
    DECLARE = "declare"
    SIGN = "sign"
    TAKE_EFFECT = "take effect"
    EXTEND = "extend"
    SUSPEND = "suspend"
    RESUME = "resume"
    WITHDRAW = "withdraw"
    SUPERSEDE = "supersede"
    FAIL = "fail to take effect"
    TERMINATE = "terminate"
    END = "end"
    EXPIRE = "expire"


ORDER_IN_A_DAY = MappingProxyType({kind: rank for rank, kind in enumerate(StepKind)})

_F, _S = Formal, StepKind

PARTY_TRANSITIONS = MappingProxyType(
    {
        (_F.UNKNOWN, _S.PROPOSE): _F.PROPOSED,
        (_F.UNKNOWN, _S.DECLARE): _F.DECLARED,
        (_F.UNKNOWN, _S.SIGN): _F.SIGNED,
        (_F.UNKNOWN, _S.TAKE_EFFECT): _F.IN_FORCE,
        (_F.UNKNOWN, _S.SUSPEND): _F.SUSPENDED,
        (_F.UNKNOWN, _S.RESUME): _F.IN_FORCE,
        (_F.UNKNOWN, _S.WITHDRAW): _F.WITHDRAWN,
        (_F.PROPOSED, _S.DECLARE): _F.DECLARED,
        (_F.PROPOSED, _S.SIGN): _F.SIGNED,
        (_F.PROPOSED, _S.TAKE_EFFECT): _F.IN_FORCE,
        (_F.PROPOSED, _S.SUSPEND): _F.SUSPENDED,
        (_F.PROPOSED, _S.RESUME): _F.IN_FORCE,
        (_F.PROPOSED, _S.WITHDRAW): _F.WITHDRAWN,
        (_F.DECLARED, _S.SIGN): _F.SIGNED,
        (_F.DECLARED, _S.TAKE_EFFECT): _F.IN_FORCE,
        (_F.DECLARED, _S.SUSPEND): _F.SUSPENDED,
        (_F.DECLARED, _S.RESUME): _F.IN_FORCE,
        (_F.DECLARED, _S.WITHDRAW): _F.WITHDRAWN,
        (_F.SIGNED, _S.TAKE_EFFECT): _F.IN_FORCE,
        (_F.SIGNED, _S.SUSPEND): _F.SUSPENDED,
        (_F.SIGNED, _S.RESUME): _F.IN_FORCE,
        (_F.SIGNED, _S.WITHDRAW): _F.WITHDRAWN,
        (_F.IN_FORCE, _S.SUSPEND): _F.SUSPENDED,
        (_F.IN_FORCE, _S.WITHDRAW): _F.WITHDRAWN,
        (_F.SUSPENDED, _S.RESUME): _F.IN_FORCE,
        (_F.SUSPENDED, _S.WITHDRAW): _F.WITHDRAWN,
        (_F.WITHDRAWN, _S.DECLARE): _F.DECLARED,
        (_F.WITHDRAWN, _S.SIGN): _F.SIGNED,
    }
)
"""A party's state, by what concerns that party. A suspension that somebody reports is believed even where nobody
recorded that the ceasefire was in force before it."""

_ENDINGS = MappingProxyType(
    {
        _S.SUPERSEDE: _F.SUPERSEDED,
        _S.FAIL: _F.NEVER_TOOK_EFFECT,
        _S.TERMINATE: _F.TERMINATED,
        _S.END: _F.ENDED,
        _S.EXPIRE: _F.EXPIRED,
    }
)

END_TRANSITIONS: MappingProxyType[tuple[Formal | None, StepKind], Formal | None] = MappingProxyType(
    {
        **{(None, step): end for step, end in _ENDINGS.items()},
        (_F.EXPIRED, _S.EXTEND): None,
        (_F.EXPIRED, _S.FAIL): _F.NEVER_TOOK_EFFECT,
        (_F.EXPIRED, _S.TERMINATE): _F.TERMINATED,
        (_F.EXPIRED, _S.END): _F.ENDED,
    }
)
"""The end of the whole, None while it has not ended. Only an expiry, which is derived, gives way: to an extension,
and to what a source says of the end. Every other end is final; a new ceasefire is an agreement of its own."""

ENDS = frozenset(_ENDINGS.values())


def party_after(state: Formal, step: StepKind) -> Formal:
    """The state of a party after a step."""
    return PARTY_TRANSITIONS.get((state, step), state)


def end_after(end: Formal | None, step: StepKind) -> Formal | None:
    """The end of the whole after a step."""
    return END_TRANSITIONS.get((end, step), end)
