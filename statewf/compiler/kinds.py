"""What steps of each kind do between their beginning and their end.

One function a kind, which writes it into a `table`; and `review`, of whatever kind. Above: `steps`.
"""

from __future__ import annotations

from json import dumps
from typing import Any

from statewf.compiler.signals import (
    AGAIN_LINE,
    BACKOFF,
    BACKOFF_LINE,
    BRANCH,
    BRANCH_FAILED,
    CANCELLING,
    CHOOSE,
    ELAPSED,
    ENDED,
    ESCALATE,
    FAILING,
    GO,
    GRACE,
    JOINED,
    LATE,
    LINE,
    LOST,
    READY,
    ROLLED,
    RUNNING,
    SKIP,
    WON,
)
from statewf.compiler.table import Table, delay_of, person
from statewf.definition.model import Quorum
from statewf.expr import parse
from statewf.machine.fsm import (
    CANCEL,
    DECIDED,
    DONE,
    ERROR,
    RETRY,
    TIMEOUT,
    Arm,
    Blame,
    Chose,
    Close,
    Disarm,
    Enter,
    Escalate,
    Gather,
    Keep,
    Op,
    Pull,
    Resolve,
    Stop,
    Withdraw,
)


def function(table: Table) -> None:
    keep = (Keep(table.node.number),)
    left = (*table.unarmed(TIMEOUT + RUNNING), *table.leave())
    table.succeed(RUNNING, DONE + RUNNING, keep, left)
    again_or_fail(table, RUNNING, ERROR + RUNNING, Blame(), left)
    if table.step.timeout is not None:
        late(table)
    arm = Arm(GRACE, table.grace)
    stop = Stop(RUNNING, ENDED)
    table.add(RUNNING, CANCEL, CANCELLING, exit=left, entry=(arm, stop))
    table.succeed(CANCELLING, DONE + RUNNING, keep, (Disarm(GRACE),))
    for trigger in (ERROR + RUNNING, ENDED, GRACE):
        given_up = (Close(RUNNING),) if trigger == GRACE else (Disarm(GRACE),)
        table.add(CANCELLING, trigger, "cancelled", exit=given_up, entry=table.settled("cancelled"))
    backoff(table)


def again_or_fail(table: Table, state: str, trigger: str, blame: Blame, leaving: tuple[Op, ...]) -> None:
    """Wait for the next attempt, if there is one."""
    policy = table.policy
    if policy is not None and policy.max_attempts > 1 and blame.error not in policy.non_retryable:
        told: dict[str, Any] = {"below": policy.max_attempts}
        if policy.non_retryable and not blame.error:
            told["guard"] = parse(f"!includes({dumps(list(policy.non_retryable))}, event.data.error)")
        table.add(state, trigger, BACKOFF, exit=leaving, entry=(Arm(RETRY + BACKOFF, delay_of(policy)),), **told)
    table.fail(state, trigger, blame, leaving)


def late(table: Table) -> None:
    """Out of time: the attempt failed, but the next begins, and others are told, when its handler has ended."""
    table.add(RUNNING, TIMEOUT + RUNNING, LATE, entry=(Arm(GRACE, table.grace), Stop(RUNNING, ENDED)))
    table.succeed(LATE, DONE + RUNNING, (Keep(table.node.number),), (Disarm(GRACE), *table.leave()))
    blame = Blame("TimeoutError", f"no answer within {table.step.timeout} ms")
    for trigger in (ERROR + RUNNING, ENDED, GRACE):
        given_up = (Close(RUNNING),) if trigger == GRACE else (Disarm(GRACE),)
        again_or_fail(table, LATE, trigger, blame, (*given_up, *table.leave()))
    table.add(LATE, CANCEL, CANCELLING, exit=table.leave())


def backoff(table: Table) -> None:
    if BACKOFF not in {way.target for ways in table.on.values() for listed in ways.values() for way in listed}:
        return
    again: dict[str, Any] = {"attempt": "bump", "anew": False}
    if table.node.pool is None:
        table.begin(BACKOFF, RETRY + BACKOFF, **again)
    else:
        table.add(BACKOFF, RETRY + BACKOFF, BACKOFF_LINE, entry=(Enter(table.node.pool),))
        table.begin(BACKOFF_LINE, GO, **again)
        table.cancel(BACKOFF_LINE)
    table.cancel(BACKOFF, (Disarm(RETRY + BACKOFF),))


def parallel(table: Table) -> None:
    how = "quorum" if isinstance(table.step.strategy, Quorum) else table.step.strategy
    gather = (Gather(how, tuple(inner.id for inner in table.node.inner)),)
    left = (*table.unarmed(TIMEOUT + RUNNING), *table.leave())
    failed = Blame("BranchFailed", f"{table.node.id}: not enough of its branches succeeded")
    both = (RUNNING, BRANCH_FAILED)
    if how != "first":
        table.add(RUNNING, FAILING, BRANCH_FAILED)
    for state in both if how != "first" else (RUNNING,):
        if how != "all":
            table.succeed(state, WON, (*gather, *table.cancel_inner()), left)
        if how in ("first", "quorum"):
            lost = (Blame(), left, gather) if how == "first" else (failed, left)
            table.fail(state, LOST, *lost)
        if state == BRANCH_FAILED:
            table.fail(state, JOINED, failed, left)
        elif how == "all":
            table.succeed(state, JOINED, gather, left)
        else:
            table.add(state, JOINED, "skipped", exit=left, entry=table.settled("skipped"))
        block(table, state, left)


def block(table: Table, state: str, left: tuple[Op, ...]) -> None:
    """What ends a block from outside."""
    if table.step.timeout is not None:
        blame = Blame("TimeoutError", f"not done within {table.step.timeout} ms")
        table.fail(state, TIMEOUT + RUNNING, blame, left)
    if table.node.rolls_back_within:
        actions = (Blame(), *table.cancel_inner())
        table.add(state, ROLLED, "failed", exit=left, actions=actions, entry=table.rolled_back(itself=False))
    table.cancel(state, left)


def condition(table: Table) -> None:
    then = table.node.inner[0]
    other = table.node.inner[1] if len(table.node.inner) > 1 else None
    left = (*table.unarmed(TIMEOUT + RUNNING), *table.leave())
    told = table.step.condition
    table.fail(RUNNING, CHOOSE, Blame("ConditionFault"), left, guard=told, faulty=True)
    passed = (Pull(other.id, SKIP),) if other else ()
    table.add(RUNNING, CHOOSE, None, guard=told, actions=(Chose("then"), *passed, Pull(then.id, READY)))
    if other is not None:
        actions = (Chose("else"), Pull(then.id, SKIP), Pull(other.id, READY))
        table.add(RUNNING, CHOOSE, None, actions=actions)
    else:
        entry = (Pull(then.id, SKIP), *table.settled("skipped"))
        table.add(RUNNING, CHOOSE, "skipped", exit=left, entry=entry)
    gather = Gather("condition", tuple(inner.id for inner in table.node.inner))
    for outcome in ("succeeded", "tolerated"):
        table.succeed(RUNNING, BRANCH + outcome, (gather,), left)
    table.add(RUNNING, BRANCH + "skipped", "skipped", exit=left, entry=table.settled("skipped"))
    table.fail(RUNNING, BRANCH + "failed", Blame(), left)
    block(table, RUNNING, left)


def human_task(table: Table) -> None:
    escalation = table.step.escalation_policy
    timers = (*table.unarmed(TIMEOUT + "assigned"), *((Disarm(ESCALATE),) if escalation else ()))
    left = (*timers, *table.leave())
    for state in ("assigned", "escalated") if escalation else ("assigned",):
        if table.step.on_reject == "fail":
            rejected = Blame("Rejected", f"{table.node.id} was rejected")
            told: dict[str, Any] = {"guard": parse("event.data.decision === 'rejected'")}
            table.fail(state, DECIDED, rejected, (*left, Resolve(table.node.number)), **told)
        table.succeed(state, DECIDED, (Resolve(table.node.number),), left)
        if table.step.timeout is not None:
            blame = Blame("TimeoutError", f"not decided within {table.step.timeout} ms")
            table.fail(state, TIMEOUT + "assigned", blame, (*left, Withdraw()))
        table.cancel(state, (*left, Withdraw()))
    if escalation is not None:
        to = person(escalation.escalate_to)
        assert to is not None, "a policy says to whom"
        table.add("assigned", ESCALATE, "escalated", entry=(Escalate(to),))


def wait(table: Table) -> None:
    left = (*table.unarmed(TIMEOUT + RUNNING), *table.leave())
    table.succeed(RUNNING, ELAPSED, (Keep(table.node.number),), left)
    block(table, RUNNING, (*left, Disarm(ELAPSED)))


def event(table: Table) -> None:
    assert table.step.event is not None, "the definition's shape says so"
    left = (*table.unarmed(TIMEOUT + RUNNING), *table.leave())
    for state in ("waiting", LINE):
        if state in table.on:
            table.on[state].setdefault(table.step.event, [])
    table.succeed(RUNNING, table.step.event, (Keep(table.node.number),), left, guard=table.step.match)
    block(table, RUNNING, left)


def review(table: Table) -> None:
    """A person says what becomes of a step that failed."""
    due = table.step.review is not None and table.step.review.timeout is not None
    left = (Disarm(TIMEOUT + "review"),) if due else ()
    is_said = {word: parse(f"event.data.decision === '{word}'") for word in ("retry", "approved", "rejected")}
    if not table.node.inner:
        again: dict[str, Any] = {"exit": (*left, Resolve(table.node.number, review=True))}
        if table.node.pool is None:
            table.begin("review", DECIDED, guard=is_said["retry"], **again)
        else:
            place = (Enter(table.node.pool),)
            table.add("review", DECIDED, AGAIN_LINE, guard=is_said["retry"], entry=place, **again)
            table.begin(AGAIN_LINE, GO)
            table.cancel(AGAIN_LINE)
    resolved = (Resolve(table.node.number, review=True),)
    table.succeed("review", DECIDED, resolved, left, guard=is_said["approved"])
    over = table.settled("failed")
    table.add("review", DECIDED, "failed", exit=(*left, *resolved), entry=over, guard=is_said["rejected"])
    if due:
        table.add("review", TIMEOUT + "review", "failed", exit=(Withdraw(),), entry=over)
    table.cancel("review", (*left, Withdraw()))
