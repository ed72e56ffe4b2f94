"""The library's infrastructure factory for a ledger: our recorder and our mapper, nothing of the library's own
tables. Read models have an engine of their own, so it makes no tracking recorders."""

from typing import Any, NoReturn

from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory, TrackingRecorder
from eventsourcing.utils import Environment, EnvType

from ledger.persistence.guarding import Guard
from ledger.persistence.recorder import LedgerRecorder
from ledger.settings import DEFAULT_LIMITS, Limits

LEDGER = "LEDGER"
DATABASE_URL = "DATABASE_URL"


class Factory(InfrastructureFactory[TrackingRecorder]):
    """Made by the application; also found by the library through PERSISTENCE_MODULE."""

    def __init__(
        self,
        env: Environment | EnvType | None,
        limits: Limits = DEFAULT_LIMITS,
        guard: Guard | None = None,
    ) -> None:
        super().__init__(env)
        self._limits = limits
        self._guard = guard
        self._recorders: list[LedgerRecorder] = []

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder of the ledger that the environment names."""
        recorder = LedgerRecorder(self.env[LEDGER], self.env[DATABASE_URL], self._limits, self._guard)
        self._recorders.append(recorder)
        return recorder

    def close(self) -> None:
        """Records what waits in the recorders and closes them."""
        for recorder in self._recorders:
            recorder.close()

    def aggregate_recorder(self, purpose: str = "events") -> NoReturn:
        """Refused: there are no snapshots; a stream is a thing's few events."""
        raise NotImplementedError(f"a ledger records no {purpose} apart from its events")

    def tracking_recorder(self, tracking_recorder_class: type[Any] | None = None) -> NoReturn:
        """Refused: projections track their position in their own generation."""
        raise NotImplementedError("a ledger tracks nothing; see the projections' engine")

    def process_recorder(self) -> NoReturn:
        """Refused, as above."""
        raise NotImplementedError("a ledger tracks nothing; see the projections' engine")
