"""Builds the tables of one read model with plain SQL, from the events of a ledger: tables like those of the live
generation, filled by INSERT … SELECT, then given its indexes. Or one grouping alone. It drops what it has built."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.clients import telling
from benchmarks.mixed import ACTS
from benchmarks.placed import LEDGER
from ledger.persistence.queries import Queries
from projections.engine.digest import tables_of
from projections.history.read_model import ALL_CLAIM_TYPES
from projections.service import READ_MODELS

PACKAGE = "benchmarks.plain"
COMMON = Queries(PACKAGE, "common.sql")
BY_PARTY = ("TroopsKilled", "TroopsInjured")

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    name: str
    """Of the read model; empty: one grouping alone."""
    schema: str
    through: int
    stay: bool = False
    """Whether the tables are there to be looked at afterwards."""


class Plain:
    """The statements for one new schema."""

    def __init__(self, connection: Connection, orders: Orders) -> None:
        self._connection = connection
        self._orders = orders
        self._names: dict[str, sql.Composable] = {
            "schema": sql.Identifier(orders.schema),
            "ledger": sql.Identifier(f"ledger_{LEDGER}"),
            "catalogue": sql.Identifier(f"ledger_{LEDGER}_projections"),
            "through": sql.Literal(orders.through),
        }
        self._names |= {
            name: self._composed(COMMON, name) for name in ("common_columns", "common_values", "all_actors")
        }

    def execute(self, queries: Queries, name: str, types: Sequence[str] = (), **parts: sql.Composable) -> None:
        """One statement; on events of some types, where it reads the ledger."""
        given = {"types": sql.Literal(list(types)), **parts}
        decoded = self._composed(COMMON, "decoded", **given)
        self._connection.execute(self._composed(queries, name, decoded=decoded, **given))

    def read_model(self) -> None:
        """All tables of a read model."""
        [model] = [each for each in READ_MODELS if each.name == self._orders.name]
        own, live = Queries(PACKAGE, f"{model.name}.sql"), self._live(model.name)
        for table in tables_of(self._connection, live):
            self.execute(COMMON, "create_table", table=sql.Identifier(table), live=sql.Identifier(live))
        self.execute(own, "claims", sorted(model.claim_types))
        self.execute(COMMON, "other_claims", sorted(ALL_CLAIM_TYPES - model.claim_types))
        self.execute(COMMON, "reports", ["ReportFiled"])
        self.execute(COMMON, "acts", sorted(ACTS))
        self.execute(COMMON, "actors", ["ActorRegistered"])
        if hasattr(own, "sums"):
            self.execute(own, "create_sums")
            self.execute(own, "sums")
        asked = {"live": live, "schema": self._orders.schema}
        for (index,) in self._connection.execute(COMMON.indexes, asked).fetchall():
            self._connection.execute(index)
        for table in tables_of(self._connection, self._orders.schema):
            self.execute(COMMON, "analyse", table=sql.Identifier(table))

    def grouping(self) -> None:
        """One grouping, and no other table."""
        own = Queries(PACKAGE, "casualties.sql")
        self.execute(own, "create_by_party")
        self.execute(own, "by_party", BY_PARTY)

    def _live(self, name: str) -> str:
        row = self._connection.execute(self._composed(COMMON, "live"), {"name": name}).fetchone()
        if row is None:
            raise SystemExit(f"{name} has no live generation")
        return str(row[0])

    def _composed(self, queries: Queries, name: str, **parts: sql.Composable) -> sql.Composed:
        return sql.SQL(getattr(queries, name)).format(**self._names, **parts)


def measure(orders: Orders) -> dict[str, Any]:
    """Builds, and tells how long it took; the rate counts all events of the ledger, as that of a rebuild does."""
    with psycopg.connect(orders.url) as connection:
        plain = Plain(connection, orders)
        plain.execute(COMMON, "drop_schema")
        plain.execute(COMMON, "create_schema")
        began = time.perf_counter()
        connection.execute("SET LOCAL synchronous_commit TO off")
        if orders.name:
            plain.read_model()
        else:
            plain.grouping()
        connection.commit()
        seconds = time.perf_counter() - began
        if not orders.stay:
            plain.execute(COMMON, "drop_schema")
    return telling.rates(1, orders.through, seconds)


if __name__ == "__main__":
    telling.tell(measure(telling.orders(Orders)))
