"""Prices that can never apply, and beside each a near miss in which it can."""

from __future__ import annotations

import pytest

import statewf as wf
from statewf.checker import Finding, check

STATES = "initialState: a\nstates: {a: {timeout: 1s, timeoutTransition: b}, b: {terminal: true}}\n"
PLAIN = "name: w\nsteps: [{id: a}, {id: b}]\n"
ASKING = "name: w\nsteps: [{id: a, type: human-task, timeout: 1h}, {id: b}]\n"
REVIEWED = (
    "name: w\nsteps: [{id: p, type: parallel, steps: [{id: a, onError: human-review, review: {timeout: 1h}}]}]\n"
)
BLOCK = "name: w\nsteps: [{id: c, type: condition, condition: inputs.a, then: {id: p, type: parallel, steps: [{id: a}]}}]\n"
TOLERANT = "name: w\nsteps: [{id: a}, {id: b, required: false}]\n"
LOGGED = "name: w\nsteps: [{id: a, onError: log-and-continue}, {id: b}]\n"
ROLLED = "name: w\nsteps: [{id: a, required: false, onError: rollback}]\n"
WITHIN = "name: w\nsteps: [{id: p, type: parallel, steps: [{id: a, required: false}, {id: b}]}]\n"

RATES = "pricing: {model: per-execution, rates: {automated: 1, humanReview: 2}}"
REFUND = "pricing: {model: per-execution, rate: 1, failureRefund: 1}"
DISCOUNT = "pricing: {model: per-execution, rate: 1, parallelDiscount: 0.1}"
TIERED = "pricing: {model: per-execution, rate: 1, discounts: {volume: [{min: 1, discount: 0.1}]}}"
TIMED = "pricing: {model: time-based, rate: 1}"
BILLING = "billing: {customer: inputs.a, volume: inputs.n}"

HUMAN, OFF, BACK = "$.pricing.rates.humanReview", "$.pricing.parallelDiscount", "$.pricing.failureRefund"
CASES = [
    (RATES, (STATES, PLAIN), (ASKING, REVIEWED), HUMAN),
    (REFUND, (STATES, PLAIN, ROLLED, WITHIN), (TOLERANT, LOGGED), BACK),
    (DISCOUNT, (STATES, PLAIN), (BLOCK, WITHIN), OFF),
    (BILLING, (STATES, PLAIN), (), "$.billing"),
    (f"{BILLING}\n{TIMED}", (STATES, PLAIN), (), "$.billing.volume"),
    (f"{BILLING}\n{DISCOUNT}", (WITHIN,), (), "$.billing.volume"),
    (f"{BILLING}\n{TIERED}", (), (STATES, PLAIN), ""),
    ("billing: {customer: inputs.a}\n" + TIMED, (), (STATES, PLAIN), ""),
]


@pytest.mark.parametrize(("prices", "vain", "sound", "where"), CASES, ids=[f"{n}" for n in range(len(CASES))])
def test_a_price_that_can_never_apply_is_told(
    prices: str, vain: tuple[str, ...], sound: tuple[str, ...], where: str
) -> None:
    for text in vain:
        (found,) = found_in(text + prices)
        assert (found.severity, found.where, found.trace) == ("warning", where, ())
        assert found.line == 3
        assert found.hint
    for text in sound:
        assert found_in(text + prices) == []


def found_in(text: str) -> list[Finding]:
    report = check(wf.loads(text))
    assert report.ok
    return [finding for finding in report.findings if finding.rule == "price-never-applies"]
