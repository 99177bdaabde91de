"""One machine, one script, three engines: in memory, in a SQLite file and on a real Temporal server the histories are the same.

Generated machines whose timers are taken out, for on a server time is real. An event finds the instance at rest or, if it comes
early, with a call under way, whose handler answers after that. On the server an instance goes on anew often, or never.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.definition.model import RetryPolicy, State, StateMachine
from statewf.engines.temporal import TemporalExecutor
from statewf.errors import EventRejected, KeyConflict
from statewf.history import Memory
from statewf.machine.events import Event
from statewf.machine.fsm import Machine
from statewf.machine.work import Work
from statewf.runtime import Executor
from tests.engines.temporal.support import Anything, at_rest, executor, queue, reached, timeless
from tests.worlds import EVENTS, data, definitions

INPUTS = {"n": 1}
LONGEST = (3_000, 30, 10)  # events of Temporal's history
MOST = 150  # steps: a machine that calls itself on and on never comes to rest
EXAMPLES = max(5, settings.default.max_examples // 4 if settings.default else 25)

answers: st.SearchStrategy[object] = st.one_of(
    data, st.builds(Event, st.sampled_from([*EVENTS, "UNKNOWN"]), data), st.builds(OSError, st.just("down"))
)
keys = st.none() | st.sampled_from(["one", "two"])


@attrs.frozen
class Given:
    """An event that is sent; `early`: before the call under way is answered."""

    name: str
    data: Any
    key: str | None
    early: bool


sent = st.builds(Given, st.sampled_from([*EVENTS, *EVENTS, "UNKNOWN", "cancel"]), data, keys, st.booleans())


@attrs.frozen
class Script:
    """What is sent, one after another, and what handlers answer, the same for the same call.

    On the server an instance goes on anew after so many events of Temporal's history.
    """

    machine: Machine
    answers: Sequence[object]
    events: Sequence[Given]
    longest: int

    def answer(self, work: Work) -> Any:
        which = f"{work.key.removeprefix(work.instance)} {work.attempt}"
        answer = self.answers[zlib.crc32(which.encode()) % len(self.answers)]
        if isinstance(answer, Exception):
            raise answer
        return answer


def untimed(state: State) -> State:
    """The state without any time."""
    retry = state.retry and attrs.evolve(state.retry, base_delay=None, backoff=None, jitter="none")
    quick = RetryPolicy(2, "constant", 0)

    def acts(actions: Sequence[Any]) -> list[Any]:
        return [attrs.evolve(a, retry_policy=quick) if getattr(a, "retry_policy", None) else a for a in actions]

    return attrs.evolve(
        state,
        timeout=None,
        timeout_transition=None,
        retry=retry,
        on_entry=acts(state.on_entry),
        on_exit=acts(state.on_exit),
        states={name: untimed(inner) for name, inner in state.states.items()},
    )


def without_time(definition: StateMachine) -> StateMachine:
    return attrs.evolve(definition, states={name: untimed(state) for name, state in definition.states.items()})


scripts = st.builds(
    Script,
    definitions().map(without_time).map(compile_definition),
    st.lists(answers, min_size=1, max_size=5),
    st.lists(sent, min_size=2, max_size=6),
    st.sampled_from(LONGEST),
)


class Play:
    """One run of a script: its handlers hold back their answers while the gate is shut."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._gate = asyncio.Event()

    async def handler(self, work: Work) -> Any:
        await self._gate.wait()
        return self.script.answer(work)

    async def to_its_end(self, instance: Any, rest: Callable[[], Awaitable[object]]) -> list[Any]:
        """What became of each event; `rest` waits until nothing runs. What is asked of an executor is the same for all."""
        became = []
        for event in self.script.events:
            if (
                not event.early or instance.snapshot.flight.queue
            ):  # an event waits for an action, and that for its handler
                self._gate.set()
                await rest()
            self._gate.clear()
            became.append(await self._given(instance, event))
        self._gate.set()
        await rest()
        return became

    async def _given(self, instance: Any, given: Given) -> Any:
        """What became of one event."""
        try:
            if given.name == "cancel":
                return await instance.cancel()
            return await instance.send(given.name, given.data, key=given.key)
        except EventRejected as error:
            return error.event, error.reason, error.plain, error.allowed, error.faults
        except KeyConflict as error:
            return str(error)


class Stage:
    """A loop and executors on the server, for all examples; each instance finds its play by its id."""

    def __init__(self, address: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._plays: dict[str, Play] = {}
        self._number = 0
        self._stack = AsyncExitStack()
        self._executors = self.loop.run_until_complete(self._opened(address))

    async def _opened(self, address: str) -> dict[int, TemporalExecutor]:
        """A worker, and those who start what goes on anew earlier."""

        async def handler(work: Work) -> Any:
            return await self._plays[work.instance].handler(work)

        named = queue()
        handlers = [Anything(handler), *[None] * (len(LONGEST) - 1)]
        return {
            longest: await self._stack.enter_async_context(await executor(address, some, named, longest=longest))
            for longest, some in zip(LONGEST, handlers, strict=True)
        }

    def close(self) -> None:
        self.loop.run_until_complete(self._stack.aclose())
        self.loop.close()

    async def played(self, script: Script) -> tuple[list[Any], list[dict[str, Any]]]:
        """What became of each event, and the history."""
        self._number += 1
        opened, play = self._executors[script.longest], Play(script)
        await opened.deploy(script.machine)
        request = f"R/{self._number}"
        self._plays[f"{script.machine.name}:R%2F{self._number}"] = play
        instance = await opened.start(script.machine.name, INPUTS, request_id=request)
        became = await play.to_its_end(instance, lambda: reached(instance, at_rest))
        return became, timeless(await instance.history())


async def locally(script: Script, store: Any) -> tuple[list[Any], list[dict[str, Any]]]:
    """The same with an executor of our own."""
    play = Play(script)
    async with Executor(store, Anything(play.handler)) as owner:
        await owner.deploy(script.machine)
        instance = await owner.start(script.machine.name, INPUTS)
        became = await play.to_its_end(instance, lambda: _rest(owner, instance.id))
        return became, timeless(instance.history())


class Endless(Exception):
    """It never comes to rest."""


async def _rest(owner: Executor, instance: str) -> None:
    await owner.until(instance, lambda kept: at_rest(kept) or kept.seq > MOST)
    if owner.snapshot(instance).seq > MOST:
        raise Endless


@pytest.fixture(scope="module")
def stage(temporal: str) -> Iterator[Stage]:
    stage = Stage(temporal)
    yield stage
    stage.close()


@given(scripts)
@settings(max_examples=EXAMPLES)
def test_histories_and_answers_are_the_same_on_every_engine(stage: Stage, script: Script) -> None:
    try:
        known = asyncio.run(locally(script, Memory()))
    except Endless:
        reject()
    with TemporaryDirectory() as folder:
        kept = asyncio.run(locally(script, Path(folder) / "a.db"))
    found = stage.loop.run_until_complete(asyncio.wait_for(stage.played(script), 60))
    assert kept == known
    assert found == known
