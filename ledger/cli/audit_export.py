"""`audit export`: the ledger, or a range of it, as files, verified while they are written."""

from collections.abc import Sequence
from pathlib import Path

import click

from ledger.audit import exported
from ledger.audit.checkpoints import Checkpoint
from ledger.audit.covered import Coverage
from ledger.audit.notes import VerifierKey
from ledger.audit.proofs import VERIFICATION_ERRORS
from ledger.audit.replayed import Replayed, Taken
from ledger.audit.tiles import TILE_WIDTH
from ledger.cli import wording
from ledger.cli.audit_ranges import Tiles, redactions_beyond
from ledger.cli.audit_replay import Begun, begun, named_keys, take_all
from ledger.cli.audit_writing import Folder, Growing, Proving
from ledger.cli.failures import FaultyInput, Refused
from ledger.cli.parameters import position_from
from ledger.cli.session import Session, connected, example
from ledger.cli.trusting import key_option, parsed, tell_witnesses, whose


@click.command(
    epilog=example(
        "incident-ledger audit export november --key ledger.example.org/main+2b5cd4b3+A…",
        "incident-ledger audit export spring --from 120001 --to 150000",
    )
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--from", "first", type=position_from(1), metavar="N", help="Only events from this position on.")
@click.option("--to", "last", type=position_from(1), metavar="N", help="Only events up to this position.")
@key_option
@connected
def export(session: Session, folder: Path, first: int | None, last: int | None, keys: Sequence[str]) -> None:
    """Write what is recorded to a new folder, which can be verified without the ledger.

    Entries and tiles are cut and named as C2SP tlog-tiles says; payloads are JSON lines, and a manifest comes last.
    A range is widened to whole bundles of 256 events, and comes with what proves it part of the signed root.
    """
    if first and last and first > last:
        raise click.UsageError(f"--from {first} is after --to {last}")
    trusted = parsed(keys or named_keys(session))
    write = _write_all if first is None and last is None else _write_range
    try:
        covered, taken, begin = write(session, folder, trusted, first or 1, last or 0)
    except OSError as error:
        raise FaultyInput(f"{folder} cannot be written: {error.strerror}") from error
    except VERIFICATION_ERRORS as error:
        raise Refused(str(error)) from error
    _tell(session, folder, covered, taken, begin.checkpoint)
    if not session.as_json:
        session.out.print(whose(keys, begin.checkpoint), style="dim", soft_wrap=True)
        tell_witnesses(session, begin.note, trusted)


Written = tuple[Coverage, Taken, Begun]


def _write_all(session: Session, folder: Path, trusted: Sequence[VerifierKey], first: int, last: int) -> Written:
    begin = begun(session, trusted)
    checkpoint, tiles, taken = begin.checkpoint, Growing(), Replayed(begin.checkpoint)
    with Folder(folder, tiles) as written:
        take_all(session, taken, checkpoint.size, begin.batches, written.add)
        _check(written, taken)
        written.end(begin.note, trusted, exported.manifest(checkpoint), tiles.edge)
    return Coverage.whole(checkpoint.size), taken, begin


def _write_range(session: Session, folder: Path, trusted: Sequence[VerifierKey], first: int, last: int) -> Written:
    after, through = (first - 1) // TILE_WIDTH * TILE_WIDTH, -(-last // TILE_WIDTH) * TILE_WIDTH
    begin = begun(session, trusted, after=after, through=through)
    checkpoint = begin.checkpoint
    if max(first, last) > checkpoint.size:
        raise FaultyInput(f"there is no position {max(first, last)}: the ledger has {checkpoint.size} events")
    covered = Coverage.around(first, last or checkpoint.size, checkpoint.size)
    taken = Taken(checkpoint.origin, covered.after, covered.through)
    tiles = Proving(covered, checkpoint.root, Tiles(session, checkpoint.size))
    with Folder(folder, tiles, covered.after) as written:
        take_all(session, taken, covered.events, begin.batches, written.add)
        found = list(redactions_beyond(session, begin.note, covered, trusted, taken))
        _check(written, taken)
        manifest = exported.manifest(checkpoint, (covered.after + 1, covered.through))
        written.end(begin.note, trusted, manifest, lambda: [*tiles.edge(), *found])
    return covered, taken, begin


def _check(written: Folder, taken: Taken) -> None:
    """Redactions are on the record, and what they removed is gone."""
    if taken.unexplained:
        what = f"position {taken.unexplained}: its payload is gone, and no redaction is recorded by then"
        raise Refused(f"{what}; if it was redacted just now, export again")
    if there := written.position_of(taken.elsewhere):
        raise Refused(f"position {there}: its payload came, and the record says that it was removed")


def _tell(session: Session, folder: Path, covered: Coverage, taken: Taken, checkpoint: Checkpoint) -> None:
    of_range = covered != Coverage.whole(covered.size)
    if session.as_json:
        told = {
            "origin": checkpoint.origin,
            "size": covered.size,
            "events": covered.events,
            "redacted": taken.redacted,
        }
        session.out.print_json(data=told | {"from": covered.after + 1, "to": covered.through})
        return
    which = f", positions {covered.after + 1} to {covered.through}," if of_range else ""
    session.out.print(
        f"{folder} holds {wording.number(covered.events)} events{which} each verified.", soft_wrap=True
    )
