"""Customers are really registered, and get what goes with what is known of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.driving import drive, errors, example, files, read_json, undone

NAME = "customer_onboarding"


def test_a_business_gets_everything(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "business", customers=str(tmp_path)))
    assert (driver.state, driver.success) == ("completed", True)
    assert driver.results["verify-identity"]["verified"] is True
    assert driver.results["team-invite"] == {"invited": 2}
    folder = tmp_path / "it-pulp-example"
    assert files(folder) == [
        "api-key.json",
        "integrations.json",
        "invitation-ann@pulp.example.json",
        "invitation-bob@pulp.example.json",
        "profile.json",
        "welcome.json",
    ]
    assert read_json(folder / "welcome.json")["text"] == "welcome, everything is ready"


@pytest.mark.parametrize(("number", "verified"), [("DE136695976", True), ("DE136695977", False), ("", False)])
def test_a_vat_number_has_a_check_digit(tmp_path: Path, number: str, verified: bool) -> None:
    driver = drive(NAME, example(NAME, "business", vatId=number, customers=str(tmp_path)))
    assert driver.results["business-verification"]["verified"] is verified
    assert ("limited-access" in driver.results) is not verified


@pytest.mark.parametrize(("born", "verified"), [("2008-11-02", True), ("2008-11-03", False)])
def test_a_person_is_of_age(tmp_path: Path, born: str, verified: bool) -> None:
    driver = drive(NAME, example(NAME, "personal", born=born, customers=str(tmp_path)))
    assert driver.results["verify-identity"]["verified"] is verified
    assert driver.state == "completed"


def test_an_unknown_service_is_left_out(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "business", integrations=["fax"], customers=str(tmp_path)))
    assert driver.success
    assert errors(driver) == {"integrations": "fax cannot be integrated; known are calendar, chat, mail"}


def test_who_cannot_be_asked_is_forgotten(tmp_path: Path) -> None:
    inputs = example(NAME, "personal", customers=str(tmp_path))
    del inputs["born"]
    driver = drive(NAME, inputs)
    assert driver.state == "compensated"
    assert undone(driver) == ["profile:remove-profile"]
    assert files(tmp_path) == []
