"""Properties of wide workflows that are proved without looking at a run: no word can be one that violates them.

A word tells what happened on the way to it, by marks (see `units`). So it tells whether two things ever happen in one run,
whether a run ends without one, whether one is ever there without the other. In which order two things happened it does
not tell: where that matters it has to be certain by what they are.

What is not proved here may hold all the same. Who wants to know looks at runs.

Below: `counts`. Above: the checker's `proving`.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from statewf.checker.census.counts import ENDED, Prepared
from statewf.checker.census.sweep import Aim
from statewf.checker.census.units import TooMuch
from statewf.checker.runs.verdict import Verdict
from statewf.checker.words.atoms import WORKFLOW, Atom, base
from statewf.checker.words.question import Question
from statewf.compiler.settling import Settling
from statewf.compiler.signals import ELAPSED, FINAL
from statewf.definition.properties import Absence, Existence, Precedence, Response
from statewf.machine.fsm import DECIDED, DONE, ERROR, RETRY, TIMEOUT, Machine


def proved(machine: Machine, asked: Question) -> Verdict | None:
    """The verdict that a property of a workflow is proved; None if a sweep cannot tell."""
    scoped = asked.monitor.after or asked.monitor.until
    if scoped or asked.condition is not None or any(atom.event or atom.function for atom in asked.atoms):
        return None
    try:
        return _told(_Sight(machine, asked.atoms, Prepared.of(machine, asked.atoms)), asked)
    except TooMuch:
        return None


def _told(sight: _Sight, asked: Question) -> Verdict | None:
    idle = False
    match asked.asked:
        case Absence():
            proved = not sight.happens(has=asked.atoms)
        case Existence():
            proved = not sight.happens(lacks=asked.atoms, ended=True)
        case Precedence():
            first, then = asked.atoms
            proved = sight.comes_first(first, then)
        case Response():
            trigger, *answers = asked.atoms
            idle = not sight.happens(has=(trigger,))
            proved = idle or sight.is_answered(trigger, answers)
        case _:
            proved = False
    return Verdict(asked.text, asked.asked.name, "proved", idle=idle) if proved else None


@attrs.frozen
class _Sight:
    machine: Machine
    atoms: Sequence[Atom]
    read: Prepared

    def happens(self, has: Sequence[Atom] = (), lacks: Sequence[Atom] = (), *, ended: bool = False) -> bool:
        """Whether some word has all marks of the ones and none of the others; of a workflow that has `ended`, or any."""
        return self.fits(
            [aim for state, aims in self.read.aims.items() if state in ENDED or not ended for aim in aims],
            has,
            lacks,
        )

    def fits(self, aims: Sequence[Aim], has: Sequence[Atom], lacks: Sequence[Atom]) -> bool:
        wanted = [
            attrs.evolve(aim, has=self.bits(has), lacks=self.bits(lacks))
            for aim in aims
            if all(atom.states & aim.passed for atom in has if atom.region == WORKFLOW)
            and not any(atom.states & aim.passed for atom in lacks if atom.region == WORKFLOW)
        ]
        return bool(wanted) and self.read.count(wanted) > 0

    def bits(self, atoms: Sequence[Atom]) -> int:
        """The marks of what steps do."""
        places = {self.atoms.index(atom) for atom in atoms if atom.region != WORKFLOW}
        return sum(1 << place for place in places)

    def comes_first(self, first: Atom, then: Atom) -> bool:
        """Whether the one is certain to happen before the other does, if that happens."""
        certain = self.is_prompt(first) or _ends_with(then, first) or self.begins_after(then, first)
        return certain and not self.happens(has=(then,), lacks=(first,))

    def is_prompt(self, atom: Atom) -> bool:
        """Whether nothing can happen before it in the same step: only from outside a region is moved to these states."""
        if atom.region == WORKFLOW:
            return False
        region = self.machine.regions[self.machine.numbers[atom.region]]
        return all(
            transition.trigger.startswith((DONE, ERROR, RETRY, TIMEOUT, DECIDED, ELAPSED))
            for name, state in region.states.items()
            for transition in state.transitions()
            if transition.target is not None and atom.enters(region.name, name, transition.target)
        )

    def begins_after(self, then: Atom, first: Atom) -> bool:
        """Whether a step is at that only when it has begun, and begins only when the other one has settled so."""
        if (
            WORKFLOW in (then.region, first.region)
            or then.states & {"skipped", "cancelled"}
            or not _is_final(first)
        ):
            return False
        nodes = self.read.planned.nodes
        return Settling(self.read.planned).certain(nodes[then.region], nodes[first.region])

    def is_answered(self, trigger: Atom, answers: Sequence[Atom]) -> bool:
        """Whether a run has one of the answers after the trigger, whenever it ends, or rests; and none goes round for ever."""
        if any(node.step.on_error == "human-review" for node in self.read.planned.nodes.values()):
            return False  # a step may be tried again and again
        certain = all(
            (answer.region == WORKFLOW and answer.states <= set(ENDED))  # behind which nothing comes
            or _ends_with(answer, trigger)
            or (_is_final(trigger) and self.comes_first(trigger, answer))
            for answer in answers
        )
        resting = [attrs.evolve(aim, still="resting") for aim in self.read.restless()]
        return (
            certain  # it does not happen once more after an answer
            and not self.happens(has=(trigger,), lacks=answers, ended=True)
            and not self.fits(resting, has=(trigger,), lacks=answers)
        )


def _is_final(atom: Atom) -> bool:
    """Whether a step comes to that once, when it has settled."""
    return atom.states <= _FINAL


def _ends_with(then: Atom, first: Atom) -> bool:
    """Whether the other is something that the same step is at before it has settled, and not again."""
    return then.region == first.region and _is_final(then) and first.states <= _AT_WORK


_FINAL = {base(state) for state in FINAL}
_AT_WORK = {"running", "backoff", "assigned", "escalated", "cancelling"}
