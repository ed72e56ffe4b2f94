"""A client as anybody would write one: the stubs of the contract over a channel, and short ways to ask.
It knows the report files, and nothing of how the server is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from incident.ledger.v1 import (
    casualty_service_pb2,
    ceasefire_service_pb2,
    ledger_service_pb2,
    projection_service_pb2,
    records_pb2,
)
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from incident.ledger.v1.ceasefire_service_pb2_grpc import CeasefireServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from ledger.api.messages import report_to_proto
from ledger.cli.report_files import read_report_files
from ledger.domain.reports import Report

ANSWER_SECONDS = 60.0
"""Generous: a read model may have to catch up first, on a busy machine."""

FigureKey = tuple[str, ...]


def reports_in(*files: Path) -> list[records_pb2.Report]:
    """The reports of files, as messages."""
    read = list(read_report_files(map(str, files)))
    assert [str(fault) for each in read for fault in each.faults] == []
    return [report_to_proto(report) for each in read for report in each.reports]


def report_message(**content: Any) -> records_pb2.Report:
    """A report from its content."""
    return report_to_proto(Report.model_validate(content))


@dataclass
class Client:
    """Asks one ledger of one server."""

    channel: grpc.Channel
    ledger: str = "main"
    position: int = 0
    """The last position that this client has had recorded: its questions wait for it."""

    def append(self, *reports: records_pb2.Report) -> list[records_pb2.Receipt]:
        """Append reports one by one."""
        receipts = []
        for report in reports:
            request = ledger_service_pb2.AppendReportRequest(ledger=self.ledger, report=report)
            receipts.append(LedgerServiceStub(self.channel).AppendReport(request, timeout=ANSWER_SECONDS).receipt)
            self.position = max(self.position, *(event.position for event in receipts[-1].events))
        return receipts

    def create_ledger(self, name: str) -> Client:
        """A client of a new ledger."""
        request = ledger_service_pb2.CreateLedgerRequest(ledger=name)
        LedgerServiceStub(self.channel).CreateLedger(request, timeout=ANSWER_SECONDS)
        return Client(self.channel, name)

    def head(self) -> int:
        """The number of events in the ledger."""
        request = ledger_service_pb2.GetLedgerRequest(ledger=self.ledger)
        return LedgerServiceStub(self.channel).GetLedger(request, timeout=ANSWER_SECONDS).ledger.size

    def replay(self) -> list[records_pb2.RecordedEvent]:
        """The whole history."""
        request = ledger_service_pb2.ReplayHistoryRequest(ledger=self.ledger)
        answers = LedgerServiceStub(self.channel).ReplayHistory(request, timeout=ANSWER_SECONDS)
        return [event for answer in answers for event in answer.events]

    def casualties(self, **asked: Any) -> casualty_service_pb2.GetCasualtiesResponse:
        """GetCasualties."""
        request = casualty_service_pb2.GetCasualtiesRequest(**self._common(), **asked)
        return CasualtyServiceStub(self.channel).GetCasualties(request, timeout=ANSWER_SECONDS)

    def claims(self, **asked: Any) -> list[casualty_service_pb2.ClaimRecord]:
        """ListClaims, all pages."""
        request = casualty_service_pb2.ListClaimsRequest(**self._common(), **asked)
        found: list[casualty_service_pb2.ClaimRecord] = []
        while True:
            answer = CasualtyServiceStub(self.channel).ListClaims(request, timeout=ANSWER_SECONDS)
            found += answer.claims
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token

    def incident(self, incident_id: str) -> casualty_service_pb2.GetIncidentResponse:
        """GetIncident."""
        request = casualty_service_pb2.GetIncidentRequest(**self._common(), incident_id=incident_id)
        return CasualtyServiceStub(self.channel).GetIncident(request, timeout=ANSWER_SECONDS)

    def incidents(self, **asked: Any) -> casualty_service_pb2.ListIncidentsResponse:
        """ListIncidents, the first page."""
        request = casualty_service_pb2.ListIncidentsRequest(**self._common(), **asked)
        return CasualtyServiceStub(self.channel).ListIncidents(request, timeout=ANSWER_SECONDS)

    def ceasefire(self, agreement_id: str, **asked: Any) -> ceasefire_service_pb2.GetCeasefireStatusResponse:
        """GetCeasefireStatus."""
        request = ceasefire_service_pb2.GetCeasefireStatusRequest(
            **self._common(), agreement_id=agreement_id, **asked
        )
        return CeasefireServiceStub(self.channel).GetCeasefireStatus(request, timeout=ANSWER_SECONDS)

    def ceasefires(self, **asked: Any) -> ceasefire_service_pb2.ListCeasefiresResponse:
        """ListCeasefires, the first page."""
        request = ceasefire_service_pb2.ListCeasefiresRequest(**self._common(), **asked)
        return CeasefireServiceStub(self.channel).ListCeasefires(request, timeout=ANSWER_SECONDS)

    def violations(self, **asked: Any) -> ceasefire_service_pb2.ListViolationsResponse:
        """ListViolations, the first page."""
        request = ceasefire_service_pb2.ListViolationsRequest(**self._common(), **asked)
        return CeasefireServiceStub(self.channel).ListViolations(request, timeout=ANSWER_SECONDS)

    def threats(self, **asked: Any) -> ceasefire_service_pb2.ListThreatsResponse:
        """ListThreats, the first page."""
        request = ceasefire_service_pb2.ListThreatsRequest(**self._common(), **asked)
        return CeasefireServiceStub(self.channel).ListThreats(request, timeout=ANSWER_SECONDS)

    def _common(self) -> dict[str, Any]:
        return {"ledger": self.ledger, "min_position": self.position}


def rebuilt(client: Client, projection: str) -> projection_service_pb2.RebuildProgress:
    """RebuildProjection; the last progress."""
    request = projection_service_pb2.RebuildProjectionRequest(ledger=client.ledger, name=projection)
    told = [each.progress for each in ProjectionServiceStub(client.channel).RebuildProjection(request)]
    assert told[-1].phase == projection_service_pb2.REBUILD_PHASE_DONE, told[-1]
    return told[-1]


def by_key(
    figures: Iterable[casualty_service_pb2.CasualtyFigure],
) -> dict[FigureKey, casualty_service_pb2.CasualtyFigure]:
    """Figures by the values of their keys."""
    return {tuple(part.value for part in figure.key): figure for figure in figures}


def bounds(figure: casualty_service_pb2.Figure) -> tuple[int | None, int | None, int | None]:
    """Low, best and high; None where absent."""
    low, best, high = (getattr(figure, name) if figure.HasField(name) else None for name in ("low", "best", "high"))
    return low, best, high
