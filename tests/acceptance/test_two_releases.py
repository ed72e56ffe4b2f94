"""The golden case of a correction: a dataset places one event at Turkey's centroid in one release and in Atmeh
camp, Syria, in the next. The answer as of each release differs, and the history shows both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from incident.ledger.v1 import casualty_service_pb2 as pb
from incident.ledger.v1 import records_pb2, values_pb2
from tests.acceptance.client import Client, by_key, report_message
from tests.acceptance.questions import answers

pytestmark = pytest.mark.newest
INCIDENT = "atmeh-camp-2016"
CENTROID = {
    "name": "Turkey",
    "precision": "country",
    "country": "Turkey",
    "latitude": 39.0,
    "longitude": 35.0,
}
CAMP = {
    "name": "Atmeh camp",
    "precision": "exact",
    "country": "Syria",
    "admin1": "Idlib Governorate",
    "admin2": "Harim",
    "latitude": 36.3103,
    "longitude": 36.6895,
}
BY_COUNTRY = [pb.CASUALTY_GROUPING_COUNTRY]
AROUND_CENTROID = pb.GeoBox(south=38, west=34, north=40, east=36)
AROUND_CAMP = pb.GeoBox(south=36, west=36, north=37, east=37)
NEAR_CAMP = pb.GeoCircle(latitude=36.3, longitude=36.7, radius_km=10)


def killed(place: dict[str, Any]) -> dict[str, Any]:
    """The event, as a release has it."""
    return {
        "type": "CiviliansKilled",
        "incident_id": INCIDENT,
        "count": 21,
        "occurred": "2016-10-06",
        "place": place,
        "kind_of_violence": "one_sided",
    }


@dataclass
class Releases:
    """A ledger with both releases; the last position and the receipt of each."""

    client: Client
    first: records_pb2.Receipt
    second: records_pb2.Receipt

    def moments(self) -> list[tuple[records_pb2.AsOf, records_pb2.AsOf]]:
        """As of the first and as of the second release; by position and by time."""
        both = (self.first, self.second)
        by_position = [records_pb2.AsOf(position=each.events[-1].position) for each in both]
        by_time = [records_pb2.AsOf(recorded_at=each.recorded_at) for each in both]
        return [(by_position[0], by_position[1]), (by_time[0], by_time[1])]

    def figures(self, as_of: records_pb2.AsOf, **filter: Any) -> dict[str, int]:
        """Killed by country."""
        asked = pb.CasualtyFilter(**filter)
        answer = self.client.casualties(as_of=as_of, filter=asked, group_by=BY_COUNTRY)
        return {key[0]: each.figure.best for key, each in by_key(answer.figures).items()}


@pytest.fixture(scope="module")
def releases(channel: grpc.Channel) -> Releases:
    """A later release's report corrects what the first one's claimed."""
    client = Client(channel).create_ledger("two_releases")
    source = {"name": "A dataset of events", "reliability": "b"}
    (first,) = client.append(
        report_message(report_id="release-1", source=source, reported="2017-06-01", claims=[killed(CENTROID)])
    )
    correction = {
        "type": "ClaimCorrected",
        "target_event_id": first.events[1].event_id,
        "reason": "Release 2 places the event in Atmeh camp; release 1 had the country only.",
        "replacement": killed(CAMP),
    }
    (second,) = client.append(
        report_message(report_id="release-2", source=source, reported="2018-06-01", claims=[correction])
    )
    return Releases(client, first, second)


@pytest.mark.parametrize(
    ("asked", "before", "after"),
    [
        ({}, {"Turkey": 21}, {"Syria": 21}),
        ({"countries": ["Turkey"]}, {"Turkey": 21}, {}),
        ({"countries": ["Syria"]}, {}, {"Syria": 21}),
        ({"places": ["Turkey"]}, {"Turkey": 21}, {}),
        ({"places": ["Atmeh camp"]}, {}, {"Syria": 21}),
        ({"places": ["Idlib Governorate"]}, {}, {"Syria": 21}),
        ({"admin1": ["Idlib Governorate"], "admin2": ["Harim"]}, {}, {"Syria": 21}),
        ({"box": AROUND_CENTROID}, {"Turkey": 21}, {}),
        ({"box": AROUND_CAMP}, {}, {"Syria": 21}),
        ({"circle": NEAR_CAMP}, {}, {"Syria": 21}),
        ({"max_place_precision": values_pb2.PLACE_PRECISION_NEAR}, {}, {"Syria": 21}),
        ({"max_place_precision": values_pb2.PLACE_PRECISION_COUNTRY}, {"Turkey": 21}, {"Syria": 21}),
        ({"box": AROUND_CENTROID, "max_place_precision": values_pb2.PLACE_PRECISION_NEAR}, {}, {}),
    ],
)
def test_each_release_has_its_own_answer(
    releases: Releases, asked: dict[str, Any], before: dict[str, int], after: dict[str, int]
) -> None:
    for first, second in releases.moments():
        assert releases.figures(first, **asked) == before
        assert releases.figures(second, **asked) == after


def test_before_the_first_release_nothing_was_known(releases: Releases) -> None:
    assert releases.figures(records_pb2.AsOf(position=1)) == {}


def test_a_point_that_stands_for_a_country_is_flagged_in_a_box_and_left_out_by_precision(
    releases: Releases,
) -> None:
    first, second = releases.moments()[0]
    (figure,) = releases.client.casualties(as_of=first, filter=pb.CasualtyFilter(box=AROUND_CENTROID)).figures
    assert "IMPRECISE_PLACE" in figure.flags
    (figure,) = releases.client.casualties(as_of=second, filter=pb.CasualtyFilter(circle=NEAR_CAMP)).figures
    assert "IMPRECISE_PLACE" not in figure.flags
    (figure,) = releases.client.casualties(as_of=first).figures
    assert "IMPRECISE_PLACE" not in figure.flags
    near = pb.CasualtyFilter(max_place_precision=values_pb2.PLACE_PRECISION_NEAR)
    left_out = [releases.client.casualties(as_of=moment, filter=near).left_out for moment in (first, second)]
    assert [[(each.reason, each.claims) for each in answer] for answer in left_out] == [
        [("PLACE_PRECISION", 1)],
        [],
    ]


def test_the_incident_shows_where_it_was_placed_before(releases: Releases) -> None:
    request = pb.GetIncidentRequest(ledger=releases.client.ledger, incident_id=INCIDENT)
    first, second = (
        answers(releases.client, {"": ("GetIncident", request)}, moment)[""] for moment in releases.moments()[0]
    )
    assert (first.incident.place.name, second.incident.place.name) == ("Turkey", "Atmeh camp")
    assert (first.incident.place.precision, second.incident.place.precision) == (6, 1)
    assert [[each.event.claim.place.country for each in one.claims] for one in (first, second)] == [
        ["Turkey"],
        ["Syria"],
    ]
    assert list(first.former_claims) == []
    (former,) = second.former_claims
    assert (former.event.claim.place.country, former.held_to) == ("Turkey", releases.second.events[-1].position)


def test_lists_of_incidents_and_claims_follow_the_release(releases: Releases) -> None:
    for first, second in releases.moments():
        found = {
            place: [
                len(releases.client.incidents(as_of=moment, places=[place]).incidents) for moment in (first, second)
            ]
            for place in ("Turkey", "Syria", "Atmeh camp")
        }
        assert found == {"Turkey": [1, 0], "Syria": [0, 1], "Atmeh camp": [0, 1]}
        for country, moment in (("Turkey", first), ("Syria", second)):
            group = [pb.GroupKey(grouping=pb.CASUALTY_GROUPING_COUNTRY, value=country)]
            (claim,) = releases.client.claims(as_of=moment, group=group)
            assert (claim.adds.best, claim.source.name, claim.reported) == (21, "A dataset of events", "2017-06-01")


def test_the_history_shows_both(releases: Releases) -> None:
    events = [event for event in releases.client.replay() if event.type != "ReportFiled"]
    assert [(event.report_id, event.type) for event in events] == [
        ("release-1", "CiviliansKilled"),
        ("release-2", "ClaimCorrected"),
    ]
    placed, corrected = events[0].claim, events[1].claim.claim_corrected
    assert (placed.place.name, placed.place.precision) == ("Turkey", values_pb2.PLACE_PRECISION_COUNTRY)
    assert corrected.target_event_id == events[0].event_id
    assert corrected.replacement.place.name == "Atmeh camp"
    assert "Release 2" in corrected.reason
