"""Generated machines whose time is bounded mostly: everything has a timeout, and durations are small and near each other.

`timed_machines` go forward only, within compound states and out of them. `lines` of steps and `straight_machines` are
those of which the bounds are exact.
"""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st

from statewf import Invoke, Retry, State, StateMachine, Transition
from statewf.definition.policy import RetryPolicy
from statewf.definition.workflow import (
    Compensation,
    CompensationAction,
    Quorum,
    Review,
    Step,
    StepType,
    Workflow,
    WorkflowErrors,
)

TIMES = (1, 2, 5, 10, 20, 50)
EVENTS = ("E", "F")
times = st.sampled_from(TIMES)
delays = st.sampled_from((0, 1, 5, 20))
_growth = st.sampled_from(("constant", "linear", "exponential"))
_jitter = st.sampled_from(("none", "none", "full"))


# --- workflows

_policies = st.builds(
    RetryPolicy,
    st.integers(1, 3),
    _growth,
    delays,
    st.just(40),
    _jitter,
    st.sampled_from(((), (), ("TimeoutError",), ("Oops",))),
)
_plain_policies = st.builds(RetryPolicy, st.integers(1, 3), _growth, delays, st.just(40))
_actions = st.builds(CompensationAction, st.sampled_from(("undo", "redo")), timeout=times)
_compensations = st.lists(_actions, min_size=1, max_size=2).map(Compensation)
_conditions = st.sampled_from(("inputs.x", "context.y === 1", "inputs.x > 0 && 1 / inputs.y > 0", "true", "false"))
SIMPLE: tuple[StepType, ...] = ("function", "function", "function", "human-task", "wait", "event")


def _given(draw: st.DrawFn, name: str, kind: StepType, policies: st.SearchStrategy[RetryPolicy]) -> dict[str, Any]:
    """What a step of this kind must have, with a timeout wherever it may wait for somebody."""
    given: dict[str, Any] = {"timeout": draw(times)}
    match kind:
        case "function":
            given["retry_policy"] = draw(st.none() | policies)
            given["handler"] = draw(st.sampled_from((None, "work")))
        case "human-task":
            given["on_reject"] = draw(st.sampled_from(("fail", "continue")))
        case "wait":
            given |= {"duration": draw(times), "timeout": draw(st.sampled_from((None, None, *TIMES)))}
        case "event":
            given["event"] = draw(st.sampled_from(EVENTS))
        case _:
            given["timeout"] = draw(st.sampled_from((None, *TIMES)))
    return given


@st.composite
def _step(draw: st.DrawFn, names: list[str], depth: int) -> Step:
    name = f"s{len(names)}"
    names.append(name)
    kind: StepType = draw(st.sampled_from((*SIMPLE, *(("parallel", "parallel", "condition") if depth else ()))))
    given = _given(draw, name, kind, _policies)
    given["required"] = draw(st.sampled_from((True, True, False)))
    given["when"] = draw(st.sampled_from((None, None, True))) and draw(_conditions)
    if draw(st.integers(0, 2)) == 0:
        given["compensation"] = draw(_compensations)
    if draw(st.integers(0, 4)) == 0:
        given["on_error"] = draw(st.sampled_from(("rollback", "log-and-continue", "human-review")))
        given["review"] = Review("ann", draw(times)) if given["on_error"] == "human-review" else None
    if kind == "parallel":
        inner = [draw(_step(names, depth - 1)) for _ in range(draw(st.integers(1, 3)))]
        given["steps"] = _linked(draw, inner, first=())
        size = len(inner)
        given["strategy"] = draw(st.sampled_from(("all", "all", "any", "first", Quorum(1), Quorum(size))))
        given["max_concurrency"] = draw(st.sampled_from((None, None, 1, 2)))
    elif kind == "condition":
        given["condition"] = draw(_conditions)
        given["then"] = draw(_step(names, depth - 1))
        given["else_"] = draw(st.none() | _step(names, depth - 1))
    return Step(name, type=kind, **given)


def _linked(draw: st.DrawFn, steps: list[Step], first: tuple[str, ...] | None) -> list[Step]:
    """Steps that wait for some of those before them, or for whom they would wait anyway."""
    found: list[Step] = []
    for step in steps:
        before = [other.id for other in found]
        some = st.lists(st.sampled_from(before), unique=True, max_size=2) if before else st.just([])
        chosen = draw(st.none() | some)
        found.append(attrs.evolve(step, depends_on=first if chosen is None else chosen))
    return found


@st.composite
def timed_workflows(draw: st.DrawFn) -> Workflow:
    """Any workflow of a few steps, with a short grace time."""
    names: list[str] = []
    steps = [draw(_step(names, 2)) for _ in range(draw(st.integers(1, 4)))]
    errors = WorkflowErrors(
        draw(st.none() | _policies), draw(st.sampled_from(("reverse-order", "reverse-order", "parallel", "none")))
    )
    whole = draw(st.sampled_from((None, None, *TIMES, 100)))
    grace = draw(st.sampled_from((0, 3, 20)))
    return Workflow("timed", _linked(draw, steps, None), timeout=whole, error_handling=errors, cancel_grace=grace)


@st.composite
def lines(draw: st.DrawFn) -> Workflow:
    """Steps one after another; perhaps a block of some that waits for all is among them, or a choice by the inputs."""
    names: list[str] = []

    def step(depth: int, *, kinds: tuple[StepType, ...] = SIMPLE[2:]) -> Step:
        name = f"s{len(names)}"
        names.append(name)
        kind = draw(st.sampled_from((*kinds, *(("parallel", "condition") if depth else ()))))
        given = _given(draw, name, kind, _plain_policies)
        given |= {"event": name.upper()} if kind == "event" else {}  # one of its own, lest one event ends two steps
        if kind == "parallel":
            given |= {"timeout": None, "steps": [step(0) for _ in range(2)]}
        elif kind == "condition":
            then, other = (step(0, kinds=("function", "human-task", "event")) for _ in range(2))
            given |= {"timeout": None, "condition": f"inputs.{name}", "then": then, "else_": other}
        elif depth and draw(st.booleans()):
            given["compensation"] = Compensation(CompensationAction("undo", timeout=draw(times)))
        return Step(name, type=kind, **given)

    steps = [step(1) for _ in range(draw(st.integers(1, 2)))]
    errors = WorkflowErrors(draw(st.none() | _plain_policies))
    return Workflow("line", steps, error_handling=errors, cancel_grace=draw(st.sampled_from((0, 3))))


# --- state machines


def _retries(*events: str) -> st.SearchStrategy[Retry]:
    growth = st.sampled_from((None, "linear", "exponential"))
    on = st.lists(st.sampled_from(events), min_size=1, max_size=2, unique=True)
    return st.builds(Retry, st.integers(1, 3), on, growth, st.none() | delays, st.just(1000))


@st.composite
def _state(draw: st.DrawFn, ahead: list[str]) -> dict[str, Any]:
    """A state that leads to some of those ahead, with a timeout mostly."""
    target = st.sampled_from(ahead)
    given: dict[str, Any] = {
        "on": {event: draw(target) for event in EVENTS if draw(st.booleans())},
        "timeout": draw(times),
        "timeout_transition": draw(target),
    }
    if draw(st.integers(0, 2)) == 0:
        given["retry"] = draw(_retries(*EVENTS))
    return given


@st.composite
def straight_machines(draw: st.DrawFn) -> StateMachine:
    """Flat machines that go forward only, without guards; every state has a timeout."""
    names = [f"s{number}" for number in range(draw(st.integers(1, 4)))]
    states = {name: State(**draw(_state([*names[at + 1 :], "done", "lost"]))) for at, name in enumerate(names)}
    ends = {"done": State(terminal=True), "lost": State(terminal=True)}
    return StateMachine("straight", names[0], {**states, **ends})


@st.composite
def timed_machines(draw: st.DrawFn) -> StateMachine:
    """Machines with compound states that have timeouts, with calls, guards and now and then a way back."""
    names = [f"s{number}" for number in range(draw(st.integers(1, 4)))]
    states: dict[str, State] = {}
    for at, name in enumerate(names):
        ahead = [*names[at + 1 :], *([name] if draw(st.integers(0, 4)) == 0 else []), "done", "lost"]
        given = draw(_state(ahead))
        if draw(st.booleans()):
            inner = [f"{name}x", f"{name}y"]
            given.pop("retry", None)
            within = [_rich(draw, [*inner[n + 1 - draw(st.integers(0, 1)) :], *ahead]) for n in range(2)]
            given |= {"states": dict(zip(inner, within, strict=True)), "initial": inner[0]}
            states[name] = State(**given)
        else:
            states[name] = _rich(draw, ahead)
    ends = {"done": State(terminal=True), "lost": State(terminal=True)}
    return StateMachine("timed", names[0], {**states, **ends})


def _rich(draw: st.DrawFn, ahead: list[str]) -> State:
    given = draw(_state(ahead))
    if draw(st.integers(0, 3)) == 0:
        given |= {"timeout": None, "timeout_transition": None}
    if draw(st.integers(0, 3)) == 0:
        guard = draw(st.sampled_from(("context.x", "context.y === 1", "attempt < 2", "true")))
        given["always"] = [Transition(draw(st.sampled_from(ahead)), guard=guard)]
    if draw(st.integers(0, 3)) == 0:
        target = draw(st.sampled_from(ahead))
        given["invoke"] = Invoke("ask", on_done=[Transition(target)], on_error=[Transition(target)])
        if "retry" in given:
            given["retry"] = draw(_retries(*EVENTS, "$error"))
    return State(**given)
