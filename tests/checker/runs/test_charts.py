"""Verdicts about statecharts, held against runs of the plain interpreter."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.checker import check
from statewf.checker.proving import prove
from statewf.compiler.tree import grow
from statewf.definition.model import StateMachine
from statewf.definition.write import to_yaml
from tests.compiler.charts import EVENTS, charts, compiled, scripts
from tests.compiler.naive import Endless, Naive


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(charts(), scripts, st.data())
def test_what_is_proved_of_states_side_by_side_holds_in_every_run(
    definition: StateMachine, script: list[tuple[str, object]], data: st.DataObject
) -> None:
    names = [node.name for node in grow(definition).nodes.values() if not node.state.history]
    sent = data.draw(st.sampled_from([*EVENTS, "m.*", "*"]))
    one, other = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
    both = wf.Always(f"!(includes(state, '{one}') && includes(state, '{other}'))")
    asked = both, wf.Absence(one), wf.Absence(one, after=other), wf.Absence(one, after=f"event:{sent}")
    machine = compiled(definition, 100)
    assume(machine.known(sent) in machine.listeners)
    proof = prove(machine, 500, asked, as_written=True)
    note(to_yaml(definition))
    together, entered, after, behind = (verdict.answer for verdict in proof.verdicts)
    note(f"{one}, {other}, {sent}: {together}, {entered}, {after}, {behind}")
    try:
        seen, came, first = run(definition, script, sent)
    except Endless:
        assume(False)
    assert together != "proved" or not any(one in active and other in active for active in seen)
    assert entered != "proved" or not any(one in names for names in came)
    opened = next((at for at, names in enumerate(came, 1) if other in names), len(came))
    assert after != "proved" or not any(one in names for names in came[opened:])
    assert behind != "proved" or first is None or not any(one in names for names in came[first:])


def run(
    definition: StateMachine, script: list[tuple[str, object]], sent: str
) -> tuple[list[set[str]], list[list[str]], int | None]:
    """What is active after each event, what was entered, and how much had been when that event was first taken."""
    naive = Naive(definition)
    seen = [{".".join(path) for path in naive.active}]
    first: int | None = None
    for event, said in script:
        if isinstance(said, dict):
            before = len(naive.came)
            heard = naive.send(event, said) != "rejected" and event in (sent, *fits(event, sent))
            first = before if heard and first is None else first
        else:
            naive.advance(int(str(said)))
        seen.append({".".join(path) for path in naive.active})
    return seen, naive.came, first


def fits(event: str, sent: str) -> list[str]:
    """The event, if it fits the pattern that is asked for."""
    return [event] if sent == "*" or (sent.endswith(".*") and f"{event}.".startswith(sent[:-1])) else []


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


NAMED = "states: {a: {on: %s}, b: {terminal: true}, c: {terminal: true}}"


@pytest.mark.parametrize(
    ("on", "asked", "verdicts"),
    [
        # the name decides: nobody knows it, unless it is asked for
        (
            """{"m.*": [{target: b, guard: event.name === "m.x"}, c]}""",
            [wf.Absence("b"), wf.Absence("c")],
            ["refuted"] * 2,
        ),
        (
            """{"*": [{target: b, guard: event.name !== "q"}, c]}""",
            [wf.Absence("b"), wf.Absence("c")],
            ["refuted"] * 2,
        ),
        ("""{"m.*": [{target: b, guard: 'endsWith(event.name, "z")'}, c]}""", [wf.Absence("b")], ["possible"]),
        # it may be kept and asked for later
        (
            """{"*": {actions: {type: assign, set: {e: event.name}}}, GO: [{target: b, guard: context.e === "zz"}, c]}""",
            [wf.Absence("b"), wf.Always("context.e !== 'yy'")],
            ["refuted", "refuted"],
        ),
        # a property speaks of the events that fit a pattern, or of one of them
        (
            """{"m.*": b, "*": c}""",
            [
                wf.Precedence("event:m.*", "b"),
                wf.Absence("b", until="event:m.*"),
                wf.Precedence("event:m.x", "b"),
                wf.Precedence("event:*", "b"),
                wf.Absence(["event:m.x", "c"]),
            ],
            ["proved", "proved", "refuted", "proved", "proved"],
        ),
    ],
)
def test_an_event_that_fits_a_pattern_may_have_any_name(
    on: str, asked: list[wf.Property], verdicts: list[str]
) -> None:
    definition = wf.loads("name: m\ninitialState: a\n" + NAMED % on)
    assert [verdict.answer for verdict in check(definition, also=asked).verdicts] == verdicts
