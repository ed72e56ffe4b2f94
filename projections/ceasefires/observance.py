"""The observance axis: a named rule over a window, from counts of violations and from what is known of monitoring.
It never touches the formal axis, and it never takes silence for peace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from projections.ceasefires.lifecycle import Formal
from projections.ceasefires.machine import WHOLE, Period
from projections.ceasefires.status import Status

RULE = "observance-1"


class Observance(StrEnum):
    """How a ceasefire is observed."""

    NOT_IN_FORCE = "not in force in the window"
    HOLDING = "holding"
    VIOLATED = "violated"
    COLLAPSED = "collapsed"
    UNOBSERVED = "unobserved"


@dataclass(frozen=True)
class Window:
    """The days of which observance is asked, both inclusive."""

    first: date
    last: date


@dataclass(frozen=True)
class Violations:
    """Distinct violations that count, by standing and by party, and the claims that do not count, by reason."""

    by_standing: Mapping[str, int] = field(default_factory=dict)
    by_party: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    last: date | None = None

    @property
    def unfounded(self) -> int:
        """Reported, and found not to be violations."""
        return self.by_standing.get("unfounded", 0)

    @property
    def total(self) -> int:
        """All but the unfounded."""
        return sum(self.by_standing.values()) - self.unfounded


@dataclass(frozen=True)
class Monitoring:
    """What is known of observers in the window."""

    observations: int = 0
    restrictions: int = 0
    last_observation: date | None = None
    positions: tuple[int, ...] = ()


def in_force(status: Status) -> list[Period]:
    """The periods in which the whole was in force."""
    return [period for period in status.periods if period.party == WHOLE]


def window_of(status: Status, days: int) -> Window | None:
    """The window: so many days up to the day asked for; with 0, since it took effect, until then or its end."""
    if days > 0:
        return Window(_days_before(status.at, days - 1), status.at)
    periods = in_force(status)
    if not periods:
        return None
    return Window(min(period.first for period in periods), max(period.last for period in periods))


def observe(status: Status, window: Window | None, violations: Violations, monitoring: Monitoring) -> Observance:
    """Rule `observance-1`."""
    if status.formal is Formal.TERMINATED:
        return Observance.COLLAPSED
    if window is None or not any(
        period.first <= window.last and window.first <= period.last for period in in_force(status)
    ):
        return Observance.NOT_IN_FORCE
    if violations.total:
        return Observance.VIOLATED
    if monitoring.observations or violations.unfounded:
        return Observance.HOLDING
    return Observance.UNOBSERVED


def _days_before(day: date, days: int) -> date:
    return day - timedelta(days=min(days, (day - date.min).days))
