"""Rows of ACLED's event data as report documents: the 31 columns since 20 March 2023, and the 31 before. One report
for each row, with what its codes say and nothing else: no text of its notes, no outlet's name, and no count where 0
can mean that nothing is known. Sections and tables that are named are those of the ACLED Codebook."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType

from ledger.datasets.acled_codebook import (
    GEO_PRECISION,
    TIME_PRECISION,
    Coding,
    coded,
    coding_of,
    event_date,
    interval_of,
)
from ledger.datasets.acled_sides import (
    SEPARATOR,
    Parties,
    Side,
    contradictions,
    parties_of,
    sides_of,
    territory_of,
    uses_force,
)
from ledger.datasets.entries import (
    MAX_SHOWN,
    ActorIds,
    Cells,
    Dataset,
    Document,
    Entry,
    Release,
    Remark,
    RowError,
    Seen,
    cell,
    degrees,
    number,
)
from ledger.domain.claim import INCIDENTS
from ledger.domain.codes import PlacePrecision, VictimClass
from ledger.domain.values import MAX_WORD

SOURCE = "ACLED"
REQUIRED = frozenset(
    (
        *("event_id_cnty", "event_date", "year", "time_precision", "event_type", "interaction"),
        *("actor1", "assoc_actor_1", "inter1", "actor2", "assoc_actor_2", "inter2", "country", "admin1", "admin2"),
        *("location", "latitude", "longitude", "geo_precision", "source", "fatalities", "timestamp"),
    )
)
"""What is read, and both layouts have. Nothing is read that one of them lacks: both say the same of an event."""
OPTIONAL = frozenset(("sub_event_type",))
"""Files from before 14 March 2019 have none, and other names of events instead."""
MEANS = MappingProxyType(
    {
        each: each[0].lower() + each[1:]
        for each in (
            *("Chemical weapon", "Air/drone strike", "Suicide bomb", "Shelling/artillery/missile attack"),
            *("Remote explosive/landmine/IED", "Grenade", "Sexual violence", "Abduction/forced disappearance"),
            "Mob violence",
        )
    }
)
"""The sub-events that say how force was used."""
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_SECONDS = re.compile(r"([0-9]{9,11})(\.0)?")


def key_of(cells: Cells) -> str:
    """The id of the event, which "remains constant even when the event details are updated" (table 1). `data_id`
    changed with every update and `event_id_no_cnty` is unique in a country only: neither is an id."""
    text = cells.get("event_id_cnty", "").strip()
    if not text:
        raise RowError("event_id_cnty", "is empty; a row is found again by its id: export the rows with theirs")
    if not _KEY.fullmatch(text.lower()):
        raise RowError("event_id_cnty", f"is `{text[:MAX_SHOWN]}`; an id is of letters and digits, like ETH9766")
    return text.lower()


def incident_of(key: str) -> str:
    """The incident that a row is about."""
    return f"acled-{key}"


def place_and_time(cells: Cells) -> tuple[str, date, date]:
    """Country, and the day that the row gives. Not its whole week or month: an export of days ends with a day, and
    what lies after it is not missing from the export because one row may have happened then."""
    given = event_date(cells)
    return cell(cells, "country"), given, given


def actors_of(cells: Cells) -> Sequence[Seen]:
    """Those whom the claims name. In ACLED's data a name is all that an actor has: there are no ids of actors."""
    coding, sides = coding_of(cells, []), sides_of(cells)
    parties, territory = parties_of(coding, sides), territory_of(coding, sides)
    named = [*parties.attackers, *parties.targets]
    if territory is not None:
        named += [*territory.taken_by, *territory.taken_from]
    return list({each.external_id: each for each in named}.values())


def entry_of(cells: Cells, actors: ActorIds, release: Release) -> Entry:
    """The row's report: the use of force or else what is told, territory that changed hands, and the fatalities."""
    key = key_of(cells)
    remarks: list[Remark] = []
    coding, sides = coding_of(cells, remarks), sides_of(cells)
    remarks += contradictions(cells, coding, sides)
    outlets = {part.strip() for part in cells["source"].split(SEPARATOR) if part.strip()}
    event = {"scheme": "acled-event", "id": cells["event_id_cnty"].strip()}
    document = {
        "report_id": DATASET.report_id(key),
        "source": {"name": SOURCE, "external_ids": [release.external_id, event]},
        "reported": _reported(cells, release, remarks),
        "title": f"{_named(coding)}: {cell(cells, 'location')}"[:MAX_WORD],
        "language": "en",
        "claims": list(_claims(cells, coding, sides, actors)),
        **({"source_count": len(outlets)} if outlets else {}),
    }
    year = cells["year"].strip().removesuffix(".0")
    if year and year != str(event_date(cells).year):
        remarks.append(Remark("year", year[:MAX_SHOWN], "is not that of event_date, which is taken"))
    return Entry(key, document, remarks)


def _named(coding: Coding) -> str:
    return f"{coding.event.value}, {coding.sub_event}" if coding.sub_event else coding.event.value


def _reported(cells: Cells, release: Release, remarks: list[Remark]) -> str:
    """When ACLED published the row as it is: the timestamp is "the exact date and time an event was uploaded"
    (table 1). One that cannot be is unknown; then the day of the release is all that is known."""
    text = cells["timestamp"].strip()
    found = _SECONDS.fullmatch(text)
    if found:
        uploaded = datetime.fromtimestamp(int(found[1]), UTC)
        first, _ = interval_of(event_date(cells), coded(cells, "time_precision", TIME_PRECISION))
        if first <= uploaded.date() <= release.available:
            return uploaded.isoformat()
    if text:
        why = "is no moment between the event and the release: unknown, the day of the release is taken"
        remarks.append(Remark("timestamp", text[:MAX_SHOWN], why))
    return release.available.isoformat()


def _claims(cells: Cells, coding: Coding, sides: Sequence[Side], actors: ActorIds) -> Iterator[Document]:
    common, parties = _common(cells), parties_of(coding, sides)
    if uses_force(coding, sides):
        means = {"means": MEANS[coding.sub_event]} if coding.sub_event in MEANS else {}
        attackers, targets = _ids(parties.attackers, actors), _ids(parties.targets, actors)
        yield {**common, "type": "AttackReported", "attackers": attackers, "targets": targets, **means}
    else:
        yield {**common, "type": "StatementMade", "subject_matter": _told(coding, sides)}
    territory = territory_of(coding, sides)
    if territory is not None:
        taken_by, taken_from = _ids(territory.taken_by, actors), _ids(territory.taken_from, actors)
        yield {**common, "type": "TerritoryTaken", "taken_by": taken_by, "taken_from": taken_from}
    yield from _fatalities(cells, common, parties, actors)


def _common(cells: Cells) -> Document:
    """The parts that all claims of the row share."""
    precision = coded(cells, "time_precision", TIME_PRECISION)
    first, last = interval_of(event_date(cells), precision)
    return {
        "occurred": {"start": first.isoformat(), "end": last.isoformat(), "precision": precision.value},
        "place": _place(cells),
        "incident_id": incident_of(key_of(cells)),
    }


def _place(cells: Cells) -> Document:
    """The place that is named, and how precisely. Where it only stands for a region, the second division in which
    it happens to lie says nothing of the event and is left out."""
    precision = coded(cells, "geo_precision", GEO_PRECISION)
    place: Document = {
        "name": cell(cells, "location"),
        "precision": precision.value,
        "country": cell(cells, "country"),
        "admin1": cells["admin1"].strip(),
        "admin2": "" if precision is PlacePrecision.REGION else cells["admin2"].strip(),
        "latitude": degrees(cells, "latitude"),
        "longitude": degrees(cells, "longitude"),
    }
    return {name: value for name, value in place.items() if value not in ("", None)}


def _told(coding: Coding, sides: Sequence[Side]) -> str:
    """What is told of an event in which no force is known to have been used, in the words of the codes."""
    parts = [f"ACLED codes {_named(coding)}."]
    for each, side in enumerate(sides, start=1):
        beside = f", with {', '.join(other.name for other in side.beside)}" if side.beside else ""
        parts.append(f"Actor {each}: {side.main.name}{beside}.")
    return " ".join(parts)


def _ids(seen: Sequence[Seen], actors: ActorIds) -> list[str]:
    return [actors[each.external_id] for each in seen]


def _fatalities(cells: Cells, common: Document, parties: Parties, actors: ActorIds) -> Iterator[Document]:
    """The persons killed, of unknown class and party: ACLED does not allot fatalities, and its civilians can be
    soldiers who were unarmed (section on inter code 7).

    The number is "about" what it says: the lowest that was reported, 3 or 10 for several, 12 for dozens, 100 for
    hundreds, or a day's share of what several days cost, and ACLED asks to take it for an estimate (section on
    reported fatalities). 0 is no count: it stands for none reported and for nothing known alike.
    """
    count = number(cells, "fatalities")
    if count:
        killers = {"perpetrators": _ids(parties.attackers, actors)} if parties.told else {}
        estimate = {"qualifier": "about", "stated": count}
        victims = VictimClass.UNKNOWN.value
        yield {**common, "type": "PersonsKilled", "victim_class": victims, **killers, "count": estimate}


DATASET = Dataset(
    name="acled",
    title=SOURCE,
    scheme="acled",
    stream_of=lambda key: f"{INCIDENTS}{incident_of(key)}",
    columns=REQUIRED,
    optional=OPTIONAL,
    key_of=key_of,
    place_and_time=place_and_time,
    actors_of=actors_of,
    entry_of=entry_of,
)
