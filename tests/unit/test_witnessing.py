"""What a witness answers, by the rules of C2SP tlog-witness, with their statuses; what it keeps of forks, and that
processes that share its files cosign one history."""

from __future__ import annotations

import fcntl
import logging
import multiprocessing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.audit.cosignatures import CosigningKey, cosignatures, cosigned
from ledger.audit.merkle import EMPTY_ROOT
from ledger.audit.notes import SignerKey, VerifierKey, sign
from ledger.audit.witnessing import MAX_HASHES, MAX_REQUEST_BYTES, Request, known_logs
from ledger.persistence import durable, witnessed
from ledger.persistence.witnessed import Answer, Witness
from tests.forged import Grown

LOG = SignerKey("ledger.example/main", bytes(32))
OTHER = SignerKey("ledger.example/other", bytes([1] * 32))
KEY = CosigningKey("witness.example/w", bytes([2] * 32))
LOGS = known_logs([LOG.verifier()])
NOW = 1_700_000_000
ONE = Grown([b"%d" % number for number in range(40)])
FORKED = Grown([b"%d" % number for number in range(20)] + [b"forked %d" % number for number in range(20)])

PUBLISHED_ORIGIN = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
PUBLISHED_KEY = bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
PUBLISHED = {
    1: (
        "",
        "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=",
    ),
    3: (
        "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nKgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=",
        "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=",
    ),
    5: (
        "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=\n"
        "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=",
        "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=",
    ),
}
"""Proof, root and signature at each size: the requests with which another witness, torchwood's, is tested."""


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path, KEY, LOGS)


def request(old: int, size: int, tree: Grown = ONE, key: SignerKey = LOG) -> Request:
    checkpoint = Checkpoint(LOG.name, size, tree.roots[size])
    return Request(old, tree.consistency(old, size).proof, sign_checkpoint(checkpoint, [key.named(LOG.name)]))


def ask(witness: Witness, old: int, size: int, tree: Grown = ONE) -> Answer:
    return witness.add_checkpoint(request(old, size, tree).text().encode(), NOW)


def published(old: int, size: int) -> bytes:
    proof, root, signature = PUBLISHED[size]
    head = f"old {old}\n{proof if old else ''}\n"
    return f"{head}{PUBLISHED_ORIGIN}\n{size}\n{root}\n\n— {PUBLISHED_ORIGIN} {signature}\n".encode()


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "forks").iterdir()) if (folder / "forks").exists() else []


def test_published_requests_are_answered_as_published(tmp_path: Path) -> None:
    witness = Witness(tmp_path, KEY, known_logs([VerifierKey(PUBLISHED_ORIGIN, PUBLISHED_KEY)]))
    assert witness.add_checkpoint(published(0, 1), NOW).status == 200
    assert witness.add_checkpoint(published(1, 5), NOW).status == 200
    assert witness.add_checkpoint(published(1, 3), NOW) == (409, "5\n", "text/x.tlog.size")
    assert Request.parse(published(1, 5)).text().encode() == published(1, 5)


def test_a_cosignature_is_that_of_the_witness_on_the_note_as_it_was_sent(witness: Witness) -> None:
    for old, size in ((0, 0), (0, 3), (3, 3), (3, 20), (20, 40), (40, 40)):
        answer = ask(witness, old, size)
        assert answer.status == 200
        note = request(old, size).note + answer.body
        assert cosignatures(note, [KEY.verifier()]) == [(KEY.verifier(), NOW)]


def test_extension_lines_and_signatures_of_strangers_are_taken_as_they_come(witness: Witness) -> None:
    text = Checkpoint(LOG.name, 3, ONE.roots[3]).text() + "an extension\n"
    note = f"{text}\n{OTHER.named('x').signature(text)}\n{LOG.signature(text)}\n"
    answer = witness.add_checkpoint(Request(0, (), note).text().encode(), NOW)
    assert cosignatures(cosigned(note, [answer.body.rstrip()]), [KEY.verifier()])
    assert ask(witness, 3, 9).status == 200


def test_what_is_refused_has_the_status_of_its_reason(witness: Witness) -> None:
    assert ask(witness, 0, 7).status == 200
    good = request(7, 9)
    other_root = Request(7, good.hashes, sign_checkpoint(Checkpoint(LOG.name, 9, bytes(32)), [LOG]))
    unknown = Request(0, (), sign_checkpoint(Checkpoint(OTHER.name, 0, EMPTY_ROOT), [OTHER]))
    cases = [
        (404, unknown),
        (403, request(7, 9, key=OTHER)),
        (403, Request(7, good.hashes, good.note.replace("\n9\n", "\n8\n"))),
        (400, Request(10, (), good.note)),
        (422, Request(7, (), good.note)),
        (422, Request(7, good.hashes[1:], good.note)),
        (422, Request(7, (*good.hashes, bytes(32)), good.note)),
        (422, Request(7, (bytes(32),), request(7, 7).note)),
        (422, other_root),
    ]
    for status, asked in cases:
        assert witness.add_checkpoint(asked.text().encode(), NOW).status == status
    for old, size in ((0, 9), (6, 9), (8, 9), (0, 6), (6, 6), (0, 7)):
        assert ask(witness, old, size) == (409, "7\n", "text/x.tlog.size")
    assert ask(witness, 7, 9).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 0\n\n",
        b"\xff",
        b"old 00\n\n" + request(0, 1).note.encode(),
        b"old -1\n\n" + request(0, 1).note.encode(),
        b"old  0\n\n" + request(0, 1).note.encode(),
        b"Old 0\n\n" + request(0, 1).note.encode(),
        b"old 9223372036854775808\n\n" + request(0, 1).note.encode(),
        b"old 0\r\n\n" + request(0, 1).note.encode(),
        b"old 0\nAAAA\n\n" + request(0, 1).note.encode(),
        b"old 0\n" + b"A" * 43 + b"B\n\n" + request(0, 1).note.encode(),
        b"old 0\n" + (b"A" * 43 + b"=\n") * (MAX_HASHES + 1) + b"\n" + request(0, 1).note.encode(),
        b"old 0\n\nledger.example/main\n1\nAAAA\n\n" + LOG.signature("x\n").encode() + b"\n",
        b"old 0\n\n" + request(0, 1).note.encode() + b" ",
        b"old 0\n\n" + request(0, 1).note.encode() + b"x" * MAX_REQUEST_BYTES,
    ],
)
def test_what_is_no_request_is_400(witness: Witness, tmp_path: Path, body: bytes) -> None:
    assert witness.add_checkpoint(body, NOW).status == 400
    assert list(tmp_path.iterdir()) == []


@given(body=st.binary(max_size=400))
def test_whatever_comes_is_answered(body: bytes) -> None:
    for sent in (body, b"old 0\n\n" + body, request(0, 3).text().encode()[:-20] + body):
        with TemporaryDirectory() as folder:
            assert Witness(Path(folder), KEY, LOGS).add_checkpoint(sent, NOW).status in (200, 400, 403)


def test_a_reason_is_one_short_line_whatever_was_sent(witness: Witness, caplog: pytest.LogCaptureFixture) -> None:
    origin = "x\x85\u2028\x9b2J" * 2_000
    note = sign(Checkpoint(origin, 0, EMPTY_ROOT).text(), [OTHER])
    with caplog.at_level(logging.INFO):
        answer = witness.add_checkpoint(Request(0, (), note).text().encode(), NOW)
    assert (answer.status, len(answer.body) < 300, answer.body.rstrip().isprintable()) == (404, True, True)
    assert len(caplog.records[0].getMessage()) < 300


def test_of_a_fork_one_history_is_cosigned_and_both_are_kept(witness: Witness, tmp_path: Path) -> None:
    assert ask(witness, 0, 20).status == 200
    assert ask(witness, 20, 30).status == 200
    answer = ask(witness, 30, 30, FORKED)
    assert answer == (409, "30\n", "text/x.tlog.size")
    (case,) = kept(tmp_path)
    notes = [open_checkpoint((case / name).read_text(), [LOG.verifier()]) for name in ("cosigned", "sent")]
    assert {each.size for each in notes} == {30}
    assert [each.root for each in notes] == [ONE.roots[30], FORKED.roots[30]]
    assert ask(witness, 20, 30, FORKED).status == 409
    assert kept(tmp_path) == [case]
    assert ask(witness, 30, 35, FORKED).status == 422
    _, unproven = kept(tmp_path)
    assert (case.name[:8], unproven.name[:12]) == ("fork-30-", "unproven-30-")
    assert "does not lead to the root" in (unproven / "why").read_text()
    assert ask(witness, 30, 40).status == 200


def test_evidence_is_bounded(witness: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnessed, "MAX_CASES", 2)
    ask(witness, 0, 25)
    for size in (30, 31, 32, 33):
        assert ask(witness, 25, size, FORKED).status == 422
    assert len(kept(tmp_path)) == 2
    assert ask(witness, 25, 25, FORKED).status == 409
    assert [each.name.split("-")[0] for each in kept(tmp_path)] == ["fork", "unproven", "unproven"]


def test_one_case_is_kept_once_whatever_else_signs_it(witness: Witness, tmp_path: Path) -> None:
    ask(witness, 0, 25)
    sent = request(25, 30, FORKED).text()
    for each in ("", *(f"{SignerKey(f'other/{number}', bytes(32)).signature(sent)}\n" for number in range(3))):
        assert witness.add_checkpoint((sent + each).encode(), NOW).status == 422
    assert len(kept(tmp_path)) == 1


def test_a_fork_is_answered_as_one_also_where_evidence_cannot_be_kept(
    witness: Witness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ask(witness, 0, 25)
    (tmp_path / "forks").write_text("in the way")
    assert ask(witness, 25, 25, FORKED) == (409, "25\n", "text/x.tlog.size")
    assert f"evidence cannot be kept in {tmp_path}" in caplog.text
    assert request(25, 25, FORKED).note.splitlines()[2] in caplog.text


def test_what_cannot_be_read_is_not_taken_for_nothing(witness: Witness, tmp_path: Path) -> None:
    ask(witness, 0, 7)
    (state,) = (each for each in (tmp_path / "cosigned").iterdir() if each.suffix != ".lock")
    assert open_checkpoint(state.read_text(), [LOG.verifier()]).size == 7
    assert state.stat().st_mode & 0o077 == 0
    for damaged in (b"", state.read_bytes()[:30], b"\xff", state.read_bytes().replace(b"main", b"other")):
        state.write_bytes(damaged)
        for old in (0, 7):
            assert ask(witness, old, 9).status == 500


def test_a_lock_that_another_process_holds_is_told(
    witness: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "LOCK_SECONDS", 0.05)
    ask(witness, 0, 7)
    (lock,) = (tmp_path / "cosigned").glob("*.lock")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert ask(witness, 7, 9).status == 503
    assert ask(witness, 7, 9).status == 200


def race(place: tuple[Path, int]) -> list[tuple[int, bytes]]:
    """What one process gets cosigned of one of two histories, while others try the same."""
    folder, number = place
    witness, tree = Witness(folder, KEY, LOGS), (ONE, FORKED)[number % 2]
    got, known = [], 0
    for size in range(21, 41):
        for _ in range(3):
            answer = ask(witness, known, size, tree) if known <= size else Answer(409, f"{known}\n")
            if answer.status == 409:
                known = int(answer.body)
            if answer.status == 200:
                got.append((size, tree.roots[size]))
                known = size
                break
    return got


def test_processes_that_share_a_folder_cosign_one_history(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        cosigned_of_all = [
            each for got in pool.map(race, [(tmp_path, number) for number in range(4)]) for each in got
        ]
    assert cosigned_of_all
    assert any(all(tree.roots[size] == root for size, root in cosigned_of_all) for tree in (ONE, FORKED))
