"""The parts of a machine that moves as definitions do: the library's own, with what a definition says beyond them.

Below: the library. Above: `moving`, `running`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import attrs
from transitions.core import Condition, EventData, listify
from transitions.extensions.nesting import NestedState, NestedTransition
from transitions.extensions.states import Timeout

from statewf.definition.model import Retry
from statewf.expr import Expression, Fault
from statewf.interop.transitions.words import SEPARATOR
from statewf.machine.events import Event
from statewf.machine.naming import BACKOFF
from statewf.values.frozen import EMPTY, Object

NO_EVENT = Object({"name": "", "data": EMPTY})


class Call(NamedTuple):
    """What a handler is given: its name and `params`, and the data as they were when it was asked for."""

    handler: str
    params: Object
    inputs: Object
    context: Mapping[str, Any]


Handler: TypeAlias = Callable[[Call], object]


@attrs.define(eq=False, slots=False)
class Model:
    """One running machine. `Machine.start` makes it; the library adds `trigger`, and a method for each event."""

    handlers: Mapping[str, Handler]
    inputs: Object
    context: Mapping[str, Any]
    state: str | list[str] = ""
    attempt: int = 1
    event: Mapping[str, Any] = NO_EVENT  # what it takes just now
    emitted: list[tuple[str, Any]] = attrs.field(factory=list)
    failed: list[tuple[str, Exception]] = attrs.field(factory=list)
    raised: deque[str] = attrs.field(factory=deque)  # to be taken next, before what comes from outside
    calls: deque[Call] = attrs.field(factory=deque)
    answers: deque[Event] = attrs.field(factory=deque)

    @property
    def scope(self) -> Mapping[str, Any]:
        """What conditions see."""
        parts = (name.removesuffix(BACKOFF).split(SEPARATOR) for name in listify(self.state))
        within = {SEPARATOR.join(path[:end]): None for path in parts for end in range(1, len(path) + 1)}
        data = {"inputs": self.inputs, "context": self.context, "event": self.event, "attempt": self.attempt}
        return {**data, "state": tuple(within)}


class When(Condition):
    """A condition of the library, or an expression; one that cannot be told does not hold."""

    def check(self, event_data: EventData) -> bool:
        asked: Any = self.func  # for the library a name or a function
        model: Any = event_data.model
        if not isinstance(asked, Expression):
            return super().check(event_data)
        try:
            return asked.holds(model.scope) is self.target
        except Fault:
            return False


class Transition(NestedTransition):
    """A transition of the library with what a definition says beyond it."""

    condition_cls = When

    def __init__(
        self, source: str, dest: Any, *args: Any, actions: Any = (), internal: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(source, dest, *args, **kwargs)
        self.actions = listify(actions)
        self.internal = internal


class State(Timeout, NestedState):
    """A state of the library with what a definition says beyond it."""

    separator = SEPARATOR
    dynamic_methods = [*NestedState.dynamic_methods, *Timeout.dynamic_methods]  # noqa: RUF012  # as the library has it

    def __init__(
        self,
        *args: Any,
        retry: Retry | None = None,
        terminal: bool = False,
        outcome: str | None = None,
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.retry = retry
        self.terminal = terminal
        self.outcome = outcome
        self.description = description

    def cancel(self, model: Model) -> None:
        """Stop its timer, if it runs."""
        timer = self.runner.pop(id(model), None)
        if timer is not None:
            timer.cancel()

    def arm(self, milliseconds: int, event_data: Any) -> None:
        """Start its timer; the library has none of 0."""
        self.timeout = max(milliseconds, 1) / 1000
        Timeout.enter(self, event_data)


def timer(trigger: str) -> State:
    """A state that is nothing but its timer, which pulls a trigger."""
    return State(trigger, timeout=1, on_timeout=trigger)
