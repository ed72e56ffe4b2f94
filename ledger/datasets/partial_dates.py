"""Dates in three columns, year, month and day, of which some can be unknown: the days that such a date can be.
Nothing is put in the place of what is unknown."""

from calendar import monthrange
from datetime import date

from ledger.datasets.entries import Cells, Document, Remark, RowError, number
from ledger.domain.codes import DatePrecision

UNKNOWN = -1
DECLARED, EFFECTIVE, ENDED = "cf_dec", "cf_effect", "end"
"""How the three columns of each date begin; year, month and day follow."""
DATES = (DECLARED, EFFECTIVE, ENDED)
PARTS = ("yr", "month", "day")
YEARS = range(1900, 2100)

Interval = tuple[date, date, DatePrecision]


def interval_of(cells: Cells, which: str, remarks: list[Remark]) -> Interval | None:
    """The days that a date can be; None where not even the year is known. Month and day can be unknown."""
    columns = [f"{which}_{part}" for part in PARTS]
    year, month, day = (_part(cells, column) for column in columns)
    if year is None:
        return None
    if year not in YEARS:
        raise RowError(columns[0], f"is {year}, which is no year of a ceasefire")
    if month is None:
        return date(year, 1, 1), date(year, 12, 31), DatePrecision.YEAR
    if month > 12:
        raise RowError(columns[1], f"is {month}, which is no month")
    last = monthrange(year, month)[1]
    if day is None:
        return date(year, month, 1), date(year, month, last), DatePrecision.MONTH
    if day > last:
        remarks.append(Remark(columns[2], str(day), f"is no day of {year}-{month:02}: the month is taken"))
        return date(year, month, 1), date(year, month, last), DatePrecision.MONTH
    return date(year, month, day), date(year, month, day), DatePrecision.DAY


def _part(cells: Cells, column: str) -> int | None:
    """A part of a date; -1 is unknown, 0 does not apply, and so an empty cell."""
    if not cells[column].strip():
        return None
    given = number(cells, column, least=UNKNOWN)
    return given if given > 0 else None


def interval_document(interval: Interval) -> Document:
    """The interval as report files have it."""
    start, end, precision = interval
    return {"start": start.isoformat(), "end": end.isoformat(), "precision": precision.value}
