"""Prices of what is not there, and billing by unknown names: each with its place and what may be meant."""

from __future__ import annotations

import pytest

import statewf as wf
from statewf.errors import CompileError

STATES = "initialState: paying\nstates: {paying: {initial: card, states: {card: {}}}}\n"
STEPS = "steps: [{id: payment}, {id: both, type: parallel, steps: [{id: inner}]}]\n"
WRONG = [
    (STATES + "pricing: {model: per-execution, stepRates: {payin: 1, paying.card: 2}}",
     ("unknown-state", "$.pricing.stepRates.payin", "did you mean paying?")),
    (STEPS + "pricing: {model: time-based, rate: 1, stepMultipliers: {inner: 1, paiment: 2}}",
     ("unknown-step", "$.pricing.stepMultipliers.paiment", "did you mean payment?")),
    (STEPS + "billing: {customer: input.who}", ("unknown-name", "$.billing.customer", "did you mean inputs?")),
    (STATES + "billing: {volume: results.n}",
     ("unknown-name", "$.billing.volume", "text stands in quotes: 'results'; known are inputs, context")),
]  # fmt: skip


OWN = """
initialState: a
states:
  a:
    onExit: [{type: emit, event: Order.left}, {type: emit, event: Payment.charge}]
    on: {GO: {target: b, actions: {type: emit, event: Payment.charge, data: {amount: 3}}}}
  b: {terminal: true, onEntry: {type: emit, event: Payment.charge}}
"""


def test_what_has_a_price_list_has_no_charge_of_its_own_beside_it() -> None:
    with pytest.raises(CompileError) as caught:
        wf.compile(wf.loads(OWN + "pricing: {model: per-execution, rate: 1}"))
    assert [(one.code, one.path, one.line) for one in caught.value.diagnostics] == [
        ("reserved-event", "$.states.a.on.GO.actions.event", 6),
        ("reserved-event", "$.states.a.onExit[1].event", 5),
        ("reserved-event", "$.states.b.onEntry.event", 7),
    ]
    driver = wf.Driver(wf.loads(OWN))
    driver.send("GO")
    assert [told.event for told in driver.emitted] == ["Order.left", *["Payment.charge"] * 2, "Payment.charge"]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=[told[1] for _, told in WRONG])
def test_a_name_in_prices_that_leads_nowhere_is_told(text: str, told: tuple[str, str, str]) -> None:
    with pytest.raises(CompileError) as caught:
        wf.compile(wf.loads(text))
    (found,) = caught.value.diagnostics
    assert (found.code, found.path, found.hint) == told
    assert found.line == text.count("\n") + 1
