"""Which transitions are taken together, for every answer that guards may give.

Each leaf that is active chooses the first transition that holds, its own before those of the states around it. Of
two that would leave the same state, the one from further within is taken, else the one that was chosen first.
Guards are not known here, so there are many *choices*, each with what must hold. They are listed so that the first
whose condition holds is the right one: a choice says only what must be true, never what must be false, because one
that needs more of that comes before it.

Below: `tree`. Above: `states`, which says what each leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TypeAlias

import attrs

from statewf.compiler.tree import Node, Path
from statewf.definition.model import Transition
from statewf.expr import Expression, conjunction


@attrs.frozen(eq=False)
class Candidate:
    """A transition that may be taken: of which state, where it was written, where it leads and what must hold.

    `again` is set if it leads to the next attempt at its state, for which the counter must be less than `below`.
    """

    source: Node
    path: Path
    written: Transition
    targets: tuple[Node, ...] = ()
    guard: Expression | None = None
    below: int | None = None
    again: bool = False


Chain: TypeAlias = Sequence[Candidate]  # what one leaf may choose, in the order in which it is tried
Asked: TypeAlias = tuple[str, int | None]


@attrs.frozen(eq=False)
class Choice:
    """What is taken at once, by the leaf that chose it first, and what must hold for that."""

    taken: tuple[tuple[Node, Candidate], ...]
    guard: Expression | None
    below: int | None

    @property
    def certain(self) -> bool:
        """Whether it always holds."""
        return self.guard is None and self.below is None


def choices(chains: Mapping[Node, Chain], leaves: Callable[[Candidate], frozenset[Node]]) -> Iterator[Choice]:
    """The choices of these leaves, given what each candidate leaves; the first whose condition holds is taken."""
    speaking = {leaf: chain for leaf, chain in chains.items() if chain}
    distinct = {tuple(chain): leaf for leaf, chain in reversed(speaking.items())}
    if len(distinct) == 1:  # nobody else has a say; what comes after one that always holds is listed, too
        ((chain, leaf),) = distinct.items()
        for candidate in chain:
            yield Choice(((leaf, candidate),), candidate.guard, candidate.below)
        return
    left = cache(leaves)
    for held, chosen in _decided(list(speaking.items()), {}):
        if chosen:
            guards = [candidate.guard for candidate in held if candidate.guard is not None]
            below = next((candidate.below for candidate in held if candidate.below is not None), None)
            yield Choice(_compatible(chosen, left), conjunction(guards), below)


def _decided(
    chains: Sequence[tuple[Node, Chain]], known: Mapping[Asked, bool]
) -> Iterator[tuple[tuple[Candidate, ...], dict[Candidate, Node]]]:
    """Each way to choose: the candidates whose conditions had to hold for it, and those chosen, in document order."""
    if not chains:
        yield (), {}
        return
    (leaf, chain), *rest = chains
    if not chain:
        yield from _decided(rest, known)
        return
    first, *later = chain
    asked = (first.guard.text if first.guard is not None else "", first.below)
    free = asked == ("", None)
    answer = True if free else known.get(asked)
    if answer is not False:
        for held, chosen in _decided(rest, known if free else {**known, asked: True}):
            others = {candidate: by for candidate, by in chosen.items() if candidate is not first}
            yield (held if free or answer else (first, *held)), {first: leaf, **others}
    if not answer:
        yield from _decided([(leaf, later), *rest], {**known, asked: False})


def _compatible(
    chosen: Mapping[Candidate, Node], left: Callable[[Candidate], frozenset[Node]]
) -> tuple[tuple[Node, Candidate], ...]:
    """What is left of those chosen when each state is left by one of them at most."""
    kept: dict[Candidate, Node] = {}
    for candidate, leaf in chosen.items():
        rivals = [other for other in kept if not left(candidate).isdisjoint(left(other))]
        if all(candidate.source is not other.source and candidate.source.within(other.source) for other in rivals):
            for other in rivals:
                del kept[other]
            kept[candidate] = leaf
    return tuple((leaf, candidate) for candidate, leaf in kept.items())
