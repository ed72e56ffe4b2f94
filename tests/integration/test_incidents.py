"""Incidents on a real database, through the fold of the history: claims, links both ways, merges, pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.domain.codes import DatePrecision, PlacePrecision
from ledger.errors import NotFoundError
from ledger.persistence.records import StoredRecord
from projections.history.redacted import Redacted, redacted
from projections.incidents import INCIDENTS_READ_MODEL, answering
from projections.incidents.answering import (
    FEW_CLAIMS,
    Incident,
    IncidentFilter,
    PageKey,
    Summary,
    forms,
    incident,
    page_of_incidents,
)
from tests.folded import RecordedReports, folded
from tests.histories import expected_claims, histories
from tests.postgres import Database

EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
IDLIB = {"name": "Idlib", "precision": "admin1", "country": "Syria", "admin1": "Idlib"}


class Asking:
    """A read model that is folded anew for each history, and asked questions."""

    def __init__(self, own: psycopg.Connection[Any], connection: psycopg.AsyncConnection[Any]) -> None:
        self.own = own
        self.connection = connection

    async def fold(self, reports: RecordedReports) -> None:
        await self.fold_records(reports.records, reports.position)

    async def fold_records(self, records: Sequence[StoredRecord], position: int) -> None:
        schema = folded(self.own, INCIDENTS_READ_MODEL, records)
        self.position = position
        await self.connection.execute("SELECT set_config('search_path', %s, false)", [schema])

    async def timeline(
        self, after: tuple[date, int] | None = None, limit: int = 100, position: int | None = None, **asked: Any
    ) -> list[answering.Moment]:
        as_of = self.position if position is None else position
        return await answering.timeline(self.connection, IncidentFilter(**asked), as_of, after, limit)

    async def about(self, incident_id: str, position: int | None = None) -> Incident:
        return await incident(self.connection, incident_id, position or self.position)

    async def links(self, incident_id: str, position: int | None = None) -> list[tuple[str, str]]:
        return [(link.kind, link.stream) for link in (await self.about(incident_id, position)).links]

    async def page(
        self, after: PageKey | None = None, limit: int = 100, position: int | None = None, **asked: Any
    ) -> list[Summary]:
        where = IncidentFilter(**asked)
        return await page_of_incidents(self.connection, where, position or self.position, after, limit)

    async def found(self, **asked: Any) -> list[str]:
        return [summary.incident_id for summary in await self.page(**asked)]


FILTERS = st.sampled_from(
    ({}, {"types": ["AttackReported"]}, {"actor_ids": ["turkey"]}, {"occurred_from": date(2020, 2, 11)})
)


def expected_page(records: Sequence[StoredRecord], asked: dict[str, Any]) -> list[tuple[date, str]]:
    """The incidents that have a claim that a filter takes, each with the first day of all its claims, in order."""
    claims = [
        each for each in expected_claims(records, INCIDENTS_READ_MODEL.claim_types).values() if each.incident_id
    ]
    found = {each.incident_id for each in claims if _is_taken(each.content, asked)}
    days = {name: min(each.content.occurred.start for each in claims if each.incident_id == name) for name in found}
    return sorted((day, str(name)) for name, day in days.items())


def expected_moments(records: Sequence[StoredRecord], asked: dict[str, Any]) -> list[tuple[date, UUID]]:
    """First day and id of each claim that holds and that a filter takes."""
    claims = expected_claims(records, INCIDENTS_READ_MODEL.claim_types)
    taken = [(key, each) for key, each in claims.items() if _is_taken(each.content, asked)]
    return sorted((each.content.occurred.start, key) for key, each in taken)


def _is_taken(claim: Any, asked: dict[str, Any]) -> bool:
    match asked:
        case {"types": [kind]}:
            return bool(claim.type == kind)
        case {"actor_ids": [actor]}:
            return actor in [found for _, found in claim.actor_ids()]
        case {"occurred_from": day}:
            return bool(claim.occurred.end >= day)
        case _:
            return True


@pytest_asyncio.fixture
async def asking(database: Database) -> AsyncIterator[Asking]:
    url = database.owner_url
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        with psycopg.connect(url) as own:
            yield Asking(own, connection)


@pytest.fixture
def reports() -> RecordedReports:
    return RecordedReports()


def claim(kind: str, incident_id: str, occurred: Any = "2020-02-10", **more: Any) -> dict[str, Any]:
    return {"type": kind, "incident_id": incident_id, "occurred": occurred, **more}


def troops(incident_id: str, count: int, **more: Any) -> dict[str, Any]:
    return claim("TroopsKilled", incident_id, victim_party="turkey", count=count, **more)


def retaliation(*answers: dict[str, str], incident_id: str = "retaliation") -> dict[str, Any]:
    return claim("Retaliation", incident_id, "2020-02-11", answers=list(answers))


def retracting(target: UUID) -> dict[str, Any]:
    return {"type": "ClaimRetracted", "target_event_id": str(target), "reason": "error"}


def correcting(target: UUID, replacement: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "ClaimCorrected",
        "target_event_id": str(target),
        "reason": "a slip",
        "replacement": replacement,
    }


def merging(into: str, *others: str) -> dict[str, Any]:
    return {"type": "IncidentsMerged", "incident_id": into, "merged_incident_ids": list(others), "reason": "one"}


async def test_an_incident_has_all_its_claims(asking: Asking, reports: RecordedReports) -> None:
    week = {"start": "2020-02-03", "end": "2020-02-09", "precision": "week"}
    toll = claim("TollClaimed", "attack", victim_class="civilians", outcome="killed", count=3)
    first = reports.file("r", troops("attack", 5, place=IDLIB), claim("AttackReported", "attack", week), toll)
    reports.file("s", troops("elsewhere", 1), claim("TalksHeld", "talks"))
    later = reports.file("t", claim("StatementMade", "attack", "2020-02-12"), source={"name": "Another"})
    await asking.fold(reports)
    attack = await asking.about("attack")
    assert [event_id for event_id, _ in attack.forms] == first + later
    assert (attack.former_forms, attack.links) == ([], [])
    summary = attack.summary
    assert (summary.first_day, summary.last_day, summary.date_precision) == (date(2020, 2, 3), date(2020, 2, 12), 1)
    assert summary.place == IDLIB
    assert summary.claim_types == ["AttackReported", "StatementMade", "TollClaimed", "TroopsKilled"]
    assert (summary.claims, summary.reports, summary.merged_incident_ids) == (4, 2, [])


async def test_an_incident_that_nobody_reported_is_not_found(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("attack", 5))
    reports.file("s", troops("later", 5))
    await asking.fold(reports)
    for unknown, position in [("unheard-of", 4), ("later", 2), ("attack", 1)]:
        with pytest.raises(NotFoundError, match=unknown):
            await asking.about(unknown, position)


async def test_a_retaliation_is_linked_to_what_it_answers_both_ways(
    asking: Asking, reports: RecordedReports
) -> None:
    (first,) = reports.file("r", troops("attack-1", 7))
    (stating,) = reports.file("s", retaliation({"event_id": str(first)}, {"incident_id": "attack-2"}))
    reports.file("t", troops("attack-2", 5))
    await asking.fold(reports)
    assert await asking.links("retaliation") == [
        ("ANSWERS", "incidents/attack-1"),
        ("ANSWERS", "incidents/attack-2"),
    ]
    for answered in ("attack-1", "attack-2"):
        (link,) = (await asking.about(answered)).links
        assert (link.kind, link.stream) == ("ANSWERED_BY", "incidents/retaliation")
        assert (link.event_id, link.position) == (stating, 4)


async def test_threats_and_agreements_are_linked_to_the_incidents_they_name(
    asking: Asking, reports: RecordedReports
) -> None:
    (killed,) = reports.file("r", troops("attack", 7))
    by_id, by_event = {"incident_id": "attack"}, {"event_id": str(killed)}
    occurred = {"occurred": "2020-02-12"}
    reports.file(
        "s",
        {"type": "ThreatCarriedOut", "threat_id": "anywhere", "acts": [by_event], **occurred},
        {"type": "CeasefireViolated", "agreement_id": "sochi", "acts": [by_id, by_event], **occurred},
    )
    await asking.fold(reports)
    assert await asking.links("attack") == [("CARRIES_OUT", "threats/anywhere"), ("VIOLATES", "agreements/sochi")]


async def test_a_link_to_what_is_no_incident_names_its_stream(asking: Asking, reports: RecordedReports) -> None:
    signed = {"type": "AgreementSigned", "agreement_id": "sochi", "occurred": "2018-09-17"}
    (agreement,) = reports.file("r", signed)
    unknown = {"event_id": "00000000-0000-0000-0000-00000000ffff"}
    reports.file("s", retaliation({"event_id": str(agreement)}, unknown))
    await asking.fold(reports)
    assert sorted(await asking.links("retaliation")) == [("ANSWERS", ""), ("ANSWERS", "agreements/sochi")]


async def test_links_hold_as_long_as_the_claim_that_states_them(asking: Asking, reports: RecordedReports) -> None:
    reports.file("r", troops("attack-1", 7), troops("attack-2", 5))
    (stating,) = reports.file("s", retaliation({"incident_id": "attack-1"}))
    (correction,) = reports.file("t", correcting(stating, retaliation({"incident_id": "attack-2"})))
    reports.file("u", retracting(stating))
    await asking.fold(reports)
    states = [3, 5, 7, 9]
    answered = ("ANSWERED_BY", "incidents/retaliation")
    assert [await asking.links("attack-1", at) for at in states] == [[], [answered], [], []]
    assert [await asking.links("attack-2", at) for at in states] == [[], [], [answered], []]
    assert (await asking.about("attack-2", 7)).links[0].event_id == correction


async def test_links_follow_merges(asking: Asking, reports: RecordedReports) -> None:
    (first,) = reports.file("r", troops("attack-1", 7), troops("attack-2", 5))[:1]
    reports.file("s", retaliation({"incident_id": "attack-1"}, {"event_id": str(first)}))
    reports.file("m", merging("attack-2", "attack-1"))
    await asking.fold(reports)
    assert await asking.links("retaliation", 5) == [("ANSWERS", "incidents/attack-1")]
    assert await asking.links("retaliation") == [("ANSWERS", "incidents/attack-2")]
    assert await asking.links("attack-2", 5) == []
    assert (
        await asking.links("attack-2")
        == await asking.links("attack-1")
        == [("ANSWERED_BY", "incidents/retaliation")]
    )


async def test_a_merged_incident_answers_as_the_one_that_it_is(asking: Asking, reports: RecordedReports) -> None:
    first, second = reports.file("r", troops("a", 5), troops("b", 7))
    (merge,) = reports.file("m", merging("a", "b"))
    (late,) = reports.file("s", troops("b", 8))
    reports.file("u", retracting(merge))
    await asking.fold(reports)
    merged = await asking.about("b", 7)
    assert merged == await asking.about("a", 7)
    assert (merged.summary.incident_id, merged.summary.merged_incident_ids) == ("a", ["b"])
    assert [event_id for event_id, _ in merged.forms] == [first, second, late]
    assert merged.former_forms == []
    undone = await asking.about("b")
    assert (undone.summary.incident_id, [event_id for event_id, _ in undone.forms]) == ("b", [second, late])
    of_a = await asking.about("a")
    assert [event_id for event_id, _ in of_a.forms] == [first]
    assert (undone.former_forms, of_a.former_forms) == ([], [])


async def test_what_no_longer_holds_is_kept_apart(asking: Asking, reports: RecordedReports) -> None:
    one, two, three = reports.file("r", troops("a", 5), troops("a", 6), troops("a", 7))
    (correction,) = reports.file("c", correcting(one, troops("a", 8)))
    reports.file("x", retracting(two))
    reports.file("y", {"type": "ClaimAssessed", "target_event_id": str(three), "verification": "fair"})
    reports.file("z", retracting(correction))
    await asking.fold(reports)

    async def at(position: int) -> tuple[list[Any], list[Any]]:
        found = await asking.about("a", position)
        rows = await forms(asking.connection, [*found.forms, *found.former_forms], position)
        held = [rows[key]["body"]["count"]["stated"] for key in found.forms]
        return held, [rows[key]["body"]["count"]["stated"] for key in found.former_forms]

    assert await at(4) == ([5, 6, 7], [])
    assert await at(6) == ([6, 7, 8], [5])
    assert await at(8) == ([7, 8], [5, 6])
    assert await at(10) == ([7, 8], [5, 6])
    assert await at(12) == ([5, 7], [6, 8])


async def test_a_claim_that_moves_to_another_incident_is_a_former_one_of_the_first(
    asking: Asking, reports: RecordedReports
) -> None:
    (moved,) = reports.file("r", troops("a", 5))
    reports.file("c", correcting(moved, troops("b", 5)))
    await asking.fold(reports)
    left = await asking.about("a")
    assert (left.forms, [event_id for event_id, _ in left.former_forms]) == ([], [moved])
    assert (left.summary.claims, left.summary.first_day, left.summary.place) == (0, None, None)
    assert [event_id for event_id, _ in (await asking.about("b")).forms] == [moved]
    assert await asking.found() == ["b"]


async def test_forms_are_told_as_they_were_known(asking: Asking, reports: RecordedReports) -> None:
    (claimed,) = reports.file("r", troops("a", 5), source={"name": "One", "reliability": "b"})
    (correction,) = reports.file("c", correcting(claimed, troops("a", 6)))
    await asking.fold(reports)
    (before,) = (await forms(asking.connection, [(claimed, 2)], 3)).values()
    assert (before["held_to"], before["source"], before["reliability"], before["reported_at"]) == (
        None,
        "One",
        "b",
        "2020-02-12",
    )
    (former,) = (await forms(asking.connection, [(claimed, 2)], 4)).values()
    assert (former["held_to"], former["form_report_id"]) == (4, None)
    (now,) = (await forms(asking.connection, [(claimed, 4)], 4)).values()
    assert (now["form_event_id"], now["report_id"], now["form_report_id"]) == (correction, "r", "c")
    assert now["form_recorded_at"] > now["recorded_at"]
    assert now["unregistered"] is True


async def test_what_was_redacted_is_told_of_each_incident_and_of_all(
    asking: Asking, reports: RecordedReports
) -> None:
    one, two = reports.file("r", troops("a", 5), troops("b", 7))
    (merge,) = reports.file("m", merging("a", "b"))  # at 5
    (toll,) = reports.file(
        "t",
        {"type": "TollClaimed", "toll_id": "t", "victim_class": "civilians", "outcome": "killed", "count": 1}
        | {"occurred": "2020-02-10"},
    )
    redaction = {"type": "PayloadRedacted", "rule": "privacy", "reason": "a name"}
    redactions = [{**redaction, "target_event_id": str(each)} for each in (merge, two, toll)]
    reports.file("u", retracting(merge), *redactions)
    await asking.fold(reports)
    told = {at: await redacted(asking.connection, at, prefix="incidents/") for at in (2, 3, 4, 5, 8, 9, 12)}
    nothing, claim_only, both = Redacted(0, 0), Redacted(1, 0), Redacted(1, 1)
    assert told == {2: nothing, 3: claim_only, 4: claim_only, 5: both, 8: both, 9: claim_only, 12: claim_only}
    assert [(await asking.about(each)).redacted for each in "ab"] == [nothing, claim_only]
    assert (await asking.about("a", 5)).redacted == Redacted(0, 1)
    assert [event_id for event_id, _ in (await asking.about("a")).forms] == [one]


def several(reports: RecordedReports) -> None:
    aleppo = {
        "name": "Aleppo",
        "precision": "exact",
        "country": "Syria",
        "admin1": "Aleppo",
        "admin2": "Jebel Saman",
    }
    month = {"start": "2020-02-01", "end": "2020-02-29", "precision": "month"}
    reports.file(
        "r",
        troops("c", 5, place=aleppo, occurred="2020-01-31"),
        troops("b", 5, place=IDLIB),
        claim("AttackReported", "a", attackers=["russia"]),
        claim("OffensiveReported", "d", month),
        claim("TalksHeld", "d", "2020-03-01", participants=["russia"]),
        {"type": "TollClaimed", "toll_id": "t", "victim_class": "civilians", "outcome": "killed", "count": 1}
        | {"occurred": "2020-02-10"},
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "cdab"),
        ({"occurred_from": date(2020, 2, 1)}, "dab"),
        ({"occurred_from": date(2020, 2, 29)}, "d"),
        ({"occurred_to": date(2020, 2, 9)}, "cd"),
        ({"occurred_from": date(2020, 2, 11), "occurred_to": date(2020, 2, 11)}, "d"),
        ({"places": ["Syria"]}, "cb"),
        ({"places": ["Jebel Saman", "Idlib"]}, "cb"),
        ({"places": ["aleppo"]}, "c"),
        ({"actor_ids": ["russia"]}, "da"),
        ({"actor_ids": ["turkey"]}, "cb"),
        ({"types": ["TroopsKilled"]}, "cb"),
        ({"types": ["AttackReported", "TalksHeld"]}, "da"),
        ({"max_date_precision": DatePrecision.DAY}, "cdab"),
        ({"max_date_precision": DatePrecision.DAY, "types": ["OffensiveReported"]}, ""),
        ({"max_place_precision": PlacePrecision.ADMIN1}, "cb"),
        ({"max_place_precision": PlacePrecision.NEAR}, "c"),
        ({"types": ["TollClaimed"]}, ""),
    ],
)
async def test_incidents_are_found_by_what_one_claim_says(
    asking: Asking, reports: RecordedReports, asked: dict[str, Any], expected: str
) -> None:
    several(reports)
    await asking.fold(reports)
    assert await asking.found(**asked) == list(expected)


async def test_pages_go_by_first_day_and_id(asking: Asking, reports: RecordedReports) -> None:
    several(reports)
    await asking.fold(reports)
    whole = await asking.page()
    assert [summary.first_day for summary in whole] == [
        date(2020, 1, 31),
        date(2020, 2, 1),
        date(2020, 2, 10),
        date(2020, 2, 10),
    ]
    key, paged = None, []
    while page := await asking.page(key, limit=1):
        paged += page
        key = PageKey(page[-1].first_day or date.min, page[-1].incident_id)
    assert paged == whole
    assert await asking.page(position=1) == []
    assert [summary.incident_id for summary in await asking.page(position=3)] == ["c", "b"]


@pytest.mark.parametrize("few", [0, FEW_CLAIMS])
@given(records=histories(), asked=FILTERS, limit=st.integers(1, 3))
@EXAMPLES
async def test_pages_are_those_of_the_claims_that_hold_by_definition(
    asking: Asking, few: int, records: list[StoredRecord], asked: dict[str, Any], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answering, "FEW_CLAIMS", few)
        await asking.fold_records(records, len(records))
        for position in range(1, len(records) + 1):
            expected = expected_page(records[:position], asked)
            key, paged = None, []
            while page := await asking.page(key, limit, position, **asked):
                paged += [(each.first_day, each.incident_id) for each in page]
                key = PageKey(page[-1].first_day or date.min, page[-1].incident_id)
            assert paged == expected, position


# The timeline


@given(records=histories(), asked=FILTERS, limit=st.integers(1, 4))
@EXAMPLES
async def test_a_timeline_has_every_claim_that_holds_once_in_order_of_occurrence(
    asking: Asking, records: list[StoredRecord], asked: dict[str, Any], limit: int
) -> None:
    await asking.fold_records(records, len(records))
    for position in range(1, len(records) + 1):
        expected = expected_moments(records[:position], asked)
        after, paged = None, []
        while page := await asking.timeline(after, limit, position, **asked):
            paged += page
            after = (page[-1].first_day, page[-1].form_position)
        assert sorted((each.first_day, each.form[0]) for each in paged) == expected, position
        places = [(each.first_day, each.form_position) for each in paged]
        assert places == sorted(set(places))


def several_kinds(reports: RecordedReports) -> None:
    """An attack, an agreement on a zone that was signed elsewhere, a threat without a place and a violation."""
    zone = {"name": "Idlib", "precision": "admin1", "country": "Syria", "admin1": "Idlib"}
    sochi = {"name": "Sochi", "precision": "exact", "country": "Russia"}
    agreement = {"type": "AgreementSigned", "agreement_id": "sochi", "signatories": ["turkey", "russia"]}
    threat = {"type": "ThreatIssued", "threat_id": "push", "threat_kind": "ultimatum", "issued_by": ["turkey"]}
    violated = {"type": "CeasefireViolated", "agreement_id": "sochi", "violators": ["russia"], "place": IDLIB}
    month = {"start": "2020-02-01", "end": "2020-02-29", "precision": "month"}
    reports.file(
        "r",
        {**threat, "occurred": "2020-02-12"},
        troops("a", 5, place=IDLIB),
        {**violated, "occurred": month},
        {**agreement, "occurred": "2018-09-17", "place": sochi, "terms": {"zone": zone}},
        troops("b", 5, place={**IDLIB, "name": "Atmeh", "precision": "near"}, occurred="2020-02-11"),
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["AgreementSigned", "CeasefireViolated", "TroopsKilled", "TroopsKilled", "ThreatIssued"]),
        ({"places": ["Idlib"]}, ["AgreementSigned", "CeasefireViolated", "TroopsKilled", "TroopsKilled"]),
        ({"places": ["sochi"]}, ["AgreementSigned"]),
        ({"places": ["SYRIA"], "types": ["AgreementSigned"]}, ["AgreementSigned"]),
        ({"occurred_from": date(2020, 2, 12)}, ["CeasefireViolated", "ThreatIssued"]),
        ({"occurred_to": date(2020, 2, 10)}, ["AgreementSigned", "CeasefireViolated", "TroopsKilled"]),
        ({"actor_ids": ["russia"]}, ["AgreementSigned", "CeasefireViolated"]),
        ({"max_date_precision": DatePrecision.DAY}, ["AgreementSigned", *["TroopsKilled"] * 2, "ThreatIssued"]),
        ({"max_place_precision": PlacePrecision.NEAR}, ["AgreementSigned", "TroopsKilled"]),
    ],
)
async def test_a_timeline_is_of_claims_of_every_kind(
    asking: Asking, reports: RecordedReports, asked: dict[str, Any], expected: list[str]
) -> None:
    several_kinds(reports)
    await asking.fold(reports)
    found = await asking.timeline(**asked)
    rows = await answering.forms(asking.connection, [each.form for each in found], asking.position)
    assert [rows[each.form]["type"] for each in found] == expected


async def test_a_page_of_a_timeline_is_read_in_the_order_of_an_index(
    asking: Asking, reports: RecordedReports
) -> None:
    several_kinds(reports)
    await asking.fold(reports)
    await asking.connection.execute("SET enable_seqscan TO off")
    await asking.connection.execute("SET enable_sort TO off")
    asked = {**IncidentFilter(places=["Idlib"]).parameters(), "position": asking.position, "limit": 2}
    asked |= {"after_day": date(2020, 2, 1), "after_position": 3}
    rows = await asking.connection.execute(f"EXPLAIN {answering.TIMELINE}", asked)
    plan = "\n".join([line async for (line,) in rows])
    assert "Index Scan using claims_by_occurrence" in plan
    assert "Index Cond" in plan
    assert "Sort" not in plan


async def test_merged_and_retracted_incidents_are_no_longer_listed(
    asking: Asking, reports: RecordedReports
) -> None:
    several(reports)
    reports.file("m", merging("a", "b"))
    reports.file("x", retracting(UUID(int=2)))
    await asking.fold(reports)
    listed = await asking.page()
    assert [(each.incident_id, each.merged_incident_ids) for each in listed] == [("d", []), ("a", ["b"])]
    assert listed[1].place == IDLIB
