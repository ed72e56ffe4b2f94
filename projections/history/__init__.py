"""The history of claims, shared by every read model: which claims held, in which form, in which range of positions.
It answers no question by itself."""

from projections.history.new_types import NewTypes
from projections.history.read_model import ReadModel

__all__ = ["NewTypes", "ReadModel"]
