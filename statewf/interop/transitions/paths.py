"""Where a transition of the library leads, and what it leaves, where that is not what it would be here.

The library does not leave the source for a state within, if both are named from outside; that is `internal` here.
Declared in a state, a transition leaves all that is active in that state. And of the parts of a parallel state it
leaves and enters only the one that it leads to.

Below: `shape`, `notes`. Above: `meaning`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from statewf.interop.transitions.notes import Notes
from statewf.interop.transitions.shape import Place, Way


def path(way: Way, target: str, places: Mapping[str, Place], notes: Notes) -> tuple[bool, tuple[str, ...]]:
    """Whether the source stays, and the targets. What is meant otherwise there is told, or refused."""
    inside = target.startswith(f"{way.source}.")
    around = next((name for name in outward(target) if name in [*outward(way.source)]), "")
    part = places.get(target)
    parallel = target.rpartition(".")[0]
    if is_parallel(around, places) and target != way.source and not way.source.startswith(f"{target}."):
        hint = f"let both parts answer to {way.trigger}, or lead to {around}"
        notes.refuse("a transition from one part of a parallel state to another", way.where, hint)
    elif part is not None and is_parallel(parallel, places) and (way.source + ".").startswith(f"{target}."):
        return _anew(way, part, notes)
    elif entered := next((name for name in outward(target) if _enters(name, way, places)), None):
        notes.refuse("a transition into one part of a parallel state", way.where, f"lead to {entered}")
    if way.scope and around != way.scope and not inside:
        notes.remark(way.where, f"it leaves all in {way.scope} there, and all in {around} here")
    if inside and not way.scope and "." in target.removeprefix(f"{way.source}."):
        notes.remark(way.where, "states that are active between the two are not left there, and are left here")
    return inside and not way.scope, (target,)


def _anew(way: Way, part: Place, notes: Notes) -> tuple[bool, tuple[str, ...]]:
    """One part of a parallel state entered anew, the others not: as if where it begins were entered within it."""
    quiet = not (part.on_enter or part.on_exit or part.timeout)
    if quiet and len(part.initial) == 1:
        return part.name == way.source, (f"{part.name}.{part.initial[0]}",)
    hint = "lead to a state in it, and let the part itself have no callbacks"
    notes.refuse("a part of a parallel state that is entered anew without the others", way.where, hint)
    return False, (part.name,)


def _enters(name: str, way: Way, places: Mapping[str, Place]) -> bool:
    """Whether a transition enters a parallel state."""
    return is_parallel(name, places) and not f"{way.source}.".startswith(f"{name}.")


def is_parallel(name: str, places: Mapping[str, Place]) -> bool:
    """Whether there is such a state, and it is parallel."""
    return name in places and places[name].parallel


def outward(name: str) -> Iterator[str]:
    """The names of the states around one, from within; at last the empty one, of the machine."""
    while name:
        name = name.rpartition(".")[0]
        yield name
