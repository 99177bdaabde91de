"""Best and worst cases: no life is better or worse, and where one thing happens at a time some are as good and as bad."""

from __future__ import annotations

from decimal import Decimal

import attrs
from hypothesis import given, reject
from hypothesis import strategies as st

import statewf as wf
from statewf.definition.model import StateMachine
from statewf.errors import CompileError
from statewf.forecast import (
    Arrival,
    Assumptions,
    Constant,
    Extreme,
    Likely,
    Range,
    Returns,
    Uniform,
    extremes,
    forecast,
)
from statewf.forecast.chain import Chain
from statewf.forecast.crowd import Crowd
from statewf.forecast.outlook import label
from statewf.machine.fsm import Machine
from tests.checker.machines import machines
from tests.flows import INPUTS, Flow, flows
from tests.forecast.support import assumptions, spreads
from tests.forecast.test_lives import TOLD, price_lists

LIVES = 20
WORK = 2_000


def cases_of(text: str, said: Assumptions | None = None) -> dict[str, Extreme]:
    found = extremes(wf.compile(wf.loads(text)), said)
    assert found is not None
    return {case.state: case for case in found}


def assert_within(machine: Machine, assumed: Assumptions, believed: Assumptions) -> None:
    """No life under assumptions is outside of the extremes, if these believe all of them or some."""
    found = extremes(machine, believed, work=WORK)
    if found is None:
        reject()
    cases = {case.state: case for case in found}
    crowd = Crowd(Chain(machine, assumed), 1)
    for _ in range(LIVES):
        life = crowd.live()
        if life.cut:
            break  # the others are likely to be, too, and that takes long
        if life.node.ended:
            case = cases[label(life.node).state]
            assert_in(case.duration, life.duration)
            if life.price is not None and case.price is not None:
                assert_in(case.price, life.price)


def assert_in(known: Range[int] | Range[Decimal], value: int | Decimal) -> None:
    assert known.least <= value
    assert known.greatest is None or value <= known.greatest


@given(st.data(), flows(rich=True), st.booleans())
def test_no_life_of_a_workflow_is_better_or_worse(data: st.DataObject, flow: Flow, told: bool) -> None:
    prices = data.draw(price_lists([step.id for step in flow.steps()]))
    machine = wf.compile(attrs.evolve(flow.workflow, pricing=prices))
    assumed = attrs.evolve(data.draw(assumptions(machine, spreads)), inputs=INPUTS, volume=1)
    assert_within(machine, assumed, assumed if told else Assumptions(inputs=INPUTS, volume=1))


@given(st.data(), machines(TOLD) | machines(), st.booleans())
def test_no_life_of_a_state_machine_is_better_or_worse(
    data: st.DataObject, definition: StateMachine, told: bool
) -> None:
    prices = data.draw(price_lists(("a", "b", "c", "p", "p.x")))
    try:
        machine = wf.compile(attrs.evolve(definition, pricing=prices))
    except CompileError:
        reject()
    assumed = data.draw(assumptions(machine, spreads))
    assert_within(machine, assumed, assumed if told else Assumptions())


def test_a_retried_step_lasts_at_most_all_its_attempts_and_the_waits_between_them() -> None:
    text = """
    steps:
      - id: call
        timeout: 5s
        retryPolicy: { maxAttempts: 3, backoff: constant, baseDelay: 2s }
    pricing: { model: per-execution, rate: 3 }
    """
    cases = cases_of(text)
    longest = (
        3 * 5_000 + 2 * 2_000 + 3 * 10_000
    )  # who does not heed a timeout has ten seconds more, and may succeed in them
    assert cases["completed"].duration == Range(0, longest)
    assert cases["completed"].price == Range(Decimal("3.00"), Decimal("3.00"))
    assert cases["failed"].duration == Range(0, longest)
    assert cases["failed"].price == Range(Decimal("0.00"), Decimal("0.00"))


def test_what_nothing_bounds_has_no_limit() -> None:
    text = """
    initialState: open
    states:
      open: { on: { PAY: paying } }
      paying: { timeout: 10s, timeoutTransition: open, on: { PAID: paid } }
      paid: { terminal: true }
    pricing: { model: per-execution, rate: 1, stepRates: { paying: 0.5 } }
    """
    assert cases_of(text)["paid"] == Extreme("paid", "success", Range(0, None), Range(Decimal("1.50"), None))
    prompt = Assumptions(events={"PAY": Arrival(1.0, Uniform(1_000, 2_000)), "PAID": Arrival(1.0)})
    told = cases_of(text, prompt)["paid"]
    assert told == Extreme("paid", "success", Range(1_000, 2_000), Range(Decimal("1.50"), Decimal("1.50")))


def test_what_is_charged_by_time_is_charged_for_the_shortest_and_the_longest() -> None:
    text = """
    steps: [{ id: call, timeout: 5s }, { id: rest, type: wait, duration: 1s }]
    pricing: { model: time-based, rate: 0.5 }
    """
    assert cases_of(text)["completed"].duration == Range(
        1_000, 16_000
    )  # who succeeds in spite of the timeout, has done so
    assert cases_of(text)["completed"].price == Range(Decimal("0.50"), Decimal("8.00"))
    endless = cases_of("{steps: [{ id: call }], pricing: { model: time-based, rate: 0.5, maximum: 9 }}")[
        "completed"
    ]
    assert endless.duration == Range(0, None)
    assert endless.price == Range(Decimal("0.00"), Decimal("9.00"))


def test_conditions_go_either_way_and_people_decide_anything() -> None:
    text = """
    steps:
      - id: big
        type: condition
        condition: inputs.total > 100
        then: { id: ask, type: human-task, timeout: 1d }
        else: { id: note }
    pricing: { model: per-execution, rates: { automated: 1, humanReview: 5 } }
    """
    cases = cases_of(text)
    assert cases["completed"].price == Range(Decimal("1.00"), Decimal("5.00"))
    assert cases["failed"].duration.least == 0
    known = cases_of(text, Assumptions(inputs={"total": 3}))
    assert known["completed"].price == Range(Decimal("1.00"), Decimal("1.00"))
    sure = Assumptions(inputs={"total": 3}, handlers={"note": (Likely(Returns()),)})
    assert list(cases_of(text, sure)) == ["completed"]


def test_too_much_to_look_at_is_left_to_others() -> None:
    steps = ", ".join(f"{{ id: s{n}, timeout: {n + 1}s }}" for n in range(12))
    machine = wf.compile(wf.loads(f"steps: [{{ id: all, type: parallel, steps: [{steps}] }}]"))
    assert extremes(machine, work=WORK) is None
    (completed, _) = forecast(machine).cases
    assert completed.duration == Range(0, 22_000)  # the last timeout, and its grace time


def test_an_event_that_is_refused_holds_nobody_up() -> None:
    text = """
    initialState: a
    states:
      a: { on: { NO: { guard: 1 > 2, target: b } }, timeout: 1h, timeoutTransition: b }
      b: { terminal: true }
    """
    told = Assumptions(events={"NO": Arrival(1.0, Constant(60_000))})
    assert cases_of(text, told)["b"].duration == Range(3_600_000, 3_600_000)
