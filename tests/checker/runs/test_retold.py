"""A run that refutes a property can be played: its scenario does what it says, with the real machine and real times."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

import statewf as wf
from statewf.checker import check, holds
from statewf.checker.runs.exploring import explored
from statewf.checker.runs.retold import as_test, scenario
from statewf.checker.runs.search import Space
from statewf.checker.runs.verdict import verdict
from statewf.checker.words.question import question
from statewf.compiler import compile_definition
from statewf.definition.workflow import Workflow
from statewf.machine.fsm import Machine
from statewf.simulator import simulate
from tests.checker.runs.test_verdict import CLAIM, ORDER, asked_of
from tests.machine.workflows import workflows
from tests.worlds import machines


def replayed(machine: Machine, drawn: st.DataObject, names: list[str]) -> None:
    asked = asked_of(names, drawn.draw)
    found = explored(machine, 300)
    told = verdict(machine, Space(found), question(machine, asked))
    if told.run is None or told.told is None or any(move.free for move in told.run.moves) or told.run.loop:
        return
    times = [one.at for one in told.told]
    assert times == sorted(times)
    if len(set(times)) < len(times):
        return  # at one instant the simulator goes by its own order
    event("played")
    played = simulate(machine, scenario(told.told))
    made = [(step.path, step.after.at) for step in played.steps[: len(times)]]
    assert made == [(one.step.path, one.at) for one in told.told]
    assert not holds(machine, played.steps[: len(times)], asked)


@given(machines, st.data())
def test_of_state_machines(machine: Machine, drawn: st.DataObject) -> None:
    names = [name for name in machine.regions[0].states if "$" not in name]
    replayed(machine, drawn, [*names, *(f"event:{event}" for event in machine.listeners)])


@given(workflows(2), st.data())
def test_of_workflows(workflow: Workflow, drawn: st.DataObject) -> None:
    machine = compile_definition(workflow)
    states = ("running", "succeeded", "failed", "cancelled", "cancelling", "compensated")
    names = [
        f"{region.name}:{state}" for region in machine.regions[1:] for state in states if state in region.states
    ]
    replayed(machine, drawn, names)


@pytest.mark.parametrize(
    ("text", "one"),
    [
        (ORDER, "absence: stopped, after: paid"),
        (ORDER, "response: {after: open, eventually: paid}"),
        (CLAIM, "absence: 'book:compensated'"),
        (CLAIM, "existence: 'workflow:completed'"),
    ],
)
def test_a_test_in_python_fails_as_long_as_the_run_is_possible(text: str, one: str, tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text(text + f"  - {{{one}}}\n")
    (found,) = check(wf.load(file)).verdicts
    assert found.told is not None
    code = as_test(found.told, "it", str(file), 0, found.text)
    space: dict[str, object] = {}
    exec(compile(code, "it", "exec"), space)  # the code is ours
    with pytest.raises(AssertionError):
        space["test_it"]()  # type: ignore[operator]  # it is a function
    file.write_text(
        text + "  - {existence: [open, 'stopped']}\n"
        if text is ORDER
        else text + "  - {absence: [book, 'book:failed']}\n"
    )
    space["test_it"]()  # type: ignore[operator]  # likewise


def test_the_pattern_sometimes_is_met_or_not() -> None:
    definition = wf.loads(ORDER + "  - {sometimes: \"includes(state, 'paying')\"}\n")
    machine = compile_definition(definition)
    for events, met in (([], False), ([{"send": "PAY"}], True)):
        assert holds(machine, simulate(machine, {"events": events}).steps, definition.properties[0]) is met
