"""Generated workflows, small enough to be explored whole; and what may happen to an instance of one."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st

from statewf.definition.policy import RetryPolicy
from statewf.definition.workflow import (
    Compensation,
    CompensationAction,
    EscalationPolicy,
    Quorum,
    Review,
    Step,
    StepType,
    Workflow,
    WorkflowErrors,
)
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Failed, Fired, Returned
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, due

KINDS: tuple[StepType, ...] = ("function", "function", "human-task", "wait", "event", "parallel", "condition")
EVENTS = ("GO", "STOP")
WHENS = ("inputs.x", "1 / inputs.n > 0", "context.x === true", "true", "false")
MATCHES = (None, "event.data.x", "event.data.n < 'text'")

data = st.fixed_dictionaries({}, optional={"x": st.booleans(), "n": st.integers(0, 1)})
_common = {
    "when": st.none() | st.sampled_from(WHENS),
    "required": st.booleans(),
    "timeout": st.none() | st.just(1000),
    "compensation": st.none() | st.just(Compensation(CompensationAction("undo", timeout=500))),
}
_retried = st.builds(RetryPolicy, st.integers(1, 2), non_retryable=st.sampled_from([(), ("Bad",)]))
_errors = ("human-review", "rollback", "notify-manager", "log-and-continue")


def _mostly(common: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Few of the keys at a time: everything at once is explored for ever."""
    keys = st.lists(st.sampled_from(sorted(common)), max_size=2, unique=True)
    return keys.flatmap(lambda chosen: st.fixed_dictionaries({key: common[key] for key in chosen}))


@st.composite
def _step(draw: st.DrawFn, number: list[int], depth: int) -> Step:
    number[0] += 1
    name = f"s{number[0]}"
    kind: StepType = draw(st.sampled_from(KINDS if depth else KINDS[:-2]))
    given: dict[str, Any] = draw(_mostly(_common))
    if draw(st.integers(0, 3)) == 0:
        given["on_error"] = draw(st.sampled_from(_errors))
    if given.get("on_error") == "human-review" and draw(st.booleans()):
        given["review"] = Review("ann", timeout=50)
    match kind:
        case "function":
            given["retry_policy"] = draw(st.none() | _retried)
        case "human-task":
            given["escalation_policy"] = draw(st.none() | st.just(EscalationPolicy(300, "boss")))
            given["on_reject"] = draw(st.sampled_from(["fail", "continue"]))
        case "wait":
            given["duration"] = 100
        case "event":
            given["event"] = draw(st.sampled_from(EVENTS))
            given["match"] = draw(st.sampled_from(MATCHES))
        case "parallel":
            given["steps"] = draw(st.lists(_step(number, depth - 1), min_size=1, max_size=3))
            given["strategy"] = draw(
                st.sampled_from(["all", "any", "first", Quorum(1), Quorum(len(given["steps"]))])
            )
            given["max_concurrency"] = draw(st.sampled_from([None, 1, 2]))
        case "condition":
            given["condition"] = draw(st.sampled_from(WHENS))
            given["then"] = draw(_step(number, depth - 1))
            given["else_"] = draw(st.none() | _step(number, depth - 1))
    return Step(name, type=kind, **given)


@st.composite
def workflows(draw: st.DrawFn, most: int = 3) -> Workflow:
    """Up to so many steps on the top level, which wait for each other or do not; blocks lie one deep."""
    number = [0]
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, most))):
        step = draw(_step(number, 1))
        before = [other.id for other in steps]
        chosen = draw(st.none() | (st.lists(st.sampled_from(before), unique=True) if before else st.just([])))
        steps.append(attrs.evolve(step, depends_on=chosen))
    errors = WorkflowErrors(
        draw(st.none() | _retried), draw(st.sampled_from(["reverse-order", "parallel", "none"]))
    )
    return Workflow("w", steps, error_handling=errors, timeout=draw(st.sampled_from([None, 5000])))


answers = st.none() | st.builds(Event, st.sampled_from((*EVENTS, "UNKNOWN")), data)
_errors_raised = st.sampled_from(["Error", "Bad"])


def happenings(snapshot: Snapshot, machine: Machine | None = None) -> st.SearchStrategy[AnyEvent]:
    """Anything that can happen next to a running instance; and some that cannot.

    Timers in any order; with the machine, those of one region in the order in which they come due.
    """
    calls, timers = sorted(snapshot.flight.calls), sorted(snapshot.flight.deadlines)
    if machine is not None:
        first = {region: timer for _, region, timer in reversed(due(machine, snapshot))}
        timers = sorted(first.items())
    tasks = sorted(task.id for task in snapshot.book.tasks.values())
    found: list[st.SearchStrategy[AnyEvent]] = [st.builds(Event, st.sampled_from(EVENTS), data)]
    if calls:
        call = st.sampled_from(calls)
        returned = st.builds(Returned, call, data, answer=answers)
        found += [
            returned,
            returned,
            st.builds(Failed, call, _errors_raised, st.just("no"), retryable=st.booleans()),
        ]
    if timers:
        found += [st.sampled_from(timers).map(lambda name: Fired(*name))] * 2
    if tasks:
        decisions = st.sampled_from(["approved", "rejected", "retry", "else"])
        found += [st.builds(Decided, st.sampled_from(tasks), decisions, result=data)] * 2
    rarely = st.builds(Cancel, now=st.booleans())
    return st.integers(0, 30).flatmap(lambda n: rarely if n == 30 else st.one_of(found))
