"""The command line with a Temporal server in place of a store: a worker in a process of its own, a real server."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from subprocess import Popen, run

import pytest

from statewf.cli import common, remote
from tests.cli.support import CLAIM, CLAIM_HANDLERS, DOOR, ENTRY, Cli, Said, ended, process, until
from tests.engines.temporal.server import begun, free_port

Write = Callable[[str], str]

PRICED = CLAIM + "pricing: {model: per-execution, rate: 1.5, stepRates: {file: 0.125}}\n"
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
]
PERFORMING = VERBS[:4]  # that take handlers where there is a store

_numbers = count(1)


@contextmanager
def working(
    temporal: str, module: str, queue: str, stop: signal.Signals = signal.SIGTERM, *, silent: bool = True
) -> Iterator[Popen[str]]:
    """A worker, once it works; it ends when it is told to, if it is to be `silent` without having said anything."""
    worker = process("worker", "--temporal", temporal, "--handlers", module, "--queue", queue)
    assert worker.stderr is not None
    try:
        assert worker.stderr.readline() == f"working at {queue} on {temporal}; Ctrl-C ends it\n"
        yield worker
    finally:
        worker.send_signal(stop)
        said = ended(worker)
    assert (said.code, said.out) == (0, "")
    assert "Traceback" not in said.err
    assert not (silent and said.err)


@pytest.fixture
def queue() -> str:
    return f"cli-{next(_numbers)}"


@pytest.fixture
def there(cli: Cli, temporal: str, handlers: Write, queue: str) -> Iterator[Cli]:
    """`statewf ARGS --temporal ...`, where a worker works."""
    with working(temporal, handlers(CLAIM_HANDLERS), queue):

        def call(*args: str) -> Said:
            at = ["--queue", queue] if args[0] in ("start", "list", "tasks") else []
            return cli(*args, "--temporal", temporal, *at)

        yield call


def machine(folder: Path, text: str) -> str:
    """A machine of a name that no other test has; its name."""
    name = f"m{next(_numbers)}"
    first, rest = text.split("\n", 1)
    assert first.startswith("name: ")
    (folder / f"{name}.yaml").write_text(f"name: {name}\n{rest}")
    return name


def listed(there: Cli, name: str, *args: str) -> Sequence[str]:
    return [one["instance"] for one in there("list", "--machine", name, *args, "--json").json]


# --- a state machine


def test_a_state_machine_is_driven_as_in_a_store(there: Cli, folder: Path) -> None:
    name = machine(folder, DOOR)
    said = there("start", f"{name}.yaml", "--input", '{"who": "ann"}')
    door = said.out.strip()
    assert (said.code, said.err) == (0, f"{door} is in closed. It accepts OPEN, LOCK.\n")
    said = there("send", door, "OPEN")
    assert said == Said(0, f"OPEN: accepted. {door} is in open. It accepts CLOSE.\n", "")
    assert there("send", door, "CLOSE", "--key", "k", "--json").json == {
        "instance": door,
        "event": "CLOSE",
        "disposition": "accepted",
        "seq": 3,
        "state": "closed",
        "allowed": ["OPEN", "LOCK"],
        "notes": [],
    }
    assert there("send", door, "CLOSE", "--key", "k", "--json").json["disposition"] == "duplicate"
    said = there("send", door, "LOCK", "--data", '{"code": 42}')
    assert said == Said(0, f"LOCK: accepted. {door} ended in locked.\n", "")
    told = [line.split()[2:] for line in there("history", door).out.splitlines()]
    assert told[:4] == [
        ["event", "change"],
        ["$start", "·", "→", "closed", '{"who":"ann"}'],
        ["OPEN", "closed", "→", "open"],
        ["CLOSE", "open", "→", "closed"],
    ]
    assert [row["event"] for row in there("history", door, "--json").json] == ["$start", "OPEN", "CLOSE", "LOCK"]


def test_where_it_is_is_shown_as_of_a_store(there: Cli, cli: Cli, folder: Path) -> None:
    name = machine(folder, DOOR)
    door = there("start", f"{name}.yaml", "--json", "--request-id", "r").json["instance"]
    kept = cli("start", f"{name}.yaml", "--json", "--request-id", "r").json["instance"]
    for verb in (there, cli):
        verb("send", door if verb is there else kept, "OPEN")
    mine, theirs = cli("show", kept), there("show", door)
    labels = [line.split("  ")[0] for line in theirs.out.splitlines()]
    assert labels == ["instance", "machine", "state", "accepts", "request", "started", "last step"]
    assert [line.split("  ")[0] for line in mine.out.splitlines() if "time left" not in line] == labels
    here, far = cli("show", kept, "--json").json, there("show", door, "--json").json
    times = ("created", "updated", "instance")
    assert {k: v for k, v in far.items() if k not in times} == {k: v for k, v in here.items() if k not in times}
    assert far["created"] <= far["updated"] == there("history", door, "--json").json[-1]["at"]


def test_instances_are_listed_and_may_be_narrowed(there: Cli, folder: Path) -> None:
    name = machine(folder, DOOR)
    first, second = (there("start", f"{name}.yaml", "--json").json["instance"] for _ in range(2))
    there("send", first, "LOCK", "--data", '{"code": 42}')
    until(lambda: listed(there, name, "--state", "locked") == [first])
    until(lambda: listed(there, name) == [second, first])
    assert listed(there, name, "--limit", "1") == [second]
    rows = there("list", "--machine", name).out.splitlines()
    assert rows[0].split() == ["instance", "machine", "state", "last", "step", "request"]
    assert rows[1].split() == [second, name, "closed"]  # nobody knows when it took its last step
    assert rows[2].split()[:4] == [first, name, "locked", "(success)"]
    assert there("list", "--machine", "no-such-machine").out == "no instances\n"


def test_a_rejected_event_is_told_with_what_is_allowed_and_what_was_meant(there: Cli, folder: Path) -> None:
    door = there("start", f"{machine(folder, DOOR)}.yaml", "--json").json["instance"]
    said = there("send", door, "OPNE")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines() == [
        "OPNE was rejected (unexpected): closed does not accept it; allowed now: OPEN, LOCK",
        "    did you mean OPEN?",
    ]
    said = there("send", door, "OPNE", "--json")
    assert (said.code, said.err) == (1, "")
    assert said.json["allowed"] == ["OPEN", "LOCK"]
    assert (said.json["disposition"], said.json["reason"]) == ("rejected", "unexpected")
    assert there("cancel", door).out == f"$cancel: accepted. {door} ended in $cancelled.\n"
    assert there("cancel", door).code == 1


def test_a_request_is_started_once_and_may_be_restarted_when_it_failed(there: Cli, folder: Path) -> None:
    name = machine(folder, CLAIM)
    ask = ["start", f"{name}.yaml", "--request-id", "one", "--json"]
    first = there(*ask).json["instance"]
    assert there(*ask).json["instance"] == first
    said = there(*ask, "--input", '{"other": 1}')
    assert (said.code, said.codes) == (2, ["request-conflict"])
    there("cancel", first, "--now")
    assert there(*ask).json["state"] == "cancelled"
    assert there(*ask, "--restart").json["state"] == "running"


# --- a workflow with a task and a price


def test_a_workflow_is_decided_and_paid(there: Cli, folder: Path) -> None:
    name = machine(folder, PRICED)
    ann = f"ann of {name}"
    claim = there("start", f"{name}.yaml", "--input", f'{{"boss": "{ann}"}}', "--json").json["instance"]
    task = {
        "id": f"{claim}/approve/1",
        "instance": claim,
        "step": "approve",
        "assignedTo": ann,
        "details": {"about": "the claim"},
        "dueAt": None,
    }
    until(lambda: there("tasks", "--instance", claim, "--json").json == [task])
    until(lambda: task in there("tasks", "--assigned-to", ann, "--json").json)
    assert there("tasks", "--instance", claim, "--assigned-to", "bob").out == "no open tasks of that kind\n"
    row = there("tasks", "--instance", claim).out.splitlines()[1]
    assert row.split() == [task["id"], *ann.split(), "about:", "the", "claim"]

    said = there("complete", f"{claim}/aprove/1", "--decision", "approved")
    assert (said.code, said.out) == (2, "")
    assert f"there is no task {claim}/aprove/1" in said.err
    assert f"did you mean {task['id']}?" in said.err
    decide = [
        "complete",
        str(task["id"]),
        "--decision",
        "approved",
        "--by",
        "ann",
        "--comments",
        "well",
        "--result",
    ]
    said = there(*decide, '{"grade": 1}')
    assert said == Said(0, f"approved: accepted. {claim} is in running. It accepts PAID.\n", "")
    decided = there("show", claim, "--json").json["results"]["approve"]
    assert (decided["reviewedBy"], decided["comments"], decided["result"]) == ("ann", "well", {"grade": 1})
    said = there(*decide, '{"grade": 2}', "--json")
    assert (said.code, said.json["reason"]) == (1, "stale")

    said = there("cost", claim)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == ["execution  1.5", "total USD  1.50  so far"]
    there("send", claim, "PAID")
    until(lambda: there("show", claim, "--json").json["done"])
    assert there("cost", claim).out.splitlines() == [
        "execution  1.5",
        "file       0.125",
        "total USD  1.62   1.625, rounded",
    ]
    bill = there("cost", claim, "--volume", "3", "--json").json
    assert (bill["instance"], bill["final"], bill["charged"]) == (claim, False, "1.62")
    shown = there("show", claim).out
    assert "4 succeeded" in shown
    assert "time left" not in shown


def test_a_workflow_that_is_cancelled_undoes_what_it_did(there: Cli, folder: Path) -> None:
    claim = there("start", f"{machine(folder, CLAIM)}.yaml", "--json").json["instance"]
    until(lambda: there("tasks", "--instance", claim, "--json").json)
    assert there("cancel", claim).code == 0
    until(lambda: there("show", claim, "--json").json["done"])
    undone = there("show", claim, "--json").json["compensations"]
    assert [(record["step"], record["action"]) for record in undone] == [("read", "forget")]


def test_what_costs_nothing_has_no_bill(there: Cli, folder: Path) -> None:
    name = machine(folder, DOOR)
    door = there("start", f"{name}.yaml", "--json").json["instance"]
    said = there("cost", door)
    assert said.code == 2
    assert f"{name} costs nothing" in said.err


# --- mistakes


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
        f"error: no worker answers for {door}: is one running?",
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

    assert common.QUEUE == executor.QUEUE
