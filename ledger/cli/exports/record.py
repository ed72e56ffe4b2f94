"""What an export asks of the record itself, not of a read model: the register of actors, the tree's root, a report
as recorded. A server that gives answers alone does not serve it; what can be done without it is done without."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import grpc

from incident.ledger.v1 import ledger_service_pb2, records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.cli.exports.account import Account
from ledger.cli.exports.answers import registrations_of
from ledger.cli.session import Session
from ledger.datasets.named_actors import NamedActor, named_actors
from ledger.domain.casualties import CLASS_AND_OUTCOME

ACTORS = "actors/"
CASUALTIES = frozenset((*CLASS_AND_OUTCOME, "TollClaimed"))


@dataclass
class Record:
    """The record of a session's ledger, as of the position of the account's basis."""

    session: Session
    account: Account

    def begin(self, basis: Any) -> None:
        """Takes note of what the first answer rests on; of the tree's root too, where that is still the head."""
        self.account.basis = basis
        request = ledger_service_pb2.GetLedgerRequest(ledger=self.session.ledger)
        try:
            ledger = self._stub.GetLedger(request, timeout=self.session.answer_within).ledger
        except grpc.RpcError as error:
            if not _is_not_served(error):
                raise
            return
        if ledger.size == basis.as_of_position:
            self.account.details["root_hash"] = ledger.root_hash.hex()

    @cached_property
    def actors(self) -> dict[str, NamedActor]:
        """The register of actors."""
        position = self.account.basis.as_of_position
        if not position:
            return {}
        request = ledger_service_pb2.ReplayHistoryRequest(
            ledger=self.session.ledger,
            to_position=position,
            filter=records_pb2.EventFilter(streams=[ACTORS]),
        )
        batches = self._stub.ReplayHistory(request, timeout=self.session.timeout)
        return named_actors(registrations_of(event for batch in batches for event in batch.events))

    @cached_property
    def actors_where_served(self) -> dict[str, NamedActor]:
        """The same; empty, and told so, where the record is not served."""
        try:
            return self.actors
        except grpc.RpcError as error:
            if not _is_not_served(error):
                raise
            self.account.details["register"] = "not served here; sides are named by their ids"
            return {}

    def states_none(self, report_id: str) -> bool:
        """Whether a report as recorded claims no casualties at all."""
        request = ledger_service_pb2.GetReportRequest(ledger=self.session.ledger, report_id=report_id)
        answer = self._stub.GetReport(request, timeout=self.session.answer_within)
        return not any(event.type in CASUALTIES for event in answer.events)

    @cached_property
    def _stub(self) -> Any:
        return self.session.stub(LedgerServiceStub)


def _is_not_served(error: Any) -> bool:
    return bool(error.code() is grpc.StatusCode.UNIMPLEMENTED)
