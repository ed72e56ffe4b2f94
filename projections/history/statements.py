"""The named queries of the history."""

from ledger.persistence.queries import Queries

COMMON = Queries("projections.history", "queries.sql")
