"""Rows in UCDP's layout with whatever such rows can say; an export is compared with them. Nothing of it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

Row = Mapping[str, str]

CLASSES = ("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown")
BOUNDS = ("low", "best", "high")
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
