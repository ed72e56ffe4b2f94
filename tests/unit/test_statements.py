"""Statements of figures: what is signed is read again as it was, whatever is changed is refused, and two answers
that differ are told by the first field in which they do."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.checkpoints import Checkpoint, sign_checkpoint
from ledger.audit.notes import NoteError, SignerKey, sign
from ledger.audit.statements import (
    FORMAT,
    MAX_TEXT_BYTES,
    NAMES,
    Compared,
    Difference,
    Statement,
    StatementError,
    canonical,
    first_difference,
    open_statement,
    sign_statement,
)
from tests.repository.checkout import read
from tests.repository.documents import blocks, code, rows, section

LEDGER = SignerKey("ledger.example/main", bytes(32))
AUDITOR = SignerKey("auditor.example", bytes([1] * 32))
TRUSTED = [LEDGER.verifier(), AUDITOR.verifier()]
CHECKPOINT = Checkpoint(LEDGER.name, 7, bytes(range(32)))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
DOCUMENTS = st.dictionaries(TEXTS, JSON, max_size=5)


def made(**changed: Any) -> Statement:
    statement = Statement(
        checkpoint=CHECKPOINT,
        note=sign_checkpoint(CHECKPOINT, [LEDGER]),
        figure="casualties",
        projection="casualties",
        version=5,
        state="ab" * 32,
        redacted=0,
        question={"ledger": "main", "as_of": {"position": "7"}},
        answer={"figures": [{"figure": {"best": "12"}, "key": [{"value": "تركيا"}]}], "at": "2020-02-12"},
        compared=Compared.STATE,
        program="incident-ledger 0.1.0",
        made_at=datetime(2020, 3, 1, 12, 30, 5, tzinfo=UTC),
    )
    return replace(statement, **changed)


def resigned(text: str) -> str:
    """A text that the auditor would sign, whatever it says."""
    return sign(text, [AUDITOR])


@given(
    question=DOCUMENTS,
    answer=DOCUMENTS,
    version=st.integers(0, 2**31),
    redacted=st.integers(0, 2**40),
    compared=st.sampled_from(Compared),
    made_at=st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)).map(
        lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
    ),
)
def test_what_is_signed_is_read_again(**fields: Any) -> None:
    statement = made(**fields)
    note = sign_statement(statement, [AUDITOR])
    opened = open_statement(note, TRUSTED)
    assert (opened.statement, opened.signers) == (statement, (AUDITOR.verifier(),))
    assert note.split("\n")[0] == FORMAT
    assert [line.partition(" ")[0] for line in note.split("\n")[1 : len(NAMES) + 1]] == list(NAMES)


@given(data=st.data())
def test_a_statement_that_is_changed_anywhere_is_refused(data: st.DataObject) -> None:
    note = sign_statement(made(), [AUDITOR])
    at = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda each: each != note[at]))
    kind = data.draw(st.sampled_from(("cut", "drop", "double", "other")))
    changed = {
        "cut": note[:at],
        "drop": note[:at] + note[at + 1 :],
        "double": note[:at] + note[at] + note[at:],
        "other": note[:at] + other + note[at + 1 :],
    }[kind]
    if changed == note:  # one of two equal characters side by side
        return
    with pytest.raises(NoteError):
        open_statement(changed, TRUSTED)


def test_both_have_to_be_trusted_whoever_states_and_the_ledger() -> None:
    note = sign_statement(made(), [AUDITOR])
    with pytest.raises(NoteError, match=r"no trusted key.*auditor\.example"):
        open_statement(note, [LEDGER.verifier()])
    with pytest.raises(StatementError, match=r"of its checkpoint: no trusted key.*ledger\.example"):
        open_statement(note, [AUDITOR.verifier()])
    stranger = sign_checkpoint(replace(CHECKPOINT, origin="other.example/main"), [LEDGER])
    with pytest.raises(NoteError):
        open_statement(resigned(made(note=stranger).text()), TRUSTED)


def test_a_checkpoint_is_no_statement_and_a_statement_no_checkpoint() -> None:
    with pytest.raises(StatementError, match="begins with"):
        open_statement(sign_checkpoint(CHECKPOINT, [LEDGER]), TRUSTED)
    with pytest.raises(NoteError, match="not the size of a tree"):
        Checkpoint.parse(made().text())


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("size 7\n", "size 8\n"),
        ("size 7\n", "size 07\n"),
        ("size 7\n", "size 7\nsize 7\n"),
        ("origin ledger.example/main\n", "origin ledger.example/other\n"),
        ("version 5\n", "version -5\n"),
        ("version 5\n", "version 05\n"),
        ("version 5\n", "version five\n"),
        ("figure casualties\n", "figure Casualties\n"),
        ("redacted 0\n", ""),
        ("redacted 0\n", "redacted\n"),
        ('"at":"2020-02-12"', '"at": "2020-02-12"'),
        ('"at":"2020-02-12"', '"at":"2020-02-12","at":"2020-02-12"'),
        ('"at":"2020-02-12"', '"at":NaN'),
        ('"at":"2020-02-12"', '"at":1e999'),
        ('"at":"2020-02-12"', '"at":' + "[" * 100_000 + "]" * 100_000),
        ('{"as_of":{"position":"7"},"ledger":"main"}', '{"ledger":"main","as_of":{"position":"7"}}'),
        ("تركيا", "\\u062a\\u0631\\u0643\\u064a\\u0627"),
        ("compared answer and state\n", "compared everything\n"),
        ("made-at 2020-03-01T12:30:05Z\n", "made-at 2020-03-01 12:30:05Z\n"),
        ("made-at 2020-03-01T12:30:05Z\n", "made-at 2020-03-01T12:30:61Z\n"),
        ("program incident-ledger 0.1.0\n", "program \n"),
        ("state ab", "state AB"),
        (f"{FORMAT}\n", "incident-ledger/figure/v2\n"),
    ],
)
def test_there_is_one_way_to_write_a_statement(was: str, becomes: str) -> None:
    """Also where the auditor would sign it."""
    text = made().text()
    assert was in text
    with pytest.raises(StatementError):
        open_statement(resigned(text.replace(was, becomes, 1)), TRUSTED)


def test_the_lines_and_the_checkpoint_are_of_one_record() -> None:
    other = sign_checkpoint(replace(CHECKPOINT, size=8), [LEDGER])
    text = made().text().replace(b64encode(made().note.encode()).decode(), b64encode(other.encode()).decode())
    with pytest.raises(StatementError, match="not of its own checkpoint"):
        open_statement(resigned(text), TRUSTED)
    assert open_statement(resigned(made().text()), TRUSTED).statement == made()


def test_an_answer_that_is_too_long_is_told_with_the_bound() -> None:
    with pytest.raises(StatementError, match=f"more than {MAX_TEXT_BYTES:,}; ask for fewer groups"):
        sign_statement(made(answer={"text": "x" * MAX_TEXT_BYTES}), [AUDITOR])


@given(document=JSON)
def test_canonical_json_is_read_and_written_the_same(document: Any) -> None:
    text = canonical(document)
    assert canonical(json.loads(text)) == text
    assert first_difference(document, json.loads(text)) is None


@given(one=JSON, two=JSON)
def test_two_documents_differ_where_their_json_does(one: Any, two: Any) -> None:
    found, turned = first_difference(one, two), first_difference(two, one)
    assert (found is None) == (turned is None) == (canonical(one) == canonical(two))


@given(document=DOCUMENTS, data=st.data())
def test_the_path_leads_to_the_one_value_that_was_changed(document: dict[str, Any], data: st.DataObject) -> None:
    paths = list(leaves({"top": document, "list": [0, {"best": "12"}]}))
    whole = {"top": document, "list": [0, {"best": "12"}]}
    path, steps = data.draw(st.sampled_from(paths))
    changed = json.loads(canonical(whole))
    inner = changed
    for step in steps[:-1]:
        inner = inner[step]
    before, inner[steps[-1]] = inner[steps[-1]], ["changed"]
    assert first_difference(whole, changed) == Difference(path, before, ["changed"])


def leaves(document: Any, path: str = "", steps: tuple[Any, ...] = ()) -> Any:
    """Each value that holds no others, with the path to it."""
    inner: list[tuple[str, Any, Any]] = []
    if isinstance(document, dict):
        inner = [(f"{path}.{name}" if path else name, name, value) for name, value in document.items()]
    elif isinstance(document, list):
        inner = [(f"{path}[{index}]", index, value) for index, value in enumerate(document)]
    else:
        yield path, steps
    for where, step, value in inner:
        yield from leaves(value, where, (*steps, step))


def test_a_difference_is_told_as_a_sentence() -> None:
    ours = {"figures": [{"best": "12"}, {"best": "5"}], "at": "2020-02-12"}
    found = first_difference(ours, {"figures": [{"best": "13"}], "at": "2020-02-12"})
    assert found is not None
    assert found.told("we find", "it says") == 'figures[0].best: we find "12", it says "13"'
    shorter = first_difference(ours, {"figures": [{"best": "12"}], "at": "2020-02-12"})
    assert shorter is not None
    assert shorter.told("we find", "it says") == 'figures[1]: we find {"best":"5"}, it says nothing'
    more = first_difference({"at": "x"}, {"at": "x", "stale": True})
    assert more is not None
    assert more.told("we find", "it says") == "stale: we find nothing, it says true"
    assert first_difference({"best": 1}, {"best": True}) == Difference("best", 1, True)
    null = first_difference([1], [1, None])
    assert null is not None
    assert null.told("we find", "it says") == "[1]: we find nothing, it says null"
    long = first_difference("y", "x" * 500)
    assert long is not None
    assert len(long.told("a", "b")) < 200


def test_the_reference_names_every_line_in_its_order() -> None:
    told = section(read("docs/reference/audit.md"), "A figure's statement")
    (example,) = [each.text for each in blocks(told) if each.text.startswith(FORMAT)]
    lines = example.partition("\n\n")[0].split("\n")
    assert [line.partition(" ")[0] for line in lines[1:]] == list(NAMES)
    assert [name for cells in rows(told) for name in code(cells[0])] == list(NAMES)
    assert f"{MAX_TEXT_BYTES:,} bytes" in told
