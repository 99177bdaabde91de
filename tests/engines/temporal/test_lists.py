"""What is listed of a server: instances and tasks, as its search attributes tell them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from temporalio.common import SearchAttributeKey

import statewf as wf
from statewf.engines.temporal import wire
from tests.engines.temporal.jobs import Desk, claim, counter
from tests.engines.temporal.support import PAUSE, executor, reached

pytestmark = pytest.mark.anyio

PATIENCE = 60  # seconds
ASSIGNED = SearchAttributeKey.for_keyword_list(wire.ASSIGNED)


async def test_what_no_worker_took_up_is_listed(temporal: str) -> None:
    async with asyncio.timeout(PATIENCE), await executor(temporal, None) as client:
        await client.deploy(counter())
        instance = await client.begin("counter")
        while not (listed := await client.list()):
            await asyncio.sleep(PAUSE)
        assert [(one.id, one.state, one.ended) for one in listed] == [(instance, "", "")]


async def test_the_tasks_of_the_oldest_instances_come_first(temporal: str) -> None:
    machine = wf.compile(wf.loads("name: asked\nsteps: [{ id: ask, type: human-task, assignTo: ann }]"))
    async with asyncio.timeout(PATIENCE), await executor(temporal, {}) as opened:
        await opened.deploy(machine)
        begun = [(await opened.start("asked")).id for _ in range(4)]
        while len(tasks := await opened.tasks()) < len(begun):
            await asyncio.sleep(PAUSE)
        assert [task.instance for task in tasks] == begun
        assert [task.instance for task in await opened.tasks(limit=2)] == begun[:2]


async def test_very_many_tasks_are_no_more_than_the_server_takes(temporal: str) -> None:
    steps = ", ".join(f"{{ id: ask{n}, type: human-task, assignTo: {'é' * 60}{n} }}" for n in range(60))
    machine = wf.compile(wf.loads(f"name: many\nsteps: [{{ id: all, type: parallel, steps: [{steps}] }}]"))
    async with asyncio.timeout(PATIENCE), await executor(temporal, {}) as opened:
        await opened.deploy(machine)
        instance = await opened.start("many")
        assert len(instance.tasks()) == 60
        listed: Any = ()
        while not listed:
            listed = await opened.tasks(assigned_to="é" * 60 + "59")
            await asyncio.sleep(PAUSE)
        assert [task.step for task in listed] == ["ask59"]
        await instance.cancel(now=True)
        await instance.wait()


async def test_what_is_searched_for_is_right_in_the_next_run_too(temporal: str, tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), await executor(temporal, Desk(tmp_path).handlers, longest=10) as opened:
        await opened.deploy(claim())
        instance = await opened.start("claim")
        await reached(instance, lambda there: bool(there.book.tasks))
        handle, first = opened.client.get_workflow_handle(instance.id), instance.snapshot.seq
        await instance.complete(instance.tasks()[0].id, "approved")
        assert instance.snapshot.seq > first
        while await opened.tasks():
            await asyncio.sleep(PAUSE)
        assert (await handle.describe()).typed_search_attributes.get(ASSIGNED, []) == []
        await instance.cancel(now=True)
        await instance.wait()
