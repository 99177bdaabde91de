"""The laws of an exploration, on generated workflows: nothing that can happen is missing, and nothing is idle."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.compiler.workflow import CAUSES, NOW
from statewf.definition.workflow import Workflow
from statewf.files import loads
from statewf.machine.events import AnyEvent, Event, Fired, Returned
from statewf.machine.explore import Ending, Exploration, explore
from statewf.machine.flatten import flatten
from statewf.machine.fsm import Machine, Track
from statewf.machine.lens import Configuration, lens
from statewf.machine.snapshot import Move as Moved
from statewf.machine.snapshot import Rejected, Snapshot, active, due, moves, region_state
from statewf.machine.step import start, step
from statewf.values.frozen import Object
from tests.machine.workflows import data, happenings, workflows
from tests.worlds import happenings as lives
from tests.worlds import machines

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


def ways(found: Exploration) -> list[tuple[int, str, int, bool, Track]]:
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


# --- the same of state machines, and what a move tells


@given(machines, st.data())
def test_every_life_of_a_state_machine_walks_along_the_moves(machine: Machine, drawn: st.DataObject) -> None:
    """Nobody outside sets what it counts itself; of its timers the first comes first; what it never takes is not sent."""
    found = explore(machine, ENOUGH)
    assume(found.whole)
    after: dict[int, set[int]] = {number: set() for number in range(len(found.configurations))}
    for move in found.moves:
        after[move.source].add(move.target)
    snapshot = start(machine).after
    here = alike(machine, found, snapshot, {move.target for move in found.initial})
    assert here
    for _ in range(15):
        if snapshot.ended:
            break
        event = drawn.draw(lives(machine, snapshot))
        made = step(machine, snapshot, quiet(event))
        timers = due(machine, snapshot)
        if isinstance(made, Rejected) or (
            isinstance(event, Fired) and timers[0][1:] != (event.region, event.timer)
        ):
            continue
        named = event.answer if isinstance(event, Returned) else event
        if isinstance(named, Event) and named.name not in machine.listeners:
            continue
        snapshot = made.after
        here = alike(machine, found, snapshot, set().union(*(after[number] for number in here)))
        assert here, event


def quiet(event: AnyEvent) -> AnyEvent:
    """The event without the data that a world reckons with."""
    match event:
        case Event():
            return event._replace(data=without_n(event.data))
        case Returned(result=result, answer=answer):
            told = without_n(result) if isinstance(result, Object) else result
            return event._replace(result=told, answer=answer and answer._replace(data=without_n(answer.data)))
        case _:
            return event


def without_n(told: Object) -> Object:
    return Object({name: value for name, value in told.items() if name != "n"})


def moves_of(text: str) -> list[tuple[str, bool, bool]]:
    """The label of each move, whether it is free, and whether it may be refused; as long as nobody cancels."""
    found = explore(compile_definition(loads(text)), ENOUGH)
    going = [
        move
        for move in found.moves
        if not (move.label.startswith("cancel") or active(found.snapshots[move.source])[0].startswith("cancelling"))
    ]
    return [(move.label, move.free, move.refusable) for move in (*found.initial, *going)]


def test_a_move_on_which_something_was_supposed_is_free() -> None:
    steps = "[{id: a}, {id: b, when: results.a.ok}, {id: c, when: results.a.ok}, {id: d, when: results.a.ok}]"
    assert moves_of(f"steps: {steps}") == [
        ("start", False, False),
        ("a returned", True, False),
        ("a returned", True, False),
        ("a failed", False, False),
        ("b returned", False, False),
        ("b failed", False, False),
        ("c returned", False, False),
        ("c failed", False, False),
        ("d returned", False, False),
        ("d failed", False, False),
    ]


@pytest.mark.parametrize(
    ("when", "answers"), [("inputs.x", ("yes", "no")), ("inputs.x > 1", ("yes", "no", "fault")), ("true", ())]
)
def test_a_node_knows_what_was_supposed_on_the_way(when: str, answers: tuple[str, ...]) -> None:
    steps = f"[{{id: a, when: {when}, required: false}}, {{id: b, when: {when}}}]"
    found = explore(compile_definition(loads(f"steps: {steps}")), ENOUGH)
    begun = [found.supposed[move.target] for move in found.initial]
    told = [{(part.text, answer) for part, answer in supposed} for supposed in begun]
    assert told == ([{(when, answer)} for answer in answers] or [set()])
    assert set(found.supposed) == set(begun), "what inputs say stands for good"


def test_what_a_guard_can_refuse_is_refusable() -> None:
    assert moves_of("""
        initialState: a
        states:
          a: {on: {GO: {target: b, guard: event.data.ok}, STOP: b}}
          b: {terminal: true}
    """) == [("start", False, False), ("GO", True, True), ("STOP", False, False)]


def test_a_condition_may_read_the_context_as_a_whole() -> None:
    assert moves_of("""
        initialState: a
        states:
          a: {on: {GO: {target: b, guard: 'has(context, inputs.key)'}}}
          b: {terminal: true}
    """) == [("start", False, False), ("GO", True, True)]


def test_attempts_are_told_apart_only_where_they_count() -> None:
    """A condition on the attempt is as good as a counter; where neither is, all attempts are one."""
    found = explore(
        compile_definition(
            loads("""
                initialState: a
                states:
                  a: {retry: {maxAttempts: 3, on: AGAIN}, on: {GO: b, AGAIN: c}}
                  b: {on: {BACK: a, ON: {target: c, guard: context.n > 1}}}
                  c: {terminal: true}
            """)
        ),
        ENOUGH,
    )
    met = [(active(snapshot)[0], region_state(snapshot.regions, 0)[1]) for snapshot in found.snapshots]
    assert sorted(met) == [("$cancelled", 1), ("a", 1), ("a", 2), ("a", 3), ("b", 1), ("c", 1)]


# --- one order for all, where a workflow is about to end

ABOUT_TO_END = (*CAUSES, NOW)


@given(workflows(), st.data())
def test_with_one_order_for_all_nothing_is_lost_of_what_is_seen(workflow: Workflow, drawn: st.DataObject) -> None:
    machine, found = explored(workflow)
    seen = drawn.draw(st.sets(st.sampled_from([region.name for region in machine.regions[1:]])))
    fewer = explore(machine, ENOUGH, Ending(ABOUT_TO_END, seen))
    assert fewer.whole
    assert set(fewer.configurations) <= set(found.configurations)
    assert ends(fewer) == ends(found)
    assert entered(fewer, seen) == entered(found, seen)


def ends(found: Exploration) -> set[Configuration]:
    return {found.configurations[n] for n, snapshot in enumerate(found.snapshots) if snapshot.ended}


def entered(found: Exploration, seen: set[str]) -> set[Moved]:
    """How the seen regions moved anywhere."""
    paths = (move.path for move in (*found.initial, *found.moves))
    return {one for path in paths for one in moves(path) if one.region in seen}


def test_one_order_for_all_is_less_to_look_at() -> None:
    machine = compile_definition(
        loads("steps: [{id: a, dependsOn: []}, {id: b, dependsOn: []}, {id: c, dependsOn: []}]")
    )
    every, one = explore(machine, ENOUGH), explore(machine, ENOUGH, Ending(ABOUT_TO_END))
    assert len(one.configurations) < len(every.configurations)
    assert explore(machine, ENOUGH, Ending(ABOUT_TO_END, ("a", "b", "c"))).configurations == every.configurations
