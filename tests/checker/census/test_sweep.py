"""Counting configurations without going to them, beside going to all of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import pytest
from hypothesis import example, given, note, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.checker import check
from statewf.checker.census.counts import Census, census
from statewf.compiler import compile_definition
from statewf.definition.policy import RetryPolicy
from statewf.definition.workflow import (
    Compensation,
    CompensationAction,
    EscalationPolicy,
    Quorum,
    Review,
    Step,
    Workflow,
    WorkflowErrors,
)
from statewf.machine.explore import explore
from statewf.machine.snapshot import region_state
from tests.machine.workflows import workflows

FEW = 3_000  # configurations that are gone to

undoing = st.builds(
    lambda timeouts: Compensation([CompensationAction("undo", timeout=timeout) for timeout in timeouts]),
    st.lists(st.sampled_from([None, 500]), min_size=1, max_size=2),
)
common = {
    "required": st.just(False),
    "timeout": st.just(1000),
    "compensation": undoing,
    "on_error": st.sampled_from(["human-review", "notify-manager", "log-and-continue"]),
    "review": st.just(Review("ann", timeout=50)),
    "retry_policy": st.builds(RetryPolicy, st.just(2), non_retryable=st.sampled_from([(), ("Bad",)])),
}


class Numbers:
    """Names for steps, and for what their conditions read: no two read the same."""

    def __init__(self) -> None:
        self.last = 0

    def name(self) -> str:
        self.last += 1
        return f"s{self.last}"

    def condition(self, draw: st.DrawFn) -> str:
        one = f"inputs.p{self.last}"
        return draw(st.sampled_from([one, f"{one} && inputs.q{self.last}", f"{one} > 3", "true", "false"]))


@st.composite
def free_steps(draw: st.DrawFn, numbers: Numbers, depth: int, before: list[str] | None) -> Step:
    """A step that shares nothing with others but what it waits for."""
    name = numbers.name()
    kinds = ["function", "function", "wait", "human-task"] + ["parallel", "parallel", "condition"] * (depth > 0)
    kind: Any = draw(st.sampled_from(kinds))
    keys = draw(st.lists(st.sampled_from(sorted(common)), max_size=2, unique=True))
    given: dict[str, Any] = {key: draw(common[key]) for key in keys}
    if kind != "function":
        given.pop("retry_policy", None)
    if given.get("on_error") != "human-review":
        given.pop("review", None)
    if draw(st.integers(0, 4)) == 0:
        given["when"] = numbers.condition(draw)
    if before:
        given["depends_on"] = draw(st.none() | st.lists(st.sampled_from(before), max_size=2, unique=True))
    match kind:
        case "wait":
            given["duration"] = draw(st.sampled_from([500, 2000]))
        case "human-task":
            given["escalation_policy"] = draw(st.none() | st.just(EscalationPolicy(300, "boss")))
            given["on_reject"] = draw(st.sampled_from(["fail", "continue"]))
        case "parallel":
            steps: list[Step] = []
            for _ in range(draw(st.integers(1, 3))):
                steps.append(draw(free_steps(numbers, depth - 1, [step.id for step in steps])))
            given["steps"] = steps
            given["strategy"] = draw(st.sampled_from(["all", "all", "all", "any", "first", Quorum(1)]))
            given["max_concurrency"] = draw(st.sampled_from([None, None, None, 1]))
        case "condition":
            given["condition"] = numbers.condition(draw)
            given["then"] = draw(free_steps(numbers, depth - 1, None))
            given["else_"] = draw(st.none() | free_steps(numbers, depth - 1, None))
        case _:
            pass
    return Step(name, type=kind, **given)


@st.composite
def free_workflows(draw: st.DrawFn) -> Workflow:
    """Workflows whose steps share nothing but what they wait for; blocks lie two deep."""
    numbers = Numbers()
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 3))):
        steps.append(draw(free_steps(numbers, draw(st.integers(0, 2)), [step.id for step in steps])))
    errors = WorkflowErrors(
        draw(st.sampled_from([None, None, RetryPolicy(2)])),
        draw(st.sampled_from(["reverse-order", "reverse-order", "parallel", "none"])),
    )
    return Workflow("w", steps, error_handling=errors, timeout=draw(st.sampled_from([None, 5000])))


def gone_to(definition: Workflow, limit: int) -> Counter[str] | None:
    """How many configurations there are by what the workflow is at, each of them visited; None if there are more."""
    found = explore(compile_definition(definition), limit)
    states = Counter(region_state(snapshot.regions, 0)[0] for snapshot in found.snapshots)
    return _together(states) if found.whole else None


def _together(states: Counter[str]) -> Counter[str]:
    """What is the same by whatever name: the sweep names the undoing after its cause."""
    found: Counter[str] = Counter()
    for state, number in states.items():
        found["undoing" if state.startswith(("compensating", "undoing")) else state] += number
    return found


def swept(definition: Workflow) -> Census | None:
    return census(compile_definition(definition))


def may_fail_at_once(definition: Workflow) -> bool:
    """Whether some condition may have no answer, or a block lose at the start: then others may not begin at all."""
    steps = list(definition.steps)
    for step in steps:  # grows while it is read
        steps += (inner for _, inner in step.inner())
    asked = (told for step in steps for told in (step.when, step.condition) if told is not None)
    return any(">" in told.text for told in asked) or any(isinstance(step.strategy, Quorum) for step in steps)


late_within_late = Step("s1", type="wait", duration=500)
late_within_late = Step("s2", type="parallel", steps=[Step("s3", required=False, timeout=1000), late_within_late])
late_within_late = Step("s4", type="parallel", required=False, timeout=1000, steps=[Step("s5"), late_within_late])
waits_in_a_block = Step("s1", type="parallel", strategy=Quorum(1), steps=[Step("s2", required=False), Step("s3")])


@given(free_workflows())
@example(Workflow("a block out of time within one out of time", [late_within_late], timeout=5000))
@example(Workflow("counters of a block that is over", [waits_in_a_block]))
@example(
    Workflow(
        "a step that fails before the other one begins", [Step("a", when="inputs.x > 3"), Step("b", depends_on=())]
    )
)
@settings(deadline=None)
def test_what_is_counted_is_what_is_there(definition: Workflow) -> None:
    counted = swept(definition)
    assert counted is not None or may_fail_at_once(definition), "steps that share nothing can be counted"
    if counted is not None and counted.total <= FEW:
        note(f"{counted}")
        assert _together(Counter(counted.by_state)) == gone_to(definition, 2 * FEW)


@given(workflows(most=2))
@settings(deadline=None)
def test_whatever_steps_share_nothing_wrong_is_counted(definition: Workflow) -> None:
    counted = swept(definition)
    if counted is not None and counted.total <= FEW:
        assert _together(Counter(counted.by_state)) == gone_to(definition, 2 * FEW)


def wide(branches: int) -> Workflow:
    """A step that can be undone, a block of so many branches that try three times in time each, and one behind it."""
    policy = RetryPolicy(3)
    block = [Step(f"b{number}", timeout=30_000, retry_policy=policy) for number in range(branches)]
    undone = Compensation([CompensationAction("undo")])
    return Workflow("wide", [Step("a", compensation=undone), Step("b", type="parallel", steps=block), Step("z")])


@pytest.mark.parametrize("branches", [1, 2, 3, 50, 200, 1_000])
def test_a_wide_block_is_counted_by_a_closed_form(branches: int) -> None:
    """While it runs a branch is called, late or between attempts (3 + 3 + 2), or it succeeded or failed: 10 letters.

    All may go together, but that not all are settled (2 to the N); beside that `a` runs, or `z` does.
    Cancelled while the block runs, a branch is being stopped, was cancelled or had succeeded or failed: any but that all are
    quiet; and `a` or `z` alone may be being stopped. It fails by `z`, or when the last branch is settled: at once.
    """
    counted = swept(wide(branches))
    assert counted is not None
    assert counted.by_state["running"] == 10**branches - 2**branches + 2
    assert counted.by_state["cancelling"] == 4**branches - 3**branches + 2
    assert "failing" not in counted.by_state
    assert counted.by_state["completed"] == 1
    if branches <= 3:
        assert _together(Counter(counted.by_state)) == gone_to(wide(branches), FEW)


def test_a_wide_block_is_checked_exactly_and_no_configuration_visited() -> None:
    report = check(wide(200))
    assert (report.ok, report.bounded, report.visited) == (True, False, None)
    assert len(str(report.configurations)) == 201


@pytest.mark.parametrize(
    "shared",
    [
        "steps: [{id: a, when: inputs.x}, {id: b, when: inputs.x}]",
        "steps: [{id: a}, {id: b, when: results.a.ok}]",
        "steps: [{id: a, type: event, event: GO}]",
        "steps: [{id: a, onError: rollback, compensation: {steps: [{action: u}]}}]",
    ],
    ids=["what they read", "what one found", "events", "rolling back"],
)
def test_of_steps_that_share_more_nothing_is_said(shared: str) -> None:
    definition = wf.loads(shared)
    assert isinstance(definition, Workflow)
    assert swept(definition) is None
    report = check(definition)
    assert (report.configurations, report.bounded) == (report.visited, False), "they are gone to"


def test_a_machine_that_is_not_as_it_was_written_is_gone_to() -> None:
    machine = compile_definition(wide(1))
    changed = attrs.evolve(machine, regions=(*machine.regions[:-1], attrs.evolve(machine.regions[-1], places=7)))
    assert check(machine).visited is None
    assert check(changed).visited is not None
