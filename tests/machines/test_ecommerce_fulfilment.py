"""Parcels are really picked, packed, numbered and awaited."""

from __future__ import annotations

from pathlib import Path

import pytest

import statewf as wf
from tests.machines.driving import drive, errors, example, files, read_json, undone

NAME = "ecommerce_fulfilment"


def test_a_parcel_comes_to_the_door(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "books", shop=str(tmp_path)), "w-1")
    assert (driver.state, driver.allowed) == ("running", ("DELIVERED",))
    assert driver.results["pick"] == {"way": ["A:bookx2", "C:lampx1"]}
    assert driver.results["pack"] == {"box": "medium"}
    assert driver.results["process-payment"] == {"total": "100.50"}
    with pytest.raises(wf.EventRejected):
        driver.send("DELIVERED", {"parcel": "SW0"})
    driver.send("DELIVERED", {"parcel": driver.results["ship"]["parcel"], "signedBy": "eve"})
    assert (driver.state, driver.success) == ("completed", True)
    assert read_json(tmp_path / "w-1" / "thanks.json") == {"to": "eve@home.example", "signedBy": "eve"}


def test_a_parcel_that_is_lost_is_paid_back(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "books", shop=str(tmp_path)), "w-1")
    driver.advance(14 * 86_400)
    assert [(task.step, task.assigned_to) for task in driver.tasks] == [("track", "support")]
    driver.complete("track", "rejected", by="ann")
    assert driver.state == "compensated"
    assert undone(driver) == ["ship:call-back", "process-payment:refund"]
    assert {"w-1/called-back.json", "w-1/refund.json"} <= set(files(tmp_path))


@pytest.mark.parametrize(
    ("order", "step", "told"),
    [
        ({"fish": 1}, "validate-order", "not sold here: fish"),
        ({}, "validate-order", "nothing is ordered"),
        ({"lamp": 4}, "check-inventory", "sold out: lamp"),
        ({"chair": 1, "book": 3}, "pack", "no box holds 60700 cubic centimetres"),
    ],
)
def test_what_cannot_be_sent(tmp_path: Path, order: dict[str, int], step: str, told: str) -> None:
    driver = drive(NAME, example(NAME, "books", order=order, shop=str(tmp_path)))
    assert errors(driver)[step] == told
    assert driver.state in ("failed", "compensated")
