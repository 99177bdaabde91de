"""The process that is killed: `python -m tests.runtime.killed FOLDER BACKEND JOBS`.

It asks for everything again each time, as a client does that cannot know what was kept: the same request ids,
the same event keys. It exits with 0 when all of its jobs have ended.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import attrs

import statewf as wf
from statewf.machine.effects import Task
from statewf.runtime import Instance, Work
from tests.runtime.killed.jobs import HANDLERS, Job, jobs, machines
from tests.runtime.killed.notes import ACKNOWLEDGED, LEDGER, STORE, Lines, Pen

CLIENTS = 40  # jobs that are on their way at a time

Handler = Callable[[Work], Any]


@attrs.frozen
class Clerk:
    """Writes into the ledger what handlers do, and has each answer tell whose it is."""

    ledger: Pen
    life: int

    def watched(self, name: str, handler: Handler) -> Handler:
        """The handler, watched."""
        if inspect.iscoroutinefunction(handler):

            async def watched(call: Work) -> Any:
                self.ledger.write("begin", call.key, call.attempt, self.life, name)
                try:
                    result = await handler(call)
                except Exception as error:
                    raise self.failed(name, call, error) from error
                return self.returned(name, call, result)

            return watched

        def watched_in_thread(call: Work) -> Any:
            self.ledger.write("begin", call.key, call.attempt, self.life, name)
            try:
                result = handler(call)
            except Exception as error:
                raise self.failed(name, call, error) from error
            return self.returned(name, call, result)

        return watched_in_thread

    def mark(self, name: str, call: Work) -> dict[str, Any]:
        """The end of a call is noted before its answer is given."""
        self.ledger.write("end", call.key, call.attempt, self.life, name)
        return {"key": call.key, "attempt": call.attempt, "life": self.life}

    def returned(self, name: str, call: Work, result: Any) -> Any:
        mark = self.mark(name, call)
        if isinstance(result, wf.Event):
            return wf.Event(result.name, {**result.data, "mark": mark})
        return {**result, "mark": mark}

    def failed(self, name: str, call: Work, error: Exception) -> Exception:
        return type(error)(json.dumps(self.mark(name, call)))


@attrs.frozen
class Client:
    """Has jobs done, one after another, and notes what it is told about them."""

    executor: wf.Executor
    acknowledged: Pen
    life: int

    async def work(self, waiting: Iterator[Job]) -> None:
        for job in waiting:
            await self.do(job)

    async def do(self, job: Job) -> None:
        instance = await self.executor.start(job.machine, job.inputs, request_id=job.request)
        self.acknowledged.write("started", job.request, instance.id, self.life)
        async with anyio.create_task_group() as group:
            group.start_soon(self.decide, instance)
            for event, key, data in job.sent():
                if job.at_once:
                    group.start_soon(self.send, instance, event, key, data)
                else:
                    await self.send(instance, event, key, data)
        outcome = await instance.wait()
        self.acknowledged.write("ended", instance.id, outcome.state, self.life)

    async def send(self, instance: Instance, event: str, key: str, data: dict[str, Any]) -> None:
        """Send an event as soon as it is accepted."""
        while True:
            seq = instance.snapshot.seq
            try:
                receipt = await instance.send(event, data, key=key)
            except wf.EventRejected as refused:
                if instance.done:
                    refused.add_note(f"{instance.id} ended in {instance.state} too early")
                    raise
                await instance.until(lambda seq=seq: instance.snapshot.seq > seq)  # type: ignore[misc]  # bound early
            else:
                self.acknowledged.write("sent", instance.id, key, receipt.seq, self.life)
                return

    async def decide(self, instance: Instance) -> None:
        """Decide its tasks, until it has ended."""
        while not instance.done:
            for task in self.executor.tasks(instance=instance.id):
                receipt = await self.executor.complete(task.id, decision(task), by="ann", result={})
                self.acknowledged.write("decided", instance.id, task.id, receipt.seq, self.life)
            await instance.until(lambda: instance.done or bool(instance.tasks()))


def decision(task: Task) -> str:
    """A step that is reviewed is tried again, and let pass the second time."""
    return "retry" if task.id.endswith("/1/review") else "approved"


async def live(folder: Path, number: int, life: int, ledger: Pen) -> None:
    """Do what is left to be done."""
    clerk = Clerk(ledger, life)
    handlers = {name: clerk.watched(name, handler) for name, handler in HANDLERS.items()}
    async with wf.Executor(folder / STORE, handlers) as executor:
        for machine in machines():
            await executor.deploy(machine)
        waiting = iter(jobs(folder, number))
        client = Client(executor, Pen(folder / ACKNOWLEDGED), life)
        async with anyio.create_task_group() as group:
            for _ in range(CLIENTS):
                group.start_soon(client.work, waiting)


def main(folder: Path, backend: str, number: int) -> None:
    life = 1 + sum(line[0] == "opens" for line in Lines(folder / LEDGER).new())
    ledger = Pen(folder / LEDGER)
    ledger.write("opens", life, os.getpid())
    anyio.run(partial(live, folder, number, life, ledger), backend=backend)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
