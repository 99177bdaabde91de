"""Who takes an event in a parallel state: in SCXML, and here, each region for itself; in XState the inner ones first.

Where a region has no transition for an event, its leaf looks further out and may find one around the regions. XState
looks there only if no region has one. That differs where both could be taken together, because one of them leaves
nothing. So the outer one gets the condition that none of the inner ones is taken, when it is read; and when a
definition is written the condition goes again, or the outer transition is refused.

Below: the compiler's tree. Above: `reading`, `writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import attrs

from statewf.compiler.asking import STATE
from statewf.compiler.hearing import done_event
from statewf.compiler.tree import Node, Path, Tree, grow
from statewf.definition.model import State, StateMachine, Transition
from statewf.expr import Expression, conjunction, of_node
from statewf.expr.syntax import Binary, Call, Literal, Logical, Member, Name, Unary
from statewf.expr.syntax import Node as Term
from statewf.interop.xstate.told import Told
from statewf.machine.fsm import is_pattern

Known: TypeAlias = Mapping[str, State]  # by full name, as XState has it
Change: TypeAlias = Callable[[Transition, tuple[Term, ...], Path], Transition]
HINT = "add && !includes(state, ...) to its guard, for the states within that also take the event"


def imposed(definition: StateMachine) -> StateMachine:
    """The definition in which the outer transitions wait for the inner ones, as in XState."""
    tree = grow(definition)
    as_written = {name: node.state for name, node in tree.nodes.items()}

    def impose(way: Transition, terms: tuple[Term, ...], _: Path) -> Transition:
        conditions = [way.guard] if way.guard is not None else []
        return attrs.evolve(way, guard=conjunction([*conditions, *map(of_node, terms)]))

    return _changed(tree, as_written, impose)


def lifted(definition: StateMachine, told: Told) -> StateMachine:
    """The definition without what XState does by itself. What it would do otherwise is refused."""
    tree = grow(definition)

    def lift(way: Transition, terms: tuple[Term, ...], path: Path) -> Transition:
        parts = _operands(way.guard.node) if way.guard is not None else ()
        if parts[-len(terms) :] != terms:
            told.refuse("a transition beside another one for the same event further within", path, HINT)
            return way
        return attrs.evolve(way, guard=conjunction([of_node(part) for part in parts[: -len(terms)]]))

    return _changed(tree, {}, lift)


def _changed(tree: Tree, known: Known, change: Change) -> StateMachine:
    """All states anew, those within first: what they ask for then is what those around must wait for."""
    if not any(node.state.parallel for node in tree.nodes.values()):
        return tree.definition
    anew: dict[str, State] = {}
    for node in reversed(list(tree.nodes.values())):
        states = {name: anew[child.name] for name, child in node.children.items()}
        rivals = sorted(_rivals(node, known or anew), key=lambda rival: (rival.name, rival.event))
        on, done = dict(_ways(node, rivals, change)), _done(node, rivals, change)
        anew[node.name] = attrs.evolve(node.state, states=states, on=on, on_done=done)
    return attrs.evolve(tree.definition, states={name: anew[node.name] for name, node in tree.roots.items()})


def _ways(node: Node, rivals: list[Rival], change: Change) -> Iterator[tuple[str, tuple[Transition, ...]]]:
    for event, listed in node.state.on.items():
        path = (*node.path, "on", event)
        yield event, tuple(_waiting(way, event, rivals, change, path) for way in listed)


def _done(node: Node, rivals: list[Rival], change: Change) -> tuple[Transition, ...]:
    event, path = done_event(node), (*node.path, "onDone")
    return tuple(_waiting(way, event, rivals, change, path) for way in node.state.on_done)


def _waiting(way: Transition, event: str, rivals: list[Rival], change: Change, path: Path) -> Transition:
    beside = [rival for rival in rivals if _overlap(event, rival.event)]
    if not beside or (way.targets and not any(rival.stays for rival in beside)):
        return way  # of two that leave the same state the inner one is taken in any case
    return change(way, tuple(dict.fromkeys(rival.term(event) for rival in beside)), path)


# --- those within


@attrs.frozen
class Rival:
    """What a state within a region has to say to an event, or to all events that fit a pattern."""

    name: str
    event: str
    guards: tuple[Expression | None, ...]
    stays: bool  # whether one of its transitions leaves nothing

    def term(self, event: str) -> Term:
        """The condition that it takes nothing where a state around might take this event."""
        held: list[Term] = [] if _fits(event, self.event) else [_is_event(self.event)]
        held.append(Call("includes", (Name(STATE), Literal(self.name))))
        guards = list(dict.fromkeys(guard.node for guard in self.guards if guard is not None))
        if None not in self.guards:
            held.append(guards[0] if len(guards) == 1 else Logical("||", tuple(guards)))
        flat = [part for term in held for part in _operands(term)]
        return Unary("!", flat[0] if len(flat) == 1 else Logical("&&", tuple(flat)))


def _rivals(node: Node, known: Known) -> Iterator[Rival]:
    """All that may be taken in the regions of parallel states within."""
    for inner in _in_regions(node, within=False):
        state = known[inner.name]
        listed = [*state.on.items(), *([(done_event(inner), state.on_done)] if state.on_done else [])]
        for event, ways in listed:
            stays = any(not way.targets or (way.internal and not state.states) for way in ways)
            yield Rival(inner.name, event, tuple(way.guard for way in ways), stays)


def _in_regions(node: Node, *, within: bool) -> Iterator[Node]:
    for child in node.children.values():
        inside = within or node.state.parallel
        if inside:
            yield child
        yield from _in_regions(child, within=inside)


def _operands(term: Term) -> tuple[Term, ...]:
    return term.operands if isinstance(term, Logical) and term.operator == "&&" else (term,)


def _fits(event: str, pattern: str) -> bool:
    """Whether all that the first name stands for is also meant by the second."""
    if pattern in ("*", event):
        return True
    base = pattern.removesuffix(".*")
    return is_pattern(pattern) and (event == base or event.startswith(f"{base}."))


def _overlap(one: str, other: str) -> bool:
    return _fits(one, other) or _fits(other, one)


def _is_event(event: str) -> Term:
    """The condition that the event at hand fits a name, or a pattern that does not fit all."""
    at_hand = Member(Name("event"), "name")
    base = event.removesuffix(".*")
    exact = Binary("===", at_hand, Literal(base))
    if not is_pattern(event):
        return exact
    return Logical("||", (exact, Call("startsWith", (at_hand, Literal(f"{base}.")))))
