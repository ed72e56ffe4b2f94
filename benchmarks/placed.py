"""Requests placed in a ledger as its writer lane places them: positions, revisions, envelopes, leaves, tree.
Whoever writes them then has a ledger whose proofs hold and that a service appends to. It writes nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from random import Random

from ledger.audit.tiles import TreeState
from ledger.persistence.batch import Batch, decide, streams_of
from ledger.persistence.records import AppendRequest, Tip

LEDGER = "main"
EMPTY = Tip(0, None, TreeState())


class Placing:
    """Keeps the revisions of all streams; salts are the same in every run."""

    def __init__(self, seed: int, tip: Tip = EMPTY) -> None:
        self.tip = tip
        self._random = Random(seed)
        self._heads: dict[str, int] = {}

    def commit(self, requests: list[AppendRequest], now: datetime, known: Mapping[str, int] | None = None) -> Batch:
        """The next commit; on the heads that are known of the streams, or on those that it has placed itself."""
        found = self._heads if known is None else known
        heads = {name: found[name] for name in streams_of(requests) if name in found}
        batch = decide(LEDGER, self.tip, heads, requests, now, self._random.randbytes)
        self._heads.update(zip(batch.rows.streams, batch.rows.revisions, strict=True))
        self.tip = Tip(batch.size_after, batch.recorded_at, batch.tree)
        return batch


def groups(requests: Iterable[AppendRequest], events: int) -> Iterator[list[AppendRequest]]:
    """Requests in groups of at least so many events, each of which is a commit."""
    group: list[AppendRequest] = []
    size = 0
    for request in requests:
        group.append(request)
        size += len(request.events)
        if size >= events:
            yield group
            group, size = [], 0
    if group:
        yield group
