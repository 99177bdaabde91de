"""What the strategies draw is what `step` does; everything that can happen is drawn; and what fails gets short."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.errors import CompileError, DataError, NonRetryable
from statewf.files import load, loads
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.explore import explore
from statewf.machine.fsm import Machine
from statewf.machine.record import event_name, state_of
from statewf.machine.replay import replay
from statewf.machine.snapshot import Rejected, Snapshot, Step, blank, due
from statewf.machine.step import start, step
from statewf.testing import strategies as wfst
from tests import worlds
from tests.flows import flows
from tests.runtime.support import machine

ORDER = machine("""
name: order
initialState: open
states:
  open: {on: {PAY: {target: paying, guard: event.data.sum > 0}, FORGET: forgotten}, timeout: 1h, timeoutTransition: forgotten}
  paying: {invoke: charge, on: {PAID: paid, DECLINED: open}, timeout: 1m, timeoutTransition: open}
  paid: {on: {SHIP: shipped, RETURN: open}}
  shipped: {terminal: true}
  forgotten: {terminal: true, outcome: failure}
""")
DATA = {"PAY": st.builds(lambda total: {"sum": total}, st.integers(0, 9))}

many = settings(
    max_examples=2_000, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
generated = settings(many, phases=[Phase.generate])
drawn = settings(generated, max_examples=300)


def names(trace: list[Step]) -> list[str]:
    return [event_name(move.event) for move in trace]


def all_of(strategy: st.SearchStrategy[Any], options: settings = drawn) -> list[Any]:
    """What the strategy draws in a run."""
    found: list[Any] = []

    @options
    @given(strategy)
    def keep(value: Any) -> None:
        found.append(value)

    keep()
    return found


@given(st.data(), worlds.machines)
def test_a_trace_is_what_step_does_from_the_start_on(data: st.DataObject, world: Machine) -> None:
    trace = data.draw(wfst.traces(world, max_steps=20))
    assert isinstance(trace[0].event, Start)
    assert trace == list(replay(world, [move.event for move in trace], blank(world, "any")))
    assert len(trace) <= 20
    assert [move.after.at for move in trace] == sorted(move.after.at for move in trace)


@given(st.data(), flows())
def test_of_workflows_too_and_timers_fire_in_their_order(data: st.DataObject, flow: Any) -> None:
    world = compile_definition(flow.workflow)
    walk = data.draw(wfst.walks(world, max_steps=20))
    snapshot = blank(world, "any")
    for made in walk:
        assert made == step(world, snapshot, made.event)
        if isinstance(made, Step):
            timers = due(world, snapshot)
            if isinstance(made.event, Fired):
                assert (made.event.at, *made.event[:2]) == timers[0]
            assert not timers or made.after.at <= timers[0][0], "a timer that was due did not fire"
            snapshot = made.after


@pytest.mark.parametrize("name", ["order", "approval_chain"])
def test_wherever_an_instance_can_be_some_trace_leads(name: str) -> None:
    world = compile_definition(load(f"machines/{name}.yaml"))
    walked = all_of(wfst.traces(world), generated)
    seen = {state_of(move.after) for trace in walked for move in trace}
    possible = {state_of(found) for found in explore(world, 1_000).snapshots}
    assert len(possible - seen) <= len(possible) // 10, possible - seen


def test_all_that_can_happen_is_drawn_the_unlikely_too() -> None:
    at = start(ORDER)
    paying = step(ORDER, at.after, Event("PAY", {"sum": 1}))
    assert isinstance(paying, Step)
    found: list[AnyEvent] = all_of(wfst.events(ORDER, paying.after, data=DATA), generated)
    made = [step(ORDER, paying.after, event) for event in found]
    refused = {(type(one.event), one.reason) for one in made if isinstance(one, Rejected)}
    late = {(Returned, "stale"), (Decided, "stale"), (Fired, "stale"), (Start, "started")}
    assert refused == {(Event, "unexpected"), *late}
    assert {type(event) for event in found} == {Event, Start, Returned, Failed, Fired, Decided, Cancel}
    assert {event.name for event in found if isinstance(event, Event)} == set(ORDER.listeners)
    answers = {event.answer.name for event in found if isinstance(event, Returned) and event.answer}
    assert answers == set(ORDER.listeners)
    assert {event.retryable for event in found if isinstance(event, Failed)} == {True, False}
    assert {event.now for event in found if isinstance(event, Cancel)} == {True, False}
    assert len({event.at for event in found}) > 1


def test_nobody_cancels_if_nobody_may() -> None:
    walked = all_of(wfst.walks(ORDER, cancel=False))
    assert not any(isinstance(made.event, Cancel) for walk in walked for made in walk)
    assert any(isinstance(made, Rejected) for walk in walked for made in walk)


def test_before_the_start_there_is_the_start_and_its_inputs_are_drawn() -> None:
    inputs = st.fixed_dictionaries({"n": st.integers(0, 3)})
    found = all_of(wfst.events(ORDER, blank(ORDER, "x"), inputs=inputs))
    assert {event.inputs["n"] for event in found} == {0, 1, 2, 3}
    assert {at.context["n"] for at in all_of(wfst.snapshots(ORDER, inputs=inputs))} == {0, 1, 2, 3}


def test_handlers_do_what_is_drawn_for_them() -> None:
    results = {"charge": st.sampled_from([{"ok": 1}, Event("PAID", {"n": 2}), NonRetryable("no"), OSError("down")])}
    walked = all_of(wfst.traces(ORDER, data=DATA, results=results), generated)
    replies = {move.event[1:] for trace in walked for move in trace if isinstance(move.event, Returned | Failed)}
    told = {(reply[0], reply[1]) if isinstance(reply[0], str) else reply[0] for reply in replies}
    assert {("NonRetryable", "no"), ("OSError", "down"), ("Error", "")} <= told
    answers = {reply[2].name for reply in replies if len(reply) == 3 and reply[2]}
    assert answers == {"PAID"}


def test_decisions_and_what_comes_with_them() -> None:
    world = machine("steps: [{id: sign, type: human-task, assignTo: ann}]")
    walked = all_of(wfst.traces(world, results={"sign": st.just({"seal": 7})}))
    ends = [trace[-1].after for trace in walked if isinstance(trace[-1].event, Decided)]
    assert {at.ended for at in ends} == {"success", "failure"}
    assert all(at.context["result"] == {"seal": 7} for at in ends)


WAYS = {
    "shipped": [["$start", "PAY", "PAID", "SHIP"]],
    "forgotten": [["$start", "FORGET"], ["$start", "$timeout:open"]],
    "paid": [["$start", "PAY", "PAID"]],
    "$cancelled": [["$start", "$cancel"]],
}


@pytest.mark.parametrize("state", WAYS)
def test_a_trace_shrinks_to_a_shortest_one(state: str) -> None:
    """Or nearly so: what Hypothesis tries first depends on constants in whatever modules are loaded."""
    found = find(wfst.traces(ORDER, data=DATA), lambda trace: state_of(trace[-1].after) == state, settings=many)
    assert names(found) in WAYS[state] or len(found) <= min(map(len, WAYS[state])) + 2, found


@pytest.mark.parametrize(("state", "length"), [("returning", 8), ("payment-failed", 7)])
def test_what_handlers_do_meanwhile_is_left_out(state: str, length: int) -> None:
    def was_there(trace: list[Step]) -> bool:
        return any(state_of(move.after) == state for move in trace)

    trace = find(wfst.traces(compile_definition(load("machines/order.yaml"))), was_there, settings=many)
    assert length <= len(trace) <= length + 2, trace


def test_a_detour_that_matters_is_kept_and_nothing_else() -> None:
    def paid_twice_in_vain(trace: list[Step]) -> bool:
        return names(trace).count("PAY") == 3 and any(isinstance(move.event, Fired) for move in trace)

    trace = find(wfst.traces(ORDER, data=DATA), paid_twice_in_vain, settings=many)
    assert 6 <= len(trace) <= 9, trace  # shrinking finds no way from one detour to a shorter one; see above


def test_a_mistake_is_told_at_once() -> None:
    with pytest.raises(DataError) as caught:
        wfst.traces(ORDER, data={"PAYY": st.just({}), "PAY": {"sum": 1}}, results={"refund": st.none()})  # type: ignore[dict-item]  # that is the mistake
    assert [d.code for d in caught.value.diagnostics] == ["unknown-event", "no-strategy", "unknown-handler"]
    assert "did you mean PAY?" in str(caught.value)
    assert "it knows charge" in str(caught.value)
    with pytest.raises(DataError, match="no Hypothesis strategy"):
        wfst.traces(ORDER, inputs={})  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(ValueError, match="max_steps is 0"):
        wfst.traces(ORDER, max_steps=0)
    with pytest.raises(CompileError):
        wfst.traces(loads("initialState: a\nstates: {a: {on: {GO: nowhere}}}"))


def test_data_that_are_no_json_are_told_when_they_are_drawn() -> None:
    with pytest.raises(DataError, match="the data of PAY"):
        all_of(wfst.traces(ORDER, data={"PAY": st.just(7)}))


@pytest.mark.parametrize("module", ["strategies", "stateful"])
def test_without_hypothesis_it_says_what_to_install(module: str) -> None:
    program = (
        "import sys, statewf.testing, statewf.testing.playbook, statewf.testing.coverage\n"
        "assert not {'hypothesis', 'pytest'} & set(sys.modules)\n"
        "sys.modules['hypothesis'] = None\n"
        f"import statewf.testing.{module}\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "ImportError: statewf.testing.strategies needs hypothesis: pip install 'statewf[test]'"
    )


def test_a_failure_shows_a_story_and_no_snapshots() -> None:
    @settings(many, print_blob=False, report_multiple_bugs=False)
    @given(trace=wfst.walks(ORDER, data=DATA))
    def never_paying(trace: list[Step | Rejected]) -> None:
        assert not any(isinstance(move, Step) and state_of(move.after) == "paying" for move in trace)

    with pytest.raises(AssertionError) as caught:
        never_paying()
    assert [line.rstrip() for line in "\n".join(caught.value.__notes__).splitlines()[1:5]] == [
        "    trace=[",
        "        $start                                   → open",
        '        PAY {"sum":1}                            → paying',
        "    ],",
    ]
    stale = step(ORDER, blank(ORDER, "x"), Event("PAY"))
    assert repr(wfst.Story([stale, start(ORDER)])) == (
        "[PAY                                      → refused (unstarted);"
        " $start                                   → open]"
    )


def test_a_failure_at_a_snapshot_notes_the_way_there() -> None:
    @settings(many, print_blob=False, report_multiple_bugs=False)
    @given(at=wfst.snapshots(ORDER, data=DATA))
    def never_paying(at: Snapshot) -> None:
        assert state_of(at) != "paying"

    with pytest.raises(AssertionError) as caught:
        never_paying()
    assert any("$start" in note and 'PAY {"sum":1}' in note for note in caught.value.__notes__)


def test_a_snapshot_is_one() -> None:
    assert all(isinstance(at, Snapshot) and at.seq for at in all_of(wfst.snapshots(ORDER)))
