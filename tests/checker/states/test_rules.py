"""Every rule finds what it is for, finds it alone, and finds nothing in the near miss beside it."""

from __future__ import annotations

import pytest

import statewf as wf
from statewf import State, StateMachine, Transition
from statewf.checker import Finding, check
from statewf.checker.states.rules import RULES
from statewf.definition.model import Definition
from statewf.definition.write import to_yaml
from tests.checker.states.cases import CASES, DONE, ERRORS, LOOP, Case, around, machine, waits

each = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.name}")


def found(definition: StateMachine) -> list[tuple[str, str]]:
    """The rules that are broken, and where."""
    return [(finding.rule, finding.where) for finding in check(definition).findings]


def only(definition: Definition) -> Finding:
    """The one finding there is."""
    (finding,) = check(definition).findings
    return finding


@each
def test_it_is_found_alone(case: Case) -> None:
    assert found(case.broken) == [(case.rule, case.where)]


@each
def test_the_near_miss_is_clean(case: Case) -> None:
    assert found(case.mended) == []


@each
def test_from_a_file_it_is_the_same_with_a_line(case: Case) -> None:
    text = to_yaml(case.broken)
    written = only(case.broken)
    read = only(wf.loads(text))
    assert read.line is not None
    assert (read.rule, read.severity, read.message, read.trace, read.hint) == (
        *(written.rule, written.severity, written.message),
        *(written.trace, written.hint),
    )
    line = text.splitlines()[read.line - 1].replace('"', "").strip()
    key = case.where.partition("['")[2].removesuffix("']") or case.where.split(".")[-1]
    assert line.startswith("- " if key.endswith("]") else f"{key}:")


@each
def test_errors_are_not_ok_and_warnings_are(case: Case) -> None:
    report = check(case.broken)
    assert report.ok is (case not in ERRORS)
    assert {finding.severity for finding in report.findings} == {"error" if case in ERRORS else "warning"}


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} == {rule.__name__.replace("_", "-") for rule in RULES}


def test_lines_are_those_of_the_text() -> None:
    text = """
        initialState: a
        states:
          a:
            on:
              E:
                - done
                - target: done
                  guard: context.x
            timeout: 1h
            timeoutTransition: done
          done: {terminal: true}
          lost: {timeout: 1s, timeoutTransition: done}
    """
    lines = [(finding.rule, finding.line) for finding in check(wf.loads(text)).findings]
    assert lines == [("unreachable-state", 13), ("shadowed-transition", 8)]


class TestTraces:
    def test_the_way_to_a_state(self) -> None:
        definition = machine(a=waits({"E": "b"}), b=waits({"F": "c"}), c=State({"G": "done"}), done=DONE)
        assert only(definition).trace == ("E", "F")

    def test_the_shortest_counts_events_and_not_transitions(self) -> None:
        definition = machine(
            a=waits({"E": "c", "F": "b"}),
            b=State(always="b2"),
            b2=State(always="b3"),
            b3=State(always="goal"),
            c=waits({"G": "goal"}),
            goal=State({"H": "done"}),
            done=DONE,
        )
        assert only(definition).trace == ("F",)

    def test_the_last_attempt_has_those_before_it(self) -> None:
        retry = wf.Retry(3, "E", base_delay=5)
        definition = machine(a=waits({"E": "b"}, retry=retry), b=State({"G": "done"}), done=DONE)
        assert only(definition).trace == ("E", "$retry:a", "E", "$retry:a", "E")

    def test_a_cycle_is_gone_round_once(self) -> None:
        definition = machine(a=waits({"E": "b"}), b=waits({"F": "c"}), c=waits({"G": "b"}), done=DONE)
        finding = only(definition)
        assert finding.trace == ("E", "F", "G")
        assert finding.message.startswith("b -> c -> b ")

    def test_of_several_cycles_the_shortest(self) -> None:
        definition = machine(
            a=waits({"E": "b"}), b=waits({"F": "c"}), c=waits({"G": "a", "H": "d"}), d=waits({"I": "c"}), done=DONE
        )
        assert only(definition).message.startswith("c -> d -> c ")
        assert only(definition).trace == ("E", "F", "H", "I")

    def test_a_trace_that_nobody_would_read_is_left_out(self) -> None:
        retry = wf.Retry(1_000_000, "E")
        definition = machine(a=waits({"E": "b"}, retry=retry), b=State({"G": "done"}), done=DONE)
        assert only(definition).trace == ()


class TestOneFaultOneFinding:
    def test_what_follows_from_an_unreachable_state(self) -> None:
        definition = machine(
            a=waits(),
            lost=State({"NEVER": [Transition("loop", guard="false"), "stuck"]}),
            stuck=State(),
            loop=State(always="loop"),
            done=DONE,
        )
        assert found(definition) == [("unreachable-state", "$.states.lost")]

    def test_states_that_can_be_entered_but_only_before_a_dead_end(self) -> None:
        assert found(machine(a=waits(to="b"), b=waits(to="c"), c=State())) == [("dead-end", "$.states.c")]

    def test_a_terminal_state_that_nothing_leads_to(self) -> None:
        definition = machine(a=waits(to="b"), b=waits(to="a"), done=DONE)
        assert found(definition) == [("unreachable-state", "$.states.done")]

    def test_a_trap_does_not_hide_another(self) -> None:
        definition = machine(a=waits({"E": "b", "F": "d"}), b=waits(to="c"), c=waits(to="b"), d=State(), done=DONE)
        assert found(definition) == [("dead-end", "$.states.d"), ("no-way-to-terminal", "$.states.b")]

    def test_two_roots_in_one_compound_state(self) -> None:
        definition = machine(a=waits(), p=State(states={"x": waits(), "y": waits()}, initial="x"), done=DONE)
        assert found(definition) == [("unreachable-state", "$.states.p")]

    def test_an_event_after_a_shadow_is_not_told_again(self) -> None:
        definition = machine(a=waits({"E": Transition("done", guard="false"), "F": "done"}), done=DONE)
        assert found(definition) == [("shadowed-guard", "$.states.a.on.E.guard")]

    def test_a_parents_transition_is_told_once(self) -> None:
        inner = {name: waits({"E": "done"}) for name in ("x", "y", "z")}
        inner["x"] = waits({"E": "done", "NEXT": "y"})
        inner["y"] = waits({"E": "done", "NEXT": "z"})
        definition = machine(p=State({"E": "done"}, states=inner, initial="x"), done=DONE)
        assert found(definition) == [("shadowed-transition", "$.states.p.on.E")]

    def test_a_guard_that_never_holds_is_the_reason_wherever_it_stands(self) -> None:
        inner = {"x": waits({"E": "done", "NEXT": "y"}), "y": waits()}
        never = State({"E": Transition("done", guard="false")}, states=inner, initial="x")
        assert found(machine(p=never, done=DONE)) == [("shadowed-guard", "$.states.p.on.E.guard")]

    def test_an_always_to_its_own_state_is_no_dead_end_besides(self) -> None:
        definition = machine(a=waits({"E": "b"}), b=State(always="b"), done=DONE)
        assert found(definition) == [("endless-always", "$.states.b.always")]

    def test_where_no_run_waits_only_that_is_told_of_an_event(self) -> None:
        definition = machine(a=waits({"E": "b"}), b=State({"E": ["done", "done"]}, always="done"), done=DONE)
        assert found(definition) == [("shadowed-transition", "$.states.b.on.E")]

    def test_an_event_that_no_guard_lets_pass_is_accepted_nowhere(self) -> None:
        never = Transition("done", guard="false")
        definition = machine(a=waits({"E": never}, to="b"), b=State({"E": "done"}, always="done"), done=DONE)
        assert found(definition) == [
            ("shadowed-guard", "$.states.a.on.E.guard"),
            ("event-never-accepted", "$.states.b.on.E"),
        ]

    def test_a_state_that_is_only_left_by_what_never_happens(self) -> None:
        definition = machine(a=State({"E": Transition("done", guard="false")}), done=DONE)
        assert found(definition) == [("shadowed-guard", "$.states.a.on.E.guard")]

    def test_attempts_without_a_wait_take_no_time(self) -> None:
        inner = State(retry=wf.Retry(3, "E"), timeout=60, timeout_transition="done")
        assert found(machine(p=around(inner, timeout=100, timeout_transition="done"), done=DONE)) == []

    def test_it_may_be_dead_for_another_reason_in_each_child(self) -> None:
        def asked(guard: str | None, **more: str) -> State:
            return waits({"E": Transition("done", guard=guard), **more})

        inner = {"x": asked("context.x", NEXT="y"), "y": asked(None)}
        shared = State({"E": Transition("done", guard="context.x")}, states=inner, initial="x")
        assert found(machine(p=shared, done=DONE)) == [("shadowed-transition", "$.states.p.on.E")]


class TestMessages:
    def test_long_lists_are_cut(self) -> None:
        behind = {f"s{number}": waits({"E": f"s{number + 1}"}) for number in range(20)}
        definition = machine(a=waits(), **behind, s20=waits(), done=DONE)
        assert only(definition).message.endswith("so neither can s1, s2, s3, s4, s5, s6, s7 and 13 more")

    def test_long_cycles_are_cut(self) -> None:
        ring = {f"s{number}": waits({"E": f"s{(number + 1) % 20}"}) for number in range(20)}
        shown = "s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> ... -> s0 can be repeated without end"
        finding = only(machine(**ring, done=DONE))
        assert (finding.message, finding.trace) == (shown, ("E",) * 20)

    def test_what_cannot_be_entered_and_what_lies_behind(self) -> None:
        definition = machine(
            a=waits(), b=waits({"E": "c", "F": "d"}), c=waits(), d=waits({"G": "e"}), e=waits(), done=DONE
        )
        message = "b can never be entered: no transition leads there; so neither can c, d and e"
        assert only(definition).message == message

    def test_what_only_leads_to_itself(self) -> None:
        definition = machine(a=waits(), b=waits(to="c"), c=waits(to="b"), done=DONE)
        assert only(definition).message == "b can never be entered: only c leads there"

    def test_how_a_ring_goes_round(self) -> None:
        definition = machine(
            a=waits({"E": "c"}),
            b=State({"E": "done"}, always="c"),
            c=State({"F": "done"}, always="d", timeout=1, timeout_transition="a"),
            d=State({"F": "done"}, always="b"),
            done=DONE,
        )
        message = "b -> c -> d -> b goes round for ever: each of these always transitions holds at once"
        assert (only(definition).message, only(definition).trace) == (message, ("E",))

    def test_the_first_of_several_stands_in_the_way(self) -> None:
        listed = [Transition("done", guard="context.x"), Transition("done", guard="context.x")]
        definition = machine(a=waits({"E": [*listed, *listed[:1], "done", "done", "done"]}), done=DONE)
        assert [finding.message for finding in check(definition).findings] == [
            *["the transition to done is never taken: $.states.a.on.E[3] comes first and always holds"] * 2,
            *["the transition to done is never taken: $.states.a.on.E[0] comes first with the same guard"] * 2,
        ]

    def test_a_transition_that_stays(self) -> None:
        message = "this internal transition is never taken: $.states.a.on.E[0] comes first and always holds"
        assert only(machine(a=waits({"E": ["done", LOOP]}), done=DONE)).message == message

    def test_what_to_do_about_a_missing_end(self) -> None:
        assert only(machine(a=waits(to="b"), b=waits(to="a"))).hint == "mark a state terminal: true"
        finding = only(machine(a=waits({"E": "b"}), b=waits(to="c"), c=waits(to="b"), done=DONE))
        assert finding.message == "from b no terminal state can be reached: it leads only to c and back"
        assert finding.hint == "give one of them a way to a terminal state"
        assert finding.trace == ("E",)

    def test_the_soonest_of_the_states_around_is_named(self) -> None:
        inner = around(waits(), timeout="2m", timeout_transition="done")
        definition = machine(p=around(inner, timeout="5m", timeout_transition="done"), done=DONE)
        message = "this timeout can never fire: p.inner ends after 2m, and no later"
        assert only(definition).message == message

    def test_a_guarded_always_is_no_event(self) -> None:
        definition = machine(a=State({"E": "done"}, always=Transition("done", guard="context.x")), done=DONE)
        assert only(definition).message == "a may wait for ever: only events from outside end it, E"

    def test_when_there_is_no_event_to_wait_for(self) -> None:
        definition = machine(a=State(always=Transition("done", guard="context.x")), done=DONE)
        assert only(definition).message == "a may wait for ever: no guard of its always need hold"

    def test_which_events_are_waited_for(self) -> None:
        definition = machine(a=State({"E": "done", "F": "a2", "G": "done"}), a2=waits(), done=DONE)
        assert only(definition).message == "a may wait for ever: only events from outside end it, E, F and G"

    def test_how_long_the_waits_are(self) -> None:
        retry = wf.Retry(3, "E", backoff="linear", base_delay="10s")
        definition = machine(p=around(State(retry=retry), timeout="20s", timeout_transition="done"), done=DONE)
        message = "attempt 3 does not fit: the waits before it take 30s, and p ends after 20s"
        assert only(definition).message == message
