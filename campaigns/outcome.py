"""What a campaign saw, and what every campaign checks of it afterwards: the record itself, what clients were told,
and the read models beside their rebuild. It tells the figures, and whether every promise held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from campaigns import answers, read_models, record
from campaigns.answers import Answers
from campaigns.record import Record

ACTS = frozenset(
    ("ClaimCorrected", "ClaimRetracted", "ClaimAssessed", "IncidentsMerged", "ReportRetracted", "PayloadRedacted")
)


@dataclass
class Outcome:
    """The answers to clients, the faults found, the figures."""

    answers: Answers = field(default_factory=Answers)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def check(self, held: Record, sent: set[str], address: str) -> None:
        """Adds what the ledger and its read models show."""
        told = self.answers
        self.faults += told.faults + record.faults(held)
        self.faults += answers.faults(told, held, sent)
        self.faults += answers.late(told.ended_late)
        compared = read_models.compare(address, len(held.events))
        self.faults += [fault for found in compared.values() for fault in found]
        equal = ", ".join(name for name, found in compared.items() if not found)
        self.figures |= self._answered() | _held(held) | {"read models equal to their rebuild": equal}

    def _answered(self) -> dict[str, object]:
        told = self.answers
        return {
            "reports acknowledged": len(told.reports),
            "acknowledgements": len(told.acknowledged),
            "of them already recorded": sum(each["already_recorded"] for each in told.acknowledged),
            "commits whose answer was lost, found by the retry": told.found_by_retry(),
            "altered reports refused": told.altered,
            "calls made again": dict(told.retries()),
            "seconds": round(self.seconds, 1),
            "reports per second": round(len(told.reports) / self.seconds),
            "slowest acknowledgement, seconds": max((each["seconds"] for each in told.acknowledged), default=0),
            "slowest call, seconds": max((each["slowest"] for each in told.acknowledged), default=0),
            "latest end of a call after its deadline, seconds": worst(told.ended_late, "late"),
            "latest end of a call after its witness, seconds": worst(told.ended_late, "overrun"),
        }

    def tell(self) -> int:
        """Prints it all; 0 where every promise held."""
        for name, figure in self.figures.items():
            print(f"  {name}: {figure}")
        for fault in self.faults:
            print(f"FAULT {fault}")
        print("FAILED" if self.faults else "every promise held")
        return 1 if self.faults else 0


def worst(ended: Sequence[answers.Answer], after: str) -> float:
    """By how much the latest of the late calls ended after its deadline, or after its witness."""
    return round(max((each[after] for each in ended), default=0.0), 3)


def _held(held: Record) -> dict[str, object]:
    return {
        "events": len(held.events),
        "commits": len(held.commits),
        "acts": sum(each.type in ACTS for each in held.events),
        "streams": len({each.stream for each in held.events}),
    }
