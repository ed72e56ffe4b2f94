"""The read side's face over gRPC: one module for each service. It derives nothing; the read models do."""
