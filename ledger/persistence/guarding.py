"""The rollback guard of one ledger: what is recorded has to continue the last checkpoint that was issued, and the
largest record that this process has seen. What does not is refused until an operator accepts it."""

import logging
import threading
from collections.abc import Callable

from psycopg import errors

from ledger.audit.checkpoints import Checkpoint
from ledger.audit.merkle import MerkleError, ProofError, consistency_proof, verify_consistency
from ledger.audit.tiles import stored_subtrees
from ledger.errors import CorruptionError, LedgerError, NotContinuedError, NotPossibleError
from ledger.persistence.issued import IssuedCheckpoints, not_continued
from ledger.persistence.log import Connection, EventLog
from ledger.persistence.records import Head, Tip
from ledger.persistence.tree import StoredTree

log = logging.getLogger(__name__)


class Guard:
    """For several threads. `refused` says why nothing of the ledger is served or recorded; None while it is."""

    def __init__(self, ledger: EventLog, issued: IssuedCheckpoints | None = None) -> None:
        """Without issued checkpoints it knows only what it has seen itself."""
        self._log = ledger
        self._stored = StoredTree(ledger)
        self._issued = issued
        self._changing = threading.Lock()
        self._known: Tip | None = None
        self._proven: Checkpoint | None = None
        """The checkpoint that the known record continues."""
        self._accepted = self._acceptances()
        self.refused: LedgerError | None = None

    def tip(self, connection: Connection) -> Tip:
        """The newest commit and its tree, which continue all that is known, or NotContinuedError. CorruptionError
        where they contradict each other, and nothing is known that they should continue."""
        try:
            tip = self._continued(connection)
        except (NotContinuedError, NotPossibleError) as error:
            if type(self.refused) is not type(error):
                log.error("ledger %s is refused: %s", self._log.ledger, error)
            self.refused = error
            raise
        if self.refused is not None:
            log.warning("ledger %s is served again, with %s events", self._log.ledger, tip.size)
            self.refused = None
        return tip

    def seen(self, tip: Tip) -> None:
        """This process has committed so much."""
        with self._changing:
            if self._known is None or tip.size > self._known.size:
                self._known = tip

    def admit(self) -> None:
        """NotContinuedError, or what else it was, where the ledger was refused when it was looked at last."""
        if (refused := self.refused) is not None:
            raise type(refused)(**refused.values)

    def _continued(self, connection: Connection) -> Tip:
        # What is known is looked up before the record is read, which is committed before it is known.
        known, last = self._memory()
        try:
            head = self._log.head(connection)
        except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
            self._check_size(0, "the database has no ledger of this name any more", known, last)
            raise NotPossibleError(why=f"the database has no ledger {self._log.ledger!r} any more") from error
        self._check_size(head.size, f"it is smaller now, and has {head.size}", known, last)
        tip = self._grown(connection, head, known, last)
        if last is not None and last != self._proven:
            self._check(connection, tip, last)
        with self._changing:
            self._proven = last
            if self._known is None or tip.size > self._known.size:
                self._known = tip
        return tip

    def _memory(self) -> tuple[Tip | None, Checkpoint | None]:
        with self._changing:
            if (accepted := self._acceptances()) != self._accepted:
                self._accepted, self._known, self._proven = accepted, None, None
            known = self._known
        return known, self._issued.last(self._log.ledger) if self._issued is not None else None

    def _acceptances(self) -> int:
        return self._issued.accepted(self._log.ledger) if self._issued is not None else 0

    def _check_size(self, size: int, what: str, known: Tip | None, last: Checkpoint | None) -> None:
        if last is not None and size < last.size:
            raise not_continued(self._log.ledger, last.size, size, what)
        if known is not None and size < known.size:
            raise self._forgot(known, size, what)

    def _grown(self, connection: Connection, head: Head, known: Tip | None, last: Checkpoint | None) -> Tip:
        """The tree at a head; grown from the known one, it begins with that."""
        try:
            if known is not None and head.size == known.size:
                if known.tree.root() != head.root:
                    raise CorruptionError(position=head.size, what="its root is another one")
                return Tip(head.size, head.committed_at, known.tree)
            tree = self._stored.at(connection, head, known.tree if known is not None else None)
        except CorruptionError as error:
            what = error.values.get("what") or str(error).removesuffix(".")
            if known is not None:
                raise self._forgot(known, head.size, what) from error
            if last is not None and last.size:
                raise not_continued(self._log.ledger, last.size, head.size, what) from error
            raise
        return Tip(head.size, head.committed_at, tree)

    def _check(self, connection: Connection, tip: Tip, last: Checkpoint) -> None:
        subtree = stored_subtrees(tip.tree, lambda level, index: self._stored.tile(connection, level, index))
        try:
            hashes = consistency_proof(last.size, tip.size, subtree)
            verify_consistency(last.size, tip.size, hashes, last.root, tip.tree.root())
        except (MerkleError, ProofError) as error:
            what = "what is recorded does not begin with it"
            raise not_continued(self._log.ledger, last.size, tip.size, what) from error

    def _forgot(self, known: Tip, now: int, what: str) -> NotContinuedError:
        seen = f"the {known.size} events that this process has seen"
        return not_continued(self._log.ledger, known.size, now, what, seen)


Admit = Callable[[str], None]
"""NotContinuedError where a ledger of this name is refused."""
