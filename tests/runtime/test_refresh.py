"""Two owners of one store, where one of them looks again at what the other has done."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from statewf.errors import EventRejected, UnknownTask
from statewf.history import Store
from statewf.machine.work import Work
from statewf.runtime import Executor
from tests.runtime.support import executor, machine

pytestmark = pytest.mark.anyio
Place = Callable[[], Store | str]

REVIEW = machine("""
name: review
steps:
  - {id: ask, type: human-task, assignTo: ann}
  - {id: ship}
""")


async def test_what_another_process_left_open_is_performed_by_who_looks_again(place: Place) -> None:
    async def ship(_: Work) -> dict[str, str]:
        return {"shipped": "yes"}

    async with executor(place(), {"ship": ship}) as owner:
        await owner.deploy(REVIEW)
        review = await owner.start("review")
        owner.look(review.id)
        (task,) = review.tasks()
        async with executor(place()) as other:
            await other.complete(task.id, "approved", by="ann")
        assert review.state == "running"
        assert not review.snapshot.flight.calls
        async with anyio.create_task_group() as group:

            async def look() -> None:
                owner.look(review.id)

            group.start_soon(look)
            outcome = await review.wait()
        assert (outcome.state, outcome.results["ship"]) == ("completed", {"shipped": "yes"})


async def test_what_another_process_cancelled_is_recalled(place: Place) -> None:
    stopped = []

    async def ship(_: Work) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.append(True)

    async with executor(place(), {"ship": ship}) as owner:
        await owner.deploy(REVIEW)
        review = await owner.start("review")
        await review.complete(review.tasks()[0].id, "approved")
        async with executor(place()) as other:
            receipt = await other.cancel(review.id)
        assert (receipt.state, stopped) == ("cancelling", [])
        owner.look(review.id)
        assert (await review.wait()).state == "cancelled"
        assert stopped == [True]


async def test_calls_that_were_open_are_made_by_who_is_told_to(place: Place) -> None:
    made: list[str] = []

    async def ship(call: Work) -> None:
        made.append(call.instance)

    async with executor(place()) as owner:
        await owner.deploy(REVIEW)
        mine, theirs = await owner.start("review"), await owner.start("review")
        for review in (mine, theirs):
            await review.complete(review.tasks()[0].id, "approved")
    async with executor(place(), {"ship": ship}, resume=False) as owner:
        owner.resume(mine.id)
        await (await owner.get(mine.id)).wait()
        await anyio.sleep(10)
        assert made == [mine.id]


async def test_two_that_ask_for_the_same_get_the_same(place: Place) -> None:
    async with executor(place()) as one, executor(place()) as other:
        for owner in (one, other):
            await owner.deploy(REVIEW)
        started: list[str] = []

        async def ask(owner: Executor) -> None:
            started.append((await owner.start("review", request_id="R-1")).id)

        async with anyio.create_task_group() as group:
            group.start_soon(ask, one)
            group.start_soon(ask, other)
        assert started[0] == started[1]
        (task,) = other.tasks(instance=started[0])
        await other.complete(task.id, "approved")
        assert (await one.cancel(started[0])).state == "cancelling", "although it was in memory as it was before"


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
