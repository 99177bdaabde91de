"""A property from its document: `{absence: paid, after: cancelled}`, with every mistake and its path.

Here the keys of the files differ from the attributes of the model: that of the pattern stands for the class, and
what is the pattern's own lies within it.

Below: `properties`, `mistakes`, cattrs. Above: `converter`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, get_type_hints

import attrs
from cattrs import Converter

from statewf.definition.mistakes import Wrong, collect, unknown
from statewf.definition.places import Mistake
from statewf.definition.properties import BESIDE, PATTERNS, Absence, Property, own_keys
from statewf.definition.words import wrong_type

EXAMPLES = {
    "absence": "absence: paid",
    "existence": "existence: [delivered, cancelled]",
    "precedence": "precedence: {first: paid, then: shipped}",
    "response": "response: {after: paid, eventually: shipped}",
    "always": "always: context.total >= 0",
    "sometimes": "sometimes: includes(state, 'shipped')",
    "eventually": "eventually: context.paid === true",
}


def read_property(made: Converter, value: Any, _: Any) -> Property:
    """The property that a document says. Raises Wrong, which tells every mistake."""
    if not isinstance(value, dict):
        raise wrong_type("a property", value, f"a property is an object, as in {{{EXAMPLES['absence']}}}")
    mistakes = list(_misplaced(value))
    read: dict[str, Any] = {}
    for key, item in value.items():
        if key in PATTERNS:
            read |= collect(partial(_own, made, key), item, key, mistakes) or {}
        elif key in BESIDE:
            read[key] = collect(partial(_part, made, Absence, key), item, key, mistakes)
    if mistakes:
        raise Wrong(mistakes)
    (cls,) = (PATTERNS[key] for key in value if key in PATTERNS)
    return cls(**read)


# --- the keys


def _misplaced(value: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is wrong with the keys of a property: one of them is a pattern's, the others may be beside it."""
    patterns = [key for key in value if key in PATTERNS]
    pattern = patterns[0] if patterns else None
    strange = [key for key in value if key not in PATTERNS and key not in BESIDE]
    for key in strange:
        known = BESIDE if pattern else (*PATTERNS, *BESIDE)
        yield _within(pattern, key) or unknown(key, known, value)
    for key in patterns[1:]:
        hint = "write two properties, each led by a dash"
        message = f"{key} beside {pattern}: a property has one pattern"
        yield _within(pattern, key) or Mistake("several-patterns", message, (key,), hint)
    if pattern is None and not strange:
        hint = f"one of {', '.join(PATTERNS)}, as in {EXAMPLES['absence']}"
        yield Mistake("missing-key", "a property needs a pattern", hint=hint)


def _within(pattern: str | None, key: str) -> Mistake | None:
    """The mistake of a key that belongs within the pattern it stands beside."""
    own = list(own_keys(PATTERNS[pattern]).values()) if pattern is not None else []
    if pattern is None or len(own) == 1 or key not in own:
        return None
    return Mistake("unknown-key", f"{key} belongs within {pattern}", (key,), f"as in {EXAMPLES[pattern]}")


# --- what is the pattern's own


def _own(made: Converter, pattern: str, value: Any) -> dict[str, Any]:
    """The attributes that only this pattern has: a lone one is the value itself, several have keys."""
    cls, example = PATTERNS[pattern], f"as in {EXAMPLES[pattern]}"
    keys = {key: name for name, key in own_keys(cls).items()}
    if value is None:
        raise wrong_type("a value", value, example)
    if len(keys) == 1:
        return {name: _part(made, cls, name, value) for name in keys.values()}
    if not isinstance(value, dict):
        raise wrong_type("an object", value, example)
    mistakes = [_foreign(pattern, key, tuple(keys), value) for key in value if key not in keys]
    mistakes += [Mistake("missing-key", f"{key} is missing", hint=example) for key in keys if key not in value]
    said = {key: name for key, name in keys.items() if key in value}
    read = {name: collect(partial(_part, made, cls, name), value[key], key, mistakes) for key, name in said.items()}
    if mistakes:
        raise Wrong(mistakes)
    return read


def _foreign(pattern: str, key: str, known: tuple[str, ...], value: Mapping[str, Any]) -> Mistake:
    if key in BESIDE:
        hint = f"a scope and a name hold for the whole: write {key} under {pattern}, set in as far"
        return Mistake("unknown-key", f"{key} belongs beside {pattern}, not within it", (key,), hint)
    return unknown(key, known, value)


def _part(made: Converter, cls: type[Property], name: str, value: Any) -> Any:
    """The value of one attribute: read by its type, and refused by the model's own converter if it does not fit."""
    if value is None:
        raise wrong_type("a value", value)
    check: Any = attrs.fields_dict(cls)[name].converter
    return check(made.structure(value, _types(cls)[name]))


def _types(cls: type[Property]) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)
