"""`tail`: follows the ledger as it grows, and comes back by itself when the server was away or full for a while."""

import time
from dataclasses import dataclass
from typing import Any

import click
import grpc

from incident.ledger.v1 import ledger_service_pb2 as messages
from incident.ledger.v1 import records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.cli.events import event_filter, filter_options, print_event
from ledger.cli.failures import metadata_of
from ledger.cli.parameters import position_from
from ledger.cli.session import Session, connected, example

MAX_RETRIES = 8
"""Attempts in a row without any progress; each waits twice as long as the one before."""
FIRST_WAIT_SECONDS = 0.25
MAX_WAIT_SECONDS = 8.0
PASSING = frozenset((grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED))


@dataclass
class _Progress:
    """How far the subscription is, and how often it failed since it last got anywhere."""

    after: int
    failures: int = 0

    def reached(self, position: int) -> None:
        """Everything through a position is seen."""
        self.after = max(self.after, position)
        self.failures = 0


@click.command(epilog=example("incident-ledger tail", "incident-ledger tail --after 0 --type ThreatIssued"))
@click.option(
    "--after",
    type=position_from(0),
    metavar="N",
    help="Events after this position [the head]; 0: from the first.",
)
@filter_options
@connected
def tail(session: Session, after: int | None, **options: Any) -> None:
    """Follow the ledger: first what there is after a position, then what comes, until Ctrl-C.

    When the server goes away it is asked again, from where the subscription stood. With --json, one line for each
    event.
    """
    progress = _Progress(_head(session) if after is None else after)
    chosen = event_filter(**options)
    while True:
        try:
            _follow(session, progress, chosen)
            return
        except grpc.RpcError as error:
            _wait_or_give_up(session, progress, error)
        except KeyboardInterrupt:
            return


def _head(session: Session) -> int:
    request = messages.GetLedgerRequest(ledger=session.ledger)
    answer = session.stub(LedgerServiceStub).GetLedger(request, timeout=session.answer_within)
    return int(answer.ledger.size)


def _follow(session: Session, progress: _Progress, chosen: records_pb2.EventFilter) -> None:
    """Prints until the stream ends; the progress is what a next subscription resumes from."""
    request = messages.SubscribeRequest(ledger=session.ledger, after_position=progress.after, filter=chosen)
    for message in session.stub(LedgerServiceStub).Subscribe(request, timeout=session.timeout):
        kind = message.WhichOneof("message")
        if kind == "batch":
            for event in message.batch.events:
                print_event(session, event)
                progress.reached(event.position)
        elif kind == "checkpoint":
            progress.reached(message.checkpoint.position)
        elif kind == "caught_up":
            progress.reached(message.caught_up.position)
            session.err.print(f"caught up at position {message.caught_up.position}", style="dim")
        elif kind == "fell_behind":
            session.err.print(f"fell behind at position {message.fell_behind.position}", style="dim")
        elif kind == "heartbeat":
            progress.failures = 0


def _wait_or_give_up(session: Session, progress: _Progress, error: Any) -> None:
    progress.failures += 1
    if error.code() not in PASSING or progress.failures > MAX_RETRIES:
        raise error
    # The server has looked further than it has sent, where the filter leaves events out.
    progress.after = max(progress.after, int(metadata_of(error).get("resume_after", 0)))
    wait = min(FIRST_WAIT_SECONDS * 2 ** (progress.failures - 1), MAX_WAIT_SECONDS)
    session.err.print(f"not available; again from position {progress.after} in {wait:g} s", style="dim")
    time.sleep(wait)
