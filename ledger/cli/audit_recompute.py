"""Figures computed again: the events are verified one by one, folded on this machine, and asked the same question.
A difference is told by the first field in which it shows; nothing is mended or rounded away."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import click
import grpc
from rich.progress import Progress

from incident.ledger.v1 import ledger_service_pb2, projection_service_pb2, records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from ledger.audit.checkpoints import Checkpoint
from ledger.audit.merkle import ProofError
from ledger.audit.notes import VerifierKey
from ledger.audit.replayed import Replayed
from ledger.audit.statements import Compared, Statement, first_difference
from ledger.cli import wording
from ledger.cli.audit_folders import checkpoint_of, verify_folder
from ledger.cli.audit_replay import Keep, begun, go_on, take_all
from ledger.cli.failures import FaultyInput, Refused
from ledger.cli.figure_kinds import Question, answered, check_whole, question_of, stated_answer, stated_question
from ledger.cli.session import Session
from ledger.domain.administration import ADMINISTRATION
from ledger.embedded import BinariesMissingError
from ledger.recomputing import Replica, replica

PACKAGE = "incident-ledger"
LOCAL_SECONDS = 300.0
"""For one question to the read model of this machine."""
LOOKS, LOOK_SECONDS = 10, 0.3
"""How often a server is asked for the digest of its read model until that has taken the checkpoint's events."""


class Signed(NamedTuple):
    """A record up to a checkpoint."""

    checkpoint: Checkpoint
    note: str


class ServedRecord:
    """A record as a server replays it."""

    def __init__(self, session: Session, trusted: Sequence[VerifierKey]) -> None:
        self.ledger = session.ledger
        self._session = session
        self._trusted = trusted

    def replay(self, keep: Keep) -> Signed:
        """Verify all that is recorded, giving each event away; Refused names the position that does not fit."""
        first = begun(self._session, self._trusted)
        replayed = Replayed(first.checkpoint)
        take_all(self._session, replayed, first.checkpoint.size, first.batches, keep)
        if not replayed.unexplained:
            return Signed(first.checkpoint, first.note)
        later = begun(self._session, self._trusted, after=replayed.size)
        go_on(self._session, replayed, later, keep)
        return Signed(later.checkpoint, later.note)

    def replay_to(self, checkpoint: Checkpoint, keep: Keep) -> None:
        """The same up to an earlier checkpoint; what was redacted since must be on the record too."""
        request = ledger_service_pb2.ReplayHistoryRequest(
            ledger=self.ledger, to_position=checkpoint.size, view=records_pb2.EVENT_VIEW_RAW
        )
        stub = self._session.stub(LedgerServiceStub)
        replayed = Replayed(checkpoint)
        batches = stub.ReplayHistory(request, timeout=self._session.timeout)
        take_all(self._session, replayed, checkpoint.size, batches, keep)
        if replayed.unexplained:
            go_on(self._session, replayed, begun(self._session, self._trusted, after=replayed.size))


class FolderRecord:
    """A record as it was exported to a folder."""

    def __init__(self, session: Session, trusted: Sequence[VerifierKey], folder: Path) -> None:
        self._checkpoint = checkpoint_of(folder, trusted)
        self.ledger = self._checkpoint.origin.rpartition("/")[2]
        self._session = session
        self._trusted = trusted
        self._folder = folder

    def replay(self, keep: Keep) -> Signed:
        """Verify the whole folder, giving each event away; Refused names the position that does not fit."""
        with _bar(self._session, "verified", self._checkpoint.size) as told:
            found = verify_folder(self._folder, self._trusted, lambda done, total: told(done), keep)
        if found.checkpoint != self._checkpoint:
            raise Refused(f"{self._folder} was changed while it was read")
        return Signed(found.checkpoint, found.note)

    def replay_to(self, checkpoint: Checkpoint, keep: Keep) -> None:
        """The same, giving away only the events that an earlier checkpoint covers."""
        left = checkpoint.size

        def kept(entry: bytes, salt: bytes, payload: bytes) -> None:
            nonlocal left
            if left:
                keep(entry, salt, payload)
                left -= 1

        self.replay(kept)
        if left:
            raise Refused(
                f"{self._folder} ends at {self._checkpoint.size} events, the statement at {checkpoint.size}"
            )


Record = ServedRecord | FolderRecord


def computed(session: Session, record: Record, questions: Sequence[Question]) -> list[Statement]:
    """Statements of what a record answers to some questions, as of its end; compared with nothing."""
    if record.ledger == ADMINISTRATION:
        raise Refused("the administrative record is of no incidents, and there are no figures of it")
    with _replica(record.ledger) as made:
        signed = record.replay(made.copying.add)
        if not signed.checkpoint.size:
            raise Refused("nothing is recorded, so there is no figure to compute")
        _ended(made, signed.checkpoint)
        return [_stated(session, made, signed, each) for each in questions]


def compared(session: Session, question: Question, statement: Statement) -> Compared:
    """What a server says is the same; Refused tells the first difference."""
    as_of = records_pb2.AsOf(
        position=int(statement.question["as_of"]["position"]), generation=question.request.as_of.generation
    )
    ask = getattr(session.stub(question.kind.stub), question.kind.method)
    theirs = stated_answer(answered(ask, question, as_of, session.answer_within))
    difference = first_difference(statement.answer, theirs)
    if difference is not None:
        told = difference.told("computed again it is", "the server says")
        raise Refused(f"the server's answer is not what its record gives: {told}")
    state = _state_of_server(session, statement)
    if state is None:
        return Compared.ANSWER
    if state != statement.state:
        what = f"the answer is the same, but the server's {statement.projection} are not what its record gives"
        raise Refused(f"{what}: computed again their digest is {statement.state}, the server says {state}")
    return Compared.STATE


def recomputed(session: Session, record: Record, statements: Sequence[Statement]) -> list[Statement]:
    """What a record gives today for statements of one checkpoint."""
    questions = [question_of(each.figure, each.question) for each in statements]
    with _replica(record.ledger) as made:
        record.replay_to(statements[0].checkpoint, made.copying.add)
        _ended(made, statements[0].checkpoint)
        _check_redacted(statements, made.copying.recorded_redactions())
        signed = Signed(statements[0].checkpoint, statements[0].note)
        return [_stated(session, made, signed, each) for each in questions]


def _check_redacted(statements: Sequence[Statement], recorded: int) -> None:
    """What was redacted by the time of a statement is on the record that it is of: it counts no more, and no fewer,
    or a difference could be put down to redactions that came later."""
    for each in statements:
        if each.redacted != recorded:
            says = f"the record says {wording.number(recorded)}, the statement {wording.number(each.redacted)}"
            raise Refused(f"payloads that were redacted by then: {says}")


def check_same(again: Statement, statement: Statement) -> str:
    """Return only if the answer is the one that was stated, and the state too where both can be compared; else why
    the state's digest says nothing."""
    gone = again.redacted - statement.redacted
    since = (
        f"{wording.number(gone)} more {'payload was' if gone == 1 else 'payloads were'} redacted since it was made"
    )
    for name in ("answer", "question"):
        difference = first_difference(getattr(again, name), getattr(statement, name))
        if difference is not None:
            told = difference.told("computed again it is", "the statement says")
            perhaps = f"; {since}, which can be why" if gone > 0 else ""
            raise Refused(f"the {name} is another one: {told}{perhaps}")
    if again.projection != statement.projection:
        raise Refused(f"{again.figure} come from {again.projection}; the statement says {statement.projection}")
    if again.version != statement.version:
        return f"the read model is of version {statement.version}, that of this program of version {again.version}"
    if gone > 0:
        return since
    if again.state != statement.state:
        what = f"the answer is the same, but the digest of the read model is {again.state}"
        raise Refused(f"{what}, the statement says {statement.state}")
    return ""


def _stated(session: Session, made: Replica, signed: Signed, question: Question) -> Statement:
    projection = question.kind.projection
    with _bar(session, f"folded into {projection}", signed.checkpoint.size) as told:
        state = made.fold(projection, told)
    position = position_of(question.request.as_of, signed.checkpoint.size, made.copying.position_at)
    as_of = records_pb2.AsOf(position=position, generation=state.generation)

    def ask(request: Any, timeout: float) -> Any:
        return made.ask(question.kind.method, request)

    answer = answered(ask, question, as_of, LOCAL_SECONDS)
    check_whole(question, answer)
    return Statement(
        checkpoint=signed.checkpoint,
        note=signed.note,
        figure=question.kind.name,
        projection=projection,
        version=state.version,
        state=state.digest,
        redacted=made.copying.redacted(),
        question=stated_question(question, answer, position),
        answer=stated_answer(answer),
        compared=Compared.NOTHING,
        program=f"{PACKAGE} {version(PACKAGE)}",
        made_at=datetime.now(UTC).replace(microsecond=0),
    )


def position_of(as_of: records_pb2.AsOf, size: int, position_at: Callable[[datetime], int]) -> int:
    """The position that a question is as of, in a record of so many events; FaultyInput where it has none such."""
    match as_of.WhichOneof("moment"):
        case "position" if as_of.position > size:
            raise FaultyInput(f"--as-of {as_of.position} is beyond the {size} events that the checkpoint covers")
        case "position":
            return as_of.position
        case "recorded_at":
            return position_at(as_of.recorded_at.ToDatetime(tzinfo=UTC))
        case _:
            return size


def _ended(made: Replica, checkpoint: Checkpoint) -> None:
    try:
        made.copying.end(checkpoint.root)
    except ProofError as error:
        raise Refused(str(error)) from error


def _state_of_server(session: Session, statement: Statement) -> str | None:
    """The digest of the server's read model at the checkpoint's size; None, told, where it cannot be had."""
    request = projection_service_pb2.GetProjectionRequest(ledger=session.ledger, name=statement.projection)
    size = statement.checkpoint.size
    try:
        for _ in range(LOOKS):
            ask = session.stub(ProjectionServiceStub).GetProjection
            found = ask(request, timeout=session.answer_within).projection
            if found.position >= size:
                break
            time.sleep(LOOK_SECONDS)
    except grpc.RpcError as error:
        why = f"the server does not tell it ({error.code().name})"
    else:
        if (found.position, found.version) == (size, statement.version):
            return str(found.state_digest)
        why = f"the server's is of position {found.position} and version {found.version}"
        why += f", this one of position {size} and version {statement.version}"
    session.err.print(f"The digest of the read model is not compared: {why}.", style="dim", soft_wrap=True)
    return None


@contextmanager
def _replica(ledger: str) -> Iterator[Replica]:
    try:
        with replica(ledger) as made:
            yield made
    except BinariesMissingError as error:
        what = "a figure is computed again in a PostgreSQL of this machine, and there is none"
        raise click.ClickException(f"{what}; install 'incident-ledger[embedded]'") from error


@contextmanager
def _bar(session: Session, what: str, total: int) -> Iterator[Callable[[int], None]]:
    with Progress(console=session.err, disable=session.as_json or not session.err.is_terminal) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda done: progress.update(bar, completed=done)
        progress.update(bar, completed=total)
