"""A machine of transitions as plain values: what an object of the library and a configuration both say.

Names of states are whole here, with dots. Callbacks are actions already, and conditions names or expressions.

Below: the definition. Above: `objects` and `document`, which make these; `meaning`, which makes a definition of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from statewf.definition.model import Action, Outcome, Retry
from statewf.expr import Expression

Actions = tuple[Action, ...]


@attrs.frozen
class Place:
    """A state. `ignores` is what it says itself of events that nobody takes; `timeout` is in ms."""

    name: str  # the whole one
    key: str  # in the state around it
    where: str
    children: tuple[Place, ...] = ()
    initial: tuple[str, ...] = ()  # as written: names of states right within, or paths from here
    parallel: bool = False
    on_enter: Actions = ()
    on_exit: Actions = ()
    on_final: Actions = ()
    final: bool = False
    terminal: bool = False
    outcome: Outcome | None = None
    ignores: bool | None = None
    timeout: int | None = None
    on_timeout: tuple[Action | str, ...] = ()  # a text is a trigger
    retries: int = 0
    on_failure: Action | str | None = None
    retry: Retry | None = None
    description: str | None = None

    def all(self) -> Iterator[Place]:
        """It and all within, in document order."""
        yield self
        for child in self.children:
            yield from child.all()


@attrs.frozen
class Way:
    """A transition. `scope` is the state in which it was declared; `internal` is None where the library's rules hold."""

    trigger: str
    source: str
    targets: tuple[str, ...]
    where: str
    scope: str = ""
    conditions: tuple[str | Expression, ...] = ()
    unless: tuple[str, ...] = ()
    actions: Actions = ()
    internal: bool | None = None


@attrs.frozen
class Shape:
    """A machine. `before` and `after` are the callbacks of all transitions, done around a transition's own.

    `own` are methods of the model with the names of triggers, which the library leaves to it. Without a queue (not
    `queued`) a trigger that is called in a callback is taken at once.
    """

    name: str
    places: tuple[Place, ...]
    ways: tuple[Way, ...]
    initial: tuple[str, ...]
    ignores: bool = False
    before: Actions = ()
    after: Actions = ()
    on_final: Actions = ()
    description: str | None = None
    context: Mapping[str, Any] = attrs.field(factory=dict)
    own: frozenset[str] = frozenset()
    queued: bool = True

    def all(self) -> Iterator[Place]:
        """All states in document order."""
        for place in self.places:
            yield from place.all()
