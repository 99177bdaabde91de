"""Running step workflows: concurrent handlers and their ends, tasks of people, progress, starting again."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from statewf.errors import EventRejected, HandlersError, UnknownTask
from statewf.files import loads
from statewf.history import Emitted, Memory
from statewf.machine.snapshot import active
from statewf.machine.work import Work
from statewf.runtime import Executor, Instance
from statewf.runtime.progress import PROGRESS
from statewf.values.frozen import NESTING, freeze, nesting
from tests.runtime.support import EPOCH, clock, executor, machine
from tests.runtime.test_flows import Crash, Crashing

pytestmark = pytest.mark.anyio

RACE = machine("""
name: race
cancelGrace: 2000
steps:
- {id: first, type: parallel, strategy: any, steps: [{id: quick}, {id: slow}]}
- {id: after}
""")
ASK = machine("""
name: ask
steps:
- {id: look, name: Look at it}
- {id: agree, type: human-task, assignTo: inputs.boss, details: {why: money}, timeout: 1h,
   escalationPolicy: {timeout: 10m, escalateTo: director}}
- {id: pay}
""")


async def nothing(_: Work) -> None:
    return None


def into(told: list[Emitted]) -> Callable[[Emitted], Awaitable[None]]:
    """A listener; an async one, because virtual time does not wait for threads."""

    async def listen(emitted: Emitted) -> None:
        told.append(emitted)

    return listen


def states(instance: Instance) -> dict[str, str]:
    names = (region.name for region in instance.machine.regions)
    return dict(zip(names, active(instance.snapshot), strict=True))


async def race(slow: Any, owner: Executor) -> Instance:
    await owner.deploy(RACE)
    return await owner.start("race")


# --- handlers


async def test_branches_run_at_once_and_losers_are_cancelled() -> None:
    ended: list[float] = []

    async def quick(_: Work) -> str:
        await anyio.sleep(1)
        return "won"

    async def slow(_: Work) -> None:
        try:
            await anyio.sleep(100)
        finally:
            ended.append(anyio.current_time())

    async with executor(Memory(), {"quick": quick, "slow": slow, "after": nothing}) as owner:
        began = anyio.current_time()
        instance = await race(slow, owner)
        outcome = await instance.wait()
    assert outcome.state == "completed"
    assert outcome.results["first"] == {
        "strategy": "any",
        "result": {"id": "quick", "success": True, "result": "won"},
    }
    assert ended == [pytest.approx(began + 1)]
    assert outcome.document["elapsed"] == 1000


async def test_a_handler_that_succeeds_although_it_was_cancelled_has_succeeded() -> None:
    async def slow(_: Work) -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1)
        return "all the same"

    async with executor(Memory(), {"quick": nothing, "slow": slow, "after": nothing}) as owner:
        outcome = await (await race(slow, owner)).wait()
    assert outcome.results["slow"] == "all the same"
    assert outcome.document["elapsed"] == 1000


async def test_who_does_not_end_in_the_grace_time_is_given_up() -> None:
    async def slow(_: Work) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(5)

    async with executor(Memory(), {"quick": nothing, "slow": slow, "after": nothing}) as owner:
        instance = await race(slow, owner)
        outcome = await instance.wait()
        assert outcome.document["elapsed"] == 2000
        assert states(instance)["slow"] == "cancelled"


@pytest.mark.plain
async def test_a_thread_that_hangs_is_given_up_and_one_that_ends_counts() -> None:
    let_go = threading.Event()

    def slow(_: Work) -> str:
        let_go.wait(30)
        return "late"

    async def after(_: Work) -> None:
        let_go.set()

    async with executor(Memory(), {"quick": nothing, "slow": slow, "after": after}) as owner:
        outcome = await (await race(slow, owner)).wait()
    assert outcome.results["slow"] == "late"


@pytest.mark.plain
async def test_the_next_attempt_does_not_wait_for_a_thread_that_was_given_up() -> None:
    let_go = threading.Event()

    def work(call: Work) -> int:
        if call.attempt == 1:
            let_go.wait(30)
        return call.attempt

    retried = machine("""
name: retried
cancelGrace: 1s
steps:
- {id: work, timeout: 1s, retryPolicy: {maxAttempts: 2, baseDelay: 100}}
""")
    async with executor(Memory(), {"work": work}) as owner:
        await owner.deploy(retried)
        outcome = await (await owner.start("retried")).wait()
        let_go.set()
    assert outcome.results == {"work": 2}


async def test_a_call_that_was_stopped_before_a_crash_is_not_made_again() -> None:
    store = Crashing([(2, True)])  # right after it was kept that `quick` won
    calls: list[str] = []

    async def slow(work: Work) -> None:
        calls.append(work.key)
        await anyio.sleep(100)

    handlers = {"quick": nothing, "slow": slow, "after": nothing}
    try:
        async with executor(store, handlers) as owner:
            await owner.deploy(RACE)
            await (await owner.start("race", request_id="one")).wait()
    except (Crash, BaseExceptionGroup):
        pass
    assert store.commits == 2
    async with executor(store, handlers) as owner:
        outcome = await (await owner.start("race", request_id="one")).wait()
    assert outcome.document["elapsed"] == 0
    assert len(calls) <= 1


async def test_the_missing_handlers_are_listed() -> None:
    async with executor(Memory(), {"quick": nothing}) as owner:
        with pytest.raises(HandlersError) as told:
            await owner.deploy(RACE)
    assert "slow" in str(told.value)
    assert "after" in str(told.value)


# --- tasks


async def asked(owner: Executor) -> Instance:
    await owner.deploy(ASK)
    instance = await owner.start("ask", {"boss": "ann"}, request_id="A-1")
    await instance.until(lambda: bool(instance.tasks()))
    return instance


HANDLERS = {"look": nothing, "pay": nothing}


async def test_a_task_is_given_escalated_and_decided_once() -> None:
    async with executor(Memory(), HANDLERS) as owner:
        instance = await asked(owner)
        (task,) = owner.tasks(assigned_to="ann")
        assert (task.step, task.instance, task.details) == ("agree", instance.id, {"why": "money"})
        assert task.due_at == EPOCH + round(anyio.current_time() * 1000) + 3_600_000
        await anyio.sleep(601)
        assert not owner.tasks(assigned_to="ann")
        (task,) = owner.tasks(assigned_to="director", instance=instance.id)
        receipt = await instance.complete(task.id, "approved", by="bob", comments="fine", result={"limit": 3})
        assert receipt.disposition == "accepted"
        assert not owner.tasks()
        with pytest.raises(EventRejected, match=r"decided|ended"):
            await owner.complete(task.id, "rejected")
        outcome = await instance.wait()
    at = outcome.results["agree"].pop("reviewedAt")
    assert at >= EPOCH + 601_000
    assert outcome.results["agree"] == {
        "approved": True,
        "decision": "approved",
        "comments": "fine",
        "reviewedBy": "bob",
        "result": {"limit": 3},
    }


async def test_a_task_is_still_there_for_the_next_owner() -> None:
    store = Memory()
    async with executor(store, HANDLERS) as owner:
        instance = await asked(owner)
        (task,) = owner.tasks()
    async with executor(store, HANDLERS) as owner:
        assert list(owner.tasks()) == [task]
        await owner.complete(task.id, "rejected")
        assert (await owner.wait(instance.id)).state == "failed"


@pytest.mark.parametrize("task", ["", "none", "none/agree/1", "/"])
async def test_a_task_that_never_was(task: str) -> None:
    async with executor(Memory(), HANDLERS) as owner:
        await asked(owner)
        with pytest.raises(UnknownTask, match="there is no task"):
            await owner.complete(task, "approved")


async def test_a_task_that_is_over_with_its_step() -> None:
    async with executor(Memory(), HANDLERS) as owner:
        instance = await asked(owner)
        (task,) = instance.tasks()
        await anyio.sleep(3601)
        assert instance.state == "failed"
        assert not owner.tasks()
        with pytest.raises(EventRejected):
            await owner.complete(task.id, "approved")


async def test_what_people_are_told_of_a_task() -> None:
    told: list[Emitted] = []
    owner = executor(Memory(), HANDLERS)
    for event in ("HumanTask.created", "HumanTask.escalate", "HumanTask.completed", "Notification.send"):
        owner.on(event, into(told), subscriber="people")
    async with owner:
        instance = await asked(owner)
        await anyio.sleep(601)
        await instance.complete(instance.tasks()[0].id, "approved", by="bob")
        await instance.wait()
        await anyio.sleep(1)
    assert {emitted.event for emitted in told} == {
        "HumanTask.created",
        "HumanTask.escalate",
        "HumanTask.completed",
        "Notification.send",
    }
    (notice,) = [emitted.data for emitted in told if emitted.event == "Notification.send"]
    assert isinstance(notice, dict)
    assert (notice["userId"], notice["type"]) == ("ann", "approval-required")


# --- progress


async def test_progress_is_told_as_it_is_seen_and_not_too_often() -> None:
    seen: list[tuple[float, Any]] = []

    async def work(_: Work) -> None:
        await anyio.sleep(0.02)

    steps = "\n".join(f"- {{id: s{i}, name: Step {i}, handler: work}}" for i in range(40))
    owner = executor(Memory(), {"work": work})

    async def look(told: Emitted) -> None:
        seen.append((anyio.current_time(), told.data))

    owner.on(PROGRESS, look, subscriber="me")
    async with owner:
        await owner.deploy(machine(f"name: long\nsteps:\n{steps}"))
        instance = await owner.start("long")
        began = anyio.current_time()
        await instance.wait()
        await anyio.sleep(0.2)
    first, last = seen[0][1], seen[-1][1]
    assert (first["currentStep"], first["currentStepName"], first["progress"]) == ("s0", "Step 0", 0)
    assert (last["currentSteps"], last["progress"], last["totalSteps"]) == ((), 1, 40)
    assert len(last["completedSteps"]) == 40
    lasted = seen[-1][0] - began
    assert 3 <= len(seen) <= lasted * 10 + 2
    assert sorted(data["progress"] for _, data in seen) == [data["progress"] for _, data in seen]


async def test_a_subscriber_of_progress_that_raises_holds_nobody_up() -> None:
    owner = executor(Memory(), {"quick": nothing, "slow": nothing, "after": nothing})

    async def raising(_: Emitted) -> None:
        raise OSError("no")

    owner.on(PROGRESS, raising, subscriber="me")
    async with owner:
        assert (await (await race(None, owner)).wait()).state == "completed"
        await anyio.sleep(1)


# --- starting again


@pytest.mark.parametrize("block", ["parallel", "condition"])
async def test_the_deepest_result_in_the_deepest_block_is_still_there_for_the_next_owner(
    tmp_path: Path, block: str
) -> None:
    deepest: Any = 1
    for _ in range(NESTING):
        deepest = [deepest]  # no object: that would be spread at every level

    async def leaf(_: Work) -> Any:
        return deepest

    inner: dict[str, Any] = {"id": "leaf"}
    for i in range(48 if block == "parallel" else 95):  # as deep as files may go
        inside = {"steps": [inner]} if block == "parallel" else {"condition": "true", "then": inner}
        inner = {"id": f"p{i}", "type": block, **inside}
    text = json.dumps({"name": "deep", "steps": [inner, {"id": "go", "type": "event", "event": "GO"}]})
    handlers, path = {"leaf": leaf}, tmp_path / "deep.db"
    async with executor(str(path), handlers) as owner:
        await owner.deploy(loads(text))
        started = await owner.start("deep")
        await owner.rest(started.id)
    async with executor(str(path), handlers) as owner:
        instance = await owner.get(started.id)
        await instance.send("GO")
        outcome = await instance.wait()
        assert outcome.results["leaf"] == deepest
        assert nesting(freeze(outcome.document["results"], 1_000)) > NESTING + 95
        assert [told["data"]["outputs"]["success"] for told in outcome.document["emitted"]] == [True]
        assert not any("notes" in row for row in outcome.document["history"])
        json.loads(json.dumps(outcome.document, indent=2))


async def test_starting_again_tells_how_it_is_and_later_what_it_came_to() -> None:
    told: list[Emitted] = []
    owner = executor(Memory(), HANDLERS)
    for event in ("ServiceProgress.status", "ServiceResult.deliver"):
        owner.on(event, into(told), subscriber="who asks")
    async with owner:
        instance = await asked(owner)
        assert (await owner.start("ask", {"boss": "ann"}, request_id="A-1")).id == instance.id
        await anyio.sleep(1)
        (status,) = told
        assert isinstance(status.data, dict)
        assert (status.event, status.data["status"], status.data["currentStep"]) == (
            "ServiceProgress.status",
            "running",
            "agree",
        )
        await instance.complete(instance.tasks()[0].id, "approved")
        outcome = await instance.wait()
        assert (await owner.start("ask", {"boss": "ann"}, request_id="A-1")).id == instance.id
        await anyio.sleep(1)
    _, first, again = [emitted.data for emitted in told]
    assert isinstance(first, dict)
    assert isinstance(again, dict)
    assert again == {**first, "cached": True}
    assert again["outputs"]["results"] == outcome.results
    assert len({emitted.id for emitted in told}) == 3


def test_the_clock_of_these_tests_is_virtual() -> None:
    async def jump() -> float:
        before = clock()
        await anyio.sleep(3600)
        return clock() - before

    from statewf.testing.virtual import VirtualLoop

    assert anyio.run(jump, backend_options={"loop_factory": VirtualLoop}) == 3_600_000
