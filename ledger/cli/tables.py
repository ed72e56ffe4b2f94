"""Tables and label lines on a terminal, JSON for machines. Every answer is printed with what it rests on."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from ledger.cli import wording

COLUMN_GAP = 2
MIN_TEXT = 9
MAX_WHOLE = 40


def as_json(message: Message, indent: int | None = 2) -> str:
    """Proto JSON with the contract's field names; 64-bit numbers are strings there, fields not set are left out."""
    return json.dumps(MessageToDict(message, preserving_proto_field_name=True), indent=indent, ensure_ascii=False)


def print_json(console: Console, message: Message, indent: int | None = 2) -> None:
    """One JSON document; on one line, where it is one of a stream."""
    console.file.write(as_json(message, indent) + "\n")
    if indent is None:
        console.file.flush()


class _VisibleTable(Table):
    """A table whose cells are text and nothing else."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """A row with every control character made visible."""
        super().add_row(*(wording.visible(str(cell)) for cell in cells), **options)


def table(*columns: str, numbers: Sequence[str] = (), title: str | None = None) -> Table:
    """An empty table; columns of numbers are aligned to the right and never broken."""
    made = _VisibleTable(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        title=title,
        title_justify="left",
        title_style="bold",
    )
    for name in columns:
        right = name in numbers
        made.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return made


def print_table(console: Console, made: Table, empty: str) -> None:
    """The table, or a sentence that there is nothing."""
    if made.row_count:
        _keep_whole(made, console.width)
        console.print(made)
    else:
        if made.title:
            console.print(str(made.title), style="bold")
        console.print(empty)


def print_below(console: Console, made: Table) -> None:
    """A further table of the same answer, where it has rows."""
    if made.row_count:
        console.print()
        print_table(console, made, "")


def _keep_whole(made: Table, width: int) -> None:
    """Ids, days and codes are not broken over lines, from the left as far as there is room; the text at the right
    takes the breaks."""
    widths = [
        max(cell_len(line) for cell in (column.header, *column.cells) for line in str(cell).split("\n"))
        for column in made.columns
    ]
    room = width - COLUMN_GAP * len(widths) + 1
    least = [min(each, MIN_TEXT) for each in widths]
    needed = sum(least)
    for column, longest, given in zip(made.columns, widths, least, strict=True):
        more = longest - given
        if longest <= MAX_WHOLE and needed + more <= room:
            column.no_wrap = True
            needed += more


def print_basis(console: Console, basis: Any, *parts: str) -> None:
    """The label of an answer: as of which position, from which read model, by which rules."""
    console.print(basis_line(basis, *parts), style="dim")
    if basis.stale:
        console.print(stale_line(basis), style="bold")


def stale_line(basis: Any) -> str:
    """That newer events may be missing, and why."""
    why = wording.visible(basis.stale_because or "it is halted", breaks=False)
    return f"Stale: newer events may be missing here. Of the read model: {why}."


def basis_line(basis: Any, *parts: str) -> str:
    """The label in one line."""
    if basis.as_of_position:
        recorded = (
            f" (recorded {wording.moment(basis.as_of_recorded_at)})" if basis.HasField("as_of_recorded_at") else ""
        )
        said = [f"As of position {basis.as_of_position}{recorded}"]
    else:
        said = ["As of an empty ledger"]
    if basis.projection:
        said.append(f"{basis.projection} generation {basis.generation}" if basis.generation else basis.projection)
    return " · ".join((*said, *(part for part in parts if part)))


def print_left_out(console: Console, left_out: Iterable[Any]) -> None:
    """What an answer leaves out, and why."""
    for line in left_out_lines(left_out):
        console.print(wording.visible(f"Left out: {line}"), style="dim")


def left_out_lines(left_out: Iterable[Any]) -> list[str]:
    """One line for each reason."""
    lines = []
    for each in left_out:
        why = each.description or each.reason.lower().replace("_", " ")
        what = "act" if each.reason == "REDACTED_ACT" else "claim"
        lines.append(f"{each.claims} {what}{'' if each.claims == 1 else 's'} ({each.reason}): {why}")
    return lines


def print_more(console: Console, answer: Any) -> None:
    """That there is more than was asked for."""
    if answer.next_page_token:
        console.print("There is more; --limit asks for more rows.", style="dim")


def filter_words(filters: Message) -> str:
    """The conditions of a filter as they were given: `victim parties turkey, max date precision days`."""
    said = []
    for field, value in filters.ListFields():
        name = field.name.replace("_", " ")
        if field.message_type is not None:
            said.append(f"{name} {', '.join(f'{part.name} {number:g}' for part, number in value.ListFields())}")
        elif field.enum_type is not None:
            words = _enum_words(field, value if field.is_repeated else [value])
            said.append(f"{name} {words}")
        elif field.is_repeated:
            said.append(f"{name} {' or '.join(value)}")
        else:
            said.append(name if value is True else f"{name} {value}")
    return f"where {', '.join(said)}" if said else ""


def _enum_words(field: Any, numbers: Iterable[int]) -> str:
    labels = (field.enum_type.values_by_number[number].name for number in numbers)
    prefix = field.enum_type.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return " or ".join(label.removeprefix(prefix).lower().replace("_", " ") for label in labels)
