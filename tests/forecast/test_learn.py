"""Surveys of lives, and what is learnt of them: near to what the lives were drawn by."""

from __future__ import annotations

from random import Random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import statewf as wf
from statewf.forecast import Arrival, Assumptions, Constant, Sample, exact, read_assumptions
from statewf.forecast.learn import MOST, learned, some
from statewf.forecast.stats import stats
from statewf.forecast.survey import Answered, Survey
from statewf.machine.fsm import Machine
from statewf.simulator import Driver
from statewf.simulator.scenario import Fail, Hang, Send
from statewf.values.frozen import Object
from tests.forecast.naive import Naive

LIVES = 2_000

SHOP = """
name: shop
initialState: open
states:
  open: { on: { PAY: paying, LEAVE: gone }, timeout: 1h, timeoutTransition: gone }
  paying: { invoke: charge, on: { PAID: paid, DECLINED: open }, timeout: 10s, timeoutTransition: gone }
  paid: { terminal: true }
  gone: { terminal: true, outcome: failure }
"""
JOB = """
name: job
steps:
  - { id: fetch, timeout: 5s, retryPolicy: { maxAttempts: 3, baseDelay: 1s, backoff: constant } }
  - { id: big, type: condition, condition: results.fetch.total > 100, then: { id: ask, type: human-task } }
  - { id: store, onError: log-and-continue, when: inputs.keep }
"""
KNOWN = {
    "shop": {
        "handlers": {
            "charge": [
                {"chance": 0.7, "send": "PAID", "after": 2_000},
                {"chance": 0.2, "send": "DECLINED", "after": 1_000},
                {"chance": 0.1, "hang": True},
            ]
        },
        "states": {
            "open": {"PAY": {"chance": 0.8, "after": 60_000}, "LEAVE": {"chance": 0.1, "after": 30_000}},
            "paying": {},
        },
    },
    "job": {
        "inputs": {"keep": True},
        "handlers": {
            "fetch": [
                {"chance": 0.3, "ok": {"total": 500}, "after": 1_000},
                {"chance": 0.4, "ok": {"total": 5}, "after": 2_000},
                {"chance": 0.2, "fail": "down", "error": "Down", "after": 500},
                {"chance": 0.1, "hang": True},
            ],
            "store": {"success": 0.5, "after": 100},
        },
        "tasks": {"ask": {"decisions": {"approved": 0.75, "rejected": 0.25}, "after": "2h"}},
    },
}


def surveyed(machine: Machine, known: Assumptions, lives: int = LIVES, seed: int = 1) -> Survey:
    survey, chance = Survey(), Random(seed).random
    for _ in range(lives):
        survey.read(machine, Naive(machine, known, chance).live().steps)
    return survey


@pytest.mark.parametrize(("text", "name"), [(SHOP, "shop"), (JOB, "job")])
def test_what_is_learnt_foretells_what_the_lives_were_drawn_by(text: str, name: str) -> None:
    machine = wf.compile(wf.loads(text))
    known = read_assumptions(KNOWN[name], machine=machine)
    truth = exact(machine, known)
    found = exact(machine, attrs.evolve(learned(machine, surveyed(machine, known)), inputs=known.inputs))
    assert truth is not None
    assert found is not None
    ends = {end.state: end.probability for end in found.ends}
    for end in truth.ends:
        assert ends.get(end.state, 0.0) == pytest.approx(end.probability, abs=0.04), end.state
    assert truth.duration is not None
    assert found.duration is not None
    assert found.duration.mean == pytest.approx(truth.duration.mean, rel=0.15)


def test_it_is_counted_how_handlers_people_and_events_did() -> None:
    machine = wf.compile(wf.loads(SHOP))
    survey = surveyed(machine, read_assumptions(KNOWN["shop"], machine=machine), 300)
    found = learned(machine, survey)
    charge = {str(each.what): each.chance for each in found.handlers["charge"]}
    assert set(charge) == {str(Send("PAID")), str(Send("DECLINED")), str(Fail()), str(Hang())}
    assert charge[str(Send("PAID"))] == pytest.approx(0.7, abs=0.08)
    assert charge[str(Hang())] == pytest.approx(0.1, abs=0.05)
    assert 0 < charge[str(Fail())] < 0.01  # it was never seen, and may be all the same
    assert sum(charge.values()) == pytest.approx(1)
    assert (
        found.states["open"]["PAY"].after == Constant(60_000)
        or found.states["open"]["PAY"].after.bounds == (60_000,) * 2
    )
    assert found.states["paying"] == {}
    assert found.seen["states.open"] == len(survey.places["open"].lasted)
    assert found.seen["handlers.charge"] == len(survey.calls["charge"])


def test_of_whom_nothing_was_seen_nothing_is_assumed() -> None:
    machine = wf.compile(wf.loads(JOB))
    assert learned(machine, Survey()) == Assumptions()
    driver = Driver(machine, {"keep": False}, handlers={"fetch": lambda _: {"total": 1}})
    survey = Survey()
    survey.read(machine, driver.history)
    found = learned(machine, survey)
    assert list(found.handlers) == ["fetch"]
    assert not found.tasks
    assert {part.text: chance for part, chance in found.conditions.items()} == {"inputs.keep": 0.25}


@given(st.lists(st.integers(0, 9), max_size=300))
def test_few_stand_for_all_and_are_among_them(listed: list[int]) -> None:
    chosen = some(sorted(listed))
    assert len(chosen) == min(MOST, len(listed))
    assert list(chosen) == sorted(chosen)
    assert set(chosen) <= set(listed)


def test_stats_tell_visits_tries_timeouts_and_ways() -> None:
    machine = wf.compile(wf.loads(SHOP))
    survey = Survey()
    driver = Driver(machine)
    driver.advance(60)
    driver.send("PAY")
    driver.reply(wf.Event("DECLINED"))
    driver.send("PAY")
    driver.advance(10)
    survey.read(machine, driver.history)
    open_still = Driver(machine)
    survey.read(machine, open_still.history)
    found = stats("shop", survey)
    assert (found.instances, found.running, found.ends) == (2, 1, {("gone", "failure"): 1})
    places = {
        place.name: (place.visits, place.timeouts, place.lasted and place.lasted.greatest) for place in found.places
    }
    assert places == {"open": (3, 0, 60_000), "paying": (2, 1, 10_000), "paid": (0, 0, None), "gone": (1, 0, None)}
    ways = {(way.source, way.by, way.target): (way.times, way.share) for way in found.ways}
    assert ways == {
        ("open", "PAY", "paying"): (2, 1.0),
        ("paying", "DECLINED", "open"): (1, 0.5),
        ("paying", "$timeout:paying", "gone"): (1, 0.5),
    }
    assert [(call.name, call.outcomes) for call in found.handlers] == [
        ("charge", {"answered DECLINED": 1, "late": 1})
    ]
    assert survey.calls["charge"] == [Answered("answered", "DECLINED", 0), Answered("late", None, 10_000)]


def test_steps_are_tried_again_and_settle() -> None:
    machine = wf.compile(wf.loads(JOB))
    driver = Driver(machine, {"keep": True})
    driver.reply(error="Down")
    driver.advance(1)
    driver.reply({"total": 500})
    driver.advance(3_600)
    driver.complete("ask", "rejected")
    survey = Survey()
    survey.read(machine, driver.history)
    found = stats("job", survey)
    places = {place.name: (place.visits, place.retries, place.ends) for place in found.places}
    assert places["fetch"] == (1, 1, {"succeeded": 1})
    assert places["ask"] == (1, 0, {"failed": 1})
    assert [(task.name, task.outcomes, task.lasted and task.lasted.p50) for task in found.tasks] == [
        ("ask", {"rejected": 1}, 3_600_000)
    ]
    assert found.document()["ends"] == [{"state": "failed", "outcome": "failure", "count": 1}]


def test_a_task_that_nobody_decides_in_time_is_seen() -> None:
    machine = wf.compile(wf.loads("steps: [{ id: ask, type: human-task, timeout: 2s }]"))
    survey = Survey()
    for number in range(20):
        driver = Driver(machine)
        if number % 5 == 0:
            driver.complete("ask")
        driver.advance(2)
        survey.read(machine, driver.history)
    found = exact(machine, learned(machine, survey))
    assert found is not None
    assert found.success == pytest.approx(0.2)
    (task,) = stats("job", survey).tasks
    assert task.outcomes == {"nobody decided": 16, "approved": 4}


def test_rare_results_and_long_times_are_as_rare_as_they_were() -> None:
    machine = wf.compile(wf.loads("steps: [{ id: look }, { id: act, when: results.look.ok }]"))
    survey = Survey()
    survey.instances = 1
    for number in range(1_000):
        ok = number % 10 == 0
        result = Object({"ok": True, "id": number}) if ok else Object({"ok": False})
        survey.calls["look"].append(Answered("returned", result, 10_000 if number % 50 == 1 else 1))
    likely = learned(machine, survey).handlers["look"]
    rare = [each.chance for each in likely if "id" in str(each.what)]
    assert sum(rare) == pytest.approx(0.1, abs=0.03)
    after = likely[0].after
    assert after.mean == pytest.approx(0.02 * 10_000 + 0.98, rel=0.1)
    assert (after.bounds, after.at(0.97), after.at(0.99)) == ((1, 10_000), 1, 10_000)


def test_conditions_on_the_data_of_events_hold_as_often_as_they_did() -> None:
    text = """
    initialState: a
    states:
      a: { on: { PAID: [{ guard: event.data.sum > 10, target: z }, under] } }
      under: { terminal: true, outcome: failure }
      z: { terminal: true }
    """
    machine, survey = wf.compile(wf.loads(text)), Survey()
    for number in range(19):
        driver = Driver(machine)
        driver.send("PAID", {"sum": 30 if number else 3})
        survey.read(machine, driver.history)
    found = exact(machine, learned(machine, survey))
    assert found is not None
    assert found.success == pytest.approx(18.5 / 20)


def test_a_deferred_event_came_to_where_it_is_taken() -> None:
    text = """
    unexpected: defer
    initialState: new
    states:
      new: { on: { OPEN: open } }
      open: { on: { PAY: paid } }
      paid: { on: { SEND: sent } }
      sent: { terminal: true }
    """
    machine, survey = wf.compile(wf.loads(text)), Survey()
    driver = Driver(machine)
    driver.send("SEND")
    driver.send("PAY")
    driver.advance(5)
    driver.send("OPEN")
    survey.read(machine, driver.history)
    assert driver.snapshot.ended
    found = learned(machine, survey)
    assert {state: dict(events) for state, events in found.states.items()} == {
        "new": {"OPEN": Arrival(1.0, Sample((5_000,)))},
        "open": {"PAY": Arrival(1.0, Sample((0,)))},
        "paid": {"SEND": Arrival(1.0, Sample((0,)))},
    }
    ways = {(way.source, way.by, way.target) for way in stats("any", survey).ways}
    assert ways == {("new", "OPEN", "open"), ("open", "PAY", "paid"), ("paid", "SEND", "sent")}
    foretold = exact(machine, found)
    assert foretold is not None
    assert (foretold.success, foretold.duration and foretold.duration.p50) == (1.0, 5_000)
