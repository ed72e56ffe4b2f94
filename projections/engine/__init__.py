"""Keeps projections level with their ledgers: follows, rebuilds, compares. It knows no read model and no gRPC."""

from projections.engine.engine import Engine, Follower
from projections.engine.projection import Connection, Parking, Projection
from projections.engine.running import RunningBuild
from projections.engine.states import ProjectionState

__all__ = ["Connection", "Engine", "Follower", "Parking", "Projection", "ProjectionState", "RunningBuild"]
