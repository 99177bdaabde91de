"""`check` as a whole: reports, what it never says of sound machines, and that what it rules out never happens."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

import statewf as wf
from statewf import Function, Retry, State, StateMachine, Transition
from statewf.checker import Finding, Report, check
from statewf.checker.graph import graph_of
from statewf.checker.timing import least
from statewf.compiler import compile_definition
from statewf.machine.events import AnyEvent, Event, Failed, Fired, Returned
from statewf.machine.fsm import DONE, ERROR, RETRY, TIMEOUT, Delay, Machine
from statewf.machine.snapshot import Rejected, Snapshot, Step, active, due
from statewf.machine.step import start, step
from tests.checker.cases import DONE as TERMINAL
from tests.checker.cases import machine, waits
from tests.checker.machines import EVENTS, machines, sound_machines

ORDER = StateMachine(
    "order",
    "pending",
    {
        "pending": State({"VALIDATE": "validating", "CANCEL": "cancelled"}),
        "validating": State(
            {"VALIDATION_SUCCESS": "validated", "VALIDATION_FAILED": "validation-failed"},
            timeout=30_000,
            timeout_transition="validation-failed",
        ),
        "validated": State({"PROCESS_PAYMENT": "processing-payment"}),
        "processing-payment": State(
            {"PAYMENT_SUCCESS": "paid", "PAYMENT_FAILED": "payment-failed"}, retry=Retry(3, "PAYMENT_FAILED")
        ),
        "paid": State({"FULFILL": "fulfilling"}),
        "fulfilling": State({"SHIPPED": "shipped", "FULFILLMENT_FAILED": "fulfillment-failed"}),
        "shipped": State({"DELIVERED": "delivered", "RETURN_REQUESTED": "returning"}),
        "returning": State({"RETURNED": "returned"}),
        "delivered": TERMINAL,
        "cancelled": TERMINAL,
        "validation-failed": State(terminal=True, outcome="failure"),
        "payment-failed": State(terminal=True, outcome="failure"),
        "returned": TERMINAL,
        "fulfillment-failed": State({"RETRY": "fulfilling"}),
    },
)


class TestReport:
    def test_the_seeds_order_machine(self) -> None:
        report = check(ORDER)
        assert report.ok
        assert (report.name, report.states, report.compiled_states) == ("order", 14, 15)
        assert report.configurations == 14 + 2 + 1, "two more attempts to pay, and $cancelled"
        places = {finding.where: finding.rule for finding in report.findings if finding.rule != "waits-forever"}
        assert places == {"$.states.fulfilling": "unbounded-cycle"}

    def test_a_compiled_machine_is_checked_alike(self) -> None:
        assert check(compile_definition(ORDER)) == check(ORDER)

    def test_the_document_is_what_the_command_line_prints(self) -> None:
        finding = Finding("r", "warning", "$.states.a", "m", ("E",), 3, "h")
        bare = Finding("r", "error", "$", "m")
        document = Report("n", 1, 2, 3, 4, (finding, bare)).document()
        assert json.loads(json.dumps(document)) == {
            "ok": False,
            "states": 1,
            "compiledStates": 2,
            "configurations": 3,
            "transitions": 4,
            "findings": [
                {
                    **{"rule": "r", "severity": "warning", "where": "$.states.a", "message": "m"},
                    **{"trace": ["E"], "line": 3, "hint": "h"},
                },
                {"rule": "r", "severity": "error", "where": "$", "message": "m", "trace": []},
            ],
        }

    def test_states_are_counted_as_written_and_as_compiled(self) -> None:
        inner = {"x": waits({"E": "y"}), "y": waits(retry=Retry(3, "F", base_delay=1))}
        report = check(machine(p=State(states=inner, initial="x"), done=TERMINAL))
        assert (report.states, report.compiled_states) == (4, 5), "x, y, its wait, done, $cancelled"
        assert report.configurations == 1 + 3 + 2 + 1 + 1
        assert report.transitions == 3 + 3 + 2 + 0, "each of x, y and the wait can be cancelled as well"
        assert report.findings == ()

    def test_what_does_not_compile_is_told_whole(self) -> None:
        text = "initialState: z\nstates:\n  a: {on: {E: dnoe}}\n  done: {terminal: true}\n"
        report = check(wf.loads(text))
        assert not report.ok
        assert (report.states, report.compiled_states, report.configurations, report.transitions) == (2, 0, 0, 0)
        told = [(finding.rule, finding.where, finding.line, finding.severity) for finding in report.findings]
        assert told == [
            ("unknown-initial", "$.initialState", 1, "error"),
            ("unknown-target", "$.states.a.on.E", 3, "error"),
        ]
        assert report.findings[1].hint == "did you mean done?"

    def test_importing_it_loads_nothing_heavy(self) -> None:
        code = "import statewf.checker, sys; print([m for m in ('yaml', 'cattrs', 'lark', 'anyio') if m in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"

    def test_a_machine_of_thousands_is_checked_soon(self) -> None:
        names = [f"s{number}" for number in range(5_000)]
        ring = {name: State({"NEXT": after}) for name, after in zip(names, (*names[1:], names[0]), strict=True)}
        definition = StateMachine("ring", "s0", {**ring, "lost": State(always="lost2"), "lost2": TERMINAL})
        assert [finding.rule for finding in check(definition).findings if finding.severity == "error"] == [
            "unreachable-state"
        ]


@given(sound_machines())
def test_no_error_where_nothing_is_wrong(definition: StateMachine) -> None:
    report = check(definition)
    assert report.ok, report.findings


# --- what `step` really does


def answered(machine: Machine, snapshot: Snapshot) -> Snapshot:
    """The same instance when every action in its queue has been done."""
    while snapshot.flight.queue:
        (call,) = (call for call in snapshot.flight.calls.values() if not call.owner)
        done = step(machine, snapshot, Returned(call.id, at=snapshot.at))
        assert isinstance(done, Step)
        snapshot = done.after
    return snapshot


def pulled(machine: Machine, snapshot: Snapshot, trigger: str) -> Snapshot:
    """What becomes of an instance when this happens: a word of a trace."""
    event: AnyEvent = Event(trigger, at=snapshot.at)
    if trigger.startswith((DONE, ERROR)):
        kind, _, owner = trigger.partition(":")
        (call,) = (call for call in snapshot.flight.calls.values() if call.owner == owner)
        event = Returned(call.id) if kind + ":" == DONE else Failed(call.id, "Error", "")
    elif trigger.startswith((TIMEOUT, RETRY)):
        event = Fired("main", trigger, snapshot.flight.deadlines["main", trigger])
    elif trigger.startswith("$"):
        event = wf.machine.events.Cancel() if False else event
    done = step(machine, snapshot, event)
    assert isinstance(done, Step), done
    return done.after
