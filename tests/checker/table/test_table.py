"""The table says what `step` does: in generated worlds every cell is held against it, and no cell is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.checker.table import table_of
from statewf.checker.table.cells import Cell, Table, Way
from statewf.compiler import compile_definition
from statewf.expr import Fault, parse
from statewf.files import load, loads
from statewf.machine.events import Event, Fired
from statewf.machine.fsm import RETRY, TIMEOUT, Machine, Pull
from statewf.machine.snapshot import Rejected, Snapshot, Step, due, region_state
from statewf.machine.step import start, step
from statewf.simulator import simulate
from statewf.values.frozen import Json
from tests import flows, worlds

generated = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
MACHINES = sorted((Path(__file__).parents[3] / "machines").glob("*.yaml"))


def cells_of(table: Table, row: str) -> dict[str, Cell]:
    (found,) = (one for one in table.rows if one.name == row)
    return dict(zip(table.columns, found.cells, strict=True))


def texts_of(definition: wf.StateMachine | wf.Workflow, row: str) -> dict[str, str]:
    cells = cells_of(table_of(compile_definition(definition)), row)
    return {column: cell.text for column, cell in cells.items() if cell.text != "-"}


# --- state machines, held against the real step


@generated
@given(worlds.machines, st.data())
def test_a_cell_says_what_step_does(machine: Machine, data: st.DataObject) -> None:
    table = table_of(machine)
    snapshot = start(machine, {"n": data.draw(st.integers(0, 2))}).after
    for _ in range(8):
        compare(table, machine, snapshot, data.draw(worlds.data))
        if snapshot.ended:
            return
        happened = step(machine, snapshot, data.draw(worlds.happenings(machine, snapshot)))
        snapshot = happened.after if isinstance(happened, Step) else snapshot


def compare(table: Table, machine: Machine, snapshot: Snapshot, data: Json) -> None:
    name, attempt, _ = region_state(snapshot.regions, 0)
    if name == "$cancelled":
        return
    cells = cells_of(table, name)
    for at, region, timer in due(machine, snapshot):
        if timer.startswith((TIMEOUT, RETRY)):
            fired = step(machine, snapshot, Fired(region, timer, at))
            assert isinstance(fired, Step)
            assert fired.moves[0].target in {way.target for way in cells[timer.partition(":")[0]].ways}
    if not any(timer.startswith(TIMEOUT) for _, _, timer in due(machine, snapshot)):
        assert snapshot.ended or "$timeout" not in cells or cells["$timeout"].text == "-"
    for event in [column for column in cells if not column.startswith("$")] if not snapshot.flight.queue else ():
        received = Event(event, data, snapshot.at)
        happened, cell = step(machine, snapshot, received), cells[event]
        way = taken(cell, snapshot, attempt, received)
        if way is None:
            assert said(happened) == cell.otherwise
        else:
            assert isinstance(happened, Step)
            assert happened.disposition == "accepted"
            if way.target is not None:
                assert (happened.moves[0].source, happened.moves[0].target) == (name, way.target)


def taken(cell: Cell, snapshot: Snapshot, attempt: int, event: Event) -> Way | None:
    """The first way of a cell that holds."""
    seen = {"name": event.name, "data": event.data}
    scope = {"inputs": snapshot.inputs, "context": snapshot.context, "event": seen, "attempt": attempt}
    for way in cell.ways:
        if (way.below is None or attempt < way.below) and (way.guard is None or holds(way.guard, scope)):
            return way
    return None


def holds(guard: str, scope: dict[str, object]) -> bool:
    try:
        return parse(guard).holds(scope)
    except Fault:
        return False


def said(happened: Step | Rejected) -> str:
    return "rejected" if isinstance(happened, Rejected) else happened.disposition


@generated
@given(worlds.machines)
def test_no_cell_is_left_out(machine: Machine) -> None:
    table = table_of(machine)
    (region,) = machine.regions
    assert [row.name for row in table.rows] == [name for name in region.states if name != "$cancelled"]
    assert {event for state in region.states.values() for event in state.events} == {
        column for column in table.columns if not column.startswith("$")
    }
    for row in table.document()["rows"]:
        assert list(row["cells"]) == list(table.columns)
        assert all(cell["text"] for cell in row["cells"].values())


@generated
@given(worlds.machines)
def test_a_word_is_what_its_ways_are(machine: Machine) -> None:
    for row in table_of(machine).rows:
        for cell in row.cells:
            assert cell.quiet == (not cell.ways and cell.text != "stays" and not cell.text.endswith(": stays"))
            if cell.otherwise is not None:
                assert cell.text.endswith(cell.otherwise)
            assert all(way.text in cell.text for way in cell.ways)


# --- the words of states

DOOR = """
initialState: closed
states:
  closed:
    on:
      OPEN: open
      LOCK:
        - {target: locked, guard: event.data.code === 42}
        - {target: alarm, guard: attempt > 5}
      KNOCK: {actions: {type: emit, event: Knocked}}
      NEVER: {target: alarm, guard: 1 > 2}
      SURE: [{target: open, guard: "true"}, alarm]
    retry: {maxAttempts: 3, on: [OPEN, SHAKE]}
  open:
    unexpected: ignore
    initial: wide
    timeout: 1h
    timeoutTransition: closed
    invoke: {handler: watch, onDone: {target: closed, guard: event.data.ok}}
    states:
      wide:
        unexpected: defer
        timeout: 5s
        timeoutTransition: ajar
        invoke: {handler: hold, onDone: ajar, onError: alarm}
        retry: {maxAttempts: 2, on: [PUSH, $error], baseDelay: 1s}
      ajar: {always: [{target: passing, guard: context.n > 1}]}
      passing: {on: {OPEN: closed}, always: closed}
  locked: {terminal: true, unexpected: defer}
  alarm: {terminal: true, outcome: failure}
"""


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "closed",
            {
                "OPEN": "again up to attempt 3, then → open.wide",
                "LOCK": "→ locked if event.data.code === 42, else → alarm if attempt > 5, else rejected",
                "KNOCK": "stays",
                "NEVER": "rejected",
                "SURE": "→ open.wide",
                "SHAKE": "again up to attempt 3, then rejected",
                "PUSH": "rejected",
            },
        ),
        (
            "open.wide",
            {
                **dict.fromkeys(("OPEN", "LOCK", "KNOCK", "NEVER", "SURE", "SHAKE"), "deferred"),
                "PUSH": "again later up to attempt 2, then deferred",
                "$timeout": "after 5s → open.ajar; open: after 1h → closed",
                "$done": "→ open.ajar; open: → closed if event.data.ok, else stays",
                "$error": "again later up to attempt 2, then → alarm; open: stays",
            },
        ),
        (
            "open.wide.$backoff",
            {
                **dict.fromkeys(("OPEN", "LOCK", "KNOCK", "NEVER", "SURE", "SHAKE", "PUSH"), "deferred"),
                "$timeout": "open: after 1h → closed",
                "$done": "open: → closed if event.data.ok, else stays",
                "$error": "open: stays",
                "$retry": "again",
            },
        ),
        (
            "open.ajar",
            {
                **dict.fromkeys(("OPEN", "LOCK", "KNOCK", "NEVER", "SURE", "SHAKE", "PUSH"), "ignored"),
                "$timeout": "open: after 1h → closed",
                "$done": "open: → closed if event.data.ok, else stays",
                "$error": "open: stays",
                "$always": "→ open.passing if context.n > 1",
            },
        ),
        ("open.passing", {"$always": "→ closed"}),
        ("locked", dict.fromkeys(("OPEN", "LOCK", "KNOCK", "NEVER", "SURE", "SHAKE", "PUSH"), "rejected")),
    ],
)
def test_the_words_of_a_state(row: str, expected: dict[str, str]) -> None:
    assert texts_of(loads(DOOR), row) == expected


def test_what_kind_of_state_it_is() -> None:
    assert {row.name: row.note for row in table_of(compile_definition(loads(DOOR))).rows} == {
        "closed": "start",
        "open.wide": "",
        "open.wide.$backoff": "between attempts",
        "open.ajar": "",
        "open.passing": "left at once",
        "locked": "ends in success",
        "alarm": "ends in failure",
    }


def test_the_document_has_the_ways() -> None:
    document = table_of(compile_definition(loads(DOOR))).document()
    assert document["columns"][:3] == ["OPEN", "LOCK", "KNOCK"]
    cells = document["rows"][0]["cells"]
    assert cells["SHAKE"] == {
        "text": "again up to attempt 3, then rejected",
        "ways": [{"target": "closed", "below": 3}],
        "otherwise": "rejected",
    }
    assert cells["KNOCK"] == {"text": "stays", "ways": [{"target": None}]}
    assert cells["PUSH"] == {"text": "rejected", "otherwise": "rejected"}
    assert cells["$timeout"] == {"text": "-"}


# --- step workflows


@generated
@given(flows.flows(rich=True))
def test_what_becomes_of_a_step_is_in_its_row(flow: flows.Flow) -> None:
    machine = compile_definition(flow.workflow)
    table = table_of(machine)
    for row in simulate(machine, flow.scenario()).document()["history"]:
        for change in row["changes"]:
            if change["region"] != "workflow":
                cells = cells_of(table, change["region"])
                for column in ENTERED.get(change["to"].partition(".")[0], ()):
                    assert cells[column].text != "-", (change, column)


# which columns must say something of a step that entered a state
ENTERED = {
    "running": ("starts",),
    "assigned": ("starts",),
    "escalated": ("timeout",),
    "backoff": ("fails",),
    "review": ("fails",),
    "succeeded": ("succeeds",),
    "failed": ("fails",),
    "skipped": ("skipped",),
    "cancelled": ("cancelled",),
    "compensating": ("undone",),
}


@generated
@given(flows.flows(rich=True))
def test_the_row_of_a_step_is_what_its_region_does(flow: flows.Flow) -> None:
    machine = compile_definition(flow.workflow)
    table, skipped = table_of(machine), told_to_skip(machine)
    strategy = flow.workflow.error_handling.compensation_strategy
    undone = {step.id for step in flow.steps() if step.compensation is not None and strategy != "none"}
    for region in machine.regions[1:]:
        said = {column for column, cell in cells_of(table, region.name).items() if cell.text != "-"}
        ways = [way for state in region.states.values() for way in state.transitions()]
        entered = {(way.target or "").partition(".")[0] for way in ways}
        timers = {way.trigger for way in ways if way.trigger.startswith((TIMEOUT, "$escalate"))}
        assert ("fails" in said) == bool(entered & {"failed", "review"})
        assert ("timeout" in said) == bool(timers & {"$timeout:running", "$timeout:assigned", "$escalate"})
        assert ("undone" in said) == (region.name in undone)
        by_itself = any(way.target == "skipped" and way.trigger not in ("$ready", "$skip") for way in ways)
        assert "skipped" in said or region.name not in skipped
        assert "skipped" not in said or region.name in skipped or by_itself


def told_to_skip(machine: Machine) -> set[str]:
    """The steps that are skipped by a word of their own or of others, and all that these tell so in turn."""
    pulls: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    found = set()
    for region in machine.regions:
        for way in (way for state in region.states.values() for way in state.transitions()):
            if way.target == "skipped" and way.trigger == "$ready":
                found.add(region.name)
            for op in way.entry + way.actions:
                if isinstance(op, Pull) and op.trigger == "$skip":
                    pulls[way.trigger == "$skip"].add((region.name, op.region))
    found |= {other for _, other in pulls[False]}
    while more := {other for one, other in pulls[True] if one in found} - found:
        found |= more
    return found


CLAIM = """
errorHandling: {defaultRetryPolicy: {maxAttempts: 2}}
cancelGrace: 5s
steps:
  - {id: read, handler: ocr, timeout: 30s, compensation: {steps: [{action: forget}, {action: tell}]}}
  - {id: side, dependsOn: [], required: false, onError: notify-manager}
  - id: choice
    type: condition
    condition: inputs.total > 100
    dependsOn: [read, side]
    then: {id: ask, type: human-task, timeout: 2d, escalationPolicy: {timeout: 1d, escalateTo: boss}}
  - id: all
    type: parallel
    when: inputs.all
    maxConcurrency: 2
    steps:
      - {id: left, required: false, retryPolicy: {maxAttempts: 1}}
      - {id: right, dependsOn: left, onError: human-review, review: {assignTo: ann, timeout: 1h}}
      - {id: nap, type: wait, duration: 5s}
  - id: race
    type: parallel
    strategy: any
    steps: [{id: fast, when: inputs.fast}, {id: paid, type: event, event: PAID, match: event.data.ok, when: inputs.p}]
  - {id: both, type: parallel, steps: [{id: one, when: inputs.one}]}
  - {id: say, type: human-task, onReject: continue, onError: rollback}
"""


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "read",
            {
                "starts": "at once",
                "succeeds": "when ocr returns",
                "fails": "again up to attempt 2, then the workflow fails",
                "timeout": "after 30s: the attempt fails",
                "cancelled": "its handler has 5s to end",
                "undone": "by forget, tell",
            },
        ),
        (
            "side",
            {
                "starts": "at once",
                "succeeds": "when side returns",
                "fails": "again up to attempt 2, then Notification.send, the others go on",
                "cancelled": "its handler has 5s to end",
            },
        ),
        (
            "choice",
            {
                "starts": "after read, side",
                "succeeds": "with its branch",
                "fails": "the workflow fails",
                "skipped": "unless inputs.total > 100",
                "cancelled": "with all within it",
            },
        ),
        (
            "ask",
            {
                "starts": "if inputs.total > 100",
                "succeeds": "when decided, unless rejected",
                "fails": "choice fails",
                "timeout": "after 1d: given to boss; after 2d: it fails",
                "skipped": "if not (inputs.total > 100)",
                "cancelled": "its task is withdrawn",
            },
        ),
        (
            "right",
            {
                "starts": "after left, at most 2 at a time",
                "succeeds": "when right returns",
                "fails": "again up to attempt 2, then ann decides within 1h: again, go on, or all fails",
                "skipped": "with all",
                "cancelled": "its handler has 5s to end",
            },
        ),
        (
            "nap",
            {
                "starts": "with all, at most 2 at a time",
                "succeeds": "after 5s",
                "skipped": "with all",
                "cancelled": "at once",
            },
        ),
        (
            "race",
            {
                "starts": "after all",
                "succeeds": "with the first success",
                "fails": "the workflow fails",
                "skipped": "if all within it are",
                "cancelled": "with all within it",
            },
        ),
        (
            "paid",
            {
                "starts": "with race, if inputs.p",
                "succeeds": "on PAID if event.data.ok",
                "fails": "race fails if all within it do",
                "skipped": "unless inputs.p",
                "cancelled": "at once",
            },
        ),
        (
            "both",
            {
                "starts": "after race",
                "succeeds": "when all within are over",
                "fails": "the workflow fails",
                "cancelled": "with all within it",
            },
        ),
        ("say", {"starts": "after both", "succeeds": "when decided", "cancelled": "its task is withdrawn"}),
    ],
)
def test_the_words_of_a_step(row: str, expected: dict[str, str]) -> None:
    assert texts_of(loads(CLAIM), row) == expected


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_every_machine_of_ours_has_a_table(path: Path) -> None:
    table = table_of(compile_definition(load(path)))
    assert table.rows
    assert all(row.cells[0].text for row in table.rows)
