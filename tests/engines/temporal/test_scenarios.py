"""All our machines on a real server, each on the ways that its scenarios foretell: the histories are those of the simulator.

Scenarios are in virtual time, a server is not. So nothing is left to time: each handler answers, and each event is sent, when its
turn in the foretold history has come; of the timers those that fire there are short, a longer one later than a shorter one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import statewf as wf
from statewf.definition.write import to_document
from statewf.engines.temporal import TemporalExecutor, TemporalInstance
from statewf.machine.effects import SetTimer
from statewf.machine.events import Cancel, Decided, Event, Failed, Fired, Returned
from statewf.machine.fsm import RETRY, Machine
from statewf.machine.macrostep import BACKOFF
from statewf.machine.record import row
from statewf.machine.snapshot import Step
from statewf.machine.work import CANCELLED, Work
from statewf.testing.files import play
from statewf.values.duration import milliseconds
from statewf.values.frozen import freeze, thaw
from tests.engines.temporal.support import PAUSE, Anything, executor, timeless

FILES = [
    file
    for file in sorted((Path(__file__).parents[3] / "machines").glob("*/*.yaml"))
    if file.name != "assumed.yaml"
]
SHORT = 2_000  # ms that a timer takes which fires; what is to come before has to be done by then
SOON = 20  # ms between two attempts
PATIENCE = 120  # seconds for all of them, side by side


class Part:
    """One scenario on the server. `done` is how many steps its instance has made."""

    def __init__(self, file: Path) -> None:
        played = play(file)
        assert played.machine is not None
        assert played.outcome is not None
        self.name = f"{file.parent.name}-{file.stem}"
        self.scenario = played.outcome.scenario
        self.steps = played.outcome.steps
        self.machine = squeezed(played.machine, self.steps)
        self.done = 0
        self.turns = {
            who(made): n for n, made in enumerate(self.steps) if isinstance(made.event, Returned | Failed)
        }

    async def answer(self, work: Work) -> Any:
        """What the foretold history says that it answers, when its turn has come; without one, nothing ever."""
        turn = self.turns.get((work.key.removeprefix(work.instance), work.attempt, work.handler))
        while turn is None or self.done < turn:
            try:
                await asyncio.sleep(PAUSE)
            except asyncio.CancelledError:
                if turn is None or _error(self.steps[turn]) == CANCELLED:
                    raise  # else it is stubborn
        return _said(self.steps[turn].event)

    async def run(self, opened: TemporalExecutor, deploying: asyncio.Lock) -> list[dict[str, Any]]:
        """Send what is foretold, each in its turn, until all of it has happened; the history."""
        async with deploying:  # each scenario has its own machine of that name
            await opened.deploy(self.machine)
            instance = await opened.start(self.machine.name, thaw(self.scenario.inputs), request_id=self.name)
        for number, made in enumerate(self.steps):
            await self._until(instance, number)
            match made.event:
                case Event(name, data, _, key):
                    await instance.send(name, thaw(data), key=key)
                case Cancel(_, now):
                    await instance.cancel(now=now)
                case Decided(task, decision, by, comments, result):
                    mine = task.replace("local", instance.id, 1)
                    await instance.complete(mine, decision, by=by, comments=comments, result=thaw(result))
        await self._until(instance, len(self.steps))
        return timeless(await instance.history())

    async def _until(self, instance: TemporalInstance, number: int) -> None:
        while (await instance.look()).snapshot.seq < number:
            self.done = instance.snapshot.seq
            await asyncio.sleep(PAUSE)
        self.done = instance.snapshot.seq


def who(made: Step) -> tuple[str, int, str]:
    """Which call a reply answers, in whatever instance."""
    assert isinstance(made.event, Returned | Failed)
    call = made.before.flight.calls[made.event.call]
    return call.key.removeprefix("local"), call.attempt, call.handler


def _error(made: Step) -> str | None:
    return made.event.error if isinstance(made.event, Failed) else None


def _said(event: Any) -> Any:
    """What a handler does that answers so."""
    match event:
        case Returned(answer=Event() as answer):
            return answer
        case Returned(_, result):
            return thaw(result)
        case Failed(_, error, message, _, retryable):
            kind = type(error, (Exception if retryable else wf.NonRetryable,), {})
            raise kind(message)
    raise AssertionError(event)


def squeezed(machine: Machine, steps: Sequence[Step]) -> Machine:
    """The machine, with those of its timers short that fire in these steps."""
    armed: dict[tuple[str, str], int] = {}
    lengths: set[int] = set()
    again = False
    for made in steps:
        match made.event:
            case Fired(region, timer):
                again = again or timer.startswith((RETRY, BACKOFF))
                lengths.add(armed[region, timer])
        armed |= {(e.region, e.timer): e.at - made.after.at for e in made.effects if isinstance(e, SetTimer)}
    fired = {length: SHORT * number for number, length in enumerate(sorted(lengths), 1)}
    return wf.compile(wf.loads(json.dumps(_shorter(to_document(machine.notes.definition), fired, again=again))))


def _shorter(value: Any, fired: Mapping[int, int], *, again: bool) -> Any:
    if isinstance(value, Mapping):
        return {key: _short(key, inner, fired, again=again) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shorter(inner, fired, again=again) for inner in value]
    return value


def _short(key: str, value: Any, fired: Mapping[int, int], *, again: bool) -> Any:
    if key in ("timeout", "duration") and isinstance(value, int | str):
        ms = value if isinstance(value, int) else milliseconds(value)
        return fired.get(ms, value)
    if key in ("baseDelay", "maxDelay") and again:
        return SOON
    return _shorter(value, fired, again=again)


@pytest.fixture(scope="module")
def histories(temporal: str) -> dict[str, tuple[list[Any], list[Any]]]:
    """Of each scenario the foretold history, and the one that the server has."""
    return asyncio.run(asyncio.wait_for(_all(temporal), PATIENCE))


async def _all(address: str) -> dict[str, tuple[list[Any], list[Any]]]:
    parts = {part.name: part for part in map(Part, FILES)}

    async def handler(work: Work) -> Any:
        return await parts[work.instance.rpartition(":")[2]].answer(work)

    async with await executor(address, Anything(handler)) as opened:
        deploying = asyncio.Lock()
        found = await asyncio.gather(*(part.run(opened, deploying) for part in parts.values()))
    foretold = [timeless([thaw(freeze(row(made))) for made in part.steps]) for part in parts.values()]
    return dict(zip(parts, zip(foretold, found, strict=True), strict=True))


@pytest.mark.parametrize("name", [f"{file.parent.name}-{file.stem}" for file in FILES])
def test_a_scenario_has_the_same_history_on_the_server(histories: dict[str, Any], name: str) -> None:
    foretold, found = histories[name]
    assert [_without_ids(one) for one in found] == [_without_ids(one) for one in foretold]


def _without_ids(shown: dict[str, Any]) -> dict[str, Any]:
    """A row without the name of its instance, which stands in what is decided."""
    data = shown["data"]
    if shown["event"] == "$decided":
        return {**shown, "data": {**data, "task": data["task"].partition("/")[2]}}
    return shown
