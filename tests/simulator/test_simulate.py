"""Scripts in virtual time: what happens when, what comes out, and which expectations fail."""

from __future__ import annotations

from typing import Any

import pytest

from statewf.definition.model import State, StateMachine
from statewf.errors import DataError, ScenarioError
from statewf.machine.events import Event
from statewf.simulator import Outcome, Scenario, simulate
from statewf.simulator.scenario import Hang, Ok, Turn
from statewf.simulator.script import OUTPUT_KEYS
from statewf.simulator.simulate import MOST_STEPS

from .support import machine

ORDER = machine(
    """
    name: order
    initialState: open
    states:
      open: {on: {PAY: paying, CLOSE: closed}, timeout: 1h, timeoutTransition: forgotten}
      paying:
        invoke: {handler: charge, onDone: paid, onError: failed}
        on: {DECLINED: open, ABORT: open}
        timeout: 10s
        timeoutTransition: failed
        retry: {maxAttempts: 3, on: $error, baseDelay: 1s}
      paid:
        onEntry: [{type: emit, event: Paid, data: {ok: true}}, {type: function, handler: mail}]
        on: {SHIP: shipped}
      shipped: {terminal: true, onEntry: {type: function, handler: thank}}
      closed: {}
      failed: {terminal: true, outcome: failure}
      forgotten: {terminal: true, outcome: failure}
    """
)


def run(scenario: dict[str, Any], target: Any = ORDER) -> Outcome:
    return simulate(target, scenario)


def trail(outcome: Outcome) -> list[tuple[int, str]]:
    """When which state was entered."""
    return [(row["at"], change["to"]) for row in outcome.document()["history"] for change in row["changes"]]


def sends(*events: tuple[Any, str]) -> list[dict[str, Any]]:
    return [{"at": at, "send": name} for at, name in events]


# --- what happens when


@pytest.mark.parametrize(
    ("charge", "entered"),
    [
        ({}, [(0, "paying"), (0, "paid")]),
        ({"ok": {}, "after": "2s"}, [(0, "paying"), (2_000, "paid")]),
        (
            [{"fail": "down", "after": 100}, {"ok": {"n": 1}, "after": "2s"}],
            [(0, "paying"), (100, "paying.$backoff"), (1_100, "paying"), (3_100, "paid")],
        ),
        (
            {"fail": "down"},  # the last entry repeats
            [
                *[(0, "paying"), (0, "paying.$backoff"), (1_000, "paying"), (1_000, "paying.$backoff")],
                *[(3_000, "paying"), (3_000, "failed")],
            ],
        ),
        ({"hang": True}, [(0, "paying"), (10_000, "failed")]),
        ({"send": "DECLINED", "after": 5}, [(0, "paying"), (5, "open"), (3_600_005, "forgotten")]),
        ({"ok": {}, "after": "10s"}, [(0, "paying"), (10_000, "paid")]),  # a reply goes before a timer
        ({"ok": {}, "after": 10_001}, [(0, "paying"), (10_000, "failed")]),
        ({"ok": {}, "after": 10_001, "stubborn": True}, [(0, "paying"), (10_000, "failed")]),
    ],
)
def test_a_scripted_handler_does_what_its_entry_says(charge: Any, entered: list[tuple[int, str]]) -> None:
    outcome = run({"handlers": {"charge": charge}, "events": sends((0, "PAY"))})
    assert trail(outcome) == [(0, "open"), *entered]


def test_each_call_takes_the_next_entry() -> None:
    turns = [{"ok": {"a": 1}}, {"fail": "x"}, {"ok": {"b": 2}}]
    looping = machine(
        "{initialState: a, states: {a: {invoke: {handler: h, onDone: b, onError: c}}, b: {always: a}, "
        "c: {invoke: {handler: h, onDone: d}}, d: {terminal: true}}}"
    )
    outcome = run({"handlers": {"h": turns}}, looping)
    assert [state for _, state in trail(outcome)] == ["a", "b", "a", "c", "d"]
    assert outcome.document()["context"] == {"a": 1, "b": 2}


def test_a_recalled_handler_ends_silently_and_a_stubborn_one_disturbs_nobody() -> None:
    for stubborn in (False, True):
        outcome = run(
            {
                "handlers": {
                    "charge": [{"ok": {"late": True}, "after": "5s", "stubborn": stubborn}, {"ok": {"n": 2}}]
                },
                "events": sends((0, "PAY"), ("1s", "ABORT"), ("2s", "PAY"), ("9s", "SHIP")),
            }
        )
        assert trail(outcome)[1:] == [
            (0, "paying"),
            (1_000, "open"),
            (2_000, "paying"),
            (2_000, "paid"),
            (9_000, "shipped"),
        ]
        assert outcome.document()["context"] == {"n": 2}
        assert outcome.document()["rejected"] == []


@pytest.mark.parametrize(
    ("scenario", "entered"),
    [
        # an event at the very deadline goes before the timer
        ({"events": sends(("1h", "CLOSE"))}, [(3_600_000, "closed")]),
        ({"events": sends((3_600_001, "CLOSE"))}, [(3_600_000, "forgotten")]),
        # a reply at the time of an event goes before it
        (
            {"handlers": {"charge": {"after": 500}}, "events": sends((0, "PAY"), (500, "ABORT"), (500, "SHIP"))},
            [(0, "paying"), (500, "paid"), (500, "shipped")],
        ),
        # events of one instant come in their order, whatever the order in the file is otherwise
        ({"events": sends((7, "CLOSE"), (5, "PAY"), (5, "SHIP"))}, [(5, "paying"), (5, "paid"), (5, "shipped")]),
    ],
)
def test_what_goes_first_at_one_instant(scenario: dict[str, Any], entered: list[tuple[int, str]]) -> None:
    assert trail(run(scenario))[1:] == entered


def test_events_wait_for_a_running_action_and_come_before_timers_then() -> None:
    slow = machine(
        """
        initialState: a
        states:
          a: {on: {GO: {target: b, actions: {type: function, handler: slow}}}}
          b: {timeout: 3s, timeoutTransition: late, on: {OK: c}}
          c: {on: {OK: d, X: x}}
          d: {terminal: true}
          x: {terminal: true}
          late: {terminal: true}
        """
    )
    script = {"handlers": {"slow": {"after": "3s"}}, "events": sends((0, "GO"), (1, "OK"), (2, "OK"), (2_500, "X"))}
    assert trail(run(script, slow))[1:] == [(0, "b"), (3_000, "c"), (3_000, "d")]
    assert run(script, slow).document()["rejected"] == ["X"]
    script["handlers"] = {"slow": {"after": 3_001}}
    assert trail(run(script, slow))[1:] == [(0, "b"), (3_000, "late")]
    assert run(script, slow).document()["rejected"] == ["OK", "OK", "X"]


def test_events_that_waited_come_before_those_of_the_instant() -> None:
    slow = machine(
        """
        initialState: a
        states:
          a:
            onEntry: {type: function, handler: slow}
            on: {FIRST: b, SECOND: x}
          b: {onEntry: {type: function, handler: slow}, on: {SECOND: c}}
          c: {on: {THIRD: d}}
          d: {terminal: true}
          x: {terminal: true}
        """
    )
    script = {
        "handlers": {"slow": {"after": "3s"}},
        "events": sends(("3s", "SECOND"), ("4s", "THIRD"), ("1s", "FIRST")),
    }
    outcome = run(script, slow)
    assert trail(outcome)[1:] == [(3_000, "b"), (6_000, "c"), (6_000, "d")]
    assert outcome.document()["rejected"] == []


def test_events_that_wait_for_an_action_which_never_ends_are_undelivered() -> None:
    stuck = machine("{initialState: a, states: {a: {onEntry: {type: function, handler: h}, on: {GO: a}}}}")
    outcome = run({"handlers": {"h": {"hang": True}}, "events": sends((5, "GO"), (6, "X"))}, stuck)
    document = outcome.document()
    assert (document["undelivered"], document["rejected"], document["state"]) == (["GO", "X"], [], "a")


def test_time_is_virtual() -> None:
    outcome = run({"handlers": {"charge": {"after": "5s"}}, "events": sends(("50m", "PAY"), ("1000d", "SHIP"))})
    assert outcome.document()["elapsed"] == 1000 * 86_400_000


# --- what comes out


def test_the_output_document() -> None:
    outcome = run(
        {
            "inputs": {"id": 7},
            "handlers": {"mail": {"fail": "no smtp", "after": 50}, "thank": {"after": 20}},
            "events": [
                {"at": 10, "send": "PAY", "data": {"sum": 3}},
                {"at": 20, "send": "NONSENSE"},
                {"at": 100, "send": "SHIP"},
            ],
        }
    )
    document = outcome.document()
    assert set(document) == set(OUTPUT_KEYS)
    history = document.pop("history")
    assert document == {
        "instance": "local",
        "state": "shipped",
        "success": True,
        "results": {},
        "context": {"id": 7, "sum": 3},
        "completedSteps": [],
        "failedSteps": [],
        "compensations": [],
        "path": [],
        "emitted": [{"event": "Paid", "data": {"ok": True}, "at": 10}],
        "rejected": ["NONSENSE"],
        "undelivered": [],
        "elapsed": 100,  # to the terminal state; its own action takes 20 ms more
        "cost": None,
    }
    assert [(row["seq"], row["at"], row["event"]) for row in history] == [
        (1, 0, "$start"),
        (2, 10, "PAY"),
        (3, 10, "$returned"),
        (4, 60, "$failed"),
        (5, 100, "SHIP"),
        (6, 120, "$returned"),
    ]
    assert history[1]["data"] == {"sum": 3}
    assert (outcome.state, outcome.success, outcome.passed, outcome.failures) == ("shipped", True, True, ())
    assert len(outcome.steps) == len(history)


def test_refused_events_in_their_order_with_answers_that_nobody_accepted() -> None:
    outcome = run(
        {
            "handlers": {"charge": [{"send": "NEVER, HEARD", "after": 5}]},
            "events": [
                {"at": 1, "send": "X"},
                {"at": 2, "send": "PAY"},
                {"at": 9, "send": "Y"},
                {"at": 10, "cancel": True},
                {"at": 11, "send": "Z"},  # the instance has ended: told, not lost
                {"at": 12, "cancel": True},
            ],
        }
    )
    document = outcome.document()
    assert [name.split(",")[0] for name in document["rejected"]] == ["X", "NEVER", "Y", "Z", "$cancel"]
    assert (document["state"], document["elapsed"]) == ("$cancelled", 10)


def test_deferred_events_that_are_left_are_undelivered() -> None:
    patient = machine(
        "{initialState: a, unexpected: defer, states: {a: {on: {GO: b, END: c}}, b: {on: {X: c}}, c: {terminal: true}}}"
    )
    scenario = {"events": sends((0, "Y"), (1, "X"), (2, "END"))}
    assert run(scenario, patient).document()["undelivered"] == ["Y", "X"]
    scenario = {"events": sends((0, "Y"), (1, "X"), (2, "GO"))}
    assert run(scenario, patient).document()["undelivered"] == ["Y"]


def test_keys_in_a_script() -> None:
    outcome = run(
        {
            "events": [
                {"at": 0, "send": "PAY", "key": "k"},
                {"at": 1, "send": "PAY", "key": "k"},  # a duplicate: nothing happens
                {"at": 2, "send": "SHIP", "key": "k"},  # a conflict: refused
            ]
        }
    )
    assert outcome.document()["rejected"] == ["SHIP"]
    assert outcome.state == "paid"


def test_where_nothing_more_can_happen_the_run_is_over() -> None:
    outcome = run({"events": sends((5, "CLOSE"))})
    assert (outcome.state, outcome.success, outcome.document()["elapsed"]) == ("closed", False, 5)
    assert not outcome.passed


def test_a_run_without_end_is_cut_and_told() -> None:
    ring = machine(
        "{initialState: a, states: {a: {timeout: 1s, timeoutTransition: b}, b: {timeout: 1s, timeoutTransition: a}}}"
    )
    outcome = run({"expect": {"state": "b"}}, ring)
    assert len(outcome.steps) == MOST_STEPS
    assert outcome.failures[0].startswith("the run has no end: after 20,000 steps it was cut at 19999000 ms")
    assert not outcome.passed


def test_a_run_that_stands_still_is_cut_and_told() -> None:
    ring = machine("{initialState: a, states: {a: {invoke: {handler: h, onDone: a}}}}")
    (failure,) = run({}, ring).failures
    assert failure.startswith("the run has no end: more than 10,000 replies and timers in a row at 0 ms")


# --- expectations


@pytest.mark.parametrize(
    ("expect", "failures"),
    [
        ({"state": "paid"}, []),
        ({"state": "failed"}, ["state: expected 'failed', got 'paid'"]),
        ({"success": False}, []),
        ({"success": True}, ["success: expected true, got false"]),
        ({"success": 0}, ["success: expected 0, got false"]),
        ({"elapsed": 10}, []),
        ({"elapsed": 10.0}, []),
        ({"elapsed": "11ms"}, ["elapsed: expected 11, got 10"]),
        ({"cost": None}, []),
        ({"cost": "2.00"}, ["cost: expected '2.00', got null"]),
        ({"rejected": ["X"]}, []),
        ({"rejected": []}, ['rejected: expected [], got ["X"]']),
        ({"rejected": "X"}, ["rejected: expected 'X', got [\"X\"]"]),
        ({"emitted": [{"event": "Paid", "data": {"ok": True}, "at": 10}]}, []),
        (
            {"emitted": [{"event": "Paid"}]},
            ['emitted: expected [{"event":"Paid"}], got [{"event":"Paid","data":{"ok":true},"at":10}]'],
        ),
        ({"context": {}}, []),
        ({"context": {"sum": 3.0, "list": [1, {"a": None}]}}, []),
        ({"context": {"sum": 4}}, ["context.sum: expected 4, got 3"]),
        ({"context": {"sum": "3"}}, ["context.sum: expected '3', got 3"]),
        ({"context": {"flag": 1}}, ["context.flag: expected 1, got true"]),
        ({"context": {"list": [1]}}, ['context.list: expected [1], got [1,{"a":null}]']),
        ({"context": {"none": None}}, ["context.none: expected null, got nothing"]),
        ({"context": 7}, ['context: expected 7, got {"flag":true,"list":[1,{"a":null}],"sum":3}']),
        ({"results": {"x": 1}}, ["results.x: expected 1, got nothing"]),
        ({"completedSteps": [], "failedSteps": [], "compensations": [], "path": [], "undelivered": []}, []),
        ({"state": "x", "elapsed": 0}, ["state: expected 'x', got 'paid'", "elapsed: expected 0, got 10"]),
    ],
)
def test_expectations(expect: dict[str, Any], failures: list[str]) -> None:
    data = {"sum": 3, "list": [1, {"a": None}], "flag": True}
    events = [{"send": "X"}, {"at": 10, "send": "PAY", "data": data}]
    assert list(run({"events": events, "expect": expect}).failures) == failures


def test_long_values_are_cut_in_lines_for_people() -> None:
    (failure,) = run({"expect": {"state": "x" * 10_000}}).failures
    assert len(failure) < 600


@pytest.mark.parametrize(
    ("events", "expect", "success", "passed"),
    [
        (["PAY", "SHIP"], {}, True, True),
        (["PAY", "SHIP"], {"rejected": ["X"]}, True, False),
        (["PAY"], {}, False, False),
        (["PAY"], {"rejected": []}, False, False),
        (["PAY"], {"state": "paid"}, False, True),  # the very end that was expected
        ([], {"success": False}, False, True),
        ([], {"success": False, "state": "x"}, False, False),
    ],
)
def test_success_and_failures_are_two_things(
    events: list[str], expect: dict[str, Any], success: bool, passed: bool
) -> None:
    outcome = run({"events": [{"send": name} for name in events], "expect": expect})
    assert (outcome.success, outcome.passed) == (success, passed)


# --- who may be asked to run what


def test_a_definition_and_a_scenario_made_in_python() -> None:
    definition = StateMachine(
        "m",
        "a",
        {"a": State(invoke="h", on={"GO": "b"}, timeout="1s", timeout_transition="a"), "b": State(terminal=True)},
    )
    scenario = Scenario(
        handlers={"h": (Turn(Ok({"x": [1]})), Turn(Hang()))},
        events=(Event("GO", {"y": 2}, 1_500),),
        expect={"state": "b", "context": {"x": [1], "y": 2}, "elapsed": 1_500},
    )
    outcome = simulate(definition, scenario, instance="i-7")
    assert outcome.failures == ()
    assert outcome.document()["instance"] == "i-7"
    assert outcome.scenario is scenario


def test_a_scenario_that_does_not_fit_the_machine_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"order never calls carge .*did you mean charge"):
        simulate(ORDER, Scenario(handlers={"carge": (Turn(),)}))
    with pytest.raises(ScenarioError, match="unknown-handler"):
        simulate(ORDER, {"handlers": {"carge": {}}})


def test_what_is_no_json_is_refused_in_python_too() -> None:
    with pytest.raises(DataError):
        Ok({1, 2})


def test_the_same_script_twice_is_the_same() -> None:
    scenario = {"handlers": {"charge": {"fail": "x"}}, "events": sends((0, "PAY"), (1, "X"))}
    assert run(scenario).document() == run(scenario).document()
