"""The laws of step workflows, on random ones, and a reference that foretells them without running anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import attrs
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import statewf as wf
from statewf.compiler import compile_definition
from statewf.definition.model import Step
from statewf.machine.effects import Call
from statewf.machine.events import Cancel, Event
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Move, Snapshot, active, allowed, region_state
from statewf.machine.snapshot import Step as Made
from statewf.machine.step import step
from statewf.simulator import simulate
from tests.flows import LONG, Flow, flows
from tests.simulator.reference import Tied, forward, live, needed, tolerant

WORKFLOW = "workflow"


def plain(value: Any) -> Any:
    """The same without nulls that somebody may leave out."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@given(flows())
def test_what_becomes_of_a_workflow_agrees_with_the_reference(flow: Flow) -> None:
    try:
        expected = live(flow)
    except Tied:
        reject()
    machine = compile_definition(flow.workflow)
    output = simulate(machine, flow.scenario()).document()
    assert output["state"] == expected.state
    assert output["completedSteps"] == expected.completed
    assert output["failedSteps"] == expected.failed
    assert output["compensations"] == expected.compensations
    assert sorted(output["path"]) == sorted(expected.path)
    assert output["elapsed"] == expected.elapsed
    assert output["results"] == plain(expected.results)
    assert output["context"] == plain(expected.context)


# --- laws, where handlers hang, are stubborn, and somebody cancels


@attrs.define(repr=False)
class Run:
    """What a flow came to."""

    flow: Flow
    machine: Machine
    made: tuple[Made, ...]

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(repr(self.flow))

    @cached_property
    def by_id(self) -> dict[str, Step]:
        return {step.id: step for step in self.flow.steps()}

    @cached_property
    def around(self) -> dict[str, Step | None]:
        found: dict[str, Step | None] = {step.id: None for step in self.flow.workflow.steps}
        return found | {inner.id: step for step in self.flow.steps() for _, inner in step.inner()}

    def siblings(self, step: str) -> tuple[Step, ...]:
        block = self.around[step]
        return self.flow.workflow.steps if block is None else tuple(found for _, found in block.inner())

    def state(self, snapshot: Snapshot, region: str) -> str:
        return region_state(snapshot.regions, self.machine.numbers[region])[0].partition(".$")[0]

    def moves(self) -> Iterator[tuple[Made, Move]]:
        """Every move, with the step it is of."""
        return ((made, move) for made in self.made for move in made.moves)

    def begins(self) -> Iterator[tuple[Made, Move]]:
        """Every beginning of a step, or of another visit of it."""
        fresh = ("waiting", "waiting.$line", "review")
        for made, move in self.moves():
            if move.source in fresh and move.target in ("running", "assigned"):
                yield made, move


TIMES = st.integers(0, 6 * LONG)
EVENTS = st.builds(lambda name, at: Event(name, {"at": at}, at), st.sampled_from(("PING", "PONG")), TIMES)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Rich flows, with events at any time, that somebody cancels at last if not before, and maybe again."""
    flow = draw(flows(rich=True))
    events: list[Event | Cancel] = draw(st.lists(EVENTS, max_size=3))
    events += draw(st.lists(st.builds(Cancel, TIMES, st.booleans()), max_size=2))
    events.append(Cancel(100 * LONG))
    scenario = attrs.evolve(flow.scenario(), events=tuple(sorted(events, key=lambda event: event.at)))
    machine = compile_definition(flow.workflow)
    return Run(flow, machine, simulate(machine, scenario).steps)


@given(runs())
def test_everything_ends_when_nothing_is_left(run: Run) -> None:
    last = run.made[-1].after
    assert last.ended
    assert not last.flight.calls
    assert not last.flight.deadlines
    assert not last.book.tasks
    assert {run.state(last, step) for step in last.book.waiting.values()} <= {"cancelled"}
    assert all("cancelling" not in run.state(last, region.name) for region in run.machine.regions)
    assert last.ended == ("success" if run.state(last, WORKFLOW) == "completed" else "failure")


@given(runs())
def test_nothing_is_tried_too_often(run: Run) -> None:
    default = run.flow.workflow.error_handling.default_retry_policy
    for _, move in run.moves():
        if move.target == "running" and move.region != WORKFLOW:
            policy = run.by_id[move.region].retry_policy or default
            calls = run.by_id[move.region].type == "function"
            assert move.attempt <= (policy.max_attempts if calls and policy else 1)


@given(runs())
def test_nothing_begins_before_what_it_waits_for_has_settled(run: Run) -> None:
    settled: dict[str, str] = {}
    running: set[str] = set()
    for _, move in run.moves():
        state = move.target.partition(".$")[0]
        if move.region == WORKFLOW:
            continue
        if move.source.startswith("waiting") and state in ("running", "assigned"):
            block = run.around[move.region]
            assert block is None or block.id in running
            siblings = run.siblings(move.region)
            for other in needed(run.by_id[move.region], siblings, in_turn=block is None):
                good = ("succeeded", "skipped", "failed") if tolerant(other) else ("succeeded", "skipped")
                assert settled.get(other.id) in good
        if state in ("succeeded", "failed", "skipped", "cancelled"):
            settled[move.region] = state
        (running.add if state == "running" else running.discard)(move.region)


@given(runs())
def test_after_the_end_has_begun_nothing_new_begins(run: Run) -> None:
    for made, move in run.begins():
        assert run.state(made.before, WORKFLOW) in ("running", ""), move
        first = next((m for m in made.moves if m.region == WORKFLOW and m.source == "running"), None)
        assert first is None or made.moves.index(move) < made.moves.index(first)


@given(runs())
def test_undone_is_what_succeeded_and_can_be_undone_in_reverse_order(run: Run) -> None:
    last = run.made[-1].after
    compensations = [last.book.undone[i]["step"] for i in range(len(last.book.undone))]
    strategy = run.flow.workflow.error_handling.compensation_strategy
    states = [move.target for _, move in run.moves() if move.region == WORKFLOW]
    if states[-1] in ("completed", "failed") or strategy == "none" or "cancelling.$now" in states:
        assert not compensations
        return
    succeeded = {move.region for _, move in run.moves() if move.target == "succeeded"}
    rolled = [move.region for _, move in run.moves() if move.target == "failed.$rollback"]
    order = [step for step in reversed(list(forward(run.flow.workflow.steps, in_turn=True))) if step.compensation]
    own = [step for step in order if step.id in rolled]
    undone = [*own, *(step for step in order if step.id in succeeded)]
    expected = [step.id for step in undone for _ in step.compensation.steps]  # type: ignore[union-attr]  # has one
    if states[-2].endswith("$cut"):
        assert states[-1] == "compensation-failed"
        assert not Counter(compensations) - Counter(expected)
        assert strategy == "parallel" or compensations == expected[: len(compensations)]
        return
    if strategy == "parallel":
        expected, compensations = sorted(expected), sorted(compensations)
    assert compensations == expected


@given(runs())
def test_what_is_kept_of_who_awaits_something_is_what_a_look_at_all_would_find(run: Run) -> None:
    regions = run.machine.regions
    for made in run.made:
        states = [region.states[state] for region, state in zip(regions, active(made.after), strict=True)]
        accepted = [tuple(event for event in state.events if state.on[event]) for state in states]
        assert set(made.after.book.awaiting) == {number for number, events in enumerate(accepted) if events}
        assert allowed(run.machine, made.after) == (
            () if made.after.ended else tuple(dict.fromkeys(event for events in accepted for event in events))
        )


@given(runs())
def test_undoing_can_be_cut_short_at_any_point(run: Run) -> None:
    for made in run.made:
        if run.state(made.after, WORKFLOW) == "compensating" and not made.after.ended:
            cut = step(run.machine, made.after, Cancel(made.after.at, now=True))
            assert isinstance(cut, Made)
            assert run.state(cut.after, WORKFLOW) == "compensation-failed"
            assert not cut.after.flight.calls
            assert not cut.after.flight.deadlines
            before, undone = made.after.book.undone, cut.after.book.undone
            noted = [undone[i] for i in range(len(before), len(undone))]
            assert all(note["error"] == "it was cancelled" for note in noted)
            assert {call.step for call in made.after.flight.calls.values()} <= {note["step"] for note in noted}


@given(runs())
def test_nothing_is_undone_while_a_handler_runs(run: Run) -> None:
    for made, move in run.moves():
        if move.target.startswith("compensating") and move.region != WORKFLOW:
            forward_calls = [call for call in made.after.flight.calls.values() if call.owner == "running"]
            assert not forward_calls


@given(runs())
def test_no_block_has_more_going_on_than_it_has_places(run: Run) -> None:
    limited = [step for step in run.flow.steps() if step.max_concurrency is not None]
    for made in run.made:
        for block in limited:
            if run.state(made.after, block.id) == "running":
                states = [run.state(made.after, branch.id) for branch in block.steps]
                busy = [state for state in states if state in ("running", "assigned", "escalated", "cancelling")]
                assert len(busy) <= (block.max_concurrency or 0)


@pytest.mark.parametrize(
    ("last", "state"),
    [("when: 'false'", "failed"), ("when: 'false', dependsOn: [a, b]", "failed"), ("when: 'true'", "completed")],
)
def test_a_quorum_that_is_out_of_reach_fails_whenever_its_last_branch_is_skipped(last: str, state: str) -> None:
    block = f"{{id: q, type: parallel, strategy: {{quorum: 3}}, steps: [{{id: a}}, {{id: b}}, {{id: c, {last}}}]}}"
    assert simulate(wf.loads(f"name: w\nsteps: [{block}]"), {}).document()["state"] == state


@given(runs())
def test_a_block_that_is_decided_begins_no_branch(run: Run) -> None:
    """But where an event decides it that came before: that is offered when its branches have begun."""
    for made in run.made:
        if any(note.kind == "taken" for note in made.notes):
            continue
        decided = {move.region for move in made.moves if move.target == "succeeded"}
        inner = {branch.id for step in run.flow.steps() if step.id in decided for branch in step.steps}
        assert inner.isdisjoint(effect.step for effect in made.effects if isinstance(effect, Call))


@given(runs())
def test_a_handler_is_called_once_an_attempt_and_only_when_nobody_else_is_at_it(run: Run) -> None:
    seen: set[tuple[str, int]] = set()
    for made in run.made:
        for effect in made.effects:
            if isinstance(effect, Call):
                assert (effect.key, effect.attempt) not in seen
                seen.add((effect.key, effect.attempt))
        keys = [call.key for call in made.after.flight.calls.values()]
        assert len(keys) == len(set(keys))
