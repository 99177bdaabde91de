"""What was reached, of each kind of transition; and that it is counted in every way of running."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.history import Memory
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.runtime import Executor
from statewf.simulator import Driver, simulate
from statewf.testing.coverage import Coverage
from statewf.testing.strategies import traces
from tests import worlds
from tests.runtime.support import machine
from tests.simulator.support import play

ALL = machine("""
name: all
initialState: open
states:
  open:
    on:
      PAY: [{target: busy.paying, guard: event.data.sum > 9}, {target: open, guard: event.data.sum > 0}, {}]
    timeout: 30s
    timeoutTransition: late
  busy:
    initial: paying
    on: {CANCEL: late}
    states:
      paying: {invoke: {handler: charge, onDone: paid, onError: packing}, retry: {maxAttempts: 2, on: $error}}
      packing: {on: {DONE: paid}}
  paid: {always: {target: shipped, guard: context.n > 1}, on: {NOTE: {}}}
  shipped: {terminal: true}
  late: {terminal: true, outcome: failure}
""")
WAYS = (
    *("open --PAY--> busy.paying", "open --PAY (2)--> open", "open --PAY (3)--> open", "open --timeout--> late"),
    *("busy.paying --done--> paid", "busy.paying --error--> busy.packing"),
    *("busy.paying --retry on error--> busy.paying", "busy --CANCEL--> late", "busy.packing --DONE--> paid"),
    *("paid --NOTE--> paid", "paid --always--> shipped"),
)


def taken(script: str, inputs: Any = None) -> list[str]:
    """The written transitions that a script takes."""
    driver = Driver(ALL, inputs)
    play(driver, script)
    coverage = Coverage()
    coverage.add(ALL, driver.history)
    (chart,) = coverage.charts()
    return [str(way) for way, times in chart.transitions.items() for _ in range(times)]


def test_all_that_is_written_is_there_and_nothing_else() -> None:
    (chart,) = Coverage(ALL).charts()
    assert sorted(map(str, chart.transitions)) == sorted(WAYS)
    assert list(chart.states) == ["open", "busy", "busy.paying", "busy.packing", "paid", "shipped", "late"]
    assert not chart.whole


@pytest.mark.parametrize(
    ("script", "ways"),
    [
        ('PAY:{"sum":10}', ["open --PAY--> busy.paying"]),
        ('PAY:{"sum":1}', ["open --PAY (2)--> open"]),
        ('PAY:{"sum":0}', ["open --PAY (3)--> open"]),
        ("+30", ["open --timeout--> late"]),
        ('PAY:{"sum":10} <{}', ["open --PAY--> busy.paying", "busy.paying --done--> paid"]),
        ('PAY:{"sum":10} <!X', ["open --PAY--> busy.paying", "busy.paying --retry on error--> busy.paying"]),
        (
            'PAY:{"sum":10} <!X <!X',
            [
                "open --PAY--> busy.paying",
                "busy.paying --retry on error--> busy.paying",
                "busy.paying --error--> busy.packing",
            ],
        ),
        ('PAY:{"sum":10} CANCEL', ["open --PAY--> busy.paying", "busy --CANCEL--> late"]),
        (
            'PAY:{"sum":10} <{"n":2}',
            ["open --PAY--> busy.paying", "busy.paying --done--> paid", "paid --always--> shipped"],
        ),
        (
            'PAY:{"sum":10} <{} NOTE',
            ["open --PAY--> busy.paying", "busy.paying --done--> paid", "paid --NOTE--> paid"],
        ),
        ("SHIP", []),
        ("cancel", []),
    ],
)
def test_exactly_what_is_taken_counts(script: str, ways: list[str]) -> None:
    assert sorted(taken(script)) == sorted(ways)


def test_what_is_within_a_compound_state_is_in_that_state_too() -> None:
    driver = Driver(ALL)
    driver.send("PAY", {"sum": 10})
    coverage = Coverage()
    coverage.add(ALL, driver.history)
    (chart,) = coverage.charts()
    assert {state: times for state, times in chart.states.items() if times} == {
        "open": 1,
        "busy": 1,
        "busy.paying": 1,
    }


def test_what_a_reply_does_that_nobody_wrote_is_no_transition() -> None:
    (chart,) = Coverage(
        machine("initialState: a\nstates: {a: {invoke: ask, on: {GO: b}}, b: {terminal: true}}")
    ).charts()
    assert [str(way) for way in chart.transitions] == ["a --GO--> b"]


def test_it_is_told_to_people_and_to_programs() -> None:
    coverage = Coverage(ALL)
    for script in ('PAY:{"sum":10} <!X <!X DONE NOTE', "+30", 'PAY:{"sum":10} <{"n":2}', 'PAY:{"sum":1}'):
        driver = Driver(ALL)
        play(driver, script)
        coverage.add(ALL, driver.history)
    assert str(coverage) == (
        "all: 7 of 7 states, 9 of 11 transitions\n"
        "    never taken    open --PAY (3)--> open\n"
        "    never taken    busy --CANCEL--> late"
    )
    assert json.loads(json.dumps(coverage.document())) == [
        {
            "machine": "all",
            "digest": ALL.digest,
            "states": {"all": 7, "missed": []},
            "transitions": {
                "all": 11,
                "missed": [
                    {"from": "open", "trigger": "PAY", "to": None},
                    {"from": "busy", "trigger": "CANCEL", "to": "late"},
                ],
            },
        }
    ]


TRIP = machine("""
name: trip
steps:
  - {id: book, retryPolicy: {maxAttempts: 2}}
  - {id: sign, type: human-task}
""")


def test_of_a_workflow_it_tells_how_steps_never_were() -> None:
    coverage = Coverage(TRIP)
    played = simulate(TRIP, {"handlers": {"book": [{"fail": "no"}, {"ok": {}}]}})
    coverage.add(TRIP, played.steps)
    lines = str(coverage).splitlines()
    assert lines[2] == "    book was never  cancelling, failed, skipped, cancelled"
    assert lines[3].startswith("    sign was never  ")
    assert "assigned" not in lines[3]
    document = coverage.document()[0]
    assert {"from": "book:running", "trigger": None, "to": "book:failed"} in document["transitions"]["missed"]
    assert {"from": "book:running", "trigger": None, "to": "book:backoff"} not in document["transitions"]["missed"]


@pytest.mark.anyio
async def test_an_executor_tells_it() -> None:
    coverage = Coverage()
    async with Executor(Memory(), {"charge": lambda _: {"n": 2}}, observe=coverage) as executor:
        await executor.deploy(ALL)
        order = await executor.start("all")
        await order.send("PAY", {"sum": 10})
        await order.wait()
    (chart,) = coverage.charts()
    assert {str(way) for way in chart.transitions if chart.transitions[way]} == {
        "open --PAY--> busy.paying",
        "busy.paying --done--> paid",
        "paid --always--> shipped",
    }


def test_two_machines_are_told_apart() -> None:
    coverage = Coverage(ALL, TRIP)
    assert [chart.machine.name for chart in coverage.charts()] == ["all", "trip"]
    assert coverage.know(ALL) is coverage.charts()[0]


@given(st.data(), worlds.machines)
def test_every_move_was_taken_by_some_way(data: st.DataObject, world: Machine) -> None:
    """But for cancels, and what nobody wrote: what an `invoke` without `onDone` does."""
    trace: list[Step] = data.draw(traces(world, max_steps=15, cancel=False))
    for made in trace[1:]:
        coverage = Coverage()
        coverage.add(world, [made])
        (chart,) = coverage.charts()
        livelock = any(note.kind == "livelock" for note in made.notes)
        assert livelock or chart.transitions.total() >= len(made.moves)
        assert chart.states.total() >= len({move.target for move in made.moves})
