"""Figures computed again from the verified record: they are what an honest server says, whatever is asked, and a server
that says anything else is found out, by the field in which it does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from incident.ledger.v1 import casualty_service_pb2 as casualties_pb2
from incident.ledger.v1 import ceasefire_service_pb2 as ceasefires_pb2
from incident.ledger.v1 import projection_service_pb2, records_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from ledger.audit.notes import SignerKey
from ledger.audit.statements import Compared, Statement, open_statement, sign_statement
from ledger.cli import run
from ledger.cli.audit_recompute import FolderRecord, ServedRecord, check_same, compared, computed, recompute
from ledger.cli.audit_replay import named_keys
from ledger.cli.failures import Refused
from ledger.cli.figure_kinds import KINDS, Question
from ledger.cli.session import Session
from ledger.cli.trusting import parsed
from ledger.embedded import BinariesMissingError
from tests.acceptance.client import Client, report_message, reports_in
from tests.canned_server import canned_server
from tests.filing import claim, redaction
from tests.integration import test_how_to
from tests.postgres import Cluster, Database
from tests.repository.checkout import ROOT, read
from tests.repository.documents import blocks
from tests.served import ServiceProcess, serving

pytestmark = pytest.mark.newest
PAGE = "docs/how-to/publish-a-verified-figure.md"
NOWHERE = "127.0.0.1:1"
AUDITOR = SignerKey("auditor.example.org", bytes(32))
SEEDS = [ROOT / "seeds" / name for name in ("01-actors.yaml", "02-founding-case.yaml")]
SOME = 60
"""Rows of the third file."""
SECONDS = 60
CASUALTIES, CEASEFIRE, CEASEFIRES = KINDS["casualties"], KINDS["ceasefire"], KINDS["ceasefires"]


@pytest.fixture(scope="module")
def own(cluster: Cluster) -> Iterator[Database]:
    with cluster.database() as made:
        yield made


@pytest.fixture(scope="module")
def served(own: Database) -> Iterator[ServiceProcess]:
    with serving(environment={"LEDGER_DATABASE_URL": own.service_url}) as running:
        with running.channel() as channel:
            some = reports_in(ROOT / "seeds" / "03-ucdp-ged-idlib-2019.jsonl")[:SOME]
            Client(channel).append(*reports_in(*SEEDS), *some)
        yield running


@pytest.fixture(scope="module")
def session(served: ServiceProcess) -> Iterator[Session]:
    with closing(Session(address=served.address)) as opened:
        yield opened


@pytest.fixture(scope="module")
def stated(session: Session) -> dict[str, tuple[Question, Statement]]:
    """Several questions, and what the record answers to each; computed together."""
    found = computed(session, served_record(session), list(QUESTIONS.values()))
    return {name: (QUESTIONS[name], statement) for name, statement in zip(QUESTIONS, found, strict=True)}


def served_record(session: Session) -> ServedRecord:
    return ServedRecord(session, parsed(named_keys(session)))


def casualties(**asked: Any) -> Question:
    return Question(CASUALTIES, casualties_pb2.GetCasualtiesRequest(ledger="main", **asked))


def moment(day: str) -> records_pb2.AsOf:
    found = records_pb2.AsOf()
    found.recorded_at.FromJsonString(f"{day}T00:00:00Z")
    return found


MONTHS = [casualties_pb2.CASUALTY_GROUPING_MONTH, casualties_pb2.CASUALTY_GROUPING_PARTY]
QUESTIONS = {
    "all": casualties(),
    "months": casualties(
        group_by=MONTHS,
        count_policy=casualties_pb2.COUNT_POLICY_ACLED_2019,
        resolution_rule=casualties_pb2.RESOLUTION_RULE_ENVELOPE,
        count_aggregates=True,
        spread_imprecise_dates=True,
    ),
    "ucdp": casualties(
        count_policy=casualties_pb2.COUNT_POLICY_UCDP_RANGE,
        filter=casualties_pb2.CasualtyFilter(places=["Idlib"], outcomes=[1]),
    ),
    "earlier": casualties(as_of=records_pb2.AsOf(position=30), min_position=40),
    "long ago": casualties(as_of=moment("1999-01-01")),
    "some day": casualties(as_of=moment("2999-01-01")),
    "sochi": Question(
        CEASEFIRE,
        ceasefires_pb2.GetCeasefireStatusRequest(ledger="main", agreement_id="sochi-memorandum", window_days=30),
    ),
    "a day": Question(CEASEFIRES, ceasefires_pb2.ListCeasefiresRequest(ledger="main", at="2020-01-20")),
    "ceasefires": Question(CEASEFIRES, ceasefires_pb2.ListCeasefiresRequest(ledger="main"), limit=2),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_honest_servers_figures_and_state_are_those_of_its_record(
    stated: dict[str, tuple[Question, Statement]], session: Session, name: str
) -> None:
    question, statement = stated[name]
    assert compared(session, question, statement) is Compared.STATE
    note = sign_statement(statement, [AUDITOR])
    trusted = [*parsed(named_keys(session)), AUDITOR.verifier()]
    assert open_statement(note, trusted).statement == statement


def test_a_question_is_stated_with_all_that_it_left_to_defaults(
    stated: dict[str, tuple[Question, Statement]],
) -> None:
    _, everything = stated["all"]
    size = str(everything.checkpoint.size)
    assert everything.question == {
        "ledger": "main",
        "group_by": ["CASUALTY_GROUPING_PARTY", "CASUALTY_GROUPING_CLASS", "CASUALTY_GROUPING_OUTCOME"],
        "count_policy": "COUNT_POLICY_VERBATIM_1",
        "resolution_rule": "RESOLUTION_RULE_LATEST",
        "as_of": {"position": size},
    }
    found = {name: statement.question for name, (_, statement) in stated.items()}
    assert found["earlier"]["as_of"] == {"position": "30"}
    assert found["long ago"]["as_of"] == {"position": "0"}
    assert found["some day"]["as_of"] == {"position": size}
    assert found["sochi"] == {
        **{"ledger": "main", "agreement_id": "sochi-memorandum", "at": "2020-02-12", "window_days": 30},
        "as_of": {"position": size},
    }
    assert (found["a day"]["at"], found["ceasefires"]["at"]) == ("2020-01-20", "2020-02-12")
    assert everything.answer["basis"].keys() == {"as_of_position", "as_of_recorded_at", "projection"}
    assert len(stated["ceasefires"][1].answer["ceasefires"]) == 2


def test_a_server_that_changes_one_number_is_found_out_by_its_path(
    stated: dict[str, tuple[Question, Statement]], served: ServiceProcess
) -> None:
    question, statement = stated["all"]
    request = casualties_pb2.GetCasualtiesRequest(as_of=records_pb2.AsOf(position=statement.checkpoint.size))
    with served.channel() as channel:
        lie = CasualtyServiceStub(channel).GetCasualties(request, timeout=SECONDS)
    place = next(index for index, each in enumerate(lie.figures) if each.figure.HasField("best"))
    lie.figures[place].figure.best += 1
    with canned_server() as canned, closing(Session(address=canned.address)) as asking:
        canned.answers["GetCasualties"] = lie
        with pytest.raises(Refused, match=rf"figures\[{place}\]\.figure\.best: computed again .*the server says"):
            compared(asking, question, statement)
        lie.figures[place].figure.best -= 1
        assert compared(asking, question, statement) is Compared.ANSWER  # it does not tell of its state
        del lie.figures[-1]
        with pytest.raises(Refused, match=rf"figures\[{len(lie.figures)}\]: .*the server says nothing"):
            compared(asking, question, statement)


def test_the_digest_is_compared_only_with_that_of_the_same_size_and_version(
    stated: dict[str, tuple[Question, Statement]], served: ServiceProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    question, statement = stated["long ago"]
    with served.channel() as channel:
        request = casualties_pb2.GetCasualtiesRequest(as_of=records_pb2.AsOf(position=0))
        answer = CasualtyServiceStub(channel).GetCasualties(request, timeout=SECONDS)
    with canned_server() as canned, closing(Session(address=canned.address)) as asking:
        canned.answers["GetCasualties"] = answer

        def with_state(**told: Any) -> Compared:
            told = {"position": statement.checkpoint.size, "version": statement.version, **told}
            state = projection_service_pb2.Projection(**told)
            canned.answers["GetProjection"] = projection_service_pb2.GetProjectionResponse(projection=state)
            return compared(asking, question, statement)

        assert with_state(state_digest=statement.state) is Compared.STATE
        assert with_state(position=statement.checkpoint.size + 1, state_digest="") is Compared.ANSWER
        assert with_state(version=99, state_digest="") is Compared.ANSWER
        assert "and version 99" in capsys.readouterr().err.replace("\n", " ")
        with pytest.raises(Refused, match="the answer is the same, but the server's casualties are not"):
            with_state(state_digest="00" * 32)


def test_a_read_model_that_was_changed_in_the_database_is_found(
    stated: dict[str, tuple[Question, Statement]], own: Database, session: Session
) -> None:
    question, statement = stated["all"]
    with psycopg.connect(own.admin_url) as connection:
        connection.execute("SET search_path TO ledger_main_casualties_g1")
        changed = "UPDATE {} = {} WHERE position = (SELECT max(position) FROM claims)"
        connection.execute("UPDATE claims SET stated_incident_id = stated_incident_id || 'x' WHERE position = 20")
        assert connection.execute("SELECT count(*) FROM claims WHERE position = 20").fetchone() == (1,)
        connection.commit()
        with pytest.raises(Refused, match="the answer is the same, but"):
            compared(session, question, statement)
        connection.execute("UPDATE claims SET stated_incident_id = rtrim(stated_incident_id, 'x') WHERE position = 20")
        connection.execute("UPDATE totals SET best = best + 1, low = low + 1, high = high + 1")
        connection.commit()
        with pytest.raises(Refused, match=r"figures\[0\]\.figure\.low: computed again it is"):
            compared(session, question, statement)
        connection.execute("UPDATE totals SET best = best - 1, low = low - 1, high = high - 1")
        connection.commit()
    assert compared(session, question, statement) is Compared.STATE
