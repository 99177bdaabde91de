"""What is told of properties of wide workflows without looking at a run: no word can be one that violates them.

A word tells what happened on the way to it, by marks (see `units`). So it tells whether two things ever happen in one run,
whether a run ends without one, whether one is ever there without the other. In which order two things happened it does
not tell: where that matters it has to be certain by what they are. What never happens at all does not in any scope.

A word also tells where each step is, by marks of its letters (`Here`). So a condition that asks of `state` alone is answered
for all configurations: it never fails, or never holds (then `sometimes` is refuted).

Of what is not told here anything may be so. Who wants to know looks at runs.

Below: `counts`. Above: the checker's `proving`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from statewf.checker.census.counts import ENDED, Prepared
from statewf.checker.census.parts import Here
from statewf.checker.census.sweep import Aim
from statewf.checker.census.units import TooMuch
from statewf.checker.runs.verdict import Verdict
from statewf.checker.words.atoms import WORKFLOW, Atom
from statewf.checker.words.question import Question
from statewf.compiler.settling import Settling
from statewf.compiler.signals import ELAPSED, FINAL
from statewf.definition.properties import Absence, Always, Existence, Precedence, Response, Sometimes
from statewf.expr import UNKNOWN, Expression, Fault
from statewf.expr.syntax import Call, Literal, Name
from statewf.machine.fsm import DECIDED, DONE, ERROR, RETRY, TIMEOUT, Machine
from statewf.machine.naming import base

MOST_PLACES = 8  # that one condition asks for


def by_counting(machine: Machine, asked: Question) -> Verdict | None:
    """The verdict on a property of a workflow that no run violates, or comes to; None if a sweep cannot tell."""
    if any(atom.event or atom.function for atom in asked.atoms):
        return None
    try:
        if isinstance(asked.condition, Expression):
            return _seen_nowhere(machine, asked, asked.condition)
        if asked.condition is not None:
            return None
        return _of_atoms(_Sight(machine, asked.atoms, Prepared.of(machine, asked.atoms)), asked)
    except TooMuch:
        return None


def _of_atoms(sight: _Sight, asked: Question) -> Verdict | None:
    idle = False
    scoped = asked.monitor.after or asked.monitor.until
    match asked.asked:
        case Absence():  # what begins the scope comes first among the atoms, what ends it next
            has = (*asked.atoms[: asked.monitor.after], *asked.atoms[asked.monitor.after + asked.monitor.until :])
            proved = not sight.happens(has=has)
            idle = proved and asked.monitor.after and not sight.happens(has=asked.atoms[:1])
        case _ if scoped:
            proved = False
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


# --- conditions over where steps are


def _seen_nowhere(machine: Machine, asked: Question, condition: Expression) -> Verdict | None:
    """That a condition over `state` holds in no configuration, or in all of them: then it does so in any scope, too."""
    if not isinstance(asked.asked, Always | Sometimes) or any(path[0] != "state" for path in condition.reads):
        return None
    wanted = isinstance(asked.asked, Sometimes)
    answers = [given for given, holds in _answered(condition, {}) if holds is wanted]
    places = list(dict.fromkeys(place for given in answers for place in given if place.region != WORKFLOW))
    read = Prepared.of(machine, places)
    if any(_comes_to(read, given, places) for given in answers):
        return None
    after = asked.atoms[: asked.monitor.after]
    idle = bool(after) and not _Sight(machine, after, Prepared.of(machine, after)).happens(has=after)
    return Verdict(asked.text, asked.asked.name, "refuted" if wanted else "proved", idle=idle and not wanted)


def _answered(condition: Expression, given: Mapping[Here, bool]) -> Iterator[tuple[Mapping[Here, bool], bool]]:
    """All that steps may be at, as far as a condition asks for it, and whether it holds then. Raises TooMuch."""

    def ask(part: Expression) -> bool:
        match part.node:
            case Call("includes", (Name("state"), Literal(str(text)))) if len(given) < MOST_PLACES:
                region, _, state = text.partition(":")
                place = Here(region, state)
                if place not in given:
                    raise _Open(place)
                return given[place]
            case _:
                raise TooMuch

    try:
        yield given, condition.decided({"state": UNKNOWN}, ask)
    except Fault:
        yield given, False
    except _Open as open_:
        for answer in (True, False):
            yield from _answered(condition, {**given, open_.place: answer})


class _Open(Exception):
    """Whether a step is there was not answered yet."""

    def __init__(self, place: Here) -> None:
        self.place = place


def _comes_to(read: Prepared, given: Mapping[Here, bool], places: Sequence[Here]) -> bool:
    """Whether there is a configuration in which steps are where it is said, and the workflow."""
    has, lacks = (
        sum(1 << at for at, place in enumerate(places) if given.get(place) is there) for there in (True, False)
    )
    whole = {place.state: there for place, there in given.items() if place.region == WORKFLOW}
    aims = [
        attrs.evolve(aim, has=has, lacks=lacks)
        for key, listed in read.aims.items()
        if all((state == _plain(key)) is there for state, there in whole.items())
        for aim in listed
    ]
    return bool(aims) and read.count(aims) > 0


def _plain(key: str) -> str:
    """The state of the workflow that people know."""
    return "compensating" if key.startswith("undoing") else base(key)


# --- what happens in a run


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
            if all(atom.state in aim.passed for atom in has if atom.region == WORKFLOW)
            and not any(atom.state in aim.passed for atom in lacks if atom.region == WORKFLOW)
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
            for state in region.states.values()
            for transition in state.transitions()
            if atom.enters(region.name, transition.entered)
        )

    def begins_after(self, then: Atom, first: Atom) -> bool:
        """Whether a step is at that only when it has begun, and begins only when the other one has settled so."""
        if (
            WORKFLOW in (then.region, first.region)
            or then.state in ("skipped", "cancelled")
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
            (answer.region == WORKFLOW and answer.state in ENDED)  # behind which nothing comes
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
    return atom.state in _FINAL


def _ends_with(then: Atom, first: Atom) -> bool:
    """Whether the other is something that the same step is at before it has settled, and not again."""
    return then.region == first.region and _is_final(then) and first.state in _AT_WORK


_FINAL = {base(state) for state in FINAL}
_AT_WORK = {"running", "backoff", "assigned", "escalated", "cancelling"}
