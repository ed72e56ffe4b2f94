"""The read side: follows a ledger and answers questions about it. It never writes to the ledger."""
