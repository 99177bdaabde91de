"""JSON to plain document: the standard library's fast parser when all is well, a careful one when not.

The fast parser knows no lines, takes NaN and duplicate keys, and overflows on deep nesting; so it is used only
to say "this is fine". Otherwise `_Scanner` reads the text again: slower, without recursion, noting the line of
everything and every mistake that leaves a value to go on with.

Below: `places`, `json_lines`. Above: `document`.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

import attrs

from statewf.definition.json_lines import spots
from statewf.definition.places import FULL, LONGEST_INTEGER, MOST_TOLD, Mistake, Parsed, Path, Spot, never, shown
from statewf.values.frozen import NESTING

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SPACE = re.compile(r"[ \t\n\r]*")
_SPACES = frozenset(" \t\n\r")
_WORD = re.compile(r"[^\s\[\]{}:,\"]{1,40}")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?(?![\w.+-])")
_CONSTANTS = re.compile(r"(?:true|false|null|NaN|-?Infinity)(?!\w)")
_VALUES: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_STRINGS = json.JSONDecoder()


def parsed(text: str, endless: Callable[[Path], bool] = never) -> Parsed:
    """The document, and what is wrong with its text; `endless` says where Infinity may stand."""
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite, parse_int=_short
        )
    except (ValueError, RecursionError):
        return _scanned(text, endless)
    if _too_deep(value) or _SURROGATE.search(text):
        return _scanned(text, endless)
    return Parsed(value, partial(spots, text))


def _scanned(text: str, endless: Callable[[Path], bool] = never) -> Parsed:
    scanner = _Scanner(text, endless)
    scanner.run()
    whole = scanner.spot
    return Parsed(scanner.value, lambda: whole, tuple(scanner.mistakes), broken=scanner.broken)


class _Doubtful(ValueError):
    """Something that the standard library takes and we do not."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Doubtful
    return value


def _refuse(_: str) -> float:
    raise _Doubtful


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Doubtful
    return value


def _short(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise _Doubtful
    return int(text)


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(NESTING):
        level = [part for item in level for part in _parts(item) if isinstance(part, dict | list)]
        if not level:
            return False
    return True


def _parts(value: Any) -> Iterable[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()


# --- the careful parser


class _Stop(Exception):
    """What comes after the mistake that was just noted cannot be read."""


@attrs.define
class _List:
    line: int
    value: list[Any] = attrs.field(factory=list)
    spots: list[Spot] = attrs.field(factory=list)

    def step(self) -> int:
        return len(self.value)


@attrs.define
class _Object:
    line: int
    value: dict[str, Any] = attrs.field(factory=dict)
    spots: dict[str, Spot] = attrs.field(factory=dict)
    key: str = ""
    key_line: int = 0
    awaits_key: bool = True

    def step(self) -> str | None:
        return None if self.awaits_key else self.key


_Frame: TypeAlias = _List | _Object
_Next: TypeAlias = "Callable[[], _Next] | None"


class _Scanner:
    """Reads a text from left to right: each method reads one thing and returns the one that reads what follows."""

    def __init__(self, text: str, endless: Callable[[Path], bool]) -> None:
        self._endless = endless
        self.value: Any = None
        self.spot: Spot | None = None
        self.mistakes: list[Mistake] = []
        self.broken = False
        self._text = text
        self._at = 0
        self._newlines = [found.start() for found in re.finditer("\n", text)]
        self._frames: list[_Frame] = []

    def run(self) -> None:
        """Read all of it, or up to what cannot be read."""
        read: _Next = self._read_value
        try:
            while read is not None:
                read = read()
        except _Stop:
            self.broken = True
            self.value = self.spot = None

    # --- what may come next

    def _read_value(self) -> _Next:
        char = self._peek()
        if char == "{":
            return self._open(_Object(self._line()), "}", self._read_key)
        if char == "[":
            return self._open(_List(self._line()), "]", self._read_value)
        line = self._line()
        value = self._string() if char == '"' else self._word()
        return self._done(value, Spot(line))

    def _open(self, frame: _Frame, end: str, inner: Callable[[], _Next]) -> _Next:
        if len(self._frames) == NESTING:
            raise self._stop("too-deep", f"nested deeper than {NESTING} levels")
        self._at += 1
        self._frames.append(frame)
        return self._close if self._peek() == end else inner

    def _close(self) -> _Next:
        self._at += 1
        frame = self._frames.pop()
        return self._done(frame.value, Spot(frame.line, frame.spots))

    def _done(self, value: Any, spot: Spot) -> _Next:
        """A value is complete: it goes into what is around it."""
        if not self._frames:
            self.value, self.spot = value, spot
            return self._read_end
        frame = self._frames[-1]
        if isinstance(frame, _List):
            frame.value.append(value)
            frame.spots.append(spot)
        else:
            frame.value[frame.key] = value
            frame.spots[frame.key] = Spot(frame.key_line, spot.parts)
        return self._read_after

    def _read_key(self) -> _Next:
        if self._peek() != '"':
            hint = "the last pair has no comma after it" if self._peek() == "}" else "a key stands in double quotes"
            raise self._expected("a key", hint)
        frame = self._frames[-1]
        assert isinstance(frame, _Object)
        frame.key_line = self._line()
        frame.key = key = self._string()
        frame.awaits_key = False
        if key in frame.value:
            first = frame.spots[key].line
            message = f"the key {shown(key)} stands here a second time, first on line {first}"
            self._note("duplicate-key", message, line=frame.key_line)
        if self._peek() != ":":
            raise self._expected("a colon after the key")
        self._at += 1
        return self._read_value

    def _read_after(self) -> _Next:
        char = self._peek()
        frame = self._frames[-1]
        if char == ("]" if isinstance(frame, _List) else "}"):
            return self._close
        if char != ",":
            end = "]" if isinstance(frame, _List) else "}"
            raise self._expected(f"a comma or {end}", f"what is still open starts on line {frame.line}")
        self._at += 1
        if isinstance(frame, _List):
            return self._read_value
        frame.awaits_key = True
        return self._read_key

    def _read_end(self) -> _Next:
        if self._peek():
            raise self._expected("the end of the text")
        return None

    # --- scalars

    def _string(self) -> str:
        try:
            value, self._at = _STRINGS.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            raise self._stop("bad-syntax", error.msg.rstrip(": at").lower(), _string_hint(error.msg)) from None
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            self._note("not-unicode", "text with a lone surrogate, which no UTF-8 can hold")
            value = value.encode(errors="replace").decode()
        assert isinstance(value, str)
        return value

    def _word(self) -> Any:
        if found := _NUMBER.match(self._text, self._at):
            self._at = found.end()
            return self._number(found)
        found = _CONSTANTS.match(self._text, self._at)
        if found is None:
            raise self._expected("a value", self._value_hint())
        self._at = found.end()
        word = found.group()
        if word not in _VALUES:
            return self._not_finite(word)
        return _VALUES[word]

    def _number(self, found: re.Match[str]) -> int | float:
        text = found.group()
        if found.lastindex:
            value = float(text)
            return value if math.isfinite(value) else self._not_finite(text)
        if len(text) > LONGEST_INTEGER:
            self._note("huge-number", f"an integer of more than {LONGEST_INTEGER:,} digits")
            return 0
        return int(text)

    def _not_finite(self, text: str) -> float:
        if text == "Infinity" and self._endless(self._path()):
            return math.inf
        self._note("not-finite", f"{text[:40]} is not a JSON number", "write it in quotes if text is meant")
        return 0

    # --- places and mistakes

    def _peek(self) -> str:
        """The next character that is no space; empty at the end."""
        char = self._text[self._at : self._at + 1]
        if char not in _SPACES:
            return char
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._text[self._at : self._at + 1]

    def _line(self) -> int:
        return bisect_left(self._newlines, self._at) + 1

    def _path(self) -> Path:
        return tuple(step for frame in self._frames if (step := frame.step()) is not None)

    def _note(self, code: str, message: str, hint: str | None = None, line: int | None = None) -> None:
        if len(self.mistakes) >= MOST_TOLD:
            self.mistakes.append(FULL)
            raise _Stop
        self.mistakes.append(Mistake(code, message, self._path(), hint, line or self._line()))

    def _stop(self, code: str, message: str, hint: str | None = None) -> _Stop:
        self._note(code, message, hint)
        return _Stop()

    def _expected(self, what: str, hint: str | None = None) -> _Stop:
        if not self._peek():
            if not self._frames and self.spot is None:
                return self._stop("empty", "the text is empty", "it needs initialState and states")
            return self._stop("bad-syntax", f"expected {what}, but the text ends here", hint)
        word = _WORD.match(self._text, self._at)
        found = word.group() if word else self._text[self._at]
        return self._stop("bad-syntax", f"expected {what}, found {found}", hint)

    def _value_hint(self) -> str | None:
        char = self._peek()
        if char in ("]", "}"):
            return "the last one has no comma after it"
        if char in ("/", "#"):
            return "JSON has no comments; YAML has"
        return "text stands in double quotes" if char.isalpha() or char == "'" else None


def _string_hint(message: str) -> str | None:
    if "control character" in message:
        return "a line break or tab within text is written \\n or \\t"
    if "escape" in message:
        return "a backslash is written twice"
    return "the closing quote is missing" if "Unterminated" in message else None
