"""AuditService: checkpoints, proofs, and a check of all that is stored. Proofs are given out as the stored tree
makes them: whoever gets one verifies it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from incident.ledger.v1 import audit_service_pb2 as pb
from incident.ledger.v1 import audit_service_pb2_grpc
from ledger.api.background import BackgroundChecks
from ledger.api.checkpoints import Checkpoints
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.api.messages import timestamp_to_proto
from ledger.api.requests import ledger_name, not_negative
from ledger.errors import InvalidRequestError, OverloadedError, Violation
from ledger.persistence.check_states import CheckState
from ledger.persistence.checking import Check, Checked
from ledger.persistence.tree import Consistency, Inclusion

MAX_CHECKS = 2
"""At once, of one process: each reads all that is stored."""
RETRY_AFTER_SECONDS = 30

Context = grpc.aio.ServicerContext[Any, Any]


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """The service on the ledgers that this process has open."""

    def __init__(self, ledgers: Ledgers, checkpoints: Checkpoints, checks: BackgroundChecks) -> None:
        self._ledgers = ledgers
        self._checkpoints = checkpoints
        self._checks = checks
        self._verifying = 0

    async def GetCheckpoint(self, request: pb.GetCheckpointRequest, context: Context) -> pb.GetCheckpointResponse:
        ledger = await self._ledgers.get(ledger_name(request.ledger))
        issued, keys = await self._checkpoints.newest(ledger)
        return pb.GetCheckpointResponse(
            checkpoint=issued.note,
            verifier_keys=keys,
            cosigned_by=issued.cosigned_by,
            witness_shortfall=issued.shortfall,
        )

    async def GetInclusionProof(
        self, request: pb.GetInclusionProofRequest, context: Context
    ) -> pb.GetInclusionProofResponse:
        position = not_negative(request.position, "position")
        if not position:
            raise InvalidRequestError([Violation("position", "is missing; positions begin at 1")])
        size = not_negative(request.tree_size, "tree_size")
        ledger = await self._ledgers.examined(ledger_name(request.ledger))
        proof: Inclusion = await self._ledgers.run(ledger.inclusion, position, size)
        return pb.GetInclusionProofResponse(
            leaf_hash=proof.leaf, hashes=proof.hashes, tree_size=proof.size, root_hash=proof.root
        )

    async def GetConsistencyProof(
        self, request: pb.GetConsistencyProofRequest, context: Context
    ) -> pb.GetConsistencyProofResponse:
        first = not_negative(request.first_size, "first_size")
        second = not_negative(request.second_size, "second_size")
        if second and first > second:
            sentence = f"is {first}, more than second_size {second}; exchange them"
            raise InvalidRequestError([Violation("first_size", sentence)])
        ledger = await self._ledgers.examined(ledger_name(request.ledger))
        proof: Consistency = await self._ledgers.run(ledger.consistency, first, second)
        return pb.GetConsistencyProofResponse(
            hashes=proof.hashes,
            first_root_hash=proof.first_root,
            second_root_hash=proof.root,
            second_size=proof.size,
        )

    async def VerifyLedger(
        self, request: pb.VerifyLedgerRequest, context: Context
    ) -> AsyncIterator[pb.VerifyLedgerResponse]:
        ledger = await self._ledgers.examined(ledger_name(request.ledger))
        with self._room():
            check: Check = await self._ledgers.run(_begun, ledger)
            while not check.done:
                told: Checked = await self._ledgers.run(_further, ledger, check)
                yield pb.VerifyLedgerResponse(verified=told.verified, total=told.total, root_hash=told.root)

    async def GetCheckState(self, request: pb.GetCheckStateRequest, context: Context) -> pb.GetCheckStateResponse:
        ledger = await self._ledgers.examined(ledger_name(request.ledger))
        state: CheckState = await self._ledgers.run(self._checks.state, ledger.log.ledger)
        answer = pb.GetCheckStateResponse(
            enabled=self._checks.enabled,
            verified=state.verified,
            total=state.total,
            last_completed_size=state.completed_size,
            finding=state.finding,
            finding_position=state.finding_position,
        )
        if state.completed_at is not None:
            answer.last_completed_at.CopyFrom(timestamp_to_proto(state.completed_at))
        if state.found_at is not None:
            answer.found_at.CopyFrom(timestamp_to_proto(state.found_at))
        return answer

    @contextmanager
    def _room(self) -> Iterator[None]:
        """For one check; OverloadedError where there are enough."""
        if self._verifying >= MAX_CHECKS:
            what = f"room for checks of everything ({MAX_CHECKS} at once)"
            raise OverloadedError(what=what, retry_seconds=RETRY_AFTER_SECONDS)
        self._verifying += 1
        try:
            yield
        finally:
            self._verifying -= 1


def _begun(ledger: OpenLedger) -> Check:
    with ledger.reading() as connection:
        return Check(ledger.log, ledger.log.head(connection))


def _further(ledger: OpenLedger, check: Check) -> Checked:
    with ledger.reading() as connection:
        return check.further(connection)
