"""The formal axis as a state machine under arrivals in any order: claims come late and out of order, are taken back
and dated anew, and at every moment the status on every day is that of a plain reference, which sorts and folds from
scratch. It is written from the page on ceasefire status, and shares nothing with the code but words for states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.domain.agreements import (
    AgreementSigned,
    CeasefireDeclared,
    CeasefireEnded,
    CeasefireExtended,
    CeasefireProposed,
    CeasefireResumed,
    CeasefireSuspended,
    CeasefireTookEffect,
    PartyWithdrew,
)
from ledger.domain.claim import AgreementClaim
from projections.ceasefires.lifecycle import Formal
from projections.ceasefires.status import derive_status
from projections.ceasefires.steps import HeldClaim

ID = "north"
FIRST = date(2020, 1, 1)
REPORTED = date(2020, 6, 1)
PARTIES = st.sampled_from(["east", "south", "west"])
DAYS = st.integers(0, 60)
ENDINGS = st.sampled_from(["unknown", "expired", "terminated", "never_took_effect", "superseded"])


def on(number: int) -> date:
    return FIRST + timedelta(days=number)


@dataclass(frozen=True)
class Told:
    """A claim as the reference reads it."""

    position: int
    kind: str
    day: int
    party: str = ""
    last: int | None = None
    """The last day of a fixed term, or of an extension."""
    ending: str = ""


EVENTS: dict[str, tuple[type[AgreementClaim], str]] = {
    "declare": (CeasefireDeclared, "declared_by"),
    "sign": (AgreementSigned, "signatories"),
    "take effect": (CeasefireTookEffect, "parties"),
    "suspend": (CeasefireSuspended, "parties"),
    "resume": (CeasefireResumed, "parties"),
    "propose": (CeasefireProposed, "proposed_by"),
}


def event_of(told: Told) -> AgreementClaim:
    """The claim as the ledger records it."""
    common: dict[str, Any] = {"agreement_id": ID, "occurred": on(told.day)}
    terms = {} if told.last is None else {"terms": {"ends": on(told.last)}}
    match told.kind:
        case "withdraw":
            return PartyWithdrew.of(**common, party=told.party)
        case "end":
            return CeasefireEnded.of(**common, ending=told.ending)
        case "extend":
            return CeasefireExtended.of(**common, ends=on(told.last or 0))
    kind, who = EVENTS[told.kind]
    return kind.of(**common, **{who: [told.party] if told.party else []}, **terms)


# The reference: from the page, by sorting and folding


class Reference:
    """The status on a day, from scratch."""

    def __init__(self, claims: list[Told], at: int) -> None:
        self.parties = sorted({each.party for each in claims if each.party and each.kind != "propose"})
        self.states = dict.fromkeys(self.parties or [""], "unknown")
        self.end = ""
        self.formed = "unknown"
        self.began = False
        self.ever: set[str] = set()
        for day, _, kind, party in sorted(self.steps(claims)):
            if day <= at:
                self.take(kind, party)

    def steps(self, claims: list[Told]) -> Iterator[tuple[int, int, str, str]]:
        """Day, order in the day, kind and party; no party is all."""
        ending = next((each for each in claims if each.kind == "end"), None)
        failed = ending is not None and ending.ending == "never_took_effect"
        facts = [each for each in claims if each.kind == "take effect"]
        if ending and failed and any(fact.position > ending.position for fact in facts):
            ending, failed = None, False
        yield from ((each.day, 0, "propose", "") for each in claims if each.kind == "propose")
        for party in self.parties:
            own = sorted((each.day, each.kind) for each in claims if each.party == party and each.kind != "propose")
            for part in self.parts(own):
                stated = any(kind == "take effect" for _, kind in part)
                for day, kind in part:
                    if kind != "take effect" or not failed:
                        yield day, 0, kind, party
                    if kind in ("declare", "sign") and not stated and not failed:
                        yield day, 1, "take effect", party
        if ending:
            yield ending.day, 2, ending.ending, ""
        yield from self.lapses(claims)

    def parts(self, own: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
        """Who withdrew and declares or signs anew begins anew."""
        parts: list[list[tuple[int, str]]] = [[]]
        for day, kind in own:
            if kind in ("declare", "sign") and any(before == "withdraw" for _, before in parts[-1]):
                parts.append([])
            parts[-1].append((day, kind))
        return parts

    def lapses(self, claims: list[Told]) -> Iterator[tuple[int, int, str, str]]:
        """A fixed term runs out on the day after its last, unless it was extended in time."""
        last = next(
            (each.last for each in claims if each.kind in ("declare", "sign") and each.last is not None), None
        )
        extension = next((each for each in claims if each.kind == "extend"), None)
        if extension and extension.last is not None:
            yield extension.day, 0, "extend", ""
            if last is None or extension.day <= last + 1:
                last = extension.last
            else:
                yield extension.last + 1, 3, "expired", ""
        if last is not None:
            yield last + 1, 3, "expired", ""

    def take(self, kind: str, party: str) -> None:
        """One step."""
        ends = {"unknown", "expired", "terminated", "never_took_effect", "superseded"}
        if kind == "extend":
            self.end = "" if self.end == "expired" else self.end
        elif kind in ends:
            gives_way = self.end == "expired" and kind in ("unknown", "terminated", "never_took_effect")
            self.end = kind if not self.end or gives_way else self.end
        elif not self.end:
            for each in [party] if party else self.states:
                self.states[each] = self.after(self.states[each], kind)
            rank = ["unknown", "propose", "declare", "sign"]
            if kind in rank and rank.index(kind) > rank.index(self.formed):
                self.formed = kind
        self.ever |= {each for each, state in self.states.items() if state == "in force"}
        self.began = self.began or self.formal == "in force"

    def after(self, state: str, kind: str) -> str:
        """What a party is after a step of its own."""
        before = ("unknown", "proposed", "declared", "signed")
        match kind:
            case "propose":
                return "proposed" if state == "unknown" else state
            case "declare":
                return "declared" if state in ("unknown", "proposed", "withdrawn") else state
            case "sign":
                return "signed" if state in ("unknown", "proposed", "declared", "withdrawn") else state
            case "take effect":
                return "in force" if state in before else state
            case "suspend":
                return "suspended" if state in (*before, "in force") else state
            case "resume":
                return "in force" if state in (*before, "suspended") else state
        return "withdrawn"

    @property
    def formal(self) -> str:
        """Of the whole."""
        if self.end:
            words = {"unknown": "ended", "never_took_effect": "never took effect"}
            return words.get(self.end, self.end)
        states = list(self.states.values())
        enough = 1 if len(self.ever) < 2 else 2
        if states.count("in force") >= enough:
            return "in force"
        if states.count("in force") + states.count("suspended") >= enough:
            return "suspended"
        if self.began:
            return "terminated"
        if all(state == "withdrawn" for state in states):
            return "never took effect"
        return {"propose": "proposed", "declare": "declared", "sign": "signed"}.get(self.formed, "unknown")

    def of_party(self, party: str) -> str:
        """Of one party: its own, or the end that has come for all."""
        own, whole = self.states[party], self.formal
        over = whole in ("expired", "terminated", "never took effect", "superseded", "ended")
        return whole if over and own != "withdrawn" else own


class Arrivals(RuleBasedStateMachine):
    """One agreement; each claim is of another day, so that no order within a day is at stake."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Told] = []
        self.position = 0

    def file(self, kind: str, day: int, party: str = "", **more: Any) -> None:
        """Record a claim; one that says the same of the same takes the place of the one before."""
        taken = {each.day for each in self.held}
        while day in taken:
            day += 1
        self.held = [each for each in self.held if not self.same(each, kind, party)]
        self.position += 1
        self.held.append(Told(self.position, kind, day, party, **more))

    def same(self, each: Told, kind: str, party: str) -> bool:
        entries = ("declare", "sign")
        return each.party == party and (each.kind == kind or (each.kind in entries and kind in entries))

    @rule(kind=st.sampled_from(["declare", "sign"]), party=PARTIES, day=DAYS)
    def enter(self, kind: str, party: str, day: int) -> None:
        self.file(kind, day, party)

    @rule(kind=st.sampled_from(["declare", "sign"]), party=PARTIES, day=DAYS, length=st.integers(0, 40))
    @precondition(lambda self: all(each.last is None or each.kind == "extend" for each in self.held))
    def enter_for_a_term(self, kind: str, party: str, day: int, length: int) -> None:
        self.file(kind, day, party, last=day + length)

    @rule(kind=st.sampled_from(["take effect", "suspend", "resume", "withdraw"]), party=PARTIES, day=DAYS)
    def step(self, kind: str, party: str, day: int) -> None:
        self.file(kind, day, party)

    @rule(day=DAYS)
    def propose(self, day: int) -> None:
        self.file("propose", day)

    @rule(day=DAYS, ending=ENDINGS)
    def finish(self, day: int, ending: str) -> None:
        self.file("end", day, ending=ending)

    @rule(day=DAYS, beyond=st.integers(1, 30))
    def extend(self, day: int, beyond: int) -> None:
        terms = [each.last for each in self.held if each.last is not None and each.kind != "extend"]
        self.file("extend", day, last=max([day, *terms]) + beyond)

    @rule(data=st.data())
    @precondition(lambda self: self.held)
    def retract(self, data: st.DataObject) -> None:
        self.held.remove(data.draw(st.sampled_from(self.held)))

    @rule(data=st.data(), day=DAYS)
    @precondition(lambda self: any(each.last is None for each in self.held))
    def date_anew(self, data: st.DataObject, day: int) -> None:
        """A correction: the claim keeps its place in the record."""
        each = data.draw(st.sampled_from([each for each in self.held if each.last is None]))
        if day not in {other.day for other in self.held}:
            self.held[self.held.index(each)] = Told(each.position, each.kind, day, each.party, None, each.ending)

    @invariant()
    def status_on_every_day_is_the_reference_s(self) -> None:
        claims = [HeldClaim(each.position, each.position, REPORTED, event_of(each)) for each in self.held]
        days = {each.day for each in self.held} | {each.last + 1 for each in self.held if each.last is not None}
        for at in sorted({*days, *(day - 1 for day in days), 200}):
            found, expected = derive_status(ID, claims, on(at)), Reference(self.held, at)
            assert str(found.formal) == expected.formal, (at, self.held)
            parties = {each.party: str(each.formal) for each in found.parties}
            assert parties == {party: expected.of_party(party) for party in expected.parties}, (at, self.held)
            assert found.formal in Formal


TestArrivals = Arrivals.TestCase
TestArrivals.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
