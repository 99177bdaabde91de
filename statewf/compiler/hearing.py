"""Which transitions of a state answer to an event: those under its name, then those under patterns that it fits.

`mouse.*` fits `mouse` and whatever begins with `mouse.`; `*` fits all. The more exact pattern comes first, as in
XState. An event that the definition does not name is known by the most exact pattern that it fits, so patterns
stand in the table like events. `done.state.S` is what a state tells that was finished, and nobody sends it.

Below: `tree`. Above: `states`; `machine.fsm` finds the name by which the table knows an event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from statewf.compiler.tree import Node, Path, Tree
from statewf.definition.model import ERROR, State, Transition
from statewf.machine.fsm import fitting, is_pattern

Declared: TypeAlias = tuple[Path, Transition]  # where it was written, and what

FINISHED = "done.state."


def done_event(node: Node) -> str:
    """What a state tells that was finished."""
    return FINISHED + node.name


def numbered(path: Path, listed: Sequence[Transition]) -> tuple[Declared, ...]:
    """Each transition of a list with its place; one that stands alone needs no number."""
    many = len(listed) > 1
    return tuple(((*path, i) if many else path, transition) for i, transition in enumerate(listed))


def _own(node: Node) -> dict[str, tuple[Declared, ...]]:
    """The transitions that a state declares, by event; being finished is an event, too."""
    found = {event: numbered((*node.path, "on", event), listed) for event, listed in node.state.on.items()}
    if node.state.on_done:
        name = done_event(node)
        found[name] = (*found.get(name, ()), *numbered((*node.path, "onDone"), node.state.on_done))
    return found


class Hearing:
    """The events of a machine, and what each state has to say to each of them."""

    def __init__(self, tree: Tree) -> None:
        self._own = {node: _own(node) for node in tree.nodes.values()}
        named = dict.fromkeys(name for found in self._own.values() for name in found)
        retried = [name for node in tree.nodes.values() for name in _retried(node.state)]
        finishing = frozenset(map(done_event, tree.nodes.values()))
        self._named = frozenset((*named, *retried))
        self._patterns = frozenset(filter(is_pattern, named))
        self._outside = tuple(name for name in dict.fromkeys((*named, *retried)) if name not in finishing)

    def heard(self, event: str) -> bool:
        """Whether some state may answer to it."""
        return event in self._named or any(fitting(event, self._patterns))

    def events(self, node: Node) -> Iterator[str]:
        """The events from outside, and the patterns, to which a state answers."""
        if self._patterns.isdisjoint(self._own[node]):
            return (name for name in self._own[node] if name in self._outside)
        return (name for name in self._outside if self.answers(node, name))

    def answers(self, node: Node, event: str) -> tuple[Declared, ...]:
        """What a state has to say to an event, the most exact first."""
        own = self._own[node]
        if not self._patterns:
            return own.get(event, ())
        names = dict.fromkeys((event, *fitting(event, self._patterns)))
        return tuple(declared for name in names for declared in own.get(name, ()))


def _retried(state: State) -> Iterator[str]:
    return (name for name in (state.retry.on if state.retry is not None else ()) if name != ERROR)
