"""Generated from proto/incident/ledger."""
