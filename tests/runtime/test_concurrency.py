"""Many at once: senders, starters, repliers, more instances than stay in memory, and two owners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest

from statewf.errors import EventRejected, StatewfError, StoreConflict
from statewf.history import Entry, Store
from statewf.machine.events import Event, Returned
from statewf.machine.work import Work
from statewf.runtime import live
from tests.runtime.support import BUSY, DOOR, FULL, Refusing, executor, machine, paying, role

pytestmark = pytest.mark.anyio
Place = Callable[[], Store | str]

FRAGILE = machine("""
name: fragile
initialState: on
states:
  on: {on: {BREAK: broken}}
  broken: {terminal: true, outcome: failure}
""")


async def test_cancelling_does_not_wait_for_an_action(place: Place) -> None:
    hung = machine("""
    name: hung
    initialState: a
    states:
      a: {onEntry: {type: function, handler: hang}, on: {GO: a}}
    """)
    refused: list[str] = []

    async def hang(_: Work) -> None:
        await anyio.sleep_forever()

    async with executor(place(), {"hang": hang}) as owner, anyio.create_task_group() as group:
        await owner.deploy(hung)
        job = await owner.start("hung")

        async def send() -> None:
            try:
                await job.send("GO")
            except EventRejected as rejected:
                refused.append(rejected.reason)

        group.start_soon(send)
        await anyio.sleep(1)
        await job.cancel()
        assert job.done
        await anyio.sleep(1)
        assert refused == ["terminal"]


class Once(Refusing):
    """A store that refuses one commit."""

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        try:
            super().append(entries, epoch)
        finally:
            self.error = None


async def test_a_reply_is_not_late_on_account_of_a_step_that_was_not_kept() -> None:
    store = Once()

    async def charge(_: Work) -> None:
        await anyio.sleep_forever()

    async with executor(store, {"charge": charge, "thank": lambda _: None}) as owner:
        payment, call = await paying(owner)
        store.error = FULL

        role(owner)._ledger.take(
            owner._lives.get(payment.id), Event("DECLINED")
        )  # leaves `paying`, but is not kept
        replies = role(owner)._replies
        assert replies is not None
        replies.take(payment.id, Returned(call, None, 0, Event("PAID")))
        await payment.until(lambda: payment.state == "paid")


async def test_a_refusal_is_not_told_on_account_of_a_step_that_was_not_kept() -> None:
    store = Once()
    told: list[str] = []
    async with executor(store) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        store.error = FULL

        async def cancel() -> None:
            try:
                await door.cancel()
            except StatewfError as error:
                told.append(type(error).__name__)

        async with anyio.create_task_group() as group:
            group.start_soon(cancel)
            group.start_soon(cancel)  # refused by what the first one made of the door, which is not kept
        assert told == ["StoreError", "StoreError"]


async def test_more_instances_than_stay_in_memory(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_IDLE", 3)
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        doors = [await owner.start("door") for _ in range(20)]

        async def use(door: Any) -> None:
            await door.send("OPEN")
            await door.send("CLOSE")

        for _ in range(3):
            async with anyio.create_task_group() as group:
                for door in doors:
                    group.start_soon(door.send, "OPEN")
            async with anyio.create_task_group() as group:
                for door in reversed(doors):
                    group.start_soon(door.send, "CLOSE")
        assert {door.state for door in doors} == {"closed"}
        assert {len(door.history()) for door in doors} == {7}
        assert len(owner._lives._lives) < 8


async def test_two_senders_of_each_of_many(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_IDLE", 2)
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        doors = [await owner.start("door") for _ in range(20)]
        told: list[str] = []

        async def send(door: Any) -> None:
            try:
                told.append((await door.send("OPEN")).state)
            except EventRejected as rejected:
                told.append(rejected.reason)

        async with anyio.create_task_group() as group:
            for door in doors * 2:
                group.start_soon(send, door)
        assert sorted(told) == ["open"] * 20 + ["unexpected"] * 20


async def test_many_restart_what_failed(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(FRAGILE)
        first = await owner.start("fragile", request_id="r")
        await first.send("BREAK")
        again: set[str] = set()

        async def restart() -> None:
            again.add((await owner.start("fragile", request_id="r", restart=True)).id)

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(restart)
        assert len(again) == 1
        assert first.id not in again


async def test_a_starter_that_is_cancelled_leaves_one_instance(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: owner.start("door", request_id="r"))
            group.start_soon(lambda: owner.start("door", request_id="r"))
            group.cancel_scope.cancel()
        await owner.start("door", request_id="r")
        assert len(await owner.list()) == 1


async def test_an_empty_request_id_is_one(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        await owner.start("door")
        first = await owner.start("door", request_id="")
        assert (await owner.start("door", request_id="")).id == first.id
        assert (await owner.start("door")).id != first.id


async def test_one_that_is_elsewhere_harms_nobody_in_its_commit() -> None:
    """Its step is computed again, upon what the store has; the others are kept at once."""

    class Moved(Refusing):
        moved = ""

        def append(self, entries: Sequence[Entry], epoch: int) -> None:
            if self.error is None:
                commits.append({entry.card.id for entry in entries})
                if self.moved in commits[-1]:
                    moved, self.moved = self.moved, ""
                    raise StoreConflict(moved, "was changed by somebody else")
            super().append(entries, epoch)

    store = Moved()
    commits: list[set[str]] = []
    async with executor(store) as owner:
        await owner.deploy(DOOR)
        doors = [await owner.start("door") for _ in range(3)]
        first, second, third = (door.id for door in doors)
        store.moved = second
        store.error = BUSY  # until all of them are in one commit
        commits.clear()
        async with anyio.create_task_group() as group:
            for door in doors:
                group.start_soon(door.send, "OPEN")
            await anyio.sleep(1)
            store.error = None
        assert commits == [{first, second, third}, {first, third}, {second}]
        assert {door.state for door in doors} == {"open"}
        assert {len(door.history()) for door in doors} == {2}


async def test_the_same_key_again_does_not_wait_for_an_action(place: Place) -> None:
    async def hang(_: Work) -> None:
        await anyio.sleep_forever()

    hung = machine("""
    name: hung
    initialState: a
    states:
      a: {on: {GO: b}}
      b: {onEntry: {type: function, handler: hang}, on: {GO: a}}
    """)
    async with executor(place(), {"hang": hang}) as owner, anyio.create_task_group() as group:
        await owner.deploy(hung)
        job = await owner.start("hung")
        await job.send("GO", key="k")
        group.start_soon(job.send, "GO")
        await anyio.sleep(1)
        with anyio.fail_after(1):
            assert (await job.send("GO", key="k")).disposition == "duplicate"
        group.cancel_scope.cancel()


DEEPER = machine("""
name: deeper
initialState: a
states:
  a: {on: {MORE: {actions: {type: assign, set: {x: "[context.x]"}}}}}
""")


async def test_what_grows_too_deep_is_a_fault_and_can_be_read_again(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DEEPER)
        job = await owner.start("deeper")
        for _ in range(150):
            receipt = await job.send("MORE")
        assert "nested deeper" in receipt.notes[0]
        kept = job.context
    async with executor(place()) as owner:
        assert (await owner.get(job.id)).context == kept
        await owner.send(job.id, "MORE")
