"""Callbacks of python-statemachine: which are called, in which order, and by what name.

Each state and transition has callbacks that somebody wrote, and names that python-statemachine would call if they were
there (`on_enter_state`, `before_pay`, ...): those count only where the class has them.

Below: python-statemachine. Above: `conditions`, `read`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from statemachine import Event, State, StateChart
from statemachine.callbacks import CallbackGroup, CallbackSpec
from statemachine.transition import Transition

from statewf.definition.model import Action, Assign, Emit, Function, Raise
from statewf.interop.statemachine.chart import Chart

_THEIRS = ("statemachine.",)  # whose functions are no business of the machine's author


class Unsayable(Exception):
    """What cannot be converted, and what to do about it."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def specs(
    chart: type[StateChart[Any]], owner: State | Transition, group: CallbackGroup, event: str | None = None
) -> list[CallbackSpec]:
    """The callbacks of a state or transition in the order in which they are called, for that event."""
    there = [s for s in every_spec(owner) if s.group is group and _there(chart, s) and _meant(s, event)]
    return sorted(there, key=lambda spec: spec.priority)


def every_spec(owner: State | Transition) -> Iterator[CallbackSpec]:
    """All that a state or transition may call."""
    yield from owner._specs  # noqa: SLF001  # it has no other list of them


def events(chart: type[StateChart[Any]]) -> tuple[Event, ...]:
    """The events of a class."""
    return tuple(chart._events)  # noqa: SLF001  # only instances have a list to be asked for


def actions(
    chart: type[StateChart[Any]], owner: State | Transition, group: CallbackGroup, event: str | None = None
) -> Iterator[Action]:
    """What they do, as actions. Raises Unsayable."""
    for spec in specs(chart, owner, group, event):
        match getattr(spec.func, "means", None):
            case Assign() | Emit() | Function() | Raise() as action:
                yield action
            case None if isinstance(spec.func, str) and isinstance(getattr(chart, spec.func, None), Event):
                yield Raise(spec.func)
            case None:
                yield Function(called(spec))
            case _:
                pass  # what only counts attempts, or says how the machine ended


def called(spec: CallbackSpec) -> str:
    """The name of a callback. Raises Unsayable for one that has none."""
    name = spec.func.__name__ if spec.is_event else spec.attr_name
    if "<lambda>" in name:
        raise Unsayable("a lambda", "give the callback a name: define a method and name that")
    if str(getattr(spec.func, "__module__", "")).startswith(_THEIRS):
        raise Unsayable(f"{name} of {spec.func.__module__}", "say it with callbacks of your own")
    return name


def defines(chart: type[StateChart[Any]], name: str) -> bool:
    """Whether a class has a callback of a name that python-statemachine calls by convention."""
    return hasattr(chart, name) and getattr(chart, name) is not getattr(Chart, name, None)


def _there(chart: type[StateChart[Any]], spec: CallbackSpec) -> bool:
    return not spec.is_convention or defines(chart, spec.func)


def _meant(spec: CallbackSpec, event: str | None) -> bool:
    """Whether it is called for that event: `before_pay` is not for others that the transition hears."""
    return spec.cond is None or spec.func == f"{spec.group.name.lower()}_{event}"
