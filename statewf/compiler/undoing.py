"""Undoing: the actions of a step's compensation as states, one after another, and from step to step.

A step that is told to undo itself passes that on to the next of the chain when it is done, or has nothing to
undo. An action that fails for good is noted, and the rest still run; the states after it have `.$bad` in
their names. Stands on `table`; above: `steps`, and `workflow`, which begins it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from json import dumps
from typing import Any

import attrs

from statewf.compiler.plan import Plan, Planned
from statewf.compiler.signals import (
    ENDED,
    FINAL,
    GRACE,
    ROLLED_BACK,
    UNDO,
    UNDO_FAILED,
    UNDO_OWN,
    UNDOING,
    UNDONE,
    WORKFLOW,
)
from statewf.compiler.table import Table, delay_of
from statewf.definition.model import CompensationAction
from statewf.expr import parse
from statewf.machine.fsm import (
    CANCEL,
    DONE,
    ERROR,
    RETRY,
    TIMEOUT,
    Arm,
    Close,
    Count,
    Delay,
    Disarm,
    Op,
    Open,
    Pull,
    Stop,
    Undone,
)

DONE_STATES = ("compensated", "compensation-failed")


def first_undo(plan: Plan) -> tuple[Op, ...]:
    """How the undoing begins: with the steps that ask for it themselves, then with the last of all."""
    own = _rolling_back(plan)
    return (Pull(own[0].id, UNDO_OWN),) if own else _whole_chain(plan)


def cut_short(plan: Plan) -> tuple[Op, ...]:
    """How the undoing ends before its time: what is about it is stopped, and when all know, nothing is left."""
    return (*(Pull(node.id, CANCEL) for node in plan.chain), Pull(WORKFLOW, UNDONE, "last"))


def passed_on(plan: Plan) -> dict[str, tuple[Op, ...]]:
    """What each step of the chain does when it was undone: it lets the next one be, the last tells the workflow."""
    if plan.workflow.error_handling.compensation_strategy == "parallel":
        return {node.id: (Count(WORKFLOW, UNDONE),) for node in plan.chain}
    return {
        node.id: (Pull(following.id, UNDO) if following else Pull(WORKFLOW, UNDONE),)
        for node, following in zip_longest(plan.chain, plan.chain[1:])
        if node
    }


def undoing(table: Table, pass_on: tuple[Op, ...]) -> None:
    """Write how the step is undone, if it can be."""
    if table.step.compensation is None:
        return
    actions = table.step.compensation.steps
    for state in (*FINAL, *DONE_STATES):
        if state != "succeeded":
            table.add(state, UNDO, None, actions=pass_on)
    _Chain(table, actions, "compensating", pass_on).write("succeeded", UNDO)
    if table.step.on_error == "rollback":
        _own_undoing(table, actions)


def _own_undoing(table: Table, actions: Sequence[CompensationAction]) -> None:
    """A step that rolls back is undone itself, before all others."""
    own = _rolling_back(table.plan)
    at = own.index(table.node)
    pass_on = (Pull(own[at + 1].id, UNDO_OWN),) if at + 1 < len(own) else _whole_chain(table.plan)
    for state in FINAL:
        if state != ROLLED_BACK:
            table.add(state, UNDO_OWN, None, actions=pass_on)
    _Chain(table, actions, "compensating.$own", pass_on).write(ROLLED_BACK, UNDO_OWN)


def _rolling_back(plan: Plan) -> list[Planned]:
    return [node for node in plan.chain if node.step.on_error == "rollback"]


def _whole_chain(plan: Plan) -> tuple[Op, ...]:
    if plan.workflow.error_handling.compensation_strategy == "parallel":
        return tuple(Pull(node.id, UNDO) for node in plan.chain)
    return (Pull(plan.chain[0].id, UNDO),)


@attrs.frozen
class _Chain:
    """The actions of one step, in states that are called `name` and the like; `pass_on` is done behind the last."""

    table: Table
    actions: Sequence[CompensationAction]
    name: str
    pass_on: tuple[Op, ...]

    def write(self, state: str, trigger: str) -> None:
        """From `state` through all actions to the end."""
        self.go_on(state, trigger, 0, bad=False, noted=(Pull(WORKFLOW, UNDOING),))
        for i in range(len(self.actions)):
            for bad in (False, True) if i else (False,):
                self.action(i, bad=bad)

    def turn(self, i: int, *, bad: bool) -> str:
        turn = self.name if not i else f"{self.name}.${i}"
        return f"{turn}.$bad" if bad else turn

    def go_on(
        self, source: str, trigger: str, i: int, *, bad: bool, noted: tuple[Op, ...], leaving: tuple[Op, ...] = ()
    ) -> None:
        """Go on to action number i, or to the end."""
        if i < len(self.actions):
            target, entry, attempt = self.turn(i, bad=bad), self.call(i, bad=bad), "reset"
        else:
            target, entry, attempt = DONE_STATES[bad], self.pass_on, "keep"
        self.table.add(source, trigger, target, exit=leaving, actions=noted, entry=entry, attempt=attempt)

    def call(self, i: int, *, bad: bool) -> tuple[Op, ...]:
        state, action = self.turn(i, bad=bad), self.actions[i]
        slot = f"/undo:{i}"
        call = Open(state, self.table.node.id, action.action, action.params, slot, at_once=True)
        return (call,) if action.timeout is None else (Arm(TIMEOUT + state, Delay(action.timeout)), call)

    def action(self, i: int, *, bad: bool) -> None:
        """The states of one action: called, tried again, out of time."""
        state, timeout = self.turn(i, bad=bad), self.actions[i].timeout
        late = f"{state}.$late"
        left = (Disarm(TIMEOUT + state),) if timeout is not None else ()
        self.succeeded(state, DONE + state, i, bad=bad, leaving=left)
        self.failed(state, ERROR + state, i, bad=bad, leaving=left)
        self.cut(state, i, leaving=(*left, Close(state)))
        if timeout is None:
            return
        message = f"no answer within {timeout} ms"
        self.table.add(state, TIMEOUT + state, late, entry=(Arm(GRACE, self.table.grace), Stop(state, ENDED)))
        self.succeeded(late, DONE + state, i, bad=bad, leaving=(Disarm(GRACE),))
        for trigger in (ERROR + state, ENDED, GRACE):
            given_up = (Close(state),) if trigger == GRACE else (Disarm(GRACE),)
            self.failed(late, trigger, i, bad=bad, leaving=given_up, error="TimeoutError", message=message)
        self.cut(late, i, leaving=(Disarm(GRACE), Close(state)))

    def cut(self, source: str, i: int, *, leaving: tuple[Op, ...]) -> None:
        """Stop it: nobody waits any more until all is undone."""
        noted = (Undone(self.actions[i].action, success=False, message="it was cancelled"),)
        self.table.add(source, CANCEL, DONE_STATES[True], exit=leaving, actions=noted)

    def succeeded(self, source: str, trigger: str, i: int, *, bad: bool, leaving: tuple[Op, ...]) -> None:
        noted = (Undone(self.actions[i].action, success=True),)
        self.go_on(source, trigger, i + 1, bad=bad, noted=noted, leaving=leaving)

    def failed(
        self,
        source: str,
        trigger: str,
        i: int,
        *,
        bad: bool,
        leaving: tuple[Op, ...],
        error: str = "",
        message: str = "",
    ) -> None:
        """Try it again by the default policy, or note that, and go on."""
        table, state = self.table, self.turn(i, bad=bad)
        policy, backoff = table.default_policy, f"{state}.$backoff"
        if policy is not None and policy.max_attempts > 1 and error not in policy.non_retryable:
            told: dict[str, Any] = {"below": policy.max_attempts}
            if policy.non_retryable and not error:
                told["guard"] = parse(f"!includes({dumps(list(policy.non_retryable))}, event.data.error)")
            wait = (Arm(RETRY + backoff, delay_of(policy)),)
            table.add(source, trigger, backoff, exit=leaving, entry=wait, **told)
            if backoff not in table.on:
                table.add(backoff, RETRY + backoff, state, attempt="bump", entry=self.call(i, bad=bad))
                self.cut(backoff, i, leaving=(Disarm(RETRY + backoff),))
        noted = (Undone(self.actions[i].action, success=False, message=message), Pull(WORKFLOW, UNDO_FAILED))
        self.go_on(source, trigger, i + 1, bad=True, noted=noted, leaving=leaving)
