"""Errors of a fold as operators are told them: known again, and without values of the event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel, field_validator

from projections.engine.faults import Fault, fault_of


class Named(BaseModel):
    name: str
    day: int

    @field_validator("name")
    @classmethod
    def _known(cls, given: str) -> str:
        raise ValueError(f"{given!r} is no name")


def raised(fold: Callable[[], Any]) -> Fault:
    try:
        fold()
    except Exception as error:
        return fault_of(error)
    raise AssertionError("nothing was raised")


def plain(message: str) -> Callable[[], Any]:
    def fold() -> None:
        raise ValueError(message)

    return fold


def keyed() -> Any:
    names: dict[str, int] = {}
    return names["Amal"]


@pytest.mark.parametrize(
    ("fold", "told"),
    [
        (plain("what is P?"), "ValueError: what is P?"),
        (plain("no date: 'Amal's \"day\"'"), "ValueError: no date: …"),
        (plain('the source isn\'t known: "Amal" of "Idlib"'), "ValueError: the source isn't known: …"),
        (plain("one line\nand 'Amal'"), "ValueError: one line"),
        (keyed, "KeyError: …"),
        (lambda: int("Amal"), "ValueError: invalid literal for int() with base 10: …"),
        (
            lambda: Named.model_validate({"name": "Amal", "day": "Idlib"}),
            "ValidationError: name: Value error, … is no name; day: Input should be a valid integer, "
            "unable to parse string as an integer",
        ),
    ],
)
def test_values_are_not_told(fold: Callable[[], Any], told: str) -> None:
    assert raised(fold).told == told


def failing(sqlstate: str, message: str) -> psycopg.Error:
    class Diagnosed(psycopg.errors.lookup(sqlstate)):  # type: ignore[misc]
        class diag:  # noqa: N801 - as the driver names it
            message_primary = message

    error: psycopg.Error = Diagnosed()
    return error


def test_of_the_database_s_messages_those_are_whole_that_quote_the_schema() -> None:
    assert fault_of(failing("22007", 'invalid input syntax for type date: "Amal"')).told.endswith("date: …")
    assert fault_of(failing("42P01", 'relation "claims" does not exist')).told.endswith('"claims" does not exist')


def test_equal_faults_have_equal_digests() -> None:
    first, second = plain("what is P?"), plain("what is Q?")
    assert raised(first).digest == raised(second).digest  # the same place, another value
    assert len({raised(each).digest for each in (first, keyed, lambda: int("x"))}) == 3
    assert [len(raised(first).digest), raised(first).digest.strip("0123456789abcdef")] == [64, ""]


def test_what_is_told_is_bounded() -> None:
    assert len(raised(plain("x" * 10_000)).told) == 300
