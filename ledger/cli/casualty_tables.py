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


def print_casualties(console: Console, answer: Any) -> None:
    """The whole answer."""
    _print_figures(console, answer)
    _print_tolls(console, answer)
    rules = (f"policy {answer.count_policy}", f"rule {answer.resolution_rule}", filter_words(answer.filter))
    print_basis(console, answer.basis, *rules)
    print_left_out(console, answer.left_out)


def _print_figures(console: Console, answer: Any) -> None:
    groupings = [wording.grouping(key.grouping) for key in answer.figures[0].key] if answer.figures else []
    numbers = ("low", "best", "high", "incidents", "claims")
    made = table(*groupings, *numbers, "remarks", numbers=numbers, title="Casualties, itemised")
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
    """The figure in words where a number alone says less, its flags, and what it leaves out."""
    plain = each.figure.HasField("best") and each.figure.text == wording.number(each.figure.best)
    parts = [] if plain or each.figure.text == str(each.figure.best) else [each.figure.text]
    parts += [wording.flags(each.flags), *_left_out(each)]
    return "; ".join(part for part in parts if part)


def _left_out(each: Any) -> list[str]:
    reasons = ((left.claims, left.reason.lower().replace("_", " ")) for left in each.left_out)
    return [f"without {claims} claim{'' if claims == 1 else 's'} ({reason})" for claims, reason in reasons]


def _print_tolls(console: Console, answer: Any) -> None:
    columns = ("position", "toll", "over", "area", "claimed", "itemised", "residual")
    made = table(*columns, numbers=("position",), title="Tolls, never added to the above")
    for each in answer.tolls:
        claim = each.event.claim
        body = claim.toll_claimed
        made.add_row(
            str(each.event.position),
            " ".join(part for part in _toll_words(body) if part),
            wording.interval(claim.occurred),
            wording.place(claim.place),
            figure_words(each.claimed),
            figure_words(each.itemised),
            figure_words(each.residual) + (", conflict: the itemised claims exceed it" if each.conflict else ""),
        )
    print_below(console, made)


def _toll_words(body: Any) -> tuple[str, ...]:
    whose = f"of {body.victim_party}" if body.victim_party else ""
    return wording.victim_class(body.victim_class), whose, wording.outcome(body.outcome)


def figure_words(figure: Any) -> str:
    """A figure in words: its own, else its bounds."""
    if figure.text:
        return str(figure.text)
    low, best, high = (wording.bound(figure, name) for name in ("low", "best", "high"))
    return low if low == best == high else f"{low} / {best} / {high}"
