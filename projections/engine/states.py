"""What an operator is told of a projection: where it is, what it does, and what keeps it from doing more."""

from dataclasses import dataclass, replace
from uuid import UUID

from ledger.persistence.log import EventLog
from projections.engine.catalogue import Catalogue, Generation
from projections.engine.databases import source_of
from projections.engine.frozen import FrozenGeneration, frozen_generations
from projections.engine.leases import Leases, is_standby
from projections.engine.parked import ParkedEvents
from projections.engine.projection import Connection, Projection
from projections.engine.rebuilds import INTERRUPTED, RebuildProgress, Rebuilds

FOLLOWING = "following"
CATCHING_UP = "catching up"
HALTED = "halted"
REBUILDING = "rebuilding"


@dataclass(frozen=True, slots=True)
class ProjectionState:
    """One projection of one ledger; `generation` is 0 until it is made. The digest is there if asked for."""

    name: str
    version: int
    generation: int
    state: str
    position: int
    head: int
    lag_seconds: float
    halted_because: str
    parked: int
    rebuild: RebuildProgress | None
    state_digest: str = ""
    leader: UUID | None = None
    """The process that folds; None while nobody does."""

    frozen: tuple[FrozenGeneration, ...] = ()
    """Generations that end at a position, for audits."""

    @property
    def lag_events(self) -> int:
        """How many events it has not taken."""
        return max(self.head - self.position, 0)


def state_of(
    connection: Connection,
    ledger: str,
    projection: Projection,
    leases: Leases,
    *,
    with_digest: bool = False,
    with_frozen: bool = False,
) -> ProjectionState:
    """The state, all of it from one snapshot where the connection's transaction has one."""
    catalogue, name = Catalogue(ledger), projection.name
    head = EventLog(ledger).head(source_of(connection)).size
    live = catalogue.live(connection, name) if catalogue.is_made(connection) else None
    if live is None:
        return ProjectionState(name, projection.version, 0, CATCHING_UP, 0, head, 0.0, "", 0, None)
    if with_digest:
        catalogue.hold(connection, live)
    rebuild = _unfinished(connection, catalogue, name)
    return ProjectionState(
        name=name,
        version=live.version,
        generation=live.number,
        state=_doing(live, head, rebuild),
        position=live.position,
        head=head,
        lag_seconds=catalogue.waiting_seconds(connection, live.position),
        halted_because=live.halted_because,
        parked=ParkedEvents(catalogue).count(connection, live),
        rebuild=rebuild,
        state_digest=projection.digest(connection, live.schema).hex() if with_digest else "",
        leader=leases.leader(connection, name),
        frozen=frozen_generations(connection, catalogue, projection, with_digests=with_frozen),
    )


def _doing(live: Generation, head: int, rebuild: RebuildProgress | None) -> str:
    if live.halted_because:
        return HALTED
    if rebuild is not None and rebuild.phase != INTERRUPTED:
        return REBUILDING
    return FOLLOWING if live.position >= head else CATCHING_UP


def _unfinished(connection: Connection, catalogue: Catalogue, name: str) -> RebuildProgress | None:
    """The rebuild that is not over, in whatever process; one whose process is gone is interrupted. A standby cannot
    see that, and tells what the catalogue does."""
    newest = Rebuilds(catalogue).newest(connection, name)
    if newest is None or newest.ended:
        return None
    running = newest.running or is_standby(connection)
    return newest.progress if running else replace(newest.progress, phase=INTERRUPTED)
