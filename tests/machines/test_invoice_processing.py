"""Invoices are really read, checked, paid and booked, or all of it is taken back."""

from __future__ import annotations

import json
from pathlib import Path

from tests.machines.driving import drive, errors, example, files, undone

NAME = "invoice_processing"


def lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_an_invoice_is_paid_and_booked(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "paper", books=str(tmp_path)))
    assert (driver.state, driver.success) == ("completed", True)
    assert driver.results["extract"] == {
        "number": "PP-7711",
        "vendor": "Pulp & Paper Ltd",
        "iban": "DE89 3704 0044 0532 0130 00",
        "net": "400.00",
        "vat": "76.00",
        "total": "476.00",
    }
    assert files(tmp_path) == ["approvals.jsonl", "ledger.jsonl", "letters.jsonl", "payments.jsonl"]
    (paid,) = lines(tmp_path / "payments.jsonl")
    assert (paid["amount"], paid["to"]) == ("476.00", "Pulp & Paper Ltd")


def test_a_wrong_sum_is_shown_to_a_person(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "wrong_sum", books=str(tmp_path)))
    assert [(task.step, task.assigned_to) for task in driver.tasks] == [("validate", "accounts-payable")]
    assert errors(driver)["validate"] == "100.00 and 19.00 are not 129.00"
    driver.complete("validate", "approved", by="ann", result={"total": "119.00"})
    assert driver.state == "completed"
    (paid,) = lines(tmp_path / "payments.jsonl")
    assert paid["amount"] == "119.00"  # what the person said stands


def test_an_account_number_that_is_none(tmp_path: Path) -> None:
    text = example(NAME, "paper")["text"].replace("DE89", "DE88")
    driver = drive(NAME, example(NAME, "paper", text=text, books=str(tmp_path)))
    assert "is no account number" in errors(driver)["validate"]


def test_what_cannot_be_paid_is_taken_back(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "paper", balance="1.00", books=str(tmp_path)))
    assert driver.state == "compensated"
    assert undone(driver) == ["process-payment:reverse-approval", "process-payment:notify-failure"]
    assert [line.get("reversed", False) for line in lines(tmp_path / "approvals.jsonl")] == [False, True]
    assert lines(tmp_path / "letters.jsonl")[0]["text"] == "payment-failed"


def test_closed_books_stop_nobody(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "paper", booksClosed=True, books=str(tmp_path)))
    driver.advance(1)
    assert (driver.state, driver.success) == ("completed", False)
    assert errors(driver) == {"update-accounting": "the books of this month are closed"}


def test_text_that_is_no_invoice(tmp_path: Path) -> None:
    driver = drive(NAME, {"text": "Dear Sir", "books": str(tmp_path)})
    assert driver.state == "failed"
    assert errors(driver)["extract"] == "the invoice does not say its number, vendor, total"
