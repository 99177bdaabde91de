"""How long a workflow still takes, told with its progress: unknown at first, learnt beside the work."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from statewf.errors import StoreError
from statewf.history import Emitted, Memory
from statewf.machine.work import Work
from statewf.runtime.estimates import FRESH, LARGEST
from statewf.runtime.progress import PROGRESS
from tests.runtime.support import executor, machine

pytestmark = pytest.mark.anyio

TWO = machine("name: two\nsteps: [{id: one, handler: work}, {id: other, handler: work}]")


async def work(_: Work) -> None:
    await anyio.sleep(2)


def watched(store: Memory) -> tuple[Any, list[Any]]:
    """An executor, and what it tells of progress: the step, and how many ms are left."""
    owner, seen = executor(store, {"work": work}), list[Any]()

    async def look(told: Emitted) -> None:
        data: Any = told.data
        seen.append((data["currentStep"], data["estimatedTimeRemaining"]))

    owner.on(PROGRESS, look, subscriber="me")
    return owner, seen


async def test_it_is_unknown_until_others_have_gone_the_same_way() -> None:
    owner, seen = watched(Memory())
    async with owner:
        await owner.deploy(TWO)
        await (await owner.start("two")).wait()
        await anyio.sleep(0.5)
        assert seen == [("one", None), ("other", None), (None, 0)]
        await anyio.sleep(FRESH)
        await (await owner.start("two")).wait()  # this one makes it look again
        await anyio.sleep(0.5)
        seen.clear()
        await (await owner.start("two")).wait()
        await anyio.sleep(0.5)
    assert [step for step, _ in seen] == ["one", "other", None]
    # a little less than they took: a step that never failed may fail all the same, and then it is over
    assert [left for _, left in seen] == [pytest.approx(4_000, rel=0.05), pytest.approx(2_000, rel=0.05), 0]


async def test_it_is_not_told_of_very_large_workflows() -> None:
    owner, seen = watched(Memory())
    steps = ", ".join(f"{{id: s{n}, dependsOn: [], handler: work}}" for n in range(LARGEST))
    async with owner:
        await owner.deploy(machine(f"name: large\nsteps: [{steps}]"))
        await (await owner.start("large")).wait()
        await anyio.sleep(FRESH)
        await (await owner.start("large")).wait()
        await anyio.sleep(0.5)
    assert {left for step, left in seen if step is not None} == {None}


async def test_a_store_that_cannot_be_read_keeps_nobody_from_progress() -> None:
    asked = []

    class Unreadable(Memory):
        def cards(self, **_: Any) -> Any:
            asked.append(1)
            raise StoreError("a tooth is out")

    owner, seen = watched(Unreadable())
    async with owner:
        await owner.deploy(TWO)
        await (await owner.start("two")).wait()
        await anyio.sleep(0.5)
    assert [step for step, _ in seen] == ["one", "other", None]
    assert len(asked) == 1  # nor is it told again and again that it cannot
