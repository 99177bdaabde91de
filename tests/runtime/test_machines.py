"""What is deployed can be read again: a definition of which that is not so is refused before it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from statewf.compiler import compile_definition
from statewf.definition.model import Step, Workflow
from statewf.errors import DefinitionError, UnknownMachine
from statewf.history import Memory
from statewf.runtime.machines import Machines


def within(levels: int) -> Step:
    step = Step("innermost")
    for n in range(1, levels):
        step = Step(f"s{n}", type="parallel", steps=step)
    return step


def lists(levels: int) -> Any:
    value: Any = []
    for _ in range(1, levels):
        value = [value]
    return value


REFUSED = [
    (Workflow("w", within(50)), "too-deep", "nested deeper than 100 levels"),
    (Workflow("w", Step("a", params={"deep": lists(97)})), "too-deep", "nested deeper than 100 levels"),
    (Workflow("w", Step("a", description="x" * 10 * 2**20)), "too-large", "JSON may have 10,485,760 (10 MB)"),
    (Workflow("w", Step("a", params={"n": 10**3_600})), "huge-number", "an integer of more than 3,600 digits"),
]


@pytest.mark.parametrize(("workflow", "code", "why"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_could_not_be_read_again_is_not_kept(workflow: Workflow, code: str, why: str) -> None:
    machines = Machines(Memory())
    machine = compile_definition(workflow)
    with pytest.raises(DefinitionError) as caught:
        machines.deploy(machine)
    (told,) = caught.value.diagnostics
    assert (told.code, told.path, told.line) == (code, "$", None)
    assert told.message.startswith("w is kept as JSON, and could not be read again: ")
    assert told.message.endswith(why)
    with pytest.raises(UnknownMachine):
        machines.named("w")


@pytest.mark.parametrize(
    "workflow", [Workflow("w", within(49)), Workflow("w", Step("a", params={"deep": lists(96)}))]
)
def test_what_is_as_deep_as_can_be_is_read_again(workflow: Workflow) -> None:
    store = Memory()
    machine = compile_definition(workflow)
    Machines(store).deploy(machine)
    assert Machines(store).named("w").notes.definition == workflow
