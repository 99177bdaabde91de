"""Design 4.1: what states invoke, function actions, and handlers that answer with events."""

from __future__ import annotations

from typing import Any

import pytest

from statewf.errors import NonRetryable
from statewf.machine.effects import Recall
from statewf.machine.events import Event
from statewf.machine.work import Work
from statewf.values.frozen import Map

from .support import Recorder, drive, play, refusal

INVOKING = """
initialState: idle
states:
  idle: {on: {GO: asking}}
  asking:
    invoke:
      handler: oracle
      params: {depth: 2}
      onDone:
        - {target: rich, guard: "event.data.sum > 10 && !context.sum", actions: {type: assign, set: {told: "context.sum"}}}
        - poor
      onError: {target: failed, actions: {type: assign, set: {why: "event.data.error + ': ' + event.data.message"}}}
    on: {LEAVE: idle, NOTE: {}, SILENT: {}}
  rich: {on: {AGAIN: asking}}
  poor: {terminal: true}
  failed: {terminal: true, outcome: failure}
"""


@pytest.mark.parametrize(
    ("script", "trail", "context"),
    [
        ('GO <{"sum":11}', "asking rich", {"sum": 11, "told": 11}),
        ('GO <{"sum":1}', "asking poor", {"sum": 1}),
        ("GO <7", "asking poor", {}),  # a result that is no object is not merged
        ("GO <!Boom", "asking failed", {"why": "Boom: "}),
        ("GO NOTE <!Boom", "asking asking failed", {"why": "Boom: "}),  # internal: the call stays open
        ("GO LEAVE", "asking idle", {}),
    ],
)
def test_the_result_or_failure_takes_a_transition(script: str, trail: str, context: object) -> None:
    driver = drive(INVOKING)
    assert play(driver, script) == trail
    assert driver.context == context
    assert driver.calls == ()


def test_what_a_handler_is_given() -> None:
    log = Recorder()
    driver = drive(INVOKING, {"a": 1}, oracle=log.handler({"sum": 1}))
    driver.send("GO", {"b": [2]})
    assert log.calls == [
        Work(
            handler="oracle",
            params={"depth": 2},  # type: ignore[arg-type]  # an equal dict
            inputs={"a": 1},  # type: ignore[arg-type]
            context=Map({"a": 1, "b": (2,)}),
            results=Map(),
            attempt=1,
            step="asking",
            instance="local",
            key="local/main/2",
        )
    ]


def test_leaving_recalls_the_call_and_each_entry_makes_a_new_one() -> None:
    driver = drive(INVOKING)
    driver.send("GO")
    first = driver.calls[0]
    driver.send("LEAVE")
    assert driver.history[-1].effects[0] == Recall(first.id)
    driver.send("GO")
    assert (driver.calls[0].key, first.key) == ("local/main/4", "local/main/2")
    assert driver.calls[0].id != first.id


def test_an_invoke_without_on_done_merges_its_result_and_stays() -> None:
    text = "{initialState: a, states: {a: {invoke: h, on: {GO: b}}, b: {terminal: true}}}"
    driver = drive(text)
    assert play(driver, '<{"x":1} GO') == "a b"
    assert driver.context == {"x": 1}


def test_a_failure_that_nothing_handles_stays_and_is_told_in_the_row() -> None:
    driver = drive("{initialState: a, states: {a: {invoke: {handler: h, onDone: b}}, b: {}}}")
    driver.reply(error="Boom", message="no")
    assert driver.state == "a"
    assert driver.rows[-1]["data"] == {"error": "Boom", "message": "no"}
    assert driver.calls == ()


ANSWERING = """
initialState: pay
states:
  pay:
    invoke: {handler: gateway, onDone: paid, onError: broke}
    on: {DECLINED: [{target: failed, guard: "event.data.code === 51"}, retrying], PING: {}}
  retrying: {always: {target: pay, guard: "context.again"}}
  paid: {terminal: true}
  broke: {terminal: true}
  failed: {terminal: true, outcome: failure}
"""


@pytest.mark.parametrize(
    ("answer", "state", "context"),
    [
        (Event("DECLINED", {"code": 51}), "failed", {"code": 51}),
        (Event("DECLINED", {"code": 1}), "retrying", {"code": 1}),
        ({"ok": True}, "paid", {"ok": True}),
        (None, "paid", {}),
        (OSError("no"), "broke", {}),
        (object(), "broke", {}),
        (float("nan"), "broke", {}),
        ({1: 2}, "broke", {}),
    ],
)
def test_an_event_as_answer_is_taken_instead_of_on_done(answer: object, state: str, context: Any) -> None:
    driver = drive(ANSWERING, gateway=Recorder().handler(answer))
    assert (driver.state, driver.context) == (state, context)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (OSError("no"), "OSError"),
        (KeyError("k"), "KeyError"),
        (NonRetryable("x"), "NonRetryable"),
        ({1}, "DataError"),
    ],
)
def test_failures_carry_the_name_of_the_exception(answer: object, error: str) -> None:
    driver = drive(ANSWERING, gateway=Recorder().handler(answer))
    assert driver.rows[-1]["data"]["error"] == error


def test_an_answer_that_nobody_accepts_is_told_and_the_state_stays() -> None:
    driver = drive(ANSWERING, gateway=Recorder().handler(Event("NONSENSE")))
    assert (driver.state, driver.calls) == ("pay", ())
    assert driver.rows[-1]["notes"] == ["refused: NONSENSE, the answer of a handler, was not accepted"]


ACTIONS = """
initialState: a
errorHandling: {defaultRetryPolicy: {maxAttempts: 2, baseDelay: 5s}}
states:
  a:
    onExit: {type: function, handler: leave}
    on:
      GO: {target: b, actions: [{type: function, handler: first}, {type: function, handler: second, params: {n: 1}}]}
      IN: {actions: {type: function, handler: inside}}
  b:
    onEntry:
      - {type: function, handler: enter, retryPolicy: {maxAttempts: 3, backoff: linear, baseDelay: 1s}}
      - {type: function, handler: last, retryPolicy: {maxAttempts: 1}}
    invoke: {handler: ask, onDone: c}
    on: {BACK: a, OK: c}
    timeout: 1m
    timeoutTransition: late
  c: {on: {OK: d}}
  d: {terminal: true}
  late: {terminal: true}
"""


def acting(log: Recorder, **answers: object) -> Any:
    names = ("leave", "first", "second", "inside", "enter", "last")
    given = {name: answers.get(name, {}) for name in names}
    handlers = {name: log.handler(*(a if isinstance(a, list) else [a])) for name, a in given.items()}
    return drive(ACTIONS, {"n": 0}, **handlers)


def test_function_actions_run_in_order_and_before_the_call_of_the_new_state() -> None:
    log = Recorder()
    driver = acting(log)
    driver.send("GO")
    assert log.names == ["leave", "first", "second", "enter", "last"]
    assert [call.handler for call in driver.calls] == ["ask"]
    assert [work.params for work in log.calls][2] == {"n": 1}
    assert driver.context == {"n": 0}  # what an action returns is not merged
    assert [row["event"] for row in driver.rows] == ["$start", "GO", *["$returned"] * 5]


def test_one_action_at_a_time() -> None:
    log = Recorder()
    driver = acting(log)
    driver.send("GO")
    assert all(len(step.after.flight.calls) <= 1 for step in driver.history)


def test_function_actions_without_a_handler_succeed() -> None:
    driver = drive(ACTIONS)
    assert play(driver, "IN GO") == "a b"
    assert [row["handler"] for row in driver.rows if row["event"] == "$returned"] == [
        "inside",
        "leave",
        "first",
        "second",
        "enter",
        "last",
    ]


def test_a_failing_action_is_retried_by_its_policy_then_recorded_and_changes_no_state() -> None:
    log = Recorder()
    driver = acting(log, enter=OSError("down"))
    driver.send("GO")
    assert refusal(lambda: driver.send("OK")).reason == "busy"
    driver.advance(1)
    assert refusal(lambda: driver.send("OK")).reason == "busy"
    assert log.names.count("enter") == 2
    driver.advance(1.999)
    assert "last" not in log.names
    driver.advance(0.001)
    assert [work.attempt for work in log.calls if work.handler == "enter"] == [1, 2, 3]
    assert len({work.key for work in log.calls if work.handler == "enter"}) == 1
    assert (log.names[-1], driver.state) == ("last", "b")
    assert "action-failed: enter: OSError: down" in [n for row in driver.rows for n in row.get("notes", ())]
    assert play(driver, "OK") == "c"


@pytest.mark.parametrize(
    ("answers", "attempts"),
    [
        ([OSError("down"), {}], 2),
        ([OSError("down"), OSError("down"), {}], 3),
        ([NonRetryable("never")], 1),
        ([OSError("down"), NonRetryable("never")], 2),
        ([{1, 2}], 1),  # not JSON: another attempt would not mend it
    ],
)
def test_an_action_is_tried_as_often_as_it_makes_sense(answers: list[object], attempts: int) -> None:
    log = Recorder()
    driver = acting(log, enter=answers)
    driver.send("GO")
    driver.advance(10)
    assert (log.names.count("enter"), log.names[-1]) == (attempts, "last")


def test_the_default_policy_holds_for_actions_that_say_nothing() -> None:
    log = Recorder()
    driver = acting(log, first=OSError("down"))
    driver.send("GO")
    assert dict(driver.snapshot.flight.deadlines) == {("", "$action"): 5_000, ("main", "$timeout:b"): 60_000}
    driver.advance(5)
    assert log.names == ["leave", "first", "first", "second", "enter", "last"]


def test_without_any_policy_there_is_one_attempt() -> None:
    log = Recorder()
    drive("{initialState: a, states: {a: {onEntry: {type: function, handler: h}}}}", h=log.handler(OSError()))
    assert len(log.calls) == 1


def test_the_event_that_an_action_answers_with_is_taken_when_all_actions_are_done() -> None:
    log = Recorder()
    driver = acting(log, enter=Event("OK", {"by": "enter"}))
    driver.send("GO")
    assert log.names == ["leave", "first", "second", "enter", "last"]
    assert (driver.state, driver.context) == ("c", {"n": 0, "by": "enter"})
    assert driver.calls == ()  # what b invoked was recalled when it was left


def test_answers_of_several_actions_are_taken_in_their_order() -> None:
    log = Recorder()
    driver = acting(log, enter=Event("OK", {"by": "enter"}), last=Event("OK", {"by": "last"}))
    driver.send("GO")
    assert (driver.state, driver.context["by"]) == ("d", "last")


def test_the_answer_of_an_action_goes_before_deferred_events() -> None:
    driver = drive(
        """
        initialState: a
        unexpected: defer
        states:
          a: {on: {GO: {target: b, actions: {type: function, handler: h}}}}
          b: {on: {X: fromOutside, Y: fromHandler}}
          fromOutside: {}
          fromHandler: {on: {X: both}}
          both: {}
        """,
        h=Recorder().handler(Event("Y")),
    )
    assert play(driver, "X GO") == "a both"
    assert "fromOutside" not in [move.target for step in driver.history for move in step.moves]


def test_a_timeout_takes_the_action_that_is_still_running_but_not_those_behind_it() -> None:
    log = Recorder()
    driver = drive(
        """
        initialState: a
        states:
          a:
            timeout: 10s
            timeoutTransition: b
            onEntry:
              - {type: function, handler: slow, retryPolicy: {maxAttempts: 5, baseDelay: 1h, maxDelay: 1h}}
              - {type: function, handler: next}
            onExit: {type: function, handler: leave}
          b: {on: {OK: c}}
          c: {terminal: true}
        """,
        slow=log.handler(OSError("down")),
        next=log.handler(),
        leave=log.handler(),
    )
    assert play(driver, "OK +10 OK") == "!busy b c"
    assert log.names == ["slow", "next", "leave"]
    assert dict(driver.snapshot.flight.deadlines) == {}


def test_a_call_sees_the_context_in_which_it_was_made() -> None:
    """So that it is offered the same again after a crash, under the same key."""
    driver = drive("""
        initialState: asking
        states:
          asking: {invoke: oracle, on: {NOTE: {}, DONE: told}}
          told: {terminal: true}
    """)
    driver.send("NOTE", {"n": 2})
    (call,) = driver.calls
    assert dict(call.context) == {}
    assert driver.context == {"n": 2}


def test_an_action_is_told_whose_it_is() -> None:
    log = Recorder()
    driver = drive(
        """
        initialState: first
        states:
          first: {on: {GO: {target: second, actions: {type: function, handler: note}}},
                  onExit: {type: function, handler: note}}
          second: {onEntry: {type: function, handler: note}, terminal: true}
        """,
        note=log.handler(),
    )
    driver.send("GO")
    assert [work.step for work in log.calls] == ["first", "first", "second"]
