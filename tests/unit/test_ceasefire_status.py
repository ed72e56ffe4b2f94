"""The formal axis and observance as pure functions: every transition, the edges, and what must always hold."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.agreements import (
    AgreementSigned,
    CeasefireDeclared,
    CeasefireEnded,
    CeasefireExtended,
    CeasefireProposed,
    CeasefireResumed,
    CeasefireSuspended,
    CeasefireTookEffect,
    CeasefireViolated,
    PartyWithdrew,
)
from ledger.domain.claim import AgreementClaim
from projections.ceasefires.explaining import WORDS, explain, explain_transition
from projections.ceasefires.lifecycle import (
    END_TRANSITIONS,
    ENDS,
    PARTY_TRANSITIONS,
    Formal,
    StepKind,
    end_after,
    party_after,
)
from projections.ceasefires.machine import WHOLE
from projections.ceasefires.observance import Monitoring, Observance, Violations, Window, observe, window_of
from projections.ceasefires.status import Status, derive_status
from projections.ceasefires.steps import HeldClaim

ID = "north"
AT = date(2020, 3, 1)
REPORTED = date(2020, 2, 12)


def day(text: str) -> date:
    return date.fromisoformat(text)


def held(*events: AgreementClaim, reported: date = REPORTED) -> list[HeldClaim]:
    return [HeldClaim(at, at, reported, event) for at, event in enumerate(events, start=1)]


def status(*events: AgreementClaim, at: date | str = AT) -> Status:
    return derive_status(ID, held(*events), day(at) if isinstance(at, str) else at)


def declared(occurred: Any, *by: str, **terms: Any) -> CeasefireDeclared:
    return CeasefireDeclared.of(agreement_id=ID, occurred=occurred, declared_by=by, terms=terms)


def signed(occurred: Any, *by: str, **terms: Any) -> AgreementSigned:
    return AgreementSigned.of(agreement_id=ID, occurred=occurred, signatories=by, terms=terms)


def proposed(occurred: Any, *by: str, **terms: Any) -> CeasefireProposed:
    return CeasefireProposed.of(agreement_id=ID, occurred=occurred, proposed_by=by, terms=terms)


def took_effect(occurred: Any, *parties: str) -> CeasefireTookEffect:
    return CeasefireTookEffect.of(agreement_id=ID, occurred=occurred, parties=parties)


def suspended(occurred: Any, *parties: str) -> CeasefireSuspended:
    return CeasefireSuspended.of(agreement_id=ID, occurred=occurred, parties=parties)


def resumed(occurred: Any, *parties: str) -> CeasefireResumed:
    return CeasefireResumed.of(agreement_id=ID, occurred=occurred, parties=parties)


def extended(occurred: Any, **how: Any) -> CeasefireExtended:
    return CeasefireExtended.of(agreement_id=ID, occurred=occurred, **how)


def withdrew(occurred: Any, party: str) -> PartyWithdrew:
    return PartyWithdrew.of(agreement_id=ID, occurred=occurred, party=party)


def ended(occurred: Any, how: str, **more: Any) -> CeasefireEnded:
    return CeasefireEnded.of(agreement_id=ID, occurred=occurred, ending=how, **more)


def party(of: Status, name: str) -> Formal:
    return next(standing.formal for standing in of.parties if standing.party == name)


def month(first: str, last: str) -> dict[str, str]:
    return {"start": first, "end": last, "precision": "month"}


BOTH = signed("2020-01-05", "east", "west")


# ------------------------------------------------------------ the tables


@pytest.mark.parametrize("state", [*Formal])
@pytest.mark.parametrize("step", [*StepKind])
def test_a_step_that_the_table_does_not_name_changes_nothing(state: Formal, step: StepKind) -> None:
    assert party_after(state, step) is PARTY_TRANSITIONS.get((state, step), state)


def test_no_party_reaches_an_end_of_the_whole_by_its_own_step() -> None:
    ends = {Formal.EXPIRED, Formal.TERMINATED, Formal.NEVER_TOOK_EFFECT, Formal.SUPERSEDED, Formal.ENDED}
    assert not ends & set(PARTY_TRANSITIONS.values())


def test_every_end_is_final_but_expiry() -> None:
    assert {end for end, _ in END_TRANSITIONS if end is not None} == {Formal.EXPIRED}
    assert end_after(Formal.TERMINATED, StepKind.EXTEND) is Formal.TERMINATED
    assert end_after(Formal.EXPIRED, StepKind.EXTEND) is None


def test_every_step_has_words() -> None:
    assert set(WORDS) == set(StepKind)


# ------------------------------------------------------------ the lifecycle

CASES: dict[str, tuple[list[AgreementClaim], date | str, Formal]] = {
    "nothing but a violation is recorded": ([], AT, Formal.UNKNOWN),
    "proposed": ([proposed("2020-01-01", "mediator")], AT, Formal.PROPOSED),
    "proposed and then declared": (
        [proposed("2020-01-01"), declared("2020-01-05", "east")],
        AT,
        Formal.IN_FORCE,
    ),
    "declared, before its effective date": (
        [declared("2020-01-09", effective="2020-01-12")],
        "2020-01-11",
        Formal.DECLARED,
    ),
    "declared, on its effective date": (
        [declared("2020-01-09", effective="2020-01-12")],
        "2020-01-12",
        Formal.IN_FORCE,
    ),
    "declared without an effective date": ([declared("2020-01-09")], "2020-01-09", Formal.IN_FORCE),
    "before the declaration": ([declared("2020-01-09")], "2020-01-08", Formal.UNKNOWN),
    "signed, before its effective date": (
        [signed("2020-01-09", effective="2020-01-12")],
        "2020-01-11",
        Formal.SIGNED,
    ),
    "signed without an effective date": ([BOTH], "2020-01-05", Formal.IN_FORCE),
    "bilateral, declared by one": ([declared("2020-01-09", "east", side="bilateral")], AT, Formal.IN_FORCE),
    "bilateral, declared by one of two": (
        [declared("2020-01-09", "east", side="bilateral"), declared("2020-02-09", "west")],
        "2020-01-20",
        Formal.DECLARED,
    ),
    "bilateral, declared by both": (
        [declared("2020-01-09", "east", side="bilateral"), declared("2020-02-09", "west")],
        "2020-02-09",
        Formal.IN_FORCE,
    ),
    "unilateral": ([declared("2020-01-09", "east", side="unilateral")], AT, Formal.IN_FORCE),
    "unilateral, withdrawn": (
        [declared("2020-01-09", "east", side="unilateral"), withdrew("2020-02-01", "east")],
        AT,
        Formal.TERMINATED,
    ),
    "took effect, and nothing else is recorded": ([took_effect("2020-01-12")], AT, Formal.IN_FORCE),
    "suspended by all": ([BOTH, suspended("2020-02-01")], AT, Formal.SUSPENDED),
    "suspended by one of two": ([BOTH, suspended("2020-02-01", "east")], AT, Formal.SUSPENDED),
    "suspended and resumed": ([BOTH, suspended("2020-02-01"), resumed("2020-02-10")], AT, Formal.IN_FORCE),
    "suspended, resumed, suspended": (
        [BOTH, suspended("2020-02-01"), resumed("2020-02-10"), suspended("2020-02-20")],
        AT,
        Formal.SUSPENDED,
    ),
    "suspended before it took effect": (
        [signed("2020-01-05", "east", "west", effective="2020-01-12"), suspended("2020-01-10")],
        AT,
        Formal.SUSPENDED,
    ),
    "bilateral, one withdrew": ([BOTH, withdrew("2020-02-01", "east")], AT, Formal.TERMINATED),
    "bilateral, one will withdraw": ([BOTH, withdrew("2020-04-01", "east")], AT, Formal.IN_FORCE),
    "bilateral, one withdrew and came back": (
        [BOTH, withdrew("2020-02-01", "east"), declared("2020-02-20", "east")],
        AT,
        Formal.IN_FORCE,
    ),
    "all withdrew before it took effect": (
        [
            signed("2020-01-05", "east", "west", effective="2020-06-01"),
            withdrew("2020-02-01", "east"),
            withdrew("2020-02-02", "west"),
        ],
        AT,
        Formal.NEVER_TOOK_EFFECT,
    ),
    "terminated": ([BOTH, ended("2020-02-01", "terminated")], AT, Formal.TERMINATED),
    "terminated later than asked for": ([BOTH, ended("2020-04-01", "terminated")], AT, Formal.IN_FORCE),
    "ended, nobody says how": ([BOTH, ended("2020-02-01", "unknown")], AT, Formal.ENDED),
    "said to have expired": ([BOTH, ended("2020-02-01", "expired")], AT, Formal.EXPIRED),
    "superseded": ([BOTH, ended("2020-02-01", "superseded")], AT, Formal.SUPERSEDED),
    "resumed after its end": (
        [BOTH, ended("2020-02-01", "terminated"), resumed("2020-02-10")],
        AT,
        Formal.TERMINATED,
    ),
    "never took effect, at the end": (
        [signed("2020-01-05", effective="2020-01-12"), ended("2020-02-01", "never_took_effect")],
        AT,
        Formal.NEVER_TOOK_EFFECT,
    ),
    "never took effect, before that was clear": (
        [signed("2020-01-05", effective="2020-01-12"), ended("2020-02-01", "never_took_effect")],
        "2020-01-20",
        Formal.SIGNED,
    ),
    "fixed end, its last day": ([signed("2020-01-05", ends="2020-02-01")], "2020-02-01", Formal.IN_FORCE),
    "fixed end, the day after": ([signed("2020-01-05", ends="2020-02-01")], "2020-02-02", Formal.EXPIRED),
    "72 hours, the day of the last hour": (
        [declared("2020-01-05", effective="2020-01-12", fixed_term_hours=72)],
        "2020-01-15",
        Formal.IN_FORCE,
    ),
    "72 hours, the day after": (
        [declared("2020-01-05", effective="2020-01-12", fixed_term_hours=72)],
        "2020-01-16",
        Formal.EXPIRED,
    ),
    "extended in time": (
        [signed("2020-01-05", ends="2020-02-01"), extended("2020-01-30", ends="2020-03-15")],
        AT,
        Formal.IN_FORCE,
    ),
    "extended on the day after its end": (
        [signed("2020-01-05", ends="2020-02-01"), extended("2020-02-02", ends="2020-03-15")],
        "2020-02-02",
        Formal.IN_FORCE,
    ),
    "between its end and a late extension": (
        [signed("2020-01-05", ends="2020-02-01"), extended("2020-02-10", ends="2020-03-15")],
        "2020-02-05",
        Formal.EXPIRED,
    ),
    "after a late extension": (
        [signed("2020-01-05", ends="2020-02-01"), extended("2020-02-10", ends="2020-03-15")],
        "2020-02-10",
        Formal.IN_FORCE,
    ),
    "extended without end": (
        [signed("2020-01-05", ends="2020-02-01"), extended("2020-01-30")],
        "2030-01-01",
        Formal.IN_FORCE,
    ),
    "extended by hours": (
        [declared("2020-01-12", fixed_term_hours=24), extended("2020-01-12", added_hours=48)],
        "2020-01-15",
        Formal.IN_FORCE,
    ),
    "extended by hours, and over": (
        [declared("2020-01-12", fixed_term_hours=24), extended("2020-01-12", added_hours=48)],
        "2020-01-16",
        Formal.EXPIRED,
    ),
    "two sources on one extension by hours": (
        [
            declared("2020-01-12", fixed_term_hours=24),
            extended("2020-01-12", added_hours=48),
            extended("2020-01-12", added_hours=48),
        ],
        "2020-01-16",
        Formal.EXPIRED,
    ),
    "terminated after its fixed end": (
        [signed("2020-01-05", ends="2020-02-01"), ended("2020-02-10", "terminated")],
        AT,
        Formal.TERMINATED,
    ),
    "suspended, then its fixed end": (
        [signed("2020-01-05", ends="2020-02-01"), suspended("2020-01-20")],
        AT,
        Formal.EXPIRED,
    ),
    "month of the end not over": (
        [BOTH, ended(month("2020-03-01", "2020-03-31"), "terminated")],
        AT,
        Formal.IN_FORCE,
    ),
    "month of the end over": (
        [BOTH, ended(month("2020-02-01", "2020-02-29"), "terminated")],
        AT,
        Formal.TERMINATED,
    ),
    "within the month of taking effect": (
        [declared("2019-12-20", effective=month("2020-01-01", "2020-01-31"))],
        "2020-01-02",
        Formal.IN_FORCE,
    ),
    "suspended on a day, resumed some day of that month": (
        [BOTH, suspended("2020-01-10"), resumed(month("2020-01-01", "2020-01-31"))],
        AT,
        Formal.IN_FORCE,
    ),
    "suspended and resumed within a month": (
        [BOTH, suspended(month("2020-01-01", "2020-01-31")), resumed(month("2020-01-01", "2020-01-31"))],
        AT,
        Formal.IN_FORCE,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_formal_status(name: str) -> None:
    events, at, expected = CASES[name]
    found = status(*events, at=at)
    assert found.formal is expected
    assert all(explain_transition(transition).endswith(".") for transition in found.transitions)


@pytest.mark.parametrize("name", CASES)
def test_order_of_arrival_makes_no_difference(name: str) -> None:
    events, at, _ = CASES[name]
    claims = held(*events)
    expected = derive_status(ID, claims, day(at) if isinstance(at, str) else at)
    for seed in range(5):
        random.Random(seed).shuffle(claims)
        assert derive_status(ID, claims, expected.at) == expected


def test_a_later_agreement_supersedes_an_earlier_one_from_its_effective_day() -> None:
    successor = AgreementSigned.of(
        agreement_id="later",
        occurred="2020-02-01",
        terms={"supersedes_agreement_id": ID, "effective": "2020-02-05"},
    )
    assert status(BOTH, successor, at="2020-02-04").formal is Formal.IN_FORCE
    over = status(BOTH, successor, at="2020-02-05")
    assert over.formal is Formal.SUPERSEDED
    assert over.parties == tuple(replace(each, formal=Formal.SUPERSEDED) for each in over.parties)
    assert over.transitions[-1].step.positions == (2,)
    assert "by later" in explain_transition(over.transitions[-1])


def test_a_proposal_supersedes_nothing() -> None:
    other = CeasefireProposed.of(agreement_id="later", occurred="2020-02-01", terms={"supersedes_agreement_id": ID})
    assert status(BOTH, other).formal is Formal.IN_FORCE


def test_sixteen_parties_of_which_one_withdraws_leave_it_in_force_for_the_rest() -> None:
    names = [f"party-{number:02}" for number in range(16)]
    found = status(signed("2020-01-05", *names), withdrew("2020-02-01", "party-03"))
    assert found.formal is Formal.IN_FORCE
    assert party(found, "party-03") is Formal.WITHDRAWN
    assert party(found, "party-04") is Formal.IN_FORCE
    assert found.transitions[-1].parties == ("party-03",)


def test_the_last_withdrawal_that_leaves_less_than_two_ends_it_for_all() -> None:
    found = status(
        signed("2020-01-05", "east", "west", "south"),
        withdrew("2020-02-01", "south"),
        withdrew("2020-02-10", "west"),
    )
    assert found.formal is Formal.TERMINATED
    assert [each.formal for each in found.parties] == [Formal.TERMINATED, Formal.WITHDRAWN, Formal.WITHDRAWN]
    assert (found.transitions[-1].parties, found.transitions[-1].status) == (("west",), Formal.WITHDRAWN)
    assert [each.formal for each in found.transitions] == [
        Formal.SIGNED,
        Formal.IN_FORCE,
        Formal.IN_FORCE,
        Formal.TERMINATED,
    ]


def test_a_party_that_comes_back_does_not_move_the_day_on_which_it_first_signed() -> None:
    events = (BOTH, withdrew("2020-02-01", "east"), signed("2020-02-20", "east"))
    found = status(*events)
    assert found.conflicts == ()
    assert periods(found) == [("2020-01-05", "2020-02-01"), ("2020-02-20", "2020-03-01")]
    assert status(*events, at="2020-02-10").formal is Formal.TERMINATED


def test_parties_are_those_of_terms_signatories_and_declarers_but_not_who_proposed() -> None:
    found = status(
        proposed("2020-01-01", "mediator"),
        declared("2020-01-02", "east", parties=["east", "west"]),
        signed("2020-01-05", "south"),
    )
    assert [each.party for each in found.parties] == ["east", "south", "west"]
    assert found.terms.parties == ("east", "south", "west")


def test_a_declaration_by_another_later_is_a_transition_of_its_own() -> None:
    found = status(declared("2020-01-09", "east"), declared("2020-02-09", "west"))
    assert [(each.parties, each.step.day, each.status) for each in found.transitions] == [
        (("east",), day("2020-01-09"), Formal.DECLARED),
        (("east",), day("2020-01-09"), Formal.IN_FORCE),
        (("west",), day("2020-02-09"), Formal.DECLARED),
        (("west",), day("2020-02-09"), Formal.IN_FORCE),
    ]
    assert found.conflicts == ()


def test_an_implied_day_of_effect_says_so() -> None:
    found = status(BOTH)
    assert "no effective date is stated: taken as the day of signature" in explain_transition(found.transitions[-1])


def test_a_step_to_come_is_told() -> None:
    found = status(declared("2020-01-09", effective="2020-01-12"), at="2020-01-10")
    told = explain(found, None, Observance.NOT_IN_FORCE, Violations(), Monitoring())
    assert any("Took effect on 2020-01-12: after 2020-01-10" in sentence for sentence in told)


def test_an_end_that_is_said_and_not_known_to_the_day_comes_on_its_last_day() -> None:
    whole_year = {"start": "2020-01-01", "end": "2020-12-31", "precision": "year"}
    for how in ("unknown", "terminated", "superseded", "never_took_effect"):
        late = ended(whole_year, how)
        assert status(BOTH, late, at="2020-12-30").formal is not status(BOTH, late, at="2020-12-31").formal, how


def test_what_takes_effect_some_day_of_a_month_does_not_before_it_was_declared() -> None:
    found = status(declared("2020-01-20", "east", effective=month("2020-01-01", "2020-01-31")))
    assert [(each.status, each.step.day) for each in found.transitions] == [
        (Formal.DECLARED, day("2020-01-20")),
        (Formal.IN_FORCE, day("2020-01-20")),
    ]
    before = status(declared("2020-01-20", "east", effective="2020-01-10"))
    assert [each.step.day for each in before.transitions] == [day("2020-01-10")]


def test_a_date_not_known_to_the_day_is_told_while_it_matters() -> None:
    told = explain(
        status(BOTH, ended(month("2020-03-01", "2020-03-31"), "terminated"), took_effect("2020-01-05")),
        None,
        Observance.NOT_IN_FORCE,
        Violations(),
        Monitoring(),
    )
    assert any("between 2020-03-01 and 2020-03-31, taken as 2020-03-31" in sentence for sentence in told)


def test_claims_found_not_to_hold_have_no_part() -> None:
    end = CeasefireEnded.of(agreement_id=ID, occurred="2020-02-01", ending="terminated", verification="discounted")
    found = status(BOTH, end)
    assert (found.formal, found.discounted) == (Formal.IN_FORCE, 1)


def test_the_latest_statement_of_each_term_holds_and_agreed_beats_proposed() -> None:
    claims = [
        HeldClaim(1, 1, day("2020-01-10"), signed("2020-01-05", "east", title="First", purposes=["aid"])),
        HeldClaim(2, 2, day("2020-01-08"), signed("2020-01-05", "east", title="Earlier")),
        HeldClaim(3, 3, day("2020-01-20"), proposed("2020-01-01", title="Draft", written=True)),
    ]
    terms = derive_status(ID, claims, AT).terms
    assert (terms.title, terms.purposes, terms.written) == ("First", ("aid",), True)


# ------------------------------------------------------------ conflicting dates


def january(first_reported: str, second_reported: str) -> Status:
    parties = ("russia", "turkey")
    return derive_status(
        "january",
        [
            HeldClaim(3, 3, day(first_reported), _january("2020-01-12", parties)),
            HeldClaim(8, 8, day(second_reported), _january("2020-01-09", parties)),
        ],
        day("2020-02-12"),
    )


def _january(effective: str, parties: tuple[str, ...]) -> CeasefireDeclared:
    return CeasefireDeclared.of(
        agreement_id="january",
        occurred="2020-01-09",
        declared_by=parties,
        terms={"effective": effective},
    )


@pytest.mark.parametrize(
    ("first", "second", "chosen"),
    [
        ("2020-02-12", "2020-02-01", "2020-01-12"),
        ("2020-02-01", "2020-02-12", "2020-01-09"),
        ("2020-02-12", "2020-02-12", "2020-01-09"),
    ],
)
def test_of_two_dates_the_latest_reported_is_taken_and_both_are_kept(first: str, second: str, chosen: str) -> None:
    found = january(first, second)
    (conflict,) = found.conflicts
    assert conflict.what == "effective"
    assert [str(each.start) for each in conflict.dates] == ["2020-01-12", "2020-01-09"]
    assert conflict.positions == (3, 8)
    assert str(conflict.dates[conflict.chosen].start) == chosen
    assert conflict.rule == "latest"
    assert found.began is not None
    assert str(found.began.start) == chosen
    sentences = explain(found, None, Observance.NOT_IN_FORCE, Violations(), Monitoring())
    assert any("differently" in sentence and f"{chosen} is taken" in sentence for sentence in sentences)


def test_sources_that_agree_are_no_conflict_and_both_are_evidence() -> None:
    found = status(declared("2020-01-09", "east"), declared("2020-01-09", "east"))
    assert found.conflicts == ()
    assert found.transitions[0].step.positions == (1, 2)


def test_conflicting_ends() -> None:
    found = status(BOTH, ended("2020-02-01", "terminated"), ended("2020-02-03", "terminated"))
    (conflict,) = found.conflicts
    assert (conflict.what, conflict.chosen) == ("ended", 1)
    assert found.transitions[-1].step.day == day("2020-02-03")


def test_conflicting_fixed_ends() -> None:
    found = status(signed("2020-01-05", ends="2020-02-01"), signed("2020-01-05", ends="2020-02-03"))
    (conflict,) = found.conflicts
    assert (conflict.what, conflict.chosen) == ("ends", 1)


def test_a_fact_reported_after_it_was_said_never_to_have_taken_effect_holds() -> None:
    plan = signed("2020-01-05", "east", "west", effective="2020-01-12")
    fails = ended("2020-01-20", "never_took_effect")
    fact = took_effect("2020-01-12")
    late = [HeldClaim(1, 1, REPORTED, plan), HeldClaim(2, 2, day("2020-02-01"), fails)]
    assert derive_status(ID, [*late, HeldClaim(3, 3, day("2020-01-30"), fact)], AT).formal is (
        Formal.NEVER_TOOK_EFFECT
    )
    assert derive_status(ID, [*late, HeldClaim(3, 3, day("2020-02-02"), fact)], AT).formal is Formal.IN_FORCE


# ------------------------------------------------------------ observance


def periods(of: Status, name: str = WHOLE) -> list[tuple[str, str]]:
    return [(str(each.first), str(each.last)) for each in of.periods if each.party == name]


def test_periods_in_force_leave_out_suspensions_and_end_with_the_last_day() -> None:
    found = status(
        signed("2020-01-05", "east", "west", ends="2020-02-20"),
        suspended("2020-01-10", "east"),
        resumed("2020-01-15", "east"),
    )
    assert periods(found) == [("2020-01-05", "2020-01-10"), ("2020-01-15", "2020-02-20")]
    assert periods(found, "west") == periods(found)


def test_a_party_that_withdrew_has_no_period_after_it() -> None:
    found = status(signed("2020-01-05", "east", "west", "south"), withdrew("2020-02-01", "south"))
    assert periods(found) == [("2020-01-05", "2020-03-01")]
    assert periods(found, "south") == [("2020-01-05", "2020-02-01")]


def test_the_window_is_since_it_took_effect_or_as_long_as_asked() -> None:
    found = status(BOTH)
    assert window_of(found, 0) == Window(day("2020-01-05"), AT)
    assert window_of(found, 7) == Window(day("2020-02-24"), AT)
    assert window_of(status(BOTH, ended("2020-02-01", "unknown")), 0) == Window(
        day("2020-01-05"), day("2020-02-01")
    )
    assert window_of(status(proposed("2020-01-01")), 0) is None


OBSERVED = [
    ([BOTH], 0, {"alleged": 1}, 0, Observance.VIOLATED),
    ([BOTH], 0, {"unfounded": 1}, 0, Observance.HOLDING),
    ([BOTH], 0, {}, 1, Observance.HOLDING),
    ([BOTH], 0, {}, 0, Observance.UNOBSERVED),
    ([BOTH, ended("2020-02-01", "terminated")], 0, {"verified": 3}, 0, Observance.COLLAPSED),
    ([BOTH, ended("2020-02-01", "expired")], 0, {}, 0, Observance.UNOBSERVED),
    ([BOTH, ended("2020-02-01", "expired")], 7, {}, 0, Observance.NOT_IN_FORCE),
    ([proposed("2020-01-01")], 0, {}, 0, Observance.NOT_IN_FORCE),
]


@pytest.mark.parametrize(("events", "days", "standings", "observations", "expected"), OBSERVED)
def test_observance(
    events: Sequence[AgreementClaim],
    days: int,
    standings: dict[str, int],
    observations: int,
    expected: Observance,
) -> None:
    found = status(*events)
    window = window_of(found, days)
    violations, monitoring = Violations(standings), Monitoring(observations)
    assert observe(found, window, violations, monitoring) is expected
    assert any(expected.value in sentence for sentence in explain(found, window, expected, violations, monitoring))


def test_silence_is_not_peace() -> None:
    found = status(BOTH)
    sentences = explain(found, window_of(found, 0), Observance.UNOBSERVED, Violations(), Monitoring())
    assert any("silence is not peace" in sentence for sentence in sentences)


# ------------------------------------------------------------ what always holds

START = date(2020, 1, 1)
DAYS = st.integers(0, 60).map(lambda number: START + timedelta(days=number))
PARTIES = st.lists(st.sampled_from(["east", "west", "south"]), max_size=3, unique=True)
TERMS = st.fixed_dictionaries(
    {},
    optional={
        "effective": DAYS,
        "ends": DAYS,
        "fixed_term_hours": st.integers(1, 500),
        "side": st.sampled_from(["unilateral", "bilateral", "multilateral"]),
        "parties": PARTIES,
    },
)


def _of(kind: type[AgreementClaim], **fields: Any) -> st.SearchStrategy[AgreementClaim]:
    return st.builds(
        lambda **content: kind.of(agreement_id=ID, **content),
        occurred=DAYS,
        **fields,
    )


EVENTS: st.SearchStrategy[AgreementClaim] = st.one_of(
    _of(AgreementSigned, signatories=PARTIES, terms=TERMS),
    _of(CeasefireDeclared, declared_by=PARTIES, terms=TERMS),
    _of(CeasefireProposed, proposed_by=PARTIES, terms=TERMS),
    _of(CeasefireTookEffect, parties=PARTIES),
    _of(CeasefireSuspended, parties=PARTIES),
    _of(CeasefireResumed, parties=PARTIES),
    _of(CeasefireExtended, ends=st.none() | DAYS, added_hours=st.none() | st.integers(1, 500)),
    _of(PartyWithdrew, party=st.sampled_from(["east", "west", "south"])),
    _of(
        CeasefireEnded,
        ending=st.sampled_from(["unknown", "expired", "terminated", "never_took_effect", "superseded"]),
    ),
)


@st.composite
def histories(draw: st.DrawFn) -> list[HeldClaim]:
    events = draw(st.lists(EVENTS, max_size=8))
    reported = draw(st.lists(DAYS, min_size=len(events), max_size=len(events)))
    return [
        HeldClaim(at, at, on, event) for at, (on, event) in enumerate(zip(reported, events, strict=True), start=1)
    ]


@given(histories(), DAYS, st.randoms(use_true_random=False))
def test_status_depends_on_the_claims_and_not_on_their_order(
    claims: list[HeldClaim], at: date, dice: random.Random
) -> None:
    shuffled = list(claims)
    dice.shuffle(shuffled)
    assert derive_status(ID, shuffled, at) == derive_status(ID, claims, at)


@given(histories(), DAYS, DAYS)
def test_a_violation_never_changes_the_formal_axis(claims: list[HeldClaim], at: date, occurred: date) -> None:
    violation = CeasefireViolated.of(agreement_id=ID, occurred=occurred, violators=["east", "north"])
    with_violation = [*claims, HeldClaim(99, 99, at, violation)]
    assert derive_status(ID, with_violation, at) == derive_status(ID, claims, at)


@given(histories(), DAYS, st.integers(1, 100))
def test_the_past_does_not_depend_on_how_far_one_looks(claims: list[HeldClaim], at: date, days: int) -> None:
    now, later = derive_status(ID, claims, at), derive_status(ID, claims, at + timedelta(days=days))
    assert later.transitions[: len(now.transitions)] == now.transitions
    assert all(each.step.day > at for each in later.transitions[len(now.transitions) :])


@given(histories(), DAYS, st.integers(1, 1_000))
def test_what_ended_stays_ended_unless_an_expiry_is_overtaken_by_a_later_step(
    claims: list[HeldClaim], at: date, days: int
) -> None:
    now, later = derive_status(ID, claims, at), derive_status(ID, claims, at + timedelta(days=days))
    if now.formal in (Formal.SUPERSEDED, Formal.ENDED):
        assert later.formal is now.formal
    steps_between = any(at < step.day <= later.at for step in now.upcoming)
    if now.formal is Formal.EXPIRED and not steps_between:
        assert later.formal is Formal.EXPIRED


@given(histories(), DAYS)
def test_periods_of_parties_lie_inside_those_of_the_whole_and_before_the_day_asked_for(
    claims: list[HeldClaim], at: date
) -> None:
    found = derive_status(ID, claims, at)
    whole = [each for each in found.periods if each.party == WHOLE]
    assert all(each.first <= each.last <= at for each in found.periods)
    for each in found.periods:
        assert any(one.first <= each.first and each.last <= one.last for one in whole)
    assert (found.formal is Formal.IN_FORCE) <= any(each.last == at for each in whole)


@given(histories(), DAYS)
def test_every_transition_but_an_expiry_names_its_evidence(claims: list[HeldClaim], at: date) -> None:
    for transition in derive_status(ID, claims, at).transitions:
        assert transition.step.positions
        assert set(transition.step.positions) <= {claim.position for claim in claims}


# A plain reference: one agreement whose parties nobody names, no two dates of one thing, no suspensions in turn.

ONE_OF_EACH = st.fixed_dictionaries(
    {"signed": st.none() | DAYS},
    optional={"effective": DAYS, "suspended": DAYS, "resumed": DAYS, "ends": DAYS, "terminated": DAYS},
)


def plain(dates: dict[str, date | None], at: date) -> Formal:
    """From the dates to the status, by cases."""
    begun = dates["signed"]
    effect = dates.get("effective") or begun
    gone, back, last, over = (dates.get(name) for name in ("suspended", "resumed", "ends", "terminated"))
    if over and over <= at:
        return Formal.TERMINATED
    if last and begun and last < at:
        return Formal.EXPIRED
    state, moves = Formal.UNKNOWN, []
    for rank, (when, then) in enumerate(
        [(begun, Formal.SIGNED), (effect, "effect"), (gone, Formal.SUSPENDED), (back, "back")]
    ):
        if when and when <= at and (rank != 1 or begun):
            moves.append((when, rank, then))
    for _, _, then in sorted(moves):
        if then == Formal.SIGNED and state is Formal.UNKNOWN:
            state = Formal.SIGNED
        elif then == "effect" and state in (Formal.UNKNOWN, Formal.SIGNED):
            state = Formal.IN_FORCE
        elif then == Formal.SUSPENDED:
            state = Formal.SUSPENDED
        elif then == "back":
            state = Formal.IN_FORCE
    return state


@settings(max_examples=500)
@given(ONE_OF_EACH, DAYS)
def test_against_a_plain_reference(dates: dict[str, date | None], at: date) -> None:
    terms = {name: dates[name] for name in ("effective", "ends") if name in dates}
    events: list[AgreementClaim] = []
    if dates["signed"]:
        events.append(signed(dates["signed"], **terms))
    if "suspended" in dates:
        events.append(suspended(dates["suspended"]))
    if "resumed" in dates:
        events.append(resumed(dates["resumed"]))
    if "terminated" in dates:
        events.append(ended(dates["terminated"], "terminated"))
    assert status(*events, at=at).formal is plain(dates, at)


# ------------------------------------------------------------ the documentation

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "ceasefire-status.md"


def table(first: str, states: Sequence[Formal | None], transitions: Mapping[Any, Formal | None]) -> str:
    """A table of transitions as the page shows it."""
    steps = [step for step in StepKind if any(key[1] is step for key in transitions)]
    lines = [f"| {' | '.join([first, *steps])} |", f"|{'---|' * (len(steps) + 1)}"]
    for state in states:
        after = [
            (transitions[state, step] or "not ended") if (state, step) in transitions else "·" for step in steps
        ]
        lines.append(f"| {' | '.join([state or 'not ended', *after])} |")
    return "\n".join(lines)


def test_the_page_shows_the_tables_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    states = [state for state in Formal if any(key[0] is state for key in PARTY_TRANSITIONS)]
    assert f"<!-- table: parties -->\n{table('state', states, PARTY_TRANSITIONS)}\n" in page
    ends = [None, *(state for state in Formal if state in ENDS)]
    assert f"<!-- table: ends -->\n{table('end', ends, END_TRANSITIONS)}\n" in page
