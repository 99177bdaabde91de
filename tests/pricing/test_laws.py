"""What holds of every bill, whatever it costs and whatever happened."""

from __future__ import annotations

import json
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import TypeAlias

import attrs
from hypothesis import assume, event, given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.compiler.plan import plan
from statewf.definition.model import Definition, Workflow
from statewf.definition.pricing import Billing, Pricing, Rates, TimeBased
from statewf.errors import CompileError
from statewf.history.codec import decode_event, encode_step
from statewf.machine.effects import Effect, Emit
from statewf.machine.fsm import Machine
from statewf.machine.replay import replay
from statewf.machine.snapshot import Step, blank
from statewf.machine.step import start, step
from statewf.pricing import CHARGE, Usage, bill, billed, charged, cost, usage_of
from statewf.simulator import simulate
from statewf.values.canonical import compact
from tests import worlds
from tests.definition.strategies import pricings
from tests.definition.test_pricing import CONTEXTS
from tests.flows import flows
from tests.machine import workflows
from tests.pricing import oracle

Life: TypeAlias = tuple[Machine, list[Step]]
VOLUMES = st.none() | st.integers(0, 2 * 10**6)


def priced(draw: st.DrawFn, definition: Definition) -> Machine:
    names = list(plan(definition).nodes) if isinstance(definition, Workflow) else [*definition.states]
    prices = draw(pricings(st.sampled_from(names)))
    return compile_definition(attrs.evolve(definition, pricing=prices, billing=Billing("inputs.x", "inputs.n")))


@st.composite
def wild(draw: st.DrawFn) -> Life:
    """A priced machine, and what an instance of it went through, where anything may happen."""
    definition: Definition = draw(workflows.workflows() | worlds.definitions())
    machine = priced(draw, definition)
    made = start(machine, draw(workflows.data), instance="i", at=draw(st.integers(0, 100)))
    steps = [made]
    for _ in range(draw(st.integers(0, 12))):
        here = steps[-1].after
        of_steps = isinstance(definition, Workflow)
        happening = workflows.happenings(here, machine) if of_steps else worlds.happenings(machine, here)
        if here.ended and not here.flight.calls:
            break
        found = step(machine, here, draw(happening))
        steps += [found] if isinstance(found, Step) else []
    return machine, steps


@st.composite
def played(draw: st.DrawFn) -> Life:
    """A priced workflow that is played to its end."""
    flow = draw(flows(rich=True))
    try:
        machine = priced(draw, flow.workflow)
    except CompileError:
        assume(False)
    return machine, [_uncharged(made) for made in simulate(machine, flow.scenario()).steps]


def _uncharged(made: Step) -> Step:
    """As the machine made it."""
    return made._replace(effects=tuple(one for one in made.effects if not is_charge(one)))


def is_charge(effect: Effect) -> bool:
    return isinstance(effect, Emit) and effect.event == CHARGE


lives = wild() | played()


def charges(steps: tuple[Step, ...]) -> list[dict[str, str]]:
    effects = (effect for made in steps for effect in made.effects)
    return [effect.data for effect in effects if is_charge(effect)]  # type: ignore[union-attr,misc]  # an object


@given(lives, VOLUMES)
def test_a_bill_is_what_the_formulas_say_of_what_was_seen(life: Life, volume: int | None) -> None:
    machine, steps = life
    found = bill(usage_of(machine, steps, volume))
    assert found is not None
    event(f"{type(machine.notes.definition.pricing).__name__}, ended: {steps[-1].after.ended or 'not yet'}")
    if volume is None:
        volume = found.volume  # which is told by billing
    assert Fraction(found.exact) == oracle.owed(machine, steps, volume)
    assert Fraction(found.total) == oracle.total(machine, steps, volume) >= 0
    assert found.final == bool(steps[-1].after.ended)


@given(lives, st.sampled_from(CONTEXTS))
def test_it_does_not_hang_on_the_decimal_context_of_the_program(life: Life, context: Context) -> None:
    machine, steps = life
    plain = bill(usage_of(machine, steps))
    with localcontext(context):
        found = bill(usage_of(machine, steps))
        assert found is not None
        document, total = found.document(), found.total
    assert plain is not None
    assert (document, total) == (plain.document(), plain.total)
    assert sum((Fraction(line.amount) for line in found.lines), Fraction(0)) == Fraction(found.exact)


@given(lives)
def test_it_is_the_same_live_and_from_a_history_that_was_kept(life: Life) -> None:
    machine, steps = life
    usage = Usage(machine)
    live = tuple([charged(usage, made) for made in steps])
    kept = [json.loads(compact(encode_step(made))) for made in live]
    first = blank(machine, steps[0].after.instance)
    again, total = billed(machine, replay(machine, map(decode_event, kept), first))
    assert charges(again) == charges(live)
    assert bill(usage_of(machine, again)) == bill(usage)
    assert total == cost(usage)


@given(lives)
def test_what_is_charged_is_the_bill_once_and_with_the_end(life: Life) -> None:
    machine, steps = life
    told, total = billed(machine, steps)
    asked = charges(told)
    event("charged" if asked else "not charged")
    assert [charge["amount"] for charge in asked] == ([] if total is None or not Decimal(total) else [total])
    assert all(made.after.ended and not made.before.ended for made in told if charges((made,)))


def rising(prices: Pricing) -> Pricing:
    """The price list without what may make a bill fall while the execution goes on."""
    if isinstance(prices, TimeBased):
        more = {name: factor + 1 for name, factor in prices.step_multipliers.items() if factor < 10**5}
        return attrs.evolve(prices, step_multipliers=more)
    prices = attrs.evolve(prices, parallel_discount=None, failure_refund=None)
    if prices.rates is None:
        return prices
    automated, human = sorted((prices.rates.automated, prices.rates.human_review))
    return attrs.evolve(prices, rates=Rates(automated, human))


@given(lives, VOLUMES, st.integers(0, 10**6))
def test_a_bill_never_falls_before_the_end_but_for_what_is_taken_off(
    life: Life, volume: int | None, later: int
) -> None:
    """For parallel steps, for failed ones, if people are cheaper, by factors below 1; and by another volume."""
    machine, steps = life
    definition = machine.notes.definition
    machine = compile_definition(attrs.evolve(definition, pricing=rising(definition.pricing)))
    usage, before = Usage(machine, 0 if volume is None else volume), Decimal(0)
    for made in steps:
        usage.read(made)
        if made.after.ended == "failure":
            break
        for at in (None, made.after.at + later):
            found = bill(usage, at)
            assert found is not None
            assert found.exact >= before
        now = bill(usage)
        assert now is not None
        before = now.exact


@given(lives)
def test_a_final_bill_is_the_same_at_any_time_later(life: Life) -> None:
    machine, steps = life
    until = next((n for n, made in enumerate(steps, 1) if made.after.ended), 0)
    assume(until)
    found = bill(usage_of(machine, steps[:until]))
    assert bill(usage_of(machine, steps)) == bill(usage_of(machine, steps), at=10**15) == found
