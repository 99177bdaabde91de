"""Opening and closing: nobody is left waiting, and errors come out as they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest

from statewf.errors import EventRejected, StatewfError
from statewf.history import Store
from statewf.machine.events import Event
from statewf.machine.work import Work
from statewf.runtime import Executor, Instance
from tests.runtime.support import DOOR, PAYMENT, executor, machine, role

pytestmark = pytest.mark.anyio
Place = Callable[[], Store | str]

BUSY = machine("""
name: busy
initialState: a
states:
  a: {onEntry: {type: function, handler: hang}, on: {NEXT: a}}
""")

WAITS: dict[str, Callable[[Executor, Instance], Awaitable[object]]] = {
    "wait": lambda _, job: job.wait(),
    "until": lambda _, job: job.until(lambda: job.done),
    "send": lambda _, job: job.send("NEXT"),
    "rest": lambda owner, job: owner.rest(job.id),
}


@pytest.mark.parametrize("what", WAITS)
async def test_who_waits_is_told_that_it_is_closed(place: Place, what: str) -> None:
    told: list[str] = []

    async def hang(_: Work) -> None:
        await anyio.sleep_forever()

    async def wait(owner: Executor, job: Instance) -> None:
        try:
            await WAITS[what](owner, job)
        except StatewfError as error:
            told.append(str(error))

    async with anyio.create_task_group() as group:
        async with executor(place(), {"hang": hang}) as owner:
            await owner.deploy(BUSY)
            job = await owner.start("busy")
            group.start_soon(wait, owner, job)
            await anyio.sleep(1)
        assert repr(job) == f"<Instance {job.id}>"
    assert "closed" in told[0]


async def test_an_error_of_the_body_comes_out_as_it_is(place: Place) -> None:
    async def body() -> None:
        async with executor(place()) as owner:
            await owner.deploy(DOOR)
            door = await owner.start("door")
            await door.send("NOPE")

    with pytest.raises(EventRejected, match="NOPE"):
        await body()


async def test_it_may_be_opened_again_but_not_twice_at_a_time(place: Place) -> None:
    owner = executor(place())
    async with owner:
        with pytest.raises(StatewfError, match="open already"):
            async with owner:
                pass
        await owner.deploy(DOOR)
        door = await owner.start("door")
    async with owner:
        assert (await owner.get(door.id)).state == "closed"


async def test_closing_begins_nothing(place: Place) -> None:
    begun: list[str] = []

    async def charge(_: Work) -> None:
        begun.append("charge")

    async with executor(place(), {"charge": charge, "thank": charge}) as owner:
        await owner.deploy(PAYMENT)
        payment = await owner.start("payment")
        role(owner)._ledger.take(owner._lives.get(payment.id), Event("PAY"))
    assert begun == []
    async with executor(place(), {"charge": charge, "thank": charge}) as owner:
        await owner.idle()
    assert begun == ["charge"]


async def test_an_end_is_waited_for_without_the_handler_of_its_last_action(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(PAYMENT)
        payment = await owner.start("payment")
        await payment.send("PAY")
        await payment.send("PAID")
    async with executor(place(), {}) as owner:
        assert (await owner.wait(payment.id)).state == "paid"


@pytest.mark.parametrize("turns", range(6))
async def test_closing_at_once_is_no_error_although_a_timer_is_overdue(
    turns: int, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        await door.send("OPEN")
    await anyio.sleep(11)
    async with executor(place()):
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
