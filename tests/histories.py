"""Random histories of a ledger for property tests, and what holds in them by definition: a model without tables,
ranges or increments, which looks at all records up to a position and asks what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from ledger.domain.reports import CLAIM_TYPES, EVENT_TYPES, event_from_payload
from ledger.persistence.records import StoredRecord

EPOCH = datetime(2020, 2, 12, tzinfo=UTC)
INCIDENTS = ("aleppo", "idlib", "homs", "daraa")
ACTORS = ("turkey", "russia")
ASSESSMENTS: tuple[dict[str, Any], ...] = (
    {"verification": "fair"},
    {"credibility": 2},
    {"standing": "verified", "verification": "weak"},
    {"verification": "discounted"},
)
CLAIMS = frozenset(each.__name__ for each in CLAIM_TYPES)
UNDOABLE = frozenset(EVENT_TYPES) - CLAIMS - {"ReportFiled", "PayloadRedacted"}


def event_id(position: int) -> UUID:
    """The id of the event at a position."""
    return UUID(int=position)


def record(position: int, kind: str, report_id: str, /, **content: Any) -> StoredRecord:
    """A record of an event."""
    event = EVENT_TYPES[kind].of(**content)
    recorded_at = EPOCH + timedelta(seconds=position)
    return StoredRecord(
        "streams/one",
        position,
        kind,
        event.to_payload(),
        position,
        event_id(position),
        report_id,
        recorded_at,
        False,
    )


def redacted(records: Sequence[StoredRecord]) -> list[StoredRecord]:
    """The records as they read after all their redactions: without the payloads that were removed."""
    gone = {_content(each).target_event_id for each in records if each.topic == "PayloadRedacted"}
    return [replace(each, state=b"", redacted=True) if str(each.event_id) in gone else each for each in records]


def _content(record_: StoredRecord) -> Any:
    return event_from_payload(record_.topic, record_.state)


@st.composite
def claim_contents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A type of claim with its content."""
    kind = draw(
        st.sampled_from(("TroopsKilled", "CiviliansKilled", "TollClaimed", "AttackReported", "CeasefireViolated"))
    )
    content: dict[str, Any] = {"occurred": draw(st.sampled_from(("2020-02-10", "2020-02-11")))}
    if kind == "CeasefireViolated":
        return kind, {**content, "agreement_id": "sochi", "violators": ["russia"]}
    content["incident_id"] = draw(st.sampled_from(INCIDENTS))
    if kind == "AttackReported":
        return kind, {**content, "attackers": ["russia"]}
    content |= {"count": draw(st.integers(0, 3)), "victim_party": draw(st.sampled_from(ACTORS))}
    if kind == "TollClaimed":
        content |= {"victim_class": "civilians", "outcome": "killed"}
    if draw(st.booleans()):
        content["attributions"] = [{"actor_id": "turkey", "role": "party"}, {"name": "a spokesman"}]
    return kind, content


Step = tuple[str, dict[str, Any]]

OCCURRED: tuple[Any, ...] = (
    "2020-02-10",
    "2020-01-15",
    {"start": "2020-02-03", "end": "2020-02-09", "precision": "week"},
    {"start": "2020-01-29", "end": "2020-02-02", "precision": "days"},
    {"start": "2019-12-30", "end": "2020-01-03", "precision": "days"},
    {"start": "2020-01-01", "end": "2020-12-31", "precision": "year"},
    {"start": "2018-09-17", "end": "2020-02-12", "precision": "years"},
)
PLACES: tuple[dict[str, Any], ...] = (
    {"name": "Saraqib", "precision": "exact", "country": "Syria", "admin1": "Idlib", "admin2": "Ariha"},
    {"name": "Ariha", "precision": "admin2", "country": "Syria", "admin1": "Idlib"},
    {"name": "Idlib", "precision": "admin1"},
    {"name": "Syria", "precision": "country"},
)
COUNTS: tuple[Any, ...] = (
    *(0, 3, 5),
    {"qualifier": "about", "stated": 4},
    {"qualifier": "at_least", "stated": 2},
    {"qualifier": "at_most", "stated": 9},
    {"qualifier": "between", "low": 6, "best": 5, "high": 4},
    {"qualifier": "between", "low": 1, "high": 3},
    {"qualifier": "vague", "words": "dozens"},
    {"qualifier": "unknown"},
)
FEW_INCIDENTS = ("idlib", "idlib", "idlib", "homs", "aleppo")
FEW_PARTIES = ("turkey", "turkey", "turkey", "russia")
"""So that claims compete."""
ITEMISED = ("TroopsKilled", "TroopsInjured", "CiviliansKilled", "PersonsKilled")


@st.composite
def casualty_contents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A claim of casualties in any of the ways that figures tell apart, a toll, or a claim of the use of force."""
    kind = draw(st.sampled_from((*ITEMISED * 2, "TroopsKilled", *["TollClaimed"] * 3, "AttackReported")))
    content: dict[str, Any] = {
        "occurred": draw(st.sampled_from(OCCURRED)),
        "place": draw(st.sampled_from((*PLACES, None))),
        "verification": draw(st.sampled_from(("reported", "reported", "fair", "discounted"))),
        "clarity": draw(st.sampled_from(("single", "aggregate"))),
    }
    if draw(st.integers(0, 3)) == 0:
        content["attributions"] = [{"actor_id": draw(st.sampled_from(ACTORS)), "role": "party"}]
    if kind == "TollClaimed":
        return kind, content | draw(tolls())
    content["incident_id"] = draw(st.sampled_from(FEW_INCIDENTS))
    if kind == "AttackReported":
        return kind, {**content, "attackers": ["russia"]}
    content["count"] = draw(st.sampled_from(COUNTS))
    content["perpetrators"] = draw(st.sampled_from(((), ("russia",), ("russia", "turkey"))))
    if kind == "PersonsKilled":
        content["victim_class"] = "unknown"
    if kind.startswith("Troops") or draw(st.booleans()):
        content["victim_party"] = draw(st.sampled_from(FEW_PARTIES))
    return kind, content


@st.composite
def tolls(draw: st.DrawFn) -> dict[str, Any]:
    """What is a toll's own: of an incident as a whole, so that it can give bounds, or of an area."""
    classes = ("troops", "civilians", "unknown", None)
    outcome = draw(st.sampled_from(("killed", "killed", "injured")))
    if draw(st.booleans()):
        best = draw(st.sampled_from((3, 5, 8, 9)))
        count = {"qualifier": "between", "low": best - 2, "best": best, "high": best + 4}
        return {"incident_id": draw(st.sampled_from(FEW_INCIDENTS)), "outcome": outcome, "count": count}
    return {
        "toll_id": "since",
        "outcome": outcome,
        "count": draw(st.sampled_from(COUNTS)),
        "victim_class": draw(st.sampled_from(classes)),
        "victim_party": draw(st.sampled_from((None, None, *ACTORS))),
        "perpetrators": draw(st.sampled_from(((), (), ("russia",)))),
    }


Contents = st.SearchStrategy[tuple[str, dict[str, Any]]]
CLAIMS_OF_FEW_KINDS = claim_contents()


@st.composite
def histories(
    draw: st.DrawFn, *, redactions: bool = False, most: int = 30, contents: Contents = CLAIMS_OF_FEW_KINDS
) -> list[StoredRecord]:
    """A ledger's records, the acts among them aimed at anything that was recorded before."""
    records: list[StoredRecord] = []
    reports: list[str] = []
    kinds = ["claim"] * 4 + ["correct"] * 3 + ["undo"] * 6 + ["assess", "choose", "retract"] * 2
    kinds += ["report", "retract report", "merge", "merge", "register", "register"]
    kinds += ["redact"] * 3 if redactions else []
    for position in range(1, draw(st.integers(2, most)) + 1):
        kind = "report" if not reports else draw(st.sampled_from(kinds))
        if kind == "report":
            reports.append(f"report-{position}")
            named, content = "ReportFiled", _report(draw, reports[-1])
        else:
            step = _step(draw, kind, records, reports, contents)
            if step is None:
                step = draw(contents)
            named, content = step
        held_by = reports[-1] if kind == "report" else draw(st.sampled_from(reports[-3:]))
        records.append(record(position, named, held_by, **content))
    return records


def _report(draw: st.DrawFn, report_id: str) -> dict[str, Any]:
    reported = date(2020, 2, 12) + timedelta(days=draw(st.integers(-2, 2)))
    source = {"name": draw(st.sampled_from(("Reuters", "SANA"))), "reliability": "b"}
    content = {"report_id": report_id, "source": source, "reported": reported.isoformat(), "claim_count": 1}
    if draw(st.booleans()):
        content |= {"source": {**source, "external_ids": [{"scheme": "x", "id": report_id}]}, "source_count": 3}
    return content


def _step(
    draw: st.DrawFn, kind: str, records: list[StoredRecord], reports: list[str], contents: Contents
) -> Step | None:
    """One act; None where there is nothing for it to act on."""
    if kind == "merge":
        one, *others = draw(st.lists(st.sampled_from(INCIDENTS), min_size=2, max_size=3, unique=True))
        return "IncidentsMerged", {"incident_id": one, "merged_incident_ids": others, "reason": "the same"}
    if kind == "register":
        name = draw(st.sampled_from(("One", "Two")))
        return "ActorRegistered", {"actor_id": draw(st.sampled_from(ACTORS)), "name": name, "actor_kind": 1}
    if kind == "retract report":
        return "ReportRetracted", {"target_report_id": draw(st.sampled_from(reports)), "reason": "error"}
    targets = {
        "correct": CLAIMS | {"ClaimCorrected"},
        "assess": CLAIMS | {"ClaimCorrected"},
        "choose": CLAIMS,
        "retract": CLAIMS,
        "undo": UNDOABLE,
        # Who redacts a redaction cannot be told afterwards, so the ledger refuses it.
        "redact": frozenset(EVENT_TYPES) - {"PayloadRedacted"},
    }.get(kind, frozenset())
    chosen = [str(each.event_id) for each in records if each.topic in targets]
    if not chosen:
        return None
    # Recent ones mostly: acts on acts on acts are where mistakes hide.
    recent = draw(st.sampled_from(chosen[-2:]))
    target = recent if draw(st.booleans()) else draw(st.sampled_from(chosen))
    return _targeted(draw, kind, target, contents)


def _targeted(draw: st.DrawFn, kind: str, target: str, contents: Contents) -> Step | None:
    match kind:
        case "correct":
            named, content = draw(contents)
            replacement = {"type": named, **content}
            return "ClaimCorrected", {"target_event_id": target, "reason": "wrong", "replacement": replacement}
        case "retract" | "undo":
            return "ClaimRetracted", {"target_event_id": target, "reason": "error"}
        case "assess":
            said: dict[str, Any] = draw(st.sampled_from(ASSESSMENTS))
            return "ClaimAssessed", {"target_event_id": target, **said}
        case "choose":
            return "PreferredClaimChosen", {"incident_id": "idlib", "preferred_event_id": target, "reason": "best"}
        case "redact":
            return "PayloadRedacted", {"target_event_id": target, "rule": "privacy", "reason": "a name"}
    return None


@dataclass(frozen=True)
class Expected:
    """How a claim reads: what a read model must show of it, and nothing of how it shows it."""

    form_event_id: UUID
    incident_id: str | None
    preferred_position: int | None
    content: Any


def expected_claims(records: Sequence[StoredRecord], claim_types: frozenset[str]) -> dict[UUID, Expected]:
    """The claims that hold after these records, by definition."""
    known = {each.event_id: each for each in records if not each.redacted}
    events = {key: _content(each) for key, each in known.items()}
    acts = [
        key for key, each in known.items() if each.topic not in CLAIMS | {"ReportFiled"} and _stands(key, events)
    ]
    groups = expected_groups([events[key] for key in acts if events[key].type == "IncidentsMerged"])
    claims = {}
    for key, each in known.items():
        if each.topic in CLAIMS:
            expected = _expected_claim(key, each.report_id, events, acts, groups, known)
            if expected is not None and expected.content.type in claim_types:
                claims[key] = expected
    return claims


def expected_latest_day(records: Sequence[StoredRecord]) -> date | None:
    """The latest day of publication of the reports that no retraction that stands names, by definition."""
    events = {each.event_id: _content(each) for each in records if not each.redacted}
    gone = {
        event.target_report_id
        for key, event in events.items()
        if event.type == "ReportRetracted" and _stands(key, events)
    }
    filed = [event for event in events.values() if event.type == "ReportFiled" and event.report_id not in gone]
    return max((date.fromisoformat(event.reported_day) for event in filed), default=None)


def _stands(key: UUID, events: dict[UUID, Any]) -> bool:
    """An act stands unless an undoing that stands names it; a redaction always stands."""
    if events[key].type == "PayloadRedacted":
        return True
    return not any(
        event.type == "ClaimRetracted" and UUID(event.target_event_id) == key and _stands(other, events)
        for other, event in events.items()
    )


def expected_groups(merges: Sequence[Any]) -> dict[str, str]:
    """What each incident is called, after merges in their order: whole groups take the other group's name."""
    names = {each: each for each in INCIDENTS}
    for merge in merges:
        joining = {names[each] for each in merge.merged_incident_ids}
        names = {each: names[merge.incident_id] if name in joining else name for each, name in names.items()}
    return names


def _about(key: UUID, events: dict[UUID, Any]) -> UUID | None:
    """The claim that an act is about, through corrections of corrections."""
    event = events.get(key)
    target = getattr(event, "target_event_id", None) or getattr(event, "preferred_event_id", None)
    if event is None or target is None:
        return None
    known = events.get(UUID(target))
    if known is None:
        return None
    return UUID(target) if known.type in CLAIMS else _about(UUID(target), events)


def _expected_claim(
    key: UUID,
    report_id: str,
    events: dict[UUID, Any],
    acts: Sequence[UUID],
    groups: dict[str, str],
    known: dict[UUID, StoredRecord],
) -> Expected | None:
    content, form, preferred = events[key], key, None
    assessed: dict[str, Any] = {}
    for act in acts:
        event = events[act]
        if event.type == "ReportRetracted" and event.target_report_id == report_id:
            return None
        if event.type == "ClaimRetracted" and UUID(event.target_event_id) == key:
            return None
        if _about(act, events) != key:
            continue
        if event.type == "ClaimCorrected":
            content, form = event.replacement, act
        elif event.type == "PreferredClaimChosen":
            preferred = known[act].position
        elif event.type == "ClaimAssessed":
            said = event.model_dump(include={"verification", "credibility", "standing"}, exclude_none=True)
            assessed |= said
    if content.type != "CeasefireViolated":
        assessed.pop("standing", None)
    incident = getattr(content, "incident_id", None)
    read = type(content).model_validate({**content.model_dump(), **assessed})
    return Expected(form, groups.get(incident) if incident else None, preferred, read)
