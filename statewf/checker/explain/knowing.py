"""A machine that knows what is known: of a running instance most data are, and only the rest must be supposed.

As `supposing`, but for this: a condition, or a part of one, of which all is known that it reads, is told, and may fault.
Known is what the snapshot holds. Data that come from outside afterwards have a mark: an object with it may hold more
than is known, one without it does not.

Below: `suppose` and the condition language. Above: `foresight`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from statewf.expr import UNDEFINED, UNKNOWN, Expression, Unknown
from statewf.machine.fsm import Assign, Machine, Region, Transition
from statewf.machine.suppose import MARK, Scope, Supposer, asking

Path: TypeAlias = tuple[str | int, ...]


def is_known(expression: Expression, scope: Mapping[str, Any]) -> bool:
    """Whether all is known that it reads there."""
    return all(_is_known_at(path, scope) for path in expression.reads)


def _is_known_at(path: Sequence[str | int], scope: Mapping[str, Any]) -> bool:
    value: Any = scope
    for key in path:
        if not isinstance(value, Mapping):
            break
        try:
            value = value[key]  # some scopes make what is asked for
        except KeyError:
            return MARK not in value
    return _is_whole(value)


def _is_whole(value: Any) -> bool:
    if isinstance(value, Mapping):
        return MARK not in value and all(map(_is_whole, value.values()))
    return all(map(_is_whole, value)) if isinstance(value, tuple) else not isinstance(value, Unknown)


# --- the machine


def knowing(machine: Machine, supposer: Supposer) -> Machine:
    """The machine, with guards that ask only for what is not known."""

    def holds(guard: Expression, scope: Scope, *, told: bool) -> bool:
        def ask(part: Expression) -> bool:
            return part.holds(scope) if is_known(part, scope) else supposer.holds(part, scope, told=told)

        return guard.decided(scope, ask)

    return asking(machine, holds, _value)


def _value(expression: Expression, scope: Scope) -> Any:
    return expression.evaluate(scope) if is_known(expression, scope) else expression.partly(scope)


def _transitions(region: Region) -> tuple[Transition, ...]:
    return (region.start, *(t for state in region.states.values() for t in state.transitions()))


# --- what it reads of the context


def context_paths(machine: Machine) -> tuple[Path, ...]:
    """Where conditions and assignments look in the context, each once."""
    read = (path for region in machine.regions for one in _expressions(region) for path in one.reads)
    return tuple(dict.fromkeys(path for path in read if path[0] == "context"))


def context_names(machine: Machine, held: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that they look for; all that are `held`, where a condition picks among them."""
    paths = context_paths(machine)
    picked = sorted(held) if any(len(path) == 1 for path in paths) else []
    return tuple(dict.fromkeys([*(str(path[1]) for path in paths if len(path) > 1), *picked]))


def context_seen(paths: Sequence[Path], context: Mapping[str, Any]) -> Hashable:
    """What decides what they find there; and whether there may be more than is known."""
    return MARK in context, *(_seen(_at(path[1:], context)) for path in paths)


def _at(path: Path, value: Any) -> Any:
    for key in path:
        if not isinstance(value, Mapping):
            break
        value = value.get(key, UNDEFINED)
    return value


def _seen(value: Any) -> Hashable:
    """A value of which what is not known is like anything else that is not; 1 is not true."""
    if isinstance(value, Mapping):
        return frozenset((key, _seen(inner)) for key, inner in value.items())
    if isinstance(value, tuple):
        return tuple(map(_seen, value))
    return UNKNOWN if isinstance(value, Unknown) else (type(value), value)


def _expressions(region: Region) -> Iterator[Expression]:
    """All that is asked and assigned in a region."""
    for transition in _transitions(region):
        if transition.guard is not None:
            yield transition.guard
        for op in (*transition.exit, *transition.actions, *transition.entry):
            if isinstance(op, Assign):
                yield from (value for _, value in op.values)
