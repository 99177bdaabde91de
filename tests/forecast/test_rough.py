"""Rough bounds: no case of all that can happen is outside of them, and where one thing happens at a time they are the same."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import statewf as wf
from statewf.definition.model import StateMachine
from statewf.errors import CompileError
from statewf.forecast import Assumptions, Range, extremes
from statewf.forecast.rough import rough
from statewf.machine.fsm import Machine
from tests.checker.machines import machines
from tests.flows import Flow, flows
from tests.forecast.test_lives import TOLD, price_lists
from tests.machines.driving import machine

WORK = 2_000


def assert_around(known: Machine) -> None:
    """What extremes find lies within the rough bounds."""
    said = Assumptions(volume=1)
    found = extremes(known, said, work=WORK)
    if found is None:
        reject()
    bounds = {case.state: case for case in rough(known, said)}
    for case in found:
        bound = bounds[case.state]
        assert bound.outcome == case.outcome
        assert_wider(bound.duration, case.duration)
        assert (bound.price is None) == (case.price is None)
        if bound.price is not None and case.price is not None:
            assert_wider(bound.price, case.price)


def assert_wider(one: Range[int] | Range[Decimal], other: Range[int] | Range[Decimal]) -> None:
    assert one.least <= other.least
    assert one.greatest is None or (other.greatest is not None and other.greatest <= one.greatest)


@given(st.data(), flows(rich=True))
def test_bounds_of_a_workflow_are_safe(data: st.DataObject, flow: Flow) -> None:
    prices = data.draw(price_lists([step.id for step in flow.steps()]))
    assert_around(wf.compile(attrs.evolve(flow.workflow, pricing=prices)))


@given(st.data(), machines(TOLD) | machines())
def test_bounds_of_a_state_machine_are_safe(data: st.DataObject, definition: StateMachine) -> None:
    prices = data.draw(price_lists(("a", "b", "c", "p", "p.x")))
    try:
        compiled = wf.compile(attrs.evolve(definition, pricing=prices))
    except CompileError:
        reject()
    assert_around(compiled)


@pytest.mark.parametrize("name", ["invoice_processing", "issue_resolution", "order", "support_ticket_routing"])
def test_bounds_of_machines_that_can_be_searched_are_the_same(name: str) -> None:
    known = machine(name)
    assert rough(known, Assumptions()) == extremes(known, work=60_000)


def test_all_that_may_be_taken_off_or_added_is() -> None:
    text = """
    steps: [{ id: all, type: parallel, steps: [{ id: a }, { id: b }] }]
    pricing: { model: per-execution, rate: 10, stepRates: { a: 2, b: 3 }, parallelDiscount: 0.5, failureRefund: 1,
               discounts: { volume: [{ min: 0, max: 9, discount: 0.1 }, { min: 10, discount: 0.2 }] } }
    """
    (completed, failed) = rough(wf.compile(wf.loads(text)), Assumptions())
    assert completed.price == Range(Decimal("3.00"), Decimal("15.00"))  # 10 x 0.5 x 0.8 - 1, and 10 + 2 + 3
    assert failed.price == Range(Decimal("0.00"), Decimal("0.00"))


def test_a_step_with_a_price_of_its_own_may_take_all_of_the_time() -> None:
    text = """
    steps: [{ id: rest, type: wait, duration: 10s }, { id: call, type: event, event: GO, timeout: 10s }]
    pricing: { model: time-based, rate: 1, stepMultipliers: { rest: 0.5, call: 3 } }
    """
    (completed, _) = rough(wf.compile(wf.loads(text)), Assumptions())
    assert completed.duration == Range(10_000, 20_000)
    assert completed.price == Range(Decimal("0.00"), Decimal("60.00"))  # 10 - 20 x 0.5, and 20 + 20 x 2
