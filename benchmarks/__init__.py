"""Measurements: what is measured, against what, on which machine. They print and judge nobody: a bar that is
not reached is told and fails no run. Opponents run in turns, so that a slow minute strikes all of them."""
