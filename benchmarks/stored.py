"""What the ledger stores of a report, read back from the ledger itself, so that rivals and raw limits write the
very same bytes. Rows for other reports are the template's with another id; their envelopes and leaves are then only
as long as real ones, which no opponent looks at."""

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
from ledger.audit.envelope import decode
from ledger.audit.merkle import leaf_hash

CALL_SECONDS = 30.0
REVISION = 1
PLACE_BYTES = 8 + 8 + 16 + 8
"""Position, revision, id and time."""

Told = Sequence[Sequence[str]]
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

    @property
    def size(self) -> int:
        """Bytes of what is kept for it, without indexes and what a database adds."""
        parts = (self.stream, self.type, self.report_id, self.envelope, self.leaf, self.salt, self.payload)
        return sum(map(len, parts)) + PLACE_BYTES


def register_actors(address: str, ledger: str = "") -> None:
    """Registers what the reports mention; a feed does so first."""
    with grpc.insecure_channel(address) as channel:
        stub, report = LedgerServiceStub(channel), reports.registration(ledger)
        stub.AppendReport(report, timeout=CALL_SECONDS, wait_for_ready=True)


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
    said = [(decode(each.envelope), each) for each in events]
    return [
        (place.stream, place.type, *(part.hex() for part in (each.envelope, each.salt, each.payload)))
        for place, each in said
    ]


class Rows:
    """The rows of reports like the template."""

    def __init__(self, told: Told, claims: int) -> None:
        self._name = reports.pattern(claims)
        self._rows = []
        for stream, type_name, *texts in told:
            envelope, salt, payload = map(bytes.fromhex, texts)
            no_id = UUID(int=0)
            self._rows.append(
                Row(stream, type_name, self._name, no_id, envelope, leaf_hash(envelope), salt, payload)
            )

    def of(self, name: str) -> list[Row]:
        """The rows of one report."""
        old, new = self._name.encode(), name.encode()
        return [
            Row(
                row.stream.replace(self._name, name),
                row.type,
                name,
                UUID(bytes=os.urandom(16)),
                row.envelope.replace(old, new),
                row.leaf,
                row.salt,
                row.payload.replace(old, new),
            )
            for row in self._rows
        ]

    def endless(self, run: int) -> Iterator[Row]:
        """The rows of one report after another, of a run of its own."""
        for number in count(1):
            yield from self.of(reports.report_id(run, number))
