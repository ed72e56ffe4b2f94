"""The tables of read models as plain SQL builds them: one pass over the events with INSERT … SELECT, and GROUP BY.

The claims as recorded, the reports, the acts and the register are the same, with all columns and indexes. What acts
do to claims is left out, and so is which of several claims of one number is taken: it is a limit, and no rival."""
