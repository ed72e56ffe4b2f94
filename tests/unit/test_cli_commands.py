"""Facts about the command: what it asks, what it prints, how it ends. The server gives canned answers."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from grpc_health.v1 import health_pb2

from incident.ledger.v1 import casualty_service_pb2 as casualty
from incident.ledger.v1 import ceasefire_service_pb2 as ceasefire
from incident.ledger.v1 import ledger_service_pb2 as ledger
from incident.ledger.v1 import projection_service_pb2 as projection
from incident.ledger.v1 import records_pb2
from ledger import errors
from ledger.api.statuses import status_of
from ledger.audit.envelope import encode
from ledger.cli import COMMANDS, failures, run
from ledger.cli.views import show_views
from tests.canned_server import CannedServer, canned_server

BASIS = {
    "as_of_position": 42,
    "as_of_recorded_at": "2020-02-13T10:00:00Z",
    "projection": "casualties",
    "generation": 3,
}
TURKEY = [
    {"grouping": "CASUALTY_GROUPING_PARTY", "value": "turkey"},
    {"grouping": "CASUALTY_GROUPING_CLASS", "value": "troops"},
    {"grouping": "CASUALTY_GROUPING_OUTCOME", "value": "killed"},
]
SYRIA = [
    {**key, "value": value} for key, value in zip(TURKEY, ("government-of-syria", "troops", "killed"), strict=True)
]
DAY = {"start": "2020-02-10", "end": "2020-02-10", "precision": "DATE_PRECISION_DAY"}
WEEK = {"start": "2020-02-03", "end": "2020-02-09", "precision": "DATE_PRECISION_WEEK"}
IDLIB = {"name": "Idlib", "precision": "PLACE_PRECISION_ADMIN1"}


def event(position: int, kind: str, **claim: Any) -> dict[str, Any]:
    """A recorded event."""
    return {
        "position": position,
        "type": kind,
        "stream": "incidents/idlib-2020-02-10",
        "revision": 1,
        "event_id": "7f4df0f2-9c1e-4a45-9a55-0d9f0a2f6f51",
        "report_id": "report-1",
        "recorded_at": "2020-02-13T10:00:00Z",
        "claim": claim,
    }


KILLED = event(
    5,
    "TroopsKilled",
    occurred=DAY,
    place=IDLIB,
    troops_killed={
        "incident_id": "idlib-2020-02-10",
        "victim_party": "turkey",
        "perpetrators": ["government-of-syria"],
        "count": {"qualifier": "COUNT_QUALIFIER_EXACT", "stated": "5"},
    },
)
CLAIM = {
    "event": KILLED,
    "source": {"name": "Outlet"},
    "reported": "2020-02-12",
    "verification": "VERIFICATION_REPORTED",
    "flags": ["SINGLE_SOURCE"],
}

Run = Callable[..., int]


@pytest.fixture
def server() -> Iterator[CannedServer]:
    """A server with canned answers."""
    with canned_server() as canned:
        yield canned


@pytest.fixture
def ask(server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command against the server; its exit code."""
    monkeypatch.setenv("LEDGER_ADDRESS", server.address)
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *arguments: run([str(each) for each in arguments])


def lines(text: str) -> list[list[str]]:
    """The cells of a table's lines, roughly: words that two spaces part."""
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines() if line.strip()
    ]


def says(kind: Any, **content: Any) -> Any:
    """A message from plain data."""
    return ParseDict(content, kind())


# Every command


WITHIN_GROUPS = (
    "export incidents",
    "export casualties",
    "projections verify",
    "projections drop",
    "projections roll-back",
)


@pytest.mark.parametrize("name", [name for name in (*COMMANDS, *WITHIN_GROUPS) if name != "serve"])
def test_help_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*name.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert "Example" in out
    assert f"incident-ledger {name}" in out


@pytest.mark.parametrize(
    "name",
    [name for name in (*COMMANDS, *WITHIN_GROUPS) if name not in ("serve", "provision", "export", "witness")],
)
def test_a_command_takes_the_shared_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run([*name.split(), "--help"])
    out = capsys.readouterr().out
    assert all(option in out for option in ("--address", "--ledger", "--json", "--timeout"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["casualtys"], "No such command 'casualtys'"),
        (["casualties", "--outcome", "dead"], "`dead` is none of killed, injured, missing, captured"),
        (["casualties", "--as-of", "soon"], "`soon` is neither a position nor a time"),
        (["casualties", "--as-of", "9" * 20], "is neither a position nor a time"),
        (["casualties", "--as-of", "9" * 5000], "is neither a position nor a time"),
        (["casualties", "--min-position", "9" * 20], "is not in the range"),
        (["casualties", "--max-date-precision", "9" * 5000], "is none of"),
        (["casualties", "--timeout", "1e10"], "is not in the range"),
        (["casualties", "--timeout", "inf"], "is not in the range"),
        (["casualties", "--timeout", "nan"], "`nan` is not a number of seconds"),
        (["ceasefires", "--window", "99999999999"], "is not in the range"),
        (["event", "9" * 20], "is neither"),
        (["replay", "--from", "9" * 20], "is not in the range"),
        (["replay", "--explain"], "name it with --incident ID, --report ID, or --stream"),
        (["replay", "--explain", "--incident", "a", "--type", "TollClaimed", "--raw"], "drop --raw, --type"),
        (["replay", "--explain", "--incident", "a", "--recorded-from", "2020-01-01"], "drop --recorded-from"),
        (["replay", "--explain", "--stream", "agreements/"], "no one thing's stream"),
        (["replay", "--explain", "--stream", "sochi"], "no one thing's stream"),
        (["replay", "--incident", "a"], "give --stream incidents/ID"),
        (["tail", "--after", "9" * 20], "is not in the range"),
        (["rebuild", "casualties", "--at-position", "9" * 20], "is not in the range"),
        (["casualties", "--from", "2020-02-30"], "`2020-02-30` is not a day; write it as YYYY-MM-DD"),
        (["casualties", "--box", "1,2"], "`1,2` is not SOUTH,WEST,NORTH,EAST"),
        (["claims", "--group", "party"], "`party` is not KEY=VALUE"),
        (["append", "no-such-file.yaml"], "no-such-file.yaml"),
        (["ceasefires", "sochi", "--status", "in_force"], "--party and --status choose among all agreements"),
        (["incident"], "Missing argument"),
    ],
)
def test_faulty_usage_is_told_in_words_and_ends_with_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert told in error
    assert "Traceback" not in error


def test_no_server_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["casualties", "--address", "127.0.0.1:1"]) == 3
    error = capsys.readouterr().err
    assert error.startswith("error: no server answers at 127.0.0.1:1\n")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (errors.NotFoundError(kind="incident", id="x"), 1, ["There is no incident 'x'"]),
        (errors.UnavailableError(why="stopping"), 3, ["The ledger cannot answer now: stopping."]),
        (errors.PositionNotReachedError(reached=7, min_position=9), 3, ["has reached position 7, not yet 9"]),
        (errors.OverloadedError(what="queue", retry_seconds=1.5), 1, ["The queue is full", "try again in 1.5 s"]),
        (errors.InternalError(id="abc"), 1, ["the service's log holds it under the id abc"]),
        (
            errors.InvalidRequestError([errors.Violation("a.b", "is wrong"), errors.Violation("c", "is too")]),
            2,
            ["error: the request has faults\n  a.b: is wrong\n  c: is too\n"],
        ),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_a_refusal_is_told_with_its_details(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], error: Exception, code: int, told: list[str]
) -> None:
    server.answers["GetIncident"] = error
    assert ask("incident", "x") == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert all(each in err for each in told), err


def test_an_answer_that_comes_too_late_ends_with_3(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def late(request: Any) -> Any:
        time.sleep(1)
        return casualty.GetIncidentResponse()

    server.answers["GetIncident"] = late
    assert ask("incident", "x", "--timeout", "0.2") == 3
    assert f"no answer from {server.address} in time" in capsys.readouterr().err


def test_options_after_the_command_win_over_those_before_it(ask: Run, server: CannedServer) -> None:
    server.answers["ListProjections"] = projection.ListProjectionsResponse()
    assert ask("--ledger", "first", "projections") == 0
    assert ask("--ledger", "first", "projections", "--ledger", "second") == 0
    assert [each.ledger for each in server.requests("ListProjections")] == ["first", "second"]


# Questions


CASUALTIES = says(
    casualty.GetCasualtiesResponse,
    basis=BASIS,
    count_policy="verbatim-1",
    resolution_rule="latest",
    filter={"places": ["Idlib"], "max_date_precision": "DATE_PRECISION_WEEK"},
    figures=[
        {
            "key": TURKEY,
            "figure": {"low": "12", "best": "12", "high": "12", "text": "12"},
            "incidents": "2",
            "claims": "2",
        },
        {
            "key": SYRIA,
            "figure": {"best": "200", "text": "about 200"},
            "incidents": "1",
            "claims": "1",
            "flags": ["PARTY_CLAIM", "AGGREGATE"],
            "left_out": [{"reason": "UNRESOLVED_WORDS", "claims": "1", "description": "words without a number"}],
        },
    ],
    tolls=[
        {
            "event": event(
                10,
                "TollClaimed",
                occurred={"start": "2018-09-17", "end": "2020-02-12", "precision": "DATE_PRECISION_YEARS"},
                place=IDLIB,
                toll_claimed={"victim_class": "VICTIM_CLASS_CIVILIANS", "outcome": "OUTCOME_KILLED"},
            ),
            "claimed": {"low": "1801", "best": "1801", "text": "more than 1,800"},
            "itemised": {"low": "0", "best": "0", "high": "0", "text": "0"},
            "residual": {"low": "1801", "best": "1801", "text": "more than 1,800"},
        }
    ],
    left_out=[{"reason": "DATE_PRECISION", "claims": "3", "description": "dates less precise than asked for"}],
)


def test_casualties_are_a_table_with_its_label(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GetCasualties"] = CASUALTIES
    assert ask("casualties") == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    rows = lines(out)
    assert ["party", "class", "outcome", "low", "best", "high", "incidents", "claims", "remarks"] in rows
    assert ["turkey", "troops", "killed", "12", "12", "12", "2", "2"] in rows
    syria = next(row for row in rows if row[0] == "government-of-syria")
    assert syria[3:8] == ["…", "200", "open", "1", "1"]
    words = " ".join(out.split())
    for part in (
        "about 200",
        "party's own claim",
        "aggregate",
        "more than 1,800",
        "Tolls, never added",
        "DATE_PRECISION",
    ):
        assert part in words, part
    assert "As of position 42 (recorded 2020-02-13 10:00:00Z) · casualties generation 3" in words
    assert "policy verbatim-1 · rule latest · where places Idlib, max date precision week" in words
    assert "Left out: 3 claims (DATE_PRECISION): dates less precise than asked for" in words


def test_casualties_for_machines_are_one_document(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GetCasualties"] = CASUALTIES
    assert ask("--json", "casualties") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["figures"][0]["figure"] == {"low": "12", "best": "12", "high": "12", "text": "12"}
    assert document["figures"][1]["figure"] == {"best": "200", "text": "about 200"}
    assert document["count_policy"] == "verbatim-1"


def test_no_casualties_are_said_to_be_none(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GetCasualties"] = casualty.GetCasualtiesResponse()
    assert ask("casualties") == 0
    out = capsys.readouterr().out
    assert "No itemised claim fits." in out
    assert "As of an empty ledger" in out


def test_every_condition_of_the_filter_is_an_option(ask: Run, server: CannedServer) -> None:
    server.answers["GetCasualties"] = casualty.GetCasualtiesResponse()
    options = (
        "--victim-party turkey --victim-party russia --victim-class troops --outcome killed --perpetrator a "
        "--country Syria --admin1 Idlib --admin2 Harim --place Binnish --box 35,36,37,38 --circle 35.9,36.6,25 "
        "--from 2020-01-01 --to 2020-02-29 --incident i --source Outlet --attributed-to turkey --involving turkey "
        "--min-verification fair --kind-of-violence state-based --max-date-precision 2 "
        "--max-place-precision admin1 --exclude-aggregates --group-by party --group-by month "
        "--policy acled-2019 --rule most_reliable --with-aggregates --spread-imprecise-dates "
        "--as-of 41 --min-position 40"
    )
    assert ask("casualties", *options.split()) == 0
    (request,) = server.requests("GetCasualties")
    assert {field.name for field, _ in request.filter.ListFields()} == set(
        casualty.CasualtyFilter.DESCRIPTOR.fields_by_name
    )
    assert {field.name for field, _ in request.ListFields()} == set(
        casualty.GetCasualtiesRequest.DESCRIPTOR.fields_by_name
    )
    assert list(request.filter.victim_parties) == ["turkey", "russia"]
    assert (request.filter.box.south, request.filter.box.east, request.filter.circle.radius_km) == (35, 38, 25)
    assert request.count_policy == casualty.COUNT_POLICY_ACLED_2019
    assert list(request.group_by) == [casualty.CASUALTY_GROUPING_PARTY, casualty.CASUALTY_GROUPING_MONTH]
    assert (request.as_of.position, request.min_position) == (41, 40)


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2020-03-01", "2020-03-01T23:59:59.999999Z"),
        ("2020-03-01T12:00Z", "2020-03-01T12:00:00Z"),
        ("2020-03-01T12:00+02:00", "2020-03-01T10:00:00Z"),
    ],
)
def test_as_of_a_time(ask: Run, server: CannedServer, given: str, moment: str) -> None:
    server.answers["GetCasualties"] = casualty.GetCasualtiesResponse()
    assert ask("casualties", "--as-of", given) == 0
    assert server.requests("GetCasualties")[0].as_of.recorded_at.ToJsonString() == moment


def test_claims_are_gathered_from_all_pages_up_to_the_limit(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def page(request: Any) -> Any:
        more = {"": "second", "second": "third", "third": ""}[request.page_token]
        return says(casualty.ListClaimsResponse, basis=BASIS, claims=[CLAIM] * 2, next_page_token=more)

    server.answers["ListClaims"] = page
    assert ask("claims", "--limit", 4, "--group", "party=turkey", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (len(document["claims"]), document["next_page_token"]) == (4, "third")
    assert [each.page_size for each in server.requests("ListClaims")] == [4, 2]
    assert ask("claims", "--limit", 100) == 0
    out = capsys.readouterr().out
    assert out.count("5 killed") == 6
    assert "There is more" not in out


def test_a_figure_is_taken_apart_by_the_options_that_it_was_asked_with(ask: Run, server: CannedServer) -> None:
    server.answers["ListClaims"] = casualty.ListClaimsResponse()
    options = (
        "--place Idlib --group day=2020-02-03/2020-02-09 --group party= --policy ucdp-range --rule envelope "
        "--with-aggregates --spread-imprecise-dates --with-left-out --as-of 41 --min-position 40 --limit 7"
    )
    assert ask("claims", *options.split()) == 0
    (request,) = server.requests("ListClaims")
    expected = set(casualty.ListClaimsRequest.DESCRIPTOR.fields_by_name) - {"page_token"}
    assert {field.name for field, _ in request.ListFields()} == expected
    assert [(part.grouping, part.value) for part in request.group] == [
        (casualty.CASUALTY_GROUPING_DAY, "2020-02-03/2020-02-09"),
        (casualty.CASUALTY_GROUPING_PARTY, ""),
    ]


def test_claims_say_what_they_add_and_by_which_rules(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    six = {"low": "6", "best": "6", "high": "6", "text": "6"}
    server.answers["ListClaims"] = says(
        casualty.ListClaimsResponse,
        basis=BASIS,
        count_policy="verbatim-1",
        resolution_rule="envelope",
        spread_imprecise_dates=True,
        filter={"places": ["Idlib"]},
        group=[
            {"grouping": "CASUALTY_GROUPING_DAY", "value": "2020-02-10"},
            {"grouping": "CASUALTY_GROUPING_PARTY"},
        ],
        claims=[
            {**CLAIM, "adds": six},
            {**CLAIM, "adds": {"text": "unknown"}, "left_out": "UNRESOLVED_WORDS"},
            {**CLAIM, "left_out": "SUPERSEDED"},
            CLAIM,
        ],
    )
    assert ask("claims") == 0
    words = " ".join(capsys.readouterr().out.split())
    rules = "policy verbatim-1 · rule envelope · where places Idlib · imprecise dates in intervals · group "
    for part in ("6", "unknown,", "superseded", "counted", f"{rules}day 2020-02-10, party not stated"):
        assert part in words, part


def test_a_limit_says_that_there_is_more(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["ListClaims"] = says(casualty.ListClaimsResponse, claims=[CLAIM], next_page_token="next")
    assert ask("claims", "--limit", 1) == 0
    assert "There is more" in capsys.readouterr().out


def test_incidents_are_a_table(ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]) -> None:
    found = {"incident_id": "idlib-2020-02", "occurred": WEEK, "place": IDLIB, "claims": "4", "reports": "1"}
    server.answers["ListIncidents"] = says(casualty.ListIncidentsResponse, basis=BASIS, incidents=[found])
    assert ask("incidents", "--actor", "turkey", "--max-date-precision", "week") == 0
    out = capsys.readouterr().out
    assert "idlib-2020-02" in out
    assert "(admin1)" in out
    (request,) = server.requests("ListIncidents")
    assert (list(request.actor_ids), request.max_date_precision) == (["turkey"], 3)


def test_an_incident_is_shown_with_claims_former_claims_and_links(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GetIncident"] = says(
        casualty.GetIncidentResponse,
        basis=BASIS,
        incident={
            "incident_id": "idlib-2020-02-10",
            "occurred": DAY,
            "place": IDLIB,
            "merged_incident_ids": ["idlib-b"],
        },
        claims=[CLAIM],
        former_claims=[{**CLAIM, "held_from": "3", "held_to": "5"}],
        links=[{"kind": "ANSWERED_BY", "stream": "incidents/idlib-2020-02-retaliation", "position": "7"}],
    )
    assert ask("incident", "idlib-2020-02-10") == 0
    words = " ".join(capsys.readouterr().out.split())
    for part in (
        "2020-02-10; Idlib (admin1)",
        "Merged into it: idlib-b",
        "answered by",
        "held from",
    ):
        assert part in words, part


def test_forms_of_an_incident_s_claims_stand_in_order_of_occurrence(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    event: Any = CLAIM["event"]
    later = {**event, "position": "1", "claim": {**event["claim"], "occurred": WEEK}}
    server.answers["GetIncident"] = says(
        casualty.GetIncidentResponse,
        basis=BASIS,
        incident={"incident_id": "a"},
        former_claims=[CLAIM, {**CLAIM, "event": later, "held_to": "9"}],
    )
    assert ask("incident", "a") == 0
    out = capsys.readouterr().out
    days = [each["claim"]["occurred"]["start"] for each in (later, event)]
    first, second = sorted(days)
    assert out.index(first) < out.index(second)
    assert "No claim of it holds any more." in out


def test_a_timeline_shows_days_places_and_sources(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["ListTimeline"] = says(casualty.ListTimelineResponse, basis=BASIS, claims=[CLAIM])
    assert ask("timeline", "--place", "Idlib", "--from", "2020-02-01", "--max-date-precision", "week") == 0
    words = " ".join(capsys.readouterr().out.split())
    event: Any = CLAIM["event"]
    for part in (f"{event['type']}:", "Idlib (admin1)", "As of position 42"):
        assert part in words, part
    (request,) = server.requests("ListTimeline")
    assert (list(request.places), request.occurred_from) == (["Idlib"], "2020-02-01")
    assert (request.max_date_precision, request.page_size) == (3, 100)


CEASEFIRE = {
    "agreement_id": "sochi-memorandum-2018",
    "terms": {"title": "Sochi memorandum", "parties": ["turkey", "russia"], "zone": IDLIB},
    "formal": "FORMAL_STATUS_IN_FORCE",
    "observance": "OBSERVANCE_VIOLATED",
    "in_force_since": {"start": "2018-09-17", "end": "2018-09-17", "precision": "DATE_PRECISION_DAY"},
    "violations": {"total": "1", "alleged": "1"},
    "last_violation": "2020-02-12",
    "observance_rule": "observance-1",
    "explanation": ["Signed on 2018-09-17."],
    "parties": [{"party": "turkey", "formal": "FORMAL_STATUS_IN_FORCE"}],
    "transitions": [
        {"status": "FORMAL_STATUS_IN_FORCE", "occurred": WEEK, "positions": ["8"], "explanation": "signed"}
    ],
    "conflicting_dates": [
        {"what": "effective", "dates": [DAY, WEEK], "positions": ["11", "15"], "chosen": 1, "rule": "latest"}
    ],
    "left_out": [{"reason": "OUTSIDE_ZONE", "claims": "2", "description": "outside the zone"}],
}


def test_ceasefires_are_a_table_on_two_axes(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["ListCeasefires"] = says(
        ceasefire.ListCeasefiresResponse, basis=BASIS, at="2020-02-12", ceasefires=[CEASEFIRE]
    )
    assert ask("ceasefires", "--at", "2020-02-12", "--window", "30", "--status", "in_force") == 0
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 100
    for part in ("in force", "2018-09-17", "violated", "1 (1 alleged)", "at 2020-02-12", "rule observance-1"):
        assert part in words, part
    (request,) = server.requests("ListCeasefires")
    assert (request.at, request.window_days, list(request.formal)) == ("2020-02-12", 30, [4])


def test_one_ceasefire_is_shown_with_its_reasons(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["GetCeasefireStatus"] = says(
        ceasefire.GetCeasefireStatusResponse, basis=BASIS, at="2020-02-12", ceasefire=CEASEFIRE
    )
    assert ask("ceasefires", "sochi-memorandum-2018") == 0
    words = " ".join(capsys.readouterr().out.split())
    for part in (
        "Sochi memorandum",
        "turkey, russia",
        "- Signed on 2018-09-17.",
        "Sources differ on effective: 2020-02-10 (position 11); 2020-02-03 to 2020-02-09 (week) (position 15).",
        "Taken: 2020-02-03 to 2020-02-09 (week), by the rule latest.",
        "Left out: 2 claims (OUTSIDE_ZONE): outside the zone",
    ):
        assert part in words, part


def test_violations_are_a_table_with_a_series(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    violated = event(
        12,
        "CeasefireViolated",
        occurred=DAY,
        place=IDLIB,
        ceasefire_violated={"agreement_id": "sochi", "violators": ["russia"], "violation_kind": "shelling"},
    )
    server.answers["ListViolations"] = says(
        ceasefire.ListViolationsResponse,
        basis=BASIS,
        violations=[
            {"agreement_id": "sochi", "claim": {"event": violated}, "standing": "VIOLATION_STANDING_DISPUTED"}
        ],
        series=[{"from": "2020-02-10", "violations": "1"}],
    )
    assert ask("violations", "--agreement", "sochi", "--standing", "disputed", "--series", "week") == 0
    rows = lines(capsys.readouterr().out)
    assert ["12", "sochi", "2020-02-10", "disputed", "russia", "shelling"] in rows
    assert ["2020-02-10", "1"] in rows


def test_threats_are_a_table(ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]) -> None:
    issued = event(
        2,
        "ThreatIssued",
        occurred=DAY,
        threat_issued={
            "threat_id": "t-1",
            "threat_kind": "THREAT_KIND_ULTIMATUM",
            "issued_by": ["turkey"],
            "against": ["government-of-syria"],
            "deadline": {"start": "2020-02-29", "end": "2020-02-29", "precision": "DATE_PRECISION_DAY"},
            "announced_act": "push back",
        },
    )
    server.answers["ListThreats"] = says(
        ceasefire.ListThreatsResponse,
        basis=BASIS,
        threats=[{"threat_id": "t-1", "issued": {"event": issued}, "status": "THREAT_STATUS_EXPIRED"}],
    )
    assert ask("threats", "--at", "2020-03-01", "--kind", "ultimatum", "--status", "expired") == 0
    words = " ".join(capsys.readouterr().out.split())
    for part in ("ultimatum", "expired", "2020-02-29", "push"):
        assert part in words, part


@pytest.mark.parametrize(
    ("arguments", "method", "answer", "told"),
    [
        (["claims"], "ListClaims", casualty.ListClaimsResponse(), "No claim fits."),
        (["incidents"], "ListIncidents", casualty.ListIncidentsResponse(), "No incident fits."),
        (["timeline"], "ListTimeline", casualty.ListTimelineResponse(), "No claim fits."),
        (["ceasefires"], "ListCeasefires", ceasefire.ListCeasefiresResponse(), "No agreement is recorded."),
        (["violations"], "ListViolations", ceasefire.ListViolationsResponse(), "No violation fits."),
        (["threats"], "ListThreats", ceasefire.ListThreatsResponse(), "No threat fits."),
        (["ledgers"], "ListLedgers", ledger.ListLedgersResponse(), "There is no ledger yet."),
        (["projections"], "ListProjections", projection.ListProjectionsResponse(), "There is no projection."),
    ],
)
def test_an_empty_answer_says_so(
    ask: Run,
    server: CannedServer,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    method: str,
    answer: Any,
    told: str,
) -> None:
    server.answers[method] = answer
    assert ask(*arguments) == 0
    assert told in capsys.readouterr().out


def test_the_views_are_shown_in_one_go(server: CannedServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["GetCasualties"] = CASUALTIES
    server.answers["ListCeasefires"] = says(ceasefire.ListCeasefiresResponse, ceasefires=[CEASEFIRE])
    server.answers["ListThreats"] = ceasefire.ListThreatsResponse()
    with grpc.insecure_channel(server.address) as channel:
        show_views(channel, "main", min_position=42)
    out = capsys.readouterr().out
    assert "government-of-syria" in out
    assert "sochi-memorandum-2018" in out
    assert "No threat fits." in out
    assert {request.min_position for _, request in server.asked} == {42}


# The record


def outcome(report_id: str, **receipt: Any) -> dict[str, Any]:
    """A receipt for a report."""
    positions = [{"position": 1, "type": "ReportFiled"}, {"position": 2, "type": "TroopsKilled"}]
    stated = {"report_id": report_id, "events": positions, "recorded_at": "2020-02-13T10:00:00Z"}
    return {"report_id": report_id, "receipt": {**stated, **receipt}}


REPORT = """\
report_id: {id}
source: {{name: Outlet}}
reported: 2020-02-12
claims:
  - type: TroopsKilled
    incident_id: idlib-2020-02-10
    victim_party: turkey
    occurred: {{start: 2020-02-10, precision: day}}
    count: {count}
"""


def report_file(folder: Path, *identifiers: str, count: Any = 5) -> Path:
    """A file of such reports."""
    path = folder / "reports.yaml"
    path.write_text("---\n".join(REPORT.format(id=each, count=count) for each in identifiers))
    return path


def test_append_prints_receipts_and_notices(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    notice = {
        "field": "claims[0].victim_party",
        "reason": "UNREGISTERED_ACTOR",
        "description": "turkey is not registered",
    }
    server.answers["AppendReports"] = says(
        ledger.AppendReportsResponse,
        outcomes=[outcome("r-1", notices=[notice]), outcome("r-2", already_recorded=True, notices=[notice])],
    )
    assert ask("append", report_file(tmp_path, "r-1", "r-2"), "--ledger", "sudan") == 0
    out, err = capsys.readouterr()
    assert ["r-1", "2", "1–2", "2020-02-13 10:00:00Z"] in lines(out)
    assert ["r-2", "2", "1–2", "2020-02-13 10:00:00Z", "already recorded"] in lines(out)
    assert "Recorded 1 report with 2 events; 1 report already recorded." in out
    assert err == "warning: report r-1: claims[0].victim_party: turkey is not registered\n"
    (request,) = server.requests("AppendReports")
    assert (request.ledger, [each.report.report_id for each in request.reports]) == ("sudan", ["r-1", "r-2"])
    assert request.reports[0].report.claims[0].troops_killed.count.stated == 5


def test_append_for_machines_is_a_line_for_each_report(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server.answers["AppendReports"] = says(ledger.AppendReportsResponse, outcomes=[outcome("r-1"), outcome("r-2")])
    assert ask("append", "--json", report_file(tmp_path, "r-1", "r-2")) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["receipt"]["report_id"] for each in found] == ["r-1", "r-2"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UnavailableError(why="stopping"), 3),
        (errors.NotPossibleError(why="it is gone"), 1),
        (errors.InvalidRequestError([errors.Violation("claims", "are too many")]), 2),
    ],
)
def test_append_tells_which_report_was_refused_and_why(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], tmp_path: Path, error: Exception, code: int
) -> None:
    status = status_of(error)
    failure = ledger.AppendFailure(code=status.code, message=status.message, status=status.SerializeToString())
    answer = says(ledger.AppendReportsResponse, outcomes=[outcome("r-1"), {"report_id": "r-2"}])
    answer.outcomes[1].failure.CopyFrom(failure)
    server.answers["AppendReports"] = answer
    assert ask("append", report_file(tmp_path, "r-1", "r-2")) == code
    out, err = capsys.readouterr()
    assert "Recorded 1 report with 2 events." in out
    assert f"error: report r-2: {failures.headline(status)}" in err


def test_append_sends_nothing_from_faulty_files(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = report_file(tmp_path, "r-1", "r-2", count=-5)
    assert ask("append", path) == 2
    err = capsys.readouterr().err
    assert f"{path}:9:12 claims[0].count.stated: is -5; a count cannot be negative\n" in err
    assert f"{path}:19:12 claims[0].count.stated" in err
    assert err.endswith("error: 2 faults in 1 file; nothing was sent\n")
    assert server.asked == []


def test_append_checks_without_sending(ask: Run, server: CannedServer, tmp_path: Path) -> None:
    assert ask("append", "--check", report_file(tmp_path, "r-1")) == 0
    assert server.asked == []


def test_append_sends_many_reports_in_bounded_batches(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server.answers["AppendReports"] = lambda request: says(
        ledger.AppendReportsResponse, outcomes=[outcome(each.report.report_id) for each in request.reports]
    )
    assert ask("append", report_file(tmp_path, *(f"r-{index}" for index in range(150)))) == 0
    assert [len(request.reports) for request in server.requests("AppendReports")] == [64, 64, 22]
    out = capsys.readouterr().out
    assert "… and 110 more reports" in out
    assert "Recorded 150 reports with 300 events." in out


def test_seed_sends_a_folder_and_says_when_it_is_empty(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert ask("seed", "--directory", tmp_path) == 2
    assert "there is no report file in" in capsys.readouterr().err
    server.answers["AppendReports"] = says(ledger.AppendReportsResponse, outcomes=[outcome("r-1")])
    report_file(tmp_path, "r-1")
    assert ask("seed", "--directory", tmp_path) == 0
    assert capsys.readouterr().out == "Recorded 1 report with 2 events.\n"


def test_replay_prints_a_line_for_each_event(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["ReplayHistory"] = [
        says(ledger.ReplayHistoryResponse, events=[KILLED], through_position=5, head_position=9),
        says(ledger.ReplayHistoryResponse, through_position=9, head_position=9),
    ]
    options = ("--from", 2, "--to", 9, "--type", "TroopsKilled", "--stream", "incidents/", "--actor", "turkey")
    assert ask("replay", *options, "--report", "report-1", "--recorded-from", "2020-02-01") == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "      5  TroopsKilled            incidents/idlib-2020-02-10  "
        "5 killed: troops of turkey, by government-of-syria",
        "1 event; looked at everything through position 9, head 9.",
    ]
    (request,) = server.requests("ReplayHistory")
    assert (request.from_position, request.to_position) == (2, 9)
    assert {field.name for field, _ in request.filter.ListFields()} == {
        "types", "streams", "actor_ids", "report_ids", "recorded_from",
    }  # fmt: skip


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["for people", "for machines"])
def test_a_reader_that_has_enough_is_no_failure(server: CannedServer, options: tuple[str, ...]) -> None:
    batch = says(ledger.ReplayHistoryResponse, events=[KILLED] * 2_000, through_position=9, head_position=9)
    server.answers["ReplayHistory"] = [batch] * 3
    command = [sys.executable, "-m", "ledger", "--address", server.address, "replay", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (0, "")


def test_replay_for_machines_is_a_line_of_json_for_each_event(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["ReplayHistory"] = [says(ledger.ReplayHistoryResponse, events=[KILLED, KILLED])]
    assert ask("replay", "--json", "--raw") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["position"] for each in found] == ["5", "5"]
    assert server.requests("ReplayHistory")[0].view == 2


def test_what_a_raw_event_is_is_read_from_its_envelope(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    envelope = encode(
        ledger="main",
        position=5,
        stream="incidents/somewhere",
        revision=3,
        event_id=UUID(int=7),
        type="TroopsKilled",
        report_id="a-report",
        recorded_at="2020-02-12T10:00:00.000000Z",
        recorder="anonymous",
        commitment="0" * 64,
    )
    stored = records_pb2.RecordedEvent(position=5, envelope=envelope, salt=bytes(16), payload=b"{}")
    server.answers["ReplayHistory"] = [ledger.ReplayHistoryResponse(events=[stored])]
    server.answers["GetEvent"] = ledger.GetEventResponse(event=stored)
    assert ask("replay", "--raw") == 0
    assert "TroopsKilled            incidents/somewhere" in capsys.readouterr().out
    assert ask("event", 5, "--raw") == 0
    shown = capsys.readouterr().out
    assert "incidents/somewhere, revision 3" in shown
    assert str(UUID(int=7)) in shown
    assert "2020-02-12" in shown


def test_recorded_text_cannot_steer_the_terminal(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    steering = event(6, "StatementMade", statement_made={"subject_matter": "\x1b[2Jgone\x9b31m\u202etxt\nnext"})
    server.answers["ReplayHistory"] = [says(ledger.ReplayHistoryResponse, events=[steering])]
    server.answers["GetEvent"] = says(ledger.GetEventResponse, event=steering)
    server.answers["GetIncident"] = errors.NotPossibleError(why="\x1b]0;owned\x07")
    assert ask("replay") == 0
    assert ask("event", 6) == 0
    assert ask("incident", "x") == 1
    out, err = capsys.readouterr()
    assert "·[2Jgone·31m·txt next" in out
    assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(out + err)


def test_a_report_is_shown_with_its_claims(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    filing = event(
        4, "ReportFiled", report_filed={"report_id": "report-1", "source": {"name": "Outlet"}, "claim_count": 1}
    )
    server.answers["GetReport"] = says(ledger.GetReportResponse, events=[filing, KILLED])
    assert ask("report", "report-1") == 0
    words = " ".join(capsys.readouterr().out.split())
    for part in ("source.name Outlet", "5 killed: troops of turkey"):
        assert part in words, part


@pytest.mark.parametrize(
    ("which", "field"), [("5", "position"), ("7f4df0f2-9c1e-4a45-9a55-0d9f0a2f6f51", "event_id")]
)
def test_an_event_is_shown_by_position_or_id(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], which: str, field: str
) -> None:
    server.answers["GetEvent"] = says(ledger.GetEventResponse, event=KILLED)
    assert ask("event", which) == 0
    rows = lines(capsys.readouterr().out)
    assert ["occurred", "2020-02-10"] in rows
    assert ["victim_party", "turkey"] in rows
    assert server.requests("GetEvent")[0].WhichOneof("event") == field


def test_tail_comes_back_after_an_interruption_from_where_it_was(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("ledger.cli.tail.time.sleep", waits.append)

    def follow(request: Any) -> list[Any]:
        if request.after_position == 3:
            checkpoint = says(ledger.SubscribeResponse, checkpoint={"position": 8})
            return [
                says(ledger.SubscribeResponse, batch={"events": [KILLED]}),
                checkpoint,
                errors.UnavailableError(why="restart", resume_after=12),
            ]
        if len(server.requests("Subscribe")) == 2:
            return [errors.OverloadedError(what="room", retry_seconds=1)]
        return [says(ledger.SubscribeResponse, caught_up={"position": 12})]

    server.answers["Subscribe"] = follow
    assert ask("tail", "--after", 3) == 0
    out, err = capsys.readouterr()
    assert out.startswith("      5  TroopsKilled")
    assert "not available; again from position 12" in err
    assert "caught up at position 12" in err
    assert [each.after_position for each in server.requests("Subscribe")] == [3, 12, 12]
    assert waits == [0.25, 0.5]


def test_tail_gives_up_after_a_bounded_number_of_attempts(
    ask: Run, server: CannedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.cli.tail.time.sleep", lambda seconds: None)
    server.answers["GetLedger"] = says(ledger.GetLedgerResponse, ledger={"name": "main", "size": "7"})
    server.answers["Subscribe"] = errors.UnavailableError(why="stopping")
    assert ask("tail") == 3
    assert [each.after_position for each in server.requests("Subscribe")] == [7] * 9


def test_tail_does_not_repeat_what_the_server_refuses(ask: Run, server: CannedServer) -> None:
    server.answers["Subscribe"] = errors.NotFoundError(kind="ledger", id="x")
    assert ask("tail", "--after", 0) == 1
    assert len(server.requests("Subscribe")) == 1


# For operators


def test_ledgers_are_created_and_listed(ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]) -> None:
    stated = {"name": "sudan", "size": "1200", "last_recorded_at": "2020-02-13T10:00:00Z", "root_hash": "qrvM"}
    server.answers["CreateLedger"] = says(ledger.CreateLedgerResponse, ledger={"name": "sudan"})
    server.answers["ListLedgers"] = says(ledger.ListLedgersResponse, ledgers=[stated])
    assert ask("create-ledger", "sudan") == 0
    assert ["sudan", "0", "never"] in lines(capsys.readouterr().out)
    assert ask("ledgers") == 0
    assert ["sudan", "1,200", "2020-02-13 10:00:00Z", "aabbcc"] in lines(capsys.readouterr().out)


def test_projections_are_listed_with_their_lag(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    stated = {
        "name": "casualties",
        "version": 1,
        "generation": 3,
        "state": "PROJECTION_STATE_HALTED",
        "position": "40",
        "head": "42",
        "lag_seconds": 75,
        "lag_events": "2",
        "halted_because": "an event does not fit",
    }
    server.answers["ListProjections"] = says(projection.ListProjectionsResponse, projections=[stated])
    assert ask("projections") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "casualties halted 1 3 40 42 0 2 events, 1 min 15 s an event does not fit; no process follows" in words
    level = {**stated, "state": "PROJECTION_STATE_FOLLOWING", "position": "42", "lag_seconds": 0, "lag_events": "0"}
    level |= {"halted_because": "", "leader": "3f0c"}
    server.answers["ListProjections"] = says(projection.ListProjectionsResponse, projections=[level])
    assert ask("projections") == 0
    assert capsys.readouterr().out.split()[-2:] == ["0.0", "s"]


def test_what_was_put_aside_is_listed_with_why(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    stated = {"position": "1040", "type": "TroopsKilled", "reason": "KeyError: …", "traceback_digest": "ab" * 32}
    server.answers["ListParkedEvents"] = says(projection.ListParkedEventsResponse, events=[stated])
    assert ask("projections", "--ledger", "sudan", "parked", "casualties", "--limit", "7") == 0
    assert "1,040 TroopsKilled abababababab KeyError: …" in " ".join(capsys.readouterr().out.split())
    (asked,) = server.requests("ListParkedEvents")
    assert (asked.ledger, asked.name, asked.page_size) == ("sudan", "casualties", 7)
    assert ask("projections", "--json", "parked", "casualties") == 0
    assert json.loads(capsys.readouterr().out)["events"] == [stated]
    server.answers["ListParkedEvents"] = projection.ListParkedEventsResponse()
    assert ask("projections", "parked", "casualties") == 0
    assert "casualties has put nothing aside." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        ({"taken": "1200"}, 0, "casualties: 1,200 taken, 0 still put aside."),
        ({"taken": "1", "parked": "2"}, 1, "casualties: 1 taken, 2 still put aside."),
        ({"halted_because": "6 P: no"}, 1, "casualties: 0 taken, 0 still put aside; halted: 6 P: no."),
    ],
)
def test_a_retry_tells_what_is_left(
    ask: Run,
    server: CannedServer,
    capsys: pytest.CaptureFixture[str],
    answer: dict[str, str],
    code: int,
    told: str,
) -> None:
    server.answers["RetryParkedEvents"] = says(projection.RetryParkedEventsResponse, **answer)
    assert ask("projections", "retry", "casualties") == code
    assert capsys.readouterr().out.strip() == told
    assert ask("projections", "retry", "casualties", "--json") == code
    assert json.loads(capsys.readouterr().out) == answer


PROGRESS = {
    "name": "casualties",
    "generation": 4,
    "total": "1000",
    "done": "500",
    "phase": "REBUILD_PHASE_REPLAYING",
    "events_per_second": 9000,
}
DONE = {
    **PROGRESS,
    "done": "1000",
    "phase": "REBUILD_PHASE_DONE",
    "state_digest": "ab" * 32,
    "replaced_digest": "ab" * 32,
}


def test_a_rebuild_tells_its_progress_and_the_comparison(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [says(projection.RebuildProjectionResponse, progress=each) for each in (PROGRESS, DONE)]
    server.answers["RebuildProjection"] = steps
    assert ask("rebuild", "casualties") == 0
    assert capsys.readouterr().out.splitlines() == [
        "casualties: replaying: 500 of 1,000 events, 9,000/s",
        "casualties: done: 1,000 of 1,000 events, 9,000/s",
        "casualties: generation 4 serves now, built from 1,000 of 1,000 events, 9,000/s.",
        "Its content is equal to that of the generation before (digest abababababababab).",
    ]
    assert ask("rebuild", "casualties", "--json") == 0
    assert [json.loads(line)["progress"]["done"] for line in capsys.readouterr().out.splitlines()] == [
        "500",
        "1000",
    ]


def test_a_rebuild_on_a_terminal_shows_a_bar(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    server.answers["RebuildProjection"] = [says(projection.RebuildProjectionResponse, progress=DONE)]
    assert ask("rebuild", "casualties") == 0
    out = capsys.readouterr().out
    assert "━" in out
    assert "100%" in out


def test_a_rebuild_that_fails_ends_with_1(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {**PROGRESS, "phase": "REBUILD_PHASE_FAILED", "error": "position 7 does not fit"}
    server.answers["RebuildProjection"] = [says(projection.RebuildProjectionResponse, progress=failed)]
    assert ask("rebuild", "casualties") == 1
    assert "the rebuild of casualties failed; the live generation goes on serving: position 7 does not fit" in (
        capsys.readouterr().err
    )


VERDICT = {"name": "casualties", "generation": 3, "position": "1000", "state_digest": "ab" * 32}


def test_a_verification_that_finds_nothing(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = {**VERDICT, "equal": True, "replayed_digest": "ab" * 32}
    steps = [{"progress": PROGRESS}, {"verdict": verdict}]
    server.answers["VerifyProjection"] = [says(projection.VerifyProjectionResponse, **each) for each in steps]
    assert ask("projections", "verify", "casualties") == 0
    assert capsys.readouterr().out.splitlines() == [
        "casualties: replaying: 500 of 1,000 events, 9,000/s",
        "casualties: generation 3 at position 1,000 is what the ledger says (digest abababababababab).",
    ]
    listed = [{"name": "casualties"}, {"name": "incidents"}]
    server.answers["ListProjections"] = says(projection.ListProjectionsResponse, projections=listed)
    assert ask("projections", "--json", "verify") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["verdict"]["equal"] for each in told if "verdict" in each] == [True, True]


def test_a_verification_names_the_rows_that_differ(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = [
        {"row": "event_id 7", "kind": "DIFFERENCE_KIND_CHANGED"},
        {"row": "event_id \x1b[31m8", "kind": "DIFFERENCE_KIND_ADDED"},
    ]
    found = {"table": "claims", "rows": "5", "shown": shown}
    verdict = {**VERDICT, "replayed_digest": "cd" * 32, "differences": [found]}
    server.answers["VerifyProjection"] = [says(projection.VerifyProjectionResponse, verdict=verdict)]
    assert ask("projections", "verify", "casualties") == 1
    assert capsys.readouterr().out.splitlines() == [
        "casualties: generation 3 at position 1,000 is not what the ledger says; a rebuild mends it.",
        "  claims: changed: event_id 7",
        "  claims: added: event_id ·[31m8",
        "  claims: 3 more",
    ]


def test_a_verification_that_ends_early_is_told(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {**PROGRESS, "phase": "REBUILD_PHASE_CANCELLED", "error": "somebody asked for it"}
    server.answers["VerifyProjection"] = [says(projection.VerifyProjectionResponse, progress=failed)]
    assert ask("projections", "verify", "casualties") == 1
    assert "casualties could not be verified: somebody asked for it" in capsys.readouterr().err


def test_all_are_rebuilt_and_each_is_told(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {"name": "threats", "phase": "REBUILD_PHASE_FAILED", "error": "position 7 does not fit"}
    steps = [says(projection.RebuildProjectionResponse, progress=each) for each in (PROGRESS, failed, DONE)]
    server.answers["RebuildProjection"] = steps
    assert ask("rebuild", "--all") == 1
    (asked,) = server.requests("RebuildProjection")
    assert (asked.name, asked.all) == ("", True)
    said = capsys.readouterr()
    assert "casualties: generation 4 serves now" in said.out
    assert "the rebuild of threats failed; the live generation goes on serving: position 7 does not fit" in said.err


@pytest.mark.parametrize("given", [[], ["casualties", "--all"], ["--all", "--cancel"]], ids=" ".join)
def test_what_is_rebuilt_is_said_clearly(ask: Run, given: list[str]) -> None:
    assert ask("rebuild", *given) == 2


def test_a_frozen_generation_is_made_asked_listed_and_dropped(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    done = {**DONE, "purpose": "REBUILD_PURPOSE_FREEZE", "replaced_digest": ""}
    server.answers["RebuildProjection"] = [says(projection.RebuildProjectionResponse, progress=done)]
    assert ask("rebuild", "casualties", "--at-position", "1000") == 0
    assert server.requests("RebuildProjection")[0].at_position == 1000
    assert "casualties: generation 4 is frozen at position 1,000 (digest ab" in capsys.readouterr().out
    server.answers["GetCasualties"] = says(casualty.GetCasualtiesResponse)
    for options, as_of in (
        ([], {"generation": 4}),
        (["--as-of", "900"], {"generation": 4, "position": "900"}),
    ):
        assert ask("casualties", "--generation", "4", *options) == 0
        assert server.requests("GetCasualties")[-1].as_of == says(records_pb2.AsOf, **as_of)
    frozen = [{"number": 4, "position": "1000"}]
    listed = {"name": "casualties", "generation": 3, "leader": "x", "frozen": frozen}
    server.answers["ListProjections"] = says(projection.ListProjectionsResponse, projections=[listed])
    capsys.readouterr()
    assert ask("projections") == 0
    assert "generation 4 is frozen" in " ".join(capsys.readouterr().out.split())
    server.answers["DropGeneration"] = says(projection.DropGenerationResponse, projection={"generation": 3})
    assert ask("projections", "drop", "casualties", "4") == 0
    assert capsys.readouterr().out == "Generation 4 of casualties is dropped; generation 3 serves.\n"


def test_an_older_program_is_asked_to_go_back(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    done = {**DONE, "purpose": "REBUILD_PURPOSE_ROLL_BACK", "generation": 2}
    server.answers["RollBackProjection"] = [says(projection.RollBackProjectionResponse, progress=done)]
    assert ask("projections", "roll-back", "casualties") == 0
    assert "casualties: generation 2 serves again, at 1,000." in capsys.readouterr().out


def test_a_rebuild_is_cancelled(ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]) -> None:
    stated = {"name": "casualties", "generation": 3}
    server.answers["CancelRebuild"] = says(projection.CancelRebuildResponse, projection=stated)
    assert ask("rebuild", "casualties", "--cancel") == 0
    assert capsys.readouterr().out == "The rebuild of casualties is cancelled; generation 3 serves.\n"
    assert ask("rebuild", "casualties", "--cancel", "--json") == 0
    assert json.loads(capsys.readouterr().out)["projection"]["generation"] == 3


@pytest.mark.parametrize(("status", "code", "word"), [("SERVING", 0, "serving"), ("NOT_SERVING", 1, "not serving")])
def test_health_is_an_exit_code(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str], status: str, code: int, word: str
) -> None:
    server.answers["Check"] = says(health_pb2.HealthCheckResponse, status=status)
    assert ask("health") == code
    assert capsys.readouterr().out == f"{server.address}: {word}\n"
    assert ask("health", "--json") == code
    assert json.loads(capsys.readouterr().out)["status"] == status


def test_health_lists_what_is_halted_and_still_ends_with_0(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["Check"] = says(health_pb2.HealthCheckResponse, status="SERVING")
    messages: Any = health_pb2
    names = {"": "SERVING", "projection/main/threats": "SERVING", "projection/main/casualties": "NOT_SERVING"}
    statuses = {name: {"status": status} for name, status in names.items()}
    server.answers["List"] = says(messages.HealthListResponse, statuses=statuses)
    assert ask("health") == 0
    told = f"{server.address}: serving\nprojection/main/casualties: not serving\n"
    assert capsys.readouterr().out == told
    assert ask("health", "--json") == 0
    assert json.loads(capsys.readouterr().out)["not_serving"] == ["projection/main/casualties"]
    assert ask("health", "--service", "projection/main/threats") == 0
    assert "casualties" not in capsys.readouterr().out


def test_an_answer_that_is_stale_says_so_and_why(
    ask: Run, server: CannedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    basis = {"as_of_position": "5", "stale": True, "stale_because": "it is halted: 6 P: no"}
    server.answers["ListClaims"] = says(casualty.ListClaimsResponse, basis=basis)
    assert ask("claims") == 0
    told = "Stale: newer events may be missing here. Of the read model: it is halted: 6 P: no."
    assert told in " ".join(capsys.readouterr().out.split())


def test_health_of_no_server_ends_with_3() -> None:
    assert run(["health", "--address", "127.0.0.1:1"]) == 3
