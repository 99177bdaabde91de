"""The checker beside a plain reference: the same verdicts and shortest runs, the same configurations, on small definitions.

The reference (`naive`) has data, one *world* for all inputs that conditions may tell apart; the checker supposes. So of
what both say this must agree:

    proved      there is no world in which a run violates the property
    refuted     some run does in every world; that alone makes it no more than possible: `refuted` wants more, one way to
                act without knowing the data, and be it step by step
    possible    some run does in some world; if no condition reads data, it is one that could not be timed
    lengths     the checker's run is never shorter than the shortest there is. It is just as long if something was
                supposed on it, or could not be, and every run can be timed: else a longer one was told, because it does
                without, or can. One that goes round for ever is told where there is no other

Generated is what the checker promises to see as it is. Each part of a condition reads a name of its own, for what is
supposed of one says nothing of another; what a machine assigns is set from the start on, for until then any event may
set it; the context of workflows is left out, for there any result may set any name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from hypothesis import assume, event, given, note
from hypothesis import strategies as st

import statewf as wf
from statewf.checker.runs.exploring import explored
from statewf.checker.runs.search import Space
from statewf.checker.runs.verdict import verdict
from statewf.checker.words.question import Question, question
from statewf.compiler import compile_definition
from statewf.compiler.workflow import CAUSES, NOW
from statewf.definition.model import Action
from statewf.definition.properties import Always, Eventually, Existence, Property, Response, Sometimes
from statewf.definition.workflow import StepType
from statewf.definition.write import to_yaml
from statewf.machine.explore import Ending, Exploration, explore
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, active
from tests.checker.runs import naive, naive_properties
from tests.checker.runs.test_verdict import asked_of

Definition: TypeAlias = wf.StateMachine | wf.Workflow

FEW = 400  # states of one world: more are not looked at
MANY = 20_000  # configurations, which are never more than that here

# --- state machines

STATES = ("a", "b", "c", "p.x", "p.y")
EVENTS = ("E", "F")
VALUES = ("!context.k", "true")
KNOWN = (
    None,
    None,
    None,
    "attempt < 2",
    "context.k",
    "inputs.x",
    "!inputs.x",
    "context.c",
    "inputs.x && !context.c",
)
TOLD = (*KNOWN, "event.data.v", "context.c || event.data.v")
DELAYS = (None, None, None, 5, 20)


@st.composite
def _transitions(draw: st.DrawFn, guards: Sequence[str | None], targets: Sequence[str]) -> wf.Transition:
    guard = draw(st.sampled_from(guards))
    assign = wf.Assign({"k": draw(st.sampled_from(VALUES))})
    actions: tuple[Action, ...] = draw(st.sampled_from([(), (), (), (assign,), (wf.Function("act"),)]))
    target = draw(st.sampled_from((*targets, None) if actions else targets))
    return wf.Transition(target, guard=guard, actions=actions)


@st.composite
def _state(
    draw: st.DrawFn, targets: Sequence[str], later: Sequence[str], inner: Mapping[str, wf.State] | None = None
) -> wf.State:
    """`always` leads to `later` states alone, so that it never goes round."""
    one = _transitions(TOLD, targets)
    parts: dict[str, Any] = {
        "on": draw(st.dictionaries(st.sampled_from(EVENTS), st.lists(one, min_size=1, max_size=2)))
    }
    for part in draw(st.lists(st.sampled_from(["timeout", "invoke", "always", "entry", "retry"]), max_size=2)):
        match part:
            case "timeout":
                parts |= {
                    "timeout": draw(st.sampled_from([10, 30])),
                    "timeout_transition": draw(st.sampled_from(targets)),
                }
            case "invoke":
                answers = st.lists(_transitions(KNOWN, targets), max_size=2)
                parts["invoke"] = wf.Invoke("ask", on_done=draw(answers), on_error=draw(answers))
            case "always" if later:
                parts["always"] = draw(st.lists(_transitions(KNOWN[3:], later), max_size=1))
            case "entry":
                policy = draw(
                    st.sampled_from([None, wf.RetryPolicy(2, base_delay=0), wf.RetryPolicy(2, base_delay=7)])
                )
                parts["on_entry"] = (wf.Function("act", retry_policy=policy),)
            case "retry" if not inner:
                on = draw(st.sampled_from([*parts["on"], *(["$error"] if "invoke" in parts else [])] or EVENTS))
                parts["retry"] = wf.Retry(draw(st.integers(1, 3)), on, base_delay=draw(st.sampled_from(DELAYS)))
    parts["unexpected"] = draw(st.sampled_from(["reject"] * 6 + ["ignore", "defer"]))
    return wf.State(**parts, states=inner or {}, initial="x" if inner else None)


@st.composite
def machines(draw: st.DrawFn) -> wf.StateMachine:
    """Machines of one to four states, one of which may be made of two, and an end. They know `context.k` from the start."""
    names = [*STATES[: draw(st.integers(1, 3))], *(["p"] if draw(st.integers(0, 2)) == 0 else [])]
    leaves = [inner for name in names for inner in (STATES[3:] if name == "p" else [name])]
    everywhere = [*leaves, "done", *names]
    found: dict[str, wf.State] = {}
    for place, name in enumerate(names):
        later = [*names[place + 1 :], "done"]
        if name != "p":
            found[name] = draw(_state(everywhere, later))
            continue
        x, y = draw(_state(everywhere, ["p.y", "done"])), draw(_state(everywhere, ["done"]))
        found[name] = draw(_state(everywhere, [], {"x": x, "y": y}))
    first = draw(st.sampled_from(names))
    entry = (wf.Assign({"k": "false"}), *found[first].on_entry)
    found[first] = attrs.evolve(found[first], on_entry=entry)
    return wf.StateMachine("any", first, {**found, "done": wf.State(terminal=True)})


# --- workflows

KINDS: tuple[StepType, ...] = ("function", "function", "human-task", "wait", "event", "parallel", "condition")
READ = {"function": ".v", "human-task": ".result.v"}  # what conditions read of a result
LOCAL = (
    "running",
    "succeeded",
    "failed",
    "skipped",
    "cancelled",
    "cancelling",
    "compensated",
    "assigned",
    "backoff",
)


@st.composite
def _steps(draw: st.DrawFn, name: str, before: Sequence[str], depth: int) -> wf.Step:
    """A step, and with `depth` perhaps a block; `before` is what it may read of those before it."""
    kind: StepType = draw(st.sampled_from(KINDS if depth else KINDS[:-2]))
    whens = ["inputs.x", "!inputs.y", *before]
    keys = draw(st.lists(st.sampled_from(["when", "required", "compensation", "on_error", "timeout"]), max_size=2))
    drawn: dict[str, Any] = {
        "when": draw(st.sampled_from(whens)),
        "required": False,
        "compensation": wf.Compensation(wf.CompensationAction("undo")),
        "on_error": draw(st.sampled_from(["human-review", "rollback", "log-and-continue"])),
        "timeout": 500,
    }
    parts = {part: drawn[part] for part in keys}
    match kind:
        case "function":
            attempts, delay = draw(st.integers(1, 2)), draw(st.sampled_from([0, 100]))
            parts["retry_policy"] = wf.RetryPolicy(attempts, base_delay=delay, non_retryable=["Bad"])
        case "human-task":
            parts["escalation_policy"] = draw(st.none() | st.just(wf.EscalationPolicy(300, "boss")))
            parts["on_reject"] = draw(st.sampled_from(["fail", "continue"]))
        case "wait":
            parts["duration"] = 100
        case "event":
            parts |= {"event": "GO", "match": draw(st.sampled_from([None, None, "event.data.w"]))}
        case "parallel":
            parts["steps"] = [draw(_steps(f"{name}{letter}", before, 0)) for letter in "xy"]
            parts["strategy"] = draw(st.sampled_from(["all", "any", "first", wf.Quorum(2)]))
            parts["max_concurrency"] = draw(st.sampled_from([None, None, 1]))
        case "condition":
            parts["condition"] = draw(st.sampled_from(whens))
            parts["then"] = draw(_steps(f"{name}x", before, 0))
            parts["else_"] = draw(st.none() | _steps(f"{name}y", before, 0))
    return wf.Step(name, type=kind, **parts)


@st.composite
def workflows(draw: st.DrawFn) -> wf.Workflow:
    """Workflows of one to four steps, blocks counted with what is in them."""
    left = draw(st.integers(1, 4))
    steps: list[wf.Step] = []
    while left > 0:
        before = [f"results.{step.id}{READ[step.type]}" for step in steps if step.type in READ]
        step = draw(_steps("abcd"[len(steps)], before, int(left > 2)))
        steps.append(step)
        left -= 1 + len(step.steps) + (step.then is not None) + (step.else_ is not None)
    return wf.Workflow("any", steps, timeout=draw(st.sampled_from([None, None, None, 900])))


# --- the verdicts


def words_of(machine: Machine) -> list[str]:
    """What properties of a machine may speak of."""
    if len(machine.regions) == 1:
        (region,) = machine.regions
        names = [name for name in region.states if ".$" not in name]
        around = {name.rpartition(".")[0] for name in names} - {""}
        return [*names, *sorted(around), *(f"event:{name}" for name in machine.listeners)]
    steps = [(region.name, {naive.plain(name) for name in region.states}) for region in machine.regions]
    return [f"{name}:{state}" for name, states in steps for state in (*LOCAL, "completed") if state in states]


@st.composite
def properties(draw: st.DrawFn, machine: Machine) -> Property:
    """A property of any pattern; conditions read data of a state machine, too.

    Somebody may cancel any run, which few properties outlive: what must come may be that, too.
    """
    names = words_of(machine)
    one = st.sampled_from(names)
    cancelled = draw(st.sampled_from([(), ("$cancelled" if len(machine.regions) == 1 else "workflow:cancelled",)]))
    pattern = draw(st.sampled_from([None, None, None, None, Always, Sometimes, Eventually]))
    if pattern is None:
        asked = asked_of(names, draw)
        match asked:
            case Existence(atoms):
                return attrs.evolve(asked, atoms=(*atoms, *cancelled))
            case Response(_, eventually):
                return attrs.evolve(asked, eventually=(*eventually, *cancelled))
        return asked
    here = draw(st.sampled_from([name for name in names if not name.startswith("event:")]))
    conditions = [f"includes(state, '{here}')", f"!includes(state, '{here}')"]
    if pattern is Eventually:
        conditions = [" || ".join(f"includes(state, '{name}')" for name in (here, *cancelled))]
    elif len(machine.regions) == 1:  # what is not known is supposed of each snapshot by itself, so not of several
        conditions += [f"attempts['{here}'] !== 2", "context.c", "!context.k"]
    return pattern(draw(st.sampled_from(conditions)), after=draw(st.none() | one), until=draw(st.none() | one))


def compared(definition: Definition, drawn: st.DataObject) -> None:
    machine = compile_definition(definition)
    asked = drawn.draw(properties(machine))
    note(to_yaml(attrs.evolve(definition, properties=[asked])))
    condition = getattr(asked, "condition", None)
    read = [] if condition is None else [condition]
    graphs = [naive.explored(machine, inputs, data, FEW) for inputs, data in naive.worlds(machine, read)]
    assume(all(graph.whole for graph in graphs))
    plainly = [naive_properties.sought(graph, asked) for graph in graphs]
    alone = all(len(snapshot.flight.deadlines) < 2 for graph in graphs for snapshot in graph.snapshots)
    asking = question(machine, asked)
    for found in explorations(machine, asking):
        agree(machine, asking, found, plainly, supposed=bool(naive.reads(machine, read)), alone=alone)


def explorations(machine: Machine, asking: Question) -> Iterator[Exploration]:
    """That of every order, and of a workflow also one order for all at the end, if no condition is asked."""
    yield explored(machine, MANY, [asking])
    if len(machine.regions) > 1 and asking.condition is None:
        yield explore(machine, MANY, Ending((*CAUSES, NOW), asking.regions))


def agree(
    machine: Machine,
    asking: Question,
    found: Exploration,
    plainly: Sequence[naive_properties.Found],
    *,
    supposed: bool,
    alone: bool,
) -> None:
    """`supposed`: some condition reads data; `alone`: no two timers are ever set, so that every run can be timed."""
    assume(found.whole)  # it is not where one step asks the same of four events, as of such as were deferred
    told = verdict(machine, Space(found), asking)
    event(f"{told.answer}")
    sure, none = ("proved", "refuted") if isinstance(asking.asked, Sometimes) else ("refuted", "proved")
    assert (told.answer == none) == (not any(plainly)), (told.answer, plainly)
    assert told.answer != sure or all(plainly), (told.answer, plainly)
    assert told.answer != "possible" or supposed or told.told is None, told
    assert told.run is None or not alone or told.told is not None, told
    if told.run is None:
        return
    shortest = min((one.length for one in plainly if one.length is not None), default=None)
    circles = told.run.end == "circles"
    assert any(one.circles for one in plainly) if circles else shortest is not None, (told, plainly)
    free = any(move.free for move in (*told.run.moves, *told.run.loop))
    if alone and (free or not supposed):
        event("as long")
        assert shortest == (None if circles else len(told.run.moves)), told
    elif shortest is not None and not circles:
        assert shortest <= len(told.run.moves), told


@given(machines(), st.data())
def test_of_a_state_machine(definition: wf.StateMachine, drawn: st.DataObject) -> None:
    compared(definition, drawn)


@given(workflows(), st.data())
def test_of_a_workflow(definition: wf.Workflow, drawn: st.DataObject) -> None:
    compared(definition, drawn)


# --- the configurations


def look(snapshot: Snapshot) -> tuple[Any, ...]:
    """What is compared of a snapshot: where its regions are, which calls are open, which timers are set."""
    flight = snapshot.flight
    calls = frozenset((call.region, call.owner, call.stopped) for call in flight.calls.values())
    return active(snapshot), calls, frozenset(flight.deadlines), frozenset(snapshot.book.tasks), snapshot.ended


@given(machines() | workflows())
def test_both_see_the_same_configurations(definition: Definition) -> None:
    note(to_yaml(definition))
    machine = compile_definition(definition)
    graphs = [naive.explored(machine, inputs, data, FEW) for inputs, data in naive.worlds(machine)]
    assume(all(graph.whole for graph in graphs))
    found = explore(machine, MANY)
    assume(found.whole)  # as above
    plainly = {look(snapshot) for graph in graphs for snapshot in graph.snapshots}
    assert plainly == {look(snapshot) for snapshot in found.snapshots}
