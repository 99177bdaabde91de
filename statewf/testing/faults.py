"""Killing a program at every moment: whether its handlers leave the world right, whenever the process dies.

    from statewf.testing import faults

    async def life(executor, gateway):               # what the program does, as often as it is started again
        await executor.deploy(machine)
        order = await executor.start("order", {"amount": 30}, request_id="R-1")
        await order.send("PAY", key="pay-1")
        await order.wait()

    def test_whoever_pays_is_charged_once():
        for trial in faults.every_crash(life, Gateway, lambda gateway: {"charge": gateway.charge}):
            assert trial.world.charges == {"R-1": 30}
            assert not trial.findings() + trial.differences()

Each trial has a fresh world and a fresh store, and is killed at another *boundary*: before, within and after
everything that is written to the store, before and after each handler, and at every `here(...)` that handlers, the
world and the program say themselves. Then the program is started again on what is kept, until it ends. With
`again`, it is killed a second time while it recovers. The boundaries are counted as they are passed, so all of
them are hit: the run is over when one is not killed any more.

A process that died writes nothing more to the store, begins no handler, is told nothing, and is stopped: handlers
that run are cancelled. One thing is not as in life: what a handler does when it is cancelled (`finally`, `except`) is
still done. Let the world say `here(...)` in whatever it does, and a dead process is refused there, too.

Time is virtual: the loop never sleeps, and timeouts cost nothing. Above: tests. Below: `dying`, one process, and
`trial`, what came of it.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar, cast

import anyio
import attrs

from statewf.history import Memory, Sqlite, Store
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import blank
from statewf.pricing import CHARGE, billed
from statewf.runtime import Executor
from statewf.runtime.handlers import Handlers
from statewf.runtime.live import replayed
from statewf.runtime.machines import Machines
from statewf.testing.dying import Doomed, Killed, Process, note_answers, running, watched
from statewf.testing.trial import Acknowledged, Calls, Evidence, Kept, Trial
from statewf.testing.virtual import VirtualLoop
from statewf.values.frozen import thaw

__all__ = ["Acknowledged", "Calls", "Kept", "Killed", "Trial", "clock", "every_crash", "every_crash_async", "here"]

W = TypeVar("W")
Life: TypeAlias = Callable[[Executor, W], Awaitable[object]]

EPOCH = 1_700_000_000_000
DAY = 86_400.0  # seconds
MOST_DAYS = 100  # that a program may take that is not killed
MOST_CHARGES = 1_000_000  # that are looked at
EMPTY, USED = "empty.db", "faults.db"  # in the folder of a trial: the store of the last one is left there
WITNESS = "the trial"  # subscribes to what is charged, so that all of it is still in the store in the end


def clock() -> int:
    """The time of the event loop in milliseconds, virtual or not: what executors of trials go by."""
    return EPOCH + round(anyio.current_time() * 1000)


def here(name: str) -> None:
    """A boundary of your own: in a handler, in the world, in the program. Does nothing when there is no trial.

    Raises Killed when it is the one to die at, and always in a process that is dead. Not for threads.
    """
    process = running.get()
    if process is not None:
        process.passes(f"here: {name}")


def every_crash(
    life: Life[W],
    world: Callable[[], W],
    handlers: Callable[[W], Handlers],
    *,
    folder: str | PathLike[str] | None = None,
    again: int = 0,
) -> Iterator[Trial[W]]:
    """A trial that is not killed, and then one for each boundary, in virtual time, from where no event loop runs.

    `life(executor, world)` is what the program does whenever it is started: it has to be such that doing it twice is
    the same as once, by request ids and keys. `world()` makes what lies outside of it, `handlers(world)` its handlers;
    plain ones run in the event loop itself, so that each run is the same. The store is a `Memory`, or a file of SQLite
    in `folder`; there the process also dies between any two statements of a transaction. With `again`, it dies once
    more in each recovery: at every boundary of it if that is 1, else at every so manieth of all these.
    """
    experiment = _Experiment(life, world, handlers, None if folder is None else Path(folder))
    kills = _kills(again)
    deaths = next(kills)
    while True:
        trial = anyio.run(experiment.run, deaths, backend_options={"loop_factory": VirtualLoop})
        try:
            deaths = kills.send(trial)
        except StopIteration:
            return
        yield trial


async def every_crash_async(
    life: Life[W],
    world: Callable[[], W],
    handlers: Callable[[W], Handlers],
    *,
    folder: str | PathLike[str] | None = None,
    again: int = 0,
) -> AsyncGenerator[Trial[W], None]:
    """The same for a test that is a coroutine, in whatever time it lives: see `every_crash`."""
    experiment = _Experiment(life, world, handlers, None if folder is None else Path(folder))
    kills = _kills(again)
    deaths = next(kills)
    while True:
        trial = await experiment.run(deaths)
        try:
            deaths = kills.send(trial)
        except StopIteration:
            return
        yield trial


def _kills(again: int) -> Generator[tuple[int, ...], Trial[Any], None]:
    """At which boundary of each life to kill, trial by trial, given what came of the one before."""
    first = pairs = 0
    yield ()
    while (trial := (yield (first := first + 1,))).killed:
        for second in range(1, trial.recovery + 1):
            pairs += 1
            if again and pairs % again == 0:
                yield first, second


@attrs.define(eq=False)
class _Experiment(Generic[W]):
    """The same program, run again and again."""

    life: Life[W]
    world: Callable[[], W]
    handlers: Callable[[W], Handlers]
    folder: Path | None
    machines: dict[str, Machine] = attrs.field(factory=dict)  # that were in a store, by digest
    whole: Trial[W] | None = None
    patience: float = attrs.field(factory=lambda: MOST_DAYS * DAY)  # seconds that one life may take

    async def run(self, deaths: tuple[int, ...]) -> Trial[W]:
        """Run it to its end, and kill each of its lives at that boundary."""
        place = _place(self.folder)
        world, evidence, began = self.world(), Evidence(), anyio.current_time()
        lives: list[Process] = []
        for number, death in enumerate((*deaths, 0), 1):
            lives.append(Process(number, death, evidence.owed()))
            await self._live(place(), world, lives[-1], evidence)
            if not lives[-1].dead:
                break
        killed = tuple(process.passed[-1] for process in lives if process.dead)
        passed = tuple(tuple(process.passed) for process in lives)
        recovery = lives[1].recovery if len(lives) > 1 else 0
        told = (dict(evidence.calls), tuple(evidence.acknowledged), self._kept(place()))
        trial = Trial(world, killed, passed, recovery, *told, self.whole, tuple(evidence.wrong))
        if self.whole is None:
            self.whole, self.patience = trial, DAY + 10 * (anyio.current_time() - began)
        return trial

    async def _live(self, store: Store, world: W, process: Process, evidence: Evidence) -> None:
        handlers = {name: watched(handler, process, evidence) for name, handler in self.handlers(world).items()}
        executor = Executor(cast("Store", Doomed(store, process, evidence)), handlers, clock=clock)
        token = running.set(process)
        try:
            with process.scope, anyio.move_on_after(self.patience) as waited:
                async with executor:
                    note_answers(executor, evidence)
                    try:
                        await self.life(executor, world)
                    finally:
                        process.closing = anyio.get_current_task()
        except* Killed:
            pass
        finally:
            running.reset(token)
        if waited.cancelled_caught and self.whole is None:
            raise TimeoutError(f"the program did not end in {self.patience:g} s, although it was not killed")
        if waited.cancelled_caught:
            evidence.wrong.append(f"life {process.life} was given up, for it did not end in {self.patience:g} s")

    def _kept(self, store: Store) -> tuple[Kept, ...]:
        """What is in the store in the end. It is closed."""
        found = Machines(store)
        charges = store.undelivered(WITNESS, CHARGE, MOST_CHARGES)
        kept = []
        for card in sorted(store.cards(), key=lambda card: card.number):
            machine = self.machines.get(card.machine)
            if machine is None:
                machine = self.machines[card.machine] = found.get(card.machine)
            steps = replayed(machine, store.events(card.id), blank(machine, card.id))
            charged = tuple(thaw(told.data) for told in charges if told.instance == card.id)
            kept.append(Kept(card, *billed(machine, steps), charged))
        store.close()
        return tuple(kept)


def _place(folder: Path | None) -> Callable[[], Store]:
    """An empty store, as often as it is opened."""
    if folder is None:
        memory = Memory()
        memory.subscribe(WITNESS, CHARGE)
        return lambda: memory
    used, empty = folder / USED, folder / EMPTY
    for old in folder.glob(f"{USED}*"):
        old.unlink()
    if not empty.exists():
        made = Sqlite(str(empty))
        made.subscribe(WITNESS, CHARGE)
        made.close()
    shutil.copy(empty, used)
    return lambda: _quick(Sqlite(str(used)))


def _quick(store: Sqlite) -> Sqlite:
    """The death of a process takes nothing that the system was given: there is no need to wait for the disk."""
    store.database.connection.execute("PRAGMA synchronous = OFF")
    return store
