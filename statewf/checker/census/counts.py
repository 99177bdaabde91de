"""How many configurations a workflow has, by what the workflow as a whole is at: what the sweep is asked for each of its states.

Below: `sweep`, `parts`. Above: the checker, and `proofs`, which asks for more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import attrs

from statewf.checker.census.parts import Here, Part, Reader
from statewf.checker.census.sweep import Aim, By, Sweep
from statewf.checker.census.units import TooMuch
from statewf.checker.words.atoms import Atom
from statewf.compiler.plan import Plan, in_turn, plan
from statewf.compiler.workflow import CAUSES, NOW
from statewf.machine.fsm import Machine

ENDED = ("completed", *(end for ends in CAUSES.values() for end in ends), "compensation-failed")


@attrs.frozen
class Census:
    """How many configurations there are, by what the workflow is at."""

    by_state: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.by_state.values())


def census(machine: Machine) -> Census | None:
    """How many configurations a workflow has; None if that cannot be told this way, or in some nothing moves any more.

    Those are to be found one by one, to show the way there.
    """
    try:
        read = Prepared.of(machine)
        if read.count([attrs.evolve(aim, still="stuck") for aim in read.restless()]):
            return None
        counts = {state: read.count(aims) for state, aims in read.aims.items()}
    except TooMuch:
        return None
    return Census({state: number for state, number in counts.items() if number})


@attrs.frozen
class Prepared:
    """A workflow made ready to be swept, with what is wanted of the words in each of its states."""

    planned: Plan
    parts: tuple[Part, ...]
    aims: Mapping[str, Sequence[Aim]]

    @classmethod
    def of(cls, machine: Machine, sought: Sequence[Atom | Here] = ()) -> Prepared:
        """The workflow of a machine, in which these atoms and places are seen. Raises TooMuch."""
        planned = plan(machine.notes.definition)
        if any(node.step.type == "event" or node.step.on_error == "rollback" for node in planned.nodes.values()):
            raise TooMuch
        parts = Reader(planned, sought).parts(planned.roots)
        if any(
            part.sudden and not (part.tolerant or sure) for part, sure in zip(parts, _ordered(planned), strict=True)
        ):
            raise TooMuch  # who would have begun at that instant has not: others hinder it
        return cls(planned, parts, _aims(planned))

    def count(self, aims: Sequence[Aim]) -> int:
        """How many words fit one of these. Raises TooMuch."""
        strategy = self.planned.workflow.error_handling.compensation_strategy
        return Sweep(self.parts, aims, in_turn=strategy != "parallel").count()

    def restless(self) -> Iterator[Aim]:
        """What is wanted where something must move: all is not quiet, and no timer of the workflow itself is set."""
        for aims in self.aims.values():
            for aim in aims:
                timed = aim.by == "nothing" and self.planned.workflow.timeout is not None
                if aim.quiet is False and not timed:
                    yield aim


def _ordered(planned: Plan) -> Iterator[bool]:
    """For each step of the outermost list, in the order of reading, whether all others are either before or behind it."""
    order = list(in_turn(planned.roots))
    bits = {node.number: 1 << place for place, node in enumerate(order)}
    before, behind = dict.fromkeys(bits, 0), dict.fromkeys(bits, 0)
    for node in order:
        for other in node.after:
            before[node.number] |= before[other.number] | bits[other.number]
    for node in reversed(order):
        for other in node.before:
            behind[node.number] |= behind[other.number] | bits[other.number]
    for node in order:
        yield (before[node.number] | behind[node.number]).bit_count() == len(order) - 1


def _aims(planned: Plan) -> Mapping[str, Sequence[Aim]]:
    """What is wanted of the words in each state of the workflow."""
    workflow = planned.workflow
    undoes = bool(planned.chain) and workflow.error_handling.compensation_strategy != "none"
    found: defaultdict[str, list[Aim]] = defaultdict(list)
    found["running"] = [Aim(quiet=False).passing("running")]
    found["completed"] = [Aim(quiet=True).passing("running", "completed")]
    for cause, (untouched, undone) in CAUSES.items():
        if cause == "timing-out" and workflow.timeout is None:
            continue
        by: By = "step" if cause == "failing" else "outside"
        loud = Aim(by, quiet=False).passing("running", cause)
        over = attrs.evolve(loud, quiet=True)
        found[cause].append(loud)
        left = attrs.evolve(over, undoing="none").passing("compensating") if undoes else over
        found[untouched].append(left.passing(untouched))
        if cause == "cancelling" or undoes:  # an end that has begun can be cut short if there is something to undo
            found[NOW].append(loud.passing("cancelling"))
            found["cancelled"].append(
                attrs.evolve(over, lingered=cause != "cancelling").passing("cancelling", "cancelled")
            )
        if undoes:
            _undoing(found, cause, undone, over.passing("compensating"))
    return found


def _undoing(found: defaultdict[str, list[Aim]], cause: str, undone: str, quiet: Aim) -> None:
    """What is wanted while all is undone, and when it was."""
    for bad in (False, True):
        found[f"undoing: {cause}{', in vain' * bad}"].append(attrs.evolve(quiet, undoing="on", bad=bad))
    found[undone].append(attrs.evolve(quiet, undoing="over", bad=False).passing(undone))
    for how in (attrs.evolve(quiet, undoing="over", bad=True), attrs.evolve(quiet, undoing="cut")):
        found["compensation-failed"].append(how.passing("compensation-failed"))
