"""The executor on a real server: its interface, and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

import statewf as wf
from statewf.engines.temporal import TemporalExecutor, course, wire
from statewf.errors import (
    EventRejected,
    HandlersError,
    KeyConflict,
    RequestConflict,
    StatewfError,
    StoreError,
    Unknown,
    UnknownInstance,
    UnknownMachine,
    UnknownTask,
)
from statewf.history import Emitted
from statewf.machine.work import Work
from tests.engines.temporal.jobs import COUNTER, Desk, claim, counter, parcel
from tests.engines.temporal.server import free_port
from tests.engines.temporal.support import PAUSE, at_rest, executor, queue, reached

pytestmark = pytest.mark.anyio

PATIENCE = 60  # seconds


@pytest.fixture
async def opened(temporal: str, tmp_path: Path) -> AsyncIterator[TemporalExecutor]:
    """A worker with the handlers of a desk where everything may go on."""
    (tmp_path / "go").touch()
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers) as opened:
        for machine in (parcel(), claim(), counter()):
            await opened.deploy(machine)
        yield opened


def unique(name: str, number: list[int] = [0]) -> str:  # noqa: B006  # it counts
    number[0] += 1
    return f"{name}-{number[0]}"


async def test_a_request_is_one_instance_and_other_inputs_are_a_conflict(opened: TemporalExecutor) -> None:
    request = unique("request/100%")
    first = await opened.start("counter", {"who": "ann"}, request_id=request)
    again = await opened.start("counter", {"who": "ann"}, request_id=request)
    assert again.id == first.id
    with pytest.raises(RequestConflict, match="was requested before with other inputs"):
        await opened.start("counter", {"who": "bob"}, request_id=request)
    assert (await opened.start("counter")).id != (await opened.start("counter")).id


async def test_a_failed_run_has_a_successor_and_a_good_one_has_none(opened: TemporalExecutor) -> None:
    request = unique("again")
    failed = await opened.start("claim", request_id=request)
    await reached(failed, lambda there: bool(there.book.tasks))
    await failed.complete(failed.tasks()[0].id, "rejected")
    assert (await failed.wait()).state == "compensated"
    assert (await opened.start("claim", request_id=request)).done  # it is the same one
    second = await opened.start("claim", request_id=request, restart=True)
    assert not second.done
    with pytest.raises(RequestConflict):
        await opened.start("claim", {"other": 1}, request_id=request, restart=True)
    good = await opened.start("counter", request_id=request)
    await good.send("STOP")
    await good.wait()
    assert (await opened.start("counter", request_id=request, restart=True)).done


async def test_what_is_refused_is_told_and_nothing_is_recorded(opened: TemporalExecutor) -> None:
    instance = await opened.start("counter")
    before = await opened.client.get_workflow_handle(instance.id).describe()
    with pytest.raises(EventRejected) as refused:
        await instance.send("NOPE")
    assert (refused.value.reason, refused.value.allowed) == ("unexpected", ("ADD", "LOOK", "STOP"))
    after = await opened.client.get_workflow_handle(instance.id).describe()
    assert after.history_length == before.history_length
    await instance.send("STOP")
    await instance.wait()
    for refusal in (instance.send("ADD"), instance.cancel(), instance.signal("ADD")):
        with pytest.raises(EventRejected, match="terminal"):
            await refusal
    with pytest.raises(wf.DataError):
        await instance.send("ADD", [1])


async def test_a_key_is_one_event(opened: TemporalExecutor) -> None:
    instance = await opened.start("counter")
    long = "k" * 1_000
    for key in ("one", long):
        first = await instance.send("ADD", {"i": 1}, key=key)
        again = await instance.send("ADD", {"i": 1}, key=key)
        assert (first.disposition, again.disposition, again.seq) == ("accepted", "duplicate", first.seq)
        with pytest.raises(KeyConflict):
            await instance.send("ADD", {"i": 2}, key=key)
    await instance.signal("ADD", {"i": 1}, key="one")
    await instance.signal("ADD", {"i": 9}, key="two")
    await reached(instance, lambda there: there.context["n"] == 3)
    assert instance.snapshot.seq == 4
    await instance.send("STOP", key="last")
    await instance.wait()
    assert (await instance.send("ADD", {"i": 1}, key="one")).disposition == "duplicate"
    assert (await instance.send("STOP", key="last")).disposition == "duplicate"
    with pytest.raises(KeyConflict):
        await instance.send("ADD", {"i": 2}, key="one")
    with pytest.raises(EventRejected, match="terminal"):
        await instance.send("ADD", key="three")


async def test_nobody_there_and_nothing_deployed_is_told(opened: TemporalExecutor, temporal: str) -> None:
    for refusal in (
        opened.get("nobody"),
        opened.send("nobody", "ADD"),
        opened.wait("nobody"),
        opened.cancel("nobody"),
    ):
        with pytest.raises(UnknownInstance, match="there is no instance nobody"):
            await refusal
    with pytest.raises(UnknownMachine):
        await opened.start("nothing")
    with pytest.raises(UnknownTask):
        await opened.complete("nobody/ask/1", "approved")
    with pytest.raises(HandlersError, match="book"):
        await TemporalExecutor(opened.client, {}).deploy(claim())
    with pytest.raises(StatewfError, match="is not told on Temporal"):
        opened.on("WorkflowProgress.updated", print, subscriber="me")
    with pytest.raises(StatewfError, match="open already"):
        await opened.__aenter__()
    async with await executor(temporal, None, patience=0.0) as client:
        await client.deploy(counter())
        with pytest.raises(StoreError, match=r"no worker at the task queue .* answers"):
            await client.start("counter")


async def test_a_definition_that_is_too_large_is_refused(opened: TemporalExecutor) -> None:
    large = "x" * 1_500_000
    machine = wf.compile(wf.loads("{ name: large, initialState: a, states: { a: { terminal: true } } }"))
    definition = wf.StateMachine("large", "a", machine.notes.definition.states, description=large)
    with pytest.raises(StoreError, match="on Temporal it may have 1,500,000"):
        await opened.deploy(definition)


async def test_tasks_are_listed_and_decided_once(opened: TemporalExecutor) -> None:
    instance = await opened.start("claim", {"n": 1})
    await reached(instance, lambda there: bool(there.book.tasks))
    (task,) = instance.tasks()
    listed: Any = ()
    while task.id not in [one.id for one in listed]:  # the server's index is some moments behind
        listed = await opened.tasks(assigned_to="ann")
        await asyncio.sleep(PAUSE)
    assert task in listed
    assert await opened.tasks(instance=instance.id, assigned_to="bob") == []
    with pytest.raises(UnknownTask):
        await opened.complete(f"{instance.id}/ask/2", "approved")
    receipt = await opened.complete(task.id, "approved", by="ann", comments="fine", result={"sum": 3})
    assert receipt.event == "$decided"
    with pytest.raises(EventRejected):
        await opened.complete(task.id, "rejected")
    await instance.send("PAID", {"amount": 1})
    outcome = await instance.wait()
    assert outcome.results["ask"]["reviewedBy"] == "ann"
    assert outcome.document["cost"] == "2.50"


async def test_instances_are_listed_by_machine_and_state(opened: TemporalExecutor) -> None:
    one = await opened.start("counter", request_id=unique("it's"))
    other = await opened.start("counter")
    await other.send("STOP")
    await other.wait()
    found: dict[str, Any] = {}
    while found.get(other.id, ("",))[0] != "off" or one.id not in found:
        found = {each.id: (each.state, each.ended) for each in await opened.list(machine="counter")}
        await asyncio.sleep(PAUSE)
    assert (found[one.id], found[other.id]) == (("on", ""), ("off", "success"))
    assert other.id in [each.id for each in await opened.list(state="off")]
    assert one.id not in [each.id for each in await opened.list(machine="counter", state="off")]
    assert not await opened.list(machine="it's \\ nobody")


async def test_subscribers_are_told_in_order_until_they_take_it(temporal: str, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    told: list[tuple[str, str, Any]] = []
    failed: list[str] = []
    opened = await executor(temporal, Desk(tmp_path).handlers)
    opened.on("Packed", lambda emitted: told.append(("plain", emitted.id, emitted.data)), subscriber="plain")

    async def stumbles(emitted: Emitted) -> None:
        if not failed:
            failed.append(emitted.id)
            raise OSError("not now")
        told.append(("async", emitted.id, emitted.data))

    opened.on("Packed", stumbles, subscriber="stumbling")
    async with asyncio.timeout(PATIENCE), opened:
        await opened.deploy(parcel())
        instance = await opened.start("parcel")
        await reached(instance, lambda _: instance.state == "packed")
        await instance.send("SHIP")
        await instance.wait()
    stable = f"{instance.id}/3/0"
    assert sorted(told) == [
        ("async", stable, {"n": 1}),
        ("plain", stable, {"n": 1}),
    ]  # who had it is not told again


async def test_who_waits_for_an_instance_does_not_wait_for_a_subscriber_that_fails(temporal: str) -> None:
    machine = wf.compile(
        wf.loads(
            "{ name: heard, initialState: on, states: { on: { on: { GO: off } },"
            " off: { terminal: true, onEntry: { type: emit, event: Gone } } } }"
        )
    )

    async def never(_: Emitted) -> None:
        raise OSError("down")

    opened = await executor(temporal, {})
    opened.on("Gone", never, subscriber="never")
    async with asyncio.timeout(PATIENCE), opened:
        await opened.deploy(machine)
        instance = await opened.start("heard")
        await instance.send("GO")
        assert (await instance.wait()).state == "off"
        handle = opened.client.get_workflow_handle(instance.id)
        assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
        await handle.terminate()


async def test_machines_whose_names_look_alike_have_requests_of_their_own(temporal: str) -> None:
    names = ("a machine", "a-machine", "A machine", "a:machine", "a%3Amachine")
    async with asyncio.timeout(PATIENCE), await executor(temporal, None) as client:
        begun = []
        for name in names:
            await client.deploy(wf.compile(attrs.evolve(wf.loads(COUNTER), name=name)))
            begun.append(await client.begin(name, request_id="R"))
            assert await client.begin(name, request_id="R") == begun[-1]
    assert len(set(begun)) == len(names)


async def test_temporals_own_tools_send_and_cancel(opened: TemporalExecutor) -> None:
    instance = await opened.start("counter")
    handle = opened.client.get_workflow_handle(instance.id)
    await handle.signal("ADD", {"by": 2})
    await handle.signal("ADD")
    await handle.signal("NONSENSE")
    await handle.signal("send", {"foo": 1})
    await handle.signal("send", 3)
    await handle.signal("ADD", [1, 2])
    await reached(instance, lambda there: there.context["n"] == 2)
    assert await handle.query("state") == "on"
    assert await handle.query("allowed") == ["ADD", "LOOK", "STOP"]
    assert [row["event"] for row in await handle.query("history")] == ["$start", "ADD", "ADD"]
    await handle.cancel()
    result = await handle.result()
    assert (result["state"], result["success"]) == ("$cancelled", False)
    assert (await instance.wait()).state == "$cancelled"
    other = await opened.start("counter")
    await opened.client.get_workflow_handle(other.id).terminate()
    with pytest.raises(StoreError, match="did not end by itself"):
        await other.wait()


async def test_a_task_is_seen_by_temporals_own_tools(opened: TemporalExecutor) -> None:
    instance = await opened.start("claim")
    await reached(instance, lambda there: bool(there.book.tasks))
    (task,) = await opened.client.get_workflow_handle(instance.id).query("tasks")
    assert (task["step"], task["assigned_to"]) == ("ask", "ann")
    receipt = await instance.cancel(now=True)
    assert receipt.event == "$cancel"
    assert (await instance.wait()).state == "cancelled"


@pytest.mark.parametrize("retries", ["machine", "temporal"])
async def test_retries_are_the_machines_or_temporals(temporal: str, retries: Any) -> None:
    attempts: list[int] = []

    def flaky(work: Work) -> str:
        attempts.append(work.attempt)
        if len(attempts) < 3:
            raise ConnectionError("down")
        return "up"

    text = "steps: [{ id: flaky, retryPolicy: { maxAttempts: 3, baseDelay: 10, backoff: constant } }]"
    machine = wf.compile(wf.loads(text))
    opened = await executor(temporal, {"flaky": flaky}, retries=retries)
    async with asyncio.timeout(PATIENCE), opened:
        await opened.deploy(machine)
        instance = await opened.start(machine.name)
        outcome = await instance.wait()
        rows = await instance.history()
    assert outcome.success
    assert attempts == [1, 2, 3]
    assert [row["event"] for row in rows].count("$failed") == (2 if retries == "machine" else 0)


async def test_retries_that_temporal_gives_up_fail_the_step_and_not_again(temporal: str) -> None:
    attempts: list[str] = []

    def never(work: Work) -> None:
        attempts.append(work.handler)
        raise wf.NonRetryable("no") if work.handler == "hopeless" else OSError("down")

    text = """
    errorHandling: { defaultRetryPolicy: { maxAttempts: 2, baseDelay: 10, backoff: exponential } }
    steps: [{ id: never, required: false }, { id: hopeless, required: false }, { id: linear, required: false,
             retryPolicy: { maxAttempts: 2, baseDelay: 10, backoff: linear } }]
    """
    machine = wf.compile(wf.loads(text))
    opened = await executor(temporal, dict.fromkeys(("never", "hopeless", "linear"), never), retries="temporal")
    async with asyncio.timeout(PATIENCE), opened:
        await opened.deploy(machine)
        instance = await opened.start(machine.name)
        await instance.wait()
        rows = await instance.history()
    assert attempts == ["never", "never", "hopeless", "linear", "linear"]
    assert [row.get("handler") for row in rows if row["event"] == "$failed"] == [
        "never",
        "hopeless",
        "linear",
        "linear",
    ]


async def test_a_long_life_goes_on_anew_and_forgets_nothing(temporal: str, tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers, longest=60) as opened:
        await opened.deploy(counter())
        await _long_life(opened)


async def _long_life(opened: TemporalExecutor) -> None:
    instance = await opened.start("counter")
    runs = set()
    for number in range(40):
        await instance.send("ADD", {"i": number}, key=f"k{number}")
        runs.add((await opened.client.get_workflow_handle(instance.id).describe()).run_id)
    assert len(runs) > 3
    assert instance.context["n"] == 40
    assert (await instance.send("ADD", {"i": 0}, key="k0")).disposition == "duplicate"
    with pytest.raises(KeyConflict):
        await instance.send("ADD", {"i": 1}, key="k0")
    assert [row["seq"] for row in await instance.history()] == list(range(1, 42))
    await instance.send("STOP")
    outcome = await instance.wait()
    assert outcome.document["context"]["n"] == 40


async def test_what_runs_is_not_left_behind_by_a_new_run(temporal: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with asyncio.timeout(PATIENCE), await executor(temporal, desk.handlers, longest=40) as opened:
        await opened.deploy(parcel())
        instance = await opened.start("parcel")
        await reached(instance, lambda there: any(call.handler == "slow" for call in there.flight.calls.values()))
        first = (await opened.client.get_workflow_handle(instance.id).describe()).run_id
        for _ in range(20):
            await instance.send("NOTE")
        handle = opened.client.get_workflow_handle(instance.id)
        assert (await handle.describe()).run_id == first
        (tmp_path / "go").touch()
        await reached(instance, lambda there: at_rest(there) and instance.state == "packed")
        await instance.send("NOTE")
        assert (await handle.describe()).run_id != first
        await instance.send("SHIP")
        assert (await instance.wait()).context["n"] == 21
    assert [line for line in desk.lines() if line.startswith("began")] == [f"began {instance.id}/main/1"]


async def test_twelve_thousand_events_in_bursts_end_in_the_right_state(opened: TemporalExecutor) -> None:
    instance = await opened.start("counter")
    for burst in range(8):
        await asyncio.gather(*(instance.signal("ADD", {"i": burst}) for _ in range(1_500)))
    await reached(instance, lambda there: there.seq > 12_000)
    assert (instance.context["n"], instance.snapshot.seq) == (12_000, 12_001)
    await instance.send("STOP")
    assert (await instance.wait()).state == "off"
    described = await opened.client.get_workflow_handle(instance.id).describe()
    assert described.status == WorkflowExecutionStatus.COMPLETED
    assert described.history_length < 10_000


async def test_a_server_that_is_not_there_is_told() -> None:
    client = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True)
    with pytest.raises(Unknown, match="cannot be reached"):
        async with TemporalExecutor(client, None, queue()):
            pass


async def _updates(opened: TemporalExecutor, instance: str) -> int:
    """How many updates a workflow has accepted."""
    history = await opened.client.get_workflow_handle(instance).fetch_history()
    return sum(e.HasField("workflow_execution_update_accepted_event_attributes") for e in history.events)


async def test_an_event_that_waits_for_an_action_and_is_refused_does_not_use_up_its_key(
    temporal: str, tmp_path: Path
) -> None:
    text = """
    name: door
    initialState: shut
    states:
      shut: { on: { OPEN: { target: open, actions: { type: function, handler: slow } } } }
      open: { on: { SHUT: shut, LOCK: locked } }
      locked: { terminal: true }
    """
    desk = Desk(tmp_path)
    async with asyncio.timeout(PATIENCE), await executor(temporal, desk.handlers) as opened:
        await opened.deploy(wf.compile(wf.loads(text)))
        instance = await opened.start("door")
        await instance.send("OPEN")
        waiting = []
        for number, name in enumerate(("SHUT", "LOCK"), 1):
            waiting.append(asyncio.create_task(opened.send(instance.id, name, key=name)))
            while (
                await _updates(opened, instance.id) <= number
            ):  # it waits in the workflow, and the next one behind it
                await asyncio.sleep(PAUSE)
        assert not any(task.done() for task in waiting)
        (tmp_path / "go").touch()
        assert (await waiting[0]).state == "shut"
        with pytest.raises(EventRejected, match="unexpected"):
            await waiting[1]
        await reached(instance, at_rest)
        await instance.send("OPEN")
        await reached(instance, at_rest)
        assert (await instance.send("LOCK", key="LOCK")).disposition == "accepted"


async def test_a_bug_ends_an_instance_and_is_told(
    opened: TemporalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("one over nothing")

    sent, signalled = await opened.start("counter"), await opened.start("counter")
    monkeypatch.setattr(course, "step", broken)
    with pytest.raises(StoreError, match="could not take it: ZeroDivisionError: one over nothing"):
        await opened.send(sent.id, "ADD")  # it is refused before anything is recorded
    await signalled.signal("ADD")
    with pytest.raises(StoreError, match="ADD could not be taken: ZeroDivisionError: one over nothing"):
        await signalled.wait()
    with pytest.raises(StoreError, match=r"\$start could not be taken"):
        await opened.wait(await opened.begin("counter"))
    monkeypatch.undo()
    await sent.send("STOP")
    assert (await sent.wait()).state == "off"


async def test_one_that_began_with_another_interpreter_waits_for_a_worker_that_has_it(
    opened: TemporalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "VERSION", 99)
    instance = await opened.begin("counter")
    monkeypatch.undo()
    handle = opened.client.get_workflow_handle(instance)
    failures: list[str] = []
    while not failures:
        failures = [
            event.workflow_task_failed_event_attributes.failure.message
            for event in (await handle.fetch_history()).events
            if event.HasField("workflow_task_failed_event_attributes")
        ]
        await asyncio.sleep(PAUSE)
    assert "begun by interpreter 99" in failures[0]
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    await handle.terminate()
