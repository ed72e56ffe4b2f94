"""What answers tell of claims and acts whose payloads were removed: how many, never what they said."""

from incident.ledger.v1 import records_pb2
from projections.casualties.figures import DESCRIPTIONS, REDACTED, REDACTED_ACT
from projections.history.redacted import Redacted

GONE = "A claim was recorded and its payload removed: what it said is gone."


def redacted_to_proto(redacted: Redacted) -> list[records_pb2.LeftOut]:
    """What can be told of claims and acts that were redacted."""
    told = {REDACTED: (redacted.claims, GONE), REDACTED_ACT: (redacted.acts, DESCRIPTIONS[REDACTED_ACT])}
    return [
        records_pb2.LeftOut(reason=reason, claims=count, description=description)
        for reason, (count, description) in told.items()
        if count
    ]
