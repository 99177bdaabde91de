"""Paths and queries of our own: names may have any letters.

Below: nothing of the house. Above: the API, the console.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode


def path(*parts: str) -> str:
    """A path of our own: names may have any letters."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def quoted(text: str) -> str:
    """A part of a path, in which slashes stay: a task's id has three parts."""
    return quote(text, safe="/")


def query(**given: str | int | Sequence[str] | None) -> str:
    """A query of what is given, with its question mark."""
    told = {name: value for name, value in given.items() if value not in (None, "", [])}
    return f"?{urlencode(told, doseq=True)}" if told else ""
