"""The administrative record: what was done to ledgers, read models and keys, appended to a ledger of its own. What
it holds decides what is added, so that nothing is there twice, whoever was first. It blocks."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from importlib.metadata import version
from typing import NamedTuple

import psycopg

from ledger.audit.envelope import MAX_NUMBER
from ledger.domain.administration import (
    ADMINISTRATION,
    LedgerCreated,
    OfALedger,
    PayloadErased,
    RebuildEnded,
    RollbackAccepted,
    SigningKeysChanged,
)
from ledger.domain.claim import DomainEvent
from ledger.domain.recorded import version_8
from ledger.domain.reports import event_from_payload
from ledger.errors import LedgerError, RevisionConflictError, UnavailableError
from ledger.persistence import install
from ledger.persistence.connecting import connect
from ledger.persistence.guarding import Guard
from ledger.persistence.issued import IssuedCheckpoints
from ledger.persistence.log import Connection, EventLog
from ledger.persistence.recorder import LedgerRecorder
from ledger.persistence.records import Appended, AppendRequest, NewEvent
from ledger.settings import DEFAULT_LIMITS, Limits

log = logging.getLogger(__name__)

SECONDS = 10.0
"""How long an entry may take."""
AGAIN_SECONDS = 30.0
"""When what failed, and is tried again by itself, is tried again: each try takes connections and threads."""
PAGE = 1_000
ID_FORMAT = "incident-ledger/administration-id/v1"

Past = Iterator[DomainEvent]
"""What a stream holds, the newest first, read as far as it is asked for: it may be long."""
Decide = Callable[[Past], Sequence[DomainEvent]]
"""What is to be added to a stream that holds this."""


class By(NamedTuple):
    """Who did something: the principal, and what their client calls itself."""

    recorder: str
    client: str


SERVICE = By("service", f"incident-ledger/{version('incident-ledger')}")
"""What the service does by itself."""


class Administration:
    """Appends to the administrative record of a database."""

    def __init__(self, url: str, limits: Limits = DEFAULT_LIMITS, issued: IssuedCheckpoints | None = None) -> None:
        """What was issued of it the record has to continue; it is not made anew where it is gone."""
        self._url = url
        self._limits = limits
        self._issued = issued
        self._guard = Guard(EventLog(ADMINISTRATION), issued)
        self._turn = threading.RLock()
        self._recorder: LedgerRecorder | None = None
        """While this process records something."""
        self._told: dict[str, tuple[str, float]] = {}
        """Why streams cannot be added to, as far as that is logged; and until when nobody tries again."""

    def tell(self, event: OfALedger, by: By) -> bool:
        """Record that something was done."""
        return self._attempt(event.stream, lambda past: [event], by)

    def created(self, ledger: str, size: int = 0, by: By = SERVICE) -> bool:
        """Record that a ledger was created, unless that is there."""
        event = LedgerCreated.of(ledger=ledger, size=size)
        return self._attempt(event.stream, lambda past: [event] if next(past, None) is None else [], by)

    def rebuilds_ended(self, ledger: str, ended: Sequence[RebuildEnded]) -> bool:
        """Record builds that are over, those that are not there yet."""
        return self._attempt(ended[0].stream, lambda past: _those_missing(ended, past), SERVICE, again=True)

    def keys_are(self, installation: str, verifier_keys: Sequence[str]) -> bool:
        """Record the keys that sign, where they are others than before."""

        def decide(past: Past) -> Sequence[SigningKeysChanged]:
            event = SigningKeysChanged.of(installation=installation, verifier_keys=tuple(verifier_keys))
            return [] if next(past, None) == event else [event]

        return self._attempt(f"{SigningKeysChanged.subject}{installation}", decide, SERVICE, again=True)

    def rollbacks_accepted(self, ledger: str) -> bool:
        """Record what operators have accepted of a ledger, as far as it is not there yet."""
        issued = self._issued
        if issued is None:
            return True
        return self._attempt(
            f"{RollbackAccepted.subject}{ledger}",
            lambda past: _those_missing(issued.acceptances(ledger), past),
            SERVICE,
            again=True,
        )

    def erased(self, ledger: str) -> bool:
        """Record the payloads of a ledger that were erased since the last one that is there."""
        stream = f"{PayloadErased.subject}{ledger}"
        found: list[PayloadErased] = []

        def decide(past: Past) -> Sequence[PayloadErased]:
            found[:] = self._erased_since(ledger, past)
            return found

        while (recorded := self._attempt(stream, decide, SERVICE)) and len(found) == PAGE:
            pass  # page by page
        return recorded

    def begin(self) -> bool:
        """Record what happened while nobody did: ledgers created, payloads erased. False where it cannot be yet."""
        try:
            with self._opened():
                names = list(self._names())
                end, done = time.monotonic() + SECONDS, []
                for name in names:
                    done.append(self.created(name, self._size(name)) and self.erased(name))
                    if not done[-1] and time.monotonic() > end:
                        break  # each may take as long; it is tried at the next start
            return all(done)
        except (psycopg.Error, LedgerError) as error:
            log.warning("the administrative record is not up to date: %s", str(error).strip())
            return False

    def _attempt(self, stream: str, decide: Decide, by: By, *, again: bool = False) -> bool:
        """Record it; false, and a warning, where that is not possible now. What is tried `again` by itself waits
        a while after a failure."""
        told, pause = self._told.get(stream, ("", 0.0))
        if again and time.monotonic() < pause:
            return False
        try:
            with self._opened() as recorder:
                _record(recorder, stream, decide, by)
        except (psycopg.Error, LedgerError, TimeoutError, KeyError, ValueError) as error:
            # The last two: what is there cannot be read, perhaps because a newer program has recorded it.
            why = str(error).strip() or "too slow"
            if told != why:
                log.warning("%s: not in the administrative record: %s", stream, why)
            self._told[stream] = why, time.monotonic() + AGAIN_SECONDS
            return False
        self._told.pop(stream, None)
        return True

    @contextmanager
    def _opened(self) -> Iterator[LedgerRecorder]:
        """The recorder, for as long as it is used: entries are rare, and it holds connections and threads."""
        with self._turn:
            if self._recorder is not None:  # this thread has it open
                yield self._recorder
                return
            self._provide()
            self._recorder = LedgerRecorder(ADMINISTRATION, self._url, self._limits, self._guard)
            try:
                yield self._recorder
            finally:
                self._recorder.close()
                self._recorder = None

    def _provide(self) -> None:
        with connect(self._url, "administration") as connection:
            if install.exists(connection, ADMINISTRATION):
                return
        if self._issued is not None:
            self._issued.refuse_gone(ADMINISTRATION)
        install.create_ledger(self._url, ADMINISTRATION, may_exist=True)

    def _erased_since(self, ledger: str, past: Past) -> Iterator[PayloadErased]:
        last = erased_up_to(past)
        with connect(self._url, "administration") as connection:
            for target, event_id, act in EventLog(ledger).erased(connection, last, PAGE):
                yield PayloadErased.of(
                    ledger=ledger, target_position=target, target_event_id=str(event_id), act_position=act
                )

    def _names(self) -> Iterator[str]:
        with connect(self._url, "administration") as connection:
            page = [""]
            while page := install.ledgers(connection, page[-1], PAGE):
                yield from page

    def _size(self, ledger: str) -> int:
        with connect(self._url, "administration") as connection:
            return EventLog(ledger).head(connection).size


def _record(recorder: LedgerRecorder, stream: str, decide: Decide, by: By) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        with recorder.pool.connection() as connection:
            newest = recorder.log.read_stream(connection, stream, limit=1, backwards=True)
            revision = newest[0].originator_version if newest else 0
            events = list(decide(_past(recorder.log, connection, stream, revision)))
        if not events:
            return
        _refuse_standby(recorder)
        try:
            return _append(recorder, _placed(stream, revision, events), revision, by, deadline)
        except RevisionConflictError:
            if time.monotonic() > deadline:
                raise  # somebody else always was faster


def _past(log: EventLog, connection: Connection, stream: str, revision: int) -> Past:
    while page := log.read_stream(connection, stream, through=revision, limit=PAGE, backwards=True):
        yield from (event_from_payload(each.topic, each.state) for each in page)
        revision = page[-1].originator_version - 1


def _those_missing(events: Sequence[DomainEvent], past: Past) -> list[DomainEvent]:
    wanted = {type(each) for each in events}
    known = [each for each in past if type(each) in wanted]
    return [each for each in events if each not in known]


def erased_up_to(past: Past) -> int:
    """The position up to which the redactions of a ledger are recorded; after an accepted rollback others may come
    at positions that were taken before."""
    most = MAX_NUMBER
    for each in past:
        if isinstance(each, RollbackAccepted):
            most = min(most, each.size)
        elif isinstance(each, PayloadErased):
            return min(most, each.act_position)
    return 0


def _refuse_standby(recorder: LedgerRecorder) -> None:
    """Told here, and once: the lane would log an error whenever it is tried."""
    with recorder.pool.connection() as connection:
        if install.is_standby(connection):
            raise UnavailableError(why="its database is a standby, which only reads")


def _placed(stream: str, revision: int, events: Sequence[DomainEvent]) -> tuple[NewEvent, ...]:
    """The events after a revision, with ids that follow from their places and contents."""
    placed = []
    for number, event in enumerate(events, revision + 1):
        payload = event.to_payload()
        named = hashlib.sha256(f"{ID_FORMAT}\n{stream}\n{number}\n".encode() + payload)
        placed.append(NewEvent(stream, event.type, version_8(named.digest()), payload))
    return tuple(placed)


def _append(recorder: LedgerRecorder, events: tuple[NewEvent, ...], revision: int, by: By, deadline: float) -> None:
    """Append to a stream that is still at a revision; RevisionConflictError where it is not."""
    answer: Future[Appended] = Future()
    expected = {events[0].stream: revision}
    recorder.lane.submit(
        AppendRequest("", events, deadline, expected, recorder=by.recorder, client=by.client, answer=answer)
    )
    answer.result(timeout=max(0.0, deadline - time.monotonic()) + 1)
