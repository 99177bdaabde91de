"""What is wrong with a machine of XState's, and what is to be said about it, collected on the way through it.

Below: `conversion`, the places of a document. Above: all of this package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from statewf.definition.model import path_text
from statewf.definition.places import FULL, MOST_TOLD, Places
from statewf.errors import ConversionError, Diagnostic, InputError
from statewf.interop.conversion import Remark, unsupported

T = TypeVar("T")
Path = tuple[str | int, ...]


@attrs.define
class Told:
    """Mistakes and remarks, each with its place in the document."""

    places: Places = attrs.field(factory=Places)
    mistakes: list[Diagnostic] = attrs.field(factory=list)
    _remarks: dict[Remark, None] = attrs.field(factory=dict)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What was remarked, each once."""
        return tuple(self._remarks)

    @property
    def full(self) -> bool:
        """Whether no more mistakes are noted: whoever has so many mends these first."""
        return len(self.mistakes) > MOST_TOLD

    def wrong(self, code: str, message: str, path: Path, hint: str | None = None) -> None:
        """Something that XState would not take, either."""
        self._note(Diagnostic(code, message, path_text(path), self.places.line(path), hint))

    def refuse(self, what: str, path: Path, hint: str) -> None:
        """Something that cannot be held, by the name that its own people call it."""
        self._note(unsupported(what, path_text(path), hint, self.places.line(path)))

    def remark(self, path: Path, message: str) -> None:
        """Something that becomes something else."""
        self._remarks[Remark(path_text(path), message)] = None

    def tried(self, path: Path, make: Callable[..., T], *arguments: Any, **named: Any) -> T | None:
        """What is made, or None and what was wrong with it."""
        try:
            return make(*arguments, **named)
        except InputError as error:
            line = self.places.line(path)
            for mistake in error.diagnostics:
                where = path_text(path) + mistake.path.removeprefix("$")
                self._note(attrs.evolve(mistake, path=where, line=line))
            return None

    def settle(self) -> None:
        """Raise ConversionError with all mistakes, if there are any."""
        if not self.mistakes:
            return
        listed = sorted(dict.fromkeys(self.mistakes), key=lambda mistake: mistake.line or 0)
        if len(listed) > MOST_TOLD:
            listed = [*listed[:MOST_TOLD], Diagnostic(FULL.code, FULL.message)]
        raise ConversionError(listed, self.places.source)

    def _note(self, mistake: Diagnostic) -> None:
        if not self.full:
            self.mistakes.append(mistake)
