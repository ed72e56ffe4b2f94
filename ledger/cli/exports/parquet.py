"""Rows as a Parquet file, a row group at a time: days are dates, numbers are numbers, lists are lists, and what is
absent is null. It needs pyarrow, which an installation has only where it asked for it."""

import json
from collections.abc import Iterable
from importlib import import_module
from types import MappingProxyType
from typing import Any

from ledger.cli.exports.account import Account
from ledger.cli.exports.writers import Columns, Row, Sink
from ledger.cli.failures import FaultyInput
from ledger.datasets.columns import Kind

GROUP_ROWS = 10_000
"""Rows of one row group; so many are in memory."""
METADATA_KEY = b"incident_ledger"
COMPRESSION = "zstd"
TYPES = MappingProxyType(
    {
        Kind.TEXT: "string",
        Kind.DAY: "date32",
        Kind.INTEGER: "int64",
        Kind.NUMBER: "double",
        Kind.TEXTS: "list<string>",
        Kind.INTEGERS: "list<int64>",
    }
)


class ParquetWriter:
    """A file that can be read when its end is written, and not before."""

    has_account = True

    def __init__(self, columns: Columns, stream: Sink) -> None:
        try:
            pyarrow = import_module("pyarrow")
            parquet = import_module("pyarrow.parquet")
        except ImportError as error:
            raise FaultyInput("Parquet needs pyarrow: pip install 'incident-ledger[parquet]'") from error
        self._arrow: Any = pyarrow
        fields = [pyarrow.field(column.name, _type(pyarrow, column.kind)) for column in columns]
        self._schema = pyarrow.schema(fields)
        self._file = parquet.ParquetWriter(stream, self._schema, compression=COMPRESSION)
        self._waiting: list[Row] = []

    def begin(self, account: Account) -> None:
        """Nothing: the schema comes with the first group."""

    def write(self, rows: Iterable[Row]) -> None:
        """Some rows, as a group when they are enough."""
        for row in rows:
            self._waiting.append(row)
            if len(self._waiting) == GROUP_ROWS:
                self._write_group()

    def end(self, account: Account) -> None:
        """The last group, and the account as metadata of the file."""
        self._write_group()
        content = json.dumps(account.document(), ensure_ascii=False).encode()
        self._file.add_key_value_metadata({METADATA_KEY: content})
        self._file.close()

    def _write_group(self) -> None:
        if self._waiting:
            columns = zip(*self._waiting, strict=True)
            arrays = [
                self._arrow.array(values, type=field.type)
                for values, field in zip(columns, self._schema, strict=True)
            ]
            self._file.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
            self._waiting = []


def _type(pyarrow: Any, kind: Kind) -> Any:
    name, _, item = TYPES[kind].rstrip(">").partition("<")
    if name == "list":
        return pyarrow.list_(pyarrow.type_for_alias(item))
    return pyarrow.type_for_alias(name)
