"""Frozen JSON: what events, inputs and results are made of.

An object is an `Object` (a dict that refuses to change, in its given order), an array a tuple.
`freeze` is the only way in and tells every value that is not JSON; `thaw` gives plain lists and dicts.
`Map` is a persistent mapping for what grows with a run (context, regions): a changed copy shares
all but a path with the original, whatever the size. It has no order; sort when you show it.
"""

from __future__ import annotations

import math
from collections.abc import Container, Hashable, Mapping
from typing import Any, NoReturn, TypeAlias

from immutables import Map

from statewf.errors import DataError, Diagnostic

__all__ = ["EMPTY", "NESTING", "Json", "Map", "Object", "freeze", "freeze_object", "plain_text", "restored", "thaw"]

NESTING = 100  # deeper data is refused: it is a mistake or an attack, and recursion must end
KEPT_NESTING = 300  # of what is made of such data: a block's result holds those of a hundred levels of blocks
DIGITS = 4000  # Python itself refuses to print integers of more than 4,300 digits

Json: TypeAlias = "bool | int | float | str | tuple[Json, ...] | Object | None"


class Object(dict[str, Any]):
    """A JSON object that cannot be changed; equal to a dict of the same items."""

    __slots__ = ("_hash", "_nesting")
    _hash: int
    _nesting: int

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this object is frozen; make a copy with dict(...)")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = _refuse
    __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # dict declares it None: it could change, this cannot
        try:
            return self._hash
        except AttributeError:
            self._hash = hash(frozenset(self.items()))
            return self._hash

    @property
    def nesting(self) -> int:
        """How many arrays and objects lie within each other, itself included."""
        try:
            return self._nesting
        except AttributeError:
            self._nesting = 1 + max(map(nesting, self.values()), default=0)
            return self._nesting

    def __reduce__(self) -> tuple[Any, ...]:
        return (Object, (dict(self),))


EMPTY = Object()


def freeze(value: object, within: int = NESTING) -> Json:
    """The same JSON value, immutable. Raises DataError that names every part that is not JSON, or nested too deep."""
    if value is None or (type(value) in (bool, str, int) and not _wrong_scalar(value)):
        return value  # type: ignore[return-value]  # the commonest case, checked by the line above
    mistakes: list[Diagnostic] = []
    frozen = _freeze(value, "$", within, mistakes)
    if mistakes:
        raise DataError(mistakes)
    return frozen


def restored(value: object) -> Json:
    """What was kept as JSON, as it was. Raises DataError when it cannot have been."""
    return freeze(value, KEPT_NESTING)


def freeze_object(value: object, what: str) -> Object:
    """`value` as a frozen object; None is the empty one. Raises DataError for anything else."""
    if value is None:
        return EMPTY
    if type(value) is Object and nesting(value) <= NESTING:
        return value
    if not isinstance(value, Mapping):
        found = kind_of(value)
        raise DataError([Diagnostic("not-an-object", f"{what} must be an object of names and values, not {found}")])
    frozen = freeze(value)
    assert isinstance(frozen, Object)
    return frozen


def plain_text(value: object, what: str) -> str:
    """`value` if it is text that UTF-8 can hold. Raises DataError for anything else."""
    if not isinstance(value, str):
        raise DataError([Diagnostic("not-text", f"{what} must be text, not {kind_of(value)}")])
    if wrong := _wrong_scalar(value):
        raise DataError([Diagnostic(wrong[0], f"{what} is {wrong[1]}")])
    return value


def nesting(value: Any) -> int:
    """How many arrays and objects lie within each other, the value included: 0 for a scalar."""
    if isinstance(value, Object):
        return value.nesting
    if isinstance(value, Map):
        return 1 + max(map(nesting, value.values()), default=0)
    return 1 + max(map(nesting, value), default=0) if isinstance(value, tuple) else 0


def settled(value: Any) -> Any:
    """A computed value as frozen JSON: what grows with a run becomes an object, in the order of its names."""
    if isinstance(value, Map):
        return Object((key, settled(value[key])) for key in sorted(value))
    return tuple(map(settled, value)) if isinstance(value, tuple) else value


def thaw(value: Any) -> Any:
    """Plain dicts and lists that the caller owns and may change."""
    if isinstance(value, Mapping):
        keys = sorted(value) if isinstance(value, Map) else value
        return {key: thaw(value[key]) for key in keys}
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    return value


def exactly(value: Any, alike: tuple[type, ...] = (), but: Container[str] = ()) -> Hashable:
    """What is equal only to the same JSON: for Python 1 is True. Values of types that are `alike` are one; names in `but` are left out."""
    match value:
        case bool():
            return ("bool", value)
        case tuple():
            return ("tuple", *(exactly(item, alike, but) for item in value))
        case Mapping():
            return frozenset((key, exactly(item, alike, but)) for key, item in value.items() if key not in but)
        case _ if isinstance(value, alike):
            return alike
        case _:
            scalar: Hashable = value
            return scalar


def kind_of(value: object) -> str:
    """What a person would call the kind of a value: `text`, `a number`, `an object`."""
    if value is None:
        return "null"
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return f"a Python {type(value).__name__}"


_KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((bool,), "true or false"),
    ((int, float), "a number"),
    ((str,), "text"),
    ((list, tuple), "a list"),
    ((Mapping,), "an object"),
)


def _freeze(value: object, path: str, depth: int, mistakes: list[Diagnostic]) -> Json:
    match value:
        case Object() if nesting(value) <= depth:
            return value
        case None | bool() | str() | int() | float():
            if wrong := _wrong_scalar(value):
                mistakes.append(Diagnostic(*wrong, path=path))
            return value
        case Mapping() | list() | tuple() if depth == 0:
            mistakes.append(Diagnostic("too-deep", f"nested deeper than {NESTING} levels", path[:80] + "..."))
            return None
        case Mapping():
            items: dict[str, Json] = {}
            for key, item in value.items():
                if not isinstance(key, str) or _wrong_scalar(key):
                    mistakes.append(Diagnostic("not-json", f"the key {key!r} is not text", path))
                else:
                    items[key] = _freeze(item, f"{path}.{key}", depth - 1, mistakes)
            return Object(items)
        case list() | tuple():
            return tuple(_freeze(item, f"{path}[{i}]", depth - 1, mistakes) for i, item in enumerate(value))
        case _:
            mistakes.append(Diagnostic("not-json", f"{kind_of(value)} is not JSON", path))
            return None


def _wrong_scalar(value: object) -> tuple[str, str] | None:
    """Why a scalar cannot be kept as JSON text, or None."""
    if isinstance(value, float) and not math.isfinite(value):
        return "not-finite", f"{value} is not a JSON number"
    if isinstance(value, int) and value.bit_length() > DIGITS * 3:
        return "huge-number", f"an integer of more than {DIGITS} digits"
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "not-unicode", "text with a lone surrogate, which no UTF-8 can hold"
    return None
