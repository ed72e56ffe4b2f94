"""The report that is appended over and over: one claim, on an incident of its own, the same bytes for everybody."""

from __future__ import annotations

from collections.abc import Callable

from incident.ledger.v1 import claims_pb2, ledger_service_pb2, records_pb2, values_pb2
from ledger.api.messages import report_from_proto

PATTERN = "x-id"
WORDS = "Five soldiers were killed when their position near the road was shelled on Monday, officials said. " * 2


def request(report_id: str) -> ledger_service_pb2.AppendReportRequest:
    """About 500 bytes on the wire."""
    claim = claims_pb2.Claim(
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
            incident_id=f"incident-{report_id}",
            victim_party="government-of-turkey",
            perpetrators=["government-of-syria"],
            count=values_pb2.Count(qualifier=values_pb2.COUNT_QUALIFIER_EXACT, stated=5),
        ),
    )
    report = records_pb2.Report(
        report_id=report_id,
        source=values_pb2.Source(name="An international news outlet", dateline="Ankara"),
        reported="2020-02-12",
        title="Attack on a position in Idlib",
        language="en",
        claims=[claim],
    )
    return ledger_service_pb2.AppendReportRequest(report=report)


def stored_events() -> Callable[[str], list[tuple[str, str, bytes]]]:
    """What the ledger stores of a report: stream, type and payload of each of its events. The answer is a function
    from a report's id, cheap enough not to be measured itself."""
    model = report_from_proto(request(PATTERN).report)
    filed = model.filed("0" * 64)
    events = [(item.stream, item.type, item.to_payload()) for item in (filed, *model.claims)]

    def of(report_id: str) -> list[tuple[str, str, bytes]]:
        name = report_id.encode()
        return [
            (stream.replace(PATTERN, report_id), type_name, payload.replace(PATTERN.encode(), name))
            for stream, type_name, payload in events
        ]

    return of
