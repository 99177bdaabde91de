"""What a written class can be told and says, what is refused, and what is different there on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from statemachine.exceptions import TransitionNotAllowed

from statewf.definition.model import (
    Assign,
    Emit,
    ErrorHandling,
    Existence,
    Function,
    Invoke,
    Raise,
    Retry,
    RetryPolicy,
    State,
    StateMachine,
    Transition,
)
from statewf.definition.pricing import PerExecution
from statewf.errors import ConversionError, DataError, HandlersError
from statewf.interop.statemachine import read, write
from statewf.machine.events import Event
from statewf.simulator import Driver
from tests.interop.statemachines import Virtual, full, loaded

# --- what a machine can be told, and says


DOOR = StateMachine(
    "door",
    "closed",
    {
        "closed": State({"PUSH": Transition("open", guard="context.locked !== true && event.data.force > 2")}),
        "open": State({"PULL": "closed"}, on_entry=[Function("ring", {"times": 2}), Emit("Opened", {"a": [1]})]),
    },
)


def test_a_machine_has_inputs_handlers_and_a_subscriber() -> None:
    told: list[object] = []
    chart = loaded(write(DOOR).text)

    def ring(machine: object, times: int) -> None:
        told.append(times)

    door: Any = chart(
        {"locked": False}, handlers={"ring": ring}, subscriber=lambda event, data: told.append((event, data))
    )
    door.send("PUSH", {"force": 3})
    assert told == [2, ("Opened", {"a": (1,)})]
    assert door.context == {"locked": False, "force": 3}
    door.PULL()
    door.PUSH(force=5)
    assert door.open.is_active


def test_what_nothing_takes_is_not_allowed() -> None:
    door: Any = loaded(write(DOOR).text)(handlers={"ring": lambda _, times: None})
    for event, given_data in (("PULL", {}), ("PUSH", {"force": 1}), ("NEVER", {})):
        with pytest.raises(TransitionNotAllowed):
            door.send(event, given_data)
    assert door.closed.is_active


def test_a_failing_handler_changes_no_state_and_is_kept() -> None:
    door: Any = loaded(write(DOOR).text)(handlers={"ring": lambda _, times: 1 / 0})
    door.send("PUSH", {"force": 3})
    assert door.open.is_active
    assert [type(error) for error in door.failures] == [ZeroDivisionError]


def test_an_event_that_a_handler_answers_is_taken() -> None:
    definition = attrs.evolve(
        DOOR, states={**DOOR.states, "open": State({"SHUT": "closed"}, on_entry=Function("ring"))}
    )
    door: Any = loaded(write(definition).text)(handlers={"ring": lambda _: Event("SHUT", {"by": "ring"})})
    door.send("PUSH", {"force": 3})
    assert door.closed.is_active
    assert door.context == {"force": 3, "by": "ring"}


def test_a_missing_handler_is_told_at_the_start() -> None:
    with pytest.raises(HandlersError, match="no handler ring"):
        loaded(write(DOOR).text)()


def test_data_that_is_no_json_is_refused_and_changes_nothing() -> None:
    door: Any = loaded(write(DOOR).text)(handlers={"ring": lambda _, times: None})
    with pytest.raises(DataError):
        door.send("PUSH", {"force": {3}})
    assert door.closed.is_active
    assert door.context == {}


def test_the_text_is_what_a_person_would_write() -> None:
    written = write(DOOR).text
    assert (
        written
        == '''\
"""The state machine door for python-statemachine, written by statewf."""

from statemachine import State

from statewf.interop.statemachine.chart import Chart, call, emit, guard


class Door(Chart):
    definition_name = "door"

    closed = State(initial=True)
    open = State(enter=[call("ring", {"times": 2}), emit("Opened", {"a": [1]})])

    closed.to(open, event="PUSH", cond=guard("context.locked !== true && event.data.force > 2"))

    open.to(closed, event="PULL")
'''
    )


def test_texts_of_a_definition_are_never_code(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    evil = f'"""\nopen({str(mark)!r}, "w")\n"""'
    name = f'x"+open({str(mark).replace("/", "_")!r}, "w")+"'
    definition = StateMachine(
        name,
        name,
        {
            name: State(
                {name.replace(" ", ""): Transition("end", guard=f"context.a === {evil[3:-3]!r}")}, description=evil
            ),
            "end": State(terminal=True, on_entry=[Emit(name, {evil: evil}), Assign({name: "1"})]),
        },
        description=evil,
        context={evil: evil},
    )
    chart = loaded(write(definition).text)
    assert full(read(chart).definition) == full(definition)
    chart()
    assert not mark.exists()
    assert not list(tmp_path.iterdir())


# --- what is refused or told


def _one(state: State, **more: Any) -> StateMachine:
    return StateMachine("m", "a", {"a": state, "end": State({"BACK": "a"}), **more})


@pytest.mark.parametrize(
    ("definition", "what"),
    [
        (attrs.evolve(DOOR, unexpected="defer"), "unexpected: defer"),
        (_one(State({"A": "end"}, unexpected="ignore")), "unexpected: ignore of one state"),
        (_one(State({"A": "end"}, on_entry=Function("f", retry_policy=RetryPolicy(2)))), "retryPolicy of f"),
        (_one(State({"A": "end"}, on_entry=Raise("A", 500))), "A, raised with a delay,"),
        (_one(State({"send": "end"})), "an event called send"),
        (_one(State({"done.invoke.x": "end"})), "an event called done.invoke.x"),
        (_one(State({"A B": "end"})), "an event with a space in its name"),
        (_one(State({"A": "end"}, timeout=0, timeout_transition="end")), "a timeout of no time"),
        (_one(State({"A": "model"}), model=State({"A": "end"})), "a state called model"),
        (
            _one(State({"A": "end"}, states={"x": State({"B": "y"}), "y": State(terminal=True)}, initial="x")),
            "a terminal state within another",
        ),
        (
            _one(State({"A": "end"}, parallel=True, on_done="end", states={"x": State(final=True)})),
            "a final state right within a parallel one",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(definition: StateMachine, what: str) -> None:
    with pytest.raises(ConversionError) as refused:
        write(definition)
    assert [(d.code, d.message) for d in refused.value.diagnostics] == [
        ("unsupported", f"{what} cannot be converted")
    ]


def _side_by_side(**more: Any) -> dict[str, State]:
    return {
        "x": State(states={"x1": State({"A": "x2"}), "x2": State(final=True)}, initial="x1"),
        "y": State(states={"y1": State({"A": "y2"}), "y2": State(final=True)}, initial="y1"),
        **more,
    }


def test_ends_that_python_statemachine_does_not_tell_are_refused() -> None:
    inner = State(parallel=True, states=_side_by_side())
    outer = State(parallel=True, states={"p": inner}, on_done="end", on={"B": "end"})
    with pytest.raises(ConversionError, match="the end of a parallel state with others right within"):
        write(_one(outer))
    with pytest.raises(ConversionError, match="a parallel state at the top that is finished, and stays"):
        write(_one(State({"B": "end"}, parallel=True, states=_side_by_side())))


def test_a_retry_that_waits_must_be_heard_by_nobody_else() -> None:
    retried = State({"A": "end"}, retry=Retry(2, "A", base_delay=10))
    around = State({"A": "end"}, states={"x": retried}, initial="x")
    with pytest.raises(ConversionError, match="A, on which one waits for another attempt"):
        write(_one(around))


def test_what_is_left_behind_is_told() -> None:
    definition = attrs.evolve(
        DOOR,
        properties=[Existence("open")],
        pricing=PerExecution(1),
        error_handling=ErrorHandling(),
        states={**DOOR.states, "closed": attrs.evolve(DOOR.states["closed"], description="Closed")},
    )
    assert [str(remark).partition(" left")[0] for remark in write(definition).remarks] == [
        "door: properties are",
        "door: pricing are",
        "closed: its description is",
    ]


# --- what is different on purpose


def test_a_way_between_parts_of_a_parallel_state_leaves_it_there_and_not_here() -> None:
    parts = {
        "x": State(states={"x1": State({"A": "a.y.y2"}), "x2": State({"B": "x1"})}, initial="x1"),
        "y": State(states={"y1": State({"B": "y2"}), "y2": State({"B": "y1"})}, initial="y1"),
    }
    around = State(
        {"C": "end"}, parallel=True, states=parts, on_exit=Emit("left", {}), on_entry=Emit("entered", {})
    )
    definition = _one(around)
    written = write(definition)
    assert [str(remark) for remark in written.remarks] == [
        "a.x.x1: a is left and entered again on the way to a.y.y2"
    ]
    theirs, ours = Virtual(loaded(written.text)), Driver(definition)
    theirs.send("A", {})
    ours.send("A")
    assert theirs.state == ours.state == "a.x.x1+a.y.y2"
    assert [event for event, _ in theirs.told] == ["entered", "left", "entered"]
    assert [told.event for told in ours.emitted] == ["entered"]


def test_the_first_way_to_a_history_around_leaves_less_there_than_here() -> None:
    inner = State(states={"x": State({"A": "h"}), "y": State()}, initial="x", on_exit=Emit("left", {}))
    within = {"h": State(history="deep", initial="c.y"), "c": inner}
    definition = _one(State({"B": "end"}, states=within, initial="c"))
    written = write(definition)
    assert [remark.where for remark in written.remarks] == ["a.c.x"]
    chart = loaded(written.text)
    assert [remark.where for remark in read(chart).remarks] == ["M.a.c.x"]
    theirs, ours = Virtual(chart), Driver(definition)
    theirs.send("A", {})
    ours.send("A")
    assert theirs.state == ours.state == "a.c.y"
    assert [len(theirs.told), len(ours.emitted)] == [0, 1]


def test_actions_on_the_way_to_a_history_run_once() -> None:
    inner = {"h": State(history="shallow"), "x": State({"A": "end"})}
    around = State(states=inner, initial="x")
    back = State({"B": Transition("a.h", actions=Assign({"n": "(context.n ?? 0) + 1"}))})
    definition = StateMachine("m", "a", {"a": around, "end": back})
    theirs = Virtual(loaded(write(definition).text))
    for event in "ABAB":
        theirs.send(event, {})
    assert theirs.machine.context == {"n": 2}


def test_a_word_of_an_event_is_not_the_event() -> None:
    definition = _one(State({"mouse": "end", "mouse.moved": Transition(actions=Emit("moved"))}))
    theirs = Virtual(loaded(write(definition).text))
    assert [theirs.send("mouse.moved", {}), theirs.state] == ["accepted", "a"]
    assert [theirs.send("mouse.gone", {}), theirs.state] == ["rejected", "a"]
    assert [theirs.send("mouse", {}), theirs.state] == ["accepted", "end"]


def test_a_call_runs_in_a_thread_and_its_answer_is_taken() -> None:
    """As it is used: with python-statemachine's own threads, which are waited for."""
    definition = StateMachine(
        "job",
        "working",
        {
            "working": State(invoke=Invoke("work", {"n": 2}, on_done="good", on_error="bad")),
            "good": State(terminal=True),
            "bad": State(terminal=True, outcome="failure"),
        },
    )
    chart = loaded(write(definition).text)
    for work, expected in ((lambda _, n: {"n": n}, {"n": 2}), (lambda _, n: n / 0, {})):
        machine = chart(handlers={"work": work})
        for one in list(machine._engine._invoke_manager._active.values()):
            assert one.thread is not None
            one.thread.join(timeout=30)
        assert machine.is_terminated
        assert machine.context == expected
        assert machine.outcome == (None if expected else "failure")
