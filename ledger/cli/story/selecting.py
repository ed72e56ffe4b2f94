"""Which events belong into a story: whatever concerns the things and reports that were asked for, directly or by
what it acts on, up to a position. Nothing that changes a claim of them is left out."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ledger.cli.story.course import INCIDENTS, Change, Course, Taken
from ledger.cli.story.forms import Form
from ledger.domain.reports import DECIDED_TYPES


@dataclass(frozen=True)
class Asked:
    """Whose story: streams such as `incidents/idlib`, and reports by their id."""

    streams: frozenset[str] = frozenset()
    reports: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.streams or self.reports)


class Step(NamedTuple):
    """An event of the story, with what it changes in it."""

    taken: Taken
    changes: Sequence[Change]


class Held(NamedTuple):
    """A claim that holds, and how it reads."""

    event: Any
    form: Form


class Story:
    """The story of what was asked for, from events that hold all that concerns it; others do no harm."""

    def __init__(self, asked: Asked, events: Iterable[Any]) -> None:
        self.asked = asked
        self.course = Course()
        taken = [self.course.take(event) for event in events]
        self.redactions = {each.target: each for each in taken if each.body == "payload_redacted"}
        self.filings = {each.event.report_id: each for each in taken if each.event.type == "ReportFiled"}
        self.claims = frozenset(key for key in self.course.claims if self._asked_for(key))
        self.reports = asked.reports | {self.course.claims[key].event.report_id for key in self.claims}
        """The reports that were asked for, and those of the claims, also of redacted ones."""
        lost, _ = self._lost_from()
        self.reports |= {
            each.event.report_id for each in taken if each.event.redacted and each.event.stream in lost
        }
        self.steps = list(self._chosen(taken))

    @cached_property
    def holding(self) -> list[Held]:
        """The claims that hold in the end and are of what was asked for, in order of position."""
        found = [
            Held(each.event, each.form)
            for key, each in self.course.claims.items()
            if key in self.claims and each.form
        ]
        return [each for each in found if each.form.holds and self._is_asked(each)]

    @cached_property
    def not_holding(self) -> list[int]:
        """The positions of the other claims."""
        rest = self.claims.difference(each.event.event_id for each in self.holding)
        return [each.event.position for key, each in self.course.claims.items() if key in rest]

    @cached_property
    def lost(self) -> list[int]:
        """The positions of what was redacted."""
        return [step.taken.event.position for step in self.steps if step.taken.event.redacted]

    @cached_property
    def registered(self) -> list[Taken]:
        """The latest registrations that stand, of actors that were asked for."""
        found: dict[str, Taken] = {}
        for step in self.steps:
            if step.taken.body == "actor_registered" and self.course.holds(step.taken.event.event_id):
                found[step.taken.event.stream] = step.taken
        return list(found.values())

    def _is_asked(self, held: Held) -> bool:
        reported = held.event.report_id in self.asked.reports
        return reported or held.form.about in {self.course.name(each) for each in self.asked.streams}

    def _asked_for(self, key: str) -> bool:
        claim = self.course.claims[key]
        return claim.event.report_id in self.asked.reports or not self.asked.streams.isdisjoint(claim.abouts)

    def _chosen(self, taken: Iterable[Taken]) -> Iterator[Step]:
        told: set[str] = set()
        told_of = frozenset(self.course.claims[key].event.position for key in self.claims)
        things = self.asked.streams | {about for key in self.claims for about in self.course.claims[key].abouts}
        lost = self._lost_from()
        for each in taken:
            own = self._is_own(each)
            whole = each.event.report_id in self.asked.reports
            changes = [change for change in each.changes if whole or change.claim in told_of]
            if (
                own
                or changes
                or each.target in told
                or each.event.event_id in self.claims
                or self._concerns_reports(each)
                or _merges_any(each, things)
                or (each.event.redacted and each.event.stream in lost[each.event.type in DECIDED_TYPES])
            ):
                told.add(each.event.event_id)
                yield Step(each, changes)

    def _lost_from(self) -> tuple[Collection[str], Collection[str]]:
        """The streams of which redacted claims are told, and of which redacted acts are: nobody knows any more what
        these were about, so it is also told of the streams that the claims were recorded in."""
        asked = set(self.asked.streams)
        for stream in self.asked.streams:
            asked |= {INCIDENTS + each for each in self.course.called[stream.removeprefix(INCIDENTS)]}
        return asked, asked | {self.course.claims[key].event.stream for key in self.claims}

    def _is_own(self, taken: Taken) -> bool:
        return taken.event.stream in self.asked.streams or taken.event.report_id in self.asked.reports

    def _concerns_reports(self, taken: Taken) -> bool:
        """Whether a report's retraction, or the redaction of who published it."""
        if taken.body == "report_retracted":
            return taken.content.target_report_id in self.reports
        target = self.course.taken.get(taken.target)
        if taken.body != "payload_redacted" or target is None:
            return False
        return target.event.type == "ReportFiled" and target.event.report_id in self.reports


def _merges_any(taken: Taken, things: Collection[str]) -> bool:
    if taken.body == "incidents_merged":
        named = {taken.content.incident_id, *taken.content.merged_incident_ids} | taken.renamed
    else:
        named = set(taken.renamed)
    return any(INCIDENTS + each in things for each in named)
