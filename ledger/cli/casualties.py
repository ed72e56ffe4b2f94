"""`casualties` and `claims`: figures with what they rest on, and the claims behind them."""

from collections.abc import Callable
from typing import Any

import click

from incident.ledger.v1 import casualty_service_pb2 as messages
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from ledger.cli import wording
from ledger.cli.casualty_filter import casualty_filter, casualty_filter_options
from ledger.cli.casualty_tables import print_casualties, rules_of
from ledger.cli.claim_tables import print_parts
from ledger.cli.options import as_of_options, limit_option
from ledger.cli.paging import whole
from ledger.cli.parameters import WordOf
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_basis, print_json, print_more

Command = Callable[..., None]

GROUPING = messages.DESCRIPTOR.enum_types_by_name["CasualtyGrouping"]
POLICIES = {
    "verbatim-1": messages.COUNT_POLICY_VERBATIM_1,
    "acled-2019": messages.COUNT_POLICY_ACLED_2019,
    "ucdp-range": messages.COUNT_POLICY_UCDP_RANGE,
}
RULE = messages.DESCRIPTOR.enum_types_by_name["ResolutionRule"]


def _all_rule_options(function: Command) -> Command:
    """By which rules claims become figures."""
    function = click.option(
        "--spread-imprecise-dates",
        is_flag=True,
        help="In a series, keep claims that are not dated precisely enough, in groups of their intervals.",
    )(function)
    function = click.option(
        "--with-aggregates", is_flag=True, help="Also count tolls of one incident that cannot be taken apart."
    )(function)
    return rule_options(function)


def _rules(options: dict[str, Any]) -> dict[str, Any]:
    """The fields of a request that those options are; takes them from the options."""
    return {
        "count_policy": POLICIES.get(options.pop("policy") or "", messages.COUNT_POLICY_UNSPECIFIED),
        "resolution_rule": options.pop("rule") or messages.RESOLUTION_RULE_UNSPECIFIED,
        "count_aggregates": options.pop("with_aggregates"),
        "spread_imprecise_dates": options.pop("spread_imprecise_dates"),
        "as_of": options.pop("as_of"),
        "min_position": options.pop("min_position"),
    }


def rule_options(function: Command) -> Command:
    """How words become numbers, and one number out of several."""
    function = click.option(
        "--rule", type=WordOf(RULE), help="How one number comes out of claims that disagree [latest]."
    )(function)
    return click.option(
        "--policy", type=click.Choice(list(POLICIES)), help="How words become numbers [verbatim-1: no guess]."
    )(function)


def figure_options(function: Command) -> Command:
    """All that figures are asked with."""
    grouping = click.option(
        "--group-by",
        multiple=True,
        type=WordOf(GROUPING),
        help="Group by this; several times for several [party, class, outcome].",
    )
    return casualty_filter_options(grouping(_all_rule_options(as_of_options(function))))


def figures_request(ledger: str, options: dict[str, Any]) -> messages.GetCasualtiesRequest:
    """The question of those options."""
    return messages.GetCasualtiesRequest(
        ledger=ledger,
        group_by=options.pop("group_by"),
        **_rules(options),
        filter=casualty_filter(options),
    )


@click.command(
    epilog=example(
        "incident-ledger casualties",
        "incident-ledger casualties --group-by party --group-by month --outcome killed",
        "incident-ledger casualties --place Idlib --from 2020-01-01 --max-date-precision week",
        "incident-ledger casualties --as-of 2020-03-01 --rule most_reliable --json",
    )
)
@figure_options
@connected
def casualties(session: Session, **options: Any) -> None:
    """How many were killed, injured, missing or captured, by group.

    Tolls, which are claimed totals, stand beside the itemised claims and are never added to them. `…` is a bound
    that nobody states, `open` an upper bound that is open; neither is a number.
    """
    request = figures_request(session.ledger, options)
    answer = session.stub(CasualtyServiceStub).GetCasualties(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
    else:
        print_casualties(session.out, answer)


@click.command(
    epilog=example(
        "incident-ledger claims --victim-party government-of-turkey --outcome killed",
        "incident-ledger claims --group party=government-of-turkey --group class=troops --group outcome=killed",
    )
)
@casualty_filter_options
@click.option(
    "--group", multiple=True, metavar="KEY=VALUE", help="Only those of a figure: its key, every part of it."
)
@click.option("--with-left-out", is_flag=True, help="Also those that the figures leave out, with the reason.")
@_all_rule_options
@as_of_options
@limit_option
@connected
def claims(session: Session, limit: int, **options: Any) -> None:
    """The claims behind casualty figures, in order of position: the evidence.

    Each with what it adds to its figure, or with the reason why it adds nothing. Give the options with which the
    figure was asked for.
    """
    request = messages.ListClaimsRequest(
        ledger=session.ledger,
        group=[_group_key(each) for each in options.pop("group")],
        with_left_out=options.pop("with_left_out"),
        **_rules(options),
        filter=casualty_filter(options),
    )
    ask = session.stub(CasualtyServiceStub).ListClaims
    answer = whole(ask, request, "claims", limit, session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    print_parts(session.out, answer.claims, "No claim fits.")
    group = ", ".join(f"{wording.grouping(part.grouping)} {part.value or 'not stated'}" for part in answer.group)
    print_basis(session.out, answer.basis, *rules_of(answer), f"group {group}" if group else "")
    print_more(session.out, answer)


def _group_key(text: str) -> messages.GroupKey:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"`{text}` is not KEY=VALUE, for example party=turkey")
    kind = WordOf(GROUPING)
    if name not in kind.numbers:
        raise click.BadParameter(f"`{name}` is none of {', '.join(kind.numbers)}")
    return messages.GroupKey(grouping=kind.numbers[name], value=value)  # type: ignore[arg-type]
