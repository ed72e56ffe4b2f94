"""Columns of exported tables: their names, what kind of value each holds, and its HXL hashtag, if it has one.
A value is what it is or None, which means open or not stated and never zero."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Generic, TypeVar

Subject = TypeVar("Subject")


class Kind(Enum):
    """What a column holds."""

    TEXT = auto()
    DAY = auto()
    """A `date`."""
    INTEGER = auto()
    NUMBER = auto()
    TEXTS = auto()
    INTEGERS = auto()


@dataclass(frozen=True)
class Column(Generic[Subject]):
    """A column of a table whose rows are made of one subject each."""

    name: str
    kind: Kind
    value: Callable[[Subject], Any]
    tag: str = ""
    """Its HXL hashtag with attributes; empty where it has none."""


def decimal_text(value: float) -> str:
    """The shortest decimal that is this number; never with an exponent."""
    return format(Decimal(repr(value)), "f")


def row_of(columns: Sequence[Column[Subject]], subject: Subject) -> list[Any]:
    """The row of a subject."""
    return [column.value(subject) for column in columns]
