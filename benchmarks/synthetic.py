"""A made-up history of claims, the same in every run: reports of some outlets about incidents of ten years, some of
them reported more than once, and some tolls. However many are asked for, parties, regions and days are the same."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from ledger.persistence.records import StoredRecord

SEED = 7
BEGAN = datetime(2022, 1, 1, tzinfo=UTC)
FIRST_DAY, DAYS = date(2012, 1, 1), 3_650
PARTIES = tuple(f"party-{number}" for number in range(12))
COUNTRIES, REGIONS, PLACES, OUTLETS = 3, 40, 30, 25
CLAIMS_A_REPORT = 3
REPEATED = 0.3
"""How many claims are about an incident that was reported lately."""
RECENT = 300
TOLLS_OF_INCIDENTS = 50
KINDS = ("TroopsKilled",) * 3 + ("CiviliansKilled",) * 4 + ("TroopsInjured", "CiviliansInjured", "PersonsKilled")
GRADES = ("reported",) * 12 + ("confirmed", "fair", "fair", "weak", "weak", "contested", "discounted")
WORDS = "Five soldiers were killed when their position near the road was shelled on Monday, officials said. "


@dataclass(frozen=True)
class Incident:
    """What all claims about an incident say alike."""

    name: str
    day: date
    perpetrator: int
    country: int
    region: int


class History:
    """The records of so many claims, in order."""

    def __init__(self, claims: int) -> None:
        self._claims = claims
        self._random = random.Random(SEED)
        self._recent: list[Incident] = []
        self._position = 0
        self._made = 0

    def records(self) -> Iterator[StoredRecord]:
        """All of them; actors are registered before they are named."""
        actors = [{"type": "ActorRegistered", "actor_id": each, "name": each, "actor_kind": 1} for each in PARTIES]
        yield from self._report("actors", FIRST_DAY, actors)
        yield from self._report("tolls", FIRST_DAY, [toll_of_area(country) for country in range(COUNTRIES)])
        number = 0
        while self._made < self._claims:
            number += 1
            day = FIRST_DAY + timedelta(days=DAYS * self._made // self._claims)
            claims = [self._claim(day) for _ in range(min(CLAIMS_A_REPORT, self._claims - self._made))]
            every = max(1, self._claims // CLAIMS_A_REPORT // TOLLS_OF_INCIDENTS)
            if number % every == 0:
                claims.append(_toll_of_incident(self._recent[-1]))
            yield from self._report(f"report-{number:08d}", day + timedelta(days=1), claims)

    def _report(self, report_id: str, day: date, claims: list[dict[str, Any]]) -> Iterator[StoredRecord]:
        outlet = self._random.randrange(OUTLETS)
        source = {"name": f"Outlet {outlet}", "reliability": "abcdef"[outlet % 6]}
        content = {
            "report_id": report_id,
            "source": source,
            "reported": day.isoformat(),
            "claim_count": len(claims),
        }
        yield self._record(f"reports/{report_id}", report_id, {"type": "ReportFiled", **content})
        for claim in claims:
            yield self._record(f"incidents/{claim.get('incident_id', 'none')}", report_id, claim)

    def _record(self, stream: str, report_id: str, content: dict[str, Any]) -> StoredRecord:
        self._position += 1
        at = self._position
        return StoredRecord(
            *(stream, 1, content["type"], json.dumps(content).encode(), at, UUID(int=at), report_id),
            BEGAN + timedelta(seconds=at),
            False,
        )

    def _claim(self, day: date) -> dict[str, Any]:
        drawn, incident = self._random, self._incident(day)
        kind, place = drawn.choice(KINDS), drawn.randrange(PLACES)
        claim: dict[str, Any] = {
            "type": kind,
            "incident_id": incident.name,
            "occurred": occurred_on(drawn, incident.day),
            "place": place_of(incident, place),
            "count": count_of(drawn),
            "perpetrators": [PARTIES[incident.perpetrator]],
            "verification": drawn.choice(GRADES),
            "kind_of_violence": "state_based",
            "words": WORDS,
        }
        if kind.startswith("Troops"):
            claim["victim_party"] = PARTIES[incident.perpetrator - 1]
        if kind == "PersonsKilled":
            claim["victim_class"] = "contractors"
        if drawn.random() < 0.1:
            claim["attributions"] = [{"actor_id": PARTIES[incident.perpetrator], "role": "party"}]
        self._made += 1
        return claim

    def _incident(self, day: date) -> Incident:
        drawn = self._random
        if self._recent and drawn.random() < REPEATED:
            return drawn.choice(self._recent)
        places = (drawn.randrange(len(PARTIES)), drawn.randrange(COUNTRIES), drawn.randrange(REGIONS))
        self._recent = [*self._recent[-RECENT:], Incident(f"incident-{self._made:08d}", day, *places)]
        return self._recent[-1]


def place_of(incident: Incident, number: int) -> dict[str, Any]:
    """One of the places of an incident's region."""
    country, region = incident.country, incident.region
    return {
        "name": f"Place {region}-{number}",
        "precision": "near",
        "country": f"Country {country}",
        "admin1": f"Region {country}-{region}",
        "admin2": f"District {region}-{number % 5}",
        "latitude": 30 + region / 10,
        "longitude": 36 + region / 10,
    }


def occurred_on(drawn: random.Random, day: date) -> dict[str, str]:
    """A day, mostly; or the week or the year."""
    chance = drawn.random()
    if chance < 0.9:
        return {"start": day.isoformat(), "end": day.isoformat(), "precision": "day"}
    if chance < 0.98:
        return {"start": day.isoformat(), "end": (day + timedelta(days=6)).isoformat(), "precision": "week"}
    return {"start": f"{day.year}-01-01", "end": f"{day.year}-12-31", "precision": "year"}


def count_of(drawn: random.Random) -> dict[str, Any]:
    """How many, in one of the ways in which sources say so."""
    number, chance = drawn.randrange(40), drawn.random()
    if chance < 0.8:
        return {"qualifier": "exact", "stated": number}
    if chance < 0.87:
        return {"qualifier": "at_least", "stated": number}
    if chance < 0.97:
        return {"qualifier": "between", "low": number, "best": number + 2, "high": number + 5}
    return {"qualifier": "vague", "words": "dozens"}


def toll_of_area(country: int) -> dict[str, Any]:
    """The toll of a country over several years."""
    name = f"Country {country}"
    return {
        "type": "TollClaimed",
        "toll_id": f"toll-{country}",
        "outcome": "killed",
        "victim_class": "civilians",
        "occurred": {"start": "2013-01-01", "end": "2019-12-31", "precision": "years"},
        "place": {"name": name, "precision": "country", "country": name},
        "count": {"qualifier": "more_than", "stated": 100_000},
    }


def _toll_of_incident(incident: Incident) -> dict[str, Any]:
    day = incident.day.isoformat()
    return {
        "type": "TollClaimed",
        "incident_id": incident.name,
        "outcome": "killed",
        "occurred": {"start": day, "end": day, "precision": "day"},
        "count": {"qualifier": "between", "low": 5, "best": 20, "high": 60},
    }
