"""A figure's statement on a terminal: the answer as its own command prints it, and what it rests on."""

from collections.abc import Sequence
from typing import Any

from ledger.audit.notes import VerifierKey
from ledger.audit.statements import Statement, canonical
from ledger.cli.figure_kinds import answer_of, kind_of
from ledger.cli.session import Session
from ledger.cli.tables import print_table, table


def print_statement(session: Session, statement: Statement, how: str, signers: Sequence[VerifierKey] = ()) -> None:
    """Print it; `how` says what was done with it: computed, verified, computed again."""
    rows = _rows(statement, signers)
    if session.as_json:
        told: dict[str, Any] = {"statement": how} | {name.replace(" ", "_"): value for name, value in rows.items()}
        session.out.print_json(data=told | {"question": statement.question, "answer": statement.answer})
        return
    kind_of(statement.figure).show(session.out, answer_of(statement.figure, statement.answer))
    made = table(f"figure, {how}", "")
    for name, value in rows.items():
        made.add_row(name, value)
    session.out.print()
    print_table(session.out, made, "")


def _rows(statement: Statement, signers: Sequence[VerifierKey]) -> dict[str, str]:
    found = statement.checkpoint
    signed = {"signed by": ", ".join(map(str, signers)), "made at": f"{statement.made_at:%Y-%m-%dT%H:%M:%SZ}"}
    return (signed if signers else {}) | {
        "origin": found.origin,
        "size": str(found.size),
        "root": found.root.hex(),
        "figure": statement.figure,
        "question": canonical(statement.question),
        "read model": f"{statement.projection}, version {statement.version}",
        "state digest": statement.state,
        "redacted": str(statement.redacted),
        "compared with a server": statement.compared.value,
        "program": statement.program,
    }
