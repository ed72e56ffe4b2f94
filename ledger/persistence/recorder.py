"""The ledger's recorder behind the library's interface: appends go through the writer lane, reads come from the
log. It adds nothing to what these two do."""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    OperationalError,
    StoredEvent,
    Subscription,
)

from ledger.audit.envelope import check_field
from ledger.errors import LedgerError, RevisionConflictError
from ledger.persistence.guarding import Guard
from ledger.persistence.lane import WriterLane
from ledger.persistence.log import LAST, EventLog
from ledger.persistence.notices import Notices
from ledger.persistence.reading import ReadPool
from ledger.persistence.records import Appended, AppendRequest, NewEvent, StoredRecord
from ledger.settings import DEFAULT_LIMITS, Limits

INSERT_SECONDS = 30.0


class LedgerRecorder(ApplicationRecorder):
    """Records and reads the events of one ledger."""

    def __init__(
        self,
        ledger: str,
        url: str,
        limits: Limits = DEFAULT_LIMITS,
        guard: Guard | None = None,
    ) -> None:
        """A guard that is given remembers what it has seen and said, whoever was closed meanwhile."""
        self.log = EventLog(ledger)
        self.guard = guard or Guard(self.log)
        self.notices = Notices(ledger, url)
        self.lane = WriterLane(ledger, url, on_commit=self.notices.announce, limits=limits, guard=self.guard)
        self.pool = ReadPool(url, f"reads {ledger}")

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Appends events whose revisions the caller fixed; IntegrityError where one is taken."""
        if not stored_events:
            return []
        answer: Future[Appended] = Future()
        events = tuple(map(new_event, stored_events))
        request = AppendRequest("", events, time.monotonic() + INSERT_SECONDS, answer=answer)
        try:
            self.lane.submit(request)
            appended = answer.result(timeout=INSERT_SECONDS + 1)
        except RevisionConflictError as error:
            raise IntegrityError(str(error)) from error
        except (LedgerError, TimeoutError) as error:
            raise OperationalError(str(error)) from error
        return [placed.position for placed in appended.events]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredRecord]:
        """The events of one stream."""
        with self.pool.connection() as connection:
            return self.log.read_stream(
                connection,
                str(originator_id),
                -1 if gt is None else gt,
                LAST if lte is None else lte,
                LAST if limit is None else limit,
                backwards=desc,
            )

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The events of the ledger from a position on."""
        after = (start or 0) - 1 if start and inclusive_of_start else start or 0
        through = LAST if stop is None else stop
        with self.pool.connection() as connection:
            if topics:
                records = self.log.read_of_types(connection, topics, after, through, limit)
            else:
                records = self.log.read(connection, after, limit, through)
        return [
            Notification(each.originator_id, each.originator_version, each.topic, each.state, id=each.position)
            for each in records
        ]

    def max_notification_id(self) -> int | None:
        """The newest position; None while the ledger is empty."""
        with self.pool.connection() as connection:
            return self.log.head(connection).size or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription["LedgerRecorder"]:
        """Follows the ledger from a position on."""
        return LedgerSubscription(self, gt, topics)

    def close(self) -> None:
        """Records what waits and closes all connections."""
        self.lane.stop()
        self.notices.stop()
        self.pool.close()


class LedgerSubscription(ListenNotifySubscription[LedgerRecorder]):
    """The library's subscription, woken by the ledger's notices and by its own poll."""

    def __init__(self, recorder: LedgerRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._wake_thread = Thread(target=self._wake, daemon=True)
        self._wake_thread.start()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        super().__exit__(*args, **kwargs)
        self._wake_thread.join()

    def _wake(self) -> None:
        seen = 0
        while not self._has_been_stopped:
            seen = self._recorder.notices.wait_beyond(seen)
            self._has_been_notified.set()


def new_event(stored: StoredEvent) -> NewEvent:
    """An event of the library's to append; EnvelopeError where it cannot be one."""
    stream, topic = check_field("stream", str(stored.originator_id)), check_field("type", stored.topic)
    return NewEvent(stream, topic, uuid4(), stored.state, stored.originator_version)
