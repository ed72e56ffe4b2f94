"""Incidents for an export: page after page, all as of the position of the first one, each with its claims and its
figures. A page is forgotten when the next one is asked for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from incident.ledger.v1 import casualty_service_pb2 as messages
from incident.ledger.v1 import records_pb2, values_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from ledger.cli.exports.answers import figures_of, incident_of
from ledger.cli.exports.record import Record
from ledger.datasets.incidents import ByClass, ByParty, Figures, Incident

PAGE_SIZE = 200
"""The most incidents that a server gives with their claims."""
NO_INCIDENT = "-"
"""No id, for an empty page: no condition at all would ask for all incidents. The answer names the rules."""
KILLED = values_pb2.OUTCOME_KILLED
INCIDENT = messages.CASUALTY_GROUPING_INCIDENT
OUTCOME = messages.CASUALTY_GROUPING_OUTCOME
CLASS = messages.CASUALTY_GROUPING_CLASS
PARTY = messages.CASUALTY_GROUPING_PARTY


class Counted(NamedTuple):
    """An incident with its figures."""

    incident: Incident
    figures: Figures


@dataclass
class IncidentPages:
    """Asks one server; the record's account takes note of what each answer rests on and leaves out."""

    record: Record
    request: Any
    """A ListIncidentsRequest: which incidents, as of which moment."""
    policy: Any
    rule: Any
    of_parties: bool = False
    """The killed by party and class, instead of all outcomes by class."""

    def __iter__(self) -> Iterator[Sequence[Counted]]:
        """The pages in order; the account has a basis from the first one on."""
        session, account = self.record.session, self.record.account
        request = messages.ListIncidentsRequest(ledger=session.ledger, with_claims=True, page_size=PAGE_SIZE)
        request.MergeFrom(self.request)
        coming = self._listed(request)
        while coming is not None:
            answer = coming.result()
            if account.basis is None:
                self.record.begin(answer.basis)
            request.page_token = answer.next_page_token
            coming = self._listed(request) if answer.next_page_token else None
            incidents = [incident_of(summary) for summary in answer.incidents]
            figures = self._figures([each.incident_id for each in incidents])
            yield [Counted(each, figures[each.incident_id]) for each in incidents]

    def _listed(self, request: Any) -> Any:
        """A page, asked for while the one before is worked on."""
        return self._casualties.ListIncidents.future(request, timeout=self.record.session.answer_within)

    def _figures(self, incident_ids: Sequence[str]) -> defaultdict[str, Figures]:
        """The figures of a page's incidents. They are asked twice: a sum over classes has bounds of its own."""
        found: defaultdict[str, Figures] = defaultdict(Figures)
        asked = self._asked(incident_ids, (INCIDENT, OUTCOME))
        by = (INCIDENT, PARTY, CLASS) if self.of_parties else (INCIDENT, CLASS, OUTCOME)
        asked_by_part = self._asked(incident_ids, by)
        whole = asked.result()
        self._take_note(whole)
        for key, figure in figures_of(whole):
            found[key["incident"]].by_outcome[key["outcome"]] = figure
        for key, figure in figures_of(asked_by_part.result()):
            figures = found[key["incident"]]
            if self.of_parties:
                figures.killed[ByParty(key["party"], key["class"])] = figure
            else:
                figures.by_class[ByClass(key["outcome"], key["class"])] = figure
        return found

    def _asked(self, incident_ids: Sequence[str], group_by: Sequence[Any]) -> Any:
        outcomes = [KILLED] if self.of_parties else []
        request = messages.GetCasualtiesRequest(
            ledger=self.record.session.ledger,
            filter=messages.CasualtyFilter(incident_ids=incident_ids or [NO_INCIDENT], outcomes=outcomes),
            group_by=group_by,
            count_policy=self.policy,
            resolution_rule=self.rule,
            as_of=records_pb2.AsOf(position=self.record.account.basis.as_of_position),
            count_aggregates=True,
        )
        return self._casualties.GetCasualties.future(request, timeout=self.record.session.answer_within)

    def _take_note(self, answer: Any) -> None:
        account = self.record.account
        account.take_left_out(answer.left_out)
        account.details["count_policy"] = answer.count_policy
        account.details["resolution_rule"] = answer.resolution_rule
        account.details["count_aggregates"] = answer.count_aggregates

    @cached_property
    def _casualties(self) -> Any:
        return self.record.session.stub(CasualtyServiceStub)
