"""Generated from proto/incident."""
