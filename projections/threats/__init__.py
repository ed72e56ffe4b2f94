"""The read model of threats: as issued, carried out and withdrawn. Whether one stands on a day is derived when it
is asked for; no status is stored."""

from projections.threats.read_model import THREATS

__all__ = ["THREATS"]
