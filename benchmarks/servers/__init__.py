"""Servers that stand beside the ledger's in a measurement. Each prints `serving on HOST:PORT` when it is ready."""
