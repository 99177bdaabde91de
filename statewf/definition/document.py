"""Text to plain document: encoding, size, and which of the two formats it is.

Below: `yaml_text` and `json_text`, each imported when first needed. Above: `read`, and whoever else reads
YAML or JSON with the same limits and the same care (scenarios do). A document is plain dicts, lists and
scalars; what was wrong with its text, but did not keep it from being read, stands beside it as mistakes.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import attrs

from statewf.definition.places import FULL, Mistake, Parsed, Path, Places, never, path_text
from statewf.errors import DefinitionError, Diagnostic

Format: TypeAlias = Literal["yaml", "json"]
Endless: TypeAlias = Callable[[Path], bool]

LIMITS: dict[Format, int] = {"yaml": 1024 * 1024, "json": 10 * 1024 * 1024}  # bytes
# mistakes after which something else stands for what was written
_SPOILING = frozenset(
    {
        *("bad-tag", "cyclic-alias", "huge-number", "not-finite", "not-unicode"),
        *("too-deep", "unknown-alias"),
    }
)

_FOREIGN_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


@attrs.frozen
class Document:
    """A text that was read as far as its own format goes."""

    value: Any
    places: Places
    mistakes: tuple[Mistake, ...] = ()

    def spoiled(self) -> frozenset[str]:
        """The places where what stands is not what was written; nothing more need be said about them."""
        return frozenset(path_text(mistake.path) for mistake in self.mistakes if mistake.code in _SPOILING)


def document(
    text: str | bytes, source: str | None = None, format: Format | None = None, endless: Endless = never
) -> Document:
    """The document that the text says. Raises DefinitionError when it says none.

    `endless` says where infinity may stand (`.inf`, of JSON `Infinity`), which is a mistake elsewhere.
    """
    try:
        decoded = _decoded(text)
        parsed = _parsed(decoded, format or _format_of(source), endless)
    except DefinitionError as error:
        raise DefinitionError(error.diagnostics, source) from None
    places = Places(source, parsed.find)
    if parsed.broken:
        raise refusal(parsed.mistakes, places)
    return Document(parsed.value, places, parsed.mistakes)


def refusal(mistakes: tuple[Mistake, ...] | list[Mistake], places: Places) -> DefinitionError:
    """The error that tells these mistakes, in the order of their lines, each once."""
    found = dict.fromkeys(mistake.diagnostic(places) for mistake in mistakes if mistake is not FULL)
    told = sorted(found, key=lambda diagnostic: diagnostic.line or 0)
    if FULL in mistakes:
        told.append(Diagnostic(FULL.code, FULL.message))
    return DefinitionError(told, places.source)


def _parsed(text: str, format: Format | None, endless: Endless) -> Parsed:
    match format:
        case "json":
            return _json(text, endless)
        case "yaml":
            return _yaml(text, endless)
        case None:
            return _guessed(text, endless)


def _guessed(text: str, endless: Endless) -> Parsed:
    """Text that starts like JSON is JSON, unless only YAML's braces can hold it."""
    if text.lstrip()[:1] not in ("{", "["):
        return _yaml(text, endless)
    parsed = _json(text, endless)
    if not any(mistake.code == "bad-syntax" for mistake in parsed.mistakes):
        return parsed
    return _yaml(text, endless)


def _json(text: str, endless: Endless) -> Parsed:
    from statewf.definition.json_text import parsed

    _limit(text, "json")
    return parsed(text, endless)


def _yaml(text: str, endless: Endless) -> Parsed:
    from statewf.definition.yaml_text import parsed

    _limit(text, "yaml")
    return parsed(text, endless)


def _format_of(source: str | None) -> Format | None:
    match (source or "").lower().rpartition("."):
        case _, ".", "json":
            return "json"
        case _, ".", "yaml" | "yml":
            return "yaml"
        case _:
            return None


def _limit(text: str, format: Format) -> None:
    size = len(text) if text.isascii() else len(text.encode())
    limit = LIMITS[format]
    if size > limit:
        message = f"the text has {size:,} bytes; {format.upper()} may have {limit:,} ({limit >> 20} MB)"
        hint = f"JSON may have {LIMITS['json'] >> 20} MB" if format == "yaml" else None
        raise DefinitionError([Diagnostic("too-large", message, hint=hint)])


def _decoded(text: str | bytes) -> str:
    """The text without its byte order mark; UTF-8 and nothing else."""
    if isinstance(text, str):
        _check_unicode(text)
        return text.removeprefix("\ufeff")
    for mark, encoding in _FOREIGN_MARKS:
        if text.startswith(mark):
            raise _bad_encoding(f"the text is {encoding}", 1)
    limit = max(LIMITS.values())
    if len(text) > limit:  # before decoding what may be anything
        message = f"the text has {len(text):,} bytes or more; JSON may have {limit:,} ({limit >> 20} MB), YAML less"
        raise DefinitionError([Diagnostic("too-large", message)])
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise _bad_encoding(f"the byte 0x{text[error.start]:02x} is not UTF-8 here", line) from None


def _check_unicode(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise _bad_encoding("a lone surrogate, which no UTF-8 can hold", line) from None


def _bad_encoding(message: str, line: int) -> DefinitionError:
    return DefinitionError([Diagnostic("bad-encoding", message, line=line, hint="save the text as UTF-8")])
