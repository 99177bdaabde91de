"""Tickets really find their team, and are watched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import statewf as wf
from tests.machines.driving import drive, errors, example, files, read_json

NAME = "support_ticket_routing"


def ticket(desk: Path, subject: str, text: str = "", plan: str = "basic", **more: Any) -> dict[str, Any]:
    customer = {"name": "Ada", "email": "ada@example.com", "plan": plan}
    return {"ticket": "T-1", "desk": str(desk), "subject": subject, "text": text, "customer": customer, **more}


def test_a_ticket_is_queued_answered_and_solved(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "refund", desk=str(tmp_path)))
    assert driver.results["classify"] == {
        "team": "billing",
        "lead": "bea",
        "because": ["card", "charged", "invoice", "refund"],
    }
    assert driver.results["route"]["queue"] == "billing"
    assert files(tmp_path) == ["answers/T-501.txt", "billing/T-501.json"]
    assert read_json(tmp_path / "billing" / "T-501.json")["level"] == "normal"
    letter = (tmp_path / "answers" / "T-501.txt").read_text()
    assert letter.startswith("To: ada@example.com\nSubject: Re: Charged twice\n\nDear Ada Okafor,\n\nBea will see")
    with pytest.raises(wf.EventRejected):
        driver.send("TICKET_UPDATED", {"status": "read"})
    driver.send("TICKET_UPDATED", {"status": "solved"})
    assert (driver.state, driver.success) == ("completed", True)


def test_an_outage_of_a_great_customer_wakes_somebody(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "outage", desk=str(tmp_path)))
    assert driver.results["priority"] == {
        "level": "urgent",
        "weight": 11,
        "reasons": ["down", "everybody", "outage"],
    }
    assert files(tmp_path) == ["on-call/T-502.json"]
    assert driver.states["auto-respond"] == "skipped"
    driver.advance(4 * 3600)
    assert [task.assigned_to for task in driver.tasks] == ["tom"]
    driver.advance(4 * 3600)
    assert [task.assigned_to for task in driver.tasks] == ["head-of-support"]
    driver.send("TICKET_UPDATED", {"status": "solved"})  # meanwhile; nobody needs to see to it any more
    assert (driver.state, driver.tasks) == ("completed", ())


@pytest.mark.parametrize(
    ("subject", "plan", "team", "level"),
    [
        ("I cannot log in, my password is locked", "basic", "access", "normal"),
        ("The server is slow", "enterprise", "technical", "high"),
        ("Thank you all!", "basic", "general", "normal"),
        ("A security breach!", "basic", "general", "urgent"),
    ],
)
def test_words_tell_the_team_and_the_weight(tmp_path: Path, subject: str, plan: str, team: str, level: str) -> None:
    driver = drive(NAME, ticket(tmp_path, subject, plan=plan))
    assert (driver.results["classify"]["team"], driver.results["priority"]["level"]) == (team, level)


def test_a_customer_without_an_address_gets_no_answer_and_help_all_the_same(tmp_path: Path) -> None:
    driver = drive(NAME, ticket(tmp_path, "refund", customer={"name": "Ada"}))
    assert errors(driver) == {"auto-respond": "'' is no address to answer to"}
    driver.send("TICKET_WITHDRAWN")
    assert (driver.state, driver.success) == ("completed", False)


@pytest.mark.parametrize("number", ["../T-1", ".T", "", "a/b"])
def test_a_number_that_is_no_name_of_a_file_is_refused(tmp_path: Path, number: str) -> None:
    driver = drive(NAME, ticket(tmp_path / "desk", "refund", ticket=number))
    assert driver.state == "failed"
    assert "is not the number of a ticket" in errors(driver)["route"]
    assert files(tmp_path) == []


def test_a_ticket_that_says_nothing_is_refused(tmp_path: Path) -> None:
    driver = drive(NAME, ticket(tmp_path, " "))
    assert errors(driver)["classify"] == "the ticket says nothing: it has neither a subject nor a text"
