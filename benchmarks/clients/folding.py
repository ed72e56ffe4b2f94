"""Folds a made-up history into tables of the casualties read model, batch by batch, as the engine does; with the
totals that it keeps, or without them. The time of making the records is not counted."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.clients import telling
from benchmarks.synthetic import History
from projections.casualties import CASUALTIES
from projections.engine.batches import sent
from projections.engine.digest import tables_of
from projections.engine.folding import BATCH


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    schema: str
    claims: int
    totals: bool = True
    stay: bool = False
    """Whether the tables are there for questions afterwards."""


def measure(orders: Orders) -> dict[str, Any]:
    """Folds all of it into a new schema."""
    model = CASUALTIES if orders.totals else replace(CASUALTIES, keeping=None)
    records, events, seconds = History(orders.claims).records(), 0, 0.0
    schema = sql.Identifier(orders.schema)
    with psycopg.connect(orders.url) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        model.create(connection, orders.schema)
        model.complete(connection, orders.schema, 0)
        connection.commit()
        while batch := list(islice(records, BATCH)):
            began = time.perf_counter()
            connection.execute("SET LOCAL synchronous_commit TO off")
            model.fold(connection, orders.schema, sent(batch), complete=True)
            connection.commit()
            seconds += time.perf_counter() - began
            events += len(batch)
        connection.autocommit = True
        if orders.stay:
            for table in tables_of(connection, orders.schema):
                connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(orders.schema, table)))
        else:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(schema))
    return telling.rates(events // BATCH + 1, events, seconds)


if __name__ == "__main__":
    telling.tell(measure(telling.orders(Orders)))
