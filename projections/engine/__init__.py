"""Keeps projections level with their ledgers: follows, rebuilds, compares. It knows no read model and no gRPC."""

from projections.engine.projection import Connection, Projection

__all__ = ["Connection", "Projection"]
