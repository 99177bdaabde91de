"""What has certainly settled: the checker against a naive reference, and against all that can really happen."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import assume, given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.compiler.plan import Plan, Planned, plan
from statewf.compiler.settling import Settling, lineage
from statewf.definition.workflow import Quorum, Step, Workflow
from statewf.machine.explore import explore
from statewf.machine.snapshot import active
from tests.machine.workflows import workflows

SETTLED = {"succeeded", "failed", "failed.$rollback", "skipped", "cancelled"}
STRATEGIES = ("all", "all", "any", "first", Quorum(1))


@st.composite
def nested(draw: st.DrawFn, number: list[int], depth: int, most: int) -> list[Step]:
    """A list of steps that wait for earlier ones of the list, in a drawn order; some are blocks."""
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, most))):
        number[0] += 1
        name = f"s{number[0]}"
        before = [step.id for step in steps]
        waits = draw(
            st.none() | st.lists(st.sampled_from(before), max_size=3) if before else st.none() | st.just([])
        )
        common: dict[str, Any] = {
            "depends_on": waits,
            "required": draw(st.booleans()),
            "timeout": draw(st.sampled_from([None, None, 5])),
            "on_error": draw(st.sampled_from([None, None, "log-and-continue", "rollback", "human-review"])),
        }
        kind = draw(st.sampled_from(["function", "parallel", "condition"])) if depth else "function"
        if kind == "parallel":
            inner = draw(nested(number, depth - 1, 3))
            steps.append(
                Step(name, type="parallel", steps=inner, strategy=draw(st.sampled_from(STRATEGIES)), **common)
            )
        elif kind == "condition":
            then = attrs.evolve(draw(nested(number, depth - 1, 1))[0], depends_on=None)
            steps.append(Step(name, type="condition", condition="inputs.x", then=then, **common))
        else:
            steps.append(Step(name, **common))
    return draw(st.permutations(steps)) if all(step.depends_on is not None for step in steps) else steps


DAGS = st.builds(lambda steps: Workflow("w", steps), st.deferred(lambda: nested([0], 2, 5)))


def naively(whole: Plan, node: Planned) -> set[str]:
    """All that has certainly settled when a step begins, by the words of the design."""
    found: set[str] = set()
    for outer in lineage(node):
        grown = {other.id for other in outer.after}
        while True:
            more = grown | {before.id for name in grown for before in whole.nodes[name].after}
            if more == grown:
                break
            grown = more
        for name in grown:
            found |= within(whole.nodes[name], goes_on=False)
    return found


def within(node: Planned, *, goes_on: bool) -> set[str]:
    """A settled step, and what lies within it and cannot still be ending."""
    step = node.step
    passed = step.on_error in ("log-and-continue", "human-review") or not step.required or goes_on
    passed = passed and step.on_error != "rollback"
    if step.type == "parallel" and step.strategy != "all":
        return {node.id}
    if step.timeout is not None and passed:
        return {node.id}
    return {node.id}.union(*(within(inner, goes_on=passed) for inner in node.inner))


@given(DAGS)
def test_the_checker_agrees_with_a_naive_reference(workflow: Workflow) -> None:
    whole = plan(workflow)
    settling = Settling(whole)
    for node in whole.nodes.values():
        certain = {other.id for other in whole.nodes.values() if settling.certain(node, other)}
        assert certain == naively(whole, node)


@given(workflows() | DAGS)
def test_what_is_certain_has_settled_in_all_that_can_happen(workflow: Workflow) -> None:
    whole = plan(workflow)
    settling = Settling(whole)
    certain = {
        node.id: [other.id for other in whole.nodes.values() if settling.certain(node, other)]
        for node in whole.nodes.values()
    }
    assume(any(certain.values()))
    machine = compile_definition(workflow)
    for snapshot in explore(machine, 300).snapshots:
        local = dict(zip(machine.numbers, active(snapshot), strict=True))
        for name, others in certain.items():
            if local[name] in ("running", "assigned", "succeeded"):
                unsettled = [other for other in others if local[other] not in SETTLED]
                assert not unsettled or local["workflow"] != "running", (name, unsettled)
