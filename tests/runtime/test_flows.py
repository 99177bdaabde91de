"""Workflows under the executor: what the simulator foretells, and the same again when it crashes on the way.

Handlers are of the world outside: what one has begun goes on while nobody waits for it, and is done when it
is done; so a call that is offered again is answered at the time at which it would have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import attrs
from hypothesis import given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.errors import NonRetryable, StatewfError
from statewf.history import Entry, Memory
from statewf.machine.effects import OpenTask
from statewf.machine.fsm import Machine
from statewf.machine.work import Work
from statewf.runtime import Executor
from statewf.simulator import simulate
from statewf.simulator.scenario import Decision, Fail, Ok
from statewf.testing.virtual import VirtualLoop
from tests.flows import INPUTS, Flow, flows
from tests.runtime.support import EPOCH, clock, executor

SAME = (
    "state",
    "success",
    "results",
    "context",
    "completedSteps",
    "failedSteps",
    "compensations",
    "path",
    "elapsed",
)


class Crash(BaseException):
    """The process is gone."""


class Down(Exception):
    pass


class Gone(NonRetryable):
    pass


class Crashing(Memory):
    """A store under which the process dies, now and then: before a commit, or right after it."""

    def __init__(self, crashes: Sequence[tuple[int, bool]]) -> None:
        super().__init__()
        self.crashes = dict(crashes)
        self.commits = 0
        self.opened: dict[str, int] = {}  # when each task was
        self.news = anyio.Event()

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        self.commits += 1
        after = self.crashes.get(self.commits)
        if after is False:
            raise Crash
        super().append(entries, epoch)
        for entry in entries:
            for effect in entry.step.effects:
                if isinstance(effect, OpenTask):
                    self.opened.setdefault(effect.task.id, entry.step.after.at)
        self.news.set()
        if after is True:
            raise Crash


@attrs.define
class World:
    """What lies outside: what handlers do, what people decide, and when."""

    flow: Flow
    store: Crashing
    done_at: dict[tuple[str, int], int] = attrs.field(factory=dict)

    async def handle(self, work: Work) -> object:
        turns = self.flow.turns[work.handler]
        turn = turns[min(work.attempt, len(turns)) - 1]
        await until(self.done_at.setdefault((work.key, work.attempt), clock() + turn.after))
        match turn.behaviour:
            case Ok(result):
                return result
            case Fail(message, _, retryable):
                raise (Down if retryable else Gone)(message)
        raise AssertionError(turn)

    async def decide(self, owner: Executor) -> None:
        """Decide all tasks, each at its time."""
        async with anyio.create_task_group() as people:
            known: set[str] = set()
            while True:
                for task in owner.tasks():
                    decision = self.flow.decisions.get(task.step)
                    if decision is not None and task.id not in known:
                        known.add(task.id)
                        people.start_soon(self.decide_one, owner, task.id, decision)
                self.store.news = anyio.Event()
                await self.store.news.wait()

    async def decide_one(self, owner: Executor, task: str, decision: Decision) -> None:
        await until(self.store.opened[task] + decision.after)
        try:
            await owner.complete(task, decision.decision, by=decision.by, result=decision.result)
        except StatewfError:
            return  # it is not open any more

    async def live(self, machine: Machine) -> dict[str, Any]:
        """From start to end, however often the process dies."""
        handlers = dict.fromkeys(self.flow.turns, self.handle)
        while True:
            try:
                async with executor(self.store, handlers) as owner, anyio.create_task_group() as outside:
                    await owner.deploy(machine)
                    outside.start_soon(self.decide, owner)
                    instance = await owner.start(machine.name, INPUTS, request_id="once")
                    document = (await instance.wait()).document
                    outside.cancel_scope.cancel()
                return document
            except BaseExceptionGroup as group:
                if group.split(Crash)[1] is not None:
                    raise
            except Crash:
                pass


async def until(at: int) -> None:
    """Wait until that time, ms."""
    await anyio.sleep((at - clock()) / 1000)


def same(document: dict[str, Any]) -> dict[str, Any]:
    """What must be the same, with times from the start."""
    return {key: relative(document[key], document["history"][0]["at"]) for key in SAME}


def relative(value: Any, begin: int) -> Any:
    if isinstance(value, dict):
        return {key: relative(item, begin) for key, item in value.items()}
    if isinstance(value, list):
        return [relative(item, begin) for item in value]
    return value - begin if type(value) is int and value >= EPOCH else value


@given(flows(), st.lists(st.tuples(st.integers(1, 25), st.booleans()), max_size=4))
def test_a_workflow_comes_to_what_is_foretold_whenever_the_process_dies(
    flow: Flow, crashes: list[tuple[int, bool]]
) -> None:
    machine = compile_definition(flow.workflow)
    world = World(flow, Crashing(crashes))
    told = anyio.run(world.live, machine, backend_options={"loop_factory": VirtualLoop})
    assert same(told) == same(simulate(machine, flow.scenario()).document())
