"""Expense reports are really read and held against the policy; people decide the rest."""

from __future__ import annotations

from pathlib import Path

from tests.machines.driving import drive, errors, example, files, read_json

NAME = "expense_approval"


def test_a_lunch_passes_by_itself(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "lunch", payroll=str(tmp_path)))
    assert (driver.state, driver.success) == ("completed", True)
    (file,) = files(tmp_path)
    assert read_json(tmp_path / file) == {"to": "eve", "amount": "41.50", "approvedBy": "policy"}


def test_a_journey_is_decided_by_the_lead(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "journey", payroll=str(tmp_path)))
    (task,) = driver.tasks
    assert (task.step, task.assigned_to) == ("human-approval", "ann")
    assert driver.results["policy-check"]["concerns"] == ["hotel of 210.00 on 2026-11-03"]
    driver.complete("human-approval", "approved", by="ann")
    (file,) = files(tmp_path)
    assert read_json(tmp_path / file) == {"to": "eve", "amount": "371.10", "approvedBy": "ann"}


def test_after_half_a_day_it_is_the_managers(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "journey", payroll=str(tmp_path)))
    driver.advance(12 * 3600)
    assert [task.assigned_to for task in driver.tasks] == ["manager"]
    driver.complete("human-approval", "rejected", by="manager")
    assert (driver.state, files(tmp_path)) == ("failed", [])


def test_what_is_no_report(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "lunch", report="yesterday meal", payroll=str(tmp_path)))
    assert errors(driver)["extract"] == "this is no line of a report: yesterday meal"
