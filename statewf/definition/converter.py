"""Document to values: what each type of the model may be written as, and the path of every mistake.

cattrs goes down the model's types; the hooks here say how each is written, and the converters that the
model's types carry say what a single value must be. No hook knows where it stands: `mistakes` finds that on
their way up. A list or mapping gives up after a thousand mistakes, so that a hostile file costs no more than a
careless one.

Below: `model`, `words`, `shape`, `mistakes`, `patterns`, cattrs. Above: `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import islice
from types import NoneType
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

import attrs
from cattrs import ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override

from statewf.definition.mistakes import ACTIONS, MISSING, Wrong, collect, keys_of, mistakes_in, unknown
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
from statewf.definition.patterns import read_property
from statewf.definition.places import MOST_TOLD, Mistake, mistakes_of
from statewf.definition.policy import BASE_DELAY, MAX_DELAY, delay_misfit
from statewf.definition.pricing import MODELS, PRICED, Billing, Discounts, Pricing, Rates, Tier, rate_misfits
from statewf.definition.properties import Property
from statewf.definition.shape import DEAF, NOWHERE, STEP_FITTING, misfits, said, step_misfits
from statewf.definition.words import EventName, camel, duration, expression, flag, one_of, wrong, wrong_type
from statewf.errors import InputError
from statewf.expr import Expression
from statewf.values.frozen import kind_of

Hook: TypeAlias = Callable[[Any, Any], Any]

_TELLING = {"function": "handler", "emit": "event", "assign": "set"}  # the key that tells what was meant

_PLAIN = (
    *(ErrorHandling, Function, Emit, Assign, Raise, StateMachine),
    *(Compensation, CompensationAction, EscalationPolicy, Quorum, Review, WorkflowErrors, Workflow),
    *PRICED,
)

# How it is written, for those who wrote something of another kind.
_WRITTEN: dict[Any, str] = {
    Compensation: "write {steps: [{action: refund}]}, with the handlers that undo the step",
    CompensationAction: "write {action: refund}, with the handler that undoes something",
    EscalationPolicy: "write {timeout: 12h, escalateTo: manager}",
    RetryPolicy: "write {maxAttempts: 3}",
    Discounts: "write {volume: [{min: 100, discount: 0.1}]}",
    Tier: "write {min: 100, max: 999, discount: 0.1}",
    Rates: "write {automated: 0.25, humanReview: 1.0}",
    Billing: "write {customer: inputs.customerId}",
    Review: "write {assignTo: ann, timeout: 12h}",
}
_NO_STEP = {
    "null": "write {id: payment} for a step",
    "text": "write {id: payment} for a step",
    "a list": "write {id: both, type: parallel, steps: [...]} for several",
}

# --- the converter


@cache
def converter() -> Converter:
    """The converter of definitions; made once, for it writes and compiles a function a class."""
    made = Converter(detailed_validation=True)
    made.register_structure_hook_factory(_is_optional, lambda type: _present(type, made))
    made.register_structure_hook_factory(_is_a(Mapping), lambda type: _mapping(type, made))
    made.register_structure_hook_factory(_is_a(tuple), lambda type: _one_or_many(type, made))
    made.register_structure_hook_factory(_is_a(Annotated), _checked)
    made.register_structure_hook_factory(_is_a(Literal), _word)
    several = tuple[EventName, ...]
    made.register_structure_hook_func(lambda type: type == several, partial(_events, _one_or_many(several, made)))
    made.register_structure_hook(bool, lambda value, _: flag(value))
    made.register_structure_hook(Expression, lambda value, _: expression(value))
    made.register_structure_hook_func(lambda type: type == Strategy, partial(_strategy, made))
    made.register_structure_hook_func(lambda type: type == Pricing | None, partial(_pricing, made))
    for cls in _PLAIN:
        made.register_structure_hook(cls, _record(cls, made))
    for policy in (RetryPolicy, Retry):
        made.register_structure_hook(policy, partial(_policy, _record(policy, made)))
    made.register_structure_hook(Step, partial(_step, _record(Step, made)))
    made.register_structure_hook(Transition, partial(_transition, _record(Transition, made)))
    made.register_structure_hook(Invoke, partial(_invoke, _record(Invoke, made)))
    made.register_structure_hook(State, partial(_state, _record(State, made)))
    made.register_structure_hook_func(lambda type: type == Action, partial(_action, made))
    made.register_structure_hook_func(lambda type: type == Property, partial(read_property, made))
    return made


def _late(type: Any, made: Converter) -> Callable[[Any], Any]:
    """The hook of a type, looked up when first used: types contain one another."""
    hook = cache(partial(made.get_structure_hook, type))
    return lambda value: hook()(value, type)


def _is_a(origin: Any) -> Callable[[Any], bool]:
    return lambda type: get_origin(type) is origin


def _is_optional(type: Any) -> bool:
    return NoneType in get_args(type)


def _present(type: Any, made: Converter) -> Hook:
    """What may be left out must not be null: a key without its value is something forgotten."""
    (given,) = (inner for inner in get_args(type) if inner is not NoneType)
    structure = _late(given, made)

    def hook(value: Any, _: Any) -> Any:
        if value is None:
            raise wrong_type("a value", value)
        return structure(value)

    return hook


def _checked(type: Any) -> Hook:
    """A type that carries the converter of its values."""
    check = get_args(type)[1]
    return lambda value, _: check(value)


def _word(type: Any) -> Hook:
    allowed = get_args(type)
    return lambda value, _: one_of(value, allowed)


def _mapping(type: Any, made: Converter) -> Hook:
    of_key, of_value = (_late(inner, made) for inner in get_args(type))

    def hook(value: Any, _: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise wrong_type("an object", value)
        result: dict[str, Any] = {}
        wrong: list[Mistake] = []
        for key, item in value.items():
            name = collect(of_key, key, key, wrong)
            result[name] = collect(of_value, item, key, wrong)
            if len(wrong) >= MOST_TOLD:
                break
        if wrong:
            raise Wrong(wrong)
        return result

    return hook


def _one_or_many(type: Any, made: Converter) -> Hook:
    """A tuple is written as a list, and one of a single part as that part."""
    structure = _late(get_args(type)[0], made)

    def hook(value: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            return (structure(value),)
        result: list[Any] = []
        wrong: list[Mistake] = []
        for i, item in enumerate(value):
            result.append(collect(structure, item, i, wrong))
            if len(wrong) >= MOST_TOLD:
                break
        if wrong:
            raise Wrong(wrong)
        return tuple(result)

    return hook


# --- classes and their short forms


def _record(cls: type[Any], made: Converter) -> Hook:
    """An object with the keys of a class, in the camelCase of the files."""
    renamed: dict[str, Any] = {
        field.name: override(omit=True) if field.name == "places" else override(rename=camel(field.name))
        for field in attrs.fields(cls)
    }
    structure = make_dict_structure_fn(cls, made, _cattrs_forbid_extra_keys=True, **renamed)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise wrong_type(
                "an object", value, _WRITTEN.get(cls) or ("write {} for an empty one" if value is None else None)
            )
        return structure(value, cls)

    return hook


def _transition(record: Hook, value: Any, type: Any) -> Transition:
    match value:
        case str():
            return Transition(value)
        case dict():
            made: Transition = record(value, type)
            return made
        case _:
            hint = "name a target, or write {} to accept the event and do nothing" if value is None else None
            raise wrong_type("a target, or an object of target, guard and actions", value, hint)


def _invoke(record: Hook, value: Any, type: Any) -> Invoke:
    made: Invoke = Invoke(value) if isinstance(value, str) else record(value, type)
    return made


def _events(structure: Hook, value: Any, type: Any) -> tuple[str, ...]:
    if value == []:
        raise wrong("bad-retry", "an empty list: it names no event", MISSING["on"])
    made: tuple[str, ...] = structure(value, type)
    return made


def _action(made: Converter, value: Any, _: Any) -> Any:
    if not isinstance(value, dict):
        raise wrong_type("an action", value, "an action is an object, as in {type: function, handler: send-mail}")
    meant = next((kind for kind, key in _TELLING.items() if key in value), None)
    hint = f"add type: {meant}" if meant else None
    kind, rest = _told_apart(value, "type", tuple(ACTIONS), "what kind of action is it?", hint)
    return made.structure(rest, ACTIONS[kind])


def _told_apart(
    value: Mapping[str, Any], key: str, words: tuple[str, ...], question: str, hint: str | None = None
) -> tuple[str, dict[str, Any]]:
    """The word under a key that says what an object is, and what is beside it."""
    if key not in value:
        listed = f"one of {', '.join(words)}"
        raise Wrong([Mistake("missing-key", f"{key} is missing: {question}", hint=hint or listed)])
    try:
        word = one_of(value[key], words)
    except InputError as error:
        raise Wrong(mistake.under((key,)) for mistake in mistakes_of(error)) from None
    return word, {other: item for other, item in value.items() if other != key}


def _pricing(made: Converter, value: Any, _: Any) -> Any:
    """A price list also answers for its base, whatever else is wrong."""
    if not isinstance(value, dict):
        raise wrong_type("a price list", value, "as in {model: per-execution, rate: 1.0}")
    model, rest = _told_apart(value, "model", tuple(MODELS), "what is paid for?")
    try:
        return made.structure(rest, MODELS[model])
    except ClassValidationError as error:
        told = [_of_its_model(model, mistake) for mistake in islice(mistakes_in(error), MOST_TOLD)]
    breaches = rate_misfits([key for key, item in rest.items() if said(item)]) if model == "per-execution" else ()
    wrong = [Mistake(one.code, one.message, (one.key,) if one.key else (), one.hint) for one in breaches]
    known = {mistake.code for mistake in wrong}  # and with its place, which the price list itself cannot say
    raise Wrong([*wrong, *(mistake for mistake in told if mistake.code not in known)])


def _of_its_model(model: str, mistake: Mistake) -> Mistake:
    """An unknown key may be one of another price list."""
    if mistake.code != "unknown-key" or len(mistake.path) > 1:
        return mistake
    models: dict[str, Any] = {**MODELS}
    meant = [other for other, cls in models.items() if other != model and mistake.path[0] in keys_of(cls)]
    return attrs.evolve(mistake, hint=f"it belongs to model: {meant[0]}") if meant else mistake


def _state(record: Hook, value: Any, type: Any) -> State:
    """A state also answers for what goes together in it, whatever else is wrong."""
    try:
        made: State = record(value, type)
    except ClassValidationError as error:
        told = list(islice(mistakes_in(error), MOST_TOLD))
        breaches = list(_breaches(value))
        # those without a path are the state's own words for the same breaches
        raise Wrong([*breaches, *(mistake for mistake in told if mistake.path)] or told) from None
    return made


def _policy(record: Hook, value: Any, type: Any) -> RetryPolicy | Retry:
    """A policy also answers for its delays, whatever else is wrong."""
    try:
        made: RetryPolicy | Retry = record(value, type)
    except ClassValidationError as error:
        told = list(islice(mistakes_in(error), MOST_TOLD))
        # those with a mere tail are the policy's own words for the same breach
        named = [mistake for mistake in told if mistake.path or not mistake.tail]
        raise Wrong([*_delay_breaches(value, type), *named]) from None
    return made


def _delay_breaches(value: Mapping[str, Any], type: Any) -> Iterator[Mistake]:
    """A first delay longer than the longest, as it is written."""
    if type is Retry and not {"backoff", "baseDelay"} & set(value):
        return  # it does not wait
    try:
        base, longest = duration(value.get("baseDelay", BASE_DELAY)), duration(value.get("maxDelay", MAX_DELAY))
    except InputError:
        return  # that is told elsewhere
    if wrong := delay_misfit(base, longest):
        yield Mistake(wrong.code, wrong.message, (wrong.key,), wrong.hint)


def _strategy(made: Converter, value: Any, _: Any) -> Any:
    match value:
        case dict():
            return made.structure(value, Quorum)
        case int() | "quorum":
            raise wrong_type("all, any, first or a quorum", value, "write {quorum: 2} for two successes")
        case _:
            return one_of(value, ("all", "any", "first"))


def _step(record: Hook, value: Any, type: Any) -> Step:
    """A step also answers for what goes together in it, whatever else is wrong."""
    if not isinstance(value, dict):
        raise wrong_type("a step", value, _NO_STEP.get(kind_of(value)))
    if (
        value
        and not any(key in keys_of(Step) for key in value)
        and all(isinstance(v, dict) for v in value.values())
    ):
        raise wrong_type("a list of steps", value, "write - id: payment, and below it what the step has")
    breaches = list(_step_breaches(value))
    try:
        made: Step = record(value, type)
    except ClassValidationError as error:
        told = list(islice(mistakes_in(error), MOST_TOLD))
        # those with a mere tail are the step's own words for the same breaches
        named = [_of_its_type(value, mistake) for mistake in told if mistake.path or not mistake.tail]
        raise Wrong([*breaches, *named] or told) from None
    if breaches:
        raise Wrong(breaches)  # a key that does not belong there, though it says what would hold anyway
    return made


def _of_its_type(value: Mapping[str, Any], mistake: Mistake) -> Mistake:
    """An unknown key is compared with those that a step of this type can have."""
    fitting = STEP_FITTING.get(str(value.get("type", "function")))
    if fitting is None or mistake.code != "unknown-key" or len(mistake.path) > 1:
        return mistake
    return unknown(str(mistake.path[0]), fitting, value)


def _step_breaches(value: Mapping[str, Any]) -> Iterator[Mistake]:
    """What does not go together in a step, as it is written: a key that is there says something."""
    kind = value.get("type", "function")
    if not isinstance(kind, str) or kind not in STEP_FITTING:
        return  # that is told elsewhere, and nothing more can be said
    for misfit in step_misfits(kind, value, value.get("onError")):
        where = () if misfit.code == "missing-key" else (misfit.key,)
        yield Mistake(misfit.code, misfit.message, where, misfit.hint)
    if kind == "parallel" and value.get("steps") == []:
        yield Mistake("no-steps", "a parallel step needs at least one step", ("steps",), "list what runs at once")


def _breaches(value: Mapping[str, Any]) -> Iterator[Mistake]:
    """What does not go together in a state, as it is written."""
    has = {key for key, item in value.items() if said(item)}
    if not isinstance(value.get("terminal", False), bool):
        has -= {"terminal", "outcome"}  # that it is no bool is told already
    for misfit in misfits(has):
        yield Mistake(misfit.code, misfit.message, (misfit.key,), misfit.hint)
    ways = value.get("always")
    for i, way in enumerate(ways if isinstance(ways, list) else [ways]):
        if isinstance(way, dict) and "target" not in way and not said(way.get("actions")):
            where = ("always", i) if isinstance(ways, list) else ("always",)
            yield Mistake(NOWHERE.code, NOWHERE.message, where, NOWHERE.hint)
    events = value.get("on")
    for event, listed in events.items() if isinstance(events, dict) else ():
        if listed == []:
            yield Mistake(DEAF.code, DEAF.message, ("on", event), DEAF.hint)
