"""What cattrs raises, as mistakes with their paths; and what somebody may have meant by a key.

A mistake gets its path on its way up, from the notes that cattrs leaves.

Below: `model`, `words`, cattrs. Above: `converter`, `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any

import attrs
from cattrs import ClassValidationError, ForbiddenExtraKeysError

from statewf.definition.model import Assign, Emit, Function, Raise, StateMachine, Workflow
from statewf.definition.places import MOST_TOLD, Mistake, mistakes_of, shown
from statewf.definition.pricing import MODELS
from statewf.definition.words import camel, nearest
from statewf.errors import InputError

ACTIONS: dict[str, type[Function | Emit | Assign | Raise]] = {
    "function": Function,
    "emit": Emit,
    "assign": Assign,
    "raise": Raise,
}

# What people write who come from elsewhere, where it is not near enough to our word to be guessed.
# Of several words the first that is known at the place is meant.
_ELSEWHERE = {
    "action": ("handler",),
    "after": ("dependsOn", "timeout"),
    "assignee": ("assignTo",),
    "attempts": ("maxAttempts",),
    "before": ("until", "first"),
    "branches": ("steps",),
    "call": ("handler",),
    "concurrency": ("maxConcurrency",),
    "cond": ("guard", "condition"),
    "condition": ("guard",),
    "delay": ("baseDelay", "duration"),
    "do": ("handler",),
    "entry": ("onEntry",),
    "events": ("on", "event"),
    "exit": ("onExit",),
    "final": ("terminal",),
    "goto": ("target",),
    "globally": ("always",),
    "guard": ("when",),
    "if": ("guard", "condition", "when", "after"),
    "invariant": ("always",),
    "needs": ("dependsOn",),
    "never": ("absence",),
    "otherwise": ("else",),
    "retries": ("retryPolicy", "retry", "maxAttempts"),
    "retry": ("retryPolicy",),
    "run": ("handler",),
    "seconds": ("duration",),
    "since": ("after",),
    "src": ("handler",),
    "start": ("initialState",),
    "tasks": ("steps",),
    "then": ("eventually",),
    "to": ("target", "assignTo"),
    "transitions": ("on",),
    "trigger": ("after",),
    "uses": ("handler",),
    "when": ("guard", "after"),
}

MISSING = {
    "action": "name the handler that undoes it, as in action: refund",
    "escalateTo": "say who decides then, as in escalateTo: manager",
    "event": "name the event, as in event: Order.paid",
    "handler": "name what is to be called, as in handler: send-mail",
    "id": "a step needs an id, by which others depend on it, as in id: payment",
    "initialState": "name the state it starts in, as in initialState: pending",
    "maxAttempts": "say how often at most, as in maxAttempts: 3",
    "min": "say from which volume on, as in min: 100",
    "discount": "say how much is given, as in discount: 0.1 for ten per cent",
    "rate": "say what it costs, as in rate: 0.1",
    "automated": "say what it costs without a person, as in automated: 0.25",
    "humanReview": "say what it costs with a person, as in humanReview: 1.0",
    "on": "name the event, as in on: PAYMENT_FAILED, or $error for a failed invoke",
    "quorum": "say how many successes are enough, as in quorum: 2",
    "set": "say what gets which value, as in set: {paid: true}",
    "steps": "list at least one, as in steps: [{id: payment}]",
    "timeout": "say after how long, as in timeout: 12h",
}


class Wrong(Exception):
    """Mistakes in the value at hand, with their paths from there."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = list(mistakes)
        super().__init__()


def mistakes_in(error: Exception) -> Iterator[Mistake]:
    """What an error says about the value it was raised for. One that says nothing of the kind is raised again."""
    match error:
        case Wrong():
            yield from error.mistakes
        case InputError():
            yield from mistakes_of(error)
        case ForbiddenExtraKeysError():
            known = keys_of(error.cl)
            yield from (unknown(key, known) for key in sorted(error.extra_fields))
        case ClassValidationError():
            noted, others = error.group_exceptions()
            for inner, note in noted:
                yield from _of_attribute(inner, camel(note.name))
            for other in others:
                yield from mistakes_in(other)
        case _:
            raise error


def _of_attribute(error: Exception, key: str) -> Iterator[Mistake]:
    if isinstance(error, KeyError):
        yield Mistake("missing-key", f"{key} is missing", hint=MISSING.get(key))
    else:
        yield from (mistake.under((key,)) for mistake in mistakes_in(error))


def collect(structure: Callable[[Any], Any], value: Any, step: str | int, wrong: list[Mistake]) -> Any:
    """The structured value; or its mistakes, as seen from the list or mapping it stands in."""
    try:
        return structure(value)
    except Exception as error:
        found = islice(mistakes_in(error), MOST_TOLD)
        wrong.extend(mistake.under((step,)) for mistake in found)
        return None


def unknown(key: str, known: tuple[str, ...], said: Collection[str] = ()) -> Mistake:
    """The mistake of a key that is none of those known; one that is `said` already is less likely meant."""
    words = [word for word in _ELSEWHERE.get(key, ()) if word in known]
    meant = min(words, key=lambda word: word in said, default=None) or nearest(key, known)
    hint = f"did you mean {meant}?" if meant else f"known here: {', '.join(known)}"
    return Mistake("unknown-key", f"the key {shown(key)} is not known here", (key,), hint)


@cache
def keys_of(cls: Any) -> tuple[str, ...]:
    """The keys that may be written for a class."""
    keys = tuple(camel(field.name) for field in attrs.fields(cls) if field.name != "places")
    if cls in (StateMachine, Workflow):
        return ("type", "subtype", *keys)
    if cls in MODELS.values():
        return ("model", *keys)
    return ("type", *keys) if cls in ACTIONS.values() else keys
