"""Where an export goes: standard output, or a file that has its name only when it is complete. A file that is cut
short is removed; after a kill an unfinished one is left, under a name that says so."""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

STANDARD_OUTPUT = "-"
UNFINISHED = ".unfinished"
SIDE_FILE = ".metadata.json"


@contextmanager
def destination(output: str) -> Iterator["Destination"]:
    """What to write to; complete only where the block calls `complete`."""
    if output == STANDARD_OUTPUT:
        with _Gate(sys.stdout.buffer) as gate:
            yield Destination(gate)
        return
    target = _target(Path(output))
    unfinished = _unfinished(target)
    try:
        with unfinished.open("xb") as stream, _Gate(stream) as gate:
            yield Destination(gate, target, unfinished)
    finally:
        unfinished.unlink(missing_ok=True)


class _Gate(io.BufferedIOBase):
    """Lets bytes through until it is left: who writes the end of a format when it is thrown away writes it to
    nobody, so that what was cut short does not look complete."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream: BinaryIO | None = stream

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def write(self, data: Any) -> int:
        """Passes bytes on."""
        return self._stream.write(data) if self._stream is not None else len(data)

    def flush(self) -> None:
        """Passes on what is kept back."""
        if self._stream is not None:
            self._stream.flush()

    def __exit__(self, *_: object) -> None:
        self._stream = None


class Destination:
    """Bytes on their way."""

    def __init__(self, stream: _Gate, target: Path | None = None, unfinished: Path | None = None) -> None:
        self.stream = stream
        self._target = target
        self._unfinished = unfinished

    @property
    def is_file(self) -> bool:
        """Whether it is to be a file."""
        return self._target is not None

    def complete(self, beside: dict[str, Any] | None = None) -> None:
        """Gives the file its name; what is told beside the data comes first, so that no data is without it."""
        self.stream.flush()
        if self._target is None or self._unfinished is None:
            return
        if beside is not None:
            side = self._target.with_name(self._target.name + SIDE_FILE)
            unfinished = _unfinished(side)
            unfinished.write_text(json.dumps(beside, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            unfinished.replace(side)
        self._unfinished.replace(self._target)


def _target(path: Path) -> Path:
    """The file that is meant; what is there already is replaced only if it is a file."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise click.BadParameter(f"`{path}` is no file; `-` is standard output")
    if not target.parent.is_dir():
        raise click.BadParameter(f"there is no folder `{path.parent}`; make it first")
    return target


def _unfinished(path: Path) -> Path:
    """Hidden, and beside the file, so that giving it its name is one step."""
    return path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
