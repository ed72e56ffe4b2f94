"""Ceasefires for an export: page after page, all as of the position of the first one and at one date in the world.
An answer's transitions tell when each party declared, when it took effect for it, and how the whole ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from typing import Any

from incident.ledger.v1 import ceasefire_service_pb2 as messages
from incident.ledger.v1 import claims_pb2
from incident.ledger.v1.ceasefire_service_pb2_grpc import CeasefireServiceStub
from ledger.api.messages import claim_from_proto
from ledger.cli.exports.record import Record
from ledger.cli.exports.writers import Columns, Row
from ledger.datasets import eth_prio_rows
from ledger.datasets.columns import row_of
from ledger.datasets.eth_prio_rows import Ceasefire, NotInLayoutError, PartyDates, rows_of
from ledger.domain.agreements import AgreementTerms
from ledger.domain.codes import CeasefireEnding, DatePrecision
from ledger.domain.values import OccurredInterval

PAGE_SIZE = 500
ENTERED = (messages.FORMAL_STATUS_DECLARED, messages.FORMAL_STATUS_SIGNED)
IN_FORCE = messages.FORMAL_STATUS_IN_FORCE
ENDINGS = {
    messages.FORMAL_STATUS_EXPIRED: CeasefireEnding.EXPIRED,
    messages.FORMAL_STATUS_TERMINATED: CeasefireEnding.TERMINATED,
    messages.FORMAL_STATUS_NEVER_TOOK_EFFECT: CeasefireEnding.NEVER_TOOK_EFFECT,
    messages.FORMAL_STATUS_SUPERSEDED: CeasefireEnding.SUPERSEDED,
    messages.FORMAL_STATUS_ENDED: CeasefireEnding.UNKNOWN,
}


@dataclass
class Ceasefires:
    """The ceasefires of one question as rows in ETH/PRIO's layout."""

    record: Record
    request: Any
    """A ListCeasefiresRequest."""

    @property
    def columns(self) -> Columns:
        """The layout."""
        return eth_prio_rows.columns()

    def batches(self) -> Iterator[Iterator[Row]]:
        """The rows, page by page."""
        session, account = self.record.session, self.record.account
        account.descriptions |= eth_prio_rows.DESCRIPTIONS
        request = messages.ListCeasefiresRequest(ledger=session.ledger, page_size=PAGE_SIZE)
        request.MergeFrom(self.request)
        ask = session.stub(CeasefireServiceStub).ListCeasefires
        while True:
            answer = ask(request, timeout=session.answer_within)
            if account.basis is None:
                self.record.begin(answer.basis)
                account.details["at"] = answer.at
            yield self._rows(answer.ceasefires)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    def _rows(self, ceasefires: Any) -> Iterator[Row]:
        columns = self.columns
        for each in ceasefires:
            try:
                for cells in rows_of(ceasefire_of(each), self.record.actors):
                    yield row_of(columns, cells)
            except NotInLayoutError as error:
                self.record.account.leave_out(error.reason, each.agreement_id)


def ceasefire_of(status: Any) -> Ceasefire:
    """An answer about one agreement, as its rows need it."""
    ending = ENDINGS.get(status.formal)
    since = list(takewhile(lambda each: each.formal == status.formal, reversed(status.transitions)))
    return Ceasefire(
        agreement_id=status.agreement_id,
        terms=_terms(status.terms),
        parties={each.party: _dates(status, each.party) for each in status.parties},
        ending=ending,
        ended=_ended(since[-1]) if ending and since else None,
    )


def _dates(status: Any, party: str) -> PartyDates:
    own = [each for each in status.transitions if not each.parties or party in each.parties]
    declared = next((each for each in own if each.status in ENTERED), None)
    effective = next((each for each in own if each.status == IN_FORCE), None)
    return PartyDates(_interval(declared) if declared else None, _interval(effective) if effective else None)


def _terms(terms: Any) -> AgreementTerms:
    """Terms as the domain has them: read as a part of a claim, as everything that comes over the wire is."""
    content = claim_from_proto(claims_pb2.Claim(agreement_signed=claims_pb2.AgreementSigned(terms=terms)))
    return AgreementTerms.model_validate(content.get("terms", {}))


def _ended(transition: Any) -> OccurredInterval | None:
    """When it ended. An expiry has no date of its own: it is the day after the last of the term."""
    if transition.HasField("occurred"):
        return _interval(transition)
    last = date.fromisoformat(transition.day) - timedelta(days=1)
    return OccurredInterval(start=last, end=last, precision=DatePrecision.DAY)


def _interval(transition: Any) -> OccurredInterval | None:
    if not transition.HasField("occurred"):
        return None
    return OccurredInterval.model_validate(
        claim_from_proto(claims_pb2.Claim(occurred=transition.occurred))["occurred"]
    )
