"""The application of one ledger: takes a report, decides what depends on state, and hands it to the writer lane.
Claims are appended without loading anything; acts load their target's stream and carry the revision they saw."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.utils import Environment

from ledger.audit.envelope import check_field
from ledger.domain.acts import (
    ClaimAssessed,
    ClaimCorrected,
    ClaimRetracted,
    IncidentsMerged,
    PayloadRedacted,
    PreferredClaimChosen,
    ReportRetracted,
    TargetedAct,
)
from ledger.domain.aggregates import Incident, ReportRecord, Stream, aggregate_of
from ledger.domain.claim import ACTORS, INCIDENTS, REPORTS, DomainEvent
from ledger.domain.notices import Notice, notices_of
from ledger.domain.recorded import Draft, Recorded, drafts_of
from ledger.domain.reports import DECIDED_TYPES, Report
from ledger.errors import (
    DeadlineError,
    NotFoundError,
    NotPossibleError,
    RevisionConflictError,
    RevisionMismatch,
)
from ledger.persistence.factory import DATABASE_URL, LEDGER, Factory
from ledger.persistence.guarding import Guard
from ledger.persistence.recorder import LedgerRecorder
from ledger.persistence.records import MERGES, Answer, Appended, AppendRequest, NewEvent, StoredRecord
from ledger.settings import DEFAULT_LIMITS, Limits


class Sending(NamedTuple):
    """A report that is to be appended, and where its answer goes."""

    report: Report
    expected: Mapping[str, int]
    deadline: float
    """In the clock of time.monotonic()."""
    answer: Answer
    client: str = ""


class Submission(NamedTuple):
    """A report on its way through the lane."""

    report: Report
    request: AppendRequest
    decided: frozenset[str]
    """Streams whose revision is relied on by our decision alone, and not by the client."""


class LedgerApplication(Application[str]):
    """One ledger."""

    def __init__(self, ledger: str, url: str, limits: Limits = DEFAULT_LIMITS, guard: Guard | None = None) -> None:
        self._limits, self._guard = limits, guard
        super().__init__(
            env={
                "MAPPER_TOPIC": "ledger.persistence.codec:LedgerMapper",
                LEDGER: ledger,
                DATABASE_URL: url,
            }
        )
        self.ledger = ledger
        self._registered: set[str] = set()

    def construct_factory(self, env: Environment) -> Factory:
        """Our own, which the library would find by its name but without the limits."""
        return Factory(env, self._limits, self._guard)

    @property
    def ledger_recorder(self) -> LedgerRecorder:
        """The recorder, as what it is."""
        return cast(LedgerRecorder, self.recorder)

    def append_report(
        self, report: Report, expected: Mapping[str, int], recorder: str, seconds: float, client: str = ""
    ) -> tuple[Appended, Submission]:
        """Records a report and waits until it is durable, at most so many seconds. Blocks: not for an event loop
        where the report holds acts. Acts are decided anew as long as others act on the same streams meanwhile: one
        of them is recorded each time, so all of them are in the end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            submission, answer = self.submit(report, expected, recorder, deadline, client)
            try:
                return answer.result(timeout=deadline - time.monotonic() + 1), submission
            except TimeoutError:
                raise DeadlineError from None
            except RevisionConflictError as error:
                if not {each.stream for each in error.mismatches} <= submission.decided:
                    raise
        raise DeadlineError

    def submit(
        self, report: Report, expected: Mapping[str, int], recorder: str, deadline: float, client: str = ""
    ) -> tuple[Submission, Future[Appended]]:
        """Decides a report on the record as it is, and queues it."""
        answer: Future[Appended] = Future()
        [submission] = self.prepare([Sending(report, expected, deadline, answer, client)], recorder)
        self.ledger_recorder.lane.submit(submission.request)
        return submission, answer

    def prepare(self, sent: Sequence[Sending], recorder: str) -> list[Submission]:
        """Decides reports on the record as it is; their requests are ready for the lane."""
        check_field("recorder", recorder, may_be_empty=True)
        for client in {each.client for each in sent}:
            check_field("client", client, may_be_empty=True)
        drafts = drafts_of(self.ledger, [each.report for each in sent])
        placed = [self._placed(draft, each.expected) for draft, each in zip(drafts, sent, strict=True)]
        mentions = [self._mentions(each.report) for each in sent]
        return [
            Submission(
                draft.report,
                AppendRequest(
                    report_id=draft.report.report_id,
                    events=events,
                    deadline=each.deadline,
                    expected=expected,
                    decided=decided,
                    recorder=recorder,
                    client=each.client,
                    content_digest=draft.digest,
                    mentions=named,
                    answer=each.answer,
                ),
                frozenset([name for name in decided if expected.get(name, -1) < 0]),
            )
            for each, draft, (events, expected, decided), named in zip(sent, drafts, placed, mentions, strict=True)
        ]

    def _placed(
        self, draft: Draft, expected: Mapping[str, int]
    ) -> tuple[tuple[NewEvent, ...], Mapping[str, int], Mapping[str, int]]:
        """A report's events in their streams, the revisions expected of streams, and those that acts rest on."""
        report = draft.report
        first = NewEvent(REPORTS + report.report_id, "ReportFiled", draft.ids[0], draft.payloads[0])
        items = zip(report.claims, draft.ids[1:], draft.payloads[1:], strict=True)
        if not report.acts:
            claims = [NewEvent(item.stream, item.type, event_id, payload) for item, event_id, payload in items]
            return (first, *claims), expected, {}
        deciding = _Deciding(self, expected)
        try:
            return (first, *[deciding.place(*each) for each in items]), expected, deciding.decided
        except (NotFoundError, NotPossibleError, RevisionConflictError):
            if not self._is_recorded(report.report_id):
                raise
            # A retry meets what the report itself did, for example the claim that it retracted. The lane knows a
            # recorded report by its filing, and answers with the first receipt or with the conflict.
            return (first,), {}, {}

    def _mentions(self, report: Report) -> frozenset[str]:
        """The streams of the actors that a report names, as far as they are not known to be registered."""
        actors = {actor for item in report.claims for _, actor in item.actor_ids()}
        return frozenset([ACTORS + actor for actor in actors - self._registered])

    def notices(self, submission: Submission, appended: Appended) -> tuple[Notice, ...]:
        """What of an appended report deserves a look."""
        # A registration holds for ever, so an actor once seen registered is not asked for again.
        if seen := submission.request.mentions - appended.missing:
            self._registered.update([stream.removeprefix(ACTORS) for stream in seen])
        return notices_of(submission.report, {stream.removeprefix(ACTORS) for stream in appended.missing})

    def _is_recorded(self, report_id: str) -> bool:
        with self.ledger_recorder.pool.connection() as connection:
            return bool(self.ledger_recorder.log.existing_streams(connection, [REPORTS + report_id]))

    def stream(self, name: str) -> Stream | None:
        """The aggregate of a stream; None where it does not exist."""
        try:
            return self.repository.get(name, projector_func=aggregate_of(name).project)
        except AggregateNotFoundError:
            return None

    def event(self, record: StoredRecord) -> DomainEvent | None:
        """The domain event of a record; None where its payload is redacted."""
        return cast(Recorded, self.mapper.to_domain_event(record)).event

    def stream_of(self, event_id: str) -> str:
        """The stream in which an event is recorded."""
        with self.ledger_recorder.pool.connection() as connection:
            found = self.ledger_recorder.log.by_ids(connection, [UUID(event_id)])
        if not found:
            raise NotFoundError(kind="event", id=event_id)
        return found[UUID(event_id)].stream

    def merges(self) -> Sequence[StoredRecord]:
        """All merges by position, also those that are undone."""
        with self.ledger_recorder.pool.connection() as connection:
            return self.ledger_recorder.log.merges(connection)


class _Deciding:
    """Places a report's items in streams; acts are decided in order, each on what the ones before it leave."""

    def __init__(self, application: LedgerApplication, expected: Mapping[str, int]) -> None:
        self._application = application
        self._streams: dict[str, Stream] = {}
        self._expected = expected
        self.decided: dict[str, int] = {}

    def place(self, item: DomainEvent, event_id: UUID, payload: bytes) -> NewEvent:
        """The event to append; NotPossibleError or NotFoundError where an act cannot be."""
        if item.type not in DECIDED_TYPES:
            return NewEvent(item.stream, item.type, event_id, payload)
        stream = self._decide(item, event_id)
        redacts = UUID(item.target_event_id) if isinstance(item, PayloadRedacted) else None
        return NewEvent(stream, item.type, event_id, payload, redacts=redacts)

    def _decide(self, act: DomainEvent, event_id: UUID) -> str:
        name = self._application.stream_of(act.target_event_id) if isinstance(act, TargetedAct) else act.stream
        stream = self._load(name)
        match act, stream:
            case ClaimCorrected(), _:
                stream.correct(act)
            case ClaimRetracted(), _:
                stream.retract(act)
                for merge in stream.restored_merges(act) if isinstance(stream, Incident) else ():
                    self._merge(merge)
            case ClaimAssessed(), _:
                stream.assess(act)
            case PayloadRedacted(), _:
                stream.redact(act)
            case ReportRetracted(), ReportRecord():
                stream.retract_report(act)
            case PreferredClaimChosen(), Incident():
                self._choose(act)
            case IncidentsMerged(), _:
                self._merge(act)
            case _:
                raise NotPossibleError(why=f"a {act.type} does not belong in {name}")
        stream.apply(Recorded(name, stream.version, event_id, act.type, act))
        return name

    def _choose(self, act: PreferredClaimChosen) -> None:
        """A claim stays in its stream when its incident is merged into this one, or when a correction moves it."""
        home = self._load(self._application.stream_of(act.preferred_event_id))
        incident = home.choose(act) if isinstance(home, Incident) else None
        seen: set[str] = set()
        while incident is not None and incident != act.incident_id and incident not in seen:
            seen.add(incident)
            merges = self._merges_of(frozenset((incident,)))
            incident = next((merge.incident_id for merge in merges), None)
        if incident != act.incident_id:
            raise NotPossibleError(
                why=f"the preferred claim is not of incident {act.incident_id}; name one that is"
            )

    def _merge(self, act: IncidentsMerged) -> None:
        incidents = (act.incident_id, *act.merged_incident_ids)
        for incident in incidents:
            self._load(INCIDENTS + incident)
        for merge in self._merges_of(frozenset(incidents)):
            for incident in frozenset(incidents) & frozenset(merge.merged_incident_ids):
                into = merge.incident_id
                raise NotPossibleError(why=f"incident {incident} is merged into {into}; undo that, or name {into}")

    def _merges_of(self, incidents: frozenset[str]) -> Iterator[IncidentsMerged]:
        """The merges of any of the incidents into others that hold by now, this report's acts included. One that is
        added or restored meanwhile makes the decision void, which no one stream would tell."""
        recorded = self._application.merges()
        self.decided.setdefault(MERGES, recorded[-1].position if recorded else 0)
        events = ((each.stream, self._application.event(each)) for each in recorded)
        for name in {stream for stream, event in events if _merges_any(event, incidents)}:
            self._load(name)
        for stream in self._streams.values():
            if isinstance(stream, Incident):
                yield from (each for each in stream.merges() if _merges_any(each, incidents))

    def _load(self, name: str) -> Stream:
        if name not in self._streams:
            stream = self._application.stream(name)
            if stream is None:
                kind, _, id = name.partition("/")
                raise NotFoundError(kind=kind.removesuffix("s"), id=id)
            given = self._expected.get(name)
            if given is not None and given >= 0 and given != stream.version:
                raise RevisionConflictError(
                    [RevisionMismatch(name, str(given) if given else "no stream", stream.version)]
                )
            self.decided[name] = stream.version
            self._streams[name] = stream
        return self._streams[name]


def _merges_any(event: DomainEvent | None, incidents: frozenset[str]) -> bool:
    return isinstance(event, IncidentsMerged) and not incidents.isdisjoint(event.merged_incident_ids)
