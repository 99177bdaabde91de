"""Whatever a handler does, its instance goes on: odd errors, odd results, threads that hang."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from statewf.errors import StatewfError
from statewf.history import Store
from statewf.machine.work import Work
from statewf.runtime.perform import GRACE
from tests.runtime.support import executor, machine

pytestmark = [pytest.mark.anyio, pytest.mark.plain]
Place = Callable[[], Store | str]

JOB = machine("""
name: job
initialState: waiting
states:
  waiting: {on: {GO: working}}
  working:
    invoke: {handler: work, onDone: done, onError: failed}
    on: {AGAIN: working}
    timeout: 1m
    timeoutTransition: late
  done: {terminal: true}
  failed: {terminal: true, outcome: failure}
  late: {on: {GO: working}}
""")


class Unreadable(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


ERRORS = [
    ValueError("\ud800 surrogate"),
    Unreadable(),
    SystemExit(3),
    GeneratorExit(),
    StopIteration(1),
    BaseExceptionGroup("all", [KeyboardInterrupt()]),
    ExceptionGroup("some", [ValueError("x" * 100_000)]),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("plain", [True, False])
async def test_whatever_is_raised_is_a_failed_call(place: Place, error: BaseException, plain: bool) -> None:
    def raising(_: Work) -> None:
        raise error

    async def raising_later(_: Work) -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    async with executor(place(), {"work": raising if plain else raising_later}) as owner:
        await owner.deploy(JOB)
        job = await owner.start("job")
        await job.send("GO")
        assert (await job.wait()).state == "failed"


async def test_an_async_handler_that_raises_ctrl_c_has_failed_where_it_cannot_be_a_real_one(
    place: Place, anyio_backend_name: str
) -> None:
    async def raising(_: Work) -> None:
        raise KeyboardInterrupt

    if anyio_backend_name == "trio":
        pytest.skip("trio raises Ctrl-C wherever the program is")
    async with executor(place(), {"work": raising}) as owner:
        await owner.deploy(JOB)
        job = await owner.start("job")
        await job.send("GO")
        assert (await job.wait()).state == "failed"


async def test_ctrl_c_in_a_thread_is_its_own_affair(place: Place) -> None:
    def raising(_: Work) -> None:
        raise KeyboardInterrupt

    async with executor(place(), {"work": raising}) as owner:
        await owner.deploy(JOB)
        job = await owner.start("job")
        await job.send("GO")
        assert (await job.wait()).state == "failed"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancellation_of_the_handlers_own_is_its_failure(place: Place) -> None:
    async def careless(_: Work) -> None:
        task = asyncio.ensure_future(asyncio.sleep(1000))
        await asyncio.sleep(0)
        task.cancel()
        await task

    async with executor(place(), {"work": careless}) as owner:
        await owner.deploy(JOB)
        jobs = [await owner.start("job") for _ in range(2)]
        for job in jobs:
            await job.send("GO")
        assert [(await job.wait()).state for job in jobs] == ["failed", "failed"]


@contextmanager
def hanging() -> Iterator[threading.Event]:
    """An event that plain handlers hang on; released at the end, so that no thread outlives the test."""
    released = threading.Event()
    try:
        yield released
    finally:
        released.set()


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)  # trio's clock jumps over threads that work
async def test_a_thread_that_hangs_loses_its_place_after_the_grace_time(place: Place) -> None:
    with hanging() as released:
        begun: list[str] = []

        def work(call: Work) -> None:
            begun.append(call.instance)
            if len(begun) == 1:
                released.wait()

        async with executor(place(), {"work": work}, threads=1) as owner:
            await owner.deploy(JOB)
            hung, other = await owner.start("job"), await owner.start("job")
            await hung.send("GO")
            await anyio.sleep(59.5)
            await other.send("GO")
            assert (hung.state, other.state) == ("working", "working")
            await anyio.sleep(1)
            assert (hung.state, begun) == ("late", [hung.id])
            await anyio.sleep(GRACE)
            assert (await other.wait()).state == "done"


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_key_is_not_used_by_two_threads_at_a_time(place: Place) -> None:
    """`retry` on an event calls again for the same visit, while the first call cannot be stopped."""
    retrying = machine("""
    name: retrying
    initialState: working
    states:
      working:
        invoke: {handler: work, onDone: done}
        retry: {maxAttempts: 3, on: AGAIN}
      done: {terminal: true}
    """)
    with hanging() as released:
        running: list[Work] = []

        def work(call: Work) -> None:
            running.append(call)
            released.wait()

        async with executor(place(), {"work": work}) as owner:
            await owner.deploy(retrying)
            job = await owner.start("retrying")
            await anyio.sleep(1)
            await job.send("AGAIN")
            await anyio.sleep(GRACE - 1)
            assert [call.attempt for call in running] == [1]
            await anyio.sleep(2)
            assert [call.attempt for call in running] == [1, 2]
            assert running[0].key == running[1].key


async def test_closing_does_not_wait_for_a_thread(place: Place) -> None:
    with hanging() as released:
        begun = threading.Event()

        def work(_: Work) -> None:
            begun.set()
            released.wait()

        async with executor(place(), {"work": work}) as owner:
            await owner.deploy(JOB)
            job = await owner.start("job")
            await job.send("GO")
            while not begun.is_set():
                await anyio.lowlevel.checkpoint()
        async with executor(place()) as owner:
            assert (await owner.get(job.id)).state == "working"


async def test_who_ignores_that_it_is_recalled_is_not_heard(place: Place) -> None:
    async def stubborn(_: Work) -> dict[str, int]:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(70)
        return {"n": 1}

    async with executor(place(), {"work": stubborn}) as owner:
        await owner.deploy(JOB)
        job = await owner.start("job")
        await job.send("GO")
        await anyio.sleep(100)
        assert (job.state, job.context) == ("late", {})


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_third_attempt_waits_for_the_first_too(place: Place) -> None:
    retrying = machine("""
    name: retrying
    initialState: working
    states:
      working:
        invoke: {handler: work, onDone: done}
        retry: {maxAttempts: 3, on: AGAIN}
      done: {terminal: true}
    """)
    with hanging() as released:
        begun: list[int] = []

        def work(call: Work) -> None:
            begun.append(call.attempt)
            released.wait()

        async with executor(place(), {"work": work}) as owner:
            await owner.deploy(retrying)
            job = await owner.start("retrying")
            await anyio.sleep(1)
            await job.send("AGAIN")
            await anyio.sleep(1)
            await job.send("AGAIN")
            await anyio.sleep(GRACE - 3)
            assert begun == [1]
            await anyio.sleep(4)
            assert begun == [1, 3]


class Expired(dict[str, int]):
    """As a row of an object-relational mapper, read after its session."""

    def items(self) -> Any:
        raise RuntimeError("detached")


async def test_a_result_that_cannot_be_read_is_a_failure(place: Place) -> None:
    async with executor(place(), {"work": lambda _: Expired(n=1)}) as owner:
        await owner.deploy(JOB)
        job = await owner.start("job")
        await job.send("GO")
        assert (await job.wait()).state == "failed"


async def test_a_thread_that_cannot_start_costs_no_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async with executor(place(), {"work": lambda _: None}, threads=1) as owner:
        await owner.deploy(JOB)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("no more")))
            unlucky = await owner.start("job")
            await unlucky.send("GO")
            assert (await unlucky.wait()).state == "failed"
        lucky = await owner.start("job")
        await lucky.send("GO")
        assert (await lucky.wait()).state == "done"


async def test_a_plain_handler_may_have_an_event_loop_of_its_own(place: Place) -> None:
    async def inner() -> int:
        await anyio.lowlevel.checkpoint()
        return 7

    async with executor(place(), {"work": lambda _: {"n": anyio.run(inner)}}) as owner:
        await owner.deploy(JOB)
        job = await owner.start("job")
        await job.send("GO")
        assert (await job.wait()).context == {"n": 7}


async def test_a_handler_that_would_wait_for_itself_is_told(place: Place) -> None:
    acting = machine("""
    name: acting
    initialState: a
    states:
      a: {onEntry: {type: function, handler: act}, on: {NEXT: b}}
      b: {terminal: true}
    """)
    told: list[str] = []

    async def act(call: Work) -> None:
        try:
            await owner.send(call.instance, "NEXT")
        except StatewfError as error:
            told.append(str(error))

    async with executor(place(), {"act": act}) as owner:
        await owner.deploy(acting)
        job = await owner.start("acting")
        await owner.idle()
        assert "let it return Event('NEXT') instead" in told[0]
        assert (await job.send("NEXT")).state == "b"
