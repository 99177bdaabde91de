"""Scenarios: a script in virtual time and what is expected of it, as frozen values.

Below: `definition`, for the words of single values and the lines of a text. Above: `script`, which
makes these of documents, and `simulate`, which runs them. A scenario may also be made by hand, in Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, assert_never

import attrs

from statewf.definition.places import Places
from statewf.definition.words import params
from statewf.machine.events import CallId, Cancel, Decided, Event, Failed, Returned
from statewf.values.frozen import EMPTY, Json, Object, freeze


@attrs.frozen
class Ok:
    """The handler returns this."""

    result: Json = attrs.field(default=EMPTY, converter=freeze)


@attrs.frozen
class Fail:
    """The handler raises this; not `retryable` is what NonRetryable does."""

    message: str = ""
    error: str = "Error"
    retryable: bool = True


@attrs.frozen
class Send:
    """The handler answers with an event."""

    event: str
    data: Object = attrs.field(default=EMPTY, converter=params)


@attrs.frozen
class Hang:
    """The handler never answers."""


Behaviour: TypeAlias = Ok | Fail | Send | Hang


@attrs.frozen
class Turn:
    """What a scripted handler does at one call, after how many ms. `stubborn`: it cannot be recalled."""

    behaviour: Behaviour = attrs.field(factory=Ok)
    after: int = 0
    stubborn: bool = False


@attrs.frozen
class Decision:
    """What somebody decides about a task, how many ms after it was opened."""

    decision: str
    after: int = 0
    by: str | None = None
    comments: str | None = None
    result: Json = attrs.field(default=None, converter=freeze)


@attrs.frozen
class Scenario:
    """A script: what comes from outside and when, what each call of a handler does, and what is expected.

    `handlers` and `tasks` have one entry a call or visit, and the last one repeats. `machine` is where the
    machine lies, in the words of whoever wrote the scenario. `places` knows the lines it was read from.
    """

    name: str | None = None
    machine: str | None = None
    inputs: Object = attrs.field(default=EMPTY, converter=params)
    volume: int | None = None
    handlers: Mapping[str, tuple[Turn, ...]] = attrs.field(factory=dict)
    tasks: Mapping[str, tuple[Decision, ...]] = attrs.field(factory=dict)
    events: tuple[Event | Cancel, ...] = ()
    expect: Mapping[str, Json] = attrs.field(default=EMPTY, converter=params)
    places: Places = attrs.field(factory=Places, eq=False, repr=False)


def reply(behaviour: Behaviour, call: CallId) -> Returned | Failed | None:
    """What a handler that does so answers a call; None: nothing, ever."""
    match behaviour:
        case Ok(result):
            return Returned(call, result)
        case Fail(message, error, retryable):
            return Failed(call, error, message, retryable=retryable)
        case Send(event, data):
            return Returned(call, None, answer=Event(event, data))
        case Hang():
            return None
        case _:
            assert_never(behaviour)


def decided(decision: Decision, task: str) -> Decided:
    """The event that somebody decides a task so."""
    return Decided(task, decision.decision, decision.by, decision.comments, decision.result)
