"""Actions: by name, with params, and the built-in ones as far as JSON holds what they do.

`raise`, `emit` and `assign` are functions in XState, of which JSON mostly keeps no more than the type. They are read,
and written, as objects that say it all: `{type: "xstate.raise", params: {event: {type: "R"}}}`,
`{type: "xstate.emit", params: {event: {type: "Told", n: 1}}}` and `{type: "xstate.assign", params: {set: {n: "context.n + 1"}}}`,
or `{assignment: {n: 1}}` with plain values. Whoever runs them there provides an action of that name.

Below: the model, `told`. Above: `reading`, `writing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from statewf.definition.model import Action, Assign, Emit, Function, Raise
from statewf.definition.places import shown
from statewf.expr import Expression, literal, parse
from statewf.interop.xstate.told import Path, Told
from statewf.values.frozen import Object, thaw

BUILT_IN = "xstate."
_LOST = "it is a function, which JSON does not hold; give it a name of its own"
LATER = "raised again before its time, the event is set anew here; in XState it comes twice"
_PROVIDED = {
    "assign": "provide the action xstate.assign: it sets each name of params.set to what its text says",
    "emit": "provide the action xstate.emit: emit((_, params) => params.event), with the context if params.context",
    "raise": "provide the action xstate.raise: raise((_, params) => params.event, {delay: (_, params) => params.delay})",
}


def read_actions(value: Any, path: Path, told: Told) -> tuple[Action, ...]:
    """The actions of a list, of which one may stand by itself."""
    if not isinstance(value, list):
        found = _action(value, path, told)
        return () if found is None else (found,)
    numbered = (_action(item, (*path, i), told) for i, item in enumerate(value))
    return tuple(action for action in numbered if action is not None)


def _action(value: Any, path: Path, told: Told) -> Action | None:
    match value:
        case None:
            told.refuse("an action that is a function", path, "give it a name: JSON does not hold functions")
        case str() if not value.startswith(BUILT_IN):
            return told.tried(path, Function, value)
        case str():
            told.refuse(value, path, _LOST)
        case {"type": str(kind)} if kind.startswith(BUILT_IN):
            return _built_in(kind, value, path, told)
        case {"type": str(kind)}:
            for key in sorted(value.keys() - {"type", "params"}):
                hint = "XState v5 gives an action its data in params"
                told.wrong("unknown-key", f"the key {shown(key)} of an action is not known", (*path, key), hint)
            return told.tried(path, Function, kind, value.get("params"))
        case _:
            told.wrong("wrong-type", f"expected the name of an action, found {shown(value)}", path)
    return None


def _built_in(kind: str, value: dict[str, Any], path: Path, told: Told) -> Action | None:
    params = value.get("params")
    inner = {**value, **params} if isinstance(params, dict) else value
    event = inner.get("event")
    match kind.removeprefix(BUILT_IN), {"type": event} if isinstance(event, str) else event:
        case "raise", {"type": str(name), **data}:
            delay = inner.get("delay")
            if isinstance(delay, str):
                told.refuse(f"the delay {shown(delay)}", (*path, "delay"), "write milliseconds")
                return None
            if delay is not None:
                told.remark(path, LATER)
            if data:
                told.refuse("raise with data", path, "an event that a machine raises has none; assign it before")
            return told.tried(path, Raise, name, delay)
        case "emit", {"type": str(name), **data}:
            return told.tried(path, Emit, name, None if inner.get("context") is True else data)
        case "assign", _ if isinstance(texts := inner.get("set"), dict):
            return told.tried(path, Assign, texts)
        case "assign", _ if isinstance(values := inner.get("assignment"), dict):
            said = sayable(values)
            if len(said) == len(values):
                return told.tried(path, Assign, said)
            told.refuse("assign of objects", path, "name the action, and let a handler make them")
        case _:
            told.refuse(kind, path, _LOST)
    return None


def sayable(values: Mapping[str, Any]) -> dict[str, Expression]:
    """Those values that a condition can say, and so an assignment can set: scalars, and lists of them."""
    found: dict[str, Expression] = {}
    for name, value in values.items():
        if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
            found[name] = parse(f"[{', '.join(literal(item).text for item in value)}]")
        elif not isinstance(value, list | dict):
            found[name] = literal(value)
    return found


# --- to XState


def write_actions(actions: Iterable[Action], path: Path, told: Told) -> Any:
    """The actions as they are written: one stands by itself."""
    written = [_written(action, path, told) for action in actions]
    return written[0] if len(written) == 1 else written


def _written(action: Action, path: Path, told: Told) -> str | dict[str, Any]:
    match action:
        case Function(handler, params, policy):
            if policy is not None:
                told.refuse("retryPolicy", path, "XState tries no action again; let the handler do it")
            if handler.startswith(BUILT_IN):
                told.refuse(f"the handler {handler}", path, f"names that begin with {BUILT_IN} are XState's own")
            return {"type": handler, "params": thaw(params)} if params else handler
        case Assign(assignments):
            return _provided("assign", {"set": {name: value.text for name, value in assignments.items()}}, told)
        case Raise(event, delay):
            later = {"delay": delay} if delay is not None else {}
            if later:
                told.remark(path, LATER)
            return _provided("raise", {"event": {"type": event}, **later}, told)
        case Emit(event, None):
            return _provided("emit", {"event": {"type": event}, "context": True}, told)
        case Emit(event, data):
            if not isinstance(data, Object) or "type" in data:
                told.refuse("emit of such data", path, "an event of XState is an object, in which type is its name")
                return {}
            return _provided("emit", {"event": {"type": event, **thaw(data)}}, told)
        case _:
            assert_never(action)


def _provided(kind: str, params: dict[str, Any], told: Told) -> dict[str, Any]:
    told.remark((), _PROVIDED[kind])
    return {"type": f"{BUILT_IN}{kind}", "params": params}
