"""What the process has to do: instances of several machines, and the handlers that they call.

Whatever goes wrong goes wrong by plan, told by the inputs and the attempt, so that each instance ends in the
state that is foretold, however often the process dies and however busy the machine is. Hence what has a short
timeout never ends otherwise, or does not matter, and what has to end in time has plenty.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import attrs

import statewf as wf
from statewf.runtime import Work

MACHINES = Path(__file__).parents[3] / "machines"

# Retries by event and of an action, a state that is entered again, a call that hangs until its timeout
PARCEL = """\
name: parcel
initialState: waiting
states:
  waiting: {on: {PAY: paying}}
  paying:
    invoke: pay # answers PAID or DECLINED
    retry: {maxAttempts: 3, on: DECLINED, baseDelay: 10}
    on: {PAID: packing, DECLINED: unpaid}
  packing:
    onEntry: {type: function, handler: label, retryPolicy: {maxAttempts: 2, baseDelay: 10}}
    invoke: {handler: pack, onDone: customs}
  customs: {invoke: hang, timeout: 40, timeoutTransition: shipped}
  shipped: {on: {LOST: packing, DELIVERED: delivered}}
  delivered: {onEntry: {type: function, handler: thank}, terminal: true}
  unpaid: {terminal: true, outcome: failure}
"""

# Events that come too early wait; a call that fails is made again
DESK = """\
name: desk
unexpected: defer
initialState: opened
states:
  opened: {onEntry: {type: function, handler: greet}, on: {SIGN: stamping}}
  stamping:
    invoke: {handler: stumble, onDone: stamped, onError: spoilt}
    retry: {maxAttempts: 3, on: $error, baseDelay: 10}
  stamped: {on: {FILE: {target: filed, actions: {type: function, handler: file}}}}
  filed: {onExit: {type: function, handler: sweep}, on: {CLOSE: closed}}
  closed: {terminal: true}
  spoilt: {terminal: true, outcome: failure}
"""

# Attempts, threads, a tolerable failure, a race with a loser, a wait, a person, an event, a thread that is late
BUILD = """\
name: build
steps:
- {id: read, handler: stumble, retryPolicy: {maxAttempts: 3, baseDelay: 10}}
- id: parts
  type: parallel
  maxConcurrency: 2
  steps:
  - {id: cut}
  - {id: drill}
  - {id: paint, handler: refuse, required: false, retryPolicy: {maxAttempts: 3}}
  - {id: sand, handler: cut}
- {id: quotes, type: parallel, strategy: any, steps: [{id: quick, handler: cut}, {id: slow, handler: hang}]}
- {id: dry, type: wait, duration: 30}
- {id: agree, type: human-task, assignTo: inputs.request}
- {id: paid, type: event, event: PAID, match: event.data.request === inputs.request}
- {id: late, timeout: 40, required: false, retryPolicy: {maxAttempts: 3, baseDelay: 10}}
"""

# A review that opens a second visit, and what was done is undone
TRIP = """\
name: trip
errorHandling: {defaultRetryPolicy: {maxAttempts: 2, baseDelay: 10}}
steps:
- {id: visa, handler: refuse, onError: human-review, review: {assignTo: inputs.request}}
- id: book
  type: parallel
  steps:
  - {id: hotel, handler: cut, compensation: {steps: [{action: leave-hotel}, {action: thank}]}}
  - {id: flight, handler: drill, compensation: {steps: [{action: leave-flight}]}}
- {id: car}
"""


@attrs.frozen
class Job:
    """An instance to be started, the events it is sent (in turn, or all `at_once`), and where it has to end."""

    request: str
    machine: str
    inputs: dict[str, Any]
    events: tuple[str, ...]
    state: str
    at_once: bool = False

    def sent(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """The events: their names, keys and data. A history shows data but no keys, so the key is in both."""
        for number, event in enumerate(self.events):
            key = f"{number}-{event}"
            yield event, key, {"key": key, "request": self.request}


def machines() -> Iterator[wf.Machine]:
    """All machines, compiled."""
    for text in (PARCEL, DESK, BUILD, TRIP):
        yield wf.compile(wf.loads(text))
    for name in ("order", "expense_approval"):
        yield wf.compile(wf.load(MACHINES / f"{name}.yaml"))


def jobs(folder: Path, number: int) -> list[Job]:
    """So many jobs of all kinds, the same at every time. What they write is written below the folder."""
    kinds = (_parcel, _desk, _build, _trip, _order, _expense)
    return [kinds[n % len(kinds)](f"J-{n}", n // len(kinds), folder) for n in range(number)]


def _parcel(request: str, n: int, _: Path) -> Job:
    if n % 4 == 3:
        return Job(request, "parcel", {"declines": 3}, ("PAY",), "unpaid")
    return Job(request, "parcel", {"declines": n % 4}, ("PAY", "LOST", "DELIVERED"), "delivered")


def _desk(request: str, n: int, _: Path) -> Job:
    state = "spoilt" if n % 4 == 3 else "closed"
    events = ("SIGN",) if state == "spoilt" else ("CLOSE", "FILE", "SIGN")
    return Job(request, "desk", {"stumbles": n % 4}, events, state, at_once=True)


def _build(request: str, n: int, _: Path) -> Job:
    return Job(request, "build", {"request": request, "stumbles": n % 3}, ("PAID",), "completed")


def _trip(request: str, n: int, _: Path) -> Job:
    state = ("compensated", "compensation-failed", "completed")[n % 3]
    return Job(request, "trip", {"request": request, "state": state}, (), state)


def _order(request: str, n: int, _: Path) -> Job:
    card = ("paid", "paid", "declined")[n % 3]
    inputs = json.loads((MACHINES / f"order/{card}.json").read_text())
    if card == "declined":
        return Job(request, "order", inputs, ("VALIDATE", "PROCESS_PAYMENT"), "payment-failed")
    events = ("VALIDATE", "PROCESS_PAYMENT", "FULFILL", "SHIPPED", "DELIVERED")
    return Job(request, "order", inputs, events, "delivered")


def _expense(request: str, n: int, folder: Path) -> Job:
    report = ("lunch", "journey")[n % 2]
    inputs = json.loads((MACHINES / f"expense_approval/{report}.json").read_text())
    inputs["payroll"] = str(folder / "payroll")
    return Job(request, "Expense Approval Workflow", inputs, (), "completed")


# --- handlers


class Stumble(Exception):
    """What goes wrong by plan."""


def lasting(call: Work) -> float:
    """How long a handler takes, in seconds: up to 15 ms, by its key and attempt."""
    return zlib.crc32(f"{call.key} {call.attempt}".encode()) % 16 / 1000


async def work(call: Work) -> dict[str, Any]:
    """Takes its time."""
    await anyio.sleep(lasting(call))
    return {}


def toil(call: Work) -> dict[str, Any]:
    """Takes its time in a thread."""
    time.sleep(lasting(call))
    return {}


async def pay(call: Work) -> wf.Event:
    """Answers with an event."""
    await work(call)
    return wf.Event("DECLINED" if call.attempt <= call.inputs["declines"] else "PAID")


async def stumble(call: Work) -> dict[str, Any]:
    """Fails as often as the inputs say."""
    await work(call)
    if call.attempt <= call.inputs["stumbles"]:
        raise Stumble
    return {}


def stumble_once(call: Work) -> dict[str, Any]:
    """Fails at the first attempt, in a thread."""
    toil(call)
    if call.attempt == 1:
        raise Stumble
    return {}


async def refuse(call: Work) -> dict[str, Any]:
    """Fails for good."""
    await work(call)
    raise wf.NonRetryable


async def hang(call: Work) -> dict[str, Any]:
    """Goes on until it is stopped."""
    await anyio.sleep_forever()
    return {}


def late(call: Work) -> dict[str, Any]:
    """Takes longer than it has, once. What it says then counts nevertheless."""
    time.sleep(0.15 if call.attempt == 1 else 0)
    return {}


async def car(call: Work) -> dict[str, Any]:
    """Whether there is a car decides what becomes of the trip."""
    await work(call)
    if call.inputs["state"] != "completed":
        raise Stumble
    return {}


async def leave_hotel(call: Work) -> dict[str, Any]:
    """Cannot be undone where the trip is to end like that."""
    await work(call)
    if call.inputs["state"] == "compensation-failed":
        raise Stumble
    return {}


HANDLERS: dict[str, Callable[[Work], Any]] = {
    "pay": pay,
    "label": stumble_once,
    "pack": toil,
    "hang": hang,
    "thank": work,
    "greet": toil,
    "stumble": stumble,
    "file": work,
    "sweep": work,
    "cut": work,
    "drill": toil,
    "refuse": refuse,
    "late": late,
    "car": car,
    "leave-hotel": leave_hotel,
    "leave-flight": stumble_once,
    **import_module("machines.order_handlers").handlers,
    **import_module("machines.expense_approval_handlers").handlers,
}
