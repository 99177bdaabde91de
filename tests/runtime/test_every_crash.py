"""Every crash point of every machine of this project: whenever the process dies, it comes to the same.

The world outside is a scenario: what handlers answer, and when, who sends events and decides tasks. A reply belongs to
a call, that is a key and an attempt, and takes from the first time that it was called: what was begun outside goes on
while nobody waits for it. Senders send again what nobody answered, and nothing else.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from statewf.definition.document import document
from statewf.errors import EventRejected, NonRetryable
from statewf.machine.effects import Call, OpenTask
from statewf.machine.events import Cancel, Decided, Event
from statewf.machine.fsm import Machine
from statewf.machine.record import event_name
from statewf.runtime import Executor, Instance, Work
from statewf.simulator import read_scenario, simulate
from statewf.simulator.scenario import Fail, Hang, Ok, Scenario, Send, Turn
from statewf.testing import faults
from tests.machines.driving import MACHINES, machine
from tests.runtime.test_flows import SAME, relative

Outside = Event | Cancel | Decided

CALLS = 3  # of one handler, before the last entry of its script repeats

FORETOLD = (*SAME, "undelivered", "rejected")

AGAIN = {"memory": 29, "sqlite": 211}  # second deaths, during recovery, are thinned: every so manieth of a scenario
if "STATEWF_ALL_CRASHES" in os.environ:  # for a long look: all of them
    AGAIN = dict.fromkeys(AGAIN, 1)

PLAYED = {  # one or two scenarios of each machine, of some hours at most: an executor looks at its timers every minute
    "approval_chain": ("withdrawn", "controller-declines"),
    "content_production": ("published", "copied"),
    "customer_onboarding": ("business-verified", "integration-fails"),
    "document_processing": ("archive-away", "typed-in"),
    "ecommerce_fulfilment": ("early-bird", "too-big"),
    "employee_onboarding": ("cannot-be-paid",),
    "expense_approval": ("approved", "automatic"),
    "invoice_processing": ("scanner-down", "rolled-back"),
    "issue_resolution": ("restarted", "engineer-mends-it"),
    "order": ("payment-failed", "payment-retried"),
    "order_fulfilment": ("cancelled", "shipped"),
    "support_ticket_routing": ("solved-before-it-was-watched", "urgent"),
    "video_processing": ("hanging", "disk-full"),
}


@attrs.frozen
class Script:
    """A scenario, as a simulated run says which call is answered how, and what is sent when (ms from the start)."""

    machine: Machine
    inputs: Any
    turns: dict[tuple[str, int], Turn]
    agenda: tuple[tuple[int, Outside], ...]
    foretold: dict[str, Any]

    @classmethod
    def of(cls, played: Machine, scenario: Scenario) -> Script:
        scenario = apart(played, scenario)
        run = simulate(played, scenario, instance="")
        turns: dict[tuple[str, int], Turn] = {}
        agenda: list[tuple[int, Outside]] = [(event.at, event) for event in scenario.events]
        called, asked = (Entries(said) for said in (scenario.handlers, scenario.tasks))
        tasks: set[str] = set()
        for at, effect in ((step.after.at, effect) for step in run.steps for effect in step.effects):
            if isinstance(effect, Call):
                turns[effect.key, effect.attempt] = called.next(effect.handler)
            elif isinstance(effect, OpenTask) and effect.task.id not in tasks:
                tasks.add(effect.task.id)
                if (said := asked.next(effect.task.step)) is not None:
                    decided = Decided(effect.task.id, said.decision, said.by, said.comments, said.result)
                    agenda.append((at + said.after, decided))
        return cls(played, scenario.inputs, turns, tuple(sorted(agenda, key=lambda item: item[0])), run.document())

    def ties(self) -> bool:
        """Whether two calls are answered at one instant, besides those that are answered because they were stopped."""
        rows = (row for row in self.foretold["history"] if "handler" in row)
        answers = [row["at"] for row in rows if row["event"] != "$failed" or row["data"]["error"] != "Cancelled"]
        return len(answers) > len(set(answers))


@attrs.frozen
class Entries:
    """What a scenario says by name, one entry after another; the last one repeats."""

    said: Mapping[str, tuple[Any, ...]]
    seen: Counter[str] = attrs.field(factory=Counter)

    def next(self, name: str) -> Any:
        self.seen[name] += 1
        entries = self.said.get(name)
        return entries[min(self.seen[name], len(entries)) - 1] if entries else None


def apart(played: Machine, scenario: Scenario) -> Scenario:
    """The same scenario, but that no two calls are answered at one instant: there any order is a right one."""
    names = played.handlers()
    later: dict[str, tuple[Turn, ...]] = {}
    for n, name in enumerate(names, 1):
        said = scenario.handlers.get(name, (Turn(),))
        calls = ((nth, said[min(nth, len(said) - 1)]) for nth in range(max(CALLS, len(said))))
        later[name] = tuple(
            attrs.evolve(turn, after=turn.after + (n + nth * len(names)) ** 2) for nth, turn in calls
        )
    return attrs.evolve(scenario, handlers=later)


@attrs.define
class World:
    """What lies outside of the process, and outlives it."""

    script: Script
    done_at: dict[tuple[str, int], int] = attrs.field(factory=dict)
    answered: set[int] = attrs.field(factory=set)
    rejected: list[str] = attrs.field(factory=list)

    async def handle(self, work: Work) -> object:
        call = work.key.removeprefix(work.instance), work.attempt
        turn = self.script.turns[call]
        await until(self.done_at.setdefault(call, faults.clock() + turn.after))
        match turn.behaviour:
            case Ok(result):
                return result
            case Send(event, data):
                return Event(event, data)
            case Fail(message, error, retryable):
                raise type(error, (Exception if retryable else NonRetryable,), {})(message)
            case Hang():
                await anyio.sleep_forever()
        raise AssertionError(turn)

    async def send(self, instance: Instance, number: int, what: Outside) -> None:
        """Send something, unless it has happened already, although nobody was told."""
        try:
            match what:
                case Event(name, data, _, key):
                    await instance.send(name, data, key=key or str(number))
                case Cancel() if not happened(instance, what):
                    await instance.cancel(now=what.now)
                case Decided(task, decision, by, comments, result) if not happened(instance, what):
                    await instance.complete(instance.id + task, decision, by=by, comments=comments, result=result)
        except EventRejected:
            if not isinstance(what, Decided):  # the simulator says nothing of a decision that comes too late
                self.rejected.append(event_name(what))
        self.answered.add(number)


def happened(instance: Instance, what: Cancel | Decided) -> bool:
    rows = (row for row in instance.history() if row["event"] == event_name(what))
    return any(isinstance(what, Cancel) or row["data"]["task"] == instance.id + what.task for row in rows)


async def until(at: int) -> None:
    """Wait until that time, ms."""
    await anyio.sleep(max(0, at - faults.clock()) / 1000)


async def live(executor: Executor, world: World) -> None:
    """What the program does, however often it is started."""
    script = world.script
    await executor.deploy(script.machine)
    instance = await executor.start(script.machine.name, script.inputs, request_id="once")
    begin = instance.history()[0]["at"]
    async with anyio.create_task_group() as outside:
        for number, (at, what) in enumerate(script.agenda):
            await until(begin + at)
            if number not in world.answered:
                outside.start_soon(world.send, instance, number, what)
    await instance.wait()


def script(name: str, scenario: str) -> Script:
    """A scenario that stands beside a machine."""
    file = MACHINES / name / f"{scenario}.yaml"
    read = document(file.read_bytes(), str(file))
    return Script.of(machine(name), read_scenario(read.value, read.places, machine=machine(name)))


@pytest.mark.parametrize("place", ["memory", "sqlite"])
@pytest.mark.parametrize(("name", "scenario"), [(name, one) for name, played in PLAYED.items() for one in played])
def test_whenever_the_process_dies_it_comes_to_the_same(
    name: str, scenario: str, place: str, tmp_path: Path
) -> None:
    played = script(name, scenario)
    assert not played.ties()
    called = played.machine.handlers()
    trials = faults.every_crash(
        live,
        lambda: World(played),
        lambda world: dict.fromkeys(called, world.handle),
        folder=tmp_path if place == "sqlite" else None,
        again=AGAIN[place],
    )
    whole = next(trials)
    assert came_to(whole) == {key: played.foretold[key] for key in FORETOLD}
    deaths: Counter[int] = Counter()
    for trial in trials:
        assert trial.findings() + trial.differences() == [], trial
        assert trial.world.rejected == whole.world.rejected, trial
        deaths[len(trial.killed)] += 1
    assert deaths[1] == len(whole.passed[0]), "every boundary is one to die at"
    assert deaths[2] > 0


def came_to(trial: faults.Trial[World]) -> dict[str, Any]:
    """What the one instance came to, with times from its start, as a simulated run tells it."""
    (kept,) = trial.kept
    told = {**kept.document, "rejected": trial.world.rejected + kept.document["rejected"]}
    return {key: relative(told[key], kept.steps[0].after.at) for key in FORETOLD}
