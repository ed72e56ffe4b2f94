"""The options of a casualty filter: each condition of the contract, by its name there."""

from collections.abc import Callable
from typing import Any

import click

from incident.ledger.v1 import casualty_service_pb2 as messages
from incident.ledger.v1 import values_pb2
from ledger.cli.options import occurred_options, precision_options
from ledger.cli.parameters import Numbers, WordOf

Command = Callable[..., None]


def _enum(name: str, *without: str) -> WordOf:
    return WordOf(values_pb2.DESCRIPTOR.enum_types_by_name[name], without=without)


_REPEATED: tuple[tuple[str, str, Any, str], ...] = (
    ("--victim-party", "victim_parties", str, "Victims of this party, by actor id."),
    ("--victim-class", "victim_classes", _enum("VictimClass"), "Victims of this class."),
    ("--outcome", "outcomes", _enum("Outcome"), "What happened to them."),
    ("--perpetrator", "perpetrators", str, "Who is said to have done it, by actor id."),
    ("--country", "countries", str, "In this country."),
    ("--admin1", "admin1", str, "In this first-order division."),
    ("--admin2", "admin2", str, "In this second-order division."),
    ("--place", "places", str, "At a place of this name, at any level."),
    ("--incident", "incident_ids", str, "Of this incident."),
    ("--source", "sources", str, "From this source."),
    ("--attributed-to", "attributed_to", str, "Said by this actor or person."),
    ("--involving", "involving", str, "Of incidents in which this actor took part, by actor id."),
    ("--kind-of-violence", "kinds_of_violence", _enum("KindOfViolence"), "Of this kind."),
)


def casualty_filter_options(function: Command) -> Command:
    """Every condition as an option; those of the first list can be given several times."""
    function = click.option("--exclude-aggregates", is_flag=True, help="Leave out what cannot be taken apart.")(
        function
    )
    function = precision_options(function)
    function = click.option(
        "--min-verification", type=_enum("Verification", "retracted"), help="At least this grade."
    )(function)
    function = click.option(
        "--circle", type=Numbers(("LATITUDE", "LONGITUDE", "RADIUS_KM")), help="Within a circle."
    )(function)
    function = click.option(
        "--box", type=Numbers(("SOUTH", "WEST", "NORTH", "EAST")), help="Within a box of degrees."
    )(function)
    function = occurred_options(function)
    for flag, name, kind, text in reversed(_REPEATED):
        function = click.option(flag, name, multiple=True, type=kind, help=text)(function)
    return function


def casualty_filter(options: dict[str, Any]) -> messages.CasualtyFilter:
    """The filter of those options; what was not given is not set."""
    return messages.CasualtyFilter(**{name: value for name, value in options.items() if value})
