"""Stores that an earlier statewf wrote: they are brought up to date, nothing is missing, and everything goes on.

`schema_3.sql` is what the last version before the lease wrote: a door that is open, with a timer and a key; one of
61 steps, with a snapshot; a review that waits for ann; and a door that was cancelled. Since then steps have come to mean
something else in corners that these machines do not have; so that they go on, they are given the digests of today.
"""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

import statewf as wf
from statewf.compiler import compile_definition
from statewf.errors import EventRejected, RequestConflict, StoreBusy, StoreError
from statewf.history import Grave, Sqlite, database, schema, upkeep
from statewf.history.damage import verify
from statewf.history.upkeep import archive, copy
from statewf.machine.fsm import SEMANTICS
from statewf.runtime import Executor
from statewf.runtime.machines import Machines
from tests.runtime.support import EPOCH

ROOT = Path(__file__).parents[2]
WRITTEN = (Path(__file__).parent / "schema_3.sql").read_text()
OPEN, LONG, REVIEW, CANCELLED = "door-409150c9bc43", "door-549a0ec935ec", "review-b0081554f2a2", "door-d73e217e89b9"


def of_today(dump: str) -> str:
    """The store with machines of today's semantics."""
    machines = re.compile(r"""INSERT INTO "machine" VALUES\('(\w+)','\w+',\d+,'(.*?)'\);""", re.DOTALL)
    for digest, definition in machines.findall(dump):
        dump = dump.replace(digest, compile_definition(wf.loads(definition)).digest)
    return re.sub(r"""(INSERT INTO "machine" VALUES\('\w+','\w+'),\d+,""", rf"\1,{SEMANTICS},", dump)


DUMP = of_today(WRITTEN)


@pytest.fixture
def old(tmp_path: Path) -> str:
    """A store as the earlier version left it."""
    path = str(tmp_path / "old.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(DUMP)
        db.execute("PRAGMA journal_mode = WAL")
    assert version(path) == 3
    return path


def version(path: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        number: int = db.execute("PRAGMA user_version").fetchone()[0]
        return number


def wrong(store: Sqlite) -> list[str]:
    """What `verify` finds."""
    return [finding.message for finding in verify(store, Machines(store).get)]


def tables(path: str) -> set[str]:
    """The tables and indexes, as they are written."""
    with closing(sqlite3.connect(path)) as db:
        return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")}


def executor(path: str, at: int = 0) -> Executor:
    async def ship(_: object) -> dict[str, bool]:
        return {"shipped": True}

    return Executor(path, {"ship": ship}, clock=lambda: EPOCH + at)


# --- what is there afterwards


def test_everything_is_there(old: str) -> None:
    with closing(Sqlite(old)) as store:
        assert [(card.number, card.id, card.state) for card in store.cards()] == [
            (4, CANCELLED, "$cancelled"),
            (3, REVIEW, "running"),
            (2, LONG, "closed"),
            (1, OPEN, "open"),
        ]
        assert [len(list(store.rows(name))) for name in (OPEN, LONG, REVIEW, CANCELLED)] == [2, 61, 1, 2]
        assert store.due(EPOCH + 10_000, 10) == [OPEN]
        assert [task.id for task in store.tasks(assigned_to="ann")] == [f"{REVIEW}/ask/1"]
        assert store.number() == 5
        assert store.lease()[:2] == (0, "")
        assert wrong(store) == []
    assert version(old) == schema.VERSION


def test_it_has_what_a_new_one_has(old: str, tmp_path: Path) -> None:
    Sqlite(old).close()
    new = str(tmp_path / "new.db")
    Sqlite(new).close()
    assert tables(old) == tables(new)


def test_its_snapshot_is_used(old: str) -> None:
    with closing(Sqlite(old)) as store:
        loaded = store.load(LONG)
        assert loaded is not None
        assert loaded.snapshot is not None
        assert (loaded.snapshot.seq, len(loaded.events)) == (47, 14)


def test_what_has_ended_can_be_archived(old: str) -> None:
    with closing(Sqlite(old)) as store:
        assert sum(archive(store, EPOCH)) == 1
        assert store.card(CANCELLED) is None
        assert wrong(store) == []


def test_the_very_first_schema_is_brought_up_to_date_too(tmp_path: Path) -> None:
    path = str(tmp_path / "first.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(schema.FIRST)
        db.execute(f"PRAGMA application_id = {schema.APPLICATION}")
        db.execute("PRAGMA user_version = 1")
    with closing(Sqlite(path, as_it_is=True)) as store:
        (finding,) = verify(store, Machines(store).get)
        assert (finding.rule, finding.severity) == ("old-schema", "warning")
    with closing(Sqlite(path)) as store:
        assert (store.cards(), wrong(store), version(path)) == ([], [], schema.VERSION)


# --- how it goes on


@pytest.mark.anyio
async def test_requests_and_keys_are_still_known(old: str) -> None:
    async with executor(old) as owner:
        assert (await owner.start("door", {"n": 1}, request_id="R-1")).id == OPEN
        assert (await owner.start("review", {}, request_id="R-2")).id == REVIEW
        with pytest.raises(RequestConflict):
            await owner.start("door", {"n": 2}, request_id="R-1")
        again = await owner.send(OPEN, "OPEN", {"by": "ann"}, key="k1")
        assert (again.disposition, again.seq, again.state) == ("duplicate", 2, "open")
        with pytest.raises(EventRejected, match="terminal"):
            await owner.send(CANCELLED, "OPEN")


@pytest.mark.anyio
async def test_timers_fire_tasks_are_decided_and_long_histories_go_on(old: str) -> None:
    async with executor(old, at=10_000) as owner:
        emitted: list[str] = []
        owner.on("Alarm.raised", lambda one: emitted.append(one.id), subscriber="me")
        await owner.until(OPEN, lambda kept: kept.seq == 3)
        assert (await owner.get(OPEN)).state == "alarm"
        await owner.complete(f"{REVIEW}/ask/1", "approved", by="ann")
        assert (await owner.wait(REVIEW)).results["ship"] == {"shipped": True}
        assert (await owner.send(LONG, "OPEN")).seq == 62
        await owner.idle()
    assert emitted == [f"{OPEN}/3/0"]
    with closing(Sqlite(old)) as store:
        assert wrong(store) == []
        assert list(store.tasks()) == []


@pytest.mark.anyio
async def test_new_snapshots_are_written(old: str) -> None:
    async with executor(old) as owner:
        for number in range(40):
            await owner.send(LONG, "CLOSE", {"note": f"{number} " * 20})
    with closing(Sqlite(old)) as store:
        loaded = store.load(LONG)
        assert loaded is not None
        assert loaded.snapshot is not None
        assert loaded.snapshot.seq > 61
        assert wrong(store) == []


# --- before it is brought up to date


def test_it_can_be_looked_at_and_copied_as_it_is(old: str, tmp_path: Path) -> None:
    target = str(tmp_path / "copy.db")
    with closing(Sqlite(old, as_it_is=True)) as store:
        assert wrong(store) == []
        copy(store, target)
    assert (version(old), version(target)) == (3, 3)
    with closing(Sqlite(target)) as store:
        assert len(store.cards()) == 4


# --- bringing it up to date


@pytest.mark.parametrize("at", range(len(schema.OWNED.split(";"))))
def test_all_or_nothing(old: str, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    statements = schema.OWNED.split(";")
    broken = ";".join([*statements[:at], "SELECT 1 FROM nowhere"])
    monkeypatch.setitem(schema.ADDED, upkeep.OWNED, broken)
    before = tables(old)
    with pytest.raises(StoreError, match="nowhere"):
        Sqlite(old)
    assert (version(old), tables(old)) == (3, before)
    monkeypatch.setitem(schema.ADDED, upkeep.OWNED, schema.OWNED)
    with closing(Sqlite(old)) as store:
        assert wrong(store) == []


KILLED = """
import os, signal, sys
from statewf.history import Sqlite, database

def run(db, statements):
    for statement in statements.split(";")[: int(sys.argv[2])]:
        db.execute(statement)
    os.kill(os.getpid(), signal.SIGKILL)

database._run = run
Sqlite(sys.argv[1])
"""


@pytest.mark.parametrize("at", [1, 7, 100])
def test_who_is_killed_meanwhile_has_changed_nothing(old: str, at: int) -> None:
    before = tables(old)
    run = subprocess.run([sys.executable, "-c", KILLED, old, str(at)], cwd=ROOT, timeout=60)
    assert run.returncode == -signal.SIGKILL
    assert (version(old), tables(old)) == (3, before)
    with closing(Sqlite(old)) as store:
        assert wrong(store) == []


def test_many_may_open_it_at_once(old: str) -> None:
    ready = Barrier(6)

    def opened() -> int:
        ready.wait()
        with closing(Sqlite(old)) as store:
            return len(store.cards())

    with ThreadPoolExecutor(6) as threads:
        answers = [threads.submit(opened) for _ in range(6)]
        assert [answer.result() for answer in answers] == [4] * 6
    with closing(Sqlite(old)) as store:
        assert wrong(store) == []


def test_some_may_have_it_open_when_others_come(old: str) -> None:
    """Those who came first do not have to end for it: they know the new schema."""
    first = Sqlite(old)
    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(lambda: Sqlite(old).close()) for _ in range(4)]
        assert [answer.result() for answer in answers] == [None] * 4
    assert len(first.cards()) == 4
    first.close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for others gives up soon."""
    monkeypatch.setattr(database, "TRIES", 2)


Reached = Callable[[sqlite3.Connection], object]


@pytest.mark.parametrize(
    "reached",
    [
        lambda db: db.execute("SELECT count(*) FROM instance").fetchone(),
        lambda db: db.execute("BEGIN IMMEDIATE"),
    ],
    ids=["it is idle", "it writes"],
)
def test_who_has_it_open_under_the_earlier_version_is_not_disturbed(
    old: str, hurried: None, reached: Reached
) -> None:
    with closing(sqlite3.connect(old, isolation_level=None)) as earlier:
        reached(earlier)
        with pytest.raises(StoreBusy, match=r"earlier statewf \(schema 3\), and a process has it open") as error:
            Sqlite(old)
        assert "\n" not in str(error.value)
        if not earlier.in_transaction:
            earlier.execute("BEGIN IMMEDIATE")
        earlier.execute("UPDATE snapshot SET size = 0")
        earlier.execute("COMMIT")
        assert earlier.execute("PRAGMA user_version").fetchone() == (3,)
    Sqlite(old).close()
    assert version(old) == schema.VERSION


def test_a_grave_is_found_by_its_instance(old: str) -> None:
    with closing(Sqlite(old)) as store:
        store.database.all("INSERT INTO grave VALUES ('door', 'R-9', 'door-9', 'locked', 'success', 5)")
        assert store.grave("door-9") == store.request("door", "R-9") == Grave("door-9", "locked", "success", 5)
        assert store.grave("door-8") is None
