"""`check --table`: for people as wide as their terminal, as markdown that stands by itself, and in the one document."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.support import Cli, Terminal

LAMP = """\
name: lamp
initialState: dark
states:
  dark: {on: {ON: lit}, unexpected: ignore}
  lit: {on: {OFF: dark, BREAK: {target: broken, guard: "event.data.a || event.data['x|y'] > 1"}}}
  broken: {terminal: true}
"""


def test_a_narrow_machine_is_one_table(cli: Cli) -> None:
    said = cli("check", "--table", "job.yaml")
    table, _, rest = said.out.partition("\n\n")
    assert (said.code, said.err) == (0, "")
    assert table.splitlines() == [
        "state                     GO         STOP      $done   $error",
        "waiting (start)           → working  -         -       -",
        "working                   -          → failed  → done  → failed",
        "done (ends in success)    -          -         -       -",
        "failed (ends in failure)  -          -         -       -",
        "- rejected, or it cannot happen",
    ]
    assert rest == cli("check", "job.yaml").out


def test_a_wide_machine_is_told_state_by_state_in_80_columns(cli: Cli) -> None:
    said = cli("check", "--table", "machines/order.yaml")
    assert said.code == 0
    table = said.out.partition("\n\n")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert table.split("\npaid\n")[1].splitlines()[:5] == [
        "  FULFILL             → fulfilling",
        "  never               $timeout, $done, $error",
        "  rejected            VALIDATE, CANCEL, VALIDATION_SUCCESS, VALIDATION_FAILED,",
        "                      PROCESS_PAYMENT, PAYMENT_SUCCESS, PAYMENT_FAILED, SHIPPED,",
        "                      FULFILLMENT_FAILED, RETRY, DELIVERED, RETURN_REQUESTED,",
    ]
    assert "  PAYMENT_FAILED      again up to attempt 3, then → payment-failed\n" in table
    assert table.endswith("  rejected            every event")


def test_steps_are_told_one_by_one(cli: Cli) -> None:
    said = cli("check", "--table", "claim.yaml")
    assert said.code == 0
    assert said.out.startswith(
        "read  function\n"
        "  starts     at once\n"
        "  succeeds   when read returns\n"
        "  fails      the workflow fails\n"
        "  cancelled  its handler has 10s to end\n"
        "  undone     by forget\n"
        "  never      timeout, skipped\n"
        "approve  human-task\n"
    )


def test_at_a_terminal_it_fits(folder: Path) -> None:
    terminal = Terminal.of("check", "--table", "machines/order.yaml")
    assert terminal.finish() == 0
    assert max(map(len, terminal.screen.splitlines())) <= 80
    assert "  rejected            every event" in terminal.screen


def test_markdown_stands_by_itself(cli: Cli, folder: Path) -> None:
    (folder / "lamp.yaml").write_text(LAMP)
    said = cli("check", "--table", "--format", "markdown", "lamp.yaml")
    assert said.code == 0
    assert said.out.splitlines() == [
        "| state | ON | OFF | BREAK |",
        "| --- | --- | --- | --- |",
        "| dark (start) | → lit | ignored | ignored |",
        r"| lit | - | → dark | → broken if event.data.a \|\| event.data\['x\|y'] > 1, else rejected |",
        "| broken (ends in success) | - | - | - |",
        "",
        "`-` rejected, or it cannot happen",
    ]
    assert "lamp.yaml: ok: 3 states" in said.err
    several = cli("check", "--table", "--format", "markdown", "lamp.yaml", "door.yaml")
    assert [line for line in several.out.splitlines() if line.startswith("#")] == ["## lamp", "## door"]


def test_the_document_has_the_table_too(cli: Cli) -> None:
    said = cli("check", "--table", "--json", "job.yaml")
    document = said.json
    table = document.pop("table")
    assert document == cli("check", "--json", "job.yaml").json
    assert table["columns"] == ["GO", "STOP", "$done", "$error"]
    assert [row["name"] for row in table["rows"]] == ["waiting", "working", "done", "failed"]
    assert table["rows"][1]["cells"]["STOP"] == {"text": "→ failed", "ways": [{"target": "failed"}]}
    several = cli("check", "--table", "--json", "job.yaml", "claim.yaml").json
    assert [one["table"]["of"] for one in several] == ["states", "steps"]


@pytest.mark.parametrize("more", [(), ("--json",), ("--format", "markdown")])
def test_the_exit_code_is_that_of_check(cli: Cli, folder: Path, more: tuple[str, ...]) -> None:
    (folder / "dead.yaml").write_text("initialState: a\nstates: {a: {on: {GO: b}}, b: {}}")
    (folder / "lost.yaml").write_text("initialState: a\nstates: {a: {on: {GO: c}}, b: {terminal: true}}")
    (folder / "none.yaml").write_text("initialState: 5")
    for file, code in (("dead", 1), ("lost", 1), ("none", 2), ("job", 0)):
        assert cli("check", "--table", *more, f"{file}.yaml").code == code
    assert "| a (start) | → b |" in cli("check", "--table", "--format", "markdown", "dead.yaml").out
    assert cli("check", "--table", "--format", "markdown", "lost.yaml").out == ""
    assert cli("check", "--table", "--json", "lost.yaml").json["table"] is None
    assert cli("check", "--table", "lost.yaml").out == cli("check", "lost.yaml").out


@pytest.mark.parametrize("args", [("--format", "markdown"), ("--table", "--json", "--format", "text")])
def test_a_format_is_that_of_the_table(cli: Cli, args: tuple[str, ...]) -> None:
    said = cli("check", *args, "job.yaml")
    assert said.code == 2
    assert "--format is of use only with --table" in said.out + said.err
