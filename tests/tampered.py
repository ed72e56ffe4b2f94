"""A ledger that somebody tampers with, the copies of it that they can put in its place, and those who look for it.
Everything runs in this process, on real databases; each finder does what the service or the command does."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from ledger.api.ledgers import Ledgers
from ledger.application import LedgerApplication
from ledger.audit.checkpoints import Checkpoint, open_checkpoint
from ledger.audit.envelope import EnvelopeError
from ledger.audit.merkle import ProofError, verify_consistency
from ledger.audit.notes import NoteError, parts
from ledger.audit.replayed import Replayed
from ledger.audit.witnessing import OK, Request, known_logs
from ledger.errors import CorruptionError, LedgerError, NotContinuedError
from ledger.persistence import install
from ledger.persistence.check_states import CheckStates
from ledger.persistence.checking import Check
from ledger.persistence.guarding import Guard
from ledger.persistence.issued import IssuedCheckpoints
from ledger.persistence.log import Connection, EventLog
from ledger.persistence.passes import Pass
from ledger.persistence.records import RawRecord
from ledger.persistence.signing import Signing
from ledger.persistence.tree import Consistency, Proofs
from ledger.persistence.witnessed import Witness, witness_key
from tests.filing import append, claim, redaction, report
from tests.postgres import Cluster, Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEDGER = "main"
KEPT = 8
"""How many events the checkpoint covers that everybody has kept."""
SEEN = 10
"""How many the running service has seen."""
PROVEN = 2
"""The position of the event of which somebody has a proof file."""


@contextmanager
def recording(database: Database) -> Iterator[LedgerApplication]:
    """The ledger of a database, to append to."""
    application = LedgerApplication(LEDGER, database.service_url)
    try:
        yield application
    finally:
        application.close()


@dataclass
class History:
    """One ledger through time: copies of its database and of the data folder, and what people kept of it."""

    then: Database
    """Before the last checkpoint, with four events."""
    at_checkpoint: Database
    now: Database
    """With two events since the checkpoint."""
    other: Database
    """Continued from `then` with other reports."""
    folder: Path
    folder_then: Path
    kept: Checkpoint
    cosigned: Path
    """The folder of a witness that has cosigned what everybody has kept, and nothing since."""
    proven: RawRecord


@contextmanager
def history(cluster: Cluster, database: Database, folder: Path) -> Iterator[History]:
    """Record it, in a database that is empty."""
    signing = Signing(folder / "now")
    with ExitStack() as stack:

        def copy() -> Database:
            return stack.enter_context(cluster.database(database.name))

        with recording(database) as application:
            append(application, report("one", claim(count=7)))
            append(application, report("two"))
        issue(signing, database)
        shutil.copytree(folder / "now", folder / "then")
        then, other = copy(), copy()
        with recording(database) as application:
            target = append(application, report("three")).events[-1].event_id
            append(application, report("four", redaction(target)))
        note = issue(signing, database)
        kept = open_checkpoint(note, signing.verifiers(LEDGER))
        assert witness(folder / "witness", signing).add_checkpoint(asked(note, database, 0), 0).status == OK
        at_checkpoint = copy()
        with recording(database) as application:
            append(application, report("five"))
        with recording(other) as application:
            for number in range(4):
                append(application, report(f"other-{number}", claim(count=90 + number)))
        with psycopg.connect(database.service_url, autocommit=True) as connection:
            proven = events(connection)[PROVEN - 1]
        yield History(
            then,
            at_checkpoint,
            database,
            other,
            folder / "now",
            folder / "then",
            kept=kept,
            cosigned=folder / "witness",
            proven=proven,
        )


def issue(signing: Signing, database: Database) -> str:
    """Have all that is recorded signed."""
    with psycopg.connect(database.service_url, autocommit=True) as connection:
        return signing.issue(LEDGER, lambda first: consistency(connection, first)).note


def witness(folder: Path, signing: Signing) -> Witness:
    """A witness with its memory in a folder."""
    return Witness(folder, witness_key(folder, "witness.example.org"), known_logs(signing.verifiers(LEDGER)))


def asked(note: str, database: Database, old_size: int) -> bytes:
    """What a witness is sent, with the proof from a size on as the database gives it."""
    size = Checkpoint.parse(parts(note)[0]).size
    with psycopg.connect(database.service_url, autocommit=True) as connection:
        proof = consistency(connection, old_size, size) if old_size <= size else None
    return Request(min(old_size, size), tuple(proof.hashes) if proof is not None else (), note).text().encode()


def consistency(connection: Connection, first: int, second: int = 0) -> Consistency:
    """As the service proves it."""
    return Proofs(EventLog(LEDGER)).consistency(connection, first, second)


def events(connection: Connection) -> list[RawRecord]:
    """All of them, as they are stored."""
    log = EventLog(LEDGER)
    head = log.head(connection).size
    found = log.read(connection, 0, head, head, raw=True) if head else []
    return [each for each in found if isinstance(each, RawRecord)]


@dataclass
class Scene:
    """What there is once somebody has done something, and what people know from before."""

    history: History
    database: Database
    """What the service finds now."""
    folder: Path
    """Its data folder."""
    running: Guard
    """Of a service that has seen what was before."""
    signing: Signing = field(init=False)

    def __post_init__(self) -> None:
        self.signing = Signing(self.folder)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        with psycopg.connect(self.database.service_url, autocommit=True) as connection:
            yield connection

    def served(self) -> Checkpoint | None:
        """The checkpoint that a client gets; none where the service refuses to sign one."""
        try:
            return open_checkpoint(issue(self.signing, self.database), self.signing.verifiers(LEDGER))
        except (LedgerError, psycopg.Error):
            return None


def finds(look: Callable[[], object]) -> bool:
    """Whether somebody who looks comes to a stop."""
    try:
        look()
    except (LedgerError, ProofError, EnvelopeError, NoteError):
        return True
    return False


def refuses(look: Callable[[], object]) -> bool:
    """Whether the guard does; any other error is none of its own."""
    try:
        look()
    except NotContinuedError:
        return True
    return False


def check_finds(scene: Scene) -> bool:
    """`audit check`."""

    def look() -> None:
        with scene.connected() as connection:
            check = Check(EventLog(LEDGER), EventLog(LEDGER).head(connection))
            while not check.done:
                check.further(connection)

    try:
        return finds(look)
    except psycopg.errors.UndefinedTable:
        return False  # there is no such ledger to be checked


def background_finds(scene: Scene) -> bool:
    """The check in the background, as GetCheckState tells of it."""
    states = CheckStates(scene.folder)
    with scene.connected() as connection:
        if LEDGER in install.ledgers(connection, "", 10):
            run = Pass(connection, LEDGER, states)
            assert run.begin()
            while not run.done:
                run.further(2, NOW)
    return states.state(LEDGER).finding != ""


def start_refuses(scene: Scene) -> bool:
    """A service that starts with the data folder."""

    async def started() -> None:
        ledgers = Ledgers(scene.database.service_url, issued=IssuedCheckpoints(scene.folder))
        try:
            ledgers.provide(LEDGER)
            await ledgers.get(LEDGER)
        finally:
            await ledgers.close()

    return refuses(lambda: asyncio.run(started()))


def running_refuses(scene: Scene) -> bool:
    """A service under which it was done, before the next append."""
    with scene.connected() as connection:
        return refuses(lambda: scene.running.tip(connection))


def replay_finds(scene: Scene) -> bool:
    """`audit replay`, and `audit verify` of an export: none is signed, or the events do not give its root."""
    checkpoint = scene.served()
    if checkpoint is None:
        return True

    def look() -> None:
        with scene.connected() as connection:
            replayed = Replayed(checkpoint)
            for each in events(connection):
                replayed.take(each.envelope, each.salt, each.state)
            replayed.end()
            if replayed.unexplained:
                raise ProofError("a payload is gone")

    return finds(look)


def remembering_finds(scene: Scene) -> bool:
    """`audit checkpoint --remember`, with what was kept before."""
    return _contradicts(scene, scene.history.kept, missing=True)


def witness_refuses(scene: Scene) -> bool:
    """A witness that has cosigned what was kept before, and is sent what is signed now."""
    try:
        note = issue(scene.signing, scene.database)
        body = asked(note, scene.database, scene.history.kept.size)
    except (LedgerError, psycopg.Error):
        return True  # there is nothing to cosign
    remembering = shutil.copytree(scene.history.cosigned, scene.folder / "witness")
    return witness(remembering, scene.signing).add_checkpoint(body, 0).status != OK


def comparing_find(scene: Scene) -> bool:
    """`audit compare`, of what was kept before and what another gets now."""
    return _contradicts(scene, scene.history.kept, missing=False)


def _contradicts(scene: Scene, kept: Checkpoint, *, missing: bool) -> bool:
    found = scene.served()
    if found is None:
        return missing
    earlier, later = sorted((kept, found), key=lambda each: each.size)

    def look() -> None:
        with scene.connected() as connection:
            proof = consistency(connection, earlier.size, later.size)
        verify_consistency(earlier.size, later.size, proof.hashes, earlier.root, later.root)

    return finds(look)


def proof_differs(scene: Scene) -> bool:
    """Whoever has a proof file compares its event with what the ledger says now."""
    kept = scene.history.proven

    def look() -> None:
        try:
            with scene.connected() as connection:
                now = EventLog(LEDGER).read(connection, PROVEN - 1, 1, PROVEN, raw=True)
        except psycopg.errors.UndefinedTable:
            now = []
        if [(each.envelope, each.state) for each in now if isinstance(each, RawRecord)] != [
            (kept.envelope, kept.state)
        ]:
            raise CorruptionError(position=PROVEN, what="it is not the event of the proof")

    return finds(look)
