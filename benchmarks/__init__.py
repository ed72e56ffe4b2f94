"""Measurements: what is measured, against what, on which machine. They print and judge nothing.
Each opponent runs in turns with the others, so that a slow minute of the machine strikes all of them."""
