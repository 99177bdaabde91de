"""Rows that somebody damaged: one clear line, and all other instances go on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from statewf.errors import StoreError
from statewf.history import Sqlite
from statewf.machine.work import Work
from tests.runtime.support import DOOR, executor, machine

pytestmark = pytest.mark.anyio

CALLING = machine("""
name: calling
initialState: working
states:
  working: {invoke: {handler: work, onDone: done}}
  done: {terminal: true}
""")

DAMAGES = {
    "no json": "UPDATE history SET body = '{' WHERE instance = 1 AND seq = 2",
    "half a row": "UPDATE history SET body = '{\"seq\": 2}' WHERE instance = 1 AND seq = 2",
    "another event": "UPDATE history SET body = replace(body, 'OPEN', 'LOCK') WHERE instance = 1 AND seq = 2",
    "a name that is none": "UPDATE history SET body = replace(body, '\"OPEN\"', '\"$failed\"') WHERE instance = 1",
    "no start": "DELETE FROM history WHERE instance = 1 AND seq = 1",
    "a foreign timer": "UPDATE instance SET due = 1 WHERE number = 1",
    "inputs": "UPDATE instance SET inputs = '[' WHERE number = 1",
    "a strange snapshot": "INSERT INTO snapshot VALUES (1, 2, '{}')",
    "no machine": "UPDATE instance SET machine = 'none' WHERE number = 1",
}


SNAPSHOTS = {
    "nothing in it": "[]",
    "a state that is none": """replace(body, '"open"', '"ajar"')""",
    "a timer that is none": "replace(body, '$timeout:open', '$other')",
    "a text for a number": """replace(body, '"seq":2', '"seq":"2"')""",
    "a region too few": """replace(body, '["open",1,2]', '["open",1]')""",
}


def damage(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute(statement).rowcount > 0


@pytest.mark.parametrize("what", DAMAGES)
async def test_the_others_go_on(tmp_path: Path, what: str) -> None:
    path = tmp_path / "store.db"
    async with executor(str(path)) as owner:
        await owner.deploy(DOOR)
        first, second = [await owner.start("door") for _ in range(2)]
        await first.send("OPEN")
        await second.send("OPEN")
    damage(path, DAMAGES[what])
    async with executor(str(path)) as owner:
        await anyio.sleep(30)
        assert owner.snapshot(second.id).regions[0][0] == "alarm"
        await owner.idle()
        assert (await owner.send(second.id, "CLOSE")).state == "closed"
        if what != "a foreign timer":
            with pytest.raises(StoreError, match=r"damaged|not in the store"):
                await owner.send(first.id, "CLOSE")


@pytest.mark.parametrize("what", SNAPSHOTS)
async def test_the_others_go_on_beside_a_damaged_snapshot(tmp_path: Path, what: str) -> None:
    path = tmp_path / "store.db"
    Sqlite(str(path)).close()
    with closing(sqlite3.connect(path)) as db:  # every start writes a snapshot
        db.execute("CREATE TRIGGER soon AFTER INSERT ON instance BEGIN UPDATE instance SET most = -1; END")
    async with executor(str(path)) as owner:
        await owner.deploy(DOOR)
        first, second = [await owner.start("door") for _ in range(2)]
        await first.send("OPEN")
        await second.send("OPEN")
    damaged = SNAPSHOTS[what] if "(" in SNAPSHOTS[what] else f"'{SNAPSHOTS[what]}'"
    damage(path, f"UPDATE snapshot SET body = {damaged} WHERE instance = 1")  # ours
    async with executor(str(path)) as owner:
        await anyio.sleep(30)
        assert owner.snapshot(second.id).regions[0][0] == "alarm"
        with pytest.raises(StoreError, match="damaged"):
            await owner.send(first.id, "CLOSE")


async def test_a_hundred_damaged_ones_do_not_starve_the_others(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with executor(str(path)) as owner:
        await owner.deploy(DOOR)
        doors = [await owner.start("door") for _ in range(151)]
        for door in doors:
            await door.send("OPEN")
    damage(path, "UPDATE history SET body = '{' WHERE instance <= 150")
    async with executor(str(path)) as owner:
        await anyio.sleep(10.5)
        assert owner.snapshot(doors[-1].id).regions[0][0] == "alarm"


async def test_a_damaged_definition_is_told(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with executor(str(path)) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
    damage(path, "UPDATE machine SET definition = '{\"initialState\": 3}'")
    async with executor(str(path)) as owner:
        with pytest.raises(StoreError, match="the definition of door is damaged"):
            owner.snapshot(door.id)


async def test_open_calls_of_others_are_offered_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with executor(str(path)) as owner:
        await owner.deploy(CALLING)
        first, second = [await owner.start("calling") for _ in range(2)]
    damage(path, "UPDATE history SET body = '[]' WHERE instance = 1")
    async with executor(str(path), {"work": lambda _: None}) as owner:
        assert (await owner.wait(second.id)).state == "done"
        with pytest.raises(StoreError, match="damaged"):
            owner.snapshot(first.id)


async def test_one_damaged_instance_whose_reply_is_held_takes_no_place_from_others(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    made: list[str] = []

    async def work(call: Work) -> None:
        if call.instance == jobs[0]:
            damage(path, "UPDATE history SET body = '[]' WHERE instance = 1")
            owner._lives.clear(StoreError("it was read again"))
        made.append(call.instance)

    async with executor(str(path)) as keeper:
        await keeper.deploy(CALLING)
        jobs = [(await keeper.start("calling")).id for _ in range(20)]
    async with executor(str(path), {"work": work}, concurrency=1) as owner:
        with anyio.fail_after(60):
            await owner.idle()
        assert sorted(made) == sorted(jobs)
        assert [card.ended for card in await owner.list()].count("success") == 19
