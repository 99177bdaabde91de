"""Design 4.1: what becomes of an event that nothing accepts: rejected, ignored or deferred, never lost."""

from __future__ import annotations

import pytest

from statewf.machine.events import Event
from statewf.machine.macrostep import MOST_DEFERRED

from .support import Recorder, drive, play, refusal

POLICIES = """
initialState: asking
unexpected: %s
states:
  asking: {on: {NEXT: strict, IF: {target: end, guard: "false"}}}
  strict: {unexpected: reject, on: {NEXT: patient}}
  patient: {unexpected: defer, on: {NEXT: careless}}
  careless: {unexpected: ignore, initial: inner, states: {inner: {on: {NEXT: stern, X: {}}}, stern: {unexpected: reject, on: {NEXT: end}}}}
  end: {terminal: true}
"""


@pytest.mark.parametrize(
    ("policy", "script", "trail"),
    [
        ("reject", "X IF", "!unexpected !guard"),
        ("ignore", "X IF", "asking asking"),
        ("defer", "X IF", "asking asking"),
        ("ignore", "NEXT X", "strict !unexpected"),  # the state says more than the machine
        ("reject", "NEXT NEXT NEXT Y", "strict patient careless.inner careless.inner"),  # inherited
        ("reject", "NEXT NEXT NEXT NEXT Y", "strict patient careless.inner careless.stern !unexpected"),
        ("defer", "NEXT NEXT NEXT NEXT NEXT Y", "strict patient careless.inner careless.stern end !terminal"),
    ],
)
def test_the_innermost_policy_holds(policy: str, script: str, trail: str) -> None:
    assert play(drive(POLICIES % policy), script) == trail


@pytest.mark.parametrize(
    ("policy", "disposition", "rows"), [("ignore", "ignored", 2), ("defer", "deferred", 2), ("reject", "", 1)]
)
def test_the_sender_is_told_and_a_row_is_written_unless_rejected(policy: str, disposition: str, rows: int) -> None:
    driver = drive(POLICIES % policy)
    if disposition:
        receipt = driver.send("X", {"data": "not merged"})
        assert (receipt.disposition, receipt.seq, receipt.state) == (disposition, 2, "asking")
        assert driver.rows[-1]["disposition"] == disposition
    else:
        before = driver.snapshot
        assert refusal(lambda: driver.send("X", {"data": "not merged"})).allowed == ("NEXT", "IF")
        assert driver.snapshot is before
    assert driver.context == {}
    assert len(driver.rows) == rows


DEFERRING = """
initialState: busy
unexpected: defer
states:
  busy: {on: {DONE: ready, STAY: {}, AGAIN: busy, QUIT: end}}
  ready: {on: {A: gotA, B: gotB, C: {target: gotC, guard: "event.data.n === 2"}}}
  gotA: {on: {C: gotC, B: gotB}}
  gotB: {on: {C: gotC}}
  gotC: {on: {Z: end}}
  end: {terminal: true}
"""


@pytest.mark.parametrize(
    ("script", "state", "left"),
    [
        ("A DONE", "gotA", []),
        ("B A DONE", "gotB", ["A"]),  # first in, first out
        ("A B DONE", "gotB", []),  # after the change that A made, B is offered
        ("B A C DONE", "gotC", ["A"]),  # C was behind A, which gotB does not take
        ("C A B DONE", "gotC", ["B"]),  # the guard says no to C in ready; in gotA it is the first again
        ('C C:{"n":2} DONE', "gotC", ["C"]),  # ... and the second C is accepted before the first
        ("A STAY", "busy", ["A"]),  # an internal transition changes no state
        ("A AGAIN", "busy", ["A"]),
        ("A QUIT", "end", ["A"]),
    ],
)
def test_deferred_events_are_offered_after_each_change_in_their_order(
    script: str, state: str, left: list[str]
) -> None:
    driver = drive(DEFERRING)
    play(driver, script)
    assert driver.state == state
    assert [event.name for event in driver.snapshot.flight.deferred] == left


def test_the_data_of_a_deferred_event_is_merged_when_it_is_taken() -> None:
    driver = drive(DEFERRING)
    driver.send("A", {"n": 1})
    assert driver.context == {}
    driver.send("DONE")
    assert driver.context == {"n": 1}
    assert [move.target for move in driver.history[-1].moves] == ["ready", "gotA"]


def test_a_thousand_events_may_be_deferred() -> None:
    driver = drive(DEFERRING)
    for _ in range(MOST_DEFERRED):
        assert driver.send("Z").disposition == "deferred"
    before = driver.snapshot
    assert refusal(lambda: driver.send("A")).reason == "full"
    assert driver.snapshot is before
    assert MOST_DEFERRED == 1_000
    assert play(driver, "DONE C") == "ready !full"
    assert play(driver, "A C") == "gotA end"  # the first Z is taken by gotC
    assert len(driver.snapshot.flight.deferred) == 999


def test_a_deferred_event_is_offered_after_a_timer_and_a_reply_too() -> None:
    text = """
        initialState: a
        unexpected: defer
        states:
          a: {timeout: 1s, timeoutTransition: b}
          b: {invoke: {handler: h, onDone: c}}
          c: {on: {GO: d}}
          d: {terminal: true}
        """
    assert play(drive(text), "GO +1 <") == "a b d"


def test_a_deferred_event_waits_for_the_actions_of_the_change_that_lets_it_in() -> None:
    text = """
        initialState: a
        unexpected: defer
        states:
          a: {on: {GO: {target: b, actions: {type: function, handler: f, retryPolicy: {maxAttempts: 2}}}}}
          b: {on: {X: c}}
          c: {terminal: true}
        """
    driver = drive(text, f=Recorder().handler(OSError("once"), {}))
    assert play(driver, "X GO +0.999 +0.001") == "a b b c"


def test_many_deferred_events_are_no_circle() -> None:
    driver = drive("""
        unexpected: defer
        initialState: closed
        states:
          closed: {on: {OPEN: open}}
          open: {on: {Z: counted}}
          counted: {always: noted}
          noted: {always: open}
    """)
    for _ in range(600):
        driver.send("Z")
    told = driver.send("OPEN")
    assert not [note for note in driver.history[-1].notes if note.kind == "livelock"]
    assert told.notes.count("Z, which was deferred") == 600
    assert not driver.snapshot.flight.deferred


def test_the_history_says_which_earlier_event_was_taken() -> None:
    driver = drive("""
        unexpected: defer
        initialState: a
        states:
          a: {on: {GO: b}}
          b: {on: {LATER: c}}
          c: {}
    """)
    driver.send("LATER")
    driver.send("GO")
    assert driver.state == "c"
    assert driver.rows[-1]["notes"] == ["taken: LATER, which was deferred"]


@pytest.mark.parametrize(
    ("policy", "note", "state"),
    [
        ("defer", "deferred: LATER, the answer of a handler, until somebody waits for it", "end"),
        ("ignore", None, "b"),
        ("reject", "refused: LATER, the answer of a handler, was not accepted", "b"),
    ],
)
def test_the_policy_holds_for_what_handlers_answer_too(policy: str, note: str | None, state: str) -> None:
    driver = drive(
        f"""
        initialState: a
        unexpected: {policy}
        states:
          a: {{invoke: {{handler: gateway, onDone: b}}, on: {{GO: b}}}}
          b: {{on: {{LATER: end}}}}
          end: {{terminal: true}}
        """,
        gateway=Recorder().handler(Event("LATER")),
    )
    assert driver.rows[-1].get("notes") == ([note] if note else None)
    driver.send("GO")
    assert driver.state == state


def test_an_answer_that_a_step_may_yet_await_is_kept_for_it() -> None:
    driver = drive(
        "steps: [{id: pay}, {id: ship}, {id: paid, type: event, event: PAID}]",
        pay=Recorder().handler(Event("PAID", {"sum": 3})),
    )
    assert driver.state == "running"
    driver.reply(handler="ship")
    assert driver.state == "completed"
    assert driver.context == {"sum": 3}
