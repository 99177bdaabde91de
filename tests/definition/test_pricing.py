"""Price lists: what may be written, and every mistake in one with its place and the way out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from statewf.definition.pricing import Discounts, PerExecution, Pricing, Tier, TimeBased, share
from statewf.definition.read import read
from statewf.definition.write import to_json, to_yaml
from statewf.errors import DefinitionError

WHOLE = "name: w\nsteps: [{id: a}]\n"
SEED = "pricing: {model: per-execution, baseRate: 0.5, stepRates: {a: 0.25}, discounts: {volume: [%s]}}"
TIERS = "{min: 100, max: 1000, discount: 0.1}, {min: 1001, max: 10000, discount: 0.2}, {min: 10001, max: .inf, discount: 0.3}"


def priced(text: str) -> Pricing | None:
    return read(WHOLE + text).pricing


def test_amounts_are_the_decimals_that_were_written() -> None:
    found = priced(SEED % TIERS)
    tiers = (Tier(100, "0.1", 1000), Tier(1001, "0.2", 10000), Tier(10001, "0.3"))
    assert found == PerExecution(base_rate="0.5", step_rates={"a": "0.25"}, discounts=Discounts(tiers))
    assert isinstance(found, PerExecution)
    assert found.base_rate == Decimal("0.5")
    assert priced("pricing: {model: time-based, rate: 0.1, maximum: .inf}") == TimeBased(Decimal("0.1"))
    assert priced("pricing: {model: time-based, rate: '1e-3'}") == TimeBased("0.001")


def test_what_no_float_holds_comes_back_as_text() -> None:
    definition = read(WHOLE + "pricing: {model: per-execution, rate: '123456789.123456789012'}")
    assert read(to_yaml(definition)) == read(to_json(definition)) == definition


MISTAKES = [
    ("pricing: 5", [("wrong-type", "$.pricing", "as in {model: per-execution, rate: 1.0}")]),
    ("pricing: {rate: 1}", [("missing-key", "$.pricing", "one of per-execution, time-based")]),
    ("pricing: {model: per-run}", [("bad-choice", "$.pricing.model", "did you mean per-execution?")]),
    ("pricing: {model: per-execution}", [("no-rate", "$.pricing", "add rate: 1.0")]),
    (
        "pricing: {model: per-execution, rate: 1, baseRate: 2, currency: usd, parallelDiscount: 10}",
        [
            ("rate-twice", "$.pricing.baseRate", "keep one of rate, baseRate"),
            ("out-of-range", "$.pricing.parallelDiscount", "ten per cent are 0.1, and 10 per cent 0.1"),
            ("bad-currency", "$.pricing.currency", "such as USD, EUR or JPY"),
        ],
    ),
    (
        "pricing: {model: time-based, rate: -1, minumum: 2, stepMultipliers: {a: much}}",
        [
            ("out-of-range", "$.pricing.rate", None),
            ("wrong-type", "$.pricing.stepMultipliers.a", "write a number, such as 0.25"),
            ("unknown-key", "$.pricing.minumum", "did you mean minimum?"),
        ],
    ),
    ("pricing: {model: time-based, rate: 1, minimum: 3, maximum: 2}", [("minimum-above-maximum", "$.pricing.minimum", "swap them")]),
    ("pricing: {model: per-execution, rate: 0.1234567890123}", [("out-of-range", "$.pricing.rate", None)]),
    ("pricing: {model: per-execution, rate: true}", [("wrong-type", "$.pricing.rate", "write a number, such as 0.25")]),
    (
        SEED % "{min: 100, max: 50, discount: 0.1}, {min: 60, max: 99, discount: 0.2}, {min: 99, discount: 0.3}, {min: 200, discount: 0}",
        [
            ("empty-tier", "$.pricing.discounts.volume[0].max", "swap them"),
            ("tiers-gap", "$.pricing.discounts.volume[1].min", "begin at 51; a discount of 0 is none"),
            ("tiers-overlap", "$.pricing.discounts.volume[2].min", "begin at 100"),
            ("tiers-overlap", "$.pricing.discounts.volume[3].min", "give the tier before a max, or put this one first"),
        ],
    ),
    (SEED % "{max: 3, discount: 0.1}", [("missing-key", "$.pricing.discounts.volume[0]", "say from which volume on, as in min: 100")]),
    (SEED % "{min: 1.5, discount: 0.1}", [("wrong-type", "$.pricing.discounts.volume[0].min", None)]),
    ("billing: inputs.who", [("wrong-type", "$.billing", "write {customer: inputs.customerId}")]),
    ("billing: {customer: inputs., volum: 3}", [
        ("bad-expression", "$.billing.customer", "as in inputs.total > 100 && context.kind === 'business'"),
        ("unknown-key", "$.billing.volum", "did you mean volume?"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=[text[:60] for text, _ in MISTAKES])
def test_every_mistake_is_told_at_once(text: str, told: list[tuple[str, str, str | None]]) -> None:
    with pytest.raises(DefinitionError) as caught:
        priced(text)
    assert [(one.code, one.path, one.hint) for one in caught.value.diagnostics] == told
    assert {one.line for one in caught.value.diagnostics} == {3}


@pytest.mark.parametrize("value", [True, None, "x", "NaN", float("inf"), [1]])
def test_a_share_is_a_number_in_python_too(value: object) -> None:
    with pytest.raises(DefinitionError):
        share(value)  # type: ignore[arg-type]  # that is the point
