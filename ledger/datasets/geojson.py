"""Incidents as GeoJSON features (RFC 7946): a point where one is stated, else no geometry. The codes of precision
travel in the properties, so that a province's centre does not pass for a place."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from ledger.datasets.columns import Column, Subject

POINT = ("longitude", "latitude")
"""Columns that are the geometry, in the order of its coordinates (WGS 84)."""


def feature(
    columns: Sequence[Column[Subject]], cells: Iterable[Any], feature_id: str, as_of_position: int
) -> dict[str, Any]:
    """The feature of a row; its properties are the other cells by their columns' names."""
    properties = {column.name: _plain(cell) for column, cell in zip(columns, cells, strict=True)}
    coordinates = [properties.pop(name) for name in POINT]
    return {
        "type": "Feature",
        "id": feature_id,
        "geometry": None if None in coordinates else {"type": "Point", "coordinates": coordinates},
        "properties": {**properties, "as_of_position": as_of_position},
    }


def _plain(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, date) else cell
