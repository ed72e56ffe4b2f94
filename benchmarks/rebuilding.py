"""Read models built from nothing, on a ledger of a realistic mix: by the engine, alone and all in one pass;
beside plain SQL that fills the same tables, and beside the library's ProjectionRunner on the same events."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from benchmarks import processes
from benchmarks.clients import filling, plain_sql, rebuild, runner, telling
from benchmarks.clients.telling import Measured
from benchmarks.ground import Ground
from benchmarks.opponents import Opponent, Scale, Turn
from projections.service import READ_MODELS

DATABASE = "projections"
FILL_SECONDS = 7_200.0
NAMES = tuple(each.name for each in READ_MODELS)
SHORT_NAMES = ("casualties",)
ALL = "rebuild of all read models"
PLAIN_GROUPING, RUNNER_GROUPING = "plain SQL, one grouping", "ProjectionRunner, one grouping"


def rebuild_name(model: str) -> str:
    """The engine, from nothing until the new generation is live."""
    return f"rebuild of {model}"


def filled_name(model: str) -> str:
    """The same until the new generation can be compared."""
    return f"rebuild of {model}, without comparison"


def plain_name(model: str) -> str:
    """The same tables in plain SQL."""
    return f"plain SQL of {model}"


def runner_name(model: str) -> str:
    """The same fold, event by event."""
    return f"ProjectionRunner, fold of {model}"


class Record:
    """The ledger with its mix, and read models that are level with it; each made when it is first asked for."""

    def __init__(self, ground: Ground, scale: Scale) -> None:
        self._ground = ground
        self._scale = scale
        self.models = tuple(scale.levels(NAMES, SHORT_NAMES))
        self.filled = cache(self._filled)
        self.live = cache(self._live)

    @property
    def url(self) -> str:
        """The database, for the service."""
        return self._ground.database(DATABASE)

    def all_live(self) -> None:
        """All that are measured, level with the ledger; an engine makes others level by itself."""
        for model in self.models:
            self.live(model)

    def _filled(self) -> int:
        """The size of the ledger when it was filled."""
        admin = self._ground.postgres.url(f"bench_{DATABASE}")
        orders = filling.Orders(self.url, admin, self._scale.history)
        return int(processes.run("filling", orders, FILL_SECONDS)["events"])

    def _live(self, model: str) -> str:
        """A read model that is level with the ledger as it was filled."""
        self.filled()
        processes.run("rebuild", rebuild.Orders(self.url, [model], first=True), FILL_SECONDS)
        return model


def opponents(ground: Ground, scale: Scale, record: Record) -> Iterator[Opponent]:
    """Neighbours stand beside each other, so that a busy minute of the machine strikes all of them."""
    yield Opponent(PLAIN_GROUPING, lambda turn: _plain(record, turn, ""))
    yield Opponent(RUNNER_GROUPING, lambda turn: _runner(record, turn, ""))
    for model in record.models:
        yield from _alone(record, model)
    yield Opponent(ALL, lambda turn: _rebuilt(record, *record.models))


def part_of(name: str, key: str) -> Opponent:
    """A line of its own for what another opponent has measured just before."""

    def measure(turn: Turn) -> Measured:
        if name not in turn.latest:
            raise SystemExit(f"{name} was not measured")
        told = turn.latest[name]
        return {figure.removeprefix(key): value for figure, value in told.items() if figure.startswith(key)}

    return Opponent(key.rstrip(":"), measure)


def _alone(record: Record, model: str) -> Iterator[Opponent]:
    yield Opponent(rebuild_name(model), lambda turn: _rebuilt(record, model))
    yield part_of(rebuild_name(model), f"{filled_name(model)}:")
    yield Opponent(plain_name(model), lambda turn: _plain(record, turn, model))
    yield Opponent(runner_name(model), lambda turn: _runner(record, turn, model))


def _rebuilt(record: Record, *models: str) -> Measured:
    for model in models:
        record.live(model)
    measured = processes.run("rebuild", rebuild.Orders(record.url, list(models)), FILL_SECONDS)
    filled = measured.pop("filled_seconds")
    if len(models) > 1:
        return measured
    rates = telling.rates(1, measured["events"], filled)
    return measured | {f"{filled_name(models[0])}:{key}": value for key, value in rates.items()}


def _plain(record: Record, turn: Turn, model: str) -> Measured:
    through = record.filled()
    if model:
        record.live(model)
    orders = plain_sql.Orders(record.url, model, f"plain_{turn.run()}", through)
    return processes.run("plain_sql", orders, FILL_SECONDS)


def _runner(record: Record, turn: Turn, model: str) -> Measured:
    through = record.filled()
    orders = runner.Orders(record.url, model, f"runner_{turn.run()}", turn.seconds, through)
    return processes.run("runner", orders)
