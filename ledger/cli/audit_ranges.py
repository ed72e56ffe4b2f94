"""A range of a ledger for an export, without replaying the rest: the tiles that prove it come from inclusion
proofs, and redactions recorded beyond it from a search. Nothing of it is believed: all has to fit a signed root."""

from collections.abc import Iterator, Sequence
from typing import Any

from incident.ledger.v1 import audit_service_pb2, records_pb2
from incident.ledger.v1 import ledger_service_pb2 as messages
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit import exported
from ledger.audit.covered import Coverage
from ledger.audit.merkle import ProofError, node_hash
from ledger.audit.notes import VerifierKey
from ledger.audit.proofs import Proof, verify_proof
from ledger.audit.replayed import REDACTION, Taken, redacted_event
from ledger.audit.tiles import TILE_HEIGHT, TILE_WIDTH
from ledger.cli.audit_writing import Files
from ledger.cli.session import Session


class Tiles:
    """Tiles of a tree of a size, by proofs of the first leaves under every other hash of one: at most 128 questions
    at once, each answered with two of its hashes."""

    def __init__(self, session: Session, size: int) -> None:
        self._session = session
        self._size = size

    def __call__(self, level: int, index: int, width: int) -> Sequence[bytes]:
        """The hashes of a tile, if the server tells the truth: whoever asks has to see that they fit the root."""
        stub, hashes = self._session.stub(AuditServiceStub), list[bytes]()
        height, numbers = TILE_HEIGHT * level, range(index * TILE_WIDTH, index * TILE_WIDTH + width, 2)
        asked = [self._asked(stub, (number << height) + 1) for number in numbers]
        for each in asked:
            answer = each.result()
            left = answer.leaf_hash
            for right in answer.hashes[:height]:
                left = node_hash(left, right)
            hashes += [left, *answer.hashes[height : height + 1]]
        return hashes[:width]

    def _asked(self, stub: Any, position: int) -> Any:
        request = audit_service_pb2.GetInclusionProofRequest(
            ledger=self._session.ledger, position=position, tree_size=self._size
        )
        return stub.GetInclusionProof.future(request, timeout=self._session.answer_within)


def redactions_beyond(
    session: Session, note: str, covered: Coverage, trusted: Sequence[VerifierKey], taken: Taken
) -> Files:
    """Proofs of what removed payloads of the range later, as files; the search ends once all is explained."""
    if not taken.wanting or covered.through == covered.size:
        return
    for event in _recorded_redactions(session, covered):
        target = redacted_event(event.payload)
        if target not in taken.wanting:
            continue
        request = audit_service_pb2.GetInclusionProofRequest(
            ledger=session.ledger, position=event.position, tree_size=covered.size
        )
        path = session.stub(AuditServiceStub).GetInclusionProof(request, timeout=session.answer_within)
        proof = Proof(event.envelope, event.salt, event.payload, event.position - 1, tuple(path.hashes), note)
        if verify_proof(proof, trusted).envelope.type != REDACTION:
            raise ProofError(f"position {event.position}: it is no redaction, although the server says so")
        taken.explain(event.position, target)
        yield exported.redaction_path(event.position), proof.text().encode()
        if not taken.wanting:
            return


def _recorded_redactions(session: Session, covered: Coverage) -> Iterator[Any]:
    request = messages.ReplayHistoryRequest(
        ledger=session.ledger,
        from_position=covered.through + 1,
        to_position=covered.size,
        filter=records_pb2.EventFilter(types=[REDACTION]),
        view=records_pb2.EVENT_VIEW_RAW,
    )
    for batch in session.stub(LedgerServiceStub).ReplayHistory(request, timeout=session.timeout):
        yield from batch.events
