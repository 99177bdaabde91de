"""What a property speaks of: states that are entered and events that are taken, found in the moves of a step.

Or what a function says of a step. Below: the machine, the compiler's notes, `functions`. Above: `question`, and
whoever follows a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import attrs

from statewf.checker.words.functions import Happening, Moved, called, of_step
from statewf.compiler import Notes
from statewf.compiler.tree import grow
from statewf.definition.model import StateMachine
from statewf.definition.properties import Predicate
from statewf.definition.words import nearest
from statewf.expr import Expression
from statewf.expr.syntax import Call, Literal, Name, Node, children
from statewf.machine.events import AnyEvent
from statewf.machine.fsm import CANCELLED as CANCELLED_STATE
from statewf.machine.fsm import Machine, Track, fitting
from statewf.machine.naming import base
from statewf.machine.snapshot import Note, heard, moves

EVENT = "event:"
WORKFLOW = "workflow"
MOST_NAMES = 12  # in a hint
CANCELLED = ("cancel", "cancelled", "canceled")
CANCELLED_HINT = "somebody who cancels sends no event; a run that was cancelled ends in {}"


@attrs.frozen
class Atom:
    """`region` enters `state`, or `event` is taken, or `function` says so.

    Entering it again counts; moving within it does not, nor does a move of others that are active beside it.
    """

    text: str
    region: str = ""
    state: str = ""
    event: str = ""
    function: Predicate | None = None

    def hears(self, event: str) -> bool:
        """Whether an event is the one, or fits the pattern, that it names."""
        return bool(self.event) and (event == self.event or any(fitting(event, (self.event,))))

    def enters(self, region: str, entered: Sequence[str]) -> bool:
        """Whether a move of that region enters it, of which this is what it enters."""
        return region == self.region and self.state in entered


class NoSuchAtom(Exception):
    """It names nothing; the text says why, `hint` what may be meant. `others` are what else in the property does so."""

    def __init__(self, message: str, hint: str) -> None:
        self.hint = hint
        self.others: tuple[NoSuchAtom, ...] = ()
        super().__init__(message)


def atom_of(machine: Machine, text: str | Predicate) -> Atom:
    """The atom that a text names, or a function is. Raises NoSuchAtom."""
    if callable(text):
        return Atom(called(text), function=text)
    if text.startswith(EVENT):
        name = text.removeprefix(EVENT)
        if machine.known(name) not in machine.listeners:
            if name.lower() in CANCELLED:
                raise NoSuchAtom(f"{machine.name} has no event {name}", CANCELLED_HINT.format(_cancelled(machine)))
            raise _none(text, f"{machine.name} has no event {name}", [EVENT + known for known in machine.listeners])
        return Atom(text, event=name)
    notes = machine.notes
    assert isinstance(notes, Notes), "a machine that no compiler made"
    if isinstance(notes.definition, StateMachine):
        return _state(machine, notes.definition, text)
    return _of_step(machine, text)


def _state(machine: Machine, definition: StateMachine, text: str) -> Atom:
    known = [*_active(definition), CANCELLED_STATE]
    if text not in known:
        raise _none(text, f"{machine.name} has no state {text}", known)
    return Atom(text, machine.regions[0].name, text)


def _of_step(machine: Machine, text: str) -> Atom:
    step, _, state = text.partition(":")
    number = machine.numbers.get(step)
    if number is None:
        known = [*(region.name for region in machine.regions[1:]), *_wholes(machine)]
        raise _none(text, f"{machine.name} has no step {step}", known)
    if step == WORKFLOW:
        if text not in _wholes(machine):
            raise _none(text, f"a workflow is never {state or 'nothing'}", _wholes(machine))
        return Atom(text, step, state)
    states = dict.fromkeys(base(name) for name in machine.regions[number].states)
    wanted = state or "succeeded"
    if wanted not in states:
        raise _none(text, f"{step} is never {wanted}", [f"{step}:{name}" for name in states if name != "waiting"])
    return Atom(text, step, wanted)


def _cancelled(machine: Machine) -> str:
    return CANCELLED_STATE if len(machine.regions) == 1 else f"{WORKFLOW}:cancelled"


def _wholes(machine: Machine) -> list[str]:
    """The states of the workflow as a whole, its ends last."""
    return list(dict.fromkeys(f"{WORKFLOW}:{base(name)}" for name in machine.regions[0].states))


def unlisted(machine: Machine, condition: Expression) -> Iterator[NoSuchAtom]:
    """What a condition of a property looks for, and cannot be there: in the list `state`, in `attempts`, in `results`."""
    many = len(machine.regions) > 1
    leaves = dict.fromkeys(leaf for listed in machine.notes.leaves.values() for leaf in listed)
    names = [region.name for region in machine.regions[1:]] if many else list(leaves)
    around = [] if many else [*_active(machine.notes.definition), CANCELLED_STATE]
    for text in dict.fromkeys(_looked_for(condition.node)):
        if many:
            yield from _unlisted_step(machine, text)
        elif text not in around:
            yield _none(text, f"state never lists {text}", around)
    for path in dict.fromkeys(path[:2] for path in condition.reads):
        match path:
            case ("results", _) if not many:
                yield NoSuchAtom(f"{machine.name} has no results", "a state machine has a context alone")
            case ("attempts", str(name)) if not many and name in around and name not in names:
                yield NoSuchAtom(
                    f"{name} has no attempts of its own", "those within it have: the one it is in counts"
                )
            case ("attempts" | "results", str(name)) if name not in names:
                yield _none(name, f"{machine.name} has no {'step' if many else 'state'} {name}", names)


def _active(definition: StateMachine) -> Iterator[str]:
    """The states of a state machine that one can be in, and those around them."""
    return (name for name, node in grow(definition).nodes.items() if node.state.history is None)


def _unlisted_step(machine: Machine, text: str) -> Iterator[NoSuchAtom]:
    """What keeps `state` from ever listing that: it lists where each step is, once it has begun."""
    step, _, state = text.partition(":")
    try:
        _of_step(machine, text)
    except NoSuchAtom as error:
        yield error
        return
    if not state:
        yield NoSuchAtom(f"state never lists {text}", f"it lists where a step is: {step}:succeeded")
    elif state == "waiting":
        yield NoSuchAtom(f"state never lists {text}", "it lists steps that have begun")


def _looked_for(node: Node) -> Iterator[str]:
    match node:
        case Call("includes", (Name("state"), Literal(str(text)))):
            yield text
        case _:
            for child in children(node):
                yield from _looked_for(child)


def _none(text: str, message: str, known: Sequence[str]) -> NoSuchAtom:
    alike = nearest(text, known)
    some = [*known[:MOST_NAMES], *([f"{len(known) - MOST_NAMES:,} more"] if len(known) > MOST_NAMES else [])]
    return NoSuchAtom(message, f"did you mean {alike}?" if alike else f"there is {', '.join(some)}")


# --- in a step

Letter = tuple[bool, ...]  # of the atoms that are watched, which happen


class Happened(Protocol):
    """A step of a run, or a move between two nodes."""

    @property
    def event(self) -> AnyEvent: ...

    @property
    def path(self) -> Track: ...

    @property
    def notes(self) -> tuple[Note, ...]: ...


class Watch:
    """Tells of each step, letter by letter, which atoms happen: first its event, then its moves in order.

    Where one of them is a function, which sees the step as a whole, all is one letter.
    """

    def __init__(self, atoms: Sequence[Atom]) -> None:
        self._atoms = tuple(atoms)
        self._by_step = any(atom.function is not None for atom in self._atoms)
        self._none = (False,) * len(self._atoms)
        self._seen: dict[tuple[str, Track], tuple[Letter, ...]] = {}

    def letters(self, move: Happened) -> tuple[Letter, ...]:
        """The letters of a step in which something happens. Raises PropertyFails."""
        name = heard(move.event, move.notes)
        found = self._seen.get((name, move.path))
        if found is None:
            every = (tuple(atom.hears(name) for atom in self._atoms), *self._moves(move.path))
            if self._by_step:
                every = (tuple(self._at_once(Happening(name, tuple(_moved(move.path))), every)),)
            found = self._seen[name, move.path] = tuple(letter for letter in every if letter != self._none)
        return found

    def _moves(self, path: Track) -> Iterator[Letter]:
        for move in moves(path):
            yield tuple(atom.enters(move.region, move.entered) for atom in self._atoms)

    def _at_once(self, step: Happening, letters: Sequence[Letter]) -> Iterator[bool]:
        for atom, hits in zip(self._atoms, zip(*letters, strict=True), strict=True):
            yield any(hits) if atom.function is None else of_step(atom.function, step)


def _moved(path: Track) -> Iterator[Moved]:
    """The moves as people know them: taking turns within a state is none."""
    for move in moves(path):
        if move.entered:
            yield Moved(move.region, base(move.source), base(move.target))
