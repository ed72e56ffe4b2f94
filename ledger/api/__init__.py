"""The write side's face over gRPC: messages, statuses, services. It decides nothing about the record."""
