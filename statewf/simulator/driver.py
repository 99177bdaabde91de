"""`Driver`: the synchronous in-memory front, for scripts, notebooks and tests.

Stands on `world`, which it moves by hand: nothing happens but by a call of its methods, and time is
virtual. Calls whose handlers it was given are made at once; function actions without one succeed with
{}; what a state invokes without one stays open until `reply` answers it.

    driver = Driver(machine, {"order": 7})
    driver.send("PAY")                      # EventRejected says why not, and what is allowed
    driver.advance(30)                      # seconds; fires every timer on the way, in order
    assert driver.state == "payment-late"
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple, TypeAlias

import attrs

from statewf.compiler import compile_definition
from statewf.definition.model import Definition
from statewf.errors import Diagnostic, EventRejected, HandlersError, StatewfError
from statewf.machine.effects import ACTION, Call, Emit, Task
from statewf.machine.events import Cancel, Decided, Event, Failed, Returned
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt, receipt, row, state_of, succeeded
from statewf.machine.snapshot import Rejected, Snapshot, Step, active, allowed
from statewf.machine.work import Work, failed, returned, work
from statewf.simulator.world import REPLY, Answer, World
from statewf.values.frozen import EMPTY, freeze, freeze_object, thaw

Handler: TypeAlias = Callable[[Work], object]


class Emitted(NamedTuple):
    """An event that the instance told its subscribers, and when (ms)."""

    event: str
    data: Any
    at: int


class Driver:
    """One instance in memory and in virtual time. Not for two threads at once."""

    def __init__(
        self,
        machine: Machine | Definition,
        inputs: object = None,
        *,
        handlers: Mapping[str, Handler] | None = None,
        instance: str = "local",
        at: int = 0,
    ) -> None:
        """Start the instance. `at` is the time of the start, in ms.

        Raises DataError when `inputs` is no JSON object, CompileError when a definition is wrong,
        HandlersError when a handler is async: there is no event loop here, use the Executor.
        """
        self.machine = machine if isinstance(machine, Machine) else compile_definition(machine)
        self._world = World(self.machine, _Handlers(_plain(handlers or {})), instance=instance, at=at)
        self._world.start(freeze_object(inputs, "the inputs"))
        self._settle()

    def __repr__(self) -> str:
        return f"<Driver {self.machine.name}: {self.state} at {self.now} ms>"

    # --- moving it

    def send(self, name: str, data: object = None, key: str | None = None) -> Receipt:
        """Send it a named event. The same key again: the first receipt, marked duplicate.

        Raises EventRejected (nothing changed; reason, allowed events and faults), KeyConflict (the key
        was used for another event or other data), DataError (the data is no JSON object).
        """
        told = self._world.send(Event(name, data, self.now, key))
        self._settle()
        return told

    def cancel(self, *, now: bool = False) -> Receipt:
        """End it; `now`: without undoing anything. Raises EventRejected when it has ended."""
        told = self._world.send(Cancel(self.now, now))
        self._settle()
        return told

    def reply(
        self,
        result: object = None,
        *,
        error: str | None = None,
        message: str = "",
        retryable: bool = True,
        handler: str | None = None,
    ) -> Receipt:
        """Answer the only open call, or the first one of that handler.

        With `error` (the name of one) the call fails, otherwise it returns: a JSON value, or an `Event`.
        Raises StatewfError when no such call is open, DataError when the result is not JSON.
        """
        call = self._open_call(handler)
        reply: Returned | Failed
        if error is not None:
            reply = Failed(call.id, error, message, self.now, retryable)
        elif isinstance(result, Event):
            reply = Returned(call.id, None, self.now, Event(result.name, result.data))
        else:
            reply = Returned(call.id, freeze(result), self.now)
        made = self._world.take(reply)
        if isinstance(made, Rejected):  # cannot be, for the call is open
            raise EventRejected(call.handler, made.reason, made.message)
        self._settle()
        return receipt(self.machine, made)

    def complete(
        self,
        step: str,
        decision: str = "approved",
        *,
        by: str | None = None,
        comments: str | None = None,
        result: object = None,
    ) -> Receipt:
        """Decide the open task of a step. Raises EventRejected when there is none, or it cannot be decided so."""
        task = self.snapshot.book.tasks.get(step)
        known = f"{self.snapshot.instance}/{step}" if task is None else task.id
        decided = Decided(known, decision, by, comments, result, self.now)
        told = self._world.send(decided)
        self._settle()
        return told

    def advance(self, seconds: float | timedelta) -> None:
        """Let time pass, and every timer on the way fire, those due at the very end too."""
        if isinstance(seconds, timedelta):
            seconds = seconds.total_seconds()
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"time cannot pass for {seconds} seconds")
        until = self.now + round(seconds * 1000)
        self._world.run(until)
        self._world.now = until

    # --- looking at it

    @property
    def snapshot(self) -> Snapshot:
        """Where it is, with all that is in flight."""
        return self._world.snapshot

    @property
    def state(self) -> str:
        """The state it is in."""
        return state_of(self.snapshot)

    @property
    def states(self) -> dict[str, str]:
        """The local state of every region."""
        names = (region.name for region in self.machine.regions)
        return dict(zip(names, active(self.snapshot), strict=True))

    @property
    def allowed(self) -> tuple[str, ...]:
        """The events that its state knows; guards may still say no."""
        return allowed(self.machine, self.snapshot)

    @property
    def context(self) -> dict[str, Any]:
        """Its data: the inputs, and what events and actions made of them."""
        return thaw(self.snapshot.context)  # type: ignore[no-any-return]  # a mapping thaws to a dict

    @property
    def inputs(self) -> dict[str, Any]:
        """What it was started with."""
        return thaw(self.snapshot.inputs)  # type: ignore[no-any-return]  # a mapping thaws to a dict

    @property
    def history(self) -> list[Step]:
        """Every step it made, from the start."""
        return list(self._world.steps)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The same as history rows, as `statewf history` shows them."""
        return [thaw(row(step)) for step in self._world.steps]

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that nobody has answered, the oldest first."""
        calls = self.snapshot.flight.calls
        return tuple(calls[number] for number in sorted(calls))

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that nobody has decided, in the order of the machine."""
        tasks = self.snapshot.book.tasks
        return tuple(tasks[region.name] for region in self.machine.regions if region.name in tasks)

    @property
    def results(self) -> dict[str, Any]:
        """What its steps found, by their ids; a state machine has none."""
        return thaw(self.snapshot.book.results)  # type: ignore[no-any-return]  # a mapping thaws to a dict

    @property
    def emitted(self) -> list[Emitted]:
        """What it told its subscribers, in order."""
        return [
            Emitted(effect.event, thaw(effect.data), step.after.at)
            for step in self._world.steps
            for effect in step.effects
            if isinstance(effect, Emit)
        ]

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return bool(self.snapshot.ended)

    @property
    def success(self) -> bool:
        """Whether it has ended well, and no step of it failed."""
        return succeeded(self.snapshot)

    @property
    def now(self) -> int:
        """The time, in ms."""
        return self._world.now

    # --- calls

    def _settle(self) -> None:
        """Let the handlers' replies, and all that follows from them at this instant, be taken."""
        self._world.run(self.now, REPLY)

    def _open_call(self, handler: str | None) -> Call:
        calls = self.calls
        found = [call for call in calls if handler in (None, call.handler)]
        if found and (handler is not None or len(found) == 1):
            return found[0]
        waiting = ", ".join(dict.fromkeys(call.handler for call in calls))
        if found:
            raise StatewfError(f"several calls are open; say which one: handler= one of {waiting}")
        wanted = f"no call of {handler} is open" if handler is not None else "no call is open"
        raise StatewfError(f"{wanted} in {self.state}" + (f"; open are calls of {waiting}" if waiting else ""))


@attrs.frozen
class _Handlers:
    """Answers calls by making them; what has no handler is left to whoever moves the driver, as tasks are."""

    handlers: Mapping[str, Handler]

    def answer(self, call: Call, snapshot: Snapshot) -> Answer | None:
        handler = self.handlers.get(call.handler)
        if handler is not None:
            return Answer(
                _made(handler, call, snapshot), stubborn=True
            )  # it is through before it could be recalled
        return Answer(Returned(call.id, EMPTY)) if call.owner == ACTION else None

    def decide(self, _: Task) -> None:
        return None


def _plain(handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    mistakes = [
        Diagnostic("async-handler", f"{name} is an async function", hint="use the Executor, or a plain function")
        for name, handler in handlers.items()
        if inspect.iscoroutinefunction(handler)
    ]
    if mistakes:
        raise HandlersError(mistakes)
    return dict(handlers)


def _made(handler: Handler, call: Call, snapshot: Snapshot) -> Returned | Failed:
    """Make a call. Whatever the handler does becomes the reply."""
    try:
        result = handler(work(call, snapshot.instance, snapshot.inputs))
    except Exception as error:  # whatever a handler raises is a failed call, not ours
        return failed(call, error, snapshot.at)
    if inspect.iscoroutine(result):
        result.close()  # nobody will await it, and it need not complain of that
    return returned(call, result, snapshot.at)
