"""How much longer: the same chain, from where an instance is."""

from __future__ import annotations

import pytest

import statewf as wf
from statewf.forecast import Arrival, Assumptions, Constant, Likely, Returns, Sample
from statewf.forecast.assumptions import Answer
from statewf.forecast.remaining import Estimate, Remaining, Watch, begun
from statewf.simulator import Driver
from statewf.simulator.scenario import Decision

JOB = """
steps:
  - { id: fetch }
  - { id: rest, type: wait, duration: 10s }
  - { id: both, type: parallel, steps: [{ id: left }, { id: right }] }
  - { id: ask, type: human-task }
"""


def job() -> wf.Machine:
    return wf.compile(wf.loads(JOB))


def known() -> Assumptions:
    def after(ms: int) -> tuple[Likely[Answer], ...]:
        return (Likely[Answer](Returns(), 1.0, Constant(ms)),)

    return Assumptions(
        handlers={"fetch": after(2_000), "left": after(3_000), "right": after(5_000)},
        tasks={"ask": (Likely(Decision("approved"), 1.0, Constant(60_000)),)},
    )


def test_what_is_over_does_not_count_and_what_is_under_way_counts_what_is_left() -> None:
    driver, remaining = Driver(job()), Remaining(job(), known())

    def left() -> int:
        found = remaining.now(driver.snapshot, driver.now, begun(job(), driver.history))
        assert found is not None
        assert found.mean == found.p50 == found.p90
        return found.mean

    assert left() == 2_000 + 10_000 + 5_000 + 60_000
    driver.advance(0.5)
    assert left() == 1_500 + 10_000 + 5_000 + 60_000
    driver.advance(3)
    assert left() == 10_000 + 5_000 + 60_000  # it takes longer than ever before: it may be over any moment
    driver.advance(2)
    assert remaining.now(driver.snapshot, driver.now, begun(job(), driver.history)) is None  # far longer
    driver.reply({}, handler="fetch")
    driver.advance(4)
    assert left() == 6_000 + 5_000 + 60_000
    driver.advance(7)
    driver.reply({}, handler="right")
    assert left() == 2_000 + 60_000
    driver.reply({}, handler="left")
    driver.advance(20)
    assert left() == 40_000
    driver.complete("ask")
    assert left() == 0


def test_longer_than_some_is_as_long_as_the_others() -> None:
    driver = Driver(job())
    slow = Assumptions(
        handlers={**known().handlers, "fetch": (Likely(Returns(), 1.0, Sample((1_000, 9_000))),)},
        tasks=known().tasks,
    )
    driver.advance(2)
    found = Remaining(job(), slow).now(driver.snapshot, driver.now, begun(job(), driver.history))
    assert found == Estimate(7_000 + 75_000, 7_000 + 75_000, 7_000 + 75_000)


@pytest.mark.parametrize("missing", ["fetch", "left", "ask"])
def test_where_nobody_knows_it_is_not_told(missing: str) -> None:
    driver = Driver(job())
    handlers = {name: likely for name, likely in known().handlers.items() if name != missing}
    partly = Assumptions(handlers=handlers, tasks={} if missing == "ask" else known().tasks)
    assert Remaining(job(), partly).now(driver.snapshot, 0, {}) is None


def test_what_is_behind_it_need_not_be_known() -> None:
    driver = Driver(job(), handlers={"fetch": lambda _: {}})
    partly = Assumptions(handlers={name: known().handlers[name] for name in ("left", "right")}, tasks=known().tasks)
    found = Remaining(job(), partly).now(driver.snapshot, driver.now, {})
    assert found is not None
    assert found.mean == 75_000


def test_instances_with_other_inputs_go_other_ways() -> None:
    machine = wf.compile(wf.loads("steps: [{ id: a }, { id: slow, when: inputs.n > 10 }]"))
    handlers = {
        name: (Likely[Answer](Returns(), 1.0, Constant(ms)),) for name, ms in (("a", 1_000), ("slow", 60_000))
    }
    remaining = Remaining(machine, Assumptions(handlers=handlers))
    for n, left in ((1, 1_000), (50, 61_000), (2, 1_000)):
        found = remaining.now(Driver(machine, {"n": n}).snapshot, 0, {})
        assert found is not None
        assert found.mean == left


def test_an_event_is_nearer_the_longer_it_is_awaited() -> None:
    machine = wf.compile(wf.loads("steps: [{ id: a, type: event, event: GO }]"))
    remaining = Remaining(machine, Assumptions(events={"GO": Arrival(1.0, Constant(10_000))}))
    driver = Driver(machine)
    driver.advance(4)
    found = remaining.now(driver.snapshot, driver.now, begun(machine, driver.history))
    assert found is not None
    assert found.mean == 6_000


def test_what_stands_beside_others_counts_from_when_it_began() -> None:
    """Two steps side by side, and one after the shorter: what the longer still takes is what is left of it."""
    machine = wf.compile(
        wf.loads(
            "steps: [{ id: b, type: parallel, steps: [{ id: long }, { id: s1 }, { id: s2, dependsOn: [s1] }] }]"
        )
    )
    lasting = {"long": 30_000, "s1": 10_000, "s2": 10_000}
    known = Assumptions(
        handlers={name: (Likely[Answer](Returns(), 1.0, Constant(ms)),) for name, ms in lasting.items()}
    )
    remaining, driver, watch = Remaining(machine, known), Driver(machine), Watch(machine)
    for seconds, left in ((0, 30_000), (10, 20_000)):
        driver.advance(seconds)
        if seconds:
            driver.reply({}, handler="s1")
        watch.see(driver.snapshot)
        found = remaining.now(driver.snapshot, driver.now, watch.begun)
        assert found is not None
        assert found.mean == left
