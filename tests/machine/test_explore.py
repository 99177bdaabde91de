"""The laws of an exploration, on generated workflows: nothing that can happen is missing, and nothing is idle."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.definition.workflow import Workflow
from statewf.machine.explore import Exploration, explore
from statewf.machine.flatten import flatten
from statewf.machine.fsm import Machine
from statewf.machine.lens import lens
from statewf.machine.snapshot import Rejected, Snapshot
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
    """Whatever its data are: there is always a node that looks as the run does, and a move that leads on from there."""
    machine, found = explored(workflow)
    after: dict[int, set[int]] = {number: set() for number in range(len(found.configurations))}
    for move in found.moves:
        after[move.source].add(move.target)
    snapshot = start(machine, drawn.draw(data)).after
    here = alike(machine, found, snapshot, {move.target for move in found.initial})
    assert here
    for _ in range(40):
        if snapshot.ended:
            break
        event = drawn.draw(happenings(snapshot, machine))
        made = step(machine, snapshot, event)
        if isinstance(made, Rejected):
            continue
        snapshot = made.after
        here = alike(machine, found, snapshot, set().union(*(after[number] for number in here)))
        assert here, event


def alike(machine: Machine, found: Exploration, snapshot: Snapshot, among: set[int]) -> set[int]:
    """Those that are as the snapshot is, but for data, of which an exploration knows less."""
    wanted = lens(machine).configuration(snapshot)._replace(data=())
    return {number for number in among if found.configurations[number]._replace(data=()) == wanted}


@given(workflows())
def test_everything_is_reached_and_only_the_ends_lead_nowhere(workflow: Workflow) -> None:
    _, found = explored(workflow)
    after: dict[int, set[int]] = {number: set() for number in range(len(found.configurations))}
    for move in found.moves:
        after[move.source].add(move.target)
    met = list(dict.fromkeys(move.target for move in found.initial))
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
    assert again.configurations == found.configurations
    assert ways(again) == ways(found)
    some = len(found.configurations) // 2 + 1
    part = explore(machine, some)
    assert part.configurations == found.configurations[:some]
    assert ways(part) == ways(found)[: len(part.moves)]


def ways(found: Exploration) -> list[tuple[int, str, int, bool, tuple[str | int, ...]]]:
    """The moves but for their events, whose unknown data are others each time."""
    return [(move.source, move.label, move.target, move.free, move.path) for move in found.moves]


@given(workflows())
def test_a_flat_machine_says_what_was_explored(workflow: Workflow) -> None:
    machine, found = explored(workflow)
    flat = flatten(machine, ENOUGH)
    names = [state.name for state in flat.states]
    assert len(set(names)) == len(names) == len(found.configurations)
    moves = dict.fromkeys((names[move.source], move.label, names[move.target]) for move in found.moves)
    assert [(way.source, way.trigger, way.target) for way in flat.transitions] == list(moves)
    assert [state.terminal or "" for state in flat.states] == [snapshot.ended for snapshot in found.snapshots]
