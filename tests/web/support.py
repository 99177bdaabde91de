"""What the tests of the service share: a service in this process, and one that really listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

import statewf as wf
from statewf.history import Memory, Store
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.runtime import Executor
from statewf.runtime.metrics import Meter
from statewf.web.app import application
from statewf.web.feed import Feed
from statewf.web.service import Service
from statewf.web.service import opened as of_executor

HOST = "test"
DOOR = """
name: door
description: A door that counts.
initialState: shut
context: { n: 0 }
states:
  shut: { on: { OPEN: open, LOCK: { target: locked, guard: event.data.code === 42 } } }
  open: { on: { SHUT: shut, NOTE: { actions: { type: assign, set: { n: context.n + 1 } } } }, unexpected: defer }
  locked: { terminal: true }
"""
CLAIM = """
name: claim
steps:
  - { id: read, compensation: { steps: [{ action: forget }] } }
  - { id: approve, type: human-task, assignTo: inputs.boss, details: { about: the claim } }
pricing: { model: per-execution, rate: 2 }
"""


def handlers() -> dict[str, Callable[..., Any]]:
    return {"read": lambda _: {"total": 30}, "forget": lambda _: None}


@asynccontextmanager
async def service(store: Store | Path | None = None, *, keeps: bool = False, **more: Any) -> AsyncIterator[Service]:
    """A service of a store, with two machines deployed; one that only `keeps` has no handlers, and asks for none."""
    meter = Meter()
    feeds: list[Feed] = []

    def nudge(_: Machine, __: Step) -> None:
        for feed in feeds:
            feed.nudge()

    answering = None if keeps else {**handlers(), **more}
    opened = Executor(Memory() if store is None else store, answering, metrics=meter, observe=nudge)
    async with opened as executor, of_executor(executor, meter) as found:
        feeds.append(found.feed)
        for text in (DOOR, CLAIM):
            await executor.deploy(wf.compile(wf.loads(text)))
        yield found


@asynccontextmanager
async def client(
    of: Service, token: str | None = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service in this process."""
    transport = httpx.ASGITransport(application(of, [HOST], token))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}", headers=headers) as found:
        yield found
