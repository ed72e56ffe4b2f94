"""What a release says otherwise than the record has it: a row that is new is its report; one that changed is a
report of corrections, retractions and new claims; one that is gone, a report of retractions. Nothing is edited."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.datasets.entries import Dataset, Document, Entry, Release, Scope
from ledger.datasets.recorded import Said, SaidOfRow, digest_of, slot_of
from ledger.domain.claim import DomainEvent
from ledger.domain.codes import RetractionReason
from ledger.domain.reports import Report

REASON = "release {} has it so"


@dataclass(frozen=True)
class Change:
    """What is to be recorded of one row."""

    key: str
    report: Report
    first: bool = False
    """Nothing of the row was recorded before."""
    gone: bool = False
    """The release no longer has the row."""
    new: int = 0
    corrected: int = 0
    retracted: int = 0


def change_of(entry: Entry, said: SaidOfRow | None, release: Release) -> Change | None:
    """What is to be recorded of a row, if anything; ValidationError where the domain refuses it."""
    report = Report.model_validate(entry.document)
    if said is None:
        return Change(entry.key, report, first=True, new=len(report.claims))
    stated = {digest_of(claim.to_payload()): claim for claim in report.claims}
    recorded = {each.digest: each for each in said.claims.values()}
    added = [claim for digest, claim in stated.items() if digest not in recorded]
    gone = [each for digest, each in recorded.items() if digest not in stated]
    added, gone = _without_open_ends(added, gone)
    if not added and not gone:
        return None
    corrections, added, gone = _paired(added, gone)
    items: list[Document] = [_correction(each, claim, release) for each, claim in corrections]
    items += [_retraction(each, release) for each in gone]
    items += [_content(claim) for claim in added]
    changed = {**entry.document, "report_id": _later_id(entry, release), "claims": items}
    # What a later release changes was published with it, whenever the row's sources were.
    changed["reported"] = release.available.isoformat()
    report = Report.model_validate(changed)
    return Change(entry.key, report, new=len(added), corrected=len(corrections), retracted=len(gone))


def change_of_missing(dataset: Dataset, key: str, said: SaidOfRow, release: Release) -> Change:
    """The retraction of what is recorded of a row that the release no longer has."""
    document = {
        "report_id": f"{dataset.report_id(key)}:{release.slug}",
        "source": {"name": dataset.title, "external_ids": [release.external_id]},
        "reported": release.available.isoformat(),
        "title": f"{key} is not in this release",
        "language": "en",
        "claims": [_retraction(each, release) for each in said.claims.values()],
    }
    return Change(key, Report.model_validate(document), gone=True, retracted=len(said.claims))


def in_scope(rows: Iterator[tuple[str, SaidOfRow]], scope: Scope) -> Iterator[tuple[str, SaidOfRow]]:
    """The rows on record that a release would have to have."""
    for key, said in rows:
        first, last = map(date.fromisoformat, said.days)
        if scope.holds(said.country, first, last):
            yield key, said


def _without_open_ends(added: Sequence[Any], gone: Sequence[Said]) -> tuple[list[Any], list[Said]]:
    """What is dated to some time before its release, and still is: a later release only says it less precisely."""
    left, rest = [], list(gone)
    for claim in added:
        same = next((each for each in rest if each.by_year and _as_dated(claim, each) == each.digest), None)
        if same is None:
            left.append(claim)
        else:
            rest.remove(same)
    return left, rest


def _as_dated(claim: DomainEvent, said: Said) -> bytes:
    """The digest that a claim would have with the interval of a recorded one that ends earlier."""
    occurred = getattr(claim, "occurred", None)
    if occurred is None or occurred.end.isoformat() < said.end or occurred.start.isoformat() != said.start:
        return b""
    dated = claim.model_copy(update={"occurred": occurred.model_copy(update={"end": date.fromisoformat(said.end)})})
    return digest_of(dated.to_payload())


def _later_id(entry: Entry, release: Release) -> str:
    return f"{entry.document['report_id']}:{release.slug}"


def _paired(added: Sequence[Any], gone: Sequence[Said]) -> tuple[list[tuple[Said, Any]], list[Any], list[Said]]:
    """Claims that take the place of recorded ones: in the same slot first, then of the same outcome and class."""
    pairs: list[tuple[Said, Any]] = []
    left, rest = list(added), list(gone)
    for parts in (3, 2):
        by_slot: dict[tuple[str, ...], list[Said]] = defaultdict(list)
        for each in rest:
            by_slot[tuple(each.slot[:parts])].append(each)
        unpaired = []
        for claim in left:
            same = by_slot.get(tuple(slot_of(_content(claim))[:parts]))
            if same:
                pairs.append((same.pop(0), claim))
            else:
                unpaired.append(claim)
        left, rest = unpaired, [each for several in by_slot.values() for each in several]
    return pairs, left, rest


def _content(claim: DomainEvent) -> Document:
    content: Document = claim.model_dump(mode="json", exclude_defaults=True)
    return {**content, "type": claim.type}


def _correction(said: Said, claim: DomainEvent, release: Release) -> Document:
    return {
        "type": "ClaimCorrected",
        "target_event_id": said.event_id,
        "reason": REASON.format(release.name),
        "replacement": _content(claim),
    }


def _retraction(said: Said, release: Release) -> Document:
    return {
        "type": "ClaimRetracted",
        "target_event_id": said.event_id,
        "reason": RetractionReason.WITHDRAWN_BY_SOURCE.value,
        "note": f"release {release.name} no longer has it",
    }
