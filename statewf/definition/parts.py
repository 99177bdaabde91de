"""What a definition made in Python must be made of: each part an object of the right class.

A file cannot go wrong here, for `converter` makes the parts; a person can, with a dict where a `RetryPolicy`
belongs, and is told so at once and not when the definition is compiled.

Below: `words`. Above: `model` and `workflow`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import attrs

from statewf.definition.places import shown
from statewf.definition.words import wrong
from statewf.errors import DefinitionError
from statewf.values.frozen import NESTING

T = TypeVar("T")


def part(cls: type[Any]) -> Any:
    """An attrs validator: an object of this class."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, cls):
            raise _unfit(attribute.name, value, cls)

    return check


def part_if_any(cls: type[Any]) -> Any:
    """An attrs validator: an object of this class, or None."""
    return attrs.validators.optional(part(cls))


def several(name: str, value: T | Iterable[T], *classes: type[T]) -> tuple[T, ...]:
    """Objects of one of these classes, of which one may stand by itself."""
    if isinstance(value, classes):
        return (value,)
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise _unfit(name, value, *classes)
    listed = tuple(value)
    for i, item in enumerate(listed):
        if not isinstance(item, classes):
            raise _unfit(f"{name}[{i}]", item, *classes)
    return listed


def by_name(name: str, value: Mapping[str, T]) -> Mapping[str, T]:
    """What is to be a dict."""
    if not isinstance(value, Mapping):
        raise wrong("wrong-type", f"{name} must be a dict, found {shown(value)}")
    return value


def each_by_name(name: str, value: Mapping[str, T], cls: type[T]) -> Mapping[str, T]:
    """A dict whose values are of this class."""
    for key, item in by_name(name, value).items():
        if not isinstance(item, cls):
            raise _unfit(f"{name}[{shown(key)}]", item, cls)
    return value


def check_depth(levels: int, what: str) -> None:
    """Refuse what no file could say, and what would overflow whoever goes down it."""
    if levels > NESTING:
        raise wrong("too-deep", f"{what} nested deeper than {NESTING} levels")


def _unfit(name: str, value: object, *classes: type[Any]) -> DefinitionError:
    *others, last = [cls.__name__ for cls in classes]
    known = f"{', '.join(others)} or {last}" if others else last
    article = "an" if known[0] in "AEIOU" else "a"
    hint = f"make it with wf.{known}(...)" if not others else None
    return wrong("wrong-type", f"{name} must be {article} {known}, found {shown(value)}", hint)
