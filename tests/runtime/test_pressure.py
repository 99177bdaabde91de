"""Back-pressure: floods and storms slow down who makes them, and do not fill the memory."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from statewf.errors import StoreBusy
from statewf.history import Memory, Store
from statewf.machine.work import Work
from statewf.runtime import inbox
from statewf.runtime.ledger import AT_ONCE, MOST_QUEUED, PATIENCE
from statewf.runtime.live import MOST_IDLE
from tests.runtime.support import BUSY, DOOR, FULL, Refusing, executor, machine, role

pytestmark = pytest.mark.anyio
Place = Callable[[], Store | str]

JOB = machine("""
name: job
initialState: working
states:
  working: {invoke: {handler: work, onDone: done}}
  done: {terminal: true}
""")
PATIENT = machine("""
name: patient
initialState: here
states:
  here: {on: {HELLO: here, BYE: gone}}
  gone: {terminal: true}
""")
ASKING = machine("""
name: asking
steps:
  - {id: ask, type: human-task, assignTo: ann}
""")
WIDE = machine(
    "name: wide\nsteps:\n" + "".join(f"  - {{id: s{n}, handler: work, dependsOn: []}}\n" for n in range(50))
)


async def test_a_commit_waits_for_who_writes_and_is_then_made_in_order() -> None:
    store = Refusing()
    async with executor(store) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        store.error = BUSY
        told: list[str] = []

        async def send(event: str) -> None:
            told.append((await door.send(event)).event)

        async with anyio.create_task_group() as group:
            for event in ("OPEN", "CLOSE", "OPEN"):
                group.start_soon(send, event)
                await anyio.lowlevel.checkpoint()
            await anyio.sleep(PATIENCE - 1)
            assert (told, door.state) == ([], "closed")
            store.error = None
        assert sorted(told) == ["CLOSE", "OPEN", "OPEN"]
        assert [row["event"] for row in door.history()] == ["$start", "OPEN", "CLOSE", "OPEN"]
        assert store.refused > 10


async def test_who_waits_too_long_is_told_and_the_executor_goes_on() -> None:
    store = Refusing()
    async with executor(store) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        store.error = BUSY
        began = anyio.current_time()
        with pytest.raises(StoreBusy, match="in use"):
            await door.send("OPEN")
        assert PATIENCE <= anyio.current_time() - began < PATIENCE + 1
        assert door.state == "closed"
        store.error = None
        assert (await door.send("OPEN")).seq == 2


async def test_a_flood_of_events_waits_outside() -> None:
    store = Refusing()
    async with executor(store) as owner:
        await owner.deploy(PATIENT)
        patients = [await owner.start("patient") for _ in range(20)]
        store.error = BUSY
        told: list[int] = []

        async def send(number: int) -> None:
            told.append((await patients[number % 20].send("HELLO", {"n": number})).seq)

        async with anyio.create_task_group() as group:
            for number in range(5 * MOST_QUEUED):
                group.start_soon(send, number)
            await anyio.sleep(1)
            assert role(owner)._ledger._queued == MOST_QUEUED
            store.error = None
        assert len(told) == 5 * MOST_QUEUED
        for patient in patients:
            assert len({row["data"]["n"] for row in patient.history()[1:]}) == 5 * MOST_QUEUED / 20


async def test_no_more_handlers_run_at_once_than_allowed_and_all_come_to_their_turn(place: Place) -> None:
    running = most = 0

    async def work(_: Work) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.sleep(1)
        running -= 1

    async with executor(place()) as owner:  # a storm that was kept before anybody could perform
        await owner.deploy(JOB)
        await owner.deploy(WIDE)
        jobs = [await owner.start("job") for _ in range(60)]
        wide = await owner.start("wide")
    async with executor(place(), {"work": work}, concurrency=7) as owner:
        late = [await owner.start("job") for _ in range(30)]
        await owner.idle()
        assert most == 7
        for job in (*jobs, *late, wide):
            assert owner.snapshot(job.id).ended == "success"
        assert len(role(owner)._performer._running) == 0  # type: ignore[union-attr]  # it performs


async def test_calls_that_have_no_place_are_not_in_memory() -> None:
    async def hang(_: Work) -> None:
        await anyio.sleep_forever()

    async with executor(Memory(), {"work": hang}, concurrency=5) as owner:
        await owner.deploy(JOB)
        for _ in range(100):
            await owner.start("job")
        await anyio.sleep(1)
        performer = role(owner)._performer
        assert performer is not None
        assert len(performer._running) == 10
        assert len(performer._waiting) == 5


async def test_no_more_calls_are_made_than_replies_can_be_held_for_a_store_that_fails() -> None:
    store = Refusing()
    made: list[str] = []

    async def work(call: Work) -> None:
        store.error = FULL
        made.append(call.key)

    async with executor(store) as owner:
        await owner.deploy(JOB)
        jobs = [await owner.start("job") for _ in range(100)]
    async with executor(store, {"work": work}, concurrency=5) as owner:
        await anyio.sleep(30)
        assert len(made) == 10
        while not all(owner.snapshot(job.id).ended for job in jobs):
            store.error = None
            await anyio.sleep(0.1)
    assert len(made) == len(set(made)) == 100


async def test_no_more_requests_of_others_are_under_way_than_allowed() -> None:
    store = Refusing()
    async with executor(store) as owner, executor(store) as guest, anyio.create_task_group() as group:
        await owner.deploy(PATIENT)
        patient = await owner.start("patient")
        store.error = BUSY
        for _ in range(3 * inbox.AT_ONCE):
            group.start_soon(guest.send, patient.id, "HELLO")
        await anyio.sleep(PATIENCE / 2)
        assert role(owner)._inbox._busy == inbox.AT_ONCE
        assert len(store.asked(0, 1_000)) == 3 * inbox.AT_ONCE
        store.error = None
        await patient.until(lambda: patient.snapshot.seq == 1 + 3 * inbox.AT_ONCE)


async def test_keys_and_request_ids_are_forgotten_once_they_are_kept(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(PATIENT)
        for number in range(10):
            patient = await owner.start("patient", request_id=f"R-{number}")
            await patient.send("HELLO", key="k")
        ledger = role(owner)._ledger
        assert (ledger._keys, ledger._requests, ledger._queued) == ({}, {}, 0)


@pytest.mark.parametrize("verb", ["cancel", "complete"])
async def test_who_cancels_or_decides_waits_for_room_too(verb: str) -> None:
    store = Refusing()
    async with executor(store) as owner, anyio.create_task_group() as group:
        await owner.deploy(ASKING)
        asking = [await owner.start("asking") for _ in range(MOST_QUEUED + 100)]
        store.error = BUSY
        for one in asking:
            if verb == "cancel":
                group.start_soon(one.cancel)
            else:
                group.start_soon(one.complete, f"{one.id}/ask/1", "approved")
        await anyio.sleep(1)
        assert role(owner)._ledger._queued == MOST_QUEUED
        store.error = None


async def test_few_idle_instances_stay_in_memory() -> None:
    async with executor(Memory(), {"work": lambda _: None}) as owner:
        await owner.deploy(DOOR)
        for _ in range(MOST_IDLE + 500):
            await owner.start("door")
        assert len(owner._lives._lives) <= MOST_IDLE + AT_ONCE


async def test_with_resume_for_some_only_theirs_are_made_however_many(place: Place) -> None:
    made: list[str] = []

    async def work(call: Work) -> None:
        made.append(call.instance)
        await anyio.sleep(1)

    async with executor(place()) as owner:
        await owner.deploy(JOB)
        await owner.deploy(WIDE)
        for _ in range(10):
            await owner.start("job")
        wide = await owner.start("wide")
    async with executor(place(), {"work": work}, concurrency=3, resume=False) as owner:
        owner.resume(wide.id)
        assert (await (await owner.get(wide.id)).wait()).success
    assert made == [wide.id] * 50
