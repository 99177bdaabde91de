"""A property as a question to one machine: in words, with its atoms found there, and the monitor that watches for it.

Below: `atoms`, `functions`, `monitors`. Above: whoever answers, by runs or by counting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

import attrs

from statewf.checker.words.atoms import Atom, NoSuchAtom, atom_of, unlisted
from statewf.checker.words.functions import called
from statewf.checker.words.monitors import (
    ABSENCE,
    ALWAYS,
    EVENTUALLY,
    EXISTENCE,
    PRECEDENCE,
    RESPONSE,
    Monitor,
    Pattern,
)
from statewf.definition.properties import (
    Absence,
    Always,
    Eventually,
    Existence,
    Precedence,
    Predicate,
    Property,
    Response,
    Sometimes,
)
from statewf.expr import Expression
from statewf.machine.fsm import Machine

ROOTS = ("state", "context", "results", "attempts", "inputs")  # what conditions of properties may read


@attrs.frozen
class Question:
    """A property, with its atoms found in the machine."""

    asked: Property
    text: str
    atoms: tuple[Atom, ...]
    monitor: Monitor
    condition: Expression | Predicate | None

    @property
    def by_function(self) -> bool:
        """Whether a function decides it, which may look at any region."""
        return callable(self.condition) or any(atom.function is not None for atom in self.atoms)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions whose moves it watches."""
        return tuple(dict.fromkeys(atom.region for atom in self.atoms if atom.region))


def question(machine: Machine, asked: Property) -> Question:
    """The question that a property asks of a machine. Raises NoSuchAtom."""
    scope = [one for one in (asked.after, asked.until) if one is not None]
    condition = asked.condition if isinstance(asked, Always | Sometimes | Eventually) else None
    atoms: list[Atom] = []
    wrong: list[NoSuchAtom] = []
    for one in (*scope, *own_atoms(asked)):
        try:
            atoms.append(atom_of(machine, one))
        except NoSuchAtom as error:
            wrong.append(error)
    if isinstance(condition, Expression):
        wrong += _unknown(condition)
        wrong += unlisted(machine, condition)
    if wrong:
        first, *others = wrong
        first.others = tuple(others)
        raise first
    monitor = Monitor(_PATTERNS[type(asked)], asked.after is not None, asked.until is not None)
    return Question(asked, spoken(asked), tuple(atoms), monitor, condition)


def _unknown(condition: Expression) -> Iterator[NoSuchAtom]:
    """What a condition reads that no property can."""
    for root in dict.fromkeys(str(path[0]) for path in condition.reads):
        if root not in ROOTS:
            yield NoSuchAtom(f"there is nothing called {root}", f"conditions of properties read {', '.join(ROOTS)}")


_PATTERNS: Mapping[type[Property], Pattern] = {
    Absence: ABSENCE,
    Existence: EXISTENCE,
    Precedence: PRECEDENCE,
    Response: RESPONSE,
    Always: ALWAYS,
    Sometimes: EXISTENCE,
    Eventually: EVENTUALLY,
}


def own_atoms(asked: Property) -> tuple[str | Predicate, ...]:
    """The atoms of the pattern itself."""
    match asked:
        case Absence() | Existence():
            return asked.atoms
        case Precedence():
            return (asked.first, asked.then)
        case Response():
            return (asked.trigger, *asked.eventually)
        case Always() | Sometimes() | Eventually():
            return ()
        case _:
            assert_never(asked)


def spoken(asked: Property) -> str:
    """A property in words."""
    scope = f" after {_said(asked.after)}" if asked.after is not None else ""
    scope += f" until {_said(asked.until)}" if asked.until is not None else ""
    match asked:
        case Absence((one,)):
            return f"never {_said(one)}{scope}"
        case Absence(both):
            return f"never both {' and '.join(map(_said, both))} in one run{scope}"
        case Existence(atoms):
            return f"every run that ends has {' or '.join(map(_said, atoms))}{scope}"
        case Precedence(first, then):
            return f"no {_said(then)} before {_said(first)}{scope}"
        case Response(trigger, eventually):
            return f"after {_said(trigger)} comes {' or '.join(map(_said, eventually))}{scope}"
        case Always(condition):
            return f"always {_said(condition)}{scope}"
        case Sometimes(condition):
            return f"sometimes {_said(condition)}{scope}"
        case Eventually(condition):
            return f"eventually {_said(condition)}{scope}"
        case _:
            assert_never(asked)


def _said(part: str | Expression | Predicate) -> str:
    """An atom or a condition, in words."""
    if isinstance(part, Expression):
        return part.text
    return called(part) if callable(part) else part
