"""What becomes of a threat: every status, the edges of a deadline, and what must always hold."""

import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.threats.status import Fate, ThreatClaim, derive_threat

REPORTED = date(2020, 2, 12)


def day(text: str) -> date:
    return date.fromisoformat(text)


def claim(
    kind: str, on: str, *, deadline: str | None = None, position: int = 1, reported: str | None = None
) -> ThreatClaim:
    return ThreatClaim(
        type=f"Threat{kind}",
        position=position,
        reported=day(reported) if reported else REPORTED,
        start=day(on),
        end=day(on),
        deadline=day(deadline) if deadline else None,
    )


ISSUED = claim("Issued", "2020-02-12")
ULTIMATUM = claim("Issued", "2020-02-12", deadline="2020-02-29")

CASES = {
    "conditional": ([ISSUED], "2020-02-12", Fate.OPEN),
    "conditional, years later": ([ISSUED], "2030-01-01", Fate.OPEN),
    "ultimatum, when issued": ([ULTIMATUM], "2020-02-12", Fate.OPEN),
    "ultimatum, on its last day": ([ULTIMATUM], "2020-02-29", Fate.OPEN),
    "ultimatum, the day after": ([ULTIMATUM], "2020-03-01", Fate.EXPIRED),
    "not yet issued": ([ISSUED], "2020-02-11", None),
    "carried out": ([ISSUED, claim("CarriedOut", "2020-02-20", position=2)], "2020-02-20", Fate.CARRIED_OUT),
    "to be carried out": ([ISSUED, claim("CarriedOut", "2020-02-20", position=2)], "2020-02-19", Fate.OPEN),
    "carried out in time": (
        [ULTIMATUM, claim("CarriedOut", "2020-02-27", position=2)],
        "2020-03-01",
        Fate.CARRIED_OUT,
    ),
    "expired before it was carried out": (
        [ULTIMATUM, claim("CarriedOut", "2020-03-05", position=2)],
        "2020-03-01",
        Fate.EXPIRED,
    ),
    "carried out after it expired": (
        [ULTIMATUM, claim("CarriedOut", "2020-03-05", position=2)],
        "2020-03-05",
        Fate.CARRIED_OUT,
    ),
    "withdrawn": ([ULTIMATUM, claim("Withdrawn", "2020-02-20", position=2)], "2020-03-01", Fate.WITHDRAWN),
    "withdrawn, and carried out all the same": (
        [ISSUED, claim("Withdrawn", "2020-02-20", position=2), claim("CarriedOut", "2020-02-25", position=3)],
        "2020-03-01",
        Fate.CARRIED_OUT,
    ),
    "only that it was carried out is recorded": (
        [claim("CarriedOut", "2020-02-20")],
        "2020-02-20",
        Fate.CARRIED_OUT,
    ),
    "issue found not to hold": ([replace(ISSUED, discounted=True)], "2020-02-12", None),
    "withdrawal found not to hold": (
        [ISSUED, replace(claim("Withdrawn", "2020-02-20", position=2), discounted=True)],
        "2020-03-01",
        Fate.OPEN,
    ),
    "deadline moved by a later report": (
        [ULTIMATUM, claim("Issued", "2020-02-12", deadline="2020-03-31", position=2, reported="2020-02-20")],
        "2020-03-01",
        Fate.OPEN,
    ),
    "deadline as an earlier report had it": (
        [ULTIMATUM, claim("Issued", "2020-02-12", deadline="2020-03-31", position=2, reported="2020-02-11")],
        "2020-03-01",
        Fate.EXPIRED,
    ),
    "of two on one day the one recorded last": (
        [ULTIMATUM, claim("Issued", "2020-02-12", deadline="2020-03-31", position=2)],
        "2020-03-01",
        Fate.OPEN,
    ),
    "nothing": ([], "2020-03-01", None),
}


@pytest.mark.parametrize("name", CASES)
def test_status(name: str) -> None:
    claims, at, expected = CASES[name]
    state = derive_threat(claims, day(at))
    assert (state.fate if state else None) is expected
    assert state is None or state.explanation.endswith(".")


def test_what_was_carried_out_late_says_so_and_names_its_evidence() -> None:
    state = derive_threat([ULTIMATUM, claim("CarriedOut", "2020-03-05", position=7)], day("2020-03-05"))
    assert state is not None
    assert state.explanation == "Carried out on 2020-03-05, after its deadline of 2020-02-29 (position 7)."
    assert [each.position for each in state.followed_by] == [7]


def test_an_open_threat_says_until_when() -> None:
    state = derive_threat([ULTIMATUM], day("2020-02-12"))
    assert state is not None
    assert "2020-02-29" in state.explanation


DAYS = st.integers(0, 40).map(lambda number: date(2020, 2, 1) + timedelta(days=number))


@st.composite
def histories(draw: st.DrawFn) -> list[ThreatClaim]:
    positions = count(1)
    return [
        ThreatClaim(kind, next(positions), draw(DAYS), start, start, draw(st.none() | DAYS), draw(st.booleans()))
        for kind, start in draw(
            st.lists(
                st.tuples(st.sampled_from(["ThreatIssued", "ThreatCarriedOut", "ThreatWithdrawn"]), DAYS),
                max_size=6,
            )
        )
    ]


@given(histories(), DAYS, st.randoms(use_true_random=False))
def test_order_of_arrival_makes_no_difference(claims: list[ThreatClaim], at: date, dice: random.Random) -> None:
    shuffled = list(claims)
    dice.shuffle(shuffled)
    assert derive_threat(shuffled, at) == derive_threat(claims, at)


ONWARD = {
    Fate.OPEN: set(Fate),
    Fate.EXPIRED: {Fate.EXPIRED, Fate.CARRIED_OUT, Fate.WITHDRAWN},
    Fate.WITHDRAWN: {Fate.WITHDRAWN, Fate.CARRIED_OUT},
    Fate.CARRIED_OUT: {Fate.CARRIED_OUT},
}


@given(histories(), DAYS, DAYS)
def test_a_threat_goes_onward_only(claims: list[ThreatClaim], one: date, other: date) -> None:
    first, second = min(one, other), max(one, other)
    before, after = derive_threat(claims, first), derive_threat(claims, second)
    if before is not None:
        assert after is not None
        assert after.fate in ONWARD[before.fate]
