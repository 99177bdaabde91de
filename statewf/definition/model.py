"""What a person wrote: the definition of a state machine, as frozen attrs values.

Files and Python meet here: `definition.read` makes these from YAML and JSON, people make them by hand
with the same short forms (`on={"PAY": "paid"}`), and the compiler takes nothing else. Whether a name
leads anywhere is the compiler's question; here a value only has to be of the right shape.
Durations are whole milliseconds; the converters also take `"30s"` and `timedelta`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal, TypeAlias

import attrs

from statewf.errors import DefinitionError, Diagnostic
from statewf.expr import Expression, literal, parse
from statewf.values.duration import HINT, milliseconds
from statewf.values.frozen import EMPTY, Json, Object, freeze, freeze_object

Unexpected: TypeAlias = Literal["reject", "ignore", "defer"]
Backoff: TypeAlias = Literal["exponential", "linear", "constant"]
Jitter: TypeAlias = Literal["none", "full"]
Outcome: TypeAlias = Literal["success", "failure"]

ERROR = "$error"  # what `retry.on` calls a failed `invoke`


def _mistake(code: str, message: str, hint: str | None = None) -> DefinitionError:
    return DefinitionError([Diagnostic(code, message, hint=hint)])


def duration(value: int | str | timedelta) -> int:
    """Milliseconds from an int, text or timedelta."""
    try:
        return milliseconds(value)
    except ValueError as error:
        raise _mistake("bad-duration", str(error), HINT) from None


def expression(value: str | bool | int | float | Expression | None) -> Expression:
    """A condition or value from its text; numbers, true, false and null stand for themselves."""
    if isinstance(value, Expression):
        return value
    return parse(value) if isinstance(value, str) else literal(value)


def count(value: int) -> int:
    """A number of attempts: a whole number from 1 to a million."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
        raise _mistake("out-of-range", f"{value!r} is not a whole number from 1 to 1,000,000")
    return value


def name(value: str) -> str:
    """An id: non-empty text without control characters, without `/`, and not led by `$`."""
    if not isinstance(value, str) or not value.strip():
        raise _mistake("bad-name", f"{value!r} is not a name")
    if value.startswith("$"):
        raise _mistake("bad-name", f"{value!r} starts with $, which is reserved for the compiler's own names")
    if "/" in value:
        raise _mistake("bad-name", f"{value!r} contains /, which is kept for paths")
    if not value.isprintable():
        raise _mistake("bad-name", f"{value!r} contains a control character")
    if len(value) > 200:
        raise _mistake("bad-name", f"a name of more than 200 characters: {value[:40]}...")
    return value


def choice(*allowed: str) -> Any:
    """An attrs validator: one of these words."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value is not None and value not in allowed:
            raise _mistake("bad-choice", f"{attribute.name} is {value!r}", f"one of {', '.join(allowed)}")

    return check


def _optional_name(value: str | None) -> str | None:
    return None if value is None else name(value)


def _optional_duration(value: int | str | timedelta | None) -> int | None:
    return None if value is None else duration(value)


def _optional_expression(value: str | Expression | None) -> Expression | None:
    return None if value is None else expression(value)


def _object(value: Mapping[str, Any] | None) -> Object:
    return freeze_object(value, "params")


def _json(value: Any) -> Json:
    return freeze(value)


def _assignments(value: Mapping[str, Any]) -> dict[str, Expression]:
    return {name(key): expression(item) for key, item in value.items()}


@attrs.frozen
class RetryPolicy:
    """How a failing function action is tried again; the delay after attempt n follows `backoff`."""

    max_attempts: int = attrs.field(converter=count)
    backoff: Backoff = attrs.field(default="exponential", validator=choice("exponential", "linear", "constant"))
    base_delay: int = attrs.field(default=1_000, converter=duration)
    max_delay: int = attrs.field(default=30_000, converter=duration)
    jitter: Jitter = attrs.field(default="none", validator=choice("none", "full"))


@attrs.frozen
class Function:
    """An action that calls a handler. Its `params` are given to the handler as they are."""

    handler: str = attrs.field(converter=name)
    params: Object = attrs.field(default=EMPTY, converter=_object)
    retry_policy: RetryPolicy | None = None


@attrs.frozen
class Emit:
    """An action that tells subscribers. Without `data` they get the whole context, as in the seed."""

    event: str = attrs.field(converter=name)
    data: Json = attrs.field(default=None, converter=_json)


@attrs.frozen
class Assign:
    """An action that sets names of the context; every value is computed before any is set."""

    set: Mapping[str, Expression] = attrs.field(converter=_assignments)


Action: TypeAlias = Function | Emit | Assign


def _actions(value: Action | Iterable[Action] | None) -> tuple[Action, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, Function | Emit | Assign) else tuple(value)


@attrs.frozen
class Transition:
    """Where an event leads. Without a `target` nothing is left or entered; only the actions run."""

    target: str | None = attrs.field(default=None, converter=_optional_name)
    guard: Expression | None = attrs.field(default=None, converter=_optional_expression, kw_only=True)
    actions: tuple[Action, ...] = attrs.field(default=(), converter=_actions, kw_only=True)


Written: TypeAlias = str | Transition | Iterable[str | Transition]


def _transitions(value: Written | None) -> tuple[Transition, ...]:
    match value:
        case None:
            return ()
        case str():
            return (Transition(value),)
        case Transition():
            return (value,)
        case _:
            return tuple(Transition(item) if isinstance(item, str) else item for item in value)


def _transitions_by_event(value: Mapping[str, Written]) -> dict[str, tuple[Transition, ...]]:
    return {name(event): _transitions(written) for event, written in value.items()}


def _events(value: str | Iterable[str]) -> tuple[str, ...]:
    listed = (value,) if isinstance(value, str) else tuple(value)
    if not listed:
        raise _mistake("bad-retry", "retry.on names no event")
    return tuple(event if event == ERROR else name(event) for event in listed)


@attrs.frozen
class Retry:
    """Enter the state again on these events (`$error`: a failed `invoke`) until `max_attempts` entries.

    With `backoff` or `base_delay` a waiting state lies between the attempts; the one not given has its
    default (exponential, 1000 ms).
    """

    max_attempts: int = attrs.field(converter=count)
    on: tuple[str, ...] = attrs.field(converter=_events)
    backoff: Backoff | None = attrs.field(default=None, validator=choice("exponential", "linear", "constant"))
    base_delay: int | None = attrs.field(default=None, converter=_optional_duration)
    max_delay: int = attrs.field(default=30_000, converter=duration)
    jitter: Jitter = attrs.field(default="none", validator=choice("none", "full"))


@attrs.frozen
class Invoke:
    """A handler called on entry and cancelled on exit; its result or failure takes a transition."""

    handler: str = attrs.field(converter=name)
    params: Object = attrs.field(default=EMPTY, converter=_object)
    on_done: tuple[Transition, ...] = attrs.field(default=(), converter=_transitions)
    on_error: tuple[Transition, ...] = attrs.field(default=(), converter=_transitions)


@attrs.frozen
class State:
    """One state: what it accepts, how long it may last, what it does. With `states` it is compound."""

    on: Mapping[str, tuple[Transition, ...]] = attrs.field(factory=dict, converter=_transitions_by_event)
    always: tuple[Transition, ...] = attrs.field(default=(), converter=_transitions, kw_only=True)
    timeout: int | None = attrs.field(default=None, converter=_optional_duration, kw_only=True)
    timeout_transition: str | None = attrs.field(default=None, converter=_optional_name, kw_only=True)
    retry: Retry | None = attrs.field(default=None, kw_only=True)
    terminal: bool = attrs.field(default=False, kw_only=True)
    outcome: Outcome | None = attrs.field(default=None, validator=choice("success", "failure"), kw_only=True)
    on_entry: tuple[Action, ...] = attrs.field(default=(), converter=_actions, kw_only=True)
    on_exit: tuple[Action, ...] = attrs.field(default=(), converter=_actions, kw_only=True)
    invoke: Invoke | None = attrs.field(default=None, kw_only=True)
    unexpected: Unexpected | None = attrs.field(
        default=None, validator=choice("reject", "ignore", "defer"), kw_only=True
    )
    states: Mapping[str, State] = attrs.field(factory=dict, converter=lambda v: _states(v), kw_only=True)
    initial: str | None = attrs.field(default=None, converter=_optional_name, kw_only=True)
    description: str | None = attrs.field(default=None, kw_only=True)


def _states(value: Mapping[str, State]) -> dict[str, State]:
    return {name(key): state for key, state in value.items()}


@attrs.frozen
class ErrorHandling:
    """What holds for every function action that says nothing else."""

    default_retry_policy: RetryPolicy | None = None


@attrs.frozen
class StateMachine:
    """A lifecycle: named states, and the one it starts in."""

    name: str = attrs.field(converter=name)
    initial_state: str = attrs.field(converter=name)
    states: Mapping[str, State] = attrs.field(converter=_states)
    unexpected: Unexpected = attrs.field(
        default="reject", validator=choice("reject", "ignore", "defer"), kw_only=True
    )
    error_handling: ErrorHandling = attrs.field(factory=ErrorHandling, kw_only=True)
    description: str | None = attrs.field(default=None, kw_only=True)
    places: Places = attrs.field(factory=lambda: Places(), kw_only=True, eq=False, repr=False)


Definition: TypeAlias = StateMachine


@attrs.frozen
class Places:
    """Where each part of a definition stands in the text it was read from; empty for Python objects."""

    source: str | None = None
    lines: Mapping[tuple[str | int, ...], int] = attrs.field(factory=dict)

    def line(self, path: tuple[str | int, ...]) -> int | None:
        """The line of the innermost part on `path` whose line is known."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None


def path_text(path: tuple[str | int, ...]) -> str:
    """`$.states.paid.on[0]`; a name that is no plain word stands in quotes."""
    return "$" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if _plain(part) else f"[{part!r}]" for part in path
    )


def _plain(part: str) -> bool:
    return part.replace("-", "_").isidentifier()
