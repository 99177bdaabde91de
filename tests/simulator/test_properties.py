"""What holds for every machine and whatever is done to it: the promises of design 4.1 and 5."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.definition.model import State, StateMachine
from statewf.errors import DataError, EventRejected, KeyConflict, StatewfError
from statewf.machine import step as kernel
from statewf.machine.events import Cancel, Event, Failed, Fired, Returned
from statewf.machine.fsm import Machine
from statewf.machine.replay import replay
from statewf.machine.snapshot import Rejected, Snapshot, Step, active, allowed, blank
from statewf.simulator import Driver
from statewf.simulator.driver import Handler

from .strategies import ANSWERS, DEEDS, HANDLERS, Deed, Pass, Reply, Send, Stop, machines

SETTINGS = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def answering(answers: list[object]) -> Handler:
    """A handler that gives these answers one after another, then {}."""
    left = iter(answers)

    def handle(_: object) -> object:
        answer = next(left, {})
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle


def do(driver: Driver, deed: Deed) -> None:
    match deed:
        case Send(name, data, key):
            driver.send(name, data, key)
        case Pass(seconds):
            driver.advance(seconds)
        case Stop():
            driver.cancel()
        case Reply(Exception() as error) if driver.calls:
            driver.reply(error=type(error).__name__, handler="ask")
        case Reply(answer) if driver.calls and type(answer) is not object:
            driver.reply(answer, handler="ask")
        case Reply():  # nobody asked, or it is not JSON
            with pytest.raises((StatewfError, DataError)):
                driver.reply(object())


@st.composite
def lives(draw: st.DrawFn) -> Driver:
    """A driver of a random machine that had a random life, checked at every turn."""
    definition = draw(machines())
    machine = compile_definition(definition)
    handlers = {name: answering(draw(st.lists(ANSWERS, max_size=4))) for name in HANDLERS}
    driver = Driver(machine, {"n": 1}, handlers=handlers)
    for deed in draw(st.lists(DEEDS, max_size=12)):
        before = driver.snapshot
        try:
            do(driver, deed)
        except (EventRejected, KeyConflict) as refused:
            assert driver.snapshot is before, refused
        assert_armed(machine, driver.snapshot)
    note("\n".join(str(row) for row in driver.rows))
    return driver


def assert_armed(machine: Machine, snapshot: Snapshot) -> None:
    """The timers that are set are those that the local state would listen to."""
    state = machine.regions[0].states[active(snapshot)[0]]
    wanted = {("main", trigger) for trigger in state.on if trigger.startswith(("$timeout:", "$retry:"))}
    queue = snapshot.flight.queue
    if queue and queue[0].call is None:
        wanted.add(("", "$action"))
    assert set(snapshot.flight.deadlines) == wanted


@SETTINGS
@given(lives())
def test_replaying_the_events_gives_the_same_steps(driver: Driver) -> None:
    events = [step.event for step in driver.history]
    assert list(replay(driver.machine, events)) == driver.history
    half = driver.history[: len(driver.history) // 2]
    rest = replay(driver.machine, events[len(half) :], half[-1].after) if half else []
    assert [*half, *rest] == driver.history or not half


@SETTINGS
@given(lives())
def test_a_step_is_deterministic_and_leaves_its_argument_alone(driver: Driver) -> None:
    for made in driver.history:
        before = repr(made.before)
        again = kernel.step(driver.machine, made.before, made.event)
        assert again == made
        assert repr(made.before) == before
        assert (made.after.seq, made.after.at >= made.before.at) == (made.before.seq + 1, True)


@SETTINGS
@given(lives())
def test_after_the_end_nothing_is_accepted(driver: Driver) -> None:
    steps = [made for made in driver.history if made.before.ended]
    assert not any(isinstance(made.event, Event | Cancel) or made.path for made in steps)
    if driver.done:
        assert driver.allowed == ()
        for event in (Event("A"), Event("UNKNOWN"), Cancel()):
            refused = kernel.step(driver.machine, driver.snapshot, event)
            assert isinstance(refused, Rejected)
            assert refused.reason == "terminal"


@SETTINGS
@given(lives())
def test_attempts_never_pass_their_maximum(driver: Driver) -> None:
    most = {
        name: state.retry.max_attempts for name, state in leaves(driver.machine.notes.definition) if state.retry
    }
    for made in driver.history:
        for move in made.moves:
            name = move.target.removesuffix(".$backoff")
            assert 1 <= move.attempt <= most.get(name, 1) - (name != move.target)


def leaves(definition: StateMachine) -> list[tuple[str, State]]:
    inner = [
        (f"{name}.{child}", s) for name, state in definition.states.items() for child, s in state.states.items()
    ]
    return [*definition.states.items(), *inner]


@SETTINGS
@given(lives())
def test_a_timer_is_armed_exactly_when_the_state_says_so(driver: Driver) -> None:
    for made in driver.history:
        assert_armed(driver.machine, made.after)


@SETTINGS
@given(lives())
def test_open_calls_belong_to_the_state_or_are_the_one_action_that_runs(driver: Driver) -> None:
    for made in driver.history:
        flight = made.after.flight
        state = driver.machine.regions[0].states[active(made.after)[0]]
        owners = [call.owner for call in flight.calls.values()]
        assert owners.count("") == sum(queued.call is not None for queued in flight.queue) <= 1
        assert all(owner == "" or f"$done:{owner}" in state.on for owner in owners)
        assert set(flight.invoked.values()) == {number for number, call in flight.calls.items() if call.owner}


@SETTINGS
@given(lives(), st.integers(0, 3))
def test_step_is_total(driver: Driver, number: int) -> None:
    """Whatever comes whenever gives a step or a rejection, and a rejection says what is allowed."""
    strange: list[Any] = [
        *(Event(name, {"n": 3}) for name in ("A", "$timeout:s0", "$cancel", "", "s0")),
        *(made.event for made in driver.history),
        *(Fired("main", f"$timeout:s{number}"), Fired("nowhere", "$action"), Cancel(now=True)),
        *(Returned(call.id, 7) for made in driver.history for call in made.after.flight.calls.values()),
        *(Failed(call.id, "E", "") for made in driver.history for call in made.after.flight.calls.values()),
    ]
    for snapshot in [made.after for made in driver.history][-3:]:
        for event in strange:
            made = kernel.step(driver.machine, snapshot, event)
            assert isinstance(made, Step | Rejected)
            if isinstance(made, Rejected) and made.reason in ("unexpected", "guard"):
                assert made.allowed == allowed(driver.machine, snapshot)


@SETTINGS
@given(lives())
def test_the_short_cut_says_what_the_long_way_says(driver: Driver) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "_short_cut", lambda *_: None)
        assert [kernel.step(driver.machine, made.before, made.event) for made in driver.history] == driver.history
        long = [kernel.step(driver.machine, made.after, e) for made in driver.history for e in map(Event, "ABCX")]
    short = [kernel.step(driver.machine, made.after, e) for made in driver.history for e in map(Event, "ABCX")]
    assert short == long


def test_the_short_cut_is_taken_at_all() -> None:
    machine = compile_definition(StateMachine("m", "a", {"a": State({"GO": "b"}), "b": State(terminal=True)}))
    begun = kernel.start(machine)
    taken = kernel._short_cut(machine.regions[0], machine, begun.after, Event("GO", {"n": 1}))
    assert taken is not None
    assert taken.after.ended == "success"


@SETTINGS
@given(lives())
def test_an_accepted_step_of_another_instance_differs_in_name_and_keys_only(driver: Driver) -> None:
    jitters = any(
        state.retry and state.retry.jitter == "full" for _, state in leaves(driver.machine.notes.definition)
    )
    if not jitters:
        other = blank(driver.machine, "other")
        replayed = list(replay(driver.machine, [made.event for made in driver.history], other))
        assert [made.path for made in replayed] == [made.path for made in driver.history]
        assert [made.after.context for made in replayed] == [made.after.context for made in driver.history]
