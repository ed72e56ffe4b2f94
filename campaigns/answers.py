"""Compares what clients were told with what a ledger holds: every acknowledged report once, where its receipt says.
What was answered comes as the clients wrote it down; the service is not asked again."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.deadlines import MARGIN_SECONDS
from campaigns.record import Commit, Event, Record

CONFLICTS = frozenset(("ABORTED", "ALREADY_EXISTS", "FAILED_PRECONDITION"))
"""No client gives another a reason for one: none acts on what is not its own, and none lies about what it sends."""

Answer = dict[str, Any]


@dataclass
class Answers:
    """What all clients wrote down."""

    acknowledged: list[Answer] = field(default_factory=list)
    altered: int = 0
    faults: list[str] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)
    ended_late: list[Answer] = field(default_factory=list)
    """The calls that ended after their deadline, by however little."""
    first: int = 0
    """Reports that were acknowledged for the first time, or twice at once."""

    def take(self, line: bytes) -> None:
        """One line of a process of clients."""
        answer = json.loads(line)
        match answer["kind"]:
            case "acknowledged":
                self.acknowledged.append(answer)
                self.first += answer["delivery"] == "first"
            case "altered":
                self.altered += 1
            case "sent":
                self.sent.add(answer["report_id"])
            case "late":
                self.ended_late.append(answer)
            case "refused":
                kind = "a false conflict: " if answer["code"] in CONFLICTS else ""
                self.faults.append(
                    f"{answer['report_id']}: {kind}{answer['code']}: {answer['details']}{_after(answer)}"
                )
            case _:
                self.faults.append(f"{answer['report_id']}: {answer['what']}{_after(answer)}")

    @property
    def reports(self) -> set[str]:
        """The acknowledged reports."""
        return {answer["report_id"] for answer in self.acknowledged}

    def retries(self) -> Counter[str]:
        """How often calls were made again, by code."""
        counts: Counter[str] = Counter()
        for answer in self.acknowledged:
            counts.update(answer["retried"])
        return counts

    def found_by_retry(self) -> int:
        """First deliveries whose commit had happened although its answer never arrived."""
        return sum(answer["delivery"] == "first" and answer["already_recorded"] for answer in self.acknowledged)


def faults(answers: Answers, record: Record, sent: set[str]) -> Iterator[str]:
    """Every promise to a client that the record breaks."""
    by_report: dict[str, list[Event]] = defaultdict(list)
    for event in record.events:
        by_report[event.report_id].append(event)
    commits = {commit.size_after: commit for commit in record.commits}
    for answer in answers.acknowledged:
        report_id = answer["report_id"]
        yield from (f"{report_id}: {fault}" for fault in _misplaced(answer, by_report.get(report_id, []), commits))
    for report_id in by_report.keys() - sent:
        yield f"{report_id} is recorded and was never sent"
    for report_id in sent - answers.reports:
        yield f"{report_id} was never acknowledged"
    yield from _first_times(answers)


def late(ended: Sequence[Answer]) -> Iterator[str]:
    """The calls that outlived their deadlines by more than the margin."""
    for each in ended:
        if each["overrun"] > MARGIN_SECONDS:
            yield f"{each['call']} ended {each['late']:.2f} s after its deadline of {each['seconds']:.2f} s"


def _after(answer: Answer) -> str:
    return f", after {answer['retried']}" if answer.get("retried") else ""


def _misplaced(answer: Answer, events: Sequence[Event], commits: dict[int, Commit]) -> Iterator[str]:
    if answer["receipt_id"] != answer["report_id"]:
        yield f"the receipt is of {answer['receipt_id']}"
    if answer["delivery"] == "again" and not answer["already_recorded"]:
        yield "was sent again and taken for new"
    places = [
        [str(each.event_id), each.type, each.stream, each.revision, each.position, each.leaf.hex()]
        for each in events
    ]
    if places != answer["events"]:
        yield f"the receipt says {answer['events']}, the ledger holds {places}"
        return
    commit = commits.get(answer["tree_size"])
    if commit is None or not commit.size_before < events[0].position <= commit.size_after:
        yield f"no commit of size {answer['tree_size']} holds it"
    elif commit.root.hex() != answer["root"]:
        yield f"the root at size {answer['tree_size']} is not that of the receipt"
    elif _moment(commit) != _without_zeros(answer["recorded_at"]):
        yield f"the receipt says {answer['recorded_at']}, the commit {_moment(commit)}"
    filing = json.loads(events[0].payload or b"{}")
    if filing.get("content_digest") != answer["content_digest"]:
        yield "the filing holds another digest than the receipt"
    for event, marker in zip(events[1:], answer["markers"], strict=True):
        if event.payload is not None and marker.encode() not in event.payload:
            yield f"the payload at {event.position} is not of this report"


def _first_times(answers: Answers) -> Iterator[str]:
    """Of all acknowledgements of a report, only one can be the one that recorded it."""
    new = Counter(each["report_id"] for each in answers.acknowledged if not each["already_recorded"])
    for report_id, count in new.items():
        if count > 1:
            yield f"{report_id} was {count} times acknowledged as new"


def _moment(commit: Commit) -> str:
    return _without_zeros(f"{commit.committed_at:%Y-%m-%dT%H:%M:%S.%f}Z")


def _without_zeros(moment: str) -> str:
    """A protobuf timestamp writes no more digits than it has."""
    return moment.removesuffix("Z").rstrip("0").rstrip(".") if "." in moment else moment.removesuffix("Z")
