"""What can be said of one step of a workflow, reckoned from when all that it waits for has settled.

How it may end, how soon, and how long that takes at most. What other steps do enters nowhere, but for those within it,
of which `blocks` makes the same of a block; so every step is looked at once.

Below: the compiler's plan, `spans`. Above: `blocks`, `steps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

import attrs

from statewf.checker.bounds.spans import NOTHING, Span, endless, lasting, longest, shortest
from statewf.checker.states.edges import settled
from statewf.checker.states.timing import least
from statewf.compiler.plan import Plan, Planned
from statewf.compiler.table import delay_of
from statewf.definition.model import RetryPolicy
from statewf.expr import Expression

Outcome: TypeAlias = Literal[
    "succeeded", "failed", "skipped", "rolled"
]  # the last one: it failed the whole workflow
OUT_OF_TIME = "TimeoutError"  # what an attempt fails with that has run out of time


class Least(NamedTuple):
    """How long it takes at least, in ms, and how many calls it needs; each for itself."""

    ms: int = 0
    calls: int = 0

    def then(self, other: Least) -> Least:
        """Both, one after the other."""
        return Least(self.ms + other.ms, self.calls + other.calls)


@attrs.frozen
class Calls:
    """How many calls are made at most, all together (None: no bound), and of each handler."""

    most: int | None = 0
    each: Mapping[str, int | None] = attrs.field(factory=dict)


@attrs.frozen
class Fact:
    """One step. Times count from when it may begin.

    `ends`: how it may end, and the least for each. `clean`: those ends at which nothing in it may have to be undone.
    `first`: calls that are made as soon as it begins, whatever happens; `faults`: it may fail at that very moment.
    `settles`: by then it has ended, at the latest; `over`: and all its handlers too, even those of branches that lost,
    and whoever cancels it. `held`: for how long it holds a place in a block that has few; `undone`: the least until
    something in it can have to be undone. `undo_inner` and `undo_own` are how long it takes to undo the steps
    within it, and itself; `undo_calls` what is called then, of which `undo_inner_calls` for the steps within.
    """

    ends: Mapping[Outcome, Least]
    clean: frozenset[Outcome]
    first: int
    faults: bool
    settles: Span
    over: Span
    held: Span
    calls: Calls
    undone: Least | None = None
    undo_inner: Span = NOTHING
    undo_own: Span = NOTHING
    undo_calls: Calls = Calls()
    undo_inner_calls: Calls = Calls()
    works: bool = False  # whether handlers may be running in it

    def goes_on(self, node: Planned) -> Least | None:
        """The least until those may begin that wait for it; None if they never may."""
        outcomes: tuple[Outcome, ...] = ("succeeded", "skipped", *(("failed",) if node.tolerant else ()))
        return least_of(self.ends[outcome] for outcome in outcomes if outcome in self.ends)

    def fatal(self, node: Planned) -> tuple[Outcome, ...]:
        """The ends at which a step of the top level fails the workflow."""
        listed: tuple[Outcome, ...] = ("rolled",) if node.tolerant else ("failed", "rolled")
        return tuple(outcome for outcome in listed if outcome in self.ends)


def least_of(figures: Iterable[Least | None]) -> Least | None:
    """The least of each figure; None if there is none."""
    known = [figure for figure in figures if figure is not None]
    return Least(min(f.ms for f in known), min(f.calls for f in known)) if known else None


def together(calls: Iterable[Calls]) -> Calls:
    """What is called in all of them."""
    most: int | None = 0
    each: dict[str, int | None] = {}
    for one in calls:
        most = None if most is None or one.most is None else most + one.most
        for handler, times in one.each.items():
            before = each.get(handler, 0)
            each[handler] = None if before is None or times is None else before + times
    return Calls(most, each)


def either(calls: Iterable[Calls]) -> Calls:
    """What is called if only one of them happens."""
    listed = list(calls)
    names = dict.fromkeys(handler for one in listed for handler in one.each)
    each = {name: greatest(one.each.get(name, 0) for one in listed) for name in names}
    return Calls(greatest(one.most for one in listed), each)


def greatest(figures: Iterable[int | None]) -> int | None:
    """The greatest of some figures, of which None has no bound."""
    listed = list(figures)
    return None if None in listed else max((figure for figure in listed if figure is not None), default=0)


# --- steps of which nothing lies within


def alone(plan: Plan, node: Planned) -> Fact:
    """A step that is no block, without what `when` and its errors make of it."""
    step = node.step
    match step.type:
        case "function":
            return _function(plan, node)
        case "wait":
            return _wait(node.id, step.duration or 0, step.timeout)
        case "event":
            why = f"{node.id} waits for {step.event}"
        case _:
            why = f"{node.id} waits for a person"
    ends: dict[Outcome, Least] = {"succeeded": Least()}
    if step.type == "human-task" and step.on_reject == "fail":
        ends["failed"] = Least()
    elif step.timeout is not None:
        ends["failed"] = Least(step.timeout)
    return quiet(ends, endless(node.id, why) if step.timeout is None else lasting(node.id, step.timeout))


def quiet(ends: Mapping[Outcome, Least], settles: Span) -> Fact:
    """A step that calls nobody."""
    return Fact(ends, frozenset(ends), 0, False, settles, settles, settles, Calls())


def _wait(name: str, duration: int, timeout: int | None) -> Fact:
    """Of a wait and a timeout that come due together the timeout is first."""
    ends: dict[Outcome, Least] = {}
    if timeout is None or duration < timeout:
        ends["succeeded"] = Least(duration)
    else:
        ends["failed"] = Least(timeout)
    lasts = duration if timeout is None else min(duration, timeout)
    return quiet(ends, lasting(name, lasts))


def _function(plan: Plan, node: Planned) -> Fact:
    step, handler = node.step, node.step.handler or node.id
    policy = step.retry_policy or plan.workflow.error_handling.default_retry_policy
    ends: dict[Outcome, Least] = {"succeeded": Least(0, 1), "failed": Least(0, 1)}
    calls = Calls(attempts(policy), {handler: attempts(policy)})
    if step.timeout is None:
        of = "" if handler == node.id else f" of {node.id}"
        settles = held = endless(node.id, f"the handler {handler}{of} has no timeout")
    else:
        settles = lasting(_times(node.id, policy), calling(plan, policy, step.timeout))
        held = lasting(node.id, calling(plan, policy, step.timeout, waits=False))
    return Fact(ends, frozenset(ends), 1, False, settles, settles, held, calls, works=True)


def calling(plan: Plan, policy: RetryPolicy | None, timeout: int, *, waits: bool = True) -> int:
    """How long all attempts of a call take, in ms: each its timeout, and until its handler has ended.

    Where being out of time is no reason to try again, only the last one is; those before fail at the last moment.
    """
    times = attempts(policy)
    late = 1 if policy is not None and OUT_OF_TIME in policy.non_retryable else times
    between = 0
    if policy is not None and waits:
        between = least(attrs.evolve(delay_of(policy), jitter=False), times - 1)
    return times * timeout + late * plan.workflow.cancel_grace + between


def attempts(policy: RetryPolicy | None) -> int:
    """How often a call is tried."""
    return 1 if policy is None else policy.max_attempts


def _times(name: str, policy: RetryPolicy | None) -> str:
    return name if attempts(policy) == 1 else f"{name} ({attempts(policy)} attempts)"


# --- what is the same for steps of all kinds


def complete(plan: Plan, node: Planned, fact: Fact) -> Fact:
    """The fact of a step with its `when`, its `onError` and its compensation."""
    fact = _supposed(fact, node.step.when)
    fact = _resolved(node, fact)
    return _undoing(plan, node, fact)


def _supposed(fact: Fact, when: Expression | None) -> Fact:
    """With a condition that may let it be skipped, or cannot be told."""
    answer = settled(when)
    if answer is True:
        return fact
    at_once: dict[Outcome, Least] = {"skipped": Least()}
    if when is not None and when.may_fault:
        at_once["failed"] = Least()
    if answer is False:
        return attrs.evolve(quiet(at_once, NOTHING), faults="failed" in at_once)
    ends = {**fact.ends, **at_once}
    clean = fact.clean | frozenset(at_once)
    return attrs.evolve(fact, ends=ends, clean=clean, first=0, faults=fact.faults or "failed" in at_once)


def _resolved(node: Planned, fact: Fact) -> Fact:
    """With what becomes of it when it failed."""
    failed = fact.ends.get("failed")
    if failed is None:
        return fact
    if node.step.on_error == "rollback":
        ends: dict[Outcome, Least] = {end: figure for end, figure in fact.ends.items() if end != "failed"}
        ends["rolled"] = least_of([failed, fact.ends.get("rolled")]) or failed
        return attrs.evolve(fact, ends=ends, clean=(fact.clean - {"failed"}) | {"rolled"})
    if node.step.on_error == "human-review":
        return _reviewed(node, fact, failed)
    return fact


def _reviewed(node: Planned, fact: Fact, failed: Least) -> Fact:
    """Somebody may say that it succeeded nevertheless; or, unless it is a block, have it tried again and again."""
    succeeded = least_of([failed, fact.ends.get("succeeded")]) or failed
    review, calls = node.step.review, fact.calls
    if not node.inner:
        decides = endless(f"review of {node.id}", f"a review may have {node.id} tried again and again")
        calls = Calls(None if calls.most else calls.most, dict.fromkeys(calls.each))
    elif review is None or review.timeout is None:
        decides = endless(f"review of {node.id}", f"{node.id} waits for a review")
    else:
        decides = lasting(f"review of {node.id}", review.timeout)
    settles = fact.settles.then(decides)
    over = longest([settles, fact.over])
    ends = {**fact.ends, "succeeded": succeeded}
    return attrs.evolve(fact, ends=ends, clean=fact.clean | {"succeeded"}, settles=settles, over=over, calls=calls)


def _undoing(plan: Plan, node: Planned, fact: Fact) -> Fact:
    """With what undoes it."""
    compensation = node.step.compensation
    if compensation is None or plan.workflow.error_handling.compensation_strategy == "none":
        return attrs.evolve(fact, undo_inner_calls=fact.undo_calls)
    policy = plan.workflow.error_handling.default_retry_policy
    own = NOTHING
    for action in compensation.steps:
        own = own.then(_undo(plan, node, action.action, action.timeout, policy))
    done: tuple[Outcome, ...] = ("succeeded", "rolled") if node.step.on_error == "rollback" else ("succeeded",)
    surely = (
        {"succeeded"} if node.rolls_back_within else set(done)
    )  # one that fails with a step within it is not undone
    calls = together(Calls(attempts(policy), {action.action: attempts(policy)}) for action in compensation.steps)
    return attrs.evolve(
        fact,
        clean=fact.clean - surely,
        undone=least_of([fact.undone, *(fact.ends.get(outcome) for outcome in done)]),
        undo_own=own,
        undo_calls=together([fact.undo_calls, calls]),
        undo_inner_calls=fact.undo_calls,
    )


def _undo(plan: Plan, node: Planned, action: str, timeout: int | None, policy: RetryPolicy | None) -> Span:
    label = f"undoing {node.id}"
    if timeout is None:
        return endless(label, f"the handler {action} that undoes {node.id} has no timeout")
    return lasting(label, calling(plan, policy, timeout))


def cut(span: Span, label: str, timeout: int | None) -> Span:
    """What takes so long, but is ended by a timeout."""
    return span if timeout is None else shortest([span, lasting(label, timeout)])
