"""Which data a machine reads, of its inputs and of events: what a form had better say.

Below: the machine, its conditions. Above: the pages with forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from statewf.expr import Expression
from statewf.machine.fsm import Assign, Machine, Transition
from statewf.machine.lens import conditions


@attrs.frozen
class Asked:
    """Names in the inputs, and by event in its data, that conditions and assignments read."""

    inputs: tuple[str, ...]
    events: Mapping[str, tuple[str, ...]]


def asked(machine: Machine) -> Asked:
    """What a machine reads."""
    inputs = {str(path[1]): None for read in conditions(machine) for path in read.reads if _leads(path, "inputs")}
    events: dict[str, dict[str, None]] = {}
    for region in machine.regions:
        for state in region.states.values():
            for transition in state.transitions():
                if transition.trigger in machine.listeners:
                    names = events.setdefault(transition.trigger, {})
                    names.update(
                        {
                            str(path[2]): None
                            for read in _read(transition)
                            for path in read.reads
                            if _leads(path, "event", "data")
                        }
                    )
    return Asked(tuple(inputs), {event: tuple(names) for event, names in events.items()})


def _leads(path: tuple[object, ...], *names: str) -> bool:
    """Whether it leads to something within that."""
    return path[: len(names)] == names and len(path) > len(names)


def _read(transition: Transition) -> Iterator[Expression]:
    if transition.guard is not None:
        yield transition.guard
    for action in transition.actions:
        if isinstance(action, Assign):
            yield from (value for _, value in action.values)
