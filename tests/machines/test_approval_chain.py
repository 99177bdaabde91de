"""Requests really climb as far as their amounts ask for, and the ledger says what is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import statewf as wf
from tests.machines.driving import drive, errors, example, files, read_json, undone

NAME = "approval_chain"


def asked(driver: wf.Driver) -> dict[str, object]:
    return {task.step: task.assigned_to for task in driver.tasks}


def request(folder: Path, which: str, **changed: Any) -> dict[str, Any]:
    return example(NAME, which, folder=str(folder), **changed)


def test_small_change_is_ordered_at_once(tmp_path: Path) -> None:
    driver = drive(NAME, request(tmp_path, "pens"))
    assert driver.results["reserve-budget"] == {"left": "99940"}
    assert files(tmp_path) == ["orders/PR-16.json", "reserved/PR-16.json"]
    with pytest.raises(wf.EventRejected):
        driver.send("ORDER_CONFIRMED", {"order": "PO-PR-16", "total": 61})
    driver.send("ORDER_CONFIRMED", {"order": "PO-PR-16", "total": 58.8})
    assert (driver.state, driver.success) == ("completed", True)
    assert driver.context["total"] == 58.8


def test_chairs_need_the_lead_and_the_head(tmp_path: Path) -> None:
    driver = drive(NAME, request(tmp_path, "chairs"))
    assert asked(driver) == {"team-lead": "lea"}
    driver.advance(12 * 3600)
    assert asked(driver) == {"team-lead": "hal"}  # escalated to whom the check found
    driver.complete("team-lead", by="hal")
    assert asked(driver) == {"department-head": "hal"}
    driver.complete("department-head", by="hal")
    order = read_json(tmp_path / "orders" / "PR-17.json")
    assert order["amount"] == "4800"
    said = [{"step": step, "by": "hal"} for step in ("department-head", "team-lead")]
    assert order["approvals"] == said
    driver.advance(5 * 86_400)
    assert asked(driver) == {"confirmation": "purchasing"}
    driver.complete("confirmation", by="pam", result={"total": 4800})
    assert driver.success


def test_a_fortune_needs_everybody_and_nobody_decides_for_themselves(tmp_path: Path) -> None:
    driver = drive(NAME, request(tmp_path, "press"))
    assert asked(driver) == {"team-lead": "leo"}  # lea is who asked
    driver.complete("team-lead", by="leo")
    driver.complete("department-head", by="hal")
    assert asked(driver) == {"controller-a": "cem", "controller-b": "cia"}
    driver.complete("controller-b", by="cia")
    assert asked(driver) == {"board-1": "bo", "board-2": "bea", "board-3": "ben"}
    driver.complete("board-3", by="ben")
    driver.complete("board-1", by="bo")
    assert asked(driver) == {}
    order = read_json(tmp_path / "orders" / "PR-18.json")
    assert [one["by"] for one in order["approvals"]] == ["bo", "ben", "cia", "hal", "leo"]
    assert order["amount"] == "74500.5"


def test_what_is_rejected_leaves_the_budget_as_it_was(tmp_path: Path) -> None:
    driver = drive(NAME, request(tmp_path, "chairs"))
    assert files(tmp_path) == ["reserved/PR-17.json"]
    driver.complete("team-lead", "rejected", by="lea", comments="we stand")
    assert driver.state == "compensated"
    assert undone(driver) == ["reserve-budget:release-budget"]
    assert files(tmp_path) == []
    told = [e.data["type"] for e in driver.emitted if e.event == "Notification.send"]
    assert told == ["approval-required", "workflow-failed"]


def test_a_supplier_who_is_gone_undoes_the_order(tmp_path: Path) -> None:
    driver = drive(NAME, request(tmp_path, "pens"))
    driver.advance(5 * 86_400)
    driver.complete("confirmation", "rejected", by="pam")
    assert undone(driver) == ["place-order:cancel-order", "reserve-budget:release-budget"]
    assert files(tmp_path) == []


def test_two_requests_cannot_spend_the_same_money(tmp_path: Path) -> None:
    drive(NAME, request(tmp_path, "chairs", budget=9000))
    second = drive(NAME, request(tmp_path, "chairs", budget=9000, request="PR-99"))
    assert second.state == "failed"
    assert errors(second)["reserve-budget"] == "the budget of 9000 is overdrawn: 9600 would be reserved"
    assert files(tmp_path) == ["reserved/PR-17.json"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"amount": "lots"}, "'lots' is not an amount of money"),
        ({"amount": 0.001}, "0.001 is not an amount of money"),
        ({"amount": -5}, "-5 is not an amount of money"),
        ({"item": ""}, "who wants what"),
        ({"requester": "hal"}, "nobody but hal could approve this as head"),
    ],
)
def test_a_request_that_cannot_be_is_refused(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    driver = drive(NAME, request(tmp_path, "chairs", **changed))
    assert driver.state == "failed"
    assert told in errors(driver)["check-request"]
