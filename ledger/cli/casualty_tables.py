"""Casualty figures as tables: figures by group, tolls beside them, and all that was left out."""

from typing import Any

from rich.console import Console

from ledger.cli import wording
from ledger.cli.tables import (
    filter_words,
    print_basis,
    print_below,
    print_left_out,
    print_table,
    table,
)

MAX_TOLLS_SHOWN = 20


def print_casualties(console: Console, answer: Any, max_tolls: int = MAX_TOLLS_SHOWN) -> None:
    """The whole answer; of many tolls some, those of areas and periods before those of single incidents."""
    _print_figures(console, answer)
    _print_tolls(console, answer, max_tolls)
    print_basis(console, answer.basis, *rules_of(answer))
    print_left_out(console, answer.left_out)


def rules_of(answer: Any) -> list[str]:
    """By which rules an answer came about."""
    rules = [f"policy {answer.count_policy}", f"rule {answer.resolution_rule}", filter_words(answer.filter)]
    rules += ["aggregates counted"] if answer.count_aggregates else []
    return rules + (["imprecise dates in intervals"] if answer.spread_imprecise_dates else [])


def _print_figures(console: Console, answer: Any) -> None:
    groupings = [wording.grouping(key.grouping) for key in answer.figures[0].key] if answer.figures else []
    numbers = ("low", "best", "high", "incidents", "claims")
    title = "Casualties, itemised and in aggregates" if answer.count_aggregates else "Casualties, itemised"
    made = table(*groupings, *numbers, "remarks", numbers=numbers, title=title)
    for each in answer.figures:
        made.add_row(
            *(key.value or "not stated" for key in each.key),
            *(wording.bound(each.figure, name) for name in ("low", "best", "high")),
            wording.number(each.incidents),
            wording.number(each.claims),
            _remarks(each),
        )
    print_table(console, made, "No itemised claim fits.")


def _remarks(each: Any) -> str:
    """The figure in words where it has no bound, its flags, and what it leaves out."""
    numbered = each.figure.HasField("low") or each.figure.HasField("high")
    parts = [] if numbered else [each.figure.text]
    parts += [wording.flags(each.flags), *_left_out(each)]
    return "; ".join(part for part in parts if part)


def _left_out(each: Any) -> list[str]:
    reasons = ((left.claims, left.reason.lower().replace("_", " ")) for left in each.left_out)
    return [f"without {claims} claim{'' if claims == 1 else 's'} ({reason})" for claims, reason in reasons]


def _print_tolls(console: Console, answer: Any, max_tolls: int) -> None:
    columns = ("position", "toll", "over", "claimed", "itemised", "residual", "area")
    made = table(*columns, numbers=("position",), title="Tolls, never added to the above")
    tolls = sorted(answer.tolls, key=lambda toll: bool(toll.event.claim.toll_claimed.incident_id))
    for each in tolls[:max_tolls]:
        claim = each.event.claim
        body = claim.toll_claimed
        made.add_row(
            str(each.event.position),
            " ".join(part for part in _toll_words(body) if part),
            wording.narrow_interval(claim.occurred),
            figure_words(each.claimed),
            figure_words(each.itemised),
            figure_words(each.residual) + ("\nconflict: the itemised\nclaims exceed it" if each.conflict else ""),
            wording.place(claim.place),
        )
    print_below(console, made)
    if len(tolls) > max_tolls:
        console.print(f"… and {len(tolls) - max_tolls} more tolls; --json has them all.", style="dim")


def _toll_words(body: Any) -> tuple[str, ...]:
    whose = f"of {body.victim_party}" if body.victim_party else ""
    return wording.victim_class(body.victim_class) or "persons", whose, wording.outcome(body.outcome)


def figure_words(figure: Any) -> str:
    """A figure in words: its own, else its bounds."""
    if figure.text:
        return str(figure.text)
    low, best, high = (wording.bound(figure, name) for name in ("low", "best", "high"))
    return low if low == best == high else f"{low} / {best} / {high}"
