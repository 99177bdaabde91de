"""How to mend what `check_steps` refuses: the name that was meant, the step to wait for instead.

Below: `settling` and `guess`. Above: `check_steps`, which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from statewf.compiler.guess import Guess, closest, known_otherwise
from statewf.compiler.plan import Planned
from statewf.compiler.settling import Settling, apart, leftover, lineage

MOST_LISTED = 5  # names in a hint


def listed(what: str, names: Iterable[str]) -> str | None:
    """A hint with some names, if there are any."""
    some = list(islice(names, MOST_LISTED + 1))
    more = ", ..." if len(some) > MOST_LISTED else ""
    return f"{what} {', '.join(some[:MOST_LISTED])}{more}" if some else None


def never_both(node: Planned, other: Planned) -> tuple[Planned, str] | None:
    """The condition that takes only one of the branches in which these lie, and that as text; else None."""
    mine, theirs = apart(node, other)
    if mine is None or theirs is None or mine.parent is None or not mine.parent.chooses:
        return None
    return mine.parent, f"of {mine.parent.inner[0].id} and {mine.parent.inner[1].id} only one is taken"


class Advice:
    """The hints for the mistakes of one workflow."""

    def __init__(self, settling: Settling) -> None:
        self.settling = settling
        self.plan = settling.plan
        self.guess = Guess()
        self._ids: dict[int, tuple[str, ...]] = {}  # by list: those of its steps, each once

    def sibling(self, node: Planned, name: str) -> str:
        """Which step of the same list may have been meant by a name that is no step's."""
        hint = self.guess(name, self._others(node))
        return hint or listed("in the same list there are", self._others(node)) or "remove it"

    def _others(self, node: Planned) -> Iterator[str]:
        if node.parent is not None and node.parent.chooses:
            return iter(())
        siblings = node.parent.inner if node.parent else self.plan.roots
        first = siblings[0].number
        if first not in self._ids:
            self._ids[first] = tuple(dict.fromkeys(sibling.id for sibling in siblings))
        return (other for other in self._ids[first] if other != node.id)

    def step(self, name: str) -> str | None:
        """Which step, anywhere, may have been meant by a name that is no step's."""
        return self.guess(name, self.plan.nodes)

    def instead(self, node: Planned, other: Planned, *, reading: bool = False) -> str:
        """How to wait for a step that stands elsewhere, and then, `reading`, to read what it found."""
        if never_both(node, other):
            return "remove it"
        mine, theirs = apart(node, other)
        if mine is None or theirs is None:
            if other in lineage(node):
                return "steps within a block begin when it does; remove it"
            return "it lies within this step; remove it"
        if self.settling.certain(theirs, mine):
            return f"{theirs.id} waits for {mine.id}, so it comes later"
        if self.settling.certain(mine, theirs):
            return f"{mine.id} waits for {theirs.id} already; remove it"
        if reading and leftover(theirs, other):
            return f"let {mine.id} depend on {theirs.id} and read results[{theirs.id!r}]; {other.id} may still be ending then"
        told = theirs.id if theirs is other else f"{theirs.id}, in which it lies"
        return f"let {mine.id} depend on {told}"

    def name(self, name: str, known: Sequence[str]) -> str:
        """What may have been meant by a name that means nothing in a condition."""
        if name in self.plan.nodes:
            return f"what a step found is results[{name!r}]"
        if name == "event":
            return "only the match of an event step sees the event"
        usual = f"text stands in quotes: '{name}'; known are {', '.join(known)}"
        return known_otherwise(name, known) or closest(name, known) or usual
