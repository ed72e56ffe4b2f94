"""A figure's statement on a terminal: the answer as its own command prints it, and what it rests on."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ledger.audit.notes import VerifierKey
from ledger.audit.statements import MADE_AT, Statement, canonical
from ledger.cli import wording
from ledger.cli.figure_kinds import answer_of, kind_of
from ledger.cli.session import Session
from ledger.cli.tables import print_table, table

COMPUTED, VERIFIED, AGAIN = "computed", "verified", "computed again"
"""What was done with a statement that is printed."""


def print_statement(session: Session, statement: Statement, how: str, signers: Sequence[VerifierKey] = ()) -> None:
    """Print it, and what was done with it."""
    if session.as_json:
        head = {"verified": "figure", "computed_again": how == AGAIN} if signers else {}
        told = json.dumps(head | _told(statement, signers), indent=2, ensure_ascii=False)
        session.out.file.write(told + "\n")
        return
    kind_of(statement.figure).show(session.out, answer_of(statement.figure, statement.answer))
    made = table(f"figure, {how}", "")
    for name, value in _rows(statement, signers):
        made.add_row(name, value)
    session.out.print()
    print_table(session.out, made, "")


def _told(statement: Statement, signers: Sequence[VerifierKey]) -> dict[str, Any]:
    found = statement.checkpoint
    signed = {"signed_by": list(map(str, signers)), "made_at": f"{statement.made_at:{MADE_AT}}"}
    return (signed if signers else {}) | {
        "origin": found.origin,
        "size": found.size,
        "root": found.root.hex(),
        "figure": statement.figure,
        "projection": statement.projection,
        "version": statement.version,
        "state": statement.state,
        "redacted": statement.redacted,
        "compared": statement.compared.value,
        "program": statement.program,
        "question": statement.question,
        "answer": statement.answer,
    }


def _rows(statement: Statement, signers: Sequence[VerifierKey]) -> Iterator[tuple[str, str]]:
    if signers:
        yield "signed by", "\n".join(map(str, signers))
        yield "made at", f"{statement.made_at:{MADE_AT}}"
    found = statement.checkpoint
    yield "origin", found.origin
    yield "size", str(found.size)
    yield "root", found.root.hex()
    yield "question", f"{statement.figure} {canonical(statement.question)}"
    yield "read model", f"{statement.projection}, version {statement.version}"
    yield "state digest", statement.state
    if statement.redacted:
        yield "redacted", f"{wording.number(statement.redacted)} events"
    yield "compared with a server", statement.compared.value
    yield "program", statement.program
