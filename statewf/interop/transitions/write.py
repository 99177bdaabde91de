"""A definition as the text of a Python module that builds its machine.

What transitions has words for is said in them (`states`, `children`, `parallel`, `initial`, `final`, `timeout`,
`conditions`, `on_enter`, ...), the rest in those that `running` adds. All names are written as quoted text, so that
none of them can become code.

Below: the definition, `compiler.tree`, `code`. Above: whoever converts a definition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from statewf.compiler.hearing import done_event
from statewf.compiler.tree import Node, Tree, grow
from statewf.definition.model import (
    Action,
    Assign,
    Emit,
    Function,
    Raise,
    Retry,
    State,
    StateMachine,
    Transition,
    named,
    path_text,
)
from statewf.errors import ConversionError, Diagnostic
from statewf.interop.conversion import Exported, Remark, unsupported
from statewf.interop.transitions.code import Code, called, shown
from statewf.interop.transitions.words import ALWAYS, SEPARATOR
from statewf.machine.fsm import TIMEOUT
from statewf.values.frozen import thaw

_HEAD = '''"""A state machine for transitions, written by statewf.

`machine.start(handlers, inputs)` gives a model; `model.trigger("PAY", {"total": 30})` lets it take an event.
"""
'''
_MODEL_ATTRIBUTE = "state"  # where the library keeps the state of a model; no trigger can have that name


def write(definition: StateMachine) -> Exported:
    """The module of a definition that compiles. Raises ConversionError, which names what transitions cannot do."""
    tree = grow(definition)
    refused = [*_refused_machine(definition), *(told for node in tree.nodes.values() for told in _refused(node))]
    if refused:
        raise ConversionError(refused)
    states = [_state(node) for node in tree.roots.values()]
    transitions = [written for node in tree.nodes.values() for written in _transitions(tree, node)]
    body = f"STATES = {shown(states)}\n\nTRANSITIONS = {shown(transitions)}\n\nmachine = {_machine(definition)}\n"
    return Exported(f"{_HEAD}\n{_imports(body)}\n{body}", tuple(_remarks(definition)))


def _imports(body: str) -> str:
    """The import lines of what the module uses; `Name(` stands in quoted text, too, which costs nothing but a name."""
    used = [cls.__name__ for cls in (Assign, Emit, Function, Raise, Retry) if f"{cls.__name__}(" in body]
    lines = [f"from statewf import {', '.join(used)}"] if used else []
    lines += ["from statewf.expr import parse"] if "parse(" in body else []
    return "\n".join([*lines, "from statewf.interop.transitions.running import Machine\n"])


def _machine(definition: StateMachine) -> str:
    first = named(definition.initial_state)
    said = {
        "initial": list(first) if len(first) > 1 else first[0],
        "context": thaw(definition.context) or None,
        "ignore_invalid_triggers": True if definition.unexpected == "ignore" else None,
        "description": definition.description,
    }
    return shown(called("Machine", definition.name, Code("STATES"), Code("TRANSITIONS"), **_some(said)))


# --- states and transitions


def _state(node: Node) -> dict[str, Any]:
    """A state in the words of the library, with those within it."""
    state = node.state
    children = [_state(child) for child in node.children.values()]
    nested_end = state.terminal and node.parent is not None
    return {
        "name": node.path[-1],
        **_some(
            {
                "description": state.description,
                "final": state.final or state.terminal or None,
                "terminal": nested_end or None,
                "outcome": state.outcome,
                "on_enter": [_action(action) for action in state.on_entry] or None,
                "on_exit": [_action(action) for action in state.on_exit] or None,
                "timeout": None if state.timeout is None else _seconds(state.timeout),
                "on_timeout": None if state.timeout is None else TIMEOUT + node.name,
                "retry": None if state.retry is None else _retry(state.retry),
                "ignore_invalid_triggers": None if state.unexpected is None else state.unexpected == "ignore",
                "initial": state.initial if isinstance(state.initial, str | None) else list(state.initial),
                "parallel" if state.parallel else "children": children or None,
            }
        ),
    }


def _transitions(tree: Tree, node: Node) -> Iterator[dict[str, Any]]:
    """All transitions of one state, by the triggers that the library knows them by."""
    state = node.state
    triggers: dict[str, tuple[Transition, ...]] = {**state.on}
    triggers[ALWAYS] = state.always
    if state.timeout_transition is not None:
        triggers[TIMEOUT + node.name] = (Transition(state.timeout_transition),)
    done = done_event(node)
    triggers[done] = (*triggers.get(done, ()), *state.on_done)
    for trigger, listed in triggers.items():
        for transition in listed:
            dest = [target.name for target in (tree.find(name, node) for name in transition.targets) if target]
            yield {
                "trigger": trigger,
                "source": node.name,
                "dest": dest if len(dest) > 1 else dest[0] if dest else None,
                **_some(
                    {
                        "conditions": transition.guard and called("parse", transition.guard.text),
                        "actions": [_action(action) for action in transition.actions] or None,
                        "internal": transition.internal or None,
                    }
                ),
            }


def _action(action: Action) -> Code:
    match action:
        case Function(handler, params):
            return called("Function", handler, *([thaw(params)] if params else []))
        case Emit(event, data):
            return called("Emit", event, *([] if data is None else [thaw(data)]))
        case Assign(values):
            return called("Assign", {name: value.text for name, value in values.items()})
        case Raise(event, delay):
            return called("Raise", event, *([] if delay is None else [delay]))


def _retry(retry: Retry) -> Code:
    said = {"backoff": retry.backoff, "base_delay": retry.base_delay}
    if retry.waits:
        said["max_delay"] = retry.max_delay
    return called("Retry", retry.max_attempts, list(retry.on), **_some(said))


def _some(said: Mapping[str, Any]) -> dict[str, Any]:
    """What says anything."""
    return {key: value for key, value in said.items() if value is not None}


def _seconds(milliseconds: int) -> int | float:
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000


# --- what cannot be written, and what is left out


def _remarks(definition: StateMachine) -> Iterator[Remark]:
    if definition.properties:
        yield Remark("properties", "not written, for transitions checks none; keep the definition to check them")
    for key in ("pricing", "billing"):
        if getattr(definition, key) is not None:
            yield Remark(key, "not written, for transitions knows no prices")


def _refused_machine(definition: StateMachine) -> Iterator[Diagnostic]:
    if definition.unexpected == "defer":
        yield _defer("$.unexpected")
    if definition.error_handling.default_retry_policy is not None:
        yield _policy("$.errorHandling.defaultRetryPolicy")


def _refused(node: Node) -> Iterator[Diagnostic]:
    """What transitions cannot do of one state."""
    state, where = node.state, path_text(node.path)
    if SEPARATOR in str(node.path[-1]):
        yield unsupported(
            "a dot in the name of a state", where, "dots stand between a state and one in it: rename it"
        )
    if state.history is not None:
        yield unsupported(f"history: {state.history}", where, "transitions remembers nothing: lead to a state")
    if state.invoke is not None:
        yield unsupported(
            "invoke", f"{where}.invoke", "transitions waits for no answer: call it with onEntry, as an action"
        )
    if state.timeout == 0:
        yield unsupported("a timeout of 0", f"{where}.timeout", "a Timeout of 0 never comes; use always")
    if state.unexpected == "defer":
        yield _defer(f"{where}.unexpected")
    if state.retry is not None and state.retry.jitter != "none":
        yield unsupported("jitter", f"{where}.retry.jitter", "the module draws no lots: remove it")
    if _MODEL_ATTRIBUTE in state.on:
        yield unsupported(
            "an event called state", f"{where}.on", "a model has its state under that name: rename it"
        )
    for action in _actions(state):
        if isinstance(action, Function) and action.retry_policy is not None:
            yield _policy(where)


def _defer(where: str) -> Diagnostic:
    return unsupported("unexpected: defer", where, "transitions keeps no events for later: reject or ignore them")


def _policy(where: str) -> Diagnostic:
    return unsupported("retryPolicy", where, "the module calls a handler once: let the handler try again")


def _actions(state: State) -> Iterator[Action]:
    yield from (*state.on_entry, *state.on_exit)
    for listed in (*state.on.values(), state.always, state.on_done):
        for transition in listed:
            yield from transition.actions
