"""`Chart`, the base of the classes that are written, and the words that their text is made of.

python-statemachine knows states, events and transitions, and calls functions for the rest. Here are those functions:
a condition in the language of definitions, and the actions. Each keeps what it `means`, so that `read` can ask it.

    class Door(Chart):
        closed = State(initial=True)
        open = State(enter=emit("Opened"))

        closed.to(open, event="PUSH", cond=guard("context.locked !== true"))

    door = Door({"locked": False})
    door.send("PUSH", {"by": "me"})

Below: python-statemachine, `naming`. Above: `write`, whose text imports this; `read`, which asks what was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from statemachine import State, StateChart
from statemachine.event_data import EventData, TriggerData
from statemachine.graph import iterate_states, iterate_states_and_transitions
from statemachine.invoke import InvokeContext
from statemachine.orderedset import OrderedSet
from statemachine.transition import Transition

from statewf.definition.model import Action, Assign, Emit, Function, Invoke, Outcome, Raise, Retry
from statewf.errors import Diagnostic, HandlersError
from statewf.expr import UNDEFINED, Expression, Fault, parse
from statewf.interop.statemachine.naming import is_own, shown_name
from statewf.machine.events import Event
from statewf.machine.fsm import Delay
from statewf.values.frozen import EMPTY, freeze, freeze_object, settled

Handler: TypeAlias = Callable[..., object]  # called as handler(machine, **params)
Subscriber: TypeAlias = Callable[[str, Any], None]  # called with the name of what is told, and its data
RETRY = "$retry"  # what a wait between two attempts sends when it is over


class Limit(NamedTuple):
    """The condition that a state was entered less than so many times in a row."""

    attempts: int


class Wording(NamedTuple):
    """The condition that a transition's event is meant for it, where python-statemachine is less exact."""

    event: str | None  # this one; None: any that is not the machine's own


class Count(NamedTuple):
    """What becomes of the number of attempts when the transition is taken, which else begins anew."""

    step: Literal[0, 1]


class Ending(NamedTuple):
    """How a final state ends the machine."""

    outcome: Outcome


class Aside(NamedTuple):
    """What comes with the event is left alone."""


Meaning: TypeAlias = Action | Expression | Limit | Wording | Count | Ending | Aside


class Chart(StateChart[Any]):
    """A state machine of statewf on python-statemachine: it has a context, and reads events' data into it.

    Events are sent as `machine.send("PAY", {"amount": 3})`. One that nothing takes raises TransitionNotAllowed.
    `failures` are the errors of handlers: one that fails changes no state.
    """

    definition_name: str = ""  # what the machine is called, if not like its class
    defaults: Mapping[str, Any] = EMPTY  # the context at first, under the inputs
    allow_event_without_transition = False
    catch_errors_as_events = False  # who made a mistake shall hear of it
    validate_disconnected_states = False  # statewf has proved more than that
    validate_trap_states = False
    validate_final_reachability = False

    def __init__(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        handlers: Mapping[str, Handler] | None = None,
        subscriber: Subscriber | None = None,
    ) -> None:
        """Enter the first state. Raises HandlersError if one is missing, DataError if the inputs are no JSON."""
        self.inputs = freeze_object(inputs or {}, "the inputs")
        self.context: dict[str, Any] = {**freeze_object(self.defaults, "the defaults"), **self.inputs}
        self.attempt = 1
        self.outcome: Outcome | None = None
        self.failures: list[Exception] = []
        self._next_attempt = 1
        self._unread = False
        self._handlers = {**(handlers or {})}
        self._subscriber = subscriber
        self._step: TriggerData | None = None
        self._done: list[tuple[Transition, object]] = []
        for order, state in enumerate(iterate_states(type(self).states)):
            state.document_order = order  # its own count gives several states the same number
        self._check_handlers()
        super().__init__()

    def _check_handlers(self) -> None:
        wanted = dict.fromkeys(name for spec in _specs(type(self)) for name in _handler_names(spec.func))
        missing = [name for name in wanted if name not in self._handlers]
        if missing:
            raise HandlersError(Diagnostic("missing-handler", f"there is no handler {name}") for name in missing)

    # --- what python-statemachine calls

    def prepare_event(self, event_data: EventData) -> dict[str, Any]:
        """What each callback may ask for: the data of the event. Raises DataError, to who sent it, if it is no JSON."""
        return {"data": _data(event_data.trigger_data)}

    def on_transition(self, event_data: EventData, data: Any) -> None:
        """Before what the transitions do themselves: the data of the event is merged, once for all of them."""
        if event_data.trigger_data is self._step:
            return
        self._step, self._done, self._next_attempt = event_data.trigger_data, [], 1
        unread, self._unread = self._unread, False
        if isinstance(data, Mapping) and not (unread or str(event_data.event).startswith("$")):
            self.context.update(data)

    def on_enter_state(self) -> None:
        """Before what the state does itself: from here on it is another attempt."""
        self.attempt = self._next_attempt

    def after_transition(self) -> None:
        """Keep what is active in document order, in which python-statemachine asks for transitions."""
        ordered = sorted(self.configuration, key=lambda state: state.document_order)
        self.configuration = OrderedSet(ordered)

    # --- what conditions and actions ask

    def scope(self, event: str | None, data: Any) -> dict[str, Any]:
        """What a condition sees."""
        active = tuple(shown_name(state) for state in self.configuration)
        asked = {"inputs": self.inputs, "context": freeze(self.context)}
        return {
            **asked,
            "event": {"name": str(event or ""), "data": data},
            "attempt": self.attempt,
            "state": active,
        }

    def first_time(self, event_data: EventData, action: object) -> bool:
        """Whether the action is not done yet: python-statemachine does those of a way to a history twice."""
        if event_data.trigger_data is not self._step:
            return True  # it enters its first state
        done = (event_data.transition, action)
        if any(done[0] is transition and done[1] is other for transition, other in self._done):
            return False
        self._done.append(done)
        return True

    def tell(self, event: str, data: Any) -> None:
        """Tell the subscriber."""
        if self._subscriber is not None:
            self._subscriber(event, data)

    def call(self, handler: str, params: Mapping[str, Any]) -> object:
        """Call a handler."""
        return self._handlers[handler](self, **params)


# --- conditions


def guard(text: str) -> Callable[..., bool]:
    """A condition in the language of definitions. One without an answer does not hold."""
    condition = parse(text)

    def holds(machine: Chart, event: str | None, data: Any) -> bool:
        try:
            return condition.holds(machine.scope(event, data))
        except Fault:
            return False

    return _meaning(holds, condition)


def attempts(most: int) -> Callable[..., bool]:
    """Whether the state was entered less than `most` times in a row."""

    def left(machine: Chart) -> bool:
        return machine.attempt < most

    return _meaning(left, Limit(most))


def exactly(name: str) -> Callable[..., bool]:
    """Whether the event is this one; for python-statemachine `mouse` is also `mouse.moved`."""

    def same(event: str | None) -> bool:
        return event == name

    return _meaning(same, Wording(name))


def heard(event: str | None) -> bool:
    """Whether somebody sent or raised the event: a pattern is not for the timers and calls of the machine."""
    return event is not None and not is_own(event)


# --- actions


def assign(values: Mapping[str, str]) -> Callable[..., None]:
    """Set names of the context to what these expressions say; all are computed before any is set."""
    meant = Assign(values)

    def set_names(machine: Chart, event_data: EventData, data: Any) -> None:
        if machine.first_time(event_data, set_names):
            machine.context.update(_computed(meant, machine.scope(event_data.event, data)))

    return _meaning(set_names, meant)


def emit(event: str, data: Any = None) -> Callable[..., None]:
    """Tell the subscriber; without data, the whole context."""
    meant = Emit(event, data)

    def tell(machine: Chart, event_data: EventData) -> None:
        if machine.first_time(event_data, tell):
            machine.tell(event, freeze(machine.context) if meant.data is None else meant.data)

    return _meaning(tell, meant)


def raised(event: str) -> Callable[..., None]:
    """Let the machine take an event of its own next."""

    def raise_event(machine: Chart, event_data: EventData) -> None:
        if machine.first_time(event_data, raise_event):
            machine.raise_(event)

    return _meaning(raise_event, Raise(event))


def call(handler: str, params: Mapping[str, Any] | None = None) -> Callable[..., None]:
    """Call a handler; an Event that it answers is taken next. If it fails, that is kept in `failures`."""
    meant = Function(handler, params or {})

    def call_handler(machine: Chart, event_data: EventData) -> None:
        if machine.first_time(event_data, call_handler):
            try:
                answer = machine.call(handler, meant.params)
            except Exception as error:  # whatever a handler raises is its failure, not the machine's
                machine.failures.append(error)
                return
            if isinstance(answer, Event):
                machine.raise_(answer.name, answer.data)

    return _meaning(call_handler, meant)


def outcome(value: Outcome) -> Callable[..., None]:
    """Say how the machine ended."""

    def end(machine: Chart) -> None:
        machine.outcome = value

    return _meaning(end, Ending(value))


def again(machine: Chart) -> None:
    """The state that is entered is tried once more."""
    machine._next_attempt = machine.attempt + 1  # noqa: SLF001  # the chart's own


def pause(machine: Chart) -> None:
    """The state that is entered lies between two attempts."""
    machine._next_attempt = machine.attempt  # noqa: SLF001  # the chart's own


def unread(machine: Chart) -> None:
    """What comes with the event is left alone: nobody takes a result whose conditions do not hold."""
    machine._unread = True  # noqa: SLF001  # the chart's own


# --- what a state does while it is active


class Calling:
    """The call of a handler on entry. Its result is `done.invoke.ID`, its failure `$error.ID`, an Event that event."""

    def __init__(self, invoke_id: str, meant: Invoke) -> None:
        self.invoke_id = invoke_id
        self.means = meant

    def run(self, ctx: InvokeContext) -> object:
        try:
            result = cast("Chart", ctx.machine).call(self.means.handler, self.means.params)
            told = EMPTY if isinstance(result, Event) else freeze(result)
        except Exception as error:
            if not ctx.cancelled.is_set():
                ctx.send(f"$error.{self.invoke_id}", {"error": type(error).__name__, "message": str(error)})
            raise
        if isinstance(result, Event) and not ctx.cancelled.is_set():
            ctx.cancelled.set()  # the event is the answer, and there is no other
            ctx.send(result.name, result.data)
        return told


class Waiting:
    """The wait between two attempts; it grows with them."""

    def __init__(self, meant: Retry) -> None:
        self.means = meant
        self._delay = Delay(
            meant.first_delay, meant.backoff or "exponential", meant.max_delay, meant.jitter == "full"
        )

    def seconds(self, machine: Chart) -> float:
        """How long this wait is."""
        return self._delay.after(machine.attempt, f"{machine.name}/{id(machine)}") / 1000

    def run(self, ctx: InvokeContext) -> None:
        if not ctx.cancelled.wait(self.seconds(cast("Chart", ctx.machine))):
            ctx.send(RETRY)


def calling(invoke_id: str, handler: str, params: Mapping[str, Any] | None = None) -> Calling:
    """Call a handler while the state is active."""
    return Calling(invoke_id, Invoke(handler, params or {}))


def backoff(
    base: float | None = None,
    *,
    growth: Literal["exponential", "linear", "constant"] | None = None,
    longest: float = 30,
    jitter: Literal["none", "full"] = "none",
) -> Waiting:
    """Wait before the next attempt. In seconds; without a base, one second; without a growth, exponential."""
    first = None if base is None else round(base * 1000)
    retry = Retry(1, "$error", backoff=growth, base_delay=first, max_delay=round(longest * 1000), jitter=jitter)
    return Waiting(retry)


# --- inside


def _meaning(function: Callable[..., Any], means: Meaning) -> Callable[..., Any]:
    """The function, which can be asked what it means."""
    function.means = means  # type: ignore[attr-defined]  # functions have room for it
    return function


_meaning(heard, Wording(None))
_meaning(again, Count(1))
_meaning(pause, Count(0))
_meaning(unread, Aside())


def _data(trigger: TriggerData) -> Any:
    """The data of an event: what was sent with it, or what a call gave."""
    name = str(trigger.event or "")
    if name.startswith("done.invoke."):
        return freeze(trigger.kwargs.get("data"))
    if name in ("", "__initial__", "error.execution"):
        return EMPTY
    return freeze_object(dict(*trigger.args, **trigger.kwargs), "the data of the event")


def _computed(meant: Assign, scope: Mapping[str, Any]) -> dict[str, Any]:
    """What the expressions say, but for those that have no answer."""
    values: dict[str, Any] = {}
    for name, expression in meant.set.items():
        try:
            value = expression.evaluate(scope)
        except Fault:
            continue
        values[name] = None if value is UNDEFINED else settled(value)
    return values


def _specs(chart: type[Chart]) -> Iterator[Any]:
    for visited in iterate_states_and_transitions(chart.states):
        yield from cast("State", visited)._specs  # noqa: SLF001  # there is no other way to what a state calls


def _handler_names(function: object) -> Iterator[str]:
    inner = getattr(function, "_invoke_handler", function)  # an invoke is wrapped
    match getattr(inner, "means", None):
        case Function(handler) | Invoke(handler):
            yield handler
