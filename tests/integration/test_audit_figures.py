"""Figures computed again from the verified record: they are what an honest server says, whatever is asked, and one
that says anything else is found out, by the field in which it does."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from incident.ledger.v1 import casualty_service_pb2 as casualties_pb2
from incident.ledger.v1 import ceasefire_service_pb2 as ceasefires_pb2
from incident.ledger.v1 import ledger_service_pb2, projection_service_pb2, records_pb2, values_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from incident.ledger.v1.ceasefire_service_pb2_grpc import CeasefireServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit.cosignatures import CosignerKey
from ledger.audit.notes import SignerKey
from ledger.audit.statements import NAMES, Compared, Statement, open_statement, sign_statement
from ledger.cli import audit_recompute, run
from ledger.cli.audit_recompute import (
    FolderRecord,
    ServedRecord,
    check_same,
    compared,
    computed,
    position_of,
    recomputed,
)
from ledger.cli.audit_replay import Begun, begun, named_keys
from ledger.cli.failures import FaultyInput, Refused
from ledger.cli.figure_kinds import KINDS, Question, answered, check_whole
from ledger.cli.figure_verify import verify_statement
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
AS_IN_A_TERMINAL = """
import signal
from ledger.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
"""The command; also where the tests run in the background of a shell, which has interrupts ignored."""
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
        filter=casualties_pb2.CasualtyFilter(places=["Idlib"], outcomes=[values_pb2.OUTCOME_KILLED]),
    ),
    "earlier": casualties(as_of=records_pb2.AsOf(position=30), min_position=40),
    "long ago": casualties(as_of=moment("1999-01-01")),
    "some day": casualties(as_of=moment("2999-01-01")),
    "sochi": Question(
        CEASEFIRE,
        ceasefires_pb2.GetCeasefireStatusRequest(ledger="main", agreement_id="sochi-memorandum", window_days=30),
    ),
    "a day": Question(CEASEFIRES, ceasefires_pb2.ListCeasefiresRequest(ledger="main", at="2020-01-20")),
    "ceasefires": Question(CEASEFIRES, ceasefires_pb2.ListCeasefiresRequest(ledger="main"), limit=2),  # all of them
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
    verify_statement(session, note, trusted, False, None)


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
        "ledger": "main",
        "agreement_id": "sochi-memorandum",
        "at": "2020-02-12",
        "window_days": 30,
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


def test_one_agreement_too_many_is_no_page_of_a_longer_list(
    stated: dict[str, tuple[Question, Statement]], served: ServiceProcess
) -> None:
    question, statement = stated["ceasefires"]
    with served.channel() as channel:
        request = ceasefires_pb2.ListCeasefiresRequest(as_of=records_pb2.AsOf(position=statement.checkpoint.size))
        answer = CeasefireServiceStub(channel).ListCeasefires(request, timeout=SECONDS)
    answer.ceasefires.add(agreement_id="invented")

    def page(request: Any) -> Any:
        given = ceasefires_pb2.ListCeasefiresResponse(next_page_token="more")
        given.MergeFrom(answer)
        del given.ceasefires[request.page_size :]
        return given

    with canned_server() as canned, closing(Session(address=canned.address)) as asking:
        canned.answers["ListCeasefires"] = page
        ask = asking.stub(CeasefireServiceStub).ListCeasefires
        with pytest.raises(FaultyInput, match="more than 2 ceasefires fit"):
            check_whole(question, answered(ask, question, request.as_of, SECONDS))
        with pytest.raises(
            Refused, match=r"ceasefires\[2\]: computed again it is nothing, the server says .*invented"
        ):
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
        connection.execute("UPDATE claims SET stated_incident_id = stated_incident_id || 'x' WHERE position = 20")
        assert connection.execute("SELECT count(*) FROM claims WHERE position = 20").fetchone() == (1,)
        connection.commit()
        with pytest.raises(Refused, match="the answer is the same, but"):
            compared(session, question, statement)
        connection.execute(
            "UPDATE claims SET stated_incident_id = rtrim(stated_incident_id, 'x') WHERE position = 20"
        )
        connection.execute("UPDATE totals SET best = best + 1, low = low + 1, high = high + 1")
        connection.commit()
        with pytest.raises(Refused, match=r"figures\[0\]\.figure\.low: computed again it is"):
            compared(session, question, statement)
        connection.execute("UPDATE totals SET best = best - 1, low = low - 1, high = high - 1")
        connection.commit()
    assert compared(session, question, statement) is Compared.STATE


def test_every_command_of_the_page_works(served: ServiceProcess, session: Session, tmp_path: Path) -> None:
    make, state, verify, again, folder = [
        each.text for each in blocks(read(PAGE)) if each.text.startswith(("incident-ledger", "(umask"))
    ]
    key = named_keys(session)[0]
    test_how_to.run(make, tmp_path)
    auditor = SignerKey.parse((tmp_path / "auditor.key").read_text()).verifier()
    told = test_how_to.run(state, tmp_path, LEDGER_ADDRESS=served.address, LEDGER_VERIFIER_KEYS=key)
    assert str(auditor) in told.replace("\n", "")
    assert "answer and state" in told
    known = {"LEDGER_VERIFIER_KEYS": f"{key} {auditor}"}
    offline = test_how_to.run(verify, tmp_path, **known, LEDGER_ADDRESS=NOWHERE)
    assert "figure, verified" in offline
    assert str(auditor) in offline.replace("\n", "")
    assert re.search(r"government-of-turkey +troops +killed +12 +12 +12", offline)
    assert "figure, computed again" in test_how_to.run(again, tmp_path, **known, LEDGER_ADDRESS=served.address)
    export, recompute_ = folder.splitlines()
    test_how_to.run(export, tmp_path, **known, LEDGER_ADDRESS=served.address)
    assert "figure, computed again" in test_how_to.run(recompute_, tmp_path, **known, LEDGER_ADDRESS=NOWHERE)


def test_a_statement_holds_for_a_record_that_grew_but_not_where_it_was_redacted_since(
    served: ServiceProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a ledger of its own, because others count what they have."""
    with served.channel() as channel, closing(Session(address=served.address, ledger="grown")) as asking:
        client = Client(channel).create_ledger("grown")
        claims = [claim(count=3), claim(count=5, incident_id="other"), claim(count=7, incident_id="third")]
        (first,) = client.append(filed("one", *claims))
        gone, kept = (event.event_id for event in first.events[2:4])
        client.append(filed("two", redaction(gone)))
        client.casualties()  # so that the read model has taken it
        record, moments = served_record(asking), [None, records_pb2.AsOf(position=2)]
        requests = [casualties_pb2.GetCasualtiesRequest(ledger="grown", as_of=each) for each in moments]
        questions = [Question(CASUALTIES, each) for each in requests]
        stated = computed(asking, record, questions)
        for question, statement in zip(questions, stated, strict=True):
            assert compared(asking, question, statement) is Compared.STATE
            assert statement.redacted == 1
        assert [each.answer["figures"][0]["figure"]["best"] for each in stated] == ["10", "3"]
        client.append(filed("three", claim(count=90, incident_id="fourth")), filed("four", redaction(kept)))
        for other in (0, 2):  # with 0, a forged state would pass for one from before a redaction
            with pytest.raises(Refused, match=f"redacted by then: the record says 1, the statement {other}"):
                recomputed(asking, record, [replace(stated[1], redacted=other, state="00" * 32)])
        after, before = recomputed(asking, record, stated)
        assert check_same(before, stated[1]) == "1 more payload was redacted since it was made"
        signed, events = replayed_while_it_was_redacted(record, stated[0], monkeypatch)
        assert signed.checkpoint.size == len(events) == stated[0].checkpoint.size + 4
        with pytest.raises(
            Refused, match=r"the answer is another one: figures\[0\].*; 1 more payload was .* be why"
        ):
            check_same(after, stated[0])


def replayed_while_it_was_redacted(
    record: ServedRecord, earlier: Statement, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, list[bytes]]:
    """A replay that began with an earlier checkpoint, and found a payload gone by the time that it came to it."""

    def begun_before(session: Session, trusted: Any, after: int = 0) -> Begun:
        if after:
            return begun(session, trusted, after)
        request = ledger_service_pb2.ReplayHistoryRequest(
            ledger="grown", to_position=earlier.checkpoint.size, view=records_pb2.EVENT_VIEW_RAW
        )
        batches = session.stub(LedgerServiceStub).ReplayHistory(request, timeout=SECONDS)
        return Begun(earlier.checkpoint, earlier.note, (), batches)

    monkeypatch.setattr(audit_recompute, "begun", begun_before)
    events: list[bytes] = []
    return record.replay(lambda entry, salt, payload: events.append(entry)), events


def filed(report_id: str, *claims: dict[str, Any]) -> Any:
    """A report."""
    head = {"report_id": report_id, "source": {"name": "An outlet"}, "reported": "2020-02-12"}
    content = {**head, "recorded_by": "a guardian"}
    return report_message(**content, claims=claims)


def test_a_statement_is_refused_for_whatever_it_says_otherwise(
    stated: dict[str, tuple[Question, Statement]],
) -> None:
    again = stated["all"][1]
    earlier = again.made_at - timedelta(days=9)
    assert check_same(again, replace(again, compared=Compared.ANSWER, made_at=earlier)) == ""
    assert "of version 99" in check_same(again, replace(again, version=99, state="00" * 32))
    forged = {**again.answer, "figures": again.answer["figures"][:-1]}
    asked = {**again.question, "resolution_rule": "RESOLUTION_RULE_ENVELOPE"}
    for changed, told in (
        ({"answer": forged}, r"the answer is another one: figures\[\d+\]: computed again .* says nothing$"),
        ({"question": asked}, "the question is another one: resolution_rule: "),
        ({"state": "00" * 32}, "the answer is the same, but the digest"),
        ({"projection": "ceasefires"}, "casualties come from casualties; the statement says ceasefires"),
        ({"answer": forged, "version": 99}, "the answer is another one"),
    ):
        with pytest.raises(Refused, match=told):
            check_same(again, replace(again, **changed))


def test_a_question_is_as_of_a_position_that_is_covered() -> None:
    def at(moment: datetime) -> int:
        assert moment == datetime(1999, 1, 1, tzinfo=UTC)
        return 4

    assert position_of(records_pb2.AsOf(), 9, at) == 9
    assert position_of(records_pb2.AsOf(generation=3), 9, at) == 9
    assert position_of(records_pb2.AsOf(position=0), 9, at) == 0
    assert position_of(records_pb2.AsOf(position=9), 9, at) == 9
    assert position_of(moment("1999-01-01"), 9, at) == 4
    with pytest.raises(FaultyInput, match="--as-of 10 is beyond the 9 events"):
        position_of(records_pb2.AsOf(position=10), 9, at)


def test_a_folder_that_ends_before_the_statement_is_told(
    stated: dict[str, tuple[Question, Statement]], session: Session, tmp_path: Path
) -> None:
    key = named_keys(session)[0]
    options = ("--address", session.address, "audit")
    assert run([*options, "export", str(tmp_path / "all"), "--key", key]) == 0
    record = FolderRecord(session, parsed([key]), tmp_path / "all")
    taken: list[bytes] = []
    statement = stated["all"][1]
    record.replay_to(replace(statement.checkpoint, size=3), lambda entry, salt, payload: taken.append(entry))
    assert len(taken) == 3
    size = statement.checkpoint.size
    with pytest.raises(Refused, match=f"ends at {size} events, the statement at {size + 1}"):
        record.replay_to(replace(statement.checkpoint, size=size + 1), lambda entry, salt, payload: None)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["figure", "casualties", "--output", "x.figure"], 2, "--output and --sign-key go together"),
        (["figure", "casualties", "--sign-key", "KEY"], 2, "--output and --sign-key go together"),
        (["figure", "casualties", "--sign-key", "OPEN", "--output", "x"], 2, "others can read"),
        (["figure", "casualties", "--sign-key", "NOTE", "--output", "x"], 2, "holds no key that signs"),
        (["figure", "ceasefires", "--folder", "."], 2, "no folder vouches for itself"),
        (["figure", "ceasefires", "x", "--party", "y"], 2, "leave them out with an ID"),
        (["verify", "NOTE", "--recompute", "--key", "AUDITOR"], 2, "--recompute is for a figure's statement"),
        (["verify", "FIGURE", "--folder", ".", "--key", "AUDITOR"], 2, "--folder goes with it"),
        (["verify", "FIGURE", "--key", "LEDGER"], 1, "no trusted key has signed the note"),
        (["verify", "FIGURE", "--key", "AUDITOR"], 1, "of its checkpoint: no trusted key"),
        (["verify", "FOREIGN", "--key", "AUDITOR LEDGER"], 1, "asks the ledger 'other', and its checkpoint is of"),
        (["verify", "BEYOND", "--key", "AUDITOR LEDGER"], 1, "does not ask as of a position up to"),
        (["verify", "TIMED", "--key", "AUDITOR LEDGER"], 1, "does not ask as of a position up to"),
        (["verify", "EARLIER", "--key", "AUDITOR LEDGER"], 1, "asks as of position 2, and answers as of"),
        (["verify", "NEWER", "--key", "AUDITOR LEDGER"], 1, "cannot read the question"),
        (["verify", "ODD", "--key", "AUDITOR LEDGER"], 1, "it is no object of JSON"),
        (["verify", "UNKNOWN", "--key", "AUDITOR LEDGER"], 1, "knows no figure 'threats'"),
        (["verify", "FIGURE", "--witness-policy", "POLICY", "--key", "AUDITOR LEDGER"], 1, "w has not cosigned"),
        (["figure", "ceasefires", "--witness-policy", "POLICY", "--key", "LEDGER"], 1, "w has not cosigned"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_computed(
    stated: dict[str, tuple[Question, Statement]],
    session: Session,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    told: str,
) -> None:
    statement = stated["all"][1]
    beyond = {"position": str(statement.checkpoint.size + 1)}
    moments = {
        name: {**statement.question, "as_of": as_of}
        for name, as_of in (
            ("BEYOND", beyond),
            ("TIMED", {"recorded_at": "2999-01-01T00:00:00Z"}),
            ("EARLIER", {"position": "2"}),
        )
    }
    texts = {
        "KEY": AUDITOR.secret(),
        "OPEN": AUDITOR.secret(),
        "NOTE": statement.note,
        "FIGURE": sign_statement(statement, [AUDITOR]),
        "FOREIGN": sign_statement(replace(statement, question={"ledger": "other"}), [AUDITOR]),
        **{name: sign_statement(replace(statement, question=asked), [AUDITOR]) for name, asked in moments.items()},
        "NEWER": sign_statement(replace(statement, question={"ledger": "main", "mood": "x"}), [AUDITOR]),
        "ODD": sign_statement(replace(statement, answer=[]), [AUDITOR]),
        "POLICY": f"witness w {CosignerKey('witness.example', bytes(32))}\nquorum w\n",
        "UNKNOWN": sign_statement(replace(statement, figure="threats"), [AUDITOR]),
    }
    keys = {"AUDITOR": str(AUDITOR.verifier()), "LEDGER": named_keys(session)[0]}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o644 if name == "OPEN" else 0o600)
    written = [str(tmp_path / each) if each in texts else each for each in arguments]
    written = [" ".join(keys.get(part, part) for part in each.split(" ")) for each in written]
    assert run(["--address", session.address, "audit", *written]) == code
    assert told in capsys.readouterr().err


def test_a_statement_is_told_to_machines_with_all_its_lines(
    stated: dict[str, tuple[Question, Statement]],
    session: Session,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    statement, file = stated["sochi"][1], tmp_path / "sochi.figure"
    file.write_text(sign_statement(statement, [AUDITOR]))
    keys = f"{named_keys(session)[0]} {AUDITOR.verifier()}"
    assert run(["--address", NOWHERE, "--json", "audit", "verify", str(file), "--key", keys]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verified"], told["computed_again"], told["signed_by"]) == (
        "figure",
        False,
        [str(AUDITOR.verifier())],
    )
    assert (told["size"], told["root"]) == (statement.checkpoint.size, statement.checkpoint.root.hex())
    assert (told["question"], told["answer"]) == (statement.question, statement.answer)
    assert told.keys() - {"verified", "computed_again", "signed_by", "made_at"} == {
        name for name in NAMES if name not in ("made-at", "checkpoint")
    }


def test_there_are_no_figures_of_the_administrative_record(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--address", session.address, "--ledger", "administration"]
    assert run([*options, "audit", "figure", "casualties"]) == 1
    assert "there are no figures of it" in capsys.readouterr().err


def test_without_a_postgresql_of_this_machine_it_is_told_what_to_install(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(bin_dir: Path | None) -> Path:
        raise BinariesMissingError("no wheel")

    monkeypatch.setattr("ledger.embedded.server.find_binaries", missing)
    assert run(["--address", session.address, "audit", "figure", "casualties"]) == 1
    assert "install 'incident-ledger[embedded]'" in capsys.readouterr().err


def test_interrupted_it_leaves_neither_files_nor_a_server(session: Session, tmp_path: Path) -> None:
    """While its database is being made."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = ["--address", session.address, "audit", "figure", "casualties"]
    process = subprocess.Popen(
        [sys.executable, "-c", AS_IN_A_TERMINAL, *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + SECONDS
    while not (made := list(tmp_path.glob("*/cluster.new/base"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert made
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=SECONDS)
    assert (process.returncode, said.strip()) == (130, "")
    assert list(tmp_path.iterdir()) == []
    while (left := processes_of(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.02)  # what was told to end still does
    assert left == []


def processes_of(folder: Path) -> list[Path]:
    """Processes that were started for something in a folder."""
    return [each for each in Path("/proc").glob("[0-9]*/cmdline") if str(folder).encode() in contents(each)]


def contents(file: Path) -> bytes:
    """What is in it; nothing where its process has just ended."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
