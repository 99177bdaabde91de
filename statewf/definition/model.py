"""What a person wrote: the definition of a state machine, as frozen attrs values (`workflow` has the other kind).

Files and Python meet here: `definition.read` makes these from YAML and JSON, people make them by hand
with the same short forms (`on={"PAY": "paid"}`), and the compiler takes nothing else. Whether a name
leads anywhere is the compiler's question; here a value only has to be of the right shape.
Durations are whole milliseconds; the converters also take `"30s"` and `timedelta`.

Below: `words` (what a single value must be), `shape` (what goes together), `places`.
The types `Name`, `Milliseconds`, ... carry their converter, so that `read` and `schema` follow from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, TypeAlias

import attrs
from attrs.converters import optional

from statewf.definition.parts import by_name, check_depth, each_by_name, part, part_if_any, several
from statewf.definition.places import Places, path_text
from statewf.definition.policy import (
    BACKOFF,
    BASE_DELAY,
    JITTER,
    MAX_DELAY,
    Backoff,
    Jitter,
    RetryPolicy,
    check_delays,
)
from statewf.definition.pricing import Billing, Pricing
from statewf.definition.pricing import pricing as check_pricing
from statewf.definition.properties import (
    Absence,
    Always,
    Eventually,
    Existence,
    Precedence,
    Property,
    Response,
    Sometimes,
    properties,
)
from statewf.definition.shape import DEAF, NOWHERE, Misfit, misfits, said
from statewf.definition.words import (
    ERROR,
    Count,
    Data,
    EventName,
    Milliseconds,
    Name,
    Params,
    Targets,
    Text,
    camel,
    choice,
    count,
    duration,
    event_name,
    expression,
    flag,
    identifier,
    one_or_many,
    params,
    plain_text,
    targets,
    wrong,
)
from statewf.definition.workflow import (
    Compensation,
    CompensationAction,
    EscalationPolicy,
    Quorum,
    Review,
    Step,
    Strategy,
    Workflow,
    WorkflowErrors,
)
from statewf.errors import DefinitionError, Diagnostic
from statewf.expr import Expression
from statewf.values.frozen import EMPTY, freeze

__all__ = [
    "ERROR",
    "Absence",
    "Action",
    "Always",
    "Assign",
    "Backoff",
    "Compensation",
    "CompensationAction",
    "Definition",
    "Emit",
    "ErrorHandling",
    "EscalationPolicy",
    "Eventually",
    "Existence",
    "Function",
    "Invoke",
    "Jitter",
    "Outcome",
    "Places",
    "Precedence",
    "Property",
    "Quorum",
    "Raise",
    "Response",
    "Retry",
    "RetryPolicy",
    "Review",
    "Sometimes",
    "State",
    "StateMachine",
    "Step",
    "Strategy",
    "Transition",
    "Unexpected",
    "Workflow",
    "WorkflowErrors",
    "Written",
    "path_text",
]

Unexpected: TypeAlias = Literal["reject", "ignore", "defer"]
Outcome: TypeAlias = Literal["success", "failure"]
History: TypeAlias = Literal["shallow", "deep"]

_UNEXPECTED = choice("reject", "ignore", "defer")
_OUTCOME = choice("success", "failure")
_HISTORY = choice("shallow", "deep")


def _assignments(value: Mapping[str, Any]) -> dict[str, Expression]:
    return {identifier(key): expression(item) for key, item in by_name("set", value).items()}


@attrs.frozen
class Function:
    """An action that calls a handler. Its `params` are given to the handler as they are."""

    handler: Name = attrs.field(converter=identifier)
    params: Params = attrs.field(default=EMPTY, converter=params)
    retry_policy: RetryPolicy | None = attrs.field(default=None, validator=part_if_any(RetryPolicy))


@attrs.frozen
class Emit:
    """An action that tells subscribers. Without `data` they get the whole context, as in the seed."""

    event: Name = attrs.field(converter=identifier)
    data: Data = attrs.field(default=None, converter=freeze)


@attrs.frozen
class Assign:
    """An action that sets names of the context; every value is computed before any is set."""

    set: Mapping[Name, Expression] = attrs.field(converter=_assignments)


@attrs.frozen
class Raise:
    """An action that lets the machine take an event of its own next, before any from outside, in the same step.

    With a `delay` it comes so much later, wherever the machine is then; one that is still to come is set anew.
    """

    event: Name = attrs.field(converter=identifier)
    delay: Milliseconds | None = attrs.field(default=None, converter=optional(duration))


Action: TypeAlias = Function | Emit | Assign | Raise


def _actions(value: Action | Iterable[Action] | None) -> tuple[Action, ...]:
    if value is None:
        return ()
    return several("actions", value, Function, Emit, Assign, Raise)


@attrs.frozen
class Transition:
    """Where an event leads. Without a `target` nothing is left or entered; only the actions run.

    Several targets are entered side by side. One that is `internal` leads to the state that holds it, or to one
    within, and does not leave that state.
    """

    target: Targets | None = attrs.field(default=None, converter=optional(targets))
    guard: Expression | None = attrs.field(default=None, converter=optional(expression), kw_only=True)
    actions: tuple[Action, ...] = attrs.field(default=(), converter=_actions, kw_only=True)
    internal: bool = attrs.field(default=False, converter=flag, kw_only=True)

    @property
    def targets(self) -> tuple[str, ...]:
        """The states it leads to, as they are named where it is written."""
        return named(self.target)


def named(target: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The names in what may be one name, several, or none."""
    if target is None:
        return ()
    return (target,) if isinstance(target, str) else target


Written: TypeAlias = str | Transition | Iterable[str | Transition]


def _transitions(value: Written | None) -> tuple[Transition, ...]:
    match value:
        case None:
            return ()
        case str():
            return (Transition(value),)
        case _:
            listed: tuple[str | Transition, ...] = several("transitions", value, str, Transition)
            return tuple(Transition(item) if isinstance(item, str) else item for item in listed)


def _transitions_by_event(value: Mapping[str, Written]) -> dict[str, tuple[Transition, ...]]:
    return {identifier(event): _transitions(written) for event, written in by_name("on", value).items()}


def _events(value: str | Iterable[str]) -> tuple[str, ...]:
    listed = tuple(one_or_many(value, "the name of an event"))
    if not listed:
        raise wrong("bad-retry", "retry.on names no event")
    return tuple(event_name(event) for event in listed)


@attrs.frozen
class Retry:
    """Enter the state again on these events (`$error`: a failed `invoke`) until `max_attempts` entries.

    With `backoff` or `base_delay` a waiting state lies between the attempts; the one not given has its
    default (exponential, 1000 ms).
    """

    max_attempts: Count = attrs.field(converter=count)
    on: tuple[EventName, ...] = attrs.field(converter=_events)
    backoff: Backoff | None = attrs.field(default=None, validator=BACKOFF)
    base_delay: Milliseconds | None = attrs.field(default=None, converter=optional(duration))
    max_delay: Milliseconds = attrs.field(default=MAX_DELAY, converter=duration)
    jitter: Jitter = attrs.field(default="none", validator=JITTER)

    def __attrs_post_init__(self) -> None:
        if self.waits:
            check_delays(self.first_delay, self.max_delay)

    @property
    def waits(self) -> bool:
        """Whether a waiting state lies between the attempts."""
        return self.backoff is not None or self.base_delay is not None

    @property
    def first_delay(self) -> int:
        """The delay after the first attempt, if it waits."""
        return BASE_DELAY if self.base_delay is None else self.base_delay


@attrs.frozen
class Invoke:
    """A handler called on entry and cancelled on exit; its result or failure takes a transition."""

    handler: Name = attrs.field(converter=identifier)
    params: Params = attrs.field(default=EMPTY, converter=params)
    on_done: tuple[Transition, ...] = attrs.field(default=(), converter=_transitions)
    on_error: tuple[Transition, ...] = attrs.field(default=(), converter=_transitions)


def _invoke(value: str | Invoke | None) -> Invoke | None:
    return Invoke(value) if isinstance(value, str) else value


def _states(value: Mapping[str, State]) -> dict[str, State]:
    return {identifier(key): state for key, state in each_by_name("states", value, State).items()}


@attrs.frozen
class State:
    """One state: what it accepts, how long it may last, what it does.

    With `states` it is compound: in one of them, which starts as `initial`; or, if it is `parallel`, in all of
    them at once. A `final` state finishes the one around it, which then takes its `on_done`. A `history` is no
    state to be in: who goes there goes where the state around it was when it was last left, or to `initial`.
    """

    on: Mapping[Name, tuple[Transition, ...]] = attrs.field(factory=dict, converter=_transitions_by_event)
    always: tuple[Transition, ...] = attrs.field(default=(), converter=_transitions, kw_only=True)
    timeout: Milliseconds | None = attrs.field(default=None, converter=optional(duration), kw_only=True)
    timeout_transition: Name | None = attrs.field(default=None, converter=optional(identifier), kw_only=True)
    retry: Retry | None = attrs.field(default=None, validator=part_if_any(Retry), kw_only=True)
    terminal: bool = attrs.field(default=False, converter=flag, kw_only=True)
    outcome: Outcome | None = attrs.field(default=None, validator=_OUTCOME, kw_only=True)
    on_entry: tuple[Action, ...] = attrs.field(default=(), converter=_actions, kw_only=True)
    on_exit: tuple[Action, ...] = attrs.field(default=(), converter=_actions, kw_only=True)
    invoke: Invoke | None = attrs.field(
        default=None, converter=_invoke, validator=part_if_any(Invoke), kw_only=True
    )
    unexpected: Unexpected | None = attrs.field(default=None, validator=_UNEXPECTED, kw_only=True)
    states: Mapping[Name, State] = attrs.field(factory=dict, converter=_states, kw_only=True)
    initial: Targets | None = attrs.field(default=None, converter=optional(targets), kw_only=True)
    parallel: bool = attrs.field(default=False, converter=flag, kw_only=True)
    history: History | None = attrs.field(default=None, validator=_HISTORY, kw_only=True)
    final: bool = attrs.field(default=False, converter=flag, kw_only=True)
    on_done: tuple[Transition, ...] = attrs.field(default=(), converter=_transitions, kw_only=True)
    description: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)

    def __attrs_post_init__(self) -> None:
        """What does not go together is refused here too, for states made in Python."""
        check_depth(self.levels, "states")
        has = {camel(field.name) for field in attrs.fields(State) if said(getattr(self, field.name))}
        found = [_diagnostic(misfit) for misfit in misfits(has)]
        found += [_diagnostic(NOWHERE, f"[{i}]") for i, way in enumerate(self.always) if leads_nowhere(way)]
        found += [_diagnostic(DEAF, f".{event}") for event, ways in self.on.items() if not ways]
        if found:
            raise DefinitionError(found)

    @cached_property
    def levels(self) -> int:
        """How many states lie within each other, itself included. Those within know already: no recursion."""
        return 1 + max((state.levels for state in self.states.values()), default=0)


def leads_nowhere(way: Transition) -> bool:
    """Whether a transition changes nothing: fine for an event, senseless for `always`."""
    return way.target is None and not way.actions


def _diagnostic(misfit: Misfit, where: str = "") -> Diagnostic:
    return Diagnostic(misfit.code, misfit.message, f"$.{misfit.key}{where}", hint=misfit.hint)


def _some_states(value: Mapping[str, State]) -> dict[str, State]:
    states = _states(value)
    if not states:
        raise wrong("no-states", "a state machine needs at least one state")
    return states


@attrs.frozen
class ErrorHandling:
    """What holds for every function action that says nothing else."""

    default_retry_policy: RetryPolicy | None = attrs.field(default=None, validator=part_if_any(RetryPolicy))


@attrs.frozen
class StateMachine:
    """A lifecycle: named states, and the one it starts in. `context` is what its data are at first, under the inputs.

    `pricing` says what an execution costs, `billing` whom to charge.
    """

    name: Name = attrs.field(converter=identifier)
    initial_state: Targets = attrs.field(converter=targets)
    states: Mapping[Name, State] = attrs.field(converter=_some_states)
    unexpected: Unexpected = attrs.field(default="reject", validator=_UNEXPECTED, kw_only=True)
    error_handling: ErrorHandling = attrs.field(factory=ErrorHandling, validator=part(ErrorHandling), kw_only=True)
    context: Params = attrs.field(default=EMPTY, converter=params, kw_only=True)
    description: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    pricing: Pricing | None = attrs.field(default=None, converter=check_pricing, kw_only=True)
    billing: Billing | None = attrs.field(default=None, validator=part_if_any(Billing), kw_only=True)
    properties: tuple[Property, ...] = attrs.field(default=(), converter=properties, kw_only=True)
    places: Places = attrs.field(factory=Places, kw_only=True, eq=False, repr=False)


Definition: TypeAlias = StateMachine | Workflow
