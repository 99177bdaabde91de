"""Which steps can be studied by themselves: those that read nothing that another step changes."""

from __future__ import annotations

import pytest

import statewf as wf
from statewf.checker.census.plain import plain
from statewf.checker.census.units import TooMuch, study
from statewf.definition.workflow import Workflow


def one_step(text: str) -> Workflow:
    definition = wf.loads(f"steps: [{{id: before}}, {text}]")
    assert isinstance(definition, Workflow)
    return definition


@pytest.mark.parametrize(
    "text", ["{id: a, when: inputs.x}", "{id: a, type: event, event: GO, match: event.data.x}"]
)
def test_what_is_given_from_outside_may_be_anything(text: str) -> None:
    whole = one_step(text)
    assert "succeeded" in {letter.state for letter in study(plain(whole.steps[1]), whole).letters}


@pytest.mark.parametrize(
    "read", ["results.before.x", "context.x", "len(completedSteps) > 1", "len(failedSteps) > 1"]
)
def test_what_other_steps_change_is_too_much(read: str) -> None:
    whole = one_step(f"{{id: a, when: {read}}}")
    with pytest.raises(TooMuch):
        study(plain(whole.steps[1]), whole)
