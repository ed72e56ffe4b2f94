"""Replays a ledger page by page, filtered or not. A page tells how far it has looked, so that a filtered stretch
is progress too. Unfiltered pages are contiguous; filtered ones cannot be, and are read from the same order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.domain.reports import event_from_payload
from ledger.persistence.log import Connection, EventLog, record_of
from ledger.persistence.records import StoredRecord

WINDOW = 5_000
"""Positions that one page of a filtered replay looks through."""


@dataclass(frozen=True)
class HistoryFilter:
    """Which events. Conditions of different kinds must all hold; of several values in one condition, one."""

    types: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    """A name that ends in `/` takes all streams that begin with it."""
    actor_ids: tuple[str, ...] = ()
    report_ids: tuple[str, ...] = ()
    recorded_from: datetime | None = None
    recorded_before: datetime | None = None

    @property
    def passes_all(self) -> bool:
        """Whether nothing is filtered but, perhaps, the time of recording, which is a range of positions."""
        return not (self.types or self.streams or self.actor_ids or self.report_ids)


@dataclass(frozen=True)
class Page:
    """Some records, and the position up to which everything has been looked at."""

    records: Sequence[StoredRecord]
    through: int


class History:
    """Reads pages of one ledger through a filter."""

    def __init__(self, log: EventLog, chosen: HistoryFilter) -> None:
        self._log = log
        self._chosen = chosen

    def bounds(self, connection: Connection, after: int, through: int) -> tuple[int, int]:
        """The range that is left when the window of recorded time is applied; recorded time is monotone."""
        if self._chosen.recorded_from is not None:
            after = max(after, self._before(connection, self._chosen.recorded_from))
        if self._chosen.recorded_before is not None:
            through = min(through, self._before(connection, self._chosen.recorded_before))
        return after, through

    def page_of_window(self, connection: Connection, after: int, through: int, limit: int) -> Page:
        """The same as a page, but empty and all looked at where the window of recorded time leaves nothing."""
        first, last = self.bounds(connection, after, through)
        return self.page(connection, first, last, limit) if first < last else Page([], through)

    def page(self, connection: Connection, after: int, through: int, limit: int) -> Page:
        """The next records after a position and up to one that is recorded; at most limit, and as many as fit."""
        if self._chosen.passes_all:
            records = self._log.page(connection, after, through, limit, raw=True)
            return Page(records, records[-1].position)
        end = self._log.fitting(connection, after, through, WINDOW)
        rows = connection.execute(
            self._log.query("read_filtered", raw=True),
            {
                "after": after,
                "through": end,
                "limit": limit,
                "types": list(self._chosen.types) or None,
                "streams": list(self._chosen.streams) or None,
                "prefixes": [each for each in self._chosen.streams if each.endswith("/")],
                "reports": list(self._chosen.report_ids) or None,
            },
            binary=True,
        )
        found = [record_of(row) for row in rows]
        looked = found[-1].position if len(found) == limit else end
        return Page([record for record in found if self._names_an_actor(record)], looked)

    def _names_an_actor(self, record: StoredRecord) -> bool:
        wanted = self._chosen.actor_ids
        if not wanted:
            return True
        # The bytes tell quickly where none is named; only the rest is decoded.
        if record.redacted or not any(f'"{actor}"'.encode() in record.state for actor in wanted):
            return False
        event = event_from_payload(record.topic, record.state)
        named = {actor for _, actor in event.actor_ids()} | {getattr(event, "actor_id", "")}
        return not named.isdisjoint(wanted)

    def _before(self, connection: Connection, moment: datetime) -> int:
        row = connection.execute(self._log.query("position_before"), {"moment": moment}).fetchone()
        return row[0] if row else 0
