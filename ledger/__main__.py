"""`python -m ledger` is the command `incident-ledger`."""

from ledger.cli import main

main()
