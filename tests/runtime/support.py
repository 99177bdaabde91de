"""What tests of the runtime share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio

from statewf.compiler import compile_definition
from statewf.errors import StoreBusy, StoreError
from statewf.files import loads
from statewf.history import Entry, Memory, Store
from statewf.machine.events import CallId
from statewf.machine.fsm import Machine
from statewf.runtime import Executor, Instance
from statewf.runtime.handlers import Handlers
from statewf.runtime.owner import Owner

EPOCH = 1_700_000_000_000


def clock() -> int:
    """Virtual milliseconds."""
    return EPOCH + round(anyio.current_time() * 1000)


def executor(store: Store | str, handlers: Handlers | None = None, **options: Any) -> Executor:
    return Executor(store, handlers, **{"clock": clock, **options})


class Refusing(Memory):
    """A store that refuses commits with its `error`, while it has one."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error
        self.refused = 0

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        if self.error is not None:
            self.refused += 1
            raise self.error
        super().append(entries, epoch)


FULL = StoreError("the disk is full")
BUSY = StoreBusy("in use")


async def paying(owner: Executor) -> tuple[Instance, CallId]:
    """A payment whose charge was called, and hangs; with the number of that call."""
    await owner.deploy(PAYMENT)
    payment = await owner.start("payment")
    await payment.send("PAY")
    (call,) = payment.snapshot.flight.calls
    return payment, call


def role(executor: Executor) -> Owner:
    """What it is while it owns its store."""
    acts = executor._seat.acts
    assert isinstance(acts, Owner)
    return acts


def machine(text: str) -> Machine:
    return compile_definition(loads(text))


DOOR = machine("""
name: door
initialState: closed
states:
  closed: {on: {OPEN: open, LOCK: {target: locked, guard: event.data.code === 42}}}
  open: {on: {CLOSE: closed}, timeout: 10s, timeoutTransition: alarm}
  alarm: {onEntry: {type: emit, event: Alarm.raised, data: {loud: true}}, on: {CLOSE: closed}}
  locked: {terminal: true}
""")

PAYMENT = machine("""
name: payment
initialState: waiting
states:
  waiting: {on: {PAY: paying}}
  paying:
    invoke: charge
    on: {DECLINED: waiting, PAID: paid}
    timeout: 1m
    timeoutTransition: waiting
  paid: {onEntry: {type: function, handler: thank}, terminal: true}
""")
