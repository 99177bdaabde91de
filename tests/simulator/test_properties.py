"""What holds for a driver of any machine, whatever is done to it; `tests/machine` has the laws of `step` alone.

Machines come from `tests.worlds`; a life is a sequence of deeds: events with and without keys, answers to
calls, time passing up to a deadline, short of it or past it, and cancelling.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.definition.model import State, StateMachine
from statewf.errors import EventRejected, KeyConflict, NonRetryable
from statewf.machine import step as kernel
from statewf.machine.events import Cancel, Event, Failed, Fired, Returned
from statewf.machine.fsm import Machine
from statewf.machine.macrostep import BACKOFF
from statewf.machine.replay import replay
from statewf.machine.short import short_cut
from statewf.machine.snapshot import Snapshot, Step, active, blank, due
from statewf.simulator import Driver
from statewf.simulator.driver import Handler
from tests.worlds import EVENTS, data, definitions, plain_definitions


@attrs.frozen
class Send:
    name: str
    data: object
    key: str | None


@attrs.frozen
class Reply:
    answer: object


@attrs.frozen
class Pass:
    """Time passes up to the next deadline and that many ms more, or less."""

    more: int


@attrs.frozen
class Stop:
    pass


Deed: TypeAlias = Send | Reply | Pass | Stop

answers: st.SearchStrategy[object] = st.one_of(
    data,
    st.builds(Event, st.sampled_from([*EVENTS, "UNKNOWN"]), data),
    st.sampled_from([OSError("down"), NonRetryable("never"), [1, None], "text"]),
)
deeds: st.SearchStrategy[Deed] = st.one_of(
    st.builds(
        Send, st.sampled_from([*EVENTS, *EVENTS, "UNKNOWN"]), data, st.sampled_from([None, None, "k1", "k2"])
    ),
    st.builds(Reply, answers),
    st.builds(Pass, st.sampled_from([-1, 0, 0, 0, 1])),
    st.sampled_from([*[Pass(0)] * 9, Stop()]),
)


def answering(given_answers: list[object]) -> Handler:
    """A handler that gives these answers one after another, then {}: for ever would be endless."""
    left = iter(given_answers)

    def handle(_: object) -> object:
        answer = next(left, {})
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle


def do(driver: Driver, deed: Deed) -> None:
    match deed:
        case Send(name, sent, key):
            driver.send(name, sent, key)
        case Pass(more):
            deadlines = due(driver.machine, driver.snapshot)
            ahead = deadlines[0][0] - driver.now if deadlines else 1_000
            driver.advance(max(ahead + more, 0) / 1_000)
        case Stop():
            driver.cancel()
        case Reply(answer) if driver.calls:
            handler = driver.calls[0].handler
            if isinstance(answer, Exception):
                driver.reply(error="Oops", handler=handler, retryable=not isinstance(answer, NonRetryable))
            else:
                driver.reply(answer, handler=handler)
        case Reply():
            pass  # nobody asks


@attrs.frozen
class Life:
    definition: StateMachine
    answers: tuple[list[object], list[object]]
    deeds: list[Deed]

    def live(self, machine: Machine, instance: str = "local") -> Driver:
        """Go through it: nothing may be raised but refusals, and these change nothing."""
        handlers = dict(zip("fg", map(answering, self.answers), strict=True))
        driver = Driver(machine, {"n": 1}, handlers=handlers, instance=instance)
        for deed in self.deeds:
            before, rows = driver.snapshot, len(driver.history)
            try:
                do(driver, deed)
            except (EventRejected, KeyConflict):
                assert driver.snapshot is before
                assert len(driver.history) == rows
            assert driver.now >= driver.snapshot.at
        return driver


few = st.lists(answers, max_size=4)
lives = st.builds(Life, definitions(), st.tuples(few, few), st.lists(deeds, max_size=12))
plain_lives = st.builds(Life, plain_definitions(), st.just(([], [])), st.lists(deeds, max_size=12))


def lived(life: Life) -> Driver:
    return life.live(compile_definition(life.definition))


@given(lives)
def test_replaying_the_events_gives_the_same_steps(life: Life) -> None:
    driver = lived(life)
    events = [made.event for made in driver.history]
    assert list(replay(driver.machine, events, blank(driver.machine, "local"))) == driver.history
    middle = len(events) // 2
    since = driver.history[middle].after
    again = list(replay(driver.machine, events[middle + 1 :], since))
    assert (again[-1].after if again else since) == driver.snapshot


@given(lives)
def test_the_same_life_again_is_the_same_with_and_without_the_short_cut(life: Life) -> None:
    driver = lived(life)
    told = [repr(made.before) for made in driver.history]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "short_cut", lambda *_: None)
        long = lived(life)
    assert (long.history, long.emitted, long.now) == (driver.history, driver.emitted, driver.now)
    assert [repr(made.before) for made in driver.history] == told  # nothing that was passed on was changed


@given(plain_lives)
def test_every_move_of_a_plain_machine_is_ready_made_and_the_same_as_the_long_way(life: Life) -> None:
    driver = lived(life)
    moves = [made for made in driver.history if isinstance(made.event, Event) and made.path]
    ready = [made for made in moves if not made.before.flight.deferred]
    assert [short_cut(driver.machine, made.before, made.event) for made in ready] == ready  # type: ignore[arg-type]  # named events
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "short_cut", lambda *_: None)
        assert [kernel.step(driver.machine, made.before, made.event) for made in moves] == moves


@given(lives)
def test_the_laws_of_every_step(life: Life) -> None:
    driver = lived(life)
    most = {name: state.retry.max_attempts for name, state in written(life.definition.states) if state.retry}
    for made in driver.history:
        assert_in_order_of_time(driver.machine, made)
        assert_attempts(made, most)
        assert_flight(driver.machine, made.after)
        if made.before.ended:
            assert not made.path
            assert not isinstance(made.event, Event | Cancel)
    assert all(call.owner for call in driver.calls)  # an action always has an answer here


def assert_in_order_of_time(machine: Machine, made: Step) -> None:
    """No event is taken while an earlier deadline stands, and a timer fires right at its own."""
    assert made.after.seq == made.before.seq + 1
    assert made.after.at >= made.before.at
    first = due(machine, made.before)[:1]
    if isinstance(made.event, Fired):
        assert first == [(made.after.at, made.event.region, made.event.timer)]
    elif first:
        assert first[0][0] >= made.after.at


def assert_attempts(made: Step, most: dict[str, int]) -> None:
    for move in made.moves:
        name = move.target.removesuffix(".$backoff")
        assert 1 <= move.attempt <= most.get(name, 1) - (name != move.target)


def written(states: object, prefix: str = "") -> list[tuple[str, State]]:
    """The states of a definition with their full names."""
    assert isinstance(states, dict)
    here = [(prefix + name, state) for name, state in states.items()]
    return here + [inner for name, state in here for inner in written(state.states, f"{name}.")]


def assert_flight(machine: Machine, snapshot: Snapshot) -> None:
    """What is armed and open is what the local state listens to, and an action or its next attempt."""
    state = machine.regions[0].states[active(snapshot)[0]]
    if state.terminal:
        return  # see test_endings for one that lies inside a compound state
    timers = {timer for region, timer in snapshot.flight.deadlines if region}
    assert timers == {trigger for trigger in state.on if trigger.startswith(("$timeout:", "$retry:"))}
    owners = [call.owner for call in snapshot.flight.calls.values()]
    assert all(owner == "" or f"$done:{owner}" in state.on for owner in owners)
    assert owners.count("") + (("", BACKOFF) in snapshot.flight.deadlines) <= 1


@given(lives)
def test_after_the_end_nothing_is_accepted(life: Life) -> None:
    driver = lived(life)
    if driver.done:
        assert driver.allowed == ()
        for name in (*EVENTS, "UNKNOWN"):
            with pytest.raises(EventRejected, match="terminal"):
                driver.send(name)
        with pytest.raises(EventRejected, match="terminal"):
            driver.cancel()


@given(lives)
def test_the_name_of_an_instance_is_in_keys_and_jitter_only(life: Life) -> None:
    machine = compile_definition(life.definition)
    driver, other = life.live(machine), life.live(machine, "other")
    replies = [made for made in other.history if isinstance(made.event, Returned | Failed)]
    assert all(made.before.flight.calls[made.event.call].key.startswith("other/") for made in replies)  # type: ignore[union-attr]  # replies only
    jitters = "full" in repr(life.definition)
    assert jitters or [made.path for made in driver.history] == [made.path for made in other.history]


@settings(max_examples=30)
@given(lives)
def test_a_key_is_used_up_by_what_was_not_refused(life: Life) -> None:
    driver = lived(life)
    known = {
        made.event.key: made.event for made in driver.history if isinstance(made.event, Event) and made.event.key
    }
    for key, event in known.items():
        before = driver.snapshot
        assert driver.send(event.name, event.data, key).disposition == "duplicate"
        with pytest.raises(KeyConflict):
            driver.send(event.name, {**event.data, "more": 1}, key)
        assert driver.snapshot is before
