"""Bills of the seed's services, each worked by hand: the arithmetic stands beside the figure."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

import statewf as wf
from statewf.machine.work import Work
from statewf.pricing import CHARGE, Bill, bill, usage_of
from statewf.testing.files import play

MACHINES = Path(wf.__file__).parent.parent / "machines"

WORKED = [
    # order fulfilment: 0.5 a piece, and 0.2, 0.15 and 0.05 for payment, shipping and notification
    ("order_fulfilment/shipped", "0.5 + 0.2 + 0.15 + 0.05", "", "0.90"),
    ("order_fulfilment/nobody-told", "0.5 + 0.2 + 0.15", "nobody could be told, which was not required", "0.85"),
    ("order_fulfilment/out-of-stock", "0.5 + 0.2 - 0.7", "it was undone, and nobody pays for that", "0.00"),
    # customer onboarding, e-commerce, support: one price
    ("customer_onboarding/business-verified", "1.0", "", "1.00"),
    ("ecommerce_fulfilment/delivered", "1.5", "", "1.50"),
    ("support_ticket_routing/solved", "0.15", "", "0.15"),
    # content production: 50, and 10 % off, for its pictures are made at once
    ("content_production/published", "50 x (1 - 0.1)", "", "45.00"),
    ("content_production/copied", "50 - 50", "it failed", "0.00"),
    # invoice processing: 2, and 1 back if a step failed
    ("invoice_processing/paid", "2", "", "2.00"),
    ("invoice_processing/booked-later", "2 - 1", "the books are not up to date", "1.00"),
    ("invoice_processing/rolled-back", "2 - 1 - 1", "it was undone as a whole", "0.00"),
    # expense approval: 0.25, or 1 if somebody was asked
    ("expense_approval/automatic", "0.25", "", "0.25"),
    ("expense_approval/escalated", "1.0", "somebody was asked, and then somebody else", "1.00"),
    # document processing: 0.5, and 0.25, 0.1, 0.15, 0.05 for its steps; 10 % off from a volume of 100 on
    ("document_processing/archive-away", "0.5 + 0.25 + 0.1 + 0.15 + 0.05", "", "1.05"),
    ("document_processing/filed", "(0.5 + 0.25 + 0.1 + 0.15 + 0.05) x 0.9", "0.945, and 4 is even", "0.94"),
    ("document_processing/thrown-away", "0.5 + 0.25 - 0.75", "nobody typed it in, and it failed", "0.00"),
    # video processing: 0.1 a second; transcoding 1.5 times that, analysing 1.2 times, thumbnails 0.8 times
    ("video_processing/published", "0.1 x (81 + 70 x 0.5 + 10 x 0.2 - 1 x 0.2)", "", "11.78"),
    ("video_processing/too-small-for-watches", "0.1 x (1 + 1 x 0.5) + 0.85", "at least 1", "1.00"),
]


def reckoned(arithmetic: str) -> Fraction:
    """What a sum comes to, as people write it: `0.5 x (1 - 0.1)`."""
    exact = re.sub(r"[0-9.]+", lambda found: f"Fraction('{found[0]}')", arithmetic.replace("x", "*"))
    return Fraction(eval(exact, {"Fraction": Fraction}))  # our own sums


@pytest.mark.parametrize(("scenario", "arithmetic", "why", "total"), WORKED, ids=[row[0] for row in WORKED])
def test_what_a_service_costs(scenario: str, arithmetic: str, why: str, total: str) -> None:
    """Each row says how its total comes about."""
    played = play(MACHINES / f"{scenario}.yaml")
    assert played.outcome is not None
    assert played.outcome.output["cost"] == total, why
    assert round(reckoned(arithmetic), 2) == Fraction(total), arithmetic
    charges = [told["data"] for told in played.outcome.document()["emitted"] if told["event"] == CHARGE]
    assert [charge["amount"] for charge in charges] == ([] if total == "0.00" else [total])


def worked(pricing: str, steps: str = "[{id: a}, {id: b}]", failing: str = "", volume: int | None = None) -> Bill:
    """The bill of a workflow with those steps, of which one may fail."""

    def handled(call: Work) -> object:
        if call.step == failing:
            raise wf.NonRetryable("no")
        return {}

    machine = wf.compile(wf.loads(f"{{name: w, steps: {steps}, pricing: {pricing}}}"))
    driver = wf.Driver(machine, handlers=dict.fromkeys(machine.handlers(), handled))
    found = bill(usage_of(machine, driver.history, volume))
    assert found is not None
    return found


ONCE = "[{id: p, type: parallel, steps: [{id: a}, {id: b}]}]"
TIERS = "discounts: {volume: [{min: 100, max: 1000, discount: 0.1}, "
TIERS += "{min: 1001, max: 9999, discount: 0.2}, {min: 10000, max: .inf, discount: 0.3}]}"
VOLUMES = [(None, "10.00"), (0, "10.00"), (99, "10.00"), (100, "9.00"), (1000, "9.00")]
VOLUMES += [(1001, "8.00"), (9999, "8.00"), (10000, "7.00"), (10**9, "7.00")]


@pytest.mark.parametrize(("volume", "total"), VOLUMES)
def test_a_volume_belongs_to_one_tier(volume: int | None, total: str) -> None:
    """10 x (1 - discount)."""
    assert str(worked(f"{{model: per-execution, rate: 10, {TIERS}}}", volume=volume).total) == total


def test_discounts_come_one_after_the_other_and_the_refund_last() -> None:
    """20 and 5; a fifth off, for some ran at once; a tenth of what is left, for the volume; 7.5, for the failure."""
    steps = "[{id: p, type: parallel, steps: [{id: a}, {id: b}]}, {id: c, required: false}]"
    prices = "{model: per-execution, rate: 20, stepRates: {a: 5, c: 9}, parallelDiscount: 0.2, failureRefund: 7.5, "
    found = worked(prices + TIERS + "}", steps, failing="c", volume=500)
    assert [(line.what, line.amount) for line in found.lines] == [
        ("execution", Decimal(20)),
        ("a", Decimal(5)),
        ("parallel discount", Decimal(-5)),
        ("volume discount", Decimal(-2)),
        ("failure refund", Decimal("-7.5")),
    ]
    assert Fraction(found.exact) == reckoned("(20 + 5) x 0.8 x 0.9 - 7.5") == reckoned("10.5")


def test_no_more_is_given_back_than_is_left() -> None:
    """100 would be given back, but there are 3."""
    prices = "{model: per-execution, rate: 3, failureRefund: 100}"
    found = worked(prices, "[{id: a}, {id: b, required: false}]", failing="b")
    assert [str(found.total), found.lines[-1].how] == ["0.00", "b failed"]


@pytest.mark.parametrize(
    ("currency", "total"),
    [("USD", "2.34"), ("JPY", "2"), ("KRW", "2"), ("BHD", "2.345"), ("CLF", "2.3450"), ("XXX", "2.34")],
)
def test_the_total_alone_is_rounded_and_as_its_currency_is(currency: str, total: str) -> None:
    """Of the two cents that are as near the even one."""
    found = worked(f"{{model: per-execution, rate: 1.2345, stepRates: {{a: 1.1105}}, currency: {currency}}}")
    assert (str(found.total), Fraction(found.exact)) == (total, reckoned("1.2345 + 1.1105"))
    assert (found.document()["total"], found.document()["exact"]) == (total, "2.345")


@pytest.mark.parametrize(
    ("rate", "total"), [("0.5", "0"), ("1.5", "2"), ("2.5", "2"), ("2.500000000001", "3"), ("12", "12")]
)
def test_a_currency_without_a_smaller_unit_has_whole_totals(rate: str, total: str) -> None:
    assert str(worked(f"{{model: per-execution, rate: '{rate}', currency: KRW}}").total) == total


def test_totals_of_many_digits_are_exact_too() -> None:
    """Twice 999,999,999,999.999999999999, and a discount of 12 digits off: 10^12 is the largest amount, 10^-12 the smallest."""
    most, off = "999999999999.999999999999", "0.000000000001"
    found = worked(
        f"{{model: per-execution, rate: '{most}', stepRates: {{a: '{most}'}}, parallelDiscount: '{off}'}}", ONCE
    )
    exact = 2 * Fraction(most) * (1 - Fraction(off))
    assert Fraction(found.exact) == exact
    assert str(found.total) == "1999999999998.00"


LIFE = """
name: life
initialState: a
context: {n: 3}
pricing: {model: per-execution, stepRates: {a: 1, b: 0.1, b.y: 0.02}}
billing: {customer: inputs.who, volume: context.n}
states:
  a: {on: {GO: b, AGAIN: a}, retry: {maxAttempts: 3, on: FAIL}}
  b: {initial: x, on: {BACK: a, END: end}, states: {x: {on: {N: y}}, y: {on: {N: x}}}}
  end: {terminal: true}
"""


def test_a_state_costs_each_time_that_it_is_entered_and_attempts_nothing() -> None:
    """A at first, again and after b; b twice; y three times."""
    driver = wf.Driver(wf.loads(LIFE), {"who": "ann"})
    for event in ("FAIL", "AGAIN", "GO", "N", "N", "N", "BACK", "GO", "N"):
        driver.send(event)
    so_far = bill(usage_of(driver.machine, driver.history))
    driver.send("END")
    found = bill(usage_of(driver.machine, driver.history))
    assert so_far is not None
    assert found is not None
    assert [(line.what, line.how) for line in found.lines] == [
        ("a", "3 x 1"),
        ("b", "2 x 0.1"),
        ("b.y", "3 x 0.02"),
    ]
    assert reckoned("3 x 1 + 2 x 0.1 + 3 x 0.02") == Fraction(found.exact) == Fraction(so_far.exact)
    assert (so_far.final, str(found.total), found.final) == (False, "3.26", True)
    assert (found.customer, found.volume) == ("ann", 3)
    (charge,) = driver.emitted
    assert charge.data == {
        "requestId": "local",
        "key": "local/Payment.charge",
        "customerId": "ann",
        "amount": "3.26",
        "currency": "USD",
        "description": "life",
    }


def test_time_counts_from_the_start_to_the_end_and_what_still_runs_until_now() -> None:
    """Both run until now, 9 s; in the end a has taken 10 s and b 4 s."""
    definition = wf.loads("""
        name: w
        steps: [{id: a, type: wait, duration: 10s}, {id: b, type: wait, duration: 4s, dependsOn: []}]
        pricing: {model: time-based, rate: 0.5, stepMultipliers: {a: 2, b: 0}}
        """)
    driver = wf.Driver(definition)
    driver.advance(3)
    now = bill(usage_of(driver.machine, driver.history), at=9_000)
    assert now is not None
    assert Fraction(now.exact) == reckoned("9 x 0.5 + 9 x 0.5 x (2 - 1) + 9 x 0.5 x (0 - 1)")
    assert [line.what for line in now.lines] == ["time", "a", "b"]
    driver.advance(20)
    found = bill(usage_of(driver.machine, driver.history), at=99_000)
    assert found is not None
    assert Fraction(found.exact) == reckoned("10 x 0.5 + 10 x 0.5 x (2 - 1) + 4 x 0.5 x (0 - 1)")
    assert (str(found.total), driver.emitted[-1].data["amount"]) == ("8.00", "8.00")


def test_what_has_no_price_list_has_no_bill() -> None:
    driver = wf.Driver(wf.loads("steps: [{id: a, type: wait, duration: 1s}]"))
    driver.advance(1)
    assert bill(usage_of(driver.machine, driver.history)) is None
    assert CHARGE not in [told.event for told in driver.emitted]
