"""Definitions from files: the one place below the command line that opens them.

Stands on `definition`, which reads text and is not allowed to touch a file system.
"""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

from statewf.definition.model import Definition
from statewf.definition.read import read
from statewf.errors import DefinitionError, Diagnostic

IN_PYTHON = re.compile(r"([\w.]+|.*\.py):[A-Za-z_][\w.]*").fullmatch  # MODULE:NAME, or PATH.py:NAME
LARGEST = 10 * 1024 * 1024 + 1  # one byte more than any format may have: enough to see that it is too much


def load(path: str | PathLike[str]) -> Definition:
    """The definition in a YAML or JSON file. Raises DefinitionError with every mistake in it."""
    file = Path(path)
    source = str(path)
    return read(read_bytes(file, source), source=source, name=file.stem)


def loads(text: str | bytes) -> Definition:
    """The definition in a YAML or JSON text. Raises DefinitionError with every mistake in it."""
    return read(text)


def read_bytes(file: Path, source: str) -> bytes:
    """The start of a file, as much as can matter. Raises DefinitionError when it cannot be read."""
    try:
        with file.open("rb") as stream:
            return stream.read(LARGEST)
    except OSError as error:
        hint = f"statewf convert {source} writes a machine in Python as a definition" if IN_PYTHON(source) else None
        reason = error.strerror or str(error)
        raise DefinitionError([Diagnostic("unreadable", f"cannot be read: {reason}", hint=hint)], source) from None
