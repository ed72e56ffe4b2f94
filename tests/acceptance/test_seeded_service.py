"""The service as `make run` starts it: an embedded PostgreSQL, seeded on first start only, with its views shown.
The slice of UCDP GED adds up to what its file says, by class, and no toll is in any sum."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from incident.ledger.v1 import casualty_service_pb2 as casualties
from incident.ledger.v1.casualty_service_pb2 import CasualtyFilter
from incident.ledger.v1.values_pb2 import VICTIM_CLASS_TROOPS
from seeds import ucdp
from tests.acceptance.client import Client, bounds, by_key, reports_in
from tests.served import ServiceProcess, serving

ACTORS = ucdp.actor_ids()
ROWS = ucdp.rows_of(ucdp.SLICE)
OF_UCDP = CasualtyFilter(sources=["UCDP GED"])
COMMAND_SECONDS = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service runs and keeps its data."""
    return tmp_path_factory.mktemp("seeded")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServiceProcess]:
    """The service, started for the first time."""
    with serving("--embedded", "--data-dir", str(folder / "data"), "--seed", "--show") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: ServiceProcess) -> Iterator[Client]:
    """A client that has seen everything that the seeds hold."""
    with grpc.insecure_channel(server.address) as channel:
        asking = Client(channel)
        asking.position = asking.head()
        yield asking


def total(*columns: str) -> int:
    """The sum of columns of the slice."""
    return sum(int(row[column]) for row in ROWS for column in columns)


def test_everything_is_seeded(client: Client) -> None:
    seeded = reports_in(*sorted(ucdp.FOLDER.glob("0*")))
    assert len(seeded) == 2 + len(ROWS)
    filings_and_claims = sum(1 + len(report.claims) for report in seeded)
    assert client.head() == filings_and_claims


def test_the_views_and_the_next_commands_are_printed(server: ServiceProcess) -> None:
    printed = server.output
    for part in (
        "government-of-turkey",
        "1,800",
        "sochi-memorandum",
        "turkey-ultimatum-2020-02-29",
        "Next, in another terminal",
    ):
        assert part in printed


def test_every_next_command_works(server: ServiceProcess, client: Client, folder: Path) -> None:
    told = server.output.partition("Next, in another terminal")[2]
    commands = re.findall(r"incident-ledger (.+)$", told, re.MULTILINE)
    assert len(commands) > 3
    for command in commands:
        ran = subprocess.run(
            [sys.executable, "-m", "ledger", *command.split()],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, ""), command
        assert ran.stdout.strip(), command


def test_deaths_by_class_are_those_of_the_slice(client: Client) -> None:
    by_class = [casualties.CASUALTY_GROUPING_CLASS, casualties.CASUALTY_GROUPING_OUTCOME]
    answer = client.casualties(filter=OF_UCDP, group_by=by_class, count_aggregates=True)
    assert {key: each.figure.best for key, each in by_key(answer.figures).items()} == {
        ("troops", "killed"): total("deaths_a", "deaths_b"),
        ("civilians", "killed"): total("deaths_civilians"),
        ("unknown", "killed"): total("deaths_unknown"),
    }


def test_deaths_of_a_party_are_those_of_its_side(client: Client) -> None:
    of_troops = CasualtyFilter(sources=["UCDP GED"], victim_classes=[VICTIM_CLASS_TROOPS])
    by_party = [casualties.CASUALTY_GROUPING_PARTY]
    answer = client.casualties(filter=of_troops, group_by=by_party, count_aggregates=True)
    expected: dict[tuple[str, ...], int] = {}
    for row in ROWS:
        for side in ("a", "b"):
            if deaths := int(row[f"deaths_{side}"]):
                party = (ACTORS[row[f"side_{side}_new_id"]],)
                expected[party] = expected.get(party, 0) + deaths
    assert {key: each.figure.best for key, each in by_key(answer.figures).items()} == expected


def test_every_row_with_deaths_is_one_incident(client: Client) -> None:
    by_outcome = [casualties.CASUALTY_GROUPING_OUTCOME]
    (whole,) = client.casualties(filter=OF_UCDP, group_by=by_outcome, count_aggregates=True).figures
    assert whole.incidents == sum(int(row["best"]) > 0 or int(row["high"]) > 0 for row in ROWS)
    assert whole.figure.best == total("best")


def test_every_row_answers_with_its_estimates(client: Client) -> None:
    answer = client.casualties(
        filter=OF_UCDP,
        group_by=[casualties.CASUALTY_GROUPING_INCIDENT],
        count_policy=casualties.COUNT_POLICY_UCDP_RANGE,
        count_aggregates=True,
    )
    figures = {key[0]: bounds(each.figure) for key, each in by_key(answer.figures).items()}
    stated = {f"ucdp-{row['id']}": tuple(int(row[name]) for name in ("low", "best", "high")) for row in ROWS}
    assert figures == {incident: estimates for incident, estimates in stated.items() if any(estimates)}
    assert list(answer.tolls) == []


def test_the_founding_case_is_as_it_was_alone(client: Client) -> None:
    answer = client.casualties(filter=CasualtyFilter(sources=["An international news outlet"]))
    killed = by_key(answer.figures)["government-of-turkey", "troops", "killed"]
    assert killed.figure.text == "12"


def test_a_second_start_serves_the_same_data_again(client: Client, server: ServiceProcess, folder: Path) -> None:
    # The last test of this module, for it stops the module's server.
    before = client.casualties()
    assert server.stop(by=signal.SIGTERM) == 0
    with serving("--embedded", "--data-dir", str(folder / "data"), "--seed", "--show") as again:
        assert not [line for line in again.lines if line.startswith("Recorded")]
        with grpc.insecure_channel(again.address) as channel:
            asking = Client(channel, position=client.position)
            after = asking.casualties()
            assert asking.head() == client.position
        assert (list(after.figures), list(after.tolls)) == (list(before.figures), list(before.tolls))
        assert again.stop(by=signal.SIGINT) == 0
