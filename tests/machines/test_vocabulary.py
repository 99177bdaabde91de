"""What the definition language can say is said somewhere in the machines, for those who learn from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

import pytest

import statewf as wf
from statewf.definition.workflow import OnError, Quorum, Step, StepType, Workflow
from tests.machines.driving import MACHINES


def every_step(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from every_step(inner for _, inner in step.inner())


FILES = sorted(MACHINES.glob("*.yaml"))
WORKFLOWS = [found for found in map(wf.load, FILES) if isinstance(found, Workflow)]
STEPS = [step for workflow in WORKFLOWS for step in every_step(workflow.steps)]


@pytest.mark.parametrize("kind", get_args(StepType))
def test_every_type_of_step_is_shown(kind: str) -> None:
    assert kind in {step.type for step in STEPS}


@pytest.mark.parametrize("word", get_args(OnError))
def test_every_answer_to_an_error_is_shown(word: str) -> None:
    assert word in {step.on_error for step in STEPS}


def test_every_strategy_is_shown() -> None:
    blocks = [step.strategy for step in STEPS if step.type == "parallel"]
    assert {"all", "any", "first"} <= {strategy for strategy in blocks if not isinstance(strategy, Quorum)}
    assert any(isinstance(strategy, Quorum) for strategy in blocks)


@pytest.mark.parametrize(
    "said",
    [
        *("when", "depends_on", "timeout", "handler", "params", "retry_policy", "review", "max_concurrency"),
        *("condition", "then", "else_", "duration", "event", "match", "assign_to", "details"),
        *("escalation_policy", "compensation"),
    ],
)
def test_every_key_of_a_step_is_shown(said: str) -> None:
    assert any(getattr(step, said) for step in STEPS)


def test_what_need_not_succeed_is_shown() -> None:
    assert not all(step.required for step in STEPS)
    assert "continue" in {step.on_reject for step in STEPS}


def test_every_machine_has_handlers_inputs_and_scenarios() -> None:
    for file in FILES:
        folder = file.with_suffix("")
        assert file.with_name(f"{file.stem}_handlers.py").exists(), file
        assert list(folder.glob("*.json")), folder
        assert list(folder.glob("*.yaml")), folder
