"""The graph against naive references written here, and against what `step` really does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from statewf.checker.states.edges import Edge
from statewf.checker.states.graph import Graph, graph_of
from statewf.checker.states.search import components, shortest, way
from statewf.compiler import compile_definition
from statewf.definition.model import StateMachine, Transition
from statewf.expr import Fault
from statewf.machine import fsm
from statewf.machine.fsm import Machine
from tests.checker.machines import machines
from tests.checker.states.cases import DONE, machine, waits


def graph(definition: StateMachine) -> Graph:
    return graph_of(compile_definition(definition))


# --- a naive reference: every configuration, one by one


def always_false(transition: fsm.Transition) -> bool:
    return transition.guard is not None and transition.guard.constant and not answer(transition)


def always_true(transition: fsm.Transition) -> bool:
    return transition.guard is None or (transition.guard.constant and answer(transition))


def answer(transition: fsm.Transition) -> bool:
    assert transition.guard is not None
    try:
        return transition.guard.holds({})
    except Fault:
        return False


def possible(listed: Sequence[fsm.Transition], attempt: int) -> Iterator[fsm.Transition]:
    """What `step` may choose at this attempt, if every guard that reads something may say either."""
    asked: set[str] = set()
    for transition in listed:
        below = transition.below
        if (below is not None and attempt >= below) or always_false(transition):
            continue
        if always_true(transition):
            yield transition
            return
        assert transition.guard is not None
        if transition.guard.text not in asked:
            yield transition
        asked.add(transition.guard.text)


def moves(region: fsm.Region, state: str, attempt: int) -> Iterator[fsm.Transition]:
    row = region.states[state]
    eventless = list(possible(row.always, attempt))
    yield from eventless
    if not any(always_true(transition) for transition in eventless):
        for listed in row.on.values():
            yield from possible(listed, attempt)


def explore(machine: Machine) -> dict[tuple[str, int], int]:
    """Every configuration with the least number of events that lead there."""
    (region,) = machine.regions
    first = (region.start.target or "", 1)
    found = {first: 0}
    queue = deque([first])
    while queue:
        here = queue.popleft()
        for transition in moves(region, *here):
            if transition.target is None:
                continue
            attempt = {"reset": 1, "keep": here[1], "bump": here[1] + 1}[transition.attempt]
            there, length = (transition.target, attempt), found[here] + bool(transition.trigger)
            if length < found.get(there, length + 1):
                found[there] = length
                queue.append(there)
    return found


@given(machines())
def test_configurations_and_traces_are_those_of_a_walk_through_all(definition: StateMachine) -> None:
    made = graph(definition)
    reference = explore(compile_definition(definition))
    assert made.configurations == len(reference)
    highest: dict[str, int] = {}
    least: dict[str, int] = {}
    for (state, attempt), length in reference.items():
        highest[state] = max(attempt, highest.get(state, 0))
        least[state] = min(length, least.get(state, length))
    assert made.attempts == highest
    assert {state: len(made.trace(state)) for state in made.entered} == least


@given(machines())
def test_by_structure_every_written_transition_is_a_way(definition: StateMachine) -> None:
    made = graph(definition)
    first = str(definition.initial_state)
    reached = {f"{first}.x" if first == "p" else first}
    rows = compile_definition(definition).regions[0].states
    while True:
        names = [name for state in reached for name in (state, f"{state}.$backoff") if name in rows]
        after = {t.target for name in names for t in rows[name].transitions() if t.trigger != fsm.CANCEL}
        more = {target.removesuffix(".$backoff") for target in after if target is not None} | reached
        if more == reached:
            break
        reached = more
    assert made.reachable == reached


# --- where an edge was written


def written_at(definition: StateMachine, edge: Edge) -> Transition | str:
    """The transition at the place of an edge; for timeouts and retries the name or event that stands there."""
    *path, last = edge.path if isinstance(edge.path[-1], int) else (*edge.path, 0)
    assert isinstance(last, int)
    states, state = definition.states, None
    while path[:1] == ["states"]:
        state = states[str(path[1])]
        states, path = state.states, path[2:]
    assert state is not None
    match path:
        case ["on", str(event)]:
            return state.on[event][last]
        case ["always"]:
            return state.always[last]
        case ["invoke", "onDone"] if state.invoke is not None:
            return state.invoke.on_done[last]
        case ["invoke", "onError"] if state.invoke is not None:
            return state.invoke.on_error[last]
        case ["invoke"]:
            return Transition()
        case ["timeoutTransition"] if state.timeout_transition is not None:
            return Transition(state.timeout_transition)
        case ["retry", "on"] if state.retry is not None:
            return state.retry.on[last]
        case _:
            return ""


@given(machines())
def test_an_edge_knows_its_place(definition: StateMachine) -> None:
    made = graph(definition)
    for local, edges in made.rows.items():
        assert [edge.transition for edge in edges] == list(made.region.states[local].transitions())
        for edge in edges:
            assert len(edge.events) == edge.length
            match written_at(definition, edge):
                case Transition(target, guard=guard):
                    assert (edge.transition.guard, edge.transition.below) == (guard, None)
                    assert (edge.target or "").removesuffix(".x") == str(target or "").removesuffix(".x")
                case "":
                    assert edge.trigger.startswith((fsm.CANCEL, fsm.RETRY))
                case event:
                    assert edge.trigger.removesuffix(f":{local}") == event
                    assert edge.transition.below is not None


# --- searching

GRAPHS = st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=4))


@given(GRAPHS)
def test_components_are_what_reaches_each_other(after: dict[str, list[str]]) -> None:
    def beyond(start: str) -> set[str]:
        met, queue = {start}, [start]
        for node in queue:
            fresh = [n for n in after[node] if n in after and n not in met]
            met.update(fresh)
            queue += fresh
        return met

    groups = components(after, after.__getitem__)
    assert [node for group in groups for node in group if node == group[0]] == [group[0] for group in groups]
    for node in after:
        (group,) = (group for group in groups if node in group)
        assert list(group) == [other for other in after if other in beyond(node) and node in beyond(other)]


def test_components_of_a_long_chain_need_no_stack() -> None:
    chain = [str(number) for number in range(50_000)]
    after = dict(pairwise(chain))
    assert len(components(chain, lambda node: [after[node]] if node in after else [])) == len(chain)
    ring = {**after, chain[-1]: chain[0]}
    assert components(chain, lambda node: [ring[node]]) == [tuple(chain)]


def test_a_way_is_a_chain_of_edges() -> None:
    made = graph(machine(a=waits({"E": "b"}), b=waits({"F": "c"}), c=waits(), done=DONE))
    edges = way(made.arrivals, "c")
    assert [(edge.source, edge.trigger, edge.target) for edge in edges] == [("a", "E", "b"), ("b", "F", "c")]
    assert way(made.arrivals, "a") == ()


def test_what_is_further_away_than_that_is_left_out() -> None:
    made = graph(machine(a=waits({"E": "b"}, to="b"), b=waits({"F": "c"}, to="c"), c=waits(), done=DONE))
    found = [set(shortest("a", made.rows.__getitem__, within)) - {fsm.CANCELLED} for within in range(4)]
    assert found == [{"a"}, {"a", "b"}, {"a", "b", "c"}, {"a", "b", "c", "done"}]
