"""Bounds of statecharts, held against runs: none ends sooner than the least or later than the greatest time."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from statewf.checker.bounds import bounds
from statewf.compiler import compile_definition
from statewf.compiler.tree import grow
from statewf.definition.model import Retry, State, StateMachine
from statewf.definition.write import to_yaml
from statewf.errors import EventRejected
from statewf.files import loads
from statewf.simulator import Driver
from tests.compiler.charts import EVENTS, RAISED, charts, compiled, scripts


@st.composite
def trying(draw: st.DrawFn) -> StateMachine:
    """A chart in which some states are tried again, where they can be."""

    def tried(state: State) -> State:
        if state.parallel:
            return state
        inner = {name: tried(one) for name, one in state.states.items()}
        if inner or state.terminal or state.final or state.history or draw(st.booleans()):
            return attrs.evolve(state, states=inner)
        events = draw(st.lists(st.sampled_from([*EVENTS, *RAISED]), min_size=1, max_size=3, unique=True))
        wait = draw(st.sampled_from([None, 500]))
        return attrs.evolve(state, retry=Retry(draw(st.integers(1, 3)), events, base_delay=wait))

    definition = draw(charts())
    return attrs.evolve(definition, states={name: tried(state) for name, state in definition.states.items()})


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(charts() | trying(), scripts)
def test_no_run_of_a_chart_leaves_the_bounds(definition: StateMachine, script: list[tuple[str, object]]) -> None:
    machine = compiled(definition, 100)
    note(to_yaml(definition))
    driver = Driver(machine)
    for name, given_ in script:
        if isinstance(given_, dict):
            try:
                driver.send(name, given_)
            except EventRejected:
                continue
        else:
            driver.advance(int(str(given_)) / 1000)
    ended = next((step.after.at for step in driver.history if step.after.ended), None)
    event("ends" if ended is not None else "goes on")
    if ended is not None:
        found = bounds(machine)
        end = found.of(driver.state)
        assert end is not None
        assert end.least <= ended
        assert end.greatest is None or ended <= end.greatest
        assert found.greatest is None or ended <= found.greatest
        attempts = tried_by(driver)
        assert end.fewest <= attempts
        assert end.most is None or attempts <= end.most


def tried_by(driver: Driver) -> int:
    """How often a state that has a retry was entered."""
    nodes = grow(driver.machine.notes.definition).nodes
    moves = (move for step in driver.history for move in step.moves)
    return sum(nodes[name].state.retry is not None for move in moves for name in move.entered if name in nodes)


ALARM = """
initialState: a
states:
  a:
    onEntry: {{type: raise, event: X, delay: 2s}}
    on: {{X: {x}, Y: b, Z: {z}}}
  b: {{terminal: true}}
"""


@pytest.mark.parametrize(
    ("x", "z", "greatest"),
    [
        ("b", "{}", 2000),
        ("{actions: {type: raise, event: Y}}", "{}", 2000),  # what leads out is raised in turn
        ("{}", "{}", None),
        ("{target: b, guard: context.x}", "{}", None),
        ("b", "{actions: {type: raise, event: X, delay: 1s}}", None),  # it may be put off again and again
    ],
)
def test_an_own_event_ends_a_state_as_a_timeout_does(x: str, z: str, greatest: int | None) -> None:
    end = bounds(compile_definition(loads(ALARM.format(x=x, z=z)))).of("b")
    assert end is not None
    assert (end.least, end.greatest) == (0, greatest)
