"""The read model of agreements and ceasefires: their claims, and what says whether they are watched. The status is
derived when it is asked for, from the claims that hold at the moment asked for; no status is stored."""

from projections.ceasefires.read_model import CEASEFIRES

__all__ = ["CEASEFIRES"]
