"""Design 4.1: compound states inherit outward, are left innermost first and entered outermost first."""

from __future__ import annotations

import pytest

from .support import drive, play

NESTED = """
initialState: idle
states:
  idle: {on: {GO: work, DEEP: work.inner.second}}
  work:
    initial: prepare
    timeout: 1m
    timeoutTransition: late
    onEntry: {type: emit, event: +work}
    onExit: {type: emit, event: -work}
    on: {STOP: idle, NEXT: end, RESTART: work, NOTE: {actions: {type: emit, event: note}}}
    states:
      prepare:
        onEntry: {type: emit, event: +prepare}
        onExit: {type: emit, event: -prepare}
        on: {NEXT: inner}
      inner:
        initial: first
        onEntry: {type: emit, event: +inner}
        onExit: {type: emit, event: -inner}
        on: {UP: prepare, NOTE: {target: inner, guard: "event.data.again"}}
        states:
          first:
            onEntry: {type: emit, event: +first}
            onExit: {type: emit, event: -first}
            on: {NEXT: second, SELF: first}
          second:
            onEntry: {type: emit, event: +second}
            onExit: {type: emit, event: -second}
            on: {UP: work}
  late: {terminal: true, outcome: failure}
  end: {terminal: true}
"""


@pytest.mark.parametrize(
    ("script", "state", "told"),
    [
        ("GO", "work.prepare", "+work +prepare"),
        ("GO NEXT", "work.inner.first", "-prepare +inner +first"),
        ("GO NEXT NEXT", "work.inner.second", "-first +second"),  # the innermost NEXT wins
        ("GO NEXT NEXT NEXT", "end", "-second -inner -work"),  # then that of the outermost
        ("DEEP", "work.inner.second", "+work +inner +second"),  # a whole path
        ("DEEP UP", "work.prepare", "-second -inner -work +work +prepare"),  # the child's UP, not the parent's
        ("GO NEXT UP", "work.prepare", "-first -inner +prepare"),
        ("GO NEXT SELF", "work.inner.first", "-first +first"),
        ("GO NEXT STOP", "idle", "-first -inner -work"),
        ("GO NEXT RESTART", "work.prepare", "-first -inner -work +work +prepare"),
        ("GO NEXT NOTE", "work.inner.first", "note"),  # the guard of the inner one fails: the outer one is asked
        ('GO NEXT NOTE:{"again":true}', "work.inner.first", "-first -inner +inner +first"),
        ("GO NEXT cancel", "$cancelled", "-first -inner -work"),
    ],
)
def test_the_way_between_two_states(script: str, state: str, told: str) -> None:
    driver = drive(NESTED)
    play(driver, script)
    assert driver.state == state
    assert [event.event for event in driver.emitted][-len(told.split()) :] == told.split()


@pytest.mark.parametrize(
    ("script", "trail"),
    [
        ("GO +59 NEXT +1", "work.prepare work.prepare work.inner.first late"),  # moving inside does not re-arm
        ("GO +59 RESTART +59 +1", "work.prepare work.prepare work.prepare work.prepare late"),
        ("GO +59 STOP GO +59 +1", "work.prepare work.prepare idle work.prepare work.prepare late"),
        ("GO STOP +100", "work.prepare idle idle"),
    ],
)
def test_the_timeout_of_a_parent_spans_its_children(script: str, trail: str) -> None:
    assert play(drive(NESTED), script) == trail


def test_allowed_events_are_those_of_the_state_and_of_all_around_it() -> None:
    driver = drive(NESTED)
    play(driver, "GO NEXT")
    assert set(driver.allowed) == {"NEXT", "SELF", "UP", "NOTE", "STOP", "RESTART"}


RETRIED = """
initialState: outer
states:
  outer:
    initial: leaf
    timeout: 1m
    timeoutTransition: late
    onExit: {type: emit, event: -outer}
    on: {FAILED: outerFailed, STOP: stopped}
    states:
      leaf:
        retry: {maxAttempts: 2, on: FAILED, baseDelay: 10s}
        onExit: {type: emit, event: -leaf}
  late: {terminal: true}
  stopped: {terminal: true}
  outerFailed: {terminal: true}
"""


@pytest.mark.parametrize(
    ("script", "trail", "told"),
    [
        ("FAILED +10 FAILED", "outer.leaf.$backoff outer.leaf outerFailed", "-leaf -leaf -outer"),
        ("FAILED FAILED", "outer.leaf.$backoff !unexpected", "-leaf"),
        ("FAILED STOP", "outer.leaf.$backoff stopped", "-leaf -outer"),
        ("+55 FAILED +5", "outer.leaf outer.leaf.$backoff late", "-leaf -outer"),
    ],
)
def test_the_parent_holds_between_the_attempts_of_its_child(script: str, trail: str, told: str) -> None:
    driver = drive(RETRIED)
    assert play(driver, script) == trail
    assert " ".join(event.event for event in driver.emitted) == told


def test_the_initial_state_is_entered_from_outside_in() -> None:
    driver = drive(
        """
        initialState: a
        states:
          a:
            initial: b
            onEntry: {type: emit, event: a}
            states:
              b: {initial: c, onEntry: {type: emit, event: b}, states: {c: {onEntry: {type: emit, event: c}}}}
        """
    )
    assert (driver.state, [told.event for told in driver.emitted]) == ("a.b.c", ["a", "b", "c"])


def test_a_name_means_the_sibling_before_the_one_further_out() -> None:
    text = """
        initialState: a
        states:
          a: {initial: x, states: {x: {on: {GO: b, OUT: c}}, b: {terminal: true}}}
          b: {terminal: true}
          c: {terminal: true}
        """
    assert play(drive(text), "GO") == "a.b"
    assert play(drive(text), "OUT") == "c"


def test_the_parents_invoke_lives_as_long_as_the_parent() -> None:
    driver = drive(
        """
        initialState: a
        states:
          a:
            initial: x
            invoke: {handler: watch, onDone: seen}
            on: {OUT: b}
            states: {x: {on: {GO: y}}, y: {on: {GO: x}}}
          b: {on: {BACK: a}}
          seen: {terminal: true}
        """
    )
    first = driver.calls
    assert play(driver, "GO GO") == "a.y a.x"
    assert driver.calls == first
    play(driver, "OUT")
    assert driver.calls == ()
    assert play(driver, "BACK GO <") == "a.x a.y seen"
