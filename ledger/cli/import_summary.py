"""What came of an import, told to a person or a program: rows, reports, differences, what was refused and what
deserves a look."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.cli import failures, wording
from ledger.cli.session import Session
from ledger.datasets.differences import Change
from ledger.datasets.entries import Document, Release, Remark, Seen
from ledger.datasets.survey import Refusal

MAX_SHOWN = 20
"""Rows of one kind that are shown to a person; a program gets all."""


@dataclass
class Imported:
    """What came of an import."""

    release: Release
    rows: int
    check: bool
    first: int = 0
    changed: int = 0
    gone: int = 0
    unchanged: int = 0
    new_claims: int = 0
    corrected: int = 0
    retracted: int = 0
    events: int = 0
    not_retracted: int = 0
    actors: Sequence[Document] = ()
    by_name: Sequence[tuple[Seen, str]] = ()
    refused: list[Refusal] = field(default_factory=list)
    left_alone: list[Refusal] = field(default_factory=list)
    remarks: list[tuple[int, str, Remark]] = field(default_factory=list)

    def count(self, change: Change) -> None:
        """Count what is recorded of one row."""
        self.first += change.first
        self.gone += change.gone
        self.changed += not change.first and not change.gone
        self.new_claims += change.new
        self.corrected += change.corrected
        self.retracted += change.retracted


def tell(session: Session, outcome: Imported) -> None:
    """Tells it; refusals and remarks on standard error, unless it is told to a program."""
    if session.as_json:
        session.out.file.write(json.dumps(_for_machines(outcome), ensure_ascii=False, indent=2) + "\n")
        return
    for line in _sentences(outcome):
        session.out.print(line, soft_wrap=True)
    _list(
        session, "warning", [f"line {line} (event {key}): {_remark(each)}" for line, key, each in outcome.remarks]
    )
    _list(session, "left alone", [str(each) for each in outcome.left_alone])
    for refusal in outcome.refused[:MAX_SHOWN]:
        failures.tell(wording.visible(str(refusal), breaks=False))
    if len(outcome.refused) > MAX_SHOWN:
        failures.tell(f"and {wording.number(len(outcome.refused) - MAX_SHOWN)} more rows; --json has them all")


def _sentences(outcome: Imported) -> list[str]:
    release, number = outcome.release, wording.number
    done = "would be recorded" if outcome.check else "recorded"
    lines = [
        f"Release {release.name} of {release.dataset}, available from {release.available}.",
        f"SHA-256 of the unpacked file: {release.sha256}",
        f"{number(outcome.rows)} rows: {number(outcome.first)} {done} for the first time, "
        f"{number(outcome.changed)} changed, {number(outcome.unchanged)} as they are on record, "
        f"{number(len(outcome.refused))} refused; {number(outcome.gone)} others withdrawn.",
        f"{number(outcome.new_claims)} new claims, {number(outcome.corrected)} corrections, "
        f"{number(outcome.retracted)} retractions, {number(len(outcome.actors))} actors registered.",
    ]
    if not outcome.check:
        lines.append(f"{number(outcome.events)} events recorded.")
    lines += [f"{seen.name} is taken for {actor_id}, by its name." for seen, actor_id in outcome.by_name]
    if outcome.not_retracted:
        lines.append(
            f"{number(outcome.not_retracted)} rows on record are not found in the file, which has rows whose id "
            "cannot be read: none is retracted."
        )
    return lines


def _remark(remark: Remark) -> str:
    return f"{remark.column} `{remark.value}` {remark.why}"


def _list(session: Session, what: str, lines: Sequence[str]) -> None:
    for line in lines[:MAX_SHOWN]:
        session.err.print(wording.visible(f"{what}: {line}", breaks=False), soft_wrap=True)
    if len(lines) > MAX_SHOWN:
        session.err.print(f"{what}: and {wording.number(len(lines) - MAX_SHOWN)} more; --json has them all")


def _for_machines(outcome: Imported) -> dict[str, Any]:
    release = outcome.release
    return {
        "dataset": release.dataset,
        "release": release.name,
        "sha256": release.sha256,
        "available": release.available.isoformat(),
        "checked_only": outcome.check,
        "rows": outcome.rows,
        "first": outcome.first,
        "changed": outcome.changed,
        "unchanged": outcome.unchanged,
        "withdrawn": outcome.gone,
        "not_retracted": outcome.not_retracted,
        "new_claims": outcome.new_claims,
        "corrections": outcome.corrected,
        "retractions": outcome.retracted,
        "events_recorded": outcome.events,
        "actors_registered": [each["actor_id"] for each in outcome.actors],
        "actors_by_name": {seen.name: actor_id for seen, actor_id in outcome.by_name},
        "refused": [vars_of(each) for each in outcome.refused],
        "left_alone": [vars_of(each) for each in outcome.left_alone],
        "remarks": [
            {"line": line, "key": key, "column": each.column, "value": each.value, "why": each.why}
            for line, key, each in outcome.remarks
        ],
    }


def vars_of(refusal: Refusal) -> dict[str, Any]:
    """A refusal as plain data; a row of the record has no line."""
    stated = {"key": refusal.key, "column": refusal.column, "why": refusal.why}
    return {"line": refusal.line, **stated} if refusal.line else stated
