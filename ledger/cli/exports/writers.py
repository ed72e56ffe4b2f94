"""Rows as bytes in the formats of exports: CSV, CSV with HXL hashtags, GeoJSON. Each is written as rows come, and
none keeps them. Text is written as it is recorded: nothing is added to a cell that looks like a formula."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Protocol

from ledger.cli.exports.account import Account
from ledger.datasets.columns import Column, decimal_text
from ledger.datasets.geojson import feature

Columns = Sequence[Column[Any]]
Row = Sequence[Any]

NEEDS_QUOTES = re.compile(r'[,"\r\n]')
NEEDS_QUOTES_IN_LIST = re.compile(r'[;"\r\n]')


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Some bytes."""


class Writer(Protocol):
    """A format: begun once, given rows, ended once."""

    has_account: bool
    """Whether the account is part of the file; otherwise it goes beside it."""

    def begin(self, account: Account) -> None:
        """What comes before the rows."""

    def write(self, rows: Iterable[Row]) -> None:
        """Some rows."""

    def end(self, account: Account) -> None:
        """What comes after the rows."""


class CsvWriter:
    """Comma-separated as in RFC 4180, with a header, in UTF-8, lines ended by a line feed. Lists are joined by
    semicolons, and an item of one is quoted in turn where it needs it."""

    has_account = False

    def __init__(self, columns: Columns, stream: Sink, hashtags: bool = False) -> None:
        self._columns = columns
        self._stream = stream
        self._hashtags = hashtags

    def begin(self, account: Account) -> None:
        """The header, and the row of HXL hashtags below it."""
        self._write([column.name for column in self._columns])
        if self._hashtags:
            self._write([column.tag for column in self._columns])

    def write(self, rows: Iterable[Row]) -> None:
        """One line each; an absent value is an empty cell."""
        for row in rows:
            self._write([cell_text(value) for value in row])

    def end(self, account: Account) -> None:
        """Nothing: data alone."""

    def _write(self, cells: Iterable[str]) -> None:
        line = ",".join(_quoted(cell, NEEDS_QUOTES) for cell in cells)
        self._stream.write(f"{line}\n".encode())


class GeoJsonWriter:
    """One FeatureCollection, a feature on each line; the account is its member `metadata`."""

    has_account = True

    def __init__(self, columns: Columns, stream: Sink) -> None:
        self._columns = columns
        self._stream = stream
        self._position = 0
        self._separator = b"\n"

    def begin(self, account: Account) -> None:
        """The collection is opened."""
        self._position = account.basis.as_of_position
        self._stream.write(b'{"type":"FeatureCollection","features":[')

    def write(self, rows: Iterable[Row]) -> None:
        """One feature each; the first cell is its id."""
        for row in rows:
            made = feature(self._columns, row, row[0], self._position)
            self._stream.write(self._separator + _json(made))
            self._separator = b",\n"

    def end(self, account: Account) -> None:
        """The collection is closed; cut short before, it is no JSON."""
        self._stream.write(b'\n],"metadata":' + _json(account.document()) + b"}\n")


def cell_text(value: Any) -> str:
    """A value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ";".join(_quoted(cell_text(item), NEEDS_QUOTES_IN_LIST) for item in value)
    if isinstance(value, float):
        return decimal_text(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _quoted(text: str, needs_quotes: re.Pattern[str]) -> str:
    return '"' + text.replace('"', '""') + '"' if needs_quotes.search(text) else text


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
