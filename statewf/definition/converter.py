"""Document to values: what each type of the model may be written as, and the path of every mistake.

cattrs goes down the model's types; the hooks here say how each is written, and the converters that the
model's types carry say what a single value must be. No hook knows where it stands: a mistake gets its path on
its way up, from the notes that cattrs leaves. A list or mapping gives up after a thousand mistakes, so that a
hostile file costs no more than a careless one.

Below: `model`, `words`, `shape`, cattrs. Above: `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from itertools import islice
from types import NoneType
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

import attrs
from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

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
from statewf.definition.places import MOST_TOLD, Mistake, mistakes_of, shown
from statewf.definition.shape import DEAF, NOWHERE, misfits, said
from statewf.definition.words import EventName, camel, expression, flag, nearest, one_of, wrong, wrong_type
from statewf.errors import InputError
from statewf.expr import Expression

Hook: TypeAlias = Callable[[Any, Any], Any]

ACTIONS: dict[str, type[Function | Emit | Assign]] = {"function": Function, "emit": Emit, "assign": Assign}
_TELLING = {"function": "handler", "emit": "event", "assign": "set"}  # the key that tells what was meant

# What people write who come from elsewhere, where it is not near enough to our word to be guessed.
_ELSEWHERE = {
    "after": "timeout",
    "attempts": "maxAttempts",
    "cond": "guard",
    "condition": "guard",
    "delay": "baseDelay",
    "entry": "onEntry",
    "events": "on",
    "exit": "onExit",
    "final": "terminal",
    "goto": "target",
    "if": "guard",
    "src": "handler",
    "start": "initialState",
    "to": "target",
    "transitions": "on",
    "when": "guard",
}

_MISSING = {
    "event": "name what is emitted, as in event: Order.paid",
    "handler": "name what is to be called, as in handler: send-mail",
    "initialState": "name the state it starts in, as in initialState: pending",
    "maxAttempts": "say how often at most, as in maxAttempts: 3",
    "on": "name the event, as in on: PAYMENT_FAILED, or $error for a failed invoke",
    "set": "say what gets which value, as in set: {paid: true}",
}


# --- mistakes on their way up


class Wrong(Exception):
    """Mistakes in the value at hand, with their paths from there."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = list(mistakes)
        super().__init__()


def mistakes_in(error: Exception) -> Iterator[Mistake]:
    """What an error says about the value it was raised for. One that says nothing of the kind is raised again."""
    match error:
        case Wrong():
            yield from error.mistakes
        case InputError():
            yield from mistakes_of(error)
        case ForbiddenExtraKeysError():
            known = _keys(error.cl)
            yield from (_unknown(key, known) for key in sorted(error.extra_fields))
        case ClassValidationError():
            noted, others = error.group_exceptions()
            for inner, note in noted:
                yield from _of_attribute(inner, camel(note.name))
            for other in others:
                yield from mistakes_in(other)
        case _:
            raise error


def _of_attribute(error: Exception, key: str) -> Iterator[Mistake]:
    if isinstance(error, KeyError):
        yield Mistake("missing-key", f"{key} is missing", hint=_MISSING.get(key))
    else:
        yield from (mistake.under((key,)) for mistake in mistakes_in(error))


def _unknown(key: str, known: tuple[str, ...]) -> Mistake:
    meant = _ELSEWHERE.get(key)
    if meant not in known:
        meant = nearest(key, known)
    hint = f"did you mean {meant}?" if meant else f"known here: {', '.join(known)}"
    return Mistake("unknown-key", f"the key {shown(key)} is not known here", (key,), hint)


@cache
def _keys(cls: Any) -> tuple[str, ...]:
    """The keys that may be written for a class."""
    keys = tuple(camel(field.name) for field in attrs.fields(cls) if field.name != "places")
    if cls is StateMachine:
        return ("type", "subtype", *keys)
    return ("type", *keys) if cls in ACTIONS.values() else keys


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
    for cls in (RetryPolicy, Retry, ErrorHandling, Function, Emit, Assign, StateMachine):
        made.register_structure_hook(cls, _record(cls, made))
    made.register_structure_hook(Transition, partial(_transition, _record(Transition, made)))
    made.register_structure_hook(Invoke, partial(_invoke, _record(Invoke, made)))
    made.register_structure_hook(State, partial(_state, _record(State, made)))
    made.register_structure_hook_func(lambda type: type == Action, partial(_action, made))
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
            name = _collect(of_key, key, key, wrong)
            result[name] = _collect(of_value, item, key, wrong)
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
            result.append(_collect(structure, item, i, wrong))
            if len(wrong) >= MOST_TOLD:
                break
        if wrong:
            raise Wrong(wrong)
        return tuple(result)

    return hook


def _collect(structure: Callable[[Any], Any], value: Any, step: str | int, wrong: list[Mistake]) -> Any:
    """The structured value; or its mistakes, as seen from the list or mapping it stands in."""
    try:
        return structure(value)
    except Exception as error:
        found = islice(mistakes_in(error), MOST_TOLD)
        wrong.extend(mistake.under((step,)) for mistake in found)
        return None


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
            raise wrong_type("an object", value, "write {} for an empty one" if value is None else None)
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
        raise wrong("bad-retry", "an empty list: it names no event", _MISSING["on"])
    made: tuple[str, ...] = structure(value, type)
    return made


def _action(made: Converter, value: Any, _: Any) -> Any:
    if not isinstance(value, dict):
        raise wrong_type("an action", value, "an action is an object, as in {type: function, handler: send-mail}")
    if "type" not in value:
        meant = next((kind for kind, key in _TELLING.items() if key in value), None)
        hint = f"add type: {meant}" if meant else f"one of {', '.join(ACTIONS)}"
        raise Wrong([Mistake("missing-key", "type is missing: what kind of action is it?", hint=hint)])
    try:
        kind = one_of(value["type"], tuple(ACTIONS))
    except InputError as error:
        raise Wrong(mistake.under(("type",)) for mistake in mistakes_of(error)) from None
    rest = {key: item for key, item in value.items() if key != "type"}
    return made.structure(rest, ACTIONS[kind])


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
