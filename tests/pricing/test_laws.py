"""What holds of every bill, whatever it costs and whatever happened."""

from __future__ import annotations

import json
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import attrs
from hypothesis import event, given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.compiler.plan import plan
from statewf.definition.model import Definition, Workflow
from statewf.definition.pricing import Billing, PerExecution, TimeBased
from statewf.history.codec import decode_event, encode_step
from statewf.machine.effects import Emit
from statewf.machine.fsm import Machine
from statewf.machine.replay import replay
from statewf.machine.snapshot import Step, blank
from statewf.machine.step import start, step
from statewf.pricing import CHARGE, Usage, bill, billed, charged, cost, usage_of
from statewf.pricing.money import rounded
from statewf.values.canonical import compact
from tests import worlds
from tests.definition.strategies import pricings
from tests.definition.test_pricing import CONTEXTS
from tests.machine import workflows


@st.composite
def lives(draw: st.DrawFn) -> tuple[Machine, list[Step]]:
    """A priced machine, and what an instance of it went through."""
    definition: Definition = draw(workflows.workflows() | worlds.definitions())
    of_steps = isinstance(definition, Workflow)
    names = list(plan(definition).nodes) if isinstance(definition, Workflow) else [*definition.states]
    prices = draw(pricings(st.sampled_from(names)))
    machine = compile_definition(attrs.evolve(definition, pricing=prices, billing=Billing("inputs.x", "inputs.n")))
    inputs = draw(workflows.data)
    made = start(machine, inputs, instance="i", at=draw(st.integers(0, 100)))
    steps = [made]
    for _ in range(draw(st.integers(0, 12))):
        here = steps[-1].after
        happening = workflows.happenings(here, machine) if of_steps else worlds.happenings(machine, here)
        if here.ended and not here.flight.calls:
            break
        found = step(machine, here, draw(happening))
        steps += [found] if isinstance(found, Step) else []
    return machine, steps


def charges(steps: tuple[Step, ...]) -> list[dict[str, str]]:
    effects = (effect for made in steps for effect in made.effects)
    return [effect.data for effect in effects if isinstance(effect, Emit) and effect.event == CHARGE]  # type: ignore[misc]  # an object


@given(lives())
def test_a_bill_is_the_sum_of_its_lines_and_never_negative(life: tuple[Machine, list[Step]]) -> None:
    machine, steps = life
    found = bill(usage_of(machine, steps))
    assert found is not None
    assert found.exact >= 0
    assert found.total == rounded(found.exact, found.currency)
    assert found.final == bool(steps[-1].after.ended)
    prices = machine.notes.definition.pricing
    if isinstance(prices, TimeBased) and steps[-1].after.ended != "failure":
        assert found.exact >= (prices.minimum or 0)
        assert prices.maximum is None or found.exact <= prices.maximum
    if steps[-1].after.ended == "failure":
        assert found.exact == 0


@given(lives(), st.sampled_from(CONTEXTS))
def test_it_does_not_hang_on_the_decimal_context_of_the_program(
    life: tuple[Machine, list[Step]], context: Context
) -> None:
    machine, steps = life
    plain = bill(usage_of(machine, steps))
    with localcontext(context):
        found = bill(usage_of(machine, steps))
        assert found is not None
        document, total = found.document(), found.total
    assert plain is not None
    assert (document, total) == (plain.document(), plain.total)
    assert sum((Fraction(line.amount) for line in found.lines), Fraction(0)) == Fraction(found.exact)


@given(lives())
def test_it_is_the_same_live_and_from_a_history_that_was_kept(life: tuple[Machine, list[Step]]) -> None:
    machine, steps = life
    usage = Usage(machine)
    live = tuple([charged(usage, made) for made in steps])
    kept = [json.loads(compact(encode_step(made))) for made in live]
    again, total = billed(machine, replay(machine, map(decode_event, kept), blank(machine, "i")))
    assert charges(again) == charges(live)
    assert bill(usage_of(machine, again)) == bill(usage)
    assert total == cost(usage)


@given(lives())
def test_what_is_charged_is_the_bill_once_and_with_the_end(life: tuple[Machine, list[Step]]) -> None:
    machine, steps = life
    told, total = billed(machine, steps)
    asked = charges(told)
    event("charged" if asked else "not charged")
    assert [charge["amount"] for charge in asked] == ([] if total is None or not Decimal(total) else [total])
    assert all(made.after.ended and not made.before.ended for made in told if charges((made,)))


@given(lives())
def test_the_more_is_done_the_more_it_costs(life: tuple[Machine, list[Step]]) -> None:
    """Until it ends; but for what is taken off because some ran at once, or failed."""
    machine, steps = life
    prices = machine.notes.definition.pricing
    if isinstance(prices, PerExecution):
        prices = attrs.evolve(prices, parallel_discount=None, failure_refund=None)
        if prices.rates is not None:
            prices = attrs.evolve(prices, rates=None, rate=1)
    else:
        prices = attrs.evolve(prices, step_multipliers={})
    machine = compile_definition(attrs.evolve(machine.notes.definition, pricing=prices))
    usage, before = Usage(machine), Decimal(0)
    for made in steps:
        usage.read(made)
        found = bill(usage)
        assert found is not None
        if made.after.ended != "failure":
            assert found.exact >= before
            before = found.exact
