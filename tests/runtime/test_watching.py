"""What can be seen of a running executor: log records that say of whom they are, counters, histograms."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

import statewf.runtime
from statewf.errors import EventRejected, StoreError
from statewf.history import Store
from statewf.machine.work import Work
from statewf.runtime import Meter
from statewf.runtime.logs import Log
from statewf.runtime.metrics import BOUNDS, NAMES
from tests.runtime.support import BUSY, DOOR, FULL, PAYMENT, Refusing, executor, role

pytestmark = pytest.mark.anyio
Place = Callable[[], Store | str]


async def charge(_: Work) -> None:
    raise ValueError("no money")


async def test_each_record_says_of_which_instance_and_step_it_is(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "statewf")
    async with executor(place(), {"charge": charge, "thank": lambda _: None}) as owner:
        await owner.deploy(PAYMENT)
        payment = await owner.start("payment")
        await payment.send("PAY")
        await anyio.sleep(1)
        await owner.deploy(DOOR)
    records = [record for record in caplog.records if record.name.startswith("statewf")]
    assert records
    for record in records:
        assert {"instance", "seq"} <= vars(record).keys(), record
    (failed,) = [record for record in records if "failed: ValueError" in record.getMessage()]
    assert (vars(failed)["instance"], vars(failed)["seq"]) == (payment.id, 2)
    steps = [record for record in records if record.name == "statewf.step"]
    assert [vars(record)["seq"] for record in steps] == [1, 2, 3]
    assert {vars(record)["instance"] for record in steps} == {payment.id}
    assert "PAY: waiting → paying" in steps[1].getMessage()


def test_nobody_in_the_runtime_logs_in_another_way() -> None:
    folder = Path(statewf.runtime.__file__).parent
    others = [path.name for path in folder.glob("*.py") if "getLogger" in path.read_text(encoding="utf-8")]
    assert others == ["logs.py"]


def test_what_else_is_given_to_a_record_stays(caplog: pytest.LogCaptureFixture) -> None:
    Log("statewf.test").warning("so", extra={"other": 1}, instance="i")
    (record,) = caplog.records
    assert (vars(record)["instance"], vars(record)["seq"], vars(record)["other"]) == ("i", None, 1)


async def test_what_happens_is_counted_and_measured(place: Place) -> None:
    meter = Meter()
    async with executor(place(), {"charge": charge, "thank": lambda _: None}, metrics=meter) as owner:
        await owner.deploy(PAYMENT)
        await owner.deploy(DOOR)
        payment = await owner.start("payment")
        await payment.send("PAY")
        with pytest.raises(EventRejected):
            await payment.send("PAY")
        await anyio.sleep(61)  # it times out
        await payment.send("PAY")
        await anyio.sleep(1)  # the call fails
        await payment.send("PAID")
        await owner.wait(payment.id)
        assert counted(meter, "statewf_owner") == 1
    assert {name for name, _ in [*meter.counters, *meter.histograms]} <= NAMES.keys()
    async with executor(place()) as owner:
        history = len((await owner.get(payment.id)).history())
    assert meter.counters["statewf_steps_total", (("machine", "payment"),)] == history
    assert meter.counters["statewf_rejected_total", (("machine", "payment"), ("reason", "unexpected"))] == 1
    assert meter.counters["statewf_finished_total", (("machine", "payment"), ("state", "paid"))] == 1
    assert meter.counters["statewf_calls_total", (("handler", "charge"), ("outcome", "failed"))] == 2
    assert meter.counters["statewf_calls_total", (("handler", "thank"), ("outcome", "returned"))] == 1
    assert meter.histograms["statewf_call_seconds", (("handler", "thank"),)].count == 1
    late = meter.histograms["statewf_timer_late_seconds", ()]
    assert (late.count, late.counts[0]) == (1, 1)
    steps = meter.histograms["statewf_commit_steps", ()]
    assert (steps.total, steps.count) == (history, counted(meter, "statewf_commits_total"))
    assert counted(meter, "statewf_owner") == 0


def counted(meter: Meter, name: str) -> int:
    """All that was counted under that name."""
    return sum(count for (counter, _), count in meter.counters.items() if counter == name)


async def test_commits_that_fail_and_calls_that_are_recalled_are_counted() -> None:
    async def hang(_: Work) -> None:
        await anyio.sleep_forever()

    store, meter = Refusing(), Meter()
    async with executor(store, {"charge": hang, "thank": hang}, metrics=meter) as owner:
        await owner.deploy(PAYMENT)
        payment = await owner.start("payment")
        await payment.send("PAY")
        await anyio.sleep(1)
        store.error = FULL
        with pytest.raises(StoreError):
            await payment.send("DECLINED")
        store.error = BUSY  # it is tried again: that is no failure
        async with anyio.create_task_group() as group:
            group.start_soon(payment.send, "DECLINED")
            await anyio.sleep(1)
            store.error = None
        await anyio.sleep(1)
        assert role(owner)._performer is not None
    assert meter.counters["statewf_commits_total", (("outcome", "failed"),)] == 1
    assert meter.counters["statewf_calls_total", (("handler", "charge"), ("outcome", "recalled"))] == 1


async def test_metrics_that_fail_stop_nothing_and_are_told_of_once(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def count(self, name: str, *_: object) -> None:
            raise ValueError(name)

        observe = count

    async with executor(place(), {"charge": charge, "thank": lambda _: None}, metrics=Broken()) as owner:
        await owner.deploy(PAYMENT)
        for _ in range(3):
            payment = await owner.start("payment")
            await payment.send("PAY")
            await payment.until(lambda payment=payment: "PAID" in payment.allowed)  # type: ignore[misc]  # asked at once
            await payment.send("PAID")
            assert (await payment.wait()).success
    told = [record.getMessage() for record in caplog.records if record.name == "statewf.metrics"]
    assert len(told) == len(set(told))
    assert {"statewf_commit_seconds", "statewf_steps_total", "statewf_calls_total"} <= {
        word.rstrip(";") for text in told for word in text.split()
    }


def test_a_histogram_counts_by_its_bounds() -> None:
    meter = Meter()
    for value in (0.0, 0.0005, 0.0006, 1e9):
        meter.observe("x", value, {"b": "2", "a": "1"})
    ((series, histogram),) = meter.histograms.items()
    assert series == ("x", (("a", "1"), ("b", "2")))
    assert histogram.counts == [2, 1, *[0] * (len(BOUNDS) - 2), 1]
    assert (histogram.count, len(histogram.counts)) == (4, len(BOUNDS) + 1)
