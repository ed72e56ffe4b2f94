"""Incidents as rows of the UCDP Georeferenced Event Dataset, in the 41 columns of its Syria release: what an import
of such rows keeps comes back as it was. What the ledger does not keep stays empty; no number is made up, and an
incident that the layout cannot hold is left out with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.datasets.columns import Column, Kind, decimal_text
from ledger.datasets.incidents import ALL_CLASSES, FORCE, ByParty, Figure, HeldClaim, Incident, Sides
from ledger.datasets.named_actors import UCDP, NamedActor
from ledger.datasets.ucdp_layout import (
    COLUMNS,
    CONFLICT,
    DYAD,
    INCIDENTS,
    RELEASE,
    UNKNOWN_SOURCES,
    LeftOut,
    Note,
)
from ledger.domain.codes import (
    DatePrecision,
    EventClarity,
    KindOfViolence,
    Outcome,
    PlacePrecision,
    Verification,
    VictimClass,
)

NOBODY = Figure(0, 0, 0)


class NotInLayoutError(Exception):
    """An incident that has no row; holds the reason."""

    def __init__(self, reason: LeftOut) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Killed:
    """The killed of one incident: in all, and by party and class."""

    whole: Figure | None
    parts: Mapping[ByParty, Figure] = field(default_factory=dict)
    none: bool = False
    """The row that the incident comes from states that nobody was killed."""


@dataclass(frozen=True)
class UcdpRow:
    """A row, its cells as text in the layout's order, with what is to be known of it."""

    cells: Sequence[str]
    notes: Sequence[Note]


def columns() -> tuple[Column[UcdpRow], ...]:
    """The layout as columns of text."""
    return tuple(Column(name, Kind.TEXT, _cell(index)) for index, name in enumerate(COLUMNS))


def may_state_none(incident: Incident) -> str | None:
    """The report to look at where an incident can come from a row that states no deaths at all: one report, of a
    release of UCDP's, of which no casualties hold. None for all others."""
    if len(incident.claims) != 1 or incident.is_cut or incident.merged_incident_ids:
        return None
    (only,) = incident.claims
    of_release = RELEASE in only.source_ids and only.content["type"] in FORCE and not only.corrected
    return only.report_id if of_release else None


def ucdp_row(incident: Incident, killed: Killed, actors: Mapping[str, NamedActor]) -> UcdpRow:
    """The row of an incident; NotInLayoutError where it has none."""
    notes: list[Note] = []
    sides = _sides(incident, actors)
    cells = {
        **_deaths(incident, killed, sides, notes),
        **_place(incident),
        **_time(incident, notes),
        **_kind(incident, killed, notes),
        **_source(incident.claims, incident.report_count),
        **_side_cells(sides, actors, notes),
        "id": incident.incident_id.removeprefix(INCIDENTS),
    }
    if any(incident.remarks):
        notes.append(Note.CLAIMS_DIFFER)
    return UcdpRow([cells.get(name, "") for name in COLUMNS], list(dict.fromkeys(notes)))


def _cell(index: int) -> Any:
    return lambda row: row.cells[index]


def _sides(incident: Incident, actors: Mapping[str, NamedActor]) -> Sides | None:
    """The sides in UCDP's order: in state-based violence side a is a government. UCDP's own rows are in it."""
    sides = incident.sides
    if sides is None or sides.both_ways or incident.kinds_of_violence != [KindOfViolence.STATE_BASED]:
        return sides
    a_state, b_state = (bool(each and each.is_state) for each in (actors.get(sides.a), actors.get(sides.b)))
    return Sides(sides.b, sides.a, both_ways=False) if b_state and not a_state else sides


def _side_cells(sides: Sides | None, actors: Mapping[str, NamedActor], notes: list[Note]) -> dict[str, str]:
    if sides is None:
        notes.append(Note.SIDES_NOT_STATED)
        return {}
    cells: dict[str, str] = {}
    for name, actor_id in (("side_a", sides.a), ("side_b", sides.b)):
        actor = actors.get(actor_id, NamedActor(actor_id))
        cells |= {name: actor.name, f"{name}_new_id": actor.ids.get(UCDP, "")}
    return cells


def _deaths(incident: Incident, killed: Killed, sides: Sides | None, notes: list[Note]) -> dict[str, str]:
    deaths = dict.fromkeys(("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown"), 0)
    as_stated = _whole_as_stated(incident)
    bounds = as_stated or killed.whole or (NOBODY if killed.none else None)
    if bounds is None:
        raise NotInLayoutError(LeftOut.NO_DEATHS)
    for key, figure in killed.parts.items():
        if key.victim_class != ALL_CLASSES or as_stated is None:
            deaths[_column_of(key, sides, notes)] += _best(figure)
    if bounds.low is None or bounds.high is None:
        notes.append(Note.BOUND_NOT_STATED)
    if killed.whole is not None and Note.SUPERSEDED in killed.whole.left_out:
        notes.append(Note.SUPERSEDED)
    stated = {"low": bounds.low, "best": _best(bounds), "high": bounds.high}
    return {name: "" if number is None else str(number) for name, number in {**deaths, **stated}.items()}


def _best(figure: Figure) -> int:
    """The best number, of all claims or of none: part of a number would pass for the whole."""
    if LeftOut.UNRESOLVED_WORDS in figure.left_out:
        raise NotInLayoutError(LeftOut.UNRESOLVED_WORDS)
    if figure.best is None or LeftOut.NO_BEST in figure.left_out:
        raise NotInLayoutError(LeftOut.NO_BEST)
    return figure.best


def _column_of(key: ByParty, sides: Sides | None, notes: list[Note]) -> str:
    match key.victim_class:
        case VictimClass.TROOPS:
            if sides is not None and key.party in (sides.a, sides.b):
                return "deaths_a" if key.party == sides.a else "deaths_b"
            notes.append(Note.PARTY_NOT_A_SIDE)
            return "deaths_unknown"
        case VictimClass.CIVILIANS:
            return "deaths_civilians"
        case VictimClass.CONTRACTORS:
            notes.append(Note.CONTRACTORS)
            return "deaths_civilians"
        case _:
            return "deaths_unknown"


def _whole_as_stated(incident: Incident) -> Figure | None:
    """The bounds that a row of UCDP's gives for the incident as a whole, as long as nobody has said otherwise of a
    part: then they hold, also where the row's classes do not add up to its best number."""
    if incident.report_count != 1 or not all(map(_as_released, incident.claims)):
        return None
    for claim in incident.claims:
        content = claim.content
        if (
            content["type"] == "TollClaimed"
            and "victim_class" not in content
            and content["outcome"] == Outcome.KILLED
        ):
            stated = content["count"]
            return Figure(stated.get("low"), stated.get("best"), stated.get("high"))
    return None


def _as_released(claim: HeldClaim) -> bool:
    discounted = claim.content.get("verification") == Verification.DISCOUNTED
    return RELEASE in claim.source_ids and not claim.corrected and not discounted


def _place(incident: Incident) -> dict[str, str]:
    place = incident.place or {}
    if "latitude" not in place:
        raise NotInLayoutError(LeftOut.NO_POINT)
    latitude, longitude = (decimal_text(place[name]) for name in ("latitude", "longitude"))
    return {
        "where_prec": str(PlacePrecision(place["precision"]).code),
        "where_coordinates": place.get("name", ""),
        "adm_1": place.get("admin1", ""),
        "adm_2": place.get("admin2", ""),
        "country": place.get("country", ""),
        "latitude": latitude,
        "longitude": longitude,
        "geom_wkt": f"POINT ({longitude.removesuffix('.0')} {latitude.removesuffix('.0')})",
    }


def _time(incident: Incident, notes: list[Note]) -> dict[str, str]:
    start, end, precision = incident.occurred
    if precision is DatePrecision.YEARS:
        notes.append(Note.DATE_PRECISION)
        precision = DatePrecision.YEAR
    return {
        "year": str(start.year),
        "date_prec": str(precision.code),
        "date_start": start.isoformat(),
        "date_end": end.isoformat(),
    }


def _kind(incident: Incident, killed: Killed, notes: list[Note]) -> dict[str, str]:
    aggregate = killed.whole is not None and "AGGREGATE" in killed.whole.flags
    if incident.clarity in list(EventClarity):
        aggregate = incident.clarity == EventClarity.AGGREGATE
    else:
        notes.append(Note.CLAIMS_DIFFER)
    kinds = incident.kinds_of_violence
    if len(kinds) != 1:
        notes.append(Note.KIND_NOT_STATED)
    clarity = EventClarity.AGGREGATE if aggregate else EventClarity.SINGLE
    return {
        "type_of_violence": str(KindOfViolence(kinds[0]).code) if len(kinds) == 1 else "",
        "event_clarity": str(clarity.code),
    }


def _source(claims: Sequence[HeldClaim], reports: int) -> dict[str, str]:
    """What the latest release says of its source; of one report, on how many sources it rests."""
    of_releases = [claim for claim in claims if RELEASE in claim.source_ids]
    latest = of_releases[-1] if of_releases else None
    only = claims[-1] if reports == 1 else latest if len(of_releases) == len(claims) else None
    return {
        "conflict_new_id": latest.source_ids.get(CONFLICT, "") if latest else "",
        "dyad_new_id": latest.source_ids.get(DYAD, "") if latest else "",
        "number_of_sources": str(only.source_count) if only and only.source_count else UNKNOWN_SOURCES,
    }
