"""Rows of the ETH/PRIO Civil Conflict Ceasefire Dataset as report documents: one row for each party to a ceasefire.
It becomes what that party declared and, where one is coded, the end. -1 is unknown, 0 in a date does not apply, and
nothing is made up in their place. Columns are those of the release of October 2022."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from types import MappingProxyType
from typing import TypeVar

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
    number,
    own_slug,
    tag,
)
from ledger.datasets.named_actors import UCDP
from ledger.datasets.partial_dates import (
    DATES,
    DECLARED,
    EFFECTIVE,
    ENDED,
    PARTS,
    UNKNOWN,
    interval_document,
    interval_of,
)
from ledger.domain.claim import AGREEMENTS
from ledger.domain.codes import (
    ActorKind,
    CeasefireClass,
    CeasefireEnding,
    CeasefireSide,
    Code,
    DatePrecision,
    PlacePrecision,
)
from ledger.domain.values import MAX_WORD

NAME = "eth-prio"
SOURCE = "ETH/PRIO Civil Conflict Ceasefire Dataset"
OF_PAX = MappingProxyType({"pax_id": "pa-x", "pax_stage": "pa-x-stage", "pax_ce": "pa-x-ce"})
"""PA-X's id of an agreement, its stage, and how far it provides for a ceasefire (`Ce`): identifiers of the terms.
The dataset has the first alone; the others are columns that may be added."""
ONGOING = 0
NO_ID = ("", "-1", "0")
REQUIRED = frozenset(
    (
        *("cf_id", "location", "actor_name", "ucdp_actor_id", "side", "ceasefire_class", "ended"),
        *(f"{which}_{part}" for which in DATES for part in PARTS),
    )
)
PURPOSES = MappingProxyType(
    {
        "p_humanitarian": "humanitarian",
        "p_peaceprocess": "peace process",
        "p_holiday": "holiday",
        "p_election": "election",
        "p_other": "other",
    }
)
PROVISIONS = MappingProxyType({"enforcement": "enforcement", "ddr": "disarmament, demobilization, reintegration"})
"""Columns whose codes above 0 say that something is provided for."""
OPTIONAL = frozenset(
    (
        *("partial", "written", "fixed_time", "mediator_nego", "implement", "pax_id", "ucdp_acd_id"),
        *("ucdp_dyad", "pax_stage", "pax_ce", *PURPOSES, *PROVISIONS),
    )
)
HOURS = MappingProxyType({"hour": 1, "day": 24, "week": 7 * 24})
"""Units of a fixed term that are so many hours; a month is none."""
NO_YEAR = "neither declaration nor taking effect has a year; a ceasefire needs one of them"
_TERM = re.compile(r"([0-9]{1,6})(?:\.0)?\s*-?\s*(hour|day|week)?s?", re.IGNORECASE)
_GOVERNMENT = re.compile(r"government of ", re.IGNORECASE)
CodeType = TypeVar("CodeType", bound=Code)


def key_of(cells: Cells) -> str:
    """The ceasefire and the party, which make a row; in ids the point stands in neither."""
    return f"{_ceasefire(cells)}.{tag(_actor_id(cells))}"


def agreement_of(key: str) -> str:
    """The agreement that a row is about."""
    return f"{NAME}-{key.partition('.')[0]}"


def place_and_time(cells: Cells) -> tuple[str, date, date]:
    """Location, first day and last day of what the row dates."""
    known = [found for which in DATES if (found := interval_of(cells, which, []))]
    if not known:
        raise RowError("cf_dec_yr", NO_YEAR)
    return cell(cells, "location"), min(start for start, _, _ in known), max(end for _, end, _ in known)


def actors_of(cells: Cells) -> Sequence[Seen]:
    """The party, by its id in UCDP's register. Mediators are known by name alone."""
    party, external_id = cell(cells, "actor_name"), _actor_id(cells)
    kind = ActorKind.STATE_FORCES if _GOVERNMENT.match(party) else ActorKind.REBEL_GROUP
    of_register = kind.value if re.fullmatch(r"[0-9]+", external_id) else ""
    return [
        Seen(external_id, party, of_register),
        *(Seen(f"mediator:{name}", name, "") for name in dict.fromkeys(_mediators(cells))),
    ]


def entry_of(cells: Cells, actors: ActorIds, release: Release) -> Entry:
    """The row's report. It has no date of its own: it is the release's."""
    key = key_of(cells)
    remarks: list[Remark] = []
    document = {
        "report_id": DATASET.report_id(key),
        "source": {"name": SOURCE, "external_ids": _external_ids(cells, release)},
        "reported": release.available.isoformat(),
        "title": f"{cell(cells, 'cf_id')}: {cell(cells, 'actor_name')}"[:MAX_WORD],
        "language": "en",
        "claims": list(_claims(cells, actors, release, remarks)),
    }
    return Entry(key, document, remarks)


def _ceasefire(cells: Cells) -> str:
    return own_slug(cell(cells, "cf_id").removesuffix(".0"))


def _actor_id(cells: Cells) -> str:
    """UCDP's id of the party; where it has none, its name stands for it."""
    text = cells["ucdp_actor_id"].strip().removesuffix(".0")
    return text if text not in NO_ID else f"name:{cell(cells, 'actor_name')}"


def _external_ids(cells: Cells, release: Release) -> list[Document]:
    of_row = (("ucdp-conflict", "ucdp_acd_id"), ("ucdp-dyad", "ucdp_dyad"))
    stated = [(scheme, cells.get(column, "").strip().removesuffix(".0")) for scheme, column in of_row]
    return [release.external_id, *({"scheme": scheme, "id": each} for scheme, each in stated if each not in NO_ID)]


def _claims(cells: Cells, actors: ActorIds, release: Release, remarks: list[Remark]) -> Iterator[Document]:
    declared, effective = interval_of(cells, DECLARED, remarks), interval_of(cells, EFFECTIVE, remarks)
    first = declared or effective
    if first is None:
        raise RowError("cf_dec_yr", NO_YEAR)
    common: Document = {"agreement_id": agreement_of(key_of(cells)), "place": _place(cells)}
    terms = _terms(cells, actors, remarks)
    if effective:
        terms["effective"] = interval_document(effective)
    party = actors[_actor_id(cells)]
    yield {
        **common,
        "type": "CeasefireDeclared",
        "occurred": interval_document(first),
        "declared_by": [party],
        "terms": terms,
    }
    yield from _end(cells, common, first[0], release, remarks)


def _end(
    cells: Cells, common: Document, first: date, release: Release, remarks: list[Remark]
) -> Iterator[Document]:
    """How it ended. Of an end that is coded and has no year, it is known that it lies before the release."""
    ended = number(cells, "ended", least=UNKNOWN)
    interval = interval_of(cells, ENDED, remarks)
    if ended == ONGOING or (ended == UNKNOWN and interval is None):
        if ended == ONGOING and interval:
            remarks.append(
                Remark("ended", "0", f"is ongoing, but an end is dated to {interval[0]}; no end is taken")
            )
        return
    ending = next((each for each in CeasefireEnding if each.code == ended), None)
    if ending is None:
        raise RowError("ended", f"is {ended}; the codebook has -1 to 4")
    if interval is None:
        interval = (first, max(first, release.available), DatePrecision.YEARS)
    elif interval[1] < first:
        remarks.append(Remark("end_yr", str(interval[0]), "lies before the ceasefire began"))
    yield {**common, "type": "CeasefireEnded", "occurred": interval_document(interval), "ending": ending.value}


def _place(cells: Cells) -> Document:
    location = cell(cells, "location")
    return {"name": location, "precision": PlacePrecision.COUNTRY.value, "country": location}


def _terms(cells: Cells, actors: ActorIds, remarks: list[Remark]) -> Document:
    terms: Document = {
        "zone": _place(cells),
        "side": _coded(cells, "side", CeasefireSide),
        "ceasefire_class": _coded(cells, "ceasefire_class", CeasefireClass),
        "partial": _flag(cells, "partial"),
        "written": _flag(cells, "written"),
        "fixed_term_hours": _fixed_term(cells, remarks),
        "purposes": [word for column, word in PURPOSES.items() if _flag(cells, column)],
        "provisions": [word for column, word in PROVISIONS.items() if _flag(cells, column)],
        "mediators": list(dict.fromkeys(actors[f"mediator:{each}"] for each in _mediators(cells))),
        "monitoring_mechanism": "agreed" if _flag(cells, "implement") else "",
        "external_ids": [{"scheme": NAME, "id": cell(cells, "cf_id")}, *_of_pax(cells)],
    }
    return {name: value for name, value in terms.items() if value not in (None, "", [])}


def _of_pax(cells: Cells) -> list[Document]:
    stated = {column: cells.get(column, "").strip().removesuffix(".0") for column in OF_PAX}
    none = ("", str(UNKNOWN))
    if stated["pax_id"] == "0":  # does not apply; a `Ce` of 0 is a code
        stated["pax_id"] = ""
    return [{"scheme": OF_PAX[column], "id": each} for column, each in stated.items() if each not in none]


def _coded(cells: Cells, column: str, codes: type[CodeType]) -> str | None:
    """The code of the codebook's number; -1 and 0 are none."""
    given = number(cells, column, least=UNKNOWN)
    if given in (UNKNOWN, 0):
        return None
    found = next((each.value for each in codes if each.code == given), None)
    if found is None:
        raise RowError(
            column, f"is {given}; the codebook has {', '.join(str(each.code) for each in codes)}, -1 and 0"
        )
    return found


def _flag(cells: Cells, column: str) -> bool | None:
    """Whether it is so: 0 is no, what is above is yes, -1 is unknown."""
    if not cells.get(column, "").strip():
        return None
    given = number(cells, column, least=UNKNOWN)
    return None if given == UNKNOWN else given > 0


def _fixed_term(cells: Cells, remarks: list[Remark]) -> int | None:
    """The term in hours. A number without a unit is one of days, as most are."""
    text = cells.get("fixed_time", "").strip()
    if text in ("", "-1", "0", "-1.0", "0.0"):
        return None
    found = _TERM.fullmatch(text)
    if found is None or not int(found[1]):
        remarks.append(Remark("fixed_time", text[:MAX_SHOWN], "is no number of hours, days or weeks: unknown"))
        return None
    return int(found[1]) * HOURS[(found[2] or "day").lower()]


def _mediators(cells: Cells) -> list[str]:
    """Mediators by name; a code only says whether there were any."""
    text = cells.get("mediator_nego", "")
    parts = [part.strip() for part in text.split(";" if ";" in text else ",")]
    return [part for part in parts if part and not re.fullmatch(r"-?[0-9.]+", part)]


DATASET = Dataset(
    name=NAME,
    title=SOURCE,
    scheme=UCDP,
    stream_of=lambda key: f"{AGREEMENTS}{agreement_of(key)}",
    columns=REQUIRED,
    optional=OPTIONAL,
    key_of=key_of,
    place_and_time=place_and_time,
    actors_of=actors_of,
    entry_of=entry_of,
)
