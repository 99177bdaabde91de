"""What a definition does that was read from XState, told as `xstate_peer.mjs` tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from statewf.compiler.tree import Node, grow
from statewf.definition.model import Action, Function, State, StateMachine
from statewf.errors import EventRejected
from statewf.interop.xstate.after import delays_of
from statewf.machine.fsm import Machine
from statewf.simulator import Driver

Happening: TypeAlias = str | int | Sequence[str]


class Circled(Exception):
    """Transitions without an event ran in a circle: here none of them is taken then."""


def trace(
    definition: StateMachine, machine: Machine, facts: Mapping[str, bool], script: Sequence[Happening]
) -> list[Any]:
    """The active leaves, the handlers called and whether it has ended: at first, and after each happening."""
    told: list[str] = []
    handlers = {name: _noting(told, name) for name in set(_handlers(definition.states))}
    inputs = {**facts, **{f'{name}({{"n": 1}})': fact for name, fact in facts.items()}}
    driver = Driver(machine, inputs, handlers=handlers)
    tree = grow(definition)
    seen = []

    def see() -> None:
        if any(note.kind == "livelock" for step in driver.history for note in step.notes):
            raise Circled
        leaves = [_leaf(tree.nodes[name], definition.name) for name in driver.state.split(".$")[0].split("+")]
        seen.append({"state": leaves, "told": list(told), "done": driver.done})
        told.clear()

    see()
    for happening in script:
        _happen(driver, happening)
        see()
    return seen


def _happen(driver: Driver, happening: Happening) -> None:
    match happening:
        case int():
            driver.advance(happening / 1000)
        case str():
            try:
                driver.send(happening)
            except EventRejected:
                assert driver.done
        case [how, handler]:
            if any(call.handler == handler for call in driver.calls):
                driver.reply({}, handler=handler) if how == "done" else driver.reply(error="Oops", handler=handler)


def _leaf(node: Node, machine: str) -> str:
    """The path as XState has it: without the machine itself, and without the states that tell the time."""
    parent = node.parent
    if parent is not None and delays_of(parent.state, parent.name) is not None:
        node = parent
    return node.name.removeprefix(machine).removeprefix(".")


def _noting(told: list[str], name: str) -> Callable[[object], None]:
    return lambda _: told.append(name)


def _handlers(states: Mapping[str, State]) -> Iterator[str]:
    for state in states.values():
        listed: list[Sequence[Action]] = [state.on_entry, state.on_exit]
        called = (*state.invoke.on_done, *state.invoke.on_error) if state.invoke is not None else ()
        ways = (*(way for ways in state.on.values() for way in ways), *state.always, *state.on_done, *called)
        listed += [way.actions for way in ways]
        yield from (action.handler for actions in listed for action in actions if isinstance(action, Function))
        yield from _handlers(state.states)
