"""A store that cannot keep: nothing is acknowledged that was not kept, and the executor goes on."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import pytest

from statewf.errors import StoreError
from statewf.history import Entry, Memory
from statewf.machine.events import Event, Returned
from statewf.runtime import Instance
from tests.runtime.support import BUSY, DOOR, FULL, PAYMENT, Refusing, executor, paying, role

pytestmark = pytest.mark.anyio


async def test_a_sender_is_told_and_what_was_kept_stands() -> None:
    store = Refusing()
    async with executor(store) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        store.error = FULL
        with pytest.raises(StoreError, match="full"):
            await door.send("OPEN")
        assert door.state == "closed"
        with pytest.raises(StoreError):
            await owner.start("door", request_id="r")
        store.error = None
        assert (await door.send("OPEN")).seq == 2
        assert (await owner.start("door", request_id="r")).state == "closed"


async def test_everybody_in_the_batch_is_undone() -> None:
    store = Refusing()
    async with executor(store) as owner:
        await owner.deploy(DOOR)
        doors = [await owner.start("door") for _ in range(3)]
        store.error = FULL
        told: list[str] = []

        async def send(n: int, event: str) -> None:
            try:
                await doors[n].send(event)
            except StoreError as error:
                told.append(str(error))

        async with anyio.create_task_group() as group:
            for n in range(3):
                group.start_soon(send, n, "OPEN")
        assert told == ["the disk is full"] * 3
        store.error = None
        assert [door.state for door in doors] == ["closed"] * 3


async def test_a_reply_that_could_not_be_kept_is_kept_later() -> None:
    store = Refusing()
    calls = 0

    async def charge(_: object) -> Event:
        nonlocal calls
        calls += 1
        store.error = FULL
        return Event("PAID")

    async with executor(store, {"charge": charge, "thank": lambda _: None}) as owner:
        await owner.deploy(PAYMENT)
        payment = await owner.start("payment")
        await payment.send("PAY")
        await anyio.sleep(5)
        assert store.refused > 1
        assert payment.state == "paying"
        store.error = None
        assert (await payment.wait()).state == "paid"
        assert calls == 1


async def test_timers_wait_for_the_store() -> None:
    store = Refusing()
    async with executor(store) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        await door.send("OPEN")
        store.error = FULL
        await anyio.sleep(15)
        assert door.state == "open"
        store.error = None
        await anyio.sleep(5)
        assert door.state == "alarm"


async def test_a_store_that_fails_as_a_whole_is_told_of_and_not_each_of_its_timers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Refusing()
    async with executor(store) as owner:
        await owner.deploy(DOOR)
        doors = [await owner.start("door") for _ in range(300)]
        for door in doors:
            await door.send("OPEN")
        store.error = FULL
        caplog.clear()
        await anyio.sleep(40)
        assert 1 <= len([record for record in caplog.records if record.levelname == "ERROR"]) <= 31
        store.error = None
        await anyio.sleep(12)
        assert {door.state for door in doors} == {"alarm"}


async def test_a_reply_that_is_lost_twice_is_held_once() -> None:
    store = Refusing()

    async def charge(_: object) -> None:
        await anyio.sleep_forever()

    async with executor(store, {"charge": charge, "thank": lambda _: None}) as owner:
        payment, call = await paying(owner)
        reply = Returned(call, None, 0, Event("PAID"))
        replies, performer = role(owner)._replies, role(owner)._performer
        assert replies is not None
        assert performer is not None
        running = performer.busy.count
        store.error = FULL
        for _ in range(2):
            replies.lost(payment.id, reply)
            await anyio.sleep(1)
        assert performer.busy.count == running + 1
        assert replies.has(payment.id, call)
        store.error = None
        await payment.until(lambda: payment.state == "paid")


async def test_a_commit_that_fails_strangely_and_then_in_part_keeps_nothing_twice() -> None:
    """The store breaks its contract for many at once, and is busy when they are kept one by one."""

    class Strange(Refusing):
        strange = False

        def append(self, entries: Sequence[Entry], epoch: int) -> None:
            if self.error is None and self.strange and len(entries) > 1:
                raise TypeError("many at once")
            if self.error is None and self.strange and entries[0].card.id == doors[1].id:
                self.strange = False
                raise BUSY
            super().append(entries, epoch)

    store = Strange()
    doors: list[Instance] = []
    async with executor(store) as owner:
        await owner.deploy(DOOR)
        doors = sorted([await owner.start("door") for _ in range(3)], key=lambda door: door.id)
        store.strange = True
        store.error = BUSY  # until all of them are in one commit
        told: list[str] = []

        async def send() -> None:
            told.extend(await sent_at_once(doors, "OPEN"))

        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await anyio.sleep(1)
            store.error = None
        assert sorted(told) == ["accepted", "accepted", "in use"]
        assert [door.state for door in doors] == ["open", "closed", "open"]
        assert [len(door.history()) for door in doors] == [2, 1, 2]


# --- a real file


@contextmanager
def no_larger(path: Path) -> Iterator[None]:
    """Within, no file of this process may grow beyond what that one has: as on a full disk, each write fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def sent_at_once(doors: Sequence[Instance], event: str, data: object = None) -> list[str]:
    """What each of the senders is told, who share a commit."""
    told: list[str] = []

    async def send(door: Instance) -> None:
        try:
            told.append((await door.send(event, data)).disposition)
        except StoreError as error:
            told.append(str(error))

    async with anyio.create_task_group() as group:
        for door in doors:
            group.start_soon(send, door)
    return told


async def test_a_file_that_cannot_grow_keeps_nothing_of_a_commit_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with executor(str(path)) as owner:
        await owner.deploy(DOOR)
        doors = [await owner.start("door") for _ in range(5)]
        with no_larger(Path(f"{path}-wal")):
            told = await sent_at_once(doors, "OPEN", {"text": "x" * 10_000})
            assert [f"{path}: " in text and "\n" not in text for text in told] == [True] * 5, told
            assert [(door.state, len(door.history())) for door in doors] == [("closed", 1)] * 5
        assert await sent_at_once(doors, "OPEN") == ["accepted"] * 5
        assert [door.state for door in doors] == ["open"] * 5
    async with executor(str(path)) as owner:
        assert [owner.snapshot(door.id).seq for door in doors] == [2] * 5
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_file_in_which_somebody_writes_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with executor(str(path)) as owner:
        await owner.deploy(DOOR)
        doors = [await owner.start("door") for _ in range(3)]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            told: list[str] = []

            async def send() -> None:
                told.extend(await sent_at_once(doors, "OPEN"))

            async with anyio.create_task_group() as group:
                group.start_soon(send)
                await anyio.sleep(0.3)
                assert (told, doors[0].state) == ([], "closed")
                other.execute("ROLLBACK")
        assert told == ["accepted"] * 3


async def test_a_store_that_fails_while_it_is_closed_is_closed_all_the_same() -> None:
    class Gone(Memory):
        gone = closed = False

        def version(self) -> int:
            if self.gone:
                raise StoreError("disk I/O error")
            return super().version()

        def close(self) -> None:
            self.closed = True

    store = Gone()
    async with executor(store, {}) as owner:
        await owner.deploy(DOOR)
        store.gone = True
    assert store.closed
    assert store.lease().holder == ""
