"""Loads named SQL queries from the .sql file beside their owner. A query begins at a line `-- name: its_name`.
It knows no SQL: it neither composes nor changes what it reads."""

import re
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


class Queries:
    """The queries of one file as attributes."""

    def __init__(self, package: str, file: str) -> None:
        text = files(package).joinpath(file).read_text(encoding="utf-8")
        parts = _NAME.split(text)[1:]
        self._queries = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
        self._file = file

    def __getattr__(self, name: str) -> LiteralString:
        try:
            return cast(LiteralString, self._queries[name])  # shipped with the code, never composed from input
        except KeyError:
            raise AttributeError(f"{self._file} has no query named {name}") from None
