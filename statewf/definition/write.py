"""Definition to text, in its shortest readable form: what holds anyway is left out, what can be one word is.

`read` of what is written gives an equal definition; a test says so for arbitrary ones. The YAML is written
here and not by PyYAML, which would quote `on:` (true to readers of YAML 1.1) and needs ten times as long. It
means the same to YAML 1.1 and 1.2, but for that one key.

Below: `model`. Above: whoever shows, stores or converts a definition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs

from statewf.definition.model import (
    Assign,
    Definition,
    Emit,
    Function,
    Invoke,
    Raise,
    State,
    StateMachine,
    Transition,
    Workflow,
)
from statewf.definition.pricing import FLOAT_DIGITS, MODEL_OF, PerExecution, TimeBased
from statewf.definition.properties import Property, own_keys, pattern_of
from statewf.definition.words import camel
from statewf.expr import Expression, literal
from statewf.expr.syntax import Literal
from statewf.values.decimals import behind, significant, spelled
from statewf.values.frozen import thaw

_DATA = frozenset({"params", "context", "details", "data"})  # JSON, kept as it was written
_LISTED = frozenset({"steps", "properties"})  # a list even of one
_FIRST = (
    *("id", "name", "type", "description", "initial_state", "context", "unexpected", "error_handling"),
    *("initial", "parallel", "history", "final"),
)


def to_document(definition: Definition) -> dict[str, Any]:
    """The definition as plain dicts, lists and scalars, in the words of the files."""
    return _fields(definition)


def to_json(definition: Definition) -> str:
    """The definition as JSON text, for people and programs."""
    return json.dumps(to_document(definition), indent=2, ensure_ascii=False) + "\n"


def to_yaml(definition: Definition) -> str:
    """The definition as YAML text, in block style."""
    return "\n".join(_block(to_document(definition), "")) + "\n"


# --- to plain data


def _plain(value: Any) -> Any:
    match value:
        case Expression():
            return _expression(value)
        case Transition(str(target), guard=None, actions=(), internal=False):
            return target
        case Invoke(handler, params=params, on_done=(), on_error=()) if not params:
            return handler
        case Assign(assignments):
            return {"type": "assign", "set": {key: _assigned(item) for key, item in assignments.items()}}
        case Decimal():
            return _number(value)
        case PerExecution() | TimeBased():
            return {"model": MODEL_OF[type(value)], **_fields(value)}
        case Function() | Emit() | Raise():
            return {"type": type(value).__name__.lower(), **_fields(value)}
        case _ if isinstance(value, Property):
            return _property(value)
        case tuple():
            parts = [_plain(part) for part in value]
            return parts[0] if len(parts) == 1 else parts
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return _fields(value) if attrs.has(type(value)) else value


def _number(value: Decimal) -> int | float | str:
    """An exact decimal as a number, if it may be read as one."""
    if not behind(value):
        return int(value)
    return float(value) if significant(value) <= FLOAT_DIGITS else spelled(value)


def _property(value: Property) -> dict[str, Any]:
    """By the key of its pattern, under which what is its own lies, and beside it the rest."""
    written = _fields(value)
    own = {key: written.pop(camel(name)) for name, key in own_keys(type(value)).items()}
    (alone, *more) = own.values()
    return {pattern_of(type(value)): own if more else alone, **written}


def _fields(value: Any) -> dict[str, Any]:
    """The attributes that say something, by the keys of the files; the long ones last."""
    named = {field.name: field for field in attrs.fields(type(value)) if field.name != "places"}
    order = [name for name in _FIRST if name in named] + [name for name in named if name not in _FIRST]
    if isinstance(value, StateMachine | Workflow | State):
        last = "steps" if isinstance(value, Workflow) else "states"
        order.append(order.pop(order.index(last)))
    written: dict[str, Any] = {}
    for name in order:
        item = getattr(value, name)
        if item != _default(named[name]):
            written[camel(name)] = _written(name, item)
    return written


def _written(name: str, item: Any) -> Any:
    if name in _LISTED:
        return [_plain(part) for part in item]
    return thaw(item) if name in _DATA else _plain(item)


def _default(field: attrs.Attribute[Any]) -> Any:
    default: Any = field.default
    return default.factory() if hasattr(default, "factory") else default


def _assigned(value: Expression) -> str | bool | int | float | None:
    return None if value.text == "null" else _expression(value)


def _expression(value: Expression) -> str | bool | int | float:
    """A number, true or false stands for itself; all else is the text of the condition."""
    match value.node:
        case Literal(bool() | int() | float() as constant) if literal(constant).text == value.text:
            return constant
        case _:
            return value.text


# --- to YAML

_LONGEST_KEY = 500  # YAML reads a key of up to 1,024 characters before its colon; longer ones need a `?`

# What starts like a number, or is one of these words, is quoted, for YAML 1.1 takes more for one than 1.2.
_PLAIN = re.compile(r"[^\W\d_]|[_$(/]")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_AMBIGUOUS = re.compile(r": | #|:$| $")


def _block(value: Any, pad: str) -> Iterator[str]:
    """The lines of a mapping or list that is not empty."""
    if isinstance(value, dict):
        for key, item in value.items():
            written = "on" if key == "on" else _text(key)
            if len(written) > _LONGEST_KEY:
                yield f"{pad}? {written}"
                yield from _entry(f"{pad}:", item, pad)
            else:
                yield from _entry(f"{pad}{written}:", item, pad)
        return
    for item in value:
        if isinstance(item, dict | list) and item:
            first, *rest = _block(item, pad + "  ")
            yield f"{pad}- {first.lstrip(' ')}"
            yield from rest
        else:
            yield from _entry(f"{pad}-", item, pad)


def _entry(start: str, value: Any, pad: str) -> Iterator[str]:
    """A key or dash and its value: on the same line, or below."""
    if isinstance(value, dict | list) and value:
        yield start
        yield from _block(value, pad + "  ")
    elif isinstance(value, str) and _is_literal(value):
        yield f"{start} {'|' if value.endswith(chr(10)) else '|-'}"
        yield from (f"{pad}  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{start} {_scalar(value)}"


def _scalar(value: Any) -> str:
    match value:
        case str():
            return _text(value)
        case {} | []:
            return "{}" if isinstance(value, dict) else "[]"
        case float():
            written = repr(value)
            return written if "." in written else written.replace("e", ".0e")  # 1e+22 is text to YAML 1.1
        case _:
            return json.dumps(value)


def _is_literal(text: str) -> bool:
    """Whether text of several lines can stand as it is."""
    body = text.removesuffix("\n")
    lines = body.split("\n")
    return (
        len(lines) > 1
        and not body.startswith(("\n", " "))
        and not body.endswith("\n")
        and all(line.isprintable() and not line.endswith(" ") for line in lines)
    )


def _text(text: str) -> str:
    if not text.isprintable():
        return _quoted(text)
    if _PLAIN.match(text) and not _AMBIGUOUS.search(text) and text.lower() not in _WORDS:
        return text
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def _quoted(text: str) -> str:
    """In double quotes, where everything that cannot be seen is escaped."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in written)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
