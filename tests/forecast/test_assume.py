"""Assumptions from documents: what they say, and every mistake in them at once."""

from __future__ import annotations

from typing import Any

import pytest

import statewf as wf
from statewf.definition.document import document
from statewf.errors import AssumptionsError
from statewf.expr import parse
from statewf.forecast import (
    Arrival,
    Assumptions,
    Constant,
    Exponential,
    Likely,
    LogNormal,
    Returns,
    Sample,
    Uniform,
    read_assumptions,
)
from statewf.machine.fsm import Machine
from statewf.simulator.scenario import Decision, Fail, Hang, Ok, Send

ORDER = """
name: order
initialState: open
states:
  open: { on: { PAY: [{ guard: inputs.total > 100 && inputs.known, target: paying }, paid], CANCEL: gone } }
  paying: { invoke: charge, on: { PAID: paid, DECLINED: gone } }
  paid: { terminal: true }
  gone: { terminal: true, outcome: failure }
"""
TICKET = "steps: [{ id: look }, { id: ask, type: human-task, when: results.look.odd }]"


def read(text: str, machine: Machine | None = None) -> Assumptions:
    known = document(text, "assumed.yaml")
    return read_assumptions(known.value, known.places, machine)


def told(text: str, machine: Machine | None = None) -> list[tuple[str, str, int | None]]:
    with pytest.raises(AssumptionsError) as raised:
        read(text, machine)
    assert str(raised.value).count("assumed.yaml: ") == len(raised.value.diagnostics)
    return [(d.code, d.path, d.line) for d in raised.value.diagnostics]


def order() -> Machine:
    return wf.compile(wf.loads(ORDER))


def test_handlers_succeed_answer_or_take_turns() -> None:
    found = read(
        """
        handlers:
          a: { success: 0.75, after: 2s }
          b: 0.5
          c: { answers: { PAID: 0.9, DECLINED: }, after: { mean: 1s }, stubborn: true }
          d: [{ chance: 0.25, fail: down, error: Down, retryable: false, after: 1s }, { ok: { total: 3 } }, { hang: true }]
          e: { fail: down }
          f: { result: [1] }
        """
    ).handlers
    second = Constant(1_000)
    assert found == {
        "a": (Likely(Returns(), 0.75, Constant(2_000)), Likely(Fail(), 0.25, Constant(2_000))),
        "b": (Likely(Returns(), 0.5), Likely(Fail(), 0.5)),
        "c": (
            Likely(Send("PAID"), 0.9, Exponential(1_000), True),
            Likely(Send("DECLINED"), 1 - 0.9, Exponential(1_000), True),
        ),
        "d": (
            Likely(Fail("down", "Down", retryable=False), 0.25, second),
            Likely(Ok({"total": 3}), 0.375),
            Likely(Hang(), 0.375),
        ),
        "e": (Likely(Fail("down"), 1.0),),
        "f": (Likely(Ok([1]), 1.0),),
    }


def test_tasks_events_states_and_conditions() -> None:
    found = read(
        """
        inputs: { total: 3 }
        volume: 7
        tasks:
          ask: { decisions: { approved: 0.9, rejected: 0.1 }, after: 4h }
          see: [{ decision: approved, by: ann, chance: 0.5, after: [1, 2] }]
        events: { A: 0.5, B: , C: { after: { min: 1s, max: 2s }, data: { x: 1 } } }
        states: { open: { A: { chance: 1, after: { median: 1s, p90: 5s } } } }
        conditions: { inputs.total > 100: 0.2 }
        """
    )
    hours = Constant(4 * 3_600_000)
    assert found == Assumptions(
        inputs={"total": 3},
        volume=7,
        tasks={
            "ask": (Likely(Decision("approved"), 0.9, hours), Likely(Decision("rejected"), 0.1, hours)),
            "see": (Likely(Decision("approved", by="ann"), 0.5, Sample((1, 2))),),
        },
        events={"A": Arrival(0.5), "B": Arrival(), "C": Arrival(None, Uniform(1_000, 2_000), {"x": 1})},
        states={"open": {"A": Arrival(1.0, LogNormal(1_000, 5_000))}},
        conditions={parse("inputs.total > 100"): 0.2},
    )


def test_every_mistake_is_told_with_its_place() -> None:
    text = """\
handlers:
  a: { success: 80 }
  b: { answers: { X: 0.9, Y: 0.3 } }
  c: []
  d: { success: 0.5, hang: true }
  e: { ok: 1, fail: down }
tasks:
  t: { after: 1h }
events:
  E: { chance: true }
  F: { after: { mean: soon } }
  G: { after: { min: 2, max: 1 } }
  H: { after: { median: 0, p90: 1 } }
  I: { after: [] }
states: { s: { A: 0.6, B: 0.6 } }
conditions: { "a <": 0.5 }
volume: -1
colour: red
"""
    assert told(text) == [
        ("out-of-range", "$.handlers.a.success", 2),
        ("chances-over-one", "$.handlers.b.answers", 3),
        ("empty-list", "$.handlers.c", 4),
        ("unknown-key", "$.handlers.d.hang", 5),
        ("two-behaviours", "$.handlers.e", 6),
        ("missing-key", "$.tasks.t", 8),
        ("wrong-type", "$.events.E.chance", 10),
        ("bad-duration", "$.events.F.after", 11),
        ("bad-spread", "$.events.G.after", 12),
        ("bad-spread", "$.events.H.after", 13),
        ("bad-spread", "$.events.I.after", 14),
        ("chances-over-one", "$.states.s", 15),
        ("bad-expression", "$.conditions['a <']", 16),
        ("out-of-range", "$.volume", 17),
        ("unknown-key", "$.colour", 18),
    ]


@pytest.mark.parametrize("value", ["[]", "handlers", "{ handlers: [] }", "{ events: 3 }", "{ states: { a: [] } }"])
def test_what_is_no_object_is_told(value: str) -> None:
    assert [code for code, _, _ in told(value)] == ["wrong-type"]


def test_names_that_the_machine_does_not_have_are_mistakes() -> None:
    text = """\
handlers:
  chrge: 0.5
  charge: { answers: { PAYED: 0.5 } }
tasks: { ask: { decision: approved } }
events: { PAYY: 0.5, PAY: 0.7, CANCEL: 0.6 }
states:
  opn: {}
  open: { PAID: 0.5 }
conditions: { inputs.total > 99: 0.5 }
"""
    assert told(text, order()) == [
        ("unknown-handler", "$.handlers.chrge", 2),
        ("unknown-event", "$.handlers.charge.answers.PAYED", 3),
        ("unknown-task", "$.tasks.ask", 4),
        ("unknown-event", "$.events.PAYY", 5),
        ("unknown-state", "$.states.opn", 7),
        ("unknown-event", "$.states.open.PAID", 8),
        ("unknown-condition", "$.conditions['inputs.total > 99']", 9),
    ]
    assert told("events: { PAY: 0.7, CANCEL: 0.6 }", order()) == [("chances-over-one", "$.events", 1)]
    assert told("states: { open: {} }", wf.compile(wf.loads(TICKET))) == [("unknown-state", "$.states.open", 1)]


@pytest.mark.parametrize(
    "condition",
    [
        "inputs.total > 100 && inputs.known",
        "inputs.total>100",
        "inputs.known",
        "!inputs.known",
        "!(inputs.total > 100)",
    ],
)
def test_conditions_are_known_as_a_whole_in_parts_and_negated(condition: str) -> None:
    assert list(read_assumptions({"conditions": {condition: 0.5}}, machine=order()).conditions) == [
        parse(condition)
    ]


def test_what_is_said_goes_before_what_is_known() -> None:
    known = Assumptions(
        handlers={"a": (Likely(Returns()),), "b": (Likely(Returns()),)},
        events={"E": Arrival(0.5)},
        seen={"handlers.a": 3},
    )
    said: dict[str, Any] = {"handlers": {"b": 0.5}, "events": {"F": 0.1}, "inputs": {"x": 1}}
    both = known.under(read_assumptions(said))
    assert both.handlers == {"a": (Likely(Returns()),), "b": (Likely(Returns(), 0.5), Likely(Fail(), 0.5))}
    assert both.events == {"E": Arrival(0.5), "F": Arrival(0.1)}
    assert (both.inputs, both.seen) == ({"x": 1}, {"handlers.a": 3})
