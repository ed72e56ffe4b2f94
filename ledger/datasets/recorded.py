"""What a dataset has said so far, from the record: for each of its rows the claims that it makes by its last
release on record. What others said of these claims since (a correction, an assessment) is not the dataset's."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic_core import from_json

from ledger.audit.envelope import Envelope
from ledger.datasets.entries import Dataset
from ledger.domain.acts import ClaimCorrected
from ledger.domain.casualties import CLASS_AND_OUTCOME
from ledger.domain.codes import DatePrecision
from ledger.domain.reports import CLAIM_TYPES, ReportFiled

DIGEST_BYTES = 16
"""Enough to tell whether two claims are equal; a whole dataset is kept in memory."""
CLAIMS = frozenset(each.__name__ for each in CLAIM_TYPES)
TYPES = (*sorted(CLAIMS), "ClaimCorrected", "ClaimRetracted", "ReportFiled", "ActorRegistered")
"""The types of events that tell what a dataset has said."""


class Slot(NamedTuple):
    """What a claim of a row is about; the row has one claim in each slot."""

    kind: str
    victim_class: str = ""
    victim_party: str = ""


class Said(NamedTuple):
    """A claim that a dataset makes."""

    event_id: str
    slot: Slot
    digest: bytes
    start: str
    end: str
    by_year: bool
    """Dated to a year at best: the interval says little of when it was."""


@dataclass
class SaidOfRow:
    """The claims of one row, by event, and where it is."""

    claims: dict[str, Said] = field(default_factory=dict)
    country: str = ""
    redacted: bool = False
    """A payload of it was removed: what it said cannot be compared any more."""

    @property
    def days(self) -> tuple[str, str]:
        """First and last day of what its claims date."""
        claims = self.claims.values()
        dated = [each for each in claims if not each.by_year] or list(claims)
        return min(each.start for each in dated), max(each.end for each in dated)


def slot_of(content: dict[str, Any]) -> Slot:
    """The slot of a claim's content, the same for an itemised claim and for a toll of the incident."""
    kind = content["type"]
    party = content.get("victim_party") or ""
    if kind == "TollClaimed":
        return Slot(content["outcome"], content.get("victim_class") or "all", party)
    if kind in CLASS_AND_OUTCOME:
        of_the_type, outcome = CLASS_AND_OUTCOME[kind]
        return Slot(outcome.value, of_the_type.value if of_the_type else content["victim_class"], party)
    return Slot(kind)


def digest_of(payload: bytes) -> bytes:
    """Tells whether two claims say the same."""
    return sha256(payload).digest()[:DIGEST_BYTES]


class OnRecord(NamedTuple):
    """A release that is on record."""

    position: int
    sha256: str
    available: date


@dataclass
class Recorded:
    """Takes the record's events in order; keeps what the dataset says."""

    dataset: Dataset
    rows: dict[str, SaidOfRow] = field(default_factory=dict)
    releases: dict[str, OnRecord] = field(default_factory=dict)
    """Its releases by the ids of their reports, in order."""

    def take(self, envelope: Envelope, payload: bytes) -> None:
        """Takes the next event; those of other reports make no difference."""
        if envelope.type == "ReportFiled":
            if payload and envelope.report_id.startswith(self.dataset.releases):
                self._take_release(envelope, payload)
            return
        key = self.dataset.key_in(envelope.report_id)
        if key is None or envelope.stream != self.dataset.stream_of(key):
            return
        row = self.rows.setdefault(key, SaidOfRow())
        if not payload:
            row.redacted = True
        elif envelope.type in CLAIMS:
            self._say(row, str(envelope.event_id), from_json(payload), payload)
        elif envelope.type in ("ClaimCorrected", "ClaimRetracted"):
            self._take_act(row, envelope.type, payload)

    def _take_release(self, envelope: Envelope, payload: bytes) -> None:
        filed = ReportFiled.model_validate_json(payload)
        sha256 = filed.evidence[0].sha256 if filed.evidence else None
        available = date.fromisoformat(filed.reported_day)
        self.releases[envelope.report_id] = OnRecord(envelope.position, sha256 or "", available)

    def _say(self, row: SaidOfRow, event_id: str, content: dict[str, Any], payload: bytes) -> None:
        start, end = content["occurred"]["start"], content["occurred"]["end"]
        by_year = content["occurred"]["precision"] == DatePrecision.YEARS.value
        row.claims[event_id] = Said(event_id, slot_of(content), digest_of(payload), start, end, by_year)
        row.country = content.get("place", {}).get("country", "")

    def _take_act(self, row: SaidOfRow, kind: str, payload: bytes) -> None:
        content = from_json(payload)
        target = content["target_event_id"]
        if target not in row.claims:
            return
        if kind == "ClaimRetracted":
            del row.claims[target]
        else:
            replacement = ClaimCorrected.model_validate_json(payload).replacement
            self._say(row, target, content["replacement"], replacement.to_payload())

    def standing(self) -> Iterator[tuple[str, SaidOfRow]]:
        """The rows of which anything is said."""
        return ((key, row) for key, row in self.rows.items() if row.claims)
