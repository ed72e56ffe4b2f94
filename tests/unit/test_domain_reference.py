"""The reference of events: generated, not drifted, complete, and every link in it leads somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from docs import generate_events
from docs.generate_events import CONTRACT, PAGE, anchor, contract_comments, field_table, main
from ledger.domain.casualties import TroopsKilled
from ledger.domain.codes import Code
from ledger.domain.reports import ALL_TYPES, event_from_payload

TEXT = PAGE.read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)


def test_the_page_is_what_the_models_say() -> None:
    assert main(["--check"]) == 0, "run `python docs/generate_events.py`"


def test_a_page_that_has_drifted_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "events.md"
    monkeypatch.setattr(generate_events, "PAGE", copy)
    assert main(["--check"]) == 1
    copy.write_text(TEXT.replace("actor id", "party", 1), encoding="utf-8")
    assert main(["--check"]) == 1
    assert "run `python docs/generate_events.py`" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert copy.read_text(encoding="utf-8") == TEXT


def test_every_type_and_every_code_has_a_heading_of_its_own() -> None:
    assert [HEADINGS.count(name) for name in ALL_TYPES] == [1] * len(ALL_TYPES)
    assert [HEADINGS.count(code.__name__) for code in Code.__subclasses__()] == [1] * len(Code.__subclasses__())


def test_every_field_of_every_type_is_named_in_its_section() -> None:
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL))
    for name, event in ALL_TYPES.items():
        for field in generate_events.own_fields(event):
            assert f"\n| `{field}` |" in sections[name], f"{name}.{field}"


def test_every_number_of_a_codebook_is_on_the_page() -> None:
    for code in Code.__subclasses__():
        for member in code:
            cell = f"| `{member.value}` | {member.code} |" if member.code is not None else f"| `{member.value}` |"
            assert cell in TEXT, f"{code.__name__}.{member.name}"


def test_every_link_leads_to_one_heading() -> None:
    anchors = [anchor(heading) for heading in HEADINGS]
    for target in set(re.findall(r"\]\(#([^)]*)\)", TEXT)):
        assert anchors.count(target) == 1, target
    for target in set(re.findall(r"\]\(([^#)][^)]*)\)", TEXT)):
        assert (PAGE.parent / target).exists(), target


def test_the_examples_are_events() -> None:
    examples = re.findall(r"^```json\n(.*?)\n```$", TEXT, re.MULTILINE)
    assert sorted(json.loads(example)["type"] for example in examples) == sorted(ALL_TYPES)
    for example in examples:
        assert event_from_payload(json.loads(example)["type"], example.encode()).to_payload() == example.encode()


def test_a_field_of_which_the_contract_says_nothing_is_noticed() -> None:
    said = contract_comments()
    assert all(said.values()), f"an uncommented field in {CONTRACT}"
    del said["TroopsKilled", "count"]
    with pytest.raises(KeyError, match="count"):
        list(field_table(TroopsKilled, ["count"], said))
