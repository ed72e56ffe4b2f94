"""Rows in ACLED's two layouts, of the project's own making: a country, places, actors and events that do not exist.
An event is written once, in plain codes, and put into either layout. No row of ACLED's own is here or anywhere."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

COMMON = (
    *("event_type", "sub_event_type", "actor1", "assoc_actor_1", "inter1", "actor2", "assoc_actor_2", "inter2"),
    "interaction",
)
PLACE = (
    *("region", "country", "admin1", "admin2", "admin3", "location", "latitude", "longitude", "geo_precision"),
    *("source", "source_scale", "notes", "fatalities"),
)
CURRENT = (
    *("event_id_cnty", "event_date", "year", "time_precision", "disorder_type"),
    *(*COMMON, "civilian_targeting", "iso", *PLACE, "tags", "timestamp"),
)
"""The columns since 20 March 2023, in their order."""
EARLIER = (
    *("data_id", "iso", "event_id_cnty", "event_id_no_cnty", "event_date", "year", "time_precision"),
    *(*COMMON, *PLACE, "timestamp", "iso3"),
)
"""The columns before."""
WORDS = (
    *("", "State forces", "Rebel group", "Political militia", "Identity militia"),
    *("Rioters", "Protesters", "Civilians", "External/Other forces"),
)
"""Of the types of actors, by their numbers."""

ARMY, FRONT, GUARD = "Military Forces of Vastria (2011-)", "River Front", "Harbour Guard"
POLICE, NEIGHBOUR = "Police Forces of Vastria (2011-)", "Military Forces of Ostria (1990-)"
CIVILIANS, PROTESTERS, RIOTERS = "Civilians (Vastria)", "Protesters (Vastria)", "Rioters (Vastria)"
Event = dict[str, str]


def moment(day: str) -> str:
    """A timestamp: noon of a day, in seconds."""
    return str(int(datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC).timestamp()))


def event(key: str = "VAS101", **cells: str) -> Event:
    """A battle of the army and the River Front that cost five lives; cells that are given hold instead."""
    return {
        "event_id_cnty": key,
        "event_date": "2020-02-10",
        "time_precision": "1",
        "event_type": "Battles",
        "sub_event_type": "Armed clash",
        "actor1": ARMY,
        "assoc_actor_1": "",
        "inter1": "1",
        "actor2": FRONT,
        "assoc_actor_2": "",
        "inter2": "2",
        "iso": "999",
        "region": "Elsewhere",
        "country": "Vastria",
        "admin1": "Upper Vale",
        "admin2": "Alder",
        "admin3": "Alder Bridge",
        "location": "Alderbridge",
        "latitude": "12.3456",
        "longitude": "-4.5678",
        "geo_precision": "1",
        "source": "Vale Courier; Radio Alder",
        "source_scale": "Subnational",
        "notes": "On 10 February, a line of text that is not taken.",
        "fatalities": "5",
        "timestamp": moment("2020-02-18"),
        **cells,
    }


def _codes(each: Event) -> list[str]:
    return sorted(code for code in (each["inter1"], each["inter2"]) if code not in ("", "0"))


def current(each: Event) -> Event:
    """The row in the current layout: words for types of actors, nothing for nobody."""
    words = [WORDS[int(code)] for code in _codes(each)]
    return {
        "year": each["event_date"][:4],
        "disorder_type": "Political violence",
        "interaction": "-".join(words) if len(words) > 1 else f"{words[0]} only",
        "civilian_targeting": "",
        "tags": "",
        **each,
        "inter1": WORDS[int(each["inter1"] or 0)],
        "inter2": WORDS[int(each["inter2"] or 0)],
    }


def earlier(each: Event) -> Event:
    """The row in the layout before: numbers for types of actors, 0 for nobody, and days as they are spoken."""
    day = date.fromisoformat(each["event_date"])
    return {
        "data_id": "7000123",
        "event_id_no_cnty": each["event_id_cnty"][3:],
        "year": each["event_date"][:4],
        "interaction": "".join(_codes(each)).ljust(2, "0"),
        "iso3": "VAS",
        **each,
        "event_date": f"{day.day} {day:%B} {day.year}",
        "inter2": each["inter2"] or "0",
    }


LAYOUTS: Sequence[tuple[Sequence[str], Callable[[Event], Event]]] = ((CURRENT, current), (EARLIER, earlier))


def write(path: Path, events: Sequence[Event], layout: int = 0) -> Path:
    """A file of these events in one of the layouts."""
    columns, laid_out = LAYOUTS[layout]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(laid_out(each) for each in events)
    return path
