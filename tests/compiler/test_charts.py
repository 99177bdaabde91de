"""The rules of statecharts one by one: what is done, in which order, and where it leads.

Each case is a chart, what is sent to it, and after each what it told meanwhile and where it is. In a chart, `in X` and
`out X` are told by each state that is entered or left, and a transition tells its event and where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest

import statewf as wf
from statewf.definition.model import Emit, State, StateMachine
from statewf.errors import CompileError, EventRejected
from statewf.machine.events import Fired
from statewf.machine.snapshot import Step
from statewf.simulator import Driver

A_AND_B = """
initialState: both
states:
  both:
    parallel: true
    on: { OUT: { target: out, actions: [{type: emit, event: OUT}] } }
    states:
      a:
        initial: a1
        on: { X: { target: a3, actions: [{type: emit, event: X of a}] } }
        states: { a1: { on: { GO: a2, ONE: a2 } }, a2: { on: { GO: a1, X: a1 } }, a3: {} }
      b:
        initial: b1
        on: { AGAIN: { target: b, actions: [{type: emit, event: AGAIN}] }, IN: { target: b2, internal: true } }
        states: { b1: { on: { GO: b2 } }, b2: { on: { X: out } } }
  out: { on: { BACK: both, BOTH: { target: [both.a.a2, both.b.b2] }, DEEP: both.b.b2 } }
"""
HISTORIES = """
initialState: out
states:
  out: { on: { SHALLOW: box.last, DEEP: box.all, BOX: box } }
  box:
    initial: p
    on: { OUT: out, ANEW: box.all }
    states:
      last: { history: shallow, initial: q }
      all: { history: deep }
      p: { initial: p1, states: { p1: { on: { N: p2 } }, p2: { on: { N: q } } } }
      q: { initial: q1, states: { q1: { on: { N: q2 } }, q2: {} } }
"""
DONE = """
initialState: work
states:
  work:
    parallel: true
    onDone: { target: over, actions: [{type: emit, event: both done}] }
    states:
      l: { initial: l1, onDone: { actions: [{type: emit, event: l done}] },
           states: { l1: { on: { L: l2 } }, l2: { final: true } } }
      r: { initial: r1, states: { r1: { on: { R: r2, BOTH: r2 } }, r2: { final: true } } }
  over: { terminal: true }
"""
OWN = """
initialState: a
states:
  a:
    on:
      TWO: { actions: [{type: raise, event: R}, {type: raise, event: S}, {type: emit, event: TWO}] }
      LATER: { actions: [{type: raise, event: R, delay: 1s}] }
      FIRST: { target: b, actions: [{type: raise, event: R}] }
      R: { actions: [{type: emit, event: R}] }
      S: { actions: [{type: emit, event: S}] }
  b: { always: c, on: { R: a } }
  c: { on: { R: d } }
  d: {}
"""
TIMED = """
initialState: a
states:
  a: { on: { GO: { target: b, actions: {type: raise, event: R, delay: 1s} } } }
  b: { timeout: 1s, timeoutTransition: c, on: { R: a } }
  c: { on: { R: { target: a, actions: [{type: emit, event: R of c}] } }, timeout: 9s, timeoutTransition: a }
"""
PATTERNS = """
initialState: a
states:
  a:
    initial: b
    on: { "*": { actions: [{type: emit, event: any of a}] } }
    states:
      b:
        on:
          "m.*": { actions: [{type: emit, event: m of b}] }
          m.x: { guard: event.data.ok === true, actions: [{type: emit, event: x of b}] }
          named: { actions: [{type: emit, event: named}] }
"""
ASKING = """
initialState: both
states:
  both:
    parallel: true
    states:
      a: { initial: a1, states: { a1: { on: { GO: a2 } }, a2: {} } }
      b:
        initial: b1
        states:
          b1: { on: { ASK: { target: b2, guard: "includes(state, 'both.a.a2') && !includes(state, 'both.b.b2')" } } }
          b2: {}
"""

CASES = [
    # states are entered from outside in the order of the document, and left from within in the opposite order
    ("both are entered and left in order", A_AND_B, [
        ("", "in both, in both.a, in both.a.a1, in both.b, in both.b.b1", "both.a.a1+both.b.b1"),
        ("OUT", "out both.b.b1, out both.b, out both.a.a1, out both.a, out both, OUT, in out", "out"),
        ("BACK", "out out, in both, in both.a, in both.a.a1, in both.b, in both.b.b1", "both.a.a1+both.b.b1"),
    ]),
    ("one event moves both at once: all is left before anything is entered", A_AND_B, [
        ("GO", "out both.b.b1, out both.a.a1, in both.a.a2, in both.b.b2", "both.a.a2+both.b.b2"),
        ("ONE", None, "both.a.a2+both.b.b2"),
    ]),
    ("of two that leave the same states the first in the document is taken", A_AND_B, [
        ("GO", None, None),
        ("X", "out both.a.a2, in both.a.a1", "both.a.a1+both.b.b2"),
    ]),
    ("what is further out is taken where nothing within answers", A_AND_B, [
        ("X",
         "out both.b.b1, out both.b, out both.a.a1, out both.a, X of a, in both.a, in both.a.a3, in both.b, in both.b.b1",
         "both.a.a3+both.b.b1"),
    ]),
    ("a part that is entered anew takes those beside it with it, and not what is around", A_AND_B, [
        ("GO", None, None),
        ("AGAIN",
         "out both.b.b2, out both.b, out both.a.a2, out both.a, AGAIN, in both.a, in both.a.a1, in both.b, in both.b.b1",
         "both.a.a1+both.b.b1"),
    ]),
    ("an internal transition does not leave its state", A_AND_B, [
        ("IN", "out both.b.b1, in both.b.b2", "both.a.a1+both.b.b2"),
    ]),
    ("several targets, and one deep within", A_AND_B, [
        ("OUT", None, "out"),
        ("BOTH", "out out, in both, in both.a, in both.a.a2, in both.b, in both.b.b2", "both.a.a2+both.b.b2"),
        ("OUT", None, "out"),
        ("DEEP", "out out, in both, in both.a, in both.a.a1, in both.b, in both.b.b2", "both.a.a1+both.b.b2"),
    ]),
    ("a history leads where it says at first, and then where one was", HISTORIES, [
        ("SHALLOW", None, "box.q.q1"),
        ("N", None, "box.q.q2"),
        ("OUT", None, "out"),
        ("SHALLOW", "out out, in box, in box.q, in box.q.q1", "box.q.q1"),
        ("N", None, "box.q.q2"),
        ("OUT", None, "out"),
        ("DEEP", "out out, in box, in box.q, in box.q.q2", "box.q.q2"),
        ("OUT", None, "out"),
        ("BOX", "out out, in box, in box.p, in box.p.p1", "box.p.p1"),
    ]),
    ("without an initial a history leads where its state begins", HISTORIES, [("DEEP", None, "box.p.p1")]),
    ("a state that goes to its own history is left and entered as it was", HISTORIES, [
        ("BOX", None, None),
        ("N", None, "box.p.p2"),
        ("ANEW", "out box.p.p2, out box.p, out box, in box, in box.p, in box.p.p2", "box.p.p2"),
    ]),
    ("a parallel state is done when all within are", DONE, [
        ("L", "out work.l.l1, in work.l.l2, l done", "work.l.l2+work.r.r1"),
        ("R",
         "out work.r.r1, in work.r.r2, out work.r.r2, out work.r, out work.l.l2, out work.l, out work, both done, in over",
         "over"),
    ]),
    ("raised events are taken in order, before anything from outside", OWN, [("TWO", "TWO, R, S", "a")]),
    ("of one instant a timeout comes before an own event", TIMED, [
        ("GO", "out a, in b", "b"),
        (1.0, "out b, in c, out c, R of c, in a", "a"),
    ]),
    ("what needs no event comes before a raised one", OWN, [("FIRST", "out a, in b, out b, in c, out c, in d", "d")]),
    ("an event may be raised for later", OWN, [("LATER", "", "a"), (0.9, "", "a"), (0.1, "R", "a")]),
    ("the more exact name comes first, then its patterns, then what is around", PATTERNS, [
        ("named", "named", None),
        ("m.x ok", "x of b", None),
        ("m.x", "m of b", None),
        ("m", "m of b", None),
        ("m.y.z", "m of b", None),
        ("mx", "any of a", None),
    ]),
    ("a guard may ask for the states that are active", ASKING, [
        ("ASK", "refused", "both.a.a1+both.b.b1"),
        ("GO", None, "both.a.a2+both.b.b1"),
        ("ASK", None, "both.a.a2+both.b.b2"),
    ]),
]  # fmt: skip


def chart(text: str) -> StateMachine:
    """The chart, of which each state tells that it is entered and left."""
    definition = wf.loads(f"name: chart\n{text}")
    assert isinstance(definition, StateMachine)

    def telling(states: Mapping[str, State], around: str) -> dict[str, State]:
        return {name: told(state, f"{around}{name}") for name, state in states.items()}

    def told(state: State, name: str) -> State:
        if state.history:
            return state
        leaving = [] if state.terminal else [Emit(f"out {name}", {})]
        inner = telling(state.states, f"{name}.")
        return attrs.evolve(state, states=inner, on_entry=[Emit(f"in {name}", {})], on_exit=leaving)

    return attrs.evolve(definition, states=telling(definition.states, ""))


@pytest.mark.parametrize(("text", "script"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_rule(text: str, script: list[tuple[str | float, str | None, str | None]]) -> None:
    driver = Driver(chart(text))
    seen = len(driver.emitted) if script[0][0] else 0  # a script may ask for the start, too
    for happens, expected, state in script:
        told = happened(driver, happens, seen)
        seen = len(driver.emitted)
        assert expected is None or ", ".join(told) == expected
        assert state is None or driver.state == state


def happened(driver: Driver, happens: str | float, seen: int) -> list[str]:
    """What is told when something happens: an event, seconds that pass, or nothing."""
    if isinstance(happens, float):
        driver.advance(happens)
    elif happens:
        event, _, ok = happens.partition(" ")
        try:
            driver.send(event, {"ok": True} if ok else {})
        except EventRejected:
            return ["refused"]
    return [told.event for told in driver.emitted[seen:]]


def test_a_timer_stops_the_running_action_of_a_state_that_it_leaves_and_of_no_other() -> None:
    timed = "{ a: { initial: x, states: { x: { onEntry: {type: function, handler: f}, TIMEOUT1 }, y: {} } }, "
    timed += "b: { initial: z, states: { z: { TIMEOUT2 }, w: {} } } }"
    running = "timeout: 1s, timeoutTransition: y", "timeout: 5s, timeoutTransition: w"
    other = "timeout: 5s, timeoutTransition: y", "timeout: 1s, timeoutTransition: w"
    found = []
    for one, two in (running, other):
        inner = timed.replace("TIMEOUT1", one).replace("TIMEOUT2", two)
        machine = wf.compile(
            wf.loads(f"{{name: m, initialState: p, states: {{p: {{parallel: true, states: {inner}}}}}}}")
        )
        begun = wf.start(machine)
        fired = wf.step(
            machine, begun.after, Fired("main", f"$timeout:p.{'a.x' if one == running[0] else 'b.z'}", 1000)
        )
        assert isinstance(fired, Step)
        found.append(
            [
                effect.handler
                for effect in fired.before.flight.calls.values()
                if effect.id in fired.after.flight.calls
            ]
        )
    assert found == [[], ["f"]]


def test_a_timer_within_leaves_the_action_of_the_state_around_alone() -> None:
    definition = wf.loads("""
        name: m
        initialState: o
        states:
          o:
            initial: a
            onEntry: { type: function, handler: slow }
            states: { a: { timeout: 1s, timeoutTransition: b }, b: { timeout: 1s, timeoutTransition: c } }
          c: { terminal: true }
        """)
    machine = wf.compile(definition)
    first = wf.step(machine, wf.start(machine).after, Fired("main", "$timeout:o.a", 1000))
    assert isinstance(first, Step)
    assert [call.handler for call in first.after.flight.calls.values()] == ["slow"]
    second = wf.step(machine, first.after, Fired("main", "$timeout:o.b", 2000))
    assert isinstance(second, Step)
    assert not second.after.flight.calls
    assert [note.kind for note in second.notes] == ["recalled"]


CALLING = "{type: function, handler: f}"


@pytest.mark.parametrize(
    ("x1", "p"),
    [
        (f"{{ on: {{ GO: {{ target: x2, actions: {CALLING} }} }} }}", "{}"),
        (f"{{ on: {{ GO: x2 }}, onExit: {CALLING} }}", "{}"),
        ("{}", f"{{ GO: {{ actions: {CALLING} }} }}"),
    ],
)
@pytest.mark.parametrize(("fired", "left"), [("p.y.y1", ["f"]), ("p", [])])
def test_a_timer_stops_an_action_if_it_leaves_where_that_led(x1: str, p: str, fired: str, left: list[str]) -> None:
    definition = wf.loads(f"""
        name: m
        initialState: p
        states:
          p:
            parallel: true
            timeout: 9s
            timeoutTransition: z
            on: {p}
            states:
              x: {{ initial: x1, states: {{ x1: {x1}, x2: {{}} }} }}
              y: {{ initial: y1, states: {{ y1: {{ timeout: 5s, timeoutTransition: y2 }}, y2: {{}} }} }}
          z: {{ terminal: true }}
        """)
    machine = wf.compile(definition)
    sent = wf.step(machine, wf.start(machine).after, wf.Event("GO"))
    assert isinstance(sent, Step)
    timed = wf.step(machine, sent.after, Fired("main", f"$timeout:{fired}", 9000))
    assert isinstance(timed, Step)
    assert [call.handler for call in timed.after.flight.calls.values()] == left


# --- what is told


def test_a_state_that_is_entered_anew_with_an_own_event_is_a_change() -> None:
    driver = Driver(
        chart("initialState: a\nstates: {a: {on: {GO: {target: a, actions: [{type: raise, event: R}]}, R: {}}}}")
    )
    driver.send("GO")
    assert [(change["from"], change["to"]) for change in driver.rows[-1]["changes"]] == [("a", "a")]
    assert [move.entered for move in driver.history[-1].moves] == [("a",), ()]


def test_a_wait_between_attempts_is_shown_also_where_something_is_remembered() -> None:
    definition = wf.loads("""
        name: m
        initialState: w
        states:
          w:
            initial: r
            states:
              h: { history: deep }
              k: {}
              r: { retry: { maxAttempts: 3, on: E, baseDelay: 1s }, on: { OUT: o } }
          o: { on: { H: w.h, R: w.r } }
        """)
    driver = Driver(definition)
    for event in ("OUT", "R", "E"):
        driver.send(event)
    assert driver.state == "w.r.$backoff"
    driver.advance(1)
    assert driver.state == "w.r"
    changes = [(change["from"], change["to"]) for change in driver.rows[-1]["changes"]]
    assert changes == [("w.r.$backoff", "w.r")]


def test_of_several_guards_in_one_choice_each_that_has_no_answer_is_told_once_as_it_was_written() -> None:
    parts = {
        "l": "states: { x: { on: { E: { target: y, guard: context.n > 0 && 2 / context.n > 1 } } }, y: {} }",
        "r": "states: { x: { on: { E: { target: y, guard: 1 / context.m > 0 } } }, y: {} }",
    }
    whole = ", ".join(f"{name}: {{ initial: x, {inner} }}" for name, inner in parts.items())
    driver = Driver(
        wf.loads(
            f"{{name: m, initialState: p, context: {{n: 1, m: 0}}, states: {{p: {{parallel: true, states: {{{whole}}}}}}}}}"
        )
    )
    assert driver.send("E").notes == ("1 / context.m > 0: division by zero: 1 / context.m",)


# --- what is refused

HEAD = "name: chart\ninitialState: a\nstates:\n  a:\n"
NESTED = "    initial: b\n    states: {b: {}, c: {}}\n"

WRONG = [
    ("    history: deep\n", "misplaced-history", "$.states.a"),
    ("    final: true\n", "misplaced-final", "$.states.a"),
    ("    initial: h\n    states: {b: {}, h: {history: deep}}\n", "unknown-initial", "$.states.a.initial"),
    ("    initial: x\n    states: {b: {}}\n", "unknown-initial", "$.states.a.initial"),
    ("    initial: h\n    states: {h: {history: deep, initial: a}}\n", "no-states", "$.states.a"),
    ("    parallel: true\n    states: {b: {retry: {maxAttempts: 2, on: E}}}\n", "retry-in-parallel", "$.states.a.states.b.retry"),
    ("    parallel: true\n    states: {b+c: {}}\n", "bad-name", "$.states.a.states['b+c']"),
    (f"    on: {{E: {{target: [a.b, a.c]}}}}\n{NESTED}", "conflicting-targets", "$.states.a.on.E"),
    (f"    on: {{E: {{target: [a, a.b]}}}}\n{NESTED}", "conflicting-targets", "$.states.a.on.E"),
    (f"{NESTED}    on: {{E: {{target: d, internal: true}}}}\n  d: {{}}\n", "not-internal", "$.states.a.on.E"),
    (f"{NESTED}    on: {{E: {{target: a.b, guard: \"includes(state, 'a.x')\"}}}}\n", "unknown-name", "$.states.a.on.E.guard"),
    (f"{NESTED}    on: {{E: {{target: a.b, guard: len(state) > 1}}}}\n", "unknown-name", "$.states.a.on.E.guard"),
    ("    onEntry: {type: raise, event: R}\n    on: {R: {target: a, actions: {type: raise, event: R}}}\n", "endless-raise", "$.states.a"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "path"), WRONG, ids=[f"{code} {path}" for _, code, path in WRONG])
def test_what_no_chart_can_be_is_told_with_its_place(text: str, code: str, path: str) -> None:
    with pytest.raises(CompileError) as caught:
        wf.compile(wf.loads(HEAD + text))
    assert (code, path) in [(found.code, found.path) for found in caught.value.diagnostics]
    assert all(found.hint and found.line for found in caught.value.diagnostics)


def test_too_many_combinations_are_refused() -> None:
    going = {f"s{i}": State({f"E{i}": f"s{(i + 1) % 10}"}) for i in range(10)}
    parts = {
        f"r{i}": State(
            states={name: State({f"{e}.{i}": t for e, (t,) in s.on.items()}) for name, s in going.items()},
            initial="s0",
        )
        for i in range(4)
    }
    with pytest.raises(CompileError) as caught:
        wf.compile(StateMachine("m", "p", {"p": State(parallel=True, states=parts)}))
    (found,) = caught.value.diagnostics
    assert found.code == "too-many-configurations"
    assert "5,000" in found.message


@pytest.mark.parametrize("delay", ["", ", delay: 1s"])
def test_what_is_assigned_knows_the_event_that_was_raised(delay: str) -> None:
    driver = Driver(
        wf.loads(f"""
        name: m
        initialState: a
        states:
          a:
            on:
              GO: {{ actions: {{type: raise, event: R{delay}}} }}
              R: {{ target: b, actions: {{type: assign, set: {{did: event.name, with: event.data.x}}}} }}
          b: {{ onEntry: {{type: assign, set: {{came: event.name}}}} }}
        """)
    )
    driver.send("GO", {"x": 1})
    driver.advance(1)
    assert driver.context == {"x": 1, "did": "R", "with": None, "came": "R"}


@pytest.mark.parametrize("wait", ["", ", baseDelay: 1s, backoff: constant"])
def test_a_raised_event_is_tried_again_like_any_other(wait: str) -> None:
    driver = Driver(
        wf.loads(f"""
        name: m
        initialState: a
        states:
          a:
            on: {{ GO: {{ actions: {{type: raise, event: R}} }}, R: failed }}
            onEntry: {{ type: assign, set: {{ entered: attempt }} }}
            retry: {{ maxAttempts: 2, on: R{wait} }}
          failed: {{ terminal: true }}
        """)
    )
    driver.send("GO")
    assert driver.state == ("a.$backoff" if wait else "a")
    driver.advance(1)
    assert (driver.state, driver.context["entered"]) == ("a", 2)
    assert driver.send("GO").state == "failed"


@pytest.mark.parametrize("around", ["initial: a", "parallel: true"])
def test_a_state_that_is_finished_is_no_dead_end(around: str) -> None:
    inner = "a: { initial: x, states: { x: { on: { GO: z } }, z: { final: true } } }"
    whole = f"{{ {around}, onDone: end, states: {{ {inner if 'par' in around else 'a: {on: {GO: z}}, z: {final: true}'} }} }}"
    definition = wf.loads(f"{{name: m, initialState: p, states: {{p: {whole}, end: {{terminal: true}}}}}}")
    assert [found.rule for found in wf.check(definition).findings] == ["waits-forever"]


def test_an_event_that_is_raised_is_accepted() -> None:
    definition = wf.loads("""
        name: m
        initialState: a
        states:
          a: { always: { target: b, actions: {type: raise, event: N} } }
          b: { on: { N: c } }
          c: { terminal: true }
        """)
    assert not wf.check(definition).findings


def test_a_rejection_names_a_state_as_people_know_it() -> None:
    driver = Driver(chart(HISTORIES))
    driver.send("BOX")
    driver.send("OUT")
    with pytest.raises(EventRejected, match=r"^NONE was rejected \(unexpected\): out does not accept it"):
        driver.send("NONE")


def test_too_many_guards_beside_each_other_are_refused() -> None:
    parts = {f"r{i}": State({"E": wf.Transition(guard=f"context.g{i}")}) for i in range(12)}
    with pytest.raises(CompileError) as caught:
        wf.compile(StateMachine("m", "p", {"p": State(parallel=True, states=parts)}))
    assert "2,000 ways in which guards" in caught.value.diagnostics[0].message


def test_several_states_may_be_the_first() -> None:
    text = A_AND_B.replace("initialState: both", "initialState: [both.a.a3, both.b.b2]")
    assert Driver(chart(text)).state == "both.a.a3+both.b.b2"


def test_context_is_what_data_are_at_first_under_the_inputs() -> None:
    definition = wf.loads("{name: m, initialState: a, context: {n: 1, list: [1, {a: 2}]}, states: {a: {}}}")
    assert Driver(definition, {"n": 2}).context == {"n": 2, "list": [1, {"a": 2}]}
