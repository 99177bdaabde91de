"""What somebody may have meant by a name that leads nowhere, as a hint.

Below: `definition.words`. Above: `check` and `advice`, which ask once for each such name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import attrs

from statewf.definition.words import nearest

MOST_GUESSED = 20  # of one definition: whoever mistyped more mends these first


def closest(name: str, known: Iterable[str]) -> str | None:
    """A hint with the known name that looks most like this one, if any does."""
    meant = nearest(name, known)
    return f"did you mean {meant}?" if meant else None


def known_otherwise(name: str, known: Collection[str]) -> str | None:
    """A hint for a name that conditions elsewhere know, or know under another name."""
    if name in ("data", "name") and "event" in known:
        return f"the event's {name} is event.{name}"
    if name == "attempt" and "results" in known:
        return "a workflow's conditions know no attempt; handlers see it as call.attempt"
    return None


@attrs.define
class Guess:
    """`closest`, for the first mistakes of a definition only: each is compared with all names there are."""

    left: int = MOST_GUESSED

    def __call__(self, name: str, known: Iterable[str]) -> str | None:
        if not self.left:
            return None
        self.left -= 1
        return closest(name, known)
