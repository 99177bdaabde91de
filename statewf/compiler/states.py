"""The flat table of a state machine: compound states, retries and timeouts written out.

For every leaf and every transition that holds there (its own, then those of the states around it,
innermost first), the table says exactly what is done: exit actions, timers, calls, entry actions.
A `retry` with a delay gets a state of its own between two attempts, `STATE.$backoff`.
"""

from __future__ import annotations

from collections.abc import Iterable

from statewf.compiler.tree import BACKOFF, Node, Tree, way
from statewf.definition import model
from statewf.definition.model import Action, RetryPolicy
from statewf.machine.fsm import (
    CANCEL,
    CANCELLED,
    DONE,
    ERROR,
    RETRY,
    TIMEOUT,
    Arm,
    Assign,
    Close,
    Delay,
    Disarm,
    Do,
    LocalState,
    Op,
    Open,
    Region,
    Tell,
    Transition,
)
from statewf.values.frozen import Object

REGION = "main"  # the one region of a state machine


def region(tree: Tree) -> Region:
    """The one region of a state machine."""
    table = _Table(tree)
    first = tree.roots[tree.definition.initial_state].leaf()
    begin = tuple(op for node in reversed(first.lineage()) for op in table.entry(node))
    states = [state for leaf in tree.leaves() for state in table.local_states(leaf)]
    states.append(LocalState(CANCELLED, terminal="failure"))
    return Region(REGION, Transition("", first.name, entry=begin), {state.name: state for state in states})


class _Table:
    """What is asked again and again while the table of one tree is written."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.default_policy = tree.definition.error_handling.default_retry_policy

    # --- states

    def local_states(self, leaf: Node) -> Iterable[LocalState]:
        state = leaf.state
        if state.terminal:
            yield LocalState(leaf.name, terminal=state.outcome or "success")
            return
        yield self.local_state(leaf, leaf.name, None)
        if state.retry is not None and state.retry.waits:
            yield self.local_state(leaf, leaf.name + BACKOFF, state.retry)

    def local_state(self, leaf: Node, name: str, backoff: model.Retry | None) -> LocalState:
        """The row of a leaf, or of the wait between its attempts (then it was left already)."""
        on: dict[str, list[Transition]] = {}
        always: list[Transition] = []
        if backoff is not None:
            on[RETRY + leaf.name] = [self.again(leaf, RETRY + leaf.name, waiting=True)]
        for declared in leaf.lineage():
            outside = backoff is not None and declared is leaf
            for trigger, transition in self.declared_by(declared, outside=outside):
                if backoff is None or trigger not in backoff.on:
                    on.setdefault(trigger, []).append(self.moved(transition, leaf, declared, trigger, backoff))
            if not outside:
                always += (self.moved(t, leaf, declared, "", backoff) for t in declared.state.always)
        if backoff is None and leaf.state.retry is not None:
            self.add_retries(leaf, leaf.state.retry, on)
        on[CANCEL] = [Transition(CANCEL, CANCELLED, exit=self.exits(leaf.lineage(), leaf, backoff))]
        policies = [node.state.unexpected for node in leaf.lineage() if node.state.unexpected]
        unexpected = policies[0] if policies else self.tree.definition.unexpected
        listed = {trigger: tuple(transitions) for trigger, transitions in on.items()}
        return LocalState(name, listed, tuple(always), unexpected=unexpected)

    def declared_by(self, node: Node, *, outside: bool) -> Iterable[tuple[str, model.Transition]]:
        """The transitions a state declares, by trigger; `outside`: those that hold between its attempts."""
        state = node.state
        for event, listed in state.on.items():
            yield from ((event, transition) for transition in listed)
        if outside:
            return
        if state.timeout_transition is not None:
            yield TIMEOUT + node.name, model.Transition(state.timeout_transition)
        if state.invoke is not None:
            done = state.invoke.on_done or (model.Transition(),)  # without a target the result is merged
            yield from ((DONE + node.name, transition) for transition in done)
            yield from ((ERROR + node.name, transition) for transition in state.invoke.on_error)

    # --- transitions

    def moved(
        self, written: model.Transition, leaf: Node, declared: Node, trigger: str, backoff: model.Retry | None
    ) -> Transition:
        actions = tuple(self.op(leaf, action, "") for action in written.actions)
        merges = not trigger.startswith(ERROR)
        if written.target is None:
            return Transition(trigger, None, written.guard, merges=merges, actions=actions)
        target = self.tree.find(written.target, declared)
        assert target is not None, "check() let an unknown target pass"
        left, entered = way(leaf, declared, target)
        entry = tuple(op for node in entered for op in self.entry(node))
        leaving = self.exits(left, leaf, backoff)
        return Transition(
            trigger, target.leaf().name, written.guard, merges=merges, exit=leaving, actions=actions, entry=entry
        )

    def add_retries(self, leaf: Node, retry: model.Retry, on: dict[str, list[Transition]]) -> None:
        """Put the way to the next attempt before whatever else the event does at the last one."""
        for event in retry.on:
            trigger = ERROR + leaf.name if event == model.ERROR else event
            if retry.waits:
                timer = Arm(RETRY + leaf.name, _retry_delay(retry))
                chosen = Transition(
                    trigger,
                    leaf.name + BACKOFF,
                    below=retry.max_attempts,
                    merges=event != model.ERROR,
                    attempt="keep",
                    anew=False,
                    exit=self.exit(leaf),
                    entry=(timer,),
                )
            else:
                chosen = self.again(leaf, trigger, waiting=False, below=retry.max_attempts)
            on.setdefault(trigger, []).insert(0, chosen)

    def again(self, leaf: Node, trigger: str, *, waiting: bool, below: int | None = None) -> Transition:
        """Enter the leaf with the next attempt."""
        leaving = () if waiting else self.exit(leaf)
        merges = not trigger.startswith(ERROR)
        return Transition(
            trigger,
            leaf.name,
            below=below,
            merges=merges,
            attempt="bump",
            anew=False,
            exit=leaving,
            entry=self.entry(leaf),
        )

    # --- what is done on the way

    def exits(self, left: Iterable[Node], leaf: Node, backoff: model.Retry | None) -> tuple[Op, ...]:
        if backoff is None:
            return tuple(op for node in left for op in self.exit(node))
        outer = tuple(op for node in left if node is not leaf for op in self.exit(node))
        return (Disarm(RETRY + leaf.name), *outer)

    def entry(self, node: Node) -> tuple[Op, ...]:
        state = node.state
        ops = [self.op(node, action, f"{node.name}:entry:{i}") for i, action in enumerate(state.on_entry)]
        if state.timeout is not None:
            ops.append(Arm(TIMEOUT + node.name, Delay(state.timeout)))
        if state.invoke is not None:
            slot = f"/{node.name}" if state.states else ""
            ops.append(Open(node.name, node.name, state.invoke.handler, state.invoke.params, slot))
        if state.terminal:
            ops += (op for outer in node.lineage()[1:] for op in _release(outer))
        return tuple(ops)

    def exit(self, node: Node) -> tuple[Op, ...]:
        state = node.state
        ops = [self.op(node, action, f"{node.name}:exit:{i}") for i, action in enumerate(state.on_exit)]
        return (*ops, *_release(node))

    def op(self, node: Node, action: Action, slot: str) -> Op:
        match action:
            case model.Function(handler, params, policy):
                return _do(node.name, handler, slot, params, policy or self.default_policy)
            case model.Emit(event, data):
                return Tell(event, data)
            case model.Assign(values):
                return Assign(tuple(values.items()))


def _release(node: Node) -> Iterable[Op]:
    """Give up what a state holds on to while it is active: its timer and its call."""
    if node.state.timeout is not None:
        yield Disarm(TIMEOUT + node.name)
    if node.state.invoke is not None:
        yield Close(node.name)


def _retry_delay(retry: model.Retry) -> Delay:
    return Delay(retry.first_delay, retry.backoff or "exponential", retry.max_delay, retry.jitter == "full")


def _do(step: str, handler: str, slot: str, params: Object, policy: RetryPolicy | None) -> Do:
    if policy is None:
        return Do(step, handler, slot, params)
    delay = Delay(policy.base_delay, policy.backoff, policy.max_delay, policy.jitter == "full")
    return Do(step, handler, slot, params, policy.max_attempts, delay)
