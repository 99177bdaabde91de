"""Two ways to see a machine: as it was written, and flat, as it was compiled. Each makes a `Picture`.

The written view shows what a person wrote: compound states are boxes, what they declare is drawn once,
from the box, and a retry is a loop. The flat view shows the table: every local state with all that leads
away from it. Neither shows what every state has, `$cancel`, but where an instance took it.

Below: `compiler` (its tree and notes), `machine`, `journey`, `labels`; `product`, the flat view of several
regions. Above: `draw`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from statewf.compiler import Notes
from statewf.compiler.tree import Node as Place
from statewf.compiler.tree import Tree, grow
from statewf.definition import model
from statewf.diagram.journey import Journey, journey, local_name
from statewf.diagram.labels import Action, action_text, done_when, trigger_text, waits
from statewf.diagram.picture import Cause, Edge, Kind, Line, Node, Picture
from statewf.diagram.product import product
from statewf.expr import Expression
from statewf.machine import naming
from statewf.machine.flatten import MOST_STATES
from statewf.machine.fsm import (
    CANCEL,
    CANCELLED,
    DONE,
    ERROR,
    RETRY,
    TIMEOUT,
    LocalState,
    Machine,
    Region,
    Transition,
)
from statewf.machine.snapshot import Snapshot, Step


def picture(
    machine: Machine,
    *,
    flat: bool = False,
    limit: int = MOST_STATES,
    snapshot: Snapshot | None = None,
    steps: Iterable[Step] = (),
) -> Picture:
    """The picture of a machine; with a snapshot or steps of an instance, where that is and how it came there.

    What was not compiled from a state machine has only flat views: the product of its regions, of at most
    `limit` configurations, or else a box for each of them.
    """
    if flat and len(machine.regions) > 1:
        return product(machine, limit, snapshot, steps)
    notes = machine.notes if isinstance(machine.notes, Notes) else None
    tree = grow(notes.definition) if notes and isinstance(notes.definition, model.StateMachine) else None
    seen = journey(machine, snapshot, steps)
    if flat or notes is None or tree is None:
        return _Flat(machine, tree, seen, _waits(machine)).picture()
    return _Written(machine, tree, seen, _lifted(seen, notes), _waits(machine)).picture()


@attrs.frozen
class _Arrow:
    """A transition on its way into a picture; without `target` it becomes a line in the box of `source`."""

    source: str
    target: str | None
    line: Line
    taken: bool = False


# --- as it was written


def _lifted(seen: Journey, notes: Notes) -> Journey:
    """A journey through written states: who is in a state is in all around it, and leaves it by any of them."""

    def around(local: str) -> tuple[str, ...]:
        return notes.active.get(local) or (local,)

    here = {outer: attempt for local, attempt in seen.here.items() for outer in around(local)}
    visited = frozenset(outer for local in seen.visited for outer in around(local))
    taken = frozenset(
        (outer, by, leaf)
        for local, by, target in seen.taken
        for outer in around(local)
        for leaf in notes.shown(target)
    )
    return Journey(here, visited, taken)


@attrs.frozen
class _Written:
    """The written view in the making; `lifted` is the journey `seen` in terms of written states."""

    machine: Machine
    tree: Tree
    seen: Journey
    lifted: Journey
    waits: dict[str, str]

    def picture(self) -> Picture:
        nodes = [self.node(place) for place in self.tree.nodes.values()]
        arrows = [arrow for place in self.tree.nodes.values() for arrow in self.arrows(place)]
        if CANCELLED in self.lifted.visited:
            nodes.append(_lit(Node(CANCELLED, CANCELLED, "failure"), self.lifted))
            arrows += self.cancels()
        outermost = self.tree.first()[0].lineage()[-1].name
        return _assembled(self.machine.name, outermost, nodes, arrows)

    def node(self, place: Place) -> Node:
        state = place.state
        initial = next((goal.name for goal in self.tree.goals(place)), None) if state.initial is not None else None
        parent = place.parent.name if place.parent else None
        title = str(place.path[-1])
        if state.history:
            title, initial = f"{'H*' if state.history == 'deep' else 'H'} {title}", None
        node = Node(place.name, title, _kind(state), _doings(state), parent, initial, state.parallel)
        leaves = self.machine.notes.leaves
        here = (_status(local, self.seen) for local in self.seen.here if place.name in leaves[local])
        return _lit(attrs.evolve(node, status=next(filter(None, here), None)), self.lifted)

    def arrows(self, place: Place) -> Iterator[_Arrow]:
        """What the state declares, in the order in which a person would tell it."""
        state = place.state
        for event, listed in state.on.items():
            yield from (arrow for way in listed for arrow in self.arrow(place, event, way))
        yield from self.retries(place)
        if state.timeout_transition is not None:
            yield from self.arrow(place, TIMEOUT + place.name, model.Transition(state.timeout_transition))
        if state.invoke is not None:
            yield from (
                arrow for way in state.invoke.on_done for arrow in self.arrow(place, DONE + place.name, way)
            )
            yield from (
                arrow for way in state.invoke.on_error for arrow in self.arrow(place, ERROR + place.name, way)
            )
        yield from (arrow for way in state.always for arrow in self.arrow(place, "", way))
        yield from (arrow for way in state.on_done for arrow in self.arrow(place, DONE + place.name, way))
        if state.history and state.initial is not None:
            at_first = Line("always", "at first")
            yield from (_Arrow(place.name, goal.name, at_first) for goal in self.tree.goals(place))

    def arrow(self, place: Place, trigger: str, way: model.Transition) -> Iterator[_Arrow]:
        """The arrows of a transition: one to each target, or one that stays."""
        line = _line(trigger, trigger_text(trigger, place.name, self.waits), way.guard, way.actions)
        if not way.targets:
            yield _Arrow(place.name, None, line)
        for name in way.targets:
            target = self.tree.find(name, place)
            assert target is not None, "a compiled definition names no state that is not there"
            taken = (place.name, trigger, self.first(target).name) in self.lifted.taken
            yield _Arrow(place.name, target.name, line, taken)

    def first(self, place: Place) -> Place:
        """The leaf that is entered with a state, the first if there are several."""
        goals = self.tree.goals(place) if place.state.states or place.state.history else ()
        return self.first(goals[0]) if goals else place

    def retries(self, place: Place) -> Iterator[_Arrow]:
        """The ways to the next attempt. They are in the table alone, and there they lead through the wait."""
        if place.state.retry is None:
            return
        leaves = self.machine.notes.leaves
        rows = (row for name, row in self.machine.regions[0].states.items() if leaves[name] == (place.name,))
        ways = next(filter(None, ([w for w in row.transitions() if w.below is not None] for row in rows)), [])
        for way in ways:
            assert way.target is not None, "an attempt is entered"
            text = trigger_text(way.trigger, place.name, self.waits)
            wait = self.waits[RETRY + place.name] if naming.waits(way.target) else None
            line = attrs.evolve(_line(way.trigger, text, None, (), way.below), wait=wait)
            taken = (place.name, way.trigger, naming.known(way.target)) in self.lifted.taken
            yield _Arrow(place.name, place.name, line, taken)

    def cancels(self) -> Iterator[_Arrow]:
        line = Line("cancel", "cancel")
        for source, trigger, target in sorted(self.lifted.taken):
            if trigger == CANCEL and not self.tree.nodes[source].children:
                yield _Arrow(source, target, line, taken=True)


# --- as it was compiled


@attrs.frozen
class _Flat:
    """The flat view in the making. Several regions are drawn as a box each."""

    machine: Machine
    tree: Tree | None
    seen: Journey
    waits: dict[str, str]

    def picture(self) -> Picture:
        boxes = len(self.machine.regions) > 1
        nodes = [self.box(region) for region in self.machine.regions] if boxes else []
        arrows: list[_Arrow] = []
        for region in self.machine.regions:
            for state in region.states.values():
                if state.name != CANCELLED or self.name(region, state.name) in self.seen.visited:
                    nodes.append(self.node(region, state, region.name if boxes else None))
                    arrows += self.arrows(region, state)
        first = self.machine.regions[0].start.target
        return _assembled(self.machine.name, None if boxes else first, nodes, arrows)

    def name(self, region: Region, state: str) -> str:
        return local_name(self.machine, region.name, state)

    def box(self, region: Region) -> Node:
        initial = self.name(region, region.start.target) if region.start.target is not None else None
        return Node(region.name, region.name, "compound", initial=initial)

    def node(self, region: Region, state: LocalState, parent: str | None) -> Node:
        name = self.name(region, state.name)
        place = self.tree.nodes.get(state.name) if self.tree else None
        waiting = any(trigger.startswith(RETRY) for trigger in state.on)
        kind: Kind = state.terminal or ("waiting" if waiting else "normal")
        node = Node(name, naming.spelled(state.name), kind, _doings(place.state) if place else (), parent)
        return attrs.evolve(_lit(node, self.seen), status=_status(name, self.seen))

    def arrows(self, region: Region, state: LocalState) -> Iterator[_Arrow]:
        name = self.name(region, state.name)
        for way in state.transitions():
            target = self.name(region, way.target) if way.target is not None else None
            taken = target is not None and (name, way.trigger, target) in self.seen.taken
            if not _is_silent(way) and (way.trigger != CANCEL or taken):
                text = trigger_text(way.trigger, state.name, self.waits)
                actions = [op for op in way.actions if isinstance(op, Action)]
                yield _Arrow(name, target, _line(way.trigger, text, way.guard, actions, way.below), taken)


def _is_silent(way: Transition) -> bool:
    """Whether it is what the compiler adds to a call without `onDone`: the result is merged, and nothing else."""
    return way.trigger.startswith(DONE) and way.target is None and way.guard is None and not way.actions


# --- for both


def _waits(machine: Machine) -> dict[str, str]:
    ways = (way for region in machine.regions for state in region.states.values() for way in state.transitions())
    return waits((*(region.start for region in machine.regions), *ways))


def _kind(state: model.State) -> Kind:
    if state.states:
        return "compound"
    if state.history:
        return "history"
    if state.final:
        return "final"
    return (state.outcome or "success") if state.terminal else "normal"


def _doings(state: model.State) -> tuple[str, ...]:
    invoke = (f"invoke / {state.invoke.handler}",) if state.invoke else ()
    return (*done_when("entry", state.on_entry), *invoke, *done_when("exit", state.on_exit))


def _lit(node: Node, seen: Journey) -> Node:
    return attrs.evolve(node, active=node.name in seen.here, visited=node.name in seen.visited)


def _status(local: str, seen: Journey) -> str | None:
    """What is worth telling of the attempt at a local state, if one is there."""
    attempt = seen.here.get(local)
    if attempt is None:
        return None
    if naming.waits(local):
        return f"waiting for attempt {attempt + 1}"
    return f"attempt {attempt}" if attempt > 1 else None


def _line(
    trigger: str, text: str, guard: Expression | None, actions: Iterable[Action], below: int | None = None
) -> Line:
    text = f"{text} (attempt < {below})" if below is not None else text
    names = tuple(action_text(action) for action in actions)
    return Line(_cause(trigger, below), text, guard.text if guard else None, actions=names)


def _cause(trigger: str, below: int | None) -> Cause:
    if below is not None or trigger.startswith(RETRY):
        return "retry"
    if trigger.startswith(TIMEOUT):
        return "timeout"
    if trigger == CANCEL:
        return "cancel"
    return "event" if trigger else "always"


def _assembled(name: str, initial: str | None, nodes: Iterable[Node], arrows: Iterable[_Arrow]) -> Picture:
    """Join arrows between the same two nodes, and put those that lead nowhere into the box they stay in."""
    inner: dict[str, list[str]] = {}
    joined: dict[tuple[str, str], list[_Arrow]] = {}
    for arrow in arrows:
        if arrow.target is None:
            inner.setdefault(arrow.source, []).append(arrow.line.text)
        else:
            joined.setdefault((arrow.source, arrow.target), []).append(arrow)
    edges = (
        Edge(source, target, tuple(arrow.line for arrow in listed), any(arrow.taken for arrow in listed))
        for (source, target), listed in joined.items()
    )
    full = (attrs.evolve(node, lines=(*node.lines, *inner.get(node.name, ()))) for node in nodes)
    return Picture(name, initial, tuple(full), tuple(edges))
