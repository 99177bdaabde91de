"""Verdicts about statecharts, held against runs of the plain interpreter."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.checker import check
from statewf.checker.proving import prove
from statewf.compiler import compile_definition, states
from statewf.compiler.tree import grow
from statewf.definition.model import StateMachine
from statewf.definition.write import to_yaml
from statewf.errors import CompileError
from tests.compiler.charts import charts, scripts
from tests.compiler.naive import Endless, Naive


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(charts(), scripts, st.data())
def test_what_is_proved_of_states_side_by_side_holds_in_every_run(
    definition: StateMachine, script: list[tuple[str, object]], data: st.DataObject
) -> None:
    names = [node.name for node in grow(definition).nodes.values() if not node.state.history]
    one, other = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
    asked = wf.Always(f"!(includes(state, '{one}') && includes(state, '{other}'))"), wf.Absence(one)
    try:
        with patch.object(states, "MOST_PLACES", 100):
            machine = compile_definition(definition)
    except CompileError:
        assume(False)
    proof = prove(machine, 500, asked, as_written=True)
    note(to_yaml(definition))
    together, entered = (verdict.answer for verdict in proof.verdicts)
    note(f"{one}, {other}: {together}, {entered}")
    try:
        seen, met = run(definition, script)
    except Endless:
        assume(False)
    assert together != "proved" or not any(one in active and other in active for active in seen)
    assert entered != "proved" or one not in met


def run(definition: StateMachine, script: list[tuple[str, object]]) -> tuple[list[set[str]], set[str]]:
    """What is active after each event, and all that was ever entered."""
    naive = Naive(definition)
    seen = [{".".join(path) for path in naive.active}]
    for event, said in script:
        if isinstance(said, dict):
            naive.send(event, said)
        else:
            naive.advance(int(str(said)))
        seen.append({".".join(path) for path in naive.active})
    return seen, {".".join(path) for path in naive.entered}


def test_a_move_beside_is_no_entry_and_a_state_is_entered_with_its_siblings() -> None:
    definition = wf.loads("""
        name: m
        initialState: p
        states:
          p:
            parallel: true
            states:
              a: { initial: a1, states: { a1: { on: { A: a2 } }, a2: {} } }
              b: { initial: b1, states: { b1: { on: { B: b2 } }, b2: { on: { END: end } } } }
          end: { terminal: true }
        properties:
          - precedence: { first: "event:A", then: p.b.b2 }
          - absence: p.a.a1
            after: event:B
          - always: "!includes(state, 'p') || includes(state, 'p.a.a1') || includes(state, 'p.a.a2')"
          - existence: p.b
        """)
    assert [verdict.answer for verdict in check(definition).verdicts] == ["refuted", "proved", "proved", "proved"]
