"""Whom a bill charges, for which volume, and what it says where billing has no answer."""

from __future__ import annotations

from typing import Any

import pytest

import statewf as wf
from statewf.machine.record import row
from statewf.pricing import CHARGE, Bill, bill, usage_of

TIERED = "rate: 10, discounts: {volume: [{min: 100, discount: 0.1}]}"


def ended(inputs: dict[str, Any], billing: str = "", prices: str = TIERED) -> tuple[Bill, wf.Driver]:
    text = f"{{name: w, steps: [{{id: a}}], pricing: {{model: per-execution, {prices}}}, {billing}}}"
    driver = wf.Driver(wf.loads(text), inputs, handlers={"a": lambda _: {"n": 250, "who": "bob"}})
    found = bill(usage_of(driver.machine, driver.history))
    assert found is not None
    return found, driver


def told(found: Bill) -> list[tuple[str, str]]:
    """The lines that change nothing."""
    return [(line.what, line.how) for line in found.lines if not line.amount]


VOLUMES = [(100, 100), (150.0, 150), (10**15, 10**15), (99, 99), (0, 0)]
ODD: list[tuple[Any, str]] = [
    ("many", 'billing.volume is "many", no whole number from 0 to 1,000,000,000,000,000'),
    (99.5, "billing.volume is 99.5, no whole number from 0 to 1,000,000,000,000,000"),
    (-1, "billing.volume is -1, no whole number from 0 to 1,000,000,000,000,000"),
    (True, "billing.volume is true, no whole number from 0 to 1,000,000,000,000,000"),
    (10**15 + 1, "billing.volume is 1000000000000001, no whole number from 0 to 1,000,000,000,000,000"),
    (None, "billing.volume is null, no whole number from 0 to 1,000,000,000,000,000"),
    ([100], "billing.volume is a list, no whole number from 0 to 1,000,000,000,000,000"),
]


@pytest.mark.parametrize(("said", "volume"), VOLUMES)
def test_a_whole_number_is_a_volume_however_it_is_written(said: float, volume: int) -> None:
    found, _ = ended({"n": said}, "billing: {volume: inputs.n}")
    assert (found.volume, str(found.total)) == (volume, "9.00" if volume >= 100 else "10.00")
    assert told(found) == []


@pytest.mark.parametrize(("said", "why"), ODD, ids=[why[:30] for _, why in ODD])
def test_what_is_no_volume_gives_no_discount_and_the_bill_says_why(said: Any, why: str) -> None:
    found, _ = ended({"n": said}, "billing: {volume: inputs.n}")
    assert (found.volume, str(found.total), told(found)) == (None, "10.00", [("no volume discount", why)])
    assert told(ended({"n": said}, "billing: {volume: inputs.n}", "rate: 10")[0]) == []  # it changes nothing there


def test_without_billing_an_input_says_the_volume_and_the_customer() -> None:
    found, driver = ended({"volume": 100, "customerId": 7})
    assert (found.volume, found.customer, str(found.total), told(found)) == (100, 7, "9.00", [])
    assert driver.emitted[-1].data["customerId"] == 7
    found, driver = ended({})
    assert (found.volume, found.customer, str(found.total)) == (None, None, "10.00")
    assert told(found) == [("no volume discount", "inputs.volume is not there")]
    assert driver.emitted[-1].data["customerId"] is None
    found, _ = ended({"volume": 100, "customerId": 7}, "billing: {customer: inputs.who, volume: inputs.n}")
    assert told(found) == [
        ("no volume discount", "billing.volume is not there"),
        ("nobody to charge", "billing.customer is not there"),
    ]


@pytest.mark.parametrize("said", [True, [7], {"id": 7}, None])
def test_a_customer_is_text_or_a_number(said: Any) -> None:
    for inputs, billing, asked in (
        ({"who": said}, "billing: {customer: inputs.who}", "billing.customer"),
        ({"customerId": said}, "", "inputs.customerId"),
    ):
        found, driver = ended(inputs, billing, "rate: 1")
        assert found.customer is driver.emitted[-1].data["customerId"] is None
        ((what, how),) = told(found)
        assert what == "nobody to charge"
        assert how.startswith(f"{asked} is ")
        assert how.endswith(", neither text nor a number")


def test_results_can_say_both() -> None:
    found, _ = ended({}, "billing: {customer: results.a.who, volume: results.a.n}")
    assert (found.customer, found.volume, str(found.total)) == ("bob", 250, "9.00")


def test_a_fault_is_told_in_the_bill_and_in_the_history() -> None:
    """As any fault is: nothing of it stops the end."""
    text = f"""
    name: m
    initialState: a
    pricing: {{model: per-execution, {TIERED}}}
    billing: {{customer: "1 / inputs.n", volume: "inputs.who < 1"}}
    states: {{a: {{on: {{END: b}}}}, b: {{terminal: true}}}}
    """
    driver = wf.Driver(wf.loads(text), {"n": 0, "who": "ann"})
    driver.send("END")
    found = bill(usage_of(driver.machine, driver.history))
    assert found is not None
    assert found.faults == (
        "billing.customer: division by zero: 1 / inputs.n",
        "billing.volume: cannot order text < a number: inputs.who < 1",
    )
    assert told(found) == [("no volume discount", found.faults[1]), ("nobody to charge", found.faults[0])]
    assert row(driver.history[-1])["notes"] == [f"fault: {fault}" for fault in found.faults]
    assert [sent.data["customerId"] for sent in driver.emitted if sent.event == CHARGE] == [None]


def test_a_fault_is_told_although_nothing_is_due() -> None:
    found, driver = ended({"n": 0}, "billing: {customer: '1 / inputs.n'}", "rate: 0")
    assert row(driver.history[-1])["notes"] == [f"fault: {found.faults[0]}"]
    assert CHARGE not in [sent.event for sent in driver.emitted]
