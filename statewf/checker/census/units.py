"""A step of a workflow by itself, with what lies in it: all that it can be at, whatever the others do.

What others do to a step are four things only: all that it waits for has settled, so it begins; something that it waits
for failed, or what is around it ends: it is cancelled; the block around it is skipped; it is undone. So a step is studied in
a workflow of three: one that it waits for, itself, and one that goes on beside it until the step is quiet. The real
`step` plays there all that can happen to it. What the step is at then (local states, attempts, calls, timers, tasks, what
is supposed of data) is a *letter*. All that matters of a letter to others is in its *roles*: how it may have come about.

Below: the compiler, `explore`, `plain`. Above: `sweep`, which puts the steps together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

import attrs

from statewf.checker.census.plain import BEFORE, BESIDE, among_three, steps_within
from statewf.checker.words.atoms import Atom
from statewf.compiler import compile_definition
from statewf.compiler.signals import FINAL, WORKFLOW
from statewf.definition.model import Step, Workflow
from statewf.expr import Expression, parse
from statewf.machine.events import Cancel, Failed, Returned
from statewf.machine.explore import Exploration, Move, explore
from statewf.machine.fsm import Machine
from statewf.machine.lens import Configuration, lens
from statewf.machine.naming import base
from statewf.machine.snapshot import Snapshot, moves, region_state
from statewf.machine.step import start
from statewf.machine.tries import Try, whose

MOST = 4_000  # nodes of a step by itself
OWN = ("inputs", "event", "instance", "attempt")  # what no other step changes

# How a step stands, or stood when the whole, or the block around it, began to end:
#   waiting  not begun                    open     begun, and not settled
#   blocked  cancelled before it began    ok       succeeded, or skipped by itself
#   skipped  with the block around it     failed   for good
#   stopped  it was cancelled while it was open
Stand: TypeAlias = Literal["waiting", "blocked", "skipped", "open", "ok", "failed", "stopped"]

# What of it is undone: nothing has to be; it is due; it is going on; it is over; it was cut short
Undoing: TypeAlias = Literal["none", "due", "on", "over", "cut"]


class Letter(NamedTuple):
    """What a step is at: its part of a configuration. `states` are those of its regions, with their attempts."""

    states: tuple[tuple[str, int], ...]
    deadlines: frozenset[tuple[str, str]]
    calls: frozenset[tuple[str, str, bool]]
    counters: frozenset[tuple[tuple[str, str], int]]
    tasks: frozenset[str]
    lines: frozenset[tuple[str, int, tuple[str, ...]]]
    supposed: frozenset[tuple[Expression, str]]
    order: frozenset[Hashable]

    @property
    def state(self) -> str:
        """The local state of the step itself."""
        return self.states[0][0]

    @property
    def quiet(self) -> bool:
        """Whether nothing of it runs, and nothing will."""
        return all(state in FINAL for state, _ in self.states)

    @property
    def runs(self) -> bool:
        """Whether a call will be answered, or a timer come due."""
        return bool(self.calls or self.deadlines)

    @property
    def moves(self) -> bool:
        """Likewise, or somebody may decide."""
        return self.runs or bool(self.tasks)


class Role(NamedTuple):
    """How a step may have come to a letter. `lingered`: it may have stood so and not been quiet; `bad`: undoing it failed.

    `seen` are the marks of what happened on the way, a bit each.
    """

    stand: Stand
    undoing: Undoing = "none"
    lingered: bool = False
    bad: bool = False
    seen: int = 0


Marks: TypeAlias = tuple[tuple[Atom, int], ...]  # what is looked for in a plain step, each with its bit


class TooMuch(Exception):
    """A step that does not stand by itself, or can be at too much."""


@attrs.frozen
class Unit:
    """What was found of a step by itself. `parts` are those of conditions of which something was supposed.

    `sudden`: it may fail in the very step in which it begins.
    """

    letters: Mapping[Letter, frozenset[Role]]
    parts: frozenset[Expression]
    sudden: bool


def study(step: Step, whole: Workflow, marks: Marks = (), *, shell: bool = False) -> Unit:
    """All that a plain step of that workflow can be at; of a `shell`, without what lies in it. Raises TooMuch."""
    if any(path[0] not in OWN for condition in _conditions(step) for path in condition.reads):
        raise TooMuch
    machine = compile_definition(among_three(step, whole))
    found = explore(machine, MOST, among=_Tried(machine))
    if not found.whole:
        raise TooMuch
    return _Reading(machine, found, marks, shell=shell).unit()


def _conditions(step: Step) -> Iterator[Expression]:
    for inner in steps_within(step):
        yield from (told for told in (inner.when, inner.condition, inner.match) if told is not None)


def passed_over(step: Step, whole: Workflow, *, shell: bool = False) -> Letter:
    """What such a step is at when it was skipped with the block around it."""
    block = Step("around", type="parallel", when=parse("inputs.go"), steps=(attrs.evolve(step, depends_on=()),))
    machine = compile_definition(attrs.evolve(among_three(step, whole), steps=(block,)))
    configuration = lens(machine).configuration(start(machine, {"go": False}).after)
    own = _numbers(machine, WORKFLOW, "around")
    return _letter(machine, configuration, own[:1] if shell else own)


@attrs.frozen(eq=False)
class _Tried:
    """What is tried where a step is studied. What it waits for succeeds; what is beside it ends when the step is quiet."""

    machine: Machine

    def regions(self, _: Snapshot) -> None:
        """All."""

    def __call__(self, snapshot: Snapshot, tried: Try) -> bool:
        whole, *_ = region_state(snapshot.regions, 0)
        if isinstance(tried.event, Cancel):
            return whole.startswith("compensating") if tried.event.now else whole == "running"
        region = whose(tried.event, snapshot)
        if region == BEFORE:
            return whole == "running" and isinstance(tried.event, Returned)
        if region == BESIDE:
            return whole == "cancelling" and isinstance(tried.event, Failed) and self._is_quiet(snapshot)
        return bool(region)

    def _is_quiet(self, snapshot: Snapshot) -> bool:
        own = _numbers(self.machine, WORKFLOW, BEFORE, BESIDE)
        return all(region_state(snapshot.regions, number)[0] in FINAL for number in own)


def _numbers(machine: Machine, *others: str) -> tuple[int, ...]:
    """The numbers of all regions but those."""
    return tuple(number for region, number in machine.numbers.items() if region not in others)


def _letter(
    machine: Machine,
    configuration: Configuration,
    numbers: tuple[int, ...],
    supposed: frozenset[tuple[Expression, str]] = frozenset(),
    order: frozenset[tuple[tuple[str, str], tuple[str, str]]] = frozenset(),
) -> Letter:
    """The part that those regions have in a configuration."""
    states, attempts = (sum(parts, ()) for parts in zip(*configuration.regions, strict=True))
    names = [machine.regions[number].name for number in numbers]
    inner = names if len(names) > 1 else ()  # what a step alone still counts is told by the others
    return Letter(
        tuple((states[number], attempts[number]) for number in numbers),
        frozenset(timer for timer in configuration.deadlines if timer[0] in names),
        frozenset(call for call in configuration.calls if call[0] in names),
        frozenset(entry for entry in configuration.counters if entry[0][0] in inner),
        frozenset(region for region in configuration.tasks if region in names),
        frozenset(line for line in configuration.lines if line[0] in names),
        supposed,
        frozenset(pair for pair in order if pair[0][0] in names),
    )


class _Fact(NamedTuple):
    """How a run may have come to a node, as far as the step is concerned."""

    stand: Stand
    undoing: Undoing
    lingered: bool
    seen: int


class _Reading:
    """Reads out of an exploration how a step may have come to each of its letters."""

    def __init__(self, machine: Machine, found: Exploration, marks: Marks, *, shell: bool) -> None:
        self.machine = machine
        self.marks = marks
        self.found = found
        others = _numbers(machine, WORKFLOW, BEFORE, BESIDE)
        self.numbers = others[:1] if shell else others
        self.letters = [
            _letter(machine, configuration, self.numbers, found.supposed[node], found.orders[node])
            for node, configuration in enumerate(found.configurations)
        ]
        self.after: list[list[Move]] = [[] for _ in self.letters]
        for move in found.moves:
            self.after[move.source].append(move)

    def unit(self) -> Unit:
        facts = self.facts()
        due = {letter for node, letter in enumerate(self.letters) if self.is_due(node)}
        roles: dict[Letter, set[Role]] = {}
        for node, fact in facts:
            letter = self.letters[node]
            if fact.undoing == "none":
                role = Role(fact.stand, "due" if letter in due else "none", fact.lingered, seen=fact.seen)
            else:
                bad = fact.undoing == "cut" or self.whole(node).endswith(("$bad", "compensation-failed"))
                role = Role(fact.stand, fact.undoing, fact.lingered, bad, fact.seen)
            roles.setdefault(letter, set()).add(role)
        parts = frozenset(part for supposed in self.found.supposed for part, _ in supposed)
        begins = [move for node, fact in facts if fact.stand == "waiting" for move in self.after[node]]
        sudden = any(self.stand("waiting", move) == "failed" for move in begins)
        return Unit({letter: _best(listed) for letter, listed in roles.items()}, parts, sudden)

    def whole(self, node: int) -> str:
        return region_state(self.found.snapshots[node].regions, 0)[0]

    def is_due(self, node: int) -> bool:
        """Whether undoing begins there when the other has ended."""
        return self.whole(node) == "cancelling" and any(
            self.whole(move.target).startswith("compensating") for move in self.after[node]
        )

    def facts(self) -> set[tuple[int, _Fact]]:
        """All that is so at the nodes, found along the moves."""
        begun = [(move.target, _Fact("waiting", "none", lingered=False, seen=0)) for move in self.found.initial]
        known = set(begun)
        queue = deque(begun)
        while queue:
            node, fact = queue.popleft()
            for move in self.after[node]:
                there = (move.target, self.led(fact, move))
                if there not in known:
                    known.add(there)
                    queue.append(there)
        return known

    def led(self, fact: _Fact, move: Move) -> _Fact:
        """What is so after a move."""
        whole, letter = self.whole(move.target), self.letters[move.target]
        undoing: Undoing = "none"
        if isinstance(move.event, Cancel) and move.event.now:
            undoing = "cut"
        elif whole.startswith("compensating"):
            undoing = "on"
        elif fact.undoing == "on":
            undoing = "over"
        stand = self.stand(fact.stand, move)
        lingered = undoing == "none" and not letter.quiet
        return _Fact(
            stand, undoing, lingered or (fact.lingered and stand == fact.stand), fact.seen | self.seen(move)
        )

    def seen(self, move: Move) -> int:
        """The marks of what happens in a move."""
        return sum(
            bit
            for atom, bit in self.marks
            if any(atom.enters(made.region, made.entered) for made in moves(move.path))
        )

    def stand(self, before: Stand, move: Move) -> Stand:
        """How the step stands after a move."""
        if self.whole(move.target) != "running":
            cancelled: Mapping[Stand, Stand] = {"waiting": "blocked", "open": "stopped"}
            return cancelled.get(before, before)
        match base(self.letters[move.target].state):
            case "succeeded" | "skipped":
                return "ok"
            case "failed":
                return "failed"
            case _:
                return "open"


def _best(roles: set[Role]) -> frozenset[Role]:
    """Without those that are as another one that lingered."""
    return frozenset(role for role in roles if role.lingered or role._replace(lingered=True) not in roles)
