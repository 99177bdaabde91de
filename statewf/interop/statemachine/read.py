"""A class of python-statemachine as a definition.

Below: `moves`, `calls`, `conditions`, `naming`. Above: the package, which says what is held and what is not.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import attrs
from statemachine import HistoryState, State, StateChart
from statemachine.callbacks import CallbackGroup
from statemachine.contrib.timeout import _Timeout
from statemachine.graph import iterate_states
from statemachine.utils import humanize_id

from statewf.definition.model import Action, History, Invoke, Outcome, Retry, StateMachine, Transition
from statewf.definition.model import State as Ours
from statewf.errors import ConversionError, Diagnostic, InputError
from statewf.interop.conversion import Imported, Remark, unsupported
from statewf.interop.statemachine.calls import Unsayable, actions, called, defines, events, every_spec, specs
from statewf.interop.statemachine.chart import Calling, Chart, Ending, Waiting
from statewf.interop.statemachine.moves import FAILED, Mover, Moves
from statewf.interop.statemachine.naming import full_name, local_name
from statewf.machine.naming import BACKOFF
from statewf.values.frozen import EMPTY

T = TypeVar("T")

FINISHED = "finished"  # the state in which a machine ends whose parallel states are all finished


def read(subject: type | object) -> Imported:
    """A StateMachine or StateChart class, or an instance of one, as a definition.

    Raises ConversionError, which names all that a definition cannot hold. Nothing of the class is called.
    """
    chart = subject if isinstance(subject, type) else type(subject)
    if not issubclass(chart, StateChart):
        message = f"{chart.__name__} is no class of python-statemachine"
        raise ConversionError([Diagnostic("wrong-type", message, hint="give a StateMachine or StateChart class")])
    listened = chart._class_listeners if chart is subject else subject.active_listeners  # type: ignore[union-attr]  # noqa: SLF001  # no other list by class
    reading = _Reading(chart, listened=bool(listened))
    try:
        definition = reading.machine()
    except ConversionError:
        raise
    except InputError as error:  # a name that is none here
        raise ConversionError(error.diagnostics) from error
    return Imported(definition, tuple(dict.fromkeys(reading.remarks)))


class _Reading:
    """One class in the reading; mistakes are gathered, so that all are told at once."""

    def __init__(self, chart: type[StateChart[Any]], *, listened: bool) -> None:
        self.chart = chart
        self.listened = listened
        self.remarks: list[Remark] = []
        self.mistakes: list[Diagnostic] = []
        self.known = list(iterate_states(chart.states))
        self.mover = Mover(chart, {state.id: full_name(state) for state in self.known}, self.tell, self.refuse)

    def machine(self) -> StateMachine:
        self.mistakes += _collisions(self.chart, self.known)
        self.check_class()
        if self.mistakes:
            raise ConversionError(self.mistakes)  # names lead astray: the rest would be told wrongly
        states = self.states(self.chart.states)
        states |= self.ends(states)
        if self.mistakes:
            raise ConversionError(self.mistakes)
        return StateMachine(
            getattr(self.chart, "definition_name", "") or self.chart.__name__,
            self.first(),
            states,
            unexpected="ignore" if self.chart.allow_event_without_transition else "reject",
            context=getattr(self.chart, "defaults", EMPTY) if issubclass(self.chart, Chart) else EMPTY,
            description=inspect.cleandoc(self.chart.__dict__.get("__doc__") or "") or None,
        )

    def first(self) -> str:
        """The state in which it starts."""
        assert self.chart.initial_state is not None, "python-statemachine lets no class pass that has none"
        said = self.chart.start_configuration_values
        return full_name(self.chart.states_map[said[0]] if said else self.chart.initial_state)

    def tell(self, state: State, message: str) -> None:
        self.remarks.append(Remark(f"{self.chart.__name__}.{full_name(state)}", message))

    def refuse(self, state: State, error: Unsayable) -> None:
        self.mistakes.append(unsupported(error.what, f"{self.chart.__name__}.{full_name(state)}", error.hint))

    def trying(self, state: State, make: Callable[[], T], instead: T) -> T:
        """What can be made of a part of a state; if that cannot be said, it is told, and the rest is looked at."""
        try:
            return make()
        except Unsayable as error:
            self.refuse(state, error)
            return instead

    def check_class(self) -> None:
        """What concerns the class as a whole."""
        name = self.chart.__name__
        if not self.known:
            self.mistakes.append(
                Diagnostic("no-states", f"{name} has no states", name, hint="give a class that has")
            )
        if len(self.chart.start_configuration_values) > 1:
            self.mistakes.append(
                unsupported("start_configuration_values of several states", name, "mark one as initial")
            )
        if self.listened:
            self.remarks.append(
                Remark(name, "its listeners are left behind: only what the class itself has is read")
            )
        if defines(self.chart, "prepare_event"):
            self.remarks.append(Remark(name, "prepare_event is left behind: send what it adds with the events"))
        for event in events(self.chart):
            if event.delay or event.internal:
                how = "with a delay" if event.delay else "to itself"
                self.remarks.append(Remark(f"{name}.{event}", f"it is sent {how}: that is up to who sends it"))

    # --- states

    def states(self, listed: Iterable[State]) -> dict[str, Ours]:
        """The states of one level by their names, but for those that lie between two attempts."""
        waits = {
            local_name(s).removesuffix(BACKOFF): _waiting(s) for s in listed if local_name(s).endswith(BACKOFF)
        }
        states = (state for state in listed if not local_name(state).endswith(BACKOFF))
        return {local_name(state): self.state(state, waits.get(local_name(state))) for state in states}

    def state(self, state: State, waiting: Retry | None) -> Ours:
        within = self.states([*state.states, *state.history])
        if isinstance(state, HistoryState):
            return self.trying(state, lambda: self.history(state), Ours())
        return self.trying(state, lambda: self.plain(state, within, waiting), Ours())

    def plain(self, state: State, within: dict[str, Ours], waiting: Retry | None) -> Ours:
        entry, leave = (self.deeds(state, group) for group in (CallbackGroup.ENTER, CallbackGroup.EXIT))
        moves = self.mover.moves(state)
        common: dict[str, Any] = {"on_entry": entry, "description": _described(state)}
        if state.final:
            return self.final(state, moves, common, leave)
        untimed: tuple[timedelta | None, str | None] = (None, None)
        timeout, target = self.trying(state, lambda: self.timeout(state, moves), untimed)
        invoke = self.trying(state, lambda: self.invoke(state, moves), None)
        if FAILED in moves.on:
            raise Unsayable(f"{FAILED}, the failure of a callback,", "let the callback send an event of its own")
        return Ours(
            moves.on,
            always=moves.always,
            on_done=moves.done,
            timeout=timeout,
            timeout_transition=target,
            retry=moves.retry(waiting),
            invoke=invoke,
            on_exit=leave,
            states=within,
            initial=_initial(state, _entrance(self.chart, state)) if state.is_compound else None,
            parallel=state.parallel,
            **common,
        )

    def deeds(self, state: State, group: CallbackGroup) -> list[Action]:
        return self.trying(state, lambda: list(actions(self.chart, state, group)), [])

    def final(self, state: State, moves: Moves, common: dict[str, Any], leave: list[Action]) -> Ours:
        """An end; nobody leaves that of the whole machine, so that nothing is called for it."""
        if moves != Moves():
            raise Unsayable("a transition from a final state", "a final state only finishes the one around it")
        if state.states or specs(self.chart, state, CallbackGroup.INVOKE):
            raise Unsayable("a final state with states or invoke", "put them into a state before it")
        if state.parent is None:
            return Ours(terminal=True, outcome=_outcome(state), **common)
        if state.parent.parallel:
            raise Unsayable("a final state right within a parallel one", "put it into a compound state there")
        return Ours(final=True, on_exit=leave, **common)

    def history(self, state: HistoryState) -> Ours:
        """A history; without a past it leads where its transitions lead, which may be where all begins anyway."""
        parent = state.parent
        if parent is None:
            raise Unsayable("a history outside of any state", "put it into the state whose past it remembers")
        goals = [target for theirs in state.transitions for target in theirs.targets]
        for theirs in state.transitions:
            if list(actions(self.chart, theirs, CallbackGroup.ON)):
                raise Unsayable("a callback on the default transition of a history", "let the state do it on entry")
        kind: History = "deep" if state.type.is_deep else "shallow"
        begins = list(parent.states) if parent.parallel else list(_entrance(self.chart, parent))
        if not goals:
            self.tell(state, "it has no default transition: without a past it leads where the state around begins")
        other = goals if {goal.id for goal in goals} not in ({goal.id for goal in begins}, set()) else []
        return Ours(history=kind, initial=_initial(parent, other) if other else None, description=_described(state))

    def ends(self, states: dict[str, Ours]) -> dict[str, Ours]:
        """python-statemachine ends with a parallel state at the top all of whose parts are finished."""
        ending = [
            state
            for state in self.chart.states
            if state.parallel and all(any(inner.final for inner in part.states) for part in state.states)
        ]
        found: dict[str, Ours] = {}
        for state in ending:
            ours = states[local_name(state)]
            if ours.on_done and ours.on_done[-1].guard is None:
                continue
            name = next(n for n in (FINISHED, *(f"{FINISHED}{i}" for i in range(2, 99))) if n not in states)
            states[local_name(state)] = attrs.evolve(ours, on_done=(*ours.on_done, Transition(name)))
            found[name] = Ours(terminal=True)
            self.tell(state, f"the machine ends when it is finished: in {name}")
        return found

    # --- what runs while a state is active

    def timeout(self, state: State, moves: Moves) -> tuple[timedelta | None, str | None]:
        """How long it may last, and where it goes then."""
        timers = [handler for handler in self.invoked(state) if isinstance(handler, _Timeout)]
        if not timers:
            return None, None
        (timer, *more) = timers
        event = timer.on or f"done.invoke.{state.id}"
        ways = moves.on.get(event, [])
        if event.startswith("$") or timer.on is None:
            moves.on.pop(event, None)
        way = ways[0] if ways else None
        if more or way is None or way != Transition(way.target) or not isinstance(way.target, str):
            hint = f"one timeout a state, whose event ({event}) leads from that state to another, with nothing else"
            raise Unsayable("such a timeout", hint)
        whole = round(timer.duration * 1000)
        if abs(whole - timer.duration * 1000) > 1e-6:
            self.tell(state, f"its timeout of {timer.duration} s is rounded to milliseconds")
        return timedelta(milliseconds=whole), way.target

    def invoke(self, state: State, moves: Moves) -> Invoke | None:
        """The one call that is made while the state is active."""
        done, failed = f"done.invoke.{state.id}", f"$error.{state.id}"
        handlers = [handler for handler in self.invoked(state) if not isinstance(handler, _Timeout)]
        if not handlers:
            return None
        if len(handlers) > 1:
            raise Unsayable("several invokes of one state", "call one that does it all")
        on_done, on_failed = moves.on.pop(done, []), moves.on.pop(failed, [])
        on_error = moves.on.pop(FAILED, [])
        match handlers[0]:
            case Calling(means=meant):  # its last transition only takes what nothing else does
                return attrs.evolve(meant, on_done=on_done[:-1], on_error=on_failed[:-1])
            case str(name):
                return Invoke(name, on_done=on_done, on_error=on_error)
            case other:
                raise Unsayable(
                    f"invoke of {getattr(other, '__name__', type(other).__name__)}",
                    "invoke a method of the class by its name",
                )

    def invoked(self, state: State) -> Iterator[object]:
        """What is invoked: timers, calls, or names."""
        for spec in specs(self.chart, state, CallbackGroup.INVOKE):
            handler = getattr(spec.func, "_invoke_handler", None)
            yield called(spec) if handler is None else handler


def _collisions(chart: type[StateChart[Any]], states: Iterable[State]) -> Iterator[Diagnostic]:
    """python-statemachine knows states by their ids and values: of two that share one, it forgets the first."""
    listed = list(states)
    own = [state.value for state in listed if state.value != state.id]
    for what, names in (("id", [state.id for state in listed]), ("value", own)):
        for name in (name for name, times in Counter(names).items() if times > 1):
            message = f"several states have the {what} {name}, of which python-statemachine knows only the last"
            yield Diagnostic("duplicate-state", message, chart.__name__, hint="give each a name of its own")


def _entrance(chart: type[StateChart[Any]], state: State) -> list[State]:
    """Where a compound state begins: the first transition that says so."""
    first = next(theirs for theirs in state.transitions if theirs.initial)
    if list(actions(chart, first, CallbackGroup.ON)):
        raise Unsayable("a callback on an initial transition", "let the state do it on entry")
    return list(first.targets)


def _initial(around: State, goals: Iterable[State]) -> tuple[str, ...]:
    """States by their paths from the one around them."""
    return tuple(full_name(goal).removeprefix(f"{full_name(around)}.") for goal in goals)


def _described(state: State) -> str | None:
    """What a person calls a state, if that says more than its id."""
    return state.name if state.name != humanize_id(state.id) else None


def _outcome(state: State) -> Outcome | None:
    meanings = (getattr(spec.func, "means", None) for spec in every_spec(state))
    return next((means.outcome for means in meanings if isinstance(means, Ending)), None)


def _waiting(state: State) -> Retry | None:
    handlers = (getattr(spec.func, "_invoke_handler", None) for spec in every_spec(state))
    return next((handler.means for handler in handlers if isinstance(handler, Waiting)), None)
