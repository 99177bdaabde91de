"""Newcomers really get what they need, each their own, and all of it goes back when they do not come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import statewf as wf
from tests.machines.driving import drive, errors, example, files, read_json, undone

NAME = "employee_onboarding"
WEEK = 7 * 86_400


def newcomer(folder: Path, which: str = "engineer", **changed: Any) -> dict[str, Any]:
    inputs = example(NAME, which, folder=str(folder))
    return {**inputs, "employee": {**inputs["employee"], **changed}}


def sign(driver: wf.Driver) -> None:
    driver.send("CONTRACT_SIGNED", {"employee": driver.results["register"]["number"]})


def test_everything_is_there_on_the_first_day(tmp_path: Path) -> None:
    driver = drive(NAME, newcomer(tmp_path))
    number = driver.results["register"]["number"]
    with pytest.raises(wf.EventRejected):
        driver.send("CONTRACT_SIGNED", {"employee": "E0"})
    sign(driver)
    assert files(tmp_path) == [
        "accounts/zoe.brandt.json",
        "desks/2.14.json",
        "laptops/L-17.json",
        f"letters/{number}.txt",
        f"payroll/{number}.json",
        f"register/{number}.json",
    ]
    assert read_json(tmp_path / "register" / f"{number}.json")["manager"] == "mira"
    assert driver.results["account"] == {"account": "zoe.brandt", "groups": ["everybody", "engineering"]}
    assert driver.results["payroll"] == {"paidTo": "DE89...3000"}
    letter = (tmp_path / "letters" / f"{number}.txt").read_text(encoding="utf-8").splitlines()
    assert letter[0] == "Welcome, Zoë Brandt!"
    assert letter[2:] == ["Your account is zoe.brandt.", "Your laptop is L-17.", "Your desk is 2.14."]
    driver.advance(WEEK)
    assert [task.assigned_to for task in driver.tasks] == ["mira"]
    driver.complete("check-in", "rejected", by="mira", comments="there is no coffee")
    assert (driver.state, driver.success) == ("completed", True)


def test_two_of_one_name_get_nothing_that_the_other_has(tmp_path: Path) -> None:
    first, second = (drive(NAME, newcomer(tmp_path), instance) for instance in ("one", "two"))
    assert (first.context["account"], second.context["account"]) == ("zoe.brandt", "zoe.brandt2")
    assert (first.context["laptops"], second.context["laptops"]) == ("L-17", "L-18")
    assert (first.context["desks"], second.context["desks"]) == ("2.14", "2.15")
    assert first.context["number"] != second.context["number"]
    second.cancel()
    assert second.state == "cancelled"
    left = [name for name in files(tmp_path) if name.startswith(("accounts", "laptops", "desks"))]
    assert left == ["accounts/zoe.brandt.json", "desks/2.14.json", "laptops/L-17.json"]


def test_asking_again_is_getting_the_same_again(tmp_path: Path) -> None:
    first = drive(NAME, newcomer(tmp_path), "same")
    before = files(tmp_path)
    again = drive(NAME, newcomer(tmp_path), "same")  # as after a crash, all calls are made once more
    assert again.context == first.context
    assert files(tmp_path) == before


def test_when_all_is_taken_somebody_is_asked_and_the_long_table_is_free(tmp_path: Path) -> None:
    drive(NAME, newcomer(tmp_path), "one")
    drive(NAME, newcomer(tmp_path), "two")
    third = drive(NAME, newcomer(tmp_path), "three")
    assert [(task.step, task.assigned_to) for task in third.tasks] == [("laptop", "it-desk")]
    assert errors(third) == {"laptop": "there are no laptops left", "desk": "there are no desks left"}
    third.complete("laptop", result={"laptops": "L-19"})
    assert third.states["provision"] == "succeeded"
    assert third.context["laptops"] == "L-19"


def test_who_works_from_home_needs_no_desk(tmp_path: Path) -> None:
    driver = drive(NAME, newcomer(tmp_path, "remote"))
    assert driver.states["desk"] == "skipped"
    assert driver.states["provision"] == "succeeded"
    assert not (tmp_path / "desks").exists()


def test_who_never_signs_leaves_nothing_behind(tmp_path: Path) -> None:
    driver = drive(NAME, newcomer(tmp_path))
    driver.advance(2 * WEEK)
    assert driver.state == "compensated"
    assert undone(driver) == [
        *("desk:return-all", "laptop:return-all", "payroll:return-all", "account:return-all"),
        "register:strike-off",
    ]
    assert files(tmp_path) == []
    assert [e.data["type"] for e in driver.emitted if e.event == "Notification.send"] == ["workflow-failed"]


def test_who_cannot_be_paid_is_not_employed(tmp_path: Path) -> None:
    driver = drive(NAME, newcomer(tmp_path, iban="DE89 3704 0044 0532 0130 01"))
    assert driver.state == "compensated"
    assert "no bank account" in errors(driver)["payroll"]
    assert undone(driver)[-2:] == ["account:return-all", "register:strike-off"]
    assert [name for name in files(tmp_path) if name.startswith(("accounts", "payroll", "register"))] == []


def test_all_that_is_wrong_with_a_form_is_told(tmp_path: Path) -> None:
    driver = drive(NAME, newcomer(tmp_path, name="", manager=None, start="soon"))
    assert driver.state == "failed"
    assert errors(driver)["register"] == "the name is missing; the manager is missing; 'soon' is no day to start on"
    assert files(tmp_path) == []
