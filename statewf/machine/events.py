"""Events: what happened, as data. Time comes in here (`at`, milliseconds) and nowhere else.

The mirror of `effects`: a `Call` is answered by `Returned` or `Failed`, a `SetTimer` by `Fired`.
These records and those of `snapshot` are named tuples, not attrs values: a frozen attrs object costs
three times as much to make, and making records is most of what a step costs.
"""

from __future__ import annotations

from typing import NamedTuple, Self, TypeAlias

from statewf.errors import DataError, Diagnostic
from statewf.values.frozen import EMPTY, Json, Object, freeze, freeze_object, kind_of, plain_text

LONGEST_NAME = 200


class CallId(NamedTuple):
    """Which call of an instance: the step that opened it, and the how manieth of that step."""

    seq: int
    nth: int


class _Event(NamedTuple):
    name: str
    data: Object
    at: int
    key: str | None


class Event(_Event):
    """A named event, with data that is merged into the context when a transition takes it.

    Also what a handler returns to answer with an event. `key` makes sending it twice the same as once.
    Raises DataError when the name is none, the key is no text, or `data` is not a JSON object.
    """

    __slots__ = ()

    def __new__(cls, name: str, data: object = None, at: int = 0, key: str | None = None) -> Self:
        if not (isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name[0] != "$" and name.isprintable()):
            raise _no_name(name)
        if key is not None:
            plain_text(key, f"the key of {name}")
        frozen = EMPTY if data is None else freeze_object(data, f"the data of {name}")
        return tuple.__new__(cls, (name, frozen, at, key))

    def at_time(self, at: int) -> Event:
        """The same event, at that time."""
        name, data, _, key = self
        event: Event = tuple.__new__(Event, (name, data, at, key))  # it was looked at when it was made
        return event


def _no_name(name: object) -> DataError:
    told = f"{name[:40]!a}" if isinstance(name, str) else kind_of(name)
    hint = f"1 to {LONGEST_NAME} printable characters, the first of them not $"
    return DataError([Diagnostic("bad-event-name", f"{told} is not the name of an event", hint=hint)])


class Start(NamedTuple):
    """The instance was asked for."""

    inputs: Object
    at: int = 0


class Returned(NamedTuple):
    """A call came back with a result or, if the handler answered with one, an event."""

    call: CallId
    result: Json = None
    at: int = 0
    answer: Event | None = None


class Failed(NamedTuple):
    """A call failed: the name of its error, and what it said. Not `retryable`: no attempt is left."""

    call: CallId
    error: str
    message: str
    at: int = 0
    retryable: bool = True


class Fired(NamedTuple):
    """A timer of a region came due."""

    region: str
    timer: str
    at: int = 0


class _Decided(NamedTuple):
    task: str
    decision: str
    by: str | None
    comments: str | None
    result: Json
    at: int


class Decided(_Decided):
    """Somebody decided a task: `approved`, `rejected` or any other text; `result` is what else there is to say.

    Raises DataError when the decision is empty, one of these is no text, or `result` is no JSON.
    """

    __slots__ = ()

    def __new__(
        cls,
        task: str,
        decision: str,
        by: str | None = None,
        comments: str | None = None,
        result: object = None,
        at: int = 0,
    ) -> Self:
        if not plain_text(decision, "the decision").strip():
            hint = "`approved`, `rejected`, or what else was decided"
            raise DataError([Diagnostic("no-decision", "the decision says nothing", hint=hint)])
        for who, text in (("who decided", by), ("the comments", comments)):
            if text is not None:
                plain_text(text, who)
        return tuple.__new__(cls, (task, decision, by, comments, freeze(result), at))


class Cancel(NamedTuple):
    """Somebody wants the instance to end; `now`: without undoing anything."""

    at: int = 0
    now: bool = False


AnyEvent: TypeAlias = Event | Start | Returned | Failed | Fired | Decided | Cancel
