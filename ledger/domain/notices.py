"""What is accepted and deserves a look: unregistered actors, and bounds that contradict each other.
Such claims are flagged, never refused: sources do state them, some for documented reasons."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from ledger.domain.reports import Report
from ledger.domain.values import Count

UNREGISTERED_ACTOR = "UNREGISTERED_ACTOR"
LOW_ABOVE_BEST = "LOW_ABOVE_BEST"
BEST_ABOVE_HIGH = "BEST_ABOVE_HIGH"


@dataclass(frozen=True)
class Notice:
    """One thing to look at: the field's path, a fixed word, a sentence."""

    field: str
    reason: str
    description: str


def notices_of(report: Report, unregistered: Set[str]) -> tuple[Notice, ...]:
    """The notices of a report, in order of its claims."""
    return tuple(_notices(report, unregistered))


def _notices(report: Report, unregistered: Set[str]) -> Iterator[Notice]:
    for index, item in enumerate(report.claims):
        path = f"claims[{index}]"
        for field, actor in item.actor_ids() if unregistered else ():
            if actor in unregistered:
                sentence = f"no actor {actor!r} is registered; register it, or check the spelling"
                yield Notice(f"{path}.{field}", UNREGISTERED_ACTOR, sentence)
        count = getattr(item, "count", None)
        if isinstance(count, Count):
            yield from (Notice(f"{path}.count", flag, sentence) for flag, sentence in bound_flags(count))


def bound_flags(count: Count) -> Iterator[tuple[str, str]]:
    """Flags of a count whose bounds contradict each other (UCDP documents why its data has some)."""
    if count.low is count.best is count.high is None:
        return  # one number cannot contradict itself
    bounds = count.bounds()
    if bounds.low is not None and bounds.best is not None and bounds.low > bounds.best:
        yield LOW_ABOVE_BEST, f"low {bounds.low} is above best {bounds.best}; recorded as stated"
    if bounds.best is not None and bounds.high is not None and bounds.best > bounds.high:
        yield BEST_ABOVE_HIGH, f"best {bounds.best} is above high {bounds.high}; recorded as stated"
