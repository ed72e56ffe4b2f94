"""Rows of the UCDP Georeferenced Event Dataset as report documents: the layout of 41 columns, as of codebook 19.1,
and the newer one of 49. One report for each row, nothing added and nothing allotted: bounds that UCDP gives
for a row as a whole are not divided among its classes of victims."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

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
    code,
    day,
    day_of,
    degrees,
    number,
)
from ledger.datasets.named_actors import UCDP
from ledger.datasets.ucdp_layout import CONFLICT, DYAD, INCIDENTS, NAME
from ledger.domain.claim import INCIDENTS as STREAMS
from ledger.domain.codes import ActorKind, DatePrecision, EventClarity, KindOfViolence, PlacePrecision
from ledger.domain.values import MAX_WORD

SOURCE = "UCDP GED"
CIVILIANS = "1"
"""UCDP's id of civilians as a side."""
SEPARATOR = ";"
"""Between the dates of several sources."""
EARLY = timedelta(days=7)
"""A source's date can be so much earlier than the event: time zones, and days counted otherwise."""

REQUIRED = frozenset(
    (
        *("id", "type_of_violence", "side_a_new_id", "side_a", "side_b_new_id", "side_b"),
        *("where_prec", "where_coordinates", "country", "event_clarity", "date_prec", "date_start", "date_end"),
        *("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown", "low", "best", "high"),
    )
)
OPTIONAL = frozenset(
    (
        *("conflict_new_id", "dyad_new_id", "dyad_name", "number_of_sources", "source_date"),
        *("adm_1", "adm_2", "latitude", "longitude"),
    )
)
CLASSES = MappingProxyType(
    {"deaths_a": "troops", "deaths_b": "troops", "deaths_civilians": "civilians", "deaths_unknown": "unknown"}
)
"""The columns of deaths, and whose they are."""
TYPES = MappingProxyType({"troops": "TroopsKilled", "civilians": "CiviliansKilled", "unknown": "PersonsKilled"})


def key_of(cells: Cells) -> str:
    """The id of the event, which stays the same over releases."""
    return str(number(cells, "id"))


def incident_of(key: str) -> str:
    """The incident that a row is about."""
    return f"{INCIDENTS}{key}"


def place_and_time(cells: Cells) -> tuple[str, date, date]:
    """Country, first and last day."""
    return cell(cells, "country"), day_of(cells, "date_start"), day_of(cells, "date_end")


def actors_of(cells: Cells) -> Sequence[Seen]:
    """The two sides. UCDP has no kinds of actors: governments are states at home or abroad, all others but
    civilians are taken for rebel groups."""
    return [_seen(cells, side) for side in ("side_a", "side_b")]


def entry_of(cells: Cells, actors: ActorIds, release: Release) -> Entry:
    """The row's report: the use of force, each class of deaths, and the whole where estimates differ."""
    key = key_of(cells)
    remarks: list[Remark] = []
    force, *deaths = _claims(cells, actors, remarks)
    document = {
        "report_id": DATASET.report_id(key),
        "source": {"name": SOURCE, "external_ids": _external_ids(cells, release)},
        "reported": _reported(cells, release, remarks).isoformat(),
        "title": ", ".join(part for part in (cells.get("dyad_name", ""), cells["where_coordinates"]) if part)[
            :MAX_WORD
        ],
        "language": "en",
        "claims": [force, *deaths],
        **_source_count(cells, remarks),
    }
    return Entry(key, document, remarks)


def _seen(cells: Cells, side: str) -> Seen:
    name, external_id = cell(cells, side), str(number(cells, f"{side}_new_id"))
    kind = ActorKind.REBEL_GROUP
    if external_id == CIVILIANS:
        kind = ActorKind.CIVILIANS
    elif name.startswith("Government of "):
        at_home = name.partition("Government of ")[2].startswith(cells["country"].partition(" (")[0])
        kind = ActorKind.STATE_FORCES if at_home else ActorKind.EXTERNAL
    return Seen(external_id, name, kind.value)


def _external_ids(cells: Cells, release: Release) -> list[Document]:
    of_row = ((CONFLICT, "conflict_new_id"), (DYAD, "dyad_new_id"))
    stated = [(scheme, cells.get(column, "").strip()) for scheme, column in of_row]
    return [release.external_id, *({"scheme": scheme, "id": each} for scheme, each in stated if each)]


def _source_count(cells: Cells, remarks: list[Remark]) -> Document:
    """-1 is unknown."""
    if not cells.get("number_of_sources", "").strip():
        return {}
    count = number(cells, "number_of_sources", least=-1)
    if count == 0:
        remarks.append(Remark("number_of_sources", "0", "is taken for unknown"))
    return {"source_count": count} if count > 0 else {}


def _reported(cells: Cells, release: Release, remarks: list[Remark]) -> date:
    """The latest day of the row's sources, for the row rests on all of them, and not before the event was over.
    Days outside of any reason are unknown; where no other is left, the day of the release is all that is known."""
    start, end = day_of(cells, "date_start"), day_of(cells, "date_end")
    stated = [part for part in cells.get("source_date", "").split(SEPARATOR) if part.strip()]
    known = []
    for text in stated:
        found = day(text)
        if found is not None and start - EARLY <= found <= release.available:
            known.append(found)
        else:
            remarks.append(Remark("source_date", text.strip()[:MAX_SHOWN], "is outside of any reason: unknown"))
    return max(*known, end) if known else release.available


def _claims(cells: Cells, actors: ActorIds, remarks: list[Remark]) -> Iterator[Document]:
    common = _common(cells)
    yield _force(cells, actors, common)
    deaths = {column: number(cells, column) for column in CLASSES}
    low, best, high = (number(cells, name) for name in ("low", "best", "high"))
    if _is_one_sided(cells) and deaths["deaths_b"]:
        raise RowError("deaths_b", "is not 0, but in one-sided violence the victims are civilians, not troops")
    if sum(deaths.values()) != best:
        together = f"is {best}, but the classes of deaths add up to {sum(deaths.values())}"
        remarks.append(Remark("best", str(best), together))
    if not low <= best <= high:
        remarks.append(Remark("best", str(best), f"low {low}, best {best}, high {high} are not in order"))
    yield from _casualties(cells, actors, common, deaths, {"low": low, "best": best, "high": high})


def _casualties(
    cells: Cells, actors: ActorIds, common: Document, deaths: dict[str, int], bounds: Document
) -> Iterator[Document]:
    """A class holds the row's bounds where it holds all deaths; of several, UCDP gives the best estimates alone,
    and the bounds are those of the whole."""
    differ = len(set(bounds.values())) > 1
    between = {"qualifier": "between", **bounds}
    stated = {column: count for column, count in deaths.items() if count}
    if not stated and differ and not bounds["best"]:
        yield _casualty(cells, actors, common, "deaths_unknown", between)
        return
    alone = len(stated) == 1 and sum(stated.values()) == bounds["best"]
    for column, count in stated.items():
        about = {"qualifier": "about", "stated": count}
        yield _casualty(cells, actors, common, column, (between if alone else about) if differ else count)
    if sum(stated.values()) != bounds["best"] or (differ and not alone):
        killers = _killers(cells, actors)
        yield {**common, "type": "TollClaimed", "outcome": "killed", **killers, "count": between}


def _common(cells: Cells) -> Document:
    """The parts that all claims of the row share."""
    place: Document = {
        "name": cell(cells, "where_coordinates"),
        "precision": code(cells, "where_prec", PlacePrecision).value,
        "country": cell(cells, "country"),
        "admin1": cells.get("adm_1", "").strip(),
        "admin2": cells.get("adm_2", "").strip(),
        "latitude": degrees(cells, "latitude"),
        "longitude": degrees(cells, "longitude"),
    }
    return {
        "occurred": {
            "start": day_of(cells, "date_start").isoformat(),
            "end": day_of(cells, "date_end").isoformat(),
            "precision": code(cells, "date_prec", DatePrecision).value,
        },
        "place": {name: value for name, value in place.items() if value not in ("", None)},
        "clarity": code(cells, "event_clarity", EventClarity).value,
        "kind_of_violence": code(cells, "type_of_violence", KindOfViolence).value,
        "incident_id": incident_of(key_of(cells)),
    }


def _is_one_sided(cells: Cells) -> bool:
    return code(cells, "type_of_violence", KindOfViolence) is KindOfViolence.ONE_SIDED


def _sides(cells: Cells, actors: ActorIds) -> tuple[str, str]:
    return actors[str(number(cells, "side_a_new_id"))], actors[str(number(cells, "side_b_new_id"))]


def _force(cells: Cells, actors: ActorIds, common: Document) -> Document:
    """Who used force against whom. UCDP does not code who attacked in a fight: both sides are named as both."""
    side_a, side_b = _sides(cells, actors)
    both = [side_a, side_b]
    attackers, targets = ([side_a], [side_b]) if _is_one_sided(cells) else (both, both)
    return {**common, "type": "AttackReported", "attackers": attackers, "targets": targets}


def _killers(cells: Cells, actors: ActorIds) -> Document:
    """UCDP says who killed only where violence is one-sided."""
    return {"perpetrators": [_sides(cells, actors)[0]]} if _is_one_sided(cells) else {}


def _casualty(cells: Cells, actors: ActorIds, common: Document, column: str, count: Any) -> Document:
    """The claim of one class of deaths; of an aggregate, a toll of its incident."""
    victims = CLASSES[column]
    side_a, side_b = _sides(cells, actors)
    whose: Document = _killers(cells, actors)
    if victims == "troops":
        whose = {"victim_party": side_a if column == "deaths_a" else side_b}
    if common["clarity"] == EventClarity.AGGREGATE.value:
        return {
            **common,
            "type": "TollClaimed",
            "victim_class": victims,
            "outcome": "killed",
            **whose,
            "count": count,
        }
    of_class = {"victim_class": victims} if victims == "unknown" else {}
    return {**common, "type": TYPES[victims], **of_class, **whose, "count": count}


DATASET = Dataset(
    name=NAME,
    title=SOURCE,
    scheme=UCDP,
    stream_of=lambda key: f"{STREAMS}{incident_of(key)}",
    columns=REQUIRED,
    key_of=key_of,
    place_and_time=place_and_time,
    actors_of=actors_of,
    entry_of=entry_of,
    optional=OPTIONAL,
)
