"""Where Temporal has limits, an instance goes on, or says why it does not; it is never stuck, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.worker import Replayer

import statewf as wf
from statewf.engines.temporal import TemporalExecutor, TemporalInstance, limits, wire, workflow
from statewf.errors import EventRejected, StoreError
from statewf.history import Emitted
from statewf.machine.record import Receipt
from statewf.machine.work import Work
from statewf.values.frozen import thaw
from tests.engines.temporal.jobs import Desk, counter, parcel
from tests.engines.temporal.support import PAUSE, QUEUES, at_rest, executor, queue, reached

pytestmark = pytest.mark.anyio

PATIENCE = 100  # seconds

DOOR = """
name: door
initialState: shut
context: { n: 0 }
states:
  shut: { on: { OPEN: { target: open, actions: { type: function, handler: slow } } } }
  open: { on: { NOTE: { actions: { type: assign, set: { n: context.n + 1 } } }, SHUT: shut } }
"""
ECHO = """
name: echo
initialState: on
states:
  on: { on: { E: { actions: { type: emit, event: Big, data: { text: TEXT } } }, STOP: off } }
  off: { terminal: true }
"""
POLL = """
name: poll
initialState: asking
context: { n: 0 }
states:
  asking:
    invoke: { handler: ask, onDone: [{ guard: context.n > 40, target: done }, { target: asking,
              actions: { type: assign, set: { n: context.n + 1 } } }] }
  done: { terminal: true }
"""


@pytest.fixture(autouse=True)
async def replayed(temporal: str) -> AsyncIterator[None]:
    """Whatever a test does, its histories make the same again: a worker that comes later is not stuck."""
    first = len(QUEUES)
    yield
    client = await Client.connect(temporal)
    for named in QUEUES[first:]:
        async for run in client.list_workflows(f"TaskQueue = '{named}'"):
            history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
            found = await Replayer(workflows=[workflow.Interpreter]).replay_workflow(
                history, raise_on_replay_failure=False
            )
            assert found.replay_failure is None, run.id


def random_text(size: int) -> str:
    return Random(size).randbytes(size // 2).hex()


async def runs_of(opened: TemporalExecutor, instance: TemporalInstance) -> int:
    """How many runs a workflow had, as far as the server's index knows."""
    return len([run async for run in opened.client.list_workflows(f"WorkflowId = '{instance.id}'")])


async def test_what_calls_without_end_goes_on_anew_all_the_same(temporal: str) -> None:
    asked: list[str] = []

    async def ask(work: Work) -> dict[str, Any]:
        asked.append(work.key)
        return {}

    async with asyncio.timeout(PATIENCE), await executor(temporal, {"ask": ask}, longest=50) as opened:
        await opened.deploy(wf.compile(wf.loads(POLL)))
        instance = await opened.start("poll")
        assert (await instance.wait()).context["n"] == 41
        assert len(asked) == 42 == len(set(asked))  # each call is made once
        while await runs_of(opened, instance) < 3:
            await asyncio.sleep(PAUSE)
        assert [row["seq"] for row in await instance.history()] == list(range(1, 44))


async def test_more_may_wait_for_an_action_than_the_server_has_updates_under_way(
    temporal: str, tmp_path: Path
) -> None:
    desk = Desk(tmp_path)
    async with asyncio.timeout(PATIENCE), await executor(temporal, desk.handlers) as opened:
        await opened.deploy(wf.compile(wf.loads(DOOR)))
        instance = await opened.start("door")
        await instance.send("OPEN")
        waiting = [asyncio.create_task(opened.send(instance.id, "NOTE", {"i": n}, key=f"k{n}")) for n in range(25)]
        while not any("began" in line for line in desk.lines()):
            await asyncio.sleep(PAUSE)
        await asyncio.sleep(50 * PAUSE)
        (tmp_path / "go").touch()
        receipts = await asyncio.gather(*waiting)
        assert {receipt.disposition for receipt in receipts} == {"accepted"}
        await reached(instance, lambda there: there.context["n"] == 25)


async def test_an_instance_that_many_wait_for_can_be_cancelled(temporal: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with asyncio.timeout(PATIENCE), await executor(temporal, desk.handlers) as opened:
        await opened.deploy(wf.compile(wf.loads(DOOR)))
        instance = await opened.start("door")
        await instance.send("OPEN")
        waiting = [asyncio.create_task(opened.send(instance.id, "NOTE", key=f"k{n}")) for n in range(15)]
        await asyncio.sleep(50 * PAUSE)
        assert (await instance.cancel()).disposition == "accepted"
        refused = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(error, EventRejected) for error in refused)
        assert (await instance.wait()).state == "$cancelled"


async def test_a_run_that_cannot_take_more_says_so_and_can_still_be_cancelled(
    temporal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FULL_UPDATES", 5)
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers) as opened:
        await opened.deploy(parcel())
        instance = await opened.start("parcel")
        await reached(instance, lambda there: any(call.handler == "slow" for call in there.flight.calls.values()))
        for _ in range(5):
            await instance.send("NOTE")
        with pytest.raises(EventRejected, match="full"):
            await instance.send("NOTE")
        await instance.cancel()
        assert (await instance.wait()).state == "$cancelled"


async def test_signals_that_came_while_there_was_no_worker_are_all_taken(temporal: str, tmp_path: Path) -> None:
    named = queue()
    async with asyncio.timeout(PATIENCE):
        async with await executor(temporal, None, named) as client:
            await client.deploy(counter())
            instance = await client.begin("counter")
            for _ in range(4):
                await asyncio.gather(*(client.signal(instance, "ADD") for _ in range(500)))
        async with await executor(temporal, Desk(tmp_path).handlers, named) as opened:
            await reached(await opened.get(instance), lambda there: there.context["n"] == 2_000)


async def failed_by(opened: TemporalExecutor, name: str, inputs: Any = None) -> list[str]:
    instance = await opened.start(name, inputs)
    await instance.wait()
    return [row["data"]["message"] for row in await instance.history() if row["event"] == "$failed"]


async def test_a_result_that_is_too_large_is_a_failure_and_made_once(temporal: str) -> None:
    made: list[str] = []

    def large(work: Work) -> str:
        made.append(work.key)
        return random_text(2_500_000)

    machine = wf.compile(wf.loads("name: large\nsteps: [{ id: large, required: false }]"))
    async with asyncio.timeout(PATIENCE), await executor(temporal, {"large": large}) as opened:
        await opened.deploy(machine)
        (told,) = await failed_by(opened, "large")
    assert told == "the handler's result has 2,500,014 bytes; Temporal takes 1,800,000"
    assert len(made) == 1


async def test_results_that_are_too_much_to_remember_are_failures(temporal: str) -> None:
    steps = ", ".join(f"{{ id: s{n}, handler: some, required: false }}" for n in range(6))
    machine = wf.compile(wf.loads(f"name: heap\nsteps: [{steps}]"))
    async with (
        asyncio.timeout(PATIENCE),
        await executor(temporal, {"some": lambda _: random_text(500_000)}) as opened,
    ):
        await opened.deploy(machine)
        told = await failed_by(opened, "heap")
    assert told
    assert all("the instance would remember more than 1,500,000 bytes" in line for line in told)


async def test_inputs_that_are_too_large_are_refused_at_once(temporal: str) -> None:
    async with await executor(temporal, None) as client:
        await client.deploy(counter())
        with pytest.raises(StoreError, match="the inputs of counter have"):
            await client.begin("counter", {"text": "é" * 400_000})


async def test_large_events_are_carried_on_as_far_as_there_is_room(temporal: str, tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers, longest=60) as opened:
        await opened.deploy(counter())
        instance = await opened.start("counter")
        for number in range(40):
            await instance.send("ADD", {"big": random_text(100_000) + str(number)}, key=f"k{number}")
        assert instance.context["n"] == 40
        rows = await instance.history()
        assert rows[-1]["seq"] == 41
        assert rows[0]["seq"] > 1  # the oldest are left behind
        with pytest.raises(StoreError, match="has a long history"):
            await opened.steps(instance.id)


async def test_a_worker_that_is_stopped_is_no_attempt_of_a_handler(temporal: str, tmp_path: Path) -> None:
    named, desk = queue(), Desk(tmp_path)
    machine = wf.compile(wf.loads("name: once\nsteps: [{ id: slow, retryPolicy: { maxAttempts: 1 } }]"))
    async with asyncio.timeout(PATIENCE):
        async with await executor(temporal, desk.handlers, named, retries="temporal") as opened:
            await opened.deploy(machine)
            instance = await opened.start("once")
            await until(lambda: any("began" in line for line in desk.lines()))
        (tmp_path / "go").touch()
        async with await executor(temporal, desk.handlers, named) as again:
            assert (await again.wait(instance.id)).success


async def until(so: Callable[[], bool]) -> None:
    while not so():
        await asyncio.sleep(PAUSE)


async def test_what_was_terminated_counts_as_failed_and_may_be_started_again(temporal: str, tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers) as opened:
        await opened.deploy(counter())
        instance = await opened.start("counter", request_id="terminated")
        await opened.client.get_workflow_handle(instance.id).terminate()
        assert (await opened.listed(instance.id)).ended == "failure"
        again = await opened.start("counter", request_id="terminated", restart=True)
        described = await opened.client.get_workflow_handle(again.id).describe()
        assert described.status == WorkflowExecutionStatus.RUNNING
        await again.send("STOP")
        await again.wait()


async def test_an_answer_of_somebody_elses_worker_is_a_failure(temporal: str) -> None:
    from temporalio import activity
    from temporalio.worker import Worker

    @activity.defn(name="book")
    async def book(_: dict[str, Any]) -> str:
        return "a plain text"

    @activity.defn(name=wire.TELL)
    async def tell(_: list[Any]) -> None:
        pass

    machine = wf.compile(wf.loads("name: foreign\nsteps: [{ id: book, required: false }]"))
    named = queue()
    async with asyncio.timeout(PATIENCE), await executor(temporal, None, named) as client:
        await client.deploy(machine)
        activities: list[Callable[..., Any]] = [book, tell]
        worker = Worker(client.client, task_queue=named, workflows=[workflow.Interpreter], activities=activities)
        async with worker:
            (told,) = await failed_by(client, "foreign")
    assert "is none of a handler" in told


async def test_later_interpreters_go_on_with_what_began_with_earlier_ones(
    temporal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers) as opened:
        await opened.deploy(counter())
        instance = await opened.start("counter")
        monkeypatch.setattr(wire, "VERSION", wire.VERSION + 1)
        await instance.send("ADD")
        await reached(instance, at_rest)
        await instance.send("STOP")
        assert (await instance.wait()).state == "off"


async def test_an_update_whose_answer_was_lost_is_not_made_twice_by_the_next_run(
    temporal: str, tmp_path: Path
) -> None:
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers, longest=30) as opened:
        await opened.deploy(counter())
        instance = await opened.start("counter")
        handle = opened.client.get_workflow_handle(instance.id)
        document: dict[str, Any] = {"event": "ADD", "data": {}, "key": None, "by": "me"}
        first = await handle.execute_update("send", document, id="lost")
        before = (await handle.describe()).run_id
        while (await handle.describe()).run_id == before:
            await instance.send("ADD")
        counted = instance.context["n"]
        assert await handle.execute_update("send", document, id="lost") == first
        assert (await instance.look()).context["n"] == counted
        await instance.send("STOP")
        await instance.wait()


# --- what a server would end a workflow for, or try for ever


def fan(width: int, **more: Any) -> wf.Machine:
    """As many steps side by side."""
    steps = [{"id": f"s{n}", "handler": "one", **more} for n in range(width)]
    document = {"name": "fan", "steps": [{"id": "all", "type": "parallel", "steps": steps}]}
    return wf.compile(wf.loads(json.dumps(document)))


@pytest.mark.parametrize(("width", "size"), [(20, 150_000), (120, 0)])
async def test_very_much_is_called_bit_by_bit(
    temporal: str, width: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CALLS", 50)
    called: set[str] = set()
    running: list[int] = [0]

    async def one(work: Work) -> dict[str, Any]:
        called.add(work.step)
        running.append(running[-1] + 1)
        await asyncio.sleep(PAUSE)
        running.append(running[-1] - 1)
        return {}

    async with asyncio.timeout(PATIENCE), await executor(temporal, {"one": one}, heartbeat=60) as opened:
        await opened.deploy(fan(width))
        instance = await opened.begin("fan", {"text": random_text(size)})
        assert (await opened.wait(instance)).success
    assert called == {f"s{n}" for n in range(width)}
    assert max(running) <= 50


async def test_what_is_refused_leaves_no_trace(temporal: str) -> None:
    """Validators are not run again when a history is replayed."""
    sizes = {"a": 100_000, "b": 200_000, "c": 10}
    steps = (
        "[{ id: a, handler: h }, { id: e, type: event, event: GO }, { id: b, handler: h }, { id: c, handler: h }]"
    )
    machine = wf.compile(wf.loads(f"name: refusing\nsteps: {steps}"))
    handlers = {"h": lambda work: {f"r{work.step}": random_text(sizes[work.step])}}
    async with asyncio.timeout(PATIENCE), await executor(temporal, handlers) as opened:
        await opened.deploy(machine)
        instance = await opened.start("refusing")
        await reached(instance, lambda there: at_rest(there) and "GO" in instance.allowed)
        with pytest.raises(EventRejected, match="full"):
            await instance.send("GO", {"x": random_text(1_200_000)})
        await instance.send("GO")
        assert (await instance.wait()).success


async def test_large_events_that_wait_for_a_subscriber_are_told_bit_by_bit(temporal: str) -> None:
    told: list[int] = []

    async def slow(emitted: Emitted) -> None:
        await asyncio.sleep(10 * PAUSE)
        told.append(len(thaw(emitted.data)["text"]))

    opened = await executor(temporal, {})
    opened.on("Big", slow, subscriber="slow")
    async with asyncio.timeout(PATIENCE), opened:
        await opened.deploy(wf.compile(wf.loads(ECHO.replace("TEXT", random_text(600_000)))))
        instance = await opened.start("echo")
        for _ in range(8):
            await instance.send("E")
        await instance.send("STOP")
        await instance.wait()
        await until(lambda: len(told) == 8)
    assert told == [600_000] * 8


async def test_an_emitted_event_that_is_too_large_is_told_without_its_data(
    temporal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    opened = await executor(temporal, {})
    opened.on("Big", lambda emitted: told.append(emitted.data), subscriber="s")
    async with asyncio.timeout(PATIENCE), opened:
        await opened.deploy(wf.compile(wf.loads(ECHO.replace("TEXT", random_text(2_000)))))
        instance = await opened.start("echo")
        monkeypatch.setattr(limits, "LARGEST", 1_500)
        await instance.send("E")
        await until(lambda: bool(told))
        monkeypatch.undo()
        await instance.send("E")
        await instance.send("STOP")
        await instance.wait()
        await until(lambda: len(told) == 2)
    assert told[0].keys() == {"bytes"}
    assert told[0]["bytes"] > 2_000
    assert len(told[1]["text"]) == 2_000


async def test_an_end_with_very_much_is_an_end(temporal: str) -> None:
    machine = wf.compile(wf.loads("name: ends\nsteps: [{ id: a, handler: h }, { id: b, handler: h }]"))
    handlers = {"h": lambda work: {f"r{work.step}": random_text(300_000)}}
    async with asyncio.timeout(PATIENCE), await executor(temporal, handlers) as opened:
        await opened.deploy(machine)
        outcome = await (await opened.start("ends")).wait()
    assert len(outcome.context["ra"]) == len(outcome.results["b"]["rb"]) == 300_000


async def test_a_run_takes_no_more_when_its_history_is_large(
    temporal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FULL_BYTES", 1_000_000)
    machine = wf.compile(wf.loads(ECHO.replace("on: { on:", "on: { invoke: hang, on:")))

    async def hang(_: Work) -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE), await executor(temporal, {"hang": hang}) as opened:
        await opened.deploy(machine)
        instance = await opened.start("echo")
        sent = [opened.send(instance.id, "E", {"text": random_text(300_000 + number)}) for number in range(10)]
        became = [(await asyncio.gather(one, return_exceptions=True))[0] for one in sent]
        assert isinstance(became[0], Receipt)
        assert isinstance(became[-1], EventRejected)
        assert became[-1].reason == "full"
        await instance.cancel()
        assert (await instance.wait()).state == "$cancelled"


async def test_timers_that_take_no_time_keep_nobody_out(temporal: str) -> None:
    text = """
    name: spinning
    initialState: a
    states:
      a: { timeout: 0, timeoutTransition: b, on: { STOP: end } }
      b: { timeout: 0, timeoutTransition: a, on: { STOP: end } }
      end: { terminal: true }
    """
    async with asyncio.timeout(PATIENCE), await executor(temporal, {}) as opened:
        await opened.deploy(wf.compile(wf.loads(text)))
        instance = await opened.begin("spinning")
        assert (await opened.send(instance, "STOP")).disposition == "accepted"
        assert (await opened.wait(instance)).state == "end"


async def test_a_page_of_history_holds_as_many_bytes_as_it_may(temporal: str, tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers) as opened:
        await opened.deploy(counter())
        instance = await opened.start("counter")
        for number in range(20):
            await instance.send("ADD", {"text": "я" * 24_000 + str(number)})
        assert len(await instance.history()) == 21


async def test_the_newest_answers_are_those_that_the_next_run_knows(temporal: str, tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers, longest=60) as opened:
        await opened.deploy(counter())
        instance = await opened.start("counter")
        handle = opened.client.get_workflow_handle(instance.id)
        document: dict[str, Any] = {"event": "ADD", "data": {}, "key": None, "by": "me"}
        for number in range(limits.ANSWERS):
            await opened.send(instance.id, "ADD", key=f"z{number:03}")
        await handle.execute_update("send", document, id="a-last")
        before = (await handle.describe()).run_id
        while (await handle.describe()).run_id == before:
            await opened.send(instance.id, "ADD")
        counted = (await instance.look()).context["n"]
        await handle.execute_update("send", document, id="a-last")
        assert (await instance.look()).context["n"] == counted


class WorkerShutdown(Exception):
    """An error of a handler, whatever its name."""


async def test_an_error_of_a_handler_is_one_whatever_its_name(temporal: str) -> None:
    called: list[str] = []

    def fails(work: Work) -> None:
        called.append(work.key)
        raise WorkerShutdown("mine")

    async with asyncio.timeout(PATIENCE), await executor(temporal, {"fails": fails}) as opened:
        await opened.deploy(wf.compile(wf.loads("name: fails\nsteps: [{ id: fails, required: false }]")))
        assert await failed_by(opened, "fails") == ["mine"]
    assert len(called) == 1


@pytest.mark.parametrize("given", [(), ({"order": "x"},), ("text",)])
async def test_a_workflow_that_nobody_began_rightly_fails_and_says_why(
    temporal: str, given: tuple[Any, ...]
) -> None:
    named = queue()
    async with asyncio.timeout(PATIENCE), await executor(temporal, {}, named) as opened:
        handle = await opened.client.start_workflow(
            "order", args=list(given), id=f"wrong-{named}", task_queue=named
        )
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    assert "it cannot begin" in str(failure.value.cause)


async def test_the_end_of_a_very_long_life_is_told_without_its_beginning(
    temporal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ROWS", 1_000)
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers, longest=30) as opened:
        await opened.deploy(counter())
        instance = await opened.start("counter")
        for number in range(30):
            await instance.send("ADD", {"i": random_text(1_000), "n": number})
        await instance.send("STOP")
        outcome = await instance.wait()
    assert (outcome.state, outcome.context["n"]) == ("off", 30)
    with pytest.raises(StoreError, match="rows are not kept"):
        _ = outcome.document
