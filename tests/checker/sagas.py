"""Workflows whose undoing can be looked at whole, and what real runs of a workflow undo, by the point of failure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import count

import attrs

from statewf.compiler.signals import ROLLED_BACK
from statewf.compiler.workflow import CAUSES, NOW
from statewf.definition.model import Compensation, CompensationAction, Step, Workflow
from statewf.expr import Expression, parse
from statewf.machine.explore import Ending, Exploration, Move, explore
from statewf.machine.fsm import Machine, Track
from statewf.machine.snapshot import Move as RegionMove
from statewf.machine.snapshot import Step as Made
from statewf.machine.snapshot import active, moves
from tests import flows

UNDONE = ("succeeded", ROLLED_BACK)
STOPS = {"cancelling": "cancel", "timing-out": "timeout"}


def changed(workflow: Workflow, change: Callable[[Step], Step]) -> Workflow:
    """The same, with every step changed."""

    def all_of(step: Step) -> Step:
        inner = [all_of(one) for one in step.steps]
        then, other = step.then and all_of(step.then), step.else_ and all_of(step.else_)
        return change(attrs.evolve(step, steps=inner, then=then, else_=other))

    return attrs.evolve(workflow, steps=[all_of(step) for step in workflow.steps])


def undoable(workflow: Workflow) -> Workflow:
    """The same, but most steps can be undone, one after another."""
    undone = attrs.evolve(workflow.error_handling, compensation_strategy="reverse-order")
    numbers = count(1)

    def with_action(step: Step) -> Step:
        action = Compensation(CompensationAction(f"undo-{step.id}")) if next(numbers) % 3 else None
        return attrs.evolve(step, compensation=action)

    return changed(attrs.evolve(workflow, error_handling=undone), with_action)


def free(workflow: Workflow) -> Workflow:
    """The same, but every condition and every event is of its own, can be told, and branches have places."""
    numbers = count()

    def condition(written: Expression | None) -> Expression | None:
        return written and parse(f"inputs.c{next(numbers)}")

    def freed(step: Step) -> Step:
        when, told = condition(step.when), condition(step.condition)
        event = step.event and f"E-{step.id}"
        return attrs.evolve(step, when=when, condition=told, event=event, match=None, max_concurrency=None)

    return changed(workflow, freed)


def observed(machine: Machine, found: Exploration) -> dict[str, set[frozenset[str]]]:
    """For each point of failure in which some run began to undo: what was to be undone by then."""
    seen: dict[str, set[frozenset[str]]] = defaultdict(set)
    steps = {step.id: step for step in flows.inner(machine.notes.definition.steps)}
    for move in (*found.initial, *found.moves):
        for why, states in undoings(machine, found, move):
            done = frozenset(name for name, step in steps.items() if step.compensation and states[name] in UNDONE)
            seen[STOPS.get(why) or culprit(machine, states)].add(done)
    return seen


def undoings(machine: Machine, found: Exploration, move: Move) -> Iterator[tuple[str, dict[str, str]]]:
    """Why the undoing begins in this move, if it does, and where all steps are then."""
    before = active(found.snapshots[move.source]) if move.source >= 0 else ("waiting",) * len(machine.regions)
    for made, states in whole_moves(machine, before, move.path):
        if made.source in CAUSES and made.target != NOW:
            yield made.source, states


def whole_moves(
    machine: Machine, before: Sequence[str], path: Track
) -> Iterator[tuple[RegionMove, dict[str, str]]]:
    """The moves of the workflow as a whole, each with where all steps are just then."""
    states = {region.name: state for region, state in zip(machine.regions, before, strict=True)}
    for made in moves(path):
        if made.region == "workflow":
            yield made, dict(states)
        states[made.region] = made.target


def culprit(machine: Machine, states: dict[str, str]) -> str:
    """The one step that failed the workflow."""
    rolling = [name for name, state in states.items() if state == ROLLED_BACK]
    required = [step.id for step in machine.notes.definition.steps if not tolerant(step)]
    (found,) = rolling or [name for name in required if states[name] == "failed"]
    return found


def tolerant(step: Step) -> bool:
    return step.on_error != "rollback" and (not step.required or step.on_error == "log-and-continue")


def explored(machine: Machine, limit: int) -> Exploration:
    return explore(machine, limit, Ending((*CAUSES, NOW)))


def why(machine: Machine, steps: Sequence[Made]) -> str:
    """The point of failure of a run that failed."""
    (found,) = (
        STOPS.get(made.target) or culprit(machine, states)
        for one in steps
        for made, states in whole_moves(machine, active(one.before), one.path)
        if made.target in CAUSES
    )
    return found
