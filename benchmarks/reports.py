"""The reports that are appended over and over: of one claim or of many, each claim on an incident of its own, the
same bytes for everybody. A report is its template with another id of the same length, which costs a microsecond."""

from __future__ import annotations

from incident.ledger.v1 import claims_pb2, ledger_service_pb2, records_pb2, values_pb2

WORDS = "Five soldiers were killed when their position near the road was shelled on Monday, officials said. " * 2
ACTORS = ("government-of-turkey", "government-of-syria")
METHOD = "/incident.ledger.v1.LedgerService/AppendReport"


def report_id(run: int, number: int) -> str:
    """An id that no other run has; all are of one length."""
    return f"bench-{run:07d}-{number:010d}"


def pattern(claims: int) -> str:
    """The id of the template of reports with so many claims."""
    return report_id(claims, 0)


def request(name: str, claims: int = 1) -> ledger_service_pb2.AppendReportRequest:
    """With one claim, about 500 bytes on the wire."""
    report = records_pb2.Report(
        report_id=name,
        source=values_pb2.Source(name="An international news outlet", dateline="Ankara"),
        reported="2020-02-12",
        title="Attack on a position in Idlib",
        language="en",
        claims=[_claim(f"incident-{name}-{number}") for number in range(claims)],
    )
    return ledger_service_pb2.AppendReportRequest(report=report)


def _claim(incident: str) -> claims_pb2.Claim:
    return claims_pb2.Claim(
        occurred=values_pb2.OccurredInterval(start="2020-02-10", precision=values_pb2.DATE_PRECISION_DAY),
        place=values_pb2.Place(
            name="Idlib",
            precision=values_pb2.PLACE_PRECISION_ADMIN1,
            country="Syria",
            admin1="Idlib Governorate",
        ),
        kind_of_violence=values_pb2.KIND_OF_VIOLENCE_STATE_BASED,
        words=WORDS,
        troops_killed=claims_pb2.TroopsKilled(
            incident_id=incident,
            victim_party=ACTORS[0],
            perpetrators=[ACTORS[1]],
            count=values_pb2.Count(qualifier=values_pb2.COUNT_QUALIFIER_EXACT, stated=5),
        ),
    )


class Requests:
    """Serialized requests of one kind, to be sent as they are."""

    def __init__(self, claims: int, *, in_batches: bool = False, ledger: str = "") -> None:
        one = request(pattern(claims), claims)
        one.ledger = ledger
        # A message of many reports is its parts in a row: that is how protobuf writes a repeated field.
        message = ledger_service_pb2.AppendReportsRequest(reports=[one]) if in_batches else one
        self._template = message.SerializeToString()
        self._pattern = pattern(claims).encode()

    def of(self, name: str) -> bytes:
        """The request of the report of this id, or its part of a batch."""
        return self._template.replace(self._pattern, name.encode())


def registration(ledger: str) -> ledger_service_pb2.AppendReportRequest:
    """The report that registers the actors, as a feed does before it uses them."""
    claims = [
        claims_pb2.Claim(
            actor_registered=claims_pb2.ActorRegistered(
                actor_id=actor, name=actor, actor_kind=values_pb2.ACTOR_KIND_STATE_FORCES
            )
        )
        for actor in ACTORS
    ]
    report = records_pb2.Report(
        report_id="bench-actors",
        source=values_pb2.Source(name="A register of actors"),
        reported="2020-02-01",
        title="Actors",
        language="en",
        claims=claims,
    )
    return ledger_service_pb2.AppendReportRequest(ledger=ledger, report=report)
