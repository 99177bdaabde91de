"""Where things stand in a text: paths, their lines, and mistakes that are still to get their line.

Below: `errors`, `values`. Above: the readers of YAML and JSON make `Spot`s, `read` makes mistakes, and a
definition carries its `Places`, so that whoever finds something wrong with it later can tell the line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import attrs

from statewf.errors import Diagnostic, InputError
from statewf.values.frozen import kind_of

Path: TypeAlias = tuple[str | int, ...]

LONGEST_STEP = 200  # characters of a name in a path, as it is shown
LONGEST_INTEGER = 3_600  # digits: what `values` can hold, with some to spare


class Spot(NamedTuple):
    """The line of a value, and the spots of its parts; a part of an object stands where its key stands.

    A plain tuple, for a text of 10 MB has a million of them.
    """

    line: int
    parts: Mapping[str, Spot] | Sequence[Spot] | None = None


def nowhere() -> Spot | None:
    """The spots of what was not read from a text."""
    return None


def never(_: Path) -> bool:
    """No place: nowhere may a number be infinite, for JSON has none such."""
    return False


@attrs.frozen
class Places:
    """Where each part of a definition stands in the text it was read from; empty for Python objects.

    `find` gives the spot of the whole. It may be dear (JSON is read a second time, for lines alone), so it is
    asked only when somebody wants a line, and only once.
    """

    source: str | None = None
    find: Callable[[], Spot | None] = attrs.field(default=nowhere, repr=False, eq=False)

    @cached_property
    def _whole(self) -> Spot | None:
        return self.find()

    def line(self, path: Path) -> int | None:
        """The line of the innermost part on `path` whose line is known."""
        spot = self._whole
        if spot is None:
            return None
        for part in path:
            inner = _part(spot.parts, part)
            if inner is None:
                break
            spot = inner
        return spot.line


def _part(parts: Mapping[str, Spot] | Sequence[Spot] | None, part: str | int) -> Spot | None:
    if isinstance(parts, Mapping):
        return parts.get(part) if isinstance(part, str) else None
    return parts[part] if parts and isinstance(part, int) and part < len(parts) else None


@attrs.frozen
class Mistake:
    """A mistake that knows its path; `line` overrides the line of that path, `tail` is text to add to it."""

    code: str
    message: str
    path: Path = ()
    hint: str | None = None
    line: int | None = None
    tail: str = ""

    def under(self, path: Path) -> Mistake:
        """The same mistake, seen from further out."""
        return attrs.evolve(self, path=path + self.path)

    def diagnostic(self, places: Places) -> Diagnostic:
        """The mistake as people are told it."""
        line = places.line(self.path) if self.line is None else self.line
        return Diagnostic(self.code, self.message, path_text(self.path) + self.tail, line, self.hint)


MOST_TOLD = 1_000  # mistakes of one text: whoever has more mends these first
FULL = Mistake("too-many-mistakes", f"more than {MOST_TOLD:,} mistakes; the others are not told")


@attrs.frozen
class Parsed:
    """What a parser made of a text. `broken` says that it came to no end, and so has no value."""

    value: Any = None
    find: Callable[[], Spot | None] = nowhere
    mistakes: tuple[Mistake, ...] = ()
    broken: bool = False


def mistakes_of(error: InputError) -> list[Mistake]:
    """The mistakes of an error that was raised below, where `$` is the value at hand."""
    return [Mistake(d.code, d.message, hint=d.hint, tail=d.path.removeprefix("$")) for d in error.diagnostics]


def path_text(path: Path) -> str:
    """`$.states.paid.on[0]`; a name that is no plain word stands in quotes, and a very long one is cut short."""
    return "$" + "".join(_step_text(step) for step in path)


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    short = step if len(step) <= LONGEST_STEP else step[:LONGEST_STEP] + "..."
    return f".{short}" if short.replace("-", "_").isidentifier() else f"[{short!r}]"


def shown(value: Any, width: int = 40) -> str:
    """A value as it stands in a message: a scalar as JSON has it, cut short; of the rest only its kind."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value[:width]}..."' if len(value) > width else f'"{value}"'
        case int() if value.bit_length() > 200:
            return "a very large number"
        case int() | float():
            return str(value)
        case _:
            return kind_of(value)
