"""The writer lane: one thread that records what waits, in groups, and answers each request once durable.
It never answers before the commit, never guesses an unknown outcome, and holds no lock that others wait for."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import psycopg

from ledger.errors import (
    CorruptionError,
    DeadlineError,
    LedgerError,
    NotContinuedError,
    OverloadedError,
    UnavailableError,
)
from ledger.persistence.answers import already_recorded, conflict, refuse, resolve
from ledger.persistence.batch import Batch, decide, decisions_of, streams_of
from ledger.persistence.connecting import connect, cut
from ledger.persistence.guarding import Guard
from ledger.persistence.log import EventLog
from ledger.persistence.records import Appended, AppendRequest, Tip
from ledger.persistence.waiting import Waiting
from ledger.persistence.writer import FenceLostError, Writer
from ledger.settings import DEFAULT_LIMITS, Limits

log = logging.getLogger(__name__)

STUCK_SECONDS = 10.0
"""After so long on one batch the connection is taken for dead and cut; the outcome is then looked up."""
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0
RETRY_AFTER_SECONDS = 1
WATCH_SECONDS = 0.2
"""How often it is looked whether a deadline has passed: an answer comes at most so late."""
LEAST_EVENTS = 64
"""A batch is made no smaller than this for another writer's sake: it is decided within a millisecond."""
LOST_ENOUGH = 2
"""Of two writers with equal loads each is first half of the time. One that is late so often in a row decides too
long, while the other records little at a time: it takes half as much."""


QUEUE = "queue of waiting reports (LEDGER_MAX_QUEUED_REPORTS, LEDGER_MAX_QUEUED_BYTES)"


def full_queue() -> OverloadedError:
    """What is said of a request for which there is no room."""
    return OverloadedError(what=QUEUE, retry_seconds=RETRY_AFTER_SECONDS)


class WriterLane:
    """Records the requests of one ledger. `submit` from any thread; the answer is the request's future."""

    def __init__(
        self,
        ledger: str,
        url: str,
        on_commit: Callable[[int], None] = lambda size: None,
        limits: Limits = DEFAULT_LIMITS,
        guard: Guard | None = None,
    ) -> None:
        self._ledger = ledger
        self._guard = guard or Guard(EventLog(ledger))
        self._url = url
        self._on_commit = on_commit
        self._waiting = Waiting(limits)
        self._changed = threading.Condition()
        self._stopping = False
        self._stop_told = threading.Event()
        """For the watch alone: woken by every request as well, it would cost each append a switch of threads."""
        self._writer: Writer | None = None
        self._tip: Tip | None = None
        self._lost_at: int | None = None
        """The size at which another writer was first; the tip is read anew before the next decision."""
        self._busy_since: float | None = None
        self._busy_with: list[AppendRequest] = []
        self._threads = [
            threading.Thread(target=self._run, name=f"lane-{ledger}", daemon=True),
            threading.Thread(target=self._watch, name=f"lane-watch-{ledger}", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, request: AppendRequest) -> None:
        """Queues a request, or raises OverloadedError at once: a full queue is told, not waited for."""
        if not self.submit_all([request]):
            raise full_queue()

    def has_room(self) -> bool:
        """Whether another request, however small, would find room; a lane that is stopping tells so itself."""
        return self._waiting.has_room()

    def submit_all(self, requests: Sequence[AppendRequest], *, streamed: bool = False) -> int:
        """Queues requests in order, as far as there is room, and tells how many it took."""
        with self._changed:
            if self._stopping:
                raise UnavailableError(why="it is stopping; send the report again, its id makes that safe")
            taken = self._waiting.put(requests, streamed=streamed)
            if taken:
                self._changed.notify()
            return taken

    def stop(self) -> None:
        """Records what waits, as far as the database lets it, and ends."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._stop_told.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while requests := self._next():
            self._busy_since, self._busy_with = time.monotonic(), requests
            try:
                self._record(requests)
            except BaseException as error:
                if not isinstance(error, NotContinuedError):  # which the guard tells, once
                    log.exception("the lane of ledger %s could not record a batch", self._ledger)
                refuse(requests, error if isinstance(error, LedgerError) else UnavailableError(why="see its log"))
                self._forget()
            finally:
                self._busy_since, self._busy_with = None, []
                requests.clear()  # nothing of them is held while the lane waits
        self._forget()

    def _next(self) -> list[AppendRequest]:
        """The next requests, in order, within the bounds of a batch; none once the lane is stopped and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            return self._waiting.take()

    def _record(self, requests: list[AppendRequest]) -> None:
        pause, lost = FIRST_PAUSE_SECONDS, 0
        batch: Batch | None = None
        while requests := self._in_time(requests):
            self._busy_since = time.monotonic()
            try:
                writer = self._connected()
                if batch is None:
                    batch = self._decide(writer, requests)
                if batch.accepted:
                    writer.insert(batch)
                self._commit(batch)
                requests = self._answer(writer, batch)
                batch = None
            except FenceLostError:
                assert batch is not None
                self._lost_at, lost = batch.size_before, lost + 1
                events = len(batch.rows.streams)
                if lost >= LOST_ENOUGH and events > LEAST_EVENTS and len(requests) > 1:
                    with self._changed:
                        return self._waiting.put_back(requests, max(events // 2, LEAST_EVENTS))
                batch = None
            except psycopg.OperationalError as error:
                # Whether the commit happened is not known: the same bytes are sent again, and find themselves.
                log.warning("ledger %s: the database is away (%s)", self._ledger, str(error).strip())
                self._forget_connection()
                if self._stopping:
                    refuse(requests, UnavailableError(why="it is stopping and the database is away"))
                    return
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            except psycopg.Error as error:
                requests = self._apart(requests, error)
                batch = None

    def _in_time(self, requests: list[AppendRequest]) -> list[AppendRequest]:
        now = time.monotonic()
        refuse([request for request in requests if request.deadline <= now], DeadlineError())
        return [request for request in requests if request.deadline > now]

    def _connected(self) -> Writer:
        if self._writer is None:
            # Known to the watch before the first statement, which can get stuck as any other.
            self._writer = Writer(self._ledger, connect(self._url, "lane", int(STUCK_SECONDS)))
            self._writer.make_durable()
            self._tip = None  # it may lead to another record, which has to continue what is known
        if self._tip is None or self._lost_at is not None or self._guard.refused is not None:
            tip = self._guard.tip(self._writer.connection)
            if tip.size == self._lost_at:
                what = "a commit is refused although the ledger has not grown"
                raise CorruptionError(position=tip.size, what=what)
            self._tip, self._lost_at = tip, None
        return self._writer

    def _decide(self, writer: Writer, requests: list[AppendRequest]) -> Batch:
        assert self._tip is not None
        streams = streams_of(requests)
        heads, size = writer.heads(streams)
        while size != self._tip.size:  # another writer was here; seen now, it costs nothing that was decided
            self._tip = self._guard.tip(writer.connection)
            heads, size = writer.heads(streams)
        acts = writer.acts(decisions_of(requests))
        return decide(self._ledger, self._tip, heads, requests, datetime.now(UTC), os.urandom, acts)

    def _commit(self, batch: Batch) -> None:
        """Takes the batch as the new tip and answers those whom it records or refuses."""
        if batch.accepted:
            self._tip = Tip(batch.size_after, batch.recorded_at, batch.tree)
            self._guard.seen(self._tip)
        for request, placed in batch.accepted:
            missing = batch.missing.get(id(request), frozenset())
            resolve(request, Appended(placed, batch.recorded_at, batch.size_after, batch.root, missing))
        for request, error in batch.refused:
            refuse([request], error)
        batch.accepted, batch.refused = [], []
        if self._tip is not None and batch.rows.streams:
            self._on_commit(self._tip.size)

    def _answer(self, writer: Writer, batch: Batch) -> list[AppendRequest]:
        """Answers repeated reports from the record; gives back those that are to be decided anew."""
        left = []
        for request in batch.repeated:
            records = writer.report(request.report_id)
            if not records:
                left.append(request)
            elif records[0].event_id == request.events[0].event_id:
                size, root = writer.commit_covering(records[-1].position)
                missing = batch.missing.get(id(request), frozenset())
                resolve(request, already_recorded(records, size, root, missing))
            else:
                refuse([request], conflict(request, records[0]))
        return left

    def _apart(self, requests: list[AppendRequest], error: psycopg.Error) -> list[AppendRequest]:
        """What the database refuses is found by recording one by one: only the guilty request fails."""
        if len(requests) > 1:
            for request in requests:
                self._record([request])
            return []
        log.error("ledger %s: the database refused a report: %s", self._ledger, error)
        refuse(requests, UnavailableError(why=f"the database refused the report ({error.sqlstate})"))
        return []

    def _watch(self) -> None:
        """Answers those whose deadline passes while the lane is busy, and cuts a connection on which it is stuck:
        a black-holed one would hold it for ever."""
        while self._threads[0].is_alive():
            self._stop_told.wait(WATCH_SECONDS)
            with self._changed:
                waiting = [*self._busy_with, *self._waiting]
            self._in_time(waiting)
            since, writer = self._busy_since, self._writer
            if since is not None and writer is not None and time.monotonic() - since > STUCK_SECONDS:
                log.warning("ledger %s: a batch is stuck; its connection is cut", self._ledger)
                self._busy_since = time.monotonic()
                cut(writer.connection)
            if self._stopping:
                time.sleep(FIRST_PAUSE_SECONDS)

    def _forget_connection(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(psycopg.Error):
                writer.connection.close()

    def _forget(self) -> None:
        self._forget_connection()
        self._tip = self._lost_at = None
