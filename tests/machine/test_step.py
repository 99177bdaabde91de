"""The laws of `step`, on generated machines and whatever may happen to them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.definition.model import Assign, State, StateMachine, Transition, Workflow
from statewf.definition.model import Step as WorkflowStep
from statewf.history.codec import decode_event, decode_snapshot, encode_snapshot, encode_step
from statewf.machine import macrostep
from statewf.machine import step as kernel
from statewf.machine.effects import Call, CancelTimer, Recall, SetTimer
from statewf.machine.events import AnyEvent, CallId, Cancel, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import CHUNK, Machine
from statewf.machine.macrostep import BACKOFF
from statewf.machine.record import state_of
from statewf.machine.record import steps_of as steps_of_flow
from statewf.machine.replay import replay
from statewf.machine.snapshot import Note, Rejected, Step, active, allowed, blank, region_state
from statewf.machine.step import start, step
from statewf.values.canonical import compact, digest
from statewf.values.frozen import EMPTY, NESTING
from tests.worlds import data, happenings, machines


def journey(draw: Any, machine: Machine, most: int = 12) -> list[Step | Rejected]:
    """A start and some happenings, refused ones included."""
    made: list[Step | Rejected] = [start(machine, {"n": 0, **draw(data)}, instance="i")]
    snapshot = made[0].after  # type: ignore[union-attr]  # a start is a step
    for _ in range(draw(st.integers(0, most))):
        told = step(machine, snapshot, draw(happenings(machine, snapshot)))
        made.append(told)
        snapshot = told.after if isinstance(told, Step) else snapshot
    return made


def steps_of(made: list[Step | Rejected]) -> list[Step]:
    return [told for told in made if isinstance(told, Step)]


@given(st.data(), machines)
def test_step_is_total_deterministic_and_leaves_its_argument_alone(
    given_data: st.DataObject, machine: Machine
) -> None:
    snapshot = start(machine, {"n": 0}, instance="i").after
    for _ in range(10):
        event = given_data.draw(happenings(machine, snapshot))
        before = digest(encode_snapshot(snapshot))
        told = step(machine, snapshot, event)
        assert digest(encode_snapshot(snapshot)) == before
        assert step(machine, snapshot, event) == told
        if isinstance(told, Step):
            assert told.before is snapshot
            assert told.after.seq == snapshot.seq + 1
            assert told.after.at >= snapshot.at
            snapshot = told.after


@given(st.data(), machines)
def test_a_terminal_state_accepts_nothing_and_a_refused_event_says_why(
    given_data: st.DataObject, machine: Machine
) -> None:
    for told in journey(given_data.draw, machine):
        if isinstance(told, Rejected):
            assert told.message
            continue
        state = machine.regions[0].states[active(told.after)[0]]
        assert (state.terminal or "") == told.after.ended
        if told.after.ended:
            assert allowed(machine, told.after) == ()
            for name in ("A", "B", "C", "D", "E"):
                refused = step(machine, told.after, Event(name))
                assert isinstance(refused, Rejected)
                assert refused.reason == "terminal"


@given(st.data(), machines)
def test_attempts_never_pass_their_maximum(given_data: st.DataObject, machine: Machine) -> None:
    retries = {name: state.retry for name, state in _written(machine).items() if state.retry is not None}
    for told in steps_of(journey(given_data.draw, machine, 20)):
        for move in told.moves:
            retry = retries.get(move.target.removesuffix(".$backoff"))
            assert 1 <= move.attempt <= (retry.max_attempts if retry else 1)


@given(st.data(), machines)
def test_a_timer_is_armed_exactly_when_the_state_says_so(given_data: st.DataObject, machine: Machine) -> None:
    written = _written(machine)
    for told in steps_of(journey(given_data.draw, machine)):
        armed = {timer for region, timer in told.after.flight.deadlines if region}
        local = active(told.after)[0]
        lineage = machine.notes.active[local]
        expected = {f"$timeout:{name}" for name in lineage if written[name].timeout is not None}
        if told.after.ended:
            expected = set()  # nothing fires after the end
        if local.endswith(".$backoff"):
            expected = (expected - {f"$timeout:{lineage[0]}"}) | {f"$retry:{lineage[0]}"}
        assert armed == expected


def _written(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def walk(states: Any, prefix: str) -> None:
        for name, state in states.items():
            found[prefix + name] = state
            walk(state.states, f"{prefix}{name}.")

    walk(machine.notes.definition.states, "")
    return found


@given(st.data(), machines)
def test_effects_say_exactly_how_what_is_in_flight_changed(given_data: st.DataObject, machine: Machine) -> None:
    """Whoever performs the effects, and nothing else, has the timers and calls that the snapshot has."""
    timers: dict[tuple[str, str], int] = {}
    calls: set[Any] = set()
    for told in steps_of(journey(given_data.draw, machine)):
        if isinstance(told.event, Returned | Failed):
            calls.discard(told.event.call)
        if isinstance(told.event, Fired):
            timers.pop((told.event.region, told.event.timer), None)
        for effect in told.effects:
            match effect:
                case SetTimer(region, timer, at):
                    timers[region, timer] = at
                case CancelTimer(region, timer):
                    del timers[region, timer]
                case Call():
                    calls.add(effect.id)
                case Recall(call):
                    calls.remove(call)
        assert timers == dict(told.after.flight.deadlines)
        assert calls == set(told.after.flight.calls)
        invoked = {(c.region, c.owner): c.id for c in told.after.flight.calls.values() if c.owner}
        assert invoked == dict(told.after.flight.invoked)


@given(st.data(), machines)
def test_replay_of_a_history_gives_the_same_steps(given_data: st.DataObject, machine: Machine) -> None:
    made = steps_of(journey(given_data.draw, machine))
    stored = [json.loads(compact(encode_step(told))) for told in made]
    events = [decode_event(document) for document in stored]
    again = list(replay(machine, events, blank(machine, "i")))
    assert again == made
    for told in made:
        document = json.loads(compact(encode_snapshot(told.after)))
        assert decode_snapshot(document, "i", told.after.inputs) == told.after


@given(st.data(), machines)
def test_the_short_cut_says_what_the_long_way_says(given_data: st.DataObject, machine: Machine) -> None:
    snapshot = start(machine, {"n": 0}, instance="i").after
    for _ in range(8):
        event: AnyEvent = given_data.draw(happenings(machine, snapshot))
        told = step(machine, snapshot, event)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernel, "short_cut", lambda *_: None)
            assert step(machine, snapshot, event) == told
        snapshot = told.after if isinstance(told, Step) else snapshot


@given(st.data(), machines)
def test_a_circle_that_is_seen_early_is_one_that_has_no_end(given_data: st.DataObject, machine: Machine) -> None:
    snapshot = start(machine, {"n": 0}, instance="i").after
    for _ in range(4):
        event: AnyEvent = given_data.draw(happenings(machine, snapshot))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(macrostep, "LONG", 0)
            early = step(machine, snapshot, event)
            patch.setattr(macrostep, "LONG", macrostep.MOST_ALWAYS)
            assert step(machine, snapshot, event) == early
        snapshot = early.after if isinstance(early, Step) else snapshot


def test_one_is_not_true_for_what_runs_in_a_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(macrostep, "LONG", 0)
    ways = [
        Transition(guard="context.a === 1", actions=Assign({"a": True})),
        Transition("b", guard="context.a === true"),
    ]
    machine = compile_definition(StateMachine("m", "a", {"a": State(always=ways), "b": State(terminal=True)}))
    assert active(start(machine, {"a": 1}).after) == ("b",)


@given(st.data(), machines)
def test_between_macrosteps_nothing_is_left_that_could_happen_by_itself(
    given_data: st.DataObject, machine: Machine
) -> None:
    for told in steps_of(journey(given_data.draw, machine)):
        flight = told.after.flight
        if any(note.kind == "livelock" for note in told.notes):
            continue
        if flight.queue:
            waits = ("", BACKOFF) in flight.deadlines
            assert (flight.queue[0].call in flight.calls) != waits
        else:
            assert not flight.raised
        assert region_state(told.after.regions, 0)[0]


@pytest.fixture
def toy() -> Machine:
    states = {"a": State({"GO": "b"}), "b": State(terminal=True, outcome="failure")}
    return compile_definition(StateMachine("toy", "a", states))


def test_a_plain_machine_takes_the_short_cut(monkeypatch: pytest.MonkeyPatch, toy: Machine) -> None:
    """So that the law above is not kept by never taking it."""
    begun = start(toy).after
    monkeypatch.setattr(kernel, "Macrostep", None)  # the long way would not work now
    told = step(toy, begun, Event("GO", {"x": 1}, 7))
    assert isinstance(told, Step)
    assert (active(told.after), told.after.ended, told.after.at) == (("b",), "failure", 7)
    assert dict(told.after.context) == {"x": 1}


def test_nothing_happens_to_an_instance_before_its_start_or_twice(toy: Machine) -> None:
    nowhere = blank(toy, "i")
    for event in (Event("GO"), Cancel()):
        refused = step(toy, nowhere, event)
        assert isinstance(refused, Rejected)
        assert refused.reason == "unstarted"
    for reply in (Returned(CallId(1, 0)), Failed(CallId(1, 0), "E", "m"), Fired("main", "$timeout:a")):
        refused = step(toy, nowhere, reply)
        assert isinstance(refused, Rejected)
        assert refused.reason == "stale"
    again = step(toy, start(toy).after, Start(EMPTY))
    assert isinstance(again, Rejected)
    assert again.reason == "started"


def test_an_event_that_no_step_takes_is_told_whose_match_does_not_hold() -> None:
    for names in (["e"], ["e", "f"]):
        steps = [
            WorkflowStep(name, type="event", depends_on=[], event="GO", match="event.data.ok") for name in names
        ]
        flow = compile_definition(Workflow("w", steps))
        refused = step(flow, start(flow).after, Event("GO"))
        assert isinstance(refused, Rejected)
        told = f"its data is not what {', '.join(names)} waits for: `match` does not hold"
        assert (refused.reason, refused.message, refused.allowed) == ("guard", told, ("GO",))


@pytest.mark.parametrize("number", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_regions_are_kept_in_chunks_and_none_is_lost(number: int) -> None:
    """One more than the steps, for the whole: the last chunk is full, has one, or two."""
    flow = compile_definition(Workflow("w", [WorkflowStep(f"s{n}", depends_on=[]) for n in range(number)]))
    begun = start(flow).after
    assert begun.at == 0
    assert active(begun) == ("running",) * (number + 1)
    assert state_of(begun) == "running"
    assert [step for step, _, _ in steps_of_flow(flow, begun)] == [f"s{n}" for n in range(number)]
    ended = step(flow, begun, Returned(max(begun.flight.calls), None))
    assert isinstance(ended, Step)
    assert active(ended.after)[-1] == "succeeded"


def test_an_event_that_nobody_knows_is_told_where_it_came_to(toy: Machine) -> None:
    flow = compile_definition(Workflow("w", [WorkflowStep("a")]))
    for machine, message in ((toy, "a does not accept it"), (flow, "nothing waits for it")):
        refused = step(machine, start(machine).after, Event("NOBODY"))
        assert isinstance(refused, Rejected)
        assert (refused.reason, refused.message) == ("unexpected", message)


def test_what_would_be_nested_too_deep_is_not_assigned_and_that_is_told() -> None:
    keeps = Transition(actions=Assign({"all": "event.data", "part": "event.data.deep"}))
    machine = compile_definition(StateMachine("deep", "a", {"a": State({"KEEP": keeps})}))
    deep: list[Any] = []
    for _ in range(NESTING - 2):
        deep = [deep]
    told = step(machine, start(machine).after, Event("KEEP", {"deep": deep}))
    assert isinstance(told, Step)
    assert sorted(told.after.context) == ["deep", "part"]
    assert told.notes == (Note("fault", f"assign all = event.data: nested deeper than {NESTING} levels"),)
