"""What the tables of read models hold of claims, in plain Python: a reference for what the database extracts, which
looks at the decoded claim, never at the stored bytes. And claims in which any field may be there or not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from ledger.domain.casualties import CLASS_AND_OUTCOME, CasualtyClaim, TollClaimed
from ledger.domain.codes import AttributionRole, CountQualifier, EventClarity
from ledger.domain.reports import CLAIM_TYPES, EVENT_TYPES
from ledger.domain.values import Count
from ledger.persistence.records import StoredRecord
from projections.ceasefires.read_model import EVENT_ACT
from projections.incidents.claims import ANSWERS, CARRIES_OUT, VIOLATES
from tests.golden.examples import COMPLETE, MINIMAL
from tests.histories import COUNTS

Row = dict[str, Any]

NO_PLACE = dict.fromkeys(
    ("place_name", "country", "admin1", "admin2", "place_precision", "latitude", "longitude"), None
)
SIDES = ("perpetrators", "attackers", "targets", "backers", "taken_by", "taken_from")
LINKS = {"Retaliation": ANSWERS, "ThreatCarriedOut": CARRIES_OUT, "CeasefireViolated": VIOLATES}
WORDS = ((r"\bhundreds\b", 100), (r"\bdozens\b", 12), (r"\b(several|many|numerous|a number of|some|a few)\b", 10))
PHRASES = ("Several dozens", "several people", "HUNDREDS of men", "an untold number", "a few", "dozensome")
MORE_COUNTS: tuple[Any, ...] = (
    *COUNTS,
    *({"qualifier": "vague", "words": phrase} for phrase in PHRASES),
    {"qualifier": "less_than", "stated": 7},
    {"qualifier": "more_than", "stated": 1800},
    {"qualifier": "at_most", "high": 8},
    {"qualifier": "about", "best": 8, "high": 11},
    {"qualifier": "exact", "stated": 5, "low": 4},
)


def common_columns(claim: Any, record: StoredRecord) -> Row:
    """Of the claim as it was recorded."""
    return {
        "event_id": record.event_id,
        "form_event_id": record.event_id,
        "position": record.position,
        "form_position": record.position,
        "held_from": record.position,
        "held_to": None,
        "type": claim.type,
        "stream": record.stream,
        "report_id": record.report_id,
        "incident_id": getattr(claim, "incident_id", None),
        "stated_incident_id": getattr(claim, "incident_id", None),
        "occurred_start": claim.occurred.start,
        "occurred_end": claim.occurred.end,
        "date_precision": claim.occurred.precision.code,
        **_place(claim.place),
        "verification": claim.verification.value,
        "credibility": claim.credibility and claim.credibility.code,
        "aggregate": claim.clarity is EventClarity.AGGREGATE,
        "kind_of_violence": claim.kind_of_violence and claim.kind_of_violence.code,
        "attributed": [name for each in claim.attributions for name in (each.actor_id, each.name) if name],
        "party_claim": any(each.role is AttributionRole.PARTY for each in claim.attributions),
        "actors": sorted({actor for _, actor in claim.actor_ids()}),
        "preferred": False,
        "preferred_position": None,
        "why_ended": None,
        "recorded_at": record.recorded_at,
        "body": json.loads(claim.to_payload()),
    }


def _place(place: Any) -> Row:
    if place is None:
        return dict(NO_PLACE)
    return {
        "place_name": place.name,
        "country": place.country or None,
        "admin1": place.admin1 or None,
        "admin2": place.admin2 or None,
        "place_precision": place.precision.code,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


def casualty_columns(claim: Any) -> Row:
    """Who, how many and by whom."""
    victims = {party for party in (getattr(claim, "victim_party", None),) if party}
    parties = sorted({party for side in SIDES for party in getattr(claim, side, ())} | victims)
    counted = isinstance(claim, CasualtyClaim | TollClaimed)
    bounds = claim.count.bounds() if counted else None
    of_class, outcome = _class_and_outcome(claim) if counted else (None, None)
    return {
        "victim_party": getattr(claim, "victim_party", None),
        "victim_class": of_class,
        "outcome": outcome,
        "perpetrators": sorted(set(getattr(claim, "perpetrators", ()))),
        "low": bounds and bounds.low,
        "best": bounds and bounds.best,
        "high": bounds and bounds.high,
        "acled_number": acled_number(claim.count) if counted else None,
        "qualifier": claim.count.qualifier.value if counted else None,
        "is_toll": isinstance(claim, TollClaimed),
        "parties": parties,
    }


def _class_and_outcome(claim: Any) -> tuple[str, str]:
    if isinstance(claim, TollClaimed):
        return claim.victim_class.value if claim.victim_class else "all", claim.outcome.value
    of_the_type, outcome = CLASS_AND_OUTCOME[claim.type]
    return (of_the_type or claim.victim_class).value, outcome.value


def acled_number(count: Count) -> int:
    """One number for every count."""
    bounds = count.bounds()
    if bounds.low is not None:
        return bounds.low
    if bounds.best is not None:
        return bounds.best
    if count.qualifier is not CountQualifier.VAGUE:
        return 0
    return next((number for word, number in WORDS if re.search(word, count.words, re.IGNORECASE)), 0)


def incident_columns(claim: Any) -> Row:
    """Links and zones."""
    kind = LINKS.get(claim.type)
    acts = getattr(claim, "answers", getattr(claim, "acts", ())) if kind else ()
    zone = getattr(getattr(claim, "terms", None), "zone", None)
    names = [zone.name, zone.admin2, zone.admin1, zone.country] if zone is not None else []
    return {
        "link_kind": kind,
        "act_incident_ids": [act.incident_id for act in acts if act.incident_id is not None],
        "act_event_ids": [UUID(act.event_id) for act in acts if act.event_id is not None],
        "zone": [name for name in names if name],
    }


def ceasefire_columns(claim: Any) -> Row:
    """Agreements and violations."""
    terms = getattr(claim, "terms", None)
    acts = {act.incident_id or f"{EVENT_ACT}{act.event_id}" for act in getattr(claim, "acts", ())}
    return {
        "agreement_id": getattr(claim, "agreement_id", None),
        "speaks_of": list(getattr(claim, "agreement_ids", ())),
        "supersedes": terms.supersedes_agreement_id if terms is not None else None,
        "by_monitor": any(each.role is AttributionRole.MONITOR for each in claim.attributions),
        "standing": getattr(claim, "standing", None),
        "violation_kind": getattr(claim, "violation_kind", None) or None,
        "violators": list(getattr(claim, "violators", ())),
        "acts": sorted(acts),
    }


def threat_columns(claim: Any) -> Row:
    """Who threatens whom, until when."""
    deadline = getattr(claim, "deadline", None)
    return {
        "threat_id": claim.threat_id,
        "threat_kind": getattr(claim, "threat_kind", None),
        "deadline": deadline.end if deadline is not None else None,
        "issued_by": list(getattr(claim, "issued_by", ())),
        "against": list(getattr(claim, "against", ())),
    }


ADDED: Mapping[str, Callable[[Any], Row]] = {
    "casualties": casualty_columns,
    "incidents": incident_columns,
    "ceasefires": ceasefire_columns,
    "threats": threat_columns,
}


@st.composite
def claims(draw: st.DrawFn) -> Any:
    """A claim of any type, with any of the fields that it need not have."""
    kind = draw(st.sampled_from([each.__name__ for each in CLAIM_TYPES]))
    few, all_fields = (json.loads(event.to_payload()) for event in (MINIMAL[kind], COMPLETE[kind]))
    content = few | {name: _thinned(draw, value) for name, value in all_fields.items() if draw(st.booleans())}
    if "toll_id" in content and "incident_id" in content:
        del content[draw(st.sampled_from(("toll_id", "incident_id")))]
    if "count" in content and kind != "ObservationPostsEstablished":
        content["count"] = draw(st.sampled_from(MORE_COUNTS))
    if content.get("victim_class") == "troops" and "victim_party" not in content:
        content["victim_class"] = "unknown"
    if draw(st.booleans()):
        content["attributions"] = draw(st.lists(st.sampled_from(_VOICES), max_size=3))
    return EVENT_TYPES[kind].model_validate(content)


_VOICES: tuple[Row, ...] = (
    {"actor_id": "turkey", "role": "party"},
    {"name": "The Observatory", "role": "monitor"},
    {"actor_id": "russia", "name": "a spokesman"},
    {"name": "witnesses", "role": "eyewitness"},
)


def _thinned(draw: st.DrawFn, value: Any) -> Any:
    """Lists in other lengths and orders, so that what is sorted or made distinct shows."""
    if isinstance(value, list) and value and draw(st.booleans()):
        return draw(st.lists(st.sampled_from(value), min_size=1, max_size=len(value) + 1))
    return value
