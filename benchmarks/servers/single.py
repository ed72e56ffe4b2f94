"""One transaction for each call: a server of the same kind as the ledger's, which stores the report's rows in the
same tables and answers with the bytes that it got. No validation, no tree; what is missing is the group commit.
Since each commit begins where the last one ended, calls go one after the other."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
import psycopg

from benchmarks import raw
from benchmarks.servers.echo import SERVICE
from benchmarks.stored import Rows, Told
from incident.ledger.v1 import ledger_service_pb2
from ledger.api.server import options
from ledger.api.statuses import telling
from ledger.settings import Settings

METHOD = f"/{SERVICE}/Store"


@dataclass(frozen=True)
class Orders:
    """What to store, and where; the last argument, as JSON."""

    url: str
    ledger: str
    claims: int
    rows: Told


async def serve(orders: Orders) -> None:
    """Listens on a free port."""
    raw.create(orders.url, orders.ledger)
    rows, turn = Rows(orders.rows, orders.claims), asyncio.Lock()
    insert = raw.query("unnest", orders.ledger)
    connection = await psycopg.AsyncConnection.connect(orders.url, autocommit=True)
    row = await (await connection.execute(raw.query("size", orders.ledger))).fetchone()
    head = int(row[0]) if row else 0

    async def store(request: bytes, context: Any) -> bytes:
        nonlocal head
        report = ledger_service_pb2.AppendReportRequest.FromString(request).report
        fresh = rows.of(report.report_id)
        async with turn:
            await connection.execute(insert, raw.unnest_values(head, fresh, datetime.now(UTC)), prepare=True)
            head += len(fresh)
        return request

    server = grpc.aio.server(options=options(Settings()))
    handler = grpc.method_handlers_generic_handler(SERVICE, {"Store": grpc.unary_unary_rpc_method_handler(store)})
    telling(server).add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"serving on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(Orders(**json.loads(sys.argv[1]))))
