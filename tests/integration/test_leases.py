"""Leases as a state machine: whatever processes do and however late they are, one leads at most."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from projections.engine import Connection, leases
from projections.engine.leases import Leases, Session, session_of
from tests.followed import Tally, running, until
from tests.postgres import Database

pytestmark = pytest.mark.newest

PROCESSES = st.sampled_from(range(3))
NAME = "tally"
LEASE_SECONDS = 400.0
"""Statements take real time too, which must not matter."""


class Processes(RuleBasedStateMachine):
    """Three processes and the lease of one projection. Each believes what it was told last."""

    connections: tuple[Connection, ...]

    def __init__(self) -> None:
        super().__init__()
        self.ledgers = [Leases("main", uuid4()) for _ in self.connections]
        self.sessions = [{NAME: session_of(each)} for each in self.connections]
        self.believed: dict[int, int] = {}
        """The epoch in which a process believes that it leads."""
        self.leader: int | None = None
        self.epoch = 0
        self.left = 0.0
        """Seconds until the lease runs out."""
        self.named: Session | None = None

    @initialize(process=PROCESSES)
    def enter(self, process: int) -> None:
        self.connections[0].execute("DELETE FROM ledger_main_projections.leaders")
        self.ledgers[process].enter(self.connections[process], NAME)

    @rule(process=PROCESSES)
    def renew(self, process: int) -> None:
        held = self.ledgers[process].renew(self.connections[process], self.sessions[process])
        assert held == ({NAME: self.epoch} if process == self.leader else {})
        self.believed.pop(process, None)
        if held:
            self.believed[process] = self.epoch
            self.left, self.named = LEASE_SECONDS, self.sessions[process][NAME]

    @rule(process=PROCESSES)
    def take(self, process: int) -> None:
        if process == self.leader:
            return  # it would renew instead
        taken = self.ledgers[process].take(self.connections[process], self.sessions[process])
        assert bool(taken) == (self.left <= 0)
        for each in taken:
            assert (each.epoch, each.former) == (self.epoch + 1, self.named)
            self.leader, self.epoch, self.left = process, each.epoch, LEASE_SECONDS
            self.believed[process] = each.epoch
            self.named = self.sessions[process][NAME]

    @rule(process=PROCESSES)
    def give_back(self, process: int) -> None:
        self.ledgers[process].give_back(self.connections[process], [NAME])
        self.believed.pop(process, None)
        if process == self.leader:
            self.left, self.named = 0.0, None

    @rule(seconds=st.sampled_from([100.0, 350.0, 450.0]))
    def wait(self, seconds: float) -> None:
        later = "UPDATE ledger_main_projections.leaders SET expires_at = expires_at - make_interval(secs => %s)"
        self.connections[0].execute(later, (seconds,))
        self.left -= seconds

    @invariant()
    def only_the_leader_passes_the_fence(self) -> None:
        passing = [
            process
            for process, epoch in self.believed.items()
            if self.ledgers[process].leads(self.connections[process], NAME, epoch)
        ]
        assert passing in ([], [self.leader])
        assert (self.leader in passing) == (
            self.believed.get(self.leader or 0) == self.epoch and self.named is not None
        )

    @invariant()
    def who_leads_is_told_until_the_lease_runs_out(self) -> None:
        told: UUID | None = self.ledgers[0].leader(self.connections[0], NAME)
        assert told == (self.ledgers[self.leader].holder if self.leader is not None and self.left > 0 else None)


def test_one_process_leads_at_most(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", LEASE_SECONDS)
    with running(database, Tally()) as engine:
        until(lambda: engine.state("main", NAME), lambda state: state.leader is not None)
    connections = [psycopg.connect(database.service_url, autocommit=True) for _ in range(3)]
    try:
        machine = type("Connected", (Processes,), {"connections": tuple(connections)})
        run_state_machine_as_test(
            machine, settings=settings(max_examples=40, stateful_step_count=30, deadline=None)
        )
    finally:
        for each in connections:
            each.close()
