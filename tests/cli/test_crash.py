"""Real processes that are killed, interrupted or hang: nothing that was kept is lost, and somebody goes on."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.support import Cli, ended, process, until

Write = Callable[[str], str]

# Notes its key, and does not return before a file `go` is there
WORK = """
import time
from pathlib import Path
def work(call):
    with open("called", "a") as log:
        log.write(call.key + chr(10))
    while not Path("go").exists():
        time.sleep(0.01)
    return {"worked": call.attempt}
"""
WORK_ASYNC = (
    WORK.replace("def work", "async def work").replace("time.sleep(", "await anyio.sleep(") + "\nimport anyio\n"
)
HANGS = "import time\nfrom pathlib import Path\ndef work(call):\n    Path('called').write_text('once')\n    time.sleep(1000)"


def called() -> bool:
    """Whether the handler has noted that it runs."""
    return Path("called").exists() and bool(Path("called").read_text())


def killed(module: str, how: signal.Signals = signal.SIGKILL) -> int:
    """A run that was stopped in the middle of a call; its exit code."""
    run = process("run", "job.yaml", "--handlers", module, "--request-id", "J-1", "--events", "GO")
    until(called)
    run.send_signal(how)
    said = ended(run)
    assert "Traceback" not in said.err
    return said.code


@pytest.mark.parametrize("resume", ["run", "serve", "send"])
def test_a_run_that_was_killed_goes_on(resume: str, cli: Cli, handlers: Write, folder: Path) -> None:
    module = handlers(WORK)
    assert killed(module) == -signal.SIGKILL

    (card,) = cli("list", "--json").json
    job = card["instance"]
    assert (card["state"], card["requestId"]) == ("working", "J-1")
    assert [row["event"] for row in cli("history", job, "--json").json] == ["$start", "GO"]
    (call,) = cli("show", job, "--json").json["calls"]
    assert [call["key"]] == (folder / "called").read_text().split()

    (folder / "go").touch()
    if resume == "run":
        said = cli("run", "job.yaml", "--handlers", module, "--request-id", "J-1", "--events", "")
        assert f"{job}  goes on from working\n" in said.out
    elif resume == "serve":
        said = cli("serve", "--handlers", module, "--until-idle")
    else:
        said = cli("send", job, "TOO_LATE", "--handlers", module)
        assert "rejected (terminal)" in said.err
    assert said.code == (1 if resume == "send" else 0)
    assert cli("show", job, "--json").json["state"] == "done"
    assert cli("show", job, "--json").json["context"] == {"worked": 1}
    assert [row["event"] for row in cli("history", job, "--json").json] == ["$start", "GO", "$returned"]
    assert (folder / "called").read_text().split() == [call["key"]] * 2  # at least once, under one key
    assert len(cli("list", "--json").json) == 1


@pytest.mark.parametrize("source", [WORK, WORK_ASYNC], ids=["thread", "async"])
def test_an_interrupted_run_goes_on(source: str, cli: Cli, handlers: Write, folder: Path) -> None:
    module = handlers(source)
    assert killed(module, signal.SIGINT) == 130
    assert sqlite3.connect("statewf.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
    (folder / "go").touch()
    said = cli("run", "job.yaml", "--handlers", module, "--request-id", "J-1", "--events", "", "--json")
    assert (said.code, said.json["state"]) == (0, "done")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_when_it_is_told_to_even_if_a_handler_hangs(
    how: signal.Signals, cli: Cli, handlers: Write
) -> None:
    job = cli("start", "job.yaml", "--json").json["instance"]
    cli("send", job, "GO")
    serve = process("serve", "--handlers", handlers(HANGS))
    until(called)
    serve.send_signal(how)
    said = ended(serve)
    assert said.code == 0
    assert said.err == "serving statewf.db: 1 instance with open calls; Ctrl-C ends it\n"
    assert cli("show", job, "--json").json["state"] == "working"


def test_serve_performs_what_others_leave_and_shows_it(cli: Cli, handlers: Write) -> None:
    job = cli("start", "job.yaml", "--json").json["instance"]
    cli("send", job, "GO")
    Path("go").touch()
    serve = process("serve", "--handlers", handlers(WORK))
    until(lambda: cli("show", job, "--json").json["state"] == "done")
    serve.send_signal(signal.SIGTERM)
    said = ended(serve)
    assert said.code == 0
    assert f'{job}  $returned             working → done  work: {{"worked":1}}' in said.out


def test_serve_takes_up_what_begins_later_and_one_damaged_instance_holds_up_nobody(
    cli: Cli, handlers: Write, folder: Path
) -> None:
    (folder / "late.yaml").write_text(
        "name: late\nsteps: [{id: nap, type: wait, duration: 300}, {id: work}, {id: again, handler: work}]"
    )
    Path("go").touch()
    module = handlers(WORK)
    damaged = cli("start", "late.yaml", "--json").json["instance"]
    serve = process("serve", "--handlers", module)
    until(lambda: cli("show", damaged, "--json").json["state"] == "completed")
    job, late = (cli("start", file, "--json").json["instance"] for file in ("job.yaml", "late.yaml"))
    with closing(sqlite3.connect("statewf.db")) as db:
        db.execute("UPDATE instance SET busy = 1 WHERE id = ?", (damaged,))
        db.execute("DELETE FROM snapshot")
        db.execute("UPDATE history SET body = '{}' WHERE instance = 1")
        db.commit()
    cli("send", job, "GO")
    until(lambda: cli("show", job, "--json").json["state"] == "done")
    until(lambda: cli("show", late, "--json").json["state"] == "completed")
    serve.send_signal(signal.SIGTERM)
    assert ended(serve).code == 0


def test_a_hung_handler_is_told_by_json_too_when_it_is_interrupted(cli: Cli, handlers: Write) -> None:
    run = process("run", "job.yaml", "--handlers", handlers(HANGS), "--events", "GO", "--json")
    until(called)
    run.send_signal(signal.SIGINT)
    said = ended(run)
    assert (said.code, said.codes) == (130, ["interrupted"])
    assert "statewf serve --handlers handlers_" in said.json["errors"][0]["message"]


def test_a_timeout_catches_a_handler_that_hangs_and_the_process_ends(handlers: Write, folder: Path) -> None:
    text = (folder / "job.yaml").read_text()
    (folder / "job.yaml").write_text(
        text.replace("on: {STOP: failed}}", "timeout: 200, timeoutTransition: failed}")
    )
    run = process("run", "job.yaml", "--handlers", handlers(HANGS), "--events", "GO")
    said = ended(run)
    assert said.code == 1
    assert "$timeout:working  working → failed" in said.out


def test_a_run_that_goes_on_says_that_its_definition_is_an_earlier_one(
    cli: Cli, handlers: Write, folder: Path
) -> None:
    module = handlers(WORK)
    killed(module)
    text = (folder / "job.yaml").read_text()
    (folder / "job.yaml").write_text(text.replace("{STOP: failed}", "{STOP: failed, HALT: failed}"))
    (folder / "go").touch()
    said = cli("run", "job.yaml", "--handlers", module, "--request-id", "J-1", "--events", "")
    assert said.code == 0
    assert "was started with an earlier job, and goes on with that" in said.err


def test_a_run_that_nobody_reads_any_more_goes_on_to_its_end(cli: Cli, handlers: Write) -> None:
    run = process("run", "job.yaml", "--handlers", handlers(WORK), "--events", "GO")
    until(called)
    assert run.stdout is not None
    run.stdout.close()
    run.stdout = None
    Path("go").touch()
    said = ended(run)
    assert (said.code, said.err) == (0, "nothing more is shown: Broken pipe\n")
    assert cli("list", "--json").json[0]["state"] == "done"


def test_somebody_else_may_move_the_instance_of_a_run(cli: Cli) -> None:
    run = process("run", "door.yaml")
    job = until(lambda: Path("statewf.db").exists() and cli("list", "--json").json)[0]["instance"]
    assert cli("send", job, "OPEN").code == 0
    out, err = run.communicate("OPEN\n", timeout=30)
    assert run.returncode == 1, out + err
    assert "OPEN was rejected (unexpected): open does not accept it" in out + err
    assert "Traceback" not in out + err
    assert [row["event"] for row in cli("history", job, "--json").json] == ["$start", "OPEN"]


def test_the_store_breaks_in_the_middle_and_a_line_says_so(cli: Cli) -> None:
    run = process("run", "door.yaml")
    until(lambda: Path("statewf.db").exists() and cli("list", "--json").json)
    broken = sqlite3.connect("statewf.db", isolation_level=None)
    broken.execute("DROP TABLE history")
    broken.close()
    out, err = run.communicate("OPEN\n", timeout=30)
    assert run.returncode == 2
    assert "error: statewf.db" in err
    assert "Traceback" not in out + err
