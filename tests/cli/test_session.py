"""A live run: events from a pipe, and from a person at a terminal of 80 columns."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.support import Cli, Terminal

Write = Callable[[str], str]
ORDER = ["machines/order.yaml", "--input", "@machines/order/paid.json", "--handlers", "machines.order_handlers"]


def feed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


# --- from a pipe


def test_events_are_read_from_a_pipe(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, '\n  OPEN  {"by": "ann"}\nCLOSE\n\nLOCK\t{"code": 42}\nnever read\n')
    said = cli("run", "door.yaml")
    assert (said.code, said.err) == (0, "")
    assert 'closed → open  {"by":"ann"}\n' in said.out
    assert said.out.splitlines()[-1].endswith("ended in locked (success)")


def test_a_pipe_that_ends_leaves_the_instance_where_it_is(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, "OPEN\nLOCK\n")
    said = cli("run", "door.yaml", "--json")
    assert (said.code, said.json["state"], said.json["rejected"]) == (1, "open", ["LOCK"])


@pytest.mark.parametrize(
    ("line", "code"), [("OPEN {", "bad-syntax"), ("OPEN [1]", "not-an-object"), ("OPEN @missing", "unreadable")]
)
def test_a_line_of_a_pipe_that_is_wrong_ends_with_2(
    line: str, code: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, f"{line}\nOPEN\n")
    said = cli("run", "door.yaml", "--json")
    assert (said.code, said.err, said.codes) == (2, "", [code])
    assert cli("list", "--json").json[0]["state"] == "closed"


def test_bytes_that_are_no_text_end_with_2(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), encoding="utf-8"))
    said = cli("run", "door.yaml")
    assert said.code == 2
    assert said.err.startswith("standard input: error: the line is not UTF-8 text")


def test_a_closed_standard_input_is_an_empty_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert cli("run", "door.yaml").code == 1


# --- from a person


def too_wide(terminal: Terminal) -> list[str]:
    return [line for line in terminal.screen.splitlines() if len(line) > 80]


def test_a_person_is_asked_and_may_correct_a_slip() -> None:
    terminal = Terminal.of("run", *ORDER)
    assert "pending accepts VALIDATE, CANCEL\nevent> " in terminal.read("event> ")
    for line, told in (
        ("VALIDATE {", "the data of VALIDATE:1: error: expected a key"),
        ("validate", "did you mean VALIDATE?"),
        ("", "pending accepts"),
        ('VALIDATE {"by": "ann"}', "validated accepts PROCESS_PAYMENT"),
        ("PROCESS_PAYMENT", "processing-payment → paid"),
        ("FULFILL", "fulfilling accepts SHIPPED, FULFILLMENT_FAILED"),
        ("SHIPPED", "shipped accepts"),
        ("DELIVERED", "ended in delivered (success)"),
    ):
        terminal.type(line + "\n")
        terminal.read(told)
        if told != "ended in delivered (success)":
            terminal.read("event> ")
    assert terminal.finish() == 0
    assert not too_wide(terminal)


def test_a_timeout_ends_an_instance_while_a_person_thinks(folder: Path) -> None:
    (folder / "bomb.yaml").write_text("""
initialState: ticking
states:
  ticking: {on: {CUT: safe}, timeout: 300, timeoutTransition: gone}
  gone: {timeout: 300, timeoutTransition: over, on: {}}
  over: {terminal: true, outcome: failure}
  safe: {terminal: true}
""")
    terminal = Terminal.of("run", "bomb.yaml")
    shown = terminal.read("ended in over (failure)")
    assert terminal.finish() == 1
    assert re.search(r"event> \n\S+  \$timeout:ticking +ticking → gone\ngone accepts nothing\nevent> \n", shown)
    assert terminal.screen.count("event> ") == 2


def test_ctrl_d_is_the_end_of_what_a_person_says() -> None:
    terminal = Terminal.of("run", "door.yaml")
    terminal.read("event> ")
    terminal.type("\x04")
    assert terminal.finish() == 1
    assert "is still in closed; it accepts OPEN, LOCK" in terminal.screen


def test_what_takes_long_is_told_and_ctrl_c_says_how_to_go_on(handlers: Write) -> None:
    module = handlers("import time\ndef work(call): time.sleep(1000)")
    terminal = Terminal.of("run", "job.yaml", "--handlers", module, "--events", "GO", "--request-id", "R")
    terminal.read("waiting for work; Ctrl-C leaves it")
    terminal.type("\x03")
    assert terminal.finish() == 130
    assert re.search(r"interrupted; job-\w+ is kept, and the same command goes on with it", terminal.screen)
    assert "Traceback" not in terminal.screen


# --- on the screen of a terminal


@pytest.fixture
def paid(cli: Cli) -> str:
    """An order with a long request id and a history."""
    cli(
        "run",
        *ORDER,
        "--request-id",
        "ORDER-1001-of-the-web-shop-in-the-north",
        "--events",
        "VALIDATE,PROCESS_PAYMENT",
    )
    return str(cli("list", "--json").json[0]["instance"])


def test_nothing_is_wider_than_the_terminal(paid: str, folder: Path) -> None:
    (folder / "lost.yaml").write_text(
        "initialState: a\nstates:\n  a: {on: {GO: a-state-whose-name-is-rather-long-for-a-state-of-a-machine}}\n"
    )
    for args in (
        ["check", "machines/order.yaml", "lost.yaml"],
        ["list"],
        ["show", paid],
        ["history", paid],
        ["simulate", "machines/order.yaml", "--scenario", "machines/order/payment-failed.yaml"],
        ["test", "machines"],
        ["send", paid, "SHIPPED_BY_A_CARRIER_OF_THE_NAME_OF_SOMEBODY"],
    ):
        terminal = Terminal.of(*args)
        terminal.finish()
        assert not too_wide(terminal), terminal.screen
        assert "Traceback" not in terminal.screen
