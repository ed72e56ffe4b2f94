"""A dataset's file as rows: comma-separated, plain or gzipped, columns matched by name in any order.
It reads and judges no cell; a line that does not have the header's columns is given with what is wrong."""

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

GZIP_MAGIC = b"\x1f\x8b"
MAX_CELL_CHARACTERS = 1024 * 1024
CHUNK_BYTES = 1024 * 1024


class Row(NamedTuple):
    """A row by its columns. `line` is where it begins in the file; the header is line 1."""

    line: int
    cells: Mapping[str, str]
    fault: str = ""
    """What is wrong with the line as a whole; there are no cells then."""


class TableError(Exception):
    """The file as a whole cannot be read as a table."""


@dataclass(frozen=True)
class Table:
    """A file that can be gone through several times."""

    path: Path

    def digest(self) -> str:
        """SHA-256 of the unpacked bytes, lowercase hexadecimal."""
        digest = sha256()
        with self._unpacked() as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def columns(self) -> Sequence[str]:
        """The header."""
        with self._reader() as reader:
            return _header(reader)

    def rows(self) -> Iterator[Row]:
        """The rows, in the file's order."""
        with self._reader() as reader:
            columns = _header(reader)
            line = reader.line_num + 1
            try:
                for cells in reader:
                    if cells:
                        yield _row(line, columns, cells)
                    line = reader.line_num + 1
            except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
                raise TableError(f"{self.path.name}: line {line}: {error}") from error

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        # A bound of the module, not of the reader; the rows of no dataset come near it.
        csv.field_size_limit(MAX_CELL_CHARACTERS)
        with self._unpacked() as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
            yield csv.reader(text, strict=True)

    @contextmanager
    def _unpacked(self) -> Iterator[IO[bytes]]:
        with self.path.open("rb") as packed:
            if packed.peek(len(GZIP_MAGIC))[: len(GZIP_MAGIC)] != GZIP_MAGIC:
                yield packed
                return
            try:
                with gzip.open(packed) as stream:
                    yield cast(IO[bytes], stream)
            except (EOFError, gzip.BadGzipFile) as error:
                raise TableError(f"{self.path.name} is no whole gzip file: {error}") from error


def _header(reader: Any) -> Sequence[str]:
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
    except (csv.Error, UnicodeDecodeError) as error:
        raise TableError(f"the header cannot be read: {error}") from error
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise TableError(f"the header names {', '.join(twice)} twice")
    return columns


def _row(line: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(columns):
        return Row(line, {}, f"has {len(cells)} cells where the header has {len(columns)} columns")
    return Row(line, dict(zip(columns, cells, strict=True)))
