"""The JSON Schema names what the model has, and all it refers to is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from statewf.definition import model
from statewf.definition.schema import schema
from statewf.definition.words import camel


def objects(value: Any) -> Iterator[dict[str, Any]]:
    match value:
        case dict():
            yield value
            for item in value.values():
                yield from objects(item)
        case list():
            for item in value:
                yield from objects(item)
        case _:
            pass


def test_it_is_json_and_complete_in_itself() -> None:
    whole = json.loads(json.dumps(schema()))
    references = [found["$ref"] for found in objects(whole) if isinstance(found.get("$ref"), str)]
    assert {reference.removeprefix("#/$defs/") for reference in references} <= set(whole["$defs"])
    assert whole["required"] == ["initialState", "states"]


@pytest.mark.parametrize(
    "cls", [model.State, model.Retry, model.RetryPolicy, model.Function, model.Emit, model.Assign]
)
def test_it_has_the_keys_of_the_model(cls: type[Any]) -> None:
    keys = {camel(field.name) for field in attrs.fields(cls)}
    assert set(schema()["$defs"][cls.__name__]["properties"]) - {"type"} == keys


def test_short_forms() -> None:
    definitions = schema()["$defs"]
    assert definitions["Transition"]["anyOf"][0] == {"$ref": "#/$defs/name"}
    assert definitions["Function"]["required"] == ["type", "handler"]
    assert definitions["State"]["properties"]["timeout"]["$ref"] == "#/$defs/duration"
