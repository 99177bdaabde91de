"""What a state of python-statemachine hears and does then: its transitions, by event.

Below: `calls`, `conditions`, `naming`. Above: `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Any, cast

import attrs
from statemachine import State, StateChart
from statemachine.callbacks import CallbackGroup
from statemachine.transition import Transition as Theirs

from statewf.definition.model import ERROR, Action, Retry, Transition
from statewf.interop.statemachine.calls import Unsayable, actions, events, every_spec, specs
from statewf.interop.statemachine.chart import Count, Limit, Wording
from statewf.interop.statemachine.conditions import condition
from statewf.interop.statemachine.naming import full_name, target_name
from statewf.machine.fsm import is_pattern

DONE = "done.state."
FAILED = "error.execution"


@attrs.frozen
class Moves:
    """What becomes of each event in a state. `always` is what needs none, `tried` the attempts it may make."""

    on: dict[str, list[Transition]] = attrs.field(factory=dict)
    always: list[Transition] = attrs.field(factory=list)
    done: list[Transition] = attrs.field(factory=list)
    tried: dict[str, int] = attrs.field(factory=dict)

    def retry(self, waiting: Retry | None) -> Retry | None:
        """How often it is entered again, and on what."""
        if not self.tried:
            return None
        most = next(iter(self.tried.values()))
        return (
            Retry(most, tuple(self.tried))
            if waiting is None
            else attrs.evolve(waiting, max_attempts=most, on=tuple(self.tried))
        )


@attrs.frozen
class Mover:
    """Reads transitions of one class; `states` are the names of its states by their ids."""

    chart: type[StateChart[Any]]
    states: dict[str, str]
    tell: Callable[[State, str], None]
    refuse: Callable[[State, Unsayable], None]

    def moves(self, state: State) -> Moves:
        """All that a state hears, in its order, but for what is refused."""
        found = Moves()
        for theirs in (theirs for theirs in state.transitions if not theirs.initial):
            try:
                self.add(found, state, theirs)
            except Unsayable as error:
                self.refuse(state, error)
        for one, other in combinations(found.on, 2):
            if is_pattern(one) and _covers(one, other):
                self.tell(state, f"{other} comes before {one}: the more exact name of an event does")
        return found

    def add(self, found: Moves, state: State, theirs: Theirs) -> None:
        limit = next((m.attempts for m in _meanings(theirs) if isinstance(m, Limit)), None)
        events = list(self.events(theirs))
        if limit is not None:
            found.tried.update((ERROR if event.startswith(f"{ERROR}.") else event, limit) for event in events)
            return
        if theirs.is_eventless:
            found.always.append(self.move(state, theirs, None))
        for event in events:
            way = self.move(state, theirs, event)
            if event == f"{DONE}{state.id}":
                found.done.append(way)
            else:
                found.on.setdefault(self.renamed(event), []).append(way)

    # --- events

    def events(self, theirs: Theirs) -> Iterator[str]:
        """The events that it hears; `done_state_x` only stands for `done.state.x`, which is there, too."""
        names = [str(event) for event in theirs.events]
        exact = any(isinstance(means, Wording) for means in _meanings(theirs))
        for name in (name for name in names if _dotted(name) == name or _dotted(name) not in names):
            yield name if exact else self.pattern(name)

    def pattern(self, name: str) -> str:
        """The event as a pattern if python-statemachine takes it for one that matters: `mouse` is `mouse.moved`."""
        stem = name.removesuffix(".*").removesuffix(".")
        if name != stem or any(str(event).startswith(f"{stem}.") for event in events(self.chart)):
            return f"{stem}.*" if stem != "*" else "*"
        return name

    def renamed(self, event: str) -> str:
        """What is heard of another state's end, by that state's full name."""
        state = event.removeprefix(DONE)
        return f"{DONE}{self.states[state]}" if event.startswith(DONE) and state in self.states else event

    # --- one transition

    def move(self, state: State, theirs: Theirs, event: str | None) -> Transition:
        """One transition as it is taken on that event."""
        if specs(self.chart, theirs, CallbackGroup.VALIDATOR):
            raise Unsayable("a validator", "make it a condition: cond=")
        asked = [spec for spec in specs(self.chart, theirs, CallbackGroup.COND) if _asks(spec)]
        guard = condition(asked, self.states)
        deeds = self.deeds(state, theirs, event)
        targets = tuple(target_name(self.chart, state, target) for target in theirs.targets)
        inside = bool(targets) and all(target.is_descendant(theirs.source) for target in theirs.targets)
        if theirs.internal and theirs.is_self and theirs.source.is_atomic:
            return Transition(guard=guard, actions=[*deeds, *self.entered_again(state)])
        internal = theirs.internal and inside and theirs.source.is_compound
        if internal and not self.chart.enable_self_transition_entries:
            hint = (
                "set enable_self_transition_entries = True; without, python-statemachine does not enter the state"
            )
            raise Unsayable("an internal transition into a state within", hint)
        if not internal:
            self.tell_of_domain(state, theirs)
        return Transition(targets or None, guard=guard, actions=deeds, internal=internal)

    def deeds(self, state: State, theirs: Theirs, event: str | None) -> list[Action]:
        groups = (CallbackGroup.BEFORE, CallbackGroup.ON, CallbackGroup.AFTER)
        before, on, after = ([*actions(self.chart, theirs, group, event)] for group in groups)
        for called, when in ((before, "before what is left is told"), (after, "after what is entered is told")):
            if called:
                self.tell(state, f"what is called {when} is called in between here, with the transition's own")
        return [*before, *on, *after]

    def entered_again(self, state: State) -> Iterator[Action]:
        """python-statemachine enters the state once more here, and does not leave it."""
        if not self.chart.enable_self_transition_entries:
            return
        if specs(self.chart, state, CallbackGroup.INVOKE):
            raise Unsayable("an internal transition of a state with invoke to itself", "leave the target out")
        yield from actions(self.chart, state, CallbackGroup.ENTER)

    def tell_of_domain(self, state: State, theirs: Theirs) -> None:
        """Where python-statemachine leaves more, or less, than we do."""
        for around in theirs.source.ancestors() if theirs.targets else ():
            if all(target.is_descendant(around) for target in theirs.targets):
                if around.parallel:
                    self.tell(
                        state, f"{full_name(around)} is not left when {theirs.event} leads from one part to another"
                    )
                break
        for history in (target for target in theirs.targets if target.is_history):
            goals = [goal for default in history.transitions for goal in default.targets]
            within = list(theirs.source.ancestors(history.parent)) if goals and history.parent else []
            if within and theirs.source.is_descendant(cast("State", history.parent)):
                for around in (outer for outer in within if all(goal.is_descendant(outer) for goal in goals)):
                    self.tell(state, f"{full_name(around)} is left, too, on the first way to {full_name(history)}")


def _meanings(theirs: Theirs) -> Iterable[object]:
    return [getattr(spec.func, "means", None) for spec in every_spec(theirs)]


def _asks(spec: object) -> bool:
    """Whether a condition asks for more than the event."""
    return not isinstance(getattr(getattr(spec, "func", None), "means", None), Wording | Limit | Count)


def _dotted(name: str) -> str:
    """What `done_state_x` and its like stand for."""
    if name.startswith(("done_state_", "done_invoke_")):
        return name.replace("_", ".", 2)
    return name.replace("_", ".") if name.startswith("error_") else name


def _covers(pattern: str, event: str) -> bool:
    """Whether a pattern also stands for the event, or all for which another stands."""
    return pattern == "*" or f"{event}.".startswith(pattern.removesuffix("*"))
