"""Golden files: the exact bytes of every type of event ever written. What is recorded must be readable for ever,
and the same content must give the same bytes, because the tree and every report's digest bind them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from ledger.domain.casualties import CasualtyClaim, TroopsKilled
from ledger.domain.claim import DomainEvent
from ledger.domain.reports import ALL_TYPES
from ledger.domain.values import SubjectId
from tests.golden.examples import COMPLETE, LATER, MINIMAL

FOLDER = Path(__file__).parent / "events"
FILE_NAME = re.compile(r"(?P<type>[A-Za-z]+)\.v(?P<version>[0-9]+)(\.(?P<kind>[a-z-]+))?\.json")
EXAMPLES: dict[str | None, Mapping[str, DomainEvent]] = {None: COMPLETE, "minimal": MINIMAL, **LATER}
FILES = sorted(FOLDER.iterdir())


def version_of(event_type: type[DomainEvent]) -> int:
    """The version that a type is written in today."""
    return int(event_type.model_fields["schema_version"].default)


def expected_names(types: Mapping[str, type[DomainEvent]]) -> set[str]:
    """The golden files of today's versions."""
    return {f"{name}.v{version_of(each)}{kind}.json" for name, each in types.items() for kind in ("", ".minimal")}


def faults(event_type: type[DomainEvent], version: int, golden: bytes, written: DomainEvent | None) -> list[str]:
    """How a type's golden bytes differ from what it reads and writes."""
    try:
        read = event_type.model_validate_json(golden)
    except ValidationError as error:
        return [f"{event_type.__name__} no longer reads what was recorded: {error}"]
    found = []
    if version == version_of(event_type) and read.to_payload() != golden:
        found.append(f"{event_type.__name__} no longer writes what was recorded: {read.to_payload().decode()}")
    if written is not None and (written.to_payload() != golden or written != read):
        found.append(f"{event_type.__name__} writes otherwise: {written.to_payload().decode()}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_bytes_are_written_and_read_as_ever(path: Path) -> None:
    named = FILE_NAME.fullmatch(path.name)
    assert named, f"{path.name} is not named `Type.v1.json`, `Type.v1.minimal.json` or as a later field"
    event_type, version = ALL_TYPES[named["type"]], int(named["version"])
    written = EXAMPLES[named["kind"]][named["type"]] if version == version_of(event_type) else None
    assert faults(event_type, version, path.read_bytes(), written) == []


def test_every_type_has_its_golden_files_in_its_present_version() -> None:
    assert expected_names(ALL_TYPES) - {path.name for path in FILES} == set()


def test_a_type_without_golden_files_is_noticed() -> None:
    class TroopsMissing(CasualtyClaim):
        type: Literal["TroopsMissing"]

    missing = expected_names({**ALL_TYPES, "TroopsMissing": TroopsMissing}) - {path.name for path in FILES}
    assert missing == {"TroopsMissing.v1.json", "TroopsMissing.v1.minimal.json"}


def fields_set(model: BaseModel) -> Iterator[tuple[str, str]]:
    """Each field that a model, or a model in it, states, by the name of its model."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if value != type(model).model_fields[name].default:
            yield type(model).__name__, name
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, BaseModel):
                yield from fields_set(each)


def all_fields(models: set[type[BaseModel]]) -> set[tuple[str, str]]:
    """Every field of these models. A version that differs from the default does not exist yet."""
    named = {(model.__name__, name) for model in models for name in model.model_fields}
    return {(model, name) for model, name in named if name != "schema_version"}


def models_of(model: BaseModel) -> Iterator[type[BaseModel]]:
    """The models that an instance is made of."""
    yield type(model)
    for name in type(model).model_fields:
        value = getattr(model, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, BaseModel):
                yield from models_of(each)


def test_every_field_is_set_in_some_golden_file() -> None:
    events = [event for examples in EXAMPLES.values() for event in examples.values()]
    stated = {each for event in events for each in fields_set(event)}
    models = {model for event in events for model in models_of(event)}
    assert all_fields(models) - stated == set()


def test_the_complete_example_leaves_out_only_what_excludes_itself() -> None:
    for name, event in COMPLETE.items():
        own = {field for model, field in fields_set(event) if model == name}
        left_out = set(type(event).model_fields) - own - {"schema_version"}
        stated_later = {"ReportFiled": {"source_count"}, "TollClaimed": {"incident_id"}}
        assert left_out == stated_later.get(name, set()), name


def test_the_minimal_example_states_only_what_is_required() -> None:
    for name, event in MINIMAL.items():
        required = {field for field, about in type(event).model_fields.items() if about.is_required()}
        # The class of a toll was required when its golden file was written.
        one_of = {"TollClaimed": {"incident_id", "victim_class"}, "ClaimAssessed": {"credibility"}}.get(name, set())
        assert {field for model, field in fields_set(event) if model == name} == required | one_of, name


class FieldRemoved(DomainEvent):
    """A careless change to TroopsKilled: the victims' party is gone."""

    type: Literal["TroopsKilled"]
    incident_id: SubjectId
    count: int


class FieldRenamed(TroopsKilled):
    """A careless change: another name for the same thing."""

    victim_party: Annotated[str, Field(alias="whose")]


class DefaultChanged(TroopsKilled):
    """A careless change: what was left out reads otherwise."""

    clarity: Any = "aggregate"


@pytest.mark.parametrize("changed", [FieldRemoved, FieldRenamed, DefaultChanged])
@pytest.mark.parametrize("golden", ["TroopsKilled.v1.json", "TroopsKilled.v1.minimal.json"])
def test_a_careless_change_of_a_model_is_noticed(changed: type[DomainEvent], golden: str) -> None:
    written = (MINIMAL if "minimal" in golden else COMPLETE)["TroopsKilled"]
    assert faults(changed, 1, (FOLDER / golden).read_bytes(), written) != []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_altered_golden_file_is_noticed(path: Path) -> None:
    named = FILE_NAME.fullmatch(path.name)
    assert named
    examples = EXAMPLES[named["kind"]]
    content = json.loads(path.read_bytes())
    for field in content:
        without = json.dumps({key: value for key, value in content.items() if key != field})
        altered = without.encode().replace(b", ", b",").replace(b": ", b":")
        assert faults(ALL_TYPES[named["type"]], 1, altered, examples[named["type"]]) != [], field
    spaced = path.read_bytes().replace(b'","', b'", "', 1)
    assert faults(ALL_TYPES[named["type"]], 1, spaced, examples[named["type"]]) != []
