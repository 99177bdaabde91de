"""How long it takes and how often it is tried: no run leaves the bounds, and where they are exact, some run reaches them."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from statewf.checker import check
from statewf.checker.bounds import bounds
from statewf.checker.bounds.spans import Bounds, End, Leg, endless, lasting, longest, rounded_up, shortest
from statewf.compiler import compile_definition
from statewf.definition.model import Definition, StateMachine, Workflow
from statewf.definition.write import to_document
from statewf.files import load, loads
from statewf.machine.explore import explore
from statewf.machine.fsm import Machine
from statewf.machine.record import state_of
from statewf.simulator.driver import Driver
from statewf.simulator.world import Endless
from statewf.values.canonical import compact
from statewf.values.duration import milliseconds
from tests import flows, worlds
from tests.checker import machines
from tests.checker.bounds import timed
from tests.checker.bounds.adversary import Extremes, Run, TooMany, extremes, played
from tests.checker.steps.worlds import worlds as step_worlds
from tests.machine import workflows

MACHINES = Path(__file__).parents[3] / "machines"

numbers = st.lists(st.integers(0, 10**6), min_size=1, max_size=60)


# --- no run leaves the bounds


def held(found: Bounds, run: Run) -> None:
    """The run is within the bounds."""
    for name, times in run.tried.items():
        most = found.each[name]
        assert most is None or times <= most, (name, times)
    if found.greatest is not None:
        assert run.end is not None
        assert run.took <= found.greatest
    if run.end is None:
        return
    end = found.of(run.end)
    assert end is not None, f"{run.end} is said to be out of reach"
    assert end.least <= run.took
    assert end.greatest is None or run.took <= end.greatest
    assert end.fewest <= run.tried.total()
    assert end.most is None or run.tried.total() <= end.most


def plays(machine: Machine, drawn: list[int]) -> None:
    """One run of a machine is within its bounds."""
    try:
        run = played(machine, drawn)
    except Endless:
        run = None
    assume(run is not None)
    assert run is not None
    held(bounds(machine), run)


@given(machines.machines(), numbers)
def test_no_run_of_any_state_machine_leaves_the_bounds(definition: StateMachine, drawn: list[int]) -> None:
    plays(compile_definition(definition), drawn)


@given(machines.sound_machines(), numbers)
def test_no_run_of_a_sound_machine_leaves_the_bounds(definition: StateMachine, drawn: list[int]) -> None:
    plays(compile_definition(definition), drawn)


@given(worlds.machines, numbers)
def test_no_run_of_a_world_leaves_the_bounds(machine: Machine, drawn: list[int]) -> None:
    plays(machine, drawn)


@settings(max_examples=300)
@given(timed.timed_machines(), numbers)
def test_no_run_of_a_timed_machine_leaves_the_bounds(definition: StateMachine, drawn: list[int]) -> None:
    note(compact(to_document(definition)))
    plays(compile_definition(definition), drawn)


@given(workflows.workflows(), numbers)
def test_no_run_of_a_workflow_leaves_the_bounds(definition: Workflow, drawn: list[int]) -> None:
    note(compact(to_document(definition)))
    plays(compile_definition(definition), drawn)


@given(flows.flows(rich=True), numbers)
def test_no_run_of_a_flow_leaves_the_bounds(flow: flows.Flow, drawn: list[int]) -> None:
    plays(compile_definition(flow.workflow), drawn)


@settings(max_examples=300)
@given(timed.timed_workflows(), numbers)
def test_no_run_of_a_timed_workflow_leaves_the_bounds(definition: Workflow, drawn: list[int]) -> None:
    note(compact(to_document(definition)))
    plays(compile_definition(definition), drawn)


# --- which ends there are


@given(step_worlds(most=2, depth=1))
def test_a_workflow_that_never_completes_is_told(workflow: Workflow) -> None:
    """By all that can happen, or by the times that it takes; and no end is told of that no run comes to."""
    machine = compile_definition(workflow)
    found = explore(machine, 600)
    assume(found.whole)
    ends = {state_of(snapshot) for snapshot in found.snapshots if snapshot.ended}
    report = check(workflow)
    assert report.bounds is not None
    assert {end.state for end in report.bounds.ends} <= ends
    in_time = bounds(machine).of("completed") is not None
    assert [finding.rule for finding in report.findings].count("never-completes") == (
        "completed" not in ends or not in_time
    )


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        ("{id: a, when: 1 / 0 > 1}", "failed"),
        ("{id: a, type: wait, duration: 2h, timeout: 1h}", "failed or cancelled"),
        ("{id: a, compensation: {steps: [{action: b}]}}, {id: c, when: 1 / 0 > 1}", "failed, compensated, compensation-failed or cancelled"),
        ("{id: a, type: parallel, strategy: {quorum: 2}, steps: [{id: b}, {id: c, when: 'false'}]}", "failed"),
        ("{id: a, type: event, event: GO, match: 'false'}", "cancelled"),
    ],
)  # fmt: skip
def test_how_it_is_told_that_none_completes(steps: str, ends: str) -> None:
    report = check(loads(f"steps: [{steps}]"))
    (found,) = [finding for finding in report.findings if finding.rule == "never-completes"]
    assert (found.severity, found.where, found.line) == ("error", "$.steps", 1)
    assert found.message == f"no run completes: it ends in {ends}, whatever happens"
    assert not report.ok
    assert report.bounds is not None
    assert [end.state for end in report.bounds.ends] == ends.replace(" or ", ", ").split(", ")


def test_the_longest_way_is_one_to_an_end_that_there_is() -> None:
    first, other = lasting("a", 5).then(lasting("b", 7)), lasting("c", 9)
    ends = (
        End("completed", 0, 12, 0, 0, (*first.legs(), Leg("completed", 0))),
        End("failed", 0, 9, 0, 0, (*other.legs(), Leg("failed", 0))),
    )
    found = Bounds(ends, 12, first.legs(), each={"h": 1})
    assert found.among(["completed", "failed"]) == found
    assert found.among(["failed"]) == Bounds(ends[1:], 9, other.legs(), each={"h": 1})
    endless_ = attrs.evolve(ends[1], greatest=None, why="because")
    found = attrs.evolve(found, ends=(ends[0], endless_))
    assert (found.among(["failed"]).greatest, found.among(["failed"]).why) == (None, "because")


# --- nor is there any other that does; and some reach them


def tries(definition: Definition) -> tuple[Bounds, dict[str, Extremes]]:
    """The bounds, and what there is, if not too much can happen."""
    note(compact(to_document(definition)))
    machine = compile_definition(definition)
    steps = definition.steps if isinstance(definition, Workflow) else ()
    try:
        return bounds(machine), extremes(machine, [step.id for step in steps if step.type == "condition"])
    except TooMany:
        assume(False)
    raise AssertionError("assume raises")


@settings(max_examples=50)
@given(timed.straight_machines())
def test_the_bounds_of_a_flat_machine_that_goes_forward_are_reached(definition: StateMachine) -> None:
    found, reached = tries(definition)
    told = {end.state: (end.least, end.greatest, end.fewest, end.most) for end in found.ends}
    assert told == reached


@settings(max_examples=40)
@given(timed.lines())
def test_the_bounds_of_steps_in_a_line_are_reached(definition: Workflow) -> None:
    found, reached = tries(definition)
    told = {end.state: (end.least, end.greatest, end.most) for end in found.ends}
    assert told == {state: (real.least, real.greatest, real.most) for state, real in reached.items()}
    fewest = {end.state: end.fewest for end in found.ends}
    assert all(fewest[state] <= real.fewest for state, real in reached.items())
    assert "completed" not in reached or fewest["completed"] == reached["completed"].fewest


def not_passed(definition: Definition) -> None:
    """No run is beyond the bounds, whatever happens when."""
    found, reached = tries(definition)
    for state, real in reached.items():
        end = found.of(state)
        assert end is not None, f"{state} is said to be out of reach"
        assert end.least <= real.least
        assert end.greatest is None or real.greatest <= end.greatest
        assert end.fewest <= real.fewest
        assert end.most is None or real.most <= end.most


@settings(max_examples=40)
@given(timed.timed_machines())
def test_nothing_that_can_happen_to_a_timed_machine_is_beyond_the_bounds(definition: StateMachine) -> None:
    not_passed(definition)


@settings(max_examples=25)
@given(timed.timed_workflows())
def test_nothing_that_can_happen_to_a_timed_workflow_is_beyond_the_bounds(definition: Workflow) -> None:
    not_passed(definition)


# --- worked cases: (the definition, the end) -> least, greatest, fewest, most


def told(text: str) -> dict[str, tuple[int, int | None, int, int | None]]:
    found = bounds(compile_definition(loads(text)))
    return {end.state: (end.least, end.greatest, end.fewest, end.most) for end in found.ends}


def test_an_event_may_come_at_once_or_at_the_last_moment() -> None:
    """PAY: 0 to 7 d. The timeout: exactly 7 d. Nothing is tried again."""
    text = "initialState: new\nstates:\n  new: {on: {PAY: paid}, timeout: 7d, timeoutTransition: lost}\n"
    text += "  paid: {terminal: true}\n  lost: {terminal: true}\n"
    week = milliseconds("7d")
    assert told(text) == {"paid": (0, week, 0, 0), "lost": (week, week, 0, 0), "$cancelled": (0, week, 0, 0)}


def test_every_attempt_has_its_timeout_and_waits_grow() -> None:
    """Three attempts of 10 s, with 1 s and 2 s between them: 33 s; NO leads out at the third alone, after 3 s."""
    text = "initialState: a\nstates:\n  a: {on: {YES: b, NO: c}, timeout: 10s, timeoutTransition: c, "
    text += "retry: {maxAttempts: 3, on: NO, baseDelay: 1s}}\n  b: {terminal: true}\n  c: {terminal: true}\n"
    assert told(text) == {"b": (0, 33_000, 1, 3), "c": (3_000, 33_000, 1, 3), "$cancelled": (0, 33_000, 1, 3)}


def test_what_goes_round_within_a_timeout_ends_with_it() -> None:
    """From x to y and back for ever, but for the timeout around them, which comes after exactly 1 h."""
    text = "initialState: p\nstates:\n  p:\n    initial: x\n    timeout: 1h\n    timeoutTransition: late\n"
    text += "    states: {x: {on: {GO: y, OUT: done}}, y: {on: {GO: x}}}\n  done: {terminal: true}\n  late: {terminal: true}\n"
    hour = milliseconds("1h")
    assert told(text) == {"done": (0, hour, 0, 0), "late": (hour, hour, 0, 0), "$cancelled": (0, hour, 0, 0)}


def test_a_timeout_around_begins_anew_with_its_state() -> None:
    """10 s in x, then AGAIN leaves p and enters it once more, in y, for which there are another 10 s."""
    text = "initialState: p\nstates:\n  p:\n    initial: x\n    timeout: 10s\n    timeoutTransition: late\n    on: {AGAIN: p.y}\n"
    text += "    states: {x: {}, y: {on: {AGAIN: done}}}\n  done: {terminal: true}\n  late: {terminal: true}\n"
    assert told(text) == {
        "done": (0, 20_000, 0, 0),
        "late": (10_000, 20_000, 0, 0),
        "$cancelled": (0, 20_000, 0, 0),
    }


def test_what_is_not_to_be_tried_again_fails_at_once() -> None:
    """A failure that may be retried is, after 1 s and 2 s; one that must not be leads out at the first attempt."""
    text = "initialState: a\nstates:\n  a: {invoke: {handler: ask, onDone: b, onError: c}, timeout: 10s, "
    text += "timeoutTransition: d, retry: {maxAttempts: 3, on: $error, baseDelay: 1s}}\n"
    text += "  b: {terminal: true}\n  c: {terminal: true}\n  d: {terminal: true}\n"
    found = told(text)
    assert found["c"] == (0, 33_000, 1, 3)
    driver = Driver(loads(text))
    driver.reply(error="Oops", retryable=False)
    assert (driver.state, driver.now) == ("c", 0)


@pytest.mark.parametrize(
    ("states", "why"),
    [
        ("a: {on: {GO: b}}", "a waits for GO"),
        ("a: {on: {GO: b, STOP: b}}", "a waits for an event"),
        ("a: {invoke: {handler: ask, onDone: b}}", "a waits for the handler ask, which has no timeout"),
        (
            "a: {on: {GO: c}, timeout: 1s, timeoutTransition: b}, c: {timeout: 1s, timeoutTransition: a}",
            "a cycle: a → c → a",
        ),
        ("a: {on: {AGAIN: a}, timeout: 1s, timeoutTransition: b}", "a cycle: a → a"),
        (
            "a: {initial: x, states: {x: {}}, on: {AGAIN: a}, timeout: 1s, timeoutTransition: b}",
            "a cycle: a.x → a.x",
        ),
    ],
)
def test_what_may_take_for_ever_is_told(states: str, why: str) -> None:
    found = bounds(compile_definition(loads(f"initialState: a\nstates: {{{states}, b: {{terminal: true}}}}")))
    assert found.greatest is None
    assert found.why == why
    assert str(found) == f"may take for ever: {why}"


def test_steps_in_a_line_add_up() -> None:
    """Two attempts of 10 s, a grace of 10 s after each, and 1 s between them: 41 s; then 5 s of waiting, not less."""
    text = "steps:\n  - {id: charge, timeout: 10s, retryPolicy: {maxAttempts: 2}}\n  - {id: rest, type: wait, duration: 5s}\n"
    assert told(text) == {
        "completed": (5_000, 46_000, 1, 2),
        "failed": (0, 41_000, 1, 2),
        "cancelled": (0, 46_000, 1, 2),
    }


def test_undoing_comes_behind_the_grace() -> None:
    """`book` 10 s and its grace of 1 s, `pay` likewise; if that fails, `refund` 3 s and its grace: 26 s, and three calls."""
    text = "cancelGrace: 1s\nsteps:\n  - {id: book, timeout: 10s, compensation: {steps: [{action: refund, timeout: 3s}]}}\n"
    text += "  - {id: pay, timeout: 10s}\n"
    assert told(text) == {
        "completed": (0, 22_000, 2, 2),
        "failed": (0, 11_000, 1, 1),
        "compensated": (0, 26_000, 3, 3),
        "compensation-failed": (0, 26_000, 2, 3),
        "cancelled": (0, 26_000, 1, 3),
    }


def test_few_places_make_a_block_serial() -> None:
    """Three waits of 5 s: beside each other 5 s, with one place 15 s, with two 7.5 s at least and 10 s at most."""
    steps = (
        "[{id: a, type: wait, duration: 5s}, {id: b, type: wait, duration: 5s}, {id: c, type: wait, duration: 5s}]"
    )
    for places, least, greatest in (("", 5_000, 5_000), ("maxConcurrency: 1, ", 15_000, 15_000)):
        found = told(f"steps: [{{id: all, type: parallel, {places}steps: {steps}}}]")
        assert found["completed"] == (least, greatest, 0, 0)
    assert told(f"steps: [{{id: all, type: parallel, maxConcurrency: 2, steps: {steps}}}]")["completed"][:2] == (
        7_500,
        10_000,
    )


def test_whoever_is_sure_to_decide_a_block_bounds_it() -> None:
    """The wait of 2 s wins `any` at the latest, whatever the call does, whose handler then has 10 s to end."""
    text = "steps: [{id: race, type: parallel, strategy: any, steps: [{id: call}, {id: rest, type: wait, duration: 2s}]}]"
    assert told(text) == {"completed": (0, 12_000, 1, 1), "cancelled": (0, 12_000, 1, 1)}


def test_who_may_never_begin_decides_nothing() -> None:
    """If `pay` fails within its 1 s, `rest` never begins, and the person has 1 h to win."""
    inner = "[{id: pay, timeout: 1s}, {id: rest, type: wait, duration: 1s, dependsOn: [pay]}, "
    inner += "{id: ask, type: human-task, timeout: 1h}]"
    found = told(f"cancelGrace: 0\nsteps: [{{id: race, type: parallel, strategy: any, steps: {inner}}}]")
    assert found["completed"] == (0, milliseconds("1h"), 1, 1)


def test_what_was_skipped_need_not_be_undone() -> None:
    """If `book` was skipped and `pay` fails, there is nothing to undo: it ends as failed; it never does if it was not."""
    book = "{id: book, timeout: 1s, compensation: {steps: [{action: refund, timeout: 1s}]}"
    pay = "{id: pay, timeout: 1s}"
    assert told(f"cancelGrace: 0\nsteps: [{book}, when: inputs.x}}, {pay}]")["failed"] == (0, 2_000, 1, 2)
    assert told(f"cancelGrace: 0\nsteps: [{book}}}, {pay}]")["failed"] == (0, 1_000, 1, 1)


def test_who_rolls_back_undoes_itself_before_the_others() -> None:
    """`pay` takes 1 s and undoes itself in 5 s; then `book`, which took 1 s, is undone in 3 s: 10 s.

    With `parallel` 5 s are allowed for the second part, although none of that is for `pay`: safe, and not exact.
    """
    book = "{id: book, timeout: 1s, compensation: {steps: [{action: refund, timeout: 3s}]}}"
    pay = "{id: pay, timeout: 1s, onError: rollback, compensation: {steps: [{action: void, timeout: 5s}]}}"
    for strategy, greatest in (("reverse-order", 10_000), ("parallel", 12_000)):
        handling = f"errorHandling: {{compensationStrategy: {strategy}}}"
        text = f"cancelGrace: 0\n{handling}\nsteps: [{book}, {pay}]"
        assert told(text)["compensated"] == (0, greatest, 3, 4)
        assert extremes(compile_definition(loads(text)))["compensated"] == (0, 10_000, 4, 4)


def test_the_timeout_of_the_whole_cuts_it() -> None:
    """The person has no time limit, the workflow has 1 h; nobody's handler has to end then."""
    hour = milliseconds("1h")
    assert told("timeout: 1h\nsteps: [{id: ask, type: human-task}]") == {
        "completed": (0, hour, 0, 0),
        "failed": (0, hour, 0, 0),
        "cancelled": (0, hour, 0, 0),
        "timed-out": (hour, hour, 0, 0),
    }


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ("{id: charge}", "the handler charge has no timeout"),
        ("{id: pay, handler: charge}", "the handler charge of pay has no timeout"),
        ("{id: ask, type: human-task}", "ask waits for a person"),
        ("{id: ready, type: event, event: READY}", "ready waits for READY"),
        ("{id: pay, timeout: 1s, onError: human-review}", "a review may have pay tried again and again"),
        (
            "{id: pay, timeout: 1s, compensation: {steps: [{action: refund}]}}",
            "the handler refund that undoes pay has no timeout",
        ),
    ],
)
def test_what_may_keep_a_workflow_for_ever_is_told(steps: str, why: str) -> None:
    assert bounds(compile_definition(loads(f"steps: [{steps}]"))).why == why


# --- our own machines


def test_the_handlers_of_an_issue_come_to_an_end() -> None:
    """To collect takes 3 x (30 + 10) s and 1 + 2 s; config 20 s; remedies 210 s; verify 20 s; engineer 8 h; report 20 s."""
    found = bounds(compile_definition(load(MACHINES / "issue_resolution.yaml")))
    assert found.greatest == 123_000 + 20_000 + 210_000 + 20_000 + milliseconds("8h") + 20_000
    assert str(found).startswith("always ends within 8h 7m (longest: collect (3 attempts) 2m 3s → ")
    assert found.each["collect"] == 3


def test_a_declined_payment_was_tried_three_times() -> None:
    found = bounds(compile_definition(load(MACHINES / "order.yaml")))
    declined = found.of("payment-failed")
    assert declined is not None
    assert (declined.fewest, declined.most) == (3, 3)
    assert found.each == {"processing-payment": 3}
    assert found.why == "pending waits for an event"


# --- in words, and as JSON


def test_a_report_has_the_bounds() -> None:
    report = check(loads("steps: [{id: charge, timeout: 1s}]"))
    document = report.document()["bounds"]
    assert document["greatest"] == 11_000
    assert document["longest"] == [{"label": "charge", "ms": 11_000}]
    assert document["attempts"] == {"charge": 1}
    assert document["ends"][0] == {
        "state": "completed",
        "least": 0,
        "greatest": 11_000,
        "attempts": {"least": 1, "greatest": 1},
        "longest": [{"label": "charge", "ms": 11_000}, {"label": "completed", "ms": 0}],
    }
    assert "bounds" not in check(loads("initialState: a\nstates: {a: {on: {GO: b}}}")).document()


@given(st.integers(0, 10**12))
def test_a_greatest_time_is_never_told_as_less_than_it_is(ms: int) -> None:
    said = milliseconds(rounded_up(ms))
    assert ms <= said <= ms + max(ms // 24, 10)


def test_spans_add_up_and_remember_their_way() -> None:
    first, second, never = lasting("a", 1), lasting("b", 5), endless("c", "c waits")
    both = first.then(second)
    assert (both.ms, both.legs()) == (6, (Leg("a", 1), Leg("b", 5)))
    assert longest([first, never, both]) is never
    assert shortest([both, never, first]) is first
    assert first.then(never).then(second).why == "c waits"
    assert first.then(never).then(second).legs() == (Leg("a", 1), Leg("c", None))
