"""Document to definition: every value looked at, every mistake told, each with its path.

cattrs goes down the model's types; the hooks here say what each type may be written as, and the converters
that the model's types carry say what a single value must be. No hook knows where it stands: a mistake gets
its path on its way up, from the notes that cattrs leaves (`_mistakes`), and its line at the very end.
A list or mapping stops after a thousand mistakes, so that a hostile file costs no more than a careless one.

Below: `document`, `model`. Above: the compiler's callers, `statewf.files`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args, get_origin

import attrs
from cattrs import BaseValidationError, ClassValidationError, Converter, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from statewf.definition.document import Document, Format, document, refusal
from statewf.definition.model import (
    Action,
    Assign,
    Emit,
    Function,
    Invoke,
    State,
    StateMachine,
    Transition,
)
from statewf.definition.places import FULL, MOST_TOLD, Mistake, Path, mistakes_of, shown
from statewf.definition.shape import NOWHERE, misfits, said
from statewf.definition.words import camel, expression, flag, nearest, one_of
from statewf.errors import InputError
from statewf.expr import Expression

Hook: TypeAlias = Callable[[Any, Any], Any]

UNNAMED = "machine"
ACTIONS: dict[str, type[Action]] = {"function": Function, "emit": Emit, "assign": Assign}

# What people write who come from elsewhere, where it is not near enough to our word to be guessed.
_ELSEWHERE = {
    "cond": "guard",
    "condition": "guard",
    "if": "guard",
    "entry": "onEntry",
    "exit": "onExit",
    "final": "terminal",
    "after": "timeout",
    "to": "target",
    "goto": "target",
    "transitions": "on",
    "events": "on",
    "attempts": "maxAttempts",
    "delay": "baseDelay",
    "src": "handler",
    "start": "initialState",
}


def read(
    text: str | bytes, *, source: str | None = None, format: Format | None = None, name: str | None = None
) -> StateMachine:
    """The state machine that a text defines. Raises DefinitionError that tells every mistake.

    `source` is where the text came from, as people are told it; its suffix says the format, and its stem
    (or `name`) the machine's name where the text gives none.
    """
    found = document(text, source, format)
    mistakes = list(found.mistakes)
    machine = None
    try:
        machine = _machine(found.value, name or _stem(source))
    except _Wrong as error:
        spoiled = found.spoiled()
        mistakes += [mistake for mistake in error.mistakes if mistake.path not in spoiled]
    if mistakes or machine is None:
        raise refusal(mistakes, found.places)
    return attrs.evolve(machine, places=found.places)


def _stem(source: str | None) -> str:
    last = (source or "").replace("\\", "/").rpartition("/")[2]
    return last.rpartition(".")[0] or last or UNNAMED
