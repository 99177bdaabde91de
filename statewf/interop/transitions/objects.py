"""A machine of transitions, an object, as a `Shape`.

Its states and events are walked, for its own `markup` leaves out what is nested, machine-wide or has a timeout. The
transitions of a state within another are kept by the state around, under names that only hold there.

Below: the library, `notes`, `running`. Above: `read`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import partial
from typing import Any

from transitions import Machine as LibraryMachine
from transitions.core import listify
from transitions.extensions.states import Error

from statewf.definition.model import Action
from statewf.errors import ConversionError, Diagnostic
from statewf.interop.transitions.notes import Notes
from statewf.interop.transitions.running import Machine, side_by_side
from statewf.interop.transitions.shape import Place, Shape, Way


def shape_of(subject: object, notes: Notes) -> Shape:
    """The shape of a machine, or of the one that a model is bound to. Raises ConversionError for anything else."""
    machine = _machine(subject)
    ours = isinstance(machine, Machine)
    _tell_rest(machine, notes)
    reader = _Reader(machine, notes, ours)
    places = tuple(reader.place(state, "", f"states.{key}") for key, state in machine.states.items())
    ways = [*reader.ways(machine.events, "")]
    for state in machine.states.values():
        ways += reader.inner_ways(state, "")
    before = (*listify(machine.prepare_event), *listify(machine.before_state_change))
    after = (*listify(machine.after_state_change), *listify(machine.finalize_event))
    return Shape(
        name=machine.name.removesuffix(": ") or type(machine).__name__,
        places=places,
        ways=tuple(ways),
        initial=tuple(reader.whole("", _text(name)) for name in listify(machine.initial)),
        ignores=bool(machine.ignore_invalid_triggers),
        before=notes.actions(before, "machine"),
        after=notes.actions(after, "machine"),
        on_final=notes.actions(listify(machine.on_final), "machine.on_final"),
        description=machine.description if isinstance(machine, Machine) else None,
        context=machine.context if isinstance(machine, Machine) else {},
        own=frozenset(name for name in reader.triggers() if ours or _is_own(machine, name)),
        queued=bool(machine.has_queue),
    )


def _is_own(machine: Any, name: str) -> bool:
    """Whether the models have something of that name that is not the trigger, which the library binds as a `partial`."""
    found = [getattr(model, name, None) for model in machine.models]
    return any(one is not None and not isinstance(one, partial) for one in found)


def _machine(subject: object) -> Any:
    """The machine itself, or that of a model: the library gives each model a `trigger` of its machine."""
    if isinstance(subject, LibraryMachine):
        return subject
    trigger = getattr(subject, "trigger", None)
    bound = getattr(trigger.func, "__self__", None) if isinstance(trigger, partial) else None
    if isinstance(bound, LibraryMachine):
        return bound
    hint = "give a Machine of transitions, or a model that one was made for"
    message = f"{type(subject).__name__} is no machine of transitions"
    raise ConversionError([Diagnostic("wrong-type", message, hint=hint)])


def _tell_rest(machine: Any, notes: Notes) -> None:
    if machine.on_exception:
        notes.remark(
            "machine.on_exception", "left out: a handler that fails changes no state, and is told in the history"
        )
    if machine.finalize_event or machine.prepare_event:
        notes.remark("machine", "prepare_event and finalize_event are called only for an event that is accepted")


class _Reader:
    """Walks one machine."""

    def __init__(self, machine: Any, notes: Notes, ours: bool) -> None:
        self.machine = machine
        self.notes = notes
        self.ours = ours
        self.ignoring = bool(machine.ignore_invalid_triggers)
        self.separator: str = getattr(machine.state_cls, "separator", "")
        self.automatic = _automatic(machine, self.separator) if machine.auto_transitions else frozenset()

    def triggers(self) -> Iterator[str]:
        """The names of all triggers, those too that the library makes by itself."""

        def within(state: Any) -> Iterator[str]:
            yield from getattr(state, "events", ())
            for child in getattr(state, "states", {}).values():
                yield from within(child)

        yield from (*self.automatic, *self.machine.events)
        for state in self.machine.states.values():
            yield from within(state)

    def whole(self, scope: str, name: str) -> str:
        """The whole name, with dots, of what the library calls so in a scope."""
        local = name.replace(self.separator, ".") if self.separator else name
        return f"{scope}.{local}" if scope else local

    def place(self, state: Any, around: str, where: str) -> Place:
        """A state and those within it."""
        notes = self.notes
        inner: Mapping[str, Any] = getattr(state, "states", {})
        key = _text(state._name)  # noqa: SLF001  # `name` depends on the scope that the library is in
        name = f"{around}.{key}" if around else key
        initial = tuple(
            _text(one).replace(self.separator or ".", ".") for one in listify(getattr(state, "initial", None))
        )
        seconds = getattr(state, "timeout", 0) or 0
        _tell_features(state, notes, where)
        return Place(
            name=name,
            key=key,
            where=where,
            children=tuple(self.place(child, name, f"{where}.{_text(one)}") for one, child in inner.items()),
            initial=initial,
            parallel=side_by_side(initial, map(_text, inner)) and len(inner) > 0 and _is_list(state.initial),
            on_enter=notes.actions(state.on_enter, f"{where}.on_enter"),
            on_exit=notes.actions(state.on_exit, f"{where}.on_exit"),
            on_final=notes.actions(getattr(state, "on_final", ()), f"{where}.on_final"),
            final=bool(state.final),
            terminal=bool(getattr(state, "terminal", False)),
            outcome=getattr(state, "outcome", None),
            ignores=self.ignores(state, inner),
            timeout=round(seconds * 1000) if seconds > 0 else None,
            on_timeout=self.on_timeout(state, where) if seconds > 0 else (),
            retries=getattr(state, "retries", 0),
            on_failure=next(iter(self.named(listify(getattr(state, "on_failure", None)), where)), None),
            retry=getattr(state, "retry", None),
            description=getattr(state, "description", None),
        )

    def ignores(self, state: Any, inner: Mapping[str, Any]) -> bool | None:
        """What a state says of events that nobody takes; the library asks only those without others in them."""
        said: bool | None = state.ignore_invalid_triggers
        if not self.ours and (inner or said is None or said == self.ignoring):
            return None
        return said

    def on_timeout(self, state: Any, where: str) -> tuple[Action | str, ...]:
        return self.named(listify(state.on_timeout), f"{where}.on_timeout")

    def named(self, callbacks: Iterable[object], where: str) -> tuple[Action | str, ...]:
        """Callbacks of which a text may be a trigger: what it is is decided when all of them are known."""
        found: list[Action | str] = []
        for callback in callbacks:
            found += [callback] if isinstance(callback, str) else self.notes.actions([callback], where)
        return tuple(found)

    def inner_ways(self, state: Any, around: str) -> Iterator[Way]:
        """The transitions that are declared in a state, and in those within."""
        inner: Mapping[str, Any] = getattr(state, "states", {})
        if not inner:
            return
        key = _text(state._name)  # noqa: SLF001  # as above
        scope = f"{around}.{key}" if around else key
        for child in inner.values():
            yield from self.inner_ways(child, scope)
        yield from self.ways(state.events, scope)

    def ways(self, events: Mapping[str, Any], scope: str) -> Iterator[Way]:
        for trigger, event in events.items():
            if trigger in self.automatic:
                continue
            for transitions in event.transitions.values():
                for transition in transitions:
                    yield self.way(trigger, transition, scope)

    def way(self, trigger: str, transition: Any, scope: str) -> Way:
        source = self.whole(scope, _text(transition.source))
        where = f"transitions.{trigger} from {source}"
        conditions = transition.conditions
        done = (*transition.prepare, *transition.before, *getattr(transition, "actions", ()), *transition.after)
        _tell_prepare(transition.prepare, self.notes, where)
        unless = self.notes.conditions((c.func for c in conditions if not c.target), f"{where}.unless")
        return Way(
            trigger=trigger,
            source=source,
            targets=tuple(self.whole(scope, _text(name)) for name in listify(transition.dest)),
            where=where,
            scope=scope,
            conditions=self.notes.conditions((c.func for c in conditions if c.target), f"{where}.conditions"),
            unless=tuple(name for name in unless if isinstance(name, str)),
            actions=self.notes.actions(done, where),
            internal=transition.internal if self.ours else None,
        )


def _tell_prepare(callbacks: object, notes: Notes, where: str) -> None:
    if callbacks:
        notes.remark(
            where, "prepare is called only if the transition is taken, and after its conditions were asked"
        )


def _tell_features(state: Any, notes: Notes, where: str) -> None:
    """What extensions of the library add to a state that a definition has no words for."""
    if getattr(state, "tags", None):
        notes.remark(where, f"the tags {', '.join(map(str, state.tags))} are left out")
    if isinstance(state, Error):
        notes.remark(where, "Error raises nothing here: a state out of which nothing leads is told by a check")
    if hasattr(state, "volatile_cls"):
        notes.refuse("Volatile", where, "keep such data in the context, with actions")


def _automatic(machine: Any, separator: str) -> frozenset[str]:
    """The triggers `to_STATE` that the library makes by itself."""

    def names(states: Mapping[Any, Any], around: str) -> Iterator[str]:
        for key, state in states.items():
            name = f"{around}{_text(key)}"
            yield name
            yield from names(getattr(state, "states", {}), f"{name}{separator}")

    attribute = machine.model_attribute
    own = () if attribute == "state" else (attribute,)
    return frozenset("_".join(("to", *own, name)) for name in names(machine.states, ""))


def _text(name: object) -> str:
    """The name of a state: the library takes text and members of an Enum."""
    return name.name if isinstance(name, Enum) else str(name)


def _is_list(initial: object) -> bool:
    return isinstance(initial, list | tuple)
