"""The closed list of functions that a condition may call, and what each takes.

Below: `operators`. Above: `grammar` refuses what is not on the list, `evaluate` calls what is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from statewf.expr.operators import Fault, bounded, equal, is_composite, kind, length, settled
from statewf.expr.syntax import UNDEFINED, is_number


@attrs.frozen
class Function:
    """How a function is called: `takes` names its arguments, `many` lets the last one repeat."""

    call: Callable[..., Any]
    takes: tuple[str, ...]
    many: bool = False

    def accepts(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return count == len(self.takes) or (self.many and count > len(self.takes))

    def usage(self, name: str) -> str:
        """`includes(list, value)`."""
        return f"{name}({', '.join(self.takes)}{', ...' if self.many else ''})"


def _len(value: Any) -> int:
    if isinstance(value, Mapping):
        return len(value)
    if isinstance(value, str | tuple | list):
        return length(value)
    raise Fault(f"len takes text, a list or an object, not {kind(value)}")


def _includes(container: Any, value: Any) -> bool:
    if isinstance(container, str):
        return _text("includes", value) in container
    if not isinstance(container, tuple | list):
        raise Fault(f"includes looks into a list or text, not {kind(container)}")
    if is_composite(value):
        raise Fault(f"includes cannot look for {kind(value)}, which has no identity")
    if isinstance(value, str) or value is None:
        return value in container
    return any(equal(item, value) for item in container)  # for Python 1 and true are the same


def _starts_with(text: Any, prefix: Any) -> bool:
    return _text("startsWith", text).startswith(_text("startsWith", prefix))


def _ends_with(text: Any, suffix: Any) -> bool:
    return _text("endsWith", text).endswith(_text("endsWith", suffix))


def _lower(text: Any) -> str:
    return bounded(_text("lower", text).lower())


def _upper(text: Any) -> str:
    return bounded(_text("upper", text).upper())


def _abs(number: Any) -> int | float:
    return abs(_number("abs", number))


def _min(*numbers: Any) -> int | float:
    return min(_number("min", number) for number in numbers)


def _max(*numbers: Any) -> int | float:
    return max(_number("max", number) for number in numbers)


def _round(number: Any) -> int | float:
    """To the nearest whole number, halves upwards: -2.5 is -2."""
    if isinstance(_number("round", number), int):
        return int(number)
    down = math.floor(number)
    return settled(float(down if number - down < 0.5 else down + 1))


def _has(value: Any, key: Any) -> bool:
    """Whether the member is there, though it be null. Nothing is in what is itself missing."""
    if value is None or value is UNDEFINED:
        return False
    if not isinstance(value, Mapping):
        raise Fault(f"has looks into an object, not {kind(value)}")
    return _text("has", key) in value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Fault(f"{name} takes text, not {kind(value)}")
    return value


def _number(name: str, value: Any) -> int | float:
    if not is_number(value):
        raise Fault(f"{name} takes a number, not {kind(value)}")
    number: int | float = value
    return number


FUNCTIONS: Mapping[str, Function] = {
    "len": Function(_len, ("value",)),
    "includes": Function(_includes, ("list", "value")),
    "startsWith": Function(_starts_with, ("text", "start")),
    "endsWith": Function(_ends_with, ("text", "end")),
    "lower": Function(_lower, ("text",)),
    "upper": Function(_upper, ("text",)),
    "abs": Function(_abs, ("number",)),
    "min": Function(_min, ("number",), many=True),
    "max": Function(_max, ("number",), many=True),
    "round": Function(_round, ("number",)),
    "has": Function(_has, ("object", "key")),
}
