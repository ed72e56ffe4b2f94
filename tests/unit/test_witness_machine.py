"""Whatever is sent to a witness in whatever order, with crashes between: it never cosigns two trees that do not
continue each other, and never forgets what it has cosigned."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.audit.checkpoints import Checkpoint, sign_checkpoint
from ledger.audit.cosignatures import CosigningKey, cosignatures, cosigned
from ledger.audit.notes import SignerKey
from ledger.audit.witnessing import Request, known_logs
from ledger.persistence import durable, witnessed
from ledger.persistence.witnessed import Witness
from tests.forged import Grown

LOG = SignerKey("ledger.example/main", bytes(32))
KEY = CosigningKey("witness.example/w", bytes([2] * 32))
MOST = 12


def history(fork: int, name: str) -> Grown:
    """Entries that are those of all up to a size, and others after it."""
    return Grown([b"%d" % number for number in range(fork)] + [f"{name} {n}".encode() for n in range(fork, MOST)])


HISTORIES = (history(MOST, "true"), history(5, "late"), history(0, "other"), history(8, "later"))
SIZES = st.integers(0, MOST)


class CrashError(BaseException):
    """The power is gone."""


@contextmanager
def crashing(when: str) -> Iterator[None]:
    """The witness ends before it has written its memory, or before it has answered."""

    def write(path: Path, text: str, **more: Any) -> None:
        if when == "after":
            durable.write_whole(path, text, **more)
        raise CrashError

    with patch.object(witnessed, "write_whole", write):
        yield


class WitnessMachine(RuleBasedStateMachine):
    """A witness, whoever sends to it, and who remembers what came back."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="witness-machine-"))
        self.cosigned: list[tuple[int, bytes]] = []
        self.written: tuple[int, bytes] | None = None
        self.restart()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    @rule()
    def restart(self) -> None:
        self.witness = Witness(self.folder, KEY, known_logs([LOG.verifier()]))

    @rule(tree=st.sampled_from(HISTORIES), old=SIZES, size=SIZES, proof=st.sampled_from(HISTORIES))
    def send(self, tree: Grown, old: int, size: int, proof: Grown) -> None:
        self._send(self._request(tree, old, size, proof))

    @rule(tree=st.sampled_from(HISTORIES), size=SIZES)
    def send_as_a_client_does(self, tree: Grown, size: int) -> None:
        self._send(self._request(tree, self._known(), size, tree))

    @rule(tree=st.sampled_from(HISTORIES), size=SIZES, when=st.sampled_from(("before", "after")))
    def crash(self, tree: Grown, size: int, when: str) -> None:
        before = len(self.cosigned)
        try:
            with crashing(when):
                self._send(self._request(tree, self._known(), size, tree))
        except CrashError:
            assert len(self.cosigned) == before
        self.restart()

    @rule(tree=st.sampled_from(HISTORIES), size=SIZES)
    def only_what_continues_is_cosigned(self, tree: Grown, size: int) -> None:
        known = self._known()
        continues = size >= known and all(tree.roots[each] == root for each, root in self.cosigned if each <= size)
        got = self._send(self._request(tree, known, size, tree))
        assert not got or continues

    @invariant()
    def everything_cosigned_is_of_one_history(self) -> None:
        for one, root in getattr(self, "cosigned", ()):
            for two, later in self.cosigned:
                assert any(tree.roots[one] == root and tree.roots[two] == later for tree in HISTORIES)

    @invariant()
    def nothing_cosigned_is_forgotten(self) -> None:
        if getattr(self, "cosigned", ()):
            assert self._known() >= max(size for size, _ in self.cosigned)

    def _request(self, tree: Grown, old: int, size: int, proof: Grown) -> Request:
        note = sign_checkpoint(Checkpoint(LOG.name, size, tree.roots[size]), [LOG])
        return Request(old, proof.consistency(old, size).proof if old <= size else (), note)

    def _known(self) -> int:
        """The size that the witness tells: of a request that cannot be the next, as every client asks."""
        highest = Request(0, (bytes(32),), sign_checkpoint(Checkpoint(LOG.name, MOST, bytes(32)), [LOG]))
        answer = self.witness.add_checkpoint(highest.text().encode(), 1)
        return int(answer.body) if answer.status == 409 else 0

    def _send(self, request: Request) -> bool:
        answer = self.witness.add_checkpoint(request.text().encode(), 1)
        if answer.status != 200:
            assert answer.status in (400, 409, 422)
            return False
        note = cosigned(request.note, [answer.body.rstrip("\n")])
        assert cosignatures(note, [KEY.verifier()])
        checkpoint = Checkpoint.parse(note.rpartition("\n\n")[0] + "\n")
        self.cosigned.append((checkpoint.size, checkpoint.root))
        return True


TestWitnessMachine = WitnessMachine.TestCase
TestWitnessMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
