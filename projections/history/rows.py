"""Forms of claims as rows of the table `claims`: the common columns, then those of the read model."""

from collections.abc import Callable
from typing import Any

from ledger.domain.claim import Claim
from ledger.domain.codes import AttributionRole, EventClarity
from projections.history.forms import HeldForm, RecordedClaim, stated_incident

COMMON_COLUMNS = (
    *("event_id", "form_event_id", "position", "form_position", "held_from", "held_to"),
    *("type", "stream", "report_id", "incident_id", "stated_incident_id"),
    *("occurred_start", "occurred_end", "date_precision"),
    *("place_name", "country", "admin1", "admin2", "place_precision", "latitude", "longitude"),
    *("verification", "credibility", "aggregate", "kind_of_violence"),
    *("attributed", "party_claim", "actors", "preferred", "preferred_position"),
    *("why_ended", "recorded_at", "body"),
)
NO_PLACE = (None,) * 7


class RowBuilder:
    """Builds rows for one read model."""

    def __init__(self, columns: tuple[str, ...], extract: Callable[[Any], tuple[Any, ...]]) -> None:
        self.columns = COMMON_COLUMNS + columns
        self._extract = extract
        self._more = len(columns)

    def row(self, claim: RecordedClaim, held: HeldForm) -> tuple[Any, ...]:
        """The row of one form of a claim."""
        form, content = held.form, held.form.content
        more = self._extract(content)
        if len(more) != self._more:
            raise ValueError(f"{len(more)} values were extracted for {self._more} columns")
        return (
            *(claim.event_id, form.event_id, claim.position, form.position, held.held_from, held.held_to),
            *(content.type, claim.stream, claim.report_id, form.incident_id, stated_incident(content)),
            *(content.occurred.start, content.occurred.end, content.occurred.precision.code),
            *_place(content),
            content.verification.value,
            content.credibility and content.credibility.code,
            content.clarity is EventClarity.AGGREGATE,
            content.kind_of_violence and content.kind_of_violence.code,
            *_voices(content),
            *(form.preferred_position is not None, form.preferred_position),
            *(held.why_ended, claim.recorded_at, content.to_payload().decode()),
            *more,
        )


def _place(content: Claim) -> tuple[Any, ...]:
    place = content.place
    if place is None:
        return NO_PLACE
    names = (place.name, place.country or None, place.admin1 or None, place.admin2 or None)
    return (*names, place.precision.code, place.latitude, place.longitude)


def _voices(content: Claim) -> tuple[list[str], bool, list[str]]:
    """Who is said to say so, whether a party says so, and every actor that the claim names."""
    attributions = content.attributions
    attributed = [name for each in attributions for name in (each.actor_id, each.name) if name]
    by_party = any(each.role is AttributionRole.PARTY for each in attributions)
    return attributed, by_party, sorted({actor for _, actor in content.actor_ids()})
