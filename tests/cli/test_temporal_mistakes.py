"""What is told where a Temporal server is asked for what it has not, by nobody who works, or is not there."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import run

import pytest

from statewf.cli import common, remote
from tests.cli.support import DOOR, ENTRY, Cli, machine, until, working
from tests.engines.temporal.server import begun, free_port

Write = Callable[[str], str]

VERBS = [
    ["start", "door.yaml"],
    ["send", "nobody", "OPEN"],
    ["cancel", "nobody"],
    ["complete", "nobody/approve/1", "--decision", "approved"],
    ["tasks"],
    ["list"],
    ["show", "nobody"],
    ["history", "nobody"],
    ["cost", "nobody"],
    ["run", "door.yaml", "--events", "LOCK"],
]
PERFORMING = [*VERBS[:4], VERBS[-1]]  # that take handlers where there is a store


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_what_is_not_there_is_one_clear_line(verb: list[str], cli: Cli, temporal: str, folder: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and listens to nobody
        nowhere = f"127.0.0.1:{nobody.getsockname()[1]}"
        said = cli(*verb, "--temporal", nowhere)
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert f"error: no Temporal server answers at {nowhere} (" in said.err
        assert "`temporal server start-dev`" in said.err
        said = cli(*verb, "--temporal", nowhere, "--json")
        assert (said.code, said.err, said.codes) == (2, "", ["store-error"])
    if "nobody" in verb:
        said = cli(*verb, "--temporal", temporal)
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert f"there is no instance nobody on {temporal}; `statewf list --temporal {temporal}`" in said.err
    if verb[0] == "complete":
        said = cli(*verb, "--temporal", temporal)
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert f"no task nobody/approve/1 in {temporal}; `statewf tasks --temporal {temporal}`" in said.err
    assert not list(folder.glob("*.db"))


@pytest.mark.parametrize("verb", [*VERBS, ["worker", "--handlers", "os"]], ids=lambda verb: verb[0])
def test_what_contradicts_itself_is_refused_before_anybody_is_asked(verb: list[str], cli: Cli) -> None:
    for args, told in (
        (["--temporal", "localhost"], "'localhost' is not HOST:PORT, such as localhost:7233."),
        (["--temporal", "http://localhost:7233"], "is not HOST:PORT"),
        (["--temporal", ""], "is not HOST:PORT"),
        (["--temporal", "localhost:7233", "--namespace", ""], "--namespace: it is empty."),
    ):
        said = cli(*verb, *args)
        assert (said.code, said.out) == (2, "")
        assert told in said.err
    if verb[0] == "worker":
        return
    for args in (
        ["--db", "x.db", "--temporal", "localhost:1"],
        ["--temporal", "localhost:1", "--db", "statewf.db"],
    ):
        said = cli(*verb, *args)
        assert (said.code, said.out) == (2, "")
        assert "give either --db or --temporal" in said.err
    said = cli(*verb, "--namespace", "other", "--json")
    assert (said.code, said.codes) == (2, ["usage"])
    assert "--temporal HOST:PORT says of which" in said.json["errors"][0]["message"]


@pytest.mark.parametrize("verb", PERFORMING, ids=lambda verb: verb[0])
def test_only_a_worker_has_handlers(verb: list[str], cli: Cli) -> None:
    said = cli(*verb, "--temporal", "localhost:1", "--namespace", "ours", "--handlers", "mine")
    assert (said.code, said.out) == (2, "")
    assert "`statewf worker --temporal localhost:1 --namespace ours --handlers mine`" in " ".join(said.err.split())


def test_a_task_queue_is_of_a_server(cli: Cli) -> None:
    assert "--queue is of a Temporal server" in cli("start", "door.yaml", "--queue", "q").err
    assert "--queue: it is empty." in cli("start", "door.yaml", "--temporal", "localhost:1", "--queue", " ").err


def test_a_worker_that_cannot_work_says_why(cli: Cli, temporal: str) -> None:
    for args, told in (
        ([], "worker needs --handlers"),
        (["--handlers", ""], "worker needs --handlers"),
        (["--handlers", "no_such_module"], "no_such_module cannot be imported"),
        (
            ["--handlers", "os", "--namespace", "nope"],
            f"there is no namespace nope on {temporal}; `temporal operator",
        ),
    ):
        said = cli("worker", "--temporal", temporal, *args)
        assert (said.code, said.out) == (2, "")
        assert told in said.err
    assert "Missing option '--temporal'" in cli("worker", "--handlers", "os").err


def test_who_one_is_there_is_said_by_what_temporals_own_tools_go_by(
    cli: Cli, temporal: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "theirs")
    assert f"there is no namespace theirs on {temporal}" in cli("list", "--temporal", temporal).err
    assert cli("list", "--temporal", temporal, "--namespace", "default").code == 0
    monkeypatch.delenv("TEMPORAL_NAMESPACE")
    monkeypatch.setenv("TEMPORAL_API_KEY", "secret")  # goes over TLS alone, which this server does not speak
    said = cli("list", "--temporal", temporal)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert f"no Temporal server answers at {temporal}" in said.err
    monkeypatch.delenv("TEMPORAL_API_KEY")
    (folder / "profile.toml").write_text("profile = [")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(folder / "profile.toml"))
    said = cli("list", "--temporal", temporal)
    assert (said.code, said.out) == (2, "")
    assert "what TEMPORAL_ variables and the file they name say cannot be read" in said.err


def test_a_worker_says_in_a_line_what_it_cannot_work_at(temporal: str, handlers: Write, queue: str) -> None:
    from temporalio.client import Client

    async def begin() -> None:
        begin = {"interpreter": 0, "semantics": 0}
        client = await Client.connect(temporal)
        await client.start_workflow("other", begin, id=f"other-{queue}", task_queue=queue)

    with working(temporal, handlers(""), queue, signal.SIGINT, silent=False) as worker:
        assert worker.stderr is not None
        asyncio.run(begin())
        line = worker.stderr.readline()
    assert line.startswith("warning: ")
    assert line.endswith("it waits for one that fits\n")


def test_a_worker_outlives_its_server_and_says_so(folder: Path, handlers: Write, cli: Cli, queue: str) -> None:
    port, db = free_port(), folder / "temporal.db"
    address = f"127.0.0.1:{port}"
    server = begun(port, db)
    try:
        until(lambda: cli("list", "--temporal", address).code == 0)
        with working(address, handlers(""), queue, silent=False) as worker:
            assert worker.stderr is not None
            server.kill()
            server.wait()
            told = worker.stderr.readline()
            assert told == f"{address} does not answer; waiting until it does; Ctrl-C ends that\n"
            server = begun(port, db)
            assert worker.stderr.readline() == f"{address} answers again\n"
            door = cli("start", "door.yaml", "--temporal", address, "--queue", queue, "--json").json
            assert door["state"] == "closed"
    finally:
        server.kill()
        server.wait()


def test_without_the_sdk_it_is_said_what_to_install(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("temporalio", "statewf.engines"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "temporalio", None)
    said = cli("list", "--temporal", "localhost:1")
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: a Temporal server needs its SDK: pip install 'statewf[temporal]'\n"


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "CONNECTING", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        said = cli("list", "--temporal", f"127.0.0.1:{silent.getsockname()[1]}")
    assert (said.code, said.out) == (2, "")
    assert "nothing came for 0.1 seconds" in said.err


# --- without a worker


def test_what_no_worker_has_taken_up_is_started_all_the_same(
    cli: Cli, temporal: str, queue: str, folder: Path, handlers: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from statewf.engines.temporal import server

    monkeypatch.setattr(remote, "STARTING", 0.1)
    monkeypatch.setattr(remote, "PATIENCE", 0.2)
    monkeypatch.setattr(remote, "ANSWERING", 0.1)
    monkeypatch.setattr(server, "ANSWER", timedelta(seconds=0.5))
    name = machine(folder, DOOR)
    start = ["start", f"{name}.yaml", "--request-id", "r", "--temporal", temporal, "--queue", queue]
    said = cli(*start)
    door = said.out.strip()
    works = f"`statewf worker --temporal {temporal} --queue {queue} --handlers MODULE`"
    assert (said.code, said.err) == (0, f"{door} waits for a worker: {works}\n")
    assert cli(*start, "--json").json == {"instance": door, "state": None, "allowed": []}
    said = cli("send", door, "OPEN", "--temporal", temporal)
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        f"waiting for a worker on {temporal}; Ctrl-C ends that",
        f"error: no worker at the task queue {queue} answers for {door}",
    ]
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    with working(temporal, handlers(""), queue):
        assert cli("send", door, "OPEN", "--temporal", temporal, "--json").json["state"] == "open"


def test_nothing_of_temporal_is_loaded_for_a_store(cli: Cli) -> None:
    door = cli("start", "door.yaml", "--json").json["instance"]
    for args in (["list"], ["show", door], ["send", door, "OPEN"], ["worker", "--help"]):
        program = f"from statewf.cli.main import main; main({args}); import sys; print(*sys.modules)"
        loaded = run([*ENTRY[:2], program], capture_output=True, text=True).stdout.split()
        assert "statewf.cli.common" in loaded
        assert {"temporalio", "statewf.engines"}.isdisjoint(loaded)


def test_the_defaults_are_those_of_the_engine() -> None:
    from statewf.engines.temporal import executor

    assert (common.QUEUE, remote.CONCURRENCY) == (executor.QUEUE, executor.CONCURRENCY)
