"""What becomes of the properties of a definition: each is proved, refuted, possible or undetermined.

    proved         no run violates it, whatever happens and whatever the data are
    refuted        this run violates it
    possible       this run violates it, if data are such, of which nothing is known; or if timers of several steps come
                   in an order that no run was found to have
    undetermined   none of the runs that were looked at does, and there are more

Below: `atoms`, `monitors`, `runs`. Above: `check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, assert_never

import attrs

from statewf.checker.atoms import Atom, NoSuchAtom, Watch, atom_of, base
from statewf.checker.monitors import (
    ABSENCE,
    ALWAYS,
    EVENTUALLY,
    EXISTENCE,
    PRECEDENCE,
    RESPONSE,
    Monitor,
    Pattern,
)
from statewf.checker.retrace import Told, retraced
from statewf.checker.runs import Look, Run, Search, Space
from statewf.definition.properties import (
    Absence,
    Always,
    Eventually,
    Existence,
    Precedence,
    Property,
    Response,
    Sometimes,
)
from statewf.expr import Expression, Fault, Unknown
from statewf.machine.fsm import Machine
from statewf.machine.record import steps_of
from statewf.machine.snapshot import Snapshot, region_state
from statewf.values.frozen import Object

Answer: TypeAlias = Literal["proved", "refuted", "possible", "undetermined"]
ROOTS = ("state", "context", "results", "attempts", "inputs")  # what conditions of properties may read


@attrs.frozen
class Verdict:
    """What became of a property. `run` shows it: a violation, or the snapshot that `sometimes` asks for.

    `text` says the property in words. `told` is that run step by step, if it can be timed. It is `idle` if what it speaks of never happens, so that nothing could violate it.
    """

    text: str
    name: str | None
    answer: Answer
    run: Run | None = None
    told: tuple[Told, ...] | None = None
    idle: bool = False

    def document(self) -> dict[str, Any]:
        """The verdict as JSON; `trace` is the run that shows it, `loop` what it does for ever from there."""
        run = self.run
        return {
            "property": self.text,
            **({} if self.name is None else {"name": self.name}),
            "verdict": self.answer,
            **({"idle": True} if self.idle else {}),
            **({} if run is None else {"trace": [move.label for move in run.moves]}),
            **({} if run is None or not run.loop else {"loop": [move.label for move in run.loop]}),
        }


@attrs.frozen
class Question:
    """A property, with its atoms found in the machine."""

    asked: Property
    text: str
    atoms: tuple[Atom, ...]
    monitor: Monitor
    condition: Expression | None

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions whose moves it watches."""
        return tuple(dict.fromkeys(atom.region for atom in self.atoms if atom.region))


# --- understanding one


def question(machine: Machine, asked: Property) -> Question:
    """The question that a property asks of a machine. Raises NoSuchAtom."""
    scope = [text for text in (asked.after, asked.until) if text is not None]
    atoms = tuple(atom_of(machine, text) for text in (*scope, *own_atoms(asked)))
    condition = asked.condition if isinstance(asked, Always | Sometimes | Eventually) else None
    for path in condition.reads if condition is not None else ():
        if path[0] not in ROOTS:
            raise NoSuchAtom(
                f"there is nothing called {path[0]}", f"conditions of properties read {', '.join(ROOTS)}"
            )
    monitor = Monitor(_PATTERNS[type(asked)], asked.after is not None, asked.until is not None)
    return Question(asked, spoken(asked), atoms, monitor, condition)


_PATTERNS: Mapping[type[Property], Pattern] = {
    Absence: ABSENCE,
    Existence: EXISTENCE,
    Precedence: PRECEDENCE,
    Response: RESPONSE,
    Always: ALWAYS,
    Sometimes: EXISTENCE,
    Eventually: EVENTUALLY,
}


def own_atoms(asked: Property) -> tuple[str, ...]:
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
    scope = f" after {asked.after}" if asked.after else ""
    scope += f" until {asked.until}" if asked.until else ""
    match asked:
        case Absence((one,)):
            return f"never {one}{scope}"
        case Absence(both):
            return f"never both {' and '.join(both)} in one run{scope}"
        case Existence(atoms):
            return f"every run that ends has {' or '.join(atoms)}{scope}"
        case Precedence(first, then):
            return f"no {then} before {first}{scope}"
        case Response(trigger, eventually):
            return f"after {trigger} comes {' or '.join(eventually)}{scope}"
        case Always(condition):
            return f"always {condition.text}{scope}"
        case Sometimes(condition):
            return f"sometimes {condition.text}{scope}"
        case Eventually(condition):
            return f"eventually {condition.text}{scope}"
        case _:
            assert_never(asked)


# --- answering it


def verdict(machine: Machine, space: Space, asked: Question) -> Verdict:
    """What becomes of a property among all runs that were explored."""
    watch = Watch(asked.atoms)
    wanted = isinstance(asked.asked, Sometimes)

    def found(*, certain: bool) -> Run | None:
        look = None
        if asked.condition is not None:
            look = _look(machine, space, asked.condition, unknown=certain is not wanted)
        search = Search(space, asked.monitor, watch, look, certain=certain)
        return search.meeting() if wanted else search.violation()

    answer: Answer = "proved" if wanted else "refuted"
    run = found(certain=True)
    if run is None:
        answer, run = "possible", found(certain=False)
    if run is None:
        answer = "undetermined" if not space.found.whole else "refuted" if wanted else "proved"
    told = None if run is None else retraced(machine, space.found, run)
    if answer == "refuted" and run is not None and told is None:
        answer = "possible"
    idle = answer == "proved" and not wanted and _is_idle(space, watch, asked)
    return Verdict(asked.text, asked.asked.name, answer, run, told, idle)


def _look(machine: Machine, space: Space, condition: Expression, *, unknown: bool) -> Look:
    """Whether the condition holds at a node; `unknown` is the answer where nobody knows."""
    known: dict[int, bool] = {}

    def look(node: int) -> bool:
        if node not in known:
            known[node] = _holds(condition, visible(machine, space.found.snapshots[node]), unknown=unknown)
        return known[node]

    return look


def _holds(condition: Expression, scope: Mapping[str, Any], *, unknown: bool) -> bool:
    try:
        told = condition.truth(scope)
    except Fault:
        return False
    return unknown if isinstance(told, Unknown) else told


def visible(machine: Machine, snapshot: Snapshot) -> Mapping[str, Any]:
    """What conditions of properties see of a snapshot.

    `state` lists what is active: the state of a state machine and those around it, or what each step that has begun
    is at (`payment:running`), and the workflow's own state. `attempts` is by state or step.
    """
    if len(machine.regions) == 1:
        state, attempt, _ = region_state(snapshot.regions, 0)
        plain = base(state)
        parts = plain.split(".")
        around = tuple(".".join(parts[:n]) for n in range(1, len(parts) + 1))
        active, attempts = around, Object({plain: attempt})
    else:
        here = list(steps_of(machine, snapshot))
        active = tuple(f"{step}:{state}" for step, state, _ in here if state != "waiting")
        attempts = Object({step: attempt for step, _, attempt in here})
    return {
        "state": active,
        "attempts": attempts,
        "context": snapshot.context,
        "results": snapshot.book.results,
    }


def _is_idle(space: Space, watch: Watch, asked: Question) -> bool:
    """Whether what begins it never happens: the trigger of a response, the first atom of its scope."""
    begins: Callable[[tuple[bool, ...]], bool]
    if asked.monitor.after:
        begins = lambda letter: letter[0]  # noqa: E731  # one of two, each a word long
    elif isinstance(asked.asked, Response):
        place = int(asked.monitor.until)
        begins = lambda letter: letter[place]  # noqa: E731  # likewise
    else:
        return False
    moves = (*space.found.initial, *space.found.moves)
    return not any(begins(letter) for move in moves for letter in watch.letters(move))
