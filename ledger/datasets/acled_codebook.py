"""ACLED's codes as its codebook has them, and how cells state them: events, types of actors, interactions, dates.
Both ways of writing are read, the numbers of the older layout and the words since October 2024. Nothing is guessed:
what the codebook does not have is refused or left out with a remark."""

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from ledger.datasets.entries import MAX_SHOWN, Cells, Remark, RowError, cell, day, number
from ledger.domain.codes import ActorKind, DatePrecision, PlacePrecision

Meaning = TypeVar("Meaning")


class Event(StrEnum):
    """The six types of events, by their names since 14 March 2019."""

    BATTLE = "Battles"
    REMOTE = "Explosions/Remote violence"
    AGAINST_CIVILIANS = "Violence against civilians"
    PROTEST = "Protests"
    RIOT = "Riots"
    STRATEGIC = "Strategic developments"


REGAINED = "Government regains territory"
OVERTAKEN = "Non-state actor overtakes territory"
TRANSFERRED = "Non-violent transfer of territory"
EXCESSIVE_FORCE = "Excessive force against protesters"
MOB_VIOLENCE = "Mob violence"
BASE = "Headquarters or base established"
SUB_EVENTS: Mapping[Event, Sequence[str]] = MappingProxyType(
    {
        Event.BATTLE: (REGAINED, OVERTAKEN, "Armed clash"),
        Event.REMOTE: (
            *("Chemical weapon", "Air/drone strike", "Suicide bomb", "Shelling/artillery/missile attack"),
            *("Remote explosive/landmine/IED", "Grenade"),
        ),
        Event.AGAINST_CIVILIANS: ("Sexual violence", "Attack", "Abduction/forced disappearance"),
        Event.PROTEST: (EXCESSIVE_FORCE, "Protest with intervention", "Peaceful protest"),
        Event.RIOT: ("Violent demonstration", MOB_VIOLENCE),
        Event.STRATEGIC: (
            *("Agreement", "Arrests", "Change to group/activity", "Disrupted weapons use", BASE),
            *("Looting/property destruction", TRANSFERRED, "Other"),
        ),
    }
)
"""Table 2 of the codebook."""
OLD_EVENTS: Mapping[str, tuple[Event, str]] = MappingProxyType(
    {
        "battle-no change of territory": (Event.BATTLE, "Armed clash"),
        "battle-government regains territory": (Event.BATTLE, REGAINED),
        "battle-non-state actor overtakes territory": (Event.BATTLE, OVERTAKEN),
        "battle-non-state actors overtake territory": (Event.BATTLE, OVERTAKEN),
        "remote violence": (Event.REMOTE, ""),
        "strategic development": (Event.STRATEGIC, ""),
        "non-violent activity by a conflict actor": (Event.STRATEGIC, ""),
        "headquarters or base established": (Event.STRATEGIC, BASE),
        "non-violent transfer of territory": (Event.STRATEGIC, TRANSFERRED),
    }
)
"""Names of types before, when there were no sub-events, and the sub-event that one stands for."""
RIOTS_OR_PROTESTS = "riots/protests"
"""One type before; which of the two it is, the sub-event or the type of the actors tells."""

TIME_PRECISION = MappingProxyType({1: DatePrecision.DAY, 2: DatePrecision.WEEK, 3: DatePrecision.MONTH})
GEO_PRECISION = MappingProxyType({1: PlacePrecision.EXACT, 2: PlacePrecision.NEAR, 3: PlacePrecision.REGION})
"""1 a named place; 2 near it, or the part of a region that it stands for; 3 a larger region, for which a natural
feature or the capital of a province stands (section on spatial precision codes). Which region that is, the row does
not say: it is one of unknown bounds, not a certain division."""

INTER: Mapping[str, ActorKind] = MappingProxyType(
    {
        **{str(kind.code): kind for kind in ActorKind},
        "state force": ActorKind.STATE_FORCES,
        "rebel group": ActorKind.REBEL_GROUP,
        "political militia": ActorKind.POLITICAL_MILITIA,
        "identity militia": ActorKind.IDENTITY_MILITIA,
        "rioter": ActorKind.RIOTERS,
        "protester": ActorKind.PROTESTERS,
        "civilian": ActorKind.CIVILIANS,
        "external/other force": ActorKind.EXTERNAL,
    }
)
"""By number and by word, words without the `s` of the plural, for exports have `Rebel group` and `Rebel Groups`."""
NOBODY = ("", "0")
ONLY = " only"
"""Ends an interaction of one actor alone."""

WEDNESDAY, THURSDAY = 2, 3
HALF_A_WEEK = timedelta(days=3)
_DASH = re.compile(r"\s*[-\u2013\u2014]\s*")
"""Between the two types of an interaction: the codebook and the exports have one or another."""
_WRITTEN_DAY = re.compile(r"([0-9]{1,2})[ -]([A-Za-z]{3,9})[ -]([0-9]{4}|[0-9]{2})")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
FIRST_YEAR, LAST_YEAR = 1997, 2096
"""ACLED begins with 1997. That tells the century of a year of two digits, and other years for slips."""


class Coding(NamedTuple):
    """What kind of event a row is."""

    event: Event
    sub_event: str
    """As the codebook writes it; empty where the row has none of the codebook's."""


def coding_of(cells: Cells, remarks: list[Remark]) -> Coding:
    """The event's type and sub-event, by today's names."""
    stated = cells.get("sub_event_type", "").strip()
    event, implied = _event_of(cells, stated)
    known = {each.casefold(): each for each in SUB_EVENTS[event]}
    sub_event = known.get(stated.casefold(), implied)
    if stated and stated.casefold() not in known:
        why = f"is none of the codebook's sub-events of {event.value}: left out"
        remarks.append(Remark("sub_event_type", stated[:MAX_SHOWN], why))
    return Coding(event, sub_event)


def _event_of(cells: Cells, sub_event: str) -> tuple[Event, str]:
    text = cell(cells, "event_type")
    for event in Event:
        if event.value.casefold() == text.casefold():
            return event, ""
    if text.casefold() == RIOTS_OR_PROTESTS:
        return _riot_or_protest(cells, sub_event), ""
    if text.casefold() in OLD_EVENTS:
        return OLD_EVENTS[text.casefold()]
    names = ", ".join(event.value for event in Event)
    raise RowError("event_type", f"is `{text[:MAX_SHOWN]}`; the codebook has {names}")


def _riot_or_protest(cells: Cells, sub_event: str) -> Event:
    """Rioters are violent by definition, protesters never (sections on inter codes 5 and 6)."""
    for event in (Event.RIOT, Event.PROTEST):
        if sub_event.casefold() in (each.casefold() for each in SUB_EVENTS[event]):
            return event
    kinds = [INTER.get(_word(cells.get(column, ""))) for column in ("inter1", "inter2")]
    return Event.RIOT if ActorKind.RIOTERS in kinds else Event.PROTEST


def kind_of(cells: Cells, column: str) -> ActorKind | None:
    """The type of an actor; None where there is no actor."""
    text = cells.get(column, "").strip()
    if _word(text) in NOBODY:
        return None
    kind = INTER.get(_word(text))
    if kind is None:
        raise RowError(column, f"is `{text[:MAX_SHOWN]}`; the codebook has 0 to 8, or words such as `State forces`")
    return kind


def _word(text: str) -> str:
    """A type of actors as the table has it; `1.0` is 1, as some exports write it."""
    return text.strip().casefold().removesuffix(".0").removesuffix("s")


def interaction_fits(text: str, kinds: Sequence[ActorKind]) -> bool:
    """Whether an interaction code is that of these types of actors: two digits in ascending order, 0 for nobody; or
    words, whose order means nothing (section on interaction codes)."""
    expected = sorted(kind.code or 0 for kind in kinds)
    stated = text.strip().casefold().removesuffix(".0")
    if stated.isdecimal():
        return stated == "".join(str(each) for each in expected).ljust(2, "0")
    words = _DASH.split(stated.removesuffix(ONLY))
    return sorted(INTER[_word(each)].code or 0 for each in words if _word(each) in INTER) == expected


def coded(cells: Cells, column: str, codes: Mapping[int, Meaning]) -> Meaning:
    """What a code from 1 to 3 means."""
    stated = number(cells, column)
    if stated not in codes:
        raise RowError(column, f"is {stated}; the codebook has {', '.join(str(each) for each in codes)}")
    return codes[stated]


def event_date(cells: Cells) -> date:
    """The day that a row gives: `2020-02-10`, or `10 February 2020` or `10-Feb-20` as some exports write it."""
    text = cell(cells, "event_date")
    found = day(text) or _written_day(text)
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        shown = f"is `{text[:MAX_SHOWN]}`, which is no day since 1997; 2020-02-10 or 10 February 2020 is"
        raise RowError("event_date", shown)
    return found


def _written_day(text: str) -> date | None:
    found = _WRITTEN_DAY.fullmatch(text)
    if found is None:
        return None
    name, year = found[2].lower(), int(found[3])
    months = [number for number, month in enumerate(_MONTHS, start=1) if name in (month, month[:3])]
    if len(found[3]) == 2:
        year += 1900 if 1900 + year >= FIRST_YEAR else 2000
    try:
        return date(year, months[0], int(found[1])) if months else None
    except ValueError:
        return None


def interval_of(day_given: date, precision: DatePrecision) -> tuple[date, date]:
    """The days in which the event was (section on time precision codes).

    Code 2 is a week "or a similar period", of which the middle is given: of a week, its Wednesday or Thursday. So
    these stand for their week, Monday to Sunday, and any other day for the seven days around it, which hold a
    weekend too. Code 3 is a month, of which the middle is given, or the first or last day where the source speaks
    of its beginning or end.
    """
    if precision is DatePrecision.DAY:
        return day_given, day_given
    if precision is DatePrecision.MONTH:
        days = monthrange(day_given.year, day_given.month)[1]
        return day_given.replace(day=1), day_given.replace(day=days)
    middle = day_given
    if day_given.weekday() in (WEDNESDAY, THURSDAY):
        middle = day_given - timedelta(days=day_given.weekday()) + HALF_A_WEEK
    return middle - HALF_A_WEEK, middle + HALF_A_WEEK
