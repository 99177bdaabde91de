"""What a single value of a definition must be: names, durations, counts, conditions, words of a list.

Below: `values`, `expr`, `errors`. Above: `model`, whose fields these converters guard, in files and in Python
alike. A converter takes whatever it is given and raises DefinitionError with the reason and, where there is
one, the way out; it never guesses: `"yes"` is not true, and `"3"` is not 3.
"""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, TypeAlias

import attrs

from statewf.definition.places import shown
from statewf.errors import DefinitionError, Diagnostic, ExpressionError
from statewf.expr import Expression, literal, parse
from statewf.values.duration import HINT, milliseconds
from statewf.values.frozen import Object, freeze, freeze_object

ERROR = "$error"  # what `retry.on` calls a failed `invoke`
LONGEST_NAME = 200
MOST = 1_000_000  # attempts: more is a slip, or an attack
MOST_COMPARED = 50  # words that are compared letter by letter with one that is not known


def wrong(code: str, message: str, hint: str | None = None) -> DefinitionError:
    """The error that says so, about the value at hand."""
    return DefinitionError([Diagnostic(code, message, hint=hint)])


def wrong_type(expected: str, value: object, hint: str | None = None) -> DefinitionError:
    """The error that a value is of another kind than it must be."""
    if value is None and hint is None:
        hint = "leave the key out if nothing is meant"
    return wrong("wrong-type", f"expected {expected}, found {shown(value)}", hint)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """What somebody may have meant by a word that is not known."""
    if len(word) > LONGEST_NAME:
        return None  # comparing is slow, and nobody means such a word
    pairs = set(pairwise(word))
    alike = heapq.nlargest(MOST_COMPARED, known, key=lambda other: len(pairs.intersection(pairwise(other))))
    close = difflib.get_close_matches(word, alike, n=1)
    return close[0] if close else None


@cache
def camel(snake: str) -> str:
    """The key of the files for an attribute of Python: `onEntry` for `on_entry`."""
    first, *rest = snake.split("_")
    return first + "".join(part.capitalize() for part in rest)


def duration(value: int | str | timedelta) -> int:
    """Milliseconds from an int, text or timedelta."""
    if not isinstance(value, int | float | str | timedelta):
        raise wrong_type("a duration", value, HINT)
    try:
        return milliseconds(value)
    except ValueError as error:
        raise wrong("bad-duration", str(error), HINT) from None
    except OverflowError:
        raise wrong("bad-duration", "a duration of more than a hundred years", HINT) from None


def expression(value: str | bool | float | Expression | None) -> Expression:
    """A condition or value from its text; numbers, true, false and null stand for themselves."""
    match value:
        case Expression():
            return value
        case str():
            return _parsed(value)
        case None | bool() | int() | float():
            return literal(value)
        case _:
            raise wrong_type("a condition as text", value, 'write it in quotes, as in "[1, 2]"')


def _parsed(text: str) -> Expression:
    """The expression that the text says; what it says wrong has a hint, and be it how others look."""
    try:
        return parse(text)
    except ExpressionError as error:
        usual = "as in inputs.total > 100 && context.kind === 'business'"
        raise ExpressionError([attrs.evolve(d, hint=d.hint or usual) for d in error.diagnostics]) from None


def count(value: int) -> int:
    """A number of attempts: a whole number from 1 to a million."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type("a whole number", value)
    if not 1 <= value <= MOST:
        raise wrong("out-of-range", f"{shown(value)} is not a whole number from 1 to {MOST:,}")
    return value


def identifier(value: str) -> str:
    """An id: non-empty text without control characters, without `/`, not led by `$`, and neither `.` nor `..`."""
    if not isinstance(value, str):
        raise wrong_type("a name", value)
    if not value.strip():
        raise wrong("bad-name", f"{shown(value)} is not a name")
    if value.startswith("$"):
        raise wrong("bad-name", f"{shown(value)} starts with $, which is reserved for the machine's own names")
    if "/" in value:
        raise wrong("bad-name", f"{shown(value)} contains /, which is kept for paths")
    if value in (".", ".."):
        raise wrong("bad-name", f"{shown(value)} is kept for paths")
    if not value.isprintable():
        raise wrong("bad-name", f"{value[:40]!a} contains a control character")
    if len(value) > LONGEST_NAME:
        raise wrong("bad-name", f"a name of more than {LONGEST_NAME} characters: {shown(value)}")
    return value


def event_name(value: str) -> str:
    """What `retry` may wait for: the name of an event, or `$error`."""
    return value if value == ERROR else identifier(value)


def plain_text(value: str) -> str:
    """Any text that UTF-8 can hold."""
    if not isinstance(value, str):
        raise wrong_type("text", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise wrong("not-unicode", "text with a lone surrogate, which no UTF-8 can hold") from None
    return value


def identifiers(value: str | Iterable[str]) -> tuple[str, ...]:
    """Ids, of which one may stand by itself."""
    return tuple(identifier(item) for item in one_or_many(value, "a name"))


def targets(value: str | Iterable[str]) -> str | tuple[str, ...]:
    """Where a transition leads: one state, or several that are active side by side."""
    if isinstance(value, str):
        return identifier(value)
    names = identifiers(value)
    if not names:
        raise wrong("bad-target", "an empty list of states", "name a state, or leave the key out")
    if double := next((name for i, name in enumerate(names) if name in names[:i]), None):
        raise wrong("bad-target", f"{double} is named twice", "name it once")
    return names if len(names) > 1 else names[0]


def texts(value: str | Iterable[str]) -> tuple[str, ...]:
    """Texts, of which one may stand by itself."""
    return tuple(plain_text(item) for item in one_or_many(value, "text"))


def one_or_many(value: str | Iterable[Any], what: str) -> Iterable[Any]:
    """What is to be a list of texts, of which one may stand by itself."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        raise wrong_type(f"{what} or a list", value)
    return value


def flag(value: bool) -> bool:
    """A bool, and nothing that is merely like one."""
    if not isinstance(value, bool):
        raise wrong_type("true or false", value)
    return value


def params(value: Mapping[str, Any] | None) -> Object:
    """What a handler is called with: any JSON object."""
    if not isinstance(value, Mapping | None):
        raise wrong_type("an object of names and values", value)
    return freeze_object(value, "params")


def one_of(value: object, allowed: tuple[str, ...]) -> Any:
    """One of these words."""
    if not isinstance(value, str):
        raise wrong_type(f"one of {', '.join(allowed)}", value)
    if value not in allowed:
        meant = nearest(value, allowed)
        hint = f"did you mean {meant}?" if meant else f"one of {', '.join(allowed)}"
        raise wrong("bad-choice", f"{shown(value)} is not one of the words for this", hint)
    return value


def word(*allowed: str) -> Any:
    """An attrs validator: one of these words."""

    def check(_: object, __: attrs.Attribute[Any], value: object) -> None:
        one_of(value, allowed)

    return check


def choice(*allowed: str) -> Any:
    """An attrs validator: one of these words, or None."""
    return attrs.validators.optional(word(*allowed))


Name: TypeAlias = Annotated[str, identifier]
EventName: TypeAlias = Annotated[str, event_name]
Targets: TypeAlias = Annotated[str | tuple[str, ...], targets]
Text: TypeAlias = Annotated[str, plain_text]
Milliseconds: TypeAlias = Annotated[int, duration]
Count: TypeAlias = Annotated[int, count]
Params: TypeAlias = Annotated[Object, params]
Data: TypeAlias = Annotated[Any, freeze]  # any JSON value, frozen
