"""What an export rests on and what it leaves out, told beside the data: ledger, position, rules, filter, numbers.
It lists ids up to a bound and counts all."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console

from ledger.cli import wording
from ledger.cli.tables import basis_line, filter_words, stale_line

MOST_LISTED = 1_000
"""Ids that are listed under one reason; the others are counted."""
REDACTED = "REDACTED"
"""Counted by the server for its whole answer, whatever was asked: every page has the same number."""


@dataclass
class Listed:
    """How many incidents, or agreements, something is true of, and which: the first of them."""

    count: int = 0
    ids: list[str] = field(default_factory=list)

    def add(self, subject_id: str) -> None:
        """One more."""
        self.count += 1
        if self.count <= MOST_LISTED:
            self.ids.append(subject_id)


@dataclass
class Account:
    """Grows with the export; told when it is complete."""

    ledger: str
    export: str
    file_format: str
    filter: Message
    details: dict[str, Any] = field(default_factory=dict)
    """What belongs to one kind of export alone: policy, rule, grouping, tolls, root."""
    basis: Any = None
    rows: int = 0
    left_out: dict[str, Listed] = field(default_factory=dict)
    notes: dict[str, Listed] = field(default_factory=dict)
    claims_left_out: Counter[str] = field(default_factory=Counter)
    descriptions: dict[str, str] = field(default_factory=dict)
    subject: str = "incident"
    """What rows are of."""

    def leave_out(self, reason: str, subject_id: str) -> None:
        """An incident, or agreement, has no row."""
        self.left_out.setdefault(reason, Listed()).add(subject_id)

    def note(self, reason: str, incident_id: str) -> None:
        """An incident's row is to be read with care."""
        self.notes.setdefault(reason, Listed()).add(incident_id)

    def take_left_out(self, left_out: Any) -> None:
        """Claims that an answer leaves out."""
        for each in left_out:
            self.descriptions[each.reason] = each.description
            others = 0 if each.reason == REDACTED else self.claims_left_out[each.reason]
            self.claims_left_out[each.reason] = others + each.claims

    def document(self) -> dict[str, Any]:
        """For machines."""
        basis = self.basis
        recorded = basis.as_of_recorded_at.ToJsonString() if basis.HasField("as_of_recorded_at") else None
        return {
            "ledger": self.ledger,
            "as_of_position": basis.as_of_position,
            "as_of_recorded_at": recorded,
            **({"stale": True, "stale_because": basis.stale_because} if basis.stale else {}),
            "export": self.export,
            "format": self.file_format,
            **self.details,
            "filter": MessageToDict(self.filter, preserving_proto_field_name=True),
            "rows": self.rows,
            "left_out": self._listed(self.left_out),
            "claims_left_out": [
                {"reason": reason, "claims": claims, "description": self.descriptions[reason]}
                for reason, claims in sorted(self.claims_left_out.items())
            ],
            "notes": self._listed(self.notes),
            "written_by": f"incident-ledger {version('incident-ledger')}",
        }

    def print(self, console: Console) -> None:
        """For people."""
        for line in self._lines():
            console.print(wording.visible(line), style="dim", soft_wrap=True)
        if self.basis.stale:
            console.print(stale_line(self.basis), style="bold")

    def _listed(self, listed: Mapping[str, Listed]) -> list[dict[str, Any]]:
        return [
            {
                "reason": reason,
                f"{self.subject}s": each.count,
                "description": self.descriptions.get(reason, ""),
                f"{self.subject}_ids": each.ids,
                **({f"{self.subject}_ids_listed": MOST_LISTED} if each.count > MOST_LISTED else {}),
            }
            for reason, each in sorted(listed.items())
        ]

    def _lines(self) -> Iterator[str]:
        said = self.details
        words = {"count_policy": "policy", "resolution_rule": "rule", "at": "at"}
        parts = [f"{word} {said[name]}" for name, word in words.items() if name in said]
        parts += [filter_words(self.filter), *(["aggregates counted"] if said.get("count_aggregates") else [])]
        parts += [f"root {said['root_hash']}"] if "root_hash" in said else []
        yield f"{wording.number(self.rows)} {'row' if self.rows == 1 else 'rows'}. {basis_line(self.basis, *parts)}"
        if said.get("tolls"):
            tolls = wording.number(len(said["tolls"]))
            yield f"Tolls, in no row: {tolls}; the metadata has them beside the figures."
        for reason, each in sorted(self.left_out.items()):
            yield f"Left out: {self._number(each)} ({reason}): {self.descriptions[reason]}"
        for reason, claims in sorted(self.claims_left_out.items()):
            number = f"{wording.number(claims)} {'claim' if claims == 1 else 'claims'}"
            yield f"Left out of the figures: {number} ({reason}): {self.descriptions[reason]}"
        for reason, each in sorted(self.notes.items()):
            yield f"Note: {self._number(each)} ({reason}): {self.descriptions[reason]}"

    def _number(self, listed: Listed) -> str:
        return f"{wording.number(listed.count)} {self.subject}{'' if listed.count == 1 else 's'}"
