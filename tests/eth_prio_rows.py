"""Rows in the layout of the ETH/PRIO ceasefire dataset, all of the project's own making: Vastria has no wars."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

Row = dict[str, str]

GOVERNMENT = {"actor_name": "Government of Vastria", "ucdp_actor_id": "901"}
FRONT = {"actor_name": "River Front", "ucdp_actor_id": "9021"}
USUAL: Row = {
    "cc": "900",
    "location": "Vastria",
    "region": "2",
    "cf_id": "VAS-20190304",
    "ucdp_acd_id": "99001",
    "ucdp_dyad": "99002",
    "pax_id": "-1",
    "pax_stage": "",
    "pax_ce": "",
    **GOVERNMENT,
    "cf_dec_yr": "2019",
    "cf_dec_month": "3",
    "cf_dec_day": "4",
    "cf_effect_yr": "2019",
    "cf_effect_month": "3",
    "cf_effect_day": "6",
    "side": "2",
    "ceasefire_class": "2",
    "partial": "0",
    "written": "1",
    "fixed": "0",
    "fixed_time": "0",
    "p_humanitarian": "0",
    "p_peaceprocess": "1",
    "p_holiday": "0",
    "p_election": "0",
    "p_other": "0",
    "p_unclear": "0",
    "mediator_nego": "",
    "implement": "1",
    "enforcement": "0",
    "ddr": "0",
    "ended": "2",
    "end_yr": "2019",
    "end_month": "8",
    "end_day": "-1",
    "comment": "not read",
}


def row(**cells: str) -> Row:
    """A row: a bilateral ceasefire with a mechanism, of March 2019, that broke down in August."""
    return {**USUAL, **cells}


def write(path: Path, rows: Iterable[Row]) -> Path:
    """A file of these rows."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(USUAL))
        writer.writeheader()
        writer.writerows(rows)
    return path
