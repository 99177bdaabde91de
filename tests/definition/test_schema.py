"""The JSON Schema names what the model has, lets pass what `read` takes, and refuses what goes not together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from statewf.definition import model
from statewf.definition.read import read
from statewf.definition.schema import schema
from statewf.definition.shape import STEP_FITTING
from statewf.definition.words import camel
from statewf.definition.write import to_document
from statewf.errors import DefinitionError

from . import strategies
from .json_schema import valid

SCHEMA = schema()


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
    assert whole["$defs"]["StateMachine"]["required"] == ["initialState", "states"]
    assert whole["$defs"]["Workflow"]["required"] == ["steps"]


@pytest.mark.parametrize(
    "cls",
    [
        *(
            model.State,
            model.Retry,
            model.RetryPolicy,
            model.Function,
            model.Emit,
            model.Assign,
            model.StateMachine,
        ),
        *(model.Workflow, model.Step, model.Quorum, model.Review, model.EscalationPolicy, model.WorkflowErrors),
        *(model.Compensation, model.CompensationAction),
    ],
)
def test_it_has_the_keys_of_the_model(cls: type[Any]) -> None:
    keys = {camel(field.name) for field in attrs.fields(cls) if field.name != "places"}
    assert set(schema()["$defs"][cls.__name__]["properties"]) - {"type", "subtype"} == keys - {"type"}


def test_short_forms() -> None:
    definitions = schema()["$defs"]
    assert definitions["Transition"]["anyOf"][0] == {"$ref": "#/$defs/name"}
    assert definitions["Function"]["required"] == ["type", "handler"]
    assert definitions["State"]["properties"]["timeout"]["$ref"] == "#/$defs/duration"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.workflows() | strategies.machines)
def test_all_that_can_be_written_is_valid(definition: model.Definition) -> None:
    assert valid(to_document(definition), SCHEMA)


def reads(document: object) -> bool:
    try:
        read(json.dumps(document))
    except DefinitionError:
        return False
    return True


LEAST: dict[str, dict[str, Any]] = {
    "function": {},
    "parallel": {"type": "parallel", "steps": [{"id": "b"}]},
    "condition": {"type": "condition", "condition": "inputs.a", "then": {"id": "b"}},
    "human-task": {"type": "human-task"},
    "wait": {"type": "wait", "duration": "30s"},
    "event": {"type": "event", "event": "PAID"},
}
VALUES: dict[str, Any] = {
    "name": "A",
    "description": "",
    "when": False,
    "required": False,
    "dependsOn": [],
    "timeout": 5,
    "onError": "rollback",
    "review": {},
    "compensation": {"steps": {"action": "undo"}},
    "handler": "h",
    "params": {},
    "retryPolicy": {"maxAttempts": 2},
    "steps": {"id": "c"},
    "strategy": "all",
    "maxConcurrency": 1,
    "condition": True,
    "then": {"id": "c"},
    "else": {"id": "d"},
    "assignTo": "ann",
    "details": {},
    "escalationPolicy": {"timeout": 5, "escalateTo": "b"},
    "onReject": "fail",
    "duration": 5,
    "event": "E",
    "match": 0,
}


@pytest.mark.parametrize("kind", LEAST)
@pytest.mark.parametrize("key", VALUES)
def test_a_step_has_what_its_type_can_have(kind: str, key: str) -> None:
    fits = key in STEP_FITTING[kind] and key != "review"  # which needs another key
    document = {"steps": [{"id": "a", **LEAST[kind], key: VALUES[key]}]}
    assert (reads(document), valid(document, SCHEMA)) == (fits, fits)


def test_every_key_of_a_step_is_tried() -> None:
    assert set(VALUES) | {"id", "type"} == {camel(field.name) for field in attrs.fields(model.Step)}


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind in LEAST for key in LEAST[kind] if key != "type"])
def test_a_step_needs_what_its_type_needs(kind: str, key: str) -> None:
    step = {"id": "a", **LEAST[kind]}
    assert valid({"steps": [step]}, SCHEMA)
    document = {"steps": [{name: value for name, value in step.items() if name != key}]}
    assert (reads(document), valid(document, SCHEMA)) == (False, False)


STATE = {"initialState": "a", "states": {"a": {"terminal": True}}}
WRONG_STEPS: list[dict[str, Any]] = [
    {"type": "sub"},
    {"onError": "rolback"},
    {"review": {}, "onError": "retry"},
    {"retryPolicy": {}},
    {"retryPolicy": {"maxAttempts": 0}},
    {"retryPolicy": {"maxAttempts": 2, "backoff": "fast"}},
    {"compensation": {"steps": []}},
    {"compensation": {"steps": [{"stepId": "a"}]}},
    {"when": None},
    {"when": []},
    {"params": []},
    {"dependsOn": [1]},
    {"required": 1},
    {"timeout": 10**15},
    {**LEAST["wait"], "onError": "retry"},
    {**LEAST["parallel"], "steps": []},
    {**LEAST["parallel"], "strategy": "some"},
    {**LEAST["parallel"], "strategy": {"quorum": 0}},
    {**LEAST["parallel"], "maxConcurrency": 0},
    {**LEAST["human-task"], "escalationPolicy": {"timeout": 5}},
    {**LEAST["condition"], "else": {"id": "c", "type": "wait"}},
]
REFUSED: list[dict[str, Any]] = [
    *({}, {"steps": []}, {"steps": None}, {"steps": ["a"]}, {"steps": [{}]}, {"steps": [{"id": 5}]}),
    *({"steps": [{"id": name}]} for name in ("", "workflow", "a/b", "$a", "a\n", "a" * 201)),
    {**STATE, "steps": [{"id": "a"}]},
    {**STATE, "subtype": "workflow"},
    {"steps": [{"id": "a"}], "subtype": "state-machine"},
    {"steps": [{"id": "a"}], "type": "Payment"},
    {"steps": [{"id": "a"}], "initialState": "a"},
    {"steps": [{"id": "a"}], "timeout": -1},
    {"steps": [{"id": "a"}], "errorHandling": {"compensationStrategy": "reverse"}},
    {"steps": [{"id": "a"}], "errorHandling": {"notifyOnFailure": "yes"}},
    *({"steps": [{"id": "a", **wrong}]} for wrong in WRONG_STEPS),
]


@pytest.mark.parametrize("document", REFUSED, ids=lambda document: json.dumps(document)[:70])
def test_what_the_reader_refuses_the_schema_refuses(document: dict[str, Any]) -> None:
    assert (reads(document), valid(document, SCHEMA)) == (False, False)


@pytest.mark.parametrize(
    "document",
    [
        STATE,
        {**STATE, "type": "$.ServiceType.Automation", "subtype": "state-machine"},
        {"steps": {"id": "a"}, "type": "Automation", "subtype": "workflow", "name": "x", "cancelGrace": "1s"},
        {"steps": [{"id": "a", "onError": "human-review", "review": {"assignTo": "ann", "timeout": "12h"}}]},
        {"steps": [{"id": "a", **LEAST["parallel"], "strategy": {"quorum": 1}}]},
        {"steps": [{"id": "a", "dependsOn": "a", "when": 0}]},
    ],
    ids=lambda document: json.dumps(document)[:70],
)
def test_what_the_reader_takes_the_schema_takes(document: dict[str, Any]) -> None:
    assert (reads(document), valid(document, SCHEMA)) == (True, True)
