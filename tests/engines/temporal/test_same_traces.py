"""One machine, one script, three engines: in memory, in a SQLite file and on a real Temporal server the histories are the same.

Generated machines whose timers are taken out, for on a server time is real; and handlers that answer at once, so that each
event finds the instance at rest.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator, Sequence
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
from tests.engines.temporal.support import Anything, at_rest, executor, reached, timeless
from tests.worlds import EVENTS, data, definitions

INPUTS = {"n": 1}
MOST = 150  # steps: a machine that calls itself on and on never comes to rest
EXAMPLES = max(5, settings.default.max_examples // 4 if settings.default else 25)

answers: st.SearchStrategy[object] = st.one_of(
    data, st.builds(Event, st.sampled_from([*EVENTS, "UNKNOWN"]), data), st.builds(OSError, st.just("down"))
)
keys = st.none() | st.sampled_from(["one", "two"])
sent = st.tuples(st.sampled_from([*EVENTS, *EVENTS, "UNKNOWN", "cancel"]), data, keys)


@attrs.frozen
class Script:
    """What is sent, one after another, and what handlers answer, the same for the same call."""

    machine: Machine
    answers: Sequence[object]
    events: Sequence[tuple[str, Any, str | None]]

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
    st.lists(sent, max_size=6),
)


class Stage:
    """A loop and an executor on the server, for all examples; each instance finds its script by its id."""

    def __init__(self, address: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.scripts: dict[str, Script] = {}
        self.executor: TemporalExecutor = self.loop.run_until_complete(self._opened(address))
        self._number = 0

    async def _opened(self, address: str) -> TemporalExecutor:
        async def handler(work: Work) -> Any:
            return self.scripts[work.instance].answer(work)

        opened = await executor(address, Anything(handler))
        return await opened.__aenter__()

    def close(self) -> None:
        self.loop.run_until_complete(self.executor.__aexit__(None, None, None))
        self.loop.close()

    async def played(self, script: Script) -> tuple[list[Any], list[dict[str, Any]]]:
        """What became of each event, and the history."""
        self._number += 1
        await self.executor.deploy(script.machine)
        request = f"R/{self._number}"
        self.scripts[f"{script.machine.name}:R%2F{self._number}"] = script
        instance = await self.executor.start(script.machine.name, INPUTS, request_id=request)
        became = []
        for name, brought, key in script.events:
            await reached(instance, at_rest)
            became.append(await _given(instance, name, brought, key))
        await reached(instance, at_rest)
        return became, timeless(await instance.history())


async def _given(instance: Any, name: str, brought: Any, key: str | None) -> Any:
    """What became of one event."""
    try:
        if name == "cancel":
            return await instance.cancel()
        return await instance.send(name, brought, key=key)
    except EventRejected as error:
        return error.event, error.reason, error.plain, error.allowed, error.faults
    except KeyConflict as error:
        return str(error)


async def locally(script: Script, store: Any) -> tuple[list[Any], list[dict[str, Any]]]:
    """The same with an executor of our own."""

    async def handler(work: Work) -> Any:
        return script.answer(work)

    async with Executor(store, Anything(handler)) as owner:
        await owner.deploy(script.machine)
        instance = await owner.start(script.machine.name, INPUTS)
        became = []
        for name, brought, key in script.events:
            await _rest(owner, instance.id)
            became.append(await _given(instance, name, brought, key))
        await _rest(owner, instance.id)
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
