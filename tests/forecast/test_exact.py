"""All lives at once: closed forms, and the same answers as drawn lives."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.expr import parse
from statewf.forecast import Arrival, Assumptions, Constant, Likely, Outlook, Returns, Sample, crowd, exact
from statewf.forecast.assumptions import Answer
from statewf.machine.fsm import Machine
from statewf.simulator.scenario import Decision, Fail
from tests.flows import INPUTS, Flow, flows
from tests.forecast.support import assumptions, discrete

RUNS = 2_000
MACHINES = sorted((Path(__file__).parents[2] / "machines").glob("*.yaml"))


def forecast_of(text: str, assumed: Assumptions) -> Outlook:
    found = exact(wf.compile(wf.loads(text)), assumed)
    assert found is not None
    return found


def probability(found: Outlook, state: str) -> float:
    return sum(end.probability for end in found.ends if end.state == state)


def ends(found: Outlook) -> dict[tuple[str, str], float]:
    return {(end.state, end.outcome): round(end.probability, 9) for end in found.ends}


def succeeding(p: float, after: int) -> tuple[Likely[Answer], ...]:
    """Who succeeds with that chance, and else fails, after so many ms."""
    both = Likely[Answer](Returns(), p, Constant(after)), Likely[Answer](Fail(), 1 - p, Constant(after))
    return tuple(each for each in both if each.chance)


LOOP = """
initialState: trying
states:
  trying: { invoke: { handler: try, onDone: done, onError: resting } }
  resting: { timeout: 10s, timeoutTransition: trying }
  done: { terminal: true }
"""


@given(st.floats(0.05, 1))
def test_a_loop_is_gone_round_as_a_geometric_distribution_says(p: float) -> None:
    """Trials until the first success: 1/p on average, and within k of them with 1 - (1 - p)^k."""
    found = forecast_of(LOOP, Assumptions(handlers={"try": succeeding(p, 2_000)}))
    assert probability(found, "done") == pytest.approx(1)
    assert found.duration is not None
    assert found.duration.mean == pytest.approx(2_000 / p + 10_000 * (1 / p - 1))
    assert found.time["trying"] == pytest.approx(2_000 / p)
    for share, value in ((0.5, found.duration.p50), (0.9, found.duration.p90), (0.99, found.duration.p99)):
        trials = (value + 10_000) // 12_000
        assert 1 - (1 - p) ** trials >= share - 1e-9
        assert trials == 1 or 1 - (1 - p) ** (trials - 1) < share + 1e-9


RETRY = """
steps:
  - { id: call, retryPolicy: { maxAttempts: 4, backoff: linear, baseDelay: 1s } }
"""


@given(st.floats(0, 1))
def test_a_retried_step_fails_as_often_as_all_of_its_attempts_do(p: float) -> None:
    """Four attempts of 0.1 s, with 1, 2 and 3 s between them."""
    found = forecast_of(RETRY, Assumptions(handlers={"call": succeeding(p, 100)}))
    assert probability(found, "failed") == pytest.approx((1 - p) ** 4, abs=1e-9)
    assert probability(found, "completed") == pytest.approx(1 - (1 - p) ** 4, abs=1e-9)
    expected = sum((1 - p) ** n * p * (100 * (n + 1) + 500 * n * (n + 1)) for n in range(4)) + (1 - p) ** 4 * 6_400
    assert found.duration is not None
    assert found.duration.mean == pytest.approx(expected)


def test_conditions_that_no_data_decide_hold_with_their_chance_and_again_as_before() -> None:
    text = """
    steps:
      - { id: a, when: inputs.big && inputs.new }
      - { id: b, when: "!inputs.big" }
    pricing: { model: per-execution, stepRates: { a: 1, b: 10 } }
    """
    found = forecast_of(text, Assumptions(conditions={parse("inputs.big"): 0.25, parse("inputs.new"): 0.5}))
    assert found.price is not None
    assert found.price.mean == pytest.approx(0.125 * 1 + 0.75 * 10)
    known = forecast_of(text, Assumptions(inputs={"big": True}, conditions={parse("inputs.new"): 0.5}))
    assert known.price is not None
    assert known.price.mean == pytest.approx(0.5)


def test_of_two_that_race_the_earlier_wins() -> None:
    """A takes 1 or 3 s, b 2 s; the first one ends the block, and its loser is told to end."""
    text = """
    steps:
      - id: race
        type: parallel
        strategy: first
        steps: [{ id: a }, { id: b }]
    """
    handlers = {
        "a": (Likely[Answer](Returns(), 1.0, Sample((1_000, 3_000, 3_000))),),
        "b": (Likely[Answer](Fail(), 1.0, Constant(2_000)),),
    }
    found = forecast_of(text, Assumptions(handlers=handlers))
    assert probability(found, "completed") == pytest.approx(1 / 3)
    assert probability(found, "failed") == pytest.approx(2 / 3)
    assert found.duration is not None
    assert found.duration.mean == pytest.approx(1_000 / 3 + 2_000 * 2 / 3)
    assert dict(found.blame) == {("failed", "race"): pytest.approx(2 / 3)}


def test_who_waits_for_ever_or_runs_in_a_circle_is_told() -> None:
    waiting = "steps: [{ id: asked, type: human-task }]"
    found = forecast_of(waiting, Assumptions(tasks={"asked": (Likely(Decision("approved"), 0.75),)}))
    assert ends(found) == {("completed", "success"): 0.75, ("running (asked)", "waiting"): 0.25}
    circle = """
    initialState: a
    states:
      a: { on: { GO: b, END: done } }
      b: { timeout: 1s, timeoutTransition: c }
      c: { timeout: 1s, timeoutTransition: b, on: { END: done } }
      done: { terminal: true }
    """
    found = forecast_of(circle, Assumptions(states={"a": {"GO": Arrival(0.5), "END": Arrival(0.5)}, "c": {}}))
    assert ends(found) == {("done", "success"): 0.5, ("(for ever)", "endless"): 0.5}


def test_an_event_that_is_refused_for_sure_is_not_sent_for_ever() -> None:
    text = """
    initialState: a
    states:
      a: { on: { NO: { guard: "1 > 2", target: done }, GO: done } }
      done: { terminal: true }
    """
    found = forecast_of(
        text, Assumptions(events={"NO": Arrival(0.5, Constant(10)), "GO": Arrival(None, Constant(100))})
    )
    assert probability(found, "done") == pytest.approx(1)
    assert found.duration is not None
    assert found.duration.mean == pytest.approx(0.5 * 100 + 0.5 * 110)


def test_an_event_of_an_outer_state_comes_whatever_goes_on_inside() -> None:
    text = """
    initialState: on
    states:
      on:
        initial: x
        on: { STOP: off }
        states:
          x: { timeout: 1m, timeoutTransition: y }
          y: { timeout: 1m, timeoutTransition: x }
      off: { terminal: true }
    """
    for said in (
        {"events": {"STOP": Arrival(1.0, Constant(330_000))}},
        {"states": {"on": {"STOP": Arrival(1.0, Constant(330_000))}}},
    ):
        found = forecast_of(text, Assumptions(**said))
        assert found.duration is not None
        assert found.success == pytest.approx(1)
        assert (found.duration.p50, found.duration.greatest) == (330_000, 330_000)


def test_an_event_that_is_known_by_a_pattern_comes_too_and_is_told_as_unsaid() -> None:
    text = """
    initialState: a
    states:
      a: { on: { order.*: b, order: c, "*": c } }
      b: { timeout: 1s, timeoutTransition: c }
      c: { terminal: true }
    """
    found = forecast_of(text, Assumptions(events={"order": Arrival(0.0)}))
    assert found.unsaid == ("events.order.*",)
    assert found.duration is not None
    assert found.duration.greatest == 1_000  # by b, and not by what has no name
    told = forecast_of(text, Assumptions(events={"order.paid": Arrival(1.0, Constant(5))}))
    assert told.unsaid == ()
    assert told.duration is not None
    assert told.duration.least == 1_005
    alone = forecast_of(text.replace("order.*: b, order: c, ", ""), Assumptions())
    assert (alone.unsaid, ends(alone)) == (("events.*",), {("c", "success"): 1.0})


def test_events_of_states_side_by_side_do_not_wait_for_each_other() -> None:
    text = """
    initialState: both
    states:
      both:
        parallel: true
        onDone: over
        states:
          x: { initial: a, states: { a: { on: { A: b } }, b: { final: true } } }
          y: { initial: c, states: { c: { on: { C: d } }, d: { final: true } } }
      over: { terminal: true }
    """
    told = {"both.x.a": {"A": Arrival(1.0, Constant(120_000))}, "both.y.c": {"C": Arrival(1.0, Constant(180_000))}}
    found = forecast_of(text, Assumptions(states=told))
    assert found.duration is not None
    assert found.success == pytest.approx(1)
    assert found.duration.mean == pytest.approx(180_000)


def assert_drawn_alike(machine: Machine, assumed: Assumptions, seed: int) -> None:
    found = exact(machine, assumed)
    if found is not None and all(end.outcome != "endless" for end in found.ends):  # those take for ever to be drawn
        assert_alike(found, crowd(machine, assumed, runs=RUNS, seed=seed))


def assert_alike(one: Outlook, other: Outlook) -> None:
    """Within five standard errors and four lives, for of what is rare a life more is many errors: none is further off by chance."""
    ends = {(end.state, end.outcome): end for end in one.ends}
    drawn = {(end.state, end.outcome): end for end in other.ends}
    for label in ends.keys() | drawn.keys():
        p = ends[label].probability if label in ends else 0.0
        q = drawn[label].probability if label in drawn else 0.0
        assert abs(p - q) <= 5 * sqrt(p * (1 - p) / RUNS) + 4 / RUNS, label


@pytest.mark.parametrize("file", MACHINES, ids=lambda file: file.stem)
@settings(max_examples=5)
@given(st.data(), st.integers(0, 99))
def test_on_our_machines_it_agrees_with_drawn_lives(file: Path, data: st.DataObject, seed: int) -> None:
    machine = wf.compile(wf.load(file))
    assumed = data.draw(assumptions(machine, discrete))
    assert_drawn_alike(machine, assumed, seed)


@settings(max_examples=20)
@given(st.data(), flows(rich=True), st.integers(0, 99))
def test_on_any_workflow_it_agrees_with_drawn_lives(data: st.DataObject, flow: Flow, seed: int) -> None:
    machine = wf.compile(flow.workflow)
    assumed = attrs.evolve(data.draw(assumptions(machine, discrete)), inputs=INPUTS)
    assert_drawn_alike(machine, assumed, seed)
