"""The command line beside a service: what the verbs ask of it goes through the store, whoever dies or stops meanwhile.

A service is a process of its own. So are verbs where several run at once, or are killed; else they run here.
"""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from statistics import median

import attrs
import pytest

from statewf.history import Lease, Sqlite
from statewf.runtime.lease import LEASE, LOOK
from tests.cli.support import CLAIM_HANDLERS, ENTRY, PATIENCE, Cli, Said, ended, process, until
from tests.cli.test_drive import EVENTS, ORDER

Write = Callable[[str], str]

AT_ONCE = 3.0  # seconds; less than a lease, also on a busy machine
STOPS = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing can be stopped here")

# Handlers that note in which process they run, and for which key; `work` does not return before a file `go` is there
PERFORM = f"""
import os, time
from pathlib import Path
from machines import order_handlers

def noted(handler):
    def note(call):
        with open("called", "a") as log:
            log.write(f"{{os.getpid()}} {{call.key}}" + chr(10))
        return handler(call)
    return note

{CLAIM_HANDLERS}
def work(call):
    while not Path("go").exists():
        time.sleep(0.01)
    return {{}}

handlers = {{name: noted(handler) for name, handler in order_handlers.handlers.items()}}
handlers |= {{handler.__name__: noted(handler) for handler in (read, forget, file, work)}}
"""

# `statewf`, which stops itself in the middle of its next commit when there is a file `stop` beside its store
STOPPING = """
import os, signal, sqlite3
from pathlib import Path
from statewf.cli.main import run
connect = sqlite3.connect
def watched(*args, **options):
    connection = connect(*args, **options)
    order = Path(connection.execute("PRAGMA database_list").fetchone()[2]).with_name("stop")
    def look(statement):
        if statement.startswith("INSERT INTO history") and order.exists():
            order.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)
    connection.set_trace_callback(look)
    return connection
sqlite3.connect = watched
run()
"""

# `statewf`, which gives the owner of the store little time
HASTY = """
from statewf.cli.main import run
from statewf.runtime import Executor
Executor.__init__.__kwdefaults__["patience"] = 1.5
run()
"""

COUNTER = """\
name: counter
initialState: counting
states:
  counting: {on: {ADD: counting, END: ended}}
  ended: {terminal: true}
"""


@attrs.frozen
class Service:
    """A process of `serve`, on the store in a folder."""

    running: subprocess.Popen[str]
    folder: Path
    name: str

    @property
    def pid(self) -> int:
        return self.running.pid

    @property
    def err(self) -> Path:
        """What it says on standard error."""
        return self.folder / f"{self.name}.err"

    @property
    def said(self) -> list[str]:
        return self.err.read_text().splitlines()

    @property
    def serves(self) -> bool:
        return bool(self.said) and self.said[-1].startswith("serving ")

    @property
    def waits(self) -> bool:
        return bool(self.said) and self.said[-1].endswith(" waiting to take over; Ctrl-C ends it")

    def end(self, how: signal.Signals) -> None:
        self.running.send_signal(how)
        self.running.wait(PATIENCE)

    def stop(self) -> None:
        """Stop it, but not while it writes something."""
        with closing(sqlite3.connect(self.folder / "statewf.db", isolation_level=None)) as db:
            while True:
                self.running.send_signal(signal.SIGSTOP)
                with suppress(sqlite3.OperationalError):
                    db.execute("BEGIN IMMEDIATE")
                    return
                self.wake()

    def wake(self) -> None:
        self.running.send_signal(signal.SIGCONT)


Serve = Callable[..., Service]


@pytest.fixture
def serve(folder: Path) -> Iterator[Serve]:
    """Starts `serve` and waits until it has said something."""
    names, services = map(str, count(1)), []

    def start(module: str, place: str = ".", *, code: str | None = None, wait: bool = True) -> Service:
        where, name = folder / place, next(names)
        where.mkdir(exist_ok=True)
        args = ("serve", "--handlers", module, "--db", f"{place}/statewf.db")
        with (where / f"{name}.out").open("w") as out, (where / f"{name}.err").open("w") as err:
            running = process(*args, entry=entry(code), stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        service = Service(running, where, name)
        services.append(service)
        if wait:
            until(lambda: service.serves or service.waits or service.running.poll() is not None)
        return service

    yield start
    for service in services:
        service.end(signal.SIGKILL)


def entry(code: str | None) -> list[str]:
    return ENTRY if code is None else [sys.executable, "-c", code]


def started(cli: Cli, *args: str) -> str:
    return str(cli("start", *args, "--json").json["instance"])


def called() -> list[list[str]]:
    """In which process handlers ran, and for which key."""
    return [line.split() for line in Path("called").read_text().splitlines()] if Path("called").exists() else []


def state(cli: Cli, instance: str, *args: str) -> str:
    return str(cli("show", instance, "--json", *args).json["state"])


def events(cli: Cli, instance: str, *args: str) -> list[str]:
    return [row["event"] for row in cli("history", instance, "--json", *args).json]


def lease(folder: Path) -> Lease:
    with closing(Sqlite(str(folder / "statewf.db"))) as store:
        return store.lease()


# --- beside a service

VARYING = {
    r"-[0-9a-f]{12}\b": "-ID",
    r"\d\d:\d\d:\d\d": "TIME",
    r"\b1\d{12}\b": "1",
    r"ch_\d+": "CHARGE",
    r"\d\.\ds": "0s",
}
CLAIM = ["claim.yaml", "--input", '{"boss": "ann"}']
DAY = [0, 0, 2, 0, 0, 0, 2, 1, 1, 0, 1, 0, 1, 2, 0, 0, 1, *[0] * 6]  # the exit codes


def day(cli: Cli, db: str, module: str, *json: str) -> Iterator[Said]:
    """What all the verbs say in the course of a day."""
    order, claim = (started(cli, *args, "--db", db) for args in (ORDER, CLAIM))
    task = f"{claim}/approve/1"
    options = ("--db", db, "--handlers", module, *json)
    yield cli("start", *ORDER, "--request-id", "R", *options)
    yield cli("start", *ORDER, "--request-id", "R", *options)
    yield cli("start", "machines/order.yaml", "--request-id", "R", *options)
    yield cli("start", *CLAIM, *options)
    yield cli("send", order, "VALIDATE", "--key", "k", *options)
    yield cli("send", order, "VALIDATE", "--key", "k", *options)
    yield cli("send", order, "VALIDATE", "--key", "k", "--data", '{"other": 1}', *options)
    yield cli("send", order, "VALIDATE", *options)
    yield cli("send", order, "VALDATE", *options)
    yield cli("send", order, "PROCESS_PAYMENT", *options)
    yield cli("send", claim, "PAYD", *options)
    yield cli("complete", task, "--decision", "approved", "--by", "ann", "--comments", "fine", *options)
    yield cli("complete", task, "--decision", "rejected", "--by", "bob", *options)
    yield cli("complete", f"{order}/no/1", "--decision", "approved", *options)
    yield cli("send", claim, "PAID", *options)
    yield cli("cancel", order, "--now", *options)
    yield cli("cancel", order, *options)
    for verb in (["show", order], ["show", claim], ["history", order], ["history", claim], ["list"], ["tasks"]):
        yield cli(*verb, "--db", db, *json)


def plain(said: Said, db: str) -> Said:
    """The same without what is different each time."""
    texts = [said.out.replace(db, "DB"), said.err.replace(db, "DB")]
    for pattern, name in VARYING.items():
        texts = [re.sub(pattern, name, text) for text in texts]
    return Said(said.code, *texts)


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
def test_every_verb_says_beside_a_service_what_it_says_alone_and_the_service_performs_once(
    json: tuple[str, ...], cli: Cli, handlers: Write, serve: Serve
) -> None:
    module = handlers(PERFORM)
    alone = [plain(said, "alone.db") for said in day(cli, "alone.db", module, *json)]
    made = len(called())
    service = serve(module)
    beside = [plain(said, "statewf.db") for said in day(cli, "statewf.db", module, *json)]
    assert beside == alone
    assert [said.code for said in alone] == DAY
    assert {pid for pid, _ in called()[made:]} == {str(service.pid)}
    assert len({key for _, key in called()[made:]}) == len(called()[made:]) == made


def test_without_handlers_a_verb_leaves_everything_to_the_service(cli: Cli, handlers: Write, serve: Serve) -> None:
    service = serve(handlers(PERFORM))
    order, claim = started(cli, *ORDER), started(cli, *CLAIM)
    assert cli("send", order, "VALIDATE", "--key", "k").code == 0
    until(lambda: state(cli, order) == "validated")
    assert cli("send", order, "VALIDATE", "--key", "k", "--json").json["disposition"] == "duplicate"
    (task,) = until(lambda: cli("tasks", "--json").json)
    assert cli("complete", task["id"], "--decision", "approved").out.startswith("approved: accepted. ")
    assert cli("cancel", claim).code == 0
    until(lambda: state(cli, claim) == "cancelled")
    assert [key.split("/")[1] for _, key in called()] == ["read", "main", "read"]  # it was undone
    assert {pid for pid, _ in called()} == {str(service.pid)}


RUNS = {
    "state machine": (0, [*ORDER, "--events", EVENTS]),
    "declined": (1, ["machines/order.yaml", "--input", "@machines/order/declined.json", "--events", EVENTS]),
    "workflow": (0, [*CLAIM, "--decide", "approve=approved", "--events", "PAID"]),
}


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_shows_the_steps_that_the_service_performs_and_ends_with_their_code(
    kind: str, cli: Cli, handlers: Write, serve: Serve
) -> None:
    code, args = RUNS[kind]
    module = handlers(PERFORM)
    alone = plain(cli("run", *args, "--handlers", module, "--db", "alone.db"), "alone.db")
    made = len(called())
    service = serve(module)
    for options in (["--handlers", module], []):  # the service has them
        said = plain(cli("run", *args, *options), "statewf.db")
        assert (said.code, said.out) == (alone.code, alone.out) == (code, alone.out)
        assert said.err.startswith(f"process {service.pid} on ")
        assert said.err.endswith(f" owns the store, and performs\n{alone.err}")
    told = cli("run", *args, "--json")
    assert (told.code, told.json["success"]) == (code, code == 0)
    assert [pid for pid, _ in called()[made:]] == [str(service.pid)] * made * 3


def test_a_run_that_is_interrupted_leaves_its_instance_to_the_service(
    cli: Cli, handlers: Write, serve: Serve
) -> None:
    serve(handlers(PERFORM))
    run = process("run", "job.yaml", "--events", "GO")
    until(called)
    run.send_signal(signal.SIGINT)
    said = ended(run)
    assert said.code == 130
    (card,) = cli("list", "--json").json
    assert f"{card['instance']} is kept" in said.err
    Path("go").touch()
    until(lambda: state(cli, card["instance"]) == "done")
    assert len(called()) == 1


def test_a_send_takes_little_longer_beside_a_service(cli: Cli, handlers: Write, serve: Serve) -> None:
    def took(db: str) -> float:
        door = started(cli, "door.yaml", "--db", db)
        seconds = []
        for event in ("OPEN", "CLOSE") * 5:
            began = time.perf_counter()
            assert cli("send", door, event, "--db", db).code == 0
            seconds.append(time.perf_counter() - began)
        return median(seconds)

    alone = took("alone.db")
    serve(handlers(PERFORM))
    beside = took("statewf.db")
    print(f"a send takes {alone * 1000:.0f} ms alone and {beside * 1000:.0f} ms beside a service")
    assert beside - alone < 0.3


def test_what_the_service_has_no_handlers_for_is_waited_for_and_a_line_says_for_whom(
    cli: Cli, handlers: Write, serve: Serve
) -> None:
    service = serve(handlers("def other(call): ..."))
    order = started(cli, *ORDER)
    send = process("send", order, "VALIDATE", "--handlers", handlers(PERFORM))
    assert send.stderr is not None
    line = send.stderr.readline()
    assert re.fullmatch(
        rf"waiting for process {service.pid} on \S+, which owns the store; Ctrl-C ends that\n", line
    )
    send.send_signal(signal.SIGINT)
    assert ended(send).code == 130
    assert events(cli, order) == ["$start", "VALIDATE"]


# --- when it dies


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_who_stands_by_says_so_takes_over_at_once_and_performs_what_is_open(
    how: signal.Signals, cli: Cli, handlers: Write, serve: Serve
) -> None:
    module = handlers(PERFORM)
    first, second = serve(module), serve(module)
    (line,) = second.said
    assert re.fullmatch(
        rf"process {first.pid} on \S+ serves \./statewf\.db; waiting to take over; Ctrl-C ends it", line
    )
    job = started(cli, "job.yaml")
    cli("send", job, "GO")
    until(called)
    began = time.monotonic()
    first.end(how)
    until(lambda: len(called()) == 2)
    took = time.monotonic() - began
    assert took < AT_ONCE
    until(lambda: second.serves)
    Path("go").touch()
    until(lambda: state(cli, job) == "done")
    gone = (
        []
        if how == signal.SIGTERM
        else [f"warning: {line.split(' serves')[0]} is gone: this process owns the store now"]
    )
    serves = "serving ./statewf.db: 1 instance with open calls; Ctrl-C ends it"
    assert second.said == [line, *gone, serves]
    assert events(cli, job) == ["$start", "GO", "$returned"]
    assert [pid for pid, _ in called()] == [str(first.pid), str(second.pid)]
    assert len({key for _, key in called()}) == 1


def test_after_it_is_killed_the_next_verb_goes_on_at_once(cli: Cli, handlers: Write, serve: Serve) -> None:
    door = started(cli, "door.yaml")
    service = serve(handlers(PERFORM))
    service.end(signal.SIGKILL)
    began = time.monotonic()
    said = cli("send", door, "OPEN")
    assert time.monotonic() - began < AT_ONCE
    assert (said.code, said.out) == (0, f"OPEN: accepted. {door} is in open. It accepts CLOSE.\n")
    assert re.fullmatch(
        rf"warning: process {service.pid} on \S+ is gone: this process owns the store now\n", said.err
    )
    assert cli("send", door, "CLOSE").err == ""


def test_verbs_with_handlers_go_on_with_what_is_theirs_when_it_dies(
    cli: Cli, handlers: Write, serve: Serve
) -> None:
    module = handlers(PERFORM)
    service = serve(module)
    jobs = [started(cli, "job.yaml") for _ in range(3)]
    cli("send", jobs[0], "GO")  # nobody waits for this one
    verbs = [process("send", job, "GO", "--handlers", module) for job in jobs[1:]]
    verbs.append(process("run", "job.yaml", "--handlers", module, "--events", "GO"))
    until(lambda: len(called()) == 4)
    service.end(signal.SIGKILL)
    Path("go").touch()
    assert [ended(verb).code for verb in verbs] == [0, 0, 0]
    assert sorted(state(cli, card["instance"]) for card in cli("list", "--json").json) == ["done"] * 3 + ["working"]
    assert state(cli, jobs[0]) == "working"


# --- when it is stopped


Story = Iterator[None]  # goes on when something has been stopped for longer than the lease


def taken_over(cli: Cli, serve: Serve, module: str) -> Story:
    """The service is stopped: who stands by takes over, and when it wakes it says so and stands by itself."""
    first, second = serve(module, "over"), serve(module, "over")
    stopped = time.time()
    first.stop()
    yield
    until(lambda: second.serves)
    took = second.err.stat().st_mtime - stopped
    assert took < LEASE + AT_ONCE
    assert second.said[1].endswith(" gave no sign of life for 5 s: this process owns the store now")
    first.wake()
    until(lambda: first.waits)
    serving, lost, waiting = first.said
    assert lost == (
        "error: another process owns the store now: this one did not move for longer than a lease; "
        "what was under way here goes on there"
    )
    assert waiting.startswith(f"process {second.pid} on ")
    assert serving.startswith("serving ")
    assert second.serves


def left_alone(cli: Cli, serve: Serve, module: str) -> Story:
    """Who stands by is stopped: when it wakes it does not take over from a service that is well."""
    first, second = serve(module, "alone"), serve(module, "alone")
    was = seen = lease(first.folder)
    end = time.monotonic()
    while time.monotonic() < end or seen.asked <= was.asked:  # it has asked, and has seen the answer
        if (now := lease(first.folder)) != seen:
            seen, end = now, time.monotonic() + 5 * LOOK
    second.stop()
    yield
    assert lease(first.folder) == seen
    second.wake()
    until(lambda: lease(first.folder).asked > seen.asked)
    assert (first.serves, second.waits, lease(first.folder).epoch) == (True, True, was.epoch)


def done_by_the_verb(cli: Cli, serve: Serve, module: str) -> Story:
    """Nobody stands by: a verb says for whom it waits, and in the end does itself what it was asked."""
    service = serve(module, "verb")
    db = ("--db", "verb/statewf.db")
    door = started(cli, "door.yaml", *db)
    service.stop()
    send = process("send", door, "OPEN", *db)
    yield
    said = ended(send)
    assert (said.code, said.out) == (0, f"OPEN: accepted. {door} is in open. It accepts CLOSE.\n")
    waiting, taken = said.err.splitlines()
    assert waiting.startswith(f"waiting for process {service.pid} on ")
    assert taken.endswith(" gave no sign of life for 5 s: this process owns the store now")
    service.wake()
    until(lambda: len(service.said) > 1 and service.serves)  # again
    assert events(cli, door, *db) == ["$start", "OPEN"]


def waited_for(cli: Cli, serve: Serve, module: str) -> Story:
    """The service is stopped within a commit: nobody can take over, and it goes on as if nothing had been."""
    first = serve(module, "within", code=STOPPING)
    second = serve(module, "within")
    db = ("--db", "within/statewf.db")
    door = started(cli, "door.yaml", *db)
    was = lease(first.folder).epoch
    (first.folder / "stop").touch()
    send = process("send", door, "OPEN", *db)
    until(lambda: not (first.folder / "stop").exists())
    yield
    assert (second.waits, lease(first.folder).epoch) == (True, was)
    first.wake()
    assert ended(send).out == f"OPEN: accepted. {door} is in open. It accepts CLOSE.\n"
    assert cli("send", door, "CLOSE", *db).code == 0
    assert (first.serves, second.waits, lease(first.folder).epoch) == (True, True, was)
    assert events(cli, door, *db) == ["$start", "OPEN", "CLOSE"]


@STOPS
def test_only_who_gives_no_sign_of_life_for_a_lease_loses_the_store(
    cli: Cli, handlers: Write, serve: Serve
) -> None:
    module = handlers(PERFORM)
    stories = [story(cli, serve, module) for story in (taken_over, left_alone, done_by_the_verb, waited_for)]
    for story in stories:
        next(story)
    end = time.monotonic() + LEASE + 1
    until(lambda: time.monotonic() > end)  # all of them at the same time
    for story in stories:
        assert next(story, "told") == "told"


@STOPS
@pytest.mark.parametrize("dies", [False, True], ids=["wakes", "dies"])
def test_within_a_commit_readers_read_and_writers_are_told(
    dies: bool, cli: Cli, handlers: Write, serve: Serve
) -> None:
    module = handlers(PERFORM)
    first, second = serve(module, code=STOPPING), serve(module)
    door = started(cli, "door.yaml")
    Path("stop").touch()
    asked = process("send", door, "OPEN", "--key", "k", entry=entry(HASTY))
    until(lambda: not Path("stop").exists())
    verbs = (["start", "door.yaml"], ["send", door, "OPEN"], ["send", door, "OPEN", "--json"])
    others = [process(*verb, entry=entry(HASTY)) for verb in verbs]
    assert state(cli, door) == "closed"
    assert events(cli, door) == ["$start"]
    assert [card["instance"] for card in cli("list", "--json").json] == [door]
    assert cli("tasks", "--json").json == []

    waiting, unknown = told(ended(asked))
    assert waiting.startswith(f"waiting for process {first.pid} on ")
    assert unknown == (
        "error: the owner of the store did not answer, and nobody knows whether it will do it "
        "(statewf.db: is in use by another process); ask again with the same key or request id"
    )
    for other in others[:2]:
        waiting, busy = told(ended(other))
        assert re.fullmatch(
            r"error: statewf\.db: is in use by another process, for 1\.5 s now: nothing was done "
            rf"\(process {first.pid} on \S+ owns the store; should who writes be stopped, wake or end it\)",
            busy,
        )
    assert ended(others[2]).codes == ["store-busy"]

    if dies:
        first.end(signal.SIGKILL)
        until(lambda: second.serves)
    else:
        first.wake()
    said = cli("send", door, "OPEN", "--key", "k")  # as it was told
    assert (said.code, said.out) == (0, f"OPEN: duplicate. {door} is in open. It accepts CLOSE.\n")
    assert events(cli, door) == ["$start", "OPEN"]
    assert (first.serves, second.waits) == (True, not dies)


def told(said: Said) -> list[str]:
    """The lines on standard error of a verb that could not be done."""
    assert (said.code, said.out) == (2, "")
    return said.err.splitlines()


# --- without a service, several at once


def test_the_same_request_of_several_at_once_is_one_instance(cli: Cli, handlers: Write) -> None:
    module = handlers(PERFORM)
    starts = [process("start", *CLAIM, "--request-id", "R", "--handlers", module) for _ in range(3)]
    said = [ended(start) for start in starts]
    assert {one.code for one in said} == {0}, said
    assert len({one.out for one in said}) == 1
    (card,) = cli("list", "--json").json
    assert events(cli, card["instance"]) == ["$start", "$returned"]
    assert len({key for _, key in called()}) == 1


def test_many_sends_at_once_are_all_answered_and_none_is_lost(cli: Cli, folder: Path) -> None:
    (folder / "counter.yaml").write_text(COUNTER)
    counter = started(cli, "counter.yaml")
    sends = [process("send", counter, "ADD", "--data", f'{{"n": {n}}}', "--json") for n in range(8)]
    said = [ended(send) for send in sends]
    assert [(one.code, one.err) for one in said] == [(0, "")] * 8
    assert sorted(one.json["seq"] for one in said) == list(range(2, 10))
    rows = {row["seq"]: row["data"] for row in cli("history", counter, "--json").json}
    assert [rows[one.json["seq"]] for one in said] == [{"n": n} for n in range(8)]


def test_two_runs_at_once_both_come_to_their_ends(cli: Cli, handlers: Write) -> None:
    module = handlers(PERFORM)
    runs = [process("run", "job.yaml", "--handlers", module, "--events", "GO") for _ in range(3)]
    until(lambda: len(called()) >= 3)
    Path("go").touch()
    assert [ended(run).code for run in runs] == [0, 0, 0]
    assert [card["state"] for card in cli("list", "--json").json] == ["done"] * 3


# --- two services from the beginning


def test_of_services_that_begin_at_once_one_serves(cli: Cli, handlers: Write, serve: Serve) -> None:
    module = handlers(PERFORM)
    services = [serve(module, wait=False) for _ in range(3)]
    until(lambda: all(service.serves or service.waits for service in services))
    assert [service.serves for service in services].count(True) == 1
    order = started(cli, *ORDER)
    cli("send", order, "VALIDATE")
    until(lambda: state(cli, order) == "validated")
    assert len(called()) == 1


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.2, 0.3])
def test_when_the_first_is_killed_while_the_second_is_opening_that_one_serves(
    moment: float, cli: Cli, handlers: Write, serve: Serve
) -> None:
    module = handlers(PERFORM)
    job = started(cli, "job.yaml")
    cli("send", job, "GO")
    first = serve(module)
    second = serve(module, wait=False)
    time.sleep(moment)  # into its start
    first.end(signal.SIGKILL)
    began = time.monotonic()
    until(lambda: second.serves)
    assert time.monotonic() - began < AT_ONCE
    Path("go").touch()
    until(lambda: state(cli, job) == "done")
