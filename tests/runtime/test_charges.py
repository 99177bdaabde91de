"""`Payment.charge` reaches whoever takes payments: once, with its key, for what `cost` says, whatever happens meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from statewf.compiler import compile_definition
from statewf.errors import StoreError
from statewf.history import Emitted, Entry, Loaded, Memory, Sqlite, Store
from statewf.machine.events import AnyEvent
from statewf.machine.work import Work
from statewf.pricing import CHARGE
from statewf.runtime import Executor
from statewf.testing import faults
from statewf.values.frozen import thaw
from tests.runtime.support import executor, machine

Place = Callable[[], Store | str]

JOB = machine("""
name: job
steps:
- {id: a}
- {id: both, type: parallel, steps: [{id: b}, {id: c}]}
- {id: sign, type: event, event: SIGNED}
- {id: d}
pricing:
  model: per-execution
  rate: 1.5
  stepRates: {a: 0.25, b: 0.1, c: 0.1, sign: 1, d: 2}
  parallelDiscount: 0.1
billing: {customer: inputs.who}
""")
LAMP = machine("""
name: lamp
initialState: dark
pricing: {model: time-based, rate: 0.1, stepMultipliers: {lit: 3}}
states:
  dark: {on: {ON: lit, END: over, BREAK: broken}}
  lit: {on: {OFF: dark}}
  over: {onEntry: {type: function, handler: bye}, terminal: true}
  broken: {terminal: true, outcome: failure}
""")
DUE = "4.46"  # 1.5 + 0.25 + 0.1 + 0.1 + 1 + 2 = 4.95, and 4.95 x 0.9 = 4.455


async def work(_: Work) -> dict[str, int]:
    await anyio.sleep(1)
    return {"n": 1}


HANDLERS = dict.fromkeys(("a", "b", "c", "d", "bye"), work)


def into(told: list[Any]) -> Callable[[Emitted], Awaitable[None]]:
    async def listen(emitted: Emitted) -> None:
        told.append((emitted.instance, thaw(emitted.data)))

    return listen


def charge(instance: str, amount: str, **more: Any) -> tuple[str, dict[str, Any]]:
    fixed = {"requestId": instance, "key": f"{instance}/Payment.charge", "amount": amount, "currency": "USD"}
    return instance, {**fixed, **more}


@pytest.mark.anyio
async def test_a_plain_run_is_charged_once_and_a_failed_one_never(place: Place) -> None:
    told: list[Any] = []
    async with executor(place(), HANDLERS) as owner:
        owner.on(CHARGE, into(told), subscriber="payments")
        await owner.deploy(LAMP)
        lamp, other = await owner.start("lamp", {"customerId": 7}), await owner.start("lamp")
        for event, then in (("ON", 20), ("OFF", 10), ("END", 5)):
            await lamp.send(event)
            await anyio.sleep(then)
        await other.send("BREAK")
        assert (await lamp.wait()).document["cost"] == "7.00"
        assert (await other.wait()).document["cost"] == "0.00"
        await anyio.sleep(10)
    # 30 s x 0.1 + 20 s x 0.1 x (3 - 1)
    assert told == [charge(lamp.id, "7.00", customerId=7, description="lamp")]


@pytest.mark.anyio
@pytest.mark.parametrize("pauses", [(), (0.5,), (2.5,), (0.5, 0.5, 1.5), (9,)])
async def test_one_that_was_loaded_on_its_way_is_charged_the_same(place: Place, pauses: Sequence[float]) -> None:
    """Each executor goes on where the last one was; the first ones perform for so long."""
    told: list[Any] = []
    instance = ""
    for pause in pauses:
        async with executor(place(), HANDLERS) as owner:
            owner.on(CHARGE, into(told), subscriber="payments")
            await owner.deploy(JOB)
            instance = (await owner.start("job", {"who": "ann"}, request_id="once")).id
            await anyio.sleep(pause)
    async with executor(place(), HANDLERS) as owner:
        owner.on(CHARGE, into(told), subscriber="payments")
        await owner.deploy(JOB)
        job = await owner.start("job", {"who": "ann"}, request_id="once")
        assert instance in ("", job.id)
        await job.send("SIGNED")
        outcome = await job.wait()
        await anyio.sleep(1)
    assert outcome.document["cost"] == DUE
    assert told == [charge(job.id, DUE, customerId="ann", description="job: 4 steps completed")]


@pytest.mark.anyio
async def test_what_waits_for_the_commit_of_the_end_is_paid_too(place: Place) -> None:
    """Only the start is in the store when the bill is made."""
    told: list[Any] = []
    switch = machine("""
        name: switch
        initialState: dark
        pricing: {model: per-execution, rate: 1, stepRates: {dim: 1, lit: 0.5, over: 0.25}}
        states: {dark: {on: {NEXT: dim}}, dim: {on: {NEXT: lit}}, lit: {on: {NEXT: over}}, over: {terminal: true}}
        """)
    async with executor(place()) as owner:
        owner.on(CHARGE, into(told), subscriber="payments")
        await owner.deploy(switch)
        lit = await owner.start("switch")
        async with anyio.create_task_group() as senders:
            for n in range(3):
                senders.start_soon(partial(lit.send, "NEXT", key=str(n)))
        await anyio.sleep(1)
    assert told == [charge(lit.id, "2.75", customerId=None, description="switch")]


class Counting(Sqlite):
    """A store that counts the rows of histories that are read."""

    read = 0

    def load(self, instance: str) -> Loaded | None:
        loaded = super().load(instance)
        self.read += 0 if loaded is None else len(loaded.events)
        return loaded

    def events(self, instance: str) -> Iterator[AnyEvent]:
        found = list(super().events(instance))
        self.read += len(found)
        return iter(found)


@pytest.mark.anyio
@pytest.mark.parametrize("cleared", [False, True])
async def test_an_instance_with_a_price_reads_its_history_once_more_than_another(
    tmp_path: Path, cleared: bool
) -> None:
    """That is when it ends. `cleared`: it is loaded anew for each event, by its snapshot as others are."""
    free = compile_definition(attrs.evolve(LAMP.notes.definition, pricing=None))
    read = dict.fromkeys(("priced", "free"), 0)
    switches = [["ON", "OFF"]] * 100 if cleared else [["ON", "OFF"] * 100]
    for name, lamp in (("priced", LAMP), ("free", free)):
        for events in [*switches, ["END"]]:
            store = Counting(str(tmp_path / f"{name}.db"))
            async with executor(store, HANDLERS) as owner:
                await owner.deploy(lamp)
                instance = await owner.start("lamp", request_id="once")
                for event in events:
                    await instance.send(event)
                read[name] += store.read
            store.close()
    assert read["free"] < 2_000, "there are snapshots: 101 loads without them would read more than 10,000 rows"
    assert read["priced"] - read["free"] == 1 + 200, "its start, and what was sent before its end"


@pytest.mark.anyio
async def test_an_end_of_which_no_bill_can_be_made_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    async with executor(path, HANDLERS) as owner:
        await owner.deploy(LAMP)
        lamp = await owner.start("lamp")
        for _ in range(100):
            await lamp.send("ON")
            await lamp.send("OFF")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM history WHERE seq = 100")
    async with executor(path, HANDLERS) as owner:
        again = await owner.get(lamp.id)
        await again.send("ON")
        await again.send("OFF")
        with pytest.raises(StoreError, match=r"the history of lamp-\w+ is damaged"):
            await again.send("END")
        assert again.state == "dark"


async def live(owner: Executor, told: list[Any]) -> None:
    owner.on(CHARGE, into(told), subscriber="payments")
    await owner.deploy(JOB)
    job = await owner.start("job", {"who": "ann"}, request_id="once")
    await anyio.sleep(1)
    await job.send("SIGNED", key="signed")
    await job.wait()
    while not told:
        await anyio.sleep(1)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_whenever_the_process_dies_the_charge_is_kept_once(kind: str, tmp_path: Path) -> None:
    """It may be told again, by the same key: that is what it has it for."""
    trials = list(
        faults.every_crash(live, list[Any], lambda _: HANDLERS, folder=tmp_path if kind == "sqlite" else None)
    )
    assert any("the commit of" in trial.killed[0] for trial in trials if trial.killed)
    for trial in trials:
        (kept,) = trial.kept
        job, due = charge(kept.card.id, DUE, customerId="ann", description="job: 4 steps completed")
        assert kept.charged == (due,), trial
        assert trial.world
        assert all(told == (job, due) for told in trial.world), trial
        assert trial.findings() + trial.differences(times=False) == [], trial


def test_a_charge_that_was_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    append = Memory.append

    def forget(store: Memory, entries: Sequence[Entry], epoch: int) -> None:
        """Keep all but what is charged."""
        for entry in entries:
            effects = tuple(one for one in entry.step.effects if getattr(one, "event", "") != CHARGE)
            append(store, [entry._replace(step=entry.step._replace(effects=effects))], epoch)

    async def end(owner: Executor, _: None) -> None:
        await owner.deploy(LAMP)
        lamp = await owner.start("lamp", request_id="once")
        await anyio.sleep(1)
        await lamp.send("END", key="end")

    monkeypatch.setattr(Memory, "append", forget)
    (found,) = next(faults.every_crash(end, lambda: None, lambda _: HANDLERS)).findings()
    assert "was charged [], and its bill comes to [{" in found
