"""The way that is told to where an event would be accepted: it leads there, and none is shorter; and what is known on it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from statewf.checker.explain import explain
from statewf.checker.explain.foresight import Leg
from statewf.compiler import compile_definition
from statewf.definition.model import StateMachine
from statewf.definition.workflow import Workflow
from statewf.machine.events import AnyEvent, Decided, Event, Failed, Fired, Returned
from statewf.machine.fsm import Assign, Machine
from statewf.machine.lens import lens
from statewf.machine.snapshot import Snapshot, Step, due
from statewf.machine.step import step
from statewf.machine.tries import tries
from statewf.values.frozen import Object
from tests import worlds
from tests.checker.explain.test_explain import SAID, instance, labels, objects, walked
from tests.checker.machines import EVENTS, machines
from tests.machine.workflows import EVENTS as SIGNALS
from tests.machine.workflows import happenings, workflows

APART = ("context.x", "context.y === 1", "attempt < 2", "1 % 0")  # each reads something of its own
ENOUGH = 2_000  # configurations
SHORT = 2  # legs that a naive search goes


DATA = objects(x=(..., True, False), y=(..., 1, 2))
FIGURES = objects(ok=(..., True), n=(..., 3), missing=(..., {"deeper": 1}))
inputs = st.sampled_from(objects(x=(..., True, False), y=(..., 1, 2)))


def concrete(event: AnyEvent, pool: Sequence[Object]) -> Iterator[AnyEvent]:
    """What can be tried, with real data."""
    anything: Any = None
    match event:
        case Event(name):
            yield from (Event(name, data) for data in pool)
        case Returned(call, _, _, Event(name)):
            yield from (Returned(call, None, 0, Event(name, data)) for data in pool)
        case Returned(call):
            yield from (Returned(call, result) for result in (anything, *pool))
        case Failed():
            yield from (event._replace(error=error, message="no") for error in ("Error", "Bad"))
        case Decided():
            yield from (event._replace(result=result) for result in (anything, *pool))
        case _:
            yield event


def happens(
    machine: Machine, snapshot: Snapshot, pool: Sequence[Object], only: str | None = None
) -> Iterator[tuple[str, Snapshot]]:
    """All that can follow with such data; `only`: of what is called so, timers in any order; else the next timer alone."""
    if snapshot.ended:
        return
    timers = due(machine, snapshot)
    for tried in tries(machine, snapshot):
        if (
            only is None
            and isinstance(tried.event, Fired)
            and (tried.event.region, tried.event.timer) != timers[0][1:]
        ):
            continue
        if only in (None, tried.label):
            for event in concrete(tried.event, pool):
                made = step(machine, snapshot, event)
                if isinstance(made, Step):
                    yield tried.label, made.after


def alike(machine: Machine, snapshots: Iterator[Snapshot]) -> list[Snapshot]:
    """One of each kind of snapshot."""
    sight = lens(machine)
    key: dict[Hashable, Snapshot] = {}
    for snapshot in snapshots:
        timers = tuple(timer for _, *timer in due(machine, snapshot))
        data = tuple(sorted(snapshot.context.items(), key=repr)), tuple(e.data for e in snapshot.flight.deferred)
        here = (sight.configuration(snapshot), data, repr(timers))
        key.setdefault(here, snapshot)
    return list(key.values())


def takes(machine: Machine, snapshot: Snapshot, event: str, pool: Sequence[Object]) -> bool:
    made = (step(machine, snapshot, Event(event, data)) for data in pool)
    return any(isinstance(one, Step) and one.disposition == "accepted" for one in made)


def replayed(machine: Machine, snapshot: Snapshot, legs: Sequence[Leg], pool: Sequence[Object]) -> list[Snapshot]:
    """Where the way leads, with any of these data."""
    here = [snapshot]
    for leg in legs:
        here = alike(machine, (after for one in here for _, after in happens(machine, one, pool, leg.label)))
    return here


def nearest(machine: Machine, snapshot: Snapshot, event: str, pool: Sequence[Object], most: int) -> int | None:
    """How many things have to happen, by a naive search in real snapshots, with such data; None: more than `most`."""
    here = seen = [snapshot]
    for length in range(most + 1):
        if any(takes(machine, one, event, pool) for one in here):
            return length
        if length < most:
            after = alike(machine, (after for one in here for _, after in happens(machine, one, pool)))
            known = len(seen)
            seen = alike(machine, iter([*seen, *after]))
            here = seen[known:]
    return None


def fixed(machine: Machine, snapshot: Snapshot) -> set[str]:
    """The names that are taken to stay as they are: those that are there, and those that the machine sets."""
    ops = (
        op
        for region in machine.regions
        for state in region.states.values()
        for transition in (region.start, *state.transitions())
        for op in (*transition.exit, *transition.actions, *transition.entry)
    )
    return {*snapshot.context, *(name for op in ops if isinstance(op, Assign) for name, _ in op.values)}


def judge(machine: Machine, snapshot: Snapshot, event: str, pool: Sequence[Object], tied: str = "never") -> None:
    """The way that is told leads there, none is shorter, and where there is none nothing leads there.

    A name that is `tied` is read by several conditions, or set from what it was: what is supposed of it may contradict.
    """
    found = explain(machine, snapshot, event, limit=ENOUGH).foresight
    assume(found.complete)
    if found.legs is None:
        assert nearest(machine, snapshot, event, pool, SHORT) is None
        return
    given = pool if found.overwriting else [one for one in pool if not fixed(machine, snapshot).intersection(one)]
    doubts = [text for leg in found.legs for text in leg.supposed] + list(found.supposed)
    if not doubts:  # then it leads there whatever the data are
        for data in given:
            ends = replayed(machine, snapshot, found.legs, [data])
            assert any(takes(machine, end, event, [data]) for end in ends)
    elif not any(tied in text for text in doubts):
        ends = replayed(machine, snapshot, found.legs, pool)
        assert any(takes(machine, end, event, pool) for end in ends), doubts
    if found.legs:
        assert nearest(machine, snapshot, event, given, min(len(found.legs) - 1, SHORT)) is None


@settings(max_examples=60)
@given(machines(APART), inputs, st.sampled_from(EVENTS), st.data())
def test_the_way_of_a_machine_leads_there_and_none_is_shorter(
    definition: StateMachine, given: Object, event: str, drawn: st.DataObject
) -> None:
    machine = compile_definition(definition)
    assume(event in machine.listeners)
    snapshot = walked(machine, drawn, given, lambda here: worlds.happenings(machine, here))
    judge(machine, snapshot, event, DATA, tied="context.x")


@settings(max_examples=30)
@given(worlds.machines, st.sampled_from(FIGURES), st.sampled_from(worlds.EVENTS), st.data())
def test_the_way_of_a_machine_with_all_there_is_leads_there_and_none_is_shorter(
    machine: Machine, given: Object, event: str, drawn: st.DataObject
) -> None:
    assume(event in machine.listeners)
    snapshot = walked(machine, drawn, given, lambda here: worlds.happenings(machine, here))
    judge(machine, snapshot, event, FIGURES, tied="context.n")


@settings(max_examples=60)
@given(workflows(), st.sampled_from(SAID), st.sampled_from(SIGNALS), st.data())
def test_the_way_of_a_workflow_leads_there_and_none_is_shorter(
    workflow: Workflow, given: Object, event: str, drawn: st.DataObject
) -> None:
    machine = compile_definition(workflow)
    assume(event in machine.listeners)
    snapshot = walked(machine, drawn, given, lambda here: happenings(here, machine))
    judge(machine, snapshot, event, SAID)


# --- what is known, and what is supposed

GATE = """
states:
  a: {on: {PAY: [{target: rich, guard: context.total > 100}, {target: poor, guard: inputs.total <= 100}]}}
  rich: {on: {SHIP: done}}
  poor: {on: {BACK: a, TIP: a}}
  done: {terminal: true}
initialState: a
"""


def test_what_is_known_is_not_supposed() -> None:
    found = explain(*instance(GATE, {"total": 300}), "SHIP")
    assert (labels(found), found.document()["supposed"], found.foresight.overwriting) == (["PAY"], [], False)


def test_what_events_would_have_to_change_is_told() -> None:
    found = explain(*instance(GATE, {"total": 30}), "SHIP")
    assert labels(found) == ["PAY", "BACK", "PAY"]
    assert found.foresight.overwriting
    assert found.document()["supposed"] == ["context.total > 100"]


OPENED = """
states:
  a: {on: {E: b, F: {target: c, guard: "has(context, 'x') || context.y.z"}}}
  b: {on: {G: a}}
  c: {terminal: true}
initialState: a
"""


def test_what_is_not_there_is_known_not_to_be_there_until_something_comes_from_outside() -> None:
    found = explain(*instance(OPENED), "F")
    assert labels(found) == ["E", "G"]
    assert found.document()["supposed"] == ['has(context, "x")']
    assert explain(*instance(OPENED, {"x": None}), "F").accepted


COUNTING = """
states:
  a: {on: {TICK: {actions: {type: assign, set: {n: context.n + 1}}}, GO: {target: b, guard: context.n >= 3}}}
  b: {terminal: true}
initialState: a
"""


def test_a_counter_of_its_own_is_counted() -> None:
    found = explain(*instance(COUNTING, {"n": 0}), "GO")
    assert (labels(found), found.document()["supposed"]) == (["TICK"] * 3, [])


def test_what_an_invoked_handler_finds_may_be_anything() -> None:
    text = """
states:
  a: {invoke: {handler: look, onDone: [{target: b, guard: event.data > 3}, {target: c, guard: event.data.ok}, d]}}
  b: {on: {E: d}}
  c: {on: {F: {target: d, guard: context.found}}}
  d: {terminal: true}
initialState: a
"""
    assert explain(*instance(text), "E").document()["supposed"] == ["event.data > 3"]
    assert explain(*instance(text), "F").document()["supposed"] == ["event.data.ok", "context.found"]


def test_whatever_a_handler_finds_may_go_into_the_context() -> None:
    text = """
states:
  a: {invoke: {handler: look, onDone: b}}
  b: {on: {E: {target: c, guard: context.x}}}
  c: {terminal: true}
initialState: a
"""
    found = explain(*instance(text), "E")
    assert (labels(found), found.document()["supposed"]) == (["look returned"], ["context.x"])


def test_of_two_timers_the_one_that_comes_due_first_does_so_first() -> None:
    text = """
states:
  outer:
    timeout: {OUTER}
    timeoutTransition: late
    initial: inner
    states: {inner: {timeout: 5s, timeoutTransition: soon}}
  late: {terminal: true}
  soon: {on: {E: late}}
initialState: outer
"""
    assert labels(explain(*instance(text.replace("{OUTER}", "9s")), "E")) == ["$timeout:outer.inner"]
    assert labels(explain(*instance(text.replace("{OUTER}", "4s")), "E")) is None


def test_what_people_say_is_supposed() -> None:
    text = """
steps:
  - {id: ask, type: human-task}
  - {id: w, type: event, event: E, when: results.ask.decision === 'later' && results.ask.result.amount > 3}
  - {id: c}
"""
    found = explain(*instance(text), "E")
    assert labels(found) == ["ask decided otherwise"]
    assert found.document()["supposed"] == ['results.ask.decision === "later"', "results.ask.result.amount > 3"]


CHAIN = "steps: [{id: a}, {id: b, dependsOn: [a]}, {id: c, dependsOn: [b]}, {id: d, dependsOn: [c]}]"
WIDE = "steps: [{id: a}, {id: b}, {id: c}, {id: d}]"
SHORT_CUTS = {
    "the others are called off": (f"type: parallel, required: false, {CHAIN}", "a failed"),
    "its time is up": (f"type: parallel, required: false, timeout: 5s, {WIDE}", "block $timeout"),
    "one is enough": (f"type: parallel, strategy: any, {WIDE}", "a returned"),
    "it is skipped": (f"type: parallel, when: 'false', {WIDE}", None),
    "a short branch": (
        f"type: condition, condition: inputs.x, then: {{id: t, type: parallel, {WIDE}}}, else: {{id: e}}",
        "e returned",
    ),
    "no branch": (f"type: condition, condition: inputs.x, then: {{id: t, type: parallel, {WIDE}}}", None),
    "it may be skipped": (
        "type: parallel, steps: [{id: a, when: 'false'}, {id: b, when: 'false'}, {id: c, when: 'false'}]",
        None,
    ),
}  # what lies between `first` and the event, and what is enough to get over it


@pytest.mark.parametrize("name", SHORT_CUTS)
def test_no_way_that_is_longer_is_told_first(name: str) -> None:
    """Beside it lies another way to the event, in four calls."""
    block, label = SHORT_CUTS[name]
    text = f"""
steps:
  - {{id: first, dependsOn: []}}
  - {{id: second}}
  - {{id: block, dependsOn: [second], {block}}}
  - {{id: w, type: event, event: E}}
  - {{id: x, dependsOn: []}}
  - {{id: y}}
  - {{id: z}}
  - {{id: u}}
  - {{id: v, type: event, event: E}}
"""
    assert labels(explain(*instance(text), "E")) == [
        "first returned",
        "second returned",
        *([label] if label else []),
    ]


# --- bounds


def parallel(*steps: str) -> str:
    """These steps at once, and behind them one that waits for an event."""
    listed = "".join(f"  - {{id: b{n}, dependsOn: []{more}}}\n" for n, more in enumerate(steps))
    ids = ", ".join(f"b{n}" for n in range(len(steps)))
    return f"steps:\n{listed}  - {{id: w, type: event, event: E, dependsOn: [{ids}]}}\n"


def test_many_steps_at_once_are_no_reason_to_lose_the_way() -> None:
    found = explain(*instance(parallel(*[""] * 100)), "E", limit=500)
    assert (labels(found), found.foresight.complete) == ([f"b{n} returned" for n in range(100)], True)


def test_a_handler_may_answer_with_what_another_step_waits_for() -> None:
    found = explain(*instance(parallel("", ", type: event, event: F")), "E")
    assert labels(found) == ["b0 answered F"]


def test_where_the_shortest_way_is_too_far_one_is_told_that_may_be_longer() -> None:
    found = explain(*instance(parallel(*(f", type: event, event: F{n}" for n in range(9)))), "E", limit=200)
    assert (labels(found), found.foresight.complete) == ([f"F{n}" for n in range(9)], False)


def test_a_search_that_was_cut_never_says_that_there_is_none() -> None:
    counted = COUNTING.replace("3", "300")
    found = explain(*instance(counted, {"n": 0}), "GO", limit=100)
    assert (labels(found), found.foresight.complete, found.limit) == (None, False, 100)
    assert len(labels(explain(*instance(counted, {"n": 0}), "GO")) or ()) == 300


def test_what_a_step_finds_may_set_what_a_condition_reads() -> None:
    text = """
        steps:
          - {id: s1, handler: s1}
          - {id: s2, type: condition, condition: context.x === true, then: {id: s3, type: event, event: STOP}}
        """
    found = explain(*instance(text), "STOP").foresight
    assert found.legs is not None
    assert [(leg.label, leg.supposed) for leg in found.legs] == [("s1 returned", ("context.x === true",))]
