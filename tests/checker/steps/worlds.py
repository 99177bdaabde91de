"""Small workflows full of timeouts that are alike, and runs of them in which anything takes any time.

Durations are few, so that many things come due at one instant, and one fits into another just so or just not. No two
conditions read the same input: any answers go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from hypothesis import strategies as st

from statewf.definition.policy import RetryPolicy
from statewf.definition.workflow import (
    Compensation,
    CompensationAction,
    CompensationStrategy,
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
from statewf.machine.snapshot import Step as Made
from statewf.machine.step import start, step
from statewf.values.frozen import Object

LEAVES: tuple[StepType, ...] = ("function", "wait", "event", "human-task")
BLOCKS: tuple[StepType, ...] = ("parallel", "parallel", "condition")
CONSTANTS = ("true", "false", "1 / 0")
ERRORS = ("human-review", "rollback", "log-and-continue", "retry")

times = st.sampled_from((1, 2, 2, 3, 4, 6))
short = st.integers(1, 2)
policies = st.builds(
    RetryPolicy,
    st.integers(1, 3),
    st.sampled_from(("exponential", "linear", "constant")),
    st.integers(0, 2),
    jitter=st.sampled_from(("none", "none", "full")),
    non_retryable=st.sampled_from(((), ("Bad",))),
)
reviews = st.none() | st.builds(Review, st.just("ann"), st.none() | times)
escalations = st.none() | st.builds(EscalationPolicy, times, st.just("boss"))
strategies: st.SearchStrategy[CompensationStrategy] = st.sampled_from(
    ("reverse-order", "reverse-order", "reverse-order", "parallel", "none")
)
undoing = st.just(Compensation(CompensationAction("undo", timeout=2)))


def rarely(draw: st.DrawFn, strategy: st.SearchStrategy[Any], times: int = 3) -> Any:
    """Mostly None."""
    return draw(strategy) if draw(st.integers(0, times)) == times else None


def condition(draw: st.DrawFn, asked: str) -> str:
    """What is asked, or something that reads nothing."""
    return draw(st.sampled_from((*[asked] * 4, *CONSTANTS)))


@st.composite
def _step(draw: st.DrawFn, leaves: list[StepType], number: list[int], depth: int) -> Step:
    number[0] += 1
    name = f"s{number[0]}"
    kind: StepType = draw(st.sampled_from((*leaves, *leaves, *(BLOCKS if depth else ()))))
    given: dict[str, Any] = {
        "required": draw(st.integers(0, 3)) > 0,
        "timeout": draw(st.none() | times),
        "compensation": rarely(draw, undoing, 2),
        "on_error": rarely(draw, st.sampled_from(ERRORS if kind == "function" else ERRORS[:-1]), 2),
        "when": condition(draw, f"inputs.{name} === true") if rarely(draw, st.just(True), 5) else None,
    }
    if given["on_error"] == "human-review":
        given["review"] = draw(reviews)
    match kind:
        case "function":
            given["retry_policy"] = draw(st.none() | policies)
        case "wait":
            given["duration"] = draw(times)
        case "event":
            given["event"] = draw(st.sampled_from(("GO", "STOP")))
            given["match"] = rarely(draw, st.sampled_from(CONSTANTS), 5)
        case "human-task":
            given["escalation_policy"] = draw(escalations)
            given["on_reject"] = draw(st.sampled_from(("fail", "continue")))
        case "parallel":
            inner = given["steps"] = draw(_siblings(leaves, number, 3, depth - 1))
            quorum = Quorum(draw(st.integers(1, len(inner))))
            given["strategy"] = draw(st.sampled_from(("all", "all", "any", "first", quorum)))
            given["max_concurrency"] = rarely(draw, st.integers(1, 2))
        case "condition":
            given["condition"] = condition(draw, f"inputs.{name} > 1")
            given["then"] = draw(_step(leaves, number, depth - 1))
            given["else_"] = draw(st.none() | _step(leaves, number, depth - 1))
    return Step(name, type=kind, **given)


@st.composite
def _siblings(draw: st.DrawFn, leaves: list[StepType], number: list[int], most: int, depth: int) -> list[Step]:
    made: list[Step] = []
    for _ in range(draw(st.integers(1, most))):
        earlier = [other.id for other in made]
        after = st.none() | (st.lists(st.sampled_from(earlier), unique=True) if earlier else st.just([]))
        made.append(attrs.evolve(draw(_step(leaves, number, depth)), depends_on=draw(after)))
    return made


@st.composite
def worlds(draw: st.DrawFn, most: int = 3, depth: int = 2) -> Workflow:
    """Up to so many steps on the top level, some kinds of them; blocks lie so deep."""
    leaves = draw(st.lists(st.sampled_from(LEAVES), min_size=1, unique=True))
    steps = draw(_siblings(leaves, [0], most, depth))
    errors = WorkflowErrors(rarely(draw, policies), draw(strategies))
    timeout = rarely(draw, times)
    return Workflow("w", steps, timeout=timeout, cancel_grace=draw(st.integers(0, 3)), error_handling=errors)


@st.composite
def blocks(draw: st.DrawFn) -> Workflow:
    """A single block with a timeout, and within it steps each of which some timer ends a little earlier, or a little later."""
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 2))):
        kind = draw(st.sampled_from(LEAVES))
        own: dict[str, Any] = {"event": "GO"} if kind == "event" else {}
        if kind == "wait":
            own["duration"] = draw(short)
        if draw(st.booleans()):
            own |= {"on_error": "human-review", "review": Review("ann", draw(short))}
        after = [steps[-1].id] if draw(st.booleans()) and steps else None
        steps.append(Step(f"s{number}", type=kind, timeout=draw(short), depends_on=after, required=False, **own))
    places = draw(st.sampled_from((None, None, 1)))
    block = Step("block", type="parallel", steps=steps, timeout=draw(st.integers(2, 3)), max_concurrency=places)
    return Workflow("w", block, cancel_grace=draw(st.integers(0, 3)))


# --- runs

inputs = st.fixed_dictionaries({}, optional={f"s{number}": st.sampled_from((True, 1, 2)) for number in range(1, 9)})
plays = st.lists(st.tuples(st.sampled_from((0, 1, 1, 2)), st.none() | st.integers(0, 50)), max_size=40)

idle = st.lists(st.tuples(st.sampled_from((1, 1, 2)), st.none()), min_size=6, max_size=12)


def played(machine: Machine, data: object, moves: Sequence[tuple[int, int | None]], *, late: bool) -> list[Made]:
    """A run: before each move some time passes, and what came due is fired, in order; with None nothing else happens.

    As the law of time has it: what was due before a move is fired first, what is due at that very instant after it. If
    timers are `late`, whoever runs this was stopped meanwhile, and fires them all when he is back.
    """
    made = [start(machine, data)]
    now = 0
    for passing, chosen in moves:
        now += passing
        _fire(machine, made, now, late=late)
        snapshot = made[-1].after
        if snapshot.ended:
            break
        possible = _possible(snapshot, now)
        taken = None if chosen is None else step(machine, snapshot, possible[chosen % len(possible)])
        if isinstance(taken, Made):
            made.append(taken)
    return made


def _fire(machine: Machine, made: list[Made], now: int, *, late: bool) -> None:
    while timers := due(machine, made[-1].after):
        at, region, timer = timers[0]
        if at >= now:
            break
        fired = step(machine, made[-1].after, Fired(region, timer, now if late else at))
        assert isinstance(fired, Made)
        made.append(fired)


def _possible(snapshot: Snapshot, now: int) -> list[AnyEvent]:
    """What may happen next at that time."""
    found: list[AnyEvent] = [Event("GO", at=now), Event("STOP", at=now)]
    for call in sorted(snapshot.flight.calls):
        found += [Returned(call, Object(), now), Failed(call, "Bad", "no", now), Failed(call, "Error", "no", now)]
        found.append(Failed(call, "Error", "no", now, retryable=False))
    for task in snapshot.book.tasks.values():
        found += [Decided(task.id, word, at=now) for word in ("approved", "rejected", "retry")]
    return [*found, *found, *found, Cancel(now)]
