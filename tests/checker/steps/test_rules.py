"""Every rule about steps finds what it is for, finds it alone, and says nothing that some run gives the lie to."""

from __future__ import annotations

import re
from typing import TypeAlias

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import statewf as wf
from statewf.checker import Finding, check
from statewf.checker.steps.ground import ground_of
from statewf.checker.steps.rules import STEP_RULES
from statewf.checker.words.atoms import Happened
from statewf.compiler import compile_definition
from statewf.compiler.plan import Plan, plan
from statewf.compiler.settling import lineage
from statewf.compiler.signals import ELAPSED, ESCALATE
from statewf.definition.model import path_text
from statewf.definition.workflow import Workflow
from statewf.definition.write import to_document
from statewf.machine.events import AnyEvent, Fired
from statewf.machine.explore import explore
from statewf.machine.fsm import TIMEOUT
from statewf.machine.snapshot import active, moves
from statewf.values.canonical import compact
from tests.checker.steps.cases import CALL, CASES, Case, block, errors, event, human, step, steps, tries, wait
from tests.checker.steps.worlds import blocks, idle, inputs, played, plays, worlds

each = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.name}")

ENOUGH = 600  # configurations


def told(workflow: Workflow) -> tuple[Finding, ...]:
    """What the rules say, without exploring anything."""
    ground = ground_of(plan(workflow))
    return tuple(finding for rule in STEP_RULES for finding in rule(ground))


def found(text: str) -> list[Finding]:
    """What is told of a workflow, but for what follows from it: that none completes."""
    return [finding for finding in check(wf.loads(text)).findings if finding.rule != "never-completes"]


@each
def test_it_is_found_alone(case: Case) -> None:
    assert [(finding.rule, finding.where) for finding in found(case.broken)] == [(case.rule, case.where)]


@each
def test_the_near_miss_is_clean(case: Case) -> None:
    assert check(wf.loads(case.mended)).findings == ()


@each
def test_it_is_a_warning_with_a_hint_and_a_line(case: Case) -> None:
    (finding,) = found(case.broken)
    assert finding.severity == "warning"
    assert finding.hint
    assert finding.line is not None
    key = case.where.removeprefix("$.").partition(".")[0].partition("[")[0]
    assert case.broken.splitlines()[finding.line - 1].startswith(f"{key}: ")


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} == {rule.__name__.replace("_", "-") for rule in STEP_RULES}


def said(text: str) -> list[str]:
    """The same in words."""
    return [finding.message for finding in found(text)]


class TestWords:
    def test_what_ends_it_before_its_time(self) -> None:
        task = human("timeout: 3h, escalationPolicy: {timeout: 2h, escalateTo: boss}")
        assert said(steps(block(task, wait("2h"), keys="timeout: 1h"), timeout="5m")) == [
            "this timeout can never fire: the workflow ends after 5m, and no later",
            "this timeout can never fire: the workflow ends after 5m, and no later",
            "this escalation can never happen: the workflow ends after 5m, and no later",
            "this wait is never over: the workflow ends after 5m, and no later",
        ]

    def test_its_own_time_is_up(self) -> None:
        assert said(steps(wait("2h", "timeout: 1h"))) == [
            "this wait is never over: its timeout comes after 1h, and no later"
        ]
        assert said(steps(wait("1h", "timeout: 2h"))) == ["this timeout can never fire: the wait is over after 1h"]

    def test_a_default_policy_is_told_of_once_for_each_timeout(self) -> None:
        one, other = (
            block(CALL, step("g"), keys="timeout: 1s"),
            step("q", "type: parallel, steps: [{id: k}], timeout: 999"),
        )
        assert said(steps(one, other, **errors(f"defaultRetryPolicy: {tries(2)}"))) == [
            "attempt 2 of f does not fit: the waits before it take 1s, and p ends after 1s",
            "attempt 2 of k does not fit: the waits before it take 1s, and q ends after 999ms",
        ]

    def test_two_of_three_may_keep_a_quorum_waiting(self) -> None:
        asked = (human(name="a"), human(name="b"), CALL)
        assert said(steps(block(*asked, keys="strategy: {quorum: 2}"))) == [
            "a may wait for ever: only a decision ends it",
            "b may wait for ever: only a decision ends it",
        ]
        assert said(steps(block(*asked, keys="strategy: {quorum: 3}"))) == []
        assert said(steps(block(*asked, step("g"), keys="strategy: {quorum: 2}"))) == []

    def test_an_event_for_which_another_waits_no_longer_than_its_time(self) -> None:
        other = event("timeout: 1h").replace("id: e", "id: o")
        assert said(steps(event("dependsOn: []"), other.replace("GO", "STOP"))) == [
            "e may wait for ever: only GO ends it"
        ]
        assert said(steps(event("dependsOn: []"), other)) == []

    def test_where_something_is_certain_to_fail_only_that_is_told(self) -> None:
        for wrong, rule in (
            (wait("1h", "timeout: 1h"), "wait-never-fits"),
            (step("a", "when: 1 % 0"), "dead-step"),
            (event("match: 'false', timeout: 1h"), "shadowed-guard"),
            (block(CALL, step("g", "when: 'false'"), keys="strategy: {quorum: 2}"), "dead-step"),
        ):
            assert [finding.rule for finding in found(steps(wrong, human()))] == [rule]


# --- laws: what is said never to happen never does


class Claim:
    """A finding, and the step that it is about, if it is about one."""

    def __init__(self, planned: Plan, finding: Finding) -> None:
        around = [
            node for node in planned.nodes.values() if f"{finding.where}.".startswith(f"{path_text(node.path)}.")
        ]
        self.planned = planned
        self.finding = finding
        self.step = around[-1].id if around else ""

    def denied(self, happened: Happened) -> bool:
        """Whether that is something which it says can never happen."""
        moved = list(moves(happened.path))
        match self.finding.rule:
            case "dead-timeout" | "wait-never-fits":
                return fired(happened.event) == (self.step, self.timer())
            case "retry-never-fits":
                attempt, name = re.findall(r"attempt (\d+) of (\w+)", self.finding.message)[0]
                return any(m.region == name and m.target == "running" and m.attempt >= int(attempt) for m in moved)
            case "unused-retry":
                waiting = [move.region for move in moved if move.target in ("backoff", "backoff.$line")]
                undoing = any(move.target.endswith(".$backoff") for move in moved)
                return any(map(self.retried, waiting)) or (undoing and not self.step)
            case "dead-step":
                never = self.never()
                return any(move.region in never and move.target in BEGUN for move in moved)
            case "shadowed-guard":
                return any(
                    (move.region, move.source, move.target) == (self.step, "running", "succeeded") for move in moved
                )
            case "compensation-never-runs":
                undone = [move.region for move in moved if move.target.startswith("compensating")]
                return self.step in undone or bool(undone and not self.step)
            case rule:
                assert rule == "waits-forever"
                return False

    def timer(self) -> str:
        """The timer that it speaks of."""
        match self.finding.where.split(".")[-2:]:
            case [_, "duration"]:
                return ELAPSED
            case ["escalationPolicy", _]:
                return ESCALATE
            case ["review", _]:
                return TIMEOUT + "review"
            case _:
                kind = self.planned.nodes[self.step].step.type
                return TIMEOUT + ("assigned" if kind == "human-task" else "running")

    def retried(self, region: str) -> bool:
        """Whether the retry that it speaks of is about that region."""
        return region == self.step or (not self.step and self.planned.nodes[region].step.retry_policy is None)

    def never(self) -> set[str]:
        """The steps that never begin: those that it names, and all within them."""
        named = self.finding.message.split(" can never begin")[0].split(" and ")
        nodes = self.planned.nodes.values()
        return {node.id for node in nodes if any(outer.id in named for outer in lineage(node))}


BEGUN = ("running", "assigned", "waiting.$line")


def fired(event: AnyEvent) -> tuple[str, str] | None:
    return (event.region, event.timer) if isinstance(event, Fired) else None


def shown(workflow: Workflow, claim: Claim) -> str:
    """Short enough to be read in a failure."""
    return f"{claim.finding.where}: {claim.finding.message}\n{compact(to_document(workflow))}"


def claims(workflow: Workflow) -> list[Claim]:
    planned = plan(workflow)
    return [Claim(planned, finding) for finding in told(workflow)]


Moves: TypeAlias = list[tuple[int, int | None]]


def hold(workflow: Workflow, data: dict[str, object], moves: Moves, *, late: bool) -> None:
    """Demand that a run does nothing that is said never to happen."""
    listed = claims(workflow)
    assume(listed)
    for made in played(compile_definition(workflow), data, moves, late=late):
        for claim in listed:
            assert not claim.denied(made), shown(workflow, claim)


@given(worlds(), inputs, plays, st.booleans())
def test_no_run_does_what_is_said_never_to_happen(
    workflow: Workflow, data: dict[str, object], moves: Moves, late: bool
) -> None:
    hold(workflow, data, moves, late=late)


@given(blocks(), idle | plays, st.booleans())
def test_no_run_of_a_block_whose_time_is_bounded_does(workflow: Workflow, moves: Moves, late: bool) -> None:
    hold(workflow, {}, moves, late=late)


UNTIMED = ("dead-step", "unused-retry", "shadowed-guard", "compensation-never-runs")


@given(worlds(most=2, depth=1))
def test_nothing_that_is_explored_does_either(workflow: Workflow) -> None:
    listed = [claim for claim in claims(workflow) if claim.finding.rule in UNTIMED]
    assume(listed)
    for move in explore(compile_definition(workflow), ENOUGH).moves:
        for claim in listed:
            assert not claim.denied(move), shown(workflow, claim)


WAITING = {"human-task": ("assigned", "escalated"), "event": ("running",)}


@given(worlds(most=3, depth=2))
def test_what_may_wait_for_ever_does_so_in_some_run(workflow: Workflow) -> None:
    """There is a configuration in which nothing is open but what people and events end."""
    listed = [claim for claim in claims(workflow) if claim.finding.rule == "waits-forever"]
    assume(listed)
    machine = compile_definition(workflow)
    found = explore(machine, ENOUGH)
    for claim in listed:
        states = (
            ("review",)
            if claim.finding.where.endswith("onError")
            else WAITING[plan(workflow).nodes[claim.step].step.type]
        )
        number = machine.numbers[claim.step]
        rests = any(
            active(snapshot)[number] in states and not snapshot.flight.calls and not snapshot.flight.deadlines
            for snapshot in found.snapshots
        )
        assert rests or not found.whole, shown(workflow, claim)
