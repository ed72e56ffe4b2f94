"""Options that several questions have: as of which moment of the record, at which date in the world, how many rows,
and the precision that is asked for."""

from collections.abc import Callable

import click

from incident.ledger.v1 import values_pb2
from ledger.cli.parameters import MAX_DAYS, Day, Moment, WordOf, position_from

DEFAULT_LIMIT = 100
MAX_LIMIT = 100_000

Command = Callable[..., None]

DATE_PRECISION = WordOf(values_pb2.DESCRIPTOR.enum_types_by_name["DatePrecision"], numbered=True)
PLACE_PRECISION = WordOf(values_pb2.DESCRIPTOR.enum_types_by_name["PlacePrecision"], numbered=True)


def as_of_options(function: Command) -> Command:
    """Which moment of the record, and which position must be part of the answer."""
    function = click.option(
        "--min-position",
        type=position_from(0),
        metavar="N",
        default=0,
        help="Wait until the read model has taken this position.",
    )(function)
    return click.option(
        "--as-of", type=Moment(), help="As the record was after this position or time; a day means its end, UTC."
    )(function)


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
