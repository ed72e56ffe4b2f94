"""What the ledger stores of a report, read back from the ledger itself, so that rivals and raw limits write the
very same bytes. Rows for other reports are the template's with another id; envelopes and leaves are then only as long as
real ones, which no opponent looks at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import grpc

from benchmarks import reports
from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1 import records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit.merkle import leaf_hash

CALL_SECONDS = 30.0
REVISION = 1

Told = Sequence[tuple[str, str, str, str, str]]
"""Rows as orders carry them: stream, type, and envelope, salt and payload in hexadecimal."""


@dataclass(frozen=True)
class Row:
    """One event as it is stored, but for its place in the ledger."""

    stream: str
    type: str
    report_id: str
    event_id: UUID
    envelope: bytes
    leaf: bytes
    salt: bytes
    payload: bytes


def register_actors(address: str) -> None:
    """Registers what the reports mention; a feed does so first."""
    with grpc.insecure_channel(address) as channel:
        LedgerServiceStub(channel).AppendReport(reports.registration(), timeout=CALL_SECONDS, wait_for_ready=True)


def told_by(address: str, claims: int) -> Told:
    """Appends the template report and reads back its rows."""
    name = reports.pattern(claims)
    with grpc.insecure_channel(address) as channel:
        stub = LedgerServiceStub(channel)
        stub.AppendReport(reports.request(name, claims), timeout=CALL_SECONDS, wait_for_ready=True)
        asked = pb.ReplayHistoryRequest(
            filter=records_pb2.EventFilter(report_ids=[name]), view=records_pb2.EVENT_VIEW_RAW
        )
        events = [each for page in stub.ReplayHistory(asked, timeout=CALL_SECONDS) for each in page.events]
    return [
        (each.stream, each.type, *(part.hex() for part in (each.envelope, each.salt, each.payload)))
        for each in events
    ]


class Rows:
    """The rows of reports like the template."""

    def __init__(self, told: Told, claims: int) -> None:
        self._name = reports.pattern(claims)
        self._rows = [(stream, type_, *map(bytes.fromhex, parts)) for stream, type_, *parts in told]
        self._leaves = [leaf_hash(envelope) for _, _, envelope, _, _ in self._rows]

    def of(self, name: str) -> list[Row]:
        """The rows of one report."""
        old, new = self._name.encode(), name.encode()
        return [
            Row(
                stream.replace(self._name, name),
                type_name,
                name,
                UUID(bytes=os.urandom(16)),
                envelope.replace(old, new),
                leaf,
                salt,
                payload.replace(old, new),
            )
            for (stream, type_name, envelope, salt, payload), leaf in zip(self._rows, self._leaves, strict=True)
        ]

    def endless(self, run: int) -> Iterator[Row]:
        """The rows of one report after another, of a run of its own."""
        for number in count(1):
            yield from self.of(reports.report_id(run, number))
