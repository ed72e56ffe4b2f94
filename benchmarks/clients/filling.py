"""Fills a new ledger with the made-up mix, by COPY into its tables and in commits of the usual size. Everything is
there that appends would leave: envelopes, leaves, tiles, roots."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql

from benchmarks import raw
from benchmarks.clients import telling
from benchmarks.mixed import Mix
from benchmarks.placed import LEDGER, Placing, groups
from benchmarks.synthetic import BEGAN, SEED
from ledger.persistence.batch import Batch
from ledger.persistence.install import create_ledger

COMMIT_EVENTS = 200
COMMITS_A_TRANSACTION = 50
BETWEEN_COMMITS = timedelta(minutes=1)


@dataclass(frozen=True)
class Orders:
    """What to fill."""

    url: str
    admin_url: str
    """Of somebody who may analyse the tables, which the service may not."""
    events: int
    seed: int = SEED


def fill(orders: Orders) -> dict[str, Any]:
    """Makes the ledger and its events; tells how many there are."""
    create_ledger(orders.url, LEDGER, may_exist=True)
    placing, began = Placing(orders.seed), time.perf_counter()
    waiting: list[Batch] = []
    with psycopg.connect(orders.url) as connection:
        for number, group in enumerate(groups(Mix(orders.events).requests(), COMMIT_EVENTS)):
            waiting.append(placing.commit(group, BEGAN + number * BETWEEN_COMMITS))
            if len(waiting) == COMMITS_A_TRANSACTION:
                write(connection, waiting)
                waiting = []
        if waiting:
            write(connection, waiting)
    analyse(orders.admin_url)
    return telling.rates(1, placing.tip.size, time.perf_counter() - began)


def write(connection: raw.Connection, batches: list[Batch]) -> None:
    """Several commits in one transaction of the database."""
    for batch in batches:
        commit = {
            "before": batch.size_before,
            "after": batch.size_after,
            "root": batch.root,
            "at": batch.recorded_at,
        }
        connection.execute(raw.query("commit", LEDGER), commit)
        for tile in batch.tiles:
            values = {"level": tile.level, "index": tile.index, "hashes": tile.hashes}
            connection.execute(raw.query("tile", LEDGER), values)
    with connection.cursor() as cursor, cursor.copy(raw.query("copy_in", LEDGER)) as copying:
        copying.set_types(raw.COLUMN_TYPES)
        for batch in batches:
            rows = batch.rows
            columns = (rows.streams, rows.revisions, rows.event_ids, rows.types, rows.report_ids)
            raws = (rows.envelopes, rows.leaves, rows.salts, rows.payloads)
            for position, row in enumerate(zip(*columns, *raws, strict=True), batch.size_before + 1):
                copying.write_row((position, *row[: len(columns)], batch.recorded_at, *row[len(columns) :]))
    connection.commit()


def analyse(admin_url: str) -> None:
    """What a ledger that grew by and by has had done long ago."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for table in ("events", "commits"):
            statement = sql.SQL("VACUUM (ANALYZE) {}")
            connection.execute(statement.format(sql.Identifier(f"ledger_{LEDGER}", table)))


if __name__ == "__main__":
    telling.tell(fill(telling.orders(Orders)))
