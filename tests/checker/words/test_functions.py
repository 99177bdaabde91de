"""Properties that are functions: they say what texts say, they are never told what nobody knows, and they may be wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.checker import Happening, PropertyFails, View, check, holds
from statewf.checker.runs.exploring import explored
from statewf.checker.runs.retold import scenario
from statewf.checker.runs.search import Space
from statewf.checker.runs.verdict import Verdict, verdict, visible
from statewf.checker.words.atoms import Watch
from statewf.checker.words.functions import FACTS, of_known, watched_at
from statewf.checker.words.question import Question, question
from statewf.compiler import compile_definition
from statewf.definition.properties import Absence, Existence, Predicate, Property
from statewf.definition.workflow import Workflow
from statewf.machine.events import AnyEvent, Event
from statewf.machine.explore import Exploration, explore
from statewf.machine.fsm import Machine
from statewf.machine.lens import assigned_names, lens
from statewf.machine.snapshot import Rejected, Snapshot
from statewf.machine.step import start, step
from statewf.simulator import simulate
from tests.checker.runs.test_verdict import CLAIM, ORDER, asked_of
from tests.machine.workflows import data, happenings, workflows
from tests.worlds import machines

ENOUGH = 300  # configurations

# --- a function of a step says what a text says


def says(machine: Machine, text: str) -> Predicate:
    """The function that says of a step what that atom does."""
    name = text.removeprefix("event:")
    if name != text:
        return lambda step: step.event == name
    if len(machine.regions) == 1:
        return lambda step: any(move.target == text for move in step.moves)
    region, _, state = text.partition(":")
    return lambda step: any((move.region, move.target) == (region, state) for move in step.moves)


def twin(machine: Machine, asked: Property) -> Property:
    """The same property with functions for its atoms."""

    def said(part: Any) -> Any:
        return tuple(map(said, part)) if isinstance(part, tuple) else part and says(machine, part)

    names = [field.name for field in attrs.fields(type(asked)) if field.name != "name"]
    return attrs.evolve(asked, **{name: said(getattr(asked, name)) for name in names})


def judged(machine: Machine, asked: Question) -> tuple[Verdict, Exploration]:
    found = explored(machine, ENOUGH, [asked])
    assume(found.whole)
    return verdict(machine, Space(found), asked), found


def are_the_same(one: Verdict, other: Verdict) -> None:
    assert (one.answer, one.idle) == (other.answer, other.idle)
    if one.run is not None and other.run is not None and "circles" not in (one.run.end, other.run.end):
        assert (len(one.run.moves), one.run.end) == (len(other.run.moves), other.run.end)


def same_with_functions(machine: Machine, asked: Property) -> None:
    put = question(machine, asked)
    other, found = judged(machine, question(machine, twin(machine, asked)))
    plain = asked.after is None and asked.until is None and isinstance(asked, Absence | Existence)
    watch = Watch(put.atoms)
    if not plain and any(len(watch.letters(move)) > 1 for move in (*found.initial, *found.moves)):
        event("one step does two things that the property speaks of")
        return
    event(other.answer)
    are_the_same(judged(machine, put)[0], other)


@settings(max_examples=60)
@given(machines, st.data())
def test_functions_of_steps_say_the_same_of_a_state_machine(machine: Machine, drawn: st.DataObject) -> None:
    names = [n for n in machine.regions[0].states if "$" not in n]
    same_with_functions(machine, asked_of([*names, *(f"event:{n}" for n in machine.listeners)], drawn.draw))


@given(workflows(2), st.data())
def test_functions_of_steps_say_the_same_of_a_workflow(workflow: Workflow, drawn: st.DataObject) -> None:
    machine = compile_definition(workflow)
    states = ("running", "succeeded", "failed", "cancelled", "cancelling", "compensated", "completed")
    names = [f"{region.name}:{state}" for region in machine.regions for state in states if state in region.states]
    same_with_functions(machine, asked_of([*names, *(f"event:{n}" for n in machine.listeners)], drawn.draw))


# --- a function of a snapshot says what a condition says

KNOWN = ("1", "2", "true", "null", "[1, true]")
GUARDS = (None, None, None, "context.k === 1", "context.k === 2")


@st.composite
def assigning(draw: st.DrawFn, guards: Sequence[str | None] = GUARDS) -> wf.StateMachine:
    """Machines of up to three states that set `k` on some of their ways, try again, and come to an end."""
    names = ["a", "b", "c"][: draw(st.integers(1, 3))]

    def way() -> wf.Transition:
        action = wf.Assign({"k": draw(st.sampled_from(KNOWN))})
        actions = draw(st.sampled_from([(), (action,)]))
        target, guard = draw(st.sampled_from([*names, "end"])), draw(st.sampled_from(guards))
        return wf.Transition(target, guard=guard, actions=actions)

    retry = st.none() | st.builds(wf.Retry, st.integers(2, 3), st.just("F"))
    states = {
        name: wf.State(
            {one: [way() for _ in range(draw(st.integers(1, 2)))] for one in ("E", "G")}, retry=draw(retry)
        )
        for name in names
    }
    return wf.StateMachine("any", "a", {**states, "end": wf.State(terminal=True)})


Part = tuple[str, Callable[[View], bool]]


@st.composite
def conditions(draw: st.DrawFn, states: Sequence[str]) -> Part:
    """A condition, as a text and as a function; what may be unknown stands last."""
    here, number = draw(st.sampled_from(states)), draw(st.integers(1, 3))
    text, k = draw(st.sampled_from([("1", 1), ("2", 2), ("true", True), ("null", None)]))
    first: list[Part] = [
        (f"includes(state, '{here}')", lambda view: here in view.state),
        (f"attempts.{here} === {number}", lambda view: view.attempts.get(here) == number),
    ]
    read: Part = (
        f"context.k === {text}",
        lambda view: type(view.context.get("k")) is type(k) and view.context.get("k") == k,
    )
    (one, says_one), (other, says_other) = draw(st.sampled_from(first)), read
    match draw(st.integers(0, 3)):
        case 0:
            return one, says_one
        case 1:
            return f"!({one}) || {other}", lambda view: not says_one(view) or says_other(view)
        case 2:
            return f"{one} && !({other})", lambda view: says_one(view) and not says_other(view)
        case _:
            return other, says_other


def both_ways(definition: wf.StateMachine, drawn: st.DataObject) -> tuple[Verdict, Verdict]:
    machine, part = compile_definition(definition), drawn.draw(conditions(list(definition.states)))
    pattern: Any = drawn.draw(st.sampled_from([wf.Always, wf.Sometimes, wf.Eventually]))
    names = st.none() | st.sampled_from([*(n for n in machine.regions[0].states if "$" not in n), "event:E"])
    scope = {"after": drawn.draw(names), "until": drawn.draw(names)}
    text, function = part
    one, other = (judged(machine, question(machine, pattern(said, **scope)))[0] for said in (text, function))
    event(other.answer)
    return one, other


@given(assigning(GUARDS[:1]), st.data())
def test_functions_of_snapshots_say_the_same(definition: wf.StateMachine, drawn: st.DataObject) -> None:
    are_the_same(*both_ways(definition, drawn))


@given(assigning(), st.data())
def test_functions_of_snapshots_say_no_more_than_conditions_which_know_the_answers_of_guards(
    definition: wf.StateMachine, drawn: st.DataObject
) -> None:
    one, other = both_ways(definition, drawn)
    assert other.answer in (one.answer, "possible")


# --- what is known of many runs is so in each


def agrees(here: View, real: View) -> bool:
    """Whether all that is known here is so there."""
    if (here.state, dict(here.attempts)) != (real.state, dict(real.attempts)):
        return False
    if sorted(here.results) != sorted(real.results):
        return False
    for name, result in real.results.items():
        told = {fact: known(here.results, name, fact) for fact in FACTS}
        said = result if isinstance(result, dict) else {}
        if not all(value is NOT_KNOWN or (fact, value) in said.items() for fact, value in told.items()):
            return False
    held = known(here.context, "k")
    return held is NOT_KNOWN or (type(held), held) == (type(real.context.get("k")), real.context.get("k"))


NOT_KNOWN = object()


def known(value: Any, *path: str) -> Any:
    try:
        for name in path:
            value = value[name]
    except Exception:
        return NOT_KNOWN
    return value


def walked(machine: Machine, inputs: object, following: Callable[[Snapshot], AnyEvent]) -> None:
    """A real run is at every step where some node is, and all that a function is told there is so."""
    watched = [watched_at(path) for path in (("attempts",), ("results",), ("context", "k"))]
    found = explore(machine, 400, watched=watched)
    assume(found.whole)
    sight, assigned = lens(machine, watched), assigned_names(machine)
    after: dict[int, set[int]] = {number: set() for number in range(len(found.snapshots))}
    for move in found.moves:
        after[move.source].add(move.target)

    def agreeing(number: int, real: View) -> bool:
        told: list[bool] = []
        scope = visible(machine, found.snapshots[number])
        of_known(lambda view: bool(told.append(agrees(view, real))), scope, assigned)  # type: ignore[func-returns-value]  # it is asked, whatever it says
        return told == [True]

    def alike(snapshot: Snapshot, among: set[int]) -> set[int]:
        real, wanted = View(**visible(machine, snapshot)), sight.configuration(snapshot)._replace(data=())
        looking = {number for number in among if found.configurations[number]._replace(data=()) == wanted}
        return {number for number in looking if agreeing(number, real)}

    snapshot = start(machine, inputs).after
    here = alike(snapshot, {move.target for move in found.initial})
    assert here
    for _ in range(30):
        if snapshot.ended:
            return
        made = step(machine, snapshot, following(snapshot))
        if isinstance(made, Rejected):
            continue
        snapshot = made.after
        here = alike(snapshot, set().union(*(after[number] for number in here)))
        assert here


@given(workflows(2), st.data())
def test_what_is_known_of_many_runs_of_a_workflow_is_so_in_each(workflow: Workflow, drawn: st.DataObject) -> None:
    machine = compile_definition(workflow)
    walked(machine, drawn.draw(data), lambda snapshot: drawn.draw(happenings(snapshot, machine)))


@given(assigning(), st.sampled_from([None, {"k": 1}, {"k": 2}]), st.data())
def test_what_is_known_of_many_runs_of_a_state_machine_is_so_in_each(
    definition: wf.StateMachine, inputs: object, drawn: st.DataObject
) -> None:
    events = st.builds(Event, st.sampled_from(["E", "F", "G"]))
    walked(compile_definition(definition), inputs, lambda _: drawn.draw(events))


# --- what one function reads keeps runs apart that are one for all others


def answer(text: str, *also: Property) -> list[str]:
    return [found.answer for found in check(wf.loads(text), also=also).verdicts]


ASSIGNS = """
name: two ways
initialState: a
states:
  a:
    on:
      ONE: {target: b, actions: {type: assign, set: {k: 1, more: '[1]'}}}
      TWO: {target: b, actions: {type: assign, set: {k: true, more: inputs.x}}}
      ANY: b
  b: {on: {GO: c}, timeout: 1d, timeoutTransition: c}
  c: {terminal: true}
"""


@pytest.mark.parametrize(
    ("found", "function"),
    [
        ("refuted", lambda view: "c" not in view.state or view.context["k"] is not True),
        ("refuted", lambda view: "c" not in view.state or type(view.context["k"]) is not int),
        ("refuted", lambda view: "c" not in view.state or view.context["more"] != (1,)),
        ("possible", lambda view: "c" not in view.state or view.context["k"] != 5),  # somebody may give it
        ("possible", lambda view: "c" not in view.state or "k" in view.context),
        ("possible", lambda view: "c" not in view.state or len(view.context) < 9),
        ("possible", lambda view: "c" not in view.state or view.context.get("other") is None),
        ("proved", lambda view: "c" not in view.state or "b" not in view.state),
    ],
)
def test_what_the_machine_assigns(found: str, function: Predicate) -> None:
    assert answer(ASSIGNS, wf.Always(function)) == [found]


def test_attempts_that_nobody_counts_any_more() -> None:
    text = "steps: [{id: a, retryPolicy: {maxAttempts: 3}}, {id: b}]"

    def third(view: View) -> bool:
        return "b:succeeded" in view.state and view.attempts["a"] == 3

    assert answer(text, wf.Sometimes(third), wf.Always(lambda view: not third(view))) == ["proved", "refuted"]


def test_decisions_and_which_steps_have_results() -> None:
    text = """
steps:
  - {id: ask, type: human-task, onReject: continue}
  - {id: maybe, required: false}
  - {id: last, dependsOn: [ask, maybe]}
"""

    def at_the_end(condition: Callable[[View], bool]) -> Property:
        return wf.Always(lambda view: "last:succeeded" not in view.state or condition(view))

    found = answer(
        text,
        at_the_end(lambda view: view.results["ask"]["approved"] is True),
        at_the_end(lambda view: view.results["ask"]["decision"] != "rejected"),
        at_the_end(lambda view: view.results["ask"]["decision"] != "retry"),
        at_the_end(lambda view: "maybe" in view.results),
        at_the_end(lambda view: list(view.results) != ["ask", "last"]),
        at_the_end(lambda view: view.results["ask"].get("comments") is None),
        at_the_end(lambda view: view.results["last"] != 3),
        at_the_end(lambda view: "approved" not in view.context),
    )
    assert found == [*["refuted"] * 2, "possible", *["refuted"] * 2, *["possible"] * 3]


def test_a_result_that_is_not_there_is_not_one_that_nobody_knows() -> None:
    machine = compile_definition(wf.loads("steps: [{id: a}]"))
    sight = lens(machine, [watched_at(("results", "a"))])
    ended = next(snapshot for snapshot in explore(machine, ENOUGH).snapshots if snapshot.book.results)
    without = ended._replace(book=ended.book._replace(results=ended.book.results.delete("a")))
    assert repr(ended.book.results["a"]) == "unknown"
    assert sight.configuration(ended) != sight.configuration(without)


def test_whoever_swallows_that_nobody_knows_has_not_answered() -> None:
    def kind(answer: bool) -> Predicate:
        def tried(view: View) -> bool:
            try:
                return bool(view.results["a"]["kind"] == "big")
            except Exception:
                return answer

        return tried

    text = "steps: [{id: a}]"
    every = [pattern(kind(one)) for pattern in (wf.Always, wf.Sometimes) for one in (True, False)]
    assert answer(text, *every) == ["possible", "refuted", "proved", "possible"]


# --- a function of a step


def test_a_function_of_a_step_sees_its_event_and_its_moves() -> None:
    seen: dict[Happening, None] = {}

    def look(step: Happening) -> bool:
        seen[step] = None
        return False

    assert answer(ORDER + "  []\n", wf.Absence(look)) == ["proved"]
    told = {(step.event, *(tuple(move)[1:] for move in step.moves)) for step in seen}
    assert {("", ("", "open")), ("PAY", ("open", "paying")), ("", ("paying", "paid"))} <= told
    assert {move.region for step in seen for move in step.moves} == {"main"}
    seen.clear()
    assert answer("steps: [{id: a, timeout: 1h}]", wf.Absence(look)) == ["proved"]
    moved = {tuple(move) for step in seen for move in step.moves}
    assert {
        ("a", "waiting", "running"),
        ("a", "running", "succeeded"),
        ("workflow", "running", "completed"),
    } <= moved


def test_functions_and_words_of_one_property_happen_at_once() -> None:
    text = """
name: hasty
initialState: a
states:
  a: {on: {GO: b}}
  b: {always: c}
  c: {terminal: true}
"""

    def enters_b(step: Happening) -> bool:
        return any(move.target == "b" for move in step.moves)

    def enters_c(step: Happening) -> bool:
        return any(move.target == "c" for move in step.moves)

    assert answer(text, wf.Precedence("b", "c"), wf.Precedence("c", "b")) == ["proved", "refuted"]
    for first, then in ((enters_b, enters_c), (enters_c, enters_b), ("c", enters_b), (enters_c, "b")):
        assert answer(text, wf.Precedence(first, then)) == ["proved"]
    assert answer(text, wf.Absence(enters_c, after="b"), wf.Absence("c", until=enters_b)) == ["proved", "proved"]
    assert answer(text, wf.Absence([enters_b, "c"]), wf.Response("c", enters_b, after="a")) == ["refuted", "proved"]


def test_a_function_may_look_at_any_region_so_no_order_is_left_out() -> None:
    steps = ", ".join(f"{{id: s{n}}}" for n in range(5))
    machine = compile_definition(wf.loads(f"steps: [{{id: all, type: parallel, steps: [{steps}]}}, {{id: last}}]"))

    def nothing(_: Happening) -> bool:
        return False

    every = len(explore(machine, 20_000).snapshots)
    few, many = (
        len(explored(machine, 20_000, asked).snapshots) for asked in ([], [question(machine, wf.Absence(nothing))])
    )
    assert few < every == many


# --- beside the properties of the definition


def test_they_come_last_and_say_where_they_stand() -> None:
    definition = wf.loads(ORDER + "  - {absence: shipped}\n  - {existence: [shipped, stopped, $cancelled]}\n")

    def stops(step: Happening) -> bool:
        return any(move.target == "stopped" for move in step.moves)

    also: list[Property] = [
        wf.Absence(stops, name="never stopped"),
        wf.Absence("stoped"),
        wf.Precedence("paid", "shipped"),
    ]
    for subject in (definition, compile_definition(definition)):
        report = check(subject, also=also)
        assert [found.answer for found in report.verdicts] == ["refuted", "proved", "refuted", "proved"]
        errors = [found for found in report.findings if found.severity == "error"]
        assert [(found.rule, found.where) for found in errors] == [
            ("violated-property", "$.properties[0]"),
            ("unknown-atom", "also[1]"),
            ("violated-property", "also[0]"),
        ]
        assert errors[2].message == "never stopped: never stops: a run does so (open → stopped)"
        assert errors[2].trace == ("start", "STOP")
    assert [found.answer for found in check(definition, also=wf.Absence(stops)).verdicts][2:] == ["refuted"]


def test_what_else_is_asked_does_not_change_what_the_file_is_told() -> None:
    definition = wf.loads(CLAIM + "  - {absence: ['book:running', 'workflow:failed']}\n")
    (alone,) = check(definition, limit=60).verdicts
    first, *_ = check(definition, limit=60, also=[wf.Always(lambda view: bool(view.attempts) or True)]).verdicts
    assert (first.answer, first.document()) == (alone.answer, alone.document())


def test_a_run_that_refutes_a_function_can_be_played() -> None:
    machine = compile_definition(wf.loads(ORDER + "  []\n"))
    by_step: Property = wf.Absence(lambda step: any(move.target == "shipped" for move in step.moves))
    by_snapshot: Property = wf.Always(lambda view: "shipped" not in view.state)
    for asked, found in zip(
        (by_step, by_snapshot), check(machine, also=[by_step, by_snapshot]).verdicts, strict=True
    ):
        assert found.told is not None
        assert not holds(machine, simulate(machine, scenario(found.told)).steps, asked)
        assert holds(machine, simulate(machine, {"events": [{"send": "STOP"}]}).steps, asked)


def test_of_a_real_run_everything_is_known() -> None:
    machine = compile_definition(wf.loads("steps: [{id: a}, {id: b}]"))
    played = simulate(machine, {"handlers": {"a": {"ok": {"total": 3}}}})
    small = wf.Always(lambda view: view.results.get("a", {}).get("total", 0) < 4 and view.context.get("total") != 4)
    assert holds(machine, played.steps, small)
    assert not holds(machine, simulate(machine, {"handlers": {"a": {"ok": {"total": 4}}}}).steps, small)


# --- functions that are wrong


def raising(_: object) -> bool:
    raise ValueError("no such luck")


class Worded:
    def __call__(self, seen: object) -> str:
        return "yes"


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        (wf.Always(raising), "raising raises ValueError: no such luck in line", "a snapshot: state"),
        (wf.Absence(raising), "raising raises ValueError: no such luck in line", "a step: event, moves"),
        (wf.Existence("open", after=raising), "raising raises ValueError: no such luck", "a step: event, moves"),
        (wf.Always(lambda view: view.attempts["shipped"] > 1), "raises KeyError: 'shipped' in line", "a snapshot"),
        (wf.Always(lambda view: view.moves == ()), "says raises AttributeError: 'View' object has no", "a snapshot"),
        (wf.Absence(lambda step: step.state == "paid"), "raises AttributeError: 'Happening' object", "a step"),
        (wf.Sometimes(lambda: True), "takes 0 positional arguments but 1 was given", "a snapshot"),  # type: ignore[arg-type, misc]  # what if
        (wf.Eventually(lambda view: None), "says gives null, not True or False", "a snapshot"),  # type: ignore[arg-type, return-value]  # what if
        (wf.Absence(Worded()), "Worded gives text, not True or False", "a step"),  # type: ignore[arg-type]  # what if
    ],
)  # fmt: skip
def test_a_function_without_an_answer_is_a_finding(asked: Property, message: str, hint: str) -> None:
    definition = wf.loads(ORDER + "  []\n")
    report = check(definition, also=[wf.Absence("shipped"), asked])
    (found,) = [found for found in report.findings if found.rule == "property-fails"]
    assert (found.severity, found.where) == ("error", "also[1]")
    assert message in found.message
    assert hint in str(found.hint)
    assert (report.ok, len(report.verdicts)) == (False, 1)
    with pytest.raises(PropertyFails, match=r"raises|gives"):
        holds(compile_definition(definition), simulate(definition, {}).steps, asked)


def test_a_function_is_called_by_its_name_or_its_line() -> None:
    def short_of_money(step: Happening) -> bool:
        return step.event == "PAY"

    asked = (wf.Absence(short_of_money, until=lambda step: False), wf.Response(raising, [short_of_money, "paid"]))
    machine = compile_definition(wf.loads(ORDER + "  []\n"))
    one, other = (question(machine, each).text for each in asked)
    assert one.startswith("never short_of_money until what line ")
    assert other == "after raising comes short_of_money or paid"


def test_a_definition_holds_none() -> None:
    for asked in (wf.Absence(raising), wf.Absence("a", until=raising), wf.Always(raising)):
        for make in (
            lambda one: wf.StateMachine("m", "a", {"a": wf.State(terminal=True)}, properties=[one]),
            lambda one: wf.Workflow("w", [wf.Step("a")], properties=one),
        ):
            with pytest.raises(wf.DefinitionError, match=r"properties\[0\] has a function.*also=\[...\]"):
                make(asked)


def test_what_is_no_property_is_refused() -> None:
    with pytest.raises(wf.DefinitionError, match=r"also\[1\] must be an Absence"):
        check(wf.loads(ORDER + "  []\n"), also=[wf.Absence("paid"), raising])  # type: ignore[list-item]  # what if
