"""Subscribers may do whatever handlers may do, and hold up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from statewf.errors import DataError, StoreBusy
from statewf.history import Emitted, Memory, Store
from tests.runtime.support import DOOR, executor

pytestmark = [pytest.mark.anyio, pytest.mark.plain]
Place = Callable[[], Store | str]


async def ring(owner: Any) -> None:
    """Let an alarm go off."""
    await owner.deploy(DOOR)
    door = await owner.start("door")
    await door.send("OPEN")
    await anyio.sleep(10.5)


class Later:
    """A plain callable whose result has to be awaited."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def __call__(self, emitted: Emitted) -> None:
        await anyio.lowlevel.checkpoint()
        self.told.append(emitted.event)


async def test_what_a_plain_listener_returns_is_awaited(place: Place) -> None:
    later = Later()
    async with executor(place()) as owner:
        owner.on("Alarm.raised", later, subscriber="object")
        owner.on("Alarm.raised", lambda emitted: later(emitted), subscriber="lambda")  # noqa: PLW0108  # a lambda is the point
        await ring(owner)
        await anyio.sleep(1)
        assert later.told == ["Alarm.raised"] * 2


async def test_what_was_delivered_is_not_delivered_again_because_the_store_is_busy() -> None:
    class Busy(Memory):
        tries = 0

        def delivered(self, subscriber: str, event: str, number: int) -> None:
            self.tries += 1
            if self.tries % 5:
                raise StoreBusy("in use")
            super().delivered(subscriber, event, number)

    told: list[int] = []
    async with executor(Busy()) as owner:
        owner.on("Alarm.raised", lambda emitted: told.append(emitted.number), subscriber="me")
        await ring(owner)
        await anyio.sleep(10)
        assert len(told) == 1


@pytest.mark.parametrize("plain", [True, False])
async def test_a_listener_that_exits_is_tried_again(place: Place, plain: bool) -> None:
    told: list[int] = []

    def listen(emitted: Emitted) -> None:
        told.append(emitted.number)
        if len(told) == 1:
            raise SystemExit

    async def listen_later(emitted: Emitted) -> None:
        listen(emitted)

    async with executor(place()) as owner:
        owner.on("Alarm.raised", listen if plain else listen_later, subscriber="s")
        await ring(owner)
        await anyio.sleep(2)
        assert told == [told[0]] * 2


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_listener_that_lets_a_cancellation_out_is_tried_again(place: Place) -> None:
    told: list[int] = []

    async def listen(emitted: Emitted) -> None:
        told.append(emitted.number)
        if len(told) == 1:
            task = asyncio.ensure_future(asyncio.sleep(1000))
            await asyncio.sleep(0)
            task.cancel()
            await task

    async with executor(place()) as owner:
        owner.on("Alarm.raised", listen, subscriber="s")
        await ring(owner)
        await anyio.sleep(2)
        assert len(told) == 2


@pytest.mark.parametrize("subscriber", [7, None, "\ud800"])
async def test_what_is_no_name_of_a_subscriber(place: Place, subscriber: Any) -> None:
    async with executor(place()) as owner:
        with pytest.raises(DataError, match="name of a subscriber"):
            owner.on("Alarm.raised", print, subscriber=subscriber)
