"""All runs of a machine, as some questions need them.

Below: `explore`, `verdict` for what conditions see. Above: the checker's `proving`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from statewf.checker.runs.verdict import visible
from statewf.checker.words.functions import Asked, PropertyFails, of_known, watched_at
from statewf.checker.words.question import Question
from statewf.compiler.workflow import CAUSES, NOW
from statewf.definition.properties import Predicate
from statewf.expr import Expression
from statewf.machine.explore import Ending, Exploration, Progress, explore
from statewf.machine.fsm import Machine
from statewf.machine.lens import assigned_names

SMALL = 2_000  # configurations that are few enough to be looked at twice


def explored(
    machine: Machine, limit: int, questions: Sequence[Question] = (), progress: Progress | None = None
) -> Exploration:
    """All runs of a machine, as far as the limit allows; every order of everything, if that is not too much."""
    conditions = [asked.condition for asked in questions if isinstance(asked.condition, Expression)]
    functions = [asked.condition for asked in questions if callable(asked.condition)]
    heard = [atom.event for asked in questions for atom in asked.atoms if atom.event]
    if functions:
        return _watching(machine, limit, conditions, functions, heard, progress)
    if conditions or len(machine.regions) == 1 or any(asked.by_function for asked in questions):
        return explore(machine, limit, watched=conditions, heard=heard, progress=progress)
    seen = frozenset(region for asked in questions for region in asked.regions)
    found = explore(machine, limit, Ending((*CAUSES, NOW), seen), progress=progress)
    if not found.whole or len(found.snapshots) > SMALL:
        return found
    whole = explore(machine, min(SMALL, limit))
    return whole if whole.whole else found


def _watching(
    machine: Machine,
    limit: int,
    conditions: Sequence[Expression],
    functions: Sequence[Predicate],
    heard: Sequence[str],
    progress: Progress | None,
) -> Exploration:
    """All runs, told apart also by what these functions of a snapshot read: who read something new is asked once more.

    In the end no function read what is not watched. So it would have done the same in all snapshots of a node.
    """
    assigned = assigned_names(machine)
    asked = Asked()
    while True:
        known = len(asked.read)
        watched = [*conditions, *map(watched_at, asked.read)]
        found = explore(machine, limit, watched=watched, heard=heard, progress=progress)
        for snapshot in found.snapshots:
            scope = visible(machine, snapshot)
            for function in functions:
                with suppress(PropertyFails):  # it is told when it is asked in earnest
                    of_known(function, scope, assigned, asked)
        if len(asked.read) == known:
            return found
