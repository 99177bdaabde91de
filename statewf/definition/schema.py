"""The file format as a JSON Schema, so that editors complete keys and underline mistakes while one types.

It follows the types of the model. It is a courtesy: `read` alone decides, and says more.

Below: `model`, `words`. Above: the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import attrs

from statewf.definition.model import (
    Action,
    Assign,
    Compensation,
    CompensationAction,
    Emit,
    ErrorHandling,
    EscalationPolicy,
    Function,
    Invoke,
    Quorum,
    Raise,
    Retry,
    RetryPolicy,
    Review,
    State,
    StateMachine,
    Step,
    Strategy,
    Transition,
    Workflow,
    WorkflowErrors,
)
from statewf.definition.pricing import (
    MODELS,
    PRICED,
    Pricing,
    amount,
    ceiling,
    currency,
    factor,
    last_volume,
    share,
    volume,
)
from statewf.definition.properties import ATOMS, BESIDE, PATTERNS, Property, atom, condition, own_keys
from statewf.definition.shape import IN_HISTORY, NOT_IN_FINAL, NOT_IN_TERMINAL, STEP_FITTING, STEP_NEEDS
from statewf.definition.words import (
    LONGEST_NAME,
    MOST,
    camel,
    count,
    duration,
    event_name,
    identifier,
    plain_text,
    targets,
)
from statewf.definition.words import params as params_of
from statewf.definition.workflow import WHOLE, step_id
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
_CONDITION = {
    "description": "A condition over inputs, context, event and attempt, or results of steps; or a constant.",
    "type": ["string", "number", "boolean"],
}
_SEVERAL = {"type": "array", "items": {"$ref": "#/$defs/name"}, "minItems": 1, "uniqueItems": True}
_ATOM = {"description": f"What may happen: {ATOMS}.", "type": "string", "pattern": r"[^\s\u0000-\u001f]"}
_BY_CHECK: dict[Any, dict[str, Any]] = {
    identifier: {"$ref": "#/$defs/name"},
    step_id: {"$ref": "#/$defs/name", "not": {"const": WHOLE}},
    atom: {"$ref": "#/$defs/atom"},
    condition: {"$ref": "#/$defs/condition"},
    targets: {"anyOf": [{"$ref": "#/$defs/name"}, _SEVERAL]},
    event_name: {"anyOf": [{"const": "$error"}, {"$ref": "#/$defs/name"}]},
    duration: {"$ref": "#/$defs/duration"},
    count: {"type": "integer", "minimum": 1, "maximum": MOST},
    plain_text: {"type": "string"},
    params_of: {"type": "object"},
    freeze: {},
    amount: {"type": ["number", "string"], "minimum": 0},
    factor: {"type": ["number", "string"], "minimum": 0},
    share: {"type": ["number", "string"], "minimum": 0, "maximum": 1},
    volume: {"type": "integer", "minimum": 0},
    ceiling: {"type": ["number", "string"], "minimum": 0},
    last_volume: {"type": "integer", "minimum": 0},
    currency: {"type": "string", "pattern": "^[A-Z]{3}$"},
}

_CLASSES = (
    *(StateMachine, State, Transition, Retry, RetryPolicy, ErrorHandling, Invoke, Function, Emit, Assign, Raise),
    *(Workflow, Step, Quorum, Compensation, CompensationAction, Review, EscalationPolicy, WorkflowErrors),
    *PRICED,
)

_KEYS = {
    "always": "Transitions without an event, tried after every change; the first whose guard holds is taken.",
    "context": "What the data are at first; inputs of the same names come before.",
    "delay": "How much later the event comes.",
    "errorHandling": "What holds for every function action that says nothing else.",
    "final": "Entering it finishes the state around it, which then takes its onDone.",
    "guard": "Taken only if this condition holds.",
    "history": "No state to be in: it leads where the state around it was when it was last left.",
    "initial": "The inner state that is entered first; of a history, where it leads as long as nothing was left.",
    "initialState": "The state the machine starts in.",
    "internal": "It leads into the state that holds it, without leaving that.",
    "invoke": "A handler that is called on entry and cancelled on exit.",
    "on": "What each event leads to: a target, or an object of target, guard and actions, or a list of these.",
    "onDone": "The transition on the result; of a state, when a final state within finished it.",
    "onEntry": "Actions on entering the state.",
    "onError": "The transition on a failure.",
    "onExit": "Actions on leaving the state.",
    "billing": "Whom to charge, and how many executions they have.",
    "pricing": "What an execution costs.",
    "parallel": "All inner states are active at once.",
    "outcome": "How a terminal state counts; success unless said otherwise.",
    "properties": "What must hold of every run.",
    "retry": "Enter the state again on these events, up to maxAttempts times.",
    "states": "States by their names.",
    "target": "A sibling, else a state further out, a whole path (parent.child), or a state within; or several.",
    "terminal": "Nothing leads out of the state: the machine has ended.",
    "timeout": "How long the state may last.",
    "timeoutTransition": "The state to go to when the time is up.",
    "unexpected": "What happens to an event that nothing accepts; reject unless said otherwise.",
}
_STEP_KEYS = {
    "action": "The handler that undoes something.",
    "assignTo": "Who decides: a condition over inputs, context and results, or a plain name.",
    "cancelGrace": "How long a handler that was given up has to end; 10s unless said otherwise.",
    "compensation": "What undoes the step, after it succeeded and the workflow failed.",
    "compensationStrategy": "How a workflow that fails is undone; reverse-order unless said otherwise.",
    "condition": "Decides between then and else.",
    "dependsOn": "The steps of the same list that it waits for; in the top-level list, without it, the one before.",
    "details": "What those are shown who decide.",
    "duration": "How long it waits.",
    "else": "The step that is taken when the condition does not hold.",
    "errorHandling": "What holds for every step that says nothing else, and what becomes of a workflow that fails.",
    "event": "The name of the event it waits for.",
    "handler": "What is called; the id of the step unless said otherwise.",
    "id": "The name of the step, by which others depend on it and its result is found.",
    "match": "Only an event for which this holds counts.",
    "maxConcurrency": "How many steps within it may run at once.",
    "notifyOnFailure": "Whether Notification.send tells of a workflow that failed.",
    "onError": "What happens after the last attempt failed.",
    "billing": "Whom to charge, and how many executions they have.",
    "pricing": "What an execution costs.",
    "onReject": "Whether the step fails when somebody decides `rejected`.",
    "properties": "What must hold of every run.",
    "required": "Whether the workflow fails with it; true unless said otherwise.",
    "retryPolicy": "How a call that failed is tried again.",
    "review": "Whom to ask with onError: human-review, and how long to wait.",
    "stepId": "The step that is undone; for people.",
    "steps": "The steps, in order.",
    "strategy": "Which successes it needs: all (the default), any, first, or a quorum.",
    "then": "The step that is taken when the condition holds.",
    "timeout": "How long it may take; of a function step, each attempt.",
    "type": "What kind of step it is; function unless said otherwise.",
    "when": "The step is skipped unless this condition holds.",
}
_PROPERTY_KEYS = {
    "absence": "It never happens; of two: never both in one run.",
    "existence": "It happens in every run that ends; of several: one of them does.",
    "precedence": "There is no `then` before a `first`.",
    "response": "After each `after`, one of `eventually` happens.",
    "always": "A condition over state, context, results and attempts: it holds in every snapshot.",
    "sometimes": "It holds in some snapshot of some run.",
    "eventually": "It holds in some snapshot of every run.",
    "name": "What people call the property.",
    "after": "It is asked for only after this happened.",
    "until": "It is asked for only until this happens.",
}
_PRICING_KEYS = {
    "automated": "What an execution costs in which nobody was asked.",
    "baseRate": "What each execution costs.",
    "currency": "Its code (ISO 4217); USD unless said otherwise.",
    "customer": "Whom to charge; inputs.customerId unless said otherwise.",
    "discount": "The share that is given: 0.1 is ten per cent.",
    "discounts": "What is given to customers.",
    "failureRefund": "What is given back if a step failed, and the workflow completed nevertheless.",
    "humanReview": "What an execution costs in which a person was asked.",
    "max": "The last volume of the tier; without it the tier has no end.",
    "maximum": "An execution never costs more.",
    "min": "The first volume of the tier.",
    "minimum": "An execution never costs less.",
    "parallelDiscount": "The share that is given if a parallel step was done.",
    "rate": "What each execution costs, or each second.",
    "rates": "What an execution costs, by whether a person was asked.",
    "stepMultipliers": "By how much a second of a step is dearer, or cheaper.",
    "stepRates": "What each step that was done costs besides.",
    "volume": "How many executions a customer has (inputs.volume unless said otherwise), or discounts by that.",
}
_OF_STEPS = (Workflow, Step, Compensation, CompensationAction, Review, EscalationPolicy, WorkflowErrors)


def schema() -> dict[str, Any]:
    """The JSON Schema of the files of both kinds: what has `states` is a state machine, all else a workflow."""
    return {
        "$schema": DIALECT,
        "title": "A state machine or step workflow of statewf",
        "type": "object",
        "if": {"required": ["states"]},
        "then": {"$ref": "#/$defs/StateMachine"},
        "else": {"$ref": "#/$defs/Workflow"},
        "$defs": _definitions(),
    }


def _definitions() -> dict[str, Any]:
    found: dict[str, Any] = {cls.__name__: _object(cls) for cls in _CLASSES}
    _whole(found["StateMachine"], "state-machine")
    _whole(found["Workflow"], "workflow")
    found["StateMachine"]["properties"]["states"]["minProperties"] = 1
    for owner in ("Workflow", "Step", "Compensation"):
        _, several = found[owner]["properties"]["steps"]["anyOf"]
        several["minItems"] = 1
    found["Step"]["allOf"] = list(_step_rules())
    for short in (Transition, Invoke):  # each may be written as a mere name
        found[short.__name__] = {"anyOf": [{"$ref": "#/$defs/name"}, found[short.__name__]]}
    actions = get_args(Action)
    for action in actions:
        found[action.__name__]["properties"]["type"] = {"const": action.__name__.lower()}
        found[action.__name__].setdefault("required", []).insert(0, "type")
    found["Action"] = {"oneOf": [{"$ref": f"#/$defs/{action.__name__}"} for action in actions]}
    for model, cls in MODELS.items():
        found[cls.__name__]["properties"]["model"] = {"const": model}
        found[cls.__name__].setdefault("required", []).insert(0, "model")
    found["Pricing"] = {"oneOf": [{"$ref": f"#/$defs/{cls.__name__}"} for cls in MODELS.values()]}
    found |= {cls.__name__: _property(pattern, cls) for pattern, cls in PATTERNS.items()}
    found["Property"] = {"oneOf": [{"$ref": f"#/$defs/{cls.__name__}"} for cls in PATTERNS.values()]}
    found["State"]["dependentRequired"] = {
        "timeout": ["timeoutTransition"],
        "timeoutTransition": ["timeout"],
        "outcome": ["terminal"],
    }
    found["State"]["allOf"] = list(_state_rules())
    expression = {"anyOf": [{"$ref": "#/$defs/condition"}, {"type": "null"}]}
    words = {"name": _NAME, "duration": _DURATION, "condition": _CONDITION, "atom": _ATOM}
    return {**found, **words, "expression": expression}


def _whole(found: dict[str, Any], subtype: str) -> None:
    """What only a whole file has."""
    found["properties"]["type"] = {"type": "string", "pattern": r"(^|\.)Automation$"}
    found["properties"]["subtype"] = {"const": subtype}
    found["required"].remove("name")  # it may come from the file's


def _state_rules() -> Iterator[dict[str, Any]]:
    """What goes together in a state: the rules of `shape`."""
    others = [camel(field.name) for field in attrs.fields(State) if camel(field.name) not in IN_HISTORY]
    yield _where("terminal", {"properties": dict.fromkeys(NOT_IN_TERMINAL, False)})
    yield _where("final", {"properties": dict.fromkeys(NOT_IN_FINAL, False)})
    yield {"if": {"required": ["history"]}, "then": {"properties": dict.fromkeys(others, False)}}
    yield _where("parallel", {"required": ["states"], "properties": {"initial": False}})
    alone = {"required": ["states"], "not": _is("parallel")}
    yield {"if": alone, "then": {"required": ["initial"]}}
    yield {
        "if": {"required": ["initial"]},
        "then": {"anyOf": [{"required": ["states"]}, {"required": ["history"]}]},
    }
    yield {"if": {"required": ["onDone"]}, "then": {"required": ["states"]}}


def _is(key: str) -> dict[str, Any]:
    """A state with a key that says true."""
    return {"properties": {key: {"const": True}}, "required": [key]}


def _where(key: str, then: dict[str, Any]) -> dict[str, Any]:
    return {"if": _is(key), "then": then}


def _step_rules() -> Iterator[dict[str, Any]]:
    """What goes together in a step: the rules of `shape`."""
    every = [camel(field.name) for field in attrs.fields(Step)]
    for kind, fitting in STEP_FITTING.items():
        rules: dict[str, Any] = {key: False for key in every if key not in fitting}
        if kind != "function":
            rules["onError"] = {"not": {"const": "retry"}}
        needed = [key for key, _ in STEP_NEEDS.get(kind, ())]
        said = [] if kind == "function" else ["type"]
        yield {
            "if": {"properties": {"type": {"const": kind}}, "required": said},
            "then": {"properties": rules, "required": needed},
        }
    asking = {"properties": {"onError": {"const": "human-review"}}, "required": ["onError"]}
    yield {"if": {"required": ["review"]}, "then": asking}


def _property(pattern: str, cls: type[Property]) -> dict[str, Any]:
    """A property: the key of its pattern, and beside it what all have."""
    types = get_type_hints(cls, include_extras=True)
    own = {key: _atoms(types[name]) for name, key in own_keys(cls).items()}
    (alone, *more) = own.values()
    within = {"type": "object", "properties": own, "additionalProperties": False, "required": [*own]}
    if pattern == "absence":
        alone["anyOf"][1]["maxItems"] = 2
    said = {pattern: within if more else alone, **{name: _of(types[name]) for name in BESIDE}}
    return {
        "description": (cls.__doc__ or "").split("\n")[0],
        "type": "object",
        "properties": {key: {"description": _PROPERTY_KEYS[key], **found} for key, found in said.items()},
        "additionalProperties": False,
        "required": [pattern],
    }


def _atoms(type: Any) -> dict[str, Any]:
    """What is a pattern's own: a list is not empty."""
    found = _of(type)
    if "anyOf" in found:
        found["anyOf"][1]["minItems"] = 1
    return found


def _object(cls: type[Any]) -> dict[str, Any]:
    types = get_type_hints(cls, include_extras=True)
    fields = [field for field in attrs.fields(cls) if field.name != "places"]
    made: dict[str, Any] = {
        "description": (cls.__doc__ or "").split("\n")[0],
        "type": "object",
        "properties": {camel(field.name): _key(cls, camel(field.name), types[field.name]) for field in fields},
        "additionalProperties": False,
    }
    if required := [camel(field.name) for field in fields if field.default is attrs.NOTHING]:
        made["required"] = required
    return made


def _key(cls: type[Any], key: str, type: Any) -> dict[str, Any]:
    described = _PRICING_KEYS if cls in PRICED else _STEP_KEYS if cls in _OF_STEPS else _KEYS
    found = {"$ref": "#/$defs/condition"} if type == Expression | None else _of(type)
    return {"description": described[key], **found} if key in described else found


def _of(type: Any) -> dict[str, Any]:
    arguments = get_args(type)
    if type == Action:
        return {"$ref": "#/$defs/Action"}
    if type == Pricing | None:
        return {"$ref": "#/$defs/Pricing"}
    if type == Property:
        return {"$ref": "#/$defs/Property"}
    if type == Strategy:
        return {"anyOf": [_of(inner) for inner in arguments]}
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
