"""The file format as a JSON Schema, so that editors complete keys and underline mistakes while one types.

It follows the types of the model. It is a courtesy: `read` alone decides, and says more.

Below: `model`, `words`. Above: the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import attrs

from statewf.definition.model import (
    Action,
    Assign,
    Emit,
    ErrorHandling,
    Function,
    Invoke,
    Retry,
    RetryPolicy,
    State,
    StateMachine,
    Transition,
)
from statewf.definition.shape import NOT_IN_TERMINAL
from statewf.definition.words import LONGEST_NAME, MOST, camel, count, duration, event_name, identifier, plain_text
from statewf.definition.words import params as params_of
from statewf.expr import Expression
from statewf.values.duration import LONGEST
from statewf.values.frozen import freeze

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PATTERN = r"^[^$/\u0000-\u001f][^/\u0000-\u001f]*$"
_NAME = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "pattern": _PATTERN}
_DURATION = {
    "description": "Milliseconds, or text such as 500ms, 30s, 5m, 12h, 2d or P1D.",
    "anyOf": [{"type": "integer", "minimum": 0, "maximum": LONGEST}, {"type": "string"}],
}
_EXPRESSION = {
    "description": "A condition over inputs, context, event and attempt; or a constant.",
    "type": ["string", "number", "boolean", "null"],
}
_BY_CHECK: dict[Any, dict[str, Any]] = {
    identifier: {"$ref": "#/$defs/name"},
    event_name: {"anyOf": [{"const": "$error"}, {"$ref": "#/$defs/name"}]},
    duration: {"$ref": "#/$defs/duration"},
    count: {"type": "integer", "minimum": 1, "maximum": MOST},
    plain_text: {"type": "string"},
    params_of: {"type": "object"},
    freeze: {},
}

_CLASSES = (Transition, Retry, RetryPolicy, ErrorHandling, Invoke, State, Function, Emit, Assign)

_KEYS = {
    "always": "Transitions without an event, tried after every change; the first whose guard holds is taken.",
    "errorHandling": "What holds for every function action that says nothing else.",
    "guard": "Taken only if this condition holds.",
    "initial": "The inner state that is entered first.",
    "initialState": "The state the machine starts in.",
    "invoke": "A handler that is called on entry and cancelled on exit.",
    "on": "What each event leads to: a target, or an object of target, guard and actions, or a list of these.",
    "onDone": "The transition on the result.",
    "onEntry": "Actions on entering the state.",
    "onError": "The transition on a failure.",
    "onExit": "Actions on leaving the state.",
    "outcome": "How a terminal state counts; success unless said otherwise.",
    "retry": "Enter the state again on these events, up to maxAttempts times.",
    "states": "States by their names.",
    "target": "A sibling, else a state further out, or a whole path (parent.child).",
    "terminal": "Nothing leads out of the state: the machine has ended.",
    "timeout": "How long the state may last.",
    "timeoutTransition": "The state to go to when the time is up.",
    "unexpected": "What happens to an event that nothing accepts; reject unless said otherwise.",
}


def schema() -> dict[str, Any]:
    """The JSON Schema of a state machine's file."""
    machine = _object(StateMachine)
    machine["properties"]["type"] = {"type": "string", "pattern": r"(^|\.)Automation$"}
    machine["properties"]["subtype"] = {"const": "state-machine"}
    machine["required"] = ["initialState", "states"]  # the name may come from the file's
    machine["properties"]["states"]["minProperties"] = 1
    return {"$schema": DIALECT, "title": "A state machine of statewf", **machine, "$defs": _definitions()}


def _definitions() -> dict[str, Any]:
    found: dict[str, Any] = {cls.__name__: _object(cls) for cls in _CLASSES}
    for short in (Transition, Invoke):  # each may be written as a mere name
        found[short.__name__] = {"anyOf": [{"$ref": "#/$defs/name"}, found[short.__name__]]}
    actions = get_args(Action)
    for action in actions:
        found[action.__name__]["properties"]["type"] = {"const": action.__name__.lower()}
        found[action.__name__].setdefault("required", []).insert(0, "type")
    found["Action"] = {"oneOf": [{"$ref": f"#/$defs/{action.__name__}"} for action in actions]}
    found["State"]["dependentRequired"] = {
        "timeout": ["timeoutTransition"],
        "timeoutTransition": ["timeout"],
        "states": ["initial"],
        "initial": ["states"],
        "outcome": ["terminal"],
    }
    found["State"]["if"] = {"properties": {"terminal": {"const": True}}, "required": ["terminal"]}
    found["State"]["then"] = {"properties": dict.fromkeys(NOT_IN_TERMINAL, False)}
    return {**found, "name": _NAME, "duration": _DURATION, "expression": _EXPRESSION}


def _object(cls: type[Any]) -> dict[str, Any]:
    types = get_type_hints(cls, include_extras=True)
    fields = [field for field in attrs.fields(cls) if field.name != "places"]
    made: dict[str, Any] = {
        "description": (cls.__doc__ or "").split("\n")[0],
        "type": "object",
        "properties": {camel(field.name): _key(camel(field.name), types[field.name]) for field in fields},
        "additionalProperties": False,
    }
    if required := [camel(field.name) for field in fields if field.default is attrs.NOTHING]:
        made["required"] = required
    return made


def _key(key: str, type: Any) -> dict[str, Any]:
    return {"description": _KEYS[key], **_of(type)} if key in _KEYS else _of(type)


def _of(type: Any) -> dict[str, Any]:
    arguments = get_args(type)
    if type == Action:
        return {"$ref": "#/$defs/Action"}
    if NoneType in arguments:
        (given,) = (inner for inner in arguments if inner is not NoneType)
        return _of(given)
    match get_origin(type):
        case None:
            return _of_class(type)
        case origin if origin is Annotated:
            return dict(_BY_CHECK[arguments[1]])
        case origin if origin is Literal:
            return {"enum": list(arguments)}
        case origin if origin is Mapping:
            key, item = arguments
            return {"type": "object", "propertyNames": _of(key), "additionalProperties": _of(item)}
        case _:
            item = _of(arguments[0])
            return {"anyOf": [item, {"type": "array", "items": item}]}


def _of_class(type: Any) -> dict[str, Any]:
    if type is bool:
        return {"type": "boolean"}
    name = "expression" if type is Expression else type.__name__
    return {"$ref": f"#/$defs/{name}"}
