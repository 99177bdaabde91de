"""`tasks` and `complete`: what people are to decide, and what becomes of it."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path

import pytest

from statewf.cli.asking import due_in, user
from tests.cli.support import CLAIM_HANDLERS, Cli

Write = Callable[[str], str]
ANN = ["--input", '{"boss": "ann"}']


@pytest.fixture
def module(handlers: Write) -> str:
    return handlers(CLAIM_HANDLERS)


@pytest.fixture
def claim(cli: Cli, module: str) -> str:
    """A claim that waits for ann."""
    return str(cli("start", "claim.yaml", *ANN, "--handlers", module, "--json").json["instance"])


# --- tasks


def test_open_tasks_are_listed_for_people_and_programs(cli: Cli, claim: str) -> None:
    said = cli("tasks")
    assert (said.code, said.err) == (0, "")
    head, line = said.out.splitlines()
    assert head.split() == ["task", "for", "due", "details"]
    assert line.split() == [f"{claim}/approve/1", "ann", "about:", "the", "claim"]
    assert cli("tasks", "--json").json == [
        {
            "id": f"{claim}/approve/1",
            "instance": claim,
            "step": "approve",
            "assignedTo": "ann",
            "details": {"about": "the claim"},
            "dueAt": None,
        }
    ]


def test_tasks_may_be_narrowed(cli: Cli, claim: str, module: str) -> None:
    other = cli("start", "claim.yaml", "--input", '{"boss": "bob"}', "--handlers", module, "--json").json[
        "instance"
    ]
    assert [task["instance"] for task in cli("tasks", "--json").json] == [claim, other]
    assert [task["instance"] for task in cli("tasks", "--assigned-to", "bob", "--json").json] == [other]
    assert [task["instance"] for task in cli("tasks", "--instance", claim, "--json").json] == [claim]
    assert cli("tasks", "--assigned-to", "cleo").out == "no open tasks of that kind\n"
    assert cli("tasks", "--instance", "nobody", "--json").codes == ["unknown-instance"]


def test_nothing_open_is_said_in_a_line(cli: Cli) -> None:
    assert cli("tasks").code == 2  # there is no store
    cli("start", "door.yaml")
    said = cli("tasks")
    assert (said.code, said.out, said.err) == (0, "no open tasks\n", "")
    assert cli("tasks", "--json").json == []


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (None, ""),
        (7_200_000, "in 2h"),
        (3_599_990, "in 1h"),
        (500, "in 500ms"),
        (-90_000, "1m 30s ago"),
        (0, "0ms ago"),
    ],
)
def test_when_a_task_is_due_is_said_in_words(at: int | None, told: str) -> None:
    now = 1_700_000_000_000
    assert due_in(None if at is None else now + at, now) == told


# --- complete


def test_deciding_performs_what_follows_when_there_are_handlers(cli: Cli, claim: str, module: str) -> None:
    said = cli(
        "complete", f"{claim}/approve/1", "--decision", "approved", "--comments", "fine", "--handlers", module
    )
    assert (said.code, said.err) == (0, "")
    assert said.out == f"approved: accepted. {claim} is in running. It accepts PAID.\n"
    (row,) = [row for row in cli("history", claim, "--json").json if row["event"] == "$decided"]
    assert (row["data"]["decision"], row["data"]["by"], row["data"]["comments"]) == ("approved", user(), "fine")
    assert cli("send", claim, "PAID", "--handlers", module).out == f"PAID: accepted. {claim} ended in completed.\n"


def test_without_handlers_the_calls_stay_open_and_it_says_so(cli: Cli, claim: str, module: str) -> None:
    cli("send", claim, "PAID")  # put off until the step is there
    said = cli("complete", f"{claim}/approve/1", "--decision", "approved")
    assert said.code == 0
    assert said.out == (
        f"approved: accepted. {claim} is in running, waiting for file. "
        "`statewf serve --handlers MODULE` performs it.\n    PAID, which was deferred\n"
    )
    assert cli("serve", "--handlers", module, "--until-idle").code == 0
    assert cli("show", claim, "--json").json["results"]["file"] == {"shelf": 7}


def test_who_decided_and_what_came_of_it(cli: Cli, claim: str, folder: Path) -> None:
    (folder / "result.json").write_text('["a", 1]')
    said = cli(
        "complete", f"{claim}/approve/1", "--decision", "half", "--by", "bob", "--result", "@result.json", "--json"
    )
    assert (said.code, said.json["event"], said.json["disposition"]) == (0, "$decided", "accepted")
    kept = cli("show", claim, "--json").json["results"]["approve"]
    assert (kept["reviewedBy"], kept["decision"], kept["approved"], kept["result"]) == (
        "bob",
        "half",
        False,
        ["a", 1],
    )


def test_who_is_nobody_decides_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("no username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert user() is None


def test_deciding_twice_is_refused(cli: Cli, claim: str) -> None:
    task = f"{claim}/approve/1"
    assert cli("complete", task, "--decision", "approved").code == 0
    said = cli("complete", task, "--decision", "rejected")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "$decided was rejected (stale): the task is not open: it was decided, or nobody waits for it any more\n"
    )
    said = cli("complete", task, "--decision", "rejected", "--json")
    assert (said.code, said.err, said.json["reason"], said.json["hint"]) == (1, "", "stale", None)


@pytest.mark.parametrize("slip", ["aproved", "Rejected", "APPROVED", "reject"])
def test_what_looks_like_a_slip_decides_nothing(slip: str, cli: Cli, claim: str) -> None:
    task = f"{claim}/approve/1"
    said = cli("complete", task, "--decision", slip, "--json")
    assert (said.code, said.err) == (2, "")
    assert "looks like a slip: did you mean" in said.json["errors"][0]["message"]
    assert [found["id"] for found in cli("tasks", "--json").json] == [task]


def test_a_decision_that_a_review_cannot_have_is_refused(cli: Cli, handlers: Write) -> None:
    Path("r.yaml").write_text("name: r\nsteps: [{id: a, onError: human-review, review: {assignTo: ann}}]\n")
    module = handlers("def a(call): raise ValueError('no')")
    review = cli("start", "r.yaml", "--handlers", module, "--json").json["instance"]
    task = f"{review}/a/1/review"
    assert [found["id"] for found in cli("tasks", "--json").json] == [task]
    said = cli("complete", task, "--decision", "perhaps", "--json")
    assert (said.code, said.json["reason"]) == (1, "guard")
    assert "perhaps is none of what can be decided: approved, rejected, retry" in said.json["message"]
    said = cli("complete", task, "--decision", "approved", "--result", '{"by": "hand"}', "--json")
    assert (said.code, said.json["state"]) == (0, "completed")
    assert cli("show", review, "--json").json["results"] == {"a": {"by": "hand"}}


@pytest.mark.parametrize("task", ["nobody/approve/1", "{claim}/approve/2", "{claim}/read/9", "{claim}", "x"])
def test_an_unknown_task_is_a_mistake(task: str, cli: Cli, claim: str) -> None:
    said = cli("complete", task.format(claim=claim), "--decision", "approved", "--json")
    assert (said.code, said.err, said.codes) == (2, "", ["unknown-task"])


def test_a_task_that_is_nearly_right_is_named(cli: Cli, claim: str) -> None:
    said = cli("complete", f"{claim}/aprove/1", "--decision", "approved")
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith(f"did you mean {claim}/approve/1?\n")


def test_complete_says_what_is_missing(cli: Cli, claim: str, module: str) -> None:
    task = f"{claim}/approve/1"
    assert "--decision" in cli("complete", task).err
    assert cli("complete", task, "--decision", " ", "--json").codes == ["usage"]
    assert cli("complete", task, "--decision", "approved", "--result", "{", "--json").codes == ["bad-syntax"]
    assert cli("complete", task, "--decision", "approved", "--handlers", "nowhere").code == 2
    assert cli("complete", task, "--decision", "approved", "--db", "other.db", "--json").codes == ["store-error"]
    assert len(cli("tasks", "--json").json) == 1
