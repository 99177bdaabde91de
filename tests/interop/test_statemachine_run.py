"""Modules that are written, run on python-statemachine: they do what `Driver` says of the definition.

Time is virtual, and what a state invokes is answered by the test.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import attrs
import pytest
from hypothesis import assume, example, given, note
from hypothesis import strategies as st

import statewf as wf
from statewf.compiler import compile_definition, states
from statewf.definition.model import (
    Assign,
    Emit,
    Invoke,
    Retry,
    State,
    StateMachine,
    Transition,
)
from statewf.definition.write import to_yaml
from statewf.errors import CompileError, ConversionError, EventRejected
from statewf.interop.statemachine import read, write
from statewf.machine.events import Event
from statewf.machine.fsm import Machine
from statewf.simulator import Driver
from statewf.values.frozen import thaw
from tests import worlds
from tests.compiler.charts import charts
from tests.compiler.charts import data as chart_data
from tests.interop.statemachines import Virtual, full, loaded, mute, tamed

Happening = tuple[str, Any]  # an event and its data; "" and how long; "!" and how a call is answered
SAME = "which is the same"

_events = st.tuples(st.sampled_from(["A", "B", "C", "m.x", "m.y", "m", "Z"]), chart_data)
_time = st.tuples(st.just(""), st.sampled_from([1, 500, 1000, 1500, 3000]))
_answers = st.tuples(st.just("!"), st.sampled_from(["done", "data", "event", "failed"]))
chart_scripts = st.lists(_events | _time, max_size=10)
world_scripts = st.lists(
    st.tuples(st.sampled_from([*worlds.EVENTS, "E"]), worlds.data) | _time | _answers, max_size=12
)


class Ours:
    """A definition in the driver, seen as one sees a class that is written."""

    def __init__(self, machine: Machine) -> None:
        self.driver = Driver(machine)

    def happen(self, event: str, given: Any) -> str:
        if event == "":
            self.driver.advance(given / 1000)
            return ""
        if event == "!":
            return self.answer(given)
        try:
            return self.driver.send(event, given).disposition
        except EventRejected:
            return "rejected"

    def answer(self, how: str) -> str:
        if self.driver.calls:
            handler = self.driver.calls[0].handler
            if how == "failed":
                self.driver.reply(error="Oops", message="no", handler=handler)
            else:
                self.driver.reply(_result(how), handler=handler)
        return ""

    def seen(self) -> tuple[object, ...]:
        driver = self.driver
        told = [(told.event, told.data) for told in driver.emitted]
        return driver.state, told, driver.context, driver.done, [call.handler for call in driver.calls]

    @property
    def circling(self) -> bool:
        """python-statemachine would never come back from that."""
        return any(note.kind == "livelock" for step in self.driver.history for note in step.notes)


class Oops(Exception):
    """What a handler fails with."""


def _result(how: str) -> object:
    if how == "event":
        return Event("B", {"ok": True})
    return {"n": 5, "ok": True} if how == "data" else {}


def _happen(theirs: Virtual, event: str, given: Any) -> str:
    if event == "":
        theirs.advance(given)
        return ""
    if event == "!":
        if theirs.calls:
            theirs.reply(theirs.calls[0], _failing if given == "failed" else lambda: _result(given))
        return ""
    return theirs.send(event, given)


def _failing() -> None:
    raise Oops("no")


def _seen(theirs: Virtual) -> tuple[object, ...]:
    told = [(event, thaw(data)) for event, data in theirs.told]
    machine = theirs.machine
    return theirs.state, told, thaw(machine.scope(None, {})["context"]), machine.is_terminated, theirs.calls


def compared(definition: StateMachine, script: list[Happening]) -> None:
    """Both must show the same after all that happens, and take or refuse the same events."""
    machine = _compiled(definition)
    try:
        written = write(definition)
    except ConversionError:
        assume(False)
    assume(all(SAME in remark.message for remark in written.remarks))
    note(to_yaml(definition))
    note(written.text)
    ours = Ours(machine)
    trace = [("", ours.seen()), *((ours.happen(*happening), ours.seen()) for happening in script)]
    assume(not ours.circling)
    theirs = Virtual(loaded(written.text))
    assert ("", _seen(theirs)) == trace[0]
    for happening, expected in zip(script, trace[1:], strict=True):
        note(str(happening))
        assert (_happen(theirs, *happening), _seen(theirs)) == expected


def _compiled(definition: StateMachine) -> Machine:
    """A large table takes its time and tells no more."""
    try:
        with patch.object(states, "MOST_PLACES", 200):
            return compile_definition(definition)
    except CompileError:
        assume(False)
        raise


# --- laws


@given(charts().map(tamed), chart_scripts)
def test_a_written_chart_does_what_its_definition_does(definition: StateMachine, script: list[Happening]) -> None:
    compared(definition, script)


@given(worlds.definitions().map(mute), world_scripts)
def test_timeouts_retries_and_calls_come_out_the_same(definition: StateMachine, script: list[Happening]) -> None:
    compared(definition, script)


def returned(definition: StateMachine) -> None:
    """It comes back as it was, but that targets may be named otherwise; once more, it is the same altogether."""
    _compiled(definition)
    try:
        written = write(definition)
    except ConversionError:
        assume(False)
    note(written.text)
    found = read(loaded(written.text)).definition
    if not written.remarks:
        assert full(found) == full(definition)
    assert read(loaded(write(found).text)).definition == found


@given(charts().map(tamed))
def test_a_chart_that_is_written_and_read_comes_back(definition: StateMachine) -> None:
    returned(definition)


@given(worlds.definitions().map(mute))
def test_timeouts_retries_and_calls_come_back(definition: StateMachine) -> None:
    returned(definition)


def test_names_that_python_does_not_know_come_back() -> None:
    inner = {"class": State({"go on!": "2nd"}), "2nd": State({"go-on!": "class"}), "guard": State({"x": "class"})}
    definition = StateMachine(
        "what a name",
        "état",
        {
            "état": State({"in": "a b", "1": "class"}),
            "a b": State({"out": "class"}, states=inner, initial="class"),
            "class": State({"x": "send"}, states={"2nd": State(description="The second")}, initial="2nd"),
            "send": State(terminal=True, outcome="failure", description="Not well"),
        },
        context={"total": 1, "text": 'a "quoted" \\ text\n'},
        description='Says "this"\nand that.',
        unexpected="ignore",
    )
    with pytest.raises(ConversionError, match="a space in its name"):
        write(definition)
    fit = attrs.evolve(
        definition,
        states={
            **definition.states,
            "a b": attrs.evolve(definition.states["a b"], states={**inner, "class": State({"go-on!": "2nd"})}),
        },
    )
    chart = loaded(write(fit).text)
    assert full(read(chart).definition) == full(fit)
    machine = Virtual(chart)
    assert [machine.send("in", {}), machine.state] == ["accepted", "a b.class"]


def test_states_of_one_name_in_different_parts_are_told_apart() -> None:
    left = State(states={"off": State({"L": "on"}), "on": State({"L": "off"})}, initial="off")
    right = State(states={"off": State({"R": "on"}), "on": State({"BOTH": "out.on"})}, initial="off")
    both = State(parallel=True, states={"left": left, "right": right})
    out = State(states={"on": State({"IN": "both"}), "off": State()}, initial="off", on={"L": "out.on"})
    definition = StateMachine("m", "both", {"both": both, "out": out})
    chart = loaded(write(definition).text)
    assert full(read(chart).definition) == full(definition)
    machine = Virtual(chart)
    assert [machine.send(event, {}) for event in ("L", "R", "BOTH")] == ["accepted"] * 3
    assert machine.state == "out.on"
    assert [machine.send("IN", {}), machine.state] == ["accepted", "both.left.off+both.right.off"]


def test_a_machine_may_begin_within_a_state() -> None:
    inner = {"x": State({"A": "y"}), "y": State({"A": "end"})}
    definition = StateMachine(
        "deep", "s.y", {"s": State(states=inner, initial="x", on={"B": "s"}), "end": State(terminal=True)}
    )
    chart = loaded(write(definition).text)
    assert full(read(chart).definition) == full(definition)
    assert Virtual(chart).state == "s.y"


def _charging(**retry: Any) -> StateMachine:
    answers: dict[str, str | Transition] = {
        "PAID": "good",
        "DECLINED": "bad",
        "NOTE": Transition(actions=Emit("noted")),
    }
    charging = State(
        answers,
        retry=Retry(3, ("DECLINED", "$error"), **retry),
        invoke=Invoke("charge", on_done=Transition(actions=Emit("done")), on_error="bad"),
        on_entry=Assign({"tries": "attempt"}),
    )
    ends = {"good": State(terminal=True), "bad": State({"AGAIN": "charging"})}
    return StateMachine("charging", "charging", {"charging": charging, **ends})


@pytest.mark.parametrize("retry", [{}, {"base_delay": 100, "backoff": "linear"}, {"backoff": "exponential"}])
@given(script=st.lists(st.sampled_from(["DECLINED", "NOTE", "PAID", "AGAIN", "!", "!data", "wait"]), max_size=9))
@example(script=["DECLINED", "NOTE", "DECLINED", "wait", "!", "wait", "DECLINED", "wait", "AGAIN", "!"])
@example(script=["!", "wait", "!", "wait", "!", "AGAIN", "!", "NOTE", "PAID"])
def test_attempts_are_counted_and_waits_grow(retry: dict[str, Any], script: list[str]) -> None:
    happenings: dict[str, Happening] = {"!": ("!", "failed"), "!data": ("!", "data"), "wait": ("", 100)}
    compared(_charging(**retry), [happenings.get(word, (word, {})) for word in script])


def test_attempts_end_where_they_should() -> None:
    theirs = Virtual(loaded(write(_charging(base_delay=100, backoff="linear")).text))
    seen = []
    for wait in (100, 200, 0):
        theirs.send("DECLINED", {})
        seen.append(theirs.state)
        theirs.advance(wait - 1 if wait else 0)
        seen.append(theirs.state)
        theirs.advance(1)
    assert seen == ["charging.$backoff"] * 4 + ["bad"] * 2
    assert theirs.machine.context == {"tries": 3}


def test_an_event_is_taken_instead_of_the_result() -> None:
    theirs = Virtual(loaded(write(_charging()).text))
    theirs.reply("charge", lambda: Event("NOTE", {"by": "charge"}))
    assert [event for event, _ in theirs.told] == ["noted"]
    assert theirs.machine.context == {"tries": 1, "by": "charge"}


# --- rules that chance hardly ever meets

PART = "{ initial: x, states: { x: { on: { E: %s } }, y: {} } }"
RULES: list[tuple[str, str, list[Happening], str, Any]] = [
    (
        "of two that leave the same states the first in the document is taken, whichever moved last",
        """
        p: { parallel: true, states: {
             a: { initial: a1, states: { a1: { on: { A: a2 } }, a2: { on: { E: one } } } },
             b: { initial: b1, states: { b1: { on: { E: two } } } } } }
        one: {}
        two: {}
        """,
        [("A", {}), ("E", {})],
        "one",
        {},
    ),
    (
        "the data of an event is merged once, before the actions of all that is taken",
        f"""
        p: {{ parallel: true, states: {{
             a: {PART % "{ target: y, actions: { type: assign, set: { n: context.n + 1 } } }"},
             b: {PART % "{ target: y, actions: { type: assign, set: { n: context.n * 2 } } }"} }} }}
        """,
        [("E", {"n": 5})],
        "p.a.y+p.b.y",
        {"n": 12},
    ),
    (
        "a pattern is not for the timers of the machine",
        """
        p: { initial: x, timeout: 1s, timeoutTransition: one, states: { x: { on: { "*": two } } } }
        one: {}
        two: {}
        """,
        [("", 1000)],
        "one",
        {},
    ),
    (
        "the more exact pattern comes first, wherever it was written",
        """
        p: { on: { "*": two, "m.*": { target: two, guard: event.data.ok }, "m.x.*": one } }
        one: {}
        two: {}
        """,
        [("m.x.y", {"ok": True})],
        "one",
        {"ok": True},
    ),
    (
        "an internal transition does not leave its state",
        """
        p: { initial: x, timeout: 1s, timeoutTransition: one,
             on: { IN: { target: y, internal: true } }, states: { x: {}, y: {} } }
        one: {}
        """,
        [("", 600), ("IN", {}), ("", 600)],
        "one",
        {},
    ),
    (
        "a result that leads nowhere is not merged where it might have led somewhere",
        """
        p: { invoke: { handler: f, onDone: { target: one, guard: event.data.n > 9 } }, on: { E: one } }
        one: {}
        """,
        [("!", "data"), ("E", {})],
        "one",
        {},
    ),
]


@pytest.mark.parametrize(
    ("text", "script", "state", "context"), [rule[1:] for rule in RULES], ids=[r[0] for r in RULES]
)
def test_a_rule(text: str, script: list[Happening], state: str, context: dict[str, Any]) -> None:
    definition = wf.loads(f"name: m\ninitialState: p\nstates:{text}")
    assert isinstance(definition, StateMachine)
    ours, theirs = Ours(wf.compile(definition)), Virtual(loaded(write(definition).text))
    for happening in script:
        assert _happen(theirs, *happening) == ours.happen(*happening)
    assert _seen(theirs) == ours.seen()
    assert (theirs.state, ours.driver.context) == (state, context)
