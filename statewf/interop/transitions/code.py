"""Plain values as Python code that one can read: on one line where that fits, else one item a line.

Below: nothing. Above: `write`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import attrs

_WIDTH = 100


@attrs.frozen
class Code:
    """Code that stands as it is: a name, or a call with its arguments."""

    text: str
    arguments: tuple[tuple[str, Any], ...] | None = None  # (name, value); the name is empty if there is none


def called(name: str, *positional: Any, **named: Any) -> Code:
    """A call. Arguments are values; those that are None are written, too."""
    return Code(name, (*(("", value) for value in positional), *named.items()))


def shown(value: Any, indent: int = 0) -> str:
    """The code of JSON values, and of Code among them; text is quoted, whatever it holds."""
    line = _line(value)
    opened = _opened(value)
    if opened is None or (len(line) + indent <= _WIDTH and not _deep(value)):
        return line
    first, items, last = opened
    pad = " " * (indent + 4)
    lines = (f"{pad}{label}{shown(item, indent + 4)},\n" for label, item in items)
    return f"{first}\n{''.join(lines)}{' ' * indent}{last}"


def _line(value: Any) -> str:
    opened = _opened(value)
    if opened is not None:
        first, items, last = opened
        return f"{first}{', '.join(label + _line(item) for label, item in items)}{last}"
    match value:
        case Code(text):
            return text
        case str():
            return json.dumps(value, ensure_ascii=not value.isprintable())
        case float() if not math.isfinite(value):
            raise AssertionError("JSON has no such number")
        case _:
            return repr(value)


def _opened(value: Any) -> tuple[str, Iterable[tuple[str, Any]], str] | None:
    """What stands before, within and behind something that has parts; None where there are none."""
    match value:
        case Code(name, tuple(arguments)):
            return f"{name}(", [(f"{key}=" if key else "", item) for key, item in arguments], ")"
        case dict() if value:
            return "{", [(f"{_line(key)}: ", item) for key, item in value.items()], "}"
        case list() | tuple() if value:
            return "[", [("", item) for item in value], "]"
        case _:
            return None


def _deep(value: Any) -> bool:
    """Whether it is a list of dicts: these stand one a line, however short."""
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)
