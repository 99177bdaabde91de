"""Orders are really checked, paid, taken out of the stock and sent, or taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.driving import drive, errors, example, files, read_json, undone

NAME = "order_fulfilment"


def test_an_order_is_sent(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "lamps", shop=str(tmp_path)), "o-1")
    assert (driver.state, driver.success) == ("completed", True)
    assert driver.results["validate"] == {"total": "97.80"}
    assert files(tmp_path) == [f"{drawer}/o-1.json" for drawer in ("labels", "letters", "reserved", "till")]
    assert read_json(tmp_path / "reserved" / "o-1.json") == {"lamp": 2, "bulb": 4}


def test_what_one_has_reserved_another_cannot_have(tmp_path: Path) -> None:
    drive(NAME, example(NAME, "lamps", shop=str(tmp_path)), "o-1")
    second = drive(NAME, example(NAME, "lamps", shop=str(tmp_path)), "o-2")
    assert second.state == "compensated"
    assert errors(second)["check-stock"] == "not in stock: lamp"
    assert undone(second) == ["payment:refund"]
    assert read_json(tmp_path / "refunds" / "o-2.json") == {"gave": "97.80"}


def test_where_nobody_delivers_all_is_taken_back(tmp_path: Path) -> None:
    inputs = example(NAME, "lamps", shop=str(tmp_path))
    driver = drive(NAME, {**inputs, "address": {**inputs["address"], "country": "XX"}}, "o-1")
    assert driver.state == "compensated"
    assert undone(driver) == ["reserve:release", "payment:refund"]
    assert "reserved/o-1.json" not in files(tmp_path)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"items": []}, "the order has no items"),
        ({"total": "1.00"}, "the items come to 97.80, not to 1.00"),
    ],
)
def test_an_order_that_cannot_be(tmp_path: Path, changed: dict[str, object], told: str) -> None:
    driver = drive(NAME, example(NAME, "lamps", shop=str(tmp_path), **changed))
    assert (driver.state, errors(driver)["validate"]) == ("failed", told)
    assert files(tmp_path) == []


def test_nobody_to_write_to_is_no_reason_to_stop(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "lamps", shop=str(tmp_path), email=""))
    assert (driver.state, driver.success) == ("completed", False)
