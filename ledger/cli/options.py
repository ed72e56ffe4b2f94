"""Options that several questions have: as of which moment of the record, at which date in the world, how many rows,
and the precision that is asked for."""

import functools
from collections.abc import Callable
from typing import Any

import click

from incident.ledger.v1 import records_pb2, values_pb2
from ledger.cli.parameters import MAX_DAYS, Day, Moment, WordOf, position_from

DEFAULT_LIMIT = 100
MAX_LIMIT = 100_000
MAX_GENERATION = 2**31 - 1

Command = Callable[..., None]

DATE_PRECISION = WordOf(values_pb2.DESCRIPTOR.enum_types_by_name["DatePrecision"], numbered=True)
PLACE_PRECISION = WordOf(values_pb2.DESCRIPTOR.enum_types_by_name["PlacePrecision"], numbered=True)


def as_of_options(function: Command) -> Command:
    """Which moment of the record, which position must be part of the answer, and which generation answers."""

    @functools.wraps(function)
    def command(*arguments: Any, as_of: records_pb2.AsOf | None, generation: int | None, **options: Any) -> None:
        if generation:
            moment = as_of or records_pb2.AsOf()
            as_of = records_pb2.AsOf(generation=generation)
            as_of.MergeFrom(moment)
        function(*arguments, as_of=as_of, **options)

    command = click.option(
        "--min-position",
        type=position_from(0),
        metavar="N",
        default=0,
        help="Wait until the read model has taken this position.",
    )(command)
    command = click.option(
        "--generation",
        type=click.IntRange(1, MAX_GENERATION),
        metavar="N",
        help="Ask this frozen generation of the read model [the live one].",
    )(command)
    return click.option(
        "--as-of", type=Moment(), help="As the record was after this position or time; a day means its end, UTC."
    )(command)


def at_option(function: Command) -> Command:
    """Which date in the world."""
    text = "The date in the world to answer for [the latest day of publication]."
    return click.option("--at", type=Day(), help=text)(function)


def window_option(function: Command) -> Command:
    """How long the window of observance is."""
    return click.option(
        "--window",
        "window_days",
        type=click.IntRange(1, MAX_DAYS),
        metavar="N",
        default=None,
        help="Days of the window of observance [since it is in force].",
    )(function)


def occurred_options(function: Command) -> Command:
    """First and last day of occurrence."""
    function = click.option("--to", "occurred_to", type=Day(), help="Occurred on or before this day.")(function)
    return click.option("--from", "occurred_from", type=Day(), help="Occurred on or after this day.")(function)


def precision_options(function: Command) -> Command:
    """The coarsest date and place that count."""
    function = click.option(
        "--max-place-precision", type=PLACE_PRECISION, help="No place less precise; words or UCDP's numbers."
    )(function)
    return click.option(
        "--max-date-precision", type=DATE_PRECISION, help="No date less precise; words or UCDP's numbers."
    )(function)


def limit_option(function: Command) -> Command:
    """How many rows."""
    return click.option(
        "--limit",
        type=click.IntRange(1, MAX_LIMIT),
        metavar="N",
        default=DEFAULT_LIMIT,
        help=f"At most so many rows [{DEFAULT_LIMIT}].",
    )(function)
