"""What must hold of every run: the patterns of Dwyer, and conditions over snapshots, as frozen attrs values.

In a file a property is a mapping with the key of its pattern, and beside it what all patterns have: a `name`,
and a scope, `after` and `until`, within which alone it is asked for. An *atom* is text: a state that was entered
(`paid`), a step's local state (`payment:failed`; `payment` alone: it succeeded), an end of the workflow
(`workflow:completed`), or an event (`event:CANCEL`). Whether it names anything is the checker's question.

In Python an atom may also be a function of a step, and a condition one of a snapshot: those are given to `check`, for
a definition holds only what a file can say.

Below: `words`, `parts`. Above: `model` and `workflow`, which have properties, and `patterns`, which reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeAlias

import attrs
from attrs.converters import optional

from statewf.definition.parts import several
from statewf.definition.places import shown
from statewf.definition.words import Text, expression, one_or_many, plain_text, wrong, wrong_type
from statewf.expr import Expression

BESIDE = ("name", "after", "until")  # what every pattern has
ATOMS = "name a state (paid), a step's (payment:failed), or an event (event:CANCEL)"

Predicate: TypeAlias = Callable[
    [Any], bool
]  # a function of a step, or of a snapshot: see `checker.words.functions`


def atom(value: str | Predicate) -> str | Predicate:
    """What may happen in a run: non-empty text without control characters, or a function that says whether it does."""
    if callable(value):
        return value
    if not isinstance(value, str):
        raise wrong_type("an atom", value, _meant(value) or ATOMS)
    if not value.strip() or value == "event:":
        raise wrong("bad-atom", f"{shown(value)} names nothing", ATOMS)
    if not value.isprintable():
        raise wrong("bad-atom", f"{value[:40]!a} contains a control character", ATOMS)
    return value


def _meant(value: object) -> str | None:
    """YAML makes an object of `event: CANCEL`."""
    pairs = list(value.items()) if isinstance(value, Mapping) else []
    match pairs:
        case [(str(key), str(item))]:
            return f"write {key}:{item}, without a space"
        case _:
            return None


def condition(value: str | bool | float | Expression | Predicate | None) -> Expression | Predicate:
    """A condition from its text, or a function that says whether it holds."""
    return value if callable(value) else expression(value)


def some_atoms(value: str | Predicate | Iterable[str | Predicate]) -> tuple[str | Predicate, ...]:
    """Atoms, of which one may stand by itself."""
    several_of_them = (value,) if callable(value) else one_or_many(value, "an atom")
    listed = tuple(map(atom, several_of_them))
    if not listed:
        raise wrong("no-atoms", "an empty list: it names nothing", ATOMS)
    return listed


def one_or_two_atoms(value: str | Predicate | Iterable[str | Predicate]) -> tuple[str | Predicate, ...]:
    """An atom, or two."""
    listed = some_atoms(value)
    if len(listed) > 2:
        hint = "write a property for each two of them, or for each of them"
        raise wrong("too-many-atoms", f"{len(listed)} atoms, but absence is of one, or of two in one run", hint)
    return listed


Atom: TypeAlias = Annotated[str | Predicate, atom]
Condition: TypeAlias = Annotated[Expression | Predicate, condition]


@attrs.frozen
class Absence:
    """It never happens; of two atoms: never both in one run."""

    atoms: tuple[Atom, ...] = attrs.field(converter=one_or_two_atoms)
    name: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    after: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)
    until: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)


@attrs.frozen
class Existence:
    """It happens in every run that ends; of several atoms: one of them does."""

    atoms: tuple[Atom, ...] = attrs.field(converter=some_atoms)
    name: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    after: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)
    until: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)


@attrs.frozen
class Precedence:
    """There is no `then` before a `first`."""

    first: Atom = attrs.field(converter=atom)
    then: Atom = attrs.field(converter=atom)
    name: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    after: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)
    until: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)


@attrs.frozen
class Response:
    """After each `trigger`, one of `eventually` happens. Files call the trigger `after`, within `response`."""

    trigger: Atom = attrs.field(converter=atom, metadata={"key": "after"})
    eventually: tuple[Atom, ...] = attrs.field(converter=some_atoms)
    name: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    after: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)
    until: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)


@attrs.frozen
class Always:
    """The condition holds in every snapshot."""

    condition: Condition = attrs.field(converter=condition)
    name: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    after: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)
    until: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)


@attrs.frozen
class Sometimes:
    """The condition holds in some snapshot of some run."""

    condition: Condition = attrs.field(converter=condition)
    name: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    after: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)
    until: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)


@attrs.frozen
class Eventually:
    """The condition holds in some snapshot of every run."""

    condition: Condition = attrs.field(converter=condition)
    name: Text | None = attrs.field(default=None, converter=optional(plain_text), kw_only=True)
    after: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)
    until: Atom | None = attrs.field(default=None, converter=optional(atom), kw_only=True)


Property: TypeAlias = Absence | Existence | Precedence | Response | Always | Sometimes | Eventually

# the key that says the pattern, and the pattern
PATTERNS: dict[str, type[Property]] = {
    "absence": Absence,
    "existence": Existence,
    "precedence": Precedence,
    "response": Response,
    "always": Always,
    "sometimes": Sometimes,
    "eventually": Eventually,
}


def properties(value: Property | Iterable[Property]) -> tuple[Property, ...]:
    """The properties of a definition, of which one may stand by itself; no file could hold a function."""
    listed = several("properties", value, *PATTERNS.values())
    for place, asked in enumerate(listed):
        if any(map(callable, parts_of(asked))):
            hint = "give it to the checker: wf.check(definition, also=[...])"
            raise wrong(
                "function-in-definition", f"properties[{place}] has a function, which no file can hold", hint
            )
    return listed


def parts_of(asked: Property) -> tuple[object, ...]:
    """The texts, conditions and functions that a property is made of; not what it is called."""
    values = (getattr(asked, field.name) for field in attrs.fields(type(asked)) if field.name != "name")
    return tuple(part for value in values for part in (value if isinstance(value, tuple) else (value,)))


def pattern_of(cls: type[Property]) -> str:
    """The key of a pattern in files."""
    return cls.__name__.lower()


def own_keys(cls: type[Property]) -> dict[str, str]:
    """The attributes that only this pattern has, each with its key in files; a lone one needs no key there."""
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cls)
    return {field.name: field.metadata.get("key", field.name) for field in fields if field.name not in BESIDE}
