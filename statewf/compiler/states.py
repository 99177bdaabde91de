"""The flat table of a state machine: nested, parallel and remembered states, retries and timeouts written out.

For every place where the machine can be (see `places`) and every trigger, the table says which transitions are
tried, and exactly what each does: exit actions, timers, calls, entry actions. Where states are active side by side,
one transition of the table is all that is taken at once. Events that the machine raises are known when the table
is written, so taking them is a chain of `always` transitions through places that nobody rests in.

Below: `choices` (what is taken together), `ways` (what is left and entered), `deeds` (what is done), `hearing`
(who answers), `asking` (what of guards is known). Above: `emit`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import attrs

from statewf.compiler.asking import answered, of_own
from statewf.compiler.choices import Candidate, Chain, Choice, choices
from statewf.compiler.deeds import Deeds, delayed, raised, release, waiting
from statewf.compiler.gather import actions, histories
from statewf.compiler.hearing import Hearing, done_event, numbered
from statewf.compiler.places import Place
from statewf.compiler.tree import Node, Path, Tree
from statewf.compiler.ways import Entrance, active, domain, finishing, in_order, left, remembered
from statewf.definition import model
from statewf.definition.model import path_text
from statewf.errors import CompileError, Diagnostic
from statewf.machine.fsm import (
    CANCEL,
    CANCELLED,
    DONE,
    ERROR,
    RAISE,
    RETRY,
    TIMEOUT,
    Assign,
    Disarm,
    LocalState,
    Op,
    Region,
    Transition,
)

REGION = "main"  # the one region of a state machine
MOST_PLACES = 5_000
MOST_TRANSITIONS = 200_000
MOST_CHOICES = 2_000  # for one event in one place
MOST_RAISED = 100  # events that wait to be taken: more are raised in a circle
_STAY = model.Transition()  # what becomes of a result that leads nowhere: it is merged

Names: TypeAlias = dict[str, tuple[str, ...]]  # of written states, by local state


def region(tree: Tree) -> tuple[Region, Names, Names]:
    """The one region of a state machine; for each of its local states those active in it, innermost first; its leaves.

    Raises CompileError where that would be too many.
    """
    table = _Table(tree)
    start = table.start()
    rows = {place.name: table.row(place) for place in table.all()}
    rows[CANCELLED] = LocalState(CANCELLED, terminal="failure")
    around = {place.name: _names(reversed(active(place.leaves))) for place in table.places}
    leaves = {place.name: _names(place.leaves) for place in table.places}
    timers = tuple(TIMEOUT + node.name for node in tree.nodes.values() if node.state.timeout is not None)
    main = Region(REGION, start, rows, timers=timers if tree.product or table.delayed else ())
    return main, {**around, CANCELLED: ()}, {**leaves, CANCELLED: (CANCELLED,)}


class _Table:
    """The table in the writing: places are found while the rows of others are written."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.hearing = Hearing(tree)
        self.deeds = Deeds(tree.definition)
        self.places: dict[Place, None] = {}
        self.transitions = 0
        self._declared: dict[tuple[Node, str], tuple[Candidate, ...]] = {}
        self._asked, self._lasting = histories(tree)
        self.delayed = tuple(
            dict.fromkeys(event for node in tree.nodes.values() for event in delayed(actions(node.state)))
        )

    # --- places

    def start(self) -> Transition:
        """The way to the first place."""
        self.places.update((place, None) for place in self.beforehand())
        entrance = Entrance(self.tree, {})
        entrance.add(self.tree.first(), None)
        entered = entrance.entered()
        entry, first = self.entered(entered, (), Place(()), [])
        return Transition("", self.found(first), entry=entry, entered=_names(entered))

    def beforehand(self) -> Iterator[Place]:
        """All places of a machine in which a leaf is a place: also those that nothing leads to, for `check` to tell."""
        for leaf in () if self.tree.product else self.tree.leaves():
            yield Place((leaf,))
            if leaf.state.retry is not None and leaf.state.retry.waits:
                yield Place((leaf,), waiting=True)

    def found(self, place: Place) -> str:
        """The name of a place, whose row will be written."""
        if place not in self.places:
            if len(self.places) >= MOST_PLACES:
                message = f"more than {MOST_PLACES:,} combinations of states that are active at once or remembered"
                raise self.too_much("too-many-configurations", message, "make machines of their own of some states")
            self.places[place] = None
        return place.name

    def all(self) -> Iterator[Place]:
        """Every place, also those that are found meanwhile."""
        written = 0
        while written < len(self.places):
            fresh = list(self.places)[written:]
            written += len(fresh)
            yield from fresh

    def too_much(self, code: str, message: str, hint: str, path: Path = ("states",)) -> CompileError:
        places = self.tree.definition.places
        return CompileError([Diagnostic(code, message, path_text(path), places.line(path), hint)], places.source)

    # --- the row of a place

    def row(self, place: Place) -> LocalState:
        if place.terminal is not None:
            return LocalState(place.name, terminal=place.terminal.state.outcome or "success")
        on = {trigger: tuple(self.ways(place, trigger)) for trigger in self.triggers(place)} if place.rests else {}
        exits = tuple(op for node in reversed(active(place.leaves)) for op in self.exit(place, node))
        out = _names(reversed(active(place.leaves)))
        paths, exits = (place.leaves[0].path,), (*exits, *self.silence())
        on[CANCEL] = (Transition(CANCEL, CANCELLED, exit=exits, left=out, entered=(CANCELLED,), paths=paths),)
        self.transitions += sum(map(len, on.values()))
        if self.transitions > MOST_TRANSITIONS:
            message = f"more than {MOST_TRANSITIONS:,} transitions, written out"
            raise self.too_much("too-many-configurations", message, "make machines of their own of some states")
        taken = {trigger: listed for trigger, listed in on.items() if listed}
        return LocalState(place.name, taken, tuple(self.always(place)), unexpected=self.unexpected(place.leaves))

    def triggers(self, place: Place) -> Iterator[str]:
        """What may move the machine from there, in document order."""
        (leaf, *_) = place.leaves
        found: dict[str, None] = {RETRY + leaf.name: None} if place.waiting else {}
        for node in (node for leaf in place.leaves for node in leaf.lineage()):
            found |= dict.fromkeys(self.hearing.events(node))
            if not (place.waiting and node is leaf):
                found |= dict.fromkeys(_own_triggers(node))
        found |= dict.fromkeys(RAISE + event for event in self.delayed)
        for leaf in () if place.waiting else place.leaves:
            retried = leaf.state.retry.on if leaf.state.retry is not None else ()
            found |= dict.fromkeys(ERROR + leaf.name if event == model.ERROR else event for event in retried)
        yield from found

    def ways(self, place: Place, trigger: str) -> Iterator[Transition]:
        """The transitions that a trigger may take from there, in the order in which they are tried."""
        if place.waiting and trigger.startswith(RETRY):
            (leaf,) = place.leaves
            yield self.again(place, trigger, Candidate(leaf, (*leaf.path, "retry"), _STAY, again=True), ())
            return
        own = trigger.removeprefix(RAISE) if trigger.startswith(RAISE) else None
        for choice in self.choose(place, trigger if own is None else own, own):
            yield self.taken(place, choice, trigger, (), own)

    def always(self, place: Place) -> Iterator[Transition]:
        """What is tried there without an event from outside: at last, an event that nobody takes is forgotten.

        What comes after one that always holds leads nowhere, and so no place is found by it.
        """
        certain = False
        for choice in self.choose(place, "", ""):
            certain |= choice.certain
            yield self.taken(place, choice, "", place.queue, None)
        if certain or not place.queue:
            return
        event, later = place.queue[0], place.queue[1:]
        for choice in self.choose(place, event, event):
            yield self.taken(place, choice, "", later, event)
            if choice.certain:
                return
        yield Transition("", self.found(place._replace(queue=later)), attempt="keep", anew=False)

    def unexpected(self, leaves: Sequence[Node]) -> model.Unexpected:
        """What becomes of an event that nothing takes: the gentlest word of those that are active."""
        own = (next((n.state.unexpected for n in leaf.lineage() if n.state.unexpected), None) for leaf in leaves)
        said = {word or self.tree.definition.unexpected for word in own}
        words: tuple[model.Unexpected, ...] = ("defer", "ignore", "reject")
        return next(word for word in words if word in said)

    # --- what may be taken

    def choose(self, place: Place, trigger: str, event: str | None) -> Iterator[Choice]:
        """The choices for a trigger; `event` is the name of an event of the machine's own, if it is one."""
        actives = active(place.leaves)
        names = frozenset(node.name for node in actives)
        seen: dict[Candidate, Candidate | None] = {}

        def asked(candidate: Candidate) -> Candidate | None:
            if candidate not in seen:
                seen[candidate] = _asked(candidate, names, event)
            return seen[candidate]

        def chain(leaf: Node) -> Chain:
            if place.waiting and leaf.state.retry is not None and trigger in leaf.state.retry.on:
                return ()
            nodes = leaf.lineage()[1:] if place.waiting and not trigger else leaf.lineage()
            found = (asked(candidate) for node in nodes for candidate in self.candidates(node, trigger))
            return tuple(candidate for candidate in found if candidate is not None)

        chains = {leaf: chain(leaf) for leaf in place.leaves}
        listed = choices(chains, lambda by: frozenset(left(actives, _stays(by)) if by.targets else ()))
        for number, choice in enumerate(listed):
            if number >= MOST_CHOICES:
                message = f"more than {MOST_CHOICES:,} ways in which guards beside each other may turn out"
                hint = "ask fewer guards for one event in states that are active at once"
                raise self.too_much("too-many-configurations", message, hint, place.leaves[0].path)
            yield choice

    def candidates(self, node: Node, trigger: str) -> tuple[Candidate, ...]:
        """What a state declares for a trigger, the next attempt first."""
        found = self._declared.get((node, trigger))
        if found is None:
            found = tuple(self.declared(node, trigger))
            self._declared[node, trigger] = found
        return found

    def declared(self, node: Node, trigger: str) -> Iterator[Candidate]:
        retry = node.state.retry
        for i, event in enumerate(retry.on if retry is not None else ()):
            if trigger == (ERROR + node.name if event == model.ERROR else event):
                assert retry is not None
                path = (*node.path, "retry", "on", *((i,) if len(retry.on) > 1 else ()))
                yield Candidate(node, path, _STAY, below=retry.max_attempts, again=True)
        for path, written in self.said(node, trigger):
            targets = [self.tree.find(name, node) for name in written.targets]
            known = tuple(target for target in targets if target is not None)  # check() told of the others
            yield Candidate(node, path, written, known, written.guard)

    def said(self, node: Node, trigger: str) -> Iterable[tuple[Path, model.Transition]]:
        state, invoke = node.state, node.state.invoke
        if not trigger:
            return numbered((*node.path, "always"), state.always)
        if trigger == TIMEOUT + node.name:
            return [((*node.path, "timeoutTransition"), model.Transition(state.timeout_transition))]
        if invoke is not None and trigger == DONE + node.name:
            return numbered((*node.path, "invoke", "onDone"), invoke.on_done) or [((*node.path, "invoke"), _STAY)]
        if invoke is not None and trigger == ERROR + node.name:
            return numbered((*node.path, "invoke", "onError"), invoke.on_error)
        return () if trigger.startswith("$") else self.hearing.answers(node, trigger)

    # --- transitions of the table

    def taken(
        self, place: Place, choice: Choice, trigger: str, queue: tuple[str, ...], own: str | None
    ) -> Transition:
        """The transition of a choice; `own` is the event of the machine's own that it takes, `queue` those after it."""
        again = next((candidate for _, candidate in choice.taken if candidate.again), None)
        made = (
            self.moved(place, choice, trigger, queue) if again is None else self.again(place, trigger, again, queue)
        )
        return _telling(made, own)

    def moved(self, place: Place, choice: Choice, trigger: str, queue: Iterable[str]) -> Transition:
        """What is taken at once."""
        actives = active(place.leaves)
        stays = {by: _stays(by) for _, by in choice.taken if by.targets}
        gone = frozenset(node for stay in stays.values() for node in left(actives, stay))
        leaving = tuple(node for node in reversed(actives) if node in gone)
        kept = {**dict(place.memory), **remembered(actives, leaving)}
        entrance = Entrance(self.tree, kept)
        for candidate, stay in stays.items():
            entrance.add(candidate.targets, stay)
        events = [*queue, *(event for node in leaving for event in raised(node.state.on_exit))]
        events += [event for _, by in choice.taken for event in raised(by.written.actions)]
        staying = tuple(node for node in actives if node not in gone)
        before = place._replace(memory=tuple(kept.items()))
        entered = entrance.entered()
        entry, to = self.entered(entered, staying, before, events)
        moves = bool(leaving or entrance.found)
        changed = moves or to != place
        into = {by: next((node.name for node in entered if _lies_in(node, stay)), "") for by, stay in stays.items()}
        out = {node: into[by] for by, stay in stays.items() for node in left(actives, stay)}
        return Transition(
            trigger,
            self.found(to) if changed else None,
            choice.guard,
            merges=not trigger.startswith(ERROR),
            attempt="reset" if moves or not changed else "keep",
            anew=moves or not changed,
            exit=tuple(op for node in leaving for op in self.exit(place, node, out[node])),
            actions=tuple(
                op
                for leaf, by in choice.taken
                for op in self.deeds.actions(leaf, by.written.actions, within=into.get(by, by.source.name))
            ),
            entry=entry,
            left=_names(leaving),
            entered=_names(entered),
            paths=tuple(by.path for _, by in choice.taken),
        )

    def entered(
        self, entered: Sequence[Node], staying: Sequence[Node], before: Place, events: Sequence[str]
    ) -> tuple[tuple[Op, ...], Place]:
        """What is done where states are entered beside those that stay, and the place that it leads to."""
        ops: list[Op] = []
        queue = list(events)
        now = list(staying)
        for node in entered:
            now.append(node)
            ops += self.deeds.entry(node)
            queue += raised(node.state.on_entry)
            if node.state.final:
                queue += map(done_event, finishing(node, now))
        leaves = tuple(node for node in in_order(now) if not node.state.states)
        waits = before.waiting and before.leaves == leaves and not entered
        place = Place(leaves, waits, self.kept(before.memory, now), tuple(filter(self.hearing.heard, queue)))
        if place.terminal is not None:
            ops += (op for node in reversed(in_order(now)) if node is not place.terminal for op in release(node))
            ops += self.silence()
            place = Place(leaves)
        if len(place.queue) > MOST_RAISED:
            message = f"more than {MOST_RAISED} events of its own wait to be taken: they are raised in a circle"
            raise self.too_much("endless-raise", message, "end the circle", leaves[0].path)
        return tuple(ops), place

    def kept(
        self, memory: Iterable[tuple[Node, tuple[Node, ...]]], now: Sequence[Node]
    ) -> tuple[tuple[Node, tuple[Node, ...]], ...]:
        """What is remembered and may be asked: not of a state that is active, unless that is asked from within."""
        found = dict(memory)
        asked = (h for h in self._asked if h in found and (h in self._lasting or h.parent not in now))
        return tuple((history, found[history]) for history in asked)

    def again(self, place: Place, trigger: str, candidate: Candidate, queue: tuple[str, ...]) -> Transition:
        """The next attempt at the only leaf, or the wait before it."""
        leaf = candidate.source
        retry = leaf.state.retry
        assert retry is not None, "only a state with retry is entered again"
        waits = retry.waits and not place.waiting
        leaving = () if place.waiting else tuple(self.deeds.exit(leaf))
        events = [*queue, *(() if place.waiting else raised(leaf.state.on_exit))]
        staying = leaf.lineage()[1:]
        if waits:
            entry: tuple[Op, ...] = (waiting(leaf, retry),)
            to = place._replace(waiting=True, queue=tuple(filter(self.hearing.heard, events)))
        else:
            entry, to = self.entered((leaf,), staying, place._replace(waiting=False), events)
        return Transition(
            trigger,
            self.found(to),
            below=candidate.below,
            merges=not trigger.startswith(ERROR),
            attempt="keep" if waits else "bump",
            anew=False,
            exit=leaving,
            entry=entry,
            left=() if place.waiting else (leaf.name,),
            entered=() if waits else (leaf.name,),
            paths=(candidate.path,),
        )

    def silence(self) -> Iterator[Op]:
        """Take back the events that are raised for later."""
        return (Disarm(RAISE + event) for event in self.delayed)

    def exit(self, place: Place, node: Node, within: str = "") -> Iterable[Op]:
        """What is done when a state is left; between its attempts it was left already."""
        waits = place.waiting and node in place.leaves
        return (Disarm(RETRY + node.name),) if waits else self.deeds.exit(node, within)


def _names(nodes: Iterable[Node]) -> tuple[str, ...]:
    return tuple(node.name for node in nodes)


def _telling(transition: Transition, event: str | None) -> Transition:
    """A transition whose actions know which event of the machine's own it takes, if it takes one."""
    if event is None:
        return transition

    def known(ops: tuple[Op, ...]) -> tuple[Op, ...]:
        return tuple(
            Assign(tuple((name, of_own(value, event)) for name, value in op.values))
            if isinstance(op, Assign)
            else op
            for op in ops
        )

    done = known(transition.exit), known(transition.actions), known(transition.entry)
    return attrs.evolve(transition, exit=done[0], actions=done[1], entry=done[2])


def _stays(candidate: Candidate) -> Node | None:
    """The state within which a candidate moves."""
    return domain(candidate.source, candidate.targets, internal=candidate.written.internal)


def _lies_in(node: Node, around: Node | None) -> bool:
    return around is None or node.within(around)


def _own_triggers(node: Node) -> Iterator[str]:
    """The triggers that are of one state alone."""
    if node.state.timeout_transition is not None:
        yield TIMEOUT + node.name
    if node.state.invoke is not None:
        yield DONE + node.name
        if node.state.invoke.on_error:
            yield ERROR + node.name


def _asked(candidate: Candidate, active: frozenset[str], event: str | None) -> Candidate | None:
    """A candidate with what is left to ask of its guard; None if that is known not to hold."""
    left = answered(candidate.guard, active, event)
    if left is candidate.guard:
        return candidate
    return attrs.evolve(candidate, guard=None if isinstance(left, bool) else left) if left is not False else None
