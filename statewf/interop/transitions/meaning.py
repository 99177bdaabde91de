"""A `Shape` as a definition: what states, transitions and callbacks of transitions mean here.

Below: the definition, `shape`, `notes`. Above: `read`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from statewf.definition.model import Action, Function, Raise, Retry, State, StateMachine, Transition
from statewf.definition.words import identifier
from statewf.errors import DefinitionError
from statewf.expr import Expression, conjunction
from statewf.interop.conversion import Imported
from statewf.interop.names import by_name
from statewf.interop.transitions.notes import Notes
from statewf.interop.transitions.paths import path
from statewf.interop.transitions.shape import Place, Shape, Way
from statewf.interop.transitions.words import ALWAYS
from statewf.machine.fsm import TIMEOUT

RIGHT_IN = "self"  # the state that stands for being in one, and in none of those within
FINISHED = "done.state."
ELAPSED = "timeout."  # the event that a state sends itself where a timeout does more than lead somewhere


def imported(shape: Shape, notes: Notes) -> Imported:
    """The definition, and what is said otherwise there. Raises ConversionError with all that cannot be."""
    definition = _Meaning(shape, notes).machine()
    notes.end()
    assert definition is not None, "without mistakes there is one"
    return Imported(definition, tuple(notes.remarks))


class _Meaning:
    """One machine in the making."""

    def __init__(self, shape: Shape, notes: Notes) -> None:
        self.shape = shape
        self.notes = notes
        self.places = {place.name: place for place in shape.all()}
        self.ways: dict[str, list[Way]] = {}
        for way in shape.ways:
            self.ways.setdefault(way.source, []).append(way)
        self.triggers = frozenset(way.trigger for way in shape.ways)
        self.before, self.after = self.done(shape.before, "machine"), self.done(shape.after, "machine")

    def machine(self) -> StateMachine | None:
        shape, notes = self.shape, self.notes
        self.check_names()
        if not shape.initial:
            notes.mistake("missing-key", "there is no initial state", "initial", "name the state to start in")
        states = {place.key: self.state(place) for place in shape.places}
        if notes.mistakes:
            return None
        try:
            return StateMachine(
                shape.name,
                shape.initial,
                states,
                unexpected="ignore" if shape.ignores else "reject",
                description=shape.description,
                context=shape.context,
            )
        except DefinitionError as error:
            notes.wrong(error, "$")
            return None

    def check_names(self) -> None:
        """Everything that is named must be there; the library would say so only when it is needed."""
        for place in self.places.values():
            try:
                identifier(place.key)
            except DefinitionError as error:
                self.notes.wrong(error, place.where)
        named = [(name, "initial") for name in self.shape.initial]
        named += [(name, way.where) for way in self.shape.ways for name in (way.source, *way.targets)]
        for name, where in dict.fromkeys(named):
            if name not in self.places:
                hint = self.notes.meant(name, self.places)
                self.notes.mistake("unknown-state", f"there is no state {name}", where, hint)

    # --- states

    def state(self, place: Place) -> State:
        """A state, or an empty one where that was refused."""
        try:
            return State(**self.said(place))
        except DefinitionError as error:
            self.notes.wrong(error, place.where)
            return State()

    def said(self, place: Place) -> dict[str, Any]:
        """What there is to say of a state."""
        said: dict[str, Any] = {
            "description": place.description,
            "on_entry": self.done(place.on_enter, place.where),
            "on_exit": self.done(place.on_exit, place.where),
            "unexpected": None if place.ignores is None else "ignore" if place.ignores else "reject",
        }
        nested = "." in place.name and place.name != place.key
        if place.terminal or (place.final and not nested and not place.children):
            return self.ended(place, {**said, "terminal": True, "outcome": place.outcome})
        if place.final and not place.children:
            return self.ended(place, {**said, "final": True})
        if place.final:
            hint = "let a state within lead to a final one beside it"
            self.notes.refuse("a final state with states within", place.where, hint)
        said |= self.moves(place)
        if place.children:
            said |= self.within(place)
        return said

    def ended(self, place: Place, said: dict[str, Any]) -> dict[str, Any]:
        """A final state: the library lets one be left, which here cannot be."""
        if place.name in self.ways:
            self.notes.remark(place.where, "it is final: what leads away from it is left out")
        last = (*place.on_final, *(self.shape.on_final if place.name == place.key else ()))
        said["on_entry"] = (*said["on_entry"], *self.done(last, place.where))
        if said.get("terminal"):
            if place.on_exit:
                self.notes.remark(place.where, "it is final: on_exit is left out")
            del said["on_exit"]
        if place.timeout is not None or place.retries:
            self.notes.remark(place.where, "it is final: its timeout and its retries are left out")
        return said

    def within(self, place: Place) -> dict[str, Any]:
        """The states within one, and where it begins."""
        states = {child.key: self.state(child) for child in place.children}
        if place.parallel:
            return {"states": states, "parallel": True}
        if place.initial:
            return {"states": states, "initial": place.initial}
        key = RIGHT_IN
        while key in states:
            key += "_"
        self.notes.remark(place.where, f"to be in it, and in no state within, is to be in {place.name}.{key}")
        return {"states": {key: State(), **states}, "initial": key}

    # --- what moves it

    def moves(self, place: Place) -> dict[str, Any]:
        """What a state says to events, and to time."""
        on: dict[str, list[Transition]] = {}
        said: dict[str, Any] = {"on": on, "retry": place.retry}
        done: list[Transition] = []
        always: list[Transition] = []
        for way in self.ways.get(place.name, ()):
            if way.trigger == TIMEOUT + place.name and place.timeout is not None:
                said |= {"timeout": place.timeout, "timeout_transition": self.to(way.targets[0], place)}
            elif way.trigger == ALWAYS:
                always.append(self.transition(way, place))
            elif way.trigger == FINISHED + place.name:
                done.append(self.transition(way, place))
            else:
                on.setdefault(way.trigger, []).append(self.transition(way, place))
        last = (*place.on_final, *(self.shape.on_final if place.name == place.key and place.children else ()))
        if last:
            done.append(Transition(actions=self.done(last, place.where)))
        said |= {"always": always, "on_done": done}
        if place.retries:
            said |= self.retried(place, on)
        if place.timeout is not None and "timeout" not in said:
            said |= self.timed(place, on)
        return said

    def transition(self, way: Way, place: Place) -> Transition:
        held = [condition for condition in way.conditions if isinstance(condition, Expression)]
        named = by_name([condition for condition in way.conditions if isinstance(condition, str)], way.unless)
        stays, targets = self.path(way)
        return Transition(
            tuple(self.to(target, place) for target in targets) or None,
            guard=conjunction([*([] if named is None else [named]), *held]),
            actions=(*self.before, *self.done(way.actions, way.where), *self.after),
            internal=stays,
        )

    def path(self, way: Way) -> tuple[bool, tuple[str, ...]]:
        """Whether the source stays, and where a transition leads."""
        if way.internal is not None or not way.targets or way.source not in self.places:
            return bool(way.internal), way.targets
        return path(way, way.targets[0], self.places, self.notes)

    def to(self, target: str, place: Place) -> str:
        """What a target is called where it is written: by its last name if that is enough, else by its whole one."""
        for short in (target.rpartition(".")[2], target):
            if self.found(short, place.name) == target:
                return short
        if target in self.places:  # of others it was told already that they are unknown
            hint = "give one of the two another name"
            self.notes.refuse(f"{target}, which is named like a state nearer to {place.name},", place.where, hint)
        return target

    def found(self, name: str, source: str) -> str | None:
        """What a target means where it is written: a sibling, else sought outward."""
        around = source
        while around:
            around = around.rpartition(".")[0]
            sibling = f"{around}.{name}" if around else name
            if sibling in self.places:
                return sibling
        return None

    # --- Timeout and Retry

    def timed(self, place: Place, on: dict[str, list[Transition]]) -> dict[str, Any]:
        """A timeout that leads somewhere, or else an event that the state sends itself."""
        only = place.on_timeout[0] if len(place.on_timeout) == 1 else None
        again = {way.trigger for way in self.again(place)} if place.retries else ()
        led = self.answers(only, place) if isinstance(only, str) and only not in again else None
        match led:
            case [Transition(str(target), guard=None, actions=(), internal=False)]:
                return {"timeout": place.timeout, "timeout_transition": target}
        elapsed = ELAPSED + place.name
        on[elapsed] = [Transition(actions=[self.deed(one) for one in place.on_timeout])]
        return {"on_entry": (*self.done(place.on_enter, place.where), Raise(elapsed, place.timeout))}

    def deed(self, callback: Action | str) -> Action:
        """A callback that may be a trigger."""
        if not isinstance(callback, str):
            return callback
        return Raise(callback) if callback in self.triggers - self.shape.own else Function(callback)

    def done(self, callbacks: Iterable[Action], where: str) -> tuple[Action, ...]:
        """What callbacks do: one that has the name of a trigger pulls it, if the model has no method of that name."""
        return tuple(self.pulling(callback, where) for callback in callbacks)

    def pulling(self, callback: Action, where: str) -> Action:
        match callback:
            case Function(handler) if handler not in self.shape.own:
                if handler in self.triggers:
                    if not self.shape.queued:
                        message = f"{handler} is pulled when the transition is done, as in a machine with a queue"
                        self.notes.remark(where, message)
                    return Raise(handler)
                if self.led_by(handler):
                    hint = "declare a transition that leads there, and call its trigger"
                    self.notes.refuse(f"a callback that calls {handler}", where, hint)
        return callback

    def led_by(self, trigger: str) -> str | None:
        """The state to which the library makes a trigger by itself, if this is such a one."""
        if not trigger.startswith("to_") or trigger in self.triggers:
            return None
        name = trigger.removeprefix("to_").replace(".", "_")
        return next((place for place in self.places if place.replace(".", "_") == name), None)

    def answers(self, trigger: str, place: Place) -> list[Transition] | None:
        """The transitions that a trigger has from a state or from those around; None if it is no trigger there."""
        if trigger in self.shape.own:
            return None
        if target := self.led_by(trigger):
            return [Transition(self.to(target, place))]
        name = place.name
        while name in self.places:
            ways = [way for way in self.ways.get(name, ()) if way.trigger == trigger]
            if ways:
                return [self.transition(way, place) for way in ways]
            name = name.rpartition(".")[0]
        return None

    def again(self, place: Place) -> list[Way]:
        """What leads from a state to itself."""
        return [way for way in self.ways.get(place.name, ()) if way.targets == (place.name,)]

    def retried(self, place: Place, on: dict[str, list[Transition]]) -> dict[str, Any]:
        """A Retry: what leads from the state to itself is tried so often, and then what `on_failure` says is taken."""
        again = self.again(place)
        for way in again:
            if len(on.get(way.trigger, ())) > 1 or way.conditions or way.unless or way.actions:
                hint = "let nothing else hang on that transition, and do it in on_enter"
                self.notes.refuse("Retry by a transition with conditions or callbacks", way.where, hint)
        if not again:
            self.notes.remark(place.where, "nothing leads from it to itself: its retries are left out")
            return {}
        failure = place.on_failure
        led = self.answers(failure, place) if isinstance(failure, str) else None
        if led is None:
            led = [Transition(actions=[] if failure is None else [self.deed(failure)])]
        events = list(dict.fromkeys(way.trigger for way in again))
        on.update(dict.fromkeys(events, led))
        return {"retry": Retry(place.retries + 1, events)}
