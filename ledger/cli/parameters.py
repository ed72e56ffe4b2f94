"""Kinds of values on the command line: words of a code, a day, a moment of the record.
Each refuses what it does not know with the values that it takes."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click
from google.protobuf.descriptor import EnumDescriptor

from incident.ledger.v1 import records_pb2
from ledger.api.fields import enum_numbers
from ledger.api.messages import timestamp_to_proto

MAX_POSITION = 2**63 - 1
MAX_DAYS = 2**31 - 1
"""The most that the contract can carry."""
MAX_WAIT_SECONDS = 30 * 24 * 3600.0
END_OF_DAY = timedelta(days=1) - timedelta(microseconds=1)


class WordOf(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A word of an enumeration, but for some; with `numbered`, also the codebook's number."""

    name = "word"

    def __init__(self, enum: EnumDescriptor, numbered: bool = False, without: Sequence[str] = ()) -> None:
        numbers = enum_numbers(enum)
        self.numbers = {word: number for word, number in numbers.items() if word not in without}
        self._numbered = numbered

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The words, as help shows them."""
        return f"[{'|'.join(self.numbers)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of the contract."""
        word = str(value).strip().lower().replace("-", "_")
        if word in self.numbers:
            return self.numbers[word]
        if self._numbered and position_in(word) in self.numbers.values():
            return int(word)
        self.fail(f"`{value}` is none of {', '.join(self.numbers)}", param, ctx)


def position_from(first: int) -> click.IntRange:
    """A position of the record."""
    return click.IntRange(first, MAX_POSITION)


def position_in(text: str) -> int | None:
    """The position that a text is; None where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_POSITION))):
        return None
    return int(text) if int(text) <= MAX_POSITION else None


class Seconds(click.FloatRange):
    """How long to wait: more than nothing, and not for ever."""

    def __init__(self) -> None:
        super().__init__(min=0, max=MAX_WAIT_SECONDS, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds; `nan` compares with nothing and needs its own refusal."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"`{value}` is not a number of seconds", param, ctx)
        return seconds


class Day(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A day, ISO 8601."""

    name = "day"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """How to write it."""
        return "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The day as the contract takes it."""
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            self.fail(f"`{value}` is not a day; write it as YYYY-MM-DD", param, ctx)


class Moment(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A moment of the record: a position, or a time. A day alone means its end, UTC."""

    name = "moment"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What it takes."""
        return "POSITION|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> records_pb2.AsOf:
        """The moment as the contract takes it."""
        if isinstance(value, records_pb2.AsOf):
            return value
        text = str(value)
        position = position_in(text)
        if position is not None:
            return records_pb2.AsOf(position=position)
        try:
            moment = datetime.fromisoformat(text)
            if len(text) == len("YYYY-MM-DD"):
                moment += END_OF_DAY
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return records_pb2.AsOf(recorded_at=timestamp_to_proto(moment))
        except (ValueError, OverflowError):
            self.fail(f"`{value}` is neither a position nor a time such as 2020-03-01T12:00Z", param, ctx)


class Numbers(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """Numbers joined by commas, for example the edges of a box."""

    name = "numbers"

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What each number is."""
        return ",".join(self._names)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """The numbers by their names."""
        if isinstance(value, dict):
            return value
        try:
            numbers = [float(part) for part in str(value).split(",")]
        except ValueError:
            numbers = []
        if len(numbers) != len(self._names):
            self.fail(f"`{value}` is not {','.join(self._names)}", param, ctx)
        return dict(zip((name.lower() for name in self._names), numbers, strict=True))
