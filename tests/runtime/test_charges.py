"""`Payment.charge` reaches whoever takes payments: once, with its key, for what `cost` says, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from statewf.history import Emitted, Entry, Memory, Store
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


def charge(instance: str, amount: str, **more: str | None) -> tuple[str, dict[str, str | None]]:
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
    assert told == [charge(lamp.id, "7.00", customerId=7, description="lamp")]  # type: ignore[arg-type]  # any JSON


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
async def test_what_ends_in_one_commit_with_its_start_is_charged_for_both(place: Place) -> None:
    """Nothing of it is in the store yet when its bill is made."""
    told: list[Any] = []
    async with executor(place(), HANDLERS) as owner:
        owner.on(CHARGE, into(told), subscriber="payments")
        brief = machine(
            "{name: brief, steps: [{id: a, type: wait, duration: 0}], pricing: {model: per-execution, stepRates: {a: 3}}}"
        )
        await owner.deploy(brief)
        ended = await (await owner.start("brief")).wait()
        await anyio.sleep(1)
    assert told == [charge(ended.instance, "3.00", customerId=None, description="brief: 1 step completed")]


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
