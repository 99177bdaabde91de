"""Workflows on the command line: `run` in a pipe and at a terminal, and what the other verbs tell of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.support import BATCH_HANDLERS, CLAIM_HANDLERS, Cli, Terminal, ended, process, until

Write = Callable[[str], str]
ANN = ["--input", '{"boss": "ann"}']


@pytest.fixture
def claim(handlers: Write) -> list[str]:
    """How a claim is run."""
    return ["claim.yaml", *ANN, "--handlers", handlers(CLAIM_HANDLERS)]


@pytest.fixture
def batch(handlers: Write) -> list[str]:
    return ["batch.yaml", "--handlers", handlers(BATCH_HANDLERS)]


def told(line: str) -> str:
    """A line of a run without its time of day, and without how long something took."""
    return " ".join(re.sub(r"\b\d+\.\ds\b", "", line[8:]).split())


# --- in a pipe


def test_a_line_a_step_that_settles_or_is_tried_again(cli: Cli, batch: list[str]) -> None:
    said = cli("run", *batch)
    assert (said.code, said.err) == (0, "")
    first, *steps, last = [line for line in said.out.splitlines() if line != "a handler prints"]
    instance = first.split()[0]
    assert first == f"{instance}  started"
    assert [told(line) for line in steps] == [
        "shaky running, attempt 2 after ConnectionError: not yet",
        "shaky succeeded, attempt 2",
        "right skipped",
        "left succeeded",
        "both succeeded",
        "extra failed ValueError: no extras",
    ]
    assert last == f"{instance}  ended in completed, though extra failed"


def test_run_as_json_is_one_document(cli: Cli, batch: list[str]) -> None:
    said = cli("run", *batch, "--json")
    assert (said.code, said.err) == (0, "a handler prints\n")
    assert (said.json["state"], said.json["success"]) == ("completed", False)
    assert (said.json["completedSteps"], said.json["failedSteps"]) == (["shaky", "both"], ["extra"])


def test_what_is_decided_beforehand_needs_nobody(cli: Cli, claim: list[str]) -> None:
    said = cli("run", *claim, "--decide", "approve=approved", "--events", "PAID")
    assert (said.code, said.err) == (0, "")
    assert [told(line) for line in said.out.splitlines()[1:-1]] == [
        "read succeeded",
        "approve assigned for ann",
        "approve succeeded",
        "paid succeeded",
        "file succeeded",
    ]
    assert said.out.splitlines()[-1].endswith("ended in completed (success)")


def test_what_was_undone_is_told(cli: Cli, claim: list[str]) -> None:
    full = ["--input", '{"boss": "ann", "full": true}', *claim[3:]]
    said = cli("run", "claim.yaml", *full, "--decide", "approve=approved", "--events", "PAID")
    assert said.code == 1
    assert [told(line) for line in said.out.splitlines()[-4:-1]] == [
        "file failed OSError: the shelf is full",
        "workflow compensating OSError: the shelf is full",
        "read compensated",
    ]
    assert said.out.splitlines()[-1].endswith("ended in compensated (failure): file: OSError: the shelf is full")


def test_who_is_rejected_ends_in_failure(cli: Cli, claim: list[str]) -> None:
    said = cli("run", *claim, "--decide", "approve=rejected", "--json")
    assert (said.code, said.json["state"], said.json["failedSteps"]) == (1, "compensated", ["approve"])


def test_a_run_that_waits_for_people_ends_and_says_for_whom(cli: Cli, claim: list[str]) -> None:
    said = cli("run", *claim, "--db", "my claims.db")
    instance = said.out.split()[0]
    assert said.code == 1
    assert said.err == (
        f"{instance} is still in running\n"
        "approve is for ann to decide:\n"
        f"    statewf complete {instance}/approve/1 --decision approved --db 'my claims.db'\n"
    )
    said = cli("run", *claim, "--json")
    assert (said.code, said.err, said.json["state"]) == (1, "", "running")


def test_a_run_that_waits_for_an_event_says_for_which(cli: Cli, claim: list[str]) -> None:
    said = cli("run", *claim, "--decide", "approve=approved")
    assert said.code == 1
    assert said.err.endswith(" is still in running; it accepts PAID\n")


def test_a_run_goes_on_with_the_same_request(cli: Cli, claim: list[str]) -> None:
    first = cli("run", *claim, "--request-id", "R")
    instance = first.out.split()[0]
    said = cli("run", *claim, "--request-id", "R", "--decide", "approve=approved", "--events", "PAID")
    assert said.code == 0
    assert said.out.startswith(f"{instance}  goes on from running\n")
    assert [told(line) for line in said.out.splitlines()[1:-1]] == [
        "approve succeeded",
        "paid succeeded",
        "file succeeded",
    ]
    said = cli("run", *claim, "--request-id", "R")
    assert (said.code, said.out.splitlines()[1:]) == (0, [f"{instance}  ended in completed (success)"])


def test_a_persons_deadline_is_waited_for_if_it_is_near(cli: Cli) -> None:
    text = "name: t\nsteps: [{{id: ask, type: human-task, timeout: {}}}]\n"
    Path("near.yaml").write_text(text.format(200))
    said = cli("run", "near.yaml", "--json")
    assert (said.code, said.json["state"]) == (1, "failed")
    Path("far.yaml").write_text(text.format("2h"))
    said = cli("run", "far.yaml", "--json")
    assert (said.code, said.json["state"]) == (1, "running")


def test_a_step_that_is_asked_about_again_takes_the_next_decision(cli: Cli, handlers: Write) -> None:
    Path("r.yaml").write_text("name: r\nsteps: [{id: a, onError: human-review}]\n")
    module = handlers(
        "tries = []\ndef a(call):\n    tries.append(1)\n    if len(tries) < 3: raise ValueError('no')"
    )
    said = cli("run", "r.yaml", "--handlers", module, "--decide", "a=retry", "--decide", "a=retry")
    assert said.code == 0
    assert [told(line) for line in said.out.splitlines()[1:-1]] == ["a review for anybody"] * 2 + ["a succeeded"]


@pytest.mark.parametrize(
    ("decision", "code", "hint"),
    [
        ("aprove=approved", "unknown-step", "did you mean approve?"),
        ("xyz=approved", "unknown-step", "there are approve"),
        ("approve", "bad-decision", "such as approve=approved"),
        ("approve=", "bad-decision", "such as approve=approved"),
        ("approve=aproved", "bad-decision", "did you mean approved?"),
    ],
)
def test_a_decision_of_nothing_is_a_mistake(
    decision: str, code: str, hint: str, cli: Cli, claim: list[str]
) -> None:
    said = cli("run", *claim, "--decide", decision, "--json")
    assert (said.code, said.err, said.codes) == (2, "", [code])
    assert said.json["errors"][0]["hint"] == hint


def test_what_was_given_and_never_wanted_is_told(cli: Cli, claim: list[str]) -> None:
    decisions = ["--decide", "approve=approved", "--decide", "approve=rejected"]
    said = cli("run", *claim, *decisions, "--events", "PAID,PAID", "--json")
    assert said.json["rejected"] == ["PAID"]
    assert "--decide approve=rejected was not used" in said.err


def test_a_state_machine_asks_nobody_anything(cli: Cli) -> None:
    said = cli("run", "door.yaml", "--events", "", "--decide", "a=approved", "--json")
    assert (said.code, said.codes) == (2, ["unknown-step"])


def test_an_event_that_is_refused_is_told(cli: Cli, claim: list[str]) -> None:
    said = cli("run", *claim, "--decide", "approve=approved", "--events", "PIAD,PAID")
    assert said.code == 0
    assert "PIAD was rejected (unexpected)" in said.err
    assert "did you mean PAID?" in said.err


def test_time_is_waited_for_if_nobody_else_can_go_on(cli: Cli) -> None:
    text = (
        "name: t\nsteps: [{id: nap, type: wait, duration: 1h}, {id: call, type: event, event: GO, dependsOn: []}]\n"
    )
    Path("both.yaml").write_text(text)
    said = cli("run", "both.yaml")
    assert (said.code, said.err.split("; ")[1]) == (1, "it accepts GO\n")
    Path("nap.yaml").write_text(text.replace(", {id: call, type: event, event: GO, dependsOn: []}", ""))
    napping = process("run", "nap.yaml")
    assert napping.stderr is not None
    assert napping.stderr.readline().startswith("waiting for nap until ")
    napping.terminate()
    ended(napping)


# --- what the other verbs tell


def test_show_tells_of_the_steps(cli: Cli, claim: list[str]) -> None:
    instance = cli("start", *claim, "--json").json["instance"]
    shown = cli("show", instance).out
    for fact in (
        r"state +running\n",
        r"steps +1 succeeded, 1 assigned, 2 waiting\n",
        r"now +approve assigned\n",
        rf"tasks +{instance}/approve/1 for ann\n",
        r'results +read: {"total":30}\n',
    ):
        assert re.search(rf"^{fact}", shown, re.MULTILINE), shown
    document = cli("show", instance, "--json").json
    assert document["steps"][1] == {"step": "approve", "state": "assigned", "attempt": 1, "error": None}
    assert document["states"] == ["running", "succeeded", "assigned", "waiting", "waiting"]
    assert [task["id"] for task in document["tasks"]] == [f"{instance}/approve/1"]


def test_show_tells_what_failed_and_what_was_undone(cli: Cli, claim: list[str]) -> None:
    instance = cli("run", *claim, "--decide", "approve=rejected", "--json").json["instance"]
    shown = cli("show", instance).out
    assert re.search(r"^failed +approve: Rejected: approve was rejected$", shown, re.MULTILINE)
    assert re.search(r"^undone +read: forget$", shown, re.MULTILINE)


def test_a_row_of_many_steps_is_short(cli: Cli, handlers: Write) -> None:
    many = {"name": "many", "steps": [{"id": f"s{n}", "handler": "s", "dependsOn": []} for n in range(60)]}
    Path("many.json").write_text(json.dumps(many))
    instance = cli("run", "many.json", "--handlers", handlers("async def s(call): return {}"), "--json").json[
        "instance"
    ]
    history = cli("history", instance).out
    assert "workflow running; s0 running; s1 running; s2 running; s3 running; 56 more" in history
    assert max(map(len, history.splitlines())) < 200
    assert "and 40 more" in cli("show", instance).out
    assert "60 succeeded" in cli("show", instance).out


def test_cancelling_undoes_at_once_with_handlers_and_else_waits_for_serve(cli: Cli, claim: list[str]) -> None:
    first, second, third = (cli("start", *claim, "--json").json["instance"] for _ in range(3))
    said = cli("cancel", first, "--handlers", claim[-1])
    assert (said.code, said.out) == (0, f"$cancel: accepted. {first} ended in cancelled.\n")
    said = cli("cancel", second)
    assert said.out == (
        f"$cancel: accepted. {second} is in compensating, waiting for forget. "
        "`statewf serve --handlers MODULE` performs it.\n"
    )
    assert cli("cancel", third, "--now").out == f"$cancel: accepted. {third} ended in cancelled.\n"
    assert cli("serve", "--handlers", claim[-1], "--until-idle").code == 0
    undone = [cli("show", instance, "--json").json["compensations"] for instance in (first, second, third)]
    assert undone == [[{"step": "read", "action": "forget", "success": True}]] * 2 + [[]]
    assert {card["state"] for card in cli("list", "--json").json} == {"cancelled"}


def test_serve_tells_of_tasks_and_goes_on_with_what_was_decided_elsewhere(cli: Cli, claim: list[str]) -> None:
    instance = cli("start", "claim.yaml", *ANN, "--json").json["instance"]
    serving = process("serve", "--handlers", claim[-1])
    until(lambda: cli("tasks", "--json").json)
    cli("complete", f"{instance}/approve/1", "--decision", "approved")
    cli("send", instance, "PAID")
    until(lambda: cli("show", instance, "--json").json["state"] == "completed")
    serving.terminate()
    said = ended(serving)
    assert said.code == 0
    assert "read succeeded; approve assigned" in said.out
    assert f"    approve is for ann to decide:\n        statewf complete {instance}/approve/1" in said.out
    assert "file succeeded; workflow completed" in said.out


# --- at a terminal


def lines(terminal: Terminal) -> list[str]:
    """What stands on the screen, as a terminal understands it: the cursor goes up, lines are erased."""
    screen, row = [""], 0
    for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\n|\r)", terminal.screen):
        if part == "\n":
            row += 1
            screen += [""] * (row + 1 - len(screen))
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            screen[row] = ""
        elif part and part[0] not in "\x1b\r":
            screen[row] += part
    return screen


def too_wide(terminal: Terminal) -> list[str]:
    return [line for line in lines(terminal) if len(line) > 80]


def test_the_picture_is_drawn_in_place_and_left_standing(batch: list[str]) -> None:
    terminal = Terminal.of("run", *batch)
    assert terminal.finish() == 0
    first, *shown = lines(terminal)
    instance = first.split()[0]
    assert terminal.screen.count("shaky") > 1
    assert [" ".join(re.sub(r"\b\d\.\ds\b", "", line).split()) for line in shown] == [
        "a handler prints",
        "✓ shaky succeeded, attempt 2",
        "✓ both succeeded",
        "✓ left succeeded",
        "- right skipped",
        "✗ extra failed ValueError: no extras",
        f"━━━━━━━━━━━━━━━━━━━━ 100% 2 of 3 steps {instance} completed",
        f"{instance} ended in completed, though extra failed",
        "",
    ]
    assert "  left" in shown[3]
    assert "\x1b[3" not in terminal.screen  # no colours: NO_COLOR is set
    assert not too_wide(terminal)


def test_a_terminal_of_ascii_gets_a_picture_of_ascii(handlers: Write) -> None:
    Path("cafe.yaml").write_text("name: cafe\nsteps: [{id: café, handler: pour}]\n")
    module = handlers(f"def pour(call): raise ValueError('{'nothing ' * 20}')")
    terminal = Terminal.of("run", "cafe.yaml", "--handlers", module, PYTHONIOENCODING="ascii")
    assert terminal.finish() == 1
    assert re.match(r"x caf\\xe9  failed  \d\.\ds  ValueError: nothing .*~$", lines(terminal)[1])
    assert "".join(lines(terminal)[:3]).isascii()
    assert not too_wide(terminal)


def test_a_dumb_terminal_gets_lines(batch: list[str]) -> None:
    terminal = Terminal.of("run", *batch, TERM="dumb")
    assert terminal.finish() == 0
    assert "\x1b" not in terminal.screen
    assert "shaky    running, attempt 2  after ConnectionError: not yet" in terminal.screen


def test_a_person_is_asked_for_decisions_and_events(claim: list[str]) -> None:
    terminal = Terminal.of("run", *claim)
    assert "approve is for ann to decide:\n    statewf complete claim-" in terminal.read("approve> ")
    terminal.type("\n")
    terminal.read("approve> ")
    terminal.type("approved all is well\n")
    assert "it accepts PAID" in terminal.read("event> ")
    terminal.type("PIAD\n")
    assert "did you mean PAID?" in terminal.read("event> ")
    terminal.type('PAID {"by": "card"}\n')
    terminal.read("ended in completed (success)")
    assert terminal.finish() == 0
    assert not too_wide(terminal)


def test_what_is_decided_in_another_shell_is_noticed(cli: Cli, claim: list[str]) -> None:
    terminal = Terminal.of("run", *claim)
    terminal.read("approve> ")
    (task,) = cli("tasks", "--json").json
    assert cli("complete", task["id"], "--decision", "approved").code == 0
    terminal.read("event> ")
    assert cli("send", task["instance"], "PAID").code == 0
    terminal.read("ended in completed (success)")
    assert terminal.finish() == 0


def test_of_several_questions_the_step_is_named() -> None:
    Path("two.yaml").write_text(
        "name: two\nsteps:\n  - {id: a, type: human-task}\n  - {id: b, type: human-task, dependsOn: []}\n"
    )
    terminal = Terminal.of("run", "two.yaml")
    terminal.read("step and decision> ")
    terminal.type("approved\n")
    assert "say STEP DECISION, such as a approved" in terminal.read("step and decision> ")
    terminal.type("b approved\n")
    terminal.read("a> ")
    terminal.type("approved\n")
    assert terminal.finish() == 0


def test_ctrl_d_leaves_what_waits_for_people(claim: list[str]) -> None:
    terminal = Terminal.of("run", *claim)
    terminal.read("approve> ")
    terminal.type("\x04")
    terminal.read("is still in running")
    assert terminal.finish() == 1


def test_ctrl_c_leaves_the_picture_and_says_how_to_go_on(handlers: Write) -> None:
    Path("slow.yaml").write_text("name: slow\nsteps: [{id: work}]\n")
    module = handlers("import time\ndef work(call): time.sleep(1000)")
    terminal = Terminal.of("run", "slow.yaml", "--handlers", module)
    terminal.read("▸ work  running")
    terminal.type("\x03")
    assert terminal.finish() == 130
    shown = "\n".join(lines(terminal))
    assert re.search(r"interrupted; slow-\w+ is kept, and `statewf serve --handlers", shown)
    assert "▸ work  running" in shown
    assert "Traceback" not in shown


def test_a_picture_has_room_on_the_screen(handlers: Write) -> None:
    many = {"name": "many", "steps": [{"id": f"step-{n}", "handler": "s"} for n in range(300)]}
    Path("many.json").write_text(json.dumps(many))
    terminal = Terminal.of("run", "many.json", "--handlers", handlers("async def s(call): return {}"))
    assert terminal.finish() == 0
    shown = lines(terminal)
    assert "… 264 more steps" in terminal.screen  # 40 lines, less a margin
    assert "… 100 more steps" in shown
    assert sum(line.startswith("✓") for line in shown) == 200


def test_nothing_of_a_workflow_is_wider_than_the_terminal(cli: Cli, folder: Path, handlers: Write) -> None:
    step = "a-step-whose-name-is-rather-long-for-a-step-of-a-workflow"
    (folder / "long.yaml").write_text(
        f"name: long-names-are-allowed-in-workflows\nsteps:\n  - id: {step}\n    onError: human-review\n"
    )
    module = handlers(f"handlers = {{'{step}': lambda call: 1 / 0}}")
    instance = cli("start", "long.yaml", "--handlers", module, "--json").json["instance"]
    for args in (["show", instance], ["history", instance], ["list"], ["tasks"]):
        terminal = Terminal.of(*args)
        assert terminal.finish() == 0
        assert not too_wide(terminal), terminal.screen
    terminal = Terminal.of("run", "long.yaml", "--handlers", module, "--decide", f"{step}=rejected")
    assert terminal.finish() == 1
    assert not too_wide(terminal), terminal.screen
