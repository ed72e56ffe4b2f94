"""The claims of the made-up mix, each type with the fields that it usually has. They are drawn of what a report is
about: an incident, an agreement, a threat. Nothing is recorded here, and nothing depends on what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from benchmarks.synthetic import GRADES, PLACES, WORDS, Incident, count_of, occurred_on, place_of

PARTIES = tuple(f"party-{number:02d}" for number in range(60))
MONITOR, ALLY = "a-monitor", PARTIES[0]
ATTRIBUTED = 0.1
"""How many claims say who says so."""
ROLES = ("party", "official", "monitor", "eyewitness", "media")
BOTH_NAMED, NONE_NAMED = 0.05, 0.15
"""How many claims of casualties name two perpetrators, and how many none."""
LONG_TERM_HOURS = 72

Content = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What the claims of one report speak of."""

    incident: Incident
    earlier: Incident
    """Another incident, which this one may answer."""
    agreement: str
    threat: str
    actors: tuple[str, str]
    """Who used force, and against whom."""


def claim_of(type_name: str, drawn: Random, subject: Subject) -> Content:
    """A claim of a type."""
    incident = subject.incident
    content: Content = {
        "type": type_name,
        "occurred": occurred_on(drawn, incident.day),
        "place": place_of(incident, drawn.randrange(PLACES)),
        "verification": drawn.choice(GRADES),
        "kind_of_violence": "state_based",
        "words": WORDS,
    }
    if drawn.random() < ATTRIBUTED:
        said = {"actor_id": subject.actors[0], "role": drawn.choice(ROLES)}
        content["attributions"] = [said, {"name": "a spokesman"}]
    return content | OWN[type_name](drawn, subject)


def _casualties(drawn: Random, subject: Subject) -> Content:
    chance = drawn.random()
    named = 0 if chance < NONE_NAMED else 2 if chance > 1 - BOTH_NAMED else 1
    perpetrators = [subject.actors[0], ALLY][:named]
    content: Content = {"incident_id": subject.incident.name, "count": count_of(drawn)}
    return content | ({"perpetrators": perpetrators} if perpetrators else {})


def _troops(drawn: Random, subject: Subject) -> Content:
    return {**_casualties(drawn, subject), "victim_party": subject.actors[1]}


def _persons(drawn: Random, subject: Subject) -> Content:
    return {**_casualties(drawn, subject), "victim_class": drawn.choice(("contractors", "unknown"))}


def _force(drawn: Random, subject: Subject) -> Content:
    attackers, targets = [subject.actors[0]], [subject.actors[1]]
    return {"incident_id": subject.incident.name, "attackers": attackers, "targets": targets}


def _attack(drawn: Random, subject: Subject) -> Content:
    return {**_force(drawn, subject), "means": drawn.choice(("shelling", "air strike", "ambush", "drone"))}


def _retaliation(drawn: Random, subject: Subject) -> Content:
    return {**_force(drawn, subject), "answers": [{"incident_id": subject.earlier.name}]}


def _taken(drawn: Random, subject: Subject) -> Content:
    by, of = subject.actors
    return {"incident_id": subject.incident.name, "taken_by": [by], "taken_from": [of]}


def _toll(drawn: Random, subject: Subject) -> Content:
    best = drawn.randrange(5, 40)
    count = {"qualifier": "between", "low": best - 5, "best": best, "high": best + 20}
    return {"incident_id": subject.incident.name, "outcome": "killed", "count": count}


def _terms(drawn: Random, subject: Subject) -> Content:
    terms: Content = {
        "title": f"Ceasefire {subject.agreement}",
        "parties": list(subject.actors),
        "zone": place_of(subject.incident, drawn.randrange(PLACES)),
        "side": "bilateral",
        "ceasefire_class": "cessation",
        "written": True,
    }
    if drawn.random() < 0.5:
        terms["fixed_term_hours"] = LONG_TERM_HOURS
    return {"agreement_id": subject.agreement, "terms": terms}


def _signed(drawn: Random, subject: Subject) -> Content:
    return {**_terms(drawn, subject), "signatories": list(subject.actors)}


def _declared(drawn: Random, subject: Subject) -> Content:
    return {**_terms(drawn, subject), "declared_by": list(subject.actors)}


def _of_agreement(drawn: Random, subject: Subject) -> Content:
    return {"agreement_id": subject.agreement, "parties": list(subject.actors)}


def _extended(drawn: Random, subject: Subject) -> Content:
    return {"agreement_id": subject.agreement, "added_hours": LONG_TERM_HOURS}


def _ended(drawn: Random, subject: Subject) -> Content:
    return {"agreement_id": subject.agreement, "ending": drawn.choice(("expired", "terminated"))}


def _violated(drawn: Random, subject: Subject) -> Content:
    content: Content = {"agreement_id": subject.agreement, "violators": [subject.actors[0]]}
    content["acts"] = [{"incident_id": subject.incident.name}]
    return content | {"violation_kind": drawn.choice(("shelling", "movement", "air strike"))}


def _threat(drawn: Random, subject: Subject) -> Content:
    deadline = subject.incident.day + timedelta(days=drawn.randrange(1, 30))
    return {
        "threat_id": subject.threat,
        "threat_kind": drawn.choice(("conditional", "ultimatum", "warning")),
        "issued_by": [subject.actors[0]],
        "against": [subject.actors[1]],
        "condition": "Unless the positions near the road are left.",
        "deadline": {"start": deadline.isoformat(), "end": deadline.isoformat(), "precision": "day"},
    }


def _carried_out(drawn: Random, subject: Subject) -> Content:
    return {"threat_id": subject.threat, "acts": [{"incident_id": subject.incident.name}]}


def _withdrawn(drawn: Random, subject: Subject) -> Content:
    return {"threat_id": subject.threat, "withdrawn_by": [subject.actors[0]]}


def _statement(drawn: Random, subject: Subject) -> Content:
    matter = {"speakers": [subject.actors[0]], "subject_matter": "The ceasefire holds, the spokesman said."}
    return {"incident_id": subject.incident.name, "agreement_ids": [subject.agreement], **matter}


def _talks(drawn: Random, subject: Subject) -> Content:
    talks = {"participants": list(subject.actors), "mode": "in person"}
    return {"incident_id": subject.incident.name, "agreement_ids": [subject.agreement], **talks}


def _posts(drawn: Random, subject: Subject) -> Content:
    posts = {"established_by": [subject.actors[0]], "count": drawn.randrange(1, 12)}
    return {"incident_id": subject.incident.name, "agreement_ids": [subject.agreement], **posts}


def _restricted(drawn: Random, subject: Subject) -> Content:
    restricted = {"restricted_by": [subject.actors[0]], "mission": MONITOR}
    return {"incident_id": subject.incident.name, "agreement_ids": [subject.agreement], **restricted}


OWN: Mapping[str, Callable[[Random, Subject], Content]] = {
    **dict.fromkeys(("TroopsKilled", "TroopsInjured"), _troops),
    **dict.fromkeys(("CiviliansKilled", "CiviliansInjured"), _casualties),
    **dict.fromkeys(("PersonsKilled", "PersonsCaptured", "PersonsMissing"), _persons),
    "AttackReported": _attack,
    "OffensiveReported": _force,
    "TerritoryTaken": _taken,
    "Retaliation": _retaliation,
    "TollClaimed": _toll,
    "AgreementSigned": _signed,
    "CeasefireDeclared": _declared,
    **dict.fromkeys(("CeasefireTookEffect", "CeasefireSuspended", "CeasefireResumed"), _of_agreement),
    "CeasefireExtended": _extended,
    "CeasefireEnded": _ended,
    "CeasefireViolated": _violated,
    "ThreatIssued": _threat,
    "ThreatCarriedOut": _carried_out,
    "ThreatWithdrawn": _withdrawn,
    "StatementMade": _statement,
    "TalksHeld": _talks,
    "ObservationPostsEstablished": _posts,
    "MonitoringRestricted": _restricted,
}
"""What each type says beyond what all claims say."""
