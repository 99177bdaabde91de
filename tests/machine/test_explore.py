"""The laws of an exploration, on generated workflows: nothing that can happen is missing, and nothing is idle."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.definition.workflow import Workflow
from statewf.machine.explore import Exploration, explore, lens
from statewf.machine.flatten import flatten
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Rejected
from statewf.machine.step import start, step
from tests.machine.workflows import data, happenings, workflows

ENOUGH = 400


def explored(workflow: Workflow) -> tuple[Machine, Exploration]:
    machine = compile_definition(workflow)
    found = explore(machine, ENOUGH)
    assume(found.whole)
    return machine, found


@given(workflows(), st.data())
def test_every_run_walks_along_the_moves(workflow: Workflow, drawn: st.DataObject) -> None:
    machine, found = explored(workflow)
    sight = lens(machine)
    numbers = {configuration: number for number, configuration in enumerate(found.configurations)}
    moves = {(source, target) for source, _, target in found.moves}
    snapshot = start(machine, drawn.draw(data)).after
    here = numbers[sight.configuration(snapshot)]
    assert here in found.initial
    for _ in range(40):
        if snapshot.ended:
            break
        event = drawn.draw(happenings(snapshot))
        made = step(machine, snapshot, event)
        if isinstance(made, Rejected):
            continue
        snapshot = made.after
        there = numbers[sight.configuration(snapshot)]
        assert (here, there) in moves, event
        here = there


@given(workflows())
def test_everything_is_reached_and_only_the_ends_lead_nowhere(workflow: Workflow) -> None:
    _, found = explored(workflow)
    after: dict[int, set[int]] = {number: set() for number in range(len(found.configurations))}
    for source, _, target in found.moves:
        after[source].add(target)
    met = list(found.initial)
    for number in met:
        met += after[number].difference(met)
    assert sorted(met) == sorted(after)
    for number, snapshot in enumerate(found.snapshots):
        if snapshot.ended:
            flight = snapshot.flight
            assert not (after[number])
            assert not (flight.calls)
            assert not (flight.deadlines)
            assert not (snapshot.book.tasks)
        else:
            assert after[number] - {number}, "something can happen, and be it that somebody cancels"


@given(workflows())
def test_an_exploration_is_always_the_same_and_a_smaller_one_is_its_beginning(workflow: Workflow) -> None:
    machine, found = explored(workflow)
    again = explore(machine, ENOUGH)
    assert (again.configurations, again.moves, again.initial) == (found.configurations, found.moves, found.initial)
    some = len(found.configurations) // 2 + 1
    part = explore(machine, some)
    assert part.configurations == found.configurations[:some]
    assert part.moves == found.moves[: len(part.moves)]


@given(workflows())
def test_a_flat_machine_says_what_was_explored(workflow: Workflow) -> None:
    machine, found = explored(workflow)
    flat = flatten(machine, ENOUGH)
    names = [state.name for state in flat.states]
    assert len(set(names)) == len(names) == len(found.configurations)
    assert [(way.source, way.trigger, way.target) for way in flat.transitions] == [
        (names[source], trigger, names[target]) for source, trigger, target in found.moves
    ]
    assert [state.terminal or "" for state in flat.states] == [snapshot.ended for snapshot in found.snapshots]
