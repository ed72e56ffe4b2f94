"""`audit figure`: a figure computed again from the verified record, compared with the server's, and stated for
publication. It signs nothing that differs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ledger.audit.notes import NoteError
from ledger.audit.statements import Compared, Statement, open_statement, sign_statement
from ledger.cli import wording
from ledger.cli.audit_replay import named_keys
from ledger.cli.casualties import figure_options, figures_request
from ledger.cli.ceasefires import ceasefire_options, ceasefire_request, ceasefires_request
from ledger.cli.failures import FaultyInput
from ledger.cli.figure_kinds import KINDS, Question
from ledger.cli.figure_tables import COMPUTED, print_statement
from ledger.cli.session import Session, connected, example
from ledger.cli.trusting import FILE, KEYS, key_option, parsed, signer, tell_witnesses, whose, write_text

Command = Callable[..., None]
FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


@click.group(
    epilog=example(
        "incident-ledger audit figure casualties --victim-class civilians --outcome killed",
        "incident-ledger audit figure ceasefires --sign-key auditor.key --output ceasefires.figure",
    )
)
@connected
def figure(session: Session) -> None:
    """Compute a figure again from the record, and compare it with the server's.

    All events are verified and folded on this machine, in a PostgreSQL that is gone afterwards. Exit code 1 with
    the first difference. What is the same can be signed, and published beside the figure.
    """
    click.get_current_context().obj = session.options


def statement_options(function: Command) -> Command:
    """What to compute from, and what to do with it."""
    for option in (
        click.option("--output", "-o", type=FILE, help="Write the signed statement here."),
        click.option("--sign-key", type=FILE, help="Your own key, made by `audit new-key`; with --output."),
        click.option(
            "--folder",
            type=FOLDER,
            help="Compute from an exported folder instead; then no server is asked, and nothing compared.",
        ),
        key_option,
    ):
        function = option(function)
    return function


@figure.command(
    epilog=example(
        "incident-ledger audit figure casualties --group-by party --outcome killed",
        "incident-ledger audit figure casualties --as-of 2000 --sign-key auditor.key --output killed.figure",
    )
)
@figure_options
@statement_options
@connected
def casualties(session: Session, **options: Any) -> None:
    """Casualty figures, with the options of `casualties`."""
    kept = _kept(options)
    _state(session, Question(KINDS["casualties"], figures_request(session.ledger, options)), **kept)


@figure.command(
    epilog=example(
        "incident-ledger audit figure ceasefires",
        "incident-ledger audit figure ceasefires sochi-memorandum --at 2020-02-12 --window 30",
    )
)
@ceasefire_options
@statement_options
@connected
def ceasefires(session: Session, agreement_id: str | None, limit: int, **options: Any) -> None:
    """The status of ceasefires, of all or of one, with the options of `ceasefires`."""
    kept = _kept(options)
    if agreement_id is not None:
        request = ceasefire_request(session.ledger, agreement_id, options)
        question = Question(KINDS["ceasefire"], request)
    else:
        question = Question(KINDS["ceasefires"], ceasefires_request(session.ledger, options), limit)
    _state(session, question, **kept)


def _kept(options: dict[str, Any]) -> dict[str, Any]:
    """The options that are not the question's."""
    return {name: options.pop(name) for name in ("output", "sign_key", "folder", "keys")}


def _state(
    session: Session,
    question: Question,
    output: Path | None,
    sign_key: Path | None,
    folder: Path | None,
    keys: Sequence[str],
) -> None:
    if (output is None) != (sign_key is None):
        raise click.UsageError("--output and --sign-key go together: a statement counts by whoever signs it")
    if folder is not None and not keys:
        raise click.UsageError(f"give the ledger's verifier key with --key or {KEYS}; no folder vouches for itself")
    key = signer(sign_key) if sign_key is not None else None
    trusted = parsed(keys or named_keys(session))
    statement = _computed(session, question, trusted, folder)
    if key is not None and output is not None:
        try:
            note = sign_statement(statement, [key])
            open_statement(note, [*trusted, key.verifier()])  # never a file that would not be verified
        except NoteError as error:
            raise FaultyInput(str(error)) from error
        write_text(output, note)
    print_statement(session, statement, COMPUTED)
    if not session.as_json:
        session.err.print(whose(keys, statement.checkpoint), style="dim", soft_wrap=True)
        tell_witnesses(session, statement.note, trusted)
        if key is not None:
            said = f"signed by: {wording.visible(str(key.verifier()))}"
            session.err.print(said, style="dim", soft_wrap=True)


def _computed(session: Session, question: Question, trusted: Sequence[Any], folder: Path | None) -> Statement:
    # What folds takes a while to be imported, and other commands below `audit` do without.
    from ledger.cli.audit_recompute import FolderRecord, ServedRecord, compared, computed

    if folder is not None:
        record = FolderRecord(session, trusted, folder)
        question.request.ledger = record.ledger
        return computed(session, record, [question])[0]
    (statement,) = computed(session, ServedRecord(session, trusted), [question])
    found: Compared = compared(session, question, statement)
    return replace(statement, compared=found)
