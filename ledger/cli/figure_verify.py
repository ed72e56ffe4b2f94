"""A figure's statement, verified by its signatures alone, or by computing the figure again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ledger.audit.notes import VerifierKey
from ledger.audit.proofs import VERIFICATION_ERRORS
from ledger.audit.statements import Statement, open_statement
from ledger.cli.failures import Refused
from ledger.cli.figure_kinds import answer_of, question_of
from ledger.cli.figure_tables import AGAIN, VERIFIED, print_statement
from ledger.cli.session import Session
from ledger.cli.trusting import opened, refuse, tell_witnesses


def verify_statement(
    session: Session, text: str, trusted: Sequence[VerifierKey], again: bool, folder: Path | None
) -> None:
    """Print what a statement says, who signed it, and for which ledger; `again` computes it from a server's record,
    or from a folder. Refused says what does not hold."""
    try:
        found = open_statement(text, trusted)
    except VERIFICATION_ERRORS as error:
        refuse("the statement", error)
    statement = found.statement
    opened(statement.note, trusted)  # by the witnesses too, where a policy asks for them
    request = question_of(statement.figure, statement.question).request
    ledger = request.ledger
    if not statement.checkpoint.origin.endswith(f"/{ledger}"):
        raise Refused(
            f"the statement asks the ledger {ledger!r}, and its checkpoint is of {statement.checkpoint.origin}"
        )
    _check_position(statement, request)
    if not again:
        print_statement(session, statement, VERIFIED, found.signers)
        tell_witnesses(session, statement.note, trusted)
        return
    # What folds takes a while to be imported, and verifying by signatures does without.
    from ledger.cli.audit_recompute import FolderRecord, ServedRecord, check_same, recomputed

    session.ledger = ledger
    record = FolderRecord(session, trusted, folder) if folder is not None else ServedRecord(session, trusted)
    if record.ledger != ledger:
        raise Refused(f"the statement asks the ledger {ledger!r}, and the folder holds {record.ledger!r}")
    (computed,) = recomputed(session, record, [statement])
    why = check_same(computed, statement)
    print_statement(session, statement, AGAIN, found.signers)
    tell_witnesses(session, statement.note, trusted)
    if why:
        session.err.print(
            f"The answer is the same; the state cannot be compared: {why}.", style="dim", soft_wrap=True
        )


def _check_position(statement: Statement, request: Any) -> None:
    """Question and answer are of one position, which the checkpoint covers."""
    size, asked = statement.checkpoint.size, request.as_of
    if asked.WhichOneof("moment") != "position" or not 0 <= asked.position <= size:
        raise Refused(f"the statement does not ask as of a position up to {size}, the size of its checkpoint")
    answered = answer_of(statement.figure, statement.answer).basis.as_of_position
    if answered != asked.position:
        raise Refused(f"the statement asks as of position {asked.position}, and answers as of {answered}")
