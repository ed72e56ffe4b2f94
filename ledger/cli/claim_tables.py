"""Claims as a read model holds them, as a table of evidence."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console

from ledger.cli import wording
from ledger.cli.summaries import summary
from ledger.cli.tables import print_table, table


def print_claims(console: Console, claims: Iterable[Any], empty: str, title: str | None = None) -> None:
    """Each claim with its position, day, source and verification."""
    columns = ("position", "occurred", "says", "source", "verification", "remarks")
    made = table(*columns, numbers=("position",), title=title)
    for each in claims:
        made.add_row(
            str(each.event.position),
            wording.interval(each.event.claim.occurred),
            summary(each.event),
            f"{each.source.name}, {each.reported}" if each.reported else each.source.name,
            wording.verification(each.verification),
            _remarks(each),
        )
    print_table(console, made, empty)


def _remarks(each: Any) -> str:
    parts = [wording.flags(each.flags)]
    if each.original_event_id and each.original_event_id != each.event.event_id:
        parts.append("corrected")
    if each.held_to:
        parts.append(f"held from {each.held_from} to {each.held_to - 1}")
    return "; ".join(part for part in parts if part)
