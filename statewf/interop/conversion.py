"""What every conversion gives: a definition, or a text, and remarks about what is said otherwise there.

Below: the definition. Above: the modules of the formats.
"""

from __future__ import annotations

import attrs

from statewf.definition.model import StateMachine
from statewf.errors import Diagnostic


@attrs.frozen
class Remark:
    """Something that became something else on the way, or is left to whoever runs the machine."""

    where: str  # a state or a place in the document, as its own people would name it
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@attrs.frozen
class Imported:
    """A machine of somebody else's as a definition."""

    definition: StateMachine
    remarks: tuple[Remark, ...] = ()


@attrs.frozen
class Exported:
    """A definition in the words of another format: the text of a file."""

    text: str
    remarks: tuple[Remark, ...] = ()


def unsupported(what: str, where: str, hint: str, line: int | None = None) -> Diagnostic:
    """A feature, by the name that its own people call it, that cannot be converted."""
    return Diagnostic("unsupported", f"{what} cannot be converted", where, line, hint)
