"""Rows in UCDP's layout as reports, one for each, as an import files them; and rows with whatever they can say. The
export is compared with the rows: nothing of it is used here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from ledger.domain.codes import Code, DatePrecision, EventClarity, KindOfViolence, PlacePrecision

Row = Mapping[str, str]
Document = dict[str, Any]

CLASSES = ("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown")
BOUNDS = ("low", "best", "high")
RELEASE = "syria 2016-2019"
MAX_ID = 128
AWKWARD = (
    '=HYPERLINK("x")',
    "a, b",
    'the "old" road',
    "+1",
    "-2",
    "@home",
    "Ma’arrat an-Nu‘man; north",
    "'quoted'",
)
"""Names of places that a careless file would break or that a spreadsheet would run."""


def actor_id(name: str) -> str:
    """An actor's id in the ledger."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:MAX_ID].strip("-")


def register(rows: Iterable[Row]) -> Document:
    """A report that registers the sides of rows under UCDP's names and ids."""
    sides = {(row[f"{side}_new_id"], row[side]) for row in rows for side in ("side_a", "side_b")}
    return {
        "report_id": "ucdp-ged-actors",
        "source": {"name": "Register of actors"},
        "reported": "2020-01-01",
        "claims": [
            {
                "type": "ActorRegistered",
                "actor_id": actor_id(name),
                "name": name,
                "actor_kind": "state_forces" if name.startswith("Government") else "rebel_group",
                "external_ids": [{"scheme": "ucdp", "id": number}],
            }
            for number, name in sorted(sides)
        ],
    }


def report_of(row: Row) -> Document:
    """The report of a row."""
    ids = {"ucdp-ged-release": RELEASE, "ucdp-conflict": row.get("conflict_new_id", "")}
    ids["ucdp-dyad"] = row["dyad_new_id"]
    external_ids = [{"scheme": scheme, "id": number} for scheme, number in ids.items() if number]
    sources = int(row["number_of_sources"])
    return {
        "report_id": f"ucdp-ged-{row['id']}",
        "source": {"name": "UCDP GED", "external_ids": external_ids},
        "reported": "2019-12-01",
        "title": f"{row['side_a']} - {row['side_b']}",
        **({"source_count": sources} if sources > 0 else {}),
        "claims": list(_claims(row)),
    }


def _word(codes: type[Code], number: str) -> str:
    return {each.code: each.value for each in codes}[int(number)]


def _claims(row: Row) -> Iterator[Document]:
    side_a, side_b = actor_id(row["side_a"]), actor_id(row["side_b"])
    one_sided = row["type_of_violence"] == "3"
    common = _common(row)
    both = [side_a, side_b]
    attackers, targets = ([side_a], [side_b]) if one_sided else (both, both)
    yield {**common, "type": "AttackReported", "attackers": attackers, "targets": targets}
    killers: Document = {"perpetrators": [side_a]} if one_sided else {}
    deaths = {name: int(row[name]) for name in CLASSES if int(row[name])}
    low, best, high = (int(row[name]) for name in BOUNDS)
    between = {"qualifier": "between", "low": low, "best": best, "high": high}
    differ = not low == best == high
    if not deaths and differ and not best:
        yield _casualty(row, common, "deaths_unknown", between, killers)
        return
    alone = len(deaths) == 1 and sum(deaths.values()) == best
    for name, number in deaths.items():
        about = between if alone else {"qualifier": "about", "stated": number}
        yield _casualty(row, common, name, about if differ else number, killers)
    if sum(deaths.values()) != best or (differ and not alone):
        yield {**common, "type": "TollClaimed", "outcome": "killed", **killers, "count": between}


def _common(row: Row) -> Document:
    place = {
        "name": row["where_coordinates"],
        "precision": _word(PlacePrecision, row["where_prec"]),
        "country": row["country"],
        "admin1": row["adm_1"],
        "admin2": row["adm_2"],
        "latitude": float(row["latitude"]),
        "longitude": float(row["longitude"]),
    }
    precision = _word(DatePrecision, row["date_prec"])
    return {
        "incident_id": f"ucdp-{row['id']}",
        "occurred": {"start": row["date_start"], "end": row["date_end"], "precision": precision},
        "place": {name: value for name, value in place.items() if value != ""},
        "clarity": _word(EventClarity, row["event_clarity"]),
        "kind_of_violence": _word(KindOfViolence, row["type_of_violence"]),
    }


def _casualty(row: Row, common: Document, name: str, count: Any, killers: Document) -> Document:
    victims = {"deaths_civilians": "civilians", "deaths_unknown": "unknown"}.get(name, "troops")
    whose = killers
    if victims == "troops":
        whose = {"victim_party": actor_id(row["side_a" if name == "deaths_a" else "side_b"])}
    if common["clarity"] == "aggregate":
        kind, of_class = "TollClaimed", {"victim_class": victims, "outcome": "killed"}
    else:
        kinds = {"troops": "TroopsKilled", "civilians": "CiviliansKilled", "unknown": "PersonsKilled"}
        kind, of_class = kinds[victims], {"victim_class": victims} if victims == "unknown" else {}
    return {**common, "type": kind, **of_class, **whose, "count": count}


def rows_of_every_kind() -> Iterator[dict[str, str]]:
    """Every kind of violence and clarity, with every combination of classes of deaths, and bounds in any order."""
    number = 0
    for kind, clarity, has in product("123", "12", product((False, True), repeat=4)):
        deaths = {
            name: 3 + place if there else 0 for place, (name, there) in enumerate(zip(CLASSES, has, strict=True))
        }
        if kind == "3" and deaths["deaths_b"]:
            continue
        best = sum(deaths.values())
        for low, stated, high in ((0, 0, 0), (-1, 0, 2), (1, 0, 0), (0, 0, -1), (-1, 2, 3)):
            bounds = (best + low, best + stated, best + high)
            if min(bounds) >= 0:
                number += 1
                yield _row(number, kind, clarity, deaths, dict(zip(BOUNDS, bounds, strict=True)))


def _row(number: int, kind: str, clarity: str, deaths: dict[str, int], bounds: dict[str, int]) -> dict[str, str]:
    sides = {"1": ("118", "Government of Syria", "4456", "Syrian insurgents")}
    side_a_id, side_a, side_b_id, side_b = sides.get(kind, ("234", "IS", "1", "Civilians"))
    places = (("1", "35.5", "36.25"), ("4", "35.0", "-38.0"), ("6", "-0.000125", "0.0"))
    precision, latitude, longitude = places[number % len(places)]
    plain = {"latitude": latitude.removesuffix(".0"), "longitude": longitude.removesuffix(".0")}
    return {
        "id": str(900_000 + number),
        "year": "2019",
        "type_of_violence": kind,
        "conflict_new_id": "299" if number % 2 else "",
        "dyad_new_id": str(11_000 + number),
        "side_a_new_id": side_a_id,
        "side_a": side_a,
        "side_b_new_id": side_b_id,
        "side_b": side_b,
        "number_of_sources": str(number % 4 or -1),
        "where_prec": precision,
        "where_coordinates": AWKWARD[number % len(AWKWARD)],
        "adm_1": "Idlib Governorate" if number % 3 else "",
        "adm_2": "Harem, district" if number % 2 else "",
        "latitude": latitude,
        "longitude": longitude,
        "geom_wkt": f"POINT ({plain['longitude']} {plain['latitude']})",
        "country": "Syria",
        "event_clarity": clarity,
        "date_prec": str(number % 5 + 1),
        "date_start": "2019-03-01",
        "date_end": "2019-03-04" if number % 5 else "2019-03-01",
        **{name: str(value) for name, value in {**deaths, **bounds}.items()},
    }
