"""Properties: each pattern in each scope as it is meant, and the same verdicts as a plain look at all short runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.checker import check
from statewf.checker.runs.exploring import explored
from statewf.checker.runs.narrow import narrowly
from statewf.checker.runs.search import Space
from statewf.checker.runs.verdict import holds, verdict
from statewf.checker.words.question import own_atoms, question
from statewf.compiler import compile_definition
from statewf.compiler.workflow import CAUSES, NOW
from statewf.definition.properties import Absence, Existence, Precedence, Property, Response
from statewf.definition.workflow import Workflow
from statewf.machine.events import Event, Returned
from statewf.machine.explore import Ending, Exploration, Move, explore
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import moves
from statewf.simulator import simulate
from tests.machine.workflows import workflows
from tests.worlds import machines

ORDER = """
name: order
initialState: open
states:
  open: {on: {PAY: paying, STOP: stopped}}
  paying: {invoke: {handler: charge, onDone: paid, onError: open}, timeout: 1m, timeoutTransition: open}
  paid: {on: {SHIP: shipped, REFUND: {target: stopped, guard: context.ok}, NOTE: {}}, timeout: 1d, timeoutTransition: stopped}
  shipped: {terminal: true}
  stopped: {terminal: true, outcome: failure}
properties:
"""
CLAIM = """
name: claim
steps:
  - {id: book, compensation: {steps: [{action: unbook}]}}
  - id: both
    type: parallel
    steps: [{id: pay, compensation: {steps: [{action: refund}]}}, {id: ask, type: human-task, assignTo: ann}]
  - {id: ship, timeout: 1h}
properties:
"""


VIOLATED, POSSIBLE = "violated-property", "possible-violation"
SEVERITIES = {VIOLATED: "error", POSSIBLE: "warning"}


def answers(text: str, *properties: str) -> list[str]:
    definition = wf.loads(text + "".join(f"  - {{{one}}}\n" for one in properties))
    return [found.answer for found in check(definition).verdicts]


@pytest.mark.parametrize(
    ("one", "answer"),
    [
        ("absence: shipped", "refuted"),
        ("'absence': [shipped, stopped]", "proved"),
        ("absence: [paid, stopped]", "refuted"),
        ("absence: 'event:REFUND'", "possible"),
        ("absence: stopped, after: shipped", "proved"),
        ("absence: paying, after: paid", "proved"),
        ("absence: stopped, after: paid, until: shipped", "refuted"),
        ("absence: shipped, until: paid", "proved"),
        ("absence: stopped, until: paid", "refuted"),
        ("existence: [shipped, stopped, $cancelled]", "proved"),
        ("existence: [shipped, stopped]", "refuted"),
        ("existence: [shipped, stopped, $cancelled], after: paid", "proved"),
        ("existence: paid, until: shipped", "refuted"),  # a run may end before
        ("precedence: {first: paid, then: shipped}", "proved"),
        ("precedence: {first: paid, then: stopped}", "refuted"),
        ("precedence: {first: 'event:PAY', then: paid}", "proved"),
        ("response: {after: paid, eventually: [shipped, stopped, $cancelled]}", "proved"),
        ("response: {after: paying, eventually: [paid, open, $cancelled]}", "proved"),
        ("response: {after: open, eventually: [paying, stopped]}", "refuted"),  # it may wait for ever
        ("always: attempts.open !== 2", "proved"),
        ("always: attempts.open !== 2, after: open", "proved"),  # which is entered again
        ("always: \"includes(state, 'open')\"", "refuted"),
        ("always: context.ok", "possible"),
        ("sometimes: \"includes(state, 'shipped')\"", "proved"),
        ("sometimes: \"includes(state, 'paid') && includes(state, 'open')\"", "refuted"),
        ("sometimes: context.ok", "possible"),
        ("eventually: \"includes(state, 'open')\"", "proved"),
        ("eventually: \"includes(state, 'paid')\"", "refuted"),
    ],
)  # fmt: skip
def test_a_state_machine(one: str, answer: str) -> None:
    assert answers(ORDER, one) == [answer]


def test_a_note_that_changes_nothing_does_not_put_off_a_timer() -> None:
    """A circle of notes is not fair: the timer stays set all around, so it comes due in the end."""
    paid = "response: {after: paid, eventually: [shipped, stopped, $cancelled]}"
    assert answers(ORDER.replace("NOTE: {}", "NOTE: {actions: {type: emit, event: Noted}}"), paid) == ["proved"]
    assert answers(ORDER.replace("NOTE: {}", "NOTE: paid"), paid) == ["refuted"], "this sets it anew"


def test_a_timer_around_a_circle_comes_due_though_its_region_moves_within() -> None:
    text = """
initialState: p
states:
  p: {timeout: 10s, timeoutTransition: done, initial: x, states: {x: {on: {E: p.y}}, y: {on: {E: p.x}}}}
  done: {terminal: true}
properties:
"""
    asked = "eventually: \"includes(state, 'done') || includes(state, '$cancelled')\""
    assert answers(text, asked) == ["proved"]
    assert answers(text.replace("E: p.x", "E: p"), asked) == ["refuted"], "it is left and entered again"


def test_an_answer_that_is_accepted_where_the_state_stays_is_not_just_a_return() -> None:
    text = """
initialState: a
states:
  a:
    invoke: {handler: h, onDone: {actions: {type: emit, event: Done}}}
    on: {E: {actions: {type: emit, event: Heard}}, STOP: b}
  b: {terminal: true}
"""
    labels = [move.label for move in explored(compile_definition(wf.loads(text)), 10).moves]
    assert labels.count("h answered E") == 1, "it comes to what `h returned` does, but E was heard"


@pytest.mark.parametrize(
    ("one", "answer"),
    [
        ("absence: ['ship:running', 'workflow:failed']", "proved"),  # by then there is something to undo
        ("absence: ['book:running', 'workflow:failed']", "refuted"),
        ("precedence: {first: both, then: 'ship:running'}", "proved"),
        ("precedence: {first: 'pay:compensated', then: 'book:compensated'}", "refuted"),  # pay may never have been
        ("response: {after: 'ship:failed', eventually: ['workflow:compensated', 'workflow:compensation-failed', 'workflow:cancelled']}", "proved"),
        ("response: {after: 'ask:assigned', eventually: [ask, 'ask:failed', 'ask:cancelled']}", "refuted"),
        ("existence: 'workflow:completed'", "refuted"),
        ("always: \"!(includes(state, 'book:compensating') && includes(state, 'pay:succeeded'))\"", "proved"),
        ("sometimes: \"includes(state, 'pay:succeeded') && includes(state, 'ask:assigned')\"", "proved"),
        ("sometimes: results.ask.approved === true", "proved"),
        ("always: \"results.ask.approved !== false || !includes(state, 'ship:running')\"", "refuted"),  # decided otherwise
        ("always: \"results.ask.decision !== 'rejected' || !includes(state, 'ship:running')\"", "proved"),
    ],
)  # fmt: skip
def test_a_workflow(one: str, answer: str) -> None:
    assert answers(CLAIM, one) == [answer]


def test_what_hangs_on_data_is_possible_and_what_does_not_is_found_first() -> None:
    assert answers(ORDER, "absence: stopped, after: paid", "absence: 'event:REFUND', after: paid") == [
        "refuted",
        "possible",
    ]


def test_a_condition_is_one_thing_wherever_it_is_asked() -> None:
    text = """
name: w
steps:
  - {id: a}
  - {id: b, when: results.a.x === 1}
  - {id: c, when: results.a.x !== 1}
  - {id: d, when: results.a.ok && inputs.fast}
properties:
"""
    found = answers(
        text,
        "absence: [b, c]",
        "always: \"!includes(state, 'd:running') || results.a.ok\"",
        "absence: [d, b]",
        "existence: [b, c, 'b:failed', 'c:failed', 'a:failed', 'workflow:cancelling']",
    )
    assert found == ["proved", "proved", "possible", "proved"]


def test_in_a_workflow_any_step_may_have_set_a_name_of_the_context() -> None:
    text = """
name: w
steps: [{id: ask, type: human-task, onReject: continue}, {id: check}, {id: b, when: context.approved}]
properties:
"""
    asked = ("absence: ['ask', 'b:skipped']", 'always: "context.approved !== false"')
    assert answers(text, *asked) == ["possible", "possible"], "`check` may find approved: false"


def test_people_may_say_whatever_a_condition_asks_for() -> None:
    text = """
name: w
steps: [{id: ask, type: human-task}, {id: b, when: "results.ask.decision === 'maybe'"}]
properties:
"""
    asked = ("absence: 'b:running'", "always: \"results.ask.decision !== 'never'\"")
    assert answers(text, *asked) == ["refuted", "refuted"]


@pytest.mark.parametrize("read", ["ask.reviewedBy", "ask.comments", "ask.result.x", "a.x"])
def test_nobody_knows_what_people_say_besides_a_decision(read: str) -> None:
    text = f"""
name: w
steps: [{{id: a, onError: human-review}}, {{id: ask, type: human-task}}, {{id: b, when: results.{read}}}]
properties:
"""
    assert answers(text, "absence: b, after: a:review") == ["possible"]


def test_the_same_event_brings_other_data_each_time() -> None:
    text = """
initialState: a
states: {a: {on: {E: {target: a, guard: context.c || event.data.v}, F: done}}, done: {terminal: true}}
properties:
"""
    assert answers(text, "existence: done, after: 'event:E', until: 'event:E'") == ["possible"]


def test_a_run_is_told_though_attempts_that_count_no_more_are_others_on_it() -> None:
    """In `cancelling` all attempts of s2 are one to a configuration; the first way there that is found has two."""
    text = """
name: w
timeout: 5s
errorHandling: {defaultRetryPolicy: {maxAttempts: 2}}
steps:
  - {id: s1, type: wait, duration: 500, when: inputs.p1}
  - {id: s2, when: inputs.p2, compensation: {steps: [{action: undo}]}}
  - {id: s3, dependsOn: [], type: wait, duration: 500, compensation: {steps: [{action: undo}]}}
"""
    machine = compile_definition(wf.loads(text))
    asked = question(machine, wf.Absence("s2:compensated"))
    differ = []
    for few in narrowly(machine, asked, 2_000):
        found = verdict(machine, Space(few), asked)
        if found.run is not None:
            assert found.told is not None
            pairs = zip(found.told, found.run.moves, strict=True)
            differ += [one.step.path != move.path for one, move in pairs]
    assert any(differ), "else nothing is shown"


def test_of_as_many_events_as_were_put_off_each_is_asked() -> None:
    waits = ", ".join(f"{{id: {step}, type: event, event: GO, match: event.data.x}}" for step in "abcd")
    assert answers(f"name: w\nsteps: [{waits}]\nproperties:\n", "absence: d") == ["possible"]


def test_of_a_real_run_all_data_are_known() -> None:
    machine = compile_definition(wf.loads("initialState: a\nstates: {a: {on: {GO: b}}, b: {terminal: true}}"))
    steps = simulate(machine, {"inputs": {"x": 1}, "events": [{"send": "GO", "data": {"y": 2}}]}).steps
    assert holds(machine, steps, wf.Always("inputs.x === 1 && context.z === undefined"))
    assert not holds(machine, steps, wf.Always("context.y !== 2"))
    assert holds(machine, steps, wf.Sometimes("context.y === 2"))


def test_what_happens_whatever_the_data_are_is_refuted() -> None:
    steps = (
        "name: w\nsteps: [{id: a}, {id: b, when: inputs.x}, {id: pay}, {id: late, when: inputs.y}]\nproperties:\n"
    )
    assert answers(steps, "absence: 'pay:running'", "absence: 'late:running'") == ["refuted", "possible"]


def test_a_run_that_cannot_be_timed_is_none_if_there_is_another() -> None:
    steps = "name: w\ntimeout: 10m\nsteps: [{id: a, timeout: 5m}, {id: b}]\nproperties:\n"
    report = check(wf.loads(steps + "  - {absence: 'workflow:timed-out'}\n"))
    (found,) = report.verdicts
    assert found.answer == "refuted"
    assert found.told is not None
    assert [(told.label, told.at) for told in found.told] == [
        ("start", 0),
        ("a returned", 1),
        ("workflow $timeout", 600_000),
        ("b returned", 600_001),
    ]
    steps = "name: w\ntimeout: 10m\ncancelGrace: 1s\nsteps: [{id: a, timeout: 5m}]\nproperties:\n"
    assert answers(steps, "absence: 'workflow:timing-out'") == ["possible"]


@pytest.mark.parametrize(
    ("one", "rule", "told", "trace"),
    [
        ("absence: shipped", VIOLATED, "never shipped: a run does so (paid → shipped)", "start, PAY, charge returned, SHIP"),
        ("existence: [shipped, stopped]", VIOLATED, "every run that ends has shipped or stopped: a run ends in $cancelled without", "start, cancel"),
        ("response: {after: open, eventually: stopped}", VIOLATED, "after open comes stopped: a run may wait for ever before that", "start"),
        ("response: {after: paid, eventually: [shipped, stopped, $cancelled]}", VIOLATED, "after paid comes shipped or stopped or $cancelled: a run may go round for ever: NOTE", "start, PAY, charge returned"),
        ("sometimes: 1 > 2", VIOLATED, "sometimes 1 > 2: no run comes to that", ""),
        ("absence: 'event:REFUND'", POSSIBLE, "never event:REFUND: a run does so (paid → stopped), if context.ok", "start, PAY, charge returned, REFUND"),
        ("always: context.ok", POSSIBLE, "always context.ok: in a run it is not so (∅ → open), if what it reads is so", "start"),
        ("sometimes: context.ok", POSSIBLE, "sometimes context.ok: it does, if what it reads is so", "start"),
    ],
)  # fmt: skip
def test_how_a_run_violates_it_is_told(one: str, rule: str, told: str, trace: str) -> None:
    report = check(wf.loads(ORDER.replace("NOTE: {}", "NOTE: paid") + f"  - {{{one}}}\n"))
    (found,) = [finding for finding in report.findings if finding.rule == rule]
    assert (found.severity, found.where, found.line) == (SEVERITIES[rule], "$.properties[0]", 11)
    assert (found.message, ", ".join(found.trace)) == (told, trace)


@pytest.mark.parametrize(
    ("one", "message", "hint"),
    [
        ("absence: shiped", "order has no state shiped", "did you mean shipped?"),
        ("absence: 'event:PAYED'", "order has no event PAYED", "did you mean event:PAY?"),
        ("always: stat === 1", "there is nothing called stat", "conditions of properties read state"),
        ("sometimes: \"includes(state, 'payed')\"", "state never lists payed", "did you mean paid?"),
        ("always: attempts.payng < 2", "order has no state payng", "did you mean paying?"),
        ("absence: 'event:cancel'", "order has no event cancel", "a run that was cancelled ends in $cancelled"),
    ],
)
def test_what_names_nothing_is_an_error_with_its_place(one: str, message: str, hint: str) -> None:
    report = check(wf.loads(ORDER + f"  - {{{one}}}\n"))
    (found,) = [finding for finding in report.findings if finding.rule == "unknown-atom"]
    assert (found.severity, found.where, found.line) == ("error", "$.properties[0]", 11)
    assert message in found.message
    assert hint in str(found.hint)
    assert not report.ok


def test_steps_that_are_named_wrongly() -> None:
    for one, message in (
        ("absence: bok", "no step bok"),
        ("absence: 'pay:paid'", "pay is never paid"),
        ("absence: 'workflow:done'", "a workflow is never done"),
        ("always: \"!includes(state, 'workflow:runing')\"", "a workflow is never runing"),
        ("always: \"!includes(state, 'ask:running')\"", "ask is never running"),
        ("always: \"!includes(state, 'pay:waiting')\"", "state never lists pay:waiting"),
        ("always: \"!includes(state, 'pay')\"", "state never lists pay"),
        ("always: attempts.pey < 2", "claim has no step pey"),
        ("always: results.aks.approved", "claim has no step aks"),
    ):
        report = check(wf.loads(CLAIM + f"  - {{{one}}}\n"))
        assert [message in finding.message for finding in report.findings if finding.rule == "unknown-atom"] == [
            True
        ]
        (hint,) = [str(finding.hint) for finding in report.findings if finding.rule == "unknown-atom"]
        assert "ask:" not in hint or "ask" in one, "of a step that is there its own states are meant"


def test_what_a_state_machine_does_not_have() -> None:
    text = """
initialState: a
states: {a: {initial: x, states: {x: {on: {GO: b}}}}, b: {terminal: true}}
properties:
  - always: attempts.a < 2
  - always: results.a === 1
  - always: attempts['a.x'] < 3 || includes(state, 'b')
"""
    report = check(wf.loads(text))
    told = [finding.message for finding in report.findings if finding.rule == "unknown-atom"]
    assert told == ["a has no attempts of its own", "machine has no results"]
    assert [found.where for found in report.verdicts] == ["$.properties[2]"]


def test_all_that_names_nothing_is_told_at_once() -> None:
    one = "always: \"includes(state, 'paied') && attempts.opn && stat\", after: shiped, until: paid"
    report = check(wf.loads(ORDER + f"  - {{{one}}}\n  - {{absence: [opn, paid]}}\n"))
    told = [finding.message for finding in report.findings if finding.rule == "unknown-atom"]
    assert told == [
        "order has no state shiped",
        "there is nothing called stat",
        "state never lists paied",
        "order has no state opn",
        "order has no state opn",
    ]
    assert report.verdicts == ()


def test_a_property_that_can_say_nothing_is_told() -> None:
    report = check(
        wf.loads(
            ORDER
            + "  - {absence: paid, after: shipped, until: open}\n  - {response: {after: shipped, eventually: paid}}\n"
        )
    )
    assert [found.answer for found in report.verdicts] == ["proved", "refuted"]
    never = wf.loads(
        ORDER.replace("SHIP: shipped, ", "SHIP: {target: shipped, guard: '1 > 2'}, ")
        + "  - {response: {after: shipped, eventually: paid}}\n"
    )
    report = check(never)
    assert [(found.answer, found.idle) for found in report.verdicts] == [("proved", True)]
    assert "idle-property" in [finding.rule for finding in report.findings]


def test_of_many_runs_that_cannot_be_timed_one_that_can_is_found() -> None:
    """All waits are over long before the timeout; only then z may take that long."""
    waits = ", ".join(f"{{id: b{n}, type: wait, duration: 1s}}" for n in range(7))
    text = f"name: w\ntimeout: 100s\nsteps: [{{id: b, type: parallel, steps: [{waits}]}}, {{id: z}}]\nproperties:\n"
    (found,) = check(wf.loads(text + "  - {absence: 'workflow:timed-out'}\n")).verdicts
    assert found.answer == "refuted"
    assert found.told is not None
    assert [told.at for told in found.told if told.label == "workflow $timeout"] == [100_000]


def test_a_review_after_attempts_is_gone_along_once_more() -> None:
    text = "name: w\nsteps: [{id: a, retryPolicy: {maxAttempts: 2}, onError: human-review}]\nproperties:\n"
    assert answers(text, "absence: 'a:failed', after: 'a:backoff'") == ["refuted"]


def test_what_only_some_data_show_is_not_decided_where_there_is_more() -> None:
    """One that does so whatever the data are may be among those that were left out; the run is told all the same."""
    text = """
name: w
steps: [{id: a, when: inputs.go}, {id: b}, {id: c, when: inputs.go}, {id: d}]
properties: [{absence: 'c:skipped'}]
"""
    report = check(wf.loads(text), limit=5)
    (found,) = report.verdicts
    assert (found.answer, report.ok, report.exact, report.bounded) == ("undetermined", False, False, True)
    assert found.run is not None
    (told,) = [finding for finding in report.findings if finding.rule == "undetermined"]
    assert "not decided by the first 5 configurations, and there are more; a run does so" in told.message
    assert told.message.endswith("if not inputs.go")


def test_what_the_limit_cuts_off_is_undetermined_and_not_ok() -> None:
    definition = wf.loads(CLAIM + "  - {absence: 'pay:compensated'}\n  - {absence: 'book:failed'}\n")
    report = check(definition, limit=4)
    assert [found.answer for found in report.verdicts] == ["undetermined", "refuted"]
    assert [finding.rule for finding in report.findings if finding.severity == "error"] == [
        "undetermined",
        "violated-property",
    ]
    assert (report.ok, report.bounded) == (False, True)


# --- against a plain look at all short runs

SHORT = 4  # moves

Word: TypeAlias = frozenset[object]  # the atoms that happen at once


def happens(machine: Machine, move: Move, atom: object) -> list[bool]:
    """For the event and then each move of a step: whether that is the atom, by its text alone."""
    event = move.event.answer if isinstance(move.event, Returned) else move.event
    refused = any(note.kind == "refused" for note in move.notes)
    found = [isinstance(event, Event) and atom == f"event:{event.name}" and not refused]
    of_steps = len(machine.regions) > 1
    moved = (f"{one.region}:{one.target}" if of_steps else one.target for one in moves(move.path))
    return [*found, *(atom == text for text in moved)]


def shown(asked: Property, letters: Sequence[Word], end: str) -> bool:
    """Whether a run that has these letters, and ends or rests or goes on, violates the property. As it is defined."""
    for part, closed in parts(letters, asked.after, asked.until):
        over = closed or end == "ended"
        match asked:
            case Absence(atoms):
                bad = all(any(atom in letter for letter in part) for atom in atoms)
            case Existence(atoms):
                bad = over and not any(atom in letter for letter in part for atom in atoms)
            case Precedence(first, then):
                bad = any(
                    then in letter and not any(first in one for one in part[: i + 1])
                    for i, letter in enumerate(part)
                )
            case Response(trigger, eventually):
                late = over or end == "rests"
                bad = late and any(
                    trigger in letter and not any(atom in one for one in part[i:] for atom in eventually)
                    for i, letter in enumerate(part)
                )
            case _:
                raise NotImplementedError
        if bad:
            return True
    return False


def parts(letters: Sequence[Word], after: object, until: object) -> Iterator[tuple[list[Word], bool]]:
    """The parts of a run within the scope, and whether each was closed."""
    part: list[Word] | None = [] if after is None else None
    over = False
    for letter in letters:
        if part is not None and until is not None and until in letter:
            yield part, True
            part, over = None, after is None
        elif part is not None:
            part.append(letter)
        if part is None and not over and after is not None and after in letter:
            part = []
    if part is not None:
        yield part, False


def plainly(machine: Machine, found: Exploration, asked: Property, *, certain: bool) -> int | None:
    """The length of the shortest violation among all runs of a few moves, if there is one."""
    space = Space(found)
    atoms = [atom for atom in (*own_atoms(asked), asked.after, asked.until) if atom is not None]
    runs: list[tuple[int, list[Word]]] = [(-1, [])]
    for length in range(1, SHORT + 1):
        longer = []
        for node, letters in runs:
            for move in found.initial if node < 0 else space.after[node]:
                if certain and move.free:
                    continue
                new = zip(*(happens(machine, move, atom) for atom in atoms), strict=True)
                after = [
                    *letters,
                    *(frozenset(a for a, is_so in zip(atoms, one, strict=True) if is_so) for one in new),
                ]
                if shown(asked, after, ""):
                    return length
                longer.append((move.target, after))
        for node, letters in longer:
            end = "ended" if space.ends(node) else "rests" if space.rests(node) else ""
            if end and shown(asked, letters, end):
                return length
        runs = longer[:200]
        if len(longer) > len(runs):
            return None
    return None


def asked_of(names: Sequence[str], draw: Any) -> Property:
    """A property of these atoms."""
    one = st.sampled_from(names)
    several = st.lists(one, min_size=1, max_size=2, unique=True)
    scope = {"after": draw(st.none() | one), "until": draw(st.none() | one)}
    match draw(st.integers(0, 3)):
        case 0:
            return Absence(draw(several), **scope)
        case 1:
            return Existence(draw(several), **scope)
        case 2:
            return Precedence(draw(one), draw(one), **scope)
        case _:
            return Response(draw(one), draw(several), **scope)


@settings(max_examples=60)
@given(machines, st.data())
def test_a_state_machine_by_a_plain_look(machine: Machine, drawn: st.DataObject) -> None:
    names = [
        *(n for n in machine.regions[0].states if "$" not in n),
        *(f"event:{event}" for event in machine.listeners),
    ]
    asked = asked_of(names, drawn.draw)
    found = explored(machine, 300)
    space = Space(found)
    told = verdict(machine, space, question(machine, asked))
    certain, any_ = (plainly(machine, found, asked, certain=sure) for sure in (True, False))
    if certain is not None:
        assert told.answer == "refuted"
        assert told.run is not None
        assert len(told.run.moves) == certain
    elif any_ is not None:
        assert told.run is not None
        if any(move.free for move in told.run.moves):
            assert len(told.run.moves) == any_
        else:
            assert told.run.end == "circles" or len(told.run.moves) > any_


@given(workflows(2), st.data())
def test_one_order_for_all_at_the_end_changes_no_verdict_and_no_shortest_run(
    workflow: Workflow, drawn: st.DataObject
) -> None:
    machine = compile_definition(workflow)
    states = ("running", "succeeded", "failed", "cancelled", "cancelling", "compensated")
    names = [
        f"{region.name}:{state}" for region in machine.regions[1:] for state in states if state in region.states
    ]
    names += [f"workflow:{name}" for name, state in machine.regions[0].states.items() if state.terminal]
    asked = question(machine, asked_of(names, drawn.draw))
    whole = explore(machine, 3_000)
    if not whole.whole:
        return
    part = explore(machine, 3_000, Ending((*CAUSES, NOW), asked.regions))
    assert part.whole
    assert len(part.snapshots) <= len(whole.snapshots)
    one, other = (verdict(machine, Space(found), asked) for found in (whole, part))
    assert one.answer == other.answer
    if one.run is not None and other.run is not None and "circles" not in (one.run.end, other.run.end):
        assert len(one.run.moves) == len(other.run.moves)
