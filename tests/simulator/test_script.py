"""Scenario documents: every key, and every mistake with its code, path, line and hint, all told at once."""

from __future__ import annotations

from typing import Any

import pytest

from statewf.definition.document import document
from statewf.errors import Diagnostic, ScenarioError
from statewf.machine.events import Cancel, Event
from statewf.simulator import Scenario, read_scenario
from statewf.simulator.scenario import Decision, Fail, Hang, Ok, Send, Turn

from .support import machine

DESIGN = """
machine: invoice_processing.yaml
name: the invoice of the design
inputs: {invoice: INV-1}
volume: 150
handlers:
  extract: [{fail: "OCR is down", error: ConnectionError, after: 100}, {ok: {total: 3}, after: 2s}]
  approve: [{hang: true}]
  charge: [{send: PAYMENT_FAILED, data: {code: 51}}]
  reverse-approval: [{ok: {}}]
  archive: {fail: full, retryable: false, stubborn: true}
  plain: {ok: [1, null]}
  nothing: {ok: null, after: PT1M}
  empty: {}
tasks:
  human-approval: {after: 1h, decision: approved, by: ann, comments: fine, result: {limit: 5}}
  second: [{decision: rejected}, {decision: approved}]
events:
  - {at: 0, send: VALIDATE, data: {}}
  - {at: 5s, send: SHIPPED, key: s-1}
  - {send: DELIVERED}
  - {at: 6s, cancel: true}
  - {at: 6s, cancel: true, now: true}
expect: {state: completed, success: true, cost: "2.00", elapsed: 6100, completedSteps: [extract], failedSteps: [],
  compensations: [], rejected: [SHIPPED], undelivered: [], path: [], emitted: [], history: [], results: {}, context: {},
  instance: local}
"""


def read(text: str) -> Scenario:
    found = document(text, "s.yaml")
    return read_scenario(found.value, found.places)


def test_every_key_of_the_design() -> None:
    scenario = read(DESIGN)
    assert scenario == Scenario(
        name="the invoice of the design",
        machine="invoice_processing.yaml",
        inputs={"invoice": "INV-1"},
        volume=150,
        handlers={
            "extract": (Turn(Fail("OCR is down", "ConnectionError"), 100), Turn(Ok({"total": 3}), 2_000)),
            "approve": (Turn(Hang()),),
            "charge": (Turn(Send("PAYMENT_FAILED", {"code": 51})),),
            "reverse-approval": (Turn(),),
            "archive": (Turn(Fail("full", "Error", retryable=False), stubborn=True),),
            "plain": (Turn(Ok([1, None])),),
            "nothing": (Turn(Ok(None), 60_000),),
            "empty": (Turn(),),
        },
        tasks={
            "human-approval": (Decision("approved", 3_600_000, "ann", "fine", {"limit": 5}),),
            "second": (Decision("rejected"), Decision("approved")),
        },
        events=(
            Event("VALIDATE", {}, 0),
            Event("SHIPPED", {}, 5_000, "s-1"),
            Event("DELIVERED", {}, 5_000),  # at the time of the one before it
            Cancel(6_000),
            Cancel(6_000, now=True),
        ),
        expect={
            "state": "completed",
            "success": True,
            "cost": "2.00",
            "elapsed": 6_100,
            "completedSteps": ["extract"],
            "rejected": ["SHIPPED"],
            "instance": "local",
            **dict.fromkeys(["failedSteps", "compensations", "undelivered", "path", "emitted", "history"], ()),
            "results": {},
            "context": {},
        },
    )


@pytest.mark.parametrize(
    "nothing", [{}, dict.fromkeys(["machine", "inputs", "handlers", "tasks", "events", "expect"])]
)
def test_nothing_need_be_said(nothing: dict[str, Any]) -> None:
    assert read_scenario(nothing) == Scenario()


def test_durations_in_expectations() -> None:
    assert read("expect: {elapsed: 1h 30m}").expect == {"elapsed": 5_400_000}


MISTAKES: list[tuple[Any, str, str, str | None]] = [
    ([], "wrong-type", "$", "a scenario has keys such as machine, events and expect"),
    ("text", "wrong-type", "$", None),
    (None, "wrong-type", "$", None),
    ({"event": []}, "unknown-key", "$.event", "did you mean events?"),
    ({"zzz": []}, "unknown-key", "$.zzz", "one of machine, name, inputs"),
    ({1: []}, "wrong-type", "$", "put it in quotes"),
    ({"machine": 1}, "wrong-type", "$.machine", None),
    ({"name": ["x"]}, "wrong-type", "$.name", None),
    ({"inputs": [1]}, "wrong-type", "$.inputs", None),
    ({"inputs": {"a": {1: 2}}}, "not-json", "$.inputs.a", None),
    ({"inputs": {"a": float("nan")}}, "not-finite", "$.inputs.a", None),
    ({"volume": -1}, "out-of-range", "$.volume", None),
    ({"volume": 1.5}, "wrong-type", "$.volume", None),
    ({"volume": True}, "wrong-type", "$.volume", None),
    ({"volume": "many"}, "wrong-type", "$.volume", None),
    ({"volume": float("inf")}, "wrong-type", "$.volume", None),
    ({"handlers": []}, "wrong-type", "$.handlers", None),
    ({"handlers": {"h": []}}, "empty-list", "$.handlers.h", "remove the name"),
    ({"handlers": {"h": "ok"}}, "wrong-type", "$.handlers.h", "such as {ok: {total: 3}"),
    ({"handlers": {"h": None}}, "wrong-type", "$.handlers.h", None),
    ({"handlers": {"h": [{}, 7]}}, "wrong-type", "$.handlers.h[1]", None),
    ({"handlers": {"h": {"fial": "x"}}}, "unknown-key", "$.handlers.h.fial", "did you mean fail?"),
    ({"handlers": {"h": [{"delay": 1}]}}, "unknown-key", "$.handlers.h[0].delay", "one of ok, fail"),
    ({"handlers": {"h": {"after": "soon"}}}, "bad-duration", "$.handlers.h.after", "give milliseconds"),
    ({"handlers": {"h": {"after": -1}}}, "bad-duration", "$.handlers.h.after", None),
    ({"handlers": {"h": {"fail": True}}}, "wrong-type", "$.handlers.h.fail", None),
    ({"handlers": {"h": {"fail": "x", "error": ""}}}, "bad-name", "$.handlers.h.error", None),
    ({"handlers": {"h": {"fail": "x", "retryable": "no"}}}, "wrong-type", "$.handlers.h.retryable", None),
    ({"handlers": {"h": {"hang": 1}}}, "wrong-type", "$.handlers.h.hang", None),
    ({"handlers": {"h": {"stubborn": "yes"}}}, "wrong-type", "$.handlers.h.stubborn", None),
    ({"handlers": {"h": {"send": "$x"}}}, "bad-name", "$.handlers.h.send", None),
    ({"handlers": {"h": {"send": "X", "data": [1]}}}, "wrong-type", "$.handlers.h.data", None),
    ({"handlers": {"h": {"data": {}}}}, "stray-key", "$.handlers.h.data", "a result is said by ok"),
    ({"handlers": {"h": {"ok": {1}}}}, "not-json", "$.handlers.h.ok", None),
    ({"handlers": {"h": {"ok": {}, "fail": "x"}}}, "two-behaviours", "$.handlers.h", "one entry a call"),
    ({"handlers": {"h": {"ok": {}, "hang": True}}}, "two-behaviours", "$.handlers.h", None),
    ({"tasks": []}, "wrong-type", "$.tasks", None),
    ({"tasks": {"t": {}}}, "missing-key", "$.tasks.t", "add decision: approved"),
    (
        {"tasks": {"t": {"decison": "x", "decision": "y"}}},
        "unknown-key",
        "$.tasks.t.decison",
        "did you mean decision?",
    ),
    ({"tasks": {"t": [{"decision": 1}]}}, "wrong-type", "$.tasks.t[0].decision", None),
    ({"tasks": {"t": {"decision": "y", "by": 1}}}, "wrong-type", "$.tasks.t.by", None),
    ({"tasks": {"t": {"decision": "y", "after": "x"}}}, "bad-duration", "$.tasks.t.after", None),
    ({"events": {}}, "wrong-type", "$.events", None),
    ({"events": ["PAY"]}, "wrong-type", "$.events[0]", "such as {at: 5s, send: PAY"),
    ({"events": [{"at": 1}]}, "missing-key", "$.events[0]", "add send: EVENT"),
    ({"events": [{"send": None}]}, "missing-key", "$.events[0]", None),
    ({"events": [{"send": "A", "at": "x"}]}, "bad-duration", "$.events[0].at", None),
    ({"events": [{"send": "A"}, {"send": ""}]}, "bad-name", "$.events[1].send", None),
    ({"events": [{"sent": "A", "send": "A"}]}, "unknown-key", "$.events[0].sent", "did you mean send?"),
    ({"events": [{"send": "A", "data": 7}]}, "wrong-type", "$.events[0].data", None),
    ({"events": [{"send": "A", "data": []}]}, "wrong-type", "$.events[0].data", None),
    ({"events": [{"send": "A", "key": 7}]}, "wrong-type", "$.events[0].key", None),
    ({"events": [{"send": "A", "now": True}]}, "stray-key", "$.events[0].now", None),
    ({"events": [{"send": "A", "cancel": True}]}, "stray-key", "$.events[0].send", None),
    ({"events": [{"cancel": "yes", "send": "A"}]}, "wrong-type", "$.events[0].cancel", None),
    ({"expect": []}, "wrong-type", "$.expect", None),
    ({"expect": {"stat": "paid"}}, "unknown-key", "$.expect.stat", "did you mean state?"),
    ({"expect": {"elapsed": "x"}}, "bad-duration", "$.expect.elapsed", None),
    ({"expect": {"context": {"a": {1}}}}, "not-json", "$.expect.context.a", None),
]


@pytest.mark.parametrize(("text", "code", "path", "hint"), MISTAKES)
def test_a_mistake_has_code_path_and_hint(text: Any, code: str, path: str, hint: str | None) -> None:
    with pytest.raises(ScenarioError) as told:
        read_scenario(text)
    (mistake,) = told.value.diagnostics
    assert (mistake.code, mistake.path, mistake.line) == (code, path, None)
    assert hint is None or hint in (mistake.hint or "")


def test_all_mistakes_are_told_at_once_with_their_lines() -> None:
    text = """
machine: 7
handlers:
  h:
    - {fail: x}
    - ok: 1
      aftr: 2
events:
  - {at: soon, send: A}
expect:
  stat: paid
"""
    found = document(text, "scenarios/s.yaml")
    with pytest.raises(ScenarioError) as told:
        read_scenario(found.value, found.places)
    assert told.value.source == "scenarios/s.yaml"
    assert [(d.line, d.path) for d in told.value.diagnostics] == [
        (2, "$.machine"),
        (7, "$.handlers.h[1].aftr"),
        (9, "$.events[0].at"),
        (11, "$.expect.stat"),
    ]
    assert str(told.value).startswith("scenarios/s.yaml: line 2, $.machine: expected text, found 7")


# --- against a machine

CALLING = machine(
    "{name: m, initialState: a, states: {a: {invoke: charge-payment, onEntry: {type: function, handler: mail}}}}"
)
SILENT = machine("{name: silent, initialState: a, states: {a: {}}}")


def mistakes(text: str, **how: Any) -> list[Diagnostic]:
    found = document(text)
    with pytest.raises(ScenarioError) as told:
        read_scenario(found.value, found.places, **how)
    return list(told.value.diagnostics)


def test_names_that_the_machine_has_are_fine() -> None:
    read_scenario({"handlers": {"mail": {}, "charge-payment": {}}}, machine=CALLING)


def test_a_handler_that_the_machine_never_calls_is_a_mistake() -> None:
    (mistake,) = mistakes("handlers:\n  charge-paiment: {}", machine=CALLING)
    assert (mistake.code, mistake.path, mistake.line) == ("unknown-handler", "$.handlers.charge-paiment", 2)
    assert (mistake.message, mistake.hint) == ("m never calls charge-paiment", "did you mean charge-payment?")


def test_hints_where_no_name_is_like_it() -> None:
    (other,) = mistakes("handlers: {zzz: {}}", machine=CALLING)
    assert other.hint in ("one of mail, charge-payment", "one of charge-payment, mail")
    (none,) = mistakes("handlers: {zzz: {}}", machine=SILENT)
    assert none.hint == "it calls no handlers"


def test_a_state_machine_has_no_tasks() -> None:
    (mistake,) = mistakes("tasks: {t: {decision: approved}}", machine=CALLING)
    assert (mistake.code, mistake.path, mistake.line) == ("unknown-task", "$.tasks.t", 1)
    assert mistake.hint == "it asks nobody"


def test_mistakes_of_form_and_of_names_are_told_together() -> None:
    told = mistakes("handlers: {zzz: {}}\nexpekt: {}", machine=CALLING)
    assert [mistake.code for mistake in told] == ["unknown-handler", "unknown-key"]


def test_events_that_the_machine_does_not_know_are_no_mistake() -> None:
    read_scenario({"events": [{"send": "UNHEARD_OF"}]}, machine=CALLING)
