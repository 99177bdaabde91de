"""Timers by the hundred, and clocks that somebody sets."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from statewf.history import Store
from statewf.machine.events import Fired
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from tests.runtime.support import clock, executor, machine

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
