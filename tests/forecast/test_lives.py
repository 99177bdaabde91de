"""A crowd's lives, one by one, against lives that are lived plainly."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random

import attrs
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import statewf as wf
from statewf.compiler import compile_definition
from statewf.definition.model import StateMachine
from statewf.definition.pricing import Discounts, PerExecution, Pricing, Rates, Tier, TimeBased
from statewf.errors import CompileError
from statewf.forecast import Arrival, Assumptions, crowd, read_assumptions
from statewf.forecast import chain as chain_module
from statewf.forecast.chain import Chain
from statewf.forecast.crowd import Crowd
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import active
from statewf.pricing import cost
from statewf.simulator.world import Endless
from tests.checker.machines import machines
from tests.flows import INPUTS, Flow, flows
from tests.forecast.naive import Naive
from tests.forecast.support import assumptions

LIVES = 5
TOLD = ("attempt < 2", "true", "1 > 2")  # guards that no data decide


def assert_same_lives(machine: Machine, assumed: Assumptions, seed: int) -> None:
    crowd = Crowd(Chain(machine, assumed), seed)
    chance = Random(seed).random
    for _ in range(LIVES):
        try:
            world = Naive(machine, assumed, chance).live()
        except Endless:
            reject()
        life = crowd.live()
        paid = None if world.usage is None else cost(world.usage)
        assert active(life.node.snapshot) == active(world.snapshot)
        assert life.node.snapshot.ended == world.snapshot.ended
        # of others it is not told how long: what was refused meanwhile counts for the one, and not for the other
        if life.node.ended:
            assert life.duration == world.now
        assert life.price == (None if paid is None else Decimal(paid))


def price_lists(names: Sequence[str]) -> st.SearchStrategy[Pricing | None]:
    """Prices of an execution, or of its time, with something for each of these."""
    rates = {name: Decimal(number) / 8 for number, name in enumerate(names, 3)}
    factors = {name: Decimal(number % 5) / 4 for number, name in enumerate(names)}
    tiers = Discounts([Tier(2, Decimal("0.25"))])
    return st.sampled_from(
        (
            None,
            PerExecution(Decimal(7), step_rates=rates, discounts=tiers),
            PerExecution(Decimal(7), parallel_discount=Decimal("0.3"), failure_refund=Decimal(2)),
            PerExecution(rates=Rates(Decimal(1), Decimal(3)), step_rates=rates),
            TimeBased(Decimal(2), minimum=Decimal(1), step_multipliers=factors),
        )
    )


@given(st.data(), flows(rich=True), st.integers(0, 9))
def test_workflows_live_as_in_the_simulator(data: st.DataObject, flow: Flow, seed: int) -> None:
    prices = data.draw(price_lists([step.id for step in flow.steps()]))
    machine = compile_definition(attrs.evolve(flow.workflow, pricing=prices))
    assumed = attrs.evolve(data.draw(assumptions(machine)), inputs=INPUTS, volume=data.draw(st.integers(0, 4)))
    silent = dict.fromkeys(machine.listeners, Arrival(0.0))
    assert_same_lives(machine, attrs.evolve(assumed, events=silent), seed)


@given(st.data(), machines(TOLD), st.integers(0, 9))
def test_state_machines_live_as_in_the_simulator(data: st.DataObject, definition: StateMachine, seed: int) -> None:
    prices = data.draw(price_lists(("a", "b", "c", "p", "p.x")))
    try:
        machine = compile_definition(attrs.evolve(definition, pricing=prices))
    except CompileError:
        reject()
    assumed = data.draw(assumptions(machine))
    if data.draw(st.booleans()) and assumed.events:
        assumed = attrs.evolve(
            assumed, states={data.draw(st.sampled_from(("a", "b", "p"))): assumed.events}, events={}
        )
    assert_same_lives(machine, assumed, seed)


def test_a_decision_that_is_refused_leaves_it_waiting() -> None:
    text = "steps: [{ id: call, onError: human-review }]"
    machine = wf.compile(wf.loads(text))
    said = {"handlers": {"call": 0}, "tasks": {"call": {"decision": "later", "after": 1}}}
    found = crowd(machine, read_assumptions(said, machine=machine), runs=5)
    assert [(end.state, end.outcome) for end in found.ends] == [("running (call)", "waiting")]
    assert_same_lives(machine, read_assumptions(said, machine=machine), 0)


def test_lives_are_the_same_where_no_nodes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
    steps:
      - { id: all, type: parallel, steps: [{ id: a }, { id: b }, { id: c, type: human-task }] }
      - { id: d, when: "inputs.big" }
    """
    machine, assumed = (
        wf.compile(wf.loads(text)),
        read_assumptions({"handlers": {"a": 0.5, "b": {"after": [1, 2]}}}),
    )
    known = crowd(machine, assumed, runs=50)
    monkeypatch.setattr(chain_module, "MOST_KEPT", 0)
    found = crowd(machine, assumed, runs=50)
    assert found.size == 0 < known.size
    assert attrs.evolve(found, size=known.size) == known
