"""Timers by the hundred, and clocks that somebody sets."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from statewf.history import Store
from statewf.machine.events import Fired
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from tests.runtime.support import BUSY, DOOR, Refusing, clock, executor, machine

pytestmark = pytest.mark.anyio
Place = Callable[[], Store | str]

PARKED = machine("""
name: parked
initialState: waiting
states:
  waiting: {timeout: 1h, timeoutTransition: gone, on: {STAY: waiting}}
  gone: {terminal: true}
""")


async def test_hundreds_that_fell_due_meanwhile_fire_on_opening_in_order_and_once(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """More than a commit or a query holds; some of them at the same moment."""
    order: dict[str, int] = {}
    async with executor(place()) as owner:
        await owner.deploy(PARKED)
        for number in range(300):
            await anyio.sleep(0.001 * (number % 3))
            order[(await owner.start("parked")).id] = clock()
        await anyio.sleep(0.001)
        await owner.send(next(iter(order)), "STAY")  # its deadline is the last of all
    last = next(iter(order))
    order[last] = order.pop(last)
    await anyio.sleep(5 * 3600)
    fired: list[str] = []

    def note(_: Machine, step: Step) -> None:
        assert isinstance(step.event, Fired)
        fired.append(step.after.instance)

    async with executor(place(), observe=note) as owner:
        await owner.idle()
        assert fired == list(order)
        states = {card.state for card in await owner.list()}
        assert states == {"gone"}
        assert owner.store.next_due(0) is None
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(("by", "told"), [(3600, "forward"), (-3600, "back")])
async def test_a_clock_that_is_set_is_told_and_time_within_an_instance_never_runs_backwards(
    place: Place, by: int, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    ahead = 0
    async with executor(place(), clock=lambda: clock() + ahead * 1000) as owner:
        await owner.deploy(PARKED)
        parked = await owner.start("parked")
        await anyio.sleep(30)
        ahead = by
        await anyio.sleep(61)  # within a minute it is noticed
        (record,) = [record for record in caplog.records if "the clock was set" in record.getMessage()]
        assert f"set {told} by 3600 s" in record.getMessage()
        if by > 0:
            assert parked.done
            return
        receipt = await parked.send("STAY")
        assert receipt.state == "waiting"
        times = [row["at"] for row in parked.history()]
        assert times == sorted(times)
        await anyio.sleep(2 * 3600 + 1)  # late by as much as it was set back
        assert parked.done


async def test_an_event_in_the_very_millisecond_of_a_deadline_is_kept(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        for _ in range(20):
            door = await owner.start("door")
            deadline = anyio.current_time() + 10
            await door.send("OPEN")
            await anyio.sleep_until(deadline)
            assert (await door.send("CLOSE")).state == "closed"
            assert [row["event"] for row in door.history()][-1] == "CLOSE"


async def test_a_timer_waits_for_the_step_that_cancels_it_and_is_not_kept_yet(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Refusing()
    async with executor(store) as owner, anyio.create_task_group() as group:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        await door.send("OPEN")
        await anyio.sleep(9)
        store.error = BUSY
        group.start_soon(door.send, "CLOSE")
        await anyio.sleep(3)
        assert door.state == "open"  # it is due now, as far as the store knows
        store.error = None
        await door.until(lambda: door.state == "closed")
        await anyio.sleep(60)
        assert [row["event"] for row in door.history()] == ["$start", "OPEN", "CLOSE"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
