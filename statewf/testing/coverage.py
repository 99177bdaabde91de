"""Which written states and transitions of machines a test run reached, and which it did not.

    coverage = Coverage(machine)
    coverage.add(machine, driver.history)              # or the steps of an Outcome, of a trace
    Executor("orders.db", handlers, observe=coverage)  # or whatever is kept
    print(coverage)

What counts is what somebody wrote. Of a state machine: every state, compound ones too, and every transition with the
state that it was written in, however many rows of the table it became; `timeout`, `retry`, `done`, `error` and
`always` are told by these names. Of a workflow: for each step the states that it can be in, and the ways between them.
Which transition a step took is not guessed: the step is made once more, by a machine that takes notes.

Below: `checker`, which knows where a transition was written. Above: tests, the pytest plugin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar, cast

import attrs

from statewf.checker.states.edges import Edge
from statewf.checker.states.graph import graph_of
from statewf.compiler import compile_definition
from statewf.compiler.tree import Path
from statewf.definition.model import Definition, StateMachine
from statewf.expr import Expression
from statewf.machine.fsm import CANCEL, DONE, ERROR, RETRY, TIMEOUT, LocalState, Machine, Transition
from statewf.machine.naming import base, known
from statewf.machine.snapshot import Step
from statewf.machine.step import step as make

T = TypeVar("T")

KINDS = {TIMEOUT: "timeout", RETRY: "retry", DONE: "done", ERROR: "error"}


class Way(NamedTuple):
    """A written transition: the state that it stands in, what takes it, where it leads (None: it stays).

    Of a workflow `source` and `target` are `step:state`, and `trigger` is empty. `number` tells those apart that
    differ in their guards alone.
    """

    source: str
    trigger: str
    target: str | None
    number: int = 0

    def __str__(self) -> str:
        again = f" ({self.number + 1})" if self.number else ""
        return f"{self.source} --{self.trigger}{again}--> {self.target or self.source}"


class Coverage:
    """What was reached of some machines. As an `observe` of an executor it is told every step that was kept.

    `machines` are known from the beginning, so that they are told of although nothing was reached; others are met.
    """

    def __init__(self, *machines: Machine | Definition) -> None:
        self._charts: dict[str, Chart] = {}
        for machine in machines:
            self.know(machine if isinstance(machine, Machine) else compile_definition(machine))

    def __call__(self, machine: Machine, step: Step) -> None:
        """That step was made."""
        self.know(machine).note(step)

    def add(self, machine: Machine, steps: Iterable[Step]) -> None:
        """These steps were made."""
        chart = self.know(machine)
        for step in steps:
            chart.note(step)

    def know(self, machine: Machine) -> Chart:
        """The chart of that machine, which is begun if there is none."""
        chart = self._charts.get(machine.digest)
        if chart is None:
            of_states = isinstance(machine.notes.definition, StateMachine)
            chart = self._charts[machine.digest] = _of_states(machine) if of_states else _of_steps(machine)
        return chart

    def charts(self) -> tuple[Chart, ...]:
        """What was reached of each machine, in the order in which they became known."""
        return tuple(self._charts.values())

    def __str__(self) -> str:
        return "\n".join(line for chart in self._charts.values() for line in chart.lines())

    def document(self) -> list[dict[str, Any]]:
        """The same as JSON, an object for each machine."""
        return [chart.document() for chart in self._charts.values()]


@attrs.frozen(eq=False)
class Chart:
    """How often each written state and transition of one machine was reached, in document order; 0: never."""

    machine: Machine
    states: Counter[str]
    transitions: Counter[Way]
    taken: Callable[[Step], Iterable[Way]] = attrs.field(repr=False)
    entered: Callable[[Step], Iterable[str]] = attrs.field(repr=False)

    def note(self, step: Step) -> None:
        """Count what a step reached."""
        self.states.update(state for state in self.entered(step) if state in self.states)
        self.transitions.update(way for way in self.taken(step) if way in self.transitions)

    @property
    def missed_states(self) -> tuple[str, ...]:
        """Those that were never entered."""
        return tuple(state for state, times in self.states.items() if not times)

    @property
    def missed_transitions(self) -> tuple[Way, ...]:
        """Those that were never taken."""
        return tuple(way for way, times in self.transitions.items() if not times)

    @property
    def whole(self) -> bool:
        """Whether everything was reached."""
        return not (self.missed_states or self.missed_transitions)

    def lines(self) -> Iterator[str]:
        """How much was reached, and what was not, for people."""
        states, ways = self.missed_states, self.missed_transitions
        yield (
            f"{self.machine.name}: {len(self.states) - len(states)} of {len(self.states)} states, "
            f"{len(self.transitions) - len(ways)} of {len(self.transitions)} transitions"
        )
        if len(self.machine.regions) == 1:
            yield from (f"    never entered  {state}" for state in states)
            yield from (f"    never taken    {way}" for way in ways)
        else:  # its transitions are too many to be read; they are in the document
            for step, found in groupby((state.partition(":") for state in states), key=itemgetter(0)):
                yield f"    {step} was never  {', '.join(state for _, _, state in found)}"

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "machine": self.machine.name,
            "digest": self.machine.digest,
            "states": {"all": len(self.states), "missed": list(self.missed_states)},
            "transitions": {
                "all": len(self.transitions),
                "missed": [
                    {"from": way.source, "trigger": way.trigger or None, "to": way.target}
                    for way in self.missed_transitions
                ],
            },
        }


# --- state machines: a machine that takes notes


@attrs.frozen
class _Noting:
    """What stands where a guard stood: it notes that its transition is taken."""

    guard: Expression | None
    path: Path
    notes: list[Path]
    parts = ()

    @property
    def text(self) -> str:
        return self.guard.text if self.guard is not None else ""

    def holds(self, scope: Mapping[str, object]) -> bool:
        if self.guard is not None and not self.guard.holds(scope):
            return False
        self.notes.append(self.path)
        return True


def _of_states(machine: Machine) -> Chart:
    graph = graph_of(machine)
    ways: dict[Path, Way] = {}
    for edge in (edge for edges in graph.rows.values() for edge in edges):
        if edge.trigger != CANCEL and edge.path[-1] != "invoke":  # nobody writes those two; a name comes never last
            ways.setdefault(edge.path, _written(edge.path, edge.trigger, edge.target and known(edge.target)))
    notes: list[Path] = []
    (region,) = machine.regions
    states = {name: _noting(row, graph.rows[name], notes) for name, row in region.states.items()}
    copy = attrs.evolve(machine, regions=(attrs.evolve(region, states=states),))

    def taken(step: Step) -> Iterator[Way]:
        notes.clear()
        make(copy, step.before, step.event)
        return (ways[path] for path in notes if path in ways)

    def entered(step: Step) -> Iterator[str]:
        return (name for move in step.moves for name in machine.notes.active.get(move.target, ()))

    return Chart(machine, _none(graph.tree.nodes), _none(ways.values()), taken, entered)


def _noting(row: LocalState, edges: Sequence[Edge], notes: list[Path]) -> LocalState:
    """The row, with guards that take notes. Edges come in the order of the row's transitions."""
    paths = iter([edge.path for edge in edges])

    def noting(listed: Iterable[Transition]) -> tuple[Transition, ...]:
        return tuple(attrs.evolve(t, guard=_guard(t.guard, next(paths), notes)) for t in listed)

    on = {trigger: noting(listed) for trigger, listed in row.on.items()}
    return attrs.evolve(row, on=on, always=noting(row.always))


def _guard(guard: Expression | None, path: Path, notes: list[Path]) -> Expression:
    return cast("Expression", _Noting(guard, path, notes))  # `step` wants no more of it than this


def _written(path: Path, trigger: str, target: str | None) -> Way:
    """The way that is written at this place: `states`, a name, perhaps `states` again, ..., and what it is."""
    names, rest = [], path
    while rest[:1] == ("states",):
        names.append(str(rest[1]))
        rest = rest[2:]
    kind = next((kind for own, kind in KINDS.items() if trigger.startswith(own)), trigger or "always")
    number = rest[-1] if isinstance(rest[-1], int) else 0
    if rest[0] == "retry" and kind != "retry":
        kind, number = f"retry on {kind}", 0
    return Way(".".join(names), kind, target, number)


# --- workflows: their regions' moves tell all


def _of_steps(machine: Machine) -> Chart:
    ways: dict[Way, None] = {}
    states: dict[str, None] = {}
    for region in machine.regions:
        for name, state in region.states.items():
            states[_local(region.name, name)] = None
            for target in (t.target for t in state.transitions() if t.target is not None):
                ways[Way(_local(region.name, name), "", _local(region.name, target))] = None
        if region.rests:
            states.pop(_local(region.name, region.start.target or ""))  # where it is without having done anything

    def taken(step: Step) -> Iterator[Way]:
        return (Way(_local(m.region, m.source), "", _local(m.region, m.target)) for m in step.moves)

    def entered(step: Step) -> Iterator[str]:
        return (_local(move.region, move.target) for move in step.moves)

    return Chart(machine, _none(states), _none(way for way in ways if way.source != way.target), taken, entered)


def _local(region: str, state: str) -> str:
    """A step and its state as people know it, without its turns."""
    return f"{region}:{base(state)}"


def _none(names: Iterable[T]) -> Counter[T]:
    return Counter(dict.fromkeys(names, 0))
