"""Who did what to whom in a row of ACLED's, as far as its codebook allows to say. The order of two actors means
nothing there but in violence against civilians; an attacker is told only where the other side is unarmed by
definition. Where nothing tells, both sides are named as both, and whoever only describes a side is not named."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger.datasets.acled_codebook import (
    EXCESSIVE_FORCE,
    MOB_VIOLENCE,
    OVERTAKEN,
    REGAINED,
    TRANSFERRED,
    Coding,
    Event,
    interaction_fits,
    kind_of,
)
from ledger.datasets.entries import MAX_SHOWN, Cells, Remark, RowError, Seen, cell
from ledger.domain.codes import ActorKind
from ledger.domain.values import MAX_ITEMS, MAX_WORD

SEPARATOR = ";"
"""Between several associated actors."""
UNARMED = frozenset((ActorKind.CIVILIANS, ActorKind.PROTESTERS))
"""Civilians are unarmed by definition, and protesters use no violence (sections on inter codes 6 and 7)."""
LOOSE = UNARMED | {ActorKind.RIOTERS}
"""No organised armed group: who is associated with them describes them, a movement or a faith, and is no ally."""
KINDS_BY_NAME = (
    *((f"{forces} of ", ActorKind.STATE_FORCES) for forces in ("Military Forces", "Police Forces")),
    ("Mutiny of ", ActorKind.STATE_FORCES),
)
"""How the codebook names forces of states. Other associated actors have no type of their own in a row."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
UNARMED_NAMES = ("Civilians (", "Protesters (")


@dataclass(frozen=True)
class Side:
    """One of the two main actors, with who is associated with it."""

    main: Seen
    kind: ActorKind
    beside: Sequence[Seen]

    @property
    def armed(self) -> bool:
        """Whether it can have used force at all."""
        return self.kind not in UNARMED

    @property
    def allies(self) -> tuple[Seen, ...]:
        """The main actor and those who acted with it. Of organised armed groups, an associated actor is "an ally in
        the action" (section on actors); of all others it tells who they are."""
        if self.kind in LOOSE:
            return (self.main,)
        return (self.main, *(each for each in self.beside if not each.name.startswith(UNARMED_NAMES)))


class Parties(NamedTuple):
    """Who used force against whom."""

    attackers: tuple[Seen, ...] = ()
    targets: tuple[Seen, ...] = ()
    told: bool = False
    """The row tells which side is which."""


class Territory(NamedTuple):
    """Who took it from whom."""

    taken_by: tuple[Seen, ...] = ()
    taken_from: tuple[Seen, ...] = ()


def sides_of(cells: Cells) -> Sequence[Side]:
    """The main actors: two, or one where nobody else is named."""
    first, second = (_side(cells, number) for number in ("1", "2"))
    if first is None:
        raise RowError("actor1", "is empty; every event has a first actor")
    return (first,) if second is None else (first, second)


def _side(cells: Cells, number: str) -> Side | None:
    column = f"actor{number}"
    name = _name(cells.get(column, ""), column)
    kind = kind_of(cells, f"inter{number}")
    if not name:
        return None
    if kind is None:
        raise RowError(f"inter{number}", f"says that there is nobody, but {column} is `{name[:MAX_SHOWN]}`")
    beside = dict.fromkeys(_names(cells, f"assoc_actor_{number}"))
    return Side(Seen(name, name, kind.value), kind, [_associated(each) for each in beside if each != name])


def _name(text: str, column: str) -> str:
    """A name as an id in the register can hold it."""
    name = " ".join(text.split())
    if len(name) > MAX_WORD or _CONTROL.search(name):
        raise RowError(column, f"is `{name[:MAX_SHOWN]}…`, which is no name of at most {MAX_WORD} characters")
    return name


def _names(cells: Cells, column: str) -> Iterator[str]:
    parts = cells.get(column, "").split(SEPARATOR)
    if len(parts) >= MAX_ITEMS // 2:
        raise RowError(column, f"names {len(parts)} actors; at most {MAX_ITEMS // 2 - 1} are taken")
    return (name for part in parts if (name := _name(part, column)))


def _associated(name: str) -> Seen:
    """An actor without a type of its own: the codebook gives one to main actors only."""
    kind = next((kind.value for beginning, kind in KINDS_BY_NAME if name.startswith(beginning)), "")
    return Seen(name, name, kind)


def uses_force(coding: Coding, sides: Sequence[Side]) -> bool:
    """Whether force was used: in what ACLED counts as political violence (table 2), and in riots with a second
    actor, which its interaction codes describe as violence of one side or both (table 3). A protest that is broken
    up, or a violent demonstration of one side alone, may have been without."""
    if coding.event is Event.PROTEST:
        return coding.sub_event == EXCESSIVE_FORCE
    if coding.event is Event.RIOT:
        return coding.sub_event == MOB_VIOLENCE or len(sides) > 1
    return coding.event is not Event.STRATEGIC


def parties_of(coding: Coding, sides: Sequence[Side]) -> Parties:
    """Who used force against whom, and whether the row tells.

    In violence against civilians the target is always the second actor (section on event aggregation); elsewhere
    the order means nothing, and a side is the attacker where the other one is unarmed. Allies are named in battles,
    whose associated actors are armed, and beside whoever attacked civilians; in remote violence an associated actor
    can also be somebody who was hit.
    """
    if not uses_force(coding, sides):
        return Parties()
    armed = [side for side in sides if side.armed]
    unarmed = [side.main for side in sides if not side.armed]
    if coding.event is Event.AGAINST_CIVILIANS and sides[0].armed:
        return Parties(sides[0].allies, tuple(side.main for side in sides[1:]), len(sides) > 1)
    if unarmed:
        return Parties(tuple(side.main for side in armed), tuple(unarmed), bool(armed))
    if coding.event is Event.BATTLE:
        everybody = _without_doubles(ally for side in armed for ally in side.allies)
        return Parties(everybody, everybody)
    both = tuple(side.main for side in armed)
    return Parties(both, both if len(armed) > 1 else ())


def _without_doubles(actors: Iterator[Seen]) -> tuple[Seen, ...]:
    return tuple({each.external_id: each for each in actors}.values())


def territory_of(coding: Coding, sides: Sequence[Side]) -> Territory | None:
    """Who took territory; None where none changed hands.

    A government that regains and a non-state actor that overtakes are told apart where state forces and a rebel
    group fought: a militia may act for a government, and of two state forces either may be the government. Of a
    transfer without violence, an actor who is alone acquired control. In all other cases nobody is named.
    """
    if coding.sub_event not in (REGAINED, OVERTAKEN, TRANSFERRED):
        return None
    if coding.sub_event == TRANSFERRED:
        return Territory((sides[0].main,)) if len(sides) == 1 else Territory()
    by_kind = {side.kind: (side.main,) for side in sides}
    if set(by_kind) != {ActorKind.STATE_FORCES, ActorKind.REBEL_GROUP}:
        return Territory()
    state, rebels = by_kind[ActorKind.STATE_FORCES], by_kind[ActorKind.REBEL_GROUP]
    return Territory(state, rebels) if coding.sub_event == REGAINED else Territory(rebels, state)


def contradictions(cells: Cells, coding: Coding, sides: Sequence[Side]) -> Iterator[Remark]:
    """What a row says of its actors that the codebook does not allow."""
    kinds = [side.kind for side in sides]
    interaction = cells.get("interaction", "").strip()
    if interaction and not interaction_fits(interaction, kinds):
        stated = ", ".join(kind.value for kind in kinds)
        yield Remark("interaction", interaction[:MAX_SHOWN], f"is not that of the types of the actors ({stated})")
    if len(sides) == 1 and coding.event in (Event.BATTLE, Event.AGAINST_CIVILIANS):
        yield Remark("actor2", "", f"is empty, but {coding.event.value} have two actors")
    if len(sides) == 1 and kind_of(cells, "inter2") is not None:
        yield Remark("inter2", cell(cells, "inter2")[:MAX_SHOWN], "is the type of an actor who is not named")
    if coding.event is Event.AGAINST_CIVILIANS and len(sides) > 1 and not sides[0].armed:
        why = "is unarmed by definition and taken for a target, which the codebook has as actor2"
        yield Remark("actor1", sides[0].main.name[:MAX_SHOWN], why)
