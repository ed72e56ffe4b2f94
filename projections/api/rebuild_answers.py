"""What rebuilds and verifications tell, as messages of the contract. It converts and decides nothing."""

from incident.ledger.v1 import projection_service_pb2 as pb
from ledger.api.messages import timestamp_to_proto
from projections.engine import digest, rebuilds
from projections.engine.freezing import Freeze
from projections.engine.frozen import FrozenGeneration
from projections.engine.rebuilding import Rebuild
from projections.engine.rebuilds import RebuildProgress
from projections.engine.rolling_back import RollBack
from projections.engine.verifying import Verdict, Verification

PHASES = {
    rebuilds.REPLAYING: pb.REBUILD_PHASE_REPLAYING,
    rebuilds.CATCHING_UP: pb.REBUILD_PHASE_CATCHING_UP,
    rebuilds.COMPARING: pb.REBUILD_PHASE_COMPARING,
    rebuilds.DONE: pb.REBUILD_PHASE_DONE,
    rebuilds.CANCELLED: pb.REBUILD_PHASE_CANCELLED,
    rebuilds.FAILED: pb.REBUILD_PHASE_FAILED,
    rebuilds.INTERRUPTED: pb.REBUILD_PHASE_INTERRUPTED,
}
PURPOSES = {
    Rebuild.purpose: pb.REBUILD_PURPOSE_REBUILD,
    Verification.purpose: pb.REBUILD_PURPOSE_VERIFY,
    Freeze.purpose: pb.REBUILD_PURPOSE_FREEZE,
    RollBack.purpose: pb.REBUILD_PURPOSE_ROLL_BACK,
}
DIFFERENCES = {
    digest.CHANGED: pb.DIFFERENCE_KIND_CHANGED,
    digest.ADDED: pb.DIFFERENCE_KIND_ADDED,
    digest.MISSING: pb.DIFFERENCE_KIND_MISSING,
}


def progress_to_proto(progress: RebuildProgress) -> pb.RebuildProgress:
    """How far a rebuild is."""
    return pb.RebuildProgress(
        generation=progress.generation,
        phase=PHASES[progress.phase],
        done=progress.done,
        total=progress.total,
        events_per_second=progress.events_per_second,
        remaining_seconds=progress.remaining_seconds,
        state_digest=progress.state_digest,
        replaced_digest=progress.replaced_digest,
        error=progress.error,
        started_at=timestamp_to_proto(progress.started_at),
        name=progress.name,
        purpose=PURPOSES[progress.purpose],
        resumed_from=progress.resumed_from,
        compared_position=progress.compared_position,
    )


def frozen_to_proto(frozen: FrozenGeneration) -> pb.FrozenGeneration:
    """A generation that ends at a position."""
    return pb.FrozenGeneration(
        number=frozen.number,
        version=frozen.version,
        position=frozen.position,
        created_at=timestamp_to_proto(frozen.created_at),
        state_digest=frozen.state_digest,
    )


def verdict_to_proto(verdict: Verdict) -> pb.Verdict:
    """What a verification has found."""
    found = [
        pb.TableDifference(
            table=each.table,
            rows=each.rows,
            shown=[pb.RowDifference(row=row.row, kind=DIFFERENCES[row.kind]) for row in each.shown],
        )
        for each in verdict.differences
    ]
    return pb.Verdict(
        name=verdict.name,
        generation=verdict.generation,
        position=verdict.position,
        equal=verdict.equal,
        state_digest=verdict.state_digest,
        replayed_digest=verdict.replayed_digest,
        differences=found,
    )
