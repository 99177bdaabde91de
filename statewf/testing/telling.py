"""Mistakes as lines of plain text, as compilers write them. Below: `errors`. Above: the pytest plugin; `cli.tell`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from statewf.errors import Diagnostic, InputError

Severity: TypeAlias = Literal["error", "warning"]

LONGEST_PATH = 60  # characters of a place in a document; in the middle of a longer one is nothing to see
LONGEST = 2_000  # characters of a message; what is longer is somebody's data


def lines(error: InputError) -> Iterator[str]:
    """Every mistake as a line, and its hint below it."""
    for diagnostic in error.diagnostics:
        yield mistake(error.source, diagnostic, "error")
        if diagnostic.hint:
            yield f"    {one_line(diagnostic.hint)}"


def mistake(source: str | None, found: Diagnostic, severity: Severity) -> str:
    """One mistake: `order.yaml:7: error: there is no state x [unknown-target] at $...`."""
    place = ":".join(str(part) for part in (source, found.line) if part is not None)
    where = "" if found.path in ("$", "") else f" at {_short(found.path)}"
    line = f"{severity}: {one_line(found.message)} [{found.code}]{where}"
    return f"{place}: {line}" if place else line


def one_line(text: str) -> str:
    """A text of others as it may stand in a line of ours: no line ends, nothing that moves the cursor."""
    folded = " ".join(line.strip() for line in text.splitlines())
    cut = folded if len(folded) <= LONGEST else folded[: LONGEST - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def _short(path: str) -> str:
    half = LONGEST_PATH // 2
    return path if len(path) <= LONGEST_PATH else f"{path[:half]}…{path[-half:]}"
