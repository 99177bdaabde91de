"""What JavaScript's operators mean on JSON values, and where we rather refuse: a `Fault`.

Below: `syntax` (for `UNDEFINED` and the spelling of numbers) and `values`. Above: `functions`, `evaluate`.
Numbers are doubles: arithmetic is done in them, and the result is an int where it is a whole number within
2^53, so that it is stored as people write it. Only comparing is finer: integers of any size, exactly.
We differ from JavaScript where it would guess: text is never read as a number, nothing becomes NaN or
Infinity, objects have no identity (it would not survive storage), and there are no inherited members.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, TypeAlias

from statewf.errors import StatewfError
from statewf.expr.syntax import UNDEFINED, Undefined, number_text
from statewf.values.frozen import Map, kind_of

Operator: TypeAlias = Callable[[Any, Any], Any]

SAFE = 2**53  # up to here every integer is a double
LONGEST_TEXT = 1_000_000  # characters; it bounds what a condition can cost

_PLAIN = frozenset({str, int, float, bool, NoneType, Undefined})
_NUMERIC = (int, float)  # bool too, by Python's inheritance; named, for `int | float` costs as much as the check
_INDEXED = (str, tuple, list)
_MAPPINGS = (dict, Map)  # those we make; asking the abstract Mapping is ten times slower, so that comes last


class Fault(StatewfError):
    """A condition that has no answer for these values: `"a" < 1`, a division by zero."""


def kind(value: object) -> str:
    """What a person would call the kind of a value."""
    return "undefined" if value is UNDEFINED else kind_of(value)


def is_composite(value: object) -> bool:
    """Whether it is an object or an array."""
    return type(value) not in _PLAIN and isinstance(value, (dict, tuple, list, Map, Mapping))


def truthy(value: Any) -> bool:
    """JavaScript's truth: empty objects and arrays are true, unlike Python's."""
    return bool(value) or is_composite(value)


# --- comparison ---------------------------------------------------------------------------------------------


def equal(left: Any, right: Any) -> bool:
    """`left === right`."""
    if is_composite(left) and is_composite(right):
        raise Fault("objects and lists cannot be compared with ===: they have no identity; compare their members")
    return bool(left == right) and isinstance(left, bool) is isinstance(right, bool)


def unequal(left: Any, right: Any) -> bool:
    """`left !== right`."""
    return not equal(left, right)


def _ordering(sign: str, compare: Callable[[Any, Any], bool]) -> Operator:
    def apply(left: Any, right: Any) -> bool:
        if left is UNDEFINED or right is UNDEFINED:
            return False
        if isinstance(left, str) and isinstance(right, str):
            if not (left.isascii() and right.isascii()):
                return compare(_units(left), _units(right))
            return compare(left, right)
        if _is_numeric(left) and _is_numeric(right):
            return compare(left or 0, right or 0)
        raise Fault(f"cannot order {kind(left)} {sign} {kind(right)}")

    return apply


def _units(text: str) -> bytes:
    """Bytes that sort as JavaScript sorts text: by UTF-16 units, in which emoji come before U+FFFD."""
    return text.encode("utf-16-be", "surrogatepass")


# --- arithmetic ---------------------------------------------------------------------------------------------


def _is_numeric(value: object) -> bool:
    return isinstance(value, _NUMERIC) or value is None  # null, true and false count as 0, 1 and 0


def settled(result: float) -> int | float:
    """A double as we keep it: whole numbers within 2^53 as int, and never Infinity."""
    if -SAFE <= result <= SAFE:
        return int(result) if result.is_integer() else result
    if not math.isfinite(result):
        raise Fault("the result is too large for a number")
    return result


def _arithmetic(sign: str, compute: Callable[[float, float], float]) -> Operator:
    def apply(left: Any, right: Any) -> int | float:
        if not (_is_numeric(left) and _is_numeric(right)):
            raise Fault(f"cannot compute {kind(left)} {sign} {kind(right)}")
        try:
            result = compute(float(left or 0), float(right or 0))
        except OverflowError:
            raise Fault("a number is too large for arithmetic") from None
        return settled(result)

    return apply


def _divided(left: float, right: float) -> float:
    if right == 0:
        raise Fault("division by zero")
    return left / right


def _remainder(left: float, right: float) -> float:
    if right == 0:
        raise Fault("modulo by zero")
    return math.fmod(left, right)  # the sign of the left side, as in JavaScript; Python's % takes the other


_sum = _arithmetic("+", operator.add)


def add(left: Any, right: Any) -> Any:
    """`left + right`: a sum, or joined text when one side is text."""
    if not isinstance(left, str) and not isinstance(right, str):
        return _sum(left, right)
    if not (_is_joinable(left) and _is_joinable(right)):
        raise Fault(f"cannot join {kind(left)} + {kind(right)}")
    return bounded(as_text(left) + as_text(right))


def _is_joinable(value: object) -> bool:
    return isinstance(value, str) or _is_numeric(value)


def bounded(text: str) -> str:
    """The text, if it is not too long to keep."""
    if len(text) > LONGEST_TEXT:
        raise Fault(f"the text would be longer than {LONGEST_TEXT:,} characters")
    return text


def negative(value: Any) -> Any:
    """`-value`. Exact for any integer, so that a condition can name every one of them."""
    if not _is_numeric(value):
        raise Fault(f"cannot compute - {kind(value)}")
    return -(value or 0) if not isinstance(value, float) else settled(-value)


def positive(value: Any) -> Any:
    """`+value`: a number as it is; null, true and false as numbers."""
    if not _is_numeric(value):
        raise Fault(f"cannot compute + {kind(value)}")
    return int(value or 0) if value is None or isinstance(value, bool) else value


def negated(value: Any) -> bool:
    """`!value`."""
    return not truthy(value)


def as_text(value: str | float | Undefined | None) -> str:
    """A scalar as JavaScript makes text of it."""
    match value:
        case str():
            return value
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() if -SAFE <= value <= SAFE:
            return str(value)
        case int():
            return number_text(_sum(value, 0))
        case float():
            return number_text(value)
        case Undefined():
            return "undefined"


UNARY: Mapping[str, Callable[[Any], Any]] = {"!": negated, "-": negative, "+": positive}

ORDERING: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

BINARY: Mapping[str, Operator] = {
    "===": equal,
    "!==": unequal,
    **{sign: _ordering(sign, compare) for sign, compare in ORDERING.items()},
    "+": add,
    "-": _arithmetic("-", operator.sub),
    "*": _arithmetic("*", operator.mul),
    "/": _arithmetic("/", _divided),
    "%": _arithmetic("%", _remainder),
}


# --- members ------------------------------------------------------------------------------------------------


def member(value: Any, key: str) -> Any:
    """`value[key]`, or UNDEFINED where there is no such member; through undefined and null too."""
    if isinstance(value, _MAPPINGS) or (type(value) not in _PLAIN and isinstance(value, Mapping)):
        return value.get(key, UNDEFINED)
    if not isinstance(value, _INDEXED):
        return UNDEFINED
    if key == "length":
        return length(value)
    if key.isascii() and key.isdigit() and len(key) < 16 and str(int(key)) == key:
        return _item(value, int(key))
    return UNDEFINED


def element(value: Any, key: Any) -> Any:
    """`value[key]` for a computed key, which JavaScript makes text of."""
    if type(key) is int and isinstance(value, _INDEXED):
        return _item(value, key)
    if is_composite(key):
        raise Fault(f"{kind(key)} cannot be a key")
    return member(value, as_text(key))


def length(value: str | tuple[Any, ...] | list[Any]) -> int:
    """How many items, or for text how many UTF-16 units, as JavaScript counts."""
    if isinstance(value, str) and not value.isascii():
        return len(_units(value)) // 2
    return len(value)


def _item(value: str | tuple[Any, ...] | list[Any], index: int) -> Any:
    if not 0 <= index < length(value):
        return UNDEFINED
    if not isinstance(value, str) or value.isascii():
        return value[index]
    unit = int.from_bytes(_units(value)[2 * index : 2 * index + 2], "big")
    if 0xD800 <= unit <= 0xDFFF:  # half an emoji could be neither stored nor sent
        raise Fault(f"the character at {index} takes two places, and only one of them was asked for")
    return chr(unit)
