"""The laws of the tables of steps: nothing stands in them that nothing leads to, and nothing is told to deaf ears."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given

from statewf.compiler import compile_definition
from statewf.compiler.signals import BRANCH, FINAL, UNDO_FAILED, UNDOING, UNDONE
from statewf.definition.workflow import Workflow
from statewf.machine.fsm import Arm, Count, Enter, Machine, Pull, Stop
from tests.flows import flows

WORKFLOWS = flows(rich=True).map(lambda flow: flow.workflow)


@given(WORKFLOWS)
def test_every_row_of_a_step_can_be_entered_but_the_first(workflow: Workflow) -> None:
    """And but for the review of what cannot fail, such as a wait for an event."""
    for region in compile_definition(workflow).regions[1:]:
        entered = {way.target for state in region.states.values() for way in state.transitions()} - {None}
        assert entered <= region.states.keys()
        assert region.states.keys() - entered - set(FINAL) <= {"waiting", "review"}


@given(WORKFLOWS)
def test_what_a_region_is_told_it_knows_in_some_state(workflow: Workflow) -> None:
    """But to a condition a branch that was cancelled says nothing; and without compensation nobody begins to undo."""
    machine = compile_definition(workflow)
    unheard = {BRANCH + "cancelled"}
    if workflow.error_handling.compensation_strategy == "none":
        unheard |= {UNDOING, UNDO_FAILED, UNDONE}
    said = set(told(machine))
    for region in machine.regions:
        known = {trigger for state in region.states.values() for trigger in state.on}
        assert {trigger for name, trigger in said if name == region.name} - unheard <= known


def told(machine: Machine) -> Iterator[tuple[str, str]]:
    """Every trigger that is pulled within the machine, and in which region."""
    for region in machine.regions:
        for way in (region.start, *(way for state in region.states.values() for way in state.transitions())):
            for op in (*way.exit, *way.actions, *way.entry):
                match op:
                    case Pull(name, trigger) | Count(name, trigger):
                        yield name, trigger
                    case Arm(trigger) | Stop(_, trigger):
                        yield region.name, trigger
                    case Enter():
                        yield region.name, "$go"
