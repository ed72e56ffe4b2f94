"""Streams the reports that an import would make of a file. They are made before the clock starts; the stream is the
command's own, with its messages of up to 64 reports."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.clients import telling
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.cli.appending import batches
from ledger.cli.session import Session
from ledger.datasets.entries import Release
from ledger.datasets.register import Register
from ledger.datasets.survey import surveyed
from ledger.datasets.table import Table
from ledger.datasets.ucdp import DATASET
from ledger.domain.reports import Report


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    address: str
    ledger: str
    file: str


def measure(orders: Orders) -> dict[str, Any]:
    """Sends all and waits for the last acknowledgement."""
    table, register = Table(Path(orders.file)), Register(DATASET.scheme)
    survey = surveyed(DATASET, table)
    register.newcomers(survey.actors.values())
    release = Release(DATASET.name, "One", survey.sha256, date(2020, 1, 20))
    documents = (DATASET.entry_of(row.cells, register.actor_ids, release).document for row in table.rows())
    made = list(batches(orders.ledger, map(Report.model_validate, documents)))
    session = Session(address=orders.address)
    calls = events = 0
    began = time.perf_counter()
    for answer in session.stub(LedgerServiceStub).AppendReports(iter(made)):
        for outcome in answer.outcomes:
            if not outcome.HasField("receipt"):
                raise SystemExit(f"{outcome.report_id} was not recorded: {outcome.failure.message}")
            calls, events = calls + 1, events + len(outcome.receipt.events)
    elapsed = time.perf_counter() - began
    session.close()
    return telling.rates(calls, events, elapsed)


if __name__ == "__main__":
    telling.tell(measure(telling.orders(Orders)))
