"""What is done on the way: the actions of a definition, the timers and calls of its states, as operations of the kernel.

Below: the model and the machine's table. Above: `states`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from statewf.compiler.tree import Node
from statewf.definition import model
from statewf.definition.model import Action, RetryPolicy
from statewf.machine.fsm import RAISE, RETRY, TIMEOUT, Arm, Assign, Close, Delay, Disarm, Do, Op, Open, Tell
from statewf.values.frozen import Object


class Deeds:
    """Writes operations; knows what holds for function actions that say nothing else."""

    def __init__(self, definition: model.StateMachine) -> None:
        self._default = definition.error_handling.default_retry_policy

    def entry(self, node: Node) -> Iterator[Op]:
        """What is done when a state is entered."""
        state = node.state
        yield from self.actions(node, state.on_entry, f"{node.name}:entry:")
        if state.timeout is not None:
            yield Arm(TIMEOUT + node.name, Delay(state.timeout))
        if state.invoke is not None:
            alone = not (state.states or any(outer.state.parallel for outer in node.lineage()))
            slot = "" if alone else f"/{node.name}"
            yield Open(node.name, node.name, state.invoke.handler, state.invoke.params, slot)

    def exit(self, node: Node, within: str = "") -> Iterator[Op]:
        """What is done when a state is left, for one to be `within`."""
        yield from self.actions(node, node.state.on_exit, f"{node.name}:exit:", within)
        yield from release(node)

    def actions(self, node: Node, actions: Iterable[Action], slot: str = "", within: str = "") -> Iterator[Op]:
        """The operations of a list of actions of a state, or of a transition from there, which needs no `slot`."""
        for i, action in enumerate(actions):
            match action:
                case model.Function(handler, params, policy):
                    told = _do(node.name, handler, slot and f"{slot}{i}", params, policy or self._default)
                    yield attrs.evolve(told, within=within) if within else told
                case model.Emit(event, data):
                    yield Tell(event, data)
                case model.Assign(values):
                    yield Assign(tuple(values.items()))
                case model.Raise(event, delay):
                    if delay is not None:  # what comes at once the compiler knows when it writes the table
                        yield Arm(RAISE + event, Delay(delay))


def raised(actions: Iterable[Action]) -> Iterator[str]:
    """The events that a list of actions raises at once."""
    return (action.event for action in actions if isinstance(action, model.Raise) and action.delay is None)


def delayed(actions: Iterable[Action]) -> Iterator[str]:
    """Those that it raises for later."""
    return (action.event for action in actions if isinstance(action, model.Raise) and action.delay is not None)


def release(node: Node) -> Iterator[Op]:
    """Give up what a state holds on to while it is active: its timer and its call."""
    if node.state.timeout is not None:
        yield Disarm(TIMEOUT + node.name)
    if node.state.invoke is not None:
        yield Close(node.name)


def waiting(leaf: Node, retry: model.Retry) -> Arm:
    """The timer of the wait between two attempts."""
    delay = Delay(retry.first_delay, retry.backoff or "exponential", retry.max_delay, retry.jitter == "full")
    return Arm(RETRY + leaf.name, delay)


def _do(step: str, handler: str, slot: str, params: Object, policy: RetryPolicy | None) -> Do:
    if policy is None:
        return Do(step, handler, slot, params)
    delay = Delay(policy.base_delay, policy.backoff, policy.max_delay, policy.jitter == "full")
    return Do(step, handler, slot, params, policy.max_attempts, delay)
