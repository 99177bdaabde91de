"""The table of one step in the writing: how it begins, how it ends, and who is told of that.

What is the same for steps of all kinds. Above: `kinds` and `undoing`, which write the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from json import dumps
from typing import Any

from statewf.compiler.plan import Plan, Planned
from statewf.compiler.signals import (
    BEGINNING,
    BLOCKED,
    BRANCH,
    CHOOSE,
    ELAPSED,
    ENDS,
    ESCALATE,
    FAILED,
    FAILING,
    GO,
    JOINED,
    LINE,
    LOST,
    QUIET,
    READY,
    ROLLED,
    ROLLED_BACK,
    RUNNING,
    SKIP,
    WON,
    WORKFLOW,
    Settled,
)
from statewf.definition.model import Quorum, RetryPolicy
from statewf.errors import ExpressionError
from statewf.expr import Expression, parse
from statewf.machine.fsm import (
    CANCEL,
    TIMEOUT,
    Arm,
    Ask,
    Blame,
    Complete,
    Count,
    Delay,
    Disarm,
    Enter,
    Leave,
    LocalState,
    Op,
    Open,
    Pull,
    Region,
    Tell,
    Transition,
)
from statewf.machine.naming import newly
from statewf.values.frozen import Object


class Table:
    """The table of one step, in the writing."""

    def __init__(self, plan: Plan, node: Planned) -> None:
        self.plan = plan
        self.node = node
        self.step = node.step
        self.on: dict[str, dict[str, list[Transition]]] = {"waiting": {}}
        errors = plan.workflow.error_handling
        self.default_policy = errors.default_retry_policy
        self.policy = (node.step.retry_policy or self.default_policy) if node.step.type == "function" else None
        self.grace = Delay(plan.workflow.cancel_grace)
        self.tellings: dict[Settled, tuple[Op, ...]] = {}

    def region(self) -> Region:
        """What was written."""
        states = {name: self.state(name, triggers) for name, triggers in self.on.items()}
        places = self.step.max_concurrency or 0
        return Region(self.node.id, BEGINNING, states, rests=True, counters=self.counters(), places=places)

    def state(self, name: str, triggers: dict[str, list[Transition]]) -> LocalState:
        if not triggers and name in ENDS:
            return ENDS[name]
        on = {trigger: tuple(listed) for trigger, listed in triggers.items()}
        return LocalState(name, on, unexpected="defer" if self.may_yet_wait(name) else "reject")

    def may_yet_wait(self, state: str) -> bool:
        """Whether the step, if it waits for an event, may do so after this state."""
        return state.startswith("waiting") or (state == "review" and self.step.type == "event")

    def counters(self) -> dict[str, int]:
        counters = {READY: len(self.node.after)} if self.node.after else {}
        if self.step.type == "parallel":
            counters[JOINED] = len(self.node.inner)
            if isinstance(self.step.strategy, Quorum):
                needed = self.step.strategy.quorum
                counters[WON] = needed
                counters[LOST] = len(self.node.inner) - needed + 1
        return counters

    def add(self, state: str, trigger: str, target: str | None, **told: Any) -> None:
        """One transition; in a workflow none merges data by itself, and only what says so begins a new visit."""
        entered = newly(state, target) if target is not None else ()
        given = {"merges": False, "attempt": "keep", "anew": False, "entered": entered, **told}
        self.on.setdefault(state, {}).setdefault(trigger, []).append(Transition(trigger, target, **given))

    # --- what others are told

    def settled(self, outcome: Settled) -> tuple[Op, ...]:
        """What is told on entering a final state."""
        if outcome not in self.tellings:
            self.tellings[outcome] = self.telling(outcome)
        return self.tellings[outcome]

    def telling(self, outcome: Settled) -> tuple[Op, ...]:
        node = self.node
        goes_on = outcome in ("succeeded", "skipped") or (outcome == "failed" and node.tolerant)
        ops: list[Op] = []
        if node.parent is not None:  # before its siblings: if that decides the block, none of them begins
            ops += self.told_to(node.parent, outcome)
        elif outcome in ("succeeded", "failed"):
            ops.append(Complete(failed=outcome == "failed"))
        if goes_on:
            ops += (Count(other.id, READY) for other in node.before)
        elif node.parent is not None:
            ops += (Pull(other.id, BLOCKED) for other in node.before)
        if outcome == "failed" and node.parent is None and not node.tolerant:
            ops.append(Pull(WORKFLOW, FAILED, "first"))
        return (*ops, Count(WORKFLOW, QUIET))

    def rolled_back(self, *, itself: bool = True) -> tuple[Op, ...]:
        """What is told when the whole fails by this step, or by one within: what lies around it fails at once."""
        parent = self.node.parent
        whole = (Pull(WORKFLOW, FAILED, "first"),) if itself else ()
        around = Complete(failed=True) if parent is None else Pull(parent.id, ROLLED, "first")
        return (*whole, around, Count(WORKFLOW, QUIET))

    def told_to(self, block: Planned, outcome: Settled) -> Iterable[Op]:
        if block.step.type == "condition":
            tolerated = outcome == "failed" and self.node.tolerant
            yield Pull(block.id, BRANCH + ("tolerated" if tolerated else outcome))
            return
        match block.step.strategy:
            case "all":
                if outcome == "failed" and not self.node.tolerant:
                    yield Pull(block.id, FAILING)
            case "any":
                if outcome in ("succeeded", "failed"):
                    yield Pull(block.id, WON if outcome == "succeeded" else FAILING)
            case "first":
                if outcome in ("succeeded", "failed"):
                    yield Pull(block.id, WON if outcome == "succeeded" else LOST)
            case Quorum():
                if outcome == "succeeded":
                    yield Count(block.id, WON)
                if outcome in ("succeeded", "failed"):  # from now on it is not skipped, but fails, if no more come
                    yield Pull(block.id, FAILING)
                if outcome != "succeeded":
                    # if all are skipped, so is the block: only when nothing else is left it is out of reach
                    yield Count(block.id, LOST, "last" if outcome == "skipped" else "next")
        yield Count(block.id, JOINED)

    def skip_inner(self) -> tuple[Op, ...]:
        return tuple(Pull(inner.id, SKIP) for inner in self.node.inner)

    def cancel_inner(self) -> tuple[Op, ...]:
        return cancelling(self.node.inner)

    # --- beginning and ending

    def waiting(self) -> None:
        """Until all it waits for has settled; then it begins, or is skipped."""
        when = self.step.when
        if when is not None:
            self.fail("waiting", READY, Blame("ConditionFault"), guard=when, faulty=True)
        first, at_last = ("waiting", READY) if self.node.pool is None else (LINE, GO)
        if self.node.pool is not None:
            self.add("waiting", READY, LINE, guard=when, entry=(Enter(self.node.pool),))
            self.add(LINE, CANCEL, "cancelled", entry=(*self.cancel_inner(), *self.settled("cancelled")))
        self.begin(first, at_last, guard=when if self.node.pool is None else None)
        skipped = self.settled("skipped")
        if when is not None:
            self.add("waiting", READY, "skipped", entry=(*self.skip_inner(), *skipped))
        silent = (*self.skip_inner(), Count(WORKFLOW, QUIET))
        self.add("waiting", SKIP, "skipped", entry=silent)
        for trigger in (CANCEL, BLOCKED):
            self.add("waiting", trigger, "cancelled", entry=(*self.cancel_inner(), *self.settled("cancelled")))

    def begin(self, state: str, trigger: str, **told: Any) -> None:
        """Enter the state in which the step does its work, as a new visit unless something else is told."""
        given = {"attempt": "reset", "anew": True, **told}
        timeout = () if self.step.timeout is None else (Delay(self.step.timeout),)
        match self.step.type:
            case "function":
                call = Open(
                    RUNNING, self.node.id, self.step.handler or self.node.id, self.step.params, at_once=True
                )
                ops: tuple[Op, ...] = (call,)
            case "parallel":
                ops = tuple(Pull(inner.id, READY) for inner in self.node.inner if not inner.after)
            case "condition":
                ops = (Pull(self.node.id, CHOOSE),)
            case "human-task":
                ops = (Ask(person(self.step.assign_to), self.step.details, self.step.timeout),)
                if self.step.escalation_policy is not None:
                    ops = (*ops, Arm(ESCALATE, Delay(self.step.escalation_policy.timeout)))
            case "wait":
                assert self.step.duration is not None, "the definition's shape says so"
                ops = (Arm(ELAPSED, Delay(self.step.duration)),)
            case "event":
                ops = ()
        target = "assigned" if self.step.type == "human-task" else RUNNING
        arm = tuple(Arm(TIMEOUT + target, delay) for delay in timeout)
        self.add(state, trigger, target, entry=(*arm, *ops), **given)

    def leave(self) -> tuple[Op, ...]:
        """Give back what a step holds on to while it works."""
        return () if self.node.pool is None else (Leave(self.node.pool),)

    def unarmed(self, *timers: str) -> tuple[Op, ...]:
        timeout = self.step.timeout is not None
        return tuple(Disarm(timer) for timer in timers if timeout or not timer.startswith(TIMEOUT))

    def succeed(
        self, state: str, trigger: str, keep: tuple[Op, ...], leaving: tuple[Op, ...] = (), **told: Any
    ) -> None:
        self.add(state, trigger, "succeeded", exit=leaving, actions=keep, entry=self.settled("succeeded"), **told)

    def fail(
        self,
        state: str,
        trigger: str,
        blame: Blame,
        leaving: tuple[Op, ...] = (),
        keep: tuple[Op, ...] = (),
        **told: Any,
    ) -> None:
        """The step failed for good: somebody is asked what to do, or it is over."""
        actions: tuple[Op, ...] = (*keep, blame, *self.cancel_inner())
        if self.step.on_error == "human-review":
            review = self.step.review
            due = None if review is None else review.timeout
            decisions = ("approved", "rejected") if self.node.inner else ("approved", "rejected", "retry")
            person_asked = person(review.assign_to if review else None)
            asked = Ask(person_asked, Object(decisions=decisions), due, review=True)
            arm = () if due is None else (Arm(TIMEOUT + "review", Delay(due)),)
            self.add(state, trigger, "review", exit=leaving, actions=actions, entry=(asked, *arm), **told)
            return
        if self.step.on_error == "notify-manager":
            actions = (*actions, notice("step-failed", self.node.id))
        rolls = self.step.on_error == "rollback"
        target, entry = (ROLLED_BACK, self.rolled_back()) if rolls else ("failed", self.settled("failed"))
        self.add(state, trigger, target, exit=leaving, actions=actions, entry=entry, **told)

    def cancel(self, state: str, leaving: tuple[Op, ...] = ()) -> None:
        entry = (*self.cancel_inner(), *self.settled("cancelled"))
        self.add(state, CANCEL, "cancelled", exit=leaving, entry=entry)


def cancelling(nodes: Sequence[Planned]) -> tuple[Op, ...]:
    """How steps are cancelled: in their order, and before anything else begins."""
    return tuple(Pull(node.id, CANCEL, "first") for node in reversed(nodes))


def person(text: str | None) -> Expression | str | None:
    """Who is meant: an expression, or a plain name, if it does not parse or names nothing that is known."""
    if text is None:
        return None
    try:
        found = parse(text)
    except ExpressionError:
        return text
    known = all(
        read[0] in ("inputs", "context", "results", "completedSteps", "failedSteps") for read in found.reads
    )
    return found if known and not found.constant else text


def delay_of(policy: RetryPolicy) -> Delay:
    return Delay(policy.base_delay, policy.backoff, policy.max_delay, policy.jitter == "full")


def notice(kind: str, step: str) -> Tell:
    """What a manager is told."""
    values = (
        ("type", parse(dumps(kind))),
        ("requestId", parse("instance")),
        ("stepId", parse(dumps(step))),
        ("error", parse(f"errors[{dumps(step)}].message")),
    )
    return Tell("Notification.send", values=values)
