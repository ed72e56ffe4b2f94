"""Progress of long work on standard error: bars on a terminal, nothing where nobody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

EVERY = 50
"""Steps between two looks at the bar."""


class Working:
    """The progress of one command, step after step."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)

    def __enter__(self) -> "Working":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, description: str, total: int | None = None) -> Iterator[Callable[[], None]]:
        """A step of the work; call what it gives once for each thing done."""
        task = self._progress.add_task(description, total=total)
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            if done % EVERY == 0:
                self._progress.update(task, completed=done)

        yield advance
        self._progress.update(task, completed=done, total=done)
