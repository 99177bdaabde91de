"""Two executors of one store, in one process and virtual time: one owns it, the other asks; and how that changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import TaskStatus

from statewf.errors import (
    DataError,
    EventRejected,
    KeyConflict,
    RequestConflict,
    StoreBusy,
    StoreConflict,
    StoreError,
    UnknownInstance,
    UnknownMachine,
    UnknownTask,
)
from statewf.history import Memory, Sqlite, Store
from statewf.machine.work import Work
from statewf.runtime import Executor
from statewf.runtime.lease import LEASE, Holder
from statewf.values.frozen import Json
from tests.runtime.support import BUSY, DOOR, Refusing, executor, machine, role

pytestmark = pytest.mark.anyio
Place = Callable[[], Store | str]

REVIEW = machine("""
name: review
steps:
  - {id: ask, type: human-task, assignTo: ann}
  - {id: ship}
""")


@asynccontextmanager
async def owner_and_guest(place: Place, handlers: Any = None) -> AsyncIterator[tuple[Executor, Executor]]:
    """The first performs; the second only asks."""
    async with executor(place(), handlers) as owner, executor(place()) as guest:
        assert (owner.owns, guest.owns) == (True, False)
        for one in (owner, guest):
            await one.deploy(DOOR)
        await guest.deploy(REVIEW)
        yield owner, guest


async def ship(work: Work) -> dict[str, str]:
    return {"shipped": work.instance}


def ring(one: Executor, other: Executor) -> None:
    """As who has asked something does."""
    one._seat._house.bell.ring(other._seat._house.bell.port)


def elsewhere() -> str:
    """A holder of whom nobody knows whether it lives."""
    return str(Holder("elsewhere", "-", 1, "x", 0))


async def test_what_a_guest_asks_the_owner_does(place: Place) -> None:
    async with owner_and_guest(place, {"ship": ship}) as (owner, guest):
        review = await guest.start("review", request_id="R-1")
        (task,) = guest.tasks(instance=review.id)
        assert (await guest.complete(task.id, "approved", by="ann")).disposition == "accepted"
        outcome = await review.wait()
        assert (outcome.state, outcome.results["ship"]) == ("completed", {"shipped": review.id})
        assert (await owner.start("review", request_id="R-1")).id == review.id
        door = await guest.start("door")
        receipt = await door.send("OPEN", {"by": "ann"}, key="k")
        assert (receipt.disposition, receipt.seq, receipt.state, receipt.allowed) == (
            "accepted",
            2,
            "open",
            ("CLOSE",),
        )
        assert receipt == await owner_receipt(owner, door.id)
        assert (await door.cancel()).state == "$cancelled"
        assert owner.snapshot(door.id) == guest.snapshot(door.id)
        assert guest.owner.startswith("process ")


async def owner_receipt(owner: Executor, door: str) -> Any:
    """What was told of the key `k`, but that it is told again."""
    import attrs

    return attrs.evolve(await owner.send(door, "OPEN", {"by": "ann"}, key="k"), disposition="accepted")


async def test_refusals_are_raised_where_it_was_asked(place: Place) -> None:
    async with owner_and_guest(place) as (owner, guest):
        door = await guest.start("door", {"n": 1}, request_id="R")
        with pytest.raises(EventRejected) as refused:
            await guest.send(door.id, "CLOSE")
        with pytest.raises(EventRejected) as at_home:
            await owner.send(door.id, "CLOSE")
        assert vars(refused.value) == vars(at_home.value)
        assert str(refused.value) == str(at_home.value)
        await guest.send(door.id, "OPEN", key="k")
        with pytest.raises(KeyConflict, match="used before"):
            await guest.send(door.id, "CLOSE", key="k")
        with pytest.raises(RequestConflict, match="other inputs"):
            await guest.start("door", {"n": 2}, request_id="R")
        with pytest.raises(UnknownMachine, match="no machine named house"):
            await guest.start("house")
        with pytest.raises(UnknownInstance, match="no instance none"):
            await guest.send("none", "OPEN")
        with pytest.raises(UnknownTask, match="no task"):
            await guest.complete(f"{door.id}/ask/1", "approved")
        with pytest.raises(UnknownTask, match="no task"):
            await guest.complete("none", "approved")
        with pytest.raises(DataError):
            await guest.send(door.id, "")
        damaged: Any
        for damaged in (
            {"verb": "send"},
            {"verb": "jump", "of": ()},
            {"verb": "send", "of": (door.id, "$x", {}, None)},
        ):
            number = guest.store.ask(damaged, 0)
            ring(guest, owner)
            with anyio.fail_after(10):
                while (told := guest.store.answered(number)) is None:
                    await anyio.sleep(0.1)
            assert told["error"] in ("StoreError", "DataError")  # type: ignore[index,call-overload]  # an object


async def test_a_guest_sees_what_happens_while_it_waits(place: Place) -> None:
    async with owner_and_guest(place) as (owner, guest):
        door = await owner.start("door")
        seen = []

        async def watch() -> None:
            here = await guest.get(door.id)
            for state in ("open", "alarm", "closed"):
                await here.until(lambda state=state: here.state == state)  # type: ignore[misc]  # asked at once
                seen.append(here.state)

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            await anyio.sleep(1)
            await door.send("OPEN")
            await anyio.sleep(11)  # its timer
            await door.send("CLOSE")
        assert seen == ["open", "alarm", "closed"]


async def test_a_guest_takes_over_when_the_owner_leaves(place: Place) -> None:
    leave = anyio.Event()

    async def own(*, task_status: TaskStatus[None]) -> None:
        async with executor(place(), {"ship": ship}) as owner:
            await owner.deploy(REVIEW)
            task_status.started()
            await leave.wait()

    async with anyio.create_task_group() as group:
        await group.start(own)
        async with executor(place(), {"ship": ship}) as guest:
            review = await guest.start("review")
            assert not guest.owns
            leave.set()
            with anyio.fail_after(2):
                await guest.complete(guest.tasks()[0].id, "approved")
                assert (await review.wait()).state == "completed"
            assert guest.owns


async def test_an_owner_that_shows_no_sign_of_life_is_deposed_and_goes_on_as_a_guest(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        epoch = owner.store.lease().epoch
        assert owner.store.claim(elsewhere(), epoch) == epoch + 1  # as somebody does who waited for a lease
        began = anyio.current_time()
        receipt = await door.send("OPEN")  # nobody answers; then it owns the store again, and answers itself
        assert receipt.seq == 2
        assert LEASE <= anyio.current_time() - began <= LEASE + 3
        assert owner.owns
        assert owner.store.lease().epoch == epoch + 2
        assert [row["event"] for row in door.history()] == ["$start", "OPEN"]


async def test_calls_under_way_are_recalled_when_somebody_else_owns_the_store(place: Place) -> None:
    ended: list[str] = []

    async def hang(work: Work) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(work.key)

    async with executor(place(), {"ship": hang}) as owner:
        await owner.deploy(REVIEW)
        review = await owner.start("review")
        await review.complete(review.tasks()[0].id, "approved")
        await anyio.sleep(1)
        owner.store.claim(elsewhere(), owner.store.lease().epoch)
        async with anyio.create_task_group() as group:
            group.start_soon(review.cancel)  # cannot be kept
            await anyio.sleep(1)
            assert (owner.owns, ended) == (False, [f"{review.id}/ship/1"])
        assert (await review.wait()).state == "cancelled"


async def test_who_cannot_perform_makes_room_for_who_can(place: Place) -> None:
    async with executor(place()) as keeper:
        await keeper.deploy(REVIEW)
        review = await keeper.start("review")
        async with executor(place(), {"ship": ship}) as worker:
            await anyio.sleep(3)
            assert (keeper.owns, worker.owns) == (False, True)
            await keeper.complete(keeper.tasks()[0].id, "approved")
            assert (await review.wait()).state == "completed"


async def test_who_performs_stays_although_others_could(place: Place) -> None:
    async with executor(place(), {"ship": ship}) as owner, executor(place(), {"ship": ship}) as other:
        await anyio.sleep(60)
        assert (owner.owns, other.owns) == (True, False)


async def test_a_request_that_nobody_takes_is_withdrawn_and_was_not_done(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
    async with executor(place()) as owner:
        async with executor(place(), patience=LEASE / 2) as guest:
            owner.store.claim(elsewhere(), owner.store.lease().epoch)
            with pytest.raises(
                StoreError, match=r"process 1 on elsewhere, .* did not answer for 2.5 s: nothing was done"
            ):
                await guest.send(door.id, "OPEN")
            assert guest.store.asked(0, 10) == []
        await anyio.sleep(LEASE + 2)
        assert owner.owns
        assert owner.snapshot(door.id).seq == 1


async def test_a_request_is_withdrawn_when_the_store_is_busy_no_more(tmp_path: Path) -> None:
    """Also of somebody who was cancelled: what he asked for is not done behind his back."""

    class Busy(Sqlite):
        tries = 0

        def withdraw(self, number: int) -> bool:
            self.tries += 1
            if self.tries % 10:
                raise StoreBusy("in use")
            return super().withdraw(number)

    store = Busy(str(tmp_path / "store.db"))
    async with executor(store.path) as owner, executor(store, patience=1) as guest:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        owner.store.claim(elsewhere(), owner.store.lease().epoch)
        with pytest.raises(StoreError, match="nothing was done"):
            await guest.send(door.id, "OPEN")
        assert (store.tries, store.asked(0, 10)) == (10, [])
        async with anyio.create_task_group() as group:
            group.start_soon(guest.send, door.id, "OPEN")
            await anyio.sleep(0.1)
            assert len(store.asked(0, 10)) == 1
            group.cancel_scope.cancel()
        assert (store.tries, store.asked(0, 10)) == (20, [])


async def test_an_idle_owner_keeps_the_store_although_nobody_can_ask_whether_it_lives() -> None:
    """A third process writes so much that questions seldom get through."""

    class Crowded(Memory):
        asked_for = 0

        def question(self, epoch: int, *, wanted: bool) -> None:
            self.asked_for += 1
            if self.asked_for % 7:
                raise StoreBusy("in use")
            super().question(epoch, wanted=wanted)

    store = Crowded()
    async with executor(store, {}) as owner, executor(store, {}) as other:
        epoch = store.lease().epoch
        await anyio.sleep(10 * LEASE)
        assert (owner.owns, other.owns, store.lease().epoch) == (True, False, epoch)
        assert store.asked_for > 14


async def test_a_request_that_ends_while_the_store_is_busy_is_told_as_ended() -> None:
    class Busy(Memory):
        locked = False

        def tell(self, *told: Any) -> None:
            if self.locked:
                raise StoreBusy("in use")
            super().tell(*told)

    store = Busy()
    told: list[str] = []
    async with executor(store, {"ship": ship}) as owner, anyio.create_task_group() as group:
        for event in ("ServiceProgress.status", "ServiceResult.deliver"):
            owner.on(event, lambda emitted: told.append(emitted.event), subscriber="me")
        await owner.deploy(REVIEW)
        review = await owner.start("review", request_id="R")
        store.locked = True
        group.start_soon(lambda: owner.start("review", request_id="R"))
        await anyio.sleep(1)
        await review.complete(review.tasks()[0].id, "approved")
        await review.wait()
        store.locked = False
        await anyio.sleep(1)
    assert set(told) == {"ServiceResult.deliver"}


async def test_several_that_wait_beside_readers_are_all_woken(place: Place) -> None:
    async with owner_and_guest(place) as (owner, guest):
        doors = [await owner.start("door") for _ in range(3)]
        seen: list[str] = []

        async def watch(instance: str) -> None:
            await guest.until(instance, lambda kept: kept.seq == 2)
            seen.append(instance)

        async def read() -> None:
            while True:
                for door in doors:
                    guest.snapshot(door.id)
                await anyio.sleep(0.001)

        async with anyio.create_task_group() as group:
            for door in doors * 2:
                group.start_soon(watch, door.id)
            group.start_soon(read)
            await anyio.sleep(1)
            for door in doors:
                await door.send("OPEN")
            await anyio.sleep(1)
            group.cancel_scope.cancel()
        assert sorted(seen) == sorted([door.id for door in doors] * 2)


async def test_who_becomes_the_owner_while_asking_answers_itself(tmp_path: Path) -> None:
    class Crowded(Sqlite):
        crowded = False

        def ask(self, request: Json, at: int) -> int:
            if self.crowded:
                raise StoreBusy("in use")
            return super().ask(request, at)

    store = Crowded(str(tmp_path / "store.db"))
    receipts: list[int] = []
    async with executor(store.path) as owner, executor(store) as guest:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        store.crowded = True

        async def send() -> None:
            receipts.append((await guest.send(door.id, "OPEN")).seq)

        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await anyio.sleep(0.1)
            role(owner)._over.set()  # as if it made room
            while not guest.owns:
                await anyio.sleep(0.01)
            store.crowded = False
            await anyio.sleep(1)
            assert receipts == [2]
        assert store.asked(0, 10) == []


@pytest.mark.parametrize("error", [StoreError("disk I/O error"), StoreBusy("in use")])
async def test_an_answer_that_cannot_be_read_yet_is_read_later(error: StoreError) -> None:
    class Blind(Memory):
        blind = 0

        def answered(self, number: int) -> Json:
            if self.blind:
                self.blind -= 1
                raise error
            return super().answered(number)

    store = Blind()
    async with owner_and_guest(lambda: store) as (owner, guest):
        door = await owner.start("door")
        store.blind = 3
        assert (await guest.send(door.id, "OPEN")).seq == 2


async def test_what_meets_another_step_is_tried_again_for_who_asked() -> None:
    store = Refusing()
    async with owner_and_guest(lambda: store) as (owner, guest), anyio.create_task_group() as group:
        door = await owner.start("door")
        store.error = StoreConflict(door.id, "was changed by somebody else")
        receipts: list[int] = []

        async def send() -> None:
            receipts.append((await guest.send(door.id, "OPEN")).seq)

        group.start_soon(send)
        while not store.refused:
            await anyio.lowlevel.checkpoint()
        store.error = None
        await anyio.sleep(1)
        assert receipts == [2]


async def test_that_the_store_was_busy_is_told_who_asked_as_such() -> None:
    store = Refusing()
    async with owner_and_guest(lambda: store) as (owner, guest):
        door = await owner.start("door")
        store.error = BUSY
        with pytest.raises(StoreBusy, match="in use"):
            await guest.send(door.id, "OPEN")
        store.error = None


async def test_a_request_that_was_made_before_is_found_although_the_store_is_busy() -> None:
    class Busy(Memory):
        busy_until = 0.0

        def tell(self, *told: Any) -> None:
            if anyio.current_time() < self.busy_until:
                raise StoreBusy("in use")
            super().tell(*told)

    store = Busy()
    async with executor(store) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door", request_id="R")
        store.busy_until = anyio.current_time() + 3
        assert (await owner.start("door", request_id="R")).id == door.id
        assert anyio.current_time() >= store.busy_until


async def test_idle_goes_on_when_another_process_owns_the_store(place: Place) -> None:
    """Whoever waits does so until nothing is open, be it the owner by then or not."""
    idle: list[str] = []
    again = anyio.Event()

    async def hang(_: Work) -> None:
        if not again.is_set():
            await anyio.sleep_forever()

    async def wait(name: str, one: Executor) -> None:
        await one.idle()
        idle.append(name)

    async with (
        executor(place(), {"ship": hang}) as owner,
        executor(place(), {"ship": hang}) as guest,
        anyio.create_task_group() as group,
    ):
        await owner.deploy(REVIEW)
        review, other = await owner.start("review"), await owner.start("review")
        await review.complete(review.tasks()[0].id, "approved")
        group.start_soon(wait, "owner", owner)
        group.start_soon(wait, "guest", guest)
        await anyio.sleep(1)
        assert idle == []
        owner.store.claim(elsewhere(), owner.store.lease().epoch)
        group.start_soon(other.cancel)  # cannot be kept
        await anyio.sleep(1)
        assert (owner.owns, guest.owns, idle) == (False, False, [])
        again.set()
        assert (await review.wait()).success
        await anyio.sleep(1)
        assert sorted(idle) == ["guest", "owner"]


async def test_two_that_ask_for_the_same_get_the_same(place: Place) -> None:
    async with owner_and_guest(place) as both:
        started: list[str] = []

        async def ask(one: Executor) -> None:
            started.append((await one.start("review", request_id="R-1")).id)

        async with anyio.create_task_group() as group:
            for one in both:
                group.start_soon(ask, one)
        assert started[0] == started[1]


async def test_calls_that_were_open_are_made_by_who_is_told_to(place: Place) -> None:
    made: list[str] = []

    async def note(call: Work) -> None:
        made.append(call.instance)

    async with executor(place()) as owner:
        await owner.deploy(REVIEW)
        mine, theirs = await owner.start("review"), await owner.start("review")
        for review in (mine, theirs):
            await review.complete(review.tasks()[0].id, "approved")
    async with executor(place(), {"ship": note}, resume=False) as owner:
        owner.resume(mine.id)
        await (await owner.get(mine.id)).wait()
        await anyio.sleep(10)
        assert made == [mine.id]


async def test_a_task_that_never_was_is_not_one_that_was_decided(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(REVIEW)
        review = await owner.start("review")
        (task,) = review.tasks()
        for unknown in ("", "x", review.id, f"{review.id}/ask", f"{review.id}/ask/2", f"{review.id}/ask/x",
                        f"{review.id}/ask/0", f"{review.id}/no/1", f"{review.id}/ship/1", f"{review.id}/ask/²"):  # fmt: skip
            with pytest.raises(UnknownTask):
                await owner.complete(unknown, "approved")
        await owner.complete(task.id, "approved")
        with pytest.raises(EventRejected, match="stale"):
            await owner.complete(task.id, "approved")
