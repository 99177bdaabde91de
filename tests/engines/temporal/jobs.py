"""Machines and handlers that the tests of crashes and of recorded histories run, and a worker as a process of its own.

    python -m tests.engines.temporal.jobs ADDRESS QUEUE FOLDER

Each handler notes in FOLDER/log that it began and ended; `slow` waits for FOLDER/go.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import statewf as wf
from statewf.machine.work import Work
from tests.engines.temporal.support import executor

PARCEL = """
name: parcel
initialState: packing
context: { n: 0 }
states:
  packing:
    onEntry: { type: function, handler: label }
    invoke: { handler: slow, onDone: { target: packed, actions: { type: emit, event: Packed, data: { n: 1 } } } }
    on: { NOTE: { actions: { type: assign, set: { n: context.n + 1 } } } }
    timeout: 1h
    timeoutTransition: lost
  packed: { on: { SHIP: shipped, NOTE: { actions: { type: assign, set: { n: context.n + 1 } } } } }
  shipped: { timeout: 200, timeoutTransition: delivered }
  delivered: { onEntry: { type: function, handler: thank }, terminal: true }
  lost: { terminal: true, outcome: failure }
"""

CLAIM = """
name: claim
errorHandling: { compensationStrategy: reverse-order, defaultRetryPolicy: { maxAttempts: 2, backoff: constant, baseDelay: 10 } }
steps:
  - { id: book, compensation: { steps: [{ action: unbook }] } }
  - id: both
    type: parallel
    steps: [{ id: left }, { id: right, required: false }]
  - { id: ask, type: human-task, assignTo: ann, timeout: 1h, onReject: fail }
  - { id: told, type: event, event: PAID, timeout: 1h }
  - { id: rest, type: wait, duration: 50 }
  - { id: close }
pricing: { model: per-execution, rate: 2, stepRates: { close: 0.5 } }
"""

COUNTER = """
name: counter
initialState: on
context: { n: 0 }
states:
  on: { on: { ADD: { actions: { type: assign, set: { n: context.n + 1 } } }, LOOK: looking, STOP: off } }
  looking: { invoke: hang, timeout: 100, timeoutTransition: on }
  off: { terminal: true }
"""


def parcel() -> wf.Machine:
    return wf.compile(wf.loads(PARCEL))


def claim() -> wf.Machine:
    return wf.compile(wf.loads(CLAIM))


def counter() -> wf.Machine:
    return wf.compile(wf.loads(COUNTER))


class Desk:
    """Handlers that note in a folder what they do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, line: str) -> None:
        with (self._folder / "log").open("a") as log:
            log.write(f"{line}\n")

    def lines(self) -> list[str]:
        log = self._folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    async def slow(self, work: Work) -> dict[str, Any]:
        self.note(f"began {work.key}")
        while not (self._folder / "go").exists():
            await asyncio.sleep(0.01)
        self.note(f"ended {work.key}")
        return {"weight": 3}

    async def hang(self, _: Work) -> None:
        await asyncio.Event().wait()

    def plain(self, work: Work) -> dict[str, Any]:
        self.note(f"did {work.handler}")
        if work.handler == work.inputs.get("stumbles") and work.attempt == 1:
            raise OSError("down")
        return {work.handler: work.attempt}

    @property
    def handlers(self) -> dict[str, Any]:
        return {
            "slow": self.slow,
            "hang": self.hang,
            **dict.fromkeys(("label", "thank", "book", "unbook", "left", "right", "close"), self.plain),
        }


async def work(address: str, task_queue: str, folder: str) -> None:
    desk = Desk(Path(folder))
    async with await executor(address, desk.handlers, task_queue):
        desk.note("works")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
