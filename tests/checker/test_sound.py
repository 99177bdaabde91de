"""No false alarm: what is right by construction gives no error, and what must hold of it is proved."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from hypothesis import given, note, settings

from statewf import Absence, Always, Existence, Precedence, Response, StateMachine
from statewf.checker import check
from statewf.definition.properties import Property
from statewf.definition.workflow import Step, Workflow
from tests.checker.machines import sound_machines
from tests.machine.workflows import workflows

ENDS = ("completed", "failed", "compensated", "compensation-failed", "cancelled", "timed-out")
SETTLED = ("succeeded", "failed", "cancelled")


def holding(definition: Workflow) -> Iterator[Property]:
    """What holds of any workflow of these steps, by what the words mean."""
    yield Existence([f"workflow:{end}" for end in ENDS])
    yield Absence(["workflow:completed", "workflow:failed"])
    for begun in ("workflow:failing", "workflow:cancelling"):
        yield Response(begun, [f"workflow:{end}" for end in ENDS])
    for step in definition.steps:
        yield from _of_step(step)
        for before in (other for other in definition.steps if other.id in (step.depends_on or ())):
            if _must_succeed(before):
                yield Precedence(before.id, f"{step.id}:{'assigned' if step.type == 'human-task' else 'running'}")


def _of_step(step: Step) -> Iterator[Property]:
    if step.required and step.on_error != "log-and-continue":
        yield Absence([f"{step.id}:failed", "workflow:completed"])
    if step.compensation is not None:
        done = step.id if step.on_error != "rollback" else f"{step.id}:running"
        yield Precedence(done if step.type != "human-task" else f"{step.id}:assigned", f"{step.id}:compensating")
        yield Absence([f"{step.id}:compensating", "workflow:completed"])
    if step.type == "function" and step.on_error != "human-review":
        yield Response(f"{step.id}:running", [f"{step.id}:{settled}" for settled in SETTLED])
        policy = step.retry_policy
        if policy is not None and step.compensation is None:
            yield Always(f"attempts[{step.id!r}] <= {policy.max_attempts}")


def _must_succeed(step: Step) -> bool:
    """Whether others go on only when it has succeeded."""
    return step.required and step.when is None and step.type == "function" and step.on_error != "log-and-continue"


@given(workflows())
@settings(deadline=None, max_examples=40)
def test_what_holds_of_every_workflow_is_proved(definition: Workflow) -> None:
    report = check(attrs.evolve(definition, properties=tuple(holding(definition))), limit=2_000)
    note(f"{[(verdict.text, verdict.answer) for verdict in report.verdicts]}")
    if report.verdicts and not report.bounded:
        errors = [finding for finding in report.findings if finding.severity == "error"]
        assert {finding.rule for finding in errors} <= {"never-completes"}, errors  # some never do, which is told
        assert {verdict.answer for verdict in report.verdicts} == {"proved"}


@given(sound_machines())
@settings(deadline=None, max_examples=60)
def test_a_machine_each_state_of_which_ends_is_fine(definition: StateMachine) -> None:
    """Its timeouts lead to the end, so every run comes to one, unless somebody goes round for ever."""
    asked: tuple[Property, ...] = (Existence(["done", "$cancelled"]), Absence(["done", "$cancelled"]))
    report = check(attrs.evolve(definition, properties=asked), limit=2_000)
    note(f"{[(verdict.text, verdict.answer) for verdict in report.verdicts]} {report.findings}")
    if not report.bounded:
        assert [verdict.answer for verdict in report.verdicts] == ["proved", "proved"]
        assert report.ok
