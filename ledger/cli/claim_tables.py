"""Claims as a read model holds them, as a table of evidence."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console

from ledger.cli import wording
from ledger.cli.summaries import summary
from ledger.cli.tables import print_table, table


def print_timeline(console: Console, claims: Iterable[Any], empty: str, title: str | None = None) -> None:
    """Each claim where it belongs in time: what it is about, what it says and where, and who says so."""
    made = table("occurred", "what", "source", "position", numbers=("position",), title=title)
    for each in claims:
        said = (
            f"{each.event.type}: {each.event.stream}",
            summary(each.event),
            wording.place(each.event.claim.place),
        )
        made.add_row(
            wording.narrow_interval(each.event.claim.occurred),
            "\n".join(part for part in said if part),
            _source(each),
            str(each.event.position),
        )
    print_table(console, made, empty)


def in_order_of_occurrence(claims: Iterable[Any]) -> list[Any]:
    """By first day, then by position, as the service orders a timeline."""
    return sorted(claims, key=lambda each: (each.event.claim.occurred.start, each.event.position))


def print_parts(console: Console, claims: Iterable[Any], empty: str) -> None:
    """Each claim with what it adds to its figure, or why it adds nothing."""
    made = table("position", "occurred", "says", "adds", "source", numbers=("position",))
    for each in claims:
        made.add_row(
            str(each.event.position),
            wording.narrow_interval(each.event.claim.occurred),
            summary(each.event),
            _adds(each),
            _source(each),
        )
    print_table(console, made, empty)


def _adds(each: Any) -> str:
    """A number, or the reason for none; `counted` where another claim carries the bounds of several."""
    why = each.left_out.lower().replace("_", " ")
    if each.HasField("adds"):
        return f"{each.adds.text}, {why}" if why else str(each.adds.text)
    return why or "counted"


def _source(each: Any) -> str:
    """Who published it and when, its verification, and what deserves a look."""
    parts = [each.source.name, each.reported, wording.verification(each.verification), wording.flags(each.flags)]
    if each.original_event_id and each.original_event_id != each.event.event_id:
        parts.append(f"corrected by {each.event.report_id}")
    if each.held_to:
        parts.append(f"held from {each.held_from} to {each.held_to - 1}")
    return ", ".join(part for part in parts if part)
