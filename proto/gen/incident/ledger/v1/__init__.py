"""Generated from proto/incident/ledger/v1."""
