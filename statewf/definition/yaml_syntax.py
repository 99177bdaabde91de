"""What is not YAML at all, and what people are told about it.

Below: `places`, PyYAML's errors. Above: `yaml_text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from statewf.definition.places import Mistake
from statewf.values.frozen import NESTING

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_FORBIDDEN_TOLD = 100  # a text with more is none

_INDENTATION = "is the line indented as those above, and is there nothing after a closing quote?"
_BRACKETS = "is a bracket or brace never closed? Within them, text with brackets, commas or colons needs quotes"

# by what the parser says, libyaml's words and PyYAML's own; the first that fits
_HINTS = (
    ("mapping values are not allowed", "text with a colon and a space in it must be in quotes"),
    ("cannot start any token", "text that starts with @, `, % or a tab must be in quotes"),
    ("<block end>", _INDENTATION),
    ("expected key", _INDENTATION),
    ("'-' indicator", _INDENTATION),
    ("could not find expected ':'", "a key is followed by a colon and a space"),
    ("end of stream", "a quote is never closed"),
    ("undefined tag handle", "text that starts with ! must be in quotes"),
    ("alphabetic or numeric", "text that starts with & or * must be in quotes"),
    ("expected ',' or", _BRACKETS),
    ("node content", _BRACKETS),
    ("<document start>", "is there a bracket or brace too many?"),
    ("block sequence entries", "a list starts on a line of its own"),
    ("escape character", "within double quotes, write a backslash twice"),
)


def forbidden(text: str) -> Iterator[Mistake]:
    """The characters that YAML does not allow, the first of each line."""
    last = 0
    for count, found in enumerate(_FORBIDDEN.finditer(text)):
        if count == _FORBIDDEN_TOLD:
            return
        line = text.count("\n", 0, found.start()) + 1
        if line != last:
            message = f"the character U+{ord(found.group()):04X} is not allowed in YAML"
            hint = "YAML is text; within double quotes such a character can be written as an escape"
            yield Mistake("bad-character", message, line=line, hint=hint)
        last = line


def syntax_mistake(error: Exception, text: str) -> Mistake:
    """The mistake that the parser stopped at."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Mistake("bad-syntax", f"this is not YAML: {error}".split("\n")[0][:200])
    mark = error.problem_mark or error.context_mark
    last = text.rstrip("\n").count("\n") + 1  # at the end, the parser counts on
    line = min(mark.line + 1, last) if mark else None
    problem = error.problem or "this is not YAML"
    if "nesting depth" in problem:  # libyaml has a limit of its own since 0.2.6, and looks that far ahead
        return Mistake("too-deep", f"nested deeper than {NESTING} levels", line=line)
    message = problem if error.context is None else f"{problem} {error.context}"
    begun = error.context_mark
    if begun is not None and line is not None and begun.line + 1 < line:
        message += f" that starts on line {begun.line + 1}"
    return Mistake("bad-syntax", message, line=line, hint=_hint(problem, text, line))


def _hint(problem: str, text: str, line: int | None) -> str | None:
    lines = text.split("\n")
    around = lines[max(0, line - 2) : line] if line else []
    if any("\t" in row[: len(row) - len(row.lstrip())] for row in around):
        return "indent with spaces, not with tabs"
    return next((hint for part, hint in _HINTS if part in problem), None)
