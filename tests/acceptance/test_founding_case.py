"""The founding case, over gRPC against a server process: one news report of 12 February 2020 about Idlib, and every
answer that follows from it alone."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import code_pb2
from grpc_status import rpc_status

from incident.ledger.v1 import casualty_service_pb2 as casualties
from incident.ledger.v1 import ceasefire_service_pb2 as ceasefires
from incident.ledger.v1 import claims_pb2 as claims
from incident.ledger.v1 import records_pb2 as records
from tests.acceptance.client import Client, bounds, by_key, report_message, reports_in
from tests.acceptance.conftest import ACTORS, FOUNDING_CASE, FoundingCase

SECOND_ATTACK, FIRST_ATTACK = "idlib-2020-02-10", "idlib-week-of-2020-02-03"
RETALIATION = "idlib-2020-02-retaliation"
SOCHI, JANUARY = "sochi-memorandum", "idlib-ceasefire-2020-01"
CONDITIONAL, ULTIMATUM, WARNING = (
    "turkey-strikes-anywhere-2020-02-12",
    "turkey-ultimatum-2020-02-29",
    "turkey-warning-to-opposition-2020-02-12",
)
ETH_PRIO_DATING = {
    "report_id": "eth-prio-idlib-2020-01",
    "source": {"name": "ETH/PRIO Civil Conflict Ceasefire Dataset"},
    "reported": "2021-11-01",
    "claims": [
        {
            "type": "CeasefireDeclared",
            "occurred": "2020-01-09",
            "agreement_id": JANUARY,
            "terms": {"effective": "2020-01-09"},
        }
    ],
}
"""Another source on the ceasefire of January, which dates it three days earlier."""


def figure(case: FoundingCase, party: str, victim_class: str, outcome: str) -> casualties.CasualtyFigure:
    """One figure of the default question."""
    return by_key(case.client.casualties().figures)[party, victim_class, outcome]


# The record


def test_all_of_the_report_is_recorded_in_its_order(case: FoundingCase) -> None:
    events = case.receipt.events
    first = case.actors.events[-1].position + 1
    assert [each.position for each in events] == list(range(first, first + len(case.report.claims) + 1))
    history = case.client.replay()
    assert [event.position for event in history] == list(range(1, events[-1].position + 1))
    assert [event.claim for event in history if event.report_id == case.report.report_id][1:] == list(
        case.report.claims
    )


def test_every_actor_is_registered(case: FoundingCase) -> None:
    assert [notice.description for notice in case.receipt.notices] == []


def test_sent_again_it_is_the_same_record(case: FoundingCase) -> None:
    (again,) = case.client.append(case.report)
    assert again.already_recorded
    assert not case.receipt.already_recorded
    assert list(again.events) == list(case.receipt.events)
    assert case.client.head() == case.receipt.events[-1].position


def test_the_same_id_with_other_content_is_refused(case: FoundingCase) -> None:
    other = records.Report()
    other.CopyFrom(case.report)
    other.claims[5].troops_killed.count.stated = 6
    with pytest.raises(grpc.RpcError) as refused:
        case.client.append(other)
    status = rpc_status.from_call(refused.value)  # type: ignore[arg-type]
    assert status is not None
    assert status.code == code_pb2.ALREADY_EXISTS
    conflict = records.ReportConflict()
    assert [each for each in status.details if each.Unpack(conflict)]
    assert conflict.recorded_digest == case.receipt.content_digest != conflict.sent_digest
    assert case.client.head() == case.receipt.events[-1].position


# Casualties


def test_the_answer_says_what_it_rests_on(case: FoundingCase) -> None:
    answer = case.client.casualties()
    assert answer.basis.as_of_position == case.receipt.events[-1].position
    assert answer.basis.as_of_recorded_at == case.receipt.recorded_at
    assert (answer.basis.projection, answer.basis.stale) == ("casualties", False)
    assert (answer.count_policy, answer.resolution_rule) == ("verbatim-1", "latest")
    assert list(answer.left_out) == []


def test_twelve_turkish_soldiers_were_killed(case: FoundingCase) -> None:
    killed = figure(case, "government-of-turkey", "troops", "killed")
    assert (bounds(killed.figure), killed.figure.text) == ((12, 12, 12), "12")
    assert (killed.incidents, killed.claims, list(killed.flags)) == (2, 2, ["SINGLE_SOURCE"])
    rests_on = [*case.positions("TroopsKilled", SECOND_ATTACK), *case.positions("TroopsKilled", FIRST_ATTACK)]
    assert list(killed.positions) == rests_on


def test_five_turkish_soldiers_were_injured(case: FoundingCase) -> None:
    injured = figure(case, "government-of-turkey", "troops", "injured")
    assert (bounds(injured.figure), injured.figure.text) == ((5, 5, 5), "5")
    assert list(injured.positions) == case.positions("TroopsInjured", SECOND_ATTACK)


def test_the_contractor_is_not_a_soldier(case: FoundingCase) -> None:
    killed = figure(case, "government-of-turkey", "contractors", "killed")
    assert (bounds(killed.figure), killed.figure.text) == ((1, 1, 1), "1")
    assert list(killed.positions) == case.positions("PersonsKilled", FIRST_ATTACK)


def test_about_two_hundred_syrian_soldiers_are_a_partys_claim_and_an_aggregate(case: FoundingCase) -> None:
    killed = figure(case, "government-of-syria", "troops", "killed")
    assert (bounds(killed.figure), killed.figure.text) == ((None, 200, None), "about 200")
    assert set(killed.flags) == {"PARTY_CLAIM", "SINGLE_SOURCE", "AGGREGATE"}
    assert list(killed.positions) == case.positions("TroopsKilled", RETALIATION)


def test_there_are_no_other_figures(case: FoundingCase) -> None:
    assert sorted(by_key(case.client.casualties().figures)) == [
        ("government-of-syria", "troops", "killed"),
        ("government-of-turkey", "contractors", "killed"),
        ("government-of-turkey", "troops", "injured"),
        ("government-of-turkey", "troops", "killed"),
    ]


def test_the_toll_of_civilians_stands_beside_and_is_added_to_nothing(case: FoundingCase) -> None:
    (toll,) = case.client.casualties().tolls
    said = toll.event.claim.toll_claimed
    assert (said.toll_id, said.victim_class) == ("idlib-civilians-since-sochi", 2)
    assert (bounds(toll.claimed), toll.claimed.text) == ((1801, 1801, None), "more than 1,800")
    assert (bounds(toll.itemised), toll.itemised_claims) == ((0, 0, 0), 0)
    assert (bounds(toll.residual), toll.residual.text) == ((1801, 1801, None), "more than 1,800")
    assert not toll.conflict
    outcomes = by_key(case.client.casualties(group_by=[casualties.CASUALTY_GROUPING_OUTCOME]).figures)
    assert {key: each.figure.best for key, each in outcomes.items()} == {("killed",): 213, ("injured",): 5}


def test_the_claims_behind_a_figure_are_the_claims_of_the_report(case: FoundingCase) -> None:
    filter = casualties.CasualtyFilter(victim_parties=["government-of-turkey"])
    found = case.client.claims(filter=filter)
    bodies = [each.event.claim.WhichOneof("body") for each in found]
    assert bodies == ["troops_killed", "troops_injured", "troops_killed", "persons_killed"]
    assert {each.source.name for each in found} == {"An international news outlet"}
    assert {(each.reported, each.held_to) for each in found} == {("2020-02-12", 0)}


def test_before_the_report_nothing_was_known(case: FoundingCase) -> None:
    before = records.AsOf(position=case.actors.events[-1].position)
    answer = case.client.casualties(as_of=before)
    assert (list(answer.figures), list(answer.tolls)) == ([], [])
    assert list(case.client.threats(as_of=before, at="2020-02-12").threats) == []


# Ceasefires


@pytest.mark.parametrize(("agreement", "since"), [(SOCHI, "2018-09-17"), (JANUARY, "2020-01-12")])
def test_the_ceasefire_is_in_force_and_violated(case: FoundingCase, agreement: str, since: str) -> None:
    answer = case.client.ceasefire(agreement)
    status = answer.ceasefire
    assert answer.at == "2020-02-12"
    assert status.formal == ceasefires.FORMAL_STATUS_IN_FORCE
    assert status.observance == ceasefires.OBSERVANCE_VIOLATED
    assert (status.violations.total, status.violations.alleged) == (1, 1)
    assert status.in_force_since.start == since
    assert (list(status.left_out), list(status.conflicting_dates)) == ([], [])


def test_there_are_two_ceasefires_in_the_same_zone(case: FoundingCase) -> None:
    found = case.client.ceasefires().ceasefires
    assert [each.agreement_id for each in found] == sorted([SOCHI, JANUARY])
    assert {each.terms.zone.admin1 for each in found} == {"Idlib Governorate"}
    assert [(each.scheme, each.id) for each in found[1].terms.external_ids] == [("pa-x", "2169")]


def test_each_violation_is_alleged_by_the_outlet(case: FoundingCase) -> None:
    found = case.client.violations().violations
    assert [each.agreement_id for each in found] == [SOCHI, JANUARY]
    assert {each.standing for each in found} == {claims.VIOLATION_STANDING_ALLEGED}
    for each in found:
        violated = each.claim.event.claim.ceasefire_violated
        assert list(violated.violators) == ["government-of-syria", "government-of-russia"]


def test_before_it_was_signed_there_was_no_memorandum_in_force(case: FoundingCase) -> None:
    status = case.client.ceasefire(SOCHI, at="2018-09-16").ceasefire
    assert status.formal == ceasefires.FORMAL_STATUS_UNSPECIFIED
    assert status.observance == ceasefires.OBSERVANCE_UNSPECIFIED


def test_two_sources_that_date_a_ceasefire_differently_are_one_ceasefire(case: FoundingCase) -> None:
    other = case.client.create_ledger("two_datings")
    other.append(*reports_in(ACTORS, FOUNDING_CASE), report_message(**ETH_PRIO_DATING))
    assert [each.agreement_id for each in other.ceasefires(at="2020-02-12").ceasefires] == sorted([SOCHI, JANUARY])
    status = other.ceasefire(JANUARY, at="2020-02-12").ceasefire
    (conflict,) = (each for each in status.conflicting_dates if each.what == "effective")
    assert {each.start for each in conflict.dates} == {"2020-01-09", "2020-01-12"}
    assert (conflict.dates[conflict.chosen].start, conflict.rule) == ("2020-01-09", "latest")
    assert status.formal == ceasefires.FORMAL_STATUS_IN_FORCE
    assert status.violations.total == 1


# Threats


def threats_at(client: Client, day: str) -> dict[str, str]:
    """The status of each threat on a day, in words."""
    answer = client.threats(at=day)
    assert answer.at == day
    return {each.threat_id: ceasefires.ThreatStatus.Name(each.status) for each in answer.threats}


def test_three_threats_are_of_three_kinds(case: FoundingCase) -> None:
    answer = case.client.threats()
    assert answer.at == "2020-02-12"
    issued = {each.threat_id: each.issued.event.claim.threat_issued for each in answer.threats}
    assert {key: each.threat_kind for key, each in issued.items()} == {
        CONDITIONAL: claims.THREAT_KIND_CONDITIONAL,
        ULTIMATUM: claims.THREAT_KIND_ULTIMATUM,
        WARNING: claims.THREAT_KIND_WARNING,
    }
    assert issued[ULTIMATUM].deadline.start == issued[ULTIMATUM].deadline.end == "2020-02-29"
    assert [key for key, each in issued.items() if each.HasField("deadline")] == [ULTIMATUM]
    assert list(issued[WARNING].addressees) == ["syrian-opposition-groups"]
    assert issued[CONDITIONAL].condition


@pytest.mark.parametrize("day", ["2020-02-12", "2020-02-29"])
def test_all_threats_are_open_until_the_deadline(case: FoundingCase, day: str) -> None:
    assert threats_at(case.client, day) == dict.fromkeys((CONDITIONAL, ULTIMATUM, WARNING), "THREAT_STATUS_OPEN")


def test_the_ultimatum_expires_with_its_deadline_and_the_others_do_not(case: FoundingCase) -> None:
    assert threats_at(case.client, "2020-03-01") == {
        CONDITIONAL: "THREAT_STATUS_OPEN",
        ULTIMATUM: "THREAT_STATUS_EXPIRED",
        WARNING: "THREAT_STATUS_OPEN",
    }


def test_a_threat_is_no_attack(case: FoundingCase) -> None:
    attacks = case.client.incidents(types=["AttackReported", "Retaliation"]).incidents
    assert sorted(each.incident_id for each in attacks) == sorted([FIRST_ATTACK, SECOND_ATTACK, RETALIATION])


# Incidents


def links_of(case: FoundingCase, incident: str) -> list[tuple[str, str]]:
    """Kind and other stream of each link of an incident."""
    return sorted((each.kind, each.stream) for each in case.client.incident(incident).links)


def test_the_retaliation_answers_both_attacks(case: FoundingCase) -> None:
    assert links_of(case, RETALIATION) == [
        ("ANSWERS", f"incidents/{SECOND_ATTACK}"),
        ("ANSWERS", f"incidents/{FIRST_ATTACK}"),
    ]
    (position,) = case.positions("Retaliation", RETALIATION)
    assert {each.position for each in case.client.incident(RETALIATION).links} == {position}


@pytest.mark.parametrize("attack", [FIRST_ATTACK, SECOND_ATTACK])
def test_each_attack_is_answered_by_the_retaliation(case: FoundingCase, attack: str) -> None:
    assert links_of(case, attack) == [("ANSWERED_BY", f"incidents/{RETALIATION}")]


def test_an_incident_holds_its_claims(case: FoundingCase) -> None:
    answer = case.client.incident(FIRST_ATTACK)
    assert list(answer.incident.claim_types) == ["AttackReported", "PersonsKilled", "TroopsKilled"]
    assert (answer.incident.occurred.start, answer.incident.occurred.end) == ("2020-02-03", "2020-02-09")
    assert (answer.incident.occurred.precision, answer.incident.place.precision) == (3, 4)
    assert (answer.incident.claims, answer.incident.reports, list(answer.former_claims)) == (3, 1, [])
