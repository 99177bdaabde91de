"""What the compiler refuses, all at once; and what the digest covers."""

from __future__ import annotations

import time

import attrs
import pytest

from statewf.compiler import compile_definition
from statewf.compiler.check import check
from statewf.compiler.tree import grow
from statewf.definition.model import Existence, Retry, State, StateMachine, Transition
from statewf.definition.pricing import PerExecution
from statewf.errors import CompileError
from statewf.files import loads
from statewf.machine.fsm import CANCEL, CANCELLED


def refused(text: str) -> list[tuple[str, str, int | None]]:
    with pytest.raises(CompileError) as error:
        compile_definition(loads(text))
    return [(told.code, told.path, told.line) for told in error.value.diagnostics]


def test_every_name_that_leads_nowhere_is_told_with_its_line() -> None:
    text = """
initialState: strat
states:
  start:
    on:
      GO: middel
      STOP: [{target: end, guard: contxt.n > 1}, {target: ends}]
    timeout: 1s
    timeoutTransition: nowhere
    always: {target: end, guard: event.data.n > 1}
    retry: {maxAttempts: 2, on: $error}
  middle:
    initial: x
    states: {y: {on: {GO: z}}}
  end: {terminal: true, onEntry: {type: assign, set: {n: nn + 1}}}
"""
    assert refused(text) == [
        ("unknown-initial", "$.initialState", 2),
        ("unknown-target", "$.states.start.on.GO", 6),
        ("unknown-name", "$.states.start.on.STOP[0].guard", 7),
        ("unknown-target", "$.states.start.on.STOP[1]", 7),
        ("unknown-name", "$.states.start.always.guard", 10),
        ("unknown-target", "$.states.start.timeoutTransition", 9),
        ("unknown-name", "$.states.start.retry.on", 11),
        ("unknown-initial", "$.states.middle.initial", 13),
        ("unknown-target", "$.states.middle.states.y.on.GO", 14),
        ("unknown-name", "$.states.end.onEntry.set.n", 15),
    ]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("initialState: a\nstates: {a: {on: {GO: bb}}, b: {terminal: true}}", "did you mean b?"),
        ("initialState: a\nstates: {a: {on: {GO: c}}, b: {initial: c, states: {c: {terminal: true}}}}", "b.c?"),
        ("initialState: a\nstates: {a: {on: {GO: {target: b, guard: paid}}}, b: {terminal: true}}", "'paid'"),
        (
            "initialState: a\nstates: {a: {always: {target: b, guard: event.data.n}}, b: {terminal: true}}",
            "no event",
        ),
    ],
)
def test_hints_help(text: str, hint: str) -> None:
    with pytest.raises(CompileError) as error:
        compile_definition(loads(text))
    (told,) = error.value.diagnostics
    assert told.hint is not None
    assert hint in told.hint


def test_two_states_of_one_full_name_are_refused() -> None:
    text = "initialState: a\nstates: {a: {initial: b, states: {b: {on: {GO: c}}}}, a.b: {on: {GO: c}}, c: {terminal: true}}"
    assert [code for code, _, _ in refused(text)] == ["duplicate-state"]


BASE = StateMachine("m", "a", {"a": State({"GO": "b"}), "b": State(terminal=True)})


def test_the_digest_covers_behaviour_and_nothing_else() -> None:
    digest = compile_definition(BASE).digest
    spoken = attrs.evolve(BASE, description="what it is for", properties=[Existence("b")])
    assert compile_definition(spoken).digest == digest
    described = attrs.evolve(BASE, states={"a": State({"GO": "b"}, description="first"), "b": State(terminal=True)})
    assert compile_definition(described).digest == digest
    for other in (
        attrs.evolve(BASE, name="n"),
        attrs.evolve(BASE, unexpected="defer"),
        attrs.evolve(BASE, pricing=PerExecution(1)),
        attrs.evolve(BASE, states={"a": State({"STOP": "b"}), "b": State(terminal=True)}),
    ):
        assert compile_definition(other).digest != digest


def test_the_table_of_a_retry_with_a_delay() -> None:
    waiting = State({"FAIL": "b", "STOP": "b"}, retry=Retry(3, "FAIL", base_delay="2s"))
    machine = compile_definition(attrs.evolve(BASE, states={"a": waiting, "b": State(terminal=True)}))
    states = machine.regions[0].states
    assert list(states) == ["a", "a.$backoff", "b", CANCELLED]
    assert [(t.target, t.below, t.attempt) for t in states["a"].on["FAIL"]] == [
        ("a.$backoff", 3, "keep"),
        ("b", None, "reset"),
    ]
    between = states["a.$backoff"]
    assert list(between.on) == ["$retry:a", "STOP", CANCEL]
    assert between.on["$retry:a"][0].attempt == "bump"


def test_handlers_are_named_once_in_document_order() -> None:
    text = """
initialState: a
states:
  a: {onEntry: [{type: function, handler: f}, {type: function, handler: g}], invoke: h, on: {GO: b}}
  b: {terminal: true, onEntry: {type: function, handler: f}}
"""
    assert compile_definition(loads(text)).handlers() == ("f", "g", "h")


def test_thousands_of_mistyped_targets_are_told_soon_the_first_with_what_was_meant() -> None:
    size = 2_000
    states = {f"order-{n}": State({"GO": f"ordr-{n}"}) for n in range(size)}
    began = time.process_time()
    found = check(grow(StateMachine("m", "order-0", states)))
    assert time.process_time() - began < 10  # all with all takes minutes
    assert len(found) == size
    assert found[3].hint == "did you mean order-3?"
    assert found[-1].hint is None


def test_the_data_of_an_event_by_itself_is_told_where_it_is() -> None:
    guarded = Transition("b", guard="data.n > 1 && attempt < 2")
    (found,) = check(grow(StateMachine("m", "a", {"a": State({"GO": guarded}), "b": State()})))
    assert (found.code, found.hint) == ("unknown-name", "the event's data is event.data")


def test_all_that_a_condition_may_read_is_known() -> None:
    """`always` happens without an event; all else may ask of it, too."""
    quiet = "inputs.a && context.b && attempt > 1"
    target = Transition("b", guard=f"{quiet} && event.name === event.data.name")
    states = {"a": State({"GO": target}, always=Transition("b", guard=quiet)), "b": State(terminal=True)}
    assert check(grow(StateMachine("m", "a", states))) == []


def test_the_notes_know_what_was_written_around_a_local_state() -> None:
    text = """
initialState: a
states:
  a: {initial: x, states: {x: {retry: {maxAttempts: 2, on: FAIL, baseDelay: 1s}, on: {GO: b}}}}
  b: {terminal: true}
"""
    notes = compile_definition(loads(text)).notes
    assert notes.active == {"a.x": ("a.x", "a"), "a.x.$backoff": ("a.x", "a"), "b": ("b",), CANCELLED: ()}
    assert notes.paths == {
        "a": ("states", "a"),
        "a.x": ("states", "a", "states", "x"),
        "b": ("states", "b"),
    }


def test_the_notes_know_where_steps_were_written_and_what_people_call_them() -> None:
    notes = compile_definition(
        loads("steps: [{id: both, name: Both at once, type: parallel, steps: [{id: one}]}]")
    ).notes
    assert notes.paths == {"both": ("steps", 0), "one": ("steps", 0, "steps", 0)}
    assert notes.names == {"both": "Both at once", "one": "one"}
