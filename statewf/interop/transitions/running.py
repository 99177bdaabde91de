"""What a written module builds upon: machines of transitions that move as definitions do.

`Machine` is a HierarchicalMachine. Its states, events, conditions, callbacks, timers and queue are those of the
library; what differs is how it moves, for transitions takes the regions of a parallel state one after another, does
not leave a state for one within, and has no place for what is done between leaving and entering:

- a callback may be an action of a definition (`Function`, `Emit`, `Assign`, `Raise`), a condition an expression;
- a transition may have `actions`, done after states were left and the event's data was merged into the model's
  `context`, and before states are entered; it may be `internal`, and its `dest` a list;
- `$always` is a trigger that is tried after every change, `$timeout:STATE` one that a timer pulls, and
  `done.state.STATE` one that a finished state does; `*` and `play.*` are triggers for events that a state does not name;
- a state may have a `retry`, an `outcome`, be `terminal` further in, or have a `description`;
- an event that no transition takes is a MachineError, also if only conditions were against it.

Handlers are called by name, when the machine has come to rest, in order; one that answers with an `Event` has it taken
next. A handler that fails changes nothing: it is told to the `failed` of the model. Timers are threads of the library:
as with its own machines, whoever uses a model from several threads needs a lock.

Below: the library, `compiler.ways` (what is left and entered). Above: the modules that `write` makes, and `objects`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from transitions import MachineError
from transitions.core import EventData
from transitions.extensions.nesting import HierarchicalMachine, NestedEventData, NestedState

from statewf.compiler.tree import Node, Tree, grow
from statewf.definition import model as definition
from statewf.definition.model import Assign, Emit, Function, Raise
from statewf.expr import UNDEFINED, Expression, Fault
from statewf.interop.transitions.moving import Run
from statewf.interop.transitions.parts import Call, Handler, Model, State, Transition, timer
from statewf.machine.fsm import RAISE, RETRY
from statewf.values.frozen import EMPTY, Object, freeze_object, settled


class Machine(HierarchicalMachine):
    """A machine of the library that moves as the definition does from which it was written."""

    state_cls = State
    transition_cls = Transition

    def __init__(
        self,
        name: str,
        states: list[Any],
        transitions: list[Any],
        initial: str | list[str],
        *,
        context: Mapping[str, Any] = EMPTY,
        ignore_invalid_triggers: bool | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(
            model=None,
            name=name,
            states=states,
            transitions=transitions,
            initial=initial,
            auto_transitions=False,
            send_event=True,
            queued=True,
        )
        self.ignore_invalid_triggers = ignore_invalid_triggers  # not before: the states would take it for their own
        self.context = freeze_object(context, "the context")
        self.description = description
        self.tree = _tree(self)
        self.waits = {name: timer(RETRY + name) for name, node in self.tree.nodes.items() if self.state(node).retry}
        delayed = (
            action.event for action in self.actions() if isinstance(action, Raise) and action.delay is not None
        )
        self.later = {event: timer(RAISE + event) for event in delayed}

    def start(self, handlers: Mapping[str, Handler] | None = None, inputs: object = None) -> Model:
        """A model in the first state, which is entered like any other.

        Raises DataError when `inputs` is no JSON object, MachineError when handlers are missing.
        """
        known = dict(handlers or {})
        called = dict.fromkeys(action.handler for action in self.actions() if isinstance(action, Function))
        if missing := [name for name in called if name not in known]:
            raise MachineError(f"there are no handlers for {', '.join(missing)}")
        given = freeze_object(inputs, "the inputs")
        model = Model(known, given, {**self.context, **given})
        self.add_model(model)
        for name in (*map(RETRY.__add__, self.waits), *map(RAISE.__add__, self.later)):
            self._add_trigger_to_model(name, model)
        Run(self, NestedEventData(None, None, self, model, (), {})).begin()
        return model

    def state(self, node: Node) -> State:
        """The library's state at a place."""
        state = self.get_state(node.name)
        assert isinstance(state, State), "state_cls makes them"
        return state

    def actions(self) -> Iterator[Any]:
        """All actions and other callbacks, of states and of transitions."""
        for node in self.tree.nodes.values():
            yield from (*self.state(node).on_enter, *self.state(node).on_exit)
        events: Iterable[Any] = self.events.values()
        for event in events:
            for listed in event.transitions.values():
                yield from (action for transition in listed for action in transition.actions)

    def callback(self, func: Any, event_data: EventData) -> None:
        """Do an action, or what else the library takes for a callback."""
        model: Any = event_data.model
        match func:
            case Function(handler, params):
                model.calls.append(Call(handler, params, model.inputs, model.context))
            case Emit(event, data):
                model.emitted.append((event, data if data is not None else Object(sorted(model.context.items()))))
            case Assign(values):
                model.context = {**model.context, **_computed(values, model.scope)}
            case Raise(event, None):
                model.raised.append(event)
            case Raise(event, int(delay)):
                self.later[event].cancel(model)
                self.later[event].arm(delay, event_data)
            case _:
                super().callback(func, event_data)

    # --- what `Run` asks

    @property
    def triggers(self) -> Collection[str]:
        """Everything that some transition answers to."""
        return self.events

    @property
    def ignoring(self) -> bool:
        """Whether an event that nobody takes is let go, where no state says anything."""
        return bool(self.ignore_invalid_triggers)

    def declared(self, trigger: str, source: str) -> Sequence[Transition]:
        """What a state declares for a trigger."""
        event: Any = self.events.get(trigger)
        found: Sequence[Transition] = () if event is None else event.transitions.get(source, ())
        return found

    # --- what the library calls: it has no other places for this

    def _add_model_to_state(self, state: Any, model: Any) -> None:
        """Bind no `is_STATE`: a state may have any name."""

    def _add_trigger_to_model(self, trigger: str, model: Any) -> None:
        self._checked_assignment(model, trigger, partial(self.trigger_event, model, trigger))
        self._add_may_transition_func_for_trigger(trigger, model)

    def _can_trigger(self, model: Any, trigger: str, *args: Any, **kwargs: Any) -> bool:
        return Run(self, NestedEventData(None, None, self, model, args, kwargs)).may(trigger)

    def _trigger_event_nested(self, event_data: Any, trigger: str, _state_tree: Any) -> bool:
        return Run(self, event_data).receive(trigger)

    def _check_event_result(self, res: bool | None, model: Any, trigger: str) -> bool:
        run = Run(self, NestedEventData(None, None, self, model, (), {}))
        if res or trigger.startswith("$"):  # a timer may be late
            return bool(res)
        if run.ended or not any(run.ignores(leaf) for leaf in run.leaves):
            raise MachineError(f"{self.name}{trigger} is not accepted in {model.state}")
        return False


def _computed(values: Mapping[str, Expression], scope: Mapping[str, Any]) -> dict[str, Any]:
    """What these expressions say; one that cannot be told sets nothing."""
    found = {}
    for name, expression in values.items():
        with suppress(Fault):
            value = expression.evaluate(scope)
            found[name] = None if value is UNDEFINED else settled(value)
    return found


def _tree(machine: Machine) -> Tree:
    """Where the states stand: so much of a definition that `ways` can tell what is left and entered."""
    initial: Any = machine.initial
    states = {name: _shape(state, nested=False) for name, state in machine.states.items()}
    return grow(definition.StateMachine("shape", initial, states))


def _shape(state: NestedState, *, nested: bool) -> definition.State:
    assert isinstance(state, State), "state_cls makes them"
    if not state.states:
        ends = state.terminal or (state.final and not nested)
        return definition.State(terminal=ends, final=state.final and not ends)
    states = {name: _shape(child, nested=True) for name, child in state.states.items()}
    initial: Any = state.initial
    if side_by_side(initial, states):
        return definition.State(states=states, parallel=True)
    return definition.State(states=states, initial=initial)


def side_by_side(initial: object, states: Iterable[str]) -> bool:
    """Whether a state begins with all that is in it: that is how the library has parallel states."""
    return isinstance(initial, list | tuple) and list(initial) == list(states)
