"""As much of JSON Schema 2020-12 as our own schema uses, to see what it lets pass; any other word is an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

Schema: TypeAlias = Any  # a JSON object, or true or false

_SAYS_NOTHING = {"$schema", "$defs", "title", "description", "then", "else"}
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0,
}


def valid(value: Any, schema: Schema, root: Schema = None) -> bool:
    """Whether a plain document is what a schema says."""
    if isinstance(schema, bool):
        return schema
    whole = schema if root is None else root
    if "if" in schema:
        way = "then" if valid(value, schema["if"], whole) else "else"
        if not valid(value, schema.get(way, True), whole):
            return False
    words = {word: said for word, said in schema.items() if word not in _SAYS_NOTHING and word != "if"}
    return all(_holds(word, said, value, schema, whole) for word, said in words.items())


def _holds(word: str, said: Any, value: Any, schema: Schema, root: Schema) -> bool:
    match word:
        case "$ref":
            return valid(value, root["$defs"][said.removeprefix("#/$defs/")], root)
        case "anyOf":
            return any(valid(value, inner, root) for inner in said)
        case "oneOf":
            return sum(valid(value, inner, root) for inner in said) == 1
        case "allOf":
            return all(valid(value, inner, root) for inner in said)
        case "not":
            return not valid(value, said, root)
        case "const":
            return bool(value == said) and isinstance(value, bool) == isinstance(said, bool)
        case "enum":
            return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in said)
        case "type":
            return any(_TYPES[name](value) for name in ([said] if isinstance(said, str) else said))
    match value:
        case dict():
            return _object_holds(word, said, value, schema, root)
        case list():
            return _list_holds(word, said, value, root)
        case _:
            return _scalar_holds(word, said, value)


def _object_holds(word: str, said: Any, value: dict[str, Any], schema: Schema, root: Schema) -> bool:
    match word:
        case "properties":
            return all(valid(value[key], inner, root) for key, inner in said.items() if key in value)
        case "additionalProperties":
            return all(valid(value[key], said, root) for key in set(value) - set(schema.get("properties", ())))
        case "propertyNames":
            return all(valid(key, said, root) for key in value)
        case "required":
            return all(key in value for key in said)
        case "dependentRequired":
            return all(set(others) <= set(value) for key, others in said.items() if key in value)
        case "minProperties":
            return bool(len(value) >= said)
        case _:
            return _is_of_others(word)


def _list_holds(word: str, said: Any, value: list[Any], root: Schema) -> bool:
    match word:
        case "items":
            return all(valid(item, said, root) for item in value)
        case "minItems":
            return bool(len(value) >= said)
        case "maxItems":
            return bool(len(value) <= said)
        case "uniqueItems":
            return not said or all(one not in value[:i] for i, one in enumerate(value))
        case _:
            return _is_of_others(word)


def _scalar_holds(word: str, said: Any, value: Any) -> bool:
    match word:
        case "minLength" | "maxLength" | "pattern" if not isinstance(value, str):
            return True
        case "minLength":
            return bool(len(value) >= said)
        case "maxLength":
            return bool(len(value) <= said)
        case "pattern":
            return (
                re.search(re.sub(r"\$$", r"\\Z", said), value) is not None
            )  # `$` is the very end, as in JavaScript
        case "minimum" | "maximum" if not _TYPES["number"](value):
            return True
        case "minimum":
            return bool(value >= said)
        case "maximum":
            return bool(value <= said)
        case _:
            return _is_of_others(word)


_OTHERS = {
    *("properties", "additionalProperties", "propertyNames", "required", "dependentRequired", "minProperties"),
    *("items", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "minimum", "maximum"),
}


def _is_of_others(word: str) -> bool:
    """A word about values of another kind holds for this one; one that nobody knows is a mistake."""
    assert word in _OTHERS, word
    return True
