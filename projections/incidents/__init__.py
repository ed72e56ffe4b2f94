"""The incidents read model: every claim, in the order of what happened, and the links between incidents, threats
and agreements. It counts nobody; figures are the casualties read model's."""

from projections.incidents.claims import INCIDENTS_READ_MODEL

__all__ = ["INCIDENTS_READ_MODEL"]
