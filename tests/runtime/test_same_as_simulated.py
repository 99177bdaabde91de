"""What is simulated is what runs: the executor writes the histories that the simulator foretells.

Generated machines and scripts; several instances at once, so that commits hold more than one step; and
commits that fail, after which the sender sends again. The simulator is the reference: it has no tasks,
no commits and no store.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import anyio
import attrs
from hypothesis import assume, given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.definition.model import Definition
from statewf.errors import EventRejected, StoreError
from statewf.history import Entry, Memory
from statewf.machine.effects import Call, Task
from statewf.machine.events import Cancel, Event, Fired
from statewf.machine.fsm import Machine
from statewf.machine.record import row
from statewf.machine.snapshot import Snapshot, Step
from statewf.machine.work import Work, failed, returned
from statewf.runtime import Instance
from statewf.simulator.world import Answer, World
from statewf.testing.virtual import VirtualLoop
from statewf.values.frozen import freeze_object, thaw
from tests.runtime.support import EPOCH, clock, executor
from tests.worlds import EVENTS, data, definitions

INPUTS = {"n": 1}
HORIZON = 4_000  # ms after the last event of a script
LONGEST = 150  # steps: a state that times out after 1 ms, again and again, says nothing new

answers: st.SearchStrategy[object] = st.one_of(
    data,
    st.builds(Event, st.sampled_from([*EVENTS, "UNKNOWN"]), data),
    st.builds(OSError, st.just("down")),
)
gaps = st.integers(1, 1_500)
sends = st.tuples(st.sampled_from([*EVENTS, *EVENTS, "UNKNOWN", "cancel"]), data)


@attrs.frozen
class Script:
    """Events at their times, what handlers answer (the same for the same call), and which commits fail."""

    definition: Definition
    answers: Sequence[object]
    delay: int
    events: Sequence[tuple[int, tuple[str, Any]]]
    fails: Sequence[int]

    def timed(self) -> list[tuple[int, Event | Cancel]]:
        at = 0
        made: list[tuple[int, Event | Cancel]] = []
        for gap, (name, sent) in self.events:
            at += gap
            made.append((at, Cancel(at) if name == "cancel" else Event(name, sent, at)))
        return made

    def answer(self, key: str, attempt: int, instance: str) -> object:
        """Chosen by which call of its instance it is, whatever the instance is called."""
        which = f"{key.removeprefix(instance)} {attempt}"
        return self.answers[zlib.crc32(which.encode()) % len(self.answers)]


scripts = st.builds(
    Script,
    definitions(),
    st.lists(answers, min_size=1, max_size=5),
    st.integers(50, 150),
    st.lists(st.tuples(gaps, sends), max_size=8),
    st.lists(st.integers(0, 12), max_size=3, unique=True),
)


def foretold(script: Script, machine: Machine, instance: str, begin: int) -> list[Step]:
    """What the simulator makes of it."""

    class Answers:
        def answer(self, call: Call, snapshot: Snapshot) -> Answer:
            said = script.answer(call.key, call.attempt, instance)
            is_error = isinstance(said, Exception)
            reply = failed(call, said, snapshot.at) if is_error else returned(call, said, snapshot.at)  # type: ignore[arg-type]  # an exception
            return Answer(reply, script.delay)

        def decide(self, _: Task) -> None:
            return None

    world = World(machine, Answers(), instance=instance, at=begin)
    world.start(freeze_object(INPUTS, "the inputs"))
    for at, event in script.timed():
        world.schedule(event._replace(at=begin + at))
    end = begin + sum(gap for gap, _ in script.events) + HORIZON
    for at in (*range(begin, end, 50), end):
        if len(world.steps) < LONGEST:  # a second of circles that take no time takes minutes
            world.run(at)
    return world.steps


class Failing(Memory):
    """A store that now and then refuses a commit in which there is nothing but what senders sent."""

    def __init__(self, fails: Sequence[int]) -> None:
        super().__init__()
        self.fails = fails
        self.commits = 0

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        if all(isinstance(entry.step.event, Event | Cancel) for entry in entries):
            self.commits += 1
            if self.commits in self.fails:
                raise StoreError("not now")
        super().append(entries, epoch)


async def run(script: Script, machine: Machine, count: int) -> dict[str, list[dict[str, Any]]]:
    """What the executor makes of it, for some instances at once."""

    async def handle(work: Work) -> object:
        await anyio.sleep(script.delay / 1000)
        said = script.answer(work.key, work.attempt, work.instance)
        if isinstance(said, Exception):
            raise said
        return said

    async def send(instance: Instance, event: Event | Cancel) -> None:
        await anyio.sleep((begin + event.at - clock()) / 1000)
        while True:
            try:
                await (instance.cancel() if isinstance(event, Cancel) else instance.send(event.name, event.data))
            except EventRejected:
                return
            except StoreError:
                continue
            return

    store = Failing(script.fails)
    async with executor(store, dict.fromkeys("fghk", handle)) as owner:
        await owner.deploy(machine)
        begin = clock()
        instances = [await owner.start(machine.name, INPUTS) for _ in range(count)]
        async with anyio.create_task_group() as group:
            for _, event in script.timed():
                for instance in instances:
                    group.start_soon(send, instance, event)
        end = begin + sum(gap for gap, _ in script.events) + HORIZON
        await anyio.sleep((end - clock()) / 1000 + 0.0001)
        return {instance.id: instance.history() for instance in instances}


def racing(steps: Sequence[Step], delay: int) -> bool:
    """Whether two things that were waited for came at the very same moment: then who is first is anybody's guess."""
    instants = [step.after.at for step in steps if not isinstance(step.event, Fired)]
    fired = [step.after.at for step in steps if isinstance(step.event, Fired)]
    others = {step.after.at for step in steps if isinstance(step.event, Event | Cancel)}
    replies = [step.after.at for step in steps if not isinstance(step.event, Event | Cancel | Fired)]
    at_once = delay > 0 and len(replies) > len(set(replies))
    return bool(set(fired) & set(instants)) or bool(others & set(replies)) or at_once


@given(scripts)
def test_the_executor_writes_the_history_that_is_foretold(script: Script) -> None:
    machine = compile_definition(script.definition)
    assume(len(foretold(script, machine, "x", EPOCH)) < LONGEST)
    told = anyio.run(run, script, machine, 3, backend_options={"loop_factory": VirtualLoop})
    for instance, rows in told.items():
        steps = foretold(script, machine, instance, rows[0]["at"])
        assume(not racing(steps, script.delay))
        assert rows == [thaw(row(step)) for step in steps]
