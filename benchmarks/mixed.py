"""A made-up record of realistic mix, the same in every run: mostly casualties of incidents, some uses of force,
answers to them, agreements and their violations, threats, tolls; and six acts of the record in a thousand things
stated (MIX has the shares). Payloads and ids are the domain's own. Nothing is redacted; it records nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple

from benchmarks.mixed_claims import MONITOR, PARTIES, Content, Subject, claim_of
from benchmarks.synthetic import COUNTRIES, DAYS, FIRST_DAY, OUTLETS, RECENT, REGIONS, SEED, Incident, toll_of_area
from ledger.domain.claim import REPORTS
from ledger.domain.recorded import drafts_of
from ledger.domain.reports import DECIDED_TYPES, Report
from ledger.persistence.records import AppendRequest, NewEvent

MIX = {
    "TroopsKilled": 2_500,
    "TroopsInjured": 1_000,
    "CiviliansKilled": 2_729,
    "CiviliansInjured": 1_200,
    "PersonsKilled": 500,
    "PersonsCaptured": 150,
    "PersonsMissing": 100,
    "AttackReported": 650,
    "OffensiveReported": 120,
    "TerritoryTaken": 80,
    "Retaliation": 200,
    "AgreementSigned": 30,
    "CeasefireDeclared": 30,
    "CeasefireTookEffect": 30,
    "CeasefireSuspended": 10,
    "CeasefireResumed": 10,
    "CeasefireExtended": 10,
    "CeasefireEnded": 30,
    "CeasefireViolated": 300,
    "ThreatIssued": 100,
    "ThreatCarriedOut": 30,
    "ThreatWithdrawn": 20,
    "StatementMade": 60,
    "TalksHeld": 30,
    "ObservationPostsEstablished": 10,
    "MonitoringRestricted": 10,
    "TollClaimed": 1,
    "ClaimAssessed": 20,
    "ClaimCorrected": 15,
    "ClaimRetracted": 8,
    "PreferredClaimChosen": 6,
    "IncidentsMerged": 5,
    "ReportRetracted": 3,
    "ActorRegistered": 3,
}
"""Of ten thousand things that reports state. Tolls are rare: an answer tells each of them beside its figures."""
CLAIMS_A_REPORT = (1, 1, 2, 3, 3, 4, 6)
ACTS = DECIDED_TYPES | {"ActorRegistered"}
NEW_AGREEMENTS, NEW_THREATS = ("AgreementSigned", "CeasefireDeclared"), ("ThreatIssued",)
REPEATED = 0.4
"""How many reports are about an incident that was reported lately."""
STANDING_ITEMS = 20
"""Agreements and threats that are spoken of at a time."""
REMEMBERED, REMEMBERED_EVERY = 2_000, 500
"""Claims that acts concern: some of the latest, and one of so many that came before them."""
OF_LONG_AGO = 0.3
REASON = "The outlet has published another figure since."


class Known(NamedTuple):
    """A claim that an act can concern."""

    event_id: str
    stream: str
    report_id: str
    content: Content


class Act(NamedTuple):
    """What an act says, and the stream of its target where that follows from the record alone."""

    content: Content
    stream: str = ""


def told() -> dict[str, str]:
    """The mix, for people."""
    shares = ", ".join(f"{name} {share / 100:g} %" for name, share in MIX.items())
    per_report = sum(CLAIMS_A_REPORT) / len(CLAIMS_A_REPORT)
    return {"mix of what reports state": shares, "claims of a report": f"{per_report:.1f} on average"}


class Mix:
    """Reports until there are so many events; what follows a record has a prefix and a seed of its own."""

    def __init__(
        self, events: int, *, prefix: str = "", seed: int = SEED, first_day: date = FIRST_DAY, days: int = DAYS
    ) -> None:
        self._most = events
        self._prefix = prefix
        self._random = Random(seed)
        self._first_day, self._days = first_day, days
        self._events = self._reports = self._stated = 0
        self._recent: deque[Incident] = deque(maxlen=RECENT)
        self._agreements: deque[str] = deque([f"{prefix}agreement-0"], STANDING_ITEMS)
        self._threats: deque[str] = deque([f"{prefix}threat-0"], STANDING_ITEMS)
        self._latest: deque[Known] = deque(maxlen=REMEMBERED)
        self._long_ago: list[Known] = []
        self._merged: set[str] = set()
        self._retracted: set[str] = set()

    def requests(self) -> Iterator[AppendRequest]:
        """The reports as they are appended; at the beginning, actors are registered before they are named."""
        if not self._prefix:
            register = [self._registration(each) for each in (*PARTIES, MONITOR)]
            yield self._filed([*register, *map(toll_of_area, range(COUNTRIES))])
        types, weights = list(MIX), list(accumulate(MIX.values()))
        while self._events < self._most:
            count = self._random.choice(CLAIMS_A_REPORT)
            drawn = self._random.choices(types, cum_weights=weights, k=count)
            claims = [each for each in drawn if each not in ACTS]
            if claims:
                subject = self._subject()
                yield self._filed([self._claim(each, subject) for each in claims])
            for each in drawn:
                if each in ACTS and (act := self._act(each)) is not None:
                    yield self._filed([act.content], act.stream)

    def _filed(self, contents: list[Content], stream_of_act: str = "") -> AppendRequest:
        self._reports += 1
        outlet = self._random.randrange(OUTLETS)
        report_id = f"{self._prefix}report-{self._reports:08d}"
        report = Report.model_validate(
            {
                "report_id": report_id,
                "source": {"name": f"Outlet {outlet}", "reliability": "abcdef"[outlet % 6]},
                "reported": self._day() + timedelta(days=1),
                "title": "Fighting near the road",
                "language": "en",
                "claims": contents,
            }
        )
        [draft] = drafts_of("main", [report])
        events = [NewEvent(REPORTS + report_id, "ReportFiled", draft.ids[0], draft.payloads[0])]
        for item, content, event_id, payload in zip(
            report.claims, contents, draft.ids[1:], draft.payloads[1:], strict=True
        ):
            stream = stream_of_act or item.stream
            events.append(NewEvent(stream, item.type, event_id, payload))
            if item.type not in ACTS:
                self._remember(Known(str(event_id), stream, report_id, content))
        self._events += len(events)
        return AppendRequest(report_id, tuple(events), deadline=0.0, content_digest=draft.digest)

    def _remember(self, claim: Known) -> None:
        self._stated += 1
        self._latest.append(claim)
        if self._stated % REMEMBERED_EVERY == 0:
            self._long_ago.append(claim)

    def _day(self) -> date:
        return self._first_day + timedelta(days=min(self._days * self._events // self._most, self._days))

    def _subject(self) -> Subject:
        drawn, earlier = self._random, self._recent[-1] if self._recent else self._new_incident()
        again = self._recent and drawn.random() < REPEATED
        incident = drawn.choice(self._recent) if again else self._new_incident()
        one, other = PARTIES[incident.perpetrator], PARTIES[incident.perpetrator - 1]
        return Subject(
            *(incident, earlier, drawn.choice(self._agreements), drawn.choice(self._threats)),
            (one, other),
        )

    def _new_incident(self) -> Incident:
        drawn = self._random
        places = (drawn.randrange(len(PARTIES)), drawn.randrange(COUNTRIES), drawn.randrange(REGIONS))
        name = f"{self._prefix}incident-{self._reports:08d}-{len(self._recent)}"
        self._recent.append(Incident(name, self._day(), *places))
        return self._recent[-1]

    def _claim(self, type_name: str, subject: Subject) -> Content:
        content = claim_of(type_name, self._random, subject)
        if type_name in NEW_AGREEMENTS:
            content["agreement_id"] = f"{self._prefix}agreement-{self._stated}"
            self._agreements.append(content["agreement_id"])
        elif type_name in NEW_THREATS:
            content["threat_id"] = f"{self._prefix}threat-{self._stated}"
            self._threats.append(content["threat_id"])
        return content

    def _registration(self, actor: str, name: str = "") -> Content:
        return {"type": "ActorRegistered", "actor_id": actor, "name": name or actor, "actor_kind": "rebel_group"}

    def _act(self, type_name: str) -> Act | None:
        """An act on what was recorded; None where there is nothing for it to concern."""
        if type_name == "ActorRegistered":
            return Act(self._registration(self._random.choice(PARTIES), f"A name of report {self._reports}"))
        claim = self._target(incident=type_name in ("PreferredClaimChosen", "IncidentsMerged"))
        if claim is None:
            return None
        match type_name:
            case "ReportRetracted":
                self._retracted.add(claim.report_id)
                said = {"target_report_id": claim.report_id, "reason": "withdrawn_by_source"}
                return Act({"type": type_name, **said})
            case "IncidentsMerged":
                return self._merge(claim)
            case "PreferredClaimChosen":
                said = {"incident_id": claim.content["incident_id"], "preferred_event_id": claim.event_id}
                return Act({"type": type_name, "reason": "It names those who died.", **said})
        said = {"target_event_id": claim.event_id, **self._says(claim, type_name)}
        return Act({"type": type_name, **said}, claim.stream)

    def _says(self, claim: Known, type_name: str) -> dict[str, Any]:
        if type_name == "ClaimRetracted":
            self._retracted.add(claim.event_id)
            return {"reason": "error"}
        if type_name == "ClaimAssessed":
            standing = claim.content["type"] == "CeasefireViolated"
            return {"standing": "verified"} if standing else {"verification": "confirmed"}
        changed = {"count": self._random.randrange(60)} if "count" in claim.content else {"clarity": "aggregate"}
        return {"reason": REASON, "replacement": {**claim.content, **changed}}

    def _merge(self, claim: Known) -> Act | None:
        """Another incident that claims spoke of lately turns out to be the claim's."""
        kept = claim.content["incident_id"]
        others = {each.content["incident_id"] for each in self._latest if "incident_id" in each.content}
        free = sorted(others - self._merged - {kept})
        if not free:
            return None
        gone = self._random.choice(free)
        self._merged.add(gone)
        said = {"incident_id": kept, "merged_incident_ids": [gone], "reason": "Both reports are of one attack."}
        return Act({"type": "IncidentsMerged", **said})

    def _target(self, *, incident: bool) -> Known | None:
        """A claim that holds; of an incident that is still known by its own name, where that matters."""
        for _ in range(RECENT):
            long_ago = self._long_ago and self._random.random() < OF_LONG_AGO
            claim = self._random.choice(self._long_ago if long_ago else self._latest)
            name = claim.content.get("incident_id")
            if self._retracted.isdisjoint((claim.event_id, claim.report_id)) and not (
                incident and (name is None or name in self._merged)
            ):
                return claim
        return None
