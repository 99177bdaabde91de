"""The course of an instance: from run to run it stays the same, whenever it is carried on."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import statewf as wf
from statewf.compiler import compile_definition
from statewf.engines.temporal import limits
from statewf.engines.temporal.course import Course, packed, unpacked
from statewf.errors import KeyConflict
from statewf.history.codec import decode_event, encode_snapshot, encode_step
from statewf.machine.events import Cancel, Event, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.record import row
from statewf.machine.replay import replay
from statewf.machine.snapshot import Rejected, Snapshot, Step, blank, due
from statewf.pricing import billed
from statewf.values.canonical import canonical
from statewf.values.frozen import EMPTY, freeze_object
from tests.flows import INPUTS, Flow, flows
from tests.forecast.test_lives import price_lists
from tests.worlds import definitions, happenings

ALL = 10**9
ROOM = 1_000_000  # bytes


def carried(course: Course, machine: Machine, inputs: Any) -> Course:
    """The same course after it went over the wire."""
    document = course.carried(ROOM)
    assert document is not None
    return Course.resumed(machine, "i", freeze_object(inputs, "the inputs"), json.loads(json.dumps(document)))


def told(snapshot: Snapshot) -> str:
    return canonical(encode_snapshot(snapshot))


@given(st.data(), definitions())
def test_whenever_it_is_carried_on_it_is_the_same(data: st.DataObject, definition: wf.StateMachine) -> None:
    prices = data.draw(price_lists(("s0", "s1")))
    machine = compile_definition(attrs.evolve(definition, pricing=prices))
    straight, other = Course(machine, "i"), Course(machine, "i")
    inputs, steps = {"n": 1}, []
    happens: Any = Start(freeze_object(inputs, "the inputs"), 0)
    for number in range(12):
        made, again = straight.take(happens), other.take(happens)
        assert made == again or isinstance(made, Step)
        assert isinstance(made, Rejected) == isinstance(again, Rejected)
        if isinstance(made, Step) and isinstance(again, Step):
            steps.append(made)
            if isinstance(happens, Event):
                assert straight.answer(made) == other.answer(again)
        if data.draw(st.booleans()):
            other = carried(other, machine, inputs)
        assert told(straight.snapshot) == told(other.snapshot)
        assert straight.history(0, ALL) == other.history(0, ALL)
        assert straight.deadline == other.deadline
        happens = data.draw(happenings(machine, straight.snapshot))
        if isinstance(happens, Event):
            happens = Event(happens.name, happens.data, happens.at, data.draw(st.none() | st.just(f"k{number}")))
    assert straight.history(0, ALL) == json.loads(canonical([encode_step(made) for made in steps]))
    assert (
        straight.cost
        == other.cost
        == billed(machine, replay(machine, [s.event for s in steps], blank(machine, "i")))[1]
    )


@given(flows(rich=True), st.integers(0, 40))
def test_workflows_are_carried_on_too(flow: Flow, often: int) -> None:
    machine = compile_definition(flow.workflow)
    straight, other = Course(machine, "i"), Course(machine, "i")
    events: list[Any] = [Start(INPUTS, 0)]
    for _ in range(often):
        for event in events:
            assert isinstance(straight.take(event), Rejected) == isinstance(other.take(event), Rejected)
        other = carried(other, machine, INPUTS)
        assert told(straight.snapshot) == told(other.snapshot)
        armed = due(machine, straight.snapshot)
        calls = sorted(straight.snapshot.flight.calls)
        if not (armed or calls):
            break
        at = armed[0][0] if armed else straight.snapshot.at
        events = [Returned(calls[0], None, at)] if calls else [Fired(armed[0][1], armed[0][2], at)]
    assert straight.history(0, ALL) == other.history(0, ALL)


def counter() -> Course:
    text = """
    initialState: on
    context: { n: 0 }
    states:
      on: { on: { ADD: { actions: { type: assign, set: { n: context.n + 1 } } }, LATER: off }, timeout: 10s, timeoutTransition: off }
      off: { terminal: true }
    """
    course = Course(wf.compile(wf.loads(text)), "i")
    course.take(Start(EMPTY, 0))
    return course


def test_history_comes_in_pages_and_each_has_one_row_at_least() -> None:
    course = counter()
    for number in range(5):
        course.take(Event("ADD", {"i": number}, 1))
    course = carried(course, course.machine, {})
    for number in range(5):
        course.take(Event("ADD", {"i": number}, 2))
    whole = course.history(0, ALL)
    assert [each["seq"] for each in whole] == list(range(1, 12))
    pages: list[Any] = []
    while page := course.history(pages[-1]["seq"] if pages else 0, 1):
        assert len(page) == 1
        pages += page
    assert pages == whole
    assert course.history(7, ALL) == whole[7:]
    assert course.history(11, ALL) == []
    events = [decode_event(each) for each in whole]
    assert [row(made) for made in replay(course.machine, events, blank(course.machine, "i"))][-1]["seq"] == 11


def test_what_is_too_much_to_be_carried_on_is_lost_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROWS", 400)
    monkeypatch.setattr(limits, "PACK", 1_000)
    course = counter()
    for turn in range(6):
        for number in range(20):
            course.take(Event("ADD", {"turn": turn, "number": number}, 1))
        course = carried(course, course.machine, {})
    assert course.lost > 20
    assert [each["seq"] for each in course.history(0, ALL)] == list(range(course.lost + 1, 122))
    assert course.snapshot.context["n"] == 120


def test_a_key_stands_for_one_thing_also_in_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    course = counter()
    made = course.take(Event("ADD", {"i": 1}, 1, "k"))
    assert isinstance(made, Step)
    first = course.answer(made)
    course = carried(course, course.machine, {})
    again = course.told(Event("ADD", {"i": 1}, 5, "k"))
    assert again == attrs.evolve(first, disposition="duplicate")
    with pytest.raises(KeyConflict, match="the key k was used before"):
        course.told(Event("ADD", {"i": 2}, 5, "k"))
    assert course.told(Event("ADD", {"i": 2}, 5, "other")) is None
    monkeypatch.setattr(limits, "KEYS", 2)
    for key in ("k2", "k3"):
        made = course.take(Event("ADD", {}, 6, key))
        assert isinstance(made, Step)
        course.answer(made)
    assert course.told(Event("ADD", {"i": 1}, 7, "k")) is None  # the oldest are forgotten
    assert course.told(Event("ADD", {}, 7, "k2")) is not None


def test_timers_that_are_late_fire_before_and_refusals_know_it() -> None:
    course = counter()
    assert course.deadline == 10_000
    assert course.late(10_000) is None
    assert course.late(10_000, including=True) == Fired("main", "$timeout:on", 10_000)
    assert course.late(10_001) == Fired("main", "$timeout:on", 10_001)
    assert course.refusal(Event("ADD", {}, 10_000), 10_000) is None
    refused = course.refusal(Event("ADD", {}, 10_001), 10_001)
    assert refused is not None
    assert refused.reason == "terminal"
    assert course.refusal(Cancel(5), 5) is None
    assert course.snapshot.seq == 1  # nothing of it happened


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=3)))
def test_what_is_packed_is_unpacked(rows: list[Any]) -> None:
    assert unpacked(packed(rows)) == rows


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=12), st.integers(0, 60_000))
def test_what_is_carried_on_is_no_more_than_there_is_room_for(sizes: list[int], room: int) -> None:
    course, chance = counter(), Random(1)
    for number, size in enumerate(sizes):
        made = course.take(Event("ADD", {"big": chance.randbytes(size // 2).hex()}, 1, f"k{number}" * 50))
        assert isinstance(made, Step)
        course.answer(made)
    document = course.carried(room)
    without = len(json.dumps({"snapshot": json.loads(canonical(encode_snapshot(course.snapshot)))}))
    if document is None:
        assert room < without + 3_000
        return
    assert len(json.dumps(document)) <= room
    again = Course.resumed(course.machine, "i", EMPTY, document)
    assert told(again.snapshot) == told(course.snapshot)
    assert again.history(0, ALL) == course.history(again.lost, ALL)
