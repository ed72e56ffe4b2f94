"""Keeps builds of several projections at one stretch of the log, so that it is read once for all of them. It knows
positions and nothing of what is built."""

import threading

from projections.engine.folding import BATCH

STRETCH = 2 * BATCH
"""How far one may be ahead of the slowest: it folds one batch while the others fold the one before."""
WAIT_SECONDS = 0.2
"""How long one waits at most, before it looks whether it is to end."""


class Pace:
    """Who reads together, and where each of them is."""

    def __init__(self, stretch: int = STRETCH) -> None:
        self._stretch = stretch
        self._positions: dict[str, int] = {}
        self._changed = threading.Condition()

    def join(self, name: str, position: int) -> None:
        """Take part, from a position on: those that lag behind are brought level first."""
        with self._changed:
            self._positions[name] = position

    def leave(self, name: str) -> None:
        """Take part no more; nobody waits for one that is done, or has failed."""
        with self._changed:
            self._positions.pop(name, None)
            self._changed.notify_all()

    def is_ahead(self, name: str, position: int) -> bool:
        """Tell where one is; whether it still is too far ahead after a short wait."""
        with self._changed:
            self._positions[name] = position
            self._changed.notify_all()
            return not self._changed.wait_for(lambda: self._in_time(position), WAIT_SECONDS)

    def _in_time(self, position: int) -> bool:
        return position < min(self._positions.values()) + self._stretch
