"""How far builds of read models are, as they go: bars in a terminal, lines elsewhere, JSON for machines."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from ledger.cli import wording
from ledger.cli.session import Session
from ledger.cli.tables import print_json


def shown(session: Session, steps: Iterable[Any]) -> dict[str, Any]:
    """Show all steps; answers the last progress of each read model, by name."""
    if session.as_json:
        return _print_steps(session.out, steps)
    return _show_bars(session.out, steps) if session.out.is_terminal else _print_lines(session.out, steps)


def counts(progress: Any) -> str:
    """How many events are done, how quickly, and for how long it goes on."""
    said = f"{wording.number(progress.done)} of {wording.number(progress.total)} events"
    if progress.events_per_second:
        said += f", {wording.number(round(progress.events_per_second))}/s"
    return f"{said}, {wording.seconds(progress.remaining_seconds)} left" if progress.remaining_seconds else said


def _print_steps(console: Console, steps: Iterable[Any]) -> dict[str, Any]:
    last = {}
    for step in steps:
        print_json(console, step, indent=None)
        if step.HasField("progress"):
            last[step.progress.name] = step.progress
    return last


def _print_lines(console: Console, steps: Iterable[Any]) -> dict[str, Any]:
    last = {}
    for step in steps:
        if step.HasField("progress"):
            now = last[step.progress.name] = step.progress
            console.print(f"{now.name}: {wording.rebuild_phase(now.phase)}: {counts(now)}")
    return last


def _show_bars(console: Console, steps: Iterable[Any]) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    last: dict[str, Any] = {}
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:
        for step in steps:
            if step.HasField("progress"):
                now = last[step.progress.name] = step.progress
                if now.name not in bars:
                    bars[now.name] = progress.add_task(now.name, total=None, counts="")
                phase = f"{now.name}: {wording.rebuild_phase(now.phase)}"
                bar = bars[now.name]
                progress.update(bar, description=phase, total=now.total, completed=now.done, counts=counts(now))
    return last
