"""Price lists: what may be written, and every mistake in one with its place and the way out."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal, FloatOperation, Inexact, InvalidOperation, Rounded, localcontext
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.definition.model import Step, Workflow
from statewf.definition.pricing import (
    AMOUNTS,
    SHARES,
    Discounts,
    PerExecution,
    Pricing,
    Rates,
    Tier,
    TimeBased,
    amount,
    factor,
    share,
)
from statewf.definition.read import read
from statewf.definition.write import to_json, to_yaml
from statewf.errors import DefinitionError
from tests.definition import strategies

# what a program may have set: few digits, to be told of everything, to be told of nothing
CONTEXTS = [
    Context(prec=6),
    Context(prec=50, traps=[FloatOperation, Inexact, InvalidOperation, Rounded]),
    Context(traps=[]),
]
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


def test_what_no_float_holds_comes_back_as_text() -> None:
    definition = read(WHOLE + "pricing: {model: per-execution, rate: '123456789.123456789012'}")
    assert read(to_yaml(definition)) == read(to_json(definition)) == definition


MISTAKES = [
    ("pricing: 5", [("wrong-type", "$.pricing", "as in {model: per-execution, rate: 1.0}")]),
    ("pricing: {rate: 1}", [("missing-key", "$.pricing", "one of per-execution, time-based")]),
    ("pricing: {model: per-run}", [("bad-choice", "$.pricing.model", "did you mean per-execution?")]),
    ("pricing: {model: per-execution}", [("no-rate", "$.pricing", "add rate: 1.0")]),
    ("pricing: {model: per-execution, currency: usd}", [
        ("no-rate", "$.pricing", "add rate: 1.0"),
        ("bad-currency", "$.pricing.currency", "such as USD, EUR or JPY"),
    ]),
    ("pricing: {model: time-based, rates: {automated: 1, humanReview: 2}, rate: 1}", [
        ("unknown-key", "$.pricing.rates", "it belongs to model: per-execution"),
    ]),
    (
        "pricing: {model: per-execution, rate: 1, baseRate: 2, currency: usd, parallelDiscount: 10}",
        [
            ("rate-twice", "$.pricing.baseRate", "keep one of rate, baseRate"),
            ("out-of-range", "$.pricing.parallelDiscount", SHARES),
            ("bad-currency", "$.pricing.currency", "such as USD, EUR or JPY"),
        ],
    ),
    (
        "pricing: {model: time-based, rate: -1, minumum: 2, stepMultipliers: {a: much}}",
        [
            ("out-of-range", "$.pricing.rate", AMOUNTS),
            ("wrong-type", "$.pricing.stepMultipliers.a", "write a number, such as 0.25"),
            ("unknown-key", "$.pricing.minumum", "did you mean minimum?"),
        ],
    ),
    ("pricing: {model: time-based, rate: 1, minimum: 3, maximum: 2}", [("minimum-above-maximum", "$.pricing.minimum", "swap them")]),
    ("pricing: {model: per-execution, rate: 0.1234567890123}", [("out-of-range", "$.pricing.rate", "round it: nothing that is paid is smaller")]),
    ("pricing: {model: per-execution, rate: 12345678901.123456789}", [("inexact-number", "$.pricing.rate", "write it in quotes, with all its digits")]),
    ("pricing: {model: time-based, rate: 1, maximum: -.inf}", [("not-finite", "$.pricing.maximum", "write it in quotes if text is meant")]),
    ("pricing: {model: time-based, rate: 1, maximum: .nan}", [("not-finite", "$.pricing.maximum", "write it in quotes if text is meant")]),
    ("pricing: {model: time-based, rate: 1, maximum: 1e999}", [("not-finite", "$.pricing.maximum", "write it in quotes if text is meant")]),
    ("pricing: {model: time-based, rate: 1, minimum: .inf}", [("not-finite", "$.pricing.minimum", "write it in quotes if text is meant")]),
    ("pricing: {model: per-execution, rate: 1, maximum: .inf}", [("unknown-key", "$.pricing.maximum", "it belongs to model: time-based")]),
    (SEED % "{min: 1, max: -.inf, discount: 0.1}, {min: 9, max: .nan, discount: 0}", [
        ("not-finite", "$.pricing.discounts.volume[0].max", "write it in quotes if text is meant"),
        ("not-finite", "$.pricing.discounts.volume[1].max", "write it in quotes if text is meant"),
    ]),
    ("pricing: {model: time-based, rate: 1, maximum: ~}", [("wrong-type", "$.pricing.maximum", "leave the key out if nothing is meant")]),
    (SEED % "{min: 1, max: ~, discount: 0.1}", [("wrong-type", "$.pricing.discounts.volume[0].max", "leave the key out if nothing is meant")]),
    ("pricing: {model: per-execution, rate: true}", [("wrong-type", "$.pricing.rate", "write a number, such as 0.25")]),
    (
        SEED % "{min: 100, max: 50, discount: 0.1}, {min: 60, max: 99, discount: 0.2}, {min: 110, max: 120, discount: 0.2}, {min: 120, discount: 0.3}, {min: 200, discount: 0}",
        [
            ("empty-tier", "$.pricing.discounts.volume[0].max", "swap them"),
            ("tiers-gap", "$.pricing.discounts.volume[2].min", "begin at 100; a discount of 0 is none"),
            ("tiers-overlap", "$.pricing.discounts.volume[3].min", "begin at 121"),
            ("tiers-overlap", "$.pricing.discounts.volume[4].min", "give the tier before a max, or put this one first"),
        ],
    ),
    (SEED % "{max: 3, discount: 0.1}", [("missing-key", "$.pricing.discounts.volume[0]", "say from which volume on, as in min: 100")]),
    (SEED % "{min: 1.5, discount: 0.1}", [("wrong-type", "$.pricing.discounts.volume[0].min", "such as 100")]),
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


def test_infinity_is_no_end_in_files_and_in_python() -> None:
    endless = TimeBased(1, maximum=math.inf)
    assert endless == TimeBased(1) == TimeBased(1, maximum=Decimal("Infinity"))
    assert Tier(1, 0.1, math.inf) == Tier(1, 0.1)
    for text in (
        "pricing: {model: time-based, rate: 1, maximum: .inf}",
        "pricing: {model: time-based, rate: 1, maximum: +.INF}",
        "pricing: {model: time-based, rate: 1, maximum: !!float .inf}",
        "pricing: {model: time-based, rate: 1}",
    ):
        assert priced(text) == endless
    json = (
        '{"name": "w", "steps": [{"id": "a"}], "pricing": {"model": "time-based", "rate": 1, "maximum": Infinity}}'
    )
    assert read(json).pricing == endless
    for word in ("-Infinity", "NaN", "1e999"):
        with pytest.raises(DefinitionError) as caught:
            read(json.replace("Infinity", word))
        assert [one.code for one in caught.value.diagnostics] == ["not-finite"]
    for wrong in (-math.inf, math.nan, Decimal("-Infinity"), Decimal("NaN"), Decimal("sNaN")):
        with pytest.raises(DefinitionError):
            TimeBased(1, maximum=wrong)
        with pytest.raises(DefinitionError):
            Tier(1, 0.1, wrong)  # type: ignore[arg-type]  # that is the point


WRONG: list[Any] = [
    *(
        True,
        None,
        [1],
        "",
        " 1",
        "1 ",
        "1\n",
        "\uff11",
        "\u0661",
        *["x", "NaN", "1_000", "+1", "-1", ".5", "1.", "1e3", "1e-3", "0x1", "1,5"],
    ),
    *(math.inf, math.nan, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal(-1), -0.5),
    *(10**5000, -(10**5000), 1e300, Decimal("1E+999999"), "9" * 5000),
    *(1e-13, 1 / 3, Decimal("1E-999999"), "0.0000000000001", "0." + "1" * 5000),
]


@pytest.mark.parametrize("check", [amount, factor, share])
@pytest.mark.parametrize("value", WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_what_is_no_number_is_refused_in_python_too(value: Any, check: Callable[[Any], Decimal]) -> None:
    with pytest.raises(DefinitionError) as caught:
        check(value)
    (told,) = caught.value.diagnostics
    assert told.hint
    assert len(told.message) < 200


READ: list[tuple[Any, str]] = [
    ("0", "0"),
    ("007", "7"),
    ("0.50", "0.5"),
    ("0.111111111111" + "0" * 5000, "0.111111111111"),
    ("0" * 5000 + "1", "1"),
    ("999999999999.999999999999", "999999999999.999999999999"),
    (7, "7"),
    (0.1, "0.1"),
    (-0.0, "0"),
    (1e-12, "0.000000000001"),
    (1e12, "1000000000000"),
    (123456789012.345, "123456789012.345"),
    (Decimal("-0"), "0"),
    (Decimal("1E+3"), "1000"),
    (Decimal("0.1234567890120"), "0.123456789012"),
]


@pytest.mark.parametrize(("value", "text"), READ, ids=[text for _, text in READ])
@pytest.mark.parametrize("context", CONTEXTS, ids=["six digits", "traps", "deaf"])
def test_an_amount_is_the_number_that_was_written_in_any_context(value: Any, text: str, context: Context) -> None:
    with localcontext(context):
        found = amount(value)
        again = read(to_yaml(Workflow("w", Step("a"), pricing=TimeBased(found)))).pricing
    assert f"{found:f}".removeprefix("-") == text
    assert again == TimeBased(found)


@given(strategies.pricings(st.sampled_from("abc")))
def test_a_price_list_cannot_be_changed_and_can_be_a_key(prices: Pricing) -> None:
    assert {prices: 1}[attrs.evolve(prices)] == 1
    by_name = prices.step_rates if isinstance(prices, PerExecution) else prices.step_multipliers
    with pytest.raises(TypeError):
        by_name["a"] = Decimal(1)  # type: ignore[index]  # that is the point


def test_a_price_list_made_in_python_has_one_base() -> None:
    for wrong, code, path in (
        ({}, "no-rate", "$"),
        ({"step_rates": {}}, "no-rate", "$"),
        ({"rate": 0, "base_rate": 0}, "rate-twice", "$.baseRate"),
        ({"rate": 1, "rates": Rates(1, 2)}, "rate-twice", "$.rates"),
    ):
        with pytest.raises(DefinitionError) as caught:
            PerExecution(**wrong)
        assert [(one.code, one.path) for one in caught.value.diagnostics] == [(code, path)]
    assert PerExecution(step_rates={"a": 0}).rate is None
