"""Gathers from replays, each filtered by the server, the events that a story needs: what is recorded of its things,
what was moved or merged into them, what undoes any of that, and the filings of the reports concerned."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ledger.api.requests import MAX_FILTER_VALUES
from ledger.cli.failures import Refused
from ledger.cli.story.course import INCIDENTS
from ledger.cli.story.forms import CLAIMS, stated_about
from ledger.cli.story.selecting import Asked
from ledger.domain.claim import REPORTS
from ledger.domain.reports import MAX_CLAIMS

MOST_EVENTS = 200_000
"""They are kept until the story is told: some 600 MB of memory."""
_MERGED = "IncidentsMerged"
_UNDOINGS = ("ClaimRetracted", "PayloadRedacted")
_CHOSEN = "PreferredClaimChosen"
_ELSEWHERE = ("ClaimCorrected", _CHOSEN, "ReportRetracted")
"""Acts that can concern things of which neither their stream nor their report tells."""


class Part(NamedTuple):
    """A part of the history: by type, stream and report, where given, from one position to another."""

    types: Sequence[str] = ()
    streams: Sequence[str] = ()
    reports: Sequence[str] = ()
    first: int = 1
    last: int | None = None


Replay = Callable[[Part], Iterator[Any]]


class Gathering:
    """The events of one story."""

    def __init__(self, asked: Asked, replay: Replay) -> None:
        self._replay = replay
        self._events: dict[int, Any] = {}
        self._joins: dict[str, set[str]] = defaultdict(set)
        self._gather(asked)

    @property
    def events(self) -> list[Any]:
        """What was gathered, in order of position."""
        return [self._events[position] for position in sorted(self._events)]

    def _gather(self, asked: Asked) -> None:
        own = self._kept(Part(reports=chunk) for chunk in _chunks(asked.reports))
        own += self._kept(Part(reports=chunk) for chunk in _chunks(_retracted_by(own) - asked.reports))
        for merge in self._kept([Part([_MERGED])]):
            self._join(_named_by(merge))
        named = self._joined({*asked.streams, *_named_by(*own), *(each.stream for each in own)})
        moved = [each for each in self._replay(Part(_ELSEWHERE)) if _concerns(each, named)]
        self._keep(moved)
        corrected = {each.stream for each in moved if each.type == "ClaimCorrected"}
        whole = {each for each in named | corrected if not each.startswith(REPORTS)}
        self._kept(Part(streams=chunk) for chunk in _chunks(whole))
        self._take_undoings(whole)
        self._take_filings()

    def _take_undoings(self, whole: Collection[str]) -> None:
        """What undoes the merges of incidents that claims were moved to, the choices among them, and retractions
        of reports."""
        known = {each.event_id for each in self._events.values()}
        chosen = {
            each.stream
            for each in self._events.values()
            if each.type == _CHOSEN and each.claim.preferred_claim_chosen.preferred_event_id in known
        }
        rest = [each for each in self._events.values() if each.type not in (_MERGED, _CHOSEN)]
        streams = self._joined(_named_by(*rest)) | chosen
        self._kept(Part(_UNDOINGS, chunk) for chunk in _chunks(streams - set(whole)))
        self._kept([Part(_UNDOINGS, [REPORTS])])

    def _take_filings(self) -> None:
        """The filings of all reports concerned; each stands before its claims, so few events are passed by."""
        found: dict[str, int] = {}
        for position, event in sorted(self._events.items()):
            found.setdefault(event.report_id, position)
        for chunk in _chunks(found):
            positions = [found[each] for each in chunk]
            first = max(min(positions) - MAX_CLAIMS, 1)
            self._kept([Part(["ReportFiled"], reports=chunk, first=first, last=max(positions))])

    def _join(self, streams: Collection[str]) -> None:
        for each in streams:
            self._joins[each] |= set(streams)

    def _joined(self, streams: Iterable[str]) -> set[str]:
        """The streams, with those of all incidents that were merged with theirs at some time."""
        joined, waiting = set[str](), list(streams)
        while waiting:
            each = waiting.pop()
            if each not in joined:
                joined.add(each)
                waiting.extend(self._joins.get(each, ()))
        return joined

    def _kept(self, parts: Iterable[Part]) -> list[Any]:
        return [event for part in parts for event in self._keep(self._replay(part))]

    def _keep(self, events: Iterable[Any]) -> list[Any]:
        kept = []
        for each in events:
            self._events[each.position] = each
            kept.append(each)
            if len(self._events) > MOST_EVENTS:
                raise Refused(
                    f"more than {MOST_EVENTS:,} events concern this: name less at a time, or end it with --to"
                )
        return kept


def _named_by(*events: Any) -> set[str]:
    """The streams of the things that these events name."""
    named = set[str]()
    for event in events:
        body = event.claim.WhichOneof("body")
        content: Any = getattr(event.claim, body) if body else None
        if body == "claim_corrected":
            named.add(stated_about(content.replacement))
        elif body in ("incidents_merged", "preferred_claim_chosen"):
            merged = content.merged_incident_ids if body == "incidents_merged" else ()
            named |= {INCIDENTS + each for each in (content.incident_id, *merged)}
        elif body in CLAIMS:
            named.add(stated_about(event.claim))
    return named


def _retracted_by(events: Iterable[Any]) -> set[str]:
    """The reports that these acts retract, or whose retraction they undo."""
    return {
        each.stream.removeprefix(REPORTS)
        for each in events
        if each.stream.startswith(REPORTS) and each.type in ("ReportRetracted", "ClaimRetracted")
    }


def _concerns(event: Any, named: Collection[str]) -> bool:
    """Whether an act from elsewhere can concern these; of choices and retractions only their targets tell."""
    return event.type != "ClaimCorrected" or not _named_by(event).isdisjoint(named)


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    ordered = list(dict.fromkeys(values))
    for start in range(0, len(ordered), MAX_FILTER_VALUES):
        yield ordered[start : start + MAX_FILTER_VALUES]
