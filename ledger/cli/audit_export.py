"""`audit export`: the ledger as files, verified event by event while they are written."""

from collections.abc import Sequence
from pathlib import Path

import click

from ledger.audit.replayed import Replayed
from ledger.cli import wording
from ledger.cli.audit_folders import Folder
from ledger.cli.audit_replay import begun, named_keys, take_all
from ledger.cli.failures import FaultyInput, Refused
from ledger.cli.session import Session, connected, example
from ledger.cli.trusting import key_option, parsed, tell_witnesses, whose


@click.command(epilog=example("incident-ledger audit export november --key ledger.example.org/main+2b5cd4b3+A…"))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@key_option
@connected
def export(session: Session, folder: Path, keys: Sequence[str]) -> None:
    """Write everything that is recorded to a new folder, which can be verified without the ledger.

    Entries and tiles are cut and named as C2SP tlog-tiles says; payloads are JSON lines, and a manifest comes last.
    """
    named = list(keys or named_keys(session))
    trusted = parsed(keys or named)
    first = begun(session, trusted)
    written, replayed = Folder(folder), Replayed(first.checkpoint)
    try:
        written.begin(first.note, named)
        take_all(session, replayed, first.batches, written.add)
        if replayed.unexplained:
            what = f"position {replayed.unexplained}: its payload is gone, and no redaction is recorded by then"
            raise Refused(f"{what}; if it was redacted just now, export again")
        written.end(first.checkpoint)
    except OSError as error:
        raise FaultyInput(f"{folder} cannot be written: {error.strerror}") from error
    if session.as_json:
        session.out.print_json(data={"origin": first.checkpoint.origin, "size": replayed.size})
        return
    session.out.print(f"{folder} holds {wording.number(replayed.size)} events, each verified.")
    session.out.print(whose(keys, first.checkpoint), style="dim", soft_wrap=True)
    tell_witnesses(session, first.note, trusted)
