"""`check` as a whole: reports, what it never says of sound machines, and that what it rules out never happens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import statewf as wf
from statewf import Retry, State, StateMachine
from statewf.checker import Finding, Report, check
from statewf.checker.states.graph import graph_of
from statewf.checker.states.timing import least
from statewf.compiler import compile_definition
from statewf.definition.model import path_text
from statewf.machine.events import AnyEvent, Cancel, Event, Failed, Fired, Returned
from statewf.machine.fsm import CANCEL, DONE, ERROR, RETRY, TIMEOUT, Delay, Machine
from statewf.machine.snapshot import Snapshot, Step, active, due, region_state
from statewf.machine.step import start, step
from statewf.values.frozen import Object
from tests.checker.machines import EVENTS, machines, sound_machines
from tests.checker.states.cases import DONE as TERMINAL
from tests.checker.states.cases import machine, waits

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
                    "rule": "r",
                    "severity": "warning",
                    "where": "$.states.a",
                    "message": "m",
                    "trace": ["E"],
                    "line": 3,
                    "hint": "h",
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
        heavy = "('yaml', 'cattrs', 'lark', 'anyio', 'click', 'rich')"
        code = f"import statewf.checker, sys; print([name for name in {heavy} if name in sys.modules])"
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


def event_of(snapshot: Snapshot, trigger: str) -> AnyEvent:
    """What has to happen for a word of a trace."""
    owner = trigger.partition(":")[2]
    if trigger.startswith((TIMEOUT, RETRY)):
        return Fired("main", trigger, snapshot.flight.deadlines["main", trigger])
    if trigger.startswith((DONE, ERROR)):
        (call,) = (call for call in snapshot.flight.calls.values() if call.owner == owner)
        return Returned(call.id, at=snapshot.at) if trigger.startswith(DONE) else Failed(call.id, "Error", "")
    return Cancel(snapshot.at) if trigger == CANCEL else Event(trigger, at=snapshot.at)


@given(machines(guards=()))
def test_a_trace_can_be_replayed(definition: StateMachine) -> None:
    compiled = compile_definition(definition)
    graph = graph_of(compiled)
    for local in (*graph.resting, *(name for name in graph.entered if graph.region.states[name].terminal)):
        if graph.circling:
            continue  # a livelock is cut, and where is nobody's business
        now = answered(compiled, start(compiled).after)
        for trigger in graph.trace(local):
            done = step(compiled, now, event_of(now, trigger))
            assert isinstance(done, Step), (local, graph.trace(local), done)
            now = answered(compiled, done.after)
        assert active(now) == (local,), graph.trace(local)


def options(machine: Machine, snapshot: Snapshot) -> Iterator[AnyEvent]:
    """What may happen next: any event, any answer, and the timer that is due first."""
    for call in snapshot.flight.calls.values():
        yield Returned(call.id, Object({"x": snapshot.seq % 2 == 0, "y": 1}), snapshot.at)
        yield Failed(call.id, "Error", "", snapshot.at)
    if not snapshot.flight.queue:
        yield from (Event(name, {"x": snapshot.seq % 3 == 0}, snapshot.at) for name in EVENTS)
    yield from (Fired(region, timer, at) for at, region, timer in due(machine, snapshot)[:1] if region)


def walk(machine: Machine, choices: list[int]) -> Iterator[Step]:
    """A run in which the choices say what happens, until it ends or runs in a circle."""
    done = start(machine)
    yield done
    for choice in choices:
        if done.after.ended or livelocked(done):
            return
        possible = list(options(machine, done.after))
        taken = step(machine, done.after, possible[choice % len(possible)])
        if isinstance(taken, Step):
            yield taken
            done = taken


def livelocked(done: Step) -> bool:
    return any(note.kind == "livelock" for note in done.notes)


@given(machines(), st.lists(st.integers(0, 59), max_size=40))
def test_what_is_ruled_out_never_happens(definition: StateMachine, choices: list[int]) -> None:
    machine = compile_definition(definition)
    graph, said = graph_of(machine), check(machine).findings
    dead = {finding.where for finding in said if finding.rule == "dead-timeout"}
    never = {f.where.rpartition(".")[2] for f in said if f.rule == "event-never-accepted"}
    nodes = graph.tree.nodes.values()
    timers = {TIMEOUT + node.name for node in nodes if path_text((*node.path, "timeout")) in dead}
    for done in walk(machine, choices):
        state, attempt, _ = region_state(done.after.regions, 0)
        assert all(move.target in graph.arrivals for move in done.moves)
        assert all(move.attempt <= graph.attempts[move.target] for move in done.moves)
        assert attempt <= graph.attempts[state]
        assert done.after.ended or livelocked(done) or state in graph.resting
        assert not (isinstance(done.event, Fired) and done.event.timer in timers)
        assert not (isinstance(done.event, Event) and done.event.name in never and done.moves)


@pytest.mark.parametrize("growth", ["constant", "linear", "exponential"])
@given(st.integers(0, 40), st.integers(0, 200) | st.none(), st.integers(0, 80))
def test_waits_are_added_up(growth: Any, base: int, cap: int | None, times: int) -> None:
    delay = Delay(base, growth, cap)
    assert least(delay, times) == sum(delay.after(attempt, "") for attempt in range(1, times + 1))
    assert least(attrs.evolve(delay, jitter=True), times) == 0


def test_a_million_waits_are_added_up_at_once() -> None:
    assert least(Delay(1, "linear", 10**9), 10**9) == 10**9 * (10**9 + 1) // 2


def test_who_waits_is_told_how_far_it_is() -> None:
    shared = ", ".join(f"{{id: b{n}, when: results.a.x}}" for n in range(6))
    text = f"steps: [{{id: a}}, {{id: p, type: parallel, steps: [{shared}]}}]\nproperties: [{{absence: p}}]\n"
    told: list[int] = []
    report = check(wf.loads(text), progress=told.append)
    assert told == sorted(told)
    assert report.visited is not None
    assert len(told) >= report.visited // 1_000 > 0
    assert check(wf.loads("steps: [{id: a}]\nproperties: [{absence: a}]"), progress=told.append).verdicts
