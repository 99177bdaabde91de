"""How states are called here and there: python-statemachine gives each an id of its own, we a path of names.

A state's name is its `value` if that is text, which is its id unless somebody said otherwise. A value that begins with
that of the state around it and a dot says the rest: `player.disc`, in `player`, is called `disc`.

Below: python-statemachine. Above: `chart`, `read`, `write`.
"""

from __future__ import annotations

from typing import Any

from statemachine import State, StateChart

from statewf.machine.naming import BACKOFF


def local_name(state: State) -> str:
    """What a state is called among those around it."""
    value = state.value if isinstance(state.value, str) else state.id
    return value.removeprefix(f"{full_name(state.parent)}.") if state.parent is not None else value


def full_name(state: State) -> str:
    """Its name and those of the states around it, from without."""
    own = local_name(state)
    return own if state.parent is None else f"{full_name(state.parent)}.{own}"


def shown_name(state: State) -> str:
    """The name of the state that somebody is in; between two attempts at a state that is this state."""
    return full_name(state).removesuffix(BACKOFF)


def target_name(chart: type[StateChart[Any]], source: State, target: State) -> str:
    """The name by which one state leads to another: the last part where that is enough, else all of it."""
    name = shown_name(target).removeprefix(f"{full_name(target.parent)}.") if target.parent else shown_name(target)
    for level in (source, *source.ancestors()):
        beside = [*level.parent.states, *level.parent.history] if level.parent else chart.states
        found = next((state for state in beside if local_name(state) == name), None)
        if found is not None:
            return name if found == target else shown_name(target)
    return shown_name(target)


def is_own(event: str) -> bool:
    """Whether an event is one of the timers and calls of a machine, which nobody sends or raises."""
    return event.startswith(("$", "done.invoke.")) or event == "error.execution"
