"""YAML to plain document: libyaml's events, put together here, with the line of everything.

PyYAML's own loaders keep no lines, stop at the first mistake and read YAML 1.1. Its events are only syntax,
and fast; what they mean is said here and in `yaml_scalars`: aliases, and merge keys (`<<`), which people use
though YAML 1.2 dropped them. Nothing recurses, whatever the depth, and depth is bounded as events come.

Below: `yaml_scalars`, `places`, PyYAML. Above: `document`. The result shares what aliases share, and must not
be changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import attrs
import yaml

from statewf.definition.places import FULL, MOST_TOLD, Mistake, Parsed, Path, Spot, never, shown
from statewf.definition.yaml_scalars import INFINITE, Unfit, check_container_tag, scalar
from statewf.definition.yaml_syntax import forbidden, syntax_mistake
from statewf.values.frozen import NESTING, kind_of

EXPANDED = 100_000  # values that aliases may repeat: more is a bomb

_LOADER: Any = getattr(yaml, "CLoader", yaml.Loader)
_EMPTY = Mistake("empty", "there is no definition in the text", hint="it needs initialState and states")


def parsed(text: str, endless: Callable[[Path], bool] = never) -> Parsed:
    """The document, and what is wrong with its text."""
    if mistakes := tuple(forbidden(text)):
        return Parsed(mistakes=mistakes, broken=True)
    composer = _Composer(endless)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except _Stop:
        pass
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        composer.mistakes.append(syntax_mistake(error, text))
        composer.root = None
    root = composer.root
    if root is None:
        return Parsed(mistakes=tuple(composer.mistakes) or (_EMPTY,), broken=True)
    return Parsed(root.value, lambda: root.spot, tuple(composer.mistakes))


class _Stop(Exception):
    """What comes after the mistake that was just noted cannot be read."""


@attrs.frozen
class _Node:
    """A value that is complete, and what it costs: how many values it is made of, how deep they nest."""

    value: Any
    spot: Spot
    size: int = 1
    height: int = 0


class _Mark:
    """A key that is no name: what it leads to is merged, or dropped."""


_MERGE: Final = _Mark()
_DROPPED: Final = _Mark()


@attrs.define
class _List:
    """A list that is still being read."""

    line: int
    anchor: str | None
    value: list[Any] = attrs.field(factory=list)
    spots: list[Spot] = attrs.field(factory=list)
    size: int = 1
    height: int = 1

    def step(self) -> int:
        """The path from here to the value that comes next."""
        return len(self.value)


@attrs.define
class _Mapping:
    """A mapping that is still being read; `key` waits for its value, or is None when a key comes next."""

    line: int
    anchor: str | None
    value: dict[str, Any] = attrs.field(factory=dict)
    spots: dict[str, Spot] = attrs.field(factory=dict)
    size: int = 1
    height: int = 1
    key: str | _Mark | None = None
    key_line: int = 0
    merged: list[tuple[str, Any, Spot]] = attrs.field(factory=list)

    def step(self) -> str | None:
        """The path from here to the value that comes next."""
        return self.key if isinstance(self.key, str) else None

    def merge(self) -> None:
        """Own keys win, then those of earlier mappings; what is merged comes after what is one's own."""
        for key, value, spot in self.merged:
            if key not in self.value:
                self.value[key] = value
                self.spots[key] = spot


_Frame: TypeAlias = _List | _Mapping


class _Composer:
    """Puts events together. A mistake is noted, and reading goes on where that makes sense."""

    def __init__(self, endless: Callable[[Path], bool]) -> None:
        self._endless = endless
        self.root: _Node | None = None
        self.mistakes: list[Mistake] = []
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Node | None] = {}  # None: still open, so that an alias to it never ends
        self._expanded = 0

    def take(self, event: yaml.Event) -> None:
        """The next event of the text."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.MappingStartEvent():
                self._open(_Mapping(line, event.anchor), event)
            case yaml.SequenceStartEvent():
                self._open(_List(line, event.anchor), event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.AliasEvent():
                self._done(self._aliased(str(event.anchor), line), line)
            case yaml.DocumentStartEvent() if self.root is not None:
                self._note("several-documents", "a second document starts here", line, hint="use two files")
                raise _Stop
            case _:
                pass

    def _note(self, code: str, message: str, line: int, hint: str | None = None, path: Path | None = None) -> None:
        if len(self.mistakes) >= MOST_TOLD:
            self.mistakes.append(FULL)
            raise self._given_up()
        self.mistakes.append(Mistake(code, message, self._path() if path is None else path, hint, line))

    def _given_up(self) -> _Stop:
        self.root = None
        return _Stop()

    def _path(self) -> Path:
        """Where the value that comes next belongs."""
        steps = (frame.step() for frame in self._frames)
        return tuple(step for step in steps if step is not None)

    # --- lists and mappings

    def _open(self, frame: _Frame, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if len(self._frames) == NESTING:
            self._note("too-deep", f"nested deeper than {NESTING} levels", frame.line)
            raise self._given_up()
        try:
            check_container_tag(event.tag, type(frame.value))
        except Unfit as unfit:
            self._note(unfit.code, unfit.message, frame.line, unfit.hint)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = None
        self._frames.append(frame)

    def _close(self) -> None:
        frame = self._frames.pop()
        if isinstance(frame, _Mapping):
            frame.merge()
        node = _Node(frame.value, Spot(frame.line, frame.spots), frame.size, frame.height)
        self._done(node, frame.line, frame.anchor)

    def _done(self, node: _Node, line: int, anchor: str | None = None) -> None:
        """A value is complete: it goes into what is around it."""
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._frames:
            self.root = node
            return
        frame = self._frames[-1]
        frame.size += node.size
        frame.height = max(frame.height, node.height + 1)
        if isinstance(frame, _List):
            frame.value.append(node.value)
            frame.spots.append(node.spot)
        elif frame.key is None:
            self._key_of_node(frame, node, line)
        else:
            self._pair(frame, node)

    def _pair(self, frame: _Mapping, node: _Node) -> None:
        key, frame.key = frame.key, None
        if isinstance(key, str):
            frame.value[key] = node.value
            frame.spots[key] = Spot(frame.key_line, node.spot.parts)
        elif key is _MERGE:
            frame.merged.extend(self._mergeable(node, frame.key_line))

    def _mergeable(self, node: _Node, line: int) -> Iterator[tuple[str, Any, Spot]]:
        listed = isinstance(node.value, list)
        for i, value in enumerate(node.value if listed else [node.value]):
            if not isinstance(value, dict):
                self._note("bad-merge", f"<< merges mappings, not {kind_of(value)}", line)
                continue
            spot: Any = node.spot.parts[i] if listed else node.spot  # type: ignore[index]  # parts as the value
            yield from ((key, item, spot.parts[key]) for key, item in value.items())

    # --- keys

    def _scalar_key(self, frame: _Mapping, event: yaml.ScalarEvent, line: int) -> None:
        text = event.value
        if text == "<<" and event.implicit[0]:
            frame.key, frame.key_line = _MERGE, line
            return
        value = self._resolved(event, line)
        if not isinstance(value, str):
            message = f"the key {text[:40] or '(empty)'} is {kind_of(value)}, not text"
            self._note("bad-key", message, line, f'write it in quotes: "{text[:40]}"', (*self._path(), text))
        if event.anchor is not None:
            self._anchors[event.anchor] = _Node(value, Spot(line))
        frame.size += 1
        self._key(frame, text, line)

    def _key_of_node(self, frame: _Mapping, node: _Node, line: int) -> None:
        """An alias or a container as a key: only text will do."""
        if isinstance(node.value, str):
            self._key(frame, node.value, line)
        else:
            self._note("bad-key", f"a key must be text, not {kind_of(node.value)}", line)
            frame.key, frame.key_line = _DROPPED, line

    def _key(self, frame: _Mapping, key: str, line: int) -> None:
        frame.key, frame.key_line = key, line
        if key in frame.value:
            message = f"the key {shown(key)} stands here a second time, first on line {frame.spots[key].line}"
            self._note("duplicate-key", message, line)

    # --- scalars and aliases

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        frame = self._frames[-1] if self._frames else None
        if isinstance(frame, _Mapping) and frame.key is None:
            self._scalar_key(frame, event, line)
        else:
            self._done(_Node(self._resolved(event, line), Spot(line)), line, event.anchor)

    def _resolved(self, event: yaml.ScalarEvent, line: int) -> Any:
        try:
            return scalar(event)
        except Unfit as unfit:
            if event.value in INFINITE and unfit.code == "not-finite" and self._endless(self._path()):
                return math.inf
            self._note(unfit.code, unfit.message, line, unfit.hint)
            return unfit.instead

    def _aliased(self, name: str, line: int) -> _Node:
        node = self._anchors.get(name)
        if node is None and name in self._anchors:
            self._note("cyclic-alias", f"the alias *{name[:40]} stands within what it names", line)
        elif node is None:
            hint = "text that starts with * must be in quotes"
            self._note("unknown-alias", f"nothing above is named &{name[:40]}", line, hint)
        elif len(self._frames) + node.height > NESTING:
            self._note("too-deep", f"nested deeper than {NESTING} levels with what *{name[:40]} names", line)
        else:
            self._expanded += node.size
            if self._expanded <= EXPANDED:
                return node
            self._note("too-many-aliases", f"aliases repeat more than {EXPANDED:,} values", line)
            raise self._given_up()
        return _Node(None, Spot(line))
